//! Fits of symbols to the factors.

use std::collections::BTreeMap;

use serde::Deserialize;
use utoipa::ToSchema;

/// A slope of a lot with its whiskers.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PositionSlope {
    /// The slope.
    pub beta: f64,
    /// Newey–West.
    pub std_error: f64,
    /// Lower end of its 95 % interval.
    pub low_95: Option<f64>,
    /// Upper end.
    pub high_95: Option<f64>,
    /// Why there is no interval.
    pub reason: Option<String>,
}

/// The joint fit of a symbol to the factors.
#[derive(Debug, Deserialize, ToSchema)]
pub struct FitTable {
    /// Whether there is one.
    pub available: bool,
    /// Why not.
    pub reason: Option<String>,
    /// Returns used, or at hand.
    pub n: i32,
    /// Effective number of them.
    pub n_eff: Option<f64>,
    /// Effective degrees of freedom of the fit.
    pub edf: Option<f64>,
    /// Intercept per session.
    pub alpha: Option<f64>,
    /// Its standard error.
    pub alpha_std_error: Option<f64>,
    /// Its t.
    pub alpha_t: Option<f64>,
    /// Its p.
    pub alpha_p: Option<f64>,
    /// Why there is no p.
    pub alpha_p_reason: Option<String>,
    /// Why there is no t.
    pub alpha_t_reason: Option<String>,
    /// Lower end of the 95 % interval of the intercept.
    pub alpha_low_95: Option<f64>,
    /// Upper end.
    pub alpha_high_95: Option<f64>,
    /// Weighted.
    pub r_squared: Option<f64>,
    /// For the degrees of freedom.
    pub adjusted_r_squared: Option<f64>,
    /// Why there is none of both.
    pub r_squared_reason: Option<String>,
    /// Of the residuals; 2 without autocorrelation.
    pub durbin_watson: Option<f64>,
    /// Why there is none.
    pub durbin_watson_reason: Option<String>,
    /// Of the factors in the window.
    pub condition_number: Option<f64>,
    /// Why there is none.
    pub condition_number_reason: Option<String>,
    /// Annual, a fraction squared.
    pub specific_variance: Option<f64>,
    /// Factor → slope.
    pub slopes: BTreeMap<String, FitSlope>,
    /// Market beta, spreads and the provider's beta: for display, no other number rests on them.
    pub displays: Vec<DisplayModel>,
}

/// A model for display: no other number rests on it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum DisplayModel {
    /// The market beta.
    Market(MarketModel),
    /// A spread of two proxies, fitted with the market.
    Spread(SpreadModel),
    /// What the provider says.
    Provider(ProviderBeta),
}

/// The regression of a symbol on the market alone.
#[derive(Debug, Deserialize, ToSchema)]
pub struct MarketModel {
    /// `market`.
    pub model: String,
    /// The factor or spread.
    pub factor: String,
    /// available, unavailable (a series or a number that it is made of is missing) or `insufficient_data`.
    pub status: String,
    /// Why a number of it is missing: the leg without a series, how many returns there are of how many, or what the fit lacks.
    pub reason: Option<String>,
    /// Raw and never clipped; beyond ±5 it has the flag `extreme`.
    pub beta: Option<f64>,
    /// Vasicek; alpha and R² are those of the raw regression.
    pub shrunk: Option<f64>,
    /// Newey–West.
    pub std_error: Option<f64>,
    /// Slope over its error.
    pub t: Option<f64>,
    /// Two-sided.
    pub p: Option<f64>,
    /// Lower end of its 95 % interval.
    pub low_95: Option<f64>,
    /// Upper end.
    pub high_95: Option<f64>,
    /// Returns used; where there is no slope, at hand.
    pub n: Option<i32>,
    /// Effective number of returns.
    pub n_eff: Option<f64>,
    /// Intercept, a return per session.
    pub alpha: Option<f64>,
    /// Newey–West, a return per session.
    pub alpha_std_error: Option<f64>,
    /// Intercept over its error.
    pub alpha_t: Option<f64>,
    /// Two-sided.
    pub alpha_p: Option<f64>,
    /// Lower end of its 95 % interval.
    pub alpha_low_95: Option<f64>,
    /// Upper end.
    pub alpha_high_95: Option<f64>,
    /// Weighted.
    pub r_squared: Option<f64>,
    /// For the degrees of freedom.
    pub adjusted_r_squared: Option<f64>,
    /// `extreme`, `collinear`, `motionless`.
    pub flags: Vec<String>,
}

/// The slope of a symbol on a spread, fitted jointly with the market.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SpreadModel {
    /// `spread`.
    pub model: String,
    /// The factor or spread.
    pub factor: String,
    /// available, unavailable (a series or a number that it is made of is missing) or `insufficient_data`.
    pub status: String,
    /// Why a number of it is missing: the leg without a series, how many returns there are of how many, or what the fit lacks.
    pub reason: Option<String>,
    /// The slope.
    pub beta: Option<f64>,
    /// Newey–West.
    pub std_error: Option<f64>,
    /// Slope over its error.
    pub t: Option<f64>,
    /// Two-sided.
    pub p: Option<f64>,
    /// Lower end of its 95 % interval.
    pub low_95: Option<f64>,
    /// Upper end.
    pub high_95: Option<f64>,
    /// Returns used; where there is no slope, at hand.
    pub n: Option<i32>,
    /// Variance inflation.
    pub vif: Option<f64>,
    /// `extreme`, `collinear`, `motionless`.
    pub flags: Vec<String>,
}

/// The beta of a symbol's profile, a cross-check.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ProviderBeta {
    /// `provider`.
    pub model: String,
    /// The factor or spread.
    pub factor: String,
    /// available, unavailable (a series or a number that it is made of is missing) or `insufficient_data`.
    pub status: String,
    /// Why a number of it is missing: the leg without a series, how many returns there are of how many, or what the fit lacks.
    pub reason: Option<String>,
    /// As told.
    pub beta: Option<f64>,
    /// Who told the profile, of the newest answer; null where nobody did.
    pub source: Option<String>,
    /// `extreme`, `collinear`, `motionless`.
    pub flags: Vec<String>,
}

/// A slope of a fit.
#[derive(Debug, Deserialize, ToSchema)]
pub struct FitSlope {
    /// The slope.
    pub beta: f64,
    /// Newey–West.
    pub std_error: Option<f64>,
    /// Slope over its error.
    pub t: Option<f64>,
    /// Two-sided.
    pub p: Option<f64>,
    /// Lower end of its 95 % interval.
    pub low_95: Option<f64>,
    /// Upper end.
    pub high_95: Option<f64>,
    /// Why something of it is missing.
    pub reason: Option<String>,
    /// Variance inflation.
    pub vif: Option<f64>,
    /// Why there is none.
    pub vif_reason: Option<String>,
    /// `extreme`, `collinear`.
    pub flags: Vec<String>,
}
