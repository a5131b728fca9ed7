//! Value at risk and expected shortfall of a return series, historical and parametric. Losses are **positive** fractions.
//!
//! **Source.** J.P. Morgan 1996 (parametric), Hyndman and Fan 1996 (quantile), Acerbi and Tasche 2002 (expected shortfall).
//!
//! **NaN.** No missing values: NaN and infinite returns are [`Error::Invalid`].

use super::{Error, volatility};

/// Returns that the numbers of a date rest on.
pub const WINDOW: usize = 252;

/// How sure one is not to lose more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confidence {
    /// One session in twenty is worse.
    P95,
    /// One session in a hundred is worse.
    P99,
}

impl Confidence {
    /// Both, the lower one first.
    pub const ALL: [Self; 2] = [Self::P95, Self::P99];

    /// Probability of a loss beyond the value at risk.
    pub fn tail(self) -> f64 {
        match self {
            Self::P95 => 0.05,
            Self::P99 => 0.01,
        }
    }

    /// Standard normal quantile of the confidence.
    fn normal_quantile(self) -> f64 {
        match self {
            Self::P95 => 1.644_853_626_951_472_2,
            Self::P99 => 2.326_347_874_040_840_8,
        }
    }
}

/// What may be lost, fractions of the value; a loss is positive, a negative number is a gain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Loss {
    /// Value at risk: the loss that is exceeded with the probability of the tail.
    pub value_at_risk: f64,
    /// Expected shortfall: the mean loss at or beyond the value at risk.
    pub expected_shortfall: f64,
}

