//! Equal mistakes together, each with the button that does them again.

use maud::{Markup, html};

use super::action::Action;
use super::text::{cli, time_or_dash};
use crate::domain::RunId;
use crate::store::tasks_report::ErrorGroup;

/// The groups, of a run or of all.
pub(super) fn table(groups: &[ErrorGroup], run: Option<RunId>, may: bool) -> Markup {
    html! {
        div.scroll tabindex="0" { table {
            thead { tr {
                th scope="col" { "Error" } th scope="col" { "Phase" } th scope="col" { "Newest of them" }
                th.n scope="col" { "Tasks" } th.n scope="col" { "Dead" } th.n scope="col" { "Repaired" }
                th scope="col" { "Last died" } th scope="col" { "Again" }
            } }
            tbody { @for group in groups { tr {
                th scope="row" { code { (group.fingerprint) } br; (group.class) }
                td { (group.phase) }
                td.message { (group.sample) }
                td.n { (group.count) } td.n { (group.dead) } td.n { (group.repaired) }
                td { (time_or_dash(group.died_at)) }
                td { @if group.dead > group.repaired { (retry(group, run, may)) } @else { "–" } }
            } } }
        } }
    }
}

fn retry(group: &ErrorGroup, run: Option<RunId>, may: bool) -> Markup {
    // One mistake may be made by several phases: the row is about one of them.
    let mut fields = vec![
        ("error", group.fingerprint.clone()),
        ("phase", group.phase.to_string()),
    ];
    let mut words = vec!["retry".to_owned()];
    if let Some(run) = run {
        fields.push(("run_id", run.to_string()));
        words.extend(["--run".to_owned(), run.to_string()]);
    }
    words.extend([
        "--error".to_owned(),
        group.fingerprint.clone(),
        "--phase".to_owned(),
        group.phase.to_string(),
        "--reason".to_owned(),
        "…".to_owned(),
    ]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let action = Action {
        name: "Retry",
        path: "/actions/retry",
        fields: &fields,
        cli: cli(&words),
        danger: false,
    };
    action.markup(may)
}
