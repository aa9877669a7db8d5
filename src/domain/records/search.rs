//! What of a record can be searched for.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Record, RecordKey};

/// One row of the search index, made at capture and carried in the same tier as its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchRow {
    pub key: RecordKey,
    /// Name, preferred name and aliases, each as written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub born_on: Option<Date>,
    /// Case number, report number, record id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

impl SearchRow {
    /// The row of a record that people search for; none for all other kinds. A protected address
    /// is left out: whoever may see it finds the household through its people.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        let key = record.key();
        let id = key.id.to_string();
        let empty =
            Self { key, names: Vec::new(), born_on: None, numbers: vec![id], address: None };
        match record {
            Record::Person(person) => {
                let mut names = vec![person.name.clone()];
                names.extend(person.preferred_name.clone());
                names.extend(person.aliases.iter().map(|alias| alias.name.clone()));
                Some(Self { names, born_on: person.born_on, ..empty })
            }
            Record::Case(case) => {
                let mut row = Self { names: case.title.iter().cloned().collect(), ..empty };
                row.add_number(&case.number);
                Some(row)
            }
            Record::ConcernReport(report) => {
                let mut row = empty;
                report.number.iter().for_each(|number| row.add_number(number));
                Some(row)
            }
            Record::Household(household) if !household.protected => {
                Some(Self { address: Some(household.address.clone()), ..empty })
            }
            _ => None,
        }
    }

    fn add_number(&mut self, number: &str) {
        if !self.numbers.iter().any(|known| known == number) {
            self.numbers.push(number.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn household(protected: bool) -> Record {
        let json = serde_json::json!({"household": {
            "header": {
                "id": "H-1", "tier": "standard", "class": "general", "source": "c3ms",
                "source_version": "1", "updated_at": "2023-03-01T00:00:00Z"
            },
            "address": "12 Synthetic Street", "protected": protected
        }});
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_protected_address_is_not_searchable() {
        assert!(SearchRow::of(&household(true)).is_none());
        let row = SearchRow::of(&household(false)).unwrap();
        assert_eq!(row.address.as_deref(), Some("12 Synthetic Street"));
    }
}
