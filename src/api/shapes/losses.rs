//! Stress tests, options, value at risk, crises of the past and reverse stress.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Money;

/// The result of a scenario.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Stress {
    /// Its id.
    pub scenario: String,
    /// Its name.
    pub name: String,
    /// `done`, `insufficient_data`, …
    pub outcome: String,
    /// Why something of it is missing.
    pub reason: Option<String>,
    /// Of the shocked factors only, a fraction of net asset value.
    pub direct: Option<f64>,
    /// With what usually moves along, a fraction of net asset value.
    pub propagated: Option<f64>,
    /// `direct` in money.
    pub direct_pnl: Option<Money>,
    /// `propagated` in money.
    pub propagated_pnl: Option<Money>,
    /// What the floor of −100 % took off.
    pub direct_floored: Option<Money>,
    /// What the floor of −100 % took off.
    pub propagated_floored: Option<Money>,
    /// Probability of a set of shocks at least as far out.
    pub plausibility: Option<f64>,
    /// Distance of the shocks.
    pub mahalanobis: Option<f64>,
    /// Too far out to be the worst stress.
    pub implausible: Option<bool>,
    /// Modelled gross over gross, a fraction.
    pub coverage: Option<f64>,
    /// Sessions behind the covariance of the factors; null where there is no amount.
    pub n: Option<i32>,
    /// `low_coverage` where the coverage is below 0.8, `short_factor_window` where `n` is below 200.
    pub flags: Vec<String>,
}

/// An option contract as it is modelled; Greeks are per share.
#[derive(Debug, Deserialize, ToSchema)]
pub struct OptionContract {
    /// The contract.
    pub symbol: String,
    /// What it is on.
    pub underlying: String,
    /// Per share.
    pub strike: f64,
    /// The underlying's close.
    pub spot: f64,
    /// Calendar days / 365.
    pub years: f64,
    /// Continuous, per year.
    pub rate: f64,
    /// Continuous, per year.
    pub dividend_yield: f64,
    /// Per year.
    pub volatility: f64,
    /// `implied` or `realised`.
    pub volatility_source: String,
    /// Why it is not implied; else empty.
    pub note: String,
    /// `suspect_volatility` where it is realised by closes that a data quality check found a step in: a bad tick, an outlier, an
    /// unconfirmed jump, a split.
    pub flags: Vec<String>,
    /// Of the model.
    pub price: f64,
    /// Per unit of spot.
    pub delta: f64,
    /// Of delta, per unit of spot.
    pub gamma: f64,
    /// Per percentage point of volatility.
    pub vega_per_point: f64,
    /// Per calendar day.
    pub theta_per_day: f64,
    /// Per percentage point of the rate.
    pub rho_per_point: f64,
    /// Contracts × 100, signed.
    pub shares: Money,
    /// Delta equivalent.
    pub exposure: Money,
}

/// Value at risk at a confidence: fractions of net asset value, losses positive.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ValueAtRisk {
    /// 0.95 or 0.99.
    pub confidence: f64,
    /// `done`, `insufficient_data`, …
    pub outcome: String,
    /// Why it is not done.
    pub reason: Option<String>,
    /// Method and days, as `historical_1` → estimate.
    pub estimates: BTreeMap<String, TailEstimate>,
    /// How it would have done.
    pub backtest: Backtest,
    /// Returns behind it.
    pub n: Option<i32>,
    /// Runs of ten consecutive sessions among them, which the historical estimates of ten sessions rest on.
    pub windows: Option<i32>,
    /// Holes that the factor model filled in the whole series, which the backtest looks back over.
    pub filled: Option<i32>,
    /// Sessions left out of it, for a hole that nothing could fill; no run goes across one.
    pub dropped: Option<i32>,
    /// Modelled gross over gross, a fraction.
    pub coverage: Option<f64>,
    /// What to know about it.
    pub flags: Vec<String>,
}

/// An estimate of the tail.
#[derive(Debug, Deserialize, ToSchema)]
pub struct TailEstimate {
    /// The loss that is exceeded with one less the confidence.
    pub value_at_risk: Option<f64>,
    /// The mean loss beyond it.
    pub expected_shortfall: Option<f64>,
    /// Why there is none.
    pub reason: Option<String>,
}

/// Losses beyond the value at risk in the past.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Backtest {
    /// Sessions looked at.
    pub sessions: Option<i32>,
    /// Losses beyond the value at risk.
    pub exceptions: Option<i32>,
    /// How many there should be.
    pub expected: Option<f64>,
    /// Why there is no backtest.
    pub reason: Option<String>,
    /// Kupiec's and Christoffersen's.
    pub tests: BTreeMap<String, LikelihoodTest>,
}

/// A test of a backtest.
#[derive(Debug, Deserialize, ToSchema)]
pub struct LikelihoodTest {
    /// Likelihood ratio.
    pub statistic: Option<f64>,
    /// Of the statistic.
    pub p: Option<f64>,
    /// Why there is none.
    pub reason: Option<String>,
}

/// A crisis of the past with today's book.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Replay {
    /// Its key.
    pub replay: String,
    /// Its title.
    pub name: String,
    /// The close that it begins with.
    pub first_close: NaiveDate,
    /// The close that it ends with.
    pub last_close: NaiveDate,
    /// `done`, `insufficient_data`, …
    pub outcome: String,
    /// Why something of it is missing.
    pub reason: Option<String>,
    /// Profit or loss.
    pub pnl: Option<Money>,
    /// The same over net asset value.
    pub fraction: Option<f64>,
    /// Symbols that moved with their betas.
    pub approximated: Vec<String>,
    /// What the floor of −100 % took off those.
    pub floored: Option<Money>,
    /// Modelled gross over gross, a fraction.
    pub coverage: Option<f64>,
    /// `low_coverage` where that is below 0.8.
    pub flags: Vec<String>,
}

/// The most plausible move that costs a part of net asset value.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ReverseStress {
    /// The part, a fraction.
    pub loss: f64,
    /// `done`, `not_applicable`, …
    pub outcome: String,
    /// Why it is not done.
    pub reason: Option<String>,
    /// What it costs.
    pub pnl: Option<Money>,
    /// How far out it is.
    pub mahalanobis: Option<f64>,
    /// Probability of a move at least as far out.
    pub plausibility: Option<f64>,
    /// Factor → total return of its proxy.
    pub moves: BTreeMap<String, f64>,
    /// What the floor of −100 % took off.
    pub floored: Option<Money>,
    /// Modelled gross over gross, a fraction.
    pub coverage: Option<f64>,
    /// Sessions behind the covariance of the factors; null where there is no amount.
    pub n: Option<i32>,
    /// `low_coverage` where the coverage is below 0.8, `short_factor_window` where `n` is below 200.
    pub flags: Vec<String>,
}
