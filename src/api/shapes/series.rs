//! Volatility and correlation.

use std::collections::BTreeMap;

use serde::Deserialize;
use utoipa::ToSchema;

/// Volatility of the portfolio's return series, annual fractions.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Volatility {
    /// Whether there is something.
    pub available: bool,
    /// Why not.
    pub reason: Option<String>,
    /// Of the last 21 sessions.
    pub realised_21: Option<f64>,
    /// Of the last 63 sessions.
    pub realised_63: Option<f64>,
    /// Of the next 21 sessions.
    pub forecast_21: Option<f64>,
    /// Where `realised_21` stands among its last values.
    pub percentile: Option<f64>,
    /// Short over long.
    pub trend_ratio: Option<f64>,
    /// `rising`, `falling` or `steady`.
    pub trend: Option<String>,
    /// Returns in the series.
    pub n: Option<i32>,
    /// Holes that the factor model filled.
    pub filled: Option<i32>,
    /// Sessions left out, for a hole that nothing could fill.
    pub dropped: Option<i32>,
    /// Modelled gross over gross, a fraction.
    pub coverage: Option<f64>,
    /// What to know about it.
    pub flags: Vec<String>,
    /// Key → why it is null.
    pub reasons: BTreeMap<String, String>,
}

/// Correlations of the instruments.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Correlation {
    /// Whether there is something.
    pub available: bool,
    /// Why not.
    pub reason: Option<String>,
    /// In the order of rows and columns.
    pub symbols: Vec<String>,
    /// Symmetric; null where there are too few common returns.
    pub matrix: Vec<Vec<Option<f64>>>,
    /// Lower ends of the 95 % intervals of its correlations, by Fisher's z.
    pub low_95: Vec<Vec<Option<f64>>>,
    /// Upper ends.
    pub high_95: Vec<Vec<Option<f64>>>,
    /// Number of the cluster of each symbol.
    pub clusters: Vec<Option<i32>>,
    /// Mean of the pairs.
    pub average: Option<f64>,
    /// Ledoit–Wolf intensity.
    pub shrinkage: Option<f64>,
    /// Gross of the symbols that a correlation is known of over gross, a fraction.
    pub coverage: Option<f64>,
    /// `low_coverage` where that is below 0.8.
    pub flags: Vec<String>,
    /// The pairs that are null.
    pub unknown: Vec<UnknownPair>,
    /// Key → why it is null.
    pub reasons: BTreeMap<String, String>,
}

/// A pair without a correlation.
#[derive(Debug, Deserialize, ToSchema)]
pub struct UnknownPair {
    /// Both.
    #[schema(min_items = 2, max_items = 2)]
    pub symbols: Vec<String>,
    /// Why.
    pub reason: String,
}
