//! Pure numeric kernels: slices in, values out, no I/O, no clock, no randomness, no panic.
//!
//! **Series.** A *series* is a slice with one entry per session, oldest first; the last entry is the as-of session and has
//! age 0. `f64::NAN` in a series means "no value on this session" and nothing else; infinities (and numbers beyond 1e60) are errors.
//!
//! **Results.** They are neither NaN nor infinite: what is undefined is `None` or an [`Error`], and NaN where it marks no hole is
//! [`Error::Invalid`]. Two exceptions. The functions of [`returns`] and [`spreads::spread`] hand out series, with NaN for holes, because
//! what they make is the input of everything else. And arithmetic that returns bare numbers has no way to refuse, so NaN in is NaN out:
//! [`conventions::risk_free_per_session`], [`returns::bond_return`], [`shrinkage::blume`], [`shrinkage::vasicek`],
//! [`stress_pnl::profit_and_loss`], [`active_weights::active_weights`] and the products of [`linalg`]; what calls them has checked. A 0 has no sign: bits are compared.
//!
//! **Order.** A kernel sums in the order it is given. Callers sort (factors by definition order, symbols and instruments by
//! name) before they call; then the order of positions, lots or chunks changes no bit. A fit looks at one symbol only, so
//! neighbours in a chunk change nothing.
//!
//! **Same bits everywhere.** Scalar `f64`, one fixed order of summation, no fused multiply-add, [`libm`] for exp, ln, erf, pow
//! and their kin; square roots and the four operations are exact by IEEE 754.
//!
//! **Units.** Returns, rates and shocks are fractions (0.01 is 1 %). "Annual" means times 252 for variances.

pub mod conventions;

pub mod returns;

pub mod period;

pub mod factors;

pub mod joint_fit;

pub mod market_beta;

pub mod spreads;

pub mod covariance;

pub mod risk;

pub mod portfolio_returns;

pub mod volatility;

pub mod forecast;

pub mod correlation;

pub mod nearest_correlation;

pub mod clustering;

pub mod ledoit_wolf;

pub mod concentration;

pub mod active_weights;

pub mod stress;

pub mod stress_pnl;

pub mod data_quality;
pub mod reverse_stress;

pub mod replay;

pub mod value_at_risk;

pub mod var_backtest;

pub mod performance;

pub mod drawdown;

pub mod xirr;

pub mod options;

pub mod implied_volatility;

pub mod option_leg;

// What the kernels above are made of.
pub mod regression;

pub mod inference;

pub mod ridge;

pub mod shrinkage;

pub mod design;

pub mod standard_errors;

pub mod weights;

pub mod special;

pub mod linalg;

mod lanes;

pub mod eigen;

#[cfg(test)]
mod fixtures;

pub use conventions::SESSIONS_PER_YEAR;

/// Fewest observations for a fit, a covariance or a correlation; below it the answer is [`Error::Insufficient`] or `None`.
pub const MINIMUM_OBSERVATIONS: usize = 60;

/// Larger inputs than this are refused like infinities, so that products of four of them stay finite.
const LARGEST: f64 = 1e60;

/// Neither NaN, nor infinite, nor absurdly large.
fn is_number(value: f64) -> bool {
    value.abs() <= LARGEST
}

/// Neither a number nor NaN, the mark of a missing value.
fn is_beyond(value: f64) -> bool {
    value.abs() > LARGEST
}

/// The larger of a number and 0, always +0: `f64::max` leaves the sign of `max(−0, 0)` open, and results are compared by their bits.
/// 0 for NaN: look for it before.
fn at_least_zero(value: f64) -> f64 {
    if value > 0.0 { value } else { 0.0 }
}

/// The number itself, and +0 for −0: what a negative number times 0 makes.
fn no_negative_zero(value: f64) -> f64 {
    value + 0.0
}

/// Why a kernel has no answer.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Error {
    /// Too few usable observations: the caller stores `insufficient_data` with both numbers.
    #[error("insufficient data: have {have} observations, need {need}")]
    Insufficient {
        /// Usable observations.
        have: usize,
        /// Observations the kernel asks for.
        need: usize,
    },
    /// Two inputs that belong together differ in length: a defect of the caller.
    #[error("{what} has length {have}, expected {need}")]
    Shape {
        /// Which input.
        what: &'static str,
        /// Its length.
        have: usize,
        /// The length the others have.
        need: usize,
    },
    /// An input is NaN or infinite where that is not allowed, or outside its domain.
    #[error("{what} is not a usable number")]
    Invalid {
        /// Which input.
        what: &'static str,
    },
    /// All values of a series are the same where movement is asked for.
    #[error("{what} does not move")]
    Motionless {
        /// Which series.
        what: &'static str,
    },
    /// A matrix that must be positive definite is not (for stress: a shocked series without variance).
    #[error("{what} is not positive definite")]
    NotPositiveDefinite {
        /// Which matrix.
        what: &'static str,
    },
    /// No factor, or more than one, has the Market role.
    #[error("exactly one market factor is needed, found {found}")]
    Market {
        /// Factors with the Market role.
        found: usize,
    },
    /// A shock names a factor the model does not have.
    #[error("shock on factor {index}, but the model has {factors}")]
    UnknownFactor {
        /// Index in the shock.
        index: usize,
        /// Factors of the model.
        factors: usize,
    },
    /// One scenario shocks the same factor twice.
    #[error("factor {index} is shocked twice")]
    DuplicateShock {
        /// Index of the factor.
        index: usize,
    },
    /// A yield change at or beyond duration / convexity, where the quadratic price curve turns upwards.
    #[error("yield change {change} is not below duration / convexity = {limit}")]
    YieldChange {
        /// The change asked for, a fraction: 0.01 is 100 basis points.
        change: f64,
        /// Duration / convexity.
        limit: f64,
    },
}
