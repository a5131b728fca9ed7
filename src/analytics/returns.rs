//! Returns of one session, from closes with corporate actions or from a yield.
//!
//! The inputs are series on one session calendar, oldest first, one entry per session, NaN where a session has no value. A return
//! exists only between two **consecutive** sessions that both have a value: a hole is missing, never a return over several days.
//! The outputs are series too (NaN = missing, entry 0 always missing) and feed the other kernels.
//!
//! **Source.** Our own definitions (design/domain.md for closes and actions; design/analytics.md, Factors, for yields: duration and convexity as in any textbook).
//!
//! **NaN.** NaN is a hole, in and out; infinite values, and numbers beyond 1e60, are [`Error::Invalid`].

use super::{Error, is_beyond, is_number, no_negative_zero};

/// Total returns `r_t = s_t·(P_t + D_t)/P_{t−1} − 1`, fractions.
///
/// `closes` are raw; `split_ratios` are new shares per old share with ex-date on that session (1 without a split, 10 for 10:1);
/// `dividends` are cash per share after the split with ex-date on that session (0 without). Closes that are already adjusted take ratios
/// of 1 and dividends of 0. A close that is not positive is no close. [`Error::Shape`] unless the lengths agree, [`Error::Invalid`] for a
/// ratio that is not positive, a dividend that is not finite or a close that is infinite.
pub fn total_returns(
    closes: &[f64],
    split_ratios: &[f64],
    dividends: &[f64],
) -> Result<Vec<f64>, Error> {
    check(closes, split_ratios, dividends)?;
    let mut returns = vec![f64::NAN; closes.len()];
    for t in 1..closes.len() {
        if is_close(closes[t - 1]) && is_close(closes[t]) {
            returns[t] = split_ratios[t] * (closes[t] + dividends[t]) / closes[t - 1] - 1.0;
        }
    }
    if returns.iter().any(|value| value.is_infinite()) {
        return Err(Error::Invalid { what: "close" });
    }
    Ok(returns)
}

/// Total-return index: the value of one unit of money put in at the first close, splits and dividends reinvested.
///
/// Inputs and errors as in [`total_returns`]. NaN where there is no close; across a hole the index keeps what happened in it (a
/// dividend in the hole waits as cash for the next close), so ratios of the index are returns over any two sessions with a close.
pub fn total_return_index(
    closes: &[f64],
    split_ratios: &[f64],
    dividends: &[f64],
) -> Result<Vec<f64>, Error> {
    check(closes, split_ratios, dividends)?;
    let mut index = vec![f64::NAN; closes.len()];
    let mut held: Option<(f64, f64)> = None; // shares, cash
    for t in 0..closes.len() {
        if let Some((shares, cash)) = &mut held {
            *shares *= split_ratios[t];
            *cash += *shares * dividends[t];
        }
        if is_close(closes[t]) {
            let value = held.map_or(1.0, |(shares, cash)| shares * closes[t] + cash);
            // NaN here would be taken for a hole.
            if !value.is_finite() {
                return Err(Error::Invalid { what: "close" });
            }
            index[t] = value;
            held = Some((value / closes[t], 0.0));
        }
    }
    Ok(index)
}

/// Return of a bond position from its yield: `−D·Δy + ½·C·Δy²` between consecutive sessions that both have a yield, nothing filled.
///
/// Yields are fractions per year (0.025 is 2.5 %), `duration` in years, `convexity` in years squared. [`Error::Invalid`] for an
/// infinite yield, or a duration or convexity that is not finite.
pub fn yield_returns(yields: &[f64], duration: f64, convexity: f64) -> Result<Vec<f64>, Error> {
    if !is_number(duration) || !is_number(convexity) {
        return Err(Error::Invalid {
            what: "duration or convexity",
        });
    }
    if yields.iter().any(|value| is_beyond(*value)) {
        return Err(Error::Invalid { what: "yield" });
    }
    let mut returns = vec![f64::NAN; yields.len()];
    for t in 1..yields.len() {
        let change = yields[t] - yields[t - 1];
        if !change.is_nan() {
            returns[t] = bond_return(change, duration, convexity);
        }
    }
    Ok(returns)
}

/// `−D·Δy + ½·C·Δy²`: the return of a bond when its yield moves by `change` (0.01 is +100 basis points, a loss), a fraction.
/// Arithmetic: NaN for NaN.
pub fn bond_return(change: f64, duration: f64, convexity: f64) -> f64 {
    no_negative_zero(-duration * change + 0.5 * convexity * change * change)
}

/// Neither missing nor a close that cannot be; infinite ones were refused before.
fn is_close(close: f64) -> bool {
    close > 0.0
}

