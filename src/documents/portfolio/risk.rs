//! Exposures to factors, the risk model, and how its forecasts have done.

use serde_json::{Value, json};

use super::{flags, reason, reasons, text, texts};
use crate::store::reports::{BIAS_SESSIONS, Report};

pub(super) fn factors(report: &Report) -> Value {
    let factors = report.factors.iter().map(|factor| {
        json!({
            "factor": factor.factor,
            "role": factor.role,
            "beta": factor.beta,
            "std_error": factor.std_error,
            "low_95": factor.low_95,
            "high_95": factor.high_95,
            "dollar": factor.dollar.map(text),
            "coverage": factor.coverage,
            "n": factor.n,
            "flags": flags(factor.coverage, factor.common),
            "reason": factor.reason,
        })
    });
    factors.collect()
}

/// Returns over what the risk model forecast for them the session before.
fn bias(report: &Report) -> Value {
    let bias = &report.bias;
    json!({
        "statistic": bias.statistic,
        "low": bias.band().map(|(low, _)| low),
        "high": bias.band().map(|(_, high)| high),
        "n": bias.n,
        "sessions": BIAS_SESSIONS,
        "stale": bias.stale.len(),
        "reason": bias.missing(),
        "today": bias.today,
        "today_reason": reasons::bias_today(report),
    })
}

pub(super) fn risk(report: &Report) -> Value {
    let contributions = report.contributions.iter().map(|part| {
        json!({
            "kind": part.kind,
            "name": part.name,
            "exposure": part.exposure,
            "marginal": part.marginal,
            "contribution": part.contribution,
            "share": part.share,
            "reason": reasons::share(part),
        })
    });
    let risk = report.risk.as_ref();
    let common = risk.and(report.common.as_ref());
    json!({
        "available": risk.is_some(),
        "reason": risk.is_none().then(|| reason(report, "factors")),
        "volatility": risk.map(|risk| risk.volatility),
        "factor_variance": risk.map(|risk| risk.factor_variance),
        "specific_variance": risk.map(|risk| risk.specific_variance),
        "systematic_share": risk.and_then(|risk| risk.systematic_share),
        "diversification_ratio": risk.and_then(|risk| risk.diversification_ratio),
        "effective_bets": risk.and_then(|risk| risk.effective_bets),
        "coverage": risk.and_then(|risk| risk.coverage),
        "n": risk.map(|risk| risk.n),
        "first_session": common.map(|common| common.first),
        "last_session": common.map(|common| common.last),
        "limiting_proxy": common.and_then(|common| common.limiting.as_ref()),
        "flags": risk.map(|risk| risk.flags.clone()).unwrap_or_default(),
        "reasons": texts(risk.map(|risk| reasons::risk(report, risk))),
        "bias": bias(report),
        "contributions": contributions.collect::<Vec<_>>(),
    })
}
