//! The child's side of a run: `holdfast capture-run`, which reads its task from its arguments.
//!
//! It is given no way to a key that opens: the site's `opener` and `custody` folders are never
//! touched here, and belong to another Unix user at level server.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use super::build::{Assignment, Progress, build};
use super::{CaptureError, Report};
use crate::clock::Clock;
use crate::config::diagnostics::Diagnostics;
use crate::config::{self, diagnostics};
use crate::crypto::digest::Digest;
use crate::domain::mapping::Mapping;
use crate::sources::{self, address};
use crate::vault::manifest::Build;
use crate::vault::site::{Level, Site};

/// What the service tells a child to do.
#[derive(Clone, Debug)]
pub struct Task {
    pub site: PathBuf,
    pub mapping: PathBuf,
    pub source_url: Url,
    /// A token or a password; none where the source wants none.
    pub token: Option<SecretString>,
    pub build: Build,
    pub epoch: String,
}

/// The one line that a child prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    Report(Report),
    /// There is no usable ledger: start again as a full build.
    FullDue(String),
    /// Nothing was published; the message is free of case data.
    Failed(String),
}

/// Does what it is told and says how it ended.
pub async fn run(task: &Task, clock: &Clock, progress: &(dyn Fn(&Progress<'_>) + Sync)) -> Ended {
    let (mapping, asked) = match read_mapping(task) {
        Ok(read) => read,
        Err(faults) => return Ended::Failed(faults.to_string()),
    };
    match capture(task, (&mapping, asked), clock, progress).await {
        Ok(report) => Ended::Report(report),
        Err(CaptureError::FullDue(why)) => Ended::FullDue(why),
        Err(error) => Ended::Failed(error.to_string()),
    }
}

/// The mapping, and what tells it and the address from others.
fn read_mapping(task: &Task) -> Result<(Mapping, Digest), Diagnostics> {
    let text = diagnostics::read(&task.mapping)?;
    let mapping = config::mapping::read(&task.mapping.display().to_string(), &text)?;
    Ok((mapping, Digest::of(format!("{}\n{text}", task.source_url).as_bytes())))
}

async fn capture(
    task: &Task,
    (mapping, asked): (&Mapping, Digest),
    clock: &Clock,
    progress: &(dyn Fn(&Progress<'_>) + Sync),
) -> Result<Report, CaptureError> {
    let site = Site::open(&task.site)?;
    if site.description().level == Level::Demo && !address::is_of_this_machine(&task.source_url) {
        return Err(CaptureError::RealSourceAtDemo);
    }
    let source = sources::open(mapping, &task.source_url, task.token.clone(), clock)?;
    let assignment = Assignment {
        site: &site,
        mapping,
        asked,
        build: task.build,
        epoch: &task.epoch,
        clock,
        progress,
    };
    build(&assignment, &source).await
}
