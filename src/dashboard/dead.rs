//! Tasks whose budget is used up: equal mistakes together, and how to do them again.

use axum::extract::State;
use axum::response::Html;
use maud::html;

use super::action::Action;
use super::session::Visitor;
use super::{frame, groups, tasks};
use crate::api::Api;
use crate::api::params::Params;
use crate::api::problem::Problem;
use crate::domain::TaskState;
use crate::store::ReadTx;
use crate::store::tasks_report::{self, Filter};

/// Tasks of the list.
const TASKS: i64 = 50;

/// The page.
pub(super) async fn page(
    visitor: Visitor,
    State(api): State<Api>,
    params: Params,
) -> Result<Html<String>, Problem> {
    params.only(&[])?;
    visitor.sees_all()?;
    let filter = Filter {
        state: Some(TaskState::Dead),
        ..Filter::default()
    };
    let mut db = ReadTx::lazy(&api.pools().load);
    let mut errors = tasks_report::errors(&mut db, &filter).await?;
    let newest = tasks_report::list(&mut db, &filter, None, TASKS).await?;
    db.close().await?;
    errors.sort_by_key(|group| std::cmp::Reverse((group.died_at, group.task)));
    let total: i64 = errors.iter().map(|group| group.dead).sum();
    let body = html! {
        p { (total) " dead, in " (errors.len()) " kinds. A retry plans a repair run over what they concern; what is final stays final." }
        pre.cli { "sigmabatch dead" }
        @if errors.is_empty() { p.none { "No task is dead." } }
        @else {
            (groups::table(&errors, None, visitor.operates()))
            (Action {
                name: "Retry all",
                path: "/actions/retry",
                fields: &[("all", "true".into())],
                cli: "sigmabatch retry --all --reason '…'".into(),
                danger: false,
            }.markup(visitor.operates()))
            h2 { "Newest" }
            (tasks::table(&newest))
        }
    };
    Ok(frame::page(&visitor, "/dead", "Dead tasks", &body))
}
