//! Data: which symbols there are, which closes are known of each, what is missing and what providers said of it.

mod coverage;
mod gaps;

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::response::Html;
use chrono::NaiveDate;
use maud::{Markup, html};

use self::coverage::{month_of, months};
use super::session::Visitor;
use super::text::{badge, counted, or_dash};
use super::{frame, login};
use crate::api::Api;
use crate::api::params::Params;
use crate::api::problem::Problem;
use crate::domain::Calendar;
use crate::store::ReadTx;
use crate::store::reports::{self, OutcomeCount, SymbolRow};

/// Symbols of a page.
const SYMBOLS: usize = 40;
/// Sessions that gaps are looked for in.
const SESSIONS: usize = 252;
/// Gaps of series that are listed.
const GAPS: usize = 100;

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
    let unpublished = reports::gaps(&mut db, &year).await?;
    let dates: Vec<NaiveDate> = year.iter().map(|session| session.date()).collect();
    let most = i64::try_from(GAPS).unwrap_or(i64::MAX);
    let series = reports::series_gaps(&mut db, &names, &dates, most).await?;
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
        @else { (coverage::table(&symbols, &closes, &months, &wanted)) }
        @if let Some(last) = more { p { a href=(format!("/data?after={}", login::encoded(&last.symbol))) { "More symbols" } } }
        h2 { "What providers said last" } (reasons(&outcomes))
        h2 { "Gaps in these series, in the last year" } (gaps::series(&series, GAPS))
        h2 { "Sessions of the last year that are not published" } (gaps::sessions(&unpublished))
        pre.cli { "sigmabatch status" }
        h2 { "Universe" } (universe(&symbols))
    };
    Ok(frame::page(&visitor, "/data", "Data", &body))
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

fn universe(symbols: &[SymbolRow]) -> Markup {
    let classes: BTreeSet<&str> = symbols.iter().map(|row| row.class.as_str()).collect();
    html! {
        p.soft { (counted(symbols.len(), "symbol")) " here; classes " (classes.into_iter().collect::<Vec<_>>().join(", ")) }
        div.scroll tabindex="0" { table {
            thead { tr { th scope="col" { "Symbol" } th scope="col" { "Class" } th scope="col" { "Active" } th scope="col" { "First seen" }
                th scope="col" { "Last seen" } th scope="col" { "Last close" } th scope="col" { "Newest outcome" } } }
            tbody { @for row in symbols { tr {
                th scope="row" { (row.symbol) } td { (row.class) } td { @if row.active { "yes" } @else { "no: nobody asks for its prices" } } td { (row.first_seen) } td { (row.last_seen) }
                td { (or_dash(row.last_close)) }
                td { @if let Some(outcome) = &row.outcome { (badge(outcome)) " " (row.reason.as_deref().unwrap_or("")) } @else { "–" } }
            } } }
        } }
    }
}
