//! The state of tasks: every change is a compare-and-swap on (state, epoch, worker).

mod claim;
mod completion;
mod failure;
mod hints;
mod planning;
mod reaping;

use super::{Attempt, ReadTx, Result, WriteTx, word};
use crate::domain::{PhaseName, RunId, TaskId, TradingDate};

pub use claim::{Answer, Capability, Claimed, claim, claimable};
pub use completion::{
    Completed, Completion, Timings, complete, complete_with_sets, superseded, was_committed,
};
pub use failure::{Failure, give_back, insert_elements, parked_seconds, split};
pub use hints::{due_since, hints_of, outdated, ready_of_phase, should_have_hints};
pub use planning::{NewTask, insert};
pub use reaping::{Orphan, Reaping, orphans, overdue, reap, release};

/// The total of unfinished tasks in a snapshot; for tests and the drain of a worker.
pub async fn unfinished(db: &mut ReadTx<'_>) -> Result<i64> {
    let connection = db.connection().await?;
    sqlx::query_scalar!(r#"select count(*) as "n!" from task where finished_at is null"#)
        .fetch_one(connection)
        .await
        .attempt("counting unfinished tasks")
}

/// A task that will never be done.
#[derive(Debug, Clone)]
pub struct Unfinished {
    /// The task.
    pub id: TaskId,
    /// Its run.
    pub run_id: RunId,
    /// The order of its run.
    pub run_seq: i64,
    /// Whether its run was to ask providers again for what is known.
    pub force: bool,
    /// Its phase.
    pub phase: PhaseName,
    /// The date of its results, or the last of them.
    pub as_of: TradingDate,
    /// What it should have computed.
    pub input: serde_json::Value,
}

/// Those of the tasks that are dead or cancelled, locked; with `again` also those that were repaired.
pub async fn unfinished_for_ever(
    tx: &mut WriteTx,
    tasks: &[TaskId],
    again: bool,
) -> Result<Vec<Unfinished>> {
    let ids: Vec<i64> = tasks.iter().map(|task| task.0).collect();
    sqlx::query!(
        r#"select t.id, t.run_id, r.run_seq, r.force, t.phase, t.as_of, t.input
           from task t join run r on r.id = t.run_id
           where t.id = any($1) and t.state in ('dead', 'cancelled') and ($2 or t.repair_run is null)
           order by t.id for update of t"#,
        &ids,
        again
    )
    .fetch_all(tx.connection())
    .await
    .attempt("reading tasks to be repaired")?
    .into_iter()
    .map(|row| {
        Ok(Unfinished {
            id: TaskId(row.id),
            run_id: RunId(row.run_id),
            run_seq: row.run_seq,
            force: row.force,
            phase: word("task", &row.phase)?,
            as_of: TradingDate::trusted(row.as_of),
            input: row.input,
        })
    })
    .collect()
}

/// Remembers the run that does these tasks again.
pub async fn repaired_by(tx: &mut WriteTx, tasks: &[TaskId], run: RunId) -> Result<()> {
    let ids: Vec<i64> = tasks.iter().map(|task| task.0).collect();
    sqlx::query!(
        "update task set repair_run = $2 where id = any($1)",
        &ids,
        run.0
    )
    .execute(tx.connection())
    .await
    .attempt("remembering a repair")?;
    Ok(())
}

/// Dates and inputs of the tasks of a phase.
pub async fn inputs(
    tx: &mut WriteTx,
    run: RunId,
    phase: PhaseName,
) -> Result<Vec<(TradingDate, serde_json::Value)>> {
    let rows = sqlx::query!(
        "select as_of, input from task where run_id = $1 and phase = $2 order by id",
        run.0,
        phase.as_str()
    )
    .fetch_all(tx.connection())
    .await
    .attempt("reading the inputs of a phase")?;
    let read = rows
        .into_iter()
        .map(|row| (TradingDate::trusted(row.as_of), row.input));
    Ok(read.collect())
}
