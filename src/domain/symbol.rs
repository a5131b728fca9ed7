//! The symbol of an instrument, as our users spell it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest symbol: an OCC option symbol has 21 characters, indices and currencies fewer.
const MAX_LENGTH: usize = 32;

/// An instrument's symbol: upper case, 1 to 32 characters of `[A-Z0-9._^=-]`.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type,
)]
#[serde(try_from = "String", into = "String")]
#[sqlx(transparent)]
pub struct Symbol(String);

/// Why a text is not a symbol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SymbolError {
    /// Nothing but white space.
    #[error("empty symbol")]
    Empty,
    /// More than 32 characters.
    #[error("symbol \"{0}\" is longer than {MAX_LENGTH} characters")]
    TooLong(String),
    /// A character outside the allowed set.
    #[error("symbol \"{0}\" has a character outside A-Z a-z 0-9 . _ ^ = -")]
    Character(String),
}

impl Symbol {
    /// Parses a symbol; lower case becomes upper case, surrounding white space goes.
    pub fn parse(text: &str) -> Result<Self, SymbolError> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(SymbolError::Empty);
        }
        if trimmed.chars().count() > MAX_LENGTH {
            return Err(SymbolError::TooLong(trimmed.chars().take(40).collect()));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._^=-".contains(c);
        if !trimmed.chars().all(allowed) {
            return Err(SymbolError::Character(trimmed.to_owned()));
        }
        Ok(Self(trimmed.to_ascii_uppercase()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The other spelling of a share class (`BRK.B`, `BRK-B`), where there is one.
    pub fn alias(&self) -> Option<Self> {
        let (from, to) = if self.0.contains('.') {
            ('.', "-")
        } else {
            ('-', ".")
        };
        let (stem, class) = self.0.split_once(from)?;
        let share_class = class.len() <= 2 && class.chars().all(|c| c.is_ascii_uppercase());
        (share_class && !stem.is_empty() && !class.is_empty())
            .then(|| Self(format!("{stem}{to}{class}")))
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<str> for Symbol {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for Symbol {
    type Err = SymbolError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Symbol {
    type Error = SymbolError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Symbol> for String {
    fn from(symbol: Symbol) -> Self {
        symbol.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickers_that_look_like_something_else_are_symbols() {
        for text in [
            "EQIX",
            "REIT",
            "BRK.B",
            "BF-B",
            "^GSPC",
            "EURUSD=X",
            "IWM250919C00220000",
        ] {
            assert_eq!(Symbol::parse(text).unwrap().as_str(), text);
        }
        assert_eq!(Symbol::parse(" aapl ").unwrap().as_str(), "AAPL");
    }

    #[test]
    fn other_texts_are_named_in_the_error() {
        assert_eq!(Symbol::parse("  "), Err(SymbolError::Empty));
        assert!(Symbol::parse(&"A".repeat(33)).is_err());
        let error = Symbol::parse("A B").unwrap_err().to_string();
        assert!(error.contains("\"A B\""), "{error}");
    }

    #[test]
    fn share_classes_have_two_spellings() {
        let alias = |text: &str| Symbol::parse(text).unwrap().alias().map(String::from);
        assert_eq!(alias("BRK.B").as_deref(), Some("BRK-B"));
        assert_eq!(alias("BF-B").as_deref(), Some("BF.B"));
        assert_eq!(alias("AAPL"), None);
        assert_eq!(alias("EURUSD=X"), None);
    }
}
