//! What a portfolio made, from its net asset values: time-weighted return, and risk-adjusted ratios of its daily returns.
//!
//! Conventions are those of [`super::conventions`]: flows happen at the close, 252 sessions a year, ddof 1, the risk-free rate is continuous
//! and per year. Nothing is made annual below 90 calendar days. All results are fractions (0.05 is 5 %).
//!
//! **Source.** Sharpe 1966 and 1994, Sortino and Price 1994, Young 1991 (Calmar ratio), Grinold and Kahn 2000 (information ratio), Jensen 1968 (alpha); the
//! time-weighted return chains the returns between flows, as GIPS 2020 asks.
//!
//! **NaN.** No missing values: NaN and infinite returns or values are [`Error::Invalid`], or `None` where a function returns an `Option`;
//! [`index`] ends there.

use super::conventions::{
    DAYS_PER_YEAR, DAYS_TO_ANNUALISE, SESSIONS_PER_YEAR, risk_free_per_session,
};
use super::{Error, no_negative_zero, volatility};

/// One session: net asset value at the close and what was paid in (or, negative, taken out) at that close.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Day {
    /// At the close, flows included.
    pub nav: f64,
    /// Contributions less withdrawals.
    pub flow: f64,
}

/// Returns of the sessions, `(NAV − flow)/NAV_before − 1`; `opening` is the net asset value before the first. `None` where the one before is not
/// positive: a return on nothing is not 0. [`Error::Invalid`] for NaN or infinite numbers.
pub fn returns(opening: f64, days: &[Day]) -> Result<Vec<Option<f64>>, Error> {
    let usable = |day: &Day| super::is_number(day.nav) && super::is_number(day.flow);
    if !super::is_number(opening) || !days.iter().all(usable) {
        return Err(Error::Invalid {
            what: "net asset value or flow",
        });
    }
    let mut before = opening;
    let mut found = Vec::with_capacity(days.len());
    for day in days {
        found.push((before > 0.0).then(|| (day.nav - day.flow) / before - 1.0));
        before = day.nav;
    }
    Ok(found)
}

/// Growth of one unit of money: 1, then chained by each return. The last entry less 1 is the time-weighted return. Ends before a return of −100 % or
/// worse, from which nothing grows, and before one that is no number (NaN, infinite): a caller sees by the length, returns + 1, that it went on to
/// the end.
pub fn index(returns: &[f64]) -> Vec<f64> {
    let mut level = 1.0;
    let mut index = vec![level];
    for value in returns {
        level *= 1.0 + value;
        if !(level > 0.0 && super::is_number(level)) {
            break;
        }
        index.push(level);
    }
    index
}

/// A total return over so many calendar days as a rate per year, `(1 + r)^(365/days) − 1`; `None` below 90 days, at or below −100 %, or for NaN.
pub fn annual(total: f64, days: i32) -> Option<f64> {
    let years = f64::from(days) / DAYS_PER_YEAR;
    (days >= DAYS_TO_ANNUALISE && total > -1.0)
        .then(|| libm::pow(1.0 + total, 1.0 / years) - 1.0)
        .filter(|rate| super::is_number(*rate))
}

/// Annual ratios of daily returns; `None` where a denominator is 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratios {
    /// Sample deviation × √252.
    pub volatility: f64,
    /// Mean excess over the risk-free return, over its sample deviation, × √252.
    pub sharpe: Option<f64>,
    /// Mean excess × 252 over `√(252·mean(min(excess, 0)²))`; the mean is over all sessions.
    pub sortino: Option<f64>,
}

/// Ratios of at least two daily returns, in excess of `risk_free` (a year, continuous, a fraction); the caller sees to the 90 days.
/// [`Error::Insufficient`] below two, [`Error::Invalid`] for a return or rate that is NaN or infinite.
pub fn ratios(returns: &[f64], risk_free: f64) -> Result<Ratios, Error> {
    let excess = excess(returns, risk_free)?;
    let annual = SESSIONS_PER_YEAR.sqrt();
    let mean = volatility::mean(&excess);
    let deviation = volatility::realised(&excess, excess.len())?;
    let squares: Vec<f64> = excess.iter().map(|e| e.min(0.0) * e.min(0.0)).collect();
    let downside = volatility::mean(&squares).sqrt() * annual;
    Ok(Ratios {
        volatility: volatility::realised(returns, returns.len())?,
        sharpe: over(mean * SESSIONS_PER_YEAR, deviation),
        sortino: over(mean * SESSIONS_PER_YEAR, downside),
    })
}

