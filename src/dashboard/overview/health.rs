//! Workers, queues and errors of all runs: for those who see all of them.

use maud::{Markup, html};

use crate::dashboard::action::Action;
use crate::dashboard::groups;
use crate::dashboard::text::{duration, facts, or_dash};
use crate::store::reports::{Gauges, Reached};
use crate::store::tasks_report::ErrorGroup;

pub(super) fn health(gauges: &Gauges, living: usize, pickup: Option<[f64; 2]>) -> Markup {
    html! {
            section aria-labelledby="health" {
                h2 #health { "Workers and queues" }
                (facts(&[
                    ("Workers alive", html! { a href="/workers" { (living) } }),
                    ("Dead tasks to repair", html! { a href="/dead" { (gauges.dead) } }),
                    ("Oldest ready task waits", html! { (gauges.oldest_ready_seconds.map_or_else(|| "–".into(), duration)) }),
                    ("Tasks waited: median", html! { (pickup.map_or_else(|| "–".into(), |waits| milliseconds(waits[0]))) }),
                    ("Tasks waited: 99 of 100 at most", html! { (pickup.map_or_else(|| "–".into(), |waits| milliseconds(waits[1]))) }),
                    ("Newest results", html! { (or_dash(gauges.published.keys().next_back())) }),
                    ("Newest results of the portfolio furthest behind", html! { (or_dash(gauges.furthest_behind().map(reached))) }),
                    ("Portfolios without results", html! { (gauges.unpublished.values().sum::<i64>()) }),
                ]))
                @if living == 0 { div.alert role="status" { "No worker is alive. " code { "sigmabatch-worker" } " starts one." } }
            }
    }
}

pub(super) fn broken(errors: &[ErrorGroup], may: bool) -> Markup {
    html! {
    section aria-labelledby="errors" {
        h2 #errors { "Errors" }
        @if errors.is_empty() { p.none { "No task is dead." } }
        @else {
            (groups::table(errors, None, may))
            (Action {
                name: "Retry all",
                path: "/actions/retry",
                fields: &[("all", "true".into())],
                cli: "sigmabatch retry --all --reason '…'".into(),
                danger: false,
            }.markup(may))
        }
    }
    }
}

fn reached(reached: Reached) -> String {
    match reached {
        Reached::Published(date) => date.to_string(),
        Reached::Nothing { inception } => format!("none since its inception {inception}"),
    }
}

fn milliseconds(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1000.0)
    } else {
        duration(seconds)
    }
}
