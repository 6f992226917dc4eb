//! The page's parts, from top to bottom.

mod compare;
mod deploy;
mod dialogs;
mod explain;
mod frame;
mod map;
mod paper;
mod see;
mod story;
mod sweep;
mod tell;
mod trace;
mod views;

pub(super) use compare::{Experiments, Requests};
pub(super) use deploy::Deploy;
pub(super) use dialogs::Dialogs;
pub(super) use explain::Explain;
pub(super) use frame::{Footer, Notices};
pub(super) use map::{Glossary, Pieces};
pub(super) use paper::Paper;
pub(super) use see::See;
pub(super) use story::Story;
pub(super) use sweep::Sensitivity;
pub(super) use tell::Tell;
pub(super) use trace::TraceSheet;
