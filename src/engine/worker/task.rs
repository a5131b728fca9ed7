//! One attempt at one task: load, fetch, compute, and on to the commit; or a failure, settled.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tracing::Instrument;

use super::commit::Finished;
use super::counters::count;
use super::hands::Grip;
use super::intake::chain;
use super::load::Loaded;
use super::{Life, Moment, rate};
use crate::clock::Deadline;
use crate::domain::TaskId;
use crate::engine::{MAX_ATTEMPTS, retry_delay};
use crate::phases::{AnyValue, Cx, Error, TaskRef};
use crate::queue::Entry;
use crate::store::tasks::{self, Claimed, Completion, Failure, NewTask, Timings};
use crate::store::{self, WriteTx};

/// Being parked by a rate limit ends after this long.
const MAX_PARKED_SECONDS: f64 = 2.0 * 3_600.0;
/// First and longest pause before something is asked again of a Postgres that went away.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// A failure that cannot be recorded for so long is left to the steward.
const RECORDING: Duration = Duration::from_mins(5);
/// Longest error text that is stored.
const ERROR_CHARS: usize = 2_000;

/// Runs one attempt to its end, whatever that is.
pub(super) async fn run(
    life: Arc<Life>,
    commits: mpsc::Sender<Finished>,
    claimed: Arc<Claimed>,
    grip: Grip,
    entries: Vec<Entry>,
    permits: Vec<OwnedSemaphorePermit>,
) {
    let span = tracing::info_span!(
        "task",
        run_id = %claimed.run_id,
        phase = %claimed.phase,
        task_id = %claimed.at.task,
        attempt = claimed.attempts + claimed.crashes + 1,
        worker = %life.id.consumer(),
    );
    // Boxed, for it is large, and tasks are moved into and out of the executor.
    Box::pin(attempt(life, commits, claimed, grip, entries, permits))
        .instrument(span)
        .await;
}

async fn attempt(
    life: Arc<Life>,
    commits: mpsc::Sender<Finished>,
    claimed: Arc<Claimed>,
    grip: Grip,
    entries: Vec<Entry>,
    permits: Vec<OwnedSemaphorePermit>,
) {
    life.failpoint(Moment::AfterClaim, claimed.phase);
    let limit = Duration::from_secs_f64(claimed.timeout_seconds.max(1.0));
    let cx = Cx {
        provider: Arc::clone(&life.options.provider),
        deadline: Deadline::after(limit),
        cancel: grip.stop().clone(),
        calendar: life.engine.calendar,
    };
    let result = tokio::select! {
        result = tokio::time::timeout(limit, work(&life, &claimed, &cx)) => {
            result.unwrap_or(Err(Error::Interrupted("deadline passed")))
        }
        () = cx.cancel.cancelled() => Err(Error::Interrupted("cancelled")),
    };
    match result {
        Ok(worked) => {
            life.failpoint(Moment::BeforeCommit, claimed.phase);
            let finished = Finished {
                claimed,
                _grip: grip,
                entries,
                permits,
                worked,
                deadline: cx.deadline,
            };
            if commits.send(finished).await.is_err() {
                life.counters.in_hand.fetch_sub(1, Ordering::Relaxed);
            }
        }
        Err(error) => {
            cx.cancel.cancel();
            fail(&life, &claimed, &entries, &error).await;
        }
    }
}

/// What an attempt brought.
pub(super) struct Worked {
    pub(super) task: TaskRef,
    pub(super) data_version: i64,
    pub(super) output: AnyValue,
    pub(super) completion: Completion,
}

async fn work(life: &Arc<Life>, claimed: &Arc<Claimed>, cx: &Cx) -> Result<Worked, Error> {
    let phase = life
        .engine
        .phase(claimed.phase)
        .map_err(|error| Error::Bug(error.to_string()))?;
    let task = TaskRef {
        at: claimed.at,
        run_id: claimed.run_id,
        run_seq: claimed.run_seq,
        final_date: claimed.final_date,
        force: claimed.force,
        as_of: claimed.as_of,
        calendar: life.engine.calendar,
        basis: cx.provider.basis(),
    };

    let started = Instant::now();
    let Loaded {
        value,
        data_version,
    } = load(life, claimed, &task).await?;
    let load_ms = milliseconds(started);

    let started = Instant::now();
    rate::wait_for_turn(life, phase, cx).await?;
    let fetched = phase.fetch(cx, value).await?;
    let fetch_ms = milliseconds(started);

    let compute = {
        let (life, cx, name) = (Arc::clone(life), cx.clone(), claimed.phase);
        move || {
            cx.check()?;
            let started = Instant::now();
            life.failpoint(Moment::MidCompute, name);
            if let Some(probe) = &life.options.probe {
                (probe.0)(name);
            }
            let phase = life
                .engine
                .phase(name)
                .map_err(|error| Error::Bug(error.to_string()))?;
            let output = phase.compute(&cx, fetched)?;
            Ok((output, milliseconds(started)))
        }
    };
    let (output, compute_ms) = life.cores.run(compute).await?;

    let completion = Completion {
        at: claimed.at,
        outcome: phase.outcome(&output)?,
        timings: Timings {
            load_ms,
            fetch_ms,
            compute_ms,
        },
    };
    Ok(Worked {
        task,
        data_version,
        output,
        completion,
    })
}

/// Reads what the task needs, in one snapshot; once more where the link broke. That is no failure of
/// the task's, and the deadline bounds it.
async fn load(life: &Life, claimed: &Arc<Claimed>, task: &TaskRef) -> Result<Loaded, Error> {
    let mut pause = PAUSE.0;
    loop {
        match life.loads.load(claimed, task).await {
            Err(Error::Store(error)) if error.is_outage() => {
                tracing::warn!(error = %chain(&error), "loading will be repeated");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE.1);
            }
            read => return read,
        }
    }
}

