//! Volatility forecast over the next 21 sessions: heterogeneous autoregression on variances, averaged with an EWMA.
//!
//! **Source.** Corsi 2009 (the autoregression, here on the mean variance of the next month), J.P. Morgan 1996 (EWMA); their average is our own
//! (design/analytics.md, Volatility).
//!
//! **NaN.** No missing values: NaN and infinite returns or variances are [`Error::Invalid`].

use super::{
    Error, SESSIONS_PER_YEAR,
    design::Design,
    linalg::dot,
    volatility::{FORECAST_WINDOW, HORIZON, ewma, mean, tail},
};

/// Below this many returns the forecast is EWMA alone.
pub const HAR_MINIMUM: usize = 126;

const WEEK: usize = 5;
const MONTH: usize = 22;

/// Forecast of a variance by heterogeneous autoregression.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Har {
    /// Mean variance per session over the next 21, at least the smallest target.
    pub variance: f64,
    /// Training rows, `T − 42`.
    pub rows: usize,
    /// A regressor was constant: the forecast is the mean target.
    pub constant: bool,
    /// The raw forecast was below the smallest target and raised to it.
    pub floored: bool,
    /// The forecast is above the largest target: shown, not cut.
    pub above_largest: bool,
}

/// HAR on daily variances `v = r²`, oldest first: least squares with intercept of the mean of the next 21 v on the means of the last 1, 5 and 22,
/// on the rows whose past and future exist, then applied to the last session. Variances are per session, squares of fractions.
///
/// [`Error::Insufficient`] unless there are more rows than parameters (47 variances); [`Error::Invalid`] for a negative or NaN variance.
pub fn har(variances: &[f64]) -> Result<Har, Error> {
    let rows = variances.len().saturating_sub(MONTH - 1 + HORIZON);
    if rows < 5 {
        return Err(Error::Insufficient {
            have: variances.len(),
            need: MONTH - 1 + HORIZON + 5,
        });
    }
    if variances
        .iter()
        .any(|variance| !(super::is_number(*variance) && *variance >= 0.0))
    {
        return Err(Error::Invalid { what: "variance" });
    }
    let past = |t: usize, days: usize| mean(&variances[t + 1 - days..=t]);
    let regressors = |t: usize| [variances[t], past(t, WEEK), past(t, MONTH)];
    let first = MONTH - 1;
    let matrix: Vec<f64> = (first..first + rows).flat_map(regressors).collect();
    let targets: Vec<f64> = (first..first + rows)
        .map(|t| mean(&variances[t + 1..=t + HORIZON]))
        .collect();
    let design = Design::new((0..rows).collect(), &matrix, 3, &vec![1.0; rows])?;
    let constant = (0..3).any(|k| design.gram().at(k, k) <= 0.0);
    let smallest = targets.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = targets.iter().copied().fold(0.0, f64::max);
    let raw = if constant {
        // Within its targets up to rounding, so no flag below is raised by a last bit.
        mean(&targets).max(smallest).min(largest)
    } else {
        let fit = design.fit(&targets, &[])?;
        fit.alpha + dot(&fit.coefficients, &regressors(variances.len() - 1))
    };
    Ok(Har {
        variance: raw.max(smallest),
        rows,
        constant,
        floored: raw < smallest,
        above_largest: raw > largest,
    })
}

/// Volatility forecast over the next 21 sessions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forecast {
    /// `√` of the mean of the two annual variances, or the EWMA volatility alone.
    pub volatility: f64,
    /// Annual EWMA volatility, half-life 21.
    pub ewma: f64,
    /// Annual HAR volatility and its flags; `None` below 126 returns.
    pub har: Option<(f64, Har)>,
}

