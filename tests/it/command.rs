//! The command line as a person uses it: set up, checked, enrolled.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Runs `holdfast` in a folder.
pub fn holdfast(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
    command.args(arguments).current_dir(folder).output().unwrap()
}

/// What it prints when it succeeds.
pub fn prints(folder: &Path, arguments: &[&str]) -> String {
    let output = holdfast(folder, arguments);
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

/// What it complains of, with its exit status.
pub fn complains(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = holdfast(folder, arguments);
    let complaint = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), complaint)
}

/// A folder with a fresh installation in `care`.
pub fn set_up() -> tempfile::TempDir {
    // Wrapping the custody key takes seconds on purpose, so one is made and the others copied.
    static FIRST: OnceLock<tempfile::TempDir> = OnceLock::new();
    let first = FIRST.get_or_init(|| {
        let first = tempfile::tempdir().unwrap();
        std::fs::write(first.path().join("custody"), "synthetic custody passphrase\n").unwrap();
        let said = prints(first.path(), &["init", "care", "--custody-passphrase-file", "custody"]);
        assert!(said.contains("holdfast validate care"), "{said}");
        first
    });
    let folder = tempfile::tempdir().unwrap();
    let mut copy = Command::new("cp");
    copy.arg("-a").arg(first.path().join(".")).arg(folder.path());
    assert!(copy.status().unwrap().success());
    folder
}

#[test]
fn init_writes_what_validate_passes_and_names_the_secrets_that_are_missing() {
    let folder = set_up();
    let said = prints(folder.path(), &["validate", "care"]);
    for expected in [
        "care/holdfast.yaml: pages at http://127.0.0.1:8080/, 1 mail relay, 0 webhooks",
        "care/probes/c3ms.yaml: C3MS: ",
        "care/playbooks/workforce-depletion.yaml: Too few people for the work: 10 steps",
        "care/people.yaml: 13 people in 12 roles",
        "care/directory.yaml: ",
        "care/probes/capture/c3ms.yaml: ",
        "the secret in care/secrets/probe-username is not there: write it into that file",
        "care/secrets/probe-password",
        "care/secrets/capture-token",
    ] {
        assert!(said.contains(expected), "{expected} is missing in {said}");
    }
    assert!(said.contains("warning: care/holdfast.yaml:"), "{said}");
    let secrets = std::fs::read_dir(folder.path().join("care/secrets")).unwrap().count();
    assert_eq!(secrets, 0, "no secret is made up");
    let again = ["init", "care", "--custody-passphrase-file", "custody"];
    let (status, complaint) = complains(folder.path(), &again);
    assert_eq!(status, 1);
    assert!(complaint.contains("is there already"), "{complaint}");
}

#[test]
fn validate_says_every_fault_of_every_file_at_once() {
    let folder = set_up();
    let care = folder.path().join("care");
    let spoil = |file: &str, from: &str, to: &str| {
        let path = care.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} holds no {from}");
        std::fs::write(path, text.replacen(from, to, 1)).unwrap();
    };
    spoil("holdfast.yaml", "time_zone: Australia/Adelaide", "time_zone: Australia/Adelade");
    spoil("probes/c3ms.yaml", "\ntitle:", "\ntitel:");
    spoil(
        "playbooks/slow-service.yaml",
        "notify: intake-lead, after",
        "notify: intake-laed, after",
    );
    spoil("playbooks/key-staff-lost.yaml", "votes: 1", "vote: 1");
    spoil("directory.yaml", "roles: [operations]", "roles: []");
    spoil("probes/capture/c3ms.yaml", "\ntitle:", "\ntitel:");
    let (status, complaint) = complains(folder.path(), &["validate", "care"]);
    assert_eq!(status, 2);
    for expected in [
        ":12: unknown time zone 'Australia/Adelade'",
        "care/probes/c3ms.yaml:12:1: unknown key 'titel': did you mean 'title'?",
        "care/playbooks/slow-service.yaml:",
        "intake-laed",
        "care/playbooks/key-staff-lost.yaml:",
        "unknown key 'vote': did you mean 'votes'?",
        "care/directory.yaml:",
        "has no role",
        "care/probes/capture/c3ms.yaml:",
    ] {
        assert!(complaint.contains(expected), "{expected} is missing in {complaint}");
    }
    spoil("probes/c3ms.yaml", "\ntitel:", "\ntitle:");
    spoil("directory.yaml", "cohort: noarlunga", "cohort: noarlnga");
    let (_, complaint) = complains(folder.path(), &["validate", "care"]);
    assert!(
        complaint.contains("unknown cohort 'noarlnga': did you mean 'noarlunga'?"),
        "{complaint}"
    );
    spoil("people.yaml", "roles:", "rolls:");
    let (_, complaint) = complains(folder.path(), &["validate", "care"]);
    assert!(complaint.contains("people.yaml:"), "{complaint}");
    assert!(complaint.contains("key-staff-lost.yaml:"), "plans are read all the same: {complaint}");
    std::fs::write(care.join("holdfast.yaml"), "format: holdfast/service/v1\nlisten\n").unwrap();
    let (_, complaint) = complains(folder.path(), &["validate", "care"]);
    assert!(complaint.contains("people.yaml:"), "and so is the rest: {complaint}");
}

