//! Intake: permits first, then hints, then one claim for all hints of a read. One loop for each class
//! of permits, each with a reader of its own: a blocking read for one class must not keep the
//! other waiting.
//!
//! With Redis away for ten seconds, tasks are claimed straight from Postgres until it is back.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::commit::Finished;
use super::counters::count;
use super::{End, Life, task};
use crate::domain::{PermitClass, PhaseName, TaskEpoch, TaskId};
use crate::engine::doctor;
use crate::queue::{Entry, Read, Reader, Says, Wanted};
use crate::store::control;
use crate::store::tasks::{self, Answer, Capability};

/// Redis may be away this long before Postgres is asked directly.
const PATIENCE: Duration = Duration::from_secs(10);
/// First and longest pause after an error.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));
/// Between two direct questions to Postgres.
const DIRECT_POLL: Duration = Duration::from_millis(500);
/// Longest wait for more permits, as long as half of them are in use.
const GATHER: Duration = Duration::from_millis(16);
/// Asking a Redis that does not answer takes a fifth of the time at most.
const PROBING: u32 = 4;
/// Most tasks of one claim.
const CLAIM: usize = 64;
/// Between two lines about another installation.
const TOLD: Duration = Duration::from_mins(1);

pub(super) async fn take_in(
    life: &Arc<Life>,
    class: PermitClass,
    finished: mpsc::Sender<Finished>,
    tasks: &TaskTracker,
    drain: &CancellationToken,
    reconcile: &Notify,
) -> End {
    let mut intake = Intake::new(life, class, finished);
    loop {
        if life.abandon.is_cancelled() {
            return End::Lost;
        }
        if drain.is_cancelled() {
            intake.give_back().await;
            return End::Drained;
        }
        let permits = intake.permits(drain).await;
        if permits.is_empty() {
            continue;
        }
        let found = intake.find(permits.len(), reconcile).await;
        if life.abandon.is_cancelled() || found.is_empty() {
            continue;
        }
        intake.claim(found, permits, tasks).await;
    }
}

/// Hints with the entries that carry them; none where Postgres was asked directly.
type Hints = BTreeMap<TaskEpoch, Vec<Entry>>;

struct Intake<'a> {
    life: &'a Arc<Life>,
    class: PermitClass,
    /// Phases of the class.
    phases: Vec<PhaseName>,
    /// To the committers, who end when the last sender is gone.
    finished: mpsc::Sender<Finished>,
    capabilities: Vec<Capability>,
    reader: Option<Reader>,
    /// Since when Redis does not answer.
    away_since: Option<Instant>,
    /// When it is asked again, once tasks are claimed straight from Postgres.
    probe_at: Instant,
    /// The last question to Postgres brought all that was asked for.
    more: bool,
    backoff: Duration,
    /// Hints that were read beyond the permits.
    surplus: VecDeque<Entry>,
    /// Hints of a claim whose answer was lost: asked again before anything else.
    doubtful: Hints,
    /// Tasks that crashed a worker before: for a moment in which nothing else runs.
    suspects: VecDeque<(TaskEpoch, Vec<Entry>)>,
    /// When another installation was last told of.
    told_at: Option<Instant>,
}

impl<'a> Intake<'a> {
    fn new(life: &'a Arc<Life>, class: PermitClass, finished: mpsc::Sender<Finished>) -> Self {
        let own = life
            .engine
            .registry
            .iter()
            .filter(|phase| phase.class() == class);
        let capabilities: Vec<Capability> = own
            .map(|phase| Capability {
                phase: phase.name(),
                version: phase.version(),
                timeout_seconds: phase.timeout().as_secs_f64(),
            })
            .collect();
        Self {
            life,
            class,
            phases: capabilities
                .iter()
                .map(|capability| capability.phase)
                .collect(),
            finished,
            capabilities,
            reader: None,
            away_since: None,
            probe_at: Instant::now(),
            more: false,
            backoff: BACKOFF.0,
            surplus: VecDeque::new(),
            doubtful: Hints::new(),
            suspects: VecDeque::new(),
            told_at: None,
        }
    }

