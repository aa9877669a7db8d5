//! Searching: candidates by several ways, each bounded, then ranked.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::Row;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::Mutex;

use super::build::{IndexBuilder, day_number, load};
use super::query::Wanted;
use super::rank::{Candidate, rank};
use super::words::sounds;
use super::{Change, Found, Hit, IndexError};
use crate::domain::records::{RecordId, RecordKey, RecordKind};

/// What one way of finding brings at most: a common surname is cut here, before ranking.
const CANDIDATES: i64 = 200;
/// Spellings from the vocabulary that stand in for one misspelt word.
const SPELLINGS: usize = 8;
/// Each holds a copy of its own in memory.
const READERS: usize = 2;

/// A loaded index, ready to be searched.
pub struct Index {
    readers: Vec<Mutex<SqliteConnection>>,
    turn: AtomicUsize,
    /// Every word of every name, folded: names only, so that guessing finds nothing else.
    name_words: Vec<String>,
}

impl Index {
    /// Loads an image and applies changes in sequence. An empty image is an empty index.
    ///
    /// # Errors
    /// When the image is not an index of this version.
    pub async fn open(image: &[u8], changes: &[Change<'_>]) -> Result<Self, IndexError> {
        let current;
        let image = if image.is_empty() || !changes.is_empty() {
            let mut builder = match image {
                [] => IndexBuilder::new().await?,
                image => IndexBuilder::from_image(image).await?,
            };
            for change in changes {
                builder.apply(*change).await?;
            }
            current = builder.finish().await?;
            &current
        } else {
            image
        };
        let mut readers = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            readers.push(Mutex::new(load(image, true).await?));
        }
        let mut reader = readers[0].lock().await;
        let name_words =
            sqlx::query_scalar("SELECT word FROM name_word").fetch_all(&mut *reader).await?;
        drop(reader);
        Ok(Self { readers, turn: AtomicUsize::new(0), name_words })
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
        let spellings = self.spellings(&wanted.words);
        let born = (wanted.born_on.map(day_number), wanted.transposed.map(day_number));
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.readers.len();
        let mut reader = self.readers[turn].lock().await;
        let (entries, mut more) = candidates(&mut reader, &wanted, &spellings, born).await?;
        let mut hits = Vec::new();
        for (key, candidate) in read(&mut reader, &entries).await? {
            if let Some((likeness, matched)) = rank(&wanted, born, &candidate) {
                hits.push(Hit { key, likeness, matched });
            }
        }
        drop(reader);
        hits.sort_by(|a, b| b.likeness.total_cmp(&a.likeness).then_with(|| a.key.cmp(&b.key)));
        more |= hits.len() > limit;
        hits.truncate(limit);
        Ok(Found { hits, more })
    }

    /// For each word the names that it may be a misspelling of, nearest first.
    fn spellings(&self, words: &[String]) -> Vec<Vec<&str>> {
        words
            .iter()
            .map(|word| {
                let length = word.chars().count();
                let far = if length <= 3 {
                    0
                } else if length <= 5 {
                    1
                } else {
                    2
                };
                let near = |name: &&String| {
                    far > 0 && name.chars().count().abs_diff(length) <= far && *name != word
                };
                let mut spellings: Vec<(usize, &str)> = self
                    .name_words
                    .iter()
                    .filter(near)
                    .map(|name| (strsim::osa_distance(word, name), name.as_str()))
                    .filter(|(distance, _)| *distance <= far)
                    .collect();
                spellings.sort_unstable();
                spellings.truncate(SPELLINGS);
                spellings.into_iter().map(|(_, name)| name).collect()
            })
            .collect()
    }
}

