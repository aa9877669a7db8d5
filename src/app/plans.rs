//! Starts continuity: the engine, the outbox and the channels behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use secrecy::SecretString;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::channels::Delivery;
use crate::channels::link::{Acknowledgement, LinkKey};
use crate::channels::mail::{Letter, Mail, MailSettings, RelaySettings, Security};
use crate::channels::webhook::{Post, Webhook, WebhookSettings};
use crate::clock::Clock;
use crate::config::installation::{Installation, SecurityFile};
use crate::config::plans::Plans;
use crate::continuity::command::Handle;
use crate::continuity::effect::Effect;
use crate::continuity::engine::{Engine, LoadedPlaybook, Settings};
use crate::continuity::notices::{Desk, Destination, LinkMaker};
use crate::continuity::outbox::{Mark, Outbox, OutboxRow};
use crate::crypto::digest;
use crate::domain::notice::Channel;
use crate::domain::outage::DetectionEvent;
use crate::domain::people::People;
use crate::domain::target::Target;
use crate::store::Store;
use crate::telemetry::labels::NoticeOutcome;
use crate::telemetry::metrics::Metrics;

/// Effects on their way to whoever carries them out; the engine keeps what does not fit.
const EFFECT_QUEUE: usize = 64;
/// A link in a notice holds for a day: an activation seldom asks for the same thing longer.
const LINK_WINDOW: Duration = Duration::from_secs(24 * 3_600);
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// What continuity is started with.
pub struct Start<'a> {
    pub service: &'a Installation,
    pub plans: Plans,
    pub targets: Vec<Arc<Target>>,
    pub store: Store,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    pub links: Arc<LinkKey>,
    pub changed: Arc<dyn Fn() + Send + Sync>,
}

/// What the rest of the service needs of it.
pub struct Started {
    pub handle: Handle,
    pub people: Arc<People>,
    pub playbooks: Arc<Vec<Arc<crate::domain::playbook::Playbook>>>,
    /// That notices can go out by.
    pub channels: Arc<BTreeSet<Channel>>,
    pub effects: mpsc::Receiver<Effect>,
}

/// Starts the engine and the outbox.
///
/// # Errors
/// When what was in force cannot be read, or a channel cannot be used as configured.
pub async fn start(
    with: Start<'_>,
    events: mpsc::Receiver<DetectionEvent>,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> anyhow::Result<Started> {
    let Start { service, plans, targets, store, clock, metrics, links, changed } = with;
    let carriers = Arc::new(Carriers::new(service, &clock)?);
    let people = Arc::new(plans.people);
    let loaded: Vec<_> = plans
        .playbooks
        .into_iter()
        .map(|(playbook, source)| LoadedPlaybook { playbook: Arc::new(playbook), source })
        .collect();
    let playbooks = loaded.iter().map(|one| Arc::clone(&one.playbook)).collect();
    let host = service.origin.host_str().unwrap_or("localhost").to_owned();
    let link = link_maker(service, links, clock.clone());
    let mut desk = Desk::new(service.time_zone.clone(), host.clone(), link);
    desk.webhooks =
        service.webhooks.iter().map(|(name, hook)| (name.clone(), hook.url.clone())).collect();
    let mut channels: BTreeSet<_> = [Channel::Console].into();
    channels.extend(carriers.mail.as_ref().map(|_| Channel::Email));
    channels.extend((!carriers.webhooks.is_empty()).then_some(Channel::Webhook));
    let known = Arc::new(channels.clone());
    let settings = Settings {
        playbooks: loaded,
        people: Arc::clone(&people),
        targets,
        channels,
        ops_notices: plans.ops_notices,
        desk,
        unit: service.file.unit.clone().unwrap_or(host),
        changed,
    };
    let wakes = Arc::new(Notify::new());
    let (effects, carried) = mpsc::channel(EFFECT_QUEUE);
    let engine =
        Engine::load(store.clone(), clock.clone(), settings, effects, Arc::clone(&wakes)).await?;
    let (handle, commands) = Handle::channel();
    tasks.spawn(engine.run(events, commands, stop.clone()));
    let ended = Arc::new(move |row: &OutboxRow, outcome: &'static str| {
        let outcome = match outcome {
            "sent" => NoticeOutcome::Sent,
            "refused" => NoticeOutcome::Refused,
            "in-doubt" => NoticeOutcome::InDoubt,
            _ => NoticeOutcome::Retried,
        };
        metrics.record_notice(channel_word(row.channel), outcome);
    });
    let outbox = Outbox { store, clock, wakes, ended };
    let send = move |row: Arc<OutboxRow>, mark: Mark| {
        let carriers = Arc::clone(&carriers);
        async move { carriers.send(&row, &mark).await }
    };
    tasks.spawn(outbox.run(send, stop));
    let playbooks = Arc::new(playbooks);
    Ok(Started { handle, people, playbooks, channels: known, effects: carried })
}

