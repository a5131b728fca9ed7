//! The names of all keys: one hash tag, so that one blocking read covers all streams.

use super::{Error, Result};
use crate::domain::{Lane, PhaseName};

/// The prefix where none is configured.
pub const DEFAULT_PREFIX: &str = "sigmabatch";
/// The consumer group of every work stream.
pub const GROUP: &str = "workers";

/// Key names under one prefix.
#[derive(Debug, Clone)]
pub struct Keys {
    prefix: String,
}

impl Keys {
    /// Keys under `{prefix}:`.
    pub fn new(prefix: &str) -> Result<Self> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        if prefix.is_empty() || !prefix.chars().all(allowed) {
            return Err(Error::Prefix(prefix.to_owned()));
        }
        Ok(Self {
            prefix: prefix.to_owned(),
        })
    }

    /// The work stream of a lane and phase.
    pub fn stream(&self, lane: Lane, phase: PhaseName) -> String {
        format!("{{{}}}:{lane}:phase-{}", self.prefix, phase.number())
    }

    /// Every work stream.
    pub fn streams(&self) -> Vec<(Lane, PhaseName, String)> {
        let mut all = Vec::new();
        for &lane in Lane::ALL {
            for &phase in PhaseName::ALL {
                all.push((lane, phase, self.stream(lane, phase)));
            }
        }
        all
    }

    /// Mirror of dead tasks and garbage entries.
    pub fn dead(&self) -> String {
        format!("{{{}}}:dead", self.prefix)
    }

    /// Install id and schema version; its absence means that Redis was wiped.
    pub fn meta(&self) -> String {
        format!("{{{}}}:meta", self.prefix)
    }

    /// When the rate of a data provider allows the next question.
    pub fn rate(&self, provider: &str) -> String {
        format!("{{{}}}:rate:{provider}", self.prefix)
    }

    /// Pattern of every key of ours.
    pub fn pattern(&self) -> String {
        format!("{{{}}}:*", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_share_one_hash_tag() {
        let keys = Keys::new("sigmabatch").unwrap();
        let stream = keys.stream(Lane::Nightly, PhaseName::SymbolMetrics);
        assert_eq!(stream, "{sigmabatch}:nightly:phase-1.75");
        assert_eq!(keys.streams().len(), 30);
        assert!(
            keys.streams()
                .iter()
                .all(|(_, _, key)| key.starts_with("{sigmabatch}:"))
        );
        assert!(Keys::new("a b").is_err() && Keys::new("{x}").is_err() && Keys::new("").is_err());
    }
}
