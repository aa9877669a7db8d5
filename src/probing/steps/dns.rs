//! One question to one name server: over UDP, once more over TCP when the answer did not fit, or
//! over TLS (RFC 1035, 6891, 7858).
//!
//! The system's resolver has no part in it, but to find a name server that is given by name.

use std::net::{IpAddr, SocketAddr};

use hickory_proto::op::{Edns, Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncRead, AsyncWrite};

use super::conversation::{Conversation, cut};
use super::handshake::secure;
use super::{Bearings, Fault, Findings, Hop};
use crate::domain::check::{FailureReason, Phase};
use crate::domain::step::{DnsQuestion, DnsRecord, DnsTransport, Fact};

/// What answers over UDP may be long, without being split on the way (DNS flag day 2020).
const UDP_PAYLOAD_BYTES: u16 = 1_232;

/// Asks and takes the answer apart.
///
/// # Errors
/// A [`Fault`] when no answer came, or what came was none.
pub async fn ask(
    bearings: &Bearings<'_>,
    question: &DnsQuestion,
    hops: &mut Vec<Hop>,
) -> Result<Findings, Fault> {
    let asked = message(question)?;
    let (address, answer) = match question.transport {
        DnsTransport::Udp => over_udp(bearings, question, &asked, hops).await?,
        DnsTransport::Tcp | DnsTransport::Tls => {
            let (host, port) = bearings.place(&question.server);
            over_stream(bearings, question, &asked, (host, port), hops).await?
        }
    };
    let mut findings = Findings::at(address);
    findings.add(Fact::ResponseCode, rcode_word(answer.metadata.response_code));
    let record = record_type(question.record);
    let records = answer.answers.iter().filter(|answer| answer.record_type() == record);
    let texts: Vec<String> = records.map(|record| text(&record.data)).collect();
    findings.add(Fact::AnswerCount, texts.len());
    texts.into_iter().for_each(|text| findings.add(Fact::Answer, text));
    Ok(findings)
}

fn message(question: &DnsQuestion) -> Result<Message, Fault> {
    let name = match (question.record, question.name.parse::<IpAddr>()) {
        (DnsRecord::Ptr, Ok(address)) => Name::from(address),
        _ => Name::from_ascii(&question.name)
            .map_err(|_| Fault::prober("the name cannot be asked for"))?,
    };
    let mut query = Query::query(name, record_type(question.record));
    let mut name = query.name().clone();
    name.set_fqdn(true);
    query.set_name(name);
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_PAYLOAD_BYTES);
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(query);
    message.set_edns(edns);
    Ok(message)
}

async fn over_udp(
    bearings: &Bearings<'_>,
    question: &DnsQuestion,
    asked: &Message,
    hops: &mut Vec<Hop>,
) -> Result<(SocketAddr, Message), Fault> {
    let (host, port) = bearings.place(&question.server);
    let (address, answer) = {
        let hop = bearings.hop(hops);
        let resolved = bearings.resolve(host, hop).await?;
        let Some(ip) = resolved.addresses.first() else {
            return Err(Fault::failed(FailureReason::Dns, "the name server has no address"));
        };
        let address = SocketAddr::new(*ip, port);
        hop.begin(Phase::FirstByte);
        let answer = datagram(bearings, address, asked).await.map_err(|fault| fault.at(address))?;
        hop.end();
        (address, answer)
    };
    if !answer.metadata.truncation {
        return Ok((address, answer));
    }
    let host = address.ip().to_string();
    over_stream(bearings, question, asked, (&host, port), hops).await
}

