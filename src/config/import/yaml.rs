//! Writing YAML as our own files have it: short things on one line, texts bare where they can be.
//!
//! It knows nothing of probes but which lists are tall.

/// Longer lines are broken.
const WIDTH: usize = 100;
/// Lists whose entries are written over several lines each.
const TALL: [&str; 3] = ["probes", "steps", "finally"];

/// A value to be written; keys keep their order.
#[derive(Clone, Debug, PartialEq)]
pub enum Yaml {
    /// A text, in quotes where it would be read as something else.
    Text(String),
    /// A number, a flag or a length of time.
    Bare(String),
    List(Vec<Yaml>),
    Map(Vec<(String, Yaml)>),
}

impl Yaml {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub fn bare(value: impl ToString) -> Self {
        Self::Bare(value.to_string())
    }

    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Yaml)>) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// A document: every key on a line of its own.
    #[must_use]
    pub fn document(&self) -> String {
        let mut text = String::new();
        match self {
            Self::Map(entries) => write_map(entries, 0, &mut text),
            other => text = other.flow() + "\n",
        }
        text
    }

    fn flow(&self) -> String {
        match self {
            Self::Text(text) => scalar(text),
            Self::Bare(text) => text.clone(),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::flow).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Map(entries) if entries.is_empty() => "{}".to_owned(),
            Self::Map(entries) => {
                let entry = |(key, value): &(String, Self)| scalar(key) + ": " + &value.flow();
                let entries: Vec<String> = entries.iter().map(entry).collect();
                format!("{{ {} }}", entries.join(", "))
            }
        }
    }
}

fn write_map(entries: &[(String, Yaml)], indent: usize, out: &mut String) {
    for (index, (key, value)) in entries.iter().enumerate() {
        // The first key of a list's entry stands behind its dash.
        if index > 0 || indent == 0 || out.ends_with('\n') {
            out.push_str(&" ".repeat(indent));
        }
        let key = scalar(key);
        write_entry(&key, value, indent, out);
    }
}

fn write_entry(key: &str, value: &Yaml, indent: usize, out: &mut String) {
    let tall = TALL.contains(&key);
    let flow = value.flow();
    let fits = indent + key.len() + 2 + flow.len() <= WIDTH;
    match value {
        // Numbers are filled into lines, as words are.
        Yaml::List(items) if !fits && items.iter().all(|item| matches!(item, Yaml::Bare(_))) => {
            out.push_str(&format!("{key}: {}\n", filled(items, indent + key.len() + 3)));
        }
        Yaml::List(items) if tall || (!items.is_empty() && !fits) => {
            out.push_str(&format!("{key}:\n"));
            write_list(items, indent + 2, tall, out);
        }
        Yaml::Map(entries) if !fits && !entries.is_empty() => {
            out.push_str(&format!("{key}:\n"));
            write_map(entries, indent + 2, out);
        }
        _ => out.push_str(&format!("{key}: {flow}\n")),
    }
}

fn write_list(items: &[Yaml], indent: usize, tall: bool, out: &mut String) {
    for item in items {
        let flow = item.flow();
        out.push_str(&" ".repeat(indent));
        out.push_str("- ");
        match item {
            Yaml::Map(entries) if tall || indent + 2 + flow.len() > WIDTH => {
                write_map(entries, indent + 2, out);
            }
            _ => out.push_str(&(flow + "\n")),
        }
    }
}

/// A list in brackets over several lines.
fn filled(items: &[Yaml], indent: usize) -> String {
    let (mut text, mut column) = ("[".to_owned(), indent);
    for (index, item) in items.iter().enumerate() {
        let item = item.flow();
        if index > 0 && column + item.len() + 3 > WIDTH {
            text.push_str(&format!(",\n{}", " ".repeat(indent)));
            column = indent;
        } else if index > 0 {
            text.push_str(", ");
            column += 2;
        }
        column += item.len();
        text.push_str(&item);
    }
    text + "]"
}

/// A text as it may stand inside brackets too.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || " ._/-".contains(c);
    let ambiguous = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let bare = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.replacen("://", "", 1).chars().all(plain)
        && !text.ends_with(' ')
        && !ambiguous.contains(&text.to_ascii_lowercase().as_str());
    // Every text of JSON in its quotes is one of YAML.
    if bare { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_as_they_were() {
        for text in ["plain", "true", "00123", "a: b", "x # y", "é\n\"z\"", "", "${a}", " x", "- a"]
        {
            let entry = Yaml::map([("key", Yaml::List(vec![Yaml::text(text)]))]);
            let read: std::collections::BTreeMap<String, Vec<String>> =
                serde_saphyr::from_str(&entry.document()).unwrap();
            assert_eq!(read["key"], [text]);
        }
    }
}
