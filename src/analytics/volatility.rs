//! Volatility of a return series: realised, exponentially weighted, its percentile and its trend.
//!
//! All volatilities are annual fractions (0.20 is 20 %). Series of portfolio returns are oldest first and without holes.
//!
//! **Source.** J.P. Morgan 1996 (exponential weights, mean 0); windows and thresholds are our own (design/analytics.md, Volatility).
//!
//! **NaN.** No missing values: NaN and infinite returns are [`Error::Invalid`].

use super::{Error, SESSIONS_PER_YEAR, weights};

/// A month of sessions: the rolling window, the forecast horizon and the half-life of its EWMA part.
pub const HORIZON: usize = 21;

/// Returns that trend and forecast look at.
pub const FORECAST_WINDOW: usize = 504;

/// Rolling values a percentile compares with.
pub const PERCENTILE_HISTORY: usize = 251;

/// Fewest returns for a trend.
pub const TREND_MINIMUM: usize = 126;

/// Realised volatility over the last `window` returns: sample deviation (ddof 1) × √252.
///
/// [`Error::Insufficient`] with fewer (two at least), [`Error::Invalid`] for a NaN or infinite return among them.
pub fn realised(returns: &[f64], window: usize) -> Result<f64, Error> {
    let need = window.max(2);
    let last = tail(returns, need)?;
    finite(last)?;
    Ok(deviation(last) * SESSIONS_PER_YEAR.sqrt())
}

/// Zero-mean exponentially weighted volatility `√(252·Σ w·r²)` over all returns given, newest last with age 0, `half_life` in sessions.
///
/// [`Error::Insufficient`] without returns, [`Error::Invalid`] for a NaN or infinite return or a half-life that is not positive.
pub fn ewma(returns: &[f64], half_life: f64) -> Result<f64, Error> {
    finite(returns)?;
    let ages: Vec<usize> = (0..returns.len()).rev().collect();
    let weights = weights::half_life(&ages, half_life)?;
    let variance: f64 = weights
        .iter()
        .zip(returns)
        .map(|(weight, value)| weight * value * value)
        .sum();
    Ok((SESSIONS_PER_YEAR * variance).sqrt())
}

/// Share of the previous 251 rolling-21 volatilities strictly below today's, in [0, 1]. [`Error::Insufficient`] below 272 returns,
/// [`Error::Invalid`] for a NaN or infinite one among the last 272.
pub fn percentile(returns: &[f64]) -> Result<f64, Error> {
    let last = tail(returns, PERCENTILE_HISTORY + HORIZON)?;
    finite(last)?;
    let rolling: Vec<f64> = last.windows(HORIZON).map(deviation).collect();
    let Some((today, previous)) = rolling.split_last() else {
        return Err(Error::Insufficient { have: 0, need: 1 });
    };
    Ok(previous.iter().filter(|value| *value < today).count() as f64 / previous.len() as f64)
}

/// Where volatility is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Ratio above 1.1.
    Rising,
    /// Between.
    Steady,
    /// Ratio below 0.9.
    Falling,
}

/// Short over long volatility.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// Zero-mean EWMA volatility of half-life 21 over that of half-life 126.
    pub ratio: f64,
    /// What that means.
    pub direction: Direction,
}

/// Trend over the last 504 returns; `Ok(None)` when there was no movement at all. [`Error::Insufficient`] below 126 returns,
/// [`Error::Invalid`] for a NaN or infinite one.
pub fn trend(returns: &[f64]) -> Result<Option<Trend>, Error> {
    tail(returns, TREND_MINIMUM)?;
    let returns = &returns[returns.len().saturating_sub(FORECAST_WINDOW)..];
    let (short, long) = (ewma(returns, 21.0)?, ewma(returns, 126.0)?);
    if long <= 0.0 {
        return Ok(None);
    }
    let ratio = short / long;
    let direction = if ratio > 1.1 {
        Direction::Rising
    } else if ratio < 0.9 {
        Direction::Falling
    } else {
        Direction::Steady
    };
    Ok(Some(Trend { ratio, direction }))
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Sample deviation, ddof 1; the caller has made sure of two values.
fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: f64 = values
        .iter()
        .map(|value| (value - mean) * (value - mean))
        .sum();
    (squares / (values.len() as f64 - 1.0)).sqrt()
}

pub(super) fn tail(returns: &[f64], need: usize) -> Result<&[f64], Error> {
    let start = returns.len().checked_sub(need).ok_or(Error::Insufficient {
        have: returns.len(),
        need,
    })?;
    Ok(&returns[start..])
}

pub(super) fn finite(values: &[f64]) -> Result<(), Error> {
    if values.iter().all(|value| super::is_number(*value)) {
        Ok(())
    } else {
        Err(Error::Invalid { what: "return" })
    }
}

#[cfg(test)]
#[expect(clippy::unreadable_literal, reason = "golden numbers as printed")]
#[expect(clippy::float_cmp, reason = "exact by construction")]
mod tests {
    use super::super::fixtures::noise;
    use super::*;

    #[test]
    fn g9_realised_volatility() {
        let returns: Vec<f64> = (0..21)
            .map(|t| if t % 2 == 0 { 0.01 } else { -0.01 })
            .collect();
        assert!((realised(&returns, 21).unwrap() - 0.1624807681).abs() < 1e-10);
        let ages_equal = ewma(&returns, 1e15).unwrap();
        assert!((ages_equal - 0.1587450787).abs() < 1e-10);
        let scaled: Vec<f64> = returns.iter().map(|value| -3.0 * value).collect();
        assert!((realised(&scaled, 21).unwrap() - 3.0 * 0.1624807681).abs() < 1e-9);
        assert_eq!(
            realised(&returns, 63),
            Err(Error::Insufficient { have: 21, need: 63 })
        );
        assert!(realised(&[f64::NAN; 21], 21).is_err());
    }

    #[test]
    fn percentile_counts_strictly_smaller_values() {
        let mut returns = noise(7, 271, 0.01);
        assert!(percentile(&returns).is_err());
        returns.push(0.5);
        assert_eq!(percentile(&returns).unwrap(), 1.0);
        assert_eq!(percentile(&[0.0; 272]).unwrap(), 0.0);
    }

    #[test]
    fn trend_compares_short_with_long() {
        let calm_then_wild: Vec<f64> = noise(8, 504, 0.01)
            .iter()
            .enumerate()
            .map(|(t, r)| if t > 480 { 3.0 * r } else { *r })
            .collect();
        assert_eq!(
            trend(&calm_then_wild).unwrap().unwrap().direction,
            Direction::Rising
        );
        let wild_then_calm: Vec<f64> = noise(8, 504, 0.01)
            .iter()
            .enumerate()
            .map(|(t, r)| if t > 480 { 0.1 * r } else { *r })
            .collect();
        assert_eq!(
            trend(&wild_then_calm).unwrap().unwrap().direction,
            Direction::Falling
        );
        assert_eq!(trend(&[0.0; 126]).unwrap(), None);
        assert!(trend(&[0.0; 125]).is_err());
    }
}