fn channel_word(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => "email",
        Channel::Sms => "sms",
        Channel::Console => "console",
        Channel::Webhook => "webhook",
    }
}

fn link_maker(service: &Installation, links: Arc<LinkKey>, clock: Clock) -> LinkMaker {
    let origin = service.origin.as_str().trim_end_matches('/').to_owned();
    Arc::new(move |to| match to {
        Destination::Page(page) => Some(format!("{origin}{page}")),
        Destination::Acknowledge { notice, person } => {
            let expires_at = clock.now().checked_add(LINK_WINDOW).ok()?;
            let (notice, person) = (notice.to_owned(), person.clone());
            let what = Acknowledgement { notice, person, expires_at };
            Some(format!("{origin}/ack/{}", links.sign(&what).ok()?))
        }
    })
}

/// The secret behind acknowledge links, made at the first start.
///
/// # Errors
/// When the file cannot be read or written.
pub fn link_key(data: &Path) -> anyhow::Result<LinkKey> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let path = data.join("link.key");
    if !path.exists() {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o400)
            .open(&path)
            .with_context(|| format!("making {}", path.display()))?;
        file.write_all(digest::to_hex(digest::random().as_slice()).as_bytes())?;
        file.sync_all()?;
    }
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    Ok(LinkKey::new(&SecretString::from(text)))
}

/// The channels that are configured.
struct Carriers {
    clock: Clock,
    mail: Option<Mail>,
    /// By address.
    webhooks: BTreeMap<String, Webhook>,
}

impl Carriers {
    fn new(service: &Installation, clock: &Clock) -> anyhow::Result<Self> {
        let mail = service.mail.as_ref().map(|section| {
            let relays = section.relays.iter().map(|relay| RelaySettings {
                host: relay.host.clone(),
                port: relay.port,
                security: match relay.security {
                    SecurityFile::Plain => Security::Plain,
                    SecurityFile::StartTls => Security::StartTls,
                    SecurityFile::Tls => Security::Tls,
                },
                credentials: relay.credentials.clone(),
                answer_timeout: relay.answer_timeout.duration(),
            });
            let settings = MailSettings {
                from: section.from.clone(),
                hello_name: section.hello.clone(),
                relays: relays.collect(),
            };
            Mail::new(settings, clock)
        });
        let mut webhooks = BTreeMap::new();
        for hook in service.webhooks.values() {
            let settings = WebhookSettings {
                url: hook.url.clone(),
                secret: hook.secret.clone(),
                answer_timeout: WEBHOOK_TIMEOUT,
            };
            webhooks.insert(hook.url.clone(), Webhook::new(settings)?);
        }
        Ok(Self { clock: clock.clone(), mail: mail.transpose()?, webhooks })
    }

    async fn send(&self, row: &OutboxRow, mark: &Mark) -> Delivery {
        match row.channel {
            Channel::Console => Delivery::Sent { answer: "shown on the console".to_owned() },
            Channel::Sms => refused("no way to send text messages is configured"),
            Channel::Email => match &self.mail {
                Some(mail) => mail.send(&letter(row), mark.data_sent()).await,
                None => refused("no mail relay is configured"),
            },
            Channel::Webhook => match self.webhooks.get(&row.address) {
                Some(hook) => hook.send(&post(row), self.clock.now(), mark.data_sent()).await,
                None => refused("this webhook is no longer configured"),
            },
        }
    }
}

fn refused(why: &str) -> Delivery {
    Delivery::Refused { why: why.to_owned() }
}

fn letter(row: &OutboxRow) -> Letter {
    Letter {
        message_id: row.message_id.clone(),
        thread_id: row.in_reply_to.clone(),
        to: row.address.clone(),
        subject: row.subject.clone(),
        body: row.body.clone(),
        written_at: row.created_at,
    }
}

fn post(row: &OutboxRow) -> Post {
    Post {
        format: Post::FORMAT,
        notice: row.id.clone(),
        thread: row.in_reply_to.clone(),
        severity: None,
        subject: row.subject.clone(),
        text: row.body.clone(),
        acknowledge_url: row.link.clone(),
        written_at: row.created_at,
    }
}
