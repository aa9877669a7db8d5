//! The house rules that no compiler knows: who may import whom, how files open, how long they are.
//!
//! Every rule is a function from a [`Source`] to what is wrong in it, and has a test of its own
//! that shows it failing. It reads the sources as text and must not need them to compile.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on stops there")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "tidy/masking.rs"]
mod masking;

use masking::Source;

/// The table of `src/lib.rs`: a module imports only from lower levels.
const LEVELS: [(&str, u8); 24] = [
    ("domain", 0),
    ("clock", 1),
    ("config", 1),
    ("crypto", 1),
    ("telemetry", 1),
    ("standin", 1),
    ("store", 2),
    ("vault", 2),
    ("index", 2),
    ("sources", 2),
    ("channels", 2),
    ("documents", 2),
    ("probing", 3),
    ("detection", 3),
    ("continuity", 3),
    ("capture", 3),
    ("snapshots", 3),
    ("journal", 3),
    ("identity", 3),
    ("reporting", 3),
    ("web", 4),
    ("app", 5),
    ("cli", 6),
    ("main", 7),
];

/// Edges that the levels would allow, each with its reason.
const FORBIDDEN_EDGES: [(&[&str], &[&str], &str); 4] = [
    (
        &["web", "snapshots"],
        &["sources", "capture", "probing"],
        "nothing that serves a copy can reach the case system",
    ),
    (&["standin"], &["domain"], "the stand-in imitates a foreign system and knows no product"),
    (
        &["store", "vault", "index", "sources", "channels", "documents", "probing", "detection"],
        &["standin"],
        "only the demo starts the stand-in",
    ),
    (
        &["continuity", "capture", "snapshots", "journal", "identity", "reporting", "web"],
        &["standin"],
        "only the demo starts the stand-in",
    ),
];

/// Crates that live in certain modules only; a module path names a file or a folder.
const HOMES_OF_CRATES: [(&str, &[&str]); 9] = [
    ("sqlx", &["store", "index", "sources/sql", "probing/steps/sql"]),
    ("axum", &["web", "standin"]),
    ("lettre", &["channels"]),
    ("aws_lc_rs", &["crypto"]),
    ("rcgen", &["crypto"]),
    ("age", &["crypto"]),
    ("argon2", &["crypto"]),
    ("totp_rs", &["crypto"]),
    ("fantoccini", &["probing/browser"]),
];

/// Names that say nothing of the domain.
const EMPTY_NAMES: [&str; 10] = [
    "monitor",
    "job",
    "healthcheck",
    "manager",
    "service",
    "handler",
    "data",
    "util",
    "helper",
    "common",
];

const MOST_LINES: usize = 400;

/// Files that may be longer, each with its bound and its reason.
const LONG: [(&str, usize, &str); 4] = [
    ("src/domain/playbook.rs", 465, "the whole vocabulary of a plan, read side by side"),
    ("src/telemetry/metrics/catalogue.rs", 415, "a table: one entry a metric, name beside help"),
    ("src/store/continuity/commit.rs", 430, "one transaction and the rows it writes"),
    ("src/store/continuity/outbox.rs", 445, "one table and every change of its state"),
];
const MOST_COLUMNS: usize = 100;

type Rule = fn(&Source) -> Vec<String>;

/// Rules for Rust files under `src`.
const RUST_RULES: [Rule; 6] = [
    imports_go_downwards,
    crates_stay_at_home,
    opens_with_its_purpose,
    is_not_too_long,
    names_say_the_domain_thing,
    root_exports_nothing,
];

/// Rules for every text file that is ours.
const TEXT_RULES: [Rule; 2] = [nothing_is_unfinished, names_no_machine];

