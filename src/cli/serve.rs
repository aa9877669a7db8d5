//! `holdfast serve`: the service, until it is told to stop.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::CliError;
use crate::app::serve::serve;
use crate::clock::Clock;

/// Runs the service in the foreground; SIGTERM or Ctrl-C ends it in order.
///
/// Example: holdfast serve --config /etc/holdfast/holdfast.yaml
#[derive(Debug, clap::Args)]
pub struct Serve {
    #[arg(long, default_value = "holdfast.yaml", value_name = "FILE")]
    config: PathBuf,
}

impl Serve {
    pub async fn run(self) -> Result<(), CliError> {
        let stop = CancellationToken::new();
        tokio::spawn(cancel_on_signal(stop.clone()));
        Ok(serve(&self.config, Clock::system(), stop).await?)
    }
}

pub async fn cancel_on_signal(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                terminate.recv().await;
            }
            // Without a signal to wait for there is still Ctrl-C.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = terminate => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    stop.cancel();
}
