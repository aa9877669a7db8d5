//! Starts the `holdfast` command. Everything else is in the library.

fn main() -> std::process::ExitCode {
    // Every TLS connection of this process uses this provider; nothing else may install one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    holdfast::cli::run()
}
