//! Steps of TCP, TLS, DNS, SMTP and ICMP in a probe file.

use std::net::IpAddr;
use std::time::Duration;

use serde_saphyr::{Location as Place, Spanned};

use super::{Faults, Names};
use crate::domain::length::Length;
use crate::domain::step::{
    DnsQuestion, DnsRecord, DnsTransport, Exchange, IcmpEcho, MailEnvelope, Server, SmtpDialogue,
    StartTls, TcpDialogue, TlsHandshake,
};

const HTTPS_PORT: u16 = 443;
const SMTP_PORT: u16 = 25;
const IMAP_PORT: u16 = 143;
const POSTGRES_PORT: u16 = 5432;
const DNS_PORT: u16 = 53;
const DNS_TLS_PORT: u16 = 853;
/// More echoes in one run are a flood.
const MAX_ECHOES: u16 = 20;

/// One connection and what is said over it.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TcpFile {
    /// The host of `base_url` when left out.
    #[schemars(with = "Option<String>")]
    host: Option<Spanned<String>>,
    port: u16,
    /// Turns in order; only connecting when left out.
    #[serde(default)]
    #[schemars(with = "Vec<ExchangeFile>")]
    dialogue: Vec<ExchangeFile>,
}

/// One turn: exactly one key.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ExchangeFile {
    /// As it stands; write "\r\n" in double quotes for the end of a line.
    #[schemars(with = "String")]
    Send(Spanned<String>),
    /// A regular expression that what comes back must match.
    #[schemars(with = "String")]
    Expect(Spanned<String>),
}

/// A handshake, to look at the certificates.
#[derive(Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TlsFile {
    /// The host of `base_url` when left out.
    #[schemars(with = "Option<String>")]
    host: Option<Spanned<String>>,
    /// 443 when left out, or the usual port of the protocol under `starttls`.
    port: Option<u16>,
    /// The name the certificate must be for, where it is not the host.
    server_name: Option<String>,
    /// The protocol that asks for TLS first.
    starttls: Option<StartTlsFile>,
}

#[derive(Clone, Copy, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum StartTlsFile {
    Smtp,
    Imap,
    Postgres,
}

/// One question to a name server.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DnsFile {
    /// What is asked for; for `PTR` an address will do.
    #[schemars(with = "String")]
    name: Spanned<String>,
    record: RecordFile,
    /// The name server, as in `10.0.0.53` or `ns.example.gov:53`.
    #[schemars(with = "String")]
    server: Spanned<String>,
    #[serde(default)]
    transport: TransportFile,
    /// The name the certificate must be for over TLS, where it is not the server's host.
    server_name: Option<String>,
}

#[derive(Clone, Copy, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum RecordFile {
    A,
    Aaaa,
    Cname,
    Mx,
    Txt,
    Srv,
    Ns,
    Soa,
    Ptr,
}

#[derive(Clone, Copy, Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum TransportFile {
    #[default]
    Udp,
    Tcp,
    Tls,
}

/// A conversation with a mail server; nothing is ever delivered.
#[derive(Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SmtpFile {
    /// The host of `base_url` when left out.
    #[schemars(with = "Option<String>")]
    host: Option<Spanned<String>>,
    /// 25 when left out.
    port: Option<u16>,
    starttls: SmtpTlsFile,
    /// The name the certificate must be for, where it is not the host.
    server_name: Option<String>,
    /// How the probe greets; its own address when left out.
    #[schemars(with = "Option<String>")]
    ehlo: Option<Spanned<String>>,
    /// A sender to offer.
    #[schemars(with = "Option<String>")]
    mail_from: Option<Spanned<String>>,
    /// A recipient to offer.
    #[schemars(with = "Option<String>")]
    rcpt_to: Option<Spanned<String>>,
}

#[derive(Clone, Copy, Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum SmtpTlsFile {
    #[default]
    Required,
    None,
}

/// Echo requests, as `ping` sends them.
#[derive(Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IcmpFile {
    /// The host of `base_url` when left out.
    #[schemars(with = "Option<String>")]
    host: Option<Spanned<String>>,
    /// 3 when left out.
    #[schemars(with = "Option<u16>")]
    count: Option<Spanned<u16>>,
    /// How long each echo may take; 1 s when left out.
    reply_timeout: Option<Length>,
}

/// Reads a step of TCP.
pub fn read_tcp(file: &TcpFile, names: &Names, faults: &mut Faults) -> TcpDialogue {
    let mut dialogue = Vec::new();
    for turn in &file.dialogue {
        match turn {
            ExchangeFile::Send(text) => {
                dialogue.push(Exchange::Send(names.template(&text.value, text.defined, faults)));
            }
            ExchangeFile::Expect(text) => match regex::Regex::new(&text.value) {
                Ok(regex) => dialogue.push(Exchange::Expect(regex)),
                Err(_) => faults.at(text.defined, "not a regular expression: check its brackets"),
            },
        }
    }
    TcpDialogue { server: server(file.host.as_ref(), file.port, faults), dialogue }
}

