//! The pipeline: one file per phase, one registry line each.
//!
//! A phase says what its units of work are, and for each unit: reads (short transaction), asks
//! providers (no database), computes (neither), writes (inside the transaction that completes the
//! task). The engine runs phases and knows nothing else of them; phases never see the queue.

mod books;
mod erased;
mod option_market;
mod series;
mod sets;
mod units;

pub mod company_profiles;
pub mod fundamentals;
pub mod market_data;
pub mod no_op;
pub mod performance;
pub mod pnl_snapshots;
pub mod portfolio_analytics;
pub mod position_updates;
pub mod position_values;
pub mod sector_tags;
pub mod symbol_factors;
pub mod symbol_metrics;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

pub use erased::{AnyPhase, AnySend, AnyValue, DoneAny};
pub use sets::Wish;

use crate::clock::Deadline;
use crate::domain::{
    Calendar, PermitClass, PhaseName, PortfolioId, RunId, Symbol, TaskEpoch, TradingDate,
};
use crate::market_data::{Error as ProviderError, Provider};
use crate::store::{self, ReadTx, WriteTx};

/// Every phase, in the order of the pipeline. This list is the pipeline.
pub fn registry() -> Vec<Box<dyn AnyPhase>> {
    vec![
        Box::new(company_profiles::CompanyProfiles),
        Box::new(market_data::MarketData),
        Box::new(symbol_factors::SymbolFactors),
        Box::new(symbol_metrics::SymbolMetrics),
        Box::new(fundamentals::Fundamentals),
        Box::new(position_values::PositionValues),
        Box::new(pnl_snapshots::PnlSnapshots),
        Box::new(position_updates::PositionUpdates),
        Box::new(sector_tags::SectorTags),
        Box::new(portfolio_analytics::PortfolioAnalytics),
    ]
}

/// In place of the pipeline, one phase that does nothing but to pretend to compute for so long: for
/// measuring what is around it.
pub fn no_op(busy: Duration) -> Vec<Box<dyn AnyPhase>> {
    vec![Box::new(no_op::NoOp { busy })]
}

