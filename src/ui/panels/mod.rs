//! The page's parts, from top to bottom.

mod frame;
mod place;
mod see;
mod trace;

pub(super) use frame::{Footer, Header, Notices};
pub(super) use place::Place;
pub(super) use see::See;
pub(super) use trace::Trace;