/// Annual return over the deepest drawdown (positive), both fractions; `None` without a drawdown, or for NaN.
pub fn calmar(annual: f64, deepest: f64) -> Option<f64> {
    over(annual, deepest)
}

/// Against a benchmark.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Relative {
    /// Sample deviation of the difference × √252.
    pub tracking_error: f64,
    /// Mean difference × 252 over the tracking error.
    pub information_ratio: Option<f64>,
    /// Slope of the excess return on that of the benchmark; `None` when the benchmark does not move.
    pub beta: Option<f64>,
    /// Intercept of the same × 252.
    pub alpha: Option<f64>,
}

/// Compares returns with those of a benchmark on the same sessions, both in excess of `risk_free` (a year, continuous, a fraction).
///
/// [`Error::Shape`] when the lengths differ, [`Error::Insufficient`] below two, [`Error::Invalid`] for a return or rate that is NaN or infinite.
pub fn relative(returns: &[f64], benchmark: &[f64], risk_free: f64) -> Result<Relative, Error> {
    if returns.len() != benchmark.len() {
        return Err(Error::Shape {
            what: "benchmark",
            have: benchmark.len(),
            need: returns.len(),
        });
    }
    let (own, theirs) = (excess(returns, risk_free)?, excess(benchmark, risk_free)?);
    let active: Vec<f64> = own.iter().zip(&theirs).map(|(a, b)| a - b).collect();
    let tracking_error = volatility::realised(&active, active.len())?;
    let (mean, base) = (volatility::mean(&own), volatility::mean(&theirs));
    let (mut both, mut square) = (0.0, 0.0);
    for (a, b) in own.iter().zip(&theirs) {
        both += (a - mean) * (b - base);
        square += (b - base) * (b - base);
    }
    let beta = over(both, square);
    Ok(Relative {
        tracking_error,
        information_ratio: over(
            volatility::mean(&active) * SESSIONS_PER_YEAR,
            tracking_error,
        ),
        beta,
        alpha: beta.map(|beta| no_negative_zero((mean - beta * base) * SESSIONS_PER_YEAR)),
    })
}

fn excess(returns: &[f64], risk_free: f64) -> Result<Vec<f64>, Error> {
    volatility::finite(returns)?;
    if returns.len() < 2 {
        return Err(Error::Insufficient {
            have: returns.len(),
            need: 2,
        });
    }
    let risk_free = risk_free_per_session(risk_free);
    Ok(returns.iter().map(|value| value - risk_free).collect())
}

/// A quotient, where there is one: what differs from 0 by rounding only is 0.
fn over(numerator: f64, denominator: f64) -> Option<f64> {
    (denominator > 1e-14)
        .then(|| no_negative_zero(numerator / denominator))
        .filter(|ratio| super::is_number(*ratio))
}

#[cfg(test)]
mod tests {
    use super::super::conventions::RISK_FREE_RATE;
    use super::super::fixtures::noise;
    use super::*;

    #[test]
    fn g22_flows_at_the_close_are_no_return() {
        let days = [
            Day {
                nav: 152.0,
                flow: 50.0,
            },
            Day {
                nav: 155.0,
                flow: 0.0,
            },
        ];
        let found = returns(100.0, &days).unwrap();
        let found: Vec<f64> = found.into_iter().flatten().collect();
        let total = index(&found).last().unwrap() - 1.0;
        assert!((total - 0.040_131_579).abs() < 1e-9, "{total}");
        // On nothing there is no return.
        let paid_in = [
            Day {
                nav: 100.0,
                flow: 100.0,
            },
            Day {
                nav: 110.0,
                flow: 0.0,
            },
        ];
        assert_eq!(returns(0.0, &paid_in).unwrap()[0], None);
        assert!((returns(-5.0, &paid_in).unwrap()[1].unwrap() - 0.1).abs() < 1e-15);
        assert!(returns(f64::NAN, &paid_in).is_err());
    }