/// Sample quantile of type 7 (Hyndman and Fan 1996; the default of R and numpy): `h = (n − 1)·p`, linear between the order statistics
/// around it. [`Error::Insufficient`] without values, [`Error::Invalid`] for NaN, infinite values or a `p` outside of [0, 1].
pub fn quantile(values: &[f64], p: f64) -> Result<f64, Error> {
    volatility::finite(values)?;
    if !(0.0..=1.0).contains(&p) {
        return Err(Error::Invalid {
            what: "probability of a quantile",
        });
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    of_sorted(&sorted, p).ok_or(Error::Insufficient { have: 0, need: 1 })
}

/// The same of values that are usable and ascend already; `None` without values.
pub(super) fn of_sorted(sorted: &[f64], p: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = last as f64 * p;
    // At most `last`, and whole numbers of this size are exact. Tails are near the front.
    let below = (0..=last).take_while(|k| *k as f64 <= at).last()?;
    let above = (below + 1).min(last);
    Some(sorted[below] + (at - below as f64) * (sorted[above] - sorted[below]))
}

/// Historical value at risk `−q` with the type-7 quantile `q` of the tail, and expected shortfall `−mean(r | r ≤ q)`, of all returns
/// given. Errors as in [`quantile`].
pub fn historical(returns: &[f64], confidence: Confidence) -> Result<Loss, Error> {
    let quantile = quantile(returns, confidence.tail())?;
    let worst: Vec<f64> = returns
        .iter()
        .copied()
        .filter(|value| *value <= quantile)
        .collect();
    // The smallest return is never above a quantile, but rounding may lift it there.
    let shortfall = if worst.is_empty() {
        0.0 - quantile
    } else {
        0.0 - volatility::mean(&worst)
    };
    Ok(Loss {
        // Not the negative: that of 0 is −0.
        value_at_risk: 0.0 - quantile,
        expected_shortfall: shortfall,
    })
}

/// Returns over every run of `sessions` consecutive sessions, compounded: `Π(1 + r) − 1`. `at` is where each return stands in the calendar,
/// ascending ([`super::portfolio_returns::PortfolioReturns::sessions`]): a run goes across no session that is missing there. They overlap;
/// where none is missing there are n − sessions + 1 of them, none where there are fewer returns. [`Error::Invalid`] for NaN or infinite
/// returns, or runs of 0 sessions, [`Error::Shape`] for another number of places than of returns.
pub fn compounded(returns: &[f64], at: &[usize], sessions: usize) -> Result<Vec<f64>, Error> {
    volatility::finite(returns)?;
    if at.len() != returns.len() {
        return Err(Error::Shape {
            what: "sessions of the returns",
            have: at.len(),
            need: returns.len(),
        });
    }
    if sessions == 0 {
        return Err(Error::Invalid {
            what: "horizon of 0 sessions",
        });
    }
    let run = |run: &[f64]| run.iter().fold(1.0, |value, r| value * (1.0 + r)) - 1.0;
    let whole = |at: &[usize]| at.windows(2).all(|pair| pair[0] + 1 == pair[1]);
    let runs = returns.windows(sessions).zip(at.windows(sessions));
    let runs = runs.filter(|(_, at)| whole(at));
    Ok(runs.map(|(returns, _)| run(returns)).collect())
}

/// Value at risk of a normal distribution with mean 0: `z·σ·√h` with `σ² = mean(r²)`, and its expected shortfall `σ·√h·φ(z)/tail`.
///
/// `sessions` is the horizon h. [`Error::Insufficient`] without returns, [`Error::Invalid`] for NaN or infinite ones, or a horizon of 0
/// sessions.
pub fn parametric(returns: &[f64], confidence: Confidence, sessions: usize) -> Result<Loss, Error> {
    volatility::finite(returns)?;
    if returns.is_empty() {
        return Err(Error::Insufficient { have: 0, need: 1 });
    }
    if sessions == 0 {
        return Err(Error::Invalid {
            what: "horizon of 0 sessions",
        });
    }
    let squares: Vec<f64> = returns.iter().map(|value| value * value).collect();
    let deviation = (volatility::mean(&squares) * sessions as f64).sqrt();
    let z = confidence.normal_quantile();
    let density = libm::exp(-0.5 * z * z) / (2.0 * core::f64::consts::PI).sqrt();
    Ok(Loss {
        value_at_risk: z * deviation,
        expected_shortfall: deviation * density / confidence.tail(),
    })
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exact by construction")]
mod tests {
    use super::super::fixtures::noise;
    use super::super::special::normal_cdf;
    use super::*;

    #[test]
    fn quantiles_are_those_of_numpy() {
        let values = [0.4, -0.1, 0.2, 0.3];
        assert_eq!(quantile(&values, 0.0).unwrap(), -0.1);
        assert_eq!(quantile(&values, 1.0).unwrap(), 0.4);
        assert!((quantile(&values, 0.5).unwrap() - 0.25).abs() < 1e-16);
        assert!((quantile(&values, 0.1).unwrap() - -0.01).abs() < 1e-16);
        assert!(quantile(&[], 0.5).is_err());
        assert!(quantile(&values, 1.1).is_err());
        assert!(quantile(&[f64::NAN], 0.5).is_err());
    }

    #[test]
    fn losses_are_positive_and_the_shortfall_is_no_smaller() {
        let returns = noise(5, WINDOW, 0.01);
        for confidence in Confidence::ALL {
            let loss = historical(&returns, confidence).unwrap();
            assert!(loss.value_at_risk > 0.0 && loss.expected_shortfall >= loss.value_at_risk);
            let twice: Vec<f64> = returns.iter().map(|value| 2.0 * value).collect();
            let double = historical(&twice, confidence).unwrap();
            assert_eq!(double.value_at_risk, 2.0 * loss.value_at_risk);
        }
        // A series that only gains loses nothing: the number is negative, not 0.
        let gain = historical(&[0.01; WINDOW], Confidence::P99).unwrap();
        assert_eq!(gain.value_at_risk, -0.01);
    }

    #[test]
    fn the_normal_quantiles_are_those_of_the_distribution() {
        for confidence in Confidence::ALL {
            let p = normal_cdf(-confidence.normal_quantile()).unwrap();
            assert!((p - confidence.tail()).abs() < 1e-16);
            let alternating: Vec<f64> = (0..WINDOW)
                .map(|t| if t % 2 == 0 { 0.01 } else { -0.01 })
                .collect();
            let one = parametric(&alternating, confidence, 1).unwrap();
            let ten = parametric(&alternating, confidence, 10).unwrap();
            assert!((one.value_at_risk - 0.01 * confidence.normal_quantile()).abs() < 1e-15);
            assert!((ten.value_at_risk / one.value_at_risk - 10.0_f64.sqrt()).abs() < 1e-14);
            assert!(one.expected_shortfall > one.value_at_risk);
        }
        // Known: 2.0627 and 2.6652 deviations.
        let normal = parametric(&[1.0, -1.0], Confidence::P95, 1).unwrap();
        assert!((normal.expected_shortfall - 2.062_712_807_507_129_6).abs() < 1e-12);
    }

    #[test]
    fn runs_of_sessions_are_compounded() {
        let runs = compounded(&[0.1, -0.1, 0.2], &[3, 4, 5], 2).unwrap();
        assert_eq!(runs.len(), 2);
        assert!((runs[0] - -0.01).abs() < 1e-15 && (runs[1] - 0.08).abs() < 1e-15);
        assert!(compounded(&[0.1], &[0], 2).unwrap().is_empty());
        assert!(compounded(&[0.1], &[0], 0).is_err());
        assert!(compounded(&[0.1, 0.1], &[0], 1).is_err());
    }

    #[test]
    fn no_run_goes_across_a_session_that_is_missing() {
        let returns = [0.1, -0.1, 0.2, 0.5, -0.5];
        // The third session and the sixth have no return: 0 1 | 3 4 | 6.
        let runs = compounded(&returns, &[0, 1, 3, 4, 6], 2).unwrap();
        assert_eq!(runs.len(), 2, "{runs:?}");
        assert!((runs[0] - -0.01).abs() < 1e-15, "1.1 × 0.9 − 1");
        assert!((runs[1] - 0.8).abs() < 1e-15, "1.2 × 1.5 − 1");
        assert!(
            compounded(&returns, &[0, 1, 3, 4, 6], 3)
                .unwrap()
                .is_empty()
        );
        assert_eq!(compounded(&returns, &[0, 1, 3, 4, 6], 1).unwrap().len(), 5);
    }
}
