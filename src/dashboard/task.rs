//! One task: what it computes, what it waits for, and what became of each attempt at it.

use axum::extract::{Path, State};
use axum::response::Html;
use maud::{Markup, html};

use super::frame;
use super::login::encoded;
use super::session::Visitor;
use super::text::{
    badge, cli, counted, duration, facts, new_york, or_dash, run_link, time, time_or_dash,
};
use crate::api::Api;
use crate::api::params::Params;
use crate::api::problem::Problem;
use crate::api::tasks as handlers;
use crate::documents::why::{Words, sentence};
use crate::domain::{RunId, TaskId, WorkerId};
use crate::engine::Link;
use crate::store::runs::RunRow;
use crate::store::tasks_report::{AttemptRow, TaskRow};

const WORDS: Words = Words {
    instant: new_york,
    duration,
    count: counted,
};

/// The address of a task.
pub(super) fn address(run: RunId, task: TaskId) -> String {
    format!("/runs/{run}/tasks/{task}")
}

/// The page; `part=live` is what changes of it.
pub(super) async fn page(
    visitor: Visitor,
    State(api): State<Api>,
    Path((run, task)): Path<(String, String)>,
    params: Params,
) -> Result<Html<String>, Problem> {
    let part = params.only(&["part"])?.one_of("part", &["live"])?;
    let asked = handlers::asked(&api, &visitor, &run, &task).await?;
    let (run, task, id) = (&asked.run, &asked.whole.task, asked.whole.task.id);
    let live = live(task, &asked.whole.attempts, &asked.chain);
    if part.is_some() {
        return Ok(Html(live.into_string()));
    }
    let part = format!("{}?part=live", address(run.id, id));
    let going = !task.state.is_final();
    let body = html! {
        (head(run, task))
        div data-live=[going.then_some(&part)] data-every=[going.then_some("5")] { (live) }
        h2 { "Input" }
        details { summary { "What it works on, version " (task.input_version) }
            pre { (format!("{:#}", asked.whole.input)) }
        }
        pre.cli { (cli(&["tasks", "--id", &id.to_string()])) }
    };
    Ok(frame::page(&visitor, "", &format!("Task {id}"), &body))
}

fn head(run: &RunRow, task: &TaskRow) -> Markup {
    html! {
        p { "Of run " (run_link(run.id, &run.label)) ", lane " (run.lane) }
        (facts(&[
            ("Phase", html! {
                a href=(format!("/runs/{}?phase={}#tasks", run.id, task.phase)) { (task.phase.number()) " " (task.phase) }
            }),
            ("Unit", html! { (unit(&task.unit)) }),
            ("As of", html! { (task.as_of) }),
        ]))
    }
}

/// A unit; a portfolio is a link to its page.
fn unit(unit: &str) -> Markup {
    if let Some(("portfolio", id)) = unit.split_once(':') {
        html! { "portfolio:" a href=(format!("/portfolios/{id}")) { (id) } }
    } else {
        html! { (unit) }
    }
}

fn live(task: &TaskRow, attempts: &[AttemptRow], chain: &[Link]) -> Markup {
    let took = task.started_at.zip(task.finished_at);
    let took = took.map(|(from, to)| duration((to - from).as_seconds_f64()));
    html! {
        @if task.state.is_final() { span data-ended="true" {} }
        (facts(&[
            ("State", badge(task.state.as_str())),
            ("Failed attempts", html! { (task.attempts) }),
            ("Lost workers", html! { (task.crashes) }),
            ("Ready from", time(task.ready_at)),
            ("Began", time_or_dash(task.started_at)),
            ("Ended", time_or_dash(task.finished_at)),
            ("Took", html! { (or_dash(took)) }),
            ("Worker", html! { (or_dash(task.worker.map(WorkerId::consumer))) }),
        ]))
        @if let Some(error) = &task.error {
            p.message { strong { (error.class) } ": " (error.message) " "
                a href=(format!("/runs/{}?error={}#tasks", task.run, encoded(&error.fingerprint))) { code { (error.fingerprint) } }
            }
        }
        @if let Some(again) = task.repair_run {
            p { "Done again by run " (run_link(again, &again.to_string())) }
        }
        @if !chain.is_empty() {
            h2 { "What it waits for" }
            ol #waits { @for link in chain { li { (sentence(link, &WORDS)) } } }
        }
        h2 { "Attempts" }
        (tried(attempts))
    }
}

fn tried(attempts: &[AttemptRow]) -> Markup {
    if attempts.is_empty() {
        return html! { p.none { "No attempt has ended yet." } };
    }
    let part = |ms: Option<f32>| or_dash(ms.map(|ms| format!("{ms:.1}")));
    html! {
        div.scroll tabindex="0" { table #attempts {
            thead { tr {
                th.n scope="col" { "Epoch" } th scope="col" { "Worker" } th scope="col" { "From" } th scope="col" { "To" }
                th scope="col" { "Outcome" } th.n scope="col" { "Load ms" } th.n scope="col" { "Fetch ms" }
                th.n scope="col" { "Compute ms" } th.n scope="col" { "Commit ms" } th scope="col" { "Error" }
            } }
            tbody { @for attempt in attempts { tr {
                th.n scope="row" { (attempt.epoch) }
                td { (or_dash(attempt.worker.map(WorkerId::consumer))) }
                td { (time_or_dash(attempt.started_at)) } td { (time(attempt.finished_at)) }
                td { (attempt.outcome) }
                @for ms in attempt.parts_ms { td.n { (part(ms)) } }
                td.message { @if let Some((class, error)) = &attempt.error { strong { (class) } ": " (error) } }
            } } }
        } }
    }
}
