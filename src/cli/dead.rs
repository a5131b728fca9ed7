//! `dead`: tasks whose budget is used up, equal mistakes together, and how to do them again.

use std::fmt::Write as _;

use clap::Args;
use serde_json::json;

use super::tasks::{self, Listing};
use super::text::{count, indented};
use super::{Error, Output, errors, find};
use crate::documents;
use crate::domain::TaskState;
use crate::store::tasks_report::{ErrorGroup, Filter};
use crate::store::{Pools, ReadTx};

/// `dead`.
#[derive(Debug, Clone, Args)]
pub struct DeadArgs {
    /// Only of this run, by id or label; without it, of all runs.
    pub run: Option<String>,
    /// Tasks that are listed, newest first; all are counted.
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub limit: u16,
}

/// Reads and renders.
pub async fn run(pools: &Pools, args: &DeadArgs, json: bool) -> Result<Output, Error> {
    let mut db = ReadTx::lazy(&pools.control);
    let run = match &args.run {
        Some(text) => Some(find::run(&mut db, text).await?),
        None => None,
    };
    let filter = Filter {
        run,
        state: Some(TaskState::Dead),
        ..Filter::default()
    };
    let mut dead = Listing::read(&mut db, &filter, None, args.limit).await?;
    db.close().await?;
    dead.errors
        .sort_by_key(|group| std::cmp::Reverse((group.died_at, group.task)));
    let narrow = args
        .run
        .as_ref()
        .map(|run| format!(" --run {run}"))
        .unwrap_or_default();
    let retry = |group: &ErrorGroup| {
        let (fingerprint, phase) = (&group.fingerprint, group.phase);
        format!("sigmabatch retry{narrow} --error {fingerprint} --phase {phase} --reason '…'")
    };
    let value = || {
        let groups = dead.errors.iter().map(|group| {
            let mut value = documents::errors::document(group);
            value["retry"] = json!(retry(group));
            value
        });
        json!({
            "dead": dead.errors.iter().map(|group| group.dead).sum::<i64>(),
            "groups": groups.collect::<Vec<_>>(),
            "tasks": dead.tasks.iter().map(documents::tasks::document).collect::<Vec<_>>(),
            "next": dead.next,
        })
    };
    Ok(Output::either(json, value, || page(&dead, &narrow, retry)))
}

fn page(dead: &Listing, narrow: &str, retry: impl Fn(&ErrorGroup) -> String) -> String {
    let Some(newest) = dead.errors.first() else {
        return String::from("no task is dead\n");
    };
    let total: i64 = dead.errors.iter().map(|group| group.dead).sum();
    let mut text = format!(
        "{}, {}, newest first\n{}",
        count(usize::try_from(total).unwrap_or(0), "dead task"),
        match dead.errors.len() {
            1 => String::from("1 kind of error"),
            n => format!("{n} kinds of error"),
        },
        indented(&errors::page(&dead.errors))
    );
    let _ = write!(text, "\nNewest\n{}", indented(&tasks::page(&dead.tasks)));
    if let Some(next) = dead.next {
        let _ = writeln!(
            text,
            "  … more: sigmabatch tasks --state dead{narrow} --after {next}"
        );
    }
    let _ = writeln!(
        text,
        "\nOne of them from its beginning:  sigmabatch tasks --id {}\nDo one kind again, once its cause is gone:  {}",
        newest.task,
        retry(newest)
    );
    text
}
