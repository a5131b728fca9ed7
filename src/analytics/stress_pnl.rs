//! From factor moves to instruments and to profit and loss. Options are repriced by the caller from the move of their underlying.
//!
//! **Source.** Our own definition (design/analytics.md, Stress tests).
//!
//! **NaN.** A move of NaN is [`Error::Invalid`]; the sum is arithmetic, and a NaN exposure makes it NaN.

use super::{Error, linalg::dot};

/// Return of one instrument in a scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Move {
    /// `max(Σ β_f·f, −1)`: liability is limited, on both sides of the book.
    pub applied: f64,
    /// `Σ β_f·f`.
    pub raw: f64,
}

/// Return of an instrument with these raw betas under these factor moves, a fraction; both in factor order. [`Error::Shape`] when
/// their lengths differ, [`Error::Invalid`] for NaN and infinite numbers.
pub fn instrument_move(betas: &[f64], moves: &[f64]) -> Result<Move, Error> {
    if betas.len() != moves.len() {
        return Err(Error::Shape {
            what: "betas",
            have: betas.len(),
            need: moves.len(),
        });
    }
    let raw = dot(betas, moves);
    if !super::is_number(raw) {
        return Err(Error::Invalid {
            what: "beta or factor move",
        });
    }
    Ok(Move {
        applied: raw.max(-1.0),
        raw,
    })
}

/// Profit and loss of linear positions in one leg of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ProfitAndLoss {
    /// `Σ X·move`, in the currency of X; a loss is negative.
    pub amount: f64,
    /// `Σ X·(move − raw)`: what the floor at −100 % changed. Positive where it stopped a long loss, negative where it stopped a short gain.
    pub floored: f64,
    /// `Σ |X|·(move − raw)`, never negative: 0 means no instrument was floored.
    pub floored_gross: f64,
}

/// Adds up positions of signed exposure X (currency, a short one negative) and their moves, in the order given. Arithmetic: NaN for a NaN exposure.
pub fn profit_and_loss(positions: &[(f64, Move)]) -> ProfitAndLoss {
    let mut total = ProfitAndLoss::default();
    for (exposure, instrument) in positions {
        total.amount += exposure * instrument.applied;
        total.floored += exposure * (instrument.applied - instrument.raw);
        total.floored_gross += exposure.abs() * (instrument.applied - instrument.raw);
    }
    total
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exact by construction")]
mod tests {
    use super::*;

    fn close(have: f64, want: f64, tolerance: f64) {
        assert!((have - want).abs() <= tolerance, "have {have}, want {want}");
    }

    #[test]
    fn moves_are_floored_at_minus_one_and_the_floor_is_shown() {
        let crash = instrument_move(&[4.0], &[-0.35]).unwrap();
        assert_eq!(crash.applied, -1.0);
        let book = profit_and_loss(&[(100.0, crash), (-50.0, crash)]);
        close(book.amount, -50.0, 1e-12);
        close(book.floored, 20.0, 1e-12);
        close(book.floored_gross, 60.0, 1e-12);
        assert!(instrument_move(&[1.0], &[]).is_err());
        assert!(instrument_move(&[f64::NAN], &[1.0]).is_err());
    }
}
