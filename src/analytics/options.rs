//! European options: Black–Scholes–Merton price and Greeks (Hull, *Options, Futures, and Other Derivatives*, chapters 15, 17 and 19).
//!
//! One share, one currency; the caller multiplies by quantity and contract size. The implied volatility is found in
//! [`super::implied_volatility`].
//!
//! **Source.** Black and Scholes 1973; Merton 1973 for the dividend yield; Hull for the Greeks.
//!
//! **NaN.** No missing values: NaN and infinite inputs are [`Error::Invalid`].

use super::{
    Error, at_least_zero, conventions::DAYS_PER_YEAR, no_negative_zero, special::normal_cdf,
};

/// Call or put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// To buy.
    Call,
    /// To sell.
    Put,
}

/// What the market says on the day of a valuation, and the terms of the contract.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// Call or put.
    pub right: Right,
    /// Price of a share; 0 when the company is worthless.
    pub spot: f64,
    /// Price of the right, per share, above 0.
    pub strike: f64,
    /// Time to expiry in years, calendar days / 365; at or below 0 the option has expired.
    pub years: f64,
    /// Risk-free rate per year, continuous, a fraction: 0.045 is 4.5 %.
    pub rate: f64,
    /// Dividend yield per year, continuous, a fraction.
    pub dividend_yield: f64,
}

/// Price and sensitivities, per share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Valuation {
    /// In currency, at least 0.
    pub price: f64,
    /// Change of the price per unit of spot: in [0, 1] for calls, [−1, 0] for puts.
    pub delta: f64,
    /// Change of delta per unit of spot.
    pub gamma: f64,
    /// Change of the price per **percentage point** of volatility (`∂C/∂σ / 100`).
    pub vega: f64,
    /// Change of the price per **calendar day** that passes (`−∂C/∂T / 365`).
    pub theta: f64,
    /// Change of the price per **percentage point** of the rate (`∂C/∂r / 100`).
    pub rho: f64,
}

impl Terms {
    /// What the right pays when it is exercised now, in currency per share: `max(S − K, 0)` or `max(K − S, 0)`. 0 for a NaN price, which
    /// [`value`](Self::value) refuses.
    pub fn intrinsic(&self) -> f64 {
        match self.right {
            Right::Call => at_least_zero(self.spot - self.strike),
            Right::Put => at_least_zero(self.strike - self.spot),
        }
    }

    /// Present values of what is received and paid on exercise: `S·e^(−qT)` and `K·e^(−rT)`.
    pub(super) fn present(&self) -> (f64, f64) {
        (
            self.spot * libm::exp(-self.dividend_yield * self.years),
            self.strike * libm::exp(-self.rate * self.years),
        )
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let numbers = [
            self.spot,
            self.strike,
            self.years,
            self.rate,
            self.dividend_yield,
        ];
        let usable = numbers.iter().all(|value| super::is_number(*value));
        if !usable || self.spot < 0.0 || self.strike <= 0.0 {
            return Err(Error::Invalid {
                what: "spot, strike, time, rate or dividend yield of an option",
            });
        }
        Ok(())
    }

    /// Price and Greeks at a volatility per year (a fraction, 0.28 is 28 %).
    ///
    /// `C = S·e^(−qT)·N(d₁) − K·e^(−rT)·N(d₂)`, `d₁,₂ = (ln(S/K) + (r − q ± σ²/2)·T)/(σ√T)`; puts by parity. **At and after expiry** the
    /// price is the intrinsic value, delta is that of the exercised share (0 at the strike) and the other Greeks are 0. Without volatility
    /// or without a spot the price is what the forward pays, discounted. [`Error::Invalid`] for a number that is NaN, infinite, a negative
    /// spot or volatility, a strike that is not positive, or rates and times so absurd that the value is no number.
    pub fn value(&self, volatility: f64) -> Result<Valuation, Error> {
        self.check()?;
        if !super::is_number(volatility) || volatility < 0.0 {
            return Err(Error::Invalid {
                what: "volatility of an option",
            });
        }
        if self.years <= 0.0 {
            return usable(self.certain(self.spot, self.strike, 0.0));
        }
        let (spot, strike) = self.present();
        let deviation = volatility * self.years.sqrt();
        // A distance that is 0/0 has no use: the price is that of the forward.
        if deviation <= 0.0 || spot <= 0.0 {
            return usable(self.certain(spot, strike, self.years));
        }
        let first = libm::log(spot / strike) / deviation + 0.5 * deviation;
        let second = first - deviation;
        let sign = match self.right {
            Right::Call => 1.0,
            Right::Put => -1.0,
        };
        let in_first = cdf(sign * first)?;
        let in_second = cdf(sign * second)?;
        let density = libm::exp(-0.5 * first * first) / (2.0 * core::f64::consts::PI).sqrt();
        let decay = libm::exp(-self.dividend_yield * self.years);
        let time_value = spot * density * volatility / (2.0 * self.years.sqrt());
        let carry = self.rate * strike * in_second - self.dividend_yield * spot * in_first;
        usable(Valuation {
            price: sign * (spot * in_first - strike * in_second),
            delta: sign * decay * in_first,
            gamma: if self.spot > 0.0 {
                decay * density / (self.spot * deviation)
            } else {
                0.0
            },
            vega: spot * density * self.years.sqrt() / 100.0,
            theta: (-time_value - sign * carry) / DAYS_PER_YEAR,
            rho: sign * strike * self.years * in_second / 100.0,
        })
    }

