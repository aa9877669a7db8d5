//! Makes the parts of the service from its checked files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use super::{agents, probe_readiness};
use crate::clock::Clock;
use crate::config::agents::AgentsSection;
use crate::config::browser_programs::BrowserFile;
use crate::config::installation::{Installation, MetricsDetail};
use crate::config::target_settings::TargetSettings;
use crate::config::target_tls::TlsSettings;
use crate::continuity::readiness;
use crate::domain::ids::{LocationId, PlaybookId, SignalId, TargetId};
use crate::domain::notice::Severity;
use crate::domain::signal::{Level, Measure, Signal};
use crate::domain::target::Target;
use crate::probing::accounts::Accounts;
use crate::probing::browser::{Browsers, Programs};
use crate::probing::readings::Readings;
use crate::probing::run::Setting;
use crate::probing::tls::{Identity, Tls};
use crate::probing::values::Secrets;
use crate::probing::writes::{Permission, Writes};
use crate::store::{Store, copy_readiness};
use crate::telemetry::labels::{Detail, LabelSets, ProbeLabels, TargetLabels};

/// More probes than these are counted together unless the installation says otherwise: a series
/// for each would be Prometheus's burden.
const MOST_PROBES_APART: usize = 500;

/// What files say of how targets are probed from this machine.
pub struct Means<'a> {
    pub targets: &'a BTreeMap<TargetId, TargetSettings>,
    pub programs: Programs,
    /// Locations that are probed by somebody else.
    pub elsewhere: Arc<BTreeSet<LocationId>>,
}

impl<'a> Means<'a> {
    /// Those of a service: agents probe their locations.
    #[must_use]
    pub fn of(service: &'a Installation) -> Self {
        let elsewhere = service.agents.as_ref().map(AgentsSection::locations);
        Self {
            targets: &service.targets,
            programs: programs(service.file.browser.as_ref(), &service.data),
            elsewhere: Arc::new(elsewhere.unwrap_or_default()),
        }
    }
}

/// What goes on when the files are read again.
pub struct Kept<'a> {
    /// Where writes are noted; without it no probe writes.
    pub store: Option<&'a Store>,
    /// What was probed with before.
    pub before: &'a [Arc<Setting>],
    /// Where the numbers go that probes read.
    pub readings: &'a Readings,
}

/// What the probes of each target share. Where nothing is kept none of them writes.
///
/// # Errors
/// When this machine's trusted certificates cannot be used.
pub fn settings(
    means: &Means<'_>,
    targets: Vec<Target>,
    clock: &Clock,
    kept: Option<&Kept<'_>>,
) -> anyhow::Result<Vec<Arc<Setting>>> {
    let authorities = authorities();
    let browsers = browsers(means.programs.clone(), kept);
    let setting = |target: Target| {
        let settings = means.targets.get(&target.id);
        let secrets = settings.map(|settings| settings.secrets.clone());
        let own = settings.map(|settings| settings.accounts.clone());
        let noted = kept.and_then(|kept| kept.store);
        let allowed = noted.zip(settings.and_then(|settings| settings.writes.as_ref()));
        let permission = allowed.map(|(store, writes)| Permission {
            interval: writes.interval.duration(),
            test_office: writes.test_office.clone(),
            store: store.clone(),
        });
        let before = kept.into_iter().flat_map(|kept| kept.before);
        let before = before.into_iter().find(|before| before.target.id == target.id);
        let writes = match (before, permission) {
            (Some(before), permission) => before.writes.reloaded(permission),
            (None, Some(permission)) => Writes::allowed(permission),
            (None, None) => Writes::never(),
        };
        let tls = tls(authorities.clone(), settings.map(|settings| &settings.tls));
        Ok(Arc::new(Setting {
            tls: tls.with_context(|| format!("preparing TLS for probes of {}", target.id))?,
            target: Arc::new(target),
            accounts: Accounts::new(Secrets(secrets.unwrap_or_default()), own.unwrap_or_default()),
            clock: clock.clone(),
            browsers: Arc::clone(&browsers),
            writes,
            readings: kept.map(|kept| kept.readings.clone()).unwrap_or_default(),
            elsewhere: Arc::clone(&means.elsewhere),
        }))
    };
    targets.into_iter().map(setting).collect()
}

