//! Steps that speak to a server below the level of a page: TCP, TLS, DNS, SMTP and ICMP.

use std::time::Duration;

use super::template::Template;

/// A server by name or address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The host of the target's base address when none.
    pub host: Option<String>,
    pub port: u16,
}

/// A conversation over one connection.
#[derive(Clone, Debug)]
pub struct TcpDialogue {
    pub server: Server,
    /// In order; none to connect and no more.
    pub dialogue: Vec<Exchange>,
}

/// One turn of a conversation.
#[derive(Clone, Debug)]
pub enum Exchange {
    Send(Template),
    /// Reads until what came since the last turn matches.
    Expect(regex::Regex),
}

/// A handshake that shows a server's certificates.
#[derive(Clone, Debug)]
pub struct TlsHandshake {
    pub server: Server,
    /// The name the certificate must be for; the host when none.
    pub server_name: Option<String>,
    /// The protocol that asks for TLS first; none where TLS comes at once.
    pub start_tls: Option<StartTls>,
}

/// Protocols that begin in the clear and turn to TLS when asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartTls {
    /// RFC 3207.
    Smtp,
    /// RFC 9051, section 6.2.1.
    Imap,
    /// "SSLRequest" in PostgreSQL's message formats.
    Postgres,
}

/// One question to one name server.
#[derive(Clone, Debug)]
pub struct DnsQuestion {
    pub name: String,
    pub record: DnsRecord,
    /// Host or address; a name server is never left to chance.
    pub server: Server,
    pub transport: DnsTransport,
    /// The name the certificate must be for, over TLS; the host when none.
    pub server_name: Option<String>,
}

/// Types of records that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsRecord {
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

/// How a name server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsTransport {
    /// Once more over TCP when the answer did not fit.
    Udp,
    Tcp,
    /// RFC 7858.
    Tls,
}

/// A conversation with a mail server that leaves no mail behind.
#[derive(Clone, Debug)]
pub struct SmtpDialogue {
    pub server: Server,
    /// Whether to turn to TLS before anything else is said.
    pub encrypted: bool,
    /// The name the certificate must be for; the host when none.
    pub server_name: Option<String>,
    /// How the probe greets; its own address when none.
    pub hello: Option<String>,
    pub envelope: Option<MailEnvelope>,
}

/// Addresses that are offered and taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailEnvelope {
    pub from: String,
    pub to: Option<String>,
}

/// Echo requests, as `ping` sends them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IcmpEcho {
    /// The host of the target's base address when none.
    pub host: Option<String>,
    pub count: u16,
    /// How long each may take to come back.
    pub reply_timeout: Duration,
}
