//! Adjusted betas: towards 1 by a fixed share, or by how well the beta is known.
//!
//! **Source.** Blume 1971 (with the shares that Bloomberg made usual), Vasicek 1973.
//!
//! **NaN.** Arithmetic: an adjusted NaN is NaN, and NaN is not extreme; the fits that call it have refused NaN. Betas have no unit.

/// Blume's adjustment `0.67·β + 0.33`; NaN for NaN.
pub fn blume(beta: f64) -> f64 {
    0.67 * beta + 0.33
}

/// Vasicek's adjustment `(β/SE² + m/s²)/(1/SE² + 1/s²)`: the mean of β and the prior, each weighted by the inverse of its variance.
///
/// A standard error of 0 gives β itself, an infinite one the prior mean. `prior_deviation` is positive. Else NaN for NaN.
pub fn vasicek(beta: f64, standard_error: f64, prior_mean: f64, prior_deviation: f64) -> f64 {
    let (own, prior) = (
        standard_error * standard_error,
        prior_deviation * prior_deviation,
    );
    if own <= 0.0 {
        beta
    } else if own.is_infinite() {
        prior_mean
    } else {
        (beta / own + prior_mean / prior) / (1.0 / own + 1.0 / prior)
    }
}

/// A raw beta beyond ±5 is suspicious data, not a reason to clip.
pub const EXTREME_BETA: f64 = 5.0;

/// Whether `|β| > 5`: shown as a flag, the number stays. `false` for NaN.
pub fn is_extreme(beta: f64) -> bool {
    beta.abs() > EXTREME_BETA
}

#[cfg(test)]
#[expect(clippy::unreadable_literal, reason = "golden numbers as printed")]
mod tests {
    use super::super::fixtures::{X, Y};
    use super::super::regression::{Errors, least_squares};
    use super::*;

    fn close(have: f64, want: f64, tolerance: f64) {
        assert!((have - want).abs() <= tolerance, "have {have}, want {want}");
    }

    #[test]
    fn g2_shrinkage_of_beta() {
        let fit = least_squares(&[&X], &Y, None, Errors::Classical).unwrap();
        let (beta, error) = (fit.coefficients[0], fit.errors.coefficients[0]);
        close(blume(beta), 1.2710055444, 1e-10);
        close(vasicek(beta, error, 1.0, 0.3), 1.3838870868, 1e-10);
        close(vasicek(beta, 0.0, 1.0, 0.3), beta, 0.0);
        close(vasicek(beta, 1e9, 1.0, 0.3), 1.0, 1e-12);
        close(vasicek(beta, f64::INFINITY, 1.0, 0.3), 1.0, 0.0);
        assert!(is_extreme(7.3) && !is_extreme(-5.0));
    }
}
