//! The steward: one of the workers at a time, by lease. It does what needs doing when the process
//! that should have done it is gone; two of them would only waste work.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::housekeeping::{self, Housekeeping};
use super::{Engine, Error, alerts, announce, doctor, gatekeeper, retry_delay};
use crate::domain::{Hint, TaskEpoch, TaskId, WorkerId};
use crate::engine::MAX_ATTEMPTS;
use crate::queue::{Entry, Says};
use crate::store::tasks::{self, NewTask, Orphan, Reaping};
use crate::store::{self, WriteTx, control, gates};

const TICK: Duration = Duration::from_secs(1);
/// Ticks between two looks for passed deadlines, and between two reconciliations.
const DEADLINE_TICKS: u64 = 5;
const RECONCILE_TICKS: u64 = 15;
const CLEAN_UP_TICKS: u64 = 600;
const OVERDUE_TICKS: u64 = 60;
/// Between two looks whose the streams are.
const OWNER_TICKS: u64 = 60;
const ALERT_TICKS: u64 = 10;
/// A worker ends its own computations at the deadline; after so long it is not listening.
const DEADLINE_GRACE_SECONDS: f64 = 5.0;
/// An opener that has not published by now is dead.
const PUBLISH_GRACE_SECONDS: f64 = 1.0;
/// A claimable task of this age should have a hint.
const HINT_GRACE_SECONDS: f64 = 3.0;
/// Tasks reaped in one transaction.
const REAP: i64 = 500;
const CONSUMER_IDLE_MS: u64 = 3_600_000;
/// A pending entry younger than this is in the hands of a worker that is about to claim it.
pub(super) const PENDING_MS: u64 = 30_000;
/// So long after a resume every look is a thorough one.
const RESUMED_SECONDS: f64 = 4.0;
/// When something was just resumed nobody is trusted: who holds an entry may have been told "not now".
const RESUMED_PENDING_MS: u64 = 0;

/// The duties of a steward. A worker has them done by the clock; whoever wants one done at once may ask.
pub struct Steward {
    pub(super) engine: Engine,
    pub(super) worker: WorkerId,
    pub(super) lease: Duration,
    pub(super) max_crashes: i16,
    /// What is due once in a while.
    pub(super) housekeeping: Housekeeping,
    /// Somebody saw that entries may be missing.
    pub(super) reconcile: Arc<Notify>,
}

/// What a steward remembers between ticks.
struct Term {
    number: i64,
    ticks: u64,
    due_since: DateTime<Utc>,
    /// Somebody outside is being told of alerts: whom nothing else waits for.
    telling: Option<JoinHandle<()>>,
}

impl Steward {
    /// One that waits to be asked.
    pub fn new(engine: Engine, worker: WorkerId, lease: Duration, max_crashes: i16) -> Self {
        Self {
            engine,
            worker,
            lease,
            max_crashes,
            housekeeping: Housekeeping::default(),
            reconcile: Arc::default(),
        }
    }

    /// What it looks at once in a while.
    #[must_use]
    pub fn keeping(self, housekeeping: Housekeeping) -> Self {
        Self {
            housekeeping,
            ..self
        }
    }

    /// Asks for the lease every second, and serves while it holds it. The future may be dropped at
    /// any point: all duties are idempotent.
    pub(super) async fn serve(self) {
        let mut ticks = tokio::time::interval(TICK.min(self.lease / 4));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut term: Option<Term> = None;
        let mut last_seconds = Instant::now();
        loop {
            let urgent = tokio::select! {
                _ = ticks.tick() => false,
                () = self.reconcile.notified() => true,
            };
            let lease_seconds = self.lease.as_secs_f64() / 2.0;
            let pool = &self.engine.pools.control;
            match store::steward::hold(pool, self.worker, lease_seconds).await {
                Ok(Some(number)) if term.as_ref().is_none_or(|term| term.number != number) => {
                    tracing::info!(term = number, worker = %self.worker.consumer(), "steward");
                    term = Some(Term {
                        number,
                        ticks: 0,
                        due_since: DateTime::UNIX_EPOCH,
                        telling: None,
                    });
                }
                Ok(Some(_)) => {}
                Ok(None) => term = None,
                Err(error) => {
                    tracing::debug!(%error, "asking for the steward's lease");
                    term = None;
                }
            }
            let Some(term) = term.as_mut() else { continue };
            let second = last_seconds.elapsed() >= TICK || term.ticks == 0;
            if !(second || urgent) {
                continue;
            }
            last_seconds = Instant::now();
            if let Err(error) = self.duties(term, urgent).await {
                tracing::debug!(error = %error, "a duty failed and will be repeated");
            }
            term.ticks += 1;
        }
    }

