//! Did losses exceed the value at risk as often as they should, and not in clusters? Kupiec (1995) and Christoffersen (1998).
//!
//! **Source.** Kupiec 1995, Christoffersen 1998.
//!
//! **NaN.** No missing values: NaN and infinite returns are [`Error::Invalid`].

use super::value_at_risk::{Confidence, WINDOW, of_sorted};
use super::{Error, special, volatility};

/// Sessions that are looked back on.
pub const SESSIONS: usize = 250;

/// A likelihood-ratio test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Test {
    /// The statistic, at least 0.
    pub statistic: f64,
    /// Probability of one at least as large if the model is right.
    pub p: f64,
}

/// How often the value at risk was exceeded, and whether that is chance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backtest {
    /// Sessions looked at.
    pub sessions: usize,
    /// Sessions with a loss beyond the value at risk of the returns before.
    pub exceptions: usize,
    /// Sessions × tail probability.
    pub expected: f64,
    /// Kupiec: is the share of exceptions the tail probability? χ² with one degree of freedom.
    pub kupiec: Test,
    /// Christoffersen: does an exception make one on the next session likelier? χ² with one degree of freedom.
    pub independence: Test,
    /// Both at once: the sum of the statistics, χ² with two degrees of freedom.
    pub conditional: Test,
}

/// Backtests the historical value at risk on the last 250 returns, each against the one of the 252 returns before it.
///
/// [`Error::Insufficient`] below 502 returns, [`Error::Invalid`] for NaN or infinite ones, [`Error::Motionless`] where all are the same: nothing can
/// be exceeded then, which says nothing of the model.
pub fn backtest(returns: &[f64], confidence: Confidence) -> Result<Backtest, Error> {
    let returns = volatility::tail(returns, WINDOW + SESSIONS)?;
    volatility::finite(returns)?;
    if returns
        .windows(2)
        .all(|pair| pair[0].to_bits() == pair[1].to_bits())
    {
        return Err(Error::Motionless { what: "the series" });
    }
    let (first, looked_at) = returns.split_at(WINDOW);
    // The window stays sorted while it moves: what leaves and what enters is found by halving.
    let mut sorted = first.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut exceeded = Vec::with_capacity(SESSIONS);
    for (today, oldest) in looked_at.iter().zip(returns) {
        let quantile = of_sorted(&sorted, confidence.tail());
        let quantile = quantile.ok_or(Error::Insufficient {
            have: 0,
            need: WINDOW,
        })?;
        exceeded.push(*today < quantile);
        if let Ok(at) = sorted.binary_search_by(|value| value.total_cmp(oldest)) {
            sorted.remove(at);
        }
        let at = sorted.partition_point(|value| value.total_cmp(today).is_lt());
        sorted.insert(at, *today);
    }
    tests(&exceeded, confidence.tail())
}

/// The tests of a series of exceptions, oldest first, that should each happen with probability `tail`.
///
/// Kupiec: `−2·ln[(1−p)^(n−x)·p^x / ((1−x/n)^(n−x)·(x/n)^x)]`. Christoffersen: the likelihood of one probability against that of one
/// after an exception and one after none, over the n − 1 transitions. `0·ln 0` is 0. [`Error::Insufficient`] below two sessions,
/// [`Error::Invalid`] for a probability outside of (0, 1).
pub fn tests(exceeded: &[bool], tail: f64) -> Result<Backtest, Error> {
    if exceeded.len() < 2 {
        return Err(Error::Insufficient {
            have: exceeded.len(),
            need: 2,
        });
    }
    if !(tail > 0.0 && tail < 1.0) {
        return Err(Error::Invalid {
            what: "tail probability",
        });
    }
    let n = exceeded.len();
    let x = exceeded.iter().filter(|is| **is).count();
    let likelihood = |p: f64, no: usize, yes: usize| times_log(no, 1.0 - p) + times_log(yes, p);
    let share = |yes: usize, all: usize| {
        if all == 0 {
            0.0
        } else {
            yes as f64 / all as f64
        }
    };
    let kupiec = -2.0 * (likelihood(tail, n - x, x) - likelihood(share(x, n), n - x, x));
    let count = |before: bool, now: bool| {
        exceeded
            .windows(2)
            .filter(|pair| pair[0] == before && pair[1] == now)
            .count()
    };
    let (calm, first) = (count(false, false), count(false, true));
    let (last, again) = (count(true, false), count(true, true));
    let one = likelihood(share(first + again, n - 1), calm + last, first + again);
    let two = likelihood(share(first, calm + first), calm, first)
        + likelihood(share(again, last + again), last, again);
    let independence = -2.0 * (one - two);
    let test = |statistic: f64, degrees: usize| {
        // Of two zeros the maximum may be the negative one.
        let statistic = if statistic > 0.0 { statistic } else { 0.0 };
        let p = special::chi_square_tail(statistic, degrees);
        let p = p.ok_or(Error::Invalid {
            what: "test statistic",
        })?;
        Ok(Test { statistic, p })
    };
    let (kupiec, independence) = (test(kupiec, 1)?, test(independence, 1)?);
    Ok(Backtest {
        sessions: n,
        exceptions: x,
        expected: n as f64 * tail,
        kupiec,
        independence,
        conditional: test(kupiec.statistic + independence.statistic, 2)?,
    })
}