/// The rows worth ranking, and whether any way of finding them was cut.
async fn candidates(
    reader: &mut SqliteConnection,
    wanted: &Wanted,
    spellings: &[Vec<&str>],
    born: (Option<i64>, Option<i64>),
) -> Result<(BTreeSet<i64>, bool), IndexError> {
    let mut entries = BTreeSet::new();
    let mut cut = false;
    if !wanted.words.is_empty() {
        for expression in expressions(&wanted.words, spellings) {
            let found: Vec<i64> =
                sqlx::query_scalar("SELECT rowid FROM word WHERE word MATCH $1 LIMIT $2")
                    .bind(expression)
                    .bind(CANDIDATES)
                    .fetch_all(&mut *reader)
                    .await?;
            cut |= found.len() >= CANDIDATES.unsigned_abs() as usize;
            entries.extend(found);
        }
        entries.extend(by_sound(reader, &wanted.words).await?);
    }
    if born != (None, None) {
        let found: Vec<i64> =
            sqlx::query_scalar("SELECT entry FROM entry WHERE born IN ($1, $2) LIMIT $3")
                .bind(born.0)
                .bind(born.1)
                .bind(CANDIDATES)
                .fetch_all(&mut *reader)
                .await?;
        cut |= found.len() >= CANDIDATES.unsigned_abs() as usize;
        entries.extend(found);
    }
    Ok((entries, cut))
}

/// FTS5 expressions: all words as they are, all as beginnings, all in any near spelling.
fn expressions(words: &[String], spellings: &[Vec<&str>]) -> Vec<String> {
    let all = |form: &dyn Fn(&str) -> String| {
        words.iter().map(|word| form(word)).collect::<Vec<_>>().join(" AND ")
    };
    let mut expressions =
        vec![all(&|word| format!("\"{word}\"")), all(&|word| format!("\"{word}\"*"))];
    if spellings.iter().any(|near| !near.is_empty()) {
        let any = words.iter().zip(spellings).map(|(word, near)| {
            let near: String = near.iter().map(|name| format!(" OR \"{name}\"")).collect();
            format!("(\"{word}\"*{near})")
        });
        expressions.push(any.collect::<Vec<_>>().join(" AND "));
    }
    expressions
}

/// Rows in which every word has a name of the same sound; one code of each word has to be there.
async fn by_sound(reader: &mut SqliteConnection, words: &[String]) -> Result<Vec<i64>, IndexError> {
    const ALL: &str = "
        SELECT DISTINCT first.entry FROM json_each($1, '$[0]') AS code
        JOIN sound AS first ON first.code = code.value
        WHERE NOT EXISTS (
            SELECT 1 FROM json_each($1) AS word WHERE NOT EXISTS (
                SELECT 1 FROM json_each(word.value) AS code
                JOIN sound ON sound.code = code.value AND sound.entry = first.entry))
        LIMIT $2";
    let codes: Vec<Vec<String>> = words.iter().map(|word| sounds(word)).collect();
    if codes.iter().any(Vec::is_empty) {
        return Ok(Vec::new());
    }
    let codes = serde_json::to_string(&codes)?;
    Ok(sqlx::query_scalar(ALL).bind(codes).bind(CANDIDATES).fetch_all(reader).await?)
}

async fn read(
    reader: &mut SqliteConnection,
    entries: &BTreeSet<i64>,
) -> Result<Vec<(RecordKey, Candidate)>, IndexError> {
    let rows = sqlx::query(
        "SELECT kind, id, names, numbers, address, born FROM entry \
         WHERE entry IN (SELECT value FROM json_each($1))",
    )
    .bind(serde_json::to_string(entries)?)
    .fetch_all(reader)
    .await?;
    rows.into_iter()
        .map(|row| {
            let kind = RecordKind::parse(row.try_get("kind")?).ok_or(IndexError::Image)?;
            let id = RecordId::new(row.try_get("id")?).map_err(|_| IndexError::Image)?;
            let candidate = Candidate {
                names: row.try_get("names")?,
                numbers: row.try_get("numbers")?,
                address: row.try_get("address")?,
                born: row.try_get("born")?,
            };
            Ok((RecordKey { kind, id }, candidate))
        })
        .collect()
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
        Index::open(&builder.finish().await.unwrap(), &[]).await.unwrap()
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
        let index = Index::open(&image, &changes).await.unwrap();
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
        let index = Index::open(&builder.finish().await.unwrap(), &[]).await.unwrap();
        let found = index.search("common", 20).await.unwrap();
        assert_eq!((found.hits.len(), found.more), (20, true));
        assert!(!index.search("P-77", 20).await.unwrap().hits.is_empty());
    }
}
