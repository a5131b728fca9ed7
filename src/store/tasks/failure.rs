//! Giving tasks back that went wrong or have to wait, whole or as the elements of their chunk.

use super::super::{Attempt, Result, WriteTx};
use super::{NewTask, insert};
use crate::domain::{RunId, TaskEpoch, TaskId, WorkerId, fingerprint};

/// Why an attempt ended without a commit.
#[derive(Debug, Clone)]
pub struct Failure<'a> {
    /// `transient`, `rate_limited`, `permanent`, `bug`, `deadline`.
    pub class: &'a str,
    /// What happened, for people.
    pub error: &'a str,
    /// `failed`, `parked`, `released`, `deadline`.
    pub outcome: &'a str,
    /// Whether it counts against the budget of attempts.
    pub counts: bool,
    /// When it may be tried again; `None` is never.
    pub retry_after_seconds: Option<f64>,
}

/// Ends an attempt of ours without results: back to ready, or dead. Nothing if it was not ours.
pub async fn give_back(
    tx: &mut WriteTx,
    worker: WorkerId,
    at: TaskEpoch,
    failure: &Failure<'_>,
) -> Result<bool> {
    let row = sqlx::query_scalar!(
        r#"with fenced as (
               update task t
               set state = case when $5::float8 is null then 'dead' else 'ready' end,
                   attempts = attempts + $6::integer,
                   ready_at = now() + make_interval(secs => coalesce($5, 0)),
                   parked_since = case when $4 = 'parked' then coalesce(t.parked_since, now()) end,
                   finished_at = case when $5 is null then now() end,
                   deadline_at = null, worker_id = null, error_class = $7, error = $8, fingerprint = $9
               where t.id = $1 and t.epoch = $2 and t.worker_id = $3 and t.state = 'running'
               returning t.id, t.epoch, t.started_at
           )
           insert into attempt (task_id, epoch, worker_id, outcome, error_class, error, started_at)
           select id, epoch, $3, $4, $7, $8, started_at from fenced
           returning task_id"#,
        at.task.0,
        at.epoch,
        worker.0,
        failure.outcome,
        failure.retry_after_seconds,
        i32::from(failure.counts),
        failure.class,
        failure.error,
        fingerprint(failure.class, failure.error)
    )
    .fetch_optional(tx.connection())
    .await
    .attempt("giving a task back")?;
    Ok(row.is_some())
}

/// How long a task has been parked by rate limits without a break, in seconds.
pub async fn parked_seconds(tx: &mut WriteTx, task: TaskId) -> Result<f64> {
    sqlx::query_scalar!(
        r#"select coalesce(extract(epoch from now() - parked_since)::float8, 0) as "it!" from task where id = $1"#,
        task.0
    )
    .fetch_one(tx.connection())
    .await
    .attempt("reading how long a task is parked")
}

/// Replaces a task by one for each of its elements; says which these are. `None` if it was not ours.
pub async fn split(
    tx: &mut WriteTx,
    worker: WorkerId,
    at: TaskEpoch,
    failure: &Failure<'_>,
    elements: &[NewTask],
) -> Result<Option<Vec<TaskId>>> {
    let parent = sqlx::query!(
        r#"with fenced as (
               update task t
               set state = 'split', finished_at = now(), deadline_at = null, worker_id = null,
                   attempts = attempts + $5::integer, error_class = $6, error = $7, fingerprint = $8
               where t.id = $1 and t.epoch = $2 and t.worker_id = $3 and t.state = 'running'
               returning t.id, t.epoch, t.started_at, t.run_id, t.phase, t.input_version
           ), recorded as (
               insert into attempt (task_id, epoch, worker_id, outcome, error_class, error, started_at)
               select id, epoch, $3, $4, $6, $7, started_at from fenced
           )
           select run_id, phase, input_version from fenced"#,
        at.task.0,
        at.epoch,
        worker.0,
        "split",
        i32::from(failure.counts),
        failure.class,
        failure.error,
        fingerprint(failure.class, failure.error)
    )
    .fetch_optional(tx.connection())
    .await
    .attempt("splitting a task")?;
    let Some(parent) = parent else {
        return Ok(None);
    };
    let inserted = insert_elements(
        tx,
        RunId(parent.run_id),
        &parent.phase,
        parent.input_version,
        elements,
    )
    .await?;
    Ok(Some(inserted))
}

/// Adds the elements of a split task; the phase's total counts them in its place. Says which they are.
pub async fn insert_elements(
    tx: &mut WriteTx,
    run: RunId,
    phase: &str,
    version: i16,
    elements: &[NewTask],
) -> Result<Vec<TaskId>> {
    let inserted = insert(tx, run, phase, version, elements).await?;
    sqlx::query!(
        "update run_phase set total = total - 1 + $3 where run_id = $1 and phase = $2",
        run.0,
        phase,
        i32::try_from(elements.len()).unwrap_or(i32::MAX)
    )
    .execute(tx.connection())
    .await
    .attempt("counting split tasks")?;
    Ok(inserted)
}
