//! The conventions behind all numbers, pinned here once. Their name, [`CONVENTION_ID`], is stored with every result and printed with every
//! number that is made on request; a change of any of them is a new name.
//!
//! **Source.** Our own choice among what is usual (design/analytics.md, Conventions); Hyndman and Fan 1996 for the quantiles.
//!
//! **NaN.** Arithmetic: the return of a NaN rate is NaN.

/// Names everything on this page.
pub const CONVENTION_ID: &str = "simple-252-v1";

/// Sessions in a year: variances and means per session are made annual with it.
pub const SESSIONS_PER_YEAR: f64 = 252.0;

/// Days in a year, for options, internal rates of return and annual growth: actual / 365.
pub const DAYS_PER_YEAR: f64 = 365.0;

/// Degrees of freedom that a sample deviation gives up.
pub const DDOF: usize = 1;

/// Risk-free rate **per year, continuous**, a fraction, where an installation has set none: discounts options, and is what Sharpe, Sortino
/// and alpha are in excess of. One that is set stands beside the name of the conventions, among the definitions of a result.
pub const RISK_FREE_RATE: f64 = 0.04;

/// Sample quantiles: Hyndman and Fan's type, the default of R and numpy.
pub const QUANTILE_TYPE: u8 = 7;

/// Calendar days that a record needs before anything of it is made annual.
pub const DAYS_TO_ANNUALISE: i32 = 90;

/// The risk-free return of one session, a fraction: `e^(r/252) − 1`, `rate` a year, continuous, a fraction.
pub fn risk_free_per_session(rate: f64) -> f64 {
    libm::expm1(rate / SESSIONS_PER_YEAR)
}