    #[test]
    fn g21_the_time_weighted_return_of_the_ledger() {
        let days = [(100_500.0, 0.0), (102_200.0, 0.0), (100_550.0, -2_000.0)]
            .map(|(nav, flow)| Day { nav, flow });
        let found = returns(100_000.0, &days).unwrap();
        let found: Vec<f64> = found.into_iter().flatten().collect();
        assert!((index(&found)[3] - 1.0255).abs() < 1e-12);
    }

    #[test]
    fn nothing_is_annual_below_90_days() {
        assert_eq!(annual(0.1, 89), None);
        assert!((annual(0.1, 365).unwrap() - 0.1).abs() < 1e-15);
        assert!((annual(0.21, 730).unwrap() - 0.1).abs() < 1e-12);
        assert_eq!(annual(-1.0, 365), None);
    }

    #[test]
    fn ratios_are_in_excess_of_the_risk_free_return() {
        let risk_free = risk_free_per_session(RISK_FREE_RATE);
        assert!((libm::pow(1.0 + risk_free, 252.0) - 0.04_f64.exp()).abs() < 1e-12);
        let own = noise(1, 252, 0.01);
        let found = ratios(&own, RISK_FREE_RATE).unwrap();
        let mean = own.iter().sum::<f64>() / 252.0 - risk_free;
        assert!((found.sharpe.unwrap() - mean * 252.0 / found.volatility).abs() < 1e-12);
        assert!(found.sortino.unwrap().abs() > found.sharpe.unwrap().abs());
        // Another rate, and the spread of the downside by hand.
        for rate in [-0.005, 0.0, 0.015] {
            let free = risk_free_per_session(rate);
            let other = ratios(&own, rate).unwrap();
            let excess: Vec<f64> = own.iter().map(|r| r - free).collect();
            let mean = excess.iter().sum::<f64>() / 252.0;
            let down: f64 = excess.iter().map(|e| e.min(0.0) * e.min(0.0)).sum();
            assert!((other.sharpe.unwrap() - mean * 252.0 / found.volatility).abs() < 1e-12);
            let sortino = mean * 252.0 / ((down / 252.0).sqrt() * 252.0_f64.sqrt());
            assert!((other.sortino.unwrap() - sortino).abs() < 1e-12);
            assert!(other.sharpe > found.sharpe, "a lower rate, more excess");
        }
        let still = ratios(&[risk_free; 252], RISK_FREE_RATE).unwrap();
        assert_eq!((still.sharpe, still.sortino), (None, None));
        assert!(ratios(&[0.1], RISK_FREE_RATE).is_err());
        assert_eq!(calmar(0.1, 0.2), Some(0.5));
        assert_eq!(calmar(0.1, 0.0), None);
    }

    #[test]
    fn beta_and_alpha_against_a_benchmark() {
        let benchmark = noise(2, 252, 0.01);
        let risk_free = risk_free_per_session(RISK_FREE_RATE);
        let own: Vec<f64> = benchmark
            .iter()
            .map(|b| risk_free + 0.0001 + 1.3 * (b - risk_free))
            .collect();
        let found = relative(&own, &benchmark, RISK_FREE_RATE).unwrap();
        assert!((found.beta.unwrap() - 1.3).abs() < 1e-12);
        assert!((found.alpha.unwrap() - 0.0252).abs() < 1e-12);
        let other = relative(&own, &benchmark, 0.015).unwrap();
        let free = risk_free_per_session(0.015);
        let mean = |values: &[f64]| values.iter().map(|r| r - free).sum::<f64>() / 252.0;
        let alpha = (mean(&own) - 1.3 * mean(&benchmark)) * 252.0;
        assert!((other.beta.unwrap() - 1.3).abs() < 1e-12);
        assert!((other.alpha.unwrap() - alpha).abs() < 1e-12 && other.alpha != found.alpha);
        let alike = relative(&benchmark, &benchmark, RISK_FREE_RATE).unwrap();
        assert_eq!((alike.tracking_error, alike.information_ratio), (0.0, None));
        let flat = relative(&benchmark, &[0.01; 252], RISK_FREE_RATE).unwrap();
        assert_eq!((flat.beta, flat.alpha), (None, None));
        assert!(relative(&own, &benchmark[1..], RISK_FREE_RATE).is_err());
    }
}
