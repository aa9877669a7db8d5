//! The `ops_notices` section of `holdfast.yaml`: who in IT operations is told of every outage.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::diagnostics::Faults;
use crate::domain::ids::RoleId;
use crate::domain::length::Length;
use crate::domain::notice::{Channel, OpsNotices};
use crate::domain::people::People;
use crate::domain::verdict::Verdict;

/// The section as it is written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawOpsNotices {
    /// A role of `people.yaml`; its rota says whose turn it is.
    #[schemars(with = "RoleId")]
    notify: Spanned<String>,
    #[serde(default = "by_email")]
    reach: Vec<Channel>,
    /// Names of webhooks that are told as well.
    #[serde(default)]
    webhooks: Vec<String>,
    /// The least verdict that is worth a notice.
    #[serde(default = "slow")]
    from_verdict: Verdict,
    /// A person is sent at most one update of an incident in this time.
    #[serde(default = "a_minute")]
    update_interval: Length,
}

fn by_email() -> Vec<Channel> {
    vec![Channel::Email]
}

fn slow() -> Verdict {
    Verdict::Slow
}

fn a_minute() -> Length {
    Length::from_secs(60)
}

impl RawOpsNotices {
    /// Checks the section against `people.yaml`; none when its fault is noted.
    pub fn check(self, people: &People, faults: &mut Faults) -> Option<OpsNotices> {
        let role = RoleId::new(&self.notify.value)
            .map_err(|error| faults.at(self.notify.defined, error.to_string()))
            .ok()?;
        if !people.roles.contains_key(&role) {
            let message = format!("people.yaml has no role '{role}': add it there");
            faults.at(self.notify.defined, message);
            return None;
        }
        Some(OpsNotices {
            notify: role,
            reach: self.reach,
            webhooks: self.webhooks,
            from_verdict: self.from_verdict,
            update_interval: self.update_interval,
        })
    }
}
