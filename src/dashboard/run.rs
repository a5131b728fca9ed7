//! One run: its phases in time, what it lacks, its events, its tasks by filter, and what can be done about it.

mod events;
mod filtered;
mod phases;
mod steer;

use axum::extract::{Path, State};
use axum::response::Html;
use maud::{Markup, html};

use super::progress::{bar, may_end};
use super::session::Visitor;
use super::text::{badge, cli, duration, facts, status, time, time_or_dash};
use super::{frame, groups, tasks};
use crate::api::Api;
use crate::api::params::Params;
use crate::api::problem::Problem;
use crate::api::runs::{self as handlers, Seen};
use crate::api::tasks::filter;
use crate::documents::cut;
use crate::documents::runs::Progress;
use crate::domain::TaskId;
use crate::engine;
use crate::store::ReadTx;
use crate::store::reports;
use crate::store::runs;
use crate::store::tasks_report::{self, Filter};

pub(super) use events::stream;

/// Slowest tasks of the chart.
const SLOWEST: i64 = 12;
/// Events of the feed.
const EVENTS: i64 = 40;
/// Tasks of a page.
const TASKS: u16 = 50;

/// To whoever does not see all of a run.
const SHARED: &str = "This run has portfolios of others too. What stands here is about yours; tasks about symbols are counted, and \
                      not listed.";

/// The page; `part=live` is what changes of it.
pub(super) async fn page(
    visitor: Visitor,
    State(api): State<Api>,
    Path(run): Path<String>,
    params: Params,
) -> Result<Html<String>, Problem> {
    let params = params.filled();
    params.only(&[
        "part",
        "phase",
        "state",
        "symbol",
        "portfolio_id",
        "error",
        "cursor",
    ])?;
    let seen = handlers::visible(&api, &visitor, &run).await?;
    let run = &seen.run;
    let part = params.one_of("part", &["live", "tasks"])?;
    if part.as_deref() == Some("live") {
        return Ok(Html(live(&visitor, &api, &seen).await?.into_string()));
    }
    let filter = Filter {
        only: seen.only.clone(),
        ..filter(&params, Some(run.id))?
    };
    let cursor = params.one::<i64>("cursor")?.map(TaskId);
    let mut db = ReadTx::lazy(&api.pools().load);
    let mut listed = tasks_report::list(&mut db, &filter, cursor, i64::from(TASKS) + 1).await?;
    let pauses = reports::pauses(&mut db).await?;
    let again = filtered::repairable(&mut db, run, &filter).await?;
    db.close().await?;
    let next = cut(&mut listed, TASKS, |task| task.id);
    let rows = html! {
        (tasks::table(&listed))
        @if let Some(next) = next { p { a href=(filtered::address(run.id, &filter, Some(next), None)) { "More" } } }
        @if seen.only.is_none() { @for state in again { (filtered::again(&visitor, run.id, &filter, state)) } }
        @if run.verdict.is_some() { span data-ended="true" {} }
    };
    if part.is_some() {
        return Ok(Html(rows.into_string()));
    }
    let live = live(&visitor, &api, &seen).await?;
    let list = filtered::address(run.id, &filter, cursor, Some("tasks"));
    let part = format!("/runs/{}?part=live", run.id);
    let stream = format!("/runs/{}/events", run.id);
    let going = run.verdict.is_none();
    let body = html! {
        @if seen.only.is_some() { p.soft #shared { (SHARED) } }
        div data-live=[going.then_some(&part)] data-events=[going.then_some(&stream)] data-every=[going.then_some("2")] { (live) }
        section aria-labelledby="tasks" {
            h2 #tasks { "Tasks" }
            (tasks::filters(run.id, &filter))
            pre.cli { (filtered::listing(run.id, &filter)) }
            div data-live=[going.then_some(&list)] data-every=[going.then_some("5")] { (rows) }
        }
        @if seen.only.is_none() {
            section aria-labelledby="steer" {
                h2 #steer { "Steer" }
                (steer::steer(&visitor, run, &pauses))
            }
        }
        section aria-labelledby="compare" {
            h2 #compare { "Compare" }
            form.filters method="get" action=(format!("/runs/{}/diff", run.id)) {
                label { span { "Id of another run" } input name="other" required size="38"; }
                button type="submit" { "Compare" }
            }
            pre.cli { (cli(&["diff", &run.id.to_string(), "…"])) }
        }
    };
    Ok(frame::page(
        &visitor,
        "",
        &format!("Run {}", run.label),
        &body,
    ))
}

async fn live(visitor: &Visitor, api: &Api, seen: &Seen) -> Result<Markup, Problem> {
    let Seen { run, only } = seen;
    let only = only.as_deref();
    let phases = runs::phases(&api.pools().load, run.id, only).await?;
    let mut db = ReadTx::lazy(&api.pools().load);
    let pauses = reports::pauses(&mut db).await?;
    let eta = match run.verdict {
        None => engine::remaining(&mut db, run, &phases, &pauses).await?,
        Some(_) => None,
    };
    let held = engine::held_back(run, &phases, &pauses);
    let of_run = Filter {
        run: Some(run.id),
        only: seen.only.clone(),
        ..Filter::default()
    };
    let errors = tasks_report::errors(&mut db, &of_run).await?;
    let in_hand = runs::in_hand(&phases);
    let slowest = reports::slowest(&mut db, run.id, &in_hand, only, SLOWEST).await?;
    let missing = reports::missing(&mut db, run.id, only).await?;
    let events = reports::newest_events(&mut db, run.id, only, EVENTS).await?;
    db.close().await?;
    let progress = Progress::of(&phases);
    let may = visitor.may_change() && only.is_none();
    Ok(html! {
        p data-ended=[run.verdict.map(|_| "true")] {
            (badge(status(run.verdict))) " for " (run.from)
            @if run.from != run.to { " to " (run.to) }
            ", " (run.trigger) ", lane " (run.lane) ", planned " (time(run.created_at))
        }
        (bar(&progress))
        (facts(&[
            ("Tasks", html! { (progress.worked()) " of " (progress.total) }),
            ("Dead", html! { (progress.dead) }),
            ("Cancelled", html! { (progress.cancelled) }),
            ("In hand", html! { (progress.running) }),
            ("Takes", html! { (duration(run.elapsed_seconds)) }),
            ("May end in", html! { (may_end(eta, &held)) }),
            ("Ended", time_or_dash(run.finished_at)),
        ]))
        h2 { "Phases" }
        (phases::chart(run, &phases, &slowest))
        (phases::table(run.id, &phases))
        pre.cli { (cli(&["status", &run.id.to_string()])) }
        @if !missing.is_empty() { h2 { "What its portfolios lack" } (phases::lacks(&missing)) }
        @if !errors.is_empty() { h2 { "Errors" } (groups::table(&errors, Some(run.id), may)) }
        h2 { "Events" }
        (events::feed(&events))
    })
}