fn times_log(count: usize, p: f64) -> f64 {
    if count == 0 {
        0.0
    } else {
        count as f64 * libm::log(p)
    }
}

#[cfg(test)]
mod proofs {
    use super::super::fixtures::noise;
    use super::super::value_at_risk::historical;
    use super::*;

    fn exceptions(at: &[usize], n: usize) -> Vec<bool> {
        (0..n).map(|t| at.contains(&t)).collect()
    }

    #[test]
    fn a_series_that_stands_still_rejects_no_model_and_no_test_is_minus_zero() {
        let still = backtest(&[0.0; 502], Confidence::P95);
        assert_eq!(still, Err(Error::Motionless { what: "the series" }));
        let none = tests(&exceptions(&[], 250), 0.01).unwrap();
        assert_eq!(none.independence.statistic.to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn kupiec_as_in_the_literature() {
        // Kupiec's own acceptance region at 5 %: fewer than 7 of 255 at 99 %, and at least 7 of 255 at 95 %.
        for (tail, n, accepted, rejected) in [(0.01, 255, 6, 7), (0.05, 255, 7, 6)] {
            let p = |x: usize| {
                let spread: Vec<usize> = (0..x).map(|k| 2 + k * 30).collect();
                tests(&exceptions(&spread, n), tail).unwrap().kupiec.p
            };
            assert!(p(accepted) > 0.05 && p(rejected) < 0.05, "{tail}");
        }
        // No exception at all: −2·n·ln(1 − p).
        let none = tests(&[false; 250], 0.01).unwrap();
        assert!((none.kupiec.statistic - -500.0 * 0.99_f64.ln()).abs() < 1e-12);
        assert!(none.independence.statistic < 1e-12 && none.independence.p > 0.999);
    }

    #[test]
    fn exceptions_that_come_in_a_row_are_not_independent() {
        let scattered = tests(&exceptions(&[10, 50, 90, 130, 170], 250), 0.02).unwrap();
        let clustered = tests(&exceptions(&[100, 101, 102, 103, 104], 250), 0.02).unwrap();
        assert!((scattered.kupiec.statistic - clustered.kupiec.statistic).abs() < 1e-12);
        assert!(scattered.independence.p > 0.5 && clustered.independence.p < 1e-6);
        let sum = clustered.kupiec.statistic + clustered.independence.statistic;
        assert!((clustered.conditional.statistic - sum).abs() < 1e-12);
        assert!(tests(&[true], 0.01).is_err());
        assert!(tests(&[true, false], 1.0).is_err());
    }

    /// The plain definition, window by window.
    fn plain(returns: &[f64], confidence: Confidence) -> usize {
        let exceeds = |run: &&[f64]| {
            let (today, before) = run.split_last().unwrap();
            *today < -historical(before, confidence).unwrap().value_at_risk
        };
        let returns = &returns[returns.len() - WINDOW - SESSIONS..];
        returns.windows(WINDOW + 1).filter(exceeds).count()
    }

    #[test]
    fn a_window_that_moves_has_the_quantiles_of_each_window() {
        for seed in 0..20 {
            let mut returns = noise(seed, 560, 0.01);
            // Equal values and zeros of both signs must not confuse it.
            for at in (0..560).step_by(7) {
                returns[at] = if at % 2 == 0 { -0.02 } else { -0.0 };
            }
            for confidence in Confidence::ALL {
                let found = backtest(&returns, confidence).unwrap();
                assert_eq!(found.exceptions, plain(&returns, confidence), "{seed}");
            }
        }
    }

    #[test]
    fn each_session_is_measured_against_the_returns_before_it() {
        let mut returns = noise(3, WINDOW + SESSIONS, 0.01);
        let calm = backtest(&returns, Confidence::P99).unwrap();
        assert_eq!(calm.sessions, SESSIONS);
        // A crash on the last session is one more exception; one on the first of the window before is none.
        let last = returns.len() - 1;
        returns[last] = -0.5;
        let crash = backtest(&returns, Confidence::P99).unwrap();
        assert_eq!(crash.exceptions, calm.exceptions + 1);
        assert_eq!(
            backtest(&returns[1..], Confidence::P99),
            Err(Error::Insufficient {
                have: 501,
                need: 502
            })
        );
    }
}
