//! Data: which symbols there are, which closes are known of each, and what providers said of the others.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::response::Html;
use chrono::{Datelike, NaiveDate};
use maud::{Markup, html};

use super::chart::{Cell, HeatRow, grid};
use super::session::Visitor;
use super::text::{badge, or_dash};
use super::{frame, login};
use crate::api::Api;
use crate::api::params::Params;
use crate::api::problem::Problem;
use crate::domain::Calendar;
use crate::store::ReadTx;
use crate::store::reports::{self, Gap, MonthCloses, OutcomeCount, SymbolRow};

/// Symbols of a page.
const SYMBOLS: usize = 40;
/// Months of the grid.
const MONTHS: u32 = 24;
/// Sessions that gaps are looked for in.
const SESSIONS: usize = 252;

/// The page; symbols go on after `after`.
pub(super) async fn page(
    visitor: Visitor,
    State(api): State<Api>,
    params: Params,
) -> Result<Html<String>, Problem> {
    let after: Option<String> = params.only(&["after"])?.one("after")?;
    visitor.sees_all()?;
    let beyond = |error: crate::domain::CalendarError| Problem::field("date", error.to_string());
    let calendar = Calendar::nyse();
    let newest = calendar
        .newest_eligible(api.clock().now())
        .map_err(beyond)?;
    let first = calendar.back(newest, SESSIONS - 1).map_err(beyond)?;
    let year = calendar
        .sessions(first.date(), newest.date())
        .map_err(beyond)?;
    let months = months(newest.date());
    let since = months.first().copied().unwrap_or(newest.date());
    let mut db = ReadTx::lazy(&api.pools().load);
    let most = i64::try_from(SYMBOLS).unwrap_or(i64::MAX);
    let symbols = reports::universe(&mut db, after.as_deref(), most).await?;
    let names: Vec<String> = symbols.iter().map(|row| row.symbol.clone()).collect();
    let closes = reports::month_closes(&mut db, &names, since).await?;
    let outcomes = reports::outcomes(&mut db).await?;
    let gaps = reports::gaps(&mut db, &year).await?;
    db.close().await?;
    let sessions = calendar.sessions(since, newest.date()).map_err(beyond)?;
    let mut wanted: BTreeMap<NaiveDate, i64> = BTreeMap::new();
    for session in sessions {
        *wanted.entry(month_of(session.date())).or_default() += 1;
    }
    let more = symbols.last().filter(|_| symbols.len() == SYMBOLS);
    let body = html! {
        h2 { "Closes by symbol and month" }
        @if symbols.is_empty() { p.none { "No symbol was part of a run yet." } }
        @else { (coverage(&symbols, &closes, &months, &wanted)) }
        @if let Some(last) = more { p { a href=(format!("/data?after={}", login::encoded(&last.symbol))) { "More symbols" } } }
        h2 { "What providers said last" } (reasons(&outcomes))
        h2 { "Sessions of the last year that are not published" } (holes(&gaps))
        pre.cli { "sigmabatch status" }
        h2 { "Universe" } (universe(&symbols))
    };
    Ok(frame::page(&visitor, "/data", "Data", &body))
}

fn month_of(date: NaiveDate) -> NaiveDate {
    date.with_day(1).unwrap_or(date)
}

/// The first days of the last months, oldest first.
fn months(newest: NaiveDate) -> Vec<NaiveDate> {
    let first = month_of(newest);
    let back = (0..MONTHS).rev();
    back.filter_map(|n| first.checked_sub_months(chrono::Months::new(n)))
        .collect()
}