    /// Waits for a permit, then takes all that are free.
    async fn permits(&self, drain: &CancellationToken) -> Vec<OwnedSemaphorePermit> {
        let semaphore = self.life.permits(self.class);
        let mut permits = Vec::new();
        tokio::select! {
            () = drain.cancelled() => {}
            () = self.life.abandon.cancelled() => {}
            Ok(permit) = Arc::clone(semaphore).acquire_owned() => permits.push(permit),
        }
        let most = self.life.options.permits(self.class);
        let some = u32::try_from((most / 4).clamp(1, CLAIM) - 1).unwrap_or(0);
        if some > 0 && semaphore.available_permits() < most / 2 {
            // There is enough to do for now: better a few more hints together than one after the other.
            let more = Arc::clone(semaphore).acquire_many_owned(some);
            if let Ok(Ok(mut more)) = tokio::time::timeout(GATHER, more).await {
                permits.extend(std::iter::from_fn(|| more.split(1)));
            }
        }
        while permits.len() < CLAIM
            && let Ok(permit) = Arc::clone(semaphore).try_acquire_owned()
        {
            permits.push(permit);
        }
        permits
    }

    async fn find(&mut self, free: usize, reconcile: &Notify) -> Hints {
        if !self.doubtful.is_empty() {
            return self.doubtful.clone();
        }
        if let Some(suspect) = self.take_suspect() {
            return BTreeMap::from([suspect]);
        }
        if !self.surplus.is_empty() {
            let kept = self.surplus.drain(..).collect();
            return self.sort(kept).await;
        }
        if !self.suspects.is_empty() {
            // Take nothing new until what runs is finished and the suspect had its turn.
            tokio::time::sleep(Duration::from_millis(20)).await;
            return Hints::new();
        }
        if self.is_given_up() && Instant::now() < self.probe_at {
            return self.ask_postgres(free).await;
        }
        let asked = Instant::now();
        let wanted = [Wanted {
            class: self.class,
            phases: self.phases.clone(),
            free,
            held: self.life.hands.held_back(),
        }];
        match self.read(&wanted).await {
            Ok(read) => {
                self.redis_is_back();
                if read.missing_group {
                    // Deleted by hand, flushed, or never made: make them, and look what is lost.
                    if let Err(error) = self.life.engine.queue.ensure().await {
                        tracing::debug!(%error, "making the consumer groups");
                    }
                    reconcile.notify_one();
                }
                self.sort(read.entries).await
            }
            Err(error) => {
                self.redis_is_away(&error);
                self.reader = None;
                // A Redis that is gone says so at once; one that says nothing costs seconds.
                self.probe_at = Instant::now() + asked.elapsed() * PROBING;
                if self.is_given_up() {
                    self.life.counters.redis_down.store(1, Ordering::Relaxed);
                    self.ask_postgres(free).await
                } else {
                    tokio::time::sleep(self.backoff).await;
                    self.backoff = (self.backoff * 2).min(BACKOFF.1);
                    Hints::new()
                }
            }
        }
    }

    /// Whether Redis has been away for so long that Postgres is asked directly.
    fn is_given_up(&self) -> bool {
        self.away_since
            .is_some_and(|since| since.elapsed() >= PATIENCE)
    }

    /// A suspect runs alone: only when nothing else is in hand.
    fn take_suspect(&mut self) -> Option<(TaskEpoch, Vec<Entry>)> {
        let idle = self.life.counters.in_hand.load(Ordering::Relaxed) == 0;
        if idle {
            self.suspects.pop_front()
        } else {
            None
        }
    }

