//! A number of options on one underlying: their delta equivalent, and what they make when the underlying moves.
//!
//! **Source.** Our own definition of exposure (design/analytics.md, Conventions and Stress tests), with the prices of [`super::options`].
//!
//! **NaN.** No missing values: NaN and infinite inputs are [`Error::Invalid`].

use super::{Error, no_negative_zero, options::Terms};

/// Options of the same terms, priced at one volatility.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Leg {
    /// Terms and market.
    pub terms: Terms,
    /// Volatility per year, a fraction.
    pub volatility: f64,
    /// Shares that the contracts are on, quantity × multiplier; negative for written ones.
    pub shares: f64,
}

impl Leg {
    /// Delta equivalent `X = Δ·S·m·q` in currency: the value of the shares that move alike. A short put has a positive one.
    ///
    /// [`Error::Invalid`] for a number of shares that is NaN or infinite, and as [`Terms::value`].
    pub fn exposure(&self) -> Result<f64, Error> {
        let delta = self.terms.value(self.volatility)?.delta;
        Ok(no_negative_zero(delta * self.terms.spot * self.shares()?))
    }

    /// Profit in currency when the underlying returns `spot_return` (a fraction, at least −1) at once and the volatility is multiplied: the **full**
    /// difference of the two prices, nothing is approximated. A long option loses its price at most.
    ///
    /// [`Error::Invalid`] for a return below −1, a multiplier that is negative or a number that is NaN or infinite, and as
    /// [`Terms::value`].
    pub fn profit(&self, spot_return: f64, volatility_multiplier: f64) -> Result<f64, Error> {
        let before = self.terms.value(self.volatility)?;
        let moved = Terms {
            spot: self.terms.spot * (1.0 + spot_return),
            ..self.terms
        };
        let after = moved.value(self.volatility * volatility_multiplier)?;
        Ok(no_negative_zero(
            self.shares()? * (after.price - before.price),
        ))
    }

    fn shares(&self) -> Result<f64, Error> {
        if super::is_number(self.shares) {
            Ok(self.shares)
        } else {
            Err(Error::Invalid {
                what: "number of shares",
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::options::Right;
    use super::*;

    fn leg(right: Right, shares: f64) -> Leg {
        let terms = Terms {
            right,
            spot: 100.0,
            strike: 105.0,
            years: 90.0 / 365.0,
            rate: 0.045,
            dividend_yield: 0.01,
        };
        Leg {
            terms,
            volatility: 0.28,
            shares,
        }
    }

    #[test]
    fn g20_exposure_and_full_repricing() {
        let calls = leg(Right::Call, 1000.0);
        assert!((calls.exposure().unwrap() - 41218.14).abs() < 0.01);
        // Premium times delta is another number.
        let priced = calls.terms.value(calls.volatility).unwrap();
        assert!((calls.shares * priced.price * priced.delta - 1579.3).abs() < 0.1);
        assert!((calls.profit(-0.2, 1.0).unwrap() + 3689.5281).abs() < 1e-4);
        assert!(calls.profit(-1.0, 1.0).unwrap() >= -3831.4620);
        let puts = leg(Right::Put, -1000.0);
        assert!((puts.profit(-0.2, 1.0).unwrap() + 16261.2176).abs() < 1e-4);
        assert!(puts.exposure().unwrap() > 0.0, "a short put is long");
    }

    #[test]
    fn volatility_alone_moves_an_option() {
        let calls = leg(Right::Call, 1000.0);
        assert!(calls.profit(0.0, 1.0).unwrap().abs() < 1e-12);
        assert!(calls.profit(0.0, 2.5).unwrap() > 0.0);
        assert!(leg(Right::Put, -1000.0).profit(0.0, 2.5).unwrap() < 0.0);
        assert!(calls.profit(-1.1, 1.0).is_err());
        assert!(calls.profit(0.1, -1.0).is_err());
    }
}
