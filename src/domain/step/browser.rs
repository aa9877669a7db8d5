//! A step that uses the case system through a real browser.

use std::time::Duration;

use super::template::Template;

/// What a person would do in one sitting, from a page on.
#[derive(Clone, Debug)]
pub struct BrowserVisit {
    /// The path of the page it begins on.
    pub start: Template,
    pub actions: Vec<BrowserAction>,
}

/// One thing a person does or looks for. Each waits for its element to appear.
#[derive(Clone, Debug)]
pub enum BrowserAction {
    /// Goes to another page by its path.
    Goto(Template),
    /// Clears a field and types into it.
    Fill {
        select: String,
        text: Template,
    },
    Click(String),
    /// Looks for a text in the first element found.
    ExpectText {
        select: String,
        contains: Template,
    },
    ExpectSelector(String),
    Wait(Duration),
}
