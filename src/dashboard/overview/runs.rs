//! Tonight's run, and those before it.

use maud::{Markup, html};

use crate::dashboard::progress::bar;
use crate::dashboard::text::{badge, duration, facts, run_link, status, time, time_or_dash};
use crate::documents::runs::Progress;
use crate::store::reports::PastRun;

pub(super) fn run(row: &PastRun, progress: &Progress, end: &str) -> Markup {
    html! {
        p { (run_link(row.run.id, &row.run.label)) " " (badge(status(row.run.verdict))) " for " (row.run.to) }
        (bar(progress))
        (facts(&[
            ("Tasks", html! { (progress.worked()) " of " (progress.total) }),
            ("Dead", html! { (progress.dead) }),
            ("Cancelled", html! { (progress.cancelled) }),
            ("In hand", html! { (progress.running) }),
            ("Takes", html! { (duration(row.run.elapsed_seconds)) }),
            ("May end in", html! { (end) }),
            ("Ended", time_or_dash(row.run.finished_at)),
        ]))
    }
}

pub(super) fn list(past: &[PastRun]) -> Markup {
    if past.is_empty() {
        return html! { p.none { "None." } };
    }
    html! {
        div.scroll tabindex="0" { table {
            thead { tr {
                th scope="col" { "Run" } th scope="col" { "Is" } th scope="col" { "Of" } th scope="col" { "Planned" }
                th.n scope="col" { "Portfolios" } th.n scope="col" { "Tasks" } th.n scope="col" { "Dead" } th.n scope="col" { "Took" }
            } }
            tbody { @for row in past { tr {
                th scope="row" { (run_link(row.run.id, &row.run.label)) }
                td { (badge(status(row.run.verdict))) }
                td { (row.run.to) }
                td { (time(row.run.created_at)) }
                td.n { (row.portfolios) } td.n { (row.tasks) } td.n { (row.dead) }
                td.n { (duration(row.run.elapsed_seconds)) }
            } } }
        } }
    }
}
