//! What a coefficient and its standard error say together: Student's t, its two-sided p-value and the 95 % confidence interval; and whether
//! the residuals of a regression lean on each other.
//!
//! **Source.** Student 1908; Durbin and Watson 1950.
//!
//! **NaN.** What cannot be said of a NaN or infinite input is `None`.

use super::special::Student;

/// Share of the distribution outside a confidence interval.
pub const INTERVAL_TAIL: f64 = 0.05;

/// Inference on one coefficient. The default stands for a coefficient that was not estimated.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Inference {
    /// Coefficient over standard error; `None` when the error is 0.
    pub t: Option<f64>,
    /// Two-sided p-value of t, in [0, 1]; `None` with t.
    pub p: Option<f64>,
    /// Ends of the 95 % confidence interval, in the unit of the coefficient; both the coefficient itself when the error is 0.
    pub interval: Option<(f64, f64)>,
}

/// Inference by Student's t with one number of degrees of freedom: the critical value is worked out once for all coefficients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StudentT {
    student: Student,
    critical: f64,
}

impl StudentT {
    /// The critical value of the 95 % interval. `degrees` are those left to the residuals, n − k − 1 in a regression with k columns and an
    /// intercept (statsmodels `use_t=True`,
    /// with robust errors too). `None` unless positive.
    pub fn new(degrees: f64) -> Option<Self> {
        let student = Student::new(degrees)?;
        let critical = student.critical(INTERVAL_TAIL)?;
        Some(Self { student, critical })
    }

    /// `t = c/SE`, `p = P(|T| > |t|)` and `c ± t*·SE` of a coefficient, the interval in its unit; nothing of anything
    /// for a coefficient or an error that is not finite or an error below 0.
    pub fn of(&self, coefficient: f64, standard_error: f64) -> Inference {
        if !(super::is_number(coefficient)
            && super::is_number(standard_error)
            && standard_error >= 0.0)
        {
            return Inference::default();
        }
        let t = (standard_error > 0.0).then(|| coefficient / standard_error);
        let width = self.critical * standard_error;
        Inference {
            t,
            p: t.and_then(|t| self.student.p(t)),
            interval: Some((coefficient - width, coefficient + width)),
        }
    }
}

/// Durbin–Watson `Σ(e_t − e_{t−1})²/Σe²` of residuals in the order of time: 2 without serial correlation, towards 0 with positive, towards 4
/// with negative.
///
/// Rows next to each other count as consecutive; residuals are taken as they are, unweighted. Free of units. `None` for a perfect fit or a residual that is
/// not finite.
pub fn durbin_watson(residuals: &[f64]) -> Option<f64> {
    let squares = residuals.iter().fold(0.0, |sum, e| sum + e * e);
    let steps = residuals.windows(2).fold(0.0, |sum, pair| {
        sum + (pair[1] - pair[0]) * (pair[1] - pair[0])
    });
    let ratio = steps / squares;
    (squares > 0.0 && ratio.is_finite()).then_some(ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coefficient_two_critical_errors_from_zero_is_significant() {
        let student = StudentT::new(8.0).unwrap();
        let of = student.of(1.0, 1.0 / 2.306_004_135_204_166);
        assert!((of.p.unwrap() - 0.05).abs() < 1e-13);
        let (low, high) = of.interval.unwrap();
        assert!(low.abs() < 1e-13 && (high - 2.0).abs() < 1e-13);
        assert_eq!(
            student.of(0.7, 0.0),
            Inference {
                t: None,
                p: None,
                interval: Some((0.7, 0.7))
            }
        );
        assert_eq!(student.of(f64::NAN, 1.0), Inference::default());
        assert_eq!(student.of(1.0, -1.0), Inference::default());
        assert_eq!(StudentT::new(0.0), None);
    }

    #[test]
    fn alternating_residuals_are_near_four_and_steady_ones_near_zero() {
        assert_eq!(durbin_watson(&[1.0, -1.0, 1.0, -1.0]), Some(3.0));
        assert_eq!(durbin_watson(&[1.0, 1.0, 1.0, -1.0]), Some(1.0));
        assert_eq!(durbin_watson(&[0.0; 5]), None);
        assert_eq!(durbin_watson(&[]), None);
        assert_eq!(durbin_watson(&[1.0, f64::NAN]), None);
    }
}