async fn datagram(
    bearings: &Bearings<'_>,
    address: SocketAddr,
    asked: &Message,
) -> Result<Message, Fault> {
    let socket = bearings.reach.udp(address).await?;
    let unreached = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::ConnectionRefused => {
            Fault::failed(FailureReason::Refused, "no name server listens there")
        }
        _ => cut(&error),
    };
    socket.send(&bytes(asked)?).await.map_err(unreached)?;
    let mut packet = vec![0; usize::from(u16::MAX)];
    loop {
        let length = socket.recv(&mut packet).await.map_err(unreached)?;
        // Anybody on the way may answer; what does not answer this very question is passed over.
        match Message::from_vec(&packet[..length]) {
            Ok(answer) if answers(&answer, asked) => return Ok(answer),
            _ => {}
        }
    }
}

async fn over_stream(
    bearings: &Bearings<'_>,
    question: &DnsQuestion,
    asked: &Message,
    (host, port): (&str, u16),
    hops: &mut Vec<Hop>,
) -> Result<(SocketAddr, Message), Fault> {
    let hop = bearings.hop(hops);
    let connected = bearings.reach.connect(host, port, hop).await?;
    let address = connected.address;
    let exchanging = async {
        if question.transport != DnsTransport::Tls {
            return exchange(connected.stream, asked, hop).await;
        }
        let name = question.server_name.as_deref().unwrap_or(host);
        hop.begin(Phase::Tls);
        let secured = secure(connected.stream, name, &bearings.tls.plain).await?;
        hop.finish();
        exchange(secured, asked, hop).await
    };
    let answer = exchanging.await.map_err(|fault| fault.at(address))?;
    Ok((address, answer))
}

/// Each message has its length before it.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    asked: &Message,
    hop: &mut Hop,
) -> Result<Message, Fault> {
    let not_dns = || Fault::failed(FailureReason::Protocol, "the answer was not DNS");
    let asked_bytes = bytes(asked)?;
    let length = u16::try_from(asked_bytes.len()).map_err(|_| not_dns())?;
    let mut conversation = Conversation::over(stream, hop);
    let framed = [&length.to_be_bytes()[..], &asked_bytes].concat();
    conversation.say(&framed).await?;
    let length = conversation.exactly(2, hop).await?;
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    let answer = Message::from_vec(conversation.exactly(length, hop).await?);
    answer.ok().filter(|answer| answers(answer, asked)).ok_or_else(not_dns)
}

fn bytes(message: &Message) -> Result<Vec<u8>, Fault> {
    message.to_vec().map_err(|_| Fault::prober("the question cannot be written"))
}

fn answers(answer: &Message, asked: &Message) -> bool {
    answer.metadata.id == asked.metadata.id
        && answer.metadata.message_type == MessageType::Response
        && answer.queries == asked.queries
}

/// A record as a zone file has it, in small letters and without the dot at the end of names.
fn text(data: &RData) -> String {
    if let RData::TXT(_) = data {
        return data.to_string();
    }
    let words = data.to_string().to_lowercase();
    let words: Vec<&str> = words.split(' ').map(|word| word.trim_end_matches('.')).collect();
    words.join(" ")
}

fn record_type(record: DnsRecord) -> RecordType {
    match record {
        DnsRecord::A => RecordType::A,
        DnsRecord::Aaaa => RecordType::AAAA,
        DnsRecord::Cname => RecordType::CNAME,
        DnsRecord::Mx => RecordType::MX,
        DnsRecord::Txt => RecordType::TXT,
        DnsRecord::Srv => RecordType::SRV,
        DnsRecord::Ns => RecordType::NS,
        DnsRecord::Soa => RecordType::SOA,
        DnsRecord::Ptr => RecordType::PTR,
    }
}

fn rcode_word(code: ResponseCode) -> String {
    match code {
        ResponseCode::NoError => "NOERROR".to_owned(),
        ResponseCode::FormErr => "FORMERR".to_owned(),
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        ResponseCode::NXDomain => "NXDOMAIN".to_owned(),
        ResponseCode::NotImp => "NOTIMP".to_owned(),
        ResponseCode::Refused => "REFUSED".to_owned(),
        other => format!("RCODE{}", u16::from(other)),
    }
}
