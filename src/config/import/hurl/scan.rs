//! A Hurl file cut into lines, strings and words.
//!
//! Grammar: <https://hurl.dev/docs/grammar.html>. Nothing here knows what a word means.

/// A place in a file, going forward.
#[derive(Clone, Debug)]
pub struct Scan<'a> {
    rest: &'a str,
    line: u64,
}

/// A piece of a line of asserts, captures or options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// Without quotes: a keyword, an operator, a number, `{{name}}`, `file,x;`.
    Word(String),
    /// What stood in quotes, backticks or three of them.
    Text(String),
    /// What stood between slashes.
    Regex(String),
}

impl<'a> Scan<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1 }
    }

    pub fn line(&self) -> u64 {
        self.line
    }

    pub fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    /// The line it stands in, from here on.
    pub fn peek(&self) -> &'a str {
        self.rest.lines().next().unwrap_or("")
    }

    pub fn rest(&self) -> &'a str {
        self.rest
    }

    /// Takes what is left of the line.
    pub fn take_line(&mut self) -> &'a str {
        let line = self.peek();
        let end = self.rest.find('\n').map_or(self.rest.len(), |at| at + 1);
        self.take(end);
        line
    }

    /// Takes this many bytes.
    pub fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += taken.matches('\n').count() as u64;
        self.rest = rest;
        taken
    }

    /// Takes everything before the mark, and the mark.
    pub fn take_until(&mut self, mark: &str) -> Option<&'a str> {
        let at = self.rest.find(mark)?;
        let taken = self.take(at);
        self.take(mark.len());
        Some(taken)
    }

    pub fn skip_spaces(&mut self) {
        let spaces = self.rest.len() - self.rest.trim_start_matches([' ', '\t']).len();
        self.take(spaces);
    }

    /// Passes over blank lines and comments.
    pub fn skip_blank(&mut self) {
        while !self.is_done() {
            let line = self.peek().trim();
            if !line.is_empty() && !line.starts_with('#') {
                return;
            }
            self.take_line();
        }
    }

    /// The words up to the end of the line, its comment left out.
    pub fn tokens(&mut self) -> Vec<Token> {
        let mut tokens = Vec::new();
        loop {
            self.skip_spaces();
            match self.rest.chars().next() {
                None => return tokens,
                Some('\n' | '\r' | '#') => {
                    self.take_line();
                    return tokens;
                }
                Some('"') => tokens.push(Token::Text(self.quoted('"'))),
                Some('`') if self.rest.starts_with("```") => {
                    tokens.push(Token::Text(self.multiline().1));
                }
                Some('`') => tokens.push(Token::Text(self.quoted('`'))),
                Some('/') => tokens.push(Token::Regex(self.regex())),
                Some(_) => tokens.push(Token::Word(self.word())),
            }
        }
    }

    /// A string between marks, its escapes resolved.
    pub fn quoted(&mut self, mark: char) -> String {
        self.take(mark.len_utf8());
        let mut escaped = false;
        let end = self.rest.find(|c: char| {
            let ends = c == mark && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let inside = self.take(end.unwrap_or(self.rest.len()));
        self.take(end.map_or(0, |_| mark.len_utf8()));
        unescape(inside)
    }

    /// A string between three backticks: the word after the first ones, and the text.
    pub fn multiline(&mut self) -> (String, String) {
        self.take(3);
        let inside = self.take_until("```").unwrap_or_default();
        match inside.split_once('\n') {
            Some((kind, text)) => (kind.trim().to_owned(), text.to_owned()),
            None => (String::new(), inside.to_owned()),
        }
    }

    fn regex(&mut self) -> String {
        self.take(1);
        let mut escaped = false;
        let end = self.rest.find(|c: char| {
            let ends = (c == '/' && !escaped) || c == '\n';
            escaped = c == '\\' && !escaped;
            ends
        });
        let inside = self.take(end.unwrap_or(self.rest.len()));
        self.take(usize::from(self.rest.starts_with('/')));
        inside.replace("\\/", "/")
    }

    fn word(&mut self) -> String {
        let bytes_of = ["hex,", "base64,", "file,"];
        if bytes_of.iter().any(|kind| self.rest.starts_with(kind))
            && let Some(end) = self.peek().find(';')
        {
            return self.take(end + 1).to_owned();
        }
        let end = if self.rest.starts_with("{{") {
            self.peek().find("}}").map(|at| at + 2)
        } else {
            self.rest.find([' ', '\t', '\n', '\r'])
        };
        self.take(end.unwrap_or_else(|| self.peek().len())).to_owned()
    }
}

/// A line `key: value`, its comment left out; none when it is no such line.
pub fn pair(line: &str) -> Option<(String, String)> {
    let mut escaped = false;
    let colon = line.find(|c: char| {
        let is = c == ':' && !escaped;
        escaped = c == '\\' && !escaped;
        is
    })?;
    Some((unescape(line[..colon].trim()), unescape(without_comment(&line[colon + 1..]))))
}

/// A text outside of quotes ends where a comment begins.
pub fn without_comment(text: &str) -> &str {
    let mut escaped = false;
    let end = text.find(|c: char| {
        let is = c == '#' && !escaped;
        escaped = c == '\\' && !escaped;
        is
    });
    text[..end.unwrap_or(text.len())].trim()
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(sign) = rest.chars().next() else {
            out.push('\\');
            break;
        };
        rest = &rest[sign.len_utf8()..];
        match sign {
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'u' if rest.starts_with('{') => {
                let (code, after) = rest[1..].split_once('}').unwrap_or((&rest[1..], ""));
                out.extend(u32::from_str_radix(code, 16).ok().and_then(char::from_u32));
                rest = after;
            }
            other => out.push(other),
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_into_words_strings_and_expressions() {
        let mut scan = Scan::new(
            "jsonpath \"$.a \\\"b\\\"\" matches /^\\d\\/x$/ # why\nbody == ```\none\n```\nlast",
        );
        let word = |text: &str| Token::Word(text.to_owned());
        let text = |text: &str| Token::Text(text.to_owned());
        assert_eq!(
            scan.tokens(),
            [word("jsonpath"), text("$.a \"b\""), word("matches"), Token::Regex("^\\d/x$".into())]
        );
        assert_eq!(scan.tokens(), [word("body"), word("=="), text("one\n")]);
        assert_eq!((scan.line(), scan.take_line()), (5, "last"));
        assert_eq!(pair("a\\:b: c \\# d # e"), Some(("a:b".to_owned(), "c # d".to_owned())));
        assert_eq!(unescape("caf\\u{e9}"), "café");
    }
}
