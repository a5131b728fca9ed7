//! Spread betas for display: a symbol on the market and on differences of proxies ("Growth-Value Spread" is VUG − VTV), jointly, without
//! shrinkage. Never an input of risk or stress.
//!
//! **Source.** Our own definition (design/analytics.md, Factors), with the errors of Newey and West 1987.
//!
//! **NaN.** NaN is a hole of a series, in and out; infinite returns are [`Error::Invalid`].

use super::{
    Error, MINIMUM_OBSERVATIONS, covariance,
    design::Design,
    factors::HALF_LIFE,
    inference::{Inference, StudentT},
    joint_fit::{HIGH_VARIANCE_INFLATION, NEWEY_WEST_LAGS},
    weights,
};

/// Difference `long − short` of two series of returns session by session, fractions; NaN where one is missing. [`Error::Shape`] when the lengths
/// differ, [`Error::Invalid`] for an infinite return.
pub fn spread(long: &[f64], short: &[f64]) -> Result<Vec<f64>, Error> {
    if long.len() != short.len() {
        return Err(Error::Shape {
            what: "short leg",
            have: short.len(),
            need: long.len(),
        });
    }
    if long
        .iter()
        .chain(short)
        .any(|value| super::is_beyond(*value))
    {
        return Err(Error::Invalid {
            what: "return of a leg",
        });
    }
    Ok(long
        .iter()
        .zip(short)
        .map(|(long, short)| super::no_negative_zero(long - short))
        .collect())
}

/// Joint fit of a symbol on the market and the spreads. Vectors are in the order of the spreads given.
#[derive(Debug, Clone, PartialEq)]
pub struct SpreadFit {
    /// Intercept, a return per session.
    pub alpha: f64,
    /// Coefficient of the market in the joint fit.
    pub market: f64,
    /// Coefficients of the spreads; 0 for a redundant one.
    pub betas: Vec<f64>,
    /// Newey–West standard errors (5 lags in sessions) of the spreads.
    pub standard_errors: Vec<f64>,
    /// t, p and 95 % interval of the spreads, `n_eff − (columns used) − 1` degrees of freedom; nothing for a redundant one.
    pub inference: Vec<Inference>,
    /// Newey–West standard error of the market coefficient.
    pub market_error: f64,
    /// Variance inflation of the spreads; `None` for a redundant one.
    pub variance_inflation: Vec<Option<f64>>,
    /// Whether a variance inflation is above 10 or undefined.
    pub collinear: bool,
    /// Weighted R²; `None` for constant returns.
    pub r_squared: Option<f64>,
    /// Rows used.
    pub n: usize,
    /// `1/Σw²` over them.
    pub n_eff: f64,
}

/// Weighted least squares of `returns` on `market` and all `spreads` with intercept, weights `0.5^(age/126)` with sum 1 over the sessions where
/// everything has a value, no ridge.
///
/// Series on the same window. [`Error::Insufficient`] below 60 rows, [`Error::Shape`] unless all have one length, [`Error::Invalid`] for an infinite
/// value.
pub fn spreads_fit(
    market: &[f64],
    spreads: &[&[f64]],
    returns: &[f64],
) -> Result<SpreadFit, Error> {
    let mut all = Vec::with_capacity(spreads.len() + 2);
    all.push(market);
    all.extend_from_slice(spreads);
    all.push(returns);
    let sessions = covariance::common_sessions(&all)?;
    let n = sessions.len();
    if n < MINIMUM_OBSERVATIONS {
        return Err(Error::Insufficient {
            have: n,
            need: MINIMUM_OBSERVATIONS,
        });
    }
    let columns = spreads.len() + 1;
    let ages: Vec<usize> = sessions
        .iter()
        .map(|session| market.len() - 1 - session)
        .collect();
    let rows: Vec<f64> = sessions
        .iter()
        .flat_map(|&session| all[..columns].iter().map(move |series| series[session]))
        .collect();
    let y: Vec<f64> = sessions.iter().map(|&session| returns[session]).collect();
    let design = Design::new(
        sessions,
        &rows,
        columns,
        &weights::half_life(&ages, HALF_LIFE)?,
    )?;
    let mut fit = design.fit(&y, &[])?;
    let mut errors = design.newey_west_errors(&fit, NEWEY_WEST_LAGS)?;
    let variance_inflation = design.variance_inflation();
    let redundant = design.collinear();
    let used = redundant.iter().filter(|redundant| !**redundant).count();
    let student = StudentT::new(design.n_eff() - used as f64 - 1.0);
    let all = fit.coefficients.iter().zip(&errors.coefficients);
    let inference = all
        .zip(&redundant)
        .skip(1)
        .map(|((beta, error), redundant)| {
            let student = student.filter(|_| !redundant);
            student.map_or_else(Inference::default, |student| student.of(*beta, *error))
        });
    Ok(SpreadFit {
        inference: inference.collect(),
        alpha: fit.alpha,
        r_squared: fit.r_squared(),
        market: fit.coefficients.remove(0),
        betas: fit.coefficients,
        market_error: errors.coefficients.remove(0),
        standard_errors: errors.coefficients,
        collinear: variance_inflation
            .iter()
            .any(|value| value.is_none_or(|value| value > HIGH_VARIANCE_INFLATION)),
        variance_inflation: variance_inflation[1..].to_vec(),
        n,
        n_eff: design.n_eff(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::noise;
    use super::*;

    #[test]
    fn an_exact_combination_is_found() {
        let (market, growth, value) = (
            noise(1, 252, 0.01),
            noise(2, 252, 0.01),
            noise(3, 252, 0.01),
        );
        let spread = spread(&growth, &value).unwrap();
        let symbol: Vec<f64> = market
            .iter()
            .zip(&spread)
            .map(|(m, s)| 0.0002 + 1.3 * m - 0.4 * s)
            .collect();
        let fit = spreads_fit(&market, &[&spread], &symbol).unwrap();
        assert!((fit.market - 1.3).abs() < 1e-12 && (fit.betas[0] + 0.4).abs() < 1e-12);
        assert!((fit.alpha - 0.0002).abs() < 1e-15);
        assert_eq!(
            (fit.n, fit.standard_errors[0], fit.market_error),
            (252, 0.0, 0.0)
        );
    }

    #[test]
    fn missing_sessions_and_redundant_spreads_are_handled() {
        let (market, mut other) = (noise(1, 252, 0.01), noise(2, 252, 0.01));
        other[5] = f64::NAN;
        let fit = spreads_fit(&market, &[&other, &other], &noise(3, 252, 0.01)).unwrap();
        assert_eq!(
            (fit.n, fit.betas[1], fit.variance_inflation[1]),
            (251, 0.0, None)
        );
        assert!(fit.collinear);
        assert!(spreads_fit(&market, &[&other[1..]], &other).is_err());
        assert!(spreads_fit(&market[..10], &[], &other[..10]).is_err());
        assert!(spread(&market, &other[1..]).is_err());
    }
}
