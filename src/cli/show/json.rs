//! The document of `show --json`. Keys are stable: new ones may come, none changes or goes. Money
//! is decimal text, statistics are numbers; what is missing is null, and its reason stands beside it.

mod losses;

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::reasons;
use crate::domain::{AssetClass, money};
use crate::store::reports::{BIAS_SESSIONS, Correlation, Position, Report, Stress, Volatility};

/// The document.
pub fn document(report: &Report) -> Value {
    let Report {
        portfolio,
        published,
        provenance,
        snapshot,
        completeness,
        ..
    } = report;
    json!({
        "portfolio_id": portfolio.id,
        "name": portfolio.name,
        "owner": portfolio.owner,
        "currency": portfolio.currency,
        "as_of": published.as_of,
        "run_id": published.run,
        "provider_basis": provenance.provider_basis,
        "model_version": provenance.model_version,
        "convention_id": provenance.convention_id,
        "definitions": provenance.definitions,
        "computed_at": provenance.computed_at,
        "nav": text(snapshot.nav),
        "cash": text(snapshot.cash),
        "long_value": text(snapshot.long_value),
        "short_value": text(snapshot.short_value),
        "external_flows": text(snapshot.external_flows),
        "realised": text(snapshot.realised),
        "unrealised_change": text(snapshot.unrealised_change),
        "income": text(snapshot.income),
        "pnl_day": text(snapshot.pnl_day),
        "pnl_total": text(snapshot.pnl_total),
        "return_day": snapshot.return_day,
        "return_day_reason": reasons::return_day(report),
        "large_flow": snapshot.large_flow,
        "coverage": completeness.coverage,
        "coverage_reason": reasons::coverage(report),
        "positions": positions(report),
        "factors": factors(report),
        "risk": risk(report),
        "volatility": volatility(report),
        "correlation": correlation(report),
        "concentration": concentration(report),
        "sectors": sectors(report),
        "stress": report.stress.iter().map(stress).collect::<Vec<_>>(),
        "data_quality": super::quality::document(report),
        "options": report.losses.options.iter().map(losses::option).collect::<Vec<_>>(),
        "value_at_risk": report.losses.value_at_risk.iter().map(losses::value_at_risk).collect::<Vec<_>>(),
        "historical_replays": report.losses.replays.iter().map(losses::replay).collect::<Vec<_>>(),
        "reverse_stress": report.losses.reverse.iter().map(losses::reverse).collect::<Vec<_>>(),
        "completeness": vector(report),
    })
}

/// The exact number without zeros at its end.
fn text(value: Decimal) -> String {
    value.normalize().to_string()
}

/// Why an analytic without a row is missing.
fn reason(report: &Report, entry: &str) -> String {
    report
        .completeness
        .reason(entry)
        .unwrap_or_else(|| "not computed".to_owned())
}

fn positions(report: &Report) -> Value {
    let nav = report.snapshot.nav;
    report
        .positions
        .iter()
        .map(|position| line(position, nav, report))
        .collect()
}

fn line(position: &Position, nav: Decimal, report: &Report) -> Value {
    let missing = &report.completeness.missing;
    let symbol = position.symbol.as_str();
    let underlying = position.underlying.as_deref();
    let marginal = marginal(position, report);
    let weight = weight(position.market_value, nav);
    let contribution = marginal.clone().and_then(|marginal| {
        let part = weight.map(|weight| marginal * weight);
        part.ok_or_else(|| reasons::NONPOSITIVE_NAV.to_owned())
    });
    json!({
        "position_id": position.id,
        "symbol": symbol,
        "type": position.position_type,
        "class": position.class.as_str(),
        "underlying": underlying,
        "entry_date": position.entry_date,
        "quantity": text(position.quantity),
        "price": text(position.price),
        "price_date": position.price_date,
        "price_date_reason": reasons::price_date(position),
        "quality": position.quality.as_str(),
        "market_value": text(position.market_value),
        "cost": text(position.cost),
        "unrealised": text(position.unrealised),
        "weight": weight,
        "weight_reason": reasons::weight(nav),
        "marginal_risk": marginal.as_ref().ok(),
        "marginal_risk_reason": marginal.as_ref().err(),
        "risk_contribution": contribution.as_ref().ok(),
        "risk_contribution_reason": contribution.as_ref().err(),
        "sector": position.sector,
        "betas": position.betas,
        "reason": missing.get(symbol).or_else(|| missing.get(underlying?)),
    })
}

