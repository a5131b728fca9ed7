//! Historical replay: what today's book would have made in a window of the past, bought at its first close and held.

use super::Error;

/// An action of a symbol with ex-date inside a window, after its first session.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Action {
    /// New shares per old share; 1 without a split.
    pub split: f64,
    /// Cash per share after the split; 0 without.
    pub dividend: f64,
}

/// Return of one share bought at `first` and held to `last`: `(s·last + Σ s_t·D_t)/first − 1`, a fraction. `s_t` is what the share has become by
/// the splits up to t; dividends stay cash.
///
/// Actions are in the order of their ex-dates. [`Error::Invalid`] for a close or a ratio that is not positive, or a dividend that is no
/// number.
pub fn held(first: f64, last: f64, actions: &[Action]) -> Result<f64, Error> {
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
    Ok((shares * last + cash) / first - 1.0)
}

/// Moves `f_k` of the market-neutral factors over a window, from the returns of their proxies over it: `P_k − b_k·P_market`, and the market's own
/// for the market.
///
/// A proxy without a path gives 0: only its market part, which the slopes of the others carry, moves. [`Error::Insufficient`] when the
/// market itself has none, [`Error::Shape`], [`Error::Invalid`].
pub fn factor_moves(
    market: usize,
    slopes: &[f64],
    paths: &[Option<f64>],
) -> Result<Vec<f64>, Error> {
    if slopes.len() != paths.len() {
        return Err(Error::Shape {
            what: "paths",
            have: paths.len(),
            need: slopes.len(),
        });
    }
    let Some(of_market) = paths.get(market).copied().flatten() else {
        return Err(Error::Insufficient { have: 0, need: 1 });
    };
    let all = paths.iter().flatten().chain(slopes);
    if all.copied().any(|value| !super::is_number(value)) {
        return Err(Error::Invalid {
            what: "path or slope",
        });
    }
    let neutral = |(k, path): (usize, &Option<f64>)| match path {
        Some(path) if k == market => *path,
        Some(path) => path - slopes[k] * of_market,
        None => 0.0,
    };
    Ok(paths.iter().enumerate().map(neutral).collect())
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exact by construction")]
mod tests {
    use super::super::stress_pnl::instrument_move;
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
        assert_eq!(held(70.0, 10.0, &[split]).unwrap(), 0.0);
        // Before the split one share gets it, afterwards seven do.
        assert!((held(70.0, 10.0, &[paid, split]).unwrap() - 0.5 / 70.0).abs() < 1e-15);
        assert!((held(70.0, 10.0, &[split, paid]).unwrap() - 3.5 / 70.0).abs() < 1e-15);
        assert!(held(0.0, 10.0, &[]).is_err());
        assert!(held(10.0, f64::NAN, &[]).is_err());
    }

    #[test]
    fn a_symbol_without_a_path_moves_with_the_factors_that_have_one() {
        let moves = factor_moves(0, &[0.0, 1.2, 0.8], &[Some(-0.3), Some(-0.4), None]).unwrap();
        let by_betas = |betas: &[f64]| instrument_move(betas, &moves).unwrap().applied;
        assert_eq!(moves[0], -0.3);
        assert!((moves[1] - -0.04).abs() < 1e-15);
        assert_eq!(moves[2], 0.0);
        assert!((by_betas(&[1.1, 0.5, 9.0]) - -0.35).abs() < 1e-15);
        assert_eq!(by_betas(&[9.0, 0.0, 0.0]), -1.0);
        assert_eq!(
            factor_moves(0, &[0.0], &[None]),
            Err(Error::Insufficient { have: 0, need: 1 })
        );
        assert!(factor_moves(0, &[0.0, 1.0], &[Some(0.1)]).is_err());
    }
}