pub use crate::analytics::MINIMUM_OBSERVATIONS;
pub use crate::analytics::conventions::{CONVENTION_ID, RISK_FREE_RATE};
/// Grows when a kernel changes its digits.
pub const MODEL_VERSION: &str = "1";
/// Sessions before the first date of a run that a result may look back.
pub const LOOKBACK_SESSIONS: usize = 506;
/// Sessions before those, for the backtest of value at risk alone: it asks for nearly all returns of the lookback, and makes up
/// with these for sessions that are left out. A hole takes two returns, so they do for a dozen of them.
const SPARE_SESSIONS: usize = 25;
/// Sessions before the first date of a run that prices are asked for.
pub const HISTORY_SESSIONS: usize = LOOKBACK_SESSIONS + SPARE_SESSIONS;
/// A step of the pipeline. Implementors may write plain `async fn`.
pub trait Phase: Send + Sync + 'static {
    /// In the database for ever.
    const NAME: PhaseName;
    /// Barrier: all of these are finished before the phase opens.
    const AFTER: &'static [PhaseName];
    /// Raised when `Input` changes incompatibly.
    const VERSION: i16 = 1;
    /// How long one task may take.
    const TIMEOUT: Duration;
    /// What a task needs while it runs.
    const CLASS: PermitClass = PermitClass::Cpu;

    /// What a task is about; stored with it.
    type Input: Serialize + DeserializeOwned + Send + Sync;
    /// What was read.
    type Loaded: Send + 'static;
    /// What was read, with what providers answered.
    type Fetched: Send + 'static;
    /// What is written.
    type Output: Send + Sync + 'static;

    /// The units of work of a run. The same scope gives the same answer; no phase's plan depends on
    /// another phase's results.
    fn plan(
        &self,
        db: &mut ReadTx<'_>,
        run: &Scope,
    ) -> impl Future<Output = Result<Vec<Unit<Self::Input>>>> + Send;
    /// Reads the inputs of a task, and results of the same dates.
    fn load(
        &self,
        db: &mut ReadTx<'_>,
        task: &TaskRef,
        input: &Self::Input,
    ) -> impl Future<Output = Result<Self::Loaded>> + Send;
    /// Asks providers; nothing in scope can reach the database.
    fn fetch(
        &self,
        cx: &Cx,
        loaded: Self::Loaded,
    ) -> impl Future<Output = Result<Self::Fetched>> + Send;
    /// Computes, on the CPU pool. A function of its argument.
    fn compute(&self, cx: &Cx, fetched: Self::Fetched) -> Result<Self::Output>;
    /// The sets of results that an output replaces. Their headers are written with the fence; a task that
    /// gets none of them ends there, for newer results were there.
    fn sets(_output: &Self::Output) -> Vec<Wish> {
        Vec::new()
    }
    /// Whether there is more to write than the headers of [`Phase::sets`].
    const WRITES: bool = true;
    /// Writes the results of several tasks, one statement per table. Says which of them were
    /// replaced by newer results before.
    fn commit(
        &self,
        tx: &mut WriteTx,
        done: &[Done<'_, Self::Output>],
    ) -> impl Future<Output = Result<Vec<TaskEpoch>>> + Send;
    /// A chunk that dies, as its single elements.
    fn split(_input: &Self::Input, _as_of: TradingDate) -> Vec<Unit<Self::Input>> {
        Vec::new()
    }
    /// Whom and which dates a unit is about: what has to be done again when it died.
    fn subjects(input: &Self::Input, as_of: TradingDate) -> Subjects;
    /// How the task ended, where that is not simply `done`.
    fn outcome(_output: &Self::Output) -> String {
        "done".to_owned()
    }
}

/// What a unit of work is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subjects {
    /// Its portfolios.
    pub portfolios: Vec<PortfolioId>,
    /// Its symbols; with neither these nor portfolios, it is about everybody.
    pub symbols: Vec<Symbol>,
    /// Its dates; `None`: every date of the run.
    pub dates: Option<Vec<TradingDate>>,
}

/// One unit of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit<I> {
    /// Names the work inside its phase and date.
    pub unit: String,
    /// The date of the results, or the last of them.
    pub as_of: TradingDate,
    /// What to compute.
    pub input: I,
}

/// The scope of a run, frozen when it is planned.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Last date of the run: what "live" means, never today.
    pub final_date: TradingDate,
    /// Every date of the run, ascending.
    pub dates: Vec<TradingDate>,
    /// Whether to ask providers again for what is known.
    pub force: bool,
    /// Whether to compute again what is current: with `force`, and in a repair, whose first phases may bring
    /// inputs that make later results stale.
    pub recompute: bool,
    /// Every portfolio of the run.
    pub portfolios: Vec<PortfolioId>,
    /// What lacks current results: portfolio → dates, ascending. With `force`: everything.
    pub work: BTreeMap<PortfolioId, Vec<TradingDate>>,
    /// Symbols that `work` needs prices of, factor proxies included, ascending.
    pub symbols: Vec<store::universe::Wanted>,
    /// Symbol → its first session without an answer of a provider. What rests on it from then on is computed again, though it be
    /// current: the answers of this very run would make it stale.
    pub awaited: BTreeMap<Symbol, NaiveDate>,
    /// The definitions in force.
    pub definitions: Arc<store::definitions::Definitions>,
    /// The calendar.
    pub calendar: Calendar,
}

impl Scope {
    /// Every date on which some portfolio of the run needs work, ascending.
    pub fn work_dates(&self) -> Vec<TradingDate> {
        let all: std::collections::BTreeSet<_> = self.work.values().flatten().copied().collect();
        all.into_iter().collect()
    }

