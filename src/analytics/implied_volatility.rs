//! The volatility at which Black–Scholes–Merton gives the price that the market paid.
//!
//! **Source.** Manaster and Koehler 1982 (Newton's method on the price of Black and Scholes 1973), inside a bracket.
//!
//! **NaN.** No missing values: NaN and infinite inputs are [`Error::Invalid`].

use super::{Error, options::Terms};

/// No listed option trades beyond it: 1,000 % a year.
pub const LARGEST: f64 = 10.0;

/// Why a price implies no volatility.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unimplied {
    /// The option has expired: its price no longer depends on volatility.
    Expired,
    /// At or below what the forward pays: an arbitrage, or a price that is not of this spot.
    BelowIntrinsic,
    /// Above the price at a volatility of 1,000 %.
    AboveLargest,
}

/// The volatility per year (a fraction) implied by a price per share, in (0, 10].
///
/// The price grows with volatility, so a bracket that is halved, and Newton's step `(price − C)/vega` where it stays inside, find the one
/// solution to the precision of the price. `Ok(Err(…))` says why a price implies none; [`Error::Invalid`] for a price that is negative,
/// NaN or infinite, and as [`Terms::value`].
pub fn implied_volatility(terms: &Terms, price: f64) -> Result<Result<f64, Unimplied>, Error> {
    terms.check()?;
    if !super::is_number(price) || price < 0.0 {
        return Err(Error::Invalid {
            what: "price of an option",
        });
    }
    if terms.years <= 0.0 {
        return Ok(Err(Unimplied::Expired));
    }
    if price <= terms.value(0.0)?.price {
        return Ok(Err(Unimplied::BelowIntrinsic));
    }
    if price > terms.value(LARGEST)?.price {
        return Ok(Err(Unimplied::AboveLargest));
    }
    let (mut low, mut high) = (0.0, LARGEST);
    let mut guess = 0.3;
    for _ in 0..MAX_STEPS {
        let value = terms.value(guess)?;
        let miss = value.price - price;
        if miss > 0.0 {
            high = guess;
        } else {
            low = guess;
        }
        let slope = value.vega * 100.0;
        let newton = guess - miss / slope;
        let next = if slope > 0.0 && newton > low && newton < high {
            newton
        } else {
            0.5 * (low + high)
        };
        if (next - guess).abs() <= 1e-15 * guess {
            break;
        }
        guess = next;
    }
    Ok(Ok(guess))
}

/// Halving alone is down to the last bit after this many steps.
const MAX_STEPS: u32 = 120;

#[cfg(test)]
mod tests {
    use super::super::options::Right;
    use super::*;

    fn terms(right: Right, spot: f64, days: f64) -> Terms {
        Terms {
            right,
            spot,
            strike: 105.0,
            years: days / 365.0,
            rate: 0.045,
            dividend_yield: 0.01,
        }
    }

    #[test]
    fn the_price_of_a_volatility_implies_it() {
        for right in [Right::Call, Right::Put] {
            for spot in [70.0, 95.0, 105.0, 140.0] {
                for days in [2.0, 30.0, 90.0, 900.0] {
                    for volatility in [0.05, 0.28, 0.9, 4.0] {
                        let terms = terms(right, spot, days);
                        let value = terms.value(volatility).unwrap();
                        // Where a whole point of volatility moves the price by nothing, no price can tell.
                        if value.vega < 1e-6 {
                            continue;
                        }
                        let found = implied_volatility(&terms, value.price).unwrap().unwrap();
                        let tolerance = 1e-12 / value.vega + 1e-12;
                        assert!((found - volatility).abs() <= tolerance, "{found}");
                    }
                }
            }
        }
    }

    #[test]
    fn prices_outside_of_the_bounds_imply_nothing_and_say_why() {
        let call = terms(Right::Call, 140.0, 90.0);
        let floor = call.value(0.0).unwrap().price;
        assert_eq!(
            implied_volatility(&call, floor).unwrap(),
            Err(Unimplied::BelowIntrinsic)
        );
        assert_eq!(
            implied_volatility(&call, 141.0).unwrap(),
            Err(Unimplied::AboveLargest)
        );
        assert_eq!(
            implied_volatility(&terms(Right::Call, 140.0, 0.0), 36.0).unwrap(),
            Err(Unimplied::Expired)
        );
        assert!(implied_volatility(&call, -1.0).is_err());
        assert!(implied_volatility(&call, f64::NAN).is_err());
    }
}
