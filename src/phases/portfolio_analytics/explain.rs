//! Explains a stored number: formula, inputs and intermediate values, made again from what is stored with the kernels of the night.
//!
//! [`METRICS`] is the registry: a metric is one entry, a name with a function. The function takes what phase 6 read and what it
//! wrote, computes the number as phase 6 does, and tells how. Whether both are the same, to the last bit, is for the caller to say:
//! they differ when an input has changed, or a kernel.

mod bias;
mod book;
mod correlation;
mod crises;
mod factors;
mod fields;
mod fits;
mod ledger;
mod losses;
mod lot_betas;
mod sectors;
mod stress;
mod told;
mod volatility;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::Value;

use super::book::BookView;
use super::{Input, Loaded, PortfolioAnalytics, safety_net};
use crate::domain::{Calendar, LedgerDay, PortfolioId, RunId, TaskEpoch, TaskId, TradingDate};
use crate::market_data::Basis;
use crate::phases::books::{self, Books};
use crate::phases::{Error, Phase, Result, TaskRef};
use crate::store::ReadTx;
use crate::store::reports::{Bias, Report};

/// A number, exact money or a statistic.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    /// Money, to the last digit.
    Money(Decimal),
    /// A statistic, to the last bit.
    Statistic(f64),
}

impl Number {
    /// The same digits, or the same bits.
    pub fn same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Money(a), Self::Money(b)) => a == b,
            (Self::Statistic(a), Self::Statistic(b)) => a.to_bits() == b.to_bits(),
            _ => false,
        }
    }
}

/// A named value on the way to a number.
#[derive(Debug, Clone)]
pub struct Line {
    /// What it is.
    pub name: String,
    /// A number, money as text, or several of them by name.
    pub value: Value,
}

/// How a number is made.
#[derive(Debug, Clone)]
pub struct Explained {
    /// In words and signs.
    pub formula: &'static str,
    /// Where its inputs are stored.
    pub source: &'static str,
    /// The unit, with its sign.
    pub unit: &'static str,
    /// Over which sessions.
    pub window: String,
    /// Observations behind an estimate, the fewest where it rests on several fits; of what is only added up, its parts.
    pub n: usize,
    /// What goes in.
    pub inputs: Vec<Line>,
    /// What is made of it on the way, in order.
    pub steps: Vec<Line>,
    /// What comes out now.
    pub computed: Number,
    /// What is stored.
    pub stored: Number,
}

/// What is stored of a number and of what it was made of: nothing is made again.
#[derive(Debug, Clone)]
pub struct Told {
    /// In words and signs.
    pub formula: &'static str,
    /// Where its inputs are stored.
    pub source: &'static str,
    /// The unit, with its sign.
    pub unit: &'static str,
    /// Over which sessions.
    pub window: String,
    /// Observations behind an estimate, the fewest where it rests on several fits; of what is only added up, its parts.
    pub n: Option<usize>,
    /// What goes in, as it is stored with the result.
    pub inputs: Vec<Line>,
    /// What was made of it on the way, as it is stored.
    pub steps: Vec<Line>,
    /// The number.
    pub value: Number,
}

/// Why there is nothing to explain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The metric needs another argument: those that it takes.
    Argument(Vec<String>),
    /// Nothing is stored, for this reason.
    NotStored(String),
    /// It is stored, but cannot be made again, for this reason.
    NotMade(String),
}

