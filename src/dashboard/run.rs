//! One run: its phases in time, what it lacks, its events, its tasks by filter, and what can be done about it.

use std::fmt::Write as _;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{Html, IntoResponse, Response};
use maud::{Markup, html};
use serde_json::Value;

use super::action::Action;
use super::chart::{Span, gantt};
use super::overview::bar;
use super::session::Visitor;
use super::text::{badge, cli, duration, facts, status, time, time_or_dash};
use super::{frame, groups, tasks};
use crate::api::Api;
use crate::api::params::Params;
use crate::api::problem::Problem;
use crate::api::{events, runs as handlers};
use crate::documents::runs::Progress;
use crate::domain::{Lane, PhaseName, RunId, TaskId};
use crate::engine;
use crate::store::events::EventRow;
use crate::store::reports::{self, MissingRow, SlowTask};
use crate::store::runs::{self, PhaseRow, RunRow};
use crate::store::tasks_report::{self, Filter};
use crate::store::{ReadTx, control::Pause};

/// Slowest tasks of the chart.
const SLOWEST: i64 = 12;
/// Events of the feed.
const EVENTS: i64 = 40;
/// Tasks of a page.
const TASKS: i64 = 50;

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
    let run = handlers::visible(&api, &visitor, &run).await?;
    let part: Option<String> = params.one("part")?;
    if part.as_deref() == Some("live") {
        return Ok(Html(live(&visitor, &api, &run).await?.into_string()));
    }
    let filter = handlers::filter(&params, Some(run.id))?;
    let cursor = params.one::<i64>("cursor")?.map(TaskId);
    let mut db = ReadTx::lazy(&api.pools().load);
    let listed = tasks_report::list(&mut db, &filter, cursor, TASKS).await?;
    let pauses = reports::pauses(&mut db).await?;
    db.close().await?;
    let full = i64::try_from(listed.len()) == Ok(TASKS);
    let next = listed.last().filter(|_| full).map(|task| task.id);
    let rows = html! {
        (tasks::table(&listed))
        @if let Some(next) = next { p { a href=(address(run.id, &filter, Some(next), None)) { "More" } } }
        @if run.verdict.is_some() { span data-ended="true" {} }
    };
    if part.is_some() {
        return Ok(Html(rows.into_string()));
    }
    let live = live(&visitor, &api, &run).await?;
    let list = address(run.id, &filter, cursor, Some("tasks"));
    let part = format!("/runs/{}?part=live", run.id);
    let stream = format!("/runs/{}/events", run.id);
    let going = run.verdict.is_none();
    let body = html! {
        div data-live=[going.then_some(&part)] data-events=[going.then_some(&stream)] data-every=[going.then_some("2")] { (live) }
        section aria-labelledby="tasks" {
            h2 #tasks { "Tasks" }
            (tasks::filters(run.id, &filter))
            pre.cli { (listing(run.id, &filter)) }
            div data-live=[going.then_some(&list)] data-every=[going.then_some("5")] { (rows) }
            (again(&visitor, run.id, &filter))
        }
        section aria-labelledby="steer" {
            h2 #steer { "Steer" }
            (steer(&visitor, &run, &pauses))
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

/// The events of a run, for the script of its page: as the API sends them, from now on. The cookie is good for it, for
/// it shows what the page shows, and no other site's page can read it.
pub(super) async fn stream(
    visitor: Visitor,
    State(api): State<Api>,
    Path(run): Path<String>,
    mut headers: HeaderMap,
) -> Result<Response, Problem> {
    if !headers.contains_key("last-event-id") {
        let now = crate::store::events::now(&api.pools().load).await?;
        let place = format!("{}-{}", now.transaction, now.id);
        if let Ok(value) = HeaderValue::from_str(&place) {
            headers.insert("last-event-id", value);
        }
    }
    let stream = events::stream(visitor.0, State(api), Path(run), headers).await?;
    Ok(stream.into_response())
}

async fn live(visitor: &Visitor, api: &Api, run: &RunRow) -> Result<Markup, Problem> {
    let phases = runs::phases(&api.pools().load, run.id).await?;
    let mut db = ReadTx::lazy(&api.pools().load);
    let eta = match run.verdict {
        None => engine::remaining(&mut db, run.id, &phases).await?,
        Some(_) => None,
    };
    let of_run = Filter {
        run: Some(run.id),
        ..Filter::default()
    };
    let errors = tasks_report::errors(&mut db, &of_run).await?;
    let slowest = reports::slowest(&mut db, run.id, SLOWEST).await?;
    let missing = reports::missing(&mut db, run.id).await?;
    let events = reports::newest_events(&mut db, run.id, EVENTS).await?;
    db.close().await?;
    let progress = Progress::of(&phases);
    Ok(html! {
        p data-ended=[run.verdict.map(|_| "true")] {
            (badge(status(run.verdict))) " for " (run.from)
            @if run.from != run.to { " to " (run.to) }
            ", " (run.trigger) ", lane " (run.lane) ", planned " (time(run.created_at))
        }
        (bar(&progress))
        (facts(&[
            ("Tasks", html! { (progress.ended()) " of " (progress.total) }),
            ("Dead", html! { (progress.dead) }),
            ("In hand", html! { (progress.running) }),
            ("Takes", html! { (duration(run.elapsed_seconds)) }),
            ("May end in", html! { (eta.map_or_else(|| "–".into(), duration)) }),
            ("Ended", time_or_dash(run.finished_at)),
        ]))
        h2 { "Phases" }
        (chart(run, &phases, &slowest))
        (table(run.id, &phases))
        pre.cli { (cli(&["status", &run.id.to_string()])) }
        @if !missing.is_empty() { h2 { "What its portfolios lack" } (lacks(&missing)) }
        @if !errors.is_empty() { h2 { "Errors" } (groups::table(&errors, Some(run.id), visitor.may_change())) }
        h2 { "Events" }
        (feed(&events))
    })
}

fn chart(run: &RunRow, phases: &[PhaseRow], slowest: &[SlowTask]) -> Markup {
    let mut spans = Vec::new();
    for phase in phases {
        let Some(opened) = phase.opened_at else {
            continue;
        };
        let from = (opened - run.created_at).as_seconds_f64().max(0.0);
        spans.push(Span {
            name: format!("{} {}", phase.phase.number(), phase.phase),
            class: state(phase).to_owned(),
            from,
            to: from + phase.elapsed_seconds.unwrap_or(0.0).max(0.0),
            text: format!(
                "{} of {} tasks, {} dead",
                phase.done, phase.total, phase.dead
            ),
            link: Some(format!("/runs/{}?phase={}#tasks", run.id, phase.phase)),
        });
    }
    let slow = slowest.iter().map(|task| Span {
        name: format!("{} {}", task.phase, task.unit),
        class: task.state.clone(),
        from: task.from.max(0.0),
        to: task.to.max(task.from).max(0.0),
        text: format!(
            "task {}, {}, {}",
            task.id,
            task.state,
            duration(task.to - task.from)
        ),
        link: Some(super::task::address(run.id, TaskId(task.id))),
    });
    let slow: Vec<Span> = slow.collect();
    html! {
        (gantt("Phases in time", &spans, duration))
        @if !slow.is_empty() { h2 { "Slowest tasks" } (gantt("Slowest tasks", &slow, duration)) }
    }
}

fn state(phase: &PhaseRow) -> &'static str {
    match (phase.finished_at, phase.dead) {
        (None, _) if phase.opened_at.is_none() => "ready",
        (None, _) => "running",
        (Some(_), 0) => "done",
        (Some(_), dead) if dead == phase.total => "failed",
        (Some(_), _) => "warning",
    }
}

fn table(run: RunId, phases: &[PhaseRow]) -> Markup {
    html! {
        div.scroll tabindex="0" { table {
            thead { tr {
                th scope="col" { "Phase" } th scope="col" { "Is" } th.n scope="col" { "Tasks" } th.n scope="col" { "Done" }
                th.n scope="col" { "Dead" } th.n scope="col" { "Cancelled" } th.n scope="col" { "In hand" }
                th scope="col" { "Opened" } th.n scope="col" { "Took" }
            } }
            tbody { @for phase in phases { tr {
                th scope="row" { a href=(format!("/runs/{run}?phase={}#tasks", phase.phase)) { (phase.phase.number()) " " (phase.phase) } }
                td { (badge(state(phase))) }
                td.n { (phase.total) } td.n { (phase.done) } td.n { (phase.dead) } td.n { (phase.cancelled) } td.n { (phase.running) }
                td { (time_or_dash(phase.opened_at)) }
                td.n { (phase.elapsed_seconds.map_or_else(|| "–".into(), duration)) }
            } } }
        } }
    }
}

fn lacks(missing: &[MissingRow]) -> Markup {
    html! {
        div.scroll tabindex="0" { table {
            thead { tr { th scope="col" { "Portfolio" } th scope="col" { "Date" } th scope="col" { "Published" }
                th scope="col" { "Symbols without numbers" } th scope="col" { "Results that are not there" } } }
            tbody { @for row in missing { tr {
                th scope="row" { a href=(format!("/portfolios/{}", row.portfolio)) { (row.name) } }
                td { (row.as_of) }
                td { (if row.published { "yes" } else { "no" }) }
                td { @for (symbol, reason) in &row.symbols { strong { (symbol) } " " (reason) br; } }
                td { @for (entry, reason) in &row.entries { (entry) ": " (reason) br; } }
            } } }
        } }
    }
}

fn feed(events: &[EventRow]) -> Markup {
    if events.is_empty() {
        return html! { p.none { "Nothing happened yet." } };
    }
    html! {
        ol.feed tabindex="0" aria-label="Events, newest first" {
            @for event in events { li { (time(event.at)) " " strong { (event.kind) } " " (particulars(&event.detail)) } }
        }
    }
}

fn particulars(detail: &Value) -> String {
    let mut text = String::new();
    for (name, value) in detail.as_object().into_iter().flatten() {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), ToOwned::to_owned);
        let _ = write!(text, "{name} {value}  ");
    }
    text
}

