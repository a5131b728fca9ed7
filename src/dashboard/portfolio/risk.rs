//! Exposures with their intervals, where the risk comes from, and how instruments move together.

use maud::{Markup, html};

use super::{How, percent};
use crate::dashboard::chart::{Bar, Whisker, bars, correlation as heat, whiskers};
use crate::dashboard::text::{facts, or_dash};
use crate::documents::portfolio as documents;
use crate::domain::{coverage, factor_window};
use crate::store::reports::{Correlation, Report};

/// Contributions that are drawn; the rest is in the table of the API.
const BARS: usize = 15;

pub(super) fn sections(report: &Report, how: &How<'_>) -> Markup {
    html! {
        h2 #exposures { "Factor exposures" }
        (exposures(report, how))
        h2 #risk { "Risk" }
        (risk(report, how))
    }
}

fn exposures(report: &Report, how: &How<'_>) -> Markup {
    let rows = report.factors.iter().map(|factor| Whisker {
        name: factor.factor.clone(),
        value: factor.beta,
        interval: factor.low_95.zip(factor.high_95),
    });
    let rows: Vec<Whisker> = rows.collect();
    html! {
        (whiskers("Exposures of the portfolio with 95 % intervals", &rows, |value| format!("{value:.2}")))
        div.scroll tabindex="0" { table {
            thead { tr { th scope="col" { "Factor" } th.n scope="col" { "Beta" } th.n scope="col" { "95 % from" }
                th.n scope="col" { "to" } th.n scope="col" { "Exposure" } th scope="col" { "Note" } } }
            tbody { @for factor in &report.factors { tr {
                th scope="row" { (factor.factor) }
                td.n { (how.or_reason(&format!("beta:{}", factor.factor), factor.beta.map(|beta| format!("{beta:.3}")), Some("–"))) }
                @for (name, end) in [("low_95", factor.low_95), ("high_95", factor.high_95)] {
                    td.n { (how.of(&format!("beta:{}:{name}", factor.factor), end.map(|end| format!("{end:.3}")))) }
                }
                td.n { (how.of(&format!("beta:{}:dollar", factor.factor), factor.dollar.map(super::money))) }
                td { (factor.reason.as_deref().unwrap_or(""))
                    @if coverage::is_low(factor.coverage) { span.soft { "low coverage" } }
                    @if factor_window::is_short(factor.common) { " " span.soft { "short factor window" } } }
            } } }
        } }
    }
}

fn risk(report: &Report, how: &How<'_>) -> Markup {
    let Some(risk) = &report.risk else {
        return html! { p.none { (report.completeness.reason("factors").unwrap_or_else(|| "not computed".to_owned())) } };
    };
    let rows = report.contributions.iter().take(BARS).map(|one| Bar {
        name: format!("{} ({})", one.name, one.kind),
        values: vec![Some(one.contribution)],
    });
    let rows: Vec<Bar> = rows.collect();
    let volatility = report.volatility.as_ref();
    html! {
        (facts(&[
            ("Volatility of the model", how.link("volatility", &percent(risk.volatility))),
            ("Systematic share", how.or_reason("systematic_share", risk.systematic_share.map(percent), Some("no variance"))),
            ("Realised, 63 sessions", how.or_reason("realised_63", volatility.and_then(|row| row.realised_63).map(percent), None)),
            ("Diversification ratio", how.of("risk:diversification_ratio", risk.diversification_ratio.map(|ratio| format!("{ratio:.2}")))),
            ("Effective bets", how.of("risk:effective_bets", risk.effective_bets.map(|bets| format!("{bets:.1}")))),
            ("Bias statistic", how.or_reason("bias", report.bias.statistic.map(|bias| format!("{bias:.2}")), report.bias.missing().as_deref())),
        ]))
        (bars("Contributions to the annual volatility", &["contribution"], &rows, percent))
        p.soft { "Contributions of factors and the specific part, or those of all positions, add up to the volatility: "
            @for (place, one) in report.contributions.iter().enumerate() {
                @if place > 0 { ", " } (one.name) " " (how.link(&format!("contribution:{}", one.name), &percent(one.contribution))) }
            "." }
    }
}

/// Correlations, neighbours in the order of their clusters.
pub(super) fn correlation(report: &Report, how: &How<'_>) -> Markup {
    let body = report.correlation.as_ref().map_or_else(
        || {
            let why = report.completeness.reason("correlation");
            html! { p.none { (why.unwrap_or_else(|| "not computed".to_owned())) } }
        },
        |row| matrix(row, how),
    );
    html! { h2 #correlation { "Correlations" } (body) }
}

fn matrix(row: &Correlation, how: &How<'_>) -> Markup {
    let all = documents::matrix(row);
    let cluster = |at: &usize| row.clusters.get(*at).copied().flatten().unwrap_or(i32::MAX);
    let mut order: Vec<usize> = (0..row.symbols.len()).collect();
    order.sort_by_key(|at| (cluster(at), *at));
    let names: Vec<String> = order.iter().map(|at| row.symbols[*at].clone()).collect();
    let of = |row: &usize| order.iter().map(|other| all[*row][*other]).collect();
    let values: Vec<Vec<Option<f64>>> = order.iter().map(of).collect();
    html! {
        p.soft { "Average " (how.of("mean_correlation", row.average.map(|mean| format!("{mean:.2}")))) ", in the order of clusters. "
            "Coverage " (or_dash(row.coverage.map(percent))) @if coverage::is_low(row.coverage) { " (low)" } "." }
        (heat("Correlations in the order of clusters", &names, &values))
    }
}
