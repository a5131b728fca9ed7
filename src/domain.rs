//! The nouns of the system: what a night is about, with no input or output and no clock.
//!
//! Everything here is a plain value that parses once at the edge and is trusted afterwards.

mod access;
mod calendar;
mod cash_flow;
pub mod coverage;
mod definitions;
pub mod factor_window;
mod fingerprint;
mod held;
mod hint;
mod ids;
mod ledger;
mod lot;
pub mod money;
mod option;
mod pipeline;
mod portfolio;
mod profile;
mod replay;
mod sector;
mod symbol;
mod trading_date;
mod valuation;
mod words;

pub use access::{Access, NoToken, Role, SecretHash, Token};
pub use calendar::{Calendar, CalendarError, FIRST_DATE};
pub use cash_flow::{CashFlow, FlowKind};
pub use definitions::{
    Factor, FactorRole, FactorSet, INTEREST_RATE, Scenario, ScenarioSet, SeriesKind, Shock,
    ShockKind,
};
pub use fingerprint::{fingerprint, normalised};
pub use held::Held;
pub use hint::{Hint, TaskEpoch};
pub use ids::{InstallId, PortfolioId, PositionId, RunId, TaskId, WorkerId};
pub use ledger::{
    Book, Contributions, EndedLot, LedgerDay, LedgerError, UnbookedDividend, UnpricedExpiry,
    contributions, ledger, totals,
};
pub use lot::{End, Exit, Life, Lot};
pub use option::OptionTerms;
pub use pipeline::{AlertKind, Lane, PermitClass, PhaseName, TaskState, Trigger, Verdict};
pub use portfolio::{AssetClass, OptionRight, Portfolio, PositionType};
pub use profile::{ProfileFacts, ProfileHistory, ProfileVersion, Reach};
pub use replay::{REPLAYS, Replay};
pub use sector::{UNCLASSIFIED, sector_bucket};
pub use symbol::{Symbol, SymbolError};
pub use trading_date::TradingDate;
pub use valuation::{
    Known, LotValue, Marks, ModelPrice, PriceHistory, Quality, STALE_SESSIONS, Settlement,
    value_lot,
};
pub use words::UnknownWord;
