//! G19, G20 and Hull's example: European options, their Greeks, exposure and stress.
#![expect(clippy::unreadable_literal, reason = "golden numbers as printed")]

use super::{Error, Section, golden, yes};
use crate::analytics::implied_volatility::implied_volatility;
use crate::analytics::option_leg::Leg;
use crate::analytics::options::{Right, Terms, Valuation};

const TERMS: Terms = Terms {
    right: Right::Call,
    spot: 100.0,
    strike: 105.0,
    years: 90.0 / 365.0,
    rate: 0.045,
    dividend_yield: 0.01,
};
const VOLATILITY: f64 = 0.28;

fn put_of(terms: Terms) -> Terms {
    Terms {
        right: Right::Put,
        ..terms
    }
}

fn call() -> Result<Valuation, Error> {
    Ok(TERMS.value(VOLATILITY)?)
}

fn put() -> Result<Valuation, Error> {
    Ok(put_of(TERMS).value(VOLATILITY)?)
}

/// Central difference of a number of the call, by what `moved` makes of it one step up and one down.
fn slope(
    step: f64,
    moved: fn(f64) -> (Terms, f64),
    what: fn(&Valuation) -> f64,
) -> Result<f64, Error> {
    let at = |by: f64| {
        let (terms, volatility) = moved(by);
        terms.value(volatility)
    };
    Ok((what(&at(step)?) - what(&at(-step)?)) / (2.0 * step))
}

fn by_spot(by: f64) -> (Terms, f64) {
    let spot = TERMS.spot + by;
    (Terms { spot, ..TERMS }, VOLATILITY)
}

fn by_rate(by: f64) -> (Terms, f64) {
    let rate = TERMS.rate + by;
    (Terms { rate, ..TERMS }, VOLATILITY)
}

fn by_volatility(by: f64) -> (Terms, f64) {
    (TERMS, VOLATILITY + by)
}

pub(super) const G19: Section = Section {
    name: "G19",
    about: "Black–Scholes–Merton; vega and ρ per percentage point, θ per calendar day",
    goldens: &[
        golden("call", 3.8314619819, 1e-10, |_| Ok(call()?.price)),
        golden("call Δ", 0.4121813831, 1e-10, |_| Ok(call()?.delta)),
        golden("Γ", 0.0279422225, 1e-10, |_| Ok(call()?.gamma)),
        golden("vega", 0.1929161660, 1e-10, |_| Ok(call()?.vega)),
        golden("call θ", -0.0334892336, 1e-10, |_| Ok(call()?.theta)),
        golden("call ρ", 0.0921863252, 1e-10, |_| Ok(call()?.rho)),
        golden("put", 7.9191049793, 1e-10, |_| Ok(put()?.price)),
        golden("put Δ", -0.5853559009, 1e-10, |_| Ok(put()?.delta)),
        golden("put θ", -0.0234198516, 1e-10, |_| Ok(put()?.theta)),
        golden("put ρ", -0.1638608920, 1e-10, |_| Ok(put()?.rho)),
        golden("parity, call − put", -4.0876429974, 1e-10, |_| {
            Ok(call()?.price - put()?.price)
        }),
        golden("Δ as a difference", 0.4121813831, 1e-8, |_| {
            slope(1e-3, by_spot, |value| value.price)
        }),
        golden("Γ as a difference", 0.0279422225, 1e-8, |_| {
            slope(1e-3, by_spot, |value| value.delta)
        }),
        golden("vega as a difference", 0.1929161660, 1e-8, |_| {
            Ok(slope(1e-4, by_volatility, |value| value.price)? / 100.0)
        }),
        golden("ρ as a difference", 0.0921863252, 1e-8, |_| {
            Ok(slope(1e-4, by_rate, |value| value.price)? / 100.0)
        }),
        golden("implied by the call's price", 0.28, 1e-9, |_| {
            let found = implied_volatility(&TERMS, call()?.price)?;
            found.map_err(|why| Error::Other(format!("{why:?}")))
        }),
    ],
};

/// 1,000 shares of calls bought, or of puts written.
fn leg(terms: Terms, shares: f64) -> Leg {
    Leg {
        terms,
        volatility: VOLATILITY,
        shares,
    }
}

fn calls() -> Leg {
    leg(TERMS, 1_000.0)
}

fn written() -> Leg {
    leg(put_of(TERMS), -1_000.0)
}

pub(super) const G20: Section = Section {
    name: "G20",
    about: "exposure and stress of ten contracts, spot −20",
    goldens: &[
        golden("calls, delta exposure", 41_218.14, 0.01, |_| {
            Ok(calls().exposure()?)
        }),
        // Far below the exposure: what it is often taken for.
        golden("calls, premium × Δ", 1_579.3, 0.1, |_| {
            let call = call()?;
            Ok(1_000.0 * call.price * call.delta)
        }),
        golden("calls, in full", -3689.5281, 1e-4, |_| {
            Ok(calls().profit(-0.2, 1.0)?)
        }),
        golden("calls, by delta", -8243.6277, 1e-4, |_| {
            Ok(-0.2 * calls().exposure()?)
        }),
        golden("calls, by delta and gamma", -2655.1832, 1e-4, |_| {
            let gamma = 0.5 * call()?.gamma * 400.0 * 1_000.0;
            Ok(-0.2 * calls().exposure()? + gamma)
        }),
        golden("calls, the most that can be lost", 3831.4620, 1e-4, |_| {
            Ok(1_000.0 * call()?.price)
        }),
        golden("calls, no more is lost", 1.0, 0.0, |_| {
            let worst = calls().profit(-0.99, 1.0)?;
            Ok(yes(worst >= -1_000.0 * call()?.price))
        }),
        golden("puts written, in full", -16261.2176, 1e-4, |_| {
            Ok(written().profit(-0.2, 1.0)?)
        }),
        // Positive: who has written puts gains when the stock rises.
        golden("puts written, delta exposure", 58_535.59, 0.01, |_| {
            Ok(written().exposure()?)
        }),
    ],
};

fn hull(right: Right) -> Result<Valuation, Error> {
    let terms = Terms {
        right,
        spot: 42.0,
        strike: 40.0,
        years: 0.5,
        rate: 0.10,
        dividend_yield: 0.0,
    };
    Ok(terms.value(0.20)?)
}

pub(super) const HULL: Section = Section {
    name: "Hull",
    about: "S 42, K 40, r .10, σ .20, T .5, in the units of the book",
    goldens: &[
        golden("call", 4.759422, 1e-6, |_| Ok(hull(Right::Call)?.price)),
        golden("put", 0.808599, 1e-6, |_| Ok(hull(Right::Put)?.price)),
        golden("Δ", 0.779131, 1e-6, |_| Ok(hull(Right::Call)?.delta)),
        golden("Γ", 0.0499627, 1e-7, |_| Ok(hull(Right::Call)?.gamma)),
        golden("vega", 8.813415, 1e-6, |_| {
            Ok(100.0 * hull(Right::Call)?.vega)
        }),
        golden("θ of a year", -4.559092, 1e-6, |_| {
            Ok(365.0 * hull(Right::Call)?.theta)
        }),
        golden("ρ", 13.982046, 1e-6, |_| Ok(100.0 * hull(Right::Call)?.rho)),
    ],
};