fn imports_go_downwards(source: &Source) -> Vec<String> {
    let Some(level) = level_of(&source.module) else {
        return match source.module.as_str() {
            "lib" => Vec::new(),
            other => vec![format!("module '{other}' is not in the table of levels")],
        };
    };
    let mut faults = Vec::new();
    for (line, imported) in source.imports() {
        if imported == source.module {
            continue;
        }
        let wrong = match level_of(&imported) {
            None => Some("it is not in the table of levels"),
            // Everybody may be handed the clock, the stand-in too.
            Some(_) if imported == "clock" && level > 0 => None,
            Some(below) if below >= level => Some("imports go strictly downwards"),
            Some(_) => forbidden(&source.module, &imported),
        };
        if let Some(why) = wrong {
            faults.push(format!("{line}: {} imports {imported}: {why}", source.module));
        }
    }
    faults
}

fn level_of(module: &str) -> Option<u8> {
    LEVELS.iter().find(|(name, _)| *name == module).map(|(_, level)| *level)
}

fn forbidden(from: &str, to: &str) -> Option<&'static str> {
    FORBIDDEN_EDGES
        .iter()
        .find(|(importers, imported, _)| importers.contains(&from) && imported.contains(&to))
        .map(|(_, _, why)| *why)
}

fn crates_stay_at_home(source: &Source) -> Vec<String> {
    let place = source.path.trim_start_matches("src/").trim_end_matches(".rs");
    let mut faults = Vec::new();
    for (name, homes) in HOMES_OF_CRATES {
        let at_home = homes.iter().any(|home| {
            place.strip_prefix(home).is_some_and(|r| r.is_empty() || r.starts_with('/'))
        });
        if !at_home && let Some(line) = source.names_crate(name) {
            faults.push(format!("{line}: {name} is used only in {}", homes.join(", ")));
        }
    }
    faults
}

fn opens_with_its_purpose(source: &Source) -> Vec<String> {
    if source.text.starts_with("//! ") {
        return Vec::new();
    }
    vec!["1: a file opens with `//!`: its purpose, and what it must not do".to_owned()]
}

fn is_not_too_long(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    let lines = source.product_lines();
    let listed = LONG.iter().find(|(path, _, _)| source.path == *path);
    let most = listed.map_or(MOST_LINES, |(_, most, _)| *most);
    if lines > most {
        faults.push(format!("{lines}: more than {most} lines without tests: split it"));
    }
    for (index, line) in source.text.lines().enumerate() {
        let columns = line.chars().count();
        if columns > MOST_COLUMNS {
            faults.push(format!("{}: {columns} columns, of {MOST_COLUMNS}", index + 1));
        }
    }
    faults
}

fn names_say_the_domain_thing(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    let stem = source.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
    for (line, name) in source.declared_names().into_iter().chain([(1, stem.to_owned())]) {
        for word in masking::words_of(&name) {
            if EMPTY_NAMES.contains(&word.as_str()) {
                faults.push(format!("{line}: '{word}' in '{name}' says nothing of the domain"));
            }
        }
    }
    faults
}

fn root_exports_nothing(source: &Source) -> Vec<String> {
    if source.path != "src/lib.rs" {
        return Vec::new();
    }
    let exports = source.code.lines().enumerate().filter(|(_, line)| line.contains("pub use "));
    exports.map(|(index, _)| format!("{}: import by module path", index + 1)).collect()
}

/// Written in two parts, so that this file does not find itself.
fn nothing_is_unfinished(source: &Source) -> Vec<String> {
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("HA", "CK"),
        concat!("for n", "ow"),
        concat!("not yet imple", "mented"),
    ];
    find_words(source, &words, "marks unfinished work")
}

fn names_no_machine(source: &Source) -> Vec<String> {
    let paths = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    find_words(source, &paths, "is a path of one machine")
}

/// Where one of the words stands by itself; a letter or digit before or after makes it another.
fn find_words(source: &Source, words: &[&str], why: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        for word in words {
            let alone = line.match_indices(word).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                let after = line[at + word.len()..].chars().next();
                let path = word.ends_with('/');
                !before.is_some_and(char::is_alphanumeric)
                    && (path || !after.is_some_and(char::is_alphanumeric))
            });
            if alone {
                faults.push(format!("{}: '{word}' {why}", index + 1));
            }
        }
    }
    faults
}

