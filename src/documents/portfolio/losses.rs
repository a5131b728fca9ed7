//! Stress tests, options, value at risk, crises of the past and reverse stress.

use serde_json::{Map, Value, json};

use super::reasons::{self, NONPOSITIVE_NAV};
use super::{flags, text};
use crate::domain::coverage;
use crate::store::reports::{Contract, Replay, Reverse, Stress, ValueAtRisk};

pub(super) fn stress(stress: &Stress) -> Value {
    json!({
        "scenario": stress.scenario,
        "name": stress.name,
        "outcome": stress.outcome,
        "reason": reasons::stress(stress),
        "direct": stress.direct,
        "propagated": stress.propagated,
        "direct_pnl": stress.direct_pnl.map(text),
        "propagated_pnl": stress.propagated_pnl.map(text),
        "direct_floored": stress.direct_floored.map(text),
        "propagated_floored": stress.propagated_floored.map(text),
        "plausibility": stress.tail_p,
        "mahalanobis": stress.mahalanobis,
        "implausible": stress.implausible,
        "coverage": stress.coverage,
        "n": stress.n,
        "flags": flags(stress.coverage, stress.n),
    })
}

pub(super) fn option(row: &Contract) -> Value {
    json!({
        "symbol": row.symbol,
        "underlying": row.underlying,
        "strike": row.strike,
        "spot": row.spot,
        "years": row.years,
        "rate": row.rate,
        "dividend_yield": row.dividend_yield,
        "volatility": row.volatility,
        "volatility_source": row.source,
        "note": row.note.as_deref().unwrap_or_default(),
        "flags": suspect(row),
        "price": row.price,
        "delta": row.delta,
        "gamma": row.gamma,
        "vega_per_point": row.vega,
        "theta_per_day": row.theta,
        "rho_per_point": row.rho,
        "shares": text(row.shares),
        "exposure": text(row.exposure),
    })
}

/// `suspect_volatility`, or none.
fn suspect(row: &Contract) -> Vec<&'static str> {
    let flag = row.suspect.then_some("suspect_volatility");
    flag.into_iter().collect()
}

pub(super) fn value_at_risk(row: &ValueAtRisk) -> Value {
    let reason = |there: bool, key: &str| {
        let why = row.reasons.get(key).or(row.reason.as_ref());
        (!there).then(|| why.map_or("not computed", String::as_str))
    };
    let estimate = |name: &str, &[value_at_risk, shortfall]: &[Option<f64>; 2]| {
        json!({
            "value_at_risk": value_at_risk,
            "expected_shortfall": shortfall,
            "reason": reason(value_at_risk.is_some(), name),
        })
    };
    let estimates: Map<String, Value> = row
        .estimates
        .iter()
        .map(|(name, pair)| ((*name).to_owned(), estimate(name, pair)))
        .collect();
    let tests: Map<String, Value> = row
        .tests
        .iter()
        .map(|(name, [statistic, p])| {
            let why = reason(statistic.is_some(), "backtest");
            let test = json!({ "statistic": statistic, "p": p, "reason": why });
            ((*name).to_owned(), test)
        })
        .collect();
    json!({
        "confidence": row.confidence,
        "outcome": row.outcome,
        "reason": row.reason,
        "estimates": estimates,
        "backtest": {
            "sessions": row.sessions,
            "exceptions": row.exceptions,
            "expected": row.expected,
            "reason": reason(row.sessions.is_some(), "backtest"),
            "tests": tests,
        },
        "n": row.n,
        "windows": row.windows,
        "filled": row.filled,
        "dropped": row.dropped,
        "coverage": row.coverage,
        "flags": row.flags,
    })
}

pub(super) fn replay(row: &Replay) -> Value {
    let ratio = row.pnl.is_some() && row.fraction.is_none();
    let reason = row.reason.as_deref().or(ratio.then_some(NONPOSITIVE_NAV));
    json!({
        "replay": row.replay,
        "name": row.name,
        "first_close": row.from,
        "last_close": row.to,
        "outcome": row.outcome,
        "reason": reason,
        "pnl": row.pnl.map(text),
        "fraction": row.fraction,
        "approximated": row.approximated,
        "floored": row.floored.map(text),
        "coverage": row.coverage,
        "flags": coverage::flags(row.coverage),
    })
}

pub(super) fn reverse(row: &Reverse) -> Value {
    json!({
        "loss": row.loss,
        "outcome": row.outcome,
        "reason": row.reason,
        "pnl": row.pnl.map(text),
        "mahalanobis": row.mahalanobis,
        "plausibility": row.tail_p,
        "moves": row.moves,
        "floored": row.floored.map(text),
        "coverage": row.coverage,
        "n": row.n,
        "flags": flags(row.coverage, row.n),
    })
}