/// Change of the annual volatility with the weight of a position: that of its instrument in the risk model. Times its own weight it is the
/// position's part of the volatility.
fn marginal(position: &Position, report: &Report) -> Result<f64, String> {
    if report.risk.is_none() {
        return Err(reason(report, "factors"));
    }
    if position.class == AssetClass::Options {
        return Err("part of its underlying, by its delta".to_owned());
    }
    let symbol = position.symbol.as_str();
    let own = report
        .contributions
        .iter()
        .find(|part| part.kind == "underlying" && part.name == symbol);
    own.map(|part| part.marginal)
        .ok_or_else(|| "not in the risk model".to_owned())
}

/// A fraction of net asset value, where that is positive.
pub(super) fn weight(value: Decimal, nav: Decimal) -> Option<f64> {
    (nav > Decimal::ZERO).then(|| money::to_f64(value) / money::to_f64(nav))
}

fn factors(report: &Report) -> Value {
    let factors = report.factors.iter().map(|factor| {
        json!({
            "factor": factor.factor,
            "role": factor.role,
            "beta": factor.beta,
            "std_error": factor.std_error,
            "dollar": factor.dollar.map(text),
            "coverage": factor.coverage,
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
        "reason": reasons::bias(bias),
        "today": bias.today,
        "today_reason": reasons::bias_today(report),
    })
}

fn risk(report: &Report) -> Value {
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
    json!({
        "available": risk.is_some(),
        "reason": risk.is_none().then(|| reason(report, "factors")),
        "volatility": risk.map(|risk| risk.volatility),
        "factor_variance": risk.map(|risk| risk.factor_variance),
        "specific_variance": risk.map(|risk| risk.specific_variance),
        "systematic_share": risk.and_then(|risk| risk.systematic_share),
        "diversification_ratio": risk.and_then(|risk| risk.diversification_ratio),
        "effective_bets": risk.and_then(|risk| risk.effective_bets),
        "coverage": risk.map(|risk| risk.coverage),
        "n": risk.map(|risk| risk.n),
        "flags": risk.map(|risk| risk.flags.clone()).unwrap_or_default(),
        "reasons": texts(risk.map(reasons::risk)),
        "bias": bias(report),
        "contributions": contributions.collect::<Vec<_>>(),
    })
}

fn volatility(report: &Report) -> Value {
    let row = report.volatility.as_ref();
    json!({
        "available": row.is_some(),
        "reason": row.is_none().then(|| reason(report, "volatility")),
        "realised_21": row.and_then(|row| row.realised_21),
        "realised_63": row.and_then(|row| row.realised_63),
        "forecast_21": row.and_then(|row| row.forecast_21),
        "percentile": row.and_then(|row| row.percentile),
        "trend_ratio": row.and_then(|row| row.trend_ratio),
        "trend": row.and_then(|row| row.trend.clone()),
        "n": row.map(|row| row.n),
        "filled": row.map(|row| row.filled),
        "coverage": row.map(|row| row.coverage),
        "flags": row.map(|row| row.flags.clone()).unwrap_or_default(),
        "reasons": row.map(trends).unwrap_or_default(),
    })
}

/// The reasons of the series; those of the trend stand for its ratio as well.
fn trends(row: &Volatility) -> std::collections::BTreeMap<String, String> {
    let mut reasons = row.reasons.clone();
    if let Some(why) = reasons.get("trend").cloned() {
        reasons.insert("trend_ratio".to_owned(), why);
    }
    reasons
}

fn correlation(report: &Report) -> Value {
    let row = report.correlation.as_ref();
    json!({
        "available": row.is_some(),
        "reason": row.is_none().then(|| reason(report, "correlation")),
        "symbols": row.map(|row| row.symbols.clone()).unwrap_or_default(),
        "matrix": row.map(matrix).unwrap_or_default(),
        "clusters": row.map(|row| row.clusters.clone()).unwrap_or_default(),
        "average": row.and_then(|row| row.average),
        "shrinkage": row.and_then(|row| row.shrinkage),
        "unknown": row.map(unknown).unwrap_or_default(),
        "reasons": texts(row.map(reasons::correlation)),
    })
}

/// The pairs of the matrix that are null.
fn unknown(row: &Correlation) -> Vec<Value> {
    let pairs = reasons::unknown_pairs(row).into_iter();
    let pairs = pairs.map(|pair| json!({ "symbols": pair, "reason": reasons::UNKNOWN_PAIR }));
    pairs.collect()
}

/// Keys and why they are null.
fn texts(reasons: Option<Vec<(&'static str, &'static str)>>) -> Value {
    let reasons = reasons.unwrap_or_default().into_iter();
    reasons
        .collect::<std::collections::BTreeMap<_, _>>()
        .into_iter()
        .collect()
}

/// The symmetric matrix of an upper triangle; null where there are too few common returns.
fn matrix(row: &Correlation) -> Vec<Vec<Option<f64>>> {
    let size = row.symbols.len();
    let mut matrix = vec![vec![Some(1.0); size]; size];
    let pairs = (0..size).flat_map(|i| (i + 1..size).map(move |j| (i, j)));
    for ((i, j), value) in pairs.zip(row.upper.iter().copied().chain(std::iter::repeat(None))) {
        matrix[i][j] = value;
        matrix[j][i] = value;
    }
    matrix
}

fn concentration(report: &Report) -> Value {
    let row = report.concentration.as_ref();
    json!({
        "available": row.is_some(),
        "reason": row.is_none().then(|| reason(report, "concentration")),
        "gross": row.map(|row| text(row.gross)),
        "hhi": row.map(|row| row.hhi),
        "effective_names": row.map(|row| row.effective_names),
        "top_3": row.map(|row| row.top_3),
        "top_10": row.map(|row| row.top_10),
        "instruments": row.map(|row| row.instruments),
    })
}

fn sectors(report: &Report) -> Value {
    let sectors = report.sectors.iter().map(|sector| {
        json!({
            "sector": sector.sector,
            "long_value": text(sector.long_value),
            "short_value": text(sector.short_value),
            "net_value": text(sector.net_value),
            "gross_value": text(sector.gross_value),
            "net_weight": sector.net_weight,
            "reason": sector.net_weight.is_none().then_some(reasons::NONPOSITIVE_NAV),
        })
    });
    sectors.collect()
}

fn stress(stress: &Stress) -> Value {
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
    })
}

