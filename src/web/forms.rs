//! Parts of forms that pages share: choices and the errors beside fields.

/// One choice of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub value: String,
    pub words: String,
    pub chosen: bool,
}

/// What is wrong with a field, said on top of the page and beside the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The field's id on the page.
    pub field: &'static str,
    pub text: String,
}

impl Choice {
    #[must_use]
    pub fn new(value: impl Into<String>, words: impl Into<String>, chosen: bool) -> Self {
        Self { value: value.into(), words: words.into(), chosen }
    }
}