#[test]
fn validate_tells_a_file_by_its_format() {
    let folder = set_up();
    let care = folder.path().join("care");
    let kinds = ["people.yaml", "directory.yaml", "probes/c3ms.yaml", "probes/capture/c3ms.yaml"];
    for kind in kinds {
        let said = prints(&care, &["validate", kind]);
        assert!(said.starts_with(&format!("{kind}: ")), "{said}");
    }
    std::fs::write(care.join("odd.yaml"), "# a comment\nformat: holdfast/playbok/v1\n").unwrap();
    let (status, complaint) = complains(&care, &["validate", "odd.yaml"]);
    assert_eq!(status, 2);
    assert!(
        complaint.contains("odd.yaml:2:9: unknown format 'holdfast/playbok/v1': did you mean"),
        "{complaint}"
    );
    let said = prints(&care, &["validate", "--json", "people.yaml"]);
    let read: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(read["files"][0]["file"], "people.yaml");
}

#[test]
fn people_are_enrolled_once_kept_when_compiled_again_and_out_when_they_leave() {
    let folder = set_up();
    let care = folder.path().join("care");
    let said = prints(&care, &["people", "list"]);
    for line in said.lines() {
        let left = line.starts_with("p-leaver");
        let words = if left { "not within the account's dates" } else { "not enrolled yet" };
        assert!(line.ends_with(words), "{said}");
    }

    std::fs::write(care.join("short"), "too short\n").unwrap();
    let short = ["people", "enrol", "p-ops-1", "--passphrase-file", "short"];
    let (status, complaint) = complains(&care, &short);
    assert_eq!(status, 2);
    assert!(complaint.contains("at least 15 characters"), "{complaint}");
    std::fs::write(care.join("words"), "four synthetic words here\n").unwrap();
    let said = prints(&care, &["people", "enrol", "p-ops-1", "--passphrase-file", "words"]);
    assert!(said.contains("otpauth://totp/Holdfast:p-ops-1?secret="), "{said}");
    let enrol = ["people", "enrol", "p-nobody", "--passphrase-file", "words"];
    let (_, complaint) = complains(&care, &enrol);
    assert!(complaint.contains("run 'holdfast people compile' first"), "{complaint}");

    let path = care.join("directory.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let without = |text: &str, person: &str| -> String {
        let kept = text.lines().filter(|line| !line.contains(&format!("person: {person},")));
        kept.map(|line| format!("{line}\n")).collect()
    };
    std::fs::write(&path, without(&text, "p-intake")).unwrap();
    let said = prints(&care, &["people", "compile"]);
    assert!(said.contains("Out, at once: p-intake."), "{said}");
    assert!(said.contains("Directory 3 is in force"), "{said}");
    assert!(said.contains("1 of them can sign in"), "{said}");
    let said = prints(&care, &["people", "list", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&said).unwrap();
    let listed = listed.as_array().unwrap();
    let enrolled: Vec<_> = listed.iter().filter(|one| one["enrolled"] == true).collect();
    assert_eq!(enrolled.len(), 1);
    assert_eq!(enrolled[0]["person"], "p-ops-1");
    assert!(listed.iter().all(|one| one["person"] != "p-intake"));
}

#[test]
fn an_address_of_another_kind_of_source_than_the_mapping_is_told_where_it_stands() {
    let folder = set_up();
    let file = folder.path().join("care/holdfast.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let line = text.lines().position(|line| line.trim_start().starts_with("source_url:")).unwrap();
    let old = text.lines().nth(line).unwrap();
    let url = old.trim_start().trim_start_matches("source_url:").trim();
    for (new, said) in [
        (
            "postgres://export@replica.example.org/c3ms",
            "the mapping says http_json: write https://",
        ),
        ("postgres://export:synthetic-pass@replica.example.org/c3ms", "a password stands here"),
        ("ftp://example.org", "care/holdfast.yaml"),
    ] {
        std::fs::write(&file, text.replace(old, &old.replace(url, new))).unwrap();
        let (status, complaint) = complains(folder.path(), &["validate", "care"]);
        assert_eq!(status, 2, "{complaint}");
        let place = format!("care/holdfast.yaml:{}:", line + 1);
        assert!(complaint.contains(&place) && complaint.contains(said), "{new}: {complaint}");
        assert!(!complaint.contains("synthetic-pass"), "{complaint}");
    }
}
