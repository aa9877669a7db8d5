//! The browsers behind browser steps: one chromedriver, and a fresh Chromium a sitting.
//!
//! Chromium reaches the target through a gate of ours and nothing else. Whatever happens to a step,
//! its browser is closed; one that an earlier life of the service left behind is ended.

mod driver;
mod gate;
mod pictures;
pub(super) mod sitting;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Mutex, Semaphore};

use self::driver::Driver;
use self::sitting::Sitting;
use crate::clock::Clock;

/// Browsers open at once: each takes a few hundred megabytes.
const MOST_SITTINGS: usize = 2;

/// The programs behind browser steps, and where they may leave something.
#[derive(Clone, Debug)]
pub struct Programs {
    pub chromedriver: PathBuf,
    pub chromium: PathBuf,
    /// A folder of our own: `profiles` and `pictures` are made in it.
    pub folder: PathBuf,
}

impl Programs {
    /// The programs where the system's packages put them.
    #[must_use]
    pub fn usual(folder: PathBuf) -> Self {
        Self { chromedriver: "chromedriver".into(), chromium: "chromium".into(), folder }
    }

    /// Where the profiles of this very process are: another one may use the same folder.
    fn profiles(&self) -> PathBuf {
        self.folder.join("profiles").join(std::process::id().to_string())
    }
}

/// One chromedriver for every browser step of the installation, started when first needed.
#[derive(Debug)]
pub struct Browsers {
    programs: Programs,
    driver: Mutex<Option<Driver>>,
    seats: Arc<Semaphore>,
}

impl Browsers {
    #[must_use]
    pub fn new(programs: Programs) -> Self {
        let seats = Arc::new(Semaphore::new(MOST_SITTINGS));
        Self { programs, driver: Mutex::default(), seats }
    }

    /// Keeps a picture of the page; its file name, or none when there is nothing to see.
    pub(super) async fn picture(
        &self,
        sitting: &Sitting,
        label: &str,
        clock: &Clock,
    ) -> Option<String> {
        pictures::take(sitting, &self.programs.folder, label, clock).await
    }
}

impl Drop for Browsers {
    fn drop(&mut self) {
        sitting::end(&self.programs.profiles());
    }
}
