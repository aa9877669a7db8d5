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

/// Scenarios that ship; the first one of a profile is played when none is named.
const SCENARIOS: &[Shipped] = &[
    Shipped {
        profile: "c3ms",
        name: "march-2023",
        timeline: include_str!("march-2023.yaml"),
        cast: Cast::MarchPeople,
    },
    Shipped {
        profile: "care",
        name: "feeds-stale",
        timeline: include_str!("care.yaml"),
        cast: Cast::Mail(&[("ops-", "Works again after:"), ("practice@", "All clear:")]),
    },
    Shipped {
        profile: "cyras",
        name: "case-system-slow",
        timeline: include_str!("cyras.yaml"),
        cast: Cast::Mail(&[("ops-", "Works again after:"), ("practice@", "All clear:")]),
    },
    Shipped {
        profile: "wa",
        name: "unallocated-cases",
        timeline: include_str!("wa.yaml"),
        cast: Cast::Mail(&[("ops-", "A number to look at:")]),
    },
    Shipped {
        profile: "nsw",
        name: "hand-over-stuck",
        timeline: include_str!("nsw.yaml"),
        cast: Cast::Mail(&[("ops-", "Works again after:"), ("practice@", "All clear:")]),
    },
];
/// A scenario's people have so long after its last fault.
const PEOPLE_TIMEOUT: Duration = Duration::from_secs(120);

/// A scenario with the profile it is of.
struct Shipped {
    profile: &'static str,
    name: &'static str,
    timeline: &'static str,
    cast: Cast,
}

/// Who takes part, and so when it is over.
#[derive(Clone, Copy)]
enum Cast {
    /// Staff and managers of March 2023, who act.
    MarchPeople,
    /// Nobody acts; it is over when these have had mail: how an address and a subject begin.
    Mail(&'static [(&'static str, &'static str)]),
}

/// What to show.
pub struct Options {
    pub profile: String,
    /// Ends with it; when none is named the demo goes on until it is stopped.
    pub scenario: Option<String>,
    /// Ends after the scenario also when none is named.
    pub ends: bool,
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
    let ends = options.ends || options.scenario.is_some();
    let (scenario, cast) = scenario(profile.name, options.scenario.as_deref())?;
    let folder = match options.data {
        Some(folder) => folder,
        None => std::env::temp_dir().join(format!("holdfast-demo-{}", std::process::id())),
    };
    let world = World::start(profile, &folder, options.listen, &clock).await?;
    let narrator = Narrator::new(clock.clone(), options.say);
    introduce(&world, profile.captures, &narrator);

    let ending = stop.child_token();
    let mut serving = tokio::spawn(child::keep_serving(world.config.clone(), ending.clone()));
    let begun_at = clock.now();
    let ended_at = tokio::select! {
        ended_at = play((&scenario, cast), &world, &clock, &narrator) => ended_at?,
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

/// The scenario of that name, or the profile's first one.
fn scenario(profile: &str, name: Option<&str>) -> anyhow::Result<(Scenario, Cast)> {
    let of_profile = || SCENARIOS.iter().filter(|shipped| shipped.profile == profile);
    let found = of_profile().find(|shipped| name.is_none_or(|name| shipped.name == name));
    let shipped = found.with_context(|| {
        let names: Vec<_> = of_profile().map(|shipped| shipped.name).collect();
        let name = name.unwrap_or_default();
        format!("{profile} has no scenario '{name}': write one of {}", names.join(", "))
    })?;
    Ok((Scenario::parse(shipped.timeline)?, shipped.cast))
}

/// Plays the scenario with its people, and says when it was over.
async fn play(
    (scenario, cast): (&Scenario, Cast),
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
    let people = async {
        match cast {
            Cast::MarchPeople => people::play(&stage).await,
            Cast::Mail(expected) => people::wait_for_mail(&stage, expected).await,
        }
    };
    let acting = tokio::time::timeout(last_fault + PEOPLE_TIMEOUT, people);
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

fn introduce(world: &World, has_copy: bool, narrator: &Narrator) {
    let folder = world.folder.display();
    let copy = format!("  read-only copy    {}/portal", world.origin);
    for line in [
        format!("Holdfast demo. Everything in it is synthetic; it is in {folder}"),
        format!("  staff page        {}/", world.origin),
        format!("  operations        {}/ops", world.origin),
        if has_copy { copy } else { "  read-only copy    none: no export is mapped".to_owned() },
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
