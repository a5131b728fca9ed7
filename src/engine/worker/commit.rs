//! Commits: fence first, then results, several small tasks in one transaction; acknowledged after.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::NaiveDate;
use futures::future::BoxFuture;
use tokio::sync::{Mutex, OwnedSemaphorePermit, mpsc};

use super::counters::count;
use super::hands::Grip;
use super::intake::chain;
use super::task::{self, Worked};
use super::{Life, Moment};
use crate::clock::Deadline;
use crate::domain::{PhaseName, TaskEpoch};
use crate::phases::{AnyPhase, CONVENTION_ID, DoneAny, Error, MODEL_VERSION, Wish};
use crate::queue::Entry;
use crate::store::WriteTx;
use crate::store::result_sets::{Making, NewSet};
use crate::store::tasks::{self, Claimed, Completion};

/// Longest wait for more of them.
const GATHER: Duration = Duration::from_millis(8);
/// A transaction that takes longer, waiting for a connection included, is begun anew; the next one may
/// take twice as long. After an outage a link can be dead without anybody saying so.
const PATIENCE: Duration = Duration::from_secs(10);
/// First and longest pause before a commit is tried again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Names what made the results of this program.
const MAKING: Making<'static> = Making {
    model_version: MODEL_VERSION,
    convention_id: CONVENTION_ID,
};

/// A computed task on its way into the database.
pub(super) struct Finished {
    pub(super) claimed: Arc<Claimed>,
    /// It is in hand until it is settled.
    pub(super) _grip: Grip,
    pub(super) entries: Vec<Entry>,
    /// Given back after the commit.
    pub(super) permits: Vec<OwnedSemaphorePermit>,
    pub(super) worked: Worked,
    pub(super) deadline: Deadline,
}

/// Commits until no task can come any more.
pub(super) async fn commit_all(life: Arc<Life>, commits: Arc<Mutex<mpsc::Receiver<Finished>>>) {
    loop {
        let batch = gather(&life, &mut *commits.lock().await).await;
        if batch.is_empty() {
            return;
        }
        commit(&life, batch).await;
    }
}

/// The next batch: whatever is there, and what comes within 8 ms while others still compute.
async fn gather(life: &Life, commits: &mut mpsc::Receiver<Finished>) -> Vec<Finished> {
    let mut batch = Vec::new();
    let Some(first) = commits.recv().await else {
        return batch;
    };
    batch.push(first);
    let until = tokio::time::Instant::now() + GATHER;
    while batch.len() < life.options.batch.get() {
        match commits.try_recv() {
            Ok(next) => {
                batch.push(next);
                continue;
            }
            Err(mpsc::error::TryRecvError::Disconnected) => break,
            Err(mpsc::error::TryRecvError::Empty) => {}
        }
        let in_hand = life.counters.in_hand.load(Ordering::Relaxed);
        if in_hand <= batch.len() as u64 {
            break;
        }
        match tokio::time::timeout_at(until, commits.recv()).await {
            Ok(Some(next)) => batch.push(next),
            Ok(None) | Err(_) => break,
        }
    }
    // The same order of locks in every worker.
    batch.sort_by_key(|finished| finished.claimed.at);
    batch
}

/// Commits a batch; bisects it where its data is at fault, so that only the culprit fails.
fn commit(life: &Life, mut batch: Vec<Finished>) -> BoxFuture<'_, ()> {
    Box::pin(async move {
        let mut backoff = BACKOFF.0;
        let mut limit = PATIENCE;
        let mut repeated = false;
        loop {
            let attempt = tokio::time::timeout(limit, transaction(life, &batch, repeated)).await;
            let error = match attempt {
                Ok(Ok(ours)) => return settle(life, batch, &ours),
                Ok(Err(error)) => error,
                Err(_elapsed) => {
                    limit *= 2;
                    let what = "postgres did not answer a commit in time".to_owned();
                    Error::Transient { what, after: None }
                }
            };
            if life.abandon.is_cancelled() {
                break;
            }
            let data = match &error {
                Error::Store(error) => !error.may_pass(),
                Error::Transient { .. } => false,
                _ => true,
            };
            if data && batch.len() > 1 {
                let half = batch.split_off(batch.len() / 2);
                commit(life, batch).await;
                return commit(life, half).await;
            }
            if data {
                break fail(life, &batch, &error).await;
            }
            if batch.iter().all(|finished| finished.deadline.passed()) {
                tracing::warn!(error = %chain(&error), "deadline passed while committing");
                break;
            }
            tracing::warn!(error = %chain(&error), tasks = batch.len(), "commit will be repeated");
            repeated = true;
            tokio::time::sleep(backoff).await;
            backoff = (backoff * 2).min(BACKOFF.1);
        }
        life.counters
            .in_hand
            .fetch_sub(batch.len() as u64, Ordering::Relaxed);
    })
}

async fn fail(life: &Life, batch: &[Finished], error: &Error) {
    for finished in batch {
        // `fail` counts the task out of our hands.
        life.counters.in_hand.fetch_add(1, Ordering::Relaxed);
        task::fail(life, &finished.claimed, &finished.entries, error).await;
    }
}

