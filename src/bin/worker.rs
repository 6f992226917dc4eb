//! The workers' entry.

fn main() {
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    moescope::web::worker();
}
