//! The case systems that Holdfast ships files for: probes, plans, people.
//!
//! Only what ships is here; what an installation makes of it, [`super::init`] knows.

/// A case system that Holdfast ships files for.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    pub name: &'static str,
    pub unit: &'static str,
    pub time_zone: &'static str,
    pub target: &'static str,
    /// Where nobody answers: it is to be replaced.
    pub base_url: &'static str,
    /// The other side of an interface that its probes speak to.
    pub interface: Option<Interface>,
    /// Whether its export is mapped, so that a copy can be captured.
    pub captures: bool,
    pub files: &'static [(&'static str, &'static str)],
    /// Who may sign in; the days in it are filled in when it is written.
    pub directory: &'static str,
    /// Plans of its own, beside [`COMMON_PLAYBOOKS`].
    pub playbooks: &'static [(&'static str, &'static str)],
    /// The demo's plan, in seconds.
    pub demo_playbook: (&'static str, &'static str),
    /// How often probes of the demo may write.
    pub demo_writes: &'static str,
}

/// Another system that probes speak to.
#[derive(Clone, Copy, Debug)]
pub struct Interface {
    /// Its name in the probe file, and the path its stand-in is under.
    pub system: &'static str,
    pub base_url: &'static str,
    /// The secret its requests carry.
    pub secret: &'static str,
    /// Where that secret is, under `secrets/`.
    pub secret_file: &'static str,
}

macro_rules! shipped {
    ($($to:literal from $from:literal),+ $(,)?) => {
        &[$(($to, include_str!(concat!("../../", $from)))),+]
    };
    (one $to:literal from $from:literal) => {
        ($to, include_str!(concat!("../../", $from)))
    };
}

/// Plans for losses that no case system is needed for: they ship with every profile.
pub const COMMON_PLAYBOOKS: &[(&str, &str)] = shipped! {
    "playbooks/workforce-depletion.yaml" from "playbooks/c3ms/workforce-depletion.yaml",
    "playbooks/key-staff-lost.yaml" from "playbooks/c3ms/key-staff-lost.yaml",
    "playbooks/demand-surge.yaml" from "playbooks/c3ms/demand-surge.yaml",
    "playbooks/building-lost.yaml" from "playbooks/c3ms/building-lost.yaml",
    "playbooks/equipment-lost.yaml" from "playbooks/c3ms/equipment-lost.yaml",
    "playbooks/supplier-fails.yaml" from "playbooks/c3ms/supplier-fails.yaml",
};

/// Every profile there is.
pub const PROFILES: &[Profile] = &[C3MS, CARE, CYRAS, WA, NSW];

/// South Australia.
const C3MS: Profile = Profile {
    name: "c3ms",
    unit: "Child protection, all offices",
    time_zone: "Australia/Adelaide",
    target: "c3ms",
    base_url: "https://c3ms.example.gov",
    interface: None,
    captures: true,
    files: shipped! {
        "probes/c3ms.yaml" from "probes/c3ms.yaml",
        "probes/capture/c3ms.yaml" from "probes/capture/c3ms.yaml",
        "people.yaml" from "playbooks/demo/people.yaml",
    },
    directory: include_str!("profile/c3ms/directory.yaml"),
    playbooks: shipped! {
        "playbooks/case-system-down.yaml" from "playbooks/c3ms/case-system-down.yaml",
        "playbooks/comes-and-goes.yaml" from "playbooks/c3ms/comes-and-goes.yaml",
        "playbooks/slow-service.yaml" from "playbooks/c3ms/slow-service.yaml",
        "playbooks/stale-feed.yaml" from "playbooks/c3ms/stale-feed.yaml",
    },
    demo_playbook: shipped!(one "playbooks/march-2023.yaml" from "playbooks/demo/march-2023.yaml"),
    demo_writes: "20 s",
};

/// Northern Territory.
const CARE: Profile = Profile {
    name: "care",
    unit: "Territory families, all offices",
    time_zone: "Australia/Darwin",
    target: "care",
    base_url: "https://care.example.gov",
    interface: Some(Interface {
        system: "police",
        base_url: "https://promis.example.gov",
        secret: "police_token",
        secret_file: "police-token",
    }),
    captures: false,
    files: shipped! {
        "probes/care.yaml" from "probes/care.yaml",
        "people.yaml" from "src/app/profile/care/people.yaml",
    },
    directory: include_str!("profile/care/directory.yaml"),
    playbooks: shipped! {
        "playbooks/feeds-stale.yaml" from "playbooks/care/feeds-stale.yaml",
    },
    demo_playbook: shipped!(
        one "playbooks/care-feeds-stale.yaml" from "playbooks/demo/care-feeds-stale.yaml"
    ),
    demo_writes: "4 s",
};

/// New Zealand.
const CYRAS: Profile = Profile {
    name: "cyras",
    unit: "Oranga Tamariki, all sites",
    time_zone: "Pacific/Auckland",
    target: "cyras",
    base_url: "https://cyras.example.govt.nz",
    interface: None,
    captures: false,
    files: shipped! {
        "probes/cyras.yaml" from "probes/cyras.yaml",
        "people.yaml" from "src/app/profile/cyras/people.yaml",
    },
    directory: include_str!("profile/cyras/directory.yaml"),
    playbooks: shipped! {
        "playbooks/case-system-slow.yaml" from "playbooks/cyras/case-system-slow.yaml",
        "playbooks/stale-feed.yaml" from "playbooks/c3ms/stale-feed.yaml",
    },
    demo_playbook: shipped!(one "playbooks/cyras-slow.yaml" from "playbooks/demo/cyras-slow.yaml"),
    demo_writes: "20 s",
};

/// Western Australia.
const WA: Profile = Profile {
    name: "wa",
    unit: "Communities, all districts",
    time_zone: "Australia/Perth",
    target: "wa",
    base_url: "https://assist.example.gov",
    interface: None,
    captures: false,
    files: shipped! {
        "probes/wa.yaml" from "probes/wa.yaml",
        "people.yaml" from "src/app/profile/wa/people.yaml",
    },
    directory: include_str!("profile/wa/directory.yaml"),
    playbooks: shipped! {
        "playbooks/unallocated-cases.yaml" from "playbooks/wa/unallocated-cases.yaml",
        "playbooks/stale-feed.yaml" from "playbooks/c3ms/stale-feed.yaml",
    },
    // A person starts it, so it needs no seconds of its own.
    demo_playbook: shipped!(
        one "playbooks/unallocated-cases.yaml" from "playbooks/wa/unallocated-cases.yaml"
    ),
    demo_writes: "20 s",
};

/// New South Wales.
const NSW: Profile = Profile {
    name: "nsw",
    unit: "Community services, all districts",
    time_zone: "Australia/Sydney",
    target: "nsw",
    base_url: "https://childstory.example.gov",
    interface: Some(Interface {
        system: "agency",
        base_url: "https://agency.example.gov",
        secret: "agency_token",
        secret_file: "agency-token",
    }),
    captures: false,
    files: shipped! {
        "probes/nsw.yaml" from "probes/nsw.yaml",
        "people.yaml" from "src/app/profile/nsw/people.yaml",
    },
    directory: include_str!("profile/nsw/directory.yaml"),
    playbooks: shipped! {
        "playbooks/hand-over-stuck.yaml" from "playbooks/nsw/hand-over-stuck.yaml",
    },
    demo_playbook: shipped!(
        one "playbooks/nsw-hand-over-stuck.yaml" from "playbooks/demo/nsw-hand-over-stuck.yaml"
    ),
    demo_writes: "4 s",
};
