//! A machine of its own as far as names and networks go, and a name server in it that answers as a
//! test likes.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record, RecordType};
use tokio::net::UdpSocket;

const INSIDE: &str = "HOLDFAST_TEST_INSIDE";

/// Runs a test of this program by itself in a network namespace and a mount namespace of their
/// own, where nothing is but loopback and the name server is 127.0.0.1. True inside of it.
///
/// # Panics
/// When the test fails in there, or this user may not make namespaces.
pub fn inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some_and(|name| name == test) {
        set_up();
        return true;
    }
    let status = Command::new("unshare")
        .args(["--net", "--mount"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(INSIDE, test)
        .status()
        .unwrap();
    assert!(status.success(), "{test} failed in its namespaces");
    false
}

fn set_up() {
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run("ip", &["link", "set", "lo", "up"]);
    run("ip", &["address", "add", "169.254.169.254/32", "dev", "lo"]);
    let file = std::env::temp_dir().join(format!("resolv-{}.conf", std::process::id()));
    std::fs::write(&file, "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n").unwrap();
    run("mount", &["--bind", file.to_str().unwrap(), "/etc/resolv.conf"]);
    std::fs::remove_file(file).unwrap();
}

/// A name server; its port is closed when it is dropped.
pub struct NameServer {
    asked: Arc<Mutex<BTreeMap<String, usize>>>,
    task: tokio::task::JoinHandle<()>,
}

/// The addresses of a name, for who asks the so-manieth time, from zero.
pub type Answers = fn(&str, usize) -> Vec<Ipv4Addr>;

impl NameServer {
    pub async fn start(answers: Answers) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:53").await.unwrap();
        let asked = Arc::<Mutex<BTreeMap<String, usize>>>::default();
        let counted = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            let mut packet = [0; 1_024];
            while let Ok((length, from)) = socket.recv_from(&mut packet).await {
                let Ok(question) = Message::from_vec(&packet[..length]) else { continue };
                let answer = answer(question, answers, &counted).to_vec().unwrap();
                let _ = socket.send_to(&answer, from).await;
            }
        });
        Self { asked, task }
    }

    /// How often the addresses of a name were asked for.
    pub fn asked(&self, name: &str) -> usize {
        self.asked.lock().unwrap().get(name).copied().unwrap_or_default()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn answer(question: Message, answers: Answers, asked: &Mutex<BTreeMap<String, usize>>) -> Message {
    let mut answer = question.into_response();
    answer.additionals.clear();
    answer.edns = None;
    let Some(query) = answer.queries.first().cloned() else { return answer };
    let name = query.name().to_ascii().trim_end_matches('.').to_owned();
    let is_root = name.is_empty();
    let times = asked.lock().unwrap().get(&name).copied().unwrap_or_default();
    let addresses = answers(&name, times);
    if addresses.is_empty() && !is_root {
        answer.metadata.response_code = ResponseCode::NXDomain;
    }
    if query.query_type() == RecordType::A {
        asked.lock().unwrap().insert(name, times + 1);
        for address in addresses {
            let data = RData::A(A(address));
            answer.add_answer(Record::from_rdata(query.name().clone(), 0, data));
        }
    }
    answer
}
