//! The tasks of a run that a filter means: where they are listed, how the command line lists them, and all of them again.

use maud::Markup;

use crate::dashboard::action::Action;
use crate::dashboard::login::encoded;
use crate::dashboard::session::Visitor;
use crate::dashboard::tasks;
use crate::dashboard::text::cli;
use crate::documents;
use crate::domain::{RunId, TaskId, TaskState, Verdict};
use crate::store::runs::RunRow;
use crate::store::tasks_report::{self, Filter};
use crate::store::{self, ReadTx};

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
    let flag = |name: &str| {
        if name == "portfolio_id" {
            "--portfolio".to_owned()
        } else {
            format!("--{name}")
        }
    };
    fields
        .flat_map(|(name, value)| documents::option(&flag(name), &value))
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

/// The states in which the filter means tasks that can be done again.
pub(super) async fn repairable(
    db: &mut ReadTx<'_>,
    run: &RunRow,
    filter: &Filter,
) -> store::Result<Vec<TaskState>> {
    let cancelled = run.verdict == Some(Verdict::Cancelled);
    let mut states = Vec::new();
    for (state, possible) in [(TaskState::Dead, true), (TaskState::Cancelled, cancelled)] {
        let meant = filter.state.is_none_or(|wanted| wanted == state);
        let of_state = Filter {
            state: Some(state),
            ..filter.clone()
        };
        if possible && meant && tasks_report::any_unrepaired(db, &of_state).await? {
            states.push(state);
        }
    }
    Ok(states)
}

/// All tasks of the filter that are dead, or that were cancelled, again.
pub(super) fn again(visitor: &Visitor, run: RunId, filter: &Filter, state: TaskState) -> Markup {
    let mut fields = tasks::fields(filter);
    fields.push(("run_id", run.to_string()));
    let mut words = vec!["retry".to_owned(), "--run".to_owned(), run.to_string()];
    if state == TaskState::Cancelled {
        fields.push(("cancelled", "true".to_owned()));
        words.push("--cancelled".to_owned());
    }
    words.extend(conditions(filter));
    words.extend(["--reason".to_owned(), "…".to_owned()]);
    let name = format!("Retry {state} tasks of this filter");
    let action = Action {
        name: &name,
        path: "/actions/retry",
        fields: &fields,
        cli: cli(&words.iter().map(String::as_str).collect::<Vec<_>>()),
        danger: false,
    };
    action.markup(visitor.may_change())
}
