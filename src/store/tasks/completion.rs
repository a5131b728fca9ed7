//! Finishing tasks, together with their results: the fence.

use super::super::result_sets::{Making, NewSet};
use super::super::{Attempt, Pool, Result, WriteTx};
use crate::domain::{TaskEpoch, TaskId, WorkerId};

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
