//! A small site with one published generation, for the tests of the vault. Test code only.

use std::path::Path;

use jiff::Timestamp;

use super::copy::CopyError;
use super::epoch::{self, Epoch};
use super::manifest::{Build, Manifest};
use super::order::{self, Ground, OpenOrder, Scope};
use super::publish::{Publisher, Step};
use super::segment::{SegmentEntry, SegmentHeader, SegmentId, SegmentKind, SegmentWriter};
use super::site::{self, Level, Site};
use crate::crypto::digest::Digest;
use crate::domain::ids::PlaybookId;
use crate::domain::records::{Record, RecordKey, SearchRow, Tier};

pub const PASSPHRASE: &str = "fifteen letters and more";

pub fn now() -> Timestamp {
    "2023-03-01T09:00:00Z".parse().unwrap()
}

pub fn site(root: &Path) -> Site {
    site::create(root, "noarlunga", Level::Demo, &PASSPHRASE.into(), now()).unwrap()
}

pub fn person(id: &str, name: &str, tier: Tier) -> Record {
    let json = serde_json::json!({"person": {
        "header": {
            "id": id, "tier": tier, "class": "general", "source": "c3ms",
            "source_version": "1", "updated_at": now()
        },
        "name": name
    }});
    serde_json::from_value(json).unwrap()
}

/// Writes one segment.
pub fn segment(
    site: &Site,
    epoch: &Epoch,
    (tier, kind, sequence): (Tier, SegmentKind, u64),
    records: &[Record],
    tombstones: &[RecordKey],
) -> SegmentEntry {
    let header = SegmentHeader {
        id: SegmentId::random(),
        site: site.name().to_owned(),
        epoch: epoch.id.clone(),
        tier,
        kind,
        sequence,
        begun_at: now(),
    };
    let keys = [epoch.sealing_key(tier).clone()];
    let mut writer = SegmentWriter::create(&site.copy().segments(), header, &keys).unwrap();
    for record in records {
        writer.record(record).unwrap();
        if kind == SegmentKind::Delta {
            writer.index_row(&SearchRow::of(record).unwrap()).unwrap();
        }
    }
    for key in tombstones {
        writer.tombstone(key).unwrap();
    }
    if kind == SegmentKind::IndexImage {
        writer.image(b"an image").unwrap();
    }
    writer.finish().unwrap()
}

/// Publishes segments as the next generation, stopping where `after` says.
pub fn publish(
    site: &Site,
    segments: Vec<SegmentEntry>,
    after: &mut dyn FnMut(Step) -> std::io::Result<()>,
) -> Result<Manifest, CopyError> {
    let (folder, key) = (site.copy(), site.manifest_key().unwrap());
    let highest = site.capture_folder().join("highest");
    let publisher =
        Publisher { folder: &folder, key: &key, highest: &highest, kept_generations: 2 };
    let (number, previous) = publisher.next()?;
    let manifest = Manifest {
        site: site.name().to_owned(),
        number,
        build: Build::Full,
        source: "c3ms".into(),
        created_at: now(),
        captured_at: now(),
        watermark: [].into(),
        previous,
        segments,
        counts: [].into(),
        not_included: vec![],
    };
    publisher.publish(&manifest, after)?;
    Ok(manifest)
}

/// A generation with one person of each tier and an index image.
pub fn publish_two(site: &Site) -> Manifest {
    let epoch = epoch::create(site, &site.node_key().unwrap(), now()).unwrap();
    let of = |tier, kind, records: &[Record]| segment(site, &epoch, (tier, kind, 0), records, &[]);
    let segments = vec![
        of(Tier::Standard, SegmentKind::Base, &[person("P-1", "Ngāti Synthetic", Tier::Standard)]),
        of(Tier::Standard, SegmentKind::IndexImage, &[]),
        of(Tier::Restricted, SegmentKind::Base, &[person("P-2", "Hidden", Tier::Restricted)]),
    ];
    publish(site, segments, &mut |_| Ok(())).unwrap()
}

/// Puts an order beside the copy that opens it for everybody.
pub fn permit(site: &Site) {
    let order = OpenOrder {
        site: site.name().to_owned(),
        serial: order::next_serial(site).unwrap(),
        ground: Ground::Activation {
            activation: "a-1".into(),
            playbook: PlaybookId::new("case-system-down").unwrap(),
            playbook_sha256: Digest::of(b""),
        },
        scope: Scope::Everyone,
        issued_at: now(),
        expires_at: now() + jiff::SignedDuration::from_hours(12),
    };
    order::issue(site, &order, &site.continuity_key().unwrap()).unwrap();
}
