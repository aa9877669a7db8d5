//! A source file with its comments, literals and tests out of the way, and what its code names.
//!
//! A scanner, not a parser: it knows Rust's comments, strings and character literals, which is
//! all that can hide an import or pretend to be one.

/// One file as the rules see it.
pub struct Source {
    /// Relative to the repository, `src/probing/slots.rs`.
    pub path: String,
    /// The top-level module it belongs to: `probing`; `lib` and `main` for those files.
    pub module: String,
    pub text: String,
    /// The text without tests, in which comments and literals are blank; lines keep their number.
    pub code: String,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
        let module = inner.split('/').next().unwrap_or_default().to_owned();
        let masked = mask(text);
        let lines = if is_test_file(path) { 0 } else { lines_before_tests(&masked) };
        let code = masked.lines().take(lines).collect::<Vec<_>>().join("\n");
        Self { path: path.to_owned(), module, text: text.to_owned(), code }
    }

    /// Lines that are not tests.
    pub fn product_lines(&self) -> usize {
        self.code.lines().count()
    }

    /// Line and name of every top-level module of this crate that the code names, by `crate::`,
    /// by the crate's own name or by enough `super::`, one by one or in braces.
    pub fn imports(&self) -> Vec<(usize, String)> {
        let mut imports = Vec::new();
        for root in ["crate::", "holdfast::"] {
            for (at, _) in self.code.match_indices(root) {
                if !continues_a_path(&self.code, at) {
                    self.import_at(at, at + root.len(), &mut imports);
                }
            }
        }
        let up = "super::";
        let mut rest = 0;
        while let Some(found) = self.code[rest..].find(up) {
            let start = rest + found;
            rest = start + up.len();
            let mut levels = 1;
            while self.code[rest..].starts_with(up) {
                levels += 1;
                rest += up.len();
            }
            if levels >= self.depth() {
                self.import_at(start, rest, &mut imports);
            }
        }
        imports
    }

    /// How many `super::` lead from this file to the crate's root.
    fn depth(&self) -> usize {
        let inner = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        inner.trim_end_matches("/mod").split('/').count()
    }

    fn import_at(&self, at: usize, after_root: usize, imports: &mut Vec<(usize, String)>) {
        let line = self.line(at);
        let rest = &self.code[after_root..];
        if let Some(group) = rest.strip_prefix('{') {
            imports.extend(heads_of_group(group).into_iter().map(|head| (line, head)));
        } else {
            // `pub(crate)` and items of the root itself, of which there are none, have no head.
            imports.extend(leading_name(rest).map(|head| (line, head)));
        }
    }

    /// The first line on which the code names this crate: in a `use` or as the head of a path.
    pub fn names_crate(&self, name: &str) -> Option<usize> {
        let named = self.code.match_indices(name).find(|(at, _)| {
            let before = self.code[..*at].chars().next_back();
            let after = &self.code[at + name.len()..];
            let word = !before.is_some_and(is_name) && !after.starts_with(is_name);
            let used = after.starts_with("::")
                || self.code[..*at].trim_end().ends_with("use") && after.starts_with([';', ' ']);
            word && used && !continues_a_path(&self.code, *at)
        });
        named.map(|(at, _)| self.line(at))
    }

    /// Line and name of every type and module that the code declares.
    pub fn declared_names(&self) -> Vec<(usize, String)> {
        let mut names = Vec::new();
        for (index, line) in self.code.lines().enumerate() {
            let words: Vec<&str> = line.split_whitespace().collect();
            for pair in words.windows(2) {
                if ["struct", "enum", "trait", "mod"].contains(&pair[0])
                    && let Some(name) = leading_name(pair[1])
                {
                    names.push((index + 1, name));
                }
            }
        }
        names
    }

    fn line(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }
}