    /// The first session without an answer of a factor's proxy.
    fn awaited_proxies(&self) -> Option<NaiveDate> {
        let proxies = self.definitions.factors.iter();
        proxies
            .filter_map(|factor| self.awaited.get(&factor.proxy))
            .min()
            .copied()
    }

    /// Symbols with a series of prices, without yields.
    pub fn priced_symbols(&self) -> impl Iterator<Item = &Symbol> {
        self.symbols
            .iter()
            .filter(|wanted| !wanted.yields)
            .map(|wanted| &wanted.symbol)
    }
}

/// The task that is being worked on.
#[derive(Debug, Clone)]
pub struct TaskRef {
    /// The task at our epoch.
    pub at: TaskEpoch,
    /// Its run.
    pub run_id: RunId,
    /// The order of its run among all runs.
    pub run_seq: i64,
    /// The last date of its run.
    pub final_date: TradingDate,
    /// Whether its run recomputes what is current.
    pub force: bool,
    /// The date of the results, or the last of them.
    pub as_of: TradingDate,
    /// The calendar.
    pub calendar: Calendar,
    /// The provider's basis.
    pub basis: crate::market_data::Basis,
}

/// What a computation may use besides its input.
#[derive(Debug, Clone)]
pub struct Cx {
    /// Where prices come from.
    pub provider: Arc<Provider>,
    /// When the task is too late.
    pub deadline: Deadline,
    /// Set when the run is cancelled or the lease lost.
    pub cancel: CancellationToken,
    /// The calendar.
    pub calendar: Calendar,
}

impl Cx {
    /// An error once there is no point in going on.
    pub fn check(&self) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(Error::Interrupted("cancelled"));
        }
        if self.deadline.passed() {
            return Err(Error::Interrupted("deadline passed"));
        }
        Ok(())
    }
}

/// A finished computation, on its way into the database. Borrowed, so that a retry or a bisection
/// can use it again.
#[derive(Debug)]
pub struct Done<'a, O> {
    /// Its task.
    pub task: &'a TaskRef,
    /// The version of the inputs that its results may claim.
    pub data_version: i64,
    /// Its results.
    pub output: &'a O,
    /// Kind, owner and date of those of its sets that are its own to write.
    pub sets: &'a [(String, String, NaiveDate)],
}

impl<O> Clone for Done<'_, O> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<O> Copy for Done<'_, O> {}

/// Why a task did not succeed: a decision for the engine.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// May pass by itself.
    #[error("{what}")]
    Transient {
        /// What was attempted.
        what: String,
        /// When to try again, where the other side said so.
        after: Option<Duration>,
    },
    /// A provider wants fewer requests.
    #[error("{provider} limits our rate")]
    RateLimited {
        /// Which provider.
        provider: &'static str,
        /// When it may be asked again.
        after: Duration,
    },
    /// Will fail again.
    #[error("{0}")]
    Permanent(String),
    /// Our own mistake.
    #[error("{0}")]
    Bug(String),
    /// Nobody waits for the answer any more.
    #[error("{0}")]
    Interrupted(&'static str),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Result of a step of a phase.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The class, as it is stored.
    pub fn class(&self) -> &'static str {
        match self {
            Self::RateLimited { .. } => "rate_limited",
            Self::Permanent(_) => "permanent",
            Self::Bug(_) => "bug",
            Self::Interrupted(_) => "deadline",
            Self::Store(error) if error.is_data() => "permanent",
            Self::Store(_) | Self::Transient { .. } => "transient",
        }
    }
}

impl From<ProviderError> for Error {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::RateLimited { provider, after } => Self::RateLimited { provider, after },
            error if error.is_transient() => {
                let cause = std::error::Error::source(&error);
                let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
                let what = format!("{error}{cause}");
                Self::Transient { what, after: None }
            }
            // A folder stays malformed until somebody mends it: five tries only delay the message.
            error => Self::Permanent(error.to_string()),
        }
    }
}
