//! Workers and queues: who lives, what they do, what waits where.

use axum::extract::State;
use axum::response::Html;
use maud::{Markup, html};

use super::session::Visitor;
use super::text::{badge, duration, facts, or_dash, time};
use super::{frame, tasks};
use crate::api::Api;
use crate::api::params::Params;
use crate::api::problem::Problem;
use crate::domain::TaskState;
use crate::store::ReadTx;
use crate::store::reports::{self, Gauges, StewardRow, WorkerRow};
use crate::store::tasks_report::{self, Filter};

/// Tasks in hand that are listed.
const TASKS: i64 = 100;

/// The page; `part=live` is what changes of it.
pub(super) async fn page(
    visitor: Visitor,
    State(api): State<Api>,
    params: Params,
) -> Result<Html<String>, Problem> {
    let part = params.only(&["part"])?.one_of("part", &["live"])?;
    visitor.sees_all()?;
    let mut db = ReadTx::lazy(&api.pools().load);
    let workers = reports::workers(&mut db).await?;
    let steward = reports::steward(&mut db).await?;
    let gauges = reports::gauges(&mut db).await?;
    let running = Filter {
        state: Some(TaskState::Running),
        ..Filter::default()
    };
    let running = tasks_report::list(&mut db, &running, None, TASKS).await?;
    db.close().await?;
    let seen = steward.seen_at.map(time);
    let body = html! {
        pre.cli { "sigmabatch workers" }
        (who(&workers, &steward))
        h2 { "Tasks in hand" }
        (tasks::table(&running))
        h2 { "Queues" }
        (waits(&gauges))
        (streams(&steward, seen.as_ref()))
    };
    if part.is_some() {
        return Ok(Html(body.into_string()));
    }
    let body = html! { div data-live="/workers?part=live" data-every="5" { (body) } };
    Ok(frame::page(
        &visitor,
        "/workers",
        "Workers and queues",
        &body,
    ))
}

fn who(workers: &[WorkerRow], steward: &StewardRow) -> Markup {
    if workers.is_empty() {
        return html! { div.alert role="status" { "No worker is alive. " code { "sigmabatch-worker" } " starts one." } };
    }
    let ms = |worker: &WorkerRow, name: &str| {
        or_dash(worker.counter(name).map(|value| format!("{value:.1}")))
    };
    let pool = |worker: &WorkerRow| {
        let pool = |name| worker.counters.get("pool_in_use")?.get(name)?.as_u64();
        let used: Option<u64> = ["control", "load", "commit"].into_iter().map(pool).sum();
        or_dash(used)
    };
    html! {
        div.scroll tabindex="0" { table {
            thead { tr {
                th scope="col" { "Worker" } th scope="col" { "Is" } th scope="col" { "Host" } th.n scope="col" { "Process" }
                th scope="col" { "Since" } th.n scope="col" { "Lease" } th.n scope="col" { "In hand" }
                th.n scope="col" { "Committed" } th.n scope="col" { "Failed" } th.n scope="col" { "Connections in use" }
                th.n scope="col" { "Wait p99, ms" } th.n scope="col" { "Read p99, ms" } th.n scope="col" { "Commit p99, ms" }
            } }
            tbody { @for worker in workers { tr {
                th scope="row" { (worker.id.consumer())
                    @if steward.held && steward.holder == Some(worker.id) { " (steward)" } }
                td { (badge(worker.standing().as_str())) }
                td { (worker.host) } td.n { (worker.pid) } td { (time(worker.started_at)) }
                td.n { @if worker.lease_seconds > 0.0 { (duration(worker.lease_seconds)) } @else { "ran out" } }
                td.n { (worker.running) }
                td.n { (or_dash(worker.counter("committed"))) } td.n { (or_dash(worker.counter("failed"))) }
                td.n { (pool(worker)) } td.n { (ms(worker, "pool_wait_p99_ms")) }
                td.n { (ms(worker, "read_hold_p99_ms")) } td.n { (ms(worker, "commit_hold_p99_ms")) }
            } } }
        } }
        p { @if steward.held { "The steward's lease is held, term " (steward.term) "." }
            @else { "No steward: a living worker becomes it within a second." } }
    }
}

fn waits(gauges: &Gauges) -> Markup {
    let seconds = |value: Option<f64>| html! { (value.map_or_else(|| "–".into(), duration)) };
    html! {
        (facts(&[
            ("Oldest ready task waits", seconds(gauges.oldest_ready_seconds)),
            ("Longest transaction", seconds(gauges.longest_transaction_seconds)),
            ("Dead tasks to repair", html! { a href="/dead" { (gauges.dead) } }),
        ]))
        @if !gauges.tasks.is_empty() {
            div.scroll tabindex="0" { table {
                caption.soft { "Tasks that are not final" }
                thead { tr { th scope="col" { "Phase" } th scope="col" { "State" } th.n scope="col" { "Tasks" } } }
                tbody { @for (phase, state, n) in &gauges.tasks { tr { th scope="row" { (phase) } td { (state) } td.n { (n) } } } }
            } }
        }
    }
}

fn streams(steward: &StewardRow, seen: Option<&Markup>) -> Markup {
    let Some(seen) = seen else {
        return html! { p.none { "No steward has looked at the streams yet." } };
    };
    html! {
        p { "Streams, as the steward saw them last: " (seen) }
        @if steward.streams.is_empty() { p.none { "All of them were empty." } }
        @else { div.scroll tabindex="0" { table {
            thead { tr {
                th scope="col" { "Stream" } th scope="col" { "Lane" } th scope="col" { "Phase" }
                th.n scope="col" { "Length" } th.n scope="col" { "Pending" }
            } }
            tbody { @for stream in &steward.streams { tr {
                th scope="row" { code { (stream.key) } } td { (stream.lane) } td { (stream.phase) }
                td.n { (stream.length) } td.n { (stream.pending) }
            } } }
        } } }
    }
}
