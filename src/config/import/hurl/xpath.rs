//! The XPath that Hurl files mostly hold, as CSS selectors.
//!
//! Steps by name, `//` and `/`, a place `[2]`, an attribute `[@a='b']`, `@a` at the end, all of it
//! within `string(…)` or `normalize-space(…)`. Anything else has no selector.

/// What an expression selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    pub select: String,
    pub attribute: Option<String>,
}

/// The selector of an expression, if it has one.
pub fn selected(expression: &str) -> Option<Selected> {
    let mut path = expression.trim();
    for function in ["string(", "normalize-space("] {
        while let Some(inside) = path.strip_prefix(function) {
            path = inside.strip_suffix(')')?.trim();
        }
    }
    let (path, attribute) = match path.rsplit_once("/@") {
        Some((path, attribute)) if is_name(attribute) => (path, Some(attribute.to_owned())),
        _ => (path, None),
    };
    let mut rest = path.strip_prefix("/").unwrap_or(path);
    let mut select = String::new();
    loop {
        let child = if let Some(after) = rest.strip_prefix('/') {
            rest = after;
            false
        } else {
            true
        };
        let mut quote = None;
        let end = rest.find(|c: char| match quote {
            Some(mark) => {
                quote = (c != mark).then_some(mark);
                false
            }
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                false
            }
            None => c == '/',
        });
        let step = &rest[..end.unwrap_or(rest.len())];
        if !select.is_empty() {
            select.push_str(if child { " > " } else { " " });
        }
        select.push_str(&simple(step.strip_suffix("/text()").unwrap_or(step))?);
        match end {
            Some(end) => rest = &rest[end + 1..],
            None => break,
        }
    }
    scraper::Selector::parse(&select).is_ok().then_some(Selected { select, attribute })
}

/// One step: a name and its conditions.
fn simple(step: &str) -> Option<String> {
    let name_end = step.find('[').unwrap_or(step.len());
    let (name, mut conditions) = step.split_at(name_end);
    let mut select = match name {
        "*" => "*".to_owned(),
        name if is_name(name) => name.to_owned(),
        _ => return None,
    };
    while !conditions.is_empty() {
        let end = conditions.find(']')?;
        let condition = conditions.get(1..end)?;
        conditions = &conditions[end + 1..];
        if let Some(attribute) = condition.strip_prefix('@') {
            match attribute.split_once('=') {
                None if is_name(attribute) => select.push_str(&format!("[{attribute}]")),
                Some((name, value)) if is_name(name.trim()) => {
                    let value = value.trim();
                    let bare = value.trim_matches(['\'', '"']);
                    let quoted = bare.len() + 2 == value.len() && !bare.contains(['\'', '"', '\\']);
                    quoted.then(|| select.push_str(&format!("[{}='{bare}']", name.trim())))?;
                }
                _ => return None,
            }
        } else {
            let place: u32 = condition.parse().ok().filter(|_| name != "*")?;
            select.push_str(&format!(":nth-of-type({place})"));
        }
    }
    Some(select)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_expressions_have_a_selector_and_others_have_none() {
        let css = |text: &str| selected(text).map(|it| (it.select, it.attribute));
        let of = |select: &str, attribute: Option<&str>| {
            Some((select.to_owned(), attribute.map(str::to_owned)))
        };
        assert_eq!(css("string(/html/head/title)"), of("html > head > title", None));
        assert_eq!(css("normalize-space(//h1)"), of("h1", None));
        assert_eq!(
            css("string(//meta[@name='_csrf/token']/@content)"),
            of("meta[name='_csrf/token']", Some("content"))
        );
        assert_eq!(css("//div[2]//a[@href]"), of("div:nth-of-type(2) a[href]", None));
        for other in ["count(//p)", "//p[contains(text(), 'x')]", "//a | //b", "boolean(//p)", ""] {
            assert_eq!(css(other), None, "{other}");
        }
    }
}
