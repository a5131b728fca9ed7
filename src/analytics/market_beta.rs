//! The market beta for display: one regression on the market alone, with a shrunk twin. Never an input of risk or stress.
//!
//! **Source.** Sharpe 1963 (the market model), Newey and West 1987, Vasicek 1973; weights and prior are our own (design/analytics.md, Factors).
//!
//! **NaN.** NaN is a hole of a series: the session is left out. Infinite returns are [`Error::Invalid`].

use super::{
    Error, MINIMUM_OBSERVATIONS,
    design::Design,
    factors::HALF_LIFE,
    inference::{Inference, StudentT},
    joint_fit::NEWEY_WEST_LAGS,
    shrinkage, weights,
};

/// Prior mean of the Vasicek adjustment.
pub const PRIOR_MEAN: f64 = 1.0;

/// Prior standard deviation of the Vasicek adjustment.
pub const PRIOR_DEVIATION: f64 = 0.3;

/// Market beta of one symbol.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MarketBeta {
    /// Raw slope, unclipped.
    pub beta: f64,
    /// Newey–West standard error (5 lags in sessions); 0 for a perfect fit.
    pub standard_error: f64,
    /// t, p and 95 % interval of the raw slope, `n_eff − 2` degrees of freedom.
    pub inference: Inference,
    /// Vasicek-adjusted beta, prior mean 1 and deviation 0.3; the raw beta when the standard error is 0.
    pub adjusted: f64,
    /// Intercept of the raw regression, a return per session: the adjusted beta has none of its own.
    pub alpha: f64,
    /// Newey–West standard error of the intercept (5 lags in sessions), a return per session; 0 for a perfect fit.
    pub alpha_error: f64,
    /// t, p and 95 % interval of the intercept, `n_eff − 2` degrees of freedom.
    pub alpha_inference: Inference,
    /// Weighted R²; `None` for constant returns.
    pub r_squared: Option<f64>,
    /// `1 − (1 − R²)·(n_eff − 1)/(n_eff − 2)`, of a market without variance over `n_eff − 1`; `None` with R².
    pub adjusted_r_squared: Option<f64>,
    /// Rows used.
    pub n: usize,
    /// `1/Σw²` over them.
    pub n_eff: f64,
    /// `|β| > 5`.
    pub extreme: bool,
}