/// `OutageChange` and `outage_change` are "outage" and "change".
pub fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for letter in name.chars() {
        if letter == '_' || letter == '-' {
            words.push(String::new());
            continue;
        }
        if letter.is_uppercase() {
            words.push(String::new());
        }
        words.last_mut().expect("there is always a word").extend(letter.to_lowercase());
    }
    words.retain(|word| !word.is_empty());
    words
}

fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Whether what stands here goes on from `something::`, or is the end of a longer word.
fn continues_a_path(code: &str, at: usize) -> bool {
    code[..at].ends_with("::") || code[..at].ends_with(is_name)
}

fn leading_name(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|letter| is_name(*letter)).collect();
    (!name.is_empty()).then_some(name)
}

/// Of `a, b::{c, d}, e::f}` the names `a`, `b` and `e`.
fn heads_of_group(group: &str) -> Vec<String> {
    let mut heads = Vec::new();
    let mut depth = 0;
    let mut part = String::new();
    for letter in group.chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.push(std::mem::take(&mut part)),
            _ => {}
        }
        if depth == 0 && letter != ',' {
            part.push(letter);
        }
    }
    heads.push(part);
    heads.iter().filter_map(|part| leading_name(part.trim_start())).collect()
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// The tests of a file are its last item: `#[cfg(test)] mod tests {`.
fn lines_before_tests(masked: &str) -> usize {
    let lines: Vec<&str> = masked.lines().collect();
    let tests = lines.windows(2).position(|pair| {
        pair[0].trim() == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].contains('{')
    });
    tests.unwrap_or(lines.len())
}

/// Blanks comments and the insides of literals, letter by letter, keeping every line break.
fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let hidden = hidden_length(rest, masked.chars().next_back());
        let length = if hidden == 0 { letter.len_utf8() } else { hidden };
        let (taken, left) = rest.split_at(length);
        if hidden == 0 {
            masked.push_str(taken);
        } else {
            masked.extend(taken.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
        rest = left;
    }
    masked
}

/// Bytes of the comment or literal that begins here; 0 when none does.
fn hidden_length(rest: &str, before: Option<char>) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment_length(rest);
    }
    if rest.starts_with('"') {
        return quoted_length(rest, '"');
    }
    if rest.starts_with('r') && !before.is_some_and(is_name) {
        return raw_string_length(rest);
    }
    if rest.starts_with('\'') {
        return character_length(rest);
    }
    0
}

fn block_comment_length(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

fn quoted_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return at + letter.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

fn raw_string_length(rest: &str) -> usize {
    let hashes = rest[1..].chars().take_while(|letter| *letter == '#').count();
    let opening = 1 + hashes;
    if !rest[opening..].starts_with('"') {
        return 0;
    }
    let closing = format!("\"{}", "#".repeat(hashes));
    let inside = &rest[opening + 1..];
    inside.find(&closing).map_or(rest.len(), |at| opening + 1 + at + closing.len())
}

/// `'a'` and `'\n'` are characters, `'a` alone is a lifetime.
fn character_length(rest: &str) -> usize {
    let mut letters = rest.char_indices().skip(1);
    match (letters.next(), letters.next()) {
        (Some((_, '\\')), _) => quoted_length(rest, '\''),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

#[test]
fn only_code_is_left() {
    let text = "let a = \"crate::x // \\\" \"; // crate::y\n/* crate /* :: */ z */ let b: &'a str = \
                r#\"crate::\"w\"#;\nlet c = '\"'; let d = '\\''; // end";
    let masked = mask(text);
    assert_eq!(masked.lines().count(), text.lines().count());
    let words: Vec<&str> = masked.split_whitespace().collect();
    let left = "let a = ; let b: &'a str = ; let c = ; let d = ;";
    assert_eq!(words.join(" "), left);
}

#[test]
fn names_fall_into_words() {
    assert_eq!(words_of("OutageChange"), ["outage", "change"]);
    assert_eq!(words_of("data_sent"), ["data", "sent"]);
}
