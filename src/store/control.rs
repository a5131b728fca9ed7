//! What operators want: runs cancelled, lanes and phases held back, workers drained. Workers ask every
//! second; the claim and the fence hold at once.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::{Attempt, Link, Pool, Result, WriteTx, word};
use crate::domain::{Held, RunId, WorkerId};

/// Something that is held back.
#[derive(Debug, Clone)]
pub struct Pause {
    /// What.
    pub held: Held,
    /// By whom.
    pub who: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// What is held back, in a fixed order.
pub async fn pauses(executor: impl PgExecutor<'_>) -> Result<Vec<Pause>> {
    let rows = sqlx::query!(
        r#"select kind || ' ' || name as "held!", who, reason, since from pause order by 1"#
    )
    .fetch_all(executor)
    .await
    .attempt("reading what is paused")?;
    rows.into_iter()
        .map(|row| {
            Ok(Pause {
                held: word("pause", &row.held)?,
                who: row.who,
                reason: row.reason,
                since: row.since,
            })
        })
        .collect()
}

/// Holds a lane or phase back; says whether it was free before.
pub async fn pause(tx: &mut WriteTx, held: Held, who: &str, reason: &str) -> Result<bool> {
    let done = sqlx::query!(
        "insert into pause (kind, name, who, reason) values ($1, $2, $3, $4) on conflict do nothing",
        held.kind(),
        held.name(),
        who,
        reason
    )
    .execute(tx.connection())
    .await
    .attempt("pausing")?;
    Ok(done.rows_affected() == 1)
}

/// Lets a lane or phase go on; says whether it was held back.
pub async fn resume(tx: &mut WriteTx, held: Held) -> Result<bool> {
    let done = sqlx::query!(
        "delete from pause where kind = $1 and name = $2",
        held.kind(),
        held.name()
    )
    .execute(tx.connection())
    .await
    .attempt("resuming")?;
    Ok(done.rows_affected() == 1)
}

/// Whether something was resumed within the last seconds.
pub async fn resumed_lately(pool: &Pool, seconds: f64) -> Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from event
                          where kind = 'resumed' and at > now() - make_interval(secs => $1)) as "it!""#,
        seconds
    )
    .fetch_one(pool)
    .await
    .attempt("looking for what was resumed")
}

/// What became of a cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// There is no such run.
    Unknown,
    /// It has its verdict: nothing was changed.
    Ended,
    /// These tasks will not be done; running ones among them.
    Tasks {
        /// All of them.
        tasks: u64,
        /// Those that a worker was working on.
        running: u64,
    },
}

/// Cancels every task of a run that is not final, and marks the run. Waits for commits in flight, which
/// hold the rows of their tasks; what comes later finds its fence closed.
pub async fn cancel(tx: &mut WriteTx, run: RunId) -> Result<Cancelled> {
    let going = sqlx::query_scalar!(
        r#"update run set cancelled_at = coalesce(cancelled_at, now())
           where id = $1 and verdict is null returning true as "it!""#,
        run.0
    )
    .fetch_optional(tx.connection())
    .await
    .attempt("marking a run cancelled")?;
    if going.is_none() {
        let known = sqlx::query_scalar!(
            r#"select exists (select from run where id = $1) as "it!""#,
            run.0
        )
        .fetch_one(tx.connection())
        .await
        .attempt("looking for a run")?;
        return Ok(if known {
            Cancelled::Ended
        } else {
            Cancelled::Unknown
        });
    }
    let (mut tasks, mut running) = (0, 0);
    loop {
        // Again until nothing is left: a chunk that was split while we waited for its row has left
        // elements that the statement's snapshot did not see.
        let (all, in_hand) = cancel_tasks(tx, run).await?;
        tasks += all;
        running += in_hand;
        // That nothing was cancelled proves nothing: the only row may have been that of the chunk.
        if !has_unfinished(tx, run).await? {
            return Ok(Cancelled::Tasks { tasks, running });
        }
    }
}

/// Whether a task of a run is not final, in a snapshot of its own.
async fn has_unfinished(tx: &mut WriteTx, run: RunId) -> Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from task where run_id = $1 and finished_at is null) as "it!""#,
        run.0
    )
    .fetch_one(tx.connection())
    .await
    .attempt("looking for tasks that are not cancelled")
}

async fn cancel_tasks(tx: &mut WriteTx, run: RunId) -> Result<(u64, u64)> {
    let row = sqlx::query!(
        r#"with locked as (
               select id, epoch, worker_id, started_at, state from task
               where run_id = $1 and finished_at is null order by id for update
           ), cancelled as (
               update task t
               set state = 'cancelled', epoch = t.epoch + 1, worker_id = null, deadline_at = null, finished_at = now()
               from locked l where t.id = l.id
               returning t.id
           ), recorded as (
               insert into attempt (task_id, epoch, worker_id, outcome, error_class, started_at)
               select l.id, l.epoch, l.worker_id, 'cancelled', 'cancelled', l.started_at
               from locked l join cancelled c using (id) where l.state = 'running'
               returning task_id
           )
           select (select count(*) from cancelled) as "tasks!", (select count(*) from recorded) as "running!""#,
        run.0
    )
    .fetch_one(tx.connection())
    .await
    .attempt("cancelling tasks")?;
    let count = |n: i64| u64::try_from(n).unwrap_or(0);
    Ok((count(row.tasks), count(row.running)))
}

/// Asks a worker to drain; says whether it is there.
pub async fn drain(tx: &mut WriteTx, worker: WorkerId) -> Result<bool> {
    let done = sqlx::query!(
        "update worker set draining = true where id = $1 and lost_at is null",
        worker.0
    )
    .execute(tx.connection())
    .await
    .attempt("asking a worker to drain")?;
    Ok(done.rows_affected() == 1)
}

/// What a worker has to know of operators' wishes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Stop reading, finish, leave.
    pub draining: bool,
    /// What is held back: no use in reading its hints.
    pub held: Vec<Held>,
    /// Runs cancelled lately: what is computed for them is in vain.
    pub cancelled: Vec<RunId>,
}

/// Asks for the wishes that concern a worker.
pub async fn wishes(link: &mut Link, worker: WorkerId) -> Result<Wishes> {
    let row = sqlx::query!(
        r#"select exists (select from worker where id = $1 and draining) as "draining!",
                  array(select kind || ' ' || name from pause order by 1) as "held!",
                  array(select id from run where cancelled_at > now() - interval '10 minutes') as "cancelled!""#,
        worker.0
    )
    .fetch_one(link)
    .await
    .attempt("asking for wishes")?;
    let held = row.held.iter().map(|text| word("pause", text));
    Ok(Wishes {
        draining: row.draining,
        held: held.collect::<Result<_>>()?,
        cancelled: row.cancelled.into_iter().map(RunId).collect(),
    })
}

/// Takes or renews the right to ask providers while Redis is away.
pub async fn hold_provider(pool: &Pool, worker: WorkerId, lease_seconds: f64) -> Result<bool> {
    let done = sqlx::query!(
        "update provider_lease set holder = $1, expires_at = now() + make_interval(secs => $2)
         where holder = $1 or expires_at < now()",
        worker.0,
        lease_seconds
    )
    .execute(pool)
    .await
    .attempt("asking for the right to ask providers")?;
    Ok(done.rows_affected() == 1)
}