/// Fence, results, COMMIT. Says which tasks are ours and done.
async fn transaction(
    life: &Life,
    batch: &[Finished],
    repeated: bool,
) -> Result<BTreeSet<TaskEpoch>, Error> {
    let completions: Vec<Completion> = batch
        .iter()
        .map(|finished| finished.worked.completion.clone())
        .collect();
    let mut wanted = Vec::new();
    let mut writes = false;
    for finished in batch {
        let phase = phase(life, finished.claimed.phase)?;
        writes |= phase.writes();
        let worked = &finished.worked;
        let sets = phase.sets(&worked.output)?;
        wanted.extend(sets.into_iter().map(|set| header(worked, set)));
    }
    let pool = &life.engine.pools.commit;
    // The fence writes headers as well: where that is all, it is the whole transaction.
    let mut tx = if writes {
        WriteTx::begin(pool).await?
    } else {
        WriteTx::alone(pool).await?
    };
    let (waited, opened) = tx.times();
    let done = tasks::complete_with_sets(&mut tx, life.id, &completions, &wanted, MAKING).await?;
    let done: BTreeMap<TaskEpoch, Vec<_>> =
        done.into_iter().map(|done| (done.at, done.sets)).collect();
    if writes {
        write(life, &mut tx, batch, &done).await?;
    }
    for finished in batch
        .iter()
        .filter(|finished| done.contains_key(&finished.claimed.at))
    {
        life.failpoint(Moment::InCommit, finished.claimed.phase);
    }
    tx.commit().await?;
    life.counters.commit(waited, opened.elapsed());

    let mut ours: BTreeSet<TaskEpoch> = done.into_keys().collect();
    if repeated {
        // The answer to an earlier COMMIT may have been lost on the way.
        for finished in batch {
            let at = finished.claimed.at;
            if !ours.contains(&at) && tasks::was_committed(&life.engine.pools.control, at).await? {
                ours.insert(at);
            }
        }
    }
    Ok(ours)
}

fn phase(life: &Life, name: PhaseName) -> Result<&dyn AnyPhase, Error> {
    let phase = life.engine.phase(name);
    phase.map_err(|error| Error::Bug(error.to_string()))
}

fn header(worked: &Worked, (kind, owner, as_of, definitions): Wish) -> NewSet {
    let task = &worked.task;
    NewSet {
        kind,
        owner,
        as_of,
        run_id: task.run_id,
        run_seq: task.run_seq,
        at: task.at,
        data_version: worked.data_version,
        definitions,
        provider_basis: task.basis.as_str(),
    }
}

/// The results of tasks that are done.
async fn write(
    life: &Life,
    tx: &mut WriteTx,
    batch: &[Finished],
    done: &BTreeMap<TaskEpoch, Vec<(String, String, NaiveDate)>>,
) -> Result<(), Error> {
    let mut by_phase: BTreeMap<PhaseName, Vec<DoneAny<'_>>> = BTreeMap::new();
    for finished in batch {
        let Some(sets) = done.get(&finished.claimed.at) else {
            continue;
        };
        let of_phase = by_phase.entry(finished.claimed.phase).or_default();
        of_phase.push(DoneAny {
            task: &finished.worked.task,
            data_version: finished.worked.data_version,
            output: &finished.worked.output,
            sets,
        });
    }
    let mut superseded = Vec::new();
    // In the order of the pipeline: phases that change inputs come before those that write sets. The other way round two batches could share the
    // lock on sets (`migrations/0003_results.sql`) and each wait to have it alone.
    for (name, done) in &by_phase {
        superseded.extend(phase(life, *name)?.commit(tx, done).await?);
    }
    if !superseded.is_empty() {
        let ids: Vec<_> = superseded.iter().map(|at| at.task).collect();
        tasks::superseded(tx, &ids).await?;
    }
    Ok(())
}

/// After COMMIT: acknowledge, open gates, give permits back.
fn settle(life: &Life, batch: Vec<Finished>, ours: &BTreeSet<TaskEpoch>) {
    let mut entries = Vec::new();
    let mut touched = BTreeSet::new();
    let mut permits = Vec::new();
    let tasks = batch.len() as u64;
    for finished in batch {
        let claimed = &finished.claimed;
        if ours.contains(&claimed.at) {
            count(&life.counters.committed);
            life.failpoint(Moment::AfterCommit, claimed.phase);
            touched.insert((claimed.run_id, claimed.phase));
            let timings = finished.worked.completion.timings;
            tracing::info!(
                run_id = %claimed.run_id,
                phase = %claimed.phase,
                task_id = %claimed.at.task,
                unit = claimed.unit,
                load_ms = timings.load_ms,
                fetch_ms = timings.fetch_ms,
                compute_ms = timings.compute_ms,
                "task committed"
            );
        } else {
            // A later attempt owns the task.
            count(&life.counters.stale_commits);
        }
        entries.extend(finished.entries);
        permits.extend(finished.permits);
    }
    life.counters.in_hand.fetch_sub(tasks, Ordering::Relaxed);
    release(permits);
    for key in touched {
        // The gatekeeper ends with the worker; then the steward opens the gate.
        let _ = life.touched.send(key);
    }
    life.acknowledge.soon(entries);
}

/// All at once, for whoever waits takes what is there: one by one they would be claimed one by one.
fn release(permits: Vec<OwnedSemaphorePermit>) {
    let mut merged: Vec<OwnedSemaphorePermit> = Vec::new();
    for permit in permits {
        // Suspects hold permits of both classes.
        match merged
            .iter_mut()
            .find(|other| Arc::ptr_eq(other.semaphore(), permit.semaphore()))
        {
            Some(same) => same.merge(permit),
            None => merged.push(permit),
        }
    }
}
