//! People and roles by name, as pages say them; an id where the name is no longer known.

use crate::domain::ids::{PersonId, RoleId};
use crate::domain::people::People;

/// Looks names up.
#[derive(Clone, Copy)]
pub struct Names<'a>(pub &'a People);

impl Names<'_> {
    #[must_use]
    pub fn person(&self, id: &PersonId) -> String {
        self.0.persons.get(id).map_or_else(|| id.to_string(), |person| person.name.clone())
    }

    #[must_use]
    pub fn role(&self, id: &RoleId) -> String {
        self.0.roles.get(id).map_or_else(|| id.to_string(), |role| role.title.clone())
    }

    #[must_use]
    pub fn persons<'b>(&self, ids: impl IntoIterator<Item = &'b PersonId>) -> String {
        listed(&ids.into_iter().map(|id| self.person(id)).collect::<Vec<_>>())
    }

    #[must_use]
    pub fn roles<'b>(&self, ids: impl IntoIterator<Item = &'b RoleId>) -> String {
        listed(&ids.into_iter().map(|id| self.role(id)).collect::<Vec<_>>())
    }
}

/// "a", "a and b", "a, b and c".
#[must_use]
pub fn listed(names: &[impl AsRef<str>]) -> String {
    match names {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [most @ .., last] => {
            let most: Vec<&str> = most.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", most.join(", "), last.as_ref())
        }
    }
}

/// "1 report", "3 reports".
#[must_use]
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// An id as words, where there is no title: `open-crisis` → "open crisis".
#[must_use]
pub fn in_plain(id: &str) -> String {
    id.replace('-', " ")
}