/// Files under `folder` with one of the endings, without what is installed or kept for speed.
fn files(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["node_modules", ".cache"].contains(&name.as_str()) {
                files(&path, endings, found);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
}

fn read(root: &Path, path: &Path) -> Source {
    let relative = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
    Source::new(&relative, &fs::read_to_string(path).unwrap())
}

fn apply(rules: &[Rule], source: &Source) -> Vec<String> {
    let faults = rules.iter().flat_map(|rule| rule(source));
    faults.map(|fault| format!("{}:{fault}", source.path)).collect()
}

#[test]
fn the_house_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut rust = Vec::new();
    files(&root.join("src"), &[".rs"], &mut rust);
    assert!(rust.len() > 5, "the sources are not where they were");
    let mut text = Vec::new();
    let endings =
        [".rs", ".yaml", ".sql", ".html", ".css", ".js", ".json", ".md", ".sh", ".py", "run"];
    for folder in ["src", "probes", "playbooks", "grafana", "docs", "tests"] {
        files(&root.join(folder), &endings, &mut text);
    }
    text.extend(["README.md", "CHANGELOG.md"].map(|name| root.join(name)));
    let faults: BTreeSet<String> = rust
        .iter()
        .flat_map(|path| apply(&RUST_RULES, &read(root, path)))
        .chain(text.iter().flat_map(|path| apply(&TEXT_RULES, &read(root, path))))
        .collect();
    assert!(faults.is_empty(), "\n{}", faults.into_iter().collect::<Vec<_>>().join("\n"));
}

/// The rule finds a fault in the bad text, and none in the good one.
fn shows(rule: Rule, path: &str, bad: &str, good: &str) {
    assert_ne!(rule(&Source::new(path, bad)), Vec::<String>::new(), "passed: {bad}");
    assert_eq!(rule(&Source::new(path, good)), Vec::<String>::new(), "refused: {good}");
}

#[test]
fn an_upward_import_is_found_however_it_is_written() {
    let good = "use crate::domain::ids::Id;\nuse crate::clock::Clock;";
    for bad in [
        "use crate::app::run;",
        "use crate::{domain, web};",
        "use crate::{\n    domain::ids,\n    web::{a, b},\n};",
        "fn f() { crate::detection::advance() }",
        "use super::super::reporting;",
        "use crate::nowhere::X;",
    ] {
        shows(imports_go_downwards, "src/probing/steps.rs", bad, good);
    }
    let unlisted = Source::new("src/elsewhere.rs", "//! Somewhere.");
    assert_eq!(imports_go_downwards(&unlisted).len(), 1);
}

#[test]
fn what_serves_a_copy_cannot_reach_the_case_system() {
    let good = "use crate::vault::orders;\n// crate::sources is out of reach";
    for imported in ["sources", "capture", "probing"] {
        let bad = format!("use crate::{imported}::x;");
        shows(imports_go_downwards, "src/snapshots/reader.rs", &bad, good);
        let good = "use crate::snapshots::Reader;\nconst TEXT: &str = \"crate::sources\";";
        shows(imports_go_downwards, "src/web/mod.rs", &bad, good);
    }
}

#[test]
fn level_3_modules_never_meet() {
    let good = "use crate::store::ledger;\nuse super::state::State;";
    shows(imports_go_downwards, "src/detection/cusum.rs", "use crate::probing::Slot;", good);
    let good = "use super::store::ledger;";
    shows(imports_go_downwards, "src/continuity.rs", "use super::detection::advance;", good);
    let tests = "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    use crate::standin::smtp;\n}\n";
    shows(imports_go_downwards, "src/channels/mail.rs", "use crate::standin::smtp;", tests);
}

