//! Who may do what over HTTP: roles, and tokens of 256 random bits of which only a hash is kept.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::PortfolioId;
use super::words::words;

words! {
    /// What a token is good for.
    Role: "role" {
        /// Sees everything, changes nothing.
        Viewer = "viewer",
        /// Sees and does everything.
        Operator = "operator",
        /// Sees and does what concerns given portfolios only; others do not exist.
        Owner = "owner",
    }
}

/// What a caller may see and do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// See everything.
    Viewer,
    /// See and do everything.
    Operator,
    /// See and do what concerns these portfolios.
    Owner(BTreeSet<PortfolioId>),
}

impl Access {
    /// The role with its portfolios, which only an owner has, and always has.
    pub fn new(role: Role, portfolios: BTreeSet<PortfolioId>) -> Option<Self> {
        match (role, portfolios.is_empty()) {
            (Role::Viewer, true) => Some(Self::Viewer),
            (Role::Operator, true) => Some(Self::Operator),
            (Role::Owner, false) => Some(Self::Owner(portfolios)),
            _ => None,
        }
    }

    /// The role.
    pub fn role(&self) -> Role {
        match self {
            Self::Viewer => Role::Viewer,
            Self::Operator => Role::Operator,
            Self::Owner(_) => Role::Owner,
        }
    }

    /// The portfolios that there are for this caller; `None` is every one.
    pub fn only(&self) -> Option<&BTreeSet<PortfolioId>> {
        match self {
            Self::Owner(portfolios) => Some(portfolios),
            _ => None,
        }
    }

    /// Whether the caller may see a portfolio.
    pub fn sees(&self, portfolio: PortfolioId) -> bool {
        self.only().is_none_or(|own| own.contains(&portfolio))
    }
}

/// The SHA-256 of a token's secret: all that is stored of it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// A stored hash; `None` where it has another length.
    pub fn stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes to store.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether both are equal, in a time that does not tell where they differ.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// A token as its bearer has it: `sb_` + id + `_` + secret. Never logged: [`fmt::Debug`] hides the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Says which row is meant; no secret.
    pub id: Uuid,
    secret: String,
}

/// Hex digits of 256 bits.
const SECRET_DIGITS: usize = 64;

impl Token {
    /// A token of 256 bits from the system's source of randomness.
    pub fn fresh() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; SECRET_DIGITS / 2];
        getrandom::fill(&mut bytes)?;
        let mut secret = String::with_capacity(SECRET_DIGITS);
        for byte in bytes {
            let _ = write!(secret, "{byte:02x}");
        }
        let id = Uuid::new_v4();
        Ok(Self { id, secret })
    }

    /// What is stored.
    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(self.secret.as_bytes()).into())
    }

    /// The whole token: shown once, when it is made.
    pub fn reveal(&self) -> String {
        format!("sb_{}_{}", self.id.simple(), self.secret)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sb_{}_***", self.id.simple())
    }
}

/// A text that is no token. Does not repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a token")]
pub struct NoToken;

impl FromStr for Token {
    type Err = NoToken;

    fn from_str(text: &str) -> Result<Self, NoToken> {
        let rest = text.strip_prefix("sb_").ok_or(NoToken)?;
        let (id, secret) = rest.split_once('_').ok_or(NoToken)?;
        let hex = secret.len() == SECRET_DIGITS && secret.bytes().all(|b| b.is_ascii_hexdigit());
        let id = Uuid::parse_str(id).map_err(|_| NoToken)?;
        hex.then(|| Self {
            id,
            secret: secret.to_owned(),
        })
        .ok_or(NoToken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_shown_and_debug_hides_it() {
        let token = Token::fresh().unwrap();
        let read: Token = token.reveal().parse().unwrap();
        assert_eq!(read, token);
        assert!(read.hash().matches(&token.hash()));
        assert!(!token.hash().matches(&Token::fresh().unwrap().hash()));
        assert!(!format!("{token:?}").contains(&token.secret));
        for text in ["", "sb_", "sb_1_2", "Bearer x", &token.reveal()[..90]] {
            assert_eq!(text.parse::<Token>(), Err(NoToken), "{text}");
        }
    }

    #[test]
    fn only_an_owner_has_portfolios() {
        let some: BTreeSet<_> = [PortfolioId::of("o", "n")].into();
        assert!(Access::new(Role::Owner, BTreeSet::new()).is_none());
        assert!(Access::new(Role::Viewer, some.clone()).is_none());
        let owner = Access::new(Role::Owner, some).unwrap();
        assert!(owner.sees(PortfolioId::of("o", "n")) && !owner.sees(PortfolioId::of("o", "m")));
        assert!(Access::Viewer.sees(PortfolioId::of("o", "m")));
    }
}