/// A metric that can be explained.
pub struct Metric {
    /// Its name, as it is typed.
    pub name: &'static str,
    /// What follows the name after a colon, where something must.
    pub argument: Option<&'static str>,
    /// What it is.
    pub about: &'static str,
    /// In words and signs; where variants have formulas of their own, what they have in common.
    pub formula: &'static str,
    /// Where its inputs are stored.
    pub source: &'static str,
    /// The unit, with its sign.
    pub unit: &'static str,
    told: fn(&Report, &str) -> std::result::Result<Told, Refusal>,
    explain: fn(&Sources<'_>, &str) -> std::result::Result<Explained, Refusal>,
}

impl Metric {
    /// As it is typed, with the place of its argument.
    pub fn typed(&self) -> String {
        match self.argument {
            None => self.name.to_owned(),
            Some(argument) => format!("{}:{argument}", self.name),
        }
    }
}

/// Every metric, in the order of the list that people see.
pub const METRICS: &[Metric] = &[
    book::NAV,
    book::PNL_DAY,
    ledger::SNAPSHOT,
    ledger::LOT,
    lot_betas::LOT_BETA,
    book::HHI,
    book::CONCENTRATION,
    sectors::SECTOR,
    sectors::ACTIVE_WEIGHT,
    fits::FIT,
    factors::BETA,
    factors::VOLATILITY,
    factors::SYSTEMATIC_SHARE,
    factors::RISK,
    factors::CONTRIBUTION,
    bias::BIAS,
    volatility::REALISED_21,
    volatility::REALISED_63,
    volatility::FORECAST_21,
    volatility::PERCENTILE,
    volatility::TREND,
    volatility::RETURN_SERIES,
    correlation::CORRELATION,
    correlation::AVERAGE,
    correlation::SHRINKAGE,
    correlation::COVERAGE,
    stress::STRESS,
    crises::REPLAY,
    crises::REVERSE,
    losses::VALUE_AT_RISK,
    losses::EXPECTED_SHORTFALL,
    losses::SAMPLE,
    losses::BACKTEST,
    losses::OPTION,
];

/// Finds a metric and its argument in what was typed: `beta:Market`.
pub fn find(text: &str) -> Option<(&'static Metric, &str)> {
    let (name, argument) = text.split_once(':').unwrap_or((text, ""));
    let metric = METRICS.iter().find(|metric| metric.name == name)?;
    (metric.argument.is_some() || argument.is_empty()).then_some((metric, argument))
}

/// What phase 6 read of a portfolio at a date, and the ledger of the date and of the session before.
pub struct Read {
    loaded: Loaded,
    books: Books,
    forecasts: Vec<Forecast>,
    calendar: Calendar,
}

/// A session, its return, and the volatility that was stored for the session before.
type Forecast = (NaiveDate, f64, f64);

/// What an explanation looks at.
struct Sources<'a> {
    report: &'a Report,
    loaded: &'a Loaded,
    view: BookView<'a>,
    /// The session before, where the book was there, and the date.
    days: Vec<LedgerDay>,
    /// Returns with what was forecast for them, up to the date.
    forecasts: &'a [Forecast],
}

/// Reads what phases 3 and 6 read.
pub async fn load(db: &mut ReadTx<'_>, portfolio: PortfolioId, as_of: TradingDate) -> Result<Read> {
    let calendar = Calendar::nyse();
    // Nobody's task: what is read depends on the date alone.
    let task = TaskRef {
        at: TaskEpoch {
            task: TaskId(0),
            epoch: 0,
        },
        run_id: RunId(uuid::Uuid::nil()),
        run_seq: 0,
        final_date: as_of,
        force: false,
        as_of,
        calendar,
        basis: Basis::Raw,
    };
    let input = Input { portfolio };
    let loaded = PortfolioAnalytics.load(db, &task, &input).await?;
    let before = calendar.previous(as_of);
    let before = before.map_err(|error| Error::Permanent(error.to_string()))?;
    let books = books::load(db, calendar, &[portfolio], &[before, as_of]).await?;
    let forecasts = Bias::parts(db, portfolio, as_of.date()).await?;
    Ok(Read {
        loaded,
        books,
        forecasts,
        calendar,
    })
}

/// Makes a number again. Pure: everything was read before.
pub fn explain(
    mut read: Read,
    report: &Report,
    metric: &Metric,
    argument: &str,
) -> Result<std::result::Result<Explained, Refusal>> {
    safety_net(&mut read.loaded)?;
    let days = read.books.everything(read.calendar)?;
    let sources = Sources {
        report,
        loaded: &read.loaded,
        view: BookView::new(&read.loaded, read.calendar),
        days,
        forecasts: &read.forecasts,
    };
    Ok((metric.explain)(&sources, argument))
}

/// Tells what is stored of a number.
pub fn told(
    report: &Report,
    metric: &Metric,
    argument: &str,
) -> std::result::Result<Told, Refusal> {
    (metric.told)(report, argument)
}

fn line(name: impl Into<String>, value: impl Into<Value>) -> Line {
    Line {
        name: name.into(),
        value: value.into(),
    }
}

fn money(value: Decimal) -> Value {
    Value::from(value.normalize().to_string())
}

impl Sources<'_> {
    /// Why an analytic of this entry of the vector is not stored.
    fn not_stored(&self, entry: &str) -> Refusal {
        not_stored(self.report, entry)
    }
}

fn not_stored(report: &Report, entry: &str) -> Refusal {
    let reason = report.completeness.reason(entry);
    Refusal::NotStored(reason.unwrap_or_else(|| "not computed".to_owned()))
}
