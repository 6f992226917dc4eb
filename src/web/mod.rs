//! The browser's side of the jobs: workers, files, canvas, downloads. Apart from `ui`, which knows the page but no worker.

mod ahead;
mod blob;
mod canvas;
mod drop;
mod page;
mod pool;
mod poster;
mod remote;
mod small;
mod stored;
mod svg;
mod wire;
mod worker;

pub use canvas::{clear, draw};
pub use drop::{Dropped, dropped, picked, text_of};
pub use page::{
    clipboard, download, download_canvas, fonts_ready, fragment, go_to, now, on_scheme, pause, pixel_ratio,
    prefers_dark, prefers_still, recall, remember, reveal, say_panics, set_fragment, tell_host,
};
pub use pool::{OnProgress, Parcel, Pool, PoolError};
pub use poster::Poster;
pub use remote::{Remote, fetch_remote, host_of, is_own};
pub use small::small;
pub use stored::{
    StoredFile, delete_file, delete_unreadable, file_bytes, on_stored, room, store_file, stored_file, stored_files,
};
pub use svg::picture;
pub use worker::worker;
