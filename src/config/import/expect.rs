//! What an imported step expects and keeps, gathered from tests of another program.
//!
//! A step has one test of its text and one of each header. A further one that must hold is written
//! as a capture nobody uses, for what cannot be captured fails the step; all that must not be there
//! becomes one expression.

use super::draft::length;
use super::yaml::Yaml;

/// The registered codes of RFC 9110 and those that joined them, for tests of ranges.
const CODES: [u16; 62] = [
    100, 101, 102, 103, 200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304,
    305, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415,
    416, 417, 418, 421, 422, 423, 424, 425, 426, 428, 429, 431, 451, 500, 501, 502, 503, 504, 505,
    506, 507, 508, 510, 511,
];

/// The status codes for which something holds.
pub fn codes(holds: impl Fn(u16) -> bool) -> Vec<u16> {
    CODES.into_iter().filter(|code| holds(*code)).collect()
}

/// A comparison with what was found.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    Exists,
    Absent,
    Equals(String),
    Contains(String),
    /// An expression, as it stands.
    Matches(String),
    AtLeast(f64),
    AtMost(f64),
    Not(Box<Test>),
}

impl Test {
    pub fn not(self) -> Self {
        match self {
            Self::Exists => Self::Absent,
            Self::Absent => Self::Exists,
            Self::Not(test) => *test,
            other => Self::Not(Box::new(other)),
        }
    }

    pub fn yaml(&self) -> Yaml {
        let (key, value) = match self {
            Self::Exists => ("exists", Yaml::bare(true)),
            Self::Absent => ("exists", Yaml::bare(false)),
            Self::Equals(text) => ("equals", Yaml::text(text)),
            Self::Contains(text) => ("contains", Yaml::text(text)),
            Self::Matches(text) => ("matches", Yaml::text(text)),
            Self::AtLeast(number) => ("at_least", Yaml::bare(number)),
            Self::AtMost(number) => ("at_most", Yaml::bare(number)),
            Self::Not(test) => ("not", test.yaml()),
        };
        Yaml::map([(key, value)])
    }

    /// As an expression, where it is a text without values to be filled in.
    fn expression(&self) -> Option<String> {
        match self {
            Self::Matches(text) => Some(text.clone()),
            Self::Contains(text) if !text.contains("${") => Some(regex::escape(text)),
            _ => None,
        }
    }
}

/// What a step expects and keeps.
#[derive(Debug, Default)]
pub struct Expect {
    pub status: Vec<u16>,
    header: Vec<(String, Test)>,
    json: Vec<Yaml>,
    html: Vec<Yaml>,
    text: Option<Test>,
    size: (Option<u64>, Option<u64>),
    within_ms: Option<u64>,
    pub captures: Vec<(String, Yaml)>,
}

impl Expect {
    /// Whether there was room for it; a test that has none is to be reported.
    #[must_use]
    pub fn text(&mut self, test: Test) -> bool {
        let (slot, captures) = (&mut self.text, &mut self.captures);
        add(slot, test, |expression| {
            captures.push((free("text", captures), Yaml::map([("regex", Yaml::text(expression))])));
        })
    }

    /// As [`Self::text`], for a header.
    #[must_use]
    pub fn header(&mut self, name: &str, test: Test) -> bool {
        let known = self.header.iter().position(|(known, _)| known.eq_ignore_ascii_case(name));
        let Some(at) = known else {
            self.header.push((name.to_owned(), test));
            return true;
        };
        match (&self.header[at].1, test) {
            (Test::Not(_), Test::Exists) => {
                let key = free("header", &self.captures);
                self.captures.push((key, Yaml::map([("header", Yaml::text(name))])));
                true
            }
            // What holds of a value holds of one that is there.
            (was, Test::Exists) => *was != Test::Absent,
            (Test::Not(was), Test::Not(is)) => match either(was, &is) {
                Some(both) => {
                    self.header[at].1 = both.not();
                    true
                }
                None => false,
            },
            _ => false,
        }
    }

    pub fn json(&mut self, path: &str, test: &Test) {
        self.json.push(Yaml::map([("path", Yaml::text(path)), ("test", test.yaml())]));
    }

