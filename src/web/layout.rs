//! The frame of every page: title, navigation, who is signed in, when it was made.
//!
//! A page's template extends `web/layout.html` and holds a [`Layout`] in a field of that name.

use askama::Template;
use axum::response::Html;

use super::assets;
use super::error::WebError;
use super::gate::Visitor;
use super::times::Moment;

/// Which part of Holdfast a page belongs to; it decides the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Staff,
    Operations,
    Portal,
}

impl Section {
    /// What the navigation is called for those who listen.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Staff => "Staff",
            Self::Operations => "Operations",
            Self::Portal => "Read-only copy",
        }
    }

    /// Where the navigation leads: address and words.
    #[must_use]
    pub fn items(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Staff => &[
                ("/", "For your office"),
                ("/phones", "Phone list"),
                ("/portal", "Read-only copy"),
            ],
            Self::Operations => &[
                ("/ops", "Now"),
                ("/ops/incidents", "Incidents"),
                ("/ops/probes", "Probes"),
                ("/ops/register", "Register"),
                ("/ops/start", "Start a plan"),
                ("/reports", "Reports"),
            ],
            Self::Portal => &[
                ("/portal", "Find"),
                ("/portal/due", "Due"),
                ("/portal/court", "Court"),
                ("/phones", "Phone list"),
            ],
        }
    }
}

/// What `layout.html` needs to know.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Where you are and how it stands: "C3MS down since 09:31"; the name Holdfast is added.
    pub title: String,
    pub section: Section,
    /// The navigation's address that is this page's, or its parent's.
    pub current: &'static str,
    pub visitor: Visitor,
    /// Whether script may refresh the page's regions.
    pub live: bool,
    /// Whether the pages must say that everything is synthetic.
    pub synthetic: bool,
    /// For the `lang` attribute: `en-AU`.
    pub language: &'static str,
    /// When the page was made, in words.
    pub made_at: String,
}

impl Layout {
    /// A frame for `section`; not live, and synthetic unless told otherwise.
    #[must_use]
    pub fn new(
        title: impl Into<String>,
        section: Section,
        visitor: &Visitor,
        made: &Moment,
    ) -> Self {
        Self {
            title: title.into(),
            section,
            current: section.items()[0].0,
            visitor: visitor.clone(),
            live: false,
            synthetic: false,
            language: "en-AU",
            made_at: made.absolute(),
        }
    }

    /// Marks the navigation's item at `address` as the current one.
    #[must_use]
    pub fn at(mut self, address: &'static str) -> Self {
        self.current = address;
        self
    }

    /// Lets script refresh the page's regions.
    #[must_use]
    pub fn live(mut self) -> Self {
        self.live = true;
        self
    }

    /// Says on the page that everything is synthetic, where it is.
    #[must_use]
    pub fn synthetic(mut self, synthetic: bool) -> Self {
        self.synthetic = synthetic;
        self
    }

    #[must_use]
    pub fn is_current(&self, item: &(&'static str, &'static str)) -> bool {
        item.0 == self.current
    }

    #[must_use]
    pub fn stylesheet(&self) -> String {
        assets::stylesheet_url()
    }

    #[must_use]
    pub fn script(&self) -> String {
        assets::script_url()
    }

    #[must_use]
    pub fn icon(&self) -> String {
        assets::icon_url()
    }
}

/// Renders a page.
///
/// # Errors
/// When the template fails, which only a failing formatter can bring about.
pub fn page(template: &impl Template) -> Result<Html<String>, WebError> {
    template.render().map(Html).map_err(WebError::internal)
}
