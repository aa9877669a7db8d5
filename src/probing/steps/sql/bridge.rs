//! Leads a database client over a connection that was made for it.
//!
//! The client would resolve names and connect by itself; here it opens a local socket instead,
//! behind which is the connection that passed the target's networks. It still knows the server's
//! name, so that it can look at the certificate. What comes back is counted and bounded.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::AsyncReadExt;
use tokio::net::{TcpStream, UnixListener, UnixStream};

use super::MAX_BYTES;
use crate::probing::steps::Fault;

/// What signing in and the protocol take beside the rows.
const OVERHEAD_BYTES: u64 = 64 * 1024;

/// A local socket that leads to one connection, until dropped.
#[derive(Debug)]
pub struct Bridge {
    name: String,
    task: tokio::task::JoinHandle<()>,
    overflowed: Arc<AtomicBool>,
}

impl Bridge {
    /// Lays the bridge; `suffix` is what the client adds to the name it is given.
    ///
    /// The socket has a name in no folder, so that none is left behind, and only this process is
    /// let over.
    ///
    /// # Errors
    /// When there can be no such socket.
    pub fn to(stream: TcpStream, suffix: &str) -> Result<Self, Fault> {
        let name = format!("\0holdfast-{}", uuid::Uuid::now_v7().simple());
        let listener = UnixListener::bind(format!("{name}{suffix}")).map_err(|error| {
            let detail = format!("no local socket could be opened: {}", error.kind());
            Fault::prober(detail)
        })?;
        let overflowed = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(carry(listener, stream, Arc::clone(&overflowed)));
        Ok(Self { name, task, overflowed })
    }

    /// What the client is told to open.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        PathBuf::from(&self.name)
    }

    /// Whether the server sent more than it may.
    #[must_use]
    pub fn overflowed(&self) -> bool {
        self.overflowed.load(Ordering::Relaxed)
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(listener: UnixListener, mut server: TcpStream, overflowed: Arc<AtomicBool>) {
    let Some(mut client) = accept_own(&listener).await else { return };
    let (mut from_server, mut to_server) = server.split();
    let (mut from_client, mut to_client) = client.split();
    let mut bounded = (&mut from_server).take(MAX_BYTES + OVERHEAD_BYTES);
    // An end of either side ends both: the client then reports what it misses.
    tokio::select! {
        _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
        _ = tokio::io::copy(&mut bounded, &mut to_client) => {
            overflowed.store(bounded.limit() == 0, Ordering::Relaxed);
        }
    }
}

/// The first connection from this very process.
async fn accept_own(listener: &UnixListener) -> Option<UnixStream> {
    let own = i32::try_from(std::process::id()).ok();
    loop {
        let (client, _) = listener.accept().await.ok()?;
        if client.peer_cred().is_ok_and(|peer| peer.pid() == own) {
            return Some(client);
        }
    }
}
