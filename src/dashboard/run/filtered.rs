//! The tasks of a run that a filter means: where they are listed, how the command line lists them, and all of them again.

use maud::Markup;

use crate::dashboard::action::Action;
use crate::dashboard::login::encoded;
use crate::dashboard::session::Visitor;
use crate::dashboard::tasks;
use crate::dashboard::text::cli;
use crate::domain::{RunId, TaskId};
use crate::store::tasks_report::Filter;

pub(super) fn listing(run: RunId, filter: &Filter) -> String {
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
pub(super) fn address(
    run: RunId,
    filter: &Filter,
    cursor: Option<TaskId>,
    part: Option<&str>,
) -> String {
    let state = filter.state.map(|state| ("state", state.to_string()));
    let cursor = cursor.map(|cursor| ("cursor", cursor.to_string()));
    let of_part = part.map(|part| ("part", part.to_owned()));
    let pairs = tasks::fields(filter)
        .into_iter()
        .chain(state)
        .chain(cursor)
        .chain(of_part);
    let pairs = pairs.map(|(name, value)| format!("{name}={}", encoded(&value)));
    let query = pairs.collect::<Vec<_>>().join("&");
    let place = if part.is_some() { "" } else { "#tasks" };
    format!("/runs/{run}?{query}{place}")
}

/// All dead tasks that the filter means, again.
pub(super) fn again(visitor: &Visitor, run: RunId, filter: &Filter) -> Markup {
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
