//! A trail on a real disk, on a full one, cut short, and tampered with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::crypto::sealed::OpeningKey;
use crate::crypto::sign::VerifyingKey;

fn at() -> Timestamp {
    "2023-03-01T09:00:00Z".parse().unwrap()
}

fn entry(n: u64) -> Entry {
    Entry { at: at(), who: None, event: Event::CopyOpened { generation: n } }
}

struct Place {
    folder: tempfile::TempDir,
    seed: zeroize::Zeroizing<[u8; 32]>,
}

impl Place {
    fn new() -> Self {
        let (_, seed) = SigningKey::generate();
        Self { folder: tempfile::tempdir().unwrap(), seed }
    }

    fn first(&self) -> PathBuf {
        self.folder.path().join("audit/first")
    }

    fn second(&self) -> PathBuf {
        self.folder.path().join("elsewhere/second")
    }

    fn key(&self) -> VerifyingKey {
        SigningKey::from_seed(&self.seed).verifying_key()
    }

    fn open(&self) -> Result<Audit, OpenAuditError> {
        self.open_with_first(self.first())
    }

    fn open_with_first(&self, first: PathBuf) -> Result<Audit, OpenAuditError> {
        let key = SigningKey::from_seed(&self.seed);
        Audit::open(Files { first, second: self.second(), length_bytes: 200_000, key })
    }

    async fn write(&self, numbers: std::ops::Range<u64>) {
        let audit = self.open().unwrap();
        for n in numbers {
            audit.append(entry(n)).await.unwrap();
        }
        audit.checkpoint(at()).await.unwrap();
    }
}

#[tokio::test]
async fn entries_are_durable_in_order_and_vouched_for() {
    let place = Place::new();
    place.write(0..3).await;
    assert_eq!(std::fs::metadata(place.first()).unwrap().len(), 200_000, "written out in advance");
    place.write(3..5).await;
    let verified = verify(&place.first(), &place.key()).unwrap();
    assert_eq!((verified.entries, verified.vouched), (5, Some(5)));
    let read = entries(&place.first()).unwrap();
    assert_eq!(read, (0..5).map(entry).collect::<Vec<_>>());
}

#[tokio::test]
async fn many_at_once_are_each_answered_with_their_own_place() {
    let place = Place::new();
    let audit = place.open().unwrap();
    let appends = (0..300).map(|n| {
        let audit = audit.clone();
        tokio::spawn(async move { (n, audit.append(entry(n)).await.unwrap()) })
    });
    let read_back: Vec<_> = futures_util::future::join_all(appends).await;
    let on_disk = entries(&place.first()).unwrap();
    for answered in read_back {
        let (n, index) = answered.unwrap();
        assert_eq!(on_disk[usize::try_from(index).unwrap()], entry(n));
    }
}

#[tokio::test]
async fn tampering_is_found_and_stops_the_start() {
    let place = Place::new();
    place.write(0..5).await;
    let good = std::fs::read(place.first()).unwrap();
    let tampered = |bytes: &[u8]| {
        std::fs::write(place.first(), bytes).unwrap();
        let refused = matches!(place.open(), Err(OpenAuditError::Tampered(..)));
        assert!(refused, "a changed trail opened");
        verify(&place.first(), &place.key()).unwrap_err()
    };

    let mut changed = good.clone();
    changed[HEAD_BYTES + 40] ^= 1;
    assert!(matches!(tampered(&changed), VerifyError::Shorter { found: 0, signed: 5 }));

    // Somebody who knows the format writes another, shorter trail with all checks right.
    let forged = Place::new();
    forged.write(0..4).await;
    let forged_bytes = std::fs::read(forged.first()).unwrap();
    assert!(matches!(tampered(&forged_bytes), VerifyError::Shorter { found: 4, signed: 5 }));
    forged.write(40..42).await;
    let forged_bytes = std::fs::read(forged.first()).unwrap();
    assert!(matches!(tampered(&forged_bytes), VerifyError::Changed { signed: 5 }));

    std::fs::write(place.first(), &good).unwrap();
    assert!(verify(&place.first(), &place.key()).is_ok());
    assert!(matches!(verify(&place.first(), &forged.key()), Err(VerifyError::Checkpoint)));
}

