//! The `browser` section of `holdfast.yaml`: where the programs behind browser steps are, and
//! whether pages that fail leave pictures.

use std::path::PathBuf;

/// Programs that browser steps need.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BrowserFile {
    /// `chromedriver` when left out.
    pub chromedriver: Option<PathBuf>,
    /// `chromium` when left out.
    pub chromium: Option<PathBuf>,
    /// Whether a page that failed leaves a picture; `true` when left out.
    pub pictures: Option<bool>,
}
