//! Questions to a provider and its answers, as plain values.
//!
//! Prices and money are exact decimals; statistics of others (beta, dividend yield) are `f64`.
//! Everything in an answer was checked: closes are positive, dates rise, nothing appears twice.

use std::fmt;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::domain::Symbol;

/// What a provider's closes mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Closes as traded, with corporate actions beside them.
    Raw,
    /// Closes adjusted for splits and dividends: no corporate action is ever booked on them.
    TotalReturn,
}

impl Basis {
    /// The text in database, file and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::TotalReturn => "total_return",
        }
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A question for one series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceRequest {
    /// The instrument, or the name of a yield series.
    pub symbol: Symbol,
    /// Whether this asks for yields instead of closes and corporate actions.
    pub yields: bool,
    /// First and last date of each stretch, both included; they may overlap and be in any order.
    pub ranges: Vec<(NaiveDate, NaiveDate)>,
}

/// What the provider has for a [`PriceRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceAnswer {
    /// The symbol as asked, whatever share-class spelling the provider uses.
    pub symbol: Symbol,
    /// Closes by rising date; empty for a yield request.
    pub bars: Vec<Bar>,
    /// Closes that are no prices, zero or negative, by rising date.
    pub refused: Vec<(NaiveDate, Decimal)>,
    /// Corporate actions by rising ex-date; empty for a yield request and on a total-return basis.
    pub actions: Vec<CorporateAction>,
    /// Yields by rising date, fractions per year (0.0245 is 2.45 %), negative ones included.
    pub yields: Vec<(NaiveDate, Decimal)>,
    /// Whether the provider has such a series at all, for whatever dates.
    pub known: bool,
    /// First date with a value, asked for or not.
    pub first: Option<NaiveDate>,
    /// Last date with a value, asked for or not.
    pub last: Option<NaiveDate>,
}

/// The prices of one session, in the currency of the instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// The session.
    pub date: NaiveDate,
    /// On the provider's basis; always positive.
    pub close: Decimal,
    /// As traded; none beside an adjusted close, with which it could not be compared.
    pub open: Option<Decimal>,
    /// As traded; none beside an adjusted close.
    pub high: Option<Decimal>,
    /// As traded; none beside an adjusted close.
    pub low: Option<Decimal>,
    /// Units traded, zero or more.
    pub volume: Option<Decimal>,
}

/// What happened to a share on its ex-date. At least one of the two is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CorporateAction {
    /// First date on which the share trades without the right; one that is no session stands for the next session.
    pub ex_date: NaiveDate,
    /// New shares for one old: 7 for a 7:1 split, 0.1 for a reverse split.
    pub split_ratio: Option<Decimal>,
    /// Cash per share **after** the split of the same date; positive.
    pub cash_dividend: Option<Decimal>,
}

/// A description of an instrument, as far as the provider has one.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The symbol as asked.
    pub symbol: Symbol,
    /// The company's or fund's name.
    pub name: Option<String>,
    /// Sector, in the provider's words.
    pub sector: Option<String>,
    /// Industry, in the provider's words.
    pub industry: Option<String>,
    /// Country of domicile.
    pub country: Option<String>,
    /// Currency of the quotes.
    pub currency: Option<String>,
    /// `EQUITY`, `ETF`, `MUTUALFUND`, in the provider's words.
    pub quote_type: Option<String>,
    /// The provider's own market beta: a cross-check, never an input of a model.
    pub beta: Option<f64>,
    /// Fraction per year: 0.02 is 2 %; zero or more.
    pub dividend_yield: Option<f64>,
    /// In the currency of the quotes; positive.
    pub market_cap: Option<Decimal>,
    /// A sentence or two.
    pub description: Option<String>,
}

/// Financial statements and estimates of one company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fundamentals {
    /// The symbol as asked.
    pub symbol: Symbol,
    /// Reported items by period, kind and item.
    pub statements: Vec<Statement>,
    /// Analysts' estimates by period and item.
    pub estimates: Vec<Estimate>,
    /// The latest date on which earnings were reported.
    pub last_earnings: Option<NaiveDate>,
}

/// One reported item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Last day of the period.
    pub period_end: NaiveDate,
    /// Which statement, and over what period.
    pub kind: StatementKind,
    /// The item, such as `revenue`.
    pub item: String,
    /// In the company's reporting currency.
    pub value: Decimal,
}

/// One estimated item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estimate {
    /// Last day of the period.
    pub period_end: NaiveDate,
    /// The item, such as `eps`.
    pub item: String,
    /// In the company's reporting currency.
    pub value: Decimal,
}

/// Which statement an item stands in, and whether it covers a year or a quarter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatementKind {
    /// Income statement of a year.
    IncomeAnnual,
    /// Income statement of a quarter.
    IncomeQuarterly,
    /// Balance sheet at the end of a year.
    BalanceAnnual,
    /// Balance sheet at the end of a quarter.
    BalanceQuarterly,
    /// Cash flows of a year.
    CashFlowAnnual,
    /// Cash flows of a quarter.
    CashFlowQuarterly,
}

impl StatementKind {
    /// Every kind, in the order of the definition.
    pub const ALL: [Self; 6] = [
        Self::IncomeAnnual,
        Self::IncomeQuarterly,
        Self::BalanceAnnual,
        Self::BalanceQuarterly,
        Self::CashFlowAnnual,
        Self::CashFlowQuarterly,
    ];

    /// The text in database and file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IncomeAnnual => "income_annual",
            Self::IncomeQuarterly => "income_quarterly",
            Self::BalanceAnnual => "balance_annual",
            Self::BalanceQuarterly => "balance_quarterly",
            Self::CashFlowAnnual => "cash_flow_annual",
            Self::CashFlowQuarterly => "cash_flow_quarterly",
        }
    }
}