fn coverage(
    symbols: &[SymbolRow],
    closes: &[MonthCloses],
    months: &[NaiveDate],
    wanted: &BTreeMap<NaiveDate, i64>,
) -> Markup {
    let known: BTreeMap<(&str, NaiveDate), i64> = closes
        .iter()
        .map(|row| ((row.symbol.as_str(), row.month), row.closes))
        .collect();
    let rows = symbols.iter().map(|row| {
        let cells = months.iter().map(|month| {
            let closes = known
                .get(&(row.symbol.as_str(), *month))
                .copied()
                .unwrap_or(0);
            let sessions = wanted.get(month).copied().unwrap_or(0);
            let (class, sign) = filled(closes, sessions);
            Cell {
                class: class.to_owned(),
                text: format!(
                    "{} {}: {closes} of {sessions} closes",
                    row.symbol,
                    month.format("%Y-%m")
                ),
                sign: sign.to_owned(),
                link: None,
            }
        });
        HeatRow {
            name: row.symbol.clone(),
            cells: cells.collect(),
        }
    });
    let columns: Vec<String> = months
        .iter()
        .map(|month| month.format("%Y-%m").to_string())
        .collect();
    html! {
        (grid("Closes by symbol and month", &columns, &rows.collect::<Vec<_>>()))
        p.soft { "✓ every session  ! gaps  · none" }
    }
}

fn filled(closes: i64, sessions: i64) -> (&'static str, &'static str) {
    match closes {
        0 => ("missing", "·"),
        n if n < sessions => ("warning", "!"),
        _ => ("done", "✓"),
    }
}

fn reasons(outcomes: &[OutcomeCount]) -> Markup {
    if outcomes.is_empty() {
        return html! { p.none { "Nobody was asked yet." } };
    }
    html! {
        div.scroll tabindex="0" { table {
            thead { tr { th scope="col" { "Outcome" } th scope="col" { "Reason" } th.n scope="col" { "Symbols" } th scope="col" { "Which" } } }
            tbody { @for row in outcomes { tr {
                th scope="row" { (row.outcome) } td { (or_dash(row.reason.as_ref())) } td.n { (row.symbols) }
                td { (row.some.join(", ")) @if row.symbols > 8 { ", …" } }
            } } }
        } }
    }
}

fn holes(gaps: &[Gap]) -> Markup {
    if gaps.is_empty() {
        return html! { p.none { "None." } };
    }
    html! {
        div.scroll tabindex="0" { table {
            thead { tr { th scope="col" { "Portfolio" } th.n scope="col" { "Sessions" } th scope="col" { "Oldest" } th scope="col" { "Newest" } } }
            tbody { @for gap in gaps { tr {
                th scope="row" { a href=(format!("/portfolios/{}", gap.portfolio)) { (gap.name) } }
                td.n { (gap.sessions) } td { (gap.oldest) } td { (gap.newest) }
            } } }
        } }
    }
}

fn universe(symbols: &[SymbolRow]) -> Markup {
    let classes: BTreeSet<&str> = symbols.iter().map(|row| row.class.as_str()).collect();
    html! {
        p.soft { (symbols.len()) " symbols here; classes " (classes.into_iter().collect::<Vec<_>>().join(", ")) }
        div.scroll tabindex="0" { table {
            thead { tr { th scope="col" { "Symbol" } th scope="col" { "Class" } th scope="col" { "First seen" }
                th scope="col" { "Last seen" } th scope="col" { "Last close" } th scope="col" { "Newest outcome" } } }
            tbody { @for row in symbols { tr {
                th scope="row" { (row.symbol) } td { (row.class) } td { (row.first_seen) } td { (row.last_seen) }
                td { (or_dash(row.last_close)) }
                td { @if let Some(outcome) = &row.outcome { (badge(outcome)) " " (row.reason.as_deref().unwrap_or("")) } @else { "–" } }
            } } }
        } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_go_back_from_the_newest_session() {
        let months = months("2017-01-31".parse().unwrap());
        assert_eq!(months.len(), 24);
        assert_eq!(months[0].to_string(), "2015-02-01");
        assert_eq!(months[23].to_string(), "2017-01-01");
        assert_eq!(
            [filled(0, 20).0, filled(19, 20).0, filled(20, 20).0],
            ["missing", "warning", "done"]
        );
    }
}
