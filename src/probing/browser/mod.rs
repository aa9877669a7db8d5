//! The browsers behind browser steps: one chromedriver, and a fresh Chromium a sitting.
//!
//! Chromium reaches the target through a gate of ours and nothing else. Whatever happens to a step,
//! its browser is closed; one that an earlier life of the service left behind is ended.

mod driver;
mod gate;
mod pictures;
mod profiles;
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    pub chromedriver: PathBuf,
    pub chromium: PathBuf,
    /// A folder of our own: `profiles` and `pictures` are made in it.
    pub folder: PathBuf,
    /// Whether a page that failed leaves a picture.
    pub pictures: bool,
}

impl Programs {
    /// The programs where the system's packages put them.
    #[must_use]
    pub fn usual(folder: PathBuf) -> Self {
        Self {
            chromedriver: "chromedriver".into(),
            chromium: "chromium".into(),
            folder,
            pictures: true,
        }
    }

    /// Where the folders of profiles are, those of other processes among them.
    fn profiles(&self) -> PathBuf {
        self.folder.join("profiles")
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
    /// Ends and clears away what an earlier life of the service left behind.
    #[must_use]
    pub fn new(programs: Programs) -> Self {
        profiles::sweep(&programs.profiles());
        let seats = Arc::new(Semaphore::new(MOST_SITTINGS));
        Self { programs, driver: Mutex::default(), seats }
    }

    #[must_use]
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// Keeps a picture of the page; its file name, or none when there is nothing to see or none is
    /// wanted.
    pub(super) async fn picture(
        &self,
        sitting: &Sitting,
        label: &str,
        clock: &Clock,
    ) -> Option<String> {
        if !self.programs.pictures {
            return None;
        }
        pictures::take(sitting, &self.programs.folder, label, clock).await
    }
}
