//! What the streams should say of tasks.

use chrono::{DateTime, Utc};

use super::super::{Attempt, Pool, Result};
use crate::domain::{Hint, PhaseName, RunId, TaskEpoch, TaskId};

/// A row for a hint, as the queries below return it.
struct HintRow {
    id: i64,
    epoch: i64,
    lane: String,
    phase: String,
    label: String,
    unit: String,
    attempts: i16,
    crashes: i16,
}

/// The hint of a row; `None` for a phase or lane of a newer program, whose workers will publish it.
fn hint(row: HintRow) -> Option<Hint> {
    Some(Hint {
        at: TaskEpoch {
            task: TaskId(row.id),
            epoch: row.epoch,
        },
        lane: row.lane.parse().ok()?,
        phase: row.phase.parse().ok()?,
        run: row.label,
        unit: row.unit,
        attempt: i32::from(row.attempts) + i32::from(row.crashes) + 1,
    })
}

/// Every task of an open phase that is ready and due.
pub async fn ready_of_phase(pool: &Pool, run: RunId, phase: PhaseName) -> Result<Vec<Hint>> {
    let hints = sqlx::query_as!(
        HintRow,
        r#"select t.id, t.epoch, r.lane, t.phase, r.label, t.unit, t.attempts, t.crashes
           from task t join run r on r.id = t.run_id
           where t.run_id = $1 and t.phase = $2 and t.state = 'ready' and t.finished_at is null
             and t.ready_at <= now()
           order by t.as_of desc, t.id"#,
        run.0,
        phase.as_str()
    )
    .fetch_all(pool)
    .await
    .attempt("reading ready tasks")?
    .into_iter()
    .filter_map(hint);
    Ok(hints.collect())
}

/// Retries that came due since `since`, and the moment of asking, to ask from next time.
pub async fn due_since(pool: &Pool, since: DateTime<Utc>) -> Result<(Vec<Hint>, DateTime<Utc>)> {
    let now = sqlx::query_scalar!(r#"select now() as "now!""#)
        .fetch_one(pool)
        .await
        .attempt("reading the time")?;
    let rows = sqlx::query_as!(
        HintRow,
        r#"select t.id, t.epoch, r.lane, t.phase, r.label, t.unit, t.attempts, t.crashes
           from run r
           join run_phase p on p.run_id = r.id and p.opened_at is not null and p.finished_at is null
           join task t on t.run_id = p.run_id and t.phase = p.phase
           where r.verdict is null and t.state = 'ready' and t.finished_at is null
             and t.ready_at > $1 and t.ready_at <= $2
             and (t.attempts > 0 or t.crashes > 0 or t.epoch > 0)
           order by t.id"#,
        since,
        now
    )
    .fetch_all(pool)
    .await
    .attempt("reading due retries")?;
    Ok((rows.into_iter().filter_map(hint).collect(), now))
}

/// Claimable tasks that have been ready for a few seconds: each should have a hint.
pub async fn should_have_hints(pool: &Pool, ready_seconds: f64) -> Result<Vec<Hint>> {
    let hints = sqlx::query_as!(
        HintRow,
        r#"select t.id, t.epoch, r.lane, t.phase, r.label, t.unit, t.attempts, t.crashes
           from run r
           join run_phase p on p.run_id = r.id and p.opened_at is not null and p.finished_at is null
           join task t on t.run_id = p.run_id and t.phase = p.phase
           where r.verdict is null and t.state = 'ready' and t.finished_at is null
             and greatest(t.ready_at, p.opened_at) <= now() - make_interval(secs => $1)
             and not exists (select from pause h
                             where h.name = case h.kind when 'lane' then r.lane else p.phase end)
           order by t.id"#,
        ready_seconds
    )
    .fetch_all(pool)
    .await
    .attempt("reading claimable tasks")?
    .into_iter()
    .filter_map(hint);
    Ok(hints.collect())
}

/// Which of these hints can never be claimed: the task is final, unknown, or at another epoch.
pub async fn outdated(pool: &Pool, hints: &[TaskEpoch]) -> Result<Vec<TaskEpoch>> {
    let ids: Vec<i64> = hints.iter().map(|hint| hint.task.0).collect();
    let epochs: Vec<i64> = hints.iter().map(|hint| hint.epoch).collect();
    let rows = sqlx::query!(
        r#"select h.id as "id!", h.epoch as "epoch!"
           from unnest($1::bigint[], $2::bigint[]) as h(id, epoch)
           left join task t on t.id = h.id
           where t.id is null
              or t.state not in ('ready', 'running')
              or t.epoch > h.epoch + (t.state = 'running')::integer
              or t.epoch < h.epoch"#,
        &ids,
        &epochs
    )
    .fetch_all(pool)
    .await
    .attempt("looking for outdated hints")?;
    Ok(rows
        .into_iter()
        .map(|row| TaskEpoch {
            task: TaskId(row.id),
            epoch: row.epoch,
        })
        .collect())
}

/// The readable form of tasks that were just made ready.
pub async fn hints_of(pool: &Pool, tasks: &[TaskId]) -> Result<Vec<Hint>> {
    let ids: Vec<i64> = tasks.iter().map(|task| task.0).collect();
    let hints = sqlx::query_as!(
        HintRow,
        r#"select t.id, t.epoch, r.lane, t.phase, r.label, t.unit, t.attempts, t.crashes
           from task t join run r on r.id = t.run_id
           where t.id = any($1) and t.state = 'ready' and t.ready_at <= now()
           order by t.id"#,
        &ids
    )
    .fetch_all(pool)
    .await
    .attempt("reading reaped tasks")?
    .into_iter()
    .filter_map(hint);
    Ok(hints.collect())
}
