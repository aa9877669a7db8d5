//! The numbers a regulator asks for: who carries how many cases, and which have nobody.
//!
//! The limit of 15 and the absolute one of 18 are those of the WA caseload rules.

use std::collections::HashMap;

use serde::Serialize;

use super::model::casework::CaseStatus;
use super::register::Register;

/// More open cases than this only in exceptional circumstances.
const LIMIT: usize = 15;
/// More open cases than this never.
const ABSOLUTE_LIMIT: usize = 18;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Caseload {
    pub open_cases: usize,
    pub children_in_open_cases: usize,
    pub unallocated_cases: usize,
    pub children_in_unallocated_cases: usize,
    pub workers_with_cases: usize,
    pub workers_over_15: usize,
    pub workers_over_18: usize,
}

impl Caseload {
    /// Counts over the open cases.
    #[must_use]
    pub fn count(register: &Register) -> Self {
        let mut counted = Self::default();
        let mut carried: HashMap<&str, usize> = HashMap::new();
        for case in register.cases.iter().filter(|case| case.status != CaseStatus::Closed) {
            counted.open_cases += 1;
            counted.children_in_open_cases += case.child_ids.len();
            match &case.key_worker_id {
                Some(worker) => *carried.entry(worker).or_default() += 1,
                None => {
                    counted.unallocated_cases += 1;
                    counted.children_in_unallocated_cases += case.child_ids.len();
                }
            }
        }
        counted.workers_with_cases = carried.len();
        counted.workers_over_15 = carried.values().filter(|cases| **cases > LIMIT).count();
        counted.workers_over_18 = carried.values().filter(|cases| **cases > ABSOLUTE_LIMIT).count();
        counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standin::families::{Settings, generate};

    #[test]
    fn some_workers_carry_too_much_and_some_cases_have_nobody() {
        let now = "2023-03-01T22:30:00Z".parse().unwrap();
        let caseload = Caseload::count(&generate(Settings { seed: 1, people: 5000, now }));
        assert!(caseload.unallocated_cases > 0);
        assert!(caseload.children_in_unallocated_cases > caseload.unallocated_cases);
        assert!(caseload.workers_over_15 > caseload.workers_over_18, "{caseload:?}");
        assert!(caseload.workers_over_15 < caseload.workers_with_cases / 3, "{caseload:?}");
    }
}
