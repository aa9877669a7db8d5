//! Searching: candidates by several ways, each bounded, then ranked.

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::sqlite::SqliteConnection;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::build::{IndexBuilder, day_number, load};
use super::query::Wanted;
use super::rank::{Candidate, rank};
use super::vocabulary::{Alternative, Vocabulary};
use super::{Change, Found, Hit, IndexError};
use crate::domain::records::{RecordId, RecordKey, RecordKind};

/// What one way of finding brings at most: a common surname is cut here, before ranking.
const CANDIDATES: i64 = 100;
/// People of one date of birth: five times as many as there are among a million.
const BORN: i64 = 500;
/// Each holds a copy of its own in memory.
const READERS: usize = 2;

/// A loaded index, ready to be searched.
pub struct Index {
    readers: Vec<Mutex<SqliteConnection>>,
    turn: AtomicUsize,
    vocabulary: Vocabulary,
    /// Words that are in too many rows to look for what begins with them.
    frequent: HashSet<String>,
}

impl Index {
    /// Loads an image and applies changes in sequence. An empty image is an empty index.
    ///
    /// # Errors
    /// When the image is not an index of this version.
    pub async fn open(image: &[u8], changes: &[Change<'_>]) -> Result<Self, IndexError> {
        let mut readers = Vec::with_capacity(READERS);
        if image.is_empty() || !changes.is_empty() {
            let mut builder = match image {
                [] => IndexBuilder::new().await?,
                image => IndexBuilder::from_image(image).await?,
            };
            builder.apply(changes).await?;
            let (reader, image) = builder.into_reader().await?;
            readers.push(reader);
            while readers.len() < READERS {
                readers.push(load(image.as_ref(), true).await?);
            }
        } else {
            for _ in 0..READERS {
                readers.push(load(image, true).await?);
            }
        }
        let words = sqlx::query_as("SELECT word, sounds FROM name_word");
        let vocabulary = Vocabulary::of(words.fetch_all(&mut readers[0]).await?);
        let frequent = sqlx::query_scalar("SELECT word FROM frequent");
        let frequent: Vec<String> = frequent.fetch_all(&mut readers[0]).await?;
        let frequent = frequent.into_iter().collect();
        let readers = readers.into_iter().map(Mutex::new).collect();
        Ok(Self { readers, turn: AtomicUsize::new(0), vocabulary, frequent })
    }

    /// Finds rows, best first, at most `limit`.
    ///
    /// # Errors
    /// When SQLite fails.
    pub async fn search(&self, text: &str, limit: usize) -> Result<Found, IndexError> {
        let wanted = Wanted::parse(text);
        if wanted.is_empty() {
            return Ok(Found::default());
        }
        let born = (wanted.born_on.map(day_number), wanted.transposed.map(day_number));
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.readers.len();
        let mut reader = self.readers[turn].lock().await;
        let mut looked = Looked::default();
        for day in [born.0, born.1].into_iter().flatten() {
            looked.born(&mut reader, day).await?;
        }
        let meant = match wanted.words.as_slice() {
            [] => Vec::new(),
            words => self.by_words(&mut reader, words, &mut looked).await?,
        };
        let Looked { entries, cut: mut more } = looked;
        let candidates = read(&mut reader, &entries).await?;
        drop(reader);
        let mut hits = Vec::new();
        for (key, candidate) in candidates {
            if let Some((likeness, matched)) = rank(&wanted, &meant, born, &candidate) {
                hits.push(Hit { key, likeness, matched });
            }
        }
        hits.sort_by(|a, b| b.likeness.total_cmp(&a.likeness).then_with(|| a.key.cmp(&b.key)));
        more |= hits.len() > limit;
        hits.truncate(limit);
        Ok(Found { hits, more })
    }

    /// Looks for rows with all of the words and answers what may have been meant by each.
    ///
    /// Names and numbers first: a suburb's name must not hide the people of that name. As the
    /// words are, then as beginnings and what may have been meant, then in addresses, while there
    /// is room.
    async fn by_words(
        &self,
        reader: &mut SqliteConnection,
        words: &[String],
        looked: &mut Looked,
    ) -> Result<Vec<Vec<Alternative>>, IndexError> {
        let named = |expression: String| format!("{{name number}} : ({expression})");
        let exact = all(words, |_, word| quoted(word));
        if looked.at(reader, &named(exact.clone())).await? {
            return Ok(vec![Vec::new(); words.len()]);
        }
        let alone = words.len() == 1;
        let meant = words.iter().map(|word| self.vocabulary.alternatives(word, alone));
        let meant: Vec<_> = meant.collect();
        let widest = all(words, |at, word| {
            let meant = meant[at].iter().map(|one| format!(" OR {}", quoted(&one.word)));
            format!("({}{})", self.begins(word), meant.collect::<String>())
        });
        if looked.at(reader, &named(widest)).await? {
            looked.at(reader, &named(all(words, |_, word| self.begins(word)))).await?;
            return Ok(meant);
        }
        let anywhere = all(words, |_, word| self.begins(word));
        if looked.at(reader, &anywhere).await? && anywhere != exact {
            looked.at(reader, &exact).await?;
        }
        Ok(meant)
    }

    /// What begins with a word. "Street" is meant as it is: half of all addresses have it, and to
    /// go through them costs more than everything else.
    fn begins(&self, word: &str) -> String {
        let frequent = self.frequent.contains(word);
        if frequent { quoted(word) } else { quoted(word) + "*" }
    }
}

fn quoted(word: &str) -> String {
    format!("\"{word}\"")
}

/// An FTS5 expression of all words, each in a form of its own.
fn all(words: &[String], form: impl Fn(usize, &str) -> String) -> String {
    let forms = words.iter().enumerate().map(|(at, word)| form(at, word));
    forms.collect::<Vec<_>>().join(" AND ")
}

/// The rows worth ranking.
#[derive(Default)]
struct Looked {
    entries: BTreeSet<i64>,
    /// Whether some way of finding them was cut.
    cut: bool,
}

impl Looked {
    /// Adds what an expression matches; whether it matches more.
    async fn at(
        &mut self,
        reader: &mut SqliteConnection,
        expression: &str,
    ) -> Result<bool, IndexError> {
        let found = sqlx::query_scalar(
            "SELECT json_group_array(rowid) FROM \
             (SELECT rowid FROM word WHERE word MATCH $1 LIMIT $2)",
        );
        let found: String = found.bind(expression).bind(CANDIDATES).fetch_one(reader).await?;
        self.add(&found)
    }