fn vector(report: &Report) -> Value {
    let completeness = &report.completeness;
    let entries: Map<String, Value> = completeness
        .entries
        .iter()
        .map(|entry| {
            let value = json!({ "outcome": entry.outcome, "reason": entry.reason });
            (entry.name.to_owned(), value)
        })
        .collect();
    json!({
        "strict": completeness.strict,
        "coverage": completeness.coverage,
        "coverage_reason": reasons::coverage(report),
        "entries": entries,
        "missing": completeness.missing,
        "findings": super::quality::count(report),
        "findings_reason": super::quality::reason(report),
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn the_document_has_the_keys_that_people_rely_on() {
        let document = document(&sample::report());
        for key in [
            "portfolio_id",
            "as_of",
            "run_id",
            "nav",
            "cash",
            "long_value",
            "short_value",
            "pnl_day",
            "pnl_total",
            "positions",
            "factors",
            "risk",
            "volatility",
            "correlation",
            "concentration",
            "sectors",
            "stress",
            "completeness",
        ] {
            assert!(!document[key].is_null(), "{key}");
        }
        let keys = |value: &Value, keys: &[&str]| {
            for key in keys {
                assert!(value.get(key).is_some(), "{key} in {value}");
            }
        };
        keys(
            &document["factors"][0],
            &["factor", "beta", "std_error", "dollar", "coverage"],
        );
        keys(
            &document["risk"],
            &["volatility", "systematic_share", "contributions"],
        );
        keys(
            &document["volatility"],
            &["realised_21", "realised_63", "forecast_21"],
        );
        keys(&document["correlation"], &["symbols", "matrix"]);
        keys(
            &document["concentration"],
            &["hhi", "effective_names", "top_3", "top_10"],
        );
        keys(
            &document["stress"][0],
            &["scenario", "direct", "propagated", "plausibility"],
        );
    }

    #[test]
    fn money_is_text_statistics_are_numbers_and_missing_is_null_with_a_reason() {
        let document = document(&sample::report());
        assert_eq!(document["nav"], "1012345.67");
        assert_eq!(document["cash"], "-5000");
        assert_eq!(document["positions"][0]["weight"], 0.25);
        assert_eq!(document["factors"][1]["beta"], Value::Null);
        assert_eq!(document["factors"][1]["reason"], "IWF has no series");
        assert_eq!(
            document["completeness"]["missing"]["GGIPX"],
            "no data at the provider"
        );
        assert_eq!(
            document["positions"][1]["reason"],
            "no data at the provider"
        );
        assert_eq!(document["volatility"]["forecast_21"], Value::Null);
        assert_eq!(
            document["volatility"]["reasons"]["forecast_21"],
            "have 20, need 60"
        );
    }

    #[test]
    fn an_analytic_that_is_missing_says_why() {
        let mut report = sample::report();
        report.correlation = None;
        report.completeness.entries[5].outcome = "insufficient_data".into();
        report.completeness.entries[5].reason = Some("fewer than two modelled symbols".into());
        let document = document(&report);
        assert_eq!(document["correlation"]["available"], false);
        assert_eq!(
            document["correlation"]["reason"],
            "fewer than two modelled symbols"
        );
        assert_eq!(document["correlation"]["matrix"], json!([]));
    }

    /// Every null of a document whose key has no reason beside it.
    fn unexplained(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Array(values) => {
                for (index, value) in values.iter().enumerate() {
                    unexplained(value, &format!("{path}[{index}]"), found);
                }
            }
            Value::Object(object) => {
                let reason = |key: &str| object.get(key).is_some_and(|reason| !reason.is_null());
                for (key, value) in object {
                    let of_key = object.get("reasons").and_then(|reasons| reasons.get(key));
                    let told = key.ends_with("reason")
                        || reason("reason")
                        || reason(&format!("{key}_reason"))
                        || of_key.is_some();
                    // Only an option has an underlying.
                    if value.is_null() && !told && key != "underlying" {
                        found.push(format!("{path}.{key}"));
                    }
                    // Null pairs are listed one by one under `unknown`.
                    if key != "matrix" && !(key == "clusters" && told) {
                        unexplained(value, &format!("{path}.{key}"), found);
                    }
                }
            }
            _ => {}
        }
    }

    #[test]
    fn no_null_is_without_a_reason() {
        let ruined = {
            let mut report = sample::report();
            report.snapshot.nav = Decimal::from(-5);
            report.snapshot.return_day = None;
            report.completeness.coverage = None;
            report.risk.as_mut().unwrap().systematic_share = None;
            report.risk.as_mut().unwrap().diversification_ratio = None;
            report.risk.as_mut().unwrap().effective_bets = None;
            report.contributions[0].share = None;
            report.sectors[0].net_weight = None;
            report.stress[0].direct = None;
            report.stress[0].propagated = None;
            let volatility = report.volatility.as_mut().unwrap();
            (volatility.trend, volatility.trend_ratio) = (None, None);
            volatility
                .reasons
                .insert("trend".into(), "no movement".into());
            let correlation = report.correlation.as_mut().unwrap();
            (correlation.upper, correlation.n) = (vec![None], vec![0]);
            correlation.clusters = vec![None, None];
            (correlation.average, correlation.shrinkage) = (None, None);
            report
        };
        let mut empty = ruined.clone();
        empty.positions.clear();
        empty.risk = None;
        empty.volatility = None;
        empty.correlation = None;
        empty.concentration = None;
        for report in [sample::report(), ruined.clone(), empty.clone()] {
            let mut found = Vec::new();
            unexplained(&document(&report), "", &mut found);
            assert_eq!(found, Vec::<String>::new());
        }
        let ruined = document(&ruined);
        assert_eq!(ruined["return_day_reason"], "nonpositive_nav_before");
        assert_eq!(ruined["positions"][0]["weight_reason"], "nonpositive_nav");
        assert_eq!(ruined["stress"][0]["reason"], "nonpositive_nav");
        assert_eq!(ruined["risk"]["reasons"]["effective_bets"], "no_variance");
        let pair = &ruined["correlation"]["unknown"][0];
        assert_eq!(pair["symbols"], json!(["AAPL", "MSFT"]));
        assert_eq!(pair["reason"], reasons::UNKNOWN_PAIR);
        let empty = document(&empty);
        assert_eq!(empty["coverage_reason"], "no positions");
        assert_eq!(empty["completeness"]["coverage_reason"], "no positions");
    }

    #[test]
    fn no_number_is_ever_nan() {
        let mut report = sample::report();
        report.factors[0].beta = Some(f64::NAN);
        report.snapshot.return_day = Some(f64::INFINITY);
        let text = document(&report).to_string();
        assert!(!text.contains("NaN") && !text.contains("inf,"), "{text}");
    }

    #[test]
    fn the_matrix_is_symmetric_with_ones_and_nulls() {
        let row = Correlation {
            symbols: ["A", "B", "C"].map(String::from).into(),
            upper: vec![Some(0.1), None, Some(0.3)],
            n: vec![252, 10, 252],
            clusters: vec![Some(1), Some(1), Some(2)],
            average: Some(0.2),
            shrinkage: None,
        };
        let expected = vec![
            vec![Some(1.0), Some(0.1), None],
            vec![Some(0.1), Some(1.0), Some(0.3)],
            vec![None, Some(0.3), Some(1.0)],
        ];
        assert_eq!(matrix(&row), expected);
    }
}