    async fn read(&mut self, wanted: &[Wanted]) -> Result<Read, crate::queue::Error> {
        let reader = if let Some(reader) = self.reader.as_mut() {
            reader
        } else {
            let consumer = self.life.id.consumer();
            self.reader
                .insert(self.life.engine.queue.reader(&consumer).await?)
        };
        let read = reader.take(wanted).await?;
        if !read.entries.is_empty() || read.missing_group {
            return Ok(read);
        }
        reader.wait(wanted).await
    }

    fn redis_is_away(&mut self, error: &crate::queue::Error) {
        if self.away_since.is_none() {
            tracing::warn!(error = %chain(error), "redis does not answer");
            self.away_since = Some(Instant::now());
        }
    }

    fn redis_is_back(&mut self) {
        self.backoff = BACKOFF.0;
        if self.away_since.take().is_some() {
            self.life.counters.redis_down.store(0, Ordering::Relaxed);
            tracing::info!("redis answers again");
        }
    }

    /// Puts hints that were read and never claimed back into their streams: nobody would look at them for
    /// half a minute otherwise.
    async fn give_back(&mut self) {
        let mut entries: Vec<Entry> = self.surplus.drain(..).collect();
        let suspects = self.suspects.drain(..).map(|(_, entries)| entries);
        let doubtful = std::mem::take(&mut self.doubtful).into_values();
        entries.extend(suspects.chain(doubtful).flatten());
        let tasks: Vec<TaskId> = entries
            .iter()
            .filter_map(|entry| match &entry.says {
                Says::Task(at) => Some(at.task),
                Says::Foreign(_) | Says::Garbage(_) => None,
            })
            .collect();
        let engine = &self.life.engine;
        let given = async {
            let hints = tasks::hints_of(&engine.pools.control, &tasks).await?;
            engine.queue.replace(&entries, &hints).await?;
            Ok::<_, crate::engine::Error>(())
        };
        if let Err(error) = given.await {
            tracing::debug!(%error, "hints left to the reconciler");
        }
    }

    /// Drops what is not ours to do, and keeps hints in order.
    async fn sort(&mut self, entries: Vec<Entry>) -> Hints {
        let mut hints = Hints::new();
        let mut drop = Vec::new();
        for entry in entries {
            match &entry.says {
                Says::Task(at) => hints.entry(*at).or_default().push(entry),
                Says::Foreign(installation) => {
                    count(&self.life.counters.foreign);
                    self.tell_of(installation);
                    drop.push(entry);
                }
                Says::Garbage(text) => {
                    count(&self.life.counters.garbage);
                    let fields = [("garbage", text.clone()), ("stream", entry.stream.clone())];
                    if let Err(error) = self.life.engine.queue.bury(&fields).await {
                        tracing::debug!(%error, "garbage not mirrored");
                    }
                    drop.push(entry);
                }
            }
        }
        self.life.acknowledge.soon(drop);
        hints
    }

    /// Another installation has the same streams: it drops our hints as we drop its own.
    fn tell_of(&mut self, installation: &str) {
        if self.told_at.is_none_or(|at| at.elapsed() >= TOLD) {
            self.told_at = Some(Instant::now());
            let remedy = doctor::APART;
            tracing::warn!(
                installation,
                remedy,
                "hints of another installation dropped"
            );
        }
    }

    async fn ask_postgres(&mut self, mut free: usize) -> Hints {
        if !std::mem::take(&mut self.more) {
            // With a spread, so that workers which lost Redis together do not ask together for ever.
            let id = self.life.id.0.as_u128();
            let spread = f64::from(u16::try_from(id & 0xFF).unwrap_or(0)) / 255.0;
            tokio::time::sleep(DIRECT_POLL.mul_f64(0.75 + 0.5 * spread)).await;
        }
        if self.class == PermitClass::Provider {
            // The shared rate is gone with Redis: one worker at a time, one task at a time.
            if !self.may_ask_providers(free).await {
                return Hints::new();
            }
            free = 1;
        }
        let phases: Vec<String> = self.phases.iter().map(ToString::to_string).collect();
        let limit = i64::try_from(free).unwrap_or(1);
        match tasks::claimable(&self.life.engine.pools.control, limit, &phases).await {
            Ok(found) => {
                self.more = found.len() == free;
                found.into_iter().map(|at| (at, Vec::new())).collect()
            }
            Err(error) => {
                tracing::debug!(%error, "asking postgres for tasks");
                Hints::new()
            }
        }
    }