    /// Adds who was born on a day.
    async fn born(&mut self, reader: &mut SqliteConnection, day: i64) -> Result<bool, IndexError> {
        let found = sqlx::query_scalar(
            "SELECT json_group_array(entry) FROM \
             (SELECT entry FROM entry WHERE born = $1 LIMIT $2)",
        );
        let found: String = found.bind(day).bind(BORN).fetch_one(reader).await?;
        self.add(&found)
    }

    fn add(&mut self, found: &str) -> Result<bool, IndexError> {
        let found: Vec<i64> = serde_json::from_str(found).map_err(|_| IndexError::Image)?;
        let full = found.len() >= CANDIDATES.unsigned_abs() as usize;
        self.cut |= full;
        self.entries.extend(found);
        Ok(full)
    }
}

/// Rows by entry, handed over as one text: one answer costs less than a hundred.
async fn read(
    reader: &mut SqliteConnection,
    entries: &BTreeSet<i64>,
) -> Result<Vec<(RecordKey, Candidate)>, IndexError> {
    let rows: String = sqlx::query_scalar(
        "SELECT json_group_array(json_array(kind, id, names, numbers, address, born)) FROM entry \
         WHERE entry IN (SELECT value FROM json_each($1))",
    )
    .bind(serde_json::to_string(entries)?)
    .fetch_one(reader)
    .await?;
    let rows: Vec<(RecordKind, RecordId, String, String, String, Option<i64>)> =
        serde_json::from_str(&Zeroizing::new(rows)).map_err(|_| IndexError::Image)?;
    let row = |(kind, id, names, numbers, address, born)| {
        (RecordKey { kind, id }, Candidate { names, numbers, address, born })
    };
    Ok(rows.into_iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::super::Matched;
    use super::*;
    use crate::domain::records::SearchRow;

    fn key(kind: RecordKind, id: &str) -> RecordKey {
        RecordKey { kind, id: RecordId::new(id).unwrap() }
    }

    fn person(id: &str, names: &[&str], born: Option<&str>) -> SearchRow {
        SearchRow {
            key: key(RecordKind::Person, id),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            born_on: born.map(|day| day.parse().unwrap()),
            numbers: vec![id.to_owned()],
            address: None,
        }
    }

    fn rows() -> Vec<SearchRow> {
        let home = SearchRow {
            address: Some("14 Synthetic Parade, Christies Beach".into()),
            ..person("H-7", &[], None)
        };
        vec![
            person("P-1", &["Ngāti Synthetic-Rangi"], Some("2015-05-03")),
            person("P-2", &["Mere Synthetic-Whaanga", "Mary Whanga"], Some("2012-11-30")),
            person("P-3", &["Tyler O’Brien-Synthetic"], Some("2015-03-05")),
            person("P-4", &["Catherine Synthetic-Smith"], None),
            SearchRow { key: key(RecordKind::Household, "H-7"), ..home },
            SearchRow {
                key: key(RecordKind::Case, "C-10432"),
                numbers: vec!["C-10432".into(), "2023/0077".into()],
                ..person("C-10432", &[], None)
            },
        ]
    }

    async fn index() -> Index {
        let mut builder = IndexBuilder::new().await.unwrap();
        for row in rows() {
            builder.add(&row).await.unwrap();
        }
        Index::open(builder.finish().await.unwrap().as_ref(), &[]).await.unwrap()
    }

    async fn first(index: &Index, text: &str) -> (String, Vec<Matched>) {
        let found = index.search(text, 10).await.unwrap();
        let hit = found.hits.first().unwrap_or_else(|| panic!("nothing found for {text}"));
        (hit.key.id.to_string(), hit.matched.clone())
    }

    #[tokio::test]
    async fn found_without_macrons_by_prefix_alias_sound_and_despite_a_slip() {
        let index = index().await;
        for (text, id, why) in [
            ("ngati", "P-1", Matched::Name),
            ("NGĀTI", "P-1", Matched::Name),
            ("nga rang", "P-1", Matched::NameBegins),
            ("whanga", "P-2", Matched::Name),
            ("mere whaaga", "P-2", Matched::NameAlike),
            ("obrien", "P-3", Matched::Name),
            ("o'brein", "P-3", Matched::NameAlike),
            ("kathryn smyth", "P-4", Matched::NameSounds),
            ("christies", "H-7", Matched::Address),
            ("14 synthetic parade", "H-7", Matched::Address),
            ("c-10432", "C-10432", Matched::Number),
            ("2023/0077", "C-10432", Matched::Number),
        ] {
            let (found, matched) = first(&index, text).await;
            assert_eq!(found, id, "{text}");
            assert!(matched.contains(&why), "{text}: {matched:?}");
        }
    }

    #[tokio::test]
    async fn a_date_of_birth_is_found_either_way_round_the_right_one_first() {
        let index = index().await;
        let found = index.search("3/5/2015", 10).await.unwrap();
        let ids: Vec<&str> = found.hits.iter().map(|hit| hit.key.id.as_str()).collect();
        assert_eq!(ids, ["P-1", "P-3"]);
        assert_eq!(found.hits[1].matched, [Matched::BornTransposed]);
        assert_eq!(first(&index, "tyler 3/5/2015").await.0, "P-3");
    }

    #[tokio::test]
    async fn changes_apply_in_sequence() {
        let rows = rows();
        let mut builder = IndexBuilder::new().await.unwrap();
        for row in &rows {
            builder.add(row).await.unwrap();
        }
        let image = builder.finish().await.unwrap();
        let renamed = person("P-1", &["Aroha Synthetic"], None);
        let gone = [key(RecordKind::Person, "P-2")];
        let changes = [
            Change {
                removed: std::slice::from_ref(&renamed.key),
                rows: std::slice::from_ref(&renamed),
            },
            Change { removed: &gone, rows: &[] },
        ];
        let index = Index::open(image.as_ref(), &changes).await.unwrap();
        assert_eq!(first(&index, "aroha").await.0, "P-1");
        for absent in ["ngati", "whanga", "30/11/2012"] {
            assert!(index.search(absent, 10).await.unwrap().hits.is_empty(), "{absent}");
        }
    }

    #[tokio::test]
    async fn nothing_and_nonsense_find_nothing() {
        let index = index().await;
        for text in ["", "  ", "\"*", "zzqqxx", "AND OR NOT", "synthetic zzqqxx", "name:x"] {
            assert!(index.search(text, 10).await.unwrap().hits.is_empty(), "{text}");
        }
        let empty = Index::open(&[], &[]).await.unwrap();
        assert!(empty.search("ngati", 10).await.unwrap().hits.is_empty());
        assert!(matches!(Index::open(b"no image", &[]).await, Err(IndexError::Image)));
    }

    #[tokio::test]
    async fn a_common_name_is_cut_and_says_so() {
        let mut builder = IndexBuilder::new().await.unwrap();
        for number in 0..1000 {
            builder.add(&person(&format!("P-{number}"), &["Ann Common"], None)).await.unwrap();
        }
        let index = Index::open(builder.finish().await.unwrap().as_ref(), &[]).await.unwrap();
        let found = index.search("common", 20).await.unwrap();
        assert_eq!((found.hits.len(), found.more), (20, true));
        assert!(!index.search("P-77", 20).await.unwrap().hits.is_empty());
    }

    #[tokio::test]
    async fn people_named_like_a_suburb_are_found_before_its_households() {
        let mut builder = IndexBuilder::new().await.unwrap();
        for number in 0..400 {
            let id = format!("H-{number}");
            let home = person(&id, &[], None);
            let address = Some(format!("{number} Synthetic Road, Salisbury"));
            let key = key(RecordKind::Household, &id);
            builder.add(&SearchRow { key, address, ..home }).await.unwrap();
        }
        builder.add(&person("P-1", &["Ada Salisbury"], None)).await.unwrap();
        builder.add(&person("P-2", &["Alexander Synthetic-Nguyen"], None)).await.unwrap();
        builder.add(&person("P-3", &["John Smith"], None)).await.unwrap();
        let index = Index::open(builder.finish().await.unwrap().as_ref(), &[]).await.unwrap();
        assert_eq!(first(&index, "salisbury").await.0, "P-1");
        assert_eq!(first(&index, "12 synthetic road salis").await.0, "H-12");
        assert_eq!(first(&index, "alex nguyen").await.0, "P-2");
        assert_eq!(first(&index, "j smith").await.0, "P-3");
    }

    #[tokio::test]
    async fn a_common_name_with_a_common_birthday_is_found() {
        let mut builder = IndexBuilder::new().await.unwrap();
        for number in 0..300 {
            let id = format!("P-{number}");
            builder.add(&person(&id, &["Ann Common"], Some("2015-03-04"))).await.unwrap();
            let other = format!("Q-{number}");
            builder.add(&person(&other, &["Bea Rare"], Some("2015-04-03"))).await.unwrap();
        }
        builder.add(&person("R-1", &["Zoe Common"], Some("2015-04-03"))).await.unwrap();
        let index = Index::open(builder.finish().await.unwrap().as_ref(), &[]).await.unwrap();
        assert_eq!(first(&index, "common 3/4/2015").await.0, "R-1");
    }
}
