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
