//! The phases of a run: in time with its slowest tasks, as a table, and what its portfolios lack after them.

use std::fmt::Write as _;

use maud::{Markup, html};

use crate::dashboard::chart::{Span, gantt};
use crate::dashboard::task;
use crate::dashboard::text::{badge, duration, time_or_dash};
use crate::domain::{RunId, TaskId};
use crate::store::reports::{MissingRow, SlowTask};
use crate::store::runs::{PhaseRow, RunRow};

pub(super) fn chart(run: &RunRow, phases: &[PhaseRow], slowest: &[SlowTask]) -> Markup {
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
            text: counts(phase),
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
        link: Some(task::address(run.id, TaskId(task.id))),
    });
    let slow: Vec<Span> = slow.collect();
    html! {
        (gantt("Phases in time", &spans, duration))
        @if !slow.is_empty() { h2 { "Slowest tasks" } (gantt("Slowest tasks", &slow, duration)) }
    }
}

fn counts(phase: &PhaseRow) -> String {
    let mut text = format!(
        "{} of {} tasks, {} dead",
        phase.done, phase.total, phase.dead
    );
    if phase.cancelled > 0 {
        let _ = write!(text, ", {} cancelled", phase.cancelled);
    }
    text
}

fn state(phase: &PhaseRow) -> &'static str {
    match (phase.finished_at, phase.dead) {
        (None, _) if phase.opened_at.is_none() => "ready",
        (None, _) => "running",
        (Some(_), _) if phase.cancelled > 0 => "cancelled",
        (Some(_), 0) => "done",
        (Some(_), dead) if dead == phase.total => "failed",
        (Some(_), _) => "warning",
    }
}

pub(super) fn table(run: RunId, phases: &[PhaseRow]) -> Markup {
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
                td.n { (phase.total) } td.n { (phase.done) } td.n { (phase.dead) } td.n { (phase.cancelled) } td.n { (phase.running()) }
                td { (time_or_dash(phase.opened_at)) }
                td.n { (phase.elapsed_seconds.map_or_else(|| "–".into(), duration)) }
            } } }
        } }
    }
}

pub(super) fn lacks(missing: &[MissingRow]) -> Markup {
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
