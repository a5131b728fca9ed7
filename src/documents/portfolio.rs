//! What is published of a portfolio at a date, as `show --json` and the API tell it. Keys are stable: new ones may come, none changes or goes. Money
//! is decimal text, statistics are numbers; what is missing is null, and its reason stands beside it.

mod fits;
mod holdings;
mod losses;
mod quality;
mod reasons;
mod risk;
#[cfg(test)]
pub(crate) mod sample;
mod sections;
mod series;
#[cfg(test)]
mod tests;

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use crate::domain::{coverage, factor_window};
use crate::store::reports::Report;

pub use holdings::{left_out, slope_flags, weight};
pub use quality::count as findings;
pub use reasons::coverage as coverage_reason;
pub use sections::{SECTIONS, Section};
pub use series::matrix;

/// The document.
pub fn document(report: &Report) -> Value {
    let mut document = overview(report);
    let sections = json!({
        "positions": holdings::positions(report),
        "factors": risk::factors(report),
        "fits": fits::tables(report),
        "risk": risk::risk(report),
        "volatility": series::volatility(report),
        "correlation": series::correlation(report),
        "concentration": holdings::concentration(report),
        "sectors": holdings::sectors(report),
        "stress": report.stress.iter().map(losses::stress).collect::<Vec<_>>(),
        "data_quality": quality::document(report),
        "options": report.losses.options.iter().map(losses::option).collect::<Vec<_>>(),
        "value_at_risk": report.losses.value_at_risk.iter().map(losses::value_at_risk).collect::<Vec<_>>(),
        "historical_replays": report.losses.replays.iter().map(losses::replay).collect::<Vec<_>>(),
        "reverse_stress": report.losses.reverse.iter().map(losses::reverse).collect::<Vec<_>>(),
        "completeness": vector(report),
    });
    if let (Some(document), Value::Object(sections)) = (document.as_object_mut(), sections) {
        document.extend(sections);
    }
    document
}

/// Whose, of which date, resting on what; and the values of the ledger.
fn overview(report: &Report) -> Value {
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

/// The flags of a number of the factor model: of its coverage, and of the sessions that the factors share.
fn flags(of_book: Option<f64>, sessions: Option<i32>) -> Vec<String> {
    let mut flags = coverage::flags(of_book);
    flags.extend(factor_window::flag(sessions));
    flags
}

/// Keys and why they are null.
fn texts(reasons: Option<Vec<(&'static str, &'static str)>>) -> Value {
    let reasons = reasons.unwrap_or_default().into_iter();
    reasons
        .collect::<std::collections::BTreeMap<_, _>>()
        .into_iter()
        .collect()
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
        "findings": quality::count(report),
        "findings_reason": quality::reason(report),
    })
}
