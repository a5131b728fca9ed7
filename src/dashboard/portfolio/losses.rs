//! What may be lost: stress tests, value at risk, crises of the past, moves that lose a given part.

use maud::{Markup, html};
use rust_decimal::Decimal;

use super::history::{self, History};
use super::{How, money, percent, signed};
use crate::dashboard::chart::{Bar, bars};
use crate::dashboard::text::or_dash;
use crate::store::reports::{Report, Stress};

pub(super) fn sections(report: &Report, how: &How<'_>, history: &History) -> Markup {
    html! {
        h2 #stress { "Stress tests" }
        (stress(report, how))
        h2 #value-at-risk { "Value at risk" }
        (value_at_risk(report, how, history))
        h2 #replays { "Crises of the past" }
        (replays(report, how))
        h2 #reverse { "Reverse stress" }
        (reverse(report, how))
    }
}

/// The scenario that loses most, of those that are plausible.
fn heaviest(report: &Report) -> Option<&Stress> {
    let plausible = report
        .stress
        .iter()
        .filter(|row| row.implausible != Some(true));
    let lost = plausible.filter(|row| row.propagated_pnl.is_some_and(|pnl| pnl < Decimal::ZERO));
    lost.min_by_key(|row| row.propagated_pnl)
}

/// Its loss, for the head of the page.
pub(super) fn worst(report: &Report, how: &How<'_>) -> Markup {
    let Some(row) = heaviest(report) else {
        let why = report.completeness.reason("stress");
        return html! { span.soft { (why.unwrap_or_else(|| "no scenario loses".to_owned())) } };
    };
    html! {
        (how.of(&format!("stress:{}:propagated_pnl", row.scenario), row.propagated_pnl.map(money)))
        a.soft href="#stress" { " " (row.name) }
    }
}

fn stress(report: &Report, how: &How<'_>) -> Markup {
    let rows = report.stress.iter().filter(|row| row.outcome == "done");
    let rows = rows.map(|row| Bar {
        name: row.name.clone(),
        values: vec![row.propagated, row.direct],
    });
    let rows: Vec<Bar> = rows.collect();
    html! {
        (bars("Stress tests: propagated and direct, of the net asset value", &["propagated", "direct"], &rows, percent))
        div.scroll tabindex="0" { table {
            thead { tr { th scope="col" { "Scenario" } th.n scope="col" { "Propagated" } th.n scope="col" { "of NAV" }
                th.n scope="col" { "Direct" } th.n scope="col" { "Floored" } th.n scope="col" { "Plausibility" }
                th.n scope="col" { "Coverage" } th scope="col" { "Note" } } }
            tbody { @for row in &report.stress { tr {
                th scope="row" { (row.name) }
                td.n { (how.or_reason(&format!("stress:{}:propagated_pnl", row.scenario), row.propagated_pnl.map(money), Some("–"))) }
                td.n { (how.of(&format!("stress:{}:propagated", row.scenario), row.propagated.map(signed))) }
                td.n { (how.of(&format!("stress:{}:direct_pnl", row.scenario), row.direct_pnl.map(money))) }
                td.n { (how.of(&format!("stress:{}:propagated_floored", row.scenario), row.propagated_floored.map(money))) }
                td.n { (how.of(&format!("stress:{}:tail_p", row.scenario), row.tail_p.map(|p| format!("{p:.4}")))) }
                td.n { (how.of(&format!("stress:{}:coverage", row.scenario), row.coverage.map(percent))) }
                td.message { @if row.implausible == Some(true) { "implausible" }
                    @if let Some(reason) = &row.reason { (reason) } }
            } } }
        } }
    }
}

fn value_at_risk(report: &Report, how: &How<'_>, days: &History) -> Markup {
    html! {
        @if report.losses.value_at_risk.is_empty() {
            p.none { (report.completeness.reason("value_at_risk").unwrap_or_else(|| "not computed".to_owned())) }
        } @else {
            div.scroll tabindex="0" { table {
                thead { tr { th scope="col" { "Confidence" } th scope="col" { "Estimate" } th.n scope="col" { "Value at risk" }
                    th.n scope="col" { "Expected shortfall" } th scope="col" { "Backtest" } } }
                tbody { @for row in &report.losses.value_at_risk {
                    @for (name, [loss, tail]) in &row.estimates { tr {
                        th scope="row" { (percent(row.confidence)) }
                        td { (name.replace('_', " ")) }
                        td.n { (how.or_reason(&format!("value_at_risk:{:.0}:{name}", 100.0 * row.confidence), loss.map(percent), row.reason.as_deref())) }
                        td.n { (how.of(&format!("expected_shortfall:{:.0}:{name}", 100.0 * row.confidence), tail.map(percent))) }
                        td { @if let (Some(found), Some(sessions)) = (row.exceptions, row.sessions) {
                            (how.link(&format!("backtest:{:.0}:exceptions", 100.0 * row.confidence), &found.to_string())) " exceptions in " (sessions) " sessions, expected "
                            (or_dash(row.expected.map(|expected| format!("{expected:.1}")))) } }
                    } } } }
            } }
        }
        (history::breaches(days, how))
    }
}

fn replays(report: &Report, how: &How<'_>) -> Markup {
    if report.losses.replays.is_empty() {
        let why = report.completeness.reason("replay");
        return html! { p.none { (why.unwrap_or_else(|| "no crisis was over".to_owned())) } };
    }
    html! {
        div.scroll tabindex="0" { table {
            thead { tr { th scope="col" { "Crisis" } th scope="col" { "From" } th scope="col" { "To" } th.n scope="col" { "P&L" }
                th.n scope="col" { "of NAV" } th scope="col" { "Note" } } }
            tbody { @for row in &report.losses.replays { tr {
                th scope="row" { (row.name) } td { (row.from) } td { (row.to) }
                td.n { (how.of(&format!("replay:{}:pnl", row.replay), row.pnl.map(money))) }
                td.n { (how.of(&format!("replay:{}", row.replay), row.fraction.map(signed))) }
                td.message { @if let Some(reason) = &row.reason { (reason) }
                    @if !row.approximated.is_empty() { "by their betas: " (row.approximated.join(", ")) } }
            } } }
        } }
    }
}

fn reverse(report: &Report, how: &How<'_>) -> Markup {
    if report.losses.reverse.is_empty() {
        let why = report.completeness.reason("reverse_stress");
        return html! { p.none { (why.unwrap_or_else(|| "not computed".to_owned())) } };
    }
    html! {
        div.scroll tabindex="0" { table {
            thead { tr { th.n scope="col" { "Loss" } th.n scope="col" { "Plausibility" } th scope="col" { "The most plausible move that loses it" } } }
            tbody { @for row in &report.losses.reverse { tr {
                th.n scope="row" { (percent(row.loss)) }
                td.n { (how.of(&format!("reverse_stress:{:.0}:tail_p", 100.0 * row.loss), row.tail_p.map(|p| format!("{p:.4}")))) }
                td { @for (place, (factor, by)) in row.moves.iter().enumerate() {
                        @if place > 0 { ", " } (factor) " "
                        (how.link(&format!("reverse_stress:{:.0}:{factor}", 100.0 * row.loss), &signed(*by))) }
                    @if let Some(reason) = &row.reason { (reason) } }
            } } }
        } }
    }
}
