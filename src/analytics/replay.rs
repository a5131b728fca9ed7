//! Historical replay: what today's book would have made in a window of the past, bought at its first close and held.
//!
//! **Source.** Our own definition (design/analytics.md, Stress tests).
//!
//! **NaN.** A path that is missing is `None`; NaN and infinite numbers are [`Error::Invalid`].

use super::{Error, no_negative_zero};

/// An action of a symbol with ex-date inside a window, after its first session.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Action {
    /// New shares per old share; 1 without a split.
    pub split: f64,
    /// Cash per share after the split; 0 without.
    pub dividend: f64,
}

/// What a share has done over a window, fractions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Held {
    /// With what it paid: what its owner has made.
    pub total: f64,
    /// Without: what its price has done, which is what an option on it follows.
    pub price: f64,
}

/// Returns of one share bought at `first` and held to `last`: `(s·last + Σ s_t·D_t)/first − 1` in all, `s·last/first − 1` of its price. `s_t` is
/// what the share has become by the splits up to t, s by all of them; dividends stay cash.
///
/// Actions are in the order of their ex-dates. [`Error::Invalid`] for a close or a ratio that is not positive, or a dividend that is no
/// number, or where the return is none.
pub fn held(first: f64, last: f64, actions: &[Action]) -> Result<Held, Error> {
    let positive = |value: f64| super::is_number(value) && value > 0.0;
    let usable = |action: &Action| positive(action.split) && super::is_number(action.dividend);
    if !positive(first) || !positive(last) || !actions.iter().all(usable) {
        return Err(Error::Invalid {
            what: "close, split ratio or dividend of a replay",
        });
    }
    let (mut shares, mut cash) = (1.0, 0.0);
    for action in actions {
        shares *= action.split;
        cash += shares * action.dividend;
    }
    let held = Held {
        total: (shares * last + cash) / first - 1.0,
        price: shares * last / first - 1.0,
    };
    if held.total.is_finite() && held.price.is_finite() {
        Ok(held)
    } else {
        Err(Error::Invalid {
            what: "return of a replay",
        })
    }
}

/// Moves `f_k` of the market-neutral factors over a window, from the returns of their proxies over it: `P_k − b_k·P_market`, and the market's own
/// for the market.
///
/// `None`, never 0, for a factor whose proxy has no path, and for all of them without one of the market. [`Error::Shape`] when the
/// lengths differ, [`Error::Invalid`] for a path or slope that is NaN or infinite.
pub fn factor_moves(
    market: usize,
    slopes: &[f64],
    paths: &[Option<f64>],
) -> Result<Vec<Option<f64>>, Error> {
    if slopes.len() != paths.len() {
        return Err(Error::Shape {
            what: "paths",
            have: paths.len(),
            need: slopes.len(),
        });
    }
    let all = paths.iter().flatten().chain(slopes);
    if all.copied().any(|value| !super::is_number(value)) {
        return Err(Error::Invalid {
            what: "path or slope",
        });
    }
    let of_market = paths.get(market).copied().flatten();
    let neutral = |(k, path): (usize, &Option<f64>)| {
        let (path, of_market) = ((*path)?, of_market?);
        Some(if k == market {
            no_negative_zero(path)
        } else {
            no_negative_zero(path - slopes[k] * of_market)
        })
    };
    Ok(paths.iter().enumerate().map(neutral).collect())
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exact by construction")]
mod tests {
    use super::*;

    #[test]
    fn splits_and_dividends_are_held() {
        let split = Action {
            split: 7.0,
            dividend: 0.0,
        };
        let paid = Action {
            split: 1.0,
            dividend: 0.5,
        };
        let still = Held {
            total: 0.0,
            price: 0.0,
        };
        assert_eq!(held(70.0, 10.0, &[split]).unwrap(), still);
        // Before the split one share gets it, afterwards seven do; the price has not moved.
        for (actions, cash) in [([paid, split], 0.5), ([split, paid], 3.5)] {
            let held = held(70.0, 10.0, &actions).unwrap();
            assert!((held.total - cash / 70.0).abs() < 1e-15);
            assert_eq!(held.price, 0.0);
        }
        let half = held(70.0, 5.0, &[paid, split]).unwrap();
        assert!((half.price + 0.5).abs() < 1e-15 && half.total > half.price);
        assert!(held(0.0, 10.0, &[]).is_err());
        assert!(held(10.0, f64::NAN, &[]).is_err());
    }

    #[test]
    fn a_factor_without_a_path_has_no_move() {
        let moves = factor_moves(0, &[0.0, 1.2, 0.8], &[Some(-0.3), Some(-0.4), None]).unwrap();
        assert_eq!((moves[0], moves[2]), (Some(-0.3), None));
        assert!((moves[1].unwrap() - -0.04).abs() < 1e-15);
        let without_market = factor_moves(0, &[0.0, 1.2], &[None, Some(0.1)]).unwrap();
        assert_eq!(without_market, [None, None]);
        assert!(factor_moves(0, &[0.0, 1.0], &[Some(0.1)]).is_err());
    }
}
