//! `holdfast demo`: a case system that fails on schedule, the service, and the people around it.
//!
//! The service is the real one, as a child process. Nothing here may reach into it but by its
//! pages, its mail and the files it writes.

mod accounts;
mod child;
mod world;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use self::world::World;
use super::init;
use crate::clock::Clock;
use crate::standin::scenario::Scenario;

/// Scenarios that ship, by name.
const SCENARIOS: &[(&str, &str)] = &[("march-2023", include_str!("march-2023.yaml"))];

/// What to show.
#[derive(Clone, Debug)]
pub struct Options {
    pub profile: String,
    /// Plays it to its end; without one the demo runs until it is stopped.
    pub scenario: Option<String>,
    pub listen: SocketAddr,
    /// Where its files go; a temporary folder when left out.
    pub data: Option<PathBuf>,
}

/// Runs the demo to the end of its scenario, or until `stop`. Lines for the reader go to `say`.
///
/// # Errors
/// When something cannot start, or the service dies again and again.
pub async fn run(
    options: Options,
    clock: Clock,
    stop: CancellationToken,
    say: &mut dyn FnMut(String),
) -> anyhow::Result<()> {
    let profile = init::profile(&options.profile)?;
    let scenario = options.scenario.as_deref().map(scenario).transpose()?;
    let folder = match options.data {
        Some(folder) => folder,
        None => std::env::temp_dir().join(format!("holdfast-demo-{}", std::process::id())),
    };
    let world = World::start(profile, &folder, options.listen, &clock).await?;
    introduce(&world, say);
    let ending = stop.child_token();
    let serving = tokio::spawn(child::keep_serving(world.config.clone(), ending.clone()));
    if let Some(scenario) = scenario {
        tokio::select! {
            played = scenario.play(&world.standin, &clock) => played?,
            () = stop.cancelled() => {}
        }
        ending.cancel();
    }
    serving.await.context("serving")??;
    Ok(())
}

fn scenario(name: &str) -> anyhow::Result<Scenario> {
    let found = SCENARIOS.iter().find(|(known, _)| *known == name);
    let (_, text) = found.with_context(|| {
        let names: Vec<_> = SCENARIOS.iter().map(|(known, _)| *known).collect();
        format!("there is no scenario '{name}': write one of {}", names.join(", "))
    })?;
    Ok(Scenario::parse(text)?)
}

fn introduce(world: &World, say: &mut dyn FnMut(String)) {
    say(format!(
        "Holdfast demo. Everything in it is synthetic; it is in {}",
        world.folder.display()
    ));
    say(format!("  staff page        {}/", world.origin));
    say(format!("  operations        {}/ops", world.origin));
    say(format!("  read-only copy    {}/portal", world.origin));
    say(format!("  case system       {}/", world.standin.url()));
    say(format!("  mail that arrives {}", world.folder.join("mail").display()));
    say(format!(
        "  sign in as p-ops-1, p-duty-1, p-crisis … with '{}' and codes of {}",
        accounts::PASSPHRASE,
        accounts::TOTP_SECRET
    ));
}