/// The browser of browser steps, where the file says it is.
#[must_use]
pub fn programs(file: Option<&BrowserFile>, data: &Path) -> Programs {
    let usual = Programs::usual(data.join("browser"));
    let Some(named) = file else { return usual };
    Programs {
        chromedriver: named.chromedriver.clone().unwrap_or(usual.chromedriver),
        chromium: named.chromium.clone().unwrap_or(usual.chromium),
        folder: usual.folder,
        pictures: named.pictures.unwrap_or(usual.pictures),
    }
}

/// The browsers of before where they are the ones meant: they may be in use.
fn browsers(programs: Programs, kept: Option<&Kept<'_>>) -> Arc<Browsers> {
    let before = kept.and_then(|kept| kept.before.first()).map(|before| &before.browsers);
    match before {
        Some(before) if *before.programs() == programs => Arc::clone(before),
        _ => Arc::new(Browsers::new(programs)),
    }
}

/// What this machine trusts.
fn authorities() -> rustls::RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a trusted certificate of this machine cannot be read");
    }
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    roots
}

/// TLS that trusts what this machine trusts and what the target's settings add.
fn tls(
    mut authorities: rustls::RootCertStore,
    settings: Option<&TlsSettings>,
) -> anyhow::Result<Tls> {
    let Some(settings) = settings else { return Ok(Tls::new(authorities, None)?) };
    for certificate in &settings.authorities {
        authorities.add(certificate.clone())?;
    }
    let identity = match &settings.client {
        Some(client) => Some(Identity { chain: client.chain.clone(), key: client.key()? }),
        None => None,
    };
    Ok(Tls::new(authorities, identity)?.with_own_authorities(&settings.authorities_pem))
}

/// Everything that will appear in a metric's label.
#[must_use]
pub fn labels(
    detail: Option<MetricsDetail>,
    settings: &[Arc<Setting>],
    playbooks: &[PlaybookId],
) -> LabelSets {
    let targets = || settings.iter().map(|setting| &setting.target);
    let probes = || targets().flat_map(|target| &target.probes);
    let detail = match detail {
        Some(MetricsDetail::Probe) => Detail::Probe,
        Some(MetricsDetail::Target) => Detail::Target,
        None if probes().count() > MOST_PROBES_APART => Detail::Target,
        None => Detail::Probe,
    };
    LabelSets {
        detail,
        targets: targets()
            .map(|target| TargetLabels {
                target: target.id.clone(),
                cohorts: target.cohorts.iter().map(|cohort| cohort.id.clone()).collect(),
                signals: signals(target, false),
                feeds: signals(target, true),
                thresholds: target.signals().flat_map(thresholds).collect(),
                age_limits: target.signals().filter_map(age_limit).collect(),
            })
            .collect(),
        probes: probes()
            .map(|probe| ProbeLabels {
                target: probe.target.clone(),
                probe: probe.id.clone(),
                locations: probe.locations.clone(),
            })
            .collect(),
        agents: settings.first().map_or(Vec::new(), |s| s.elsewhere.iter().cloned().collect()),
        objectives: probes().filter_map(|probe| probe.objectives.latency).collect(),
        channels: ["email", "webhook", "console"].map(str::to_owned).to_vec(),
        playbooks: playbooks.to_vec(),
        severities: Severity::ALL.iter().map(ToString::to_string).collect(),
        readiness_kinds: copy_readiness::KINDS
            .into_iter()
            .chain(readiness::KINDS)
            .chain(probe_readiness::KINDS)
            .chain(agents::KINDS)
            .map(str::to_owned)
            .collect(),
    }
}

/// From which numbers on a signal that is counted is at a level.
fn thresholds(signal: &Signal) -> impl Iterator<Item = (SignalId, &'static str, f64)> {
    let levels = [(Level::Attention, signal.attention_at), (Level::Worse, signal.worse_at)];
    let counted = signal.measure != Measure::Age;
    let levels = levels.into_iter().filter(move |_| counted);
    levels.filter_map(|(level, from)| Some((signal.id.clone(), level.as_str(), from?)))
}

/// How old what a feed delivered may be.
fn age_limit(signal: &Signal) -> Option<(SignalId, f64)> {
    let limit = signal.worse_at.filter(|_| signal.measure == Measure::Age)?;
    Some((signal.id.clone(), limit))
}

/// Ids of the ages of a target's feeds, or of the numbers that are counted.
fn signals(target: &Target, ages: bool) -> Vec<SignalId> {
    let meant = target.signals().filter(|signal| (signal.measure == Measure::Age) == ages);
    meant.map(|signal| signal.id.clone()).collect()
}
