//! Past returns of today's portfolio.
//!
//! **Source.** Our own definition (design/analytics.md, Volatility).
//!
//! **NaN.** NaN is a hole of a symbol, filled or its session dropped; weights, alphas and returns that are not finite are [`Error::Invalid`], and so are
//! betas and moves that a hole would be filled with.

use super::{Error, linalg::dot};

/// One modelled symbol (or underlying) of the portfolio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Holding<'a> {
    /// Today's net exposure over NAV, signed.
    pub weight: f64,
    /// Its returns, a series (NaN = missing) on the sessions of the factor moves.
    pub returns: &'a [f64],
    /// Intercept of its joint fit.
    pub alpha: f64,
    /// Betas of its joint fit, in factor order.
    pub betas: &'a [f64],
}

/// Past returns of today's portfolio.
#[derive(Debug, Clone, PartialEq)]
pub struct PortfolioReturns {
    /// Positions of the sessions that have a return.
    pub sessions: Vec<usize>,
    /// `Σ w·r` on them, cash 0.
    pub returns: Vec<f64>,
    /// Holes of a symbol filled by `α + β'f`, counted once per symbol and session.
    pub filled: usize,
    /// Sessions left out: a symbol has no return there and neither has some factor, so nothing can fill the hole.
    pub dropped: usize,
}

/// Today's net weights on past returns, `Σ w·r` per session, fractions of NAV; a hole of a symbol is filled by `α + β'f` of its joint fit.
///
/// `factor_moves` has one entry per session, `None` where a proxy is missing ([`super::factors::FactorModel::moves_of`]). Holdings are summed in the order
/// given. [`Error::Shape`] when a series has another length or betas do not match the moves, [`Error::Invalid`] for numbers that are not finite.
pub fn portfolio_returns(
    holdings: &[Holding<'_>],
    factor_moves: &[Option<Vec<f64>>],
) -> Result<PortfolioReturns, Error> {
    let length = factor_moves.len();
    let factors = factor_moves.iter().flatten().next().map_or(0, Vec::len);
    if let Some(other) = factor_moves
        .iter()
        .flatten()
        .find(|moves| moves.len() != factors)
    {
        return Err(Error::Shape {
            what: "factor moves",
            have: other.len(),
            need: factors,
        });
    }
    let known = factor_moves.iter().any(Option::is_some);
    for holding in holdings {
        if holding.returns.len() != length {
            return Err(Error::Shape {
                what: "returns",
                have: holding.returns.len(),
                need: length,
            });
        }
        if known && holding.betas.len() != factors {
            return Err(Error::Shape {
                what: "betas",
                have: holding.betas.len(),
                need: factors,
            });
        }
        let finite = super::is_number(holding.weight) && super::is_number(holding.alpha);
        if !finite || holding.returns.iter().any(|value| super::is_beyond(*value)) {
            return Err(Error::Invalid {
                what: "weight, alpha or return",
            });
        }
    }
    let mut sums: Vec<Option<f64>> = vec![Some(0.0); length];
    let mut fills = vec![0_usize; length];
    for holding in holdings {
        for (t, sum) in sums.iter_mut().enumerate() {
            let value = holding.returns[t];
            let value = if value.is_nan() {
                fills[t] += 1;
                factor_moves[t]
                    .as_ref()
                    .map(|moves| holding.alpha + dot(holding.betas, moves))
            } else {
                Some(value)
            };
            *sum = sum
                .zip(value)
                .map(|(sum, value)| sum + holding.weight * value);
        }
    }
    let mut series = PortfolioReturns {
        sessions: Vec::new(),
        returns: Vec::new(),
        filled: 0,
        dropped: 0,
    };
    for (t, (sum, fills)) in sums.into_iter().zip(fills).enumerate() {
        match sum {
            Some(value) if super::is_number(value) => {
                series.sessions.push(t);
                series.returns.push(value);
                series.filled += fills;
            }
            Some(_) => {
                return Err(Error::Invalid {
                    what: "beta or factor move",
                });
            }
            None => series.dropped += 1,
        }
    }
    Ok(series)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled_from_the_model_and_counted() {
        let moves = [Some(vec![0.01, 0.002]), None, Some(vec![-0.02, 0.0])];
        let full = Holding {
            weight: 0.5,
            returns: &[0.01, 0.02, 0.03],
            alpha: 0.0,
            betas: &[1.0, 0.0],
        };
        let holed = Holding {
            weight: -0.25,
            returns: &[f64::NAN, 0.04, 0.01],
            alpha: 0.001,
            betas: &[2.0, 0.5],
        };
        let series = portfolio_returns(&[full, holed], &moves).unwrap();
        assert_eq!(
            (series.filled, series.dropped, series.sessions.len()),
            (1, 0, 3)
        );
        assert!((series.returns[0] - (0.005 - 0.25 * 0.022)).abs() < 1e-17);
        let both = Holding {
            returns: &[0.0, f64::NAN, 0.0],
            ..holed
        };
        let series = portfolio_returns(&[full, both], &moves).unwrap();
        assert_eq!(
            (series.filled, series.dropped, series.sessions),
            (0, 1, vec![0, 2])
        );
        assert!(
            portfolio_returns(
                &[Holding {
                    returns: &[0.0],
                    ..full
                }],
                &moves
            )
            .is_err()
        );
        assert!(
            portfolio_returns(
                &[Holding {
                    betas: &[0.0],
                    ..full
                }],
                &moves
            )
            .is_err()
        );
        assert!(
            portfolio_returns(
                &[Holding {
                    weight: f64::NAN,
                    ..full
                }],
                &moves
            )
            .is_err()
        );
        assert_eq!(portfolio_returns(&[], &moves).unwrap().returns, [0.0; 3]);
    }
}
