//! Where the numbers go that probes read: to whoever keeps them, without waiting for them.

use std::collections::BTreeMap;

use tokio::sync::mpsc;

use super::values::Values;
use crate::domain::check::{FailureReason, Outcome};
use crate::domain::ids::SignalId;
use crate::domain::signal::{Measure, Reading, Signal};

use super::steps::Fault;

/// Takes readings; without a receiver they are not kept.
#[derive(Clone, Debug, Default)]
pub struct Readings(Option<mpsc::Sender<Reading>>);

impl Readings {
    #[must_use]
    pub fn to(keeper: mpsc::Sender<Reading>) -> Self {
        Self(Some(keeper))
    }

    /// Never waits: when the keeper is behind, the next run brings a newer number.
    pub(super) fn tell(&self, reading: Reading) {
        if let Some(keeper) = &self.0
            && let Err(error) = keeper.try_send(reading)
        {
            tracing::warn!(%error, "a number that was read is not kept");
        }
    }
}

/// The numbers among the captured values.
///
/// # Errors
/// When one of them is not a number.
pub(super) fn numbers(
    signals: &[Signal],
    values: &Values<'_>,
) -> Result<BTreeMap<SignalId, f64>, Fault> {
    let mut numbers = BTreeMap::new();
    for signal in signals {
        let Measure::Captured { name, .. } = &signal.measure else { continue };
        let number = values.captured(name).and_then(|text| text.trim().parse::<f64>().ok());
        let number = number.filter(|number| number.is_finite()).ok_or_else(|| {
            let outcome = Outcome::Failed(FailureReason::Capture);
            Fault::new(outcome, format!("'{name}' is not a number"))
        })?;
        numbers.insert(signal.id.clone(), number);
    }
    Ok(numbers)
}
