//! `tasks`: what became of units of work, by filter; or everything about one of them.

mod one;
mod row;

use std::fmt::Write as _;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;

use super::filter::FilterArgs;
use super::text::indented;
use super::{Error, Output, errors};
use crate::documents::{self, cut};
use crate::domain::{TaskId, TaskState};
use crate::store::tasks_report::{self, ErrorGroup, Filter, TaskRow};
use crate::store::{Pools, ReadTx};

pub(super) use row::page;

/// `tasks`.
#[derive(Debug, Clone, Args)]
pub struct TasksArgs {
    /// Which.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Only in this state.
    #[arg(long, value_parser = state())]
    pub state: Option<TaskState>,
    /// Tasks of one page.
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub limit: u16,
    /// What follows this task in the list: the next page.
    #[arg(long, value_name = "TASK")]
    pub after: Option<i64>,
    /// Everything about one task: its input and its attempts.
    #[arg(
        long,
        value_name = "TASK",
        conflicts_with_all = ["run", "phase", "symbol", "portfolio", "error", "state", "after"],
    )]
    pub id: Option<i64>,
}

fn state() -> impl TypedValueParser<Value = TaskState> {
    PossibleValuesParser::new(TaskState::ALL.iter().map(|state| state.as_str()))
        .try_map(|text| text.parse::<TaskState>())
}

/// Tasks of one page, newest first.
#[derive(Debug, Clone)]
pub(super) struct Listing {
    pub(super) tasks: Vec<TaskRow>,
    /// Of all tasks that the filter means, not only of this page.
    pub(super) errors: Vec<ErrorGroup>,
    /// The last task of the page, where there is another one.
    pub(super) next: Option<TaskId>,
}

impl Listing {
    pub(super) async fn read(
        db: &mut ReadTx<'_>,
        filter: &Filter,
        after: Option<TaskId>,
        limit: u16,
    ) -> Result<Self, Error> {
        let mut tasks = tasks_report::list(db, filter, after, i64::from(limit) + 1).await?;
        Ok(Self {
            next: cut(&mut tasks, limit, |task| task.id),
            errors: tasks_report::errors(db, filter).await?,
            tasks,
        })
    }
}

/// Reads and renders.
pub async fn run(pools: &Pools, args: &TasksArgs, json: bool) -> Result<Output, Error> {
    let mut db = ReadTx::lazy(&pools.control);
    if let Some(id) = args.id {
        return one::run(db, TaskId(id), json).await;
    }
    let mut filter = args.filter.filter(&mut db).await?;
    filter.state = args.state;
    let listing = Listing::read(&mut db, &filter, args.after.map(TaskId), args.limit).await?;
    db.close().await?;
    let value = || {
        json!({
            "tasks": listing.tasks.iter().map(documents::tasks::document).collect::<Vec<_>>(),
            "errors": listing.errors.iter().map(documents::errors::document).collect::<Vec<_>>(),
            "next": listing.next,
        })
    };
    Ok(Output::either(json, value, || list(&listing)))
}

fn list(listing: &Listing) -> String {
    if listing.tasks.is_empty() {
        return String::from("no task is like that\n");
    }
    let mut text = page(&listing.tasks);
    if let Some(next) = listing.next {
        let _ = writeln!(text, "… more: the same command with --after {next}");
    }
    if !listing.errors.is_empty() {
        let _ = write!(
            text,
            "\nErrors\n{}",
            indented(&errors::page(&listing.errors))
        );
    }
    text
}
