//! Texts of steps that hold `${name}`: a value captured earlier, a secret, or one of the run's own.
//!
//! They are parsed once, when the file is read, so that an unknown name is a fault of the file.

/// A text with values to be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(pub Vec<Piece>);

/// A piece of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    /// `${name}`: captured by an earlier step.
    Captured(String),
    /// `${secret.name}`: from the target's secrets, never printed.
    Secret(String),
    /// `${run.id}`, `${run.time}`: made afresh for each run.
    Run(RunValue),
    /// `${target.test_office}`: where the installation lets probes write.
    TestOffice,
}

/// Values that each run makes for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunValue {
    Id,
    Time,
}

/// Why a text is not a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTemplate {
    #[error("'${{' is not closed: write '}}' after the name")]
    Unclosed,
    #[error(
        "'${{{0}}}' is not a name: write a captured name, 'secret.NAME', 'run.id', 'run.time' \
         or 'target.test_office'"
    )]
    Name(String),
}

impl Template {
    /// Reads `${…}` pieces; `$${` stands for a literal `${`.
    ///
    /// # Errors
    /// When a piece is not closed or not a name.
    pub fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            if rest[..at].ends_with('$') {
                literal.push_str(&rest[..at]);
                literal.push('{');
                rest = &rest[at + 2..];
                continue;
            }
            literal.push_str(&rest[..at]);
            let inside = &rest[at + 2..];
            let end = inside.find('}').ok_or(InvalidTemplate::Unclosed)?;
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
            }
            pieces.push(piece(&inside[..end])?);
            rest = &inside[end + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(Self(pieces))
    }

    /// Whether `${name}` would be read as a captured value.
    #[must_use]
    pub fn is_name(name: &str) -> bool {
        matches!(piece(name), Ok(Piece::Captured(_)))
    }

    /// Names of captured values used.
    pub fn captured(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Captured(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Names of secrets used.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Secret(name) => Some(name.as_str()),
            _ => None,
        })
    }
}

fn piece(name: &str) -> Result<Piece, InvalidTemplate> {
    let word = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    match name.split_once('.') {
        None if word(name) => Ok(Piece::Captured(name.to_owned())),
        Some(("secret", secret)) if word(secret) => Ok(Piece::Secret(secret.to_owned())),
        Some(("run", "id")) => Ok(Piece::Run(RunValue::Id)),
        Some(("run", "time")) => Ok(Piece::Run(RunValue::Time)),
        Some(("target", "test_office")) => Ok(Piece::TestOffice),
        _ => Err(InvalidTemplate::Name(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_name_their_values() {
        let template = Template::parse("/p/${id}?u=${secret.user}&r=${run.id}").unwrap();
        assert_eq!(template.captured().collect::<Vec<_>>(), ["id"]);
        assert_eq!(template.secrets().collect::<Vec<_>>(), ["user"]);
        assert_eq!(
            Template::parse("$${x}").unwrap().0,
            [Piece::Text("${x}".to_owned())],
            "a doubled sign is a literal"
        );
        assert_eq!(Template::parse("${id"), Err(InvalidTemplate::Unclosed));
        assert_eq!(Template::parse("${a.b}"), Err(InvalidTemplate::Name("a.b".into())));
    }
}