const HEAD_BYTES: usize = frames::HEAD.len();

#[tokio::test]
async fn what_a_power_cut_left_half_written_is_overwritten() {
    let place = Place::new();
    place.write(0..3).await;
    let whole = std::fs::read(place.first()).unwrap();
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let mut torn = whole.clone();
    // Two frames of which the first was lost: the second must never come back to life.
    torn[end + 20..end + 60].copy_from_slice(&whole[end - 40..end]);
    std::fs::write(place.first(), &torn).unwrap();
    assert!(matches!(verify(&place.first(), &place.key()), Err(VerifyError::Damaged { after: 3 })));
    place.write(3..4).await;
    assert_eq!(verify(&place.first(), &place.key()).unwrap().entries, 4);
}

#[tokio::test]
async fn a_full_disk_at_the_start_means_the_second_file() {
    let place = Place::new();
    let audit = place.open_with_first("/dev/full".into()).unwrap();
    assert_eq!(audit.append(entry(1)).await, Ok(0));
    assert_eq!(audit.health(), Health::OneFileLeft);
    assert_eq!(entries(&place.second()).unwrap(), [entry(1)]);
}

/// Memory that stops taking writes when told to, as a disk that fills up.
struct Failing(Vec<u8>, Arc<AtomicBool>);

impl Medium for Failing {
    fn read_all(&mut self) -> std::io::Result<Vec<u8>> {
        Ok(self.0.clone())
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> std::io::Result<()> {
        if self.1.load(Ordering::SeqCst) {
            return Err(std::io::Error::from(std::io::ErrorKind::StorageFull));
        }
        let offset = usize::try_from(offset).unwrap();
        self.0.resize(self.0.len().max(offset + bytes.len()), 0);
        self.0[offset..offset + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_file_that_fails_is_followed_by_the_second_and_then_by_silence() {
    let place = Place::new();
    let failing = Arc::new(AtomicBool::new(false));
    let second_failing = Arc::new(AtomicBool::new(false));
    let second = prepare(&place.second(), 10_000).unwrap();
    let audit = Audit::over(vec![
        Box::new(Failing(Vec::new(), failing.clone())),
        Box::new(second),
        Box::new(Failing(Vec::new(), second_failing.clone())),
    ])
    .unwrap();
    assert_eq!(audit.append(entry(1)).await, Ok(0));
    assert_eq!(audit.health(), Health::Well);
    failing.store(true, Ordering::SeqCst);
    assert_eq!(audit.append(entry(2)).await, Ok(1), "after the entry that says where it continues");
    assert_eq!(audit.health(), Health::OneFileLeft);
    let on_disk = entries(&place.second()).unwrap();
    assert!(matches!(on_disk[0].event, Event::Continues { size: 1, .. }));
    assert_eq!(on_disk[1], entry(2));

    let both = Arc::new(AtomicBool::new(false));
    let audit = Audit::over(vec![
        Box::new(Failing(Vec::new(), both.clone())),
        Box::new(Failing(Vec::new(), both.clone())),
    ])
    .unwrap();
    both.store(true, Ordering::SeqCst);
    assert_eq!(audit.append(entry(1)).await, Err(AuditFailed));
    assert_eq!(audit.health(), Health::Failed);
    both.store(false, Ordering::SeqCst);
    assert_eq!(audit.append(entry(1)).await, Err(AuditFailed), "it stays closed until a restart");
}

#[test]
fn what_people_type_opens_for_reviewers_only() {
    let reviewer = OpeningKey::generate();
    let sealed = SealedText::new("ngati", &reviewer.sealing_key()).unwrap();
    assert!(!serde_json::to_string(&sealed).unwrap().contains("ngati"));
    assert_eq!(sealed.open(&reviewer).as_deref(), Some("ngati"));
    assert_eq!(sealed.open(&OpeningKey::generate()), None);
}
