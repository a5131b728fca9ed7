//! Exponential weights by age in sessions, and how many equal observations they are worth.
//!
//! **Source.** J.P. Morgan 1996 (exponential weights), Kish 1965 (effective number).
//!
//! **NaN.** No missing values: what is undefined for a NaN or infinite input is `None` or [`Error::Invalid`].

use super::Error;

/// Weights `0.5^(age / half_life)`, normalised to sum 1 over the rows given, in their order.
///
/// `ages` and `half_life` are in sessions; the as-of session has age 0. Ages count sessions, not rows: a missing session leaves a gap in
/// the ages of the rows used. [`Error::Insufficient`] without rows, [`Error::Invalid`] unless the half-life is positive and finite.
pub fn half_life(ages: &[usize], half_life: f64) -> Result<Vec<f64>, Error> {
    if !(half_life.is_finite() && half_life > 0.0) {
        return Err(Error::Invalid { what: "half-life" });
    }
    // Counting from the youngest row changes nothing after the normalisation, and the sum cannot underflow to zero.
    let youngest = *ages
        .iter()
        .min()
        .ok_or(Error::Insufficient { have: 0, need: 1 })?;
    let mut weights: Vec<f64> = ages
        .iter()
        .map(|age| libm::exp2(-((age - youngest) as f64) / half_life))
        .collect();
    let sum: f64 = weights.iter().sum();
    for weight in &mut weights {
        *weight /= sum;
    }
    Ok(weights)
}

/// The half-life in sessions of a decay factor `λ` in (0, 1): `ln ½ / ln λ`; `None` outside, or for NaN.
pub fn half_life_of_decay(lambda: f64) -> Option<f64> {
    (lambda > 0.0 && lambda < 1.0).then(|| -core::f64::consts::LN_2 / libm::log(lambda))
}

/// Kish's effective number of observations `(Σw)² / Σw²`; `None` when there is no positive weight or an entry is not finite.
pub fn n_eff(weights: &[f64]) -> Option<f64> {
    let sum: f64 = weights.iter().sum();
    let squares: f64 = weights.iter().map(|weight| weight * weight).sum();
    let effective = sum * sum / squares;
    (squares > 0.0 && effective.is_finite()).then_some(effective)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest_last(n: usize) -> Vec<usize> {
        (0..n).rev().collect()
    }

    #[test]
    fn weights_halve_with_every_half_life_and_sum_to_one() {
        let weights = half_life(&[252, 126, 0], 126.0).unwrap();
        assert!((weights[2] - 4.0 / 7.0).abs() < 1e-15);
        assert!((weights[1] - 2.0 / 7.0).abs() < 1e-15);
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-15);
        assert!(half_life(&[], 126.0).is_err());
        assert!(half_life(&[1], 0.0).is_err());
        assert!(half_life(&[1], f64::NAN).is_err());
        assert_eq!(half_life(&[usize::MAX], 1.0).unwrap(), [1.0]);
    }

    #[test]
    #[expect(clippy::unreadable_literal, reason = "golden numbers as printed")]
    fn g10_kish_effective_sample() {
        let life = half_life_of_decay(0.94).unwrap();
        let effective = |n, life| n_eff(&half_life(&newest_last(n), life).unwrap()).unwrap();
        assert!((effective(60, life) - 30.792075).abs() < 1e-6);
        assert!((effective(252, life) - 32.333322).abs() < 1e-6);
        assert!((effective(2_520, life) - 1.94 / 0.06).abs() < 1e-9);
        assert!((effective(2_520, life) - 32.333333).abs() < 1e-6);
        assert!((effective(504, 126.0) - 320.788295).abs() < 1e-6);
        assert_eq!(n_eff(&[]), None);
        assert_eq!(n_eff(&[f64::NAN]), None);
    }
}
