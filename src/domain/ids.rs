//! Names of configured things, as newtypes, so that a cohort is never taken for an office.
//!
//! An id is what people write in files and what history hangs on: lower-case letters, digits and
//! hyphens, beginning with a letter, at most 64 characters.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Why a text is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not an id: write lower-case letters, digits and hyphens, beginning with a letter, at \
     most 64 characters"
)]
pub struct InvalidId(pub String);

fn check(text: &str) -> Result<(), InvalidId> {
    let fits = text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if fits { Ok(()) } else { Err(InvalidId(text.to_owned())) }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// # Errors
            /// When the text is not an id.
            pub fn new(text: &str) -> Result<Self, InvalidId> {
                check(text)?;
                Ok(Self(text.into()))
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string", "pattern": "^[a-z][a-z0-9-]*$", "maxLength": 64
                })
            }
        }
    };
}

id!(
    /// A system observed, or a feed between systems: `c3ms`.
    TargetId
);
id!(
    /// A configured synthetic transaction: `intake`.
    ProbeId
);
id!(
    /// A number that a probe reads: `unallocated-cases`.
    SignalId
);
id!(
    /// A step inside a probe: `sign-in`.
    StepId
);
id!(
    /// Where we probe from: `noarlunga`.
    LocationId
);
id!(
    /// Staff who share fate: `report-line`.
    CohortId
);
id!(
    /// A place of staff: `noarlunga`.
    OfficeId
);
id!(
    /// A playbook file's id: `case-system-down`.
    PlaybookId
);
id!(
    /// A role in a playbook or in `people.yaml`: `after-hours-manager`.
    RoleId
);
id!(
    /// A person in `people.yaml` and in the directory: `p-duty-1`.
    PersonId
);
id!(
    /// An item of a playbook: `tell-duty`.
    PlaybookStepId
);
id!(
    /// A line of a checklist: `lone`.
    ChecklistItemId
);
id!(
    /// A function of a unit that a playbook may suspend: `non-urgent-assessments`.
    FunctionId
);
id!(
    /// A rota in `people.yaml`: `after-hours`.
    RotaId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_lower_case_and_says_so() {
        assert!(TargetId::new("c3ms").is_ok());
        for wrong in ["", "C3MS", "3ms", "a b", "a_b", &"a".repeat(65)] {
            assert_eq!(TargetId::new(wrong), Err(InvalidId(wrong.to_owned())));
        }
    }
}
