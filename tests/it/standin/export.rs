//! The export as capture reads it: complete while records change, tombstones, tokens.

use std::collections::BTreeMap;

use holdfast::standin::Standin;
use holdfast::standin::register::Kind;
use serde_json::Value;

use super::{client_at, get, standin};

struct Capture {
    client: reqwest::Client,
    base: String,
}

impl Capture {
    fn of(standin: &Standin) -> Self {
        Self { client: client_at(9), base: standin.url() }
    }

    async fn page(&self, kind: &str, query: &[(&str, &str)]) -> Value {
        let response = self
            .client
            .get(format!("{}/api/export/{kind}", self.base))
            .query(query)
            .bearer_auth("synthetic-capture")
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    /// Pages to the end as capture does, calling `between` after every page; the last record of an
    /// id wins.
    async fn read(
        &self,
        kind: &str,
        since: Option<&str>,
        mut between: impl FnMut(),
    ) -> BTreeMap<String, Value> {
        let mut records = BTreeMap::new();
        let mut after: Option<String> = None;
        loop {
            let mut query = vec![("limit", "20")];
            query.extend(since.map(|since| ("updated_since", since)));
            query.extend(after.as_deref().map(|after| ("after", after)));
            let page = self.page(kind, &query).await;
            for record in page["records"].as_array().unwrap() {
                records.insert(record["id"].as_str().unwrap().to_owned(), record.clone());
            }
            match page["next"].as_str() {
                Some(next) => after = Some(next.to_owned()),
                None => return records,
            }
            between();
        }
    }
}

/// Ids of live and of deleted records.
fn split(records: &BTreeMap<String, Value>) -> (Vec<&str>, Vec<&str>) {
    let ids = |deleted: bool| {
        let wanted = |(_, record): &(&String, &Value)| (record["deleted"] == true) == deleted;
        records.iter().filter(wanted).map(|(id, _)| id.as_str()).collect()
    };
    (ids(false), ids(true))
}

#[tokio::test]
async fn nothing_is_lost_while_records_change_during_paging() {
    let standin = standin(400).await;
    let capture = Capture::of(&standin);
    let mut rounds = 0;
    let notes = capture
        .read("notes", None, || {
            // More changes would outrun twenty records a page for ever.
            rounds += 1;
            if rounds <= 10 {
                standin.change(15);
            }
        })
        .await;
    assert!(rounds > 10, "only {rounds} pages: nothing changed in between");
    let (live, deleted) = split(&notes);
    standin.read(|register| {
        let expected: Vec<&str> = register.notes.iter().map(|note| note.id.as_str()).collect();
        assert_eq!(live, expected);
        for note in register.notes.iter() {
            assert_eq!(notes[&note.id]["text"], note.text, "{} is an old version", note.id);
        }
        assert!(!deleted.is_empty());
        assert!(deleted.iter().all(|id| register.notes.get(id).is_none()));
    });
}

#[tokio::test]
async fn an_increment_holds_exactly_what_changed_since() {
    let standin = standin(400).await;
    let capture = Capture::of(&standin);
    let as_of =
        capture.page("notes", &[("limit", "1")]).await["as_of"].as_str().unwrap().to_owned();
    let before = capture.read("notes", None, || {}).await;
    let changes = standin.change(200);
    assert_eq!(changes.added + changes.changed + changes.deleted, 200);

    let mut copy = before.clone();
    let increment = capture.read("notes", Some(&as_of), || {}).await;
    assert!(increment.len() < before.len() / 2);
    copy.extend(increment);
    copy.retain(|_, record| record["deleted"] != true);
    let after = capture.read("notes", None, || {}).await;
    let live: BTreeMap<_, _> =
        after.into_iter().filter(|(_, record)| record["deleted"] != true).collect();
    assert_eq!(copy, live);
}

#[tokio::test]
async fn every_kind_is_counted_and_has_the_documented_head() {
    let standin = standin(400).await;
    standin.change(50);
    let capture = Capture::of(&standin);
    let kinds = capture.page("kinds", &[]).await;
    assert_eq!(kinds["kinds"].as_array().unwrap().len(), Kind::ALL.len());
    for counted in kinds["kinds"].as_array().unwrap() {
        let kind = counted["kind"].as_str().unwrap();
        let records = capture.read(kind, None, || {}).await;
        let (live, deleted) = split(&records);
        assert_eq!(counted["records"], live.len(), "{kind}");
        assert_eq!(counted["deleted"], deleted.len(), "{kind}");
        for record in records.values() {
            let fields = record.as_object().unwrap();
            assert!(fields["updated_at"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
            if fields.contains_key("deleted") {
                assert_eq!(fields.len(), 3);
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_token_kind_or_parameter_is_told_apart() {
    let standin = standin(60).await;
    let base = standin.url();
    let client = client_at(9);
    let status = async |path: &str, token: &str| {
        let request = client.get(format!("{base}/api/export/{path}")).bearer_auth(token);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(status("notes", "guess").await, 401);
    assert_eq!(get(&client, format!("{base}/api/export/notes")).await.status(), 401);
    assert_eq!(status("secrets", "synthetic-capture").await, 404);
    assert_eq!(status("notes?after=x", "synthetic-capture").await, 400);
    assert_eq!(status("notes?updated_since=monday", "synthetic-capture").await, 400);
}
