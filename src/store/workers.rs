//! Worker processes: the lease belongs to the process.

use serde_json::Value;

use super::{Attempt, Link, Pool, Result, WriteTx};
use crate::domain::WorkerId;

/// Registers a process, with its first lease. Twice is no harm: the first answer may have been lost.
pub async fn register(
    pool: &Pool,
    worker: WorkerId,
    host: &str,
    pid: u32,
    lease_seconds: f64,
) -> Result<()> {
    sqlx::query!(
        "insert into worker (id, host, pid, version, lease_until)
         values ($1, $2, $3, $4, now() + make_interval(secs => $5))
         on conflict (id) do update set lease_until = excluded.lease_until",
        worker.0,
        host,
        i32::try_from(pid).unwrap_or(i32::MAX),
        env!("CARGO_PKG_VERSION"),
        lease_seconds
    )
    .execute(pool)
    .await
    .attempt("registering the worker")?;
    Ok(())
}

/// Renews the lease and writes the worker's counters; `false` if it was marked lost: start over under a
/// new id.
pub async fn heartbeat(
    link: &mut Link,
    worker: WorkerId,
    lease_seconds: f64,
    counters: &Value,
) -> Result<bool> {
    let done = sqlx::query!(
        "update worker
         set beating_since = case when lease_until < now() + make_interval(secs => $2::float8 / 3) then now() else beating_since end,
             lease_until = now() + make_interval(secs => $2), counters = $3
         where id = $1 and lost_at is null",
        worker.0,
        lease_seconds,
        counters
    )
    .execute(link)
    .await
    .attempt("renewing the lease")?;
    Ok(done.rows_affected() == 1)
}

/// Removes a worker that has given everything back.
pub async fn deregister(pool: &Pool, worker: WorkerId) -> Result<()> {
    sqlx::query!("delete from worker where id = $1", worker.0)
        .execute(pool)
        .await
        .attempt("removing the worker")?;
    Ok(())
}

/// Marks workers lost whose lease ran out. Never earlier than one lease after Postgres started:
/// after an outage nobody could have renewed.
///
/// And never by a steward whose own heart has not beaten steadily for half a lease: what cut it off from
/// Postgres may have cut off the others, too, and they beat again within a third of a lease. A beat that is
/// late by a third of a lease is no break yet: nobody's lease can have run out meanwhile.
pub async fn mark_lost(
    tx: &mut WriteTx,
    steward: WorkerId,
    lease_seconds: f64,
) -> Result<Vec<WorkerId>> {
    let rows = sqlx::query_scalar!(
        "update worker set lost_at = now()
         where lost_at is null and lease_until < now()
           and now() > pg_postmaster_start_time() + make_interval(secs => $1)
           and exists (select from worker me
                       where me.id = $2 and me.lost_at is null
                         and me.beating_since < now() - make_interval(secs => $1::float8 / 2)
                         and me.lease_until > now() + make_interval(secs => $1::float8 / 3))
         returning id",
        lease_seconds,
        steward.0
    )
    .fetch_all(tx.connection())
    .await
    .attempt("marking lost workers")?;
    Ok(rows.into_iter().map(WorkerId).collect())
}

/// Workers that are marked lost.
pub async fn lost(pool: &Pool) -> Result<Vec<WorkerId>> {
    let rows = sqlx::query_scalar!("select id from worker where lost_at is not null")
        .fetch_all(pool)
        .await
        .attempt("reading lost workers")?;
    Ok(rows.into_iter().map(WorkerId).collect())
}

/// Forgets lost workers without running tasks after an hour.
pub async fn forget_lost(pool: &Pool) -> Result<u64> {
    let done = sqlx::query!(
        "delete from worker w where w.lost_at < now() - interval '1 hour'
           and not exists (select from task t where t.worker_id = w.id and t.state = 'running'
                            and t.finished_at is null)"
    )
    .execute(pool)
    .await
    .attempt("forgetting lost workers")?;
    Ok(done.rows_affected())
}

/// How many workers hold a lease.
pub async fn living(pool: &Pool) -> Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "n!" from worker where lost_at is null and lease_until > now()"#
    )
    .fetch_one(pool)
    .await
    .attempt("counting workers")
}

/// Living workers of that name, `w-` and eight hex digits, or id.
pub async fn named(pool: &Pool, name: &str) -> Result<Vec<WorkerId>> {
    let rows = sqlx::query_scalar!(
        "select id from worker
         where lost_at is null and ($1 = 'w-' || left(replace(id::text, '-', ''), 8) or $1 = id::text)",
        name
    )
    .fetch_all(pool)
    .await
    .attempt("looking for a worker")?;
    Ok(rows.into_iter().map(WorkerId).collect())
}