    /// Renews the right with every question, so that it is kept while a task of ours still asks.
    async fn may_ask_providers(&self, free: usize) -> bool {
        let life = self.life;
        let busy = free < life.options.provider_tasks();
        let lease_seconds = life.options.lease.as_secs_f64();
        let pool = &life.engine.pools.control;
        match control::hold_provider(pool, life.id, lease_seconds).await {
            Ok(ours) => ours && !busy,
            Err(error) => {
                tracing::debug!(%error, "asking for the right to ask providers");
                false
            }
        }
    }

    async fn claim(
        &mut self,
        mut hints: Hints,
        mut permits: Vec<OwnedSemaphorePermit>,
        tasks: &TaskTracker,
    ) {
        let alone = self.life.counters.in_hand.load(Ordering::Relaxed) == 0 && hints.len() == 1;
        // What goes beyond the permits waits for the next round.
        while hints.len() > permits.len() {
            if let Some((hint, entries)) = hints.pop_last()
                && !self.doubtful.contains_key(&hint)
            {
                self.surplus.extend(entries);
            }
        }
        let asked: Vec<TaskEpoch> = hints.keys().copied().collect();
        let pool = &self.life.engine.pools.control;
        let doubtful = self.doubtful.keys().copied().collect();
        let claim = tasks::claim(
            pool,
            self.life.id,
            &asked,
            &doubtful,
            &self.capabilities,
            alone,
        );
        let answers = match claim.await {
            Ok(answers) => answers,
            Err(error) => {
                tracing::warn!(error = %chain(&error), "claim failed, hints kept");
                // It may have happened all the same, with its answer lost on the way. Not so for a second
                // hint of what is in hand: in doubt, it would be given to us once more.
                hints.retain(|hint, _| !self.life.hands.hold(*hint));
                self.doubtful.extend(hints);
                tokio::time::sleep(self.backoff).await;
                self.backoff = (self.backoff * 2).min(BACKOFF.1);
                return;
            }
        };
        for hint in &asked {
            self.doubtful.remove(hint);
        }
        // What cannot be had now would be found again and again.
        let claimed = |(_, answer): &_| matches!(answer, Answer::Claimed(_));
        self.more &= answers.iter().any(claimed);
        let mut stale = Vec::new();
        for (hint, answer) in answers {
            let entries = hints.remove(&hint).unwrap_or_default();
            match answer {
                Answer::Claimed(claimed) => {
                    count(&self.life.counters.claimed);
                    count(&self.life.counters.in_hand);
                    let mut held: Vec<_> = permits.pop().into_iter().collect();
                    if claimed.crashes > 0 {
                        // It runs alone, so that nobody else is blamed for what it does.
                        held.append(&mut permits);
                        held.extend(self.life.all_free_permits());
                    }
                    let life = Arc::clone(self.life);
                    let stop = life.abandon.child_token();
                    let grip = life.hands.take(claimed.at, claimed.run_id, stop);
                    tasks.spawn(task::run(
                        life,
                        self.finished.clone(),
                        Arc::new(*claimed),
                        grip,
                        entries,
                        held,
                    ));
                }
                Answer::Stale => {
                    count(&self.life.counters.stale_hints);
                    stale.extend(entries);
                }
                Answer::Suspect => self.suspects.push_back((hint, entries)),
                // The entry stays pending; if it still matters, the reconciler brings it back.
                Answer::NotNow => {}
            }
        }
        self.life.acknowledge.soon(stale);
    }
}

/// An error with its causes, for one log line.
pub(in crate::engine) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
