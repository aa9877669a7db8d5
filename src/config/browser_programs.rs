//! The `browser` section of `holdfast.yaml`: where the programs behind browser steps are.

use std::path::PathBuf;

/// Programs that browser steps need.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BrowserFile {
    /// `chromedriver` when left out.
    pub chromedriver: Option<PathBuf>,
    /// `chromium` when left out.
    pub chromium: Option<PathBuf>,
}