/// Forecast from the last 504 returns: √ of the mean of the annual variances of [`har`] and of [`ewma`] with half-life 21; EWMA alone below 126
/// returns. [`Error::Insufficient`] below 21, [`Error::Invalid`] for a NaN or infinite return.
pub fn forecast(returns: &[f64]) -> Result<Forecast, Error> {
    tail(returns, HORIZON)?;
    let last = &returns[returns.len().saturating_sub(FORECAST_WINDOW)..];
    let ewma = ewma(last, HORIZON as f64)?;
    if last.len() < HAR_MINIMUM {
        return Ok(Forecast {
            volatility: ewma,
            ewma,
            har: None,
        });
    }
    let squares: Vec<f64> = last.iter().map(|value| value * value).collect();
    let har = har(&squares)?;
    let annual = SESSIONS_PER_YEAR * har.variance;
    Ok(Forecast {
        volatility: (0.5 * (annual + ewma * ewma)).sqrt(),
        ewma,
        har: Some((annual.sqrt(), har)),
    })
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exact by construction")]
mod tests {
    use super::super::fixtures::noise;
    use super::*;

    #[test]
    fn g11_a_constant_variance_is_its_own_forecast() {
        for count in [47, 504] {
            let har = har(&vec![0.0001; count]).unwrap();
            assert!(har.constant && !har.floored && !har.above_largest);
            assert!((har.variance / 0.0001 - 1.0).abs() < 1e-14);
        }
        let returns: Vec<f64> = (0..504)
            .map(|t| if t % 2 == 0 { 0.01 } else { -0.01 })
            .collect();
        let forecast = forecast(&returns).unwrap();
        assert!((forecast.volatility - 0.01 * SESSIONS_PER_YEAR.sqrt()).abs() < 1e-14);
    }

    /// Box–Muller on uniform numbers of a fixed generator.
    fn normals(n: usize, sigma: f64) -> Vec<f64> {
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        let mut uniform = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
        };
        (0..n)
            .map(|_| {
                let radius = (-2.0 * libm::log(uniform())).sqrt();
                sigma * radius * libm::cos(2.0 * core::f64::consts::PI * uniform())
            })
            .collect()
    }

    #[test]
    fn g11_independent_returns_are_forecast_at_their_deviation_not_at_their_mean_absolute_value() {
        let sigma = 0.01;
        let squares: Vec<f64> = normals(100_000, sigma)
            .iter()
            .map(|value| value * value)
            .collect();
        let har = har(&squares).unwrap();
        let ratio = har.variance.sqrt() / sigma;
        assert!((ratio - 1.0).abs() < 0.02, "{ratio}");
        assert!((ratio - 0.7979).abs() > 0.1);
        assert_eq!(har.rows, 100_000 - 42);
    }

    #[test]
    fn g11_rows_and_floor() {
        let squares: Vec<f64> = noise(5, 504, 0.01)
            .iter()
            .map(|value| value * value)
            .collect();
        let base = har(&squares).unwrap();
        assert_eq!(base.rows, 504 - 42);
        let (mut floored, mut above) = (0, 0);
        for seed in 0..40 {
            // A jump on the last session is in the regressors of the forecast and in one target only.
            let mut squares: Vec<f64> = noise(seed, 252, 0.01)
                .iter()
                .map(|value| value * value)
                .collect();
            squares[251] = 0.01;
            let targets: Vec<f64> = (21..231).map(|t| mean(&squares[t + 1..=t + 21])).collect();
            let smallest = targets.iter().copied().fold(f64::INFINITY, f64::min);
            let largest = targets.iter().copied().fold(0.0, f64::max);
            let har = har(&squares).unwrap();
            assert!(har.variance >= smallest && !(har.floored && har.above_largest));
            assert!(!har.floored || har.variance == smallest);
            assert_eq!(har.above_largest, har.variance > largest);
            floored += usize::from(har.floored);
            above += usize::from(har.above_largest);
        }
        assert!(floored > 0 && above > 0, "{floored} {above}");
        assert_eq!(
            har(&squares[..46]),
            Err(Error::Insufficient { have: 46, need: 47 })
        );
        assert!(har(&[-1.0; 100]).is_err());
    }

    #[test]
    fn a_short_history_is_forecast_by_the_ewma_alone() {
        let returns = noise(6, 125, 0.01);
        let short = forecast(&returns).unwrap();
        assert!(short.har.is_none());
        assert_eq!(short.volatility, ewma(&returns, 21.0).unwrap());
        assert!(forecast(&returns[..20]).is_err());
        assert!(forecast(&noise(6, 126, 0.01)).unwrap().har.is_some());
    }
}
