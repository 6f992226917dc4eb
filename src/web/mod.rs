//! The browser's side of the jobs: workers, files, canvas, downloads. Apart from `ui`, which knows the page but no worker.

mod ahead;
mod blob;
mod canvas;
mod drop;
mod kept;
mod page;
mod pool;
mod remote;
mod worker;

pub use canvas::{clear, draw};
pub use drop::{Dropped, dropped, picked};
pub use kept::{forget, keep, kept, room};
pub use page::{
    clipboard, download, download_canvas, fragment, go_to, now, pause, pixel_ratio, prefers_dark, recall, remember,
    reveal, say_panics, set_fragment,
};
pub use pool::{Parcel, Pool, PoolError, Told};
pub use remote::{Remote, fetch_remote, host_of, is_own};
pub use worker::worker;
