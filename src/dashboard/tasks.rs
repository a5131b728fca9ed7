//! Tasks in lists, and their filter as a form whose fields stand in the address.

use maud::{Markup, html};

use super::task::address;
use super::text::{duration, or_dash, time};
use crate::domain::{PhaseName, RunId, TaskState};
use crate::store::tasks_report::{Filter, TaskRow};

/// Tasks as a table.
pub(super) fn table(tasks: &[TaskRow]) -> Markup {
    if tasks.is_empty() {
        return html! { p.none { "No task is like that." } };
    }
    html! {
        div.scroll tabindex="0" { table {
            thead { tr {
                th scope="col" { "Task" } th scope="col" { "Phase" } th scope="col" { "Unit" } th scope="col" { "Date" }
                th scope="col" { "State" } th.n scope="col" { "Attempts" } th.n scope="col" { "Took" }
                th scope="col" { "Began" } th scope="col" { "Worker" } th scope="col" { "Error" }
            } }
            tbody { @for task in tasks { tr {
                th scope="row" { a href=(address(task.run, task.id)) { (task.id) } }
                td { (task.phase) } td { (task.unit) } td { (task.as_of) }
                td { (super::text::badge(task.state.as_str())) }
                td.n { (task.attempts) }
                td.n { @match task.started_at.zip(task.finished_at) {
                    Some((from, to)) => (duration((to - from).as_seconds_f64())), None => "–",
                } }
                td { @match task.started_at { Some(at) => (time(at)), None => "–" } }
                td { (or_dash(task.worker.map(crate::domain::WorkerId::consumer))) }
                td.message { @if let Some(error) = &task.error { (error.message) " " code { (error.fingerprint) } } }
            } } }
        } }
    }
}

/// The filter, as it stands in the address.
pub(super) fn filters(run: RunId, filter: &Filter) -> Markup {
    let phase = filter.phase.map(PhaseName::as_str);
    let state = filter.state.map(TaskState::as_str);
    html! {
        form.filters method="get" action=(format!("/runs/{run}#tasks")) {
            (select("phase", "Phase", &PhaseName::ALL.iter().map(|name| name.as_str()).collect::<Vec<_>>(), phase))
            (select("state", "State", &TaskState::ALL.iter().map(|name| name.as_str()).collect::<Vec<_>>(), state))
            label { span { "Symbol" } input name="symbol" size="8" value=(or_empty(filter.symbol.as_ref())); }
            label { span { "Portfolio id" } input name="portfolio_id" size="20" value=(or_empty(filter.portfolio)); }
            label { span { "Error: fingerprint, class or text" } input name="error" value=(or_empty(filter.error.as_ref())); }
            button type="submit" { "Filter" }
        }
    }
}

fn or_empty<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn select(name: &str, label: &str, words: &[&str], chosen: Option<&str>) -> Markup {
    html! {
        label { span { (label) } select.choice name=(name) {
            option value="" { "any" }
            @for word in words { option value=(word) selected[chosen == Some(*word)] { (word) } }
        } }
    }
}

/// The conditions of a filter besides its run and state, as fields of a form.
pub(super) fn fields(filter: &Filter) -> Vec<(&'static str, String)> {
    let fields = [
        ("phase", filter.phase.map(|phase| phase.to_string())),
        ("symbol", filter.symbol.as_ref().map(ToString::to_string)),
        ("portfolio_id", filter.portfolio.map(|id| id.to_string())),
        ("error", filter.error.clone()),
    ];
    fields
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name, value)))
        .collect()
}
