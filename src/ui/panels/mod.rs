//! The page's parts, from top to bottom.

mod compare;
mod deploy;
mod dialogs;
mod explore;
mod frame;
mod paper;
mod soundness;
mod sweep;
mod tell;
mod trace;
mod views;

pub(super) use compare::Experiments;
pub(super) use deploy::Deploy;
pub(super) use dialogs::Dialogs;
pub(super) use explore::Explore;
pub(super) use frame::{Credit, Footer, Notices};
pub(super) use paper::Paper;
pub(super) use sweep::Sensitivity;
pub(super) use trace::TraceSheet;
pub(super) use views::{Found, caches, drawn};