/// Reads a step of TLS.
pub fn read_tls(file: &TlsFile, faults: &mut Faults) -> TlsHandshake {
    let (start_tls, usual_port) = match file.starttls {
        None => (None, HTTPS_PORT),
        Some(StartTlsFile::Smtp) => (Some(StartTls::Smtp), SMTP_PORT),
        Some(StartTlsFile::Imap) => (Some(StartTls::Imap), IMAP_PORT),
        Some(StartTlsFile::Postgres) => (Some(StartTls::Postgres), POSTGRES_PORT),
    };
    TlsHandshake {
        server: server(file.host.as_ref(), file.port.unwrap_or(usual_port), faults),
        server_name: file.server_name.clone(),
        start_tls,
    }
}

/// Reads a step of DNS.
pub fn read_dns(file: &DnsFile, faults: &mut Faults) -> Option<DnsQuestion> {
    let (transport, usual_port) = match file.transport {
        TransportFile::Udp => (DnsTransport::Udp, DNS_PORT),
        TransportFile::Tcp => (DnsTransport::Tcp, DNS_PORT),
        TransportFile::Tls => (DnsTransport::Tls, DNS_TLS_PORT),
    };
    let name = &file.name;
    let is_name = name.value.is_ascii() && hickory_proto::rr::Name::from_ascii(&name.value).is_ok();
    if name.value.is_empty() || !is_name {
        faults.at(name.defined, "not a name that can be asked for: write it as in 'www.example'");
    }
    let Some((host, port)) = host_and_port(&file.server.value) else {
        faults.at(file.server.defined, "not a name server: write it as in '10.0.0.53:53'");
        return None;
    };
    Some(DnsQuestion {
        name: name.value.clone(),
        record: match file.record {
            RecordFile::A => DnsRecord::A,
            RecordFile::Aaaa => DnsRecord::Aaaa,
            RecordFile::Cname => DnsRecord::Cname,
            RecordFile::Mx => DnsRecord::Mx,
            RecordFile::Txt => DnsRecord::Txt,
            RecordFile::Srv => DnsRecord::Srv,
            RecordFile::Ns => DnsRecord::Ns,
            RecordFile::Soa => DnsRecord::Soa,
            RecordFile::Ptr => DnsRecord::Ptr,
        },
        server: Server { host: Some(host), port: port.unwrap_or(usual_port) },
        transport,
        server_name: file.server_name.clone(),
    })
}

/// Reads a step of SMTP.
pub fn read_smtp(file: &SmtpFile, place: Place, faults: &mut Faults) -> SmtpDialogue {
    for word in [&file.ehlo, &file.mail_from, &file.rcpt_to].into_iter().flatten() {
        if word.value.chars().any(|c| c.is_control() || c.is_whitespace() || "<>".contains(c)) {
            faults.at(word.defined, "holds a space or a bracket: write the bare name or address");
        }
    }
    let text = |word: &Spanned<String>| word.value.clone();
    if file.mail_from.is_none() && file.rcpt_to.is_some() {
        faults.at(place, "a recipient is offered after a sender: add 'mail_from'");
    }
    SmtpDialogue {
        server: server(file.host.as_ref(), file.port.unwrap_or(SMTP_PORT), faults),
        encrypted: matches!(file.starttls, SmtpTlsFile::Required),
        server_name: file.server_name.clone(),
        hello: file.ehlo.as_ref().map(text),
        envelope: file.mail_from.as_ref().map(|from| MailEnvelope {
            from: from.value.clone(),
            to: file.rcpt_to.as_ref().map(text),
        }),
    }
}

/// Reads a step of ICMP.
pub fn read_icmp(file: &IcmpFile, faults: &mut Faults) -> IcmpEcho {
    if let Some(count) = &file.count
        && !(1..=MAX_ECHOES).contains(&count.value)
    {
        faults.at(count.defined, format!("not a number of echoes: write one to {MAX_ECHOES}"));
    }
    IcmpEcho {
        host: host(file.host.as_ref(), faults),
        count: file.count.as_ref().map_or(3, |count| count.value),
        reply_timeout: file.reply_timeout.map_or(Duration::from_secs(1), Length::duration),
    }
}

/// A server of a step: its host by name or address, its port.
pub fn server(written: Option<&Spanned<String>>, port: u16, faults: &mut Faults) -> Server {
    Server { host: host(written, faults), port }
}

fn host(written: Option<&Spanned<String>>, faults: &mut Faults) -> Option<String> {
    let written = written?;
    if url::Host::parse(&written.value).is_err() && written.value.parse::<IpAddr>().is_err() {
        faults.at(written.defined, "not a host: write a name or an address and nothing else");
    }
    Some(written.value.clone())
}

/// `10.0.0.53:53`, `[fd00::53]:53`, or either without a port.
fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some((address.to_string(), None));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (text, None),
    };
    let host = url::Host::parse(host).ok()?;
    Some((host.to_string().trim_matches(['[', ']']).to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_read_with_and_without_a_port() {
        let read = |text: &str| host_and_port(text);
        assert_eq!(read("10.0.0.53"), Some(("10.0.0.53".to_owned(), None)));
        assert_eq!(read("10.0.0.53:5353"), Some(("10.0.0.53".to_owned(), Some(5353))));
        assert_eq!(read("ns.example:53"), Some(("ns.example".to_owned(), Some(53))));
        assert_eq!(read("[fd00::53]:53"), Some(("fd00::53".to_owned(), Some(53))));
        assert_eq!(read("fd00::53"), Some(("fd00::53".to_owned(), None)));
        assert_eq!(read("udp://ns.example"), None);
        assert_eq!(read("ns.example:port"), None);
    }
}
