//! The page's parts, from top to bottom.

mod frame;
mod likeness;
mod place;
mod see;
mod streams;
mod tell;
mod trace;
mod views;

pub(super) use frame::{Footer, Header, Notices};
pub(super) use place::Place;
pub(super) use see::See;
pub(super) use tell::Tell;
pub(super) use trace::Trace;