fn listing(run: RunId, filter: &Filter) -> String {
    let mut words = vec!["tasks".to_owned(), "--run".to_owned(), run.to_string()];
    if let Some(state) = filter.state {
        words.extend(["--state".to_owned(), state.to_string()]);
    }
    words.extend(conditions(filter));
    cli(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The conditions of a filter as the command line has them.
fn conditions(filter: &Filter) -> Vec<String> {
    let fields = tasks::fields(filter).into_iter();
    let option = |name: &str| {
        if name == "portfolio_id" {
            "--portfolio".to_owned()
        } else {
            format!("--{name}")
        }
    };
    fields
        .flat_map(|(name, value)| [option(name), value])
        .collect()
}

/// The page of a filter, or a part of it.
fn address(run: RunId, filter: &Filter, cursor: Option<TaskId>, part: Option<&str>) -> String {
    let state = filter.state.map(|state| ("state", state.to_string()));
    let cursor = cursor.map(|cursor| ("cursor", cursor.to_string()));
    let of_part = part.map(|part| ("part", part.to_owned()));
    let pairs = tasks::fields(filter)
        .into_iter()
        .chain(state)
        .chain(cursor)
        .chain(of_part);
    let pairs = pairs.map(|(name, value)| format!("{name}={}", super::login::encoded(&value)));
    let query = pairs.collect::<Vec<_>>().join("&");
    let place = if part.is_some() { "" } else { "#tasks" };
    format!("/runs/{run}?{query}{place}")
}

/// All dead tasks that the filter means, again.
fn again(visitor: &Visitor, run: RunId, filter: &Filter) -> Markup {
    let mut fields = tasks::fields(filter);
    fields.push(("run_id", run.to_string()));
    let mut words = vec!["retry".to_owned(), "--run".to_owned(), run.to_string()];
    words.extend(conditions(filter));
    words.extend(["--reason".to_owned(), "…".to_owned()]);
    let action = Action {
        name: "Retry dead tasks of this filter",
        path: "/actions/retry",
        fields: &fields,
        cli: cli(&words.iter().map(String::as_str).collect::<Vec<_>>()),
        danger: false,
    };
    action.markup(visitor.may_change())
}

fn steer(visitor: &Visitor, run: &RunRow, pauses: &[Pause]) -> Markup {
    let id = run.id.to_string();
    let held = |kind: &str, name: &str| {
        pauses
            .iter()
            .any(|pause| pause.held.kind() == kind && pause.held.name() == name)
    };
    let lane = run.lane.as_str();
    let places = std::iter::once(("lane", lane))
        .chain(PhaseName::ALL.iter().map(|phase| ("phase", phase.as_str())));
    let others = Lane::ALL.iter().filter(|other| **other != run.lane);
    let others: Vec<&str> = others
        .map(|lane| lane.as_str())
        .filter(|name| held("lane", name))
        .collect();
    html! {
        @if run.verdict.is_none() {
            (Action {
                name: "Cancel this run",
                path: &format!("/runs/{id}/cancel"),
                fields: &[],
                cli: cli(&["cancel", &id, "--reason", "…"]),
                danger: true,
            }.markup(visitor.may_change()))
        }
        @for (kind, name) in places {
            @let paused = held(kind, name);
            @if paused || kind == "lane" || run.verdict.is_none() {
                (hold(visitor, kind, name, paused))
            }
        }
        @for name in others { (hold(visitor, "lane", name, true)) }
    }
}

fn hold(visitor: &Visitor, kind: &str, name: &str, paused: bool) -> Markup {
    let verb = if paused { "resume" } else { "pause" };
    let title = if paused {
        format!("Resume {kind} {name}: it is held back")
    } else {
        format!("Pause {kind} {name}")
    };
    let action = Action {
        name: &title,
        path: &format!("/actions/{verb}"),
        fields: &[("kind", kind.to_owned()), ("name", name.to_owned())],
        cli: cli(&[verb, kind, name, "--reason", "…"]),
        danger: false,
    };
    action.markup(visitor.operates())
}