    /// The value when the outcome is known: what is received less what is paid, at their present values.
    fn certain(&self, received: f64, paid: f64, years: f64) -> Valuation {
        let gain = match self.right {
            Right::Call => received - paid,
            Right::Put => paid - received,
        };
        let sign = if self.right == Right::Call { 1.0 } else { -1.0 };
        let decay = libm::exp(-self.dividend_yield * at_least_zero(years));
        let exercised = if gain > 0.0 { sign } else { 0.0 };
        let carry = self.rate * paid - self.dividend_yield * received;
        Valuation {
            price: gain,
            delta: exercised * decay,
            gamma: 0.0,
            vega: 0.0,
            theta: if years > 0.0 {
                -exercised * carry / DAYS_PER_YEAR
            } else {
                0.0
            },
            rho: exercised * paid * years / 100.0,
        }
    }
}

/// A valuation without a price below 0 or a −0; [`Error::Invalid`] where absurd rates or times left the range of numbers.
fn usable(found: Valuation) -> Result<Valuation, Error> {
    let Valuation {
        price,
        delta,
        gamma,
        vega,
        theta,
        rho,
    } = found;
    let numbers = [price, delta, gamma, vega, theta, rho];
    if !numbers.iter().all(|value| value.is_finite()) {
        return Err(Error::Invalid {
            what: "value of an option",
        });
    }
    Ok(Valuation {
        price: at_least_zero(price),
        delta: no_negative_zero(delta),
        gamma,
        vega,
        theta: no_negative_zero(theta),
        rho: no_negative_zero(rho),
    })
}

fn cdf(x: f64) -> Result<f64, Error> {
    normal_cdf(x).ok_or(Error::Invalid {
        what: "distance to the strike",
    })
}

#[cfg(test)]
#[expect(clippy::unreadable_literal, reason = "golden numbers as printed")]
#[expect(clippy::float_cmp, reason = "exact by construction")]
mod tests {
    use super::*;

    fn close(have: f64, want: f64, tolerance: f64) {
        assert!((have - want).abs() <= tolerance, "have {have}, want {want}");
    }

    const G19: Terms = Terms {
        right: Right::Call,
        spot: 100.0,
        strike: 105.0,
        years: 90.0 / 365.0,
        rate: 0.045,
        dividend_yield: 0.01,
    };

    fn put(terms: Terms) -> Terms {
        Terms {
            right: Right::Put,
            ..terms
        }
    }

    #[test]
    fn g19_black_scholes_merton_and_greeks() {
        let call = G19.value(0.28).unwrap();
        close(call.price, 3.8314619819, 1e-10);
        close(call.delta, 0.4121813831, 1e-10);
        close(call.gamma, 0.0279422225, 1e-10);
        close(call.vega, 0.1929161660, 1e-10);
        close(call.theta, -0.0334892336, 1e-10);
        close(call.rho, 0.0921863252, 1e-10);
        let put = put(G19).value(0.28).unwrap();
        close(put.price, 7.9191049793, 1e-10);
        close(put.delta, -0.5853559009, 1e-10);
        close(put.theta, -0.0234198516, 1e-10);
        close(put.rho, -0.1638608920, 1e-10);
        close(call.price - put.price, -4.0876429974, 1e-10);
    }

    #[test]
    fn hull_chapters_15_and_19() {
        let terms = Terms {
            right: Right::Call,
            spot: 42.0,
            strike: 40.0,
            years: 0.5,
            rate: 0.10,
            dividend_yield: 0.0,
        };
        let call = terms.value(0.20).unwrap();
        close(call.price, 4.759422, 1e-6);
        close(put(terms).value(0.20).unwrap().price, 0.808599, 1e-6);
        close(call.delta, 0.779131, 1e-6);
        close(call.gamma, 0.0499627, 1e-7);
        close(call.vega * 100.0, 8.813415, 1e-6);
        close(call.theta * 365.0, -4.559092, 1e-6);
        close(call.rho * 100.0, 13.982046, 1e-6);
    }

