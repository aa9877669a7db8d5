//! Where and how often `holdfast.yaml` lets probes write.

use serde_saphyr::Spanned;

use super::diagnostics::Faults;
use crate::domain::length::Length;

/// Probes write to a real system at most this often.
const WRITES_APART: Length = Length::from_secs(15 * 60);

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WritesFile {
    /// At most one write in each. At least 15 min, except where everything is synthetic.
    #[schemars(with = "Length")]
    interval: Spanned<Length>,
    /// The office that probes write into, as the target's own staff know it: no case is there.
    #[schemars(with = "String")]
    test_office: Spanned<String>,
}

/// How often and where probes of a target may write.
#[derive(Clone, Debug)]
pub struct WritesSection {
    pub interval: Length,
    pub test_office: String,
}

/// Reads what is allowed, and notes what is not.
pub fn read_writes(file: &WritesFile, synthetic: bool, faults: &mut Faults) -> WritesSection {
    let (interval, office) = (&file.interval, &file.test_office);
    if interval.value < WRITES_APART && !synthetic {
        faults.at(interval.defined, "probes may write at most every 15 min to a real system");
    }
    if office.value.trim().is_empty() {
        faults.at(office.defined, "names no office: write the one that no case is in");
    }
    WritesSection { interval: interval.value, test_office: office.value.clone() }
}