    async fn duties(&self, term: &mut Term, urgent: bool) -> Result<(), Error> {
        // What needs no Redis comes first: it may be away for a whole night.
        let lost = self.reap_lost().await?;
        if term.ticks.is_multiple_of(DEADLINE_TICKS) {
            self.reap_overdue().await?;
        }
        if term.ticks.is_multiple_of(OVERDUE_TICKS) {
            self.overdue().await?;
        }
        if term.ticks.is_multiple_of(ALERT_TICKS)
            && let Err(error) = self.alert().await
        {
            // Work goes on, whether somebody hears of it or not.
            tracing::warn!(%error, "alerts could not be raised");
        }
        self.tell(term);
        if term.ticks % CLEAN_UP_TICKS == CLEAN_UP_TICKS - 1 {
            store::workers::forget_lost(&self.engine.pools.control).await?;
            housekeeping::prune(&self.engine, &self.housekeeping).await?;
        }
        for run in store::steward::going_runs(&self.engine.pools.control).await? {
            gatekeeper::ask(&self.engine, run).await;
        }
        for (run, phase) in
            gates::unpublished(&self.engine.pools.control, PUBLISH_GRACE_SECONDS).await?
        {
            announce(&self.engine, run, &[phase]).await?;
        }
        let (hints, now) = tasks::due_since(&self.engine.pools.control, term.due_since).await?;
        self.engine.queue.publish(&hints).await?;
        term.due_since = now;
        let wiped = !self.engine.queue.has_meta().await?;
        if wiped {
            tracing::warn!("redis is empty: rebuilding the streams");
            self.engine.queue.ensure().await?;
        }
        if control::resumed_lately(&self.engine.pools.control, RESUMED_SECONDS).await? {
            // Hints that were read while they were held back lie with their readers.
            self.reconcile(0.0, RESUMED_PENDING_MS).await?;
        } else if wiped || urgent || lost {
            self.reconcile(0.0, PENDING_MS).await?;
        } else if term.ticks.is_multiple_of(RECONCILE_TICKS) {
            self.reconcile(HINT_GRACE_SECONDS, PENDING_MS).await?;
        }
        if term.ticks % CLEAN_UP_TICKS == CLEAN_UP_TICKS - 1 {
            self.engine.queue.forget_consumers(CONSUMER_IDLE_MS).await?;
        }
        if term.ticks.is_multiple_of(OWNER_TICKS) {
            // Said for as long as it is so: until then tasks wait for a reconciliation.
            let owner = self.engine.queue.owner().await?;
            if let Some(check) = doctor::stranger(owner.as_deref(), &self.engine.queue) {
                check.log();
            }
        }
        Ok(())
    }

    /// Raises that a session has no finished run, though it should have one by now.
    pub async fn overdue(&self) -> Result<(), Error> {
        housekeeping::alert_overdue(&self.engine, &self.housekeeping).await
    }

    /// Raises alerts that there is a cause for.
    pub async fn alert(&self) -> Result<(), Error> {
        alerts::raise(&self.engine, &self.housekeeping).await
    }

    /// Tells the webhook, unless it is being told.
    fn tell(&self, term: &mut Term) {
        let idle = term.telling.as_ref().is_none_or(JoinHandle::is_finished);
        let Some(webhook) = self.housekeeping.webhook.clone().filter(|_| idle) else {
            return;
        };
        let pool = self.engine.pools.control.clone();
        term.telling = Some(tokio::spawn(async move {
            if let Err(error) = webhook.deliver(&pool).await {
                tracing::debug!(%error, "alerts are told later");
            }
        }));
    }

    /// Marks workers lost and takes their tasks back, at once. Says whether there were any.
    pub async fn reap_lost(&self) -> Result<bool, Error> {
        let mut tx = WriteTx::begin(&self.engine.pools.commit).await?;
        let lost =
            store::workers::mark_lost(&mut tx, self.worker, self.lease.as_secs_f64()).await?;
        for worker in &lost {
            let detail = serde_json::json!({ "worker": worker.consumer() });
            store::events::record(&mut tx, None, "worker-lost", &detail).await?;
            tracing::warn!(lost = %worker.consumer(), "worker lost");
        }
        let orphans = tasks::orphans(&mut tx, REAP).await?;
        let touched = self.reap(&mut tx, &orphans, "lost").await?;
        tx.commit().await?;
        self.follow_up(&orphans, &touched).await?;
        Ok(!lost.is_empty())
    }

    /// Takes back the tasks of workers that do not end them at their deadline.
    pub async fn reap_overdue(&self) -> Result<(), Error> {
        let mut tx = WriteTx::begin(&self.engine.pools.commit).await?;
        let overdue = tasks::overdue(&mut tx, DEADLINE_GRACE_SECONDS, REAP).await?;
        let touched = self.reap(&mut tx, &overdue, "deadline").await?;
        tx.commit().await?;
        self.follow_up(&overdue, &touched).await
    }

