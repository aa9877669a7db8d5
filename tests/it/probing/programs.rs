//! Real servers from Debian's packages, each with a folder and ports of its own, ended with the test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::support::server::Certified;
use crate::support::{eventually, free_address};

/// A running program and its folder.
pub struct Program {
    pub address: SocketAddr,
    pub folder: TempDir,
    child: Child,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder for a server; it may be looked into by the user the server runs as.
pub fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    make_readable(folder.path());
    folder
}

fn make_readable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

impl Program {
    /// Starts it and waits until it listens.
    pub async fn start(mut command: Command, address: SocketAddr, folder: TempDir) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} is installed: {error}"));
        let program = Self { address, folder, child };
        eventually(&format!("{name} listens"), || async {
            tokio::net::TcpStream::connect(address).await.ok()
        })
        .await;
        program
    }
}

/// A command that ends with the test, even with one that is killed.
pub fn with_the_test(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new("setpriv");
    command.arg("--pdeathsig=KILL").arg(program.as_ref());
    command
}

/// The same as another user where this one is root: database servers refuse to run as root.
pub fn as_user(user: &str, program: impl AsRef<Path>) -> Command {
    if !is_root() {
        return with_the_test(program);
    }
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--init-groups"]);
    command.arg("--pdeathsig=KILL").arg(program.as_ref());
    command
}

pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Gives a folder and what is in it to the user a server runs as.
pub fn give_to(user: &str, path: &Path) {
    if is_root() {
        run(Command::new("chown").args(["-R", &format!("{user}:{user}")]).arg(path));
    }
}

/// Runs a command to its end.
#[track_caller]
pub fn run(command: &mut Command) {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{name} is installed: {error}"));
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Writes a certificate and its key as files, and says where.
pub fn certificate_files(folder: &Path, certified: &Certified) -> (PathBuf, PathBuf) {
    use std::os::unix::fs::PermissionsExt;
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, &certified.pem.0).unwrap();
    std::fs::write(&key, &certified.pem.1).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    (certificate, key)
}

/// Ports that nobody listened on a moment ago.
pub fn free_port() -> u16 {
    free_address().port()
}
