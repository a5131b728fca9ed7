//! Lots, exposures, concentration and sectors.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{FactorExposure, Money, PositionSlope};

/// A lot with its value.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Position {
    /// The lot.
    pub position_id: uuid::Uuid,
    /// What is held.
    pub symbol: String,
    /// LONG, SHORT, LC, LP, SC or SP.
    #[serde(rename = "type")]
    pub position_type: String,
    /// PUBLIC, OPTIONS or PRIVATE.
    pub class: String,
    /// Of an option; null for everything else.
    pub underlying: Option<String>,
    /// When it was opened.
    pub entry_date: NaiveDate,
    /// After splits; shorts are negative.
    pub quantity: Money,
    /// Of one unit.
    pub price: Money,
    /// Session of the price.
    pub price_date: Option<NaiveDate>,
    /// Why the price is of none.
    pub price_date_reason: Option<String>,
    /// How good the price is: close, stale, manual or carried.
    pub quality: String,
    /// Signed.
    pub market_value: Money,
    /// Signed.
    pub cost: Money,
    /// Value less cost.
    pub unrealised: Money,
    /// A fraction of net asset value.
    pub weight: Option<f64>,
    /// Why there is no weight.
    pub weight_reason: Option<String>,
    /// Change of the annual volatility with the weight.
    pub marginal_risk: Option<f64>,
    /// Why there is none.
    pub marginal_risk_reason: Option<String>,
    /// Weight × marginal risk: part of the annual volatility.
    pub risk_contribution: Option<f64>,
    /// Why there is none.
    pub risk_contribution_reason: Option<String>,
    /// The bucket of the section `sectors` that it is in.
    pub sector: Option<String>,
    /// Why it is in none.
    pub sector_reason: Option<String>,
    /// Factor → slope; empty where the lot is not modelled.
    pub betas: BTreeMap<String, f64>,
    /// Factor → slope with its error.
    pub slopes: BTreeMap<String, PositionSlope>,
    /// Why the lot has no part in the analytics.
    pub reason: Option<String>,
}

/// Exposures of the portfolio, and of each lot.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Exposures {
    /// Of the portfolio, in the order of the definitions.
    pub factors: Vec<FactorExposure>,
    /// Of the lots.
    pub positions: Vec<PositionExposures>,
}

/// Exposures of a lot.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PositionExposures {
    /// The lot.
    pub position_id: uuid::Uuid,
    /// What is held.
    pub symbol: String,
    /// Factor → slope; empty where the lot is not modelled.
    pub betas: BTreeMap<String, f64>,
    /// Factor → slope with its error.
    pub slopes: BTreeMap<String, PositionSlope>,
    /// Why the lot has no part in the analytics.
    pub reason: Option<String>,
}

/// How much hangs on few names.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Concentration {
    /// Whether there is something.
    pub available: bool,
    /// Why not.
    pub reason: Option<String>,
    /// Long + |short|.
    pub gross: Option<Money>,
    /// Herfindahl–Hirschman index, 0 to 10,000.
    pub hhi: Option<f64>,
    /// 10,000 over it.
    pub effective_names: Option<f64>,
    /// Share of the largest three, a fraction of gross.
    pub top_3: Option<f64>,
    /// Share of the largest ten, a fraction of gross.
    pub top_10: Option<f64>,
    /// How many there are.
    pub instruments: Option<i32>,
}

/// A sector of the book, or one that only a benchmark has.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SectorBucket {
    /// A sector, `ETF`, `Unclassified` or `Cash`.
    pub sector: String,
    /// At least zero.
    pub long_value: Money,
    /// At most zero.
    pub short_value: Money,
    /// Long + short.
    pub net_value: Money,
    /// Long − short.
    pub gross_value: Money,
    /// A fraction of net asset value.
    pub net_weight: Option<f64>,
    /// Why there is no weight.
    pub reason: Option<String>,
    /// Against each benchmark that is loaded.
    pub active: Vec<ActiveWeight>,
    /// Why there is none.
    pub active_reason: Option<String>,
}

/// A sector against a benchmark. Weights are fractions.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ActiveWeight {
    /// Its name.
    pub benchmark: String,
    /// The date of its weights: the newest that is not younger than the answer.
    pub benchmark_as_of: NaiveDate,
    /// Of the benchmark, zero where it does not have the sector.
    pub benchmark_weight: f64,
    /// Net weight less the benchmark's: negative where less is held.
    pub active_weight: Option<f64>,
    /// Why there is no active weight.
    pub reason: Option<String>,
}
