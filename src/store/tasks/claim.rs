//! Taking tasks: one statement for all hints of a read.

use super::super::{Attempt, Pool, Result, WriteTx, word};
use crate::domain::{PhaseName, RunId, TaskEpoch, TaskId, TradingDate, WorkerId};

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
    let question = sqlx::query_file!(
        "src/store/tasks/claim.sql",
        &ids,
        &epochs,
        worker.0,
        alone,
        &phases,
        &versions,
        &timeouts,
        &doubts
    );
    let rows = if doubtful.is_empty() {
        question.fetch_all(pool).await.attempt("claiming tasks")?
    } else {
        let mut tx = WriteTx::begin(pool).await?;
        hold(&mut tx, doubtful).await?;
        let rows = question.fetch_all(tx.connection()).await;
        let rows = rows.attempt("claiming tasks in doubt")?;
        tx.commit().await?;
        rows
    };

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

/// Waits for the rows of these tasks and holds them. The claim in doubt may still be under way: what is locked looks as if it
/// were somebody else's, and a claim that came between waiting and asking would make ours what we were just told is not.
async fn hold(tx: &mut WriteTx, hints: &std::collections::BTreeSet<TaskEpoch>) -> Result<()> {
    let ids: Vec<i64> = hints.iter().map(|hint| hint.task.0).collect();
    sqlx::query!(
        "select from task where id = any($1) order by id for update",
        &ids
    )
    .execute(tx.connection())
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
