//! Tasks whose worker is gone or late.

use super::super::{Attempt, Pool, Result, WriteTx};
use crate::domain::{RunId, TaskEpoch, TaskId, TradingDate, WorkerId, fingerprint};

/// A running task that its worker cannot finish any more.
#[derive(Debug)]
pub struct Orphan {
    /// The task at the epoch of the attempt that ended.
    pub at: TaskEpoch,
    /// Its phase, which may be one that this program does not know.
    pub phase: String,
    /// Its run.
    pub run_id: RunId,
    /// Its input, to split a chunk that dies.
    pub input: serde_json::Value,
    /// Version of the input.
    pub input_version: i16,
    /// The date.
    pub as_of: TradingDate,
    /// Crashes, this one included.
    pub crashes: i16,
    /// Attempts, this one included where it counts.
    pub attempts: i16,
}

/// Running tasks of workers that are marked lost or have left, locked: a claim may have been under way when
/// its worker gave everything back.
pub async fn orphans(tx: &mut WriteTx, limit: i64) -> Result<Vec<Orphan>> {
    sqlx::query!(
        r#"select t.id, t.epoch, t.phase, t.run_id, t.input, t.input_version, t.as_of, t.crashes, t.attempts
           from task t left join worker w on w.id = t.worker_id
           where t.state = 'running' and t.finished_at is null and (w.id is null or w.lost_at is not null)
           order by t.id limit $1 for update of t skip locked"#,
        limit
    )
    .fetch_all(tx.connection())
    .await
    .attempt("reading tasks of lost workers")?
    .into_iter()
    .map(|row| {
        Ok(Orphan {
            at: TaskEpoch { task: TaskId(row.id), epoch: row.epoch },
            phase: row.phase,
            run_id: RunId(row.run_id),
            input: row.input,
            input_version: row.input_version,
            as_of: TradingDate::trusted(row.as_of),
            crashes: row.crashes + 1,
            attempts: row.attempts,
        })
    })
    .collect()
}

/// Running tasks whose deadline has passed by more than `grace_seconds`, locked.
pub async fn overdue(tx: &mut WriteTx, grace_seconds: f64, limit: i64) -> Result<Vec<Orphan>> {
    sqlx::query!(
        r#"select t.id, t.epoch, t.phase, t.run_id, t.input, t.input_version, t.as_of, t.crashes, t.attempts
           from task t
           where t.state = 'running' and t.finished_at is null and t.deadline_at < now() - make_interval(secs => $1)
           order by t.id limit $2 for update of t skip locked"#,
        grace_seconds,
        limit
    )
    .fetch_all(tx.connection())
    .await
    .attempt("reading overdue tasks")?
    .into_iter()
    .map(|row| {
        Ok(Orphan {
            at: TaskEpoch { task: TaskId(row.id), epoch: row.epoch },
            phase: row.phase,
            run_id: RunId(row.run_id),
            input: row.input,
            input_version: row.input_version,
            as_of: TradingDate::trusted(row.as_of),
            crashes: row.crashes,
            attempts: row.attempts + 1,
        })
    })
    .collect()
}

/// What the steward does with an orphan.
#[derive(Debug, Clone, Copy)]
pub struct Reaping<'a> {
    /// `ready`, `dead` or `split`.
    pub state: &'a str,
    /// `lost` or `deadline`.
    pub outcome: &'a str,
    /// The class of error.
    pub class: &'a str,
    /// For people.
    pub error: &'a str,
    /// Delay of the next attempt.
    pub delay_seconds: f64,
}

/// Takes a locked orphan out of `running`: its epoch grows, so that its worker can write nothing.
pub async fn reap(tx: &mut WriteTx, orphan: &Orphan, how: Reaping<'_>) -> Result<()> {
    sqlx::query!(
        r#"with fenced as (
               update task t
               set state = $3, epoch = epoch + 1, crashes = $4, attempts = $5, worker_id = null, deadline_at = null,
                   ready_at = now() + make_interval(secs => $9),
                   finished_at = case when $3 = 'ready' then null else now() end,
                   error_class = $7, error = $8, fingerprint = $10
               from (select id, worker_id, started_at from task where id = $1) old
               where t.id = $1 and t.epoch = $2 and t.state = 'running' and old.id = t.id
               returning t.id, old.worker_id, old.started_at
           )
           insert into attempt (task_id, epoch, worker_id, outcome, error_class, error, started_at)
           select id, $2, worker_id, $6, $7, $8, started_at from fenced"#,
        orphan.at.task.0,
        orphan.at.epoch,
        how.state,
        orphan.crashes,
        orphan.attempts,
        how.outcome,
        how.class,
        how.error,
        how.delay_seconds,
        fingerprint(how.class, how.error)
    )
    .execute(tx.connection())
    .await
    .attempt("reaping a task")?;
    Ok(())
}

/// Returns every running task of a worker that stops, without counting an attempt.
pub async fn release(pool: &Pool, worker: WorkerId) -> Result<Vec<TaskId>> {
    let rows = sqlx::query_scalar!(
        r#"with fenced as (
               update task t
               set state = 'ready', epoch = epoch + 1, worker_id = null, deadline_at = null, ready_at = now()
               where t.worker_id = $1 and t.state = 'running' and t.finished_at is null
               returning t.id, t.epoch - 1 as epoch, t.started_at
           )
           insert into attempt (task_id, epoch, worker_id, outcome, started_at)
           select id, epoch, $1, 'released', started_at from fenced
           returning task_id"#,
        worker.0
    )
    .fetch_all(pool)
    .await
    .attempt("releasing tasks")?;
    Ok(rows.into_iter().map(TaskId).collect())
}
