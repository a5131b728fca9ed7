//! What an operator may hold back.

use std::fmt;
use std::str::FromStr;

use super::{Lane, PhaseName, UnknownWord};

/// A lane or a phase whose tasks are not claimed for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held {
    /// Every task of a lane.
    Lane(Lane),
    /// Every task of a phase.
    Phase(PhaseName),
}

impl Held {
    /// `lane` or `phase`.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Lane(_) => "lane",
            Self::Phase(_) => "phase",
        }
    }

    /// The name of the lane or phase.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lane(lane) => lane.as_str(),
            Self::Phase(phase) => phase.as_str(),
        }
    }

    /// Whether it covers the tasks of this lane and phase.
    pub fn covers(self, lane: Lane, phase: PhaseName) -> bool {
        self == Self::Lane(lane) || self == Self::Phase(phase)
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.name())
    }
}

impl FromStr for Held {
    type Err = UnknownWord;

    /// Reads what [`Display`](fmt::Display) writes; a phase goes by its number as well: `phase 1.5`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, name) = text.split_once(' ').unwrap_or(("", text));
        match kind {
            "lane" => Ok(Self::Lane(name.parse()?)),
            "phase" => Ok(Self::Phase(PhaseName::named(name)?)),
            _ => Err(UnknownWord::new("lane or phase", text, &[])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_goes_by_name_or_number() {
        let held: Held = "phase 1.5".parse().unwrap();
        assert_eq!(held, Held::Phase(PhaseName::SymbolFactors));
        assert_eq!(held.to_string().parse::<Held>().unwrap(), held);
        assert!(held.covers(Lane::Nightly, PhaseName::SymbolFactors));
        assert!(!held.covers(Lane::Nightly, PhaseName::MarketData));
        let lane: Held = "lane backfill".parse().unwrap();
        assert!(lane.covers(Lane::Backfill, PhaseName::MarketData));
        let error = "phase 7".parse::<Held>().unwrap_err().to_string();
        assert!(
            error.starts_with("\"7\" is no phase; there are "),
            "{error}"
        );
    }
}
