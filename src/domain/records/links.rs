//! Which people and cases a record belongs to, written once for the shapes that repeat.

macro_rules! of_people_and_case {
    ($($kind:ident),+) => {$(
        impl $kind {
            pub(super) fn person_ids(&self) -> Vec<&RecordId> {
                self.people.iter().collect()
            }

            pub(super) fn case_ids(&self) -> Vec<&RecordId> {
                self.case.iter().collect()
            }
        }
    )+};
}

macro_rules! of_person {
    ($($kind:ident),+) => {$(
        impl $kind {
            pub(super) fn person_ids(&self) -> Vec<&RecordId> {
                vec![&self.person]
            }

            pub(super) fn case_ids(&self) -> Vec<&RecordId> {
                Vec::new()
            }
        }
    )+};
}
