//! The state of tasks: every change is a compare-and-swap on (state, epoch, worker).

use chrono::{DateTime, Utc};

use super::result_sets::{Making, NewSet};
use super::{Attempt, Pool, ReadTx, Result, WriteTx, word};
use crate::domain::{
    Hint, PhaseName, RunId, TaskEpoch, TaskId, TradingDate, WorkerId, fingerprint,
};

/// A task that is ours.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The task at its new epoch.
    pub at: TaskEpoch,
    /// Its run.
    pub run_id: RunId,
    /// The order of the run among all runs.
    pub run_seq: i64,
    /// The last date of the run.
    pub final_date: TradingDate,
    /// Whether the run recomputes what is current.
    pub force: bool,
    /// Its phase.
    pub phase: PhaseName,
    /// Its unit.
    pub unit: String,
    /// The date of its results, or the last of them.
    pub as_of: TradingDate,
    /// What to compute.
    pub input: serde_json::Value,
    /// Failures before this attempt.
    pub attempts: i16,
    /// Workers it lost before this attempt.
    pub crashes: i16,
    /// Seconds until its deadline.
    pub timeout_seconds: f64,
}

/// What became of a hint.
#[derive(Debug)]
pub enum Answer {
    /// The task is ours.
    Claimed(Box<Claimed>),
    /// The hint is outdated: acknowledge it.
    Stale,
    /// The task cannot be taken now (its phase is not open, it is parked, locked, of an unknown
    /// version): leave the hint alone.
    NotNow,
    /// It cost a worker its life before: take it when nothing else runs, and alone.
    Suspect,
}

/// A phase that this worker can run.
#[derive(Debug, Clone)]
pub struct Capability {
    /// The phase.
    pub phase: PhaseName,
    /// The newest version of its input that is understood.
    pub version: i16,
    /// How long one of its tasks may take.
    pub timeout_seconds: f64,
}

/// Takes the tasks of all hints of one read. A suspect is taken only with `alone`. `doubtful` are hints
/// of an earlier claim whose answer was lost; if that claim happened, its tasks are answered as ours.
pub async fn claim(
    pool: &Pool,
    worker: WorkerId,
    hints: &[TaskEpoch],
    doubtful: &std::collections::BTreeSet<TaskEpoch>,
    capabilities: &[Capability],
    alone: bool,
) -> Result<Vec<(TaskEpoch, Answer)>> {
    let ids: Vec<i64> = hints.iter().map(|hint| hint.task.0).collect();
    let epochs: Vec<i64> = hints.iter().map(|hint| hint.epoch).collect();
    let doubts: Vec<bool> = hints.iter().map(|hint| doubtful.contains(hint)).collect();
    let phases: Vec<String> = capabilities.iter().map(|c| c.phase.to_string()).collect();
    let versions: Vec<i16> = capabilities.iter().map(|c| c.version).collect();
    let timeouts: Vec<f64> = capabilities.iter().map(|c| c.timeout_seconds).collect();
    wait_for(pool, doubtful).await?;
    let rows = sqlx::query_file!(
        "src/store/tasks/claim.sql",
        &ids,
        &epochs,
        worker.0,
        alone,
        &phases,
        &versions,
        &timeouts,
        &doubts
    )
    .fetch_all(pool)
    .await
    .attempt("claiming tasks")?;

    let mut answers = Vec::with_capacity(rows.len());
    for row in rows {
        let hint = TaskEpoch {
            task: TaskId(row.id),
            epoch: row.hinted,
        };
        let answer = match (row.epoch, row.input) {
            (Some(epoch), Some(input)) => Answer::Claimed(Box::new(Claimed {
                at: TaskEpoch {
                    task: TaskId(row.id),
                    epoch,
                },
                run_id: RunId(row.run_id),
                run_seq: row.run_seq,
                final_date: TradingDate::trusted(row.final_date),
                force: row.force,
                phase: word("task", &row.phase)?,
                unit: row.unit,
                as_of: TradingDate::trusted(row.as_of),
                input,
                attempts: row.attempts,
                crashes: row.crashes,
                timeout_seconds: row.timeout_seconds,
            })),
            _ if row.stale => Answer::Stale,
            _ if row.crashes > 0 => Answer::Suspect,
            _ => Answer::NotNow,
        };
        answers.push((hint, answer));
    }
    Ok(answers)
}

