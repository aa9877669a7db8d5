//! JSON Schemas of the files people write, and the line by which an editor finds them.
//!
//! yaml-language-server reads that line, as "Using inlined schema" of its documentation has it:
//! <https://github.com/redhat-developer/yaml-language-server>. Nothing here writes a file.

use serde_json::Value;

use super::agent::AgentFile;
use super::installation::InstallationFile;
use super::mapping::MappingFile;
use super::probes::ProbeFile;
use super::{agent, directory, installation, mapping, people, playbooks, probes};

/// How the line begins.
pub const HINT: &str = "# yaml-language-server: $schema=";

/// A kind of file.
struct Kind {
    /// What its `format:` says.
    format: &'static str,
    name: &'static str,
    schema: fn() -> Value,
}

const KINDS: [Kind; 7] = [
    Kind { format: installation::FORMAT, name: "installation", schema: of::<InstallationFile> },
    Kind { format: agent::FORMAT, name: "agent", schema: of::<AgentFile> },
    Kind { format: probes::FORMAT, name: "probes", schema: of::<ProbeFile> },
    Kind { format: playbooks::FORMAT, name: "playbooks", schema: playbooks::schema },
    Kind { format: people::FORMAT, name: "people", schema: people::schema },
    Kind { format: directory::FORMAT, name: "directory", schema: directory::schema },
    Kind { format: mapping::FORMAT, name: "mapping", schema: of::<MappingFile> },
];

fn of<T: schemars::JsonSchema>() -> Value {
    schemars::schema_for!(T).to_value()
}

/// Name and text of every schema.
pub fn all() -> impl Iterator<Item = (&'static str, String)> {
    KINDS.iter().map(|kind| (kind.name, format!("{:#}\n", (kind.schema)())))
}

/// The schema of that name.
#[must_use]
pub fn named(name: &str) -> Option<String> {
    all().find(|(known, _)| *known == name).map(|(_, text)| text)
}

/// The file with the line that leads an editor to its schema, in `schemas/` of the installation;
/// `path` is the file's own below that. A file of no such kind is left as it is.
#[must_use]
pub fn hinted(path: &str, text: &str) -> String {
    let rest = match text.strip_prefix(HINT) {
        Some(_) => text.split_once('\n').map_or("", |(_, rest)| rest),
        None => text,
    };
    let Some(name) = kind_of(rest) else { return text.to_owned() };
    let up = "../".repeat(path.matches('/').count());
    format!("{HINT}{up}schemas/{name}.json\n{rest}")
}

/// The name of the schema that a text's `format:` asks for.
#[must_use]
pub fn kind_of(text: &str) -> Option<&'static str> {
    let format = text.lines().find_map(|line| line.strip_prefix("format:"))?.trim();
    KINDS.iter().find(|kind| kind.format == format).map(|kind| kind.name)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::config::targets::yaml_files;

    /// `holdfast schema KIND > docs/schemas/KIND.json` mends it.
    #[test]
    fn the_schemas_in_the_repository_are_those_of_the_code() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas");
        for (name, text) in all() {
            let kept = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
            assert!(kept == text, "docs/schemas/{name}.json is another than the code's");
        }
    }

    #[test]
    fn every_file_that_ships_leads_to_its_schema() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folders = [
            "probes",
            "probes/capture",
            "playbooks/c3ms",
            "playbooks/care",
            "playbooks/cyras",
            "playbooks/demo",
            "playbooks/nsw",
            "playbooks/wa",
            "src/app/profile",
            "src/app/profile/c3ms",
            "src/app/profile/care",
            "src/app/profile/cyras",
            "src/app/profile/nsw",
            "src/app/profile/wa",
        ];
        let files: Vec<PathBuf> =
            folders.iter().flat_map(|folder| yaml_files(&root.join(folder)).unwrap()).collect();
        assert!(files.len() > 30, "{files:?}");
        for path in files {
            let text = std::fs::read_to_string(&path).unwrap();
            let named = text.lines().next().unwrap().strip_prefix(HINT);
            let named = named.unwrap_or_else(|| panic!("{} has no such line", path.display()));
            let kind = kind_of(&text).unwrap();
            let schema = path.parent().unwrap().join(named).canonicalize().unwrap();
            let kept = root.join("docs/schemas").join(format!("{kind}.json"));
            assert_eq!(schema, kept.canonicalize().unwrap(), "{}", path.display());
        }
    }

    #[test]
    fn the_line_is_as_deep_as_its_file() {
        let text =
            "# yaml-language-server: $schema=elsewhere\n# Words.\nformat: holdfast/mapping/v1\n";
        let hinted = hinted("probes/capture/a.yaml", text);
        assert_eq!(
            hinted,
            "# yaml-language-server: $schema=../../schemas/mapping.json\n# Words.\nformat: \
             holdfast/mapping/v1\n"
        );
        assert_eq!(super::hinted("a.txt", "words"), "words");
    }
}