    pub fn html(&mut self, select: &str, test: &Test) {
        self.html.push(Yaml::map([("select", Yaml::text(select)), ("test", test.yaml())]));
    }

    /// Narrows what the size may be.
    pub fn size(&mut self, at_least: Option<u64>, at_most: Option<u64>) {
        let (least, most) = self.size;
        self.size = (least.max(at_least), [most, at_most].into_iter().flatten().min());
    }

    pub fn within(&mut self, millis: u64) {
        self.within_ms = Some(self.within_ms.map_or(millis, |was| was.min(millis)));
    }

    /// The entries `expect` and `capture` of a step, where there is something in them.
    pub fn entries(self) -> Vec<(String, Yaml)> {
        let mut expect = Vec::new();
        let mut add = |key: &str, value: Yaml| expect.push((key.to_owned(), value));
        if !self.status.is_empty() && self.status != [200] {
            add("status", Yaml::List(self.status.iter().map(Yaml::bare).collect()));
        }
        if !self.header.is_empty() {
            let tests = self.header.iter().map(|(name, test)| (name.clone(), test.yaml()));
            add("header", Yaml::map(tests));
        }
        if !self.json.is_empty() {
            add("json", Yaml::List(self.json));
        }
        if !self.html.is_empty() {
            add("html", Yaml::List(self.html));
        }
        if let Some(test) = &self.text {
            add("text", test.yaml());
        }
        let bounds = [("at_least", self.size.0), ("at_most", self.size.1)];
        let bounds: Vec<_> =
            bounds.into_iter().filter_map(|(key, b)| Some((key, Yaml::bare(b?)))).collect();
        if !bounds.is_empty() {
            add("size_bytes", Yaml::map(bounds));
        }
        if let Some(millis) = self.within_ms {
            add("within", length(std::time::Duration::from_millis(millis)));
        }
        let mut entries = Vec::new();
        if !expect.is_empty() {
            entries.push(("expect".to_owned(), Yaml::Map(expect)));
        }
        if !self.captures.is_empty() {
            entries.push(("capture".to_owned(), Yaml::Map(self.captures)));
        }
        entries
    }
}

/// Puts a test into its one place, or beside it as an expression that must be found.
fn add(slot: &mut Option<Test>, test: Test, mut beside: impl FnMut(String)) -> bool {
    let Some(was) = slot else {
        *slot = Some(test);
        return true;
    };
    match (&*was, test) {
        (Test::Not(was), Test::Not(is)) => match either(was, &is) {
            Some(both) => *slot = Some(both.not()),
            None => return false,
        },
        (_, is) => match (is.expression(), was.expression()) {
            (Some(expression), _) => beside(format!("({expression})")),
            (None, Some(expression)) => {
                beside(format!("({expression})"));
                *slot = Some(is);
            }
            (None, None) => return false,
        },
    }
    true
}

/// One test that holds when either does.
fn either(one: &Test, other: &Test) -> Option<Test> {
    let (one, other) = (one.expression()?, other.expression()?);
    Some(Test::Matches(format!("(?:{one})|(?:{other})")))
}

fn free(wish: &str, captures: &[(String, Yaml)]) -> String {
    let taken = captures.iter().map(|(name, _)| name.clone()).collect();
    super::draft::unique(&format!("{wish}-found"), &taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_finds_its_room() {
        let mut expect = Expect::default();
        let matches = |text: &str| Test::Matches(text.to_owned());
        assert!(expect.text(matches("one")));
        assert!(expect.text(matches("two")));
        assert!(expect.text(matches("three").not()));
        assert!(expect.text(Test::Contains("(four)".to_owned()).not()));
        assert!(!expect.text(Test::Equals("five".to_owned()).not()));
        let text = Yaml::Map(expect.entries()).document();
        assert_eq!(
            text,
            "expect: { text: { not: { matches: \"(?:three)|(?:\\\\(four\\\\))\" } } }\n\
             capture: { text-found: { regex: \"(two)\" }, text-found-2: { regex: \"(one)\" } }\n"
        );
    }
}
