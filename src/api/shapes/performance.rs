//! What a portfolio made over a range.

use chrono::NaiveDate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Money;

/// What a portfolio made over a range.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PerformanceAnswer {
    /// What the answers of a range say around their data.
    #[serde(flatten)]
    pub head: RangeHead,
    /// Null where there is none.
    pub data: Option<Performance>,
}

/// How it fell within a range.
#[derive(Debug, Deserialize, ToSchema)]
pub struct DrawdownsAnswer {
    /// What the answers of a range say around their data.
    #[serde(flatten)]
    pub head: RangeHead,
    /// Null where there is none.
    pub data: Option<Drawdowns>,
}

/// What the answers of a range say around their data.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RangeHead {
    /// Whose.
    pub portfolio_id: uuid::Uuid,
    /// `performance` or `drawdowns`.
    pub section: String,
    /// Whether there is something.
    pub available: bool,
    /// Why not: `nothing_published`, `stale` where inputs of every date have changed, `not_strict`, or
    /// `no_snapshot_in_range` where the range leaves none.
    pub reason: Option<String>,
    /// The same in words, where there is more to say.
    pub reason_text: Option<String>,
    /// The last session of the range.
    pub as_of: Option<NaiveDate>,
    /// The last session that was asked for; without one, that of the range.
    pub calculation_date: Option<NaiveDate>,
    /// The run of the last session.
    pub run_id: Option<uuid::Uuid>,
    /// How good the last session is.
    pub quality: Option<RangeQuality>,
    /// Modelled gross over gross at the last session, a fraction.
    pub coverage: Option<f64>,
}

/// How good a session is.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RangeQuality {
    /// Nothing of it failed.
    pub strict: bool,
}

/// Returns, ratios, drawdowns and contributions. Amounts are exact: closing = opening + flows + profit.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Performance {
    /// The portfolio.
    pub portfolio_id: uuid::Uuid,
    /// Its name.
    pub name: String,
    /// Of all money.
    pub currency: String,
    /// What the figures were made with.
    pub conventions: Conventions,
    /// First session.
    pub from: NaiveDate,
    /// Last session.
    pub to: NaiveDate,
    /// Sessions with a snapshot.
    pub sessions: u64,
    /// Calendar days from the close before the first session to the last.
    pub days: i32,
    /// Net asset value before the first session.
    pub opening_nav: Money,
    /// Net asset value at the end.
    pub closing_nav: Money,
    /// Contributions less withdrawals.
    pub external_flows: Money,
    /// What was made.
    pub profit: Money,
    /// Sessions whose return is doubtful, for more than a tenth came or went.
    pub large_flows: Vec<NaiveDate>,
    /// The lowest modelled gross over gross of its sessions, a fraction; null where none has one.
    pub coverage: Option<f64>,
    /// Sessions whose coverage is below 80 %.
    pub low_coverage_sessions: u64,
    /// Time-weighted.
    pub total_return: Figure,
    /// The same per year.
    pub annual_return: Figure,
    /// Internal rate of return per year.
    pub xirr: Figure,
    /// Annual.
    pub volatility: Figure,
    /// Annual.
    pub sharpe: Figure,
    /// Annual.
    pub sortino: Figure,
    /// Annual return over the deepest fall.
    pub calmar: Figure,
    /// The deepest fall.
    pub max_drawdown: Figure,
    /// The deepest falls, deepest first.
    pub drawdowns: Vec<Drawdown>,
    /// Against the benchmark; null where none was named.
    pub benchmark: Option<PerformanceBenchmark>,
    /// Largest first; they add up to the profit.
    pub contributions: Vec<PerformanceContribution>,
    /// Why there are none.
    pub contributions_reason: Option<String>,
}

/// Falls of the value from its peaks, without flows.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Drawdowns {
    /// First session.
    pub from: NaiveDate,
    /// Last session.
    pub to: NaiveDate,
    /// Sessions with a snapshot.
    pub sessions: u64,
    /// The deepest fall.
    pub max_drawdown: Figure,
    /// Annual return over the deepest fall.
    pub calmar: Figure,
    /// Deepest first.
    pub drawdowns: Vec<Drawdown>,
}

/// A number, or why there is none.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Figure {
    /// The number.
    pub value: Option<f64>,
    /// Why there is none.
    pub reason: Option<String>,
    /// `fraction`, `fraction per year`, `per year` or `slope`.
    pub unit: String,
    /// Names the conventions.
    pub convention_id: String,
}

/// A fall.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Drawdown {
    /// The close of the peak.
    pub peak: NaiveDate,
    /// The close of the low.
    pub trough: NaiveDate,
    /// The first close at or above the peak; null while there is none.
    pub recovery: Option<NaiveDate>,
    /// A positive fraction.
    pub depth: f64,
}

/// Against a benchmark.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PerformanceBenchmark {
    /// Which.
    pub symbol: String,
    /// Its own.
    pub total_return: Figure,
    /// Annual.
    pub tracking_error: Figure,
    /// Annual.
    pub information_ratio: Figure,
    /// Slope of excess returns.
    pub beta: Figure,
    /// Annual.
    pub alpha: Figure,
}

/// Profit of one symbol, or of income that belongs to none.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PerformanceContribution {
    /// The symbol, or `income`.
    pub name: String,
    /// What it made.
    pub profit: Money,
    /// Of the net asset value before the range; null where that was not positive.
    pub fraction: Option<f64>,
    /// Its lots; they add up to the profit. Income has none.
    pub lots: Vec<PerformanceLot>,
}

/// Profit of one lot.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PerformanceLot {
    /// Which.
    pub position_id: uuid::Uuid,
    /// What it made.
    pub profit: Money,
    /// Of the net asset value before the range; null where that was not positive.
    pub fraction: Option<f64>,
}

/// The conventions behind figures.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Conventions {
    /// Their name.
    pub convention_id: String,
    /// To annualise volatility.
    pub sessions_per_year: f64,
    /// To annualise returns.
    pub days_per_year: f64,
    /// Of standard deviations.
    pub ddof: u64,
    /// What ratios are over.
    pub risk_free_rate: f64,
    /// Its unit.
    pub risk_free_unit: String,
    /// Of Hyndman and Fan.
    pub quantile_type: u8,
    /// When flows are booked.
    pub flows: String,
    /// Shorter ranges are not made annual.
    pub days_to_annualise: i32,
}
