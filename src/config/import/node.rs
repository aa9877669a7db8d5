//! YAML of another program, with the place of everything, so that nothing is passed over in
//! silence: what a [`Section`] still holds when it is finished was not carried over.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location as Place, Spanned};

use crate::config::diagnostics::{Diagnostic, Faults, parse};

/// What stands for bytes, which are no text: no file of text holds it.
const BYTES: &str = "\0";

/// A value as it stands in a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    Empty,
    /// Any scalar, as text.
    Scalar(String),
    /// What was tagged as binary.
    Bytes,
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
}

impl Node {
    pub fn scalar(&self) -> Option<&str> {
        match self {
            Self::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// The scalars of a list, or the one that stands alone.
    pub fn scalars(&self) -> Vec<&str> {
        match self {
            Self::List(items) => items.iter().filter_map(|item| item.value.scalar()).collect(),
            other => other.scalar().into_iter().collect(),
        }
    }

    pub fn items(&self) -> &[Spanned<Node>] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }
}

/// Reads a file of another program.
///
/// # Errors
/// When it is no YAML.
pub fn read(file: &str, text: &str) -> Result<Section, Diagnostic> {
    let bytes = regex::Regex::new(r#"!!binary[ \t]+"?[A-Za-z0-9+/=]+"?"#);
    let bytes = bytes.expect("the expression is a constant, and a test reads it");
    let root: Spanned<Node> = parse(file, &bytes.replace_all(text, "\"\\0\""))?;
    Ok(Section::of(root))
}

/// A mapping whose keys are taken out one by one.
#[derive(Debug)]
pub struct Section {
    entries: Vec<(Spanned<String>, Spanned<Node>)>,
}

impl Section {
    /// What is no mapping is an empty one.
    pub fn of(node: Spanned<Node>) -> Self {
        match node.value {
            Node::Map(entries) => Self { entries },
            _ => Self { entries: Vec::new() },
        }
    }

    pub fn take(&mut self, key: &str) -> Option<Spanned<Node>> {
        self.take_entry(key).map(|(_, node)| node)
    }

    /// With the place of the key.
    pub fn take_entry(&mut self, key: &str) -> Option<(Place, Spanned<Node>)> {
        let at = self.entries.iter().position(|(name, _)| name.value == key)?;
        let (name, node) = self.entries.remove(at);
        Some((name.defined, node))
    }

    pub fn section(&mut self, key: &str) -> Self {
        self.take(key).map_or(Self { entries: Vec::new() }, Self::of)
    }

    pub fn text(&mut self, key: &str) -> Option<String> {
        self.take(key)?.value.scalar().map(str::to_owned)
    }

    pub fn texts(&mut self, key: &str) -> Vec<String> {
        let node = self.take(key);
        node.map(|node| node.value.scalars().into_iter().map(str::to_owned).collect())
            .unwrap_or_default()
    }

    pub fn flag(&mut self, key: &str) -> Option<bool> {
        Some(self.text(key)?.eq_ignore_ascii_case("true"))
    }

    /// Takes a key that has no counterpart out, and says so where it was set to anything.
    pub fn cannot(&mut self, key: &str, why: &str, notes: &mut Faults) {
        let Some((place, node)) = self.take_entry(key) else { return };
        let unset = match &node.value {
            Node::Empty => true,
            Node::Scalar(text) => text.is_empty() || text == "false",
            Node::Bytes => false,
            Node::List(items) => items.is_empty(),
            Node::Map(entries) => entries.is_empty(),
        };
        if !unset {
            notes.at(place, format!("'{key}' is not carried over: {why}"));
        }
    }

    pub fn into_entries(self) -> Vec<(Spanned<String>, Spanned<Node>)> {
        self.entries
    }

    /// Says what nobody took.
    pub fn finish(self, notes: &mut Faults) {
        for (key, _) in self.entries {
            let message = format!("'{}' is not known here and is not carried over", key.value);
            notes.at(key.defined, message);
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Node;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Empty)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Empty)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(if value == BYTES { Node::Bytes } else { Node::Scalar(value.to_owned()) })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Node::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_took_is_told_with_its_place() {
        let text = "a: 1\nb: { c: [x, 2.5], d: !!binary AAAACATSFi8= }\ne: true\n";
        let mut section = read("f", text).unwrap();
        let mut inner = section.section("b");
        assert_eq!(inner.texts("c"), ["x", "2.5"]);
        assert_eq!(inner.take("d").unwrap().value, Node::Bytes);
        let mut notes = Faults::new("f");
        section.cannot("e", "nothing does it", &mut notes);
        section.finish(&mut notes);
        let told: Vec<String> = notes.take().iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "f:1:1: 'a' is not known here and is not carried over",
                "f:3:1: 'e' is not carried over: nothing does it"
            ]
        );
    }
}
