//! Starts what signing in and the staff portal need, from the site's folder alone.
//!
//! It reads no database: with everything else down, people still sign in and the copy still opens.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::installation::Installation;
use crate::identity::Identity;
use crate::snapshots::Portal;
use crate::vault::audit::{Audit, Files};
use crate::vault::directory::Directory;
use crate::vault::site::Site;
use crate::vault::{directory, policy};
use crate::web::portal::PortalWeb;

/// Where the audit trail is, under the data folder.
pub const AUDIT_FOLDER: &str = "audit";
pub const AUDIT_FILE: &str = "audit.log";
/// Thirty days of audit at its peak, written out in advance.
const AUDIT_BYTES: u64 = 64 * 1024 * 1024;
/// A demo's audit lasts an hour.
const DEMO_AUDIT_BYTES: u64 = 1024 * 1024;

/// The age a copy may have where nobody said how often it is made.
const DEFAULT_FRESHNESS: Duration = Duration::from_secs(3_600);

/// How soon a new directory is in force.
const DIRECTORY_INTERVAL: Duration = Duration::from_secs(5);

/// The site of an installation.
///
/// # Errors
/// When its folder is missing or not believed.
pub fn site(data: &Path) -> anyhow::Result<Site> {
    let root = data.join("site");
    Site::open(&root).with_context(|| {
        format!("opening the site in {}: `holdfast init` makes one", root.display())
    })
}

/// Takes every directory that is published while the service runs, so that whoever left is out and
/// whoever was enrolled gets in without a restart. One that cannot be taken is said once.
pub async fn keep_directory(data: PathBuf, identity: Arc<Identity>, clock: Clock) {
    let mut said = String::new();
    loop {
        clock.sleep(DIRECTORY_INTERVAL).await;
        match newer_directory(&data, identity.sessions.directory().number) {
            Ok(None) => {}
            Ok(Some(newer)) => {
                tracing::info!(number = newer.number, "a newer directory is in force");
                identity.sessions.replace_directory(newer);
                said.clear();
            }
            Err(error) => {
                let words = format!("{error:#}");
                if words != said {
                    tracing::error!(error = words, "the newest directory is not taken");
                    said = words;
                }
            }
        }
    }
}

fn newer_directory(data: &Path, number: u64) -> anyhow::Result<Option<Directory>> {
    let site = site(data)?;
    if directory::next_number(&site)? <= number + 1 {
        return Ok(None);
    }
    let newest = directory::load(&site, &site.node_key()?, &policy::signers(&site)?.policy)?;
    Ok(Some(newest).filter(|newest| newest.number > number))
}

/// Identity, audit trail and pages of the portal.
///
/// # Errors
/// When keys, directory or audit trail cannot be used; each says which file.
pub fn start(
    service: &Installation,
    site: &Site,
    clock: &Clock,
    live: watch::Receiver<String>,
) -> anyhow::Result<Arc<PortalWeb>> {
    let node = site.node_key()?;
    let signers = policy::signers(site)?;
    let directory = directory::load(site, &node, &signers.policy)?;
    let folder = service.data.join(AUDIT_FOLDER);
    std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let length_bytes = if service.file.synthetic { DEMO_AUDIT_BYTES } else { AUDIT_BYTES };
    let audit = Audit::open(Files {
        first: folder.join(AUDIT_FILE),
        second: folder.join("audit-second.log"),
        length_bytes,
        key: policy::audit_key(&node),
    })
    .context("opening the audit trail")?;
    Ok(Arc::new(PortalWeb {
        clock: clock.clone(),
        zone: service.time_zone.clone(),
        synthetic: service.file.synthetic,
        identity: Arc::new(Identity::new(directory)),
        portal: Arc::new(Portal::new(audit.clone())),
        audit,
        live,
        freshness_objective: service
            .snapshots
            .as_ref()
            .map_or(DEFAULT_FRESHNESS, |section| section.every.duration() * 2),
    }))
}
