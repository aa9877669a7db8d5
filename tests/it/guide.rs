//! The guide's examples and the files that ship are read by the product's own parsers.

use std::collections::{BTreeMap, BTreeSet};

use holdfast::config::playbooks::{self, Known};
use holdfast::config::{agent, mapping, people, probes};

use crate::support::root;

/// Reads a file of any of our formats; none when its first words name no format of ours.
fn fault_of(name: &str, text: &str) -> Option<Result<(), String>> {
    let format = text.lines().find_map(|line| line.strip_prefix("format: "))?;
    let read = match format.trim() {
        probes::FORMAT => probes::read(name, text).map(drop),
        mapping::FORMAT => mapping::read(name, text).map(drop),
        "holdfast/playbook/v1" => playbooks::parse(name, text, Known::default()).map(drop),
        "holdfast/people/v1" => people::parse(name, text).map(drop),
        agent::FORMAT => agent::check(name, text, root()).map(drop),
        other => panic!("{name}: no parser of ours reads '{other}'"),
    };
    Some(read.map_err(|faults| faults.to_string()))
}

fn yaml_below(folder: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "yaml") {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn shipped_files_are_without_fault() {
    let files: Vec<_> = ["probes", "playbooks"].into_iter().flat_map(yaml_below).collect();
    assert!(files.len() > 3, "the shipped files are not where they were: {files:?}");
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.display().to_string();
        let read = fault_of(&name, &text).unwrap_or_else(|| panic!("{name} names no format"));
        assert_eq!(read, Ok(()), "{name}");
        let misspelt = text.replacen("\ntitle:", "\ntitel:", 1).replacen("\nzone:", "\nzoen:", 1);
        assert!(fault_of(&name, &misspelt).unwrap().is_err(), "{name}: a misspelt key passes");
    }
}

#[test]
fn shipped_playbooks_name_people_and_cohorts_that_exist() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let people = people::parse("people.yaml", &read("playbooks/demo/people.yaml")).unwrap();
    let target = probes::read("c3ms.yaml", &read("probes/c3ms.yaml")).unwrap();
    let cohorts: BTreeSet<_> = target.cohorts.iter().map(|cohort| cohort.id.clone()).collect();
    let targets = BTreeMap::from([(target.id, cohorts)]);
    let known = Known { people: Some(&people), targets: Some(&targets) };
    let path = "playbooks/demo/march-2023.yaml";
    let faults = playbooks::parse(path, &read(path), known).err();
    assert!(faults.is_none(), "{}", faults.unwrap());
}

#[test]
fn examples_in_the_guide_work() {
    let mut seen = 0;
    for name in ["probes.md", "playbooks.md", "operations.md", "snapshots.md"] {
        let text = std::fs::read_to_string(root().join("docs").join(name)).unwrap();
        for block in text.split("```yaml\n").skip(1) {
            let (block, _) = block.split_once("```").unwrap();
            if let Some(read) = fault_of(name, block) {
                assert_eq!(read, Ok(()), "{name}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 2, "the guide has examples of probes and of a playbook");
}
