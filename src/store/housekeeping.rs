//! What has to be done once in a while: nights that do not end are reported, old runs are pruned.

use serde_json::Value;

use super::{Attempt, Pool, Result, WriteTx};
use crate::domain::{RunId, TradingDate};

/// Whether a session lacks a run that ended, although there are portfolios since then, and nobody has
/// been told.
pub async fn is_overdue(pool: &Pool, as_of: TradingDate) -> Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from portfolios where deleted_at is null and inception <= $1)
              and not exists (select from run r join run_date d on d.run_id = r.id
                              where d.as_of = $1 and r.verdict in ('succeeded', 'partial', 'failed'))
              and not exists (select from event where kind = 'night-overdue' and detail ->> 'as_of' = $1::text)
              as "it!""#,
        as_of.date()
    )
    .fetch_one(pool)
    .await
    .attempt("looking for a night that does not end")
}

/// Records an alert that concerns no run.
pub async fn alert(pool: &Pool, kind: &str, detail: &Value) -> Result<()> {
    sqlx::query!(
        "insert into event (kind, detail) values ($1, $2)",
        kind,
        detail
    )
    .execute(pool)
    .await
    .attempt("recording an alert")?;
    Ok(())
}

/// Runs that ended more than so many days ago and still have their tasks, oldest first.
pub async fn prunable(pool: &Pool, days: i32, limit: i64) -> Result<Vec<RunId>> {
    let rows = sqlx::query_scalar!(
        "select id from run where finished_at < now() - make_interval(days => $1) and pruned_at is null
         order by run_seq limit $2",
        days,
        limit
    )
    .fetch_all(pool)
    .await
    .attempt("looking for old runs")?;
    Ok(rows.into_iter().map(RunId).collect())
}

/// Removes tasks, attempts, phases, events and the frozen scope of a run, together. The run itself stays:
/// results name the run that computed them.
pub async fn prune(tx: &mut WriteTx, run: RunId) -> Result<u64> {
    let tasks = sqlx::query_scalar!(
        r#"with attempts as (
               delete from attempt a using task t where t.id = a.task_id and t.run_id = $1
           ), symbols as (
               delete from run_symbol where run_id = $1
           ), dates as (
               delete from run_date where run_id = $1
           ), portfolios as (
               delete from run_portfolio where run_id = $1
           ), events as (
               delete from event where run_id = $1
           ), pruned as (
               update run set pruned_at = now() where id = $1
           )
           select count(*) as "n!" from task where run_id = $1"#,
        run.0
    )
    .fetch_one(tx.connection())
    .await
    .attempt("pruning a run")?;
    sqlx::query!("delete from task where run_id = $1", run.0)
        .execute(tx.connection())
        .await
        .attempt("pruning the tasks of a run")?;
    sqlx::query!("delete from run_phase where run_id = $1", run.0)
        .execute(tx.connection())
        .await
        .attempt("pruning the phases of a run")?;
    Ok(u64::try_from(tasks).unwrap_or(0))
}

/// Removes events of no run that are older than so many days.
pub async fn forget_events(pool: &Pool, days: i32) -> Result<u64> {
    let done = sqlx::query!(
        "delete from event where run_id is null and at < now() - make_interval(days => $1)",
        days
    )
    .execute(pool)
    .await
    .attempt("forgetting old events")?;
    Ok(done.rows_affected())
}
