//! Exposures to factors, and the risk model.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Money;

/// Exposure of the portfolio to a factor.
#[derive(Debug, Deserialize, ToSchema)]
pub struct FactorExposure {
    /// The factor.
    pub factor: String,
    /// `market`, `style` or `rates`; null where its definition is gone.
    pub role: Option<String>,
    /// Slope of the portfolio's return.
    pub beta: Option<f64>,
    /// Its standard error.
    pub std_error: Option<f64>,
    /// Lower end of its 95 % interval.
    pub low_95: Option<f64>,
    /// Upper end.
    pub high_95: Option<f64>,
    /// Slope times net asset value.
    pub dollar: Option<Money>,
    /// Covered gross over gross, a fraction.
    pub coverage: Option<f64>,
    /// The fewest returns behind a fit that it rests on; null where it rests on none.
    pub n: Option<i32>,
    /// `low_coverage` where that is below 0.8, `short_factor_window` where the factors of the model share fewer than 200 sessions.
    pub flags: Vec<String>,
    /// Why there is no slope.
    pub reason: Option<String>,
}

/// Risk of the portfolio.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Risk {
    /// Whether there is something.
    pub available: bool,
    /// Why not.
    pub reason: Option<String>,
    /// Annual, a fraction of net asset value.
    pub volatility: Option<f64>,
    /// Annual variance from factors.
    pub factor_variance: Option<f64>,
    /// Annual variance from the rest.
    pub specific_variance: Option<f64>,
    /// Factor variance over variance.
    pub systematic_share: Option<f64>,
    /// `Σ|w|σ_u / σ`.
    pub diversification_ratio: Option<f64>,
    /// One over the sum of squared risk shares.
    pub effective_bets: Option<f64>,
    /// Modelled gross over gross, a fraction.
    pub coverage: Option<f64>,
    /// Sessions behind the covariance: those on which every factor has a return.
    pub n: Option<i32>,
    /// The oldest of them.
    pub first_session: Option<NaiveDate>,
    /// The newest of them.
    pub last_session: Option<NaiveDate>,
    /// The proxy with the fewest returns; null where each has one on every session of the window.
    pub limiting_proxy: Option<String>,
    /// What to know about it: `low_coverage`, `motionless_series`, `short_factor_window` (fewer than 200 common sessions).
    pub flags: Vec<String>,
    /// Key → why it is null.
    pub reasons: BTreeMap<String, String>,
    /// How well the model has forecast.
    pub bias: BiasStatistic,
    /// Largest first; each kind adds up to its share of the volatility.
    pub contributions: Vec<RiskContribution>,
}

/// The bias statistic: standard deviation of returns over what was forecast for them the session before.
#[derive(Debug, Deserialize, ToSchema)]
pub struct BiasStatistic {
    /// 1 for a right model, above 1 where it forecasts too little risk.
    pub statistic: Option<f64>,
    /// Lower end of where a right model lies 19 times of 20.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Sessions with a return and a forecast.
    pub n: u64,
    /// Sessions that it looks back over.
    pub sessions: u64,
    /// Sessions left out because an input of their return or of their forecast changed since: they count again when the dates are run
    /// again.
    pub stale: u64,
    /// Why there is no statistic.
    pub reason: Option<String>,
    /// Return over forecast of the date itself.
    pub today: Option<f64>,
    /// Why there is none.
    pub today_reason: Option<String>,
}

/// A part of the risk.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RiskContribution {
    /// `factor` or `underlying`.
    pub kind: String,
    /// Which.
    pub name: String,
    /// Slope, or weight.
    pub exposure: f64,
    /// Change of the volatility with the exposure.
    pub marginal: f64,
    /// Part of the annual volatility.
    pub contribution: f64,
    /// Part of the whole, a fraction.
    pub share: Option<f64>,
    /// Why there is no share.
    pub reason: Option<String>,
}