/// Weighted slope of a symbol on the market with intercept, weights `0.5^(age/126)`, sum 1 over the sessions where both have a return.
///
/// Both are series on the same window (252 sessions to the as-of session). To look at no session that the joint model leaves out, pass a
/// market series with NaN on the sessions where another proxy is missing. [`Error::Insufficient`] below 60 rows, [`Error::Shape`] when
/// the lengths differ, [`Error::Invalid`] for an infinite return. A market without variance gives beta 0.
pub fn market_beta(market: &[f64], returns: &[f64]) -> Result<MarketBeta, Error> {
    if returns.len() != market.len() {
        return Err(Error::Shape {
            what: "symbol returns",
            have: returns.len(),
            need: market.len(),
        });
    }
    let sessions: Vec<usize> = (0..market.len())
        .filter(|&t| !(market[t].is_nan() || returns[t].is_nan()))
        .collect();
    let n = sessions.len();
    if n < MINIMUM_OBSERVATIONS {
        return Err(Error::Insufficient {
            have: n,
            need: MINIMUM_OBSERVATIONS,
        });
    }
    let ages: Vec<usize> = sessions
        .iter()
        .map(|session| market.len() - 1 - session)
        .collect();
    let rows: Vec<f64> = sessions.iter().map(|&session| market[session]).collect();
    let y: Vec<f64> = sessions.iter().map(|&session| returns[session]).collect();
    let design = Design::new(sessions, &rows, 1, &weights::half_life(&ages, HALF_LIFE)?)?;
    let fit = design.fit(&y, &[])?;
    let errors = design.newey_west_errors(&fit, NEWEY_WEST_LAGS)?;
    let (beta, standard_error) = (fit.coefficients[0], errors.coefficients[0]);
    let n_eff = design.n_eff();
    let left = n_eff - fit.freedom;
    let student = StudentT::new(left);
    let infer =
        |value: f64, error: f64| student.map_or_else(Inference::default, |s| s.of(value, error));
    let redundant = design.collinear().contains(&true);
    Ok(MarketBeta {
        beta,
        standard_error,
        inference: if redundant {
            Inference::default()
        } else {
            infer(beta, standard_error)
        },
        adjusted: shrinkage::vasicek(beta, standard_error, PRIOR_MEAN, PRIOR_DEVIATION),
        alpha: fit.alpha,
        alpha_error: errors.alpha,
        alpha_inference: infer(fit.alpha, errors.alpha),
        r_squared: fit.r_squared(),
        adjusted_r_squared: (fit.r_squared())
            .filter(|_| left > 0.0)
            .map(|r_squared| 1.0 - (1.0 - r_squared) * (n_eff - 1.0) / left),
        n,
        n_eff,
        extreme: shrinkage::is_extreme(beta),
    })
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exact by construction")]
mod tests {
    use super::super::fixtures::noise;
    use super::*;

    #[test]
    fn the_market_has_beta_one_without_error() {
        let market = noise(1, 252, 0.01);
        let own = market_beta(&market, &market).unwrap();
        assert!((own.beta - 1.0).abs() < 1e-14);
        assert_eq!(
            (own.standard_error, own.adjusted, own.r_squared),
            (0.0, own.beta, Some(1.0))
        );
    }

    #[test]
    fn an_extreme_beta_is_flagged_and_not_clipped() {
        let market = noise(1, 252, 0.01);
        let symbol: Vec<f64> = market
            .iter()
            .zip(noise(2, 252, 0.05))
            .map(|(m, own)| 7.3 * m + own)
            .collect();
        let fit = market_beta(&market, &symbol).unwrap();
        assert!(fit.extreme && fit.beta > 6.0);
        assert!(fit.adjusted < fit.beta && fit.adjusted > 1.0);
    }

    #[test]
    fn lags_count_sessions_so_a_hole_separates_its_neighbours() {
        // Rows six sessions apart share no lag: the error is then the one without lags.
        let (market, symbol) = (noise(1, 600, 0.01), noise(2, 600, 0.01));
        let sparse = |series: &[f64]| -> Vec<f64> {
            series
                .iter()
                .enumerate()
                .map(|(t, &value)| if t % 6 == 0 { value } else { f64::NAN })
                .collect()
        };
        let fit = market_beta(&sparse(&market), &symbol).unwrap();
        assert_eq!(fit.n, 100);
        let rows: Vec<usize> = (0..600).step_by(6).collect();
        let ages: Vec<usize> = rows.iter().map(|t| 599 - t).collect();
        let x: Vec<f64> = rows.iter().map(|&t| market[t]).collect();
        let y: Vec<f64> = rows.iter().map(|&t| symbol[t]).collect();
        let design =
            Design::new(rows, &x, 1, &weights::half_life(&ages, HALF_LIFE).unwrap()).unwrap();
        let plain = design
            .newey_west_errors(&design.fit(&y, &[]).unwrap(), 0)
            .unwrap();
        assert!((fit.standard_error - plain.coefficients[0]).abs() < 1e-15);
    }

    #[test]
    fn the_intercept_has_what_the_slope_has() {
        let market = noise(1, 252, 0.01);
        let symbol: Vec<f64> = market
            .iter()
            .zip(noise(2, 252, 0.01))
            .map(|(m, own)| 0.002 + 0.8 * m + own)
            .collect();
        let fit = market_beta(&market, &symbol).unwrap();
        assert!((fit.alpha_inference.t.unwrap() - fit.alpha / fit.alpha_error).abs() < 1e-12);
        let (low, high) = fit.alpha_inference.interval.unwrap();
        assert!(low < fit.alpha && fit.alpha < high);
        assert!((low + high - 2.0 * fit.alpha).abs() < 1e-15);
        let (r_squared, adjusted) = (fit.r_squared.unwrap(), fit.adjusted_r_squared.unwrap());
        let lost = (1.0 - r_squared) * (fit.n_eff - 1.0) / (fit.n_eff - 2.0);
        assert!((1.0 - adjusted - lost).abs() < 1e-15 && adjusted < r_squared);
    }

    #[test]
    fn degenerate_inputs_have_answers() {
        let market = noise(1, 252, 0.01);
        let flat = market_beta(&market, &[0.0; 252]).unwrap();
        assert_eq!((flat.r_squared, flat.adjusted_r_squared), (None, None));
        assert_eq!(market_beta(&[0.0; 252], &market).unwrap().beta, 0.0);
        assert_eq!(market_beta(&market, &[0.0; 252]).unwrap().beta, 0.0);
        assert_eq!(
            market_beta(&market[..59], &market[..59]),
            Err(Error::Insufficient { have: 59, need: 60 })
        );
        assert!(market_beta(&market, &market[1..]).is_err());
        assert!(market_beta(&market, &[f64::INFINITY; 252]).is_err());
    }
}
