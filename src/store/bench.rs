//! What `sigmabatch bench` asks Postgres: how it is set up, and what became of the tasks.

mod copies;

use chrono::{DateTime, Utc};

use super::{Attempt, Pool, Result};
use crate::domain::{PhaseName, RunId, WorkerId};

pub use copies::{copy_portfolios, copy_results, copy_symbols, ping, tidy};

/// Settings that decide how fast a server can commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its version.
    pub version: String,
    /// Whether it waits for the disk.
    pub fsync: String,
    /// Whether a commit waits for it.
    pub synchronous_commit: String,
    /// Memory for pages.
    pub shared_buffers: String,
}

/// How the server is set up.
pub async fn server(pool: &Pool) -> Result<Server> {
    sqlx::query_as!(
        Server,
        r#"select current_setting('server_version') as "version!", current_setting('fsync') as "fsync!",
                  current_setting('synchronous_commit') as "synchronous_commit!",
                  current_setting('shared_buffers') as "shared_buffers!""#
    )
    .fetch_one(pool)
    .await
    .attempt("reading the server's settings")
}

/// Connections to this database by programs of that name.
pub async fn connections(pool: &Pool, application: &str) -> Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "n!" from pg_stat_activity
           where datname = current_database() and application_name = $1"#,
        application
    )
    .fetch_one(pool)
    .await
    .attempt("counting connections")
}

/// The time of the clock by which tasks start.
pub async fn clock(pool: &Pool) -> Result<DateTime<Utc>> {
    sqlx::query_scalar!(r#"select clock_timestamp() as "now!""#)
        .fetch_one(pool)
        .await
        .attempt("reading the time")
}

/// The rows that a run has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows {
    /// Tasks that are done.
    pub done: i64,
    /// Attempts that were committed.
    pub attempts: i64,
    /// Headers of results.
    pub results: i64,
}

/// What a run has left.
pub async fn rows(pool: &Pool, run: RunId) -> Result<Rows> {
    sqlx::query_as!(
        Rows,
        r#"select (select count(*) from task where run_id = $1 and state = 'done') as "done!",
                  (select count(*) from attempt a join task t on t.id = a.task_id
                   where t.run_id = $1 and a.outcome = 'committed') as "attempts!",
                  (select count(*) from result_set where run_id = $1) as "results!""#,
        run.0
    )
    .fetch_one(pool)
    .await
    .attempt("counting what a run has left")
}

/// When the tasks of a run were claimed.
pub async fn starts(pool: &Pool, run: RunId) -> Result<Vec<DateTime<Utc>>> {
    sqlx::query_scalar!(
        r#"select started_at as "started_at!" from task where run_id = $1 and started_at is not null"#,
        run.0
    )
    .fetch_all(pool)
    .await
    .attempt("reading when tasks started")
}

/// Running tasks of the workers with that process id.
pub async fn running(pool: &Pool, pid: u32) -> Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "n!" from task t join worker w on w.id = t.worker_id
           where t.state = 'running' and w.pid = $1"#,
        i32::try_from(pid).unwrap_or(i32::MAX)
    )
    .fetch_one(pool)
    .await
    .attempt("counting running tasks")
}

/// What the worker with that process id wrote with its last heartbeat.
pub async fn counters(pool: &Pool, pid: u32) -> Result<Option<serde_json::Value>> {
    sqlx::query_scalar!(
        "select counters from worker where pid = $1 order by started_at desc limit 1",
        i32::try_from(pid).unwrap_or(i32::MAX)
    )
    .fetch_optional(pool)
    .await
    .attempt("reading a worker's counters")
}

/// Puts tasks of a phase into the hands of a worker that does not exist, to complete them by [`fence`];
/// their ids.
pub async fn hold(
    pool: &Pool,
    run: RunId,
    phase: PhaseName,
    worker: WorkerId,
    limit: i64,
) -> Result<Vec<i64>> {
    sqlx::query_scalar!(
        "update task set state = 'running', epoch = 1, worker_id = $3, started_at = now(),
                         deadline_at = now() + interval '1 hour'
         where id in (select id from task where run_id = $1 and phase = $2 order by id limit $4)
         returning id",
        run.0,
        phase.as_str(),
        worker.0,
        limit
    )
    .fetch_all(pool)
    .await
    .attempt("holding tasks")
}

/// A bare fenced update, in a transaction of its own: the least that completing these tasks costs.
pub async fn fence(pool: &Pool, worker: WorkerId, ids: &[i64]) -> Result<usize> {
    let rows = sqlx::query_scalar!(
        "update task t set state = 'done', finished_at = now(), deadline_at = null
         from unnest($1::bigint[]) as m(id)
         where t.id = m.id and t.epoch = 1 and t.worker_id = $2 and t.state = 'running'
         returning t.id",
        ids,
        worker.0
    )
    .fetch_all(pool)
    .await
    .attempt("updating behind a fence")?;
    Ok(rows.len())
}