    async fn reap(
        &self,
        tx: &mut WriteTx,
        orphans: &[Orphan],
        outcome: &str,
    ) -> Result<Vec<TaskId>, Error> {
        let mut ready = Vec::new();
        for orphan in orphans {
            let crashed = outcome == "lost";
            let exhausted = if crashed {
                orphan.crashes >= self.max_crashes
            } else {
                orphan.attempts >= MAX_ATTEMPTS
            };
            let class = match (crashed, exhausted) {
                (true, true) => "poison",
                (true, false) => "lost",
                _ => "deadline",
            };
            let error = if crashed {
                "its worker was lost"
            } else {
                "its deadline passed"
            };
            let elements = if exhausted {
                self.elements(orphan)
            } else {
                Vec::new()
            };
            let state = match (exhausted, elements.len() > 1) {
                (false, _) => "ready",
                (true, true) => "split",
                (true, false) => "dead",
            };
            let delay = if crashed {
                Duration::ZERO
            } else {
                retry_delay(orphan.attempts, orphan.at.task.0)
            };
            let how = Reaping {
                state,
                outcome,
                class,
                error,
                delay_seconds: delay.as_secs_f64(),
            };
            tasks::reap(tx, orphan, how).await?;
            match state {
                "ready" => ready.push(orphan.at.task),
                "split" => {
                    let version = orphan.input_version;
                    let (run, phase) = (orphan.run_id, &orphan.phase);
                    ready.extend(tasks::insert_elements(tx, run, phase, version, &elements).await?);
                }
                _ => {
                    let detail = serde_json::json!({
                        "task": orphan.at.task.0, "phase": orphan.phase, "class": class, "error": error,
                    });
                    store::events::record(tx, Some(orphan.run_id), "task-dead", &detail).await?;
                    tracing::error!(task_id = %orphan.at.task, phase = %orphan.phase, class, "task dead");
                }
            }
        }
        Ok(ready)
    }

    fn elements(&self, orphan: &Orphan) -> Vec<NewTask> {
        let known = orphan.phase.parse().map(|name| self.engine.phase(name));
        let Ok(Ok(phase)) = known else {
            return Vec::new();
        };
        let units = phase.split(&orphan.input, orphan.as_of).unwrap_or_default();
        units
            .into_iter()
            .map(|unit| NewTask {
                unit: unit.unit,
                as_of: unit.as_of,
                input: unit.input,
            })
            .collect()
    }

    async fn follow_up(&self, orphans: &[Orphan], ready: &[TaskId]) -> Result<(), Error> {
        if orphans.is_empty() {
            return Ok(());
        }
        tracing::warn!(tasks = orphans.len(), retried = ready.len(), "tasks reaped");
        let hints = tasks::hints_of(&self.engine.pools.control, ready).await?;
        self.engine.queue.publish(&hints).await?;
        Ok(())
    }

    /// Compares the streams with Postgres: every claimable task gets a deliverable hint, hints of
    /// final tasks go. Streams first: what is acknowledged in between is merely looked at twice.
    pub async fn reconcile(&self, ready_seconds: f64, pending_ms: u64) -> Result<(), Error> {
        // What a lost worker has read nobody claims, however lately that was.
        let lost = store::workers::lost(&self.engine.pools.control).await?;
        let lost: BTreeSet<String> = lost.into_iter().map(WorkerId::consumer).collect();
        let in_hand = |consumer: &str, idle_ms| idle_ms < pending_ms && !lost.contains(consumer);
        let survey = self.engine.queue.survey(in_hand).await?;
        let useless: Vec<Entry> = survey.useless().cloned().collect();
        for entry in &useless {
            if let Says::Garbage(text) = &entry.says {
                let fields = [("garbage", text.clone()), ("stream", entry.stream.clone())];
                self.engine.queue.bury(&fields).await?;
            }
        }
        let stranger = useless.iter().find_map(|entry| match &entry.says {
            Says::Foreign(installation) => Some(installation),
            Says::Task(_) | Says::Garbage(_) => None,
        });
        if let Some(installation) = stranger {
            let remedy = doctor::APART;
            tracing::warn!(
                installation,
                remedy,
                "hints of another installation dropped"
            );
        }
        let mut carried: std::collections::BTreeMap<TaskEpoch, (bool, Vec<Entry>)> =
            std::collections::BTreeMap::new();
        for found in &survey.found {
            if let Says::Task(at) = found.entry.says {
                let place = carried.entry(at).or_default();
                place.0 |= found.deliverable;
                place.1.push(found.entry.clone());
            }
        }
        let pool = &self.engine.pools.control;
        let hinted: Vec<TaskEpoch> = carried.keys().copied().collect();
        let mut drop = useless;
        for at in tasks::outdated(pool, &hinted).await? {
            drop.extend(
                carried
                    .remove(&at)
                    .map(|(_, entries)| entries)
                    .unwrap_or_default(),
            );
        }
        let mut missing: Vec<Hint> = Vec::new();
        for hint in tasks::should_have_hints(pool, ready_seconds).await? {
            match carried.remove(&hint.at) {
                Some((true, _)) => {}
                Some((false, old)) => {
                    drop.extend(old);
                    missing.push(hint);
                }
                None => missing.push(hint),
            }
        }
        self.engine.queue.replace(&drop, &missing).await?;
        self.engine.queue.forget(&survey.ghosts).await?;
        if !missing.is_empty() || !drop.is_empty() {
            tracing::info!(
                republished = missing.len(),
                removed = drop.len(),
                "streams reconciled"
            );
        }
        let queues = serde_json::json!({
            "streams": survey.streams.iter().filter(|stream| stream.length > 0).collect::<Vec<_>>(),
        });
        store::steward::store_queues(pool, self.worker, &queues).await?;
        Ok(())
    }
}