fn milliseconds(since: Instant) -> f32 {
    since.elapsed().as_secs_f32() * 1e3
}

/// Ends an attempt without results: retried, parked, split into elements, or dead.
pub(super) async fn fail(life: &Life, claimed: &Claimed, entries: &[Entry], error: &Error) {
    let lost = life.abandon.is_cancelled();
    if !lost {
        // What was cancelled has ended already, and did not fail.
        if record(life, claimed, error).await {
            count(&life.counters.failed);
        }
        life.acknowledge.soon(entries.to_vec());
        let _ = life.touched.send((claimed.run_id, claimed.phase));
    }
    life.counters.in_hand.fetch_sub(1, Ordering::Relaxed);
}

/// Until it is recorded, or somebody else will see to it: nothing is lost then, for the deadline passes. Says whether the attempt was ours
/// to end, as far as we know.
async fn record(life: &Life, claimed: &Claimed, error: &Error) -> bool {
    let until = Instant::now() + RECORDING;
    let mut pause = PAUSE.0;
    loop {
        let problem = match settle(life, claimed, error).await {
            Ok(ours) => return ours,
            Err(problem) => problem,
        };
        let hopeless = !(problem.is_outage() || problem.is_conflict()) || Instant::now() > until;
        tracing::warn!(error = %chain(&problem), hopeless, "failure not recorded");
        if hopeless || life.abandon.is_cancelled() {
            return true;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}

/// Says whether the attempt was ours to end: one that was cancelled, or given to somebody else, is not.
async fn settle(life: &Life, claimed: &Claimed, error: &Error) -> Result<bool, store::Error> {
    let text: String = chain(error).chars().take(ERROR_CHARS).collect();
    let failures = claimed.attempts + 1;
    let mut tx = WriteTx::begin(&life.engine.pools.commit).await?;
    let retry = match error {
        Error::RateLimited { after, .. } => {
            let parked = tasks::parked_seconds(&mut tx, claimed.at.task).await?;
            (parked < MAX_PARKED_SECONDS).then_some(*after)
        }
        Error::Transient { after, .. } if failures < MAX_ATTEMPTS => {
            Some(after.unwrap_or_else(|| retry_delay(failures, claimed.at.task.0)))
        }
        Error::Store(source) if !source.is_data() && failures < MAX_ATTEMPTS => {
            Some(retry_delay(failures, claimed.at.task.0))
        }
        Error::Interrupted(_) if failures < MAX_ATTEMPTS => {
            Some(retry_delay(failures, claimed.at.task.0))
        }
        _ => None,
    };
    let parked = matches!(error, Error::RateLimited { .. });
    let outcome = match error {
        Error::RateLimited { .. } => "parked",
        Error::Interrupted(_) => "deadline",
        _ => "failed",
    };
    let failure = Failure {
        class: if parked && retry.is_none() {
            "parked_too_long"
        } else {
            error.class()
        },
        error: &text,
        outcome,
        counts: !parked,
        retry_after_seconds: retry.map(|delay| delay.as_secs_f64()),
    };
    if retry.is_none() {
        let elements = elements(life, claimed);
        if elements.len() > 1 {
            let inserted = tasks::split(&mut tx, life.id, claimed.at, &failure, &elements).await?;
            tx.commit().await?;
            if let Some(inserted) = &inserted {
                tracing::warn!(error = text, elements = inserted.len(), "chunk split");
                publish(life, inserted).await;
            }
            return Ok(inserted.is_some());
        }
    }
    let ours = tasks::give_back(&mut tx, life.id, claimed.at, &failure).await?;
    if ours && retry.is_none() {
        let detail = serde_json::json!({
            "task": claimed.at.task.0, "phase": claimed.phase, "unit": claimed.unit,
            "class": failure.class, "error": text,
        });
        store::events::record(&mut tx, Some(claimed.run_id), "task-dead", &detail).await?;
    }
    tx.commit().await?;
    match retry {
        _ if !ours => {}
        Some(delay) => tracing::warn!(
            error = text,
            class = failure.class,
            retry_s = delay.as_secs_f64(),
            "attempt failed"
        ),
        None => {
            tracing::error!(
                error = text,
                class = failure.class,
                unit = claimed.unit,
                "task dead"
            );
            let fields = [
                ("task", claimed.at.task.to_string()),
                ("phase", claimed.phase.number().to_owned()),
                ("unit", claimed.unit.clone()),
                ("class", failure.class.to_owned()),
                ("error", text.chars().take(200).collect()),
            ];
            if let Err(error) = life.engine.queue.bury(&fields).await {
                tracing::debug!(%error, "dead task not mirrored");
            }
        }
    }
    Ok(ours)
}

/// Publishes tasks that were just made; what fails is left to the reconciler.
async fn publish(life: &Life, made: &[TaskId]) {
    let published = async {
        let hints = tasks::hints_of(&life.engine.pools.control, made).await?;
        life.engine.queue.publish(&hints).await?;
        Ok::<_, crate::engine::Error>(())
    };
    if let Err(error) = published.await {
        tracing::debug!(%error, "hints of elements left to the reconciler");
    }
}

fn elements(life: &Life, claimed: &Claimed) -> Vec<NewTask> {
    let Ok(phase) = life.engine.phase(claimed.phase) else {
        return Vec::new();
    };
    let units = phase
        .split(&claimed.input, claimed.as_of)
        .unwrap_or_default();
    units
        .into_iter()
        .map(|unit| NewTask {
            unit: unit.unit,
            as_of: unit.as_of,
            input: unit.input,
        })
        .collect()
}