/// Waits until nobody holds the rows of these tasks. The claim in doubt may still be under way, and what
/// is locked looks as if it were somebody else's.
async fn wait_for(pool: &Pool, hints: &std::collections::BTreeSet<TaskEpoch>) -> Result<()> {
    if hints.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = hints.iter().map(|hint| hint.task.0).collect();
    sqlx::query!(
        "select from task where id = any($1) order by id for share",
        &ids
    )
    .execute(pool)
    .await
    .attempt("waiting for a claim in doubt")?;
    Ok(())
}

/// Ready tasks of open phases, for workers that cannot ask Redis. In order of lane, then age.
pub async fn claimable(pool: &Pool, limit: i64, phases: &[String]) -> Result<Vec<TaskEpoch>> {
    let rows = sqlx::query!(
        r#"select t.id, t.epoch
           from run r
           join run_phase p on p.run_id = r.id and p.opened_at is not null and p.finished_at is null
           join task t on t.run_id = p.run_id and t.phase = p.phase
           where r.verdict is null and t.state = 'ready' and t.finished_at is null and t.ready_at <= now()
             and p.phase = any($2)
             and not exists (select from pause h
                             where h.name = case h.kind when 'lane' then r.lane else p.phase end)
           order by array_position(array['interactive', 'nightly', 'backfill'], r.lane), t.id
           limit $1
           for update of t skip locked"#,
        limit,
        phases
    )
    .fetch_all(pool)
    .await
    .attempt("looking for ready tasks")?;
    Ok(rows
        .into_iter()
        .map(|row| TaskEpoch {
            task: TaskId(row.id),
            epoch: row.epoch,
        })
        .collect())
}

/// How long the parts of an attempt took, in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timings {
    /// The read transaction.
    pub load_ms: f32,
    /// Providers.
    pub fetch_ms: f32,
    /// Numbers.
    pub compute_ms: f32,
}

/// A task that is about to be completed.
#[derive(Debug, Clone)]
pub struct Completion {
    /// The task at our epoch.
    pub at: TaskEpoch,
    /// How it ended: `done`, or a reason why there was nothing to do.
    pub outcome: String,
    /// How long it took.
    pub timings: Timings,
}

/// A task that is done, and the sets that are its own to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completed {
    /// The task at our epoch.
    pub at: TaskEpoch,
    /// Kind, owner and date of each set that it headed.
    pub sets: Vec<(String, String, chrono::NaiveDate)>,
}

/// The fence alone, for tasks that want no sets: completes those that are still ours.
pub async fn complete(
    tx: &mut WriteTx,
    worker: WorkerId,
    completions: &[Completion],
) -> Result<Vec<TaskEpoch>> {
    let none = Making {
        model_version: "",
        convention_id: "",
    };
    let completed = complete_with_sets(tx, worker, completions, &[], none).await?;
    Ok(completed.into_iter().map(|task| task.at).collect())
}

