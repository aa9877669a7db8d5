//! The child's side of a run: `holdfast capture-run`, which reads its task from its arguments.
//!
//! It is given no way to a key that opens: the site's `opener` and `custody` folders are never
//! touched here, and belong to another Unix user at level server.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use super::build::{Assignment, build};
use super::{CaptureError, Report};
use crate::clock::Clock;
use crate::config::diagnostics::Diagnostics;
use crate::config::{self, diagnostics};
use crate::domain::mapping::Mapping;
use crate::sources::http_json::{HttpJson, is_loopback};
use crate::vault::manifest::Build;
use crate::vault::site::{Level, Site};

/// What the service tells a child to do.
#[derive(Clone, Debug)]
pub struct Task {
    pub site: PathBuf,
    pub mapping: PathBuf,
    pub source_url: Url,
    pub token: SecretString,
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
pub async fn run(task: &Task, clock: &Clock) -> Ended {
    let mapping = match read_mapping(task) {
        Ok(mapping) => mapping,
        Err(faults) => return Ended::Failed(faults.to_string()),
    };
    match capture(task, &mapping, clock).await {
        Ok(report) => Ended::Report(report),
        Err(CaptureError::FullDue(why)) => Ended::FullDue(why),
        Err(error) => Ended::Failed(error.to_string()),
    }
}

fn read_mapping(task: &Task) -> Result<Mapping, Diagnostics> {
    let text = diagnostics::read(&task.mapping)?;
    config::mapping::read(&task.mapping.display().to_string(), &text)
}

async fn capture(task: &Task, mapping: &Mapping, clock: &Clock) -> Result<Report, CaptureError> {
    let site = Site::open(&task.site)?;
    if site.description().level == Level::Demo && !is_loopback(&task.source_url) {
        return Err(CaptureError::RealSourceAtDemo);
    }
    let (url, shape) = (task.source_url.clone(), mapping.shape.clone());
    let source = HttpJson::new(url, shape, task.token.clone(), clock.clone())?;
    let assignment =
        Assignment { site: &site, mapping, build: task.build, epoch: &task.epoch, clock };
    build(&assignment, &source).await
}