    #[test]
    fn greeks_are_the_central_differences_of_the_price() {
        let base = Terms {
            rate: 0.03,
            dividend_yield: 0.02,
            ..G19
        };
        for terms in [G19, put(G19), base, put(base)] {
            let at = |terms: Terms, volatility: f64| terms.value(volatility).unwrap().price;
            let value = terms.value(0.28).unwrap();
            let spot = |by: f64| Terms {
                spot: terms.spot + by,
                ..terms
            };
            let delta = (at(spot(1e-3), 0.28) - at(spot(-1e-3), 0.28)) / 2e-3;
            close(value.delta, delta, 1e-8);
            let up = spot(1e-3).value(0.28).unwrap().delta;
            let down = spot(-1e-3).value(0.28).unwrap().delta;
            close(value.gamma, (up - down) / 2e-3, 1e-8);
            close(
                value.vega * 100.0,
                (at(terms, 0.2801) - at(terms, 0.2799)) / 2e-4,
                1e-6,
            );
            let rate = |by: f64| Terms {
                rate: terms.rate + by,
                ..terms
            };
            let rho = (at(rate(1e-5), 0.28) - at(rate(-1e-5), 0.28)) / 2e-5;
            close(value.rho * 100.0, rho, 1e-6);
            let later = |by: f64| Terms {
                years: terms.years - by,
                ..terms
            };
            let theta = (at(later(1e-5), 0.28) - at(later(-1e-5), 0.28)) / 2e-5;
            close(value.theta * 365.0, theta, 1e-6);
        }
    }

    #[test]
    fn at_expiry_an_option_is_worth_its_intrinsic_value() {
        for days in [0.0, -3.0] {
            let expired = Terms {
                years: days / 365.0,
                spot: 110.0,
                ..G19
            };
            let value = expired.value(0.28).unwrap();
            assert_eq!((value.price, value.delta), (5.0, 1.0));
            assert_eq!((value.gamma, value.vega, value.theta), (0.0, 0.0, 0.0));
            assert_eq!(put(expired).value(0.28).unwrap().price, 0.0);
            assert_eq!(put(expired).value(0.28).unwrap().delta, 0.0);
        }
        // The price goes there without a jump.
        let soon = Terms {
            years: 1e-9,
            spot: 110.0,
            ..G19
        };
        close(soon.value(0.28).unwrap().price, 5.0, 1e-6);
    }

    #[test]
    fn without_volatility_or_spot_the_forward_decides() {
        let certain = put(G19).value(0.0).unwrap();
        let (received, paid) = G19.present();
        close(certain.price, paid - received, 1e-12);
        close(put(G19).value(1e-9).unwrap().price, certain.price, 1e-9);
        close(put(G19).value(1e-6).unwrap().theta, certain.theta, 1e-9);
        let worthless = Terms { spot: 0.0, ..G19 };
        assert_eq!(worthless.value(0.28).unwrap().price, 0.0);
        close(put(worthless).value(0.28).unwrap().price, paid, 1e-12);
    }

    #[test]
    fn g20_ten_calls_and_ten_puts() {
        let shares = 10.0 * 100.0;
        let call = G19.value(0.28).unwrap();
        close(shares * 100.0 * call.delta, 41218.14, 0.01);
        let fallen = Terms { spot: 80.0, ..G19 };
        let full = shares * (fallen.value(0.28).unwrap().price - call.price);
        close(full, -3689.5281, 1e-4);
        close(shares * call.delta * -20.0, -8243.6277, 1e-4);
        let bent = shares * (call.delta * -20.0 + 0.5 * call.gamma * 400.0);
        close(bent, -2655.1832, 1e-4);
        close(shares * call.price, 3831.4620, 1e-4);
        assert!(full > -shares * call.price, "no more than the premium");
        let before = put(G19).value(0.28).unwrap();
        let after = put(fallen).value(0.28).unwrap();
        close(-shares * (after.price - before.price), -16261.2176, 1e-4);
        assert!(-shares * before.delta > 0.0, "a short put is long");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for broken in [
            Terms {
                spot: f64::NAN,
                ..G19
            },
            Terms { spot: -1.0, ..G19 },
            Terms { strike: 0.0, ..G19 },
            Terms {
                rate: f64::INFINITY,
                ..G19
            },
        ] {
            assert!(broken.value(0.28).is_err());
        }
        assert!(G19.value(-0.1).is_err());
        assert!(G19.value(f64::NAN).is_err());
    }
}
