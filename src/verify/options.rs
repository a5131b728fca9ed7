//! G19 and G20, and the example of Hull: European options.
#![expect(clippy::unreadable_literal, reason = "golden numbers as printed")]

use super::{Error, Section, golden};
use crate::analytics::implied_volatility::implied_volatility;
use crate::analytics::option_leg::Leg;
use crate::analytics::options::{Right, Terms, Valuation};

const G19_TERMS: Terms = Terms {
    right: Right::Call,
    spot: 100.0,
    strike: 105.0,
    years: 90.0 / 365.0,
    rate: 0.045,
    dividend_yield: 0.01,
};

const HULL_TERMS: Terms = Terms {
    right: Right::Call,
    spot: 42.0,
    strike: 40.0,
    years: 0.5,
    rate: 0.10,
    dividend_yield: 0.0,
};

fn put(terms: Terms) -> Terms {
    Terms {
        right: Right::Put,
        ..terms
    }
}

fn call_19() -> Result<Valuation, Error> {
    Ok(G19_TERMS.value(0.28)?)
}

fn put_19() -> Result<Valuation, Error> {
    Ok(put(G19_TERMS).value(0.28)?)
}

fn leg(terms: Terms, shares: f64) -> Leg {
    Leg {
        terms,
        volatility: 0.28,
        shares,
    }
}

pub(super) const G19: Section = Section {
    name: "G19",
    about: "Black–Scholes–Merton and Greeks",
    goldens: &[
        golden("call", 3.8314619819, 1e-10, |_| Ok(call_19()?.price)),
        golden("call, Δ", 0.4121813831, 1e-10, |_| Ok(call_19()?.delta)),
        golden("call, Γ", 0.0279422225, 1e-10, |_| Ok(call_19()?.gamma)),
        golden("call, vega a point", 0.1929161660, 1e-10, |_| {
            Ok(call_19()?.vega)
        }),
        golden("call, θ a day", -0.0334892336, 1e-10, |_| {
            Ok(call_19()?.theta)
        }),
        golden("call, ρ a point", 0.0921863252, 1e-10, |_| {
            Ok(call_19()?.rho)
        }),
        golden("put", 7.9191049793, 1e-10, |_| Ok(put_19()?.price)),
        golden("put, Δ", -0.5853559009, 1e-10, |_| Ok(put_19()?.delta)),
        golden("put, θ a day", -0.0234198516, 1e-10, |_| {
            Ok(put_19()?.theta)
        }),
        golden("put, ρ a point", -0.1638608920, 1e-10, |_| {
            Ok(put_19()?.rho)
        }),
        golden("parity", -4.0876429974, 1e-10, |_| {
            Ok(call_19()?.price - put_19()?.price)
        }),
        golden("implied volatility of the call", 0.28, 1e-9, |_| {
            implied_volatility(&G19_TERMS, 3.8314619819)?
                .map_err(|why| Error::other(format!("{why:?}")))
        }),
    ],
};

pub(super) const G20: Section = Section {
    name: "G20",
    about: "ten options as exposure and in a fall of 20",
    goldens: &[
        golden("delta exposure of calls", 41218.14, 0.01, |_| {
            Ok(leg(G19_TERMS, 1000.0).exposure()?)
        }),
        golden("calls, full", -3689.5281, 1e-4, |_| {
            Ok(leg(G19_TERMS, 1000.0).profit(-0.2, 1.0)?)
        }),
        golden("calls, by delta", -8243.6277, 1e-4, |_| {
            Ok(-20.0 * 1000.0 * call_19()?.delta)
        }),
        golden("calls, by delta and gamma", -2655.1832, 1e-4, |_| {
            let call = call_19()?;
            Ok(1000.0 * (-20.0 * call.delta + 200.0 * call.gamma))
        }),
        golden(
            "premium",
            3831.4620,
            1e-4,
            |_| Ok(1000.0 * call_19()?.price),
        ),
        golden("short puts, full", -16261.2176, 1e-4, |_| {
            Ok(leg(put(G19_TERMS), -1000.0).profit(-0.2, 1.0)?)
        }),
    ],
};

pub(super) const HULL: Section = Section {
    name: "Hull",
    about: "S 42, K 40, r 10 %, σ 20 %, half a year; Greeks per year and per 1",
    goldens: &[
        golden("call", 4.759422, 1e-6, |_| Ok(HULL_TERMS.value(0.2)?.price)),
        golden("put", 0.808599, 1e-6, |_| {
            Ok(put(HULL_TERMS).value(0.2)?.price)
        }),
        golden("Δ", 0.779131, 1e-6, |_| Ok(HULL_TERMS.value(0.2)?.delta)),
        golden("Γ", 0.0499627, 1e-7, |_| Ok(HULL_TERMS.value(0.2)?.gamma)),
        golden("vega", 8.813415, 1e-6, |_| {
            Ok(100.0 * HULL_TERMS.value(0.2)?.vega)
        }),
        golden("θ", -4.559092, 1e-6, |_| {
            Ok(365.0 * HULL_TERMS.value(0.2)?.theta)
        }),
        golden("ρ", 13.982046, 1e-6, |_| {
            Ok(100.0 * HULL_TERMS.value(0.2)?.rho)
        }),
    ],
};
