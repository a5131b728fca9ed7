//! The steward's lease: one row, one holder at a time, a term that only grows.

use serde_json::Value;

use super::{Attempt, Pool, Result};
use crate::domain::{RunId, WorkerId};

/// Takes or renews the lease; `None` where another worker holds it.
pub async fn hold(pool: &Pool, worker: WorkerId, lease_seconds: f64) -> Result<Option<i64>> {
    sqlx::query_scalar!(
        "update steward
         set term = case when holder = $1 then term else term + 1 end,
             holder = $1, expires_at = now() + make_interval(secs => $2)
         where holder = $1 or expires_at < now()
         returning term",
        worker.0,
        lease_seconds
    )
    .fetch_optional(pool)
    .await
    .attempt("asking for the steward's lease")
}

/// Gives the lease up, so that the next steward need not wait for its end.
pub async fn resign(pool: &Pool, worker: WorkerId) -> Result<()> {
    sqlx::query!(
        "update steward set holder = null, expires_at = '-infinity' where holder = $1",
        worker.0
    )
    .execute(pool)
    .await
    .attempt("resigning as steward")?;
    Ok(())
}

/// Stores what the streams looked like, for those who touch Postgres only.
pub async fn store_queues(pool: &Pool, worker: WorkerId, queues: &Value) -> Result<()> {
    sqlx::query!(
        "update steward set queues = $2, seen_at = now() where holder = $1",
        worker.0,
        queues
    )
    .execute(pool)
    .await
    .attempt("storing the state of the queues")?;
    Ok(())
}

/// Runs without a verdict, oldest first.
pub async fn going_runs(pool: &Pool) -> Result<Vec<RunId>> {
    let rows = sqlx::query_scalar!("select id from run where verdict is null order by run_seq")
        .fetch_all(pool)
        .await
        .attempt("reading the runs that go on")?;
    Ok(rows.into_iter().map(RunId).collect())
}