/// The fence: completes the tasks that are still ours, writes the headers of their sets and records
/// their attempts. Only results of tasks in the answer may be written, and of sets only those in it.
/// A task that wanted sets and got none, because newer results were there, ends `superseded`.
pub async fn complete_with_sets(
    tx: &mut WriteTx,
    worker: WorkerId,
    completions: &[Completion],
    wanted: &[NewSet],
    by: Making<'_>,
) -> Result<Vec<Completed>> {
    let ids: Vec<i64> = completions.iter().map(|c| c.at.task.0).collect();
    let epochs: Vec<i64> = completions.iter().map(|c| c.at.epoch).collect();
    let outcomes: Vec<String> = completions.iter().map(|c| c.outcome.clone()).collect();
    let load: Vec<f32> = completions.iter().map(|c| c.timings.load_ms).collect();
    let fetch: Vec<f32> = completions.iter().map(|c| c.timings.fetch_ms).collect();
    let compute: Vec<f32> = completions.iter().map(|c| c.timings.compute_ms).collect();
    let tasks: Vec<i64> = wanted.iter().map(|set| set.at.task.0).collect();
    let kinds: Vec<String> = wanted.iter().map(|set| set.kind.to_owned()).collect();
    let owners: Vec<String> = wanted.iter().map(|set| set.owner.clone()).collect();
    let dates: Vec<_> = wanted.iter().map(|set| set.as_of.date()).collect();
    let sequence: Vec<i64> = wanted.iter().map(|set| set.run_seq).collect();
    let versions: Vec<i64> = wanted.iter().map(|set| set.data_version).collect();
    let definitions: Vec<String> = wanted.iter().map(|set| set.definitions.clone()).collect();
    let bases: Vec<String> = wanted
        .iter()
        .map(|set| set.provider_basis.to_owned())
        .collect();
    let rows = sqlx::query_file!(
        "src/store/tasks/complete.sql",
        &ids,
        &epochs,
        &outcomes,
        &load,
        &fetch,
        &compute,
        worker.0,
        &tasks,
        &kinds,
        &owners,
        &dates,
        &sequence,
        &versions,
        &definitions,
        &bases,
        by.model_version,
        by.convention_id
    )
    .fetch_all(tx.connection())
    .await
    .attempt("completing tasks")?;
    let mut completed: Vec<Completed> = Vec::with_capacity(completions.len());
    for row in rows {
        let at = TaskEpoch {
            task: TaskId(row.id),
            epoch: row.epoch,
        };
        if completed.last().is_none_or(|last| last.at != at) {
            let sets = Vec::new();
            completed.push(Completed { at, sets });
        }
        if let (Some(last), Some(kind), Some(owner), Some(as_of)) =
            (completed.last_mut(), row.kind, row.owner, row.as_of)
        {
            last.sets.push((kind, owner, as_of));
        }
    }
    Ok(completed)
}

/// Says of completed tasks that newer results were there already.
pub async fn superseded(tx: &mut WriteTx, tasks: &[TaskId]) -> Result<()> {
    let ids: Vec<i64> = tasks.iter().map(|task| task.0).collect();
    sqlx::query!(
        "update task set outcome = 'superseded' where id = any($1)",
        &ids
    )
    .execute(tx.connection())
    .await
    .attempt("marking superseded tasks")?;
    Ok(())
}

/// Whether the attempt was committed: asked when the answer to a COMMIT was lost.
pub async fn was_committed(pool: &Pool, at: TaskEpoch) -> Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from attempt
                          where task_id = $1 and epoch = $2 and outcome = 'committed') as "it!""#,
        at.task.0,
        at.epoch
    )
    .fetch_one(pool)
    .await
    .attempt("asking whether a commit happened")
}

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

/// A unit of work for the database.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// Names the work inside its phase and date.
    pub unit: String,
    /// The date of its results, or the last of them.
    pub as_of: TradingDate,
    /// What to compute.
    pub input: serde_json::Value,
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

/// Inserts the tasks of a phase, in order; says which they are.
pub async fn insert(
    tx: &mut WriteTx,
    run: RunId,
    phase: &str,
    version: i16,
    tasks: &[NewTask],
) -> Result<Vec<TaskId>> {
    let units: Vec<String> = tasks.iter().map(|task| task.unit.clone()).collect();
    let dates: Vec<chrono::NaiveDate> = tasks.iter().map(|task| task.as_of.date()).collect();
    let inputs: Vec<serde_json::Value> = tasks.iter().map(|task| task.input.clone()).collect();
    let rows = sqlx::query_scalar!(
        r#"insert into task (run_id, phase, unit, as_of, input, input_version)
           select $1, $2, unit, as_of, input, $3
           from unnest($4::text[], $5::date[], $6::jsonb[]) as t(unit, as_of, input)
           returning id"#,
        run.0,
        phase,
        version,
        &units,
        &dates,
        &inputs
    )
    .fetch_all(tx.connection())
    .await
    .attempt("inserting tasks")?;
    Ok(rows.into_iter().map(TaskId).collect())
}

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
        r#"select t.id, t.run_id, r.run_seq, t.phase, t.as_of, t.input
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
