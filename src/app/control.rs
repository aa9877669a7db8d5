//! The way from the command line to the running service: a socket in its data folder that nobody
//! but its own user may open.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::net::UnixListener;

use crate::web::control::{Done, NotDone, ORDERS, Order};

/// The socket's name in the data folder.
const SOCKET: &str = "control.sock";
/// An order is answered when it is durable, which takes milliseconds; this is a bound.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Removes the socket when the service ends.
#[derive(Debug)]
pub struct Bound(PathBuf);

impl Drop for Bound {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::warn!(%error, "the control socket stays behind; the next start replaces it");
        }
    }
}

/// Refuses to go on where another service works on the same data: two of them would carry out the
/// same plans.
///
/// # Errors
/// When another service answers.
pub fn alone(data: &Path) -> anyhow::Result<()> {
    if UnixStream::connect(data.join(SOCKET)).is_ok() {
        bail!("another Holdfast already runs on {}: stop it first", data.display());
    }
    Ok(())
}

/// Listens in the data folder. A socket that was left behind is replaced; see [`alone`].
///
/// # Errors
/// When it cannot be made.
pub fn listen(data: &Path) -> anyhow::Result<(UnixListener, Bound)> {
    let path = data.join(SOCKET);
    if path.exists() {
        std::fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
    }
    let listener =
        UnixListener::bind(&path).with_context(|| format!("listening on {}", path.display()))?;
    let own = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&path, own).with_context(|| format!("closing {}", path.display()))?;
    Ok((listener, Bound(path)))
}

/// Asks the running service, and waits until what follows is durable.
///
/// # Errors
/// When no service runs on this data, or it refuses; the message says what to do.
pub async fn ask(data: &Path, order: &Order) -> anyhow::Result<Done> {
    let path = data.join(SOCKET);
    let client = reqwest::Client::builder().unix_socket(path.clone()).timeout(ANSWER_TIMEOUT);
    let client = client.build().context("preparing to ask")?;
    let asked = client.post(format!("http://holdfast{ORDERS}")).json(order).send().await;
    let answer = match asked {
        Ok(answer) => answer,
        Err(error) if error.is_connect() => bail!(
            "Holdfast is not running here, so nothing was done: nobody answers at {}. Start it \
             with 'holdfast serve' on the same file, as the same user, and try again",
            path.display()
        ),
        Err(error) => {
            return Err(error).context(
                "Holdfast did not answer: look with 'holdfast activation list' whether it was done",
            );
        }
    };
    if answer.status().is_success() {
        return answer.json().await.context("reading the answer");
    }
    let refused: NotDone = answer.json().await.context("reading the refusal")?;
    bail!("it was not done: {}", refused.why)
}