#[test]
fn a_crate_out_of_its_home_is_found() {
    let good = "use crate::store::ledger;\nfn f(age: u8) -> u8 { age }";
    for (path, bad) in [
        ("src/web/now.rs", "use sqlx::query;"),
        ("src/sources/http.rs", "fn f() { sqlx::query(\"\") }"),
        ("src/continuity/outbox.rs", "use lettre::Message;"),
        ("src/app.rs", "use axum::Router;"),
        ("src/vault/segment.rs", "use age::Encryptor;"),
        ("src/identity/passphrase.rs", "use {serde, argon2::Argon2};"),
    ] {
        shows(crates_stay_at_home, path, bad, good);
    }
    let at_home = Source::new("src/sources/sql.rs", "use sqlx::query;");
    assert_eq!(crates_stay_at_home(&at_home), Vec::<String>::new());
    let provider = "fn main() { rustls::crypto::aws_lc_rs::default_provider(); }";
    assert_eq!(crates_stay_at_home(&Source::new("src/main.rs", provider)), Vec::<String>::new());
}

#[test]
fn a_file_without_a_purpose_is_found() {
    shows(opens_with_its_purpose, "src/app.rs", "use std::fmt;", "//! Wires the roles.\n");
}

#[test]
fn a_long_file_and_a_long_line_are_found() {
    let long = "fn f() {}\n".repeat(MOST_LINES + 1);
    let tested = format!("fn f() {{}}\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
    shows(is_not_too_long, "src/app.rs", &long, &tested);
    let wide = "ā".repeat(MOST_COLUMNS + 1);
    shows(is_not_too_long, "src/app.rs", &wide, &"ā".repeat(MOST_COLUMNS));
}

#[test]
fn an_empty_name_is_found() {
    let good = "//! The manager's page.\npub struct Outbox;\nfn data_sent() {}";
    for bad in ["struct JobRunner;", "pub enum CaseData { A }", "mod util;", "trait Handler {}"] {
        shows(names_say_the_domain_thing, "src/app.rs", bad, good);
    }
    let helper = Source::new("src/app/helper.rs", "//! Wires.");
    assert_eq!(names_say_the_domain_thing(&helper).len(), 1);
}

#[test]
fn an_export_from_the_root_is_found() {
    shows(root_exports_nothing, "src/lib.rs", "pub use clock::Clock;", "pub mod clock;");
}

#[test]
fn unfinished_work_is_found() {
    let bad = concat!("// TO", "DO: later");
    shows(nothing_is_unfinished, "probes/c3ms.yaml", bad, "# all of it");
    shows(nothing_is_unfinished, "src/app.rs", concat!("// good for n", "ow"), "// HACKNEY");
}

#[test]
fn a_path_of_one_machine_is_found() {
    let bad = concat!("run /ho", "me/someone/x");
    shows(names_no_machine, "README.md", bad, "https://example.org/home");
}

/// What one crate brings must not be there twice: one TLS, one provider of cryptography.
#[test]
fn one_provider_of_cryptography_is_linked() {
    let tree = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--prefix", "none", "--edges", "all"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    assert!(tree.lines().any(|line| line.starts_with("aws-lc-rs ")), "{tree}");
    for unwanted in ["ring ", "openssl-sys ", "native-tls ", "serde_yaml "] {
        assert!(!tree.lines().any(|line| line.starts_with(unwanted)), "{unwanted}is linked");
    }
}

/// Names that look like a metric of ours, without what Prometheus adds to a histogram's.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c: char| !name(c)).filter(|word| word.starts_with("holdfast_"));
    let suffixes = ["_bucket", "_sum", "_count"];
    words
        .map(|word| suffixes.iter().find_map(|s| word.strip_suffix(s)).unwrap_or(word).to_owned())
        .collect()
}

#[test]
fn every_query_names_a_real_metric() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let catalogue = root.join("src/telemetry/metrics/catalogue.rs");
    let known = metrics_in(&fs::read_to_string(catalogue).unwrap());
    let mut shown = Vec::new();
    files(&root.join("grafana"), &[".json", ".yaml"], &mut shown);
    assert!(shown.len() > 3, "the dashboards are not where they were");
    for path in shown {
        let named = metrics_in(&fs::read_to_string(&path).unwrap());
        let unknown: Vec<_> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", path.display());
    }
    let invented = metrics_in("sum(rate(holdfast_wishes_bucket[5m]))");
    assert_eq!(invented.difference(&known).collect::<Vec<_>>(), ["holdfast_wishes"]);
}
