//! Rows of every form, cut at every place: the same rows whatever a page may hold.

use super::rows::{self, Form, Place, Reading};

const CSV: &str = "id,name\n1,\"Synthetic\nOne\"\n\n2,\"Synthetic \"\"Two\"\"\"\r\n3,\n4,x,y\n";
const NDJSON: &str = "\u{feff}{\"id\":1}\n\n{\"id\":2}\nno\n{\"id\":3}";

fn reading(form: Form, rows: usize) -> Reading<'static> {
    Reading { form, delimiter: b',', id: "id", rows, bytes: 1_000 }
}

fn read_all(text: &str, form: Form, rows: usize) -> (Vec<String>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("drop");
    std::fs::write(&path, text).unwrap();
    let (mut found, mut bad, mut at) = (Vec::new(), Vec::new(), Place::default());
    for _ in 0..20 {
        let stretch = rows::read(&path, at, reading(form, rows)).unwrap();
        found.extend(stretch.rows.iter().map(|(row, place)| format!("{place}: {row}")));
        bad.extend(stretch.unreadable.iter().map(|row| row.place.clone()));
        match stretch.next {
            Some(next) => at = next,
            None => return (found, bad),
        }
    }
    panic!("it never ends");
}

#[test]
fn rows_are_the_same_however_pages_are_cut() {
    for rows in [1, 2, 3, 100] {
        let (found, bad) = read_all(CSV, Form::Csv, rows);
        assert_eq!(
            found,
            [
                r#"drop line 2: {"id":"1","name":"Synthetic\nOne"}"#,
                r#"drop line 5: {"id":"2","name":"Synthetic \"Two\""}"#,
                r#"drop line 6: {"id":"3","name":null}"#,
            ],
            "{rows}"
        );
        assert_eq!(bad, ["drop line 7"], "{rows}");
        let (found, bad) = read_all(NDJSON, Form::Ndjson, rows);
        let expected =
            ["drop line 1: {\"id\":1}", "drop line 3: {\"id\":2}", "drop line 5: {\"id\":3}"];
        assert_eq!(found, expected, "{rows}");
        assert_eq!(bad, ["drop line 4"], "{rows}");
    }
}

#[test]
fn a_quotation_mark_that_nobody_closes_ends_the_run_and_not_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("drop");
    std::fs::write(&path, format!("id\n\"{}", "x".repeat(17 * 1024 * 1024))).unwrap();
    let error = rows::read(&path, Place::default(), reading(Form::Csv, 10)).err().unwrap();
    assert!(error.to_string().contains("a quotation mark not closed"), "{error}");
}