fn check(closes: &[f64], split_ratios: &[f64], dividends: &[f64]) -> Result<(), Error> {
    for (what, series) in [("split ratios", split_ratios), ("dividends", dividends)] {
        if series.len() != closes.len() {
            return Err(Error::Shape {
                what,
                have: series.len(),
                need: closes.len(),
            });
        }
    }
    if closes.iter().any(|close| is_beyond(*close)) {
        return Err(Error::Invalid { what: "close" });
    }
    if split_ratios
        .iter()
        .any(|ratio| !(is_number(*ratio) && *ratio > 0.0))
    {
        return Err(Error::Invalid {
            what: "split ratio",
        });
    }
    if dividends.iter().any(|dividend| !is_number(*dividend)) {
        return Err(Error::Invalid { what: "dividend" });
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unreadable_literal, reason = "golden numbers as printed")]
mod tests {
    use super::*;

    fn plain(closes: &[f64]) -> Vec<f64> {
        total_returns(closes, &vec![1.0; closes.len()], &vec![0.0; closes.len()]).unwrap()
    }

    #[test]
    fn g4_a_hole_is_missing_and_never_a_return_of_several_days() {
        let returns = plain(&[100.0, 101.0, f64::NAN, 103.0, 104.0]);
        assert!((returns[1] - 0.01).abs() < 1e-15);
        assert!(returns[0].is_nan() && returns[2].is_nan() && returns[3].is_nan());
        assert!((returns[4] - 0.0097087379).abs() < 1e-10);
        let factor = plain(&[50.0, 50.5, 51.0, 51.5, 52.0]);
        let used: Vec<usize> = (0..5)
            .filter(|&t| (returns[t] + factor[t]).is_finite())
            .collect();
        assert_eq!(used, [1, 4]);
        assert!(
            returns
                .iter()
                .all(|value| value.is_nan() || (value - (103.0 / 101.0 - 1.0)).abs() > 1e-3)
        );
    }

    #[test]
    fn g5_split_and_dividend() {
        let split = total_returns(&[100.0, 10.2], &[1.0, 10.0], &[0.0, 0.0]).unwrap();
        assert!((split[1] - 0.02).abs() < 1e-15);
        // 7 shares at 100 become 70 at 10.20: the value grows by the return, and by 14.00.
        let index = total_return_index(&[100.0, 10.2], &[1.0, 10.0], &[0.0, 0.0]).unwrap();
        assert!((700.0 * (index[1] - index[0]) - 14.0).abs() < 1e-12);
        assert!((700.0 * split[1] - 14.0).abs() < 1e-12);
        let dividend = total_returns(&[50.0, 49.6], &[1.0, 1.0], &[0.0, 0.5]).unwrap();
        assert!((dividend[1] - 0.002).abs() < 1e-15);
        assert!((plain(&[50.0, 49.6])[1] + 0.008).abs() < 1e-15);
    }

    #[test]
    fn the_index_compounds_the_returns_and_bridges_holes() {
        let closes = [50.0, 49.6, 51.0, 26.0];
        let (splits, dividends) = ([1.0, 1.0, 1.0, 2.0], [0.0, 0.5, 0.0, 0.1]);
        let index = total_return_index(&closes, &splits, &dividends).unwrap();
        let returns = total_returns(&closes, &splits, &dividends).unwrap();
        let mut value = 1.0;
        for t in 1..4 {
            value *= 1.0 + returns[t];
            assert!((index[t] - value).abs() < 1e-15);
        }
        let hole =
            total_return_index(&[10.0, f64::NAN, 6.0], &[1.0, 2.0, 1.0], &[0.0, 0.5, 0.0]).unwrap();
        assert!(hole[1].is_nan());
        assert!((hole[2] - (2.0 * 6.0 + 1.0) / 10.0).abs() < 1e-15);
    }

    #[test]
    fn a_yield_that_rises_loses_money_and_a_yield_hole_is_not_filled() {
        let returns = yield_returns(&[0.02, 0.03, f64::NAN, 0.03, 0.03], 16.5, 360.0).unwrap();
        assert!((returns[1] + 0.147).abs() < 1e-15);
        assert!(returns[2].is_nan() && returns[3].is_nan());
        assert!(returns[4].abs() < 1e-18);
    }

    #[test]
    fn wrong_inputs_are_errors() {
        assert!(total_returns(&[1.0], &[], &[0.0]).is_err());
        assert!(total_returns(&[1.0], &[0.0], &[0.0]).is_err());
        assert!(total_returns(&[1.0], &[1.0], &[f64::NAN]).is_err());
        assert!(total_returns(&[], &[], &[]).unwrap().is_empty());
        assert!(plain(&[0.0, 1.0])[1].is_nan());
        assert!(yield_returns(&[0.02], f64::NAN, 0.0).is_err());
    }
}
