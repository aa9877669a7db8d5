//! `holdfast demo`: a case system that fails on schedule, the service, and the people around it.
//!
//! The service is the real one, as a child process. Nothing here may reach into it but by its
//! pages, its mail and the files it writes.

mod accounts;
mod child;
mod narrator;
mod people;
mod summary;
mod world;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

pub use self::summary::Summary;

use self::narrator::Narrator;
use self::people::Stage;
use self::world::World;
use super::init;
use crate::clock::Clock;
use crate::standin::scenario::Scenario;

/// Scenarios that ship, by name; the first one is played when none is named.
const SCENARIOS: &[(&str, &str)] = &[("march-2023", include_str!("march-2023.yaml"))];
/// A scenario's people have so long after its last fault.
const PEOPLE_TIMEOUT: Duration = Duration::from_secs(120);

/// What to show.
pub struct Options {
    pub profile: String,
    /// Ends with it; when none is named the demo goes on until it is stopped.
    pub scenario: Option<String>,
    pub listen: SocketAddr,
    /// Where its files go; a temporary folder when left out.
    pub data: Option<PathBuf>,
    /// Hears what happens, line by line.
    pub say: Arc<dyn Fn(String) + Send + Sync>,
}

/// Runs the demo, to the end of the scenario that was named or until `stop`. A scenario played to
/// its end is summed up.
///
/// # Errors
/// When something cannot start, or the service dies again and again.
pub async fn run(
    options: Options,
    clock: Clock,
    stop: CancellationToken,
) -> anyhow::Result<Option<Summary>> {
    let profile = init::profile(&options.profile)?;
    let ends = options.scenario.is_some();
    let scenario = scenario(options.scenario.as_deref().unwrap_or(SCENARIOS[0].0))?;
    let folder = match options.data {
        Some(folder) => folder,
        None => std::env::temp_dir().join(format!("holdfast-demo-{}", std::process::id())),
    };
    let world = World::start(profile, &folder, options.listen, &clock).await?;
    let narrator = Narrator::new(clock.clone(), options.say);
    introduce(&world, &narrator);

    let ending = stop.child_token();
    let mut serving = tokio::spawn(child::keep_serving(world.config.clone(), ending.clone()));
    let begun_at = clock.now();
    let ended_at = tokio::select! {
        ended_at = play(&scenario, &world, &clock, &narrator) => ended_at?,
        served = &mut serving => {
            served.context("serving")??;
            return Ok(None);
        }
    };
    if ends {
        ending.cancel();
        (&mut serving).await.context("serving")??;
    }
    let summary = summary::sum_up(&world.config, begun_at, ended_at).await?;
    summary.lines().into_iter().for_each(|line| narrator.print(line));
    if !ends {
        narrator.print("\nIt goes on until you stop it: sign in and look around.".to_owned());
        serving.await.context("serving")??;
    }
    Ok(Some(summary))
}

fn scenario(name: &str) -> anyhow::Result<Scenario> {
    let found = SCENARIOS.iter().find(|(known, _)| *known == name);
    let (_, text) = found.with_context(|| {
        let names: Vec<_> = SCENARIOS.iter().map(|(known, _)| *known).collect();
        format!("there is no scenario '{name}': write one of {}", names.join(", "))
    })?;
    Ok(Scenario::parse(text)?)
}

/// Plays the scenario with its people, and says when it was over.
async fn play(
    scenario: &Scenario,
    world: &World,
    clock: &Clock,
    narrator: &Narrator,
) -> anyhow::Result<Timestamp> {
    let stage = Stage {
        origin: world.origin.clone(),
        case_system: world.standin.url(),
        offices: scenario.offices.clone(),
        mail: Arc::clone(&world.mail),
        clock: clock.clone(),
        narrator: narrator.clone(),
    };
    let last_fault = scenario.timeline.last().map_or(Duration::ZERO, |moment| moment.at);
    let acting = tokio::time::timeout(last_fault + PEOPLE_TIMEOUT, people::play(&stage));
    let failing = scenario.play(&world.standin, clock, |words| narrator.say(words));
    let playing = async { tokio::join!(failing, acting) };
    let (failed, acted) = tokio::select! {
        played = playing => played,
        () = people::tell_of_mail(&stage) => anyhow::bail!("the mail server ended"),
    };
    failed?;
    if acted.is_err() {
        narrator.say("Somebody waits for something that does not come");
    }
    Ok(clock.now())
}

fn introduce(world: &World, narrator: &Narrator) {
    let folder = world.folder.display();
    for line in [
        format!("Holdfast demo. Everything in it is synthetic; it is in {folder}"),
        format!("  staff page        {}/", world.origin),
        format!("  operations        {}/ops", world.origin),
        format!("  read-only copy    {}/portal", world.origin),
        format!("  case system       {}/", world.standin.url()),
        format!("  mail that arrives {}", world.folder.join(world::MAIL).display()),
        format!(
            "  sign in as p-ops-1, p-duty-1, p-crisis … with '{}' and codes of {}",
            accounts::PASSPHRASE,
            accounts::TOTP_SECRET
        ),
    ] {
        narrator.print(line);
    }
}
