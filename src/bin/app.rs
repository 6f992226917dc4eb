//! The page's entry.

fn main() {
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    moescope::ui::mount();
}
