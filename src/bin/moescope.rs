//! The command line's entry.

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    moescope::cli::main(std::env::args_os().skip(1).collect())
}

#[cfg(target_arch = "wasm32")]
fn main() {}
