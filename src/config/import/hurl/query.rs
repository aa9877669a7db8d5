//! One line of asserts or captures, its words told apart: what is looked at, through which filters,
//! and what must hold of it.

use super::scan::Token;

/// What is looked at, and through which filters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// As in `jsonpath`.
    pub name: String,
    pub argument: Option<Token>,
    /// Each with what follows it, as in `nth 2`.
    pub filters: Vec<(String, Option<Token>)>,
}

/// What must hold of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predicate {
    pub negated: bool,
    /// As in `==`.
    pub name: String,
    pub value: Option<Token>,
}

const WITH_ARGUMENT: [&str; 7] =
    ["header", "cookie", "xpath", "jsonpath", "regex", "variable", "certificate"];
/// How many words follow a filter, where it is not none.
const FILTERS: [(&str, usize); 13] = [
    ("charsetDecode", 1),
    ("decode", 1),
    ("format", 1),
    ("dateFormat", 1),
    ("jsonpath", 1),
    ("nth", 1),
    ("regex", 1),
    ("replace", 2),
    ("replaceRegex", 2),
    ("split", 1),
    ("toDate", 1),
    ("urlQueryParam", 1),
    ("xpath", 1),
];
/// Predicates that compare with a value; earlier spellings included.
const WITH_VALUE: [&str; 17] = [
    "==",
    "!=",
    ">",
    ">=",
    "<",
    "<=",
    "startsWith",
    "endsWith",
    "contains",
    "includes",
    "matches",
    "equals",
    "notEquals",
    "greaterThan",
    "greaterThanOrEquals",
    "lessThan",
    "lessThanOrEquals",
];

impl Query {
    /// Reads what is looked at; what is left over is the predicate, or nothing.
    pub fn read(tokens: &[Token]) -> Option<(Self, &[Token])> {
        let (Token::Word(name), mut rest) = tokens.split_first()? else { return None };
        let mut argument = None;
        if WITH_ARGUMENT.contains(&name.as_str()) {
            let (first, after) = rest.split_first()?;
            argument = Some(first.clone());
            rest = after;
        }
        let mut filters = Vec::new();
        while let Some((Token::Word(filter), after)) = rest.split_first() {
            if is_predicate(filter) {
                break;
            }
            let count = FILTERS.iter().find(|(name, _)| name == filter).map_or(0, |(_, n)| *n);
            filters.push((filter.clone(), after.first().filter(|_| count > 0).cloned()));
            rest = after.get(count..)?;
        }
        Some((Self { name: name.clone(), argument, filters }, rest))
    }

    /// The text after the name.
    pub fn text(&self) -> &str {
        self.argument.as_ref().map_or("", Token::text)
    }

    /// The names of the filters.
    pub fn filter_names(&self) -> Vec<&str> {
        self.filters.iter().map(|(name, _)| name.as_str()).collect()
    }
}

impl Predicate {
    pub fn read(tokens: &[Token]) -> Option<Self> {
        let negated = tokens.first() == Some(&Token::Word("not".to_owned()));
        let rest = if negated { &tokens[1..] } else { tokens };
        let (Token::Word(name), rest) = rest.split_first()? else { return None };
        let name = match name.as_str() {
            "equals" => "==",
            "notEquals" => "!=",
            "greaterThan" => ">",
            "greaterThanOrEquals" => ">=",
            "lessThan" => "<",
            "lessThanOrEquals" => "<=",
            "includes" => "contains",
            other => other,
        };
        Some(Self { negated, name: name.to_owned(), value: rest.first().cloned() })
    }

    /// The number it compares with.
    pub fn number(&self) -> Option<f64> {
        match self.value.as_ref()? {
            Token::Word(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Whether it holds of a number; none when it does not compare numbers.
    pub fn holds_of(&self, found: f64) -> Option<bool> {
        let number = self.number()?;
        let holds = match self.name.as_str() {
            "==" => (found - number).abs() < f64::EPSILON,
            "!=" => (found - number).abs() >= f64::EPSILON,
            ">" => found > number,
            ">=" => found >= number,
            "<" => found < number,
            "<=" => found <= number,
            _ => return None,
        };
        Some(holds != self.negated)
    }

    /// The whole numbers it allows, if they are one range: from, to.
    pub fn range(&self) -> Option<(Option<u64>, Option<u64>)> {
        let number = self.number().filter(|n| *n >= 0.0 && n.fract() == 0.0 && *n < 1e15)?;
        // A whole number below 10^15 is exact.
        let number = format!("{number:.0}").parse::<u64>().ok()?;
        let name = match (self.negated, self.name.as_str()) {
            (false, name) => name,
            (true, ">") => "<=",
            (true, ">=") => "<",
            (true, "<") => ">=",
            (true, "<=") => ">",
            (true, _) => return None,
        };
        match name {
            "==" => Some((Some(number), Some(number))),
            ">" => Some((Some(number + 1), None)),
            ">=" => Some((Some(number), None)),
            "<" => Some((None, Some(number.checked_sub(1)?))),
            "<=" => Some((None, Some(number))),
            _ => None,
        }
    }
}

fn is_predicate(word: &str) -> bool {
    word == "not" || word == "exists" || word.starts_with("is") || WITH_VALUE.contains(&word)
}

impl Token {
    pub fn text(&self) -> &str {
        match self {
            Self::Word(text) | Self::Text(text) | Self::Regex(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scan::Scan;
    use super::*;

    #[test]
    fn a_line_is_a_query_its_filters_and_a_predicate() {
        let tokens = Scan::new("jsonpath \"$.a\" nth 2 toInt not >= 4").tokens();
        let (query, rest) = Query::read(&tokens).unwrap();
        assert_eq!((query.name.as_str(), query.text()), ("jsonpath", "$.a"));
        assert_eq!(query.filter_names(), ["nth", "toInt"]);
        let predicate = Predicate::read(rest).unwrap();
        assert_eq!(predicate.range(), Some((None, Some(3))));
        assert_eq!(predicate.holds_of(4.0), Some(false));
    }
}
