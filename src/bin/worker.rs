//! The workers' entry.

fn main() {
    #[cfg(target_arch = "wasm32")]
    moescope::web::worker();
}
