//! Whether this machine's name servers answer at all. Where none does no name is resolved, and
//! that is no fault of whoever's name it was.
//!
//! They are asked for the servers of the root, which every one that works knows or refuses to
//! tell. It must not resolve anything for a run: the system does.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use tokio::net::UdpSocket;

/// Where the system reads them (resolv.conf(5)).
const FILE: &str = "/etc/resolv.conf";
/// The system asks no more of them.
const MOST: usize = 3;
const PORT: u16 = 53;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// Whether one of them answers; true as well when nobody can say who they are.
pub async fn answer() -> bool {
    let Ok(text) = tokio::fs::read_to_string(Path::new(FILE)).await else { return true };
    let asking = servers(&text).into_iter().map(|server| Box::pin(answers(server)));
    let (mut asking, mut answered) = (asking.collect::<Vec<_>>(), false);
    while !asking.is_empty() && !answered {
        let (one, _, others) = futures_util::future::select_all(asking).await;
        (answered, asking) = (one, others);
    }
    answered
}

/// The servers of the file; without one it is this machine.
fn servers(text: &str) -> Vec<SocketAddr> {
    let addresses = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = (words.next()? == "nameserver").then(|| words.next())??;
        // A link's name after it (fe80::1%eth0) is the system's business.
        address.parse::<IpAddr>().ok()
    });
    let mut servers: Vec<_> =
        addresses.take(MOST).map(|address| SocketAddr::new(address, PORT)).collect();
    if servers.is_empty() {
        servers.push(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)));
    }
    servers
}

async fn answers(server: SocketAddr) -> bool {
    tokio::time::timeout(ANSWER_TIMEOUT, ask(server)).await.is_ok_and(|answer| answer.is_some())
}

/// None where nothing comes back, or only that it could not find out.
async fn ask(server: SocketAddr) -> Option<()> {
    let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await.ok()?;
    socket.connect(server).await.ok()?;
    let mut question = Message::query();
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(Name::root(), RecordType::NS));
    socket.send(&question.to_vec().ok()?).await.ok()?;
    let mut packet = [0; 4_096];
    loop {
        let length = socket.recv(&mut packet).await.ok()?;
        let Ok(answer) = Message::from_vec(&packet[..length]) else { continue };
        let metadata = answer.metadata;
        if metadata.id == question.metadata.id && metadata.message_type == MessageType::Response {
            return (metadata.response_code != ResponseCode::ServFail).then_some(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_file_says_who_they_are() {
        let text = "# made by hand\nsearch example.gov\nnameserver 10.0.0.1\nnameserver ::1\n\
                    options timeout:1\nnameserver fe80::1%eth0\nnameserver 10.0.0.2\n\
                    nameserver 10.0.0.3\n";
        let found: Vec<String> = servers(text).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["10.0.0.1:53", "[::1]:53", "10.0.0.2:53"]);
        assert_eq!(servers("search example.gov\n"), ["127.0.0.1:53".parse().unwrap()]);
    }

    #[tokio::test]
    async fn silence_and_not_knowing_are_no_answers() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let mut packet = [0; 512];
            for code in [ResponseCode::NoError, ResponseCode::Refused, ResponseCode::ServFail] {
                let (length, from) = server.recv_from(&mut packet).await.unwrap();
                let question = Message::from_vec(&packet[..length]).unwrap();
                let mut answer = question.into_response();
                answer.metadata.response_code = code;
                server.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
            }
            // Its port is closed with it.
        });
        let mut told = Vec::new();
        for _ in 0..3 {
            told.push(answers(address).await);
        }
        serving.await.unwrap();
        told.push(answers(address).await);
        assert_eq!(told, [true, true, false, false]);
    }
}
