//! What holds a run that goes on: phases that wait for others, tasks that wait for their time or for a
//! worker, and what keeps all of them waiting.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::link::{Busy, Link, Task};
use crate::domain::{Lane, PermitClass, PhaseName, RunId, TaskEpoch, TaskId, TaskState, WorkerId};
use crate::engine::steward::PENDING_MS;
use crate::engine::{Error, MAX_ATTEMPTS};
use crate::phases::{self, AnyPhase};
use crate::queue::Queue;
use crate::store::ReadTx;
use crate::store::control::Pause;
use crate::store::reports::why::{self, Stage};
use crate::store::reports::{self, Standing, StewardRow, WorkerRow};
use crate::store::tasks_report::{self, TaskRow};

/// A hint that is on its way is not missing yet.
const HINT_GRACE: TimeDelta = TimeDelta::seconds(1);

/// A task, and the run that it is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Aim {
    pub(super) run: RunId,
    pub(super) lane: Lane,
    pub(super) task: TaskId,
}

/// Everything that can hold a run, from rows of one snapshot.
pub(super) struct Facts<'a> {
    aim: Aim,
    now: DateTime<Utc>,
    stages: BTreeMap<PhaseName, Stage>,
    /// The task itself, and some of each open phase.
    tasks: Vec<TaskRow>,
    workers: Vec<WorkerRow>,
    steward: StewardRow,
    pauses: Vec<Pause>,
    in_hand: Vec<(WorkerId, PhaseName, i64)>,
    /// Deliverable hints of the streams that matter; `None` where nobody asked or Redis did not answer.
    hints: Option<BTreeSet<TaskEpoch>>,
    queue: Option<&'a Queue>,
    pipeline: Vec<Box<dyn AnyPhase>>,
}

impl<'a> Facts<'a> {
    pub(super) async fn read(
        db: &mut ReadTx<'_>,
        queue: Option<&'a Queue>,
        aim: Aim,
    ) -> Result<Self, Error> {
        let stages = why::stages(db, aim.run).await?;
        let mut ids = why::unfinished(db, aim.run).await?;
        ids.push(aim.task);
        let facts = Self {
            aim,
            now: why::now(db).await?,
            stages: stages
                .into_iter()
                .map(|stage| (stage.phase, stage))
                .collect(),
            tasks: tasks_report::named(db, &ids).await?,
            workers: reports::workers(db).await?,
            steward: reports::steward(db).await?,
            pauses: reports::pauses(db).await?,
            in_hand: why::in_hand(db).await?,
            hints: None,
            queue,
            pipeline: phases::registry(),
        };
        Ok(facts.with_hints().await)
    }

    /// Looks for the hints of tasks that wait for a worker.
    async fn with_hints(mut self) -> Self {
        let Some(queue) = self.queue else { return self };
        let waiting: BTreeSet<PhaseName> = self
            .tasks
            .iter()
            .filter(|task| self.waits(task))
            .map(|task| task.phase)
            .collect();
        let mut hints = BTreeSet::new();
        for phase in waiting {
            match queue.deliverable(self.aim.lane, phase, PENDING_MS).await {
                Ok(found) => hints.extend(found),
                Err(error) => {
                    tracing::debug!(%error, "looking for hints");
                    return self;
                }
            }
        }
        self.hints = Some(hints);
        self
    }

    /// A task that any worker may take.
    fn waits(&self, task: &TaskRow) -> bool {
        let open = self
            .stages
            .get(&task.phase)
            .is_some_and(|stage| stage.opened_at.is_some());
        task.state == TaskState::Ready && task.ready_at <= self.now && open
    }

    /// Follows the causes from the task.
    pub(super) fn follow(&self, chain: &mut Vec<Link>) {
        let mut causes = Causes::default();
        let own = self.tasks.iter().find(|task| task.id == self.aim.task);
        match own {
            Some(own) if own.state.is_final() => {
                chain.push(match own.state {
                    TaskState::Dead => super::dead(own),
                    TaskState::Cancelled => Link::TaskCancelled { task: task(own) },
                    _ => Link::TaskDone {
                        task: task(own),
                        outcome: own.outcome.clone(),
                    },
                });
                return;
            }
            Some(own) if self.opened(own.phase) => self.of_task(own, chain, &mut causes),
            Some(own) => self.of_phase(own.phase, chain, &mut causes),
            None => {}
        }
        // Whose worker is late is told before what follows from it for everybody.
        let late = |link: &Link| matches!(link, Link::WorkerLate { .. });
        causes.0.sort_by_key(|link| !late(link));
        chain.append(&mut causes.0);
    }

    fn opened(&self, phase: PhaseName) -> bool {
        self.stages
            .get(&phase)
            .is_some_and(|stage| stage.opened_at.is_some())
    }

    /// A phase that is not open: what it waits for, and what that waits for in the end.
    fn of_phase(&self, phase: PhaseName, chain: &mut Vec<Link>, causes: &mut Causes) {
        let before = self.unfinished_before(phase);
        if before.is_empty() {
            self.not_opened(phase, chain, causes);
            return;
        }
        let mut roots = BTreeSet::new();
        self.roots(phase, &mut roots);
        chain.push(Link::PhaseWaits {
            phase,
            number: phase.number(),
            after: before,
            until: roots.iter().copied().collect(),
        });
        for stage in roots.iter().filter_map(|phase| self.stages.get(phase)) {
            if stage.opened_at.is_none() {
                self.not_opened(stage.phase, chain, causes);
                continue;
            }
            chain.push(Link::PhaseUnfinished {
                phase: stage.phase,
                number: stage.phase.number(),
                left: stage.left,
                running: stage.running,
            });
            let own = self.tasks.iter().filter(|task| task.phase == stage.phase);
            for task in own.filter(|task| !task.state.is_final()) {
                self.of_task(task, chain, causes);
            }
            if stage.left == 0 {
                self.nobody(causes);
            }
        }
    }

    /// Whoever finishes the last task before it opens it at once, and a living steward within a second.
    fn not_opened(&self, phase: PhaseName, chain: &mut Vec<Link>, causes: &mut Causes) {
        let number = phase.number();
        chain.push(Link::PhaseNotOpened { phase, number });
        self.nobody(causes);
    }

    /// Phases that have to finish before this one may open, and have not.
    fn unfinished_before(&self, phase: PhaseName) -> Vec<PhaseName> {
        let after = self.stages.get(&phase).map(|stage| &stage.after);
        let unfinished = |phase: &&PhaseName| {
            let stage = self.stages.get(phase);
            stage.is_some_and(|stage| stage.finished_at.is_none())
        };
        let before = after.into_iter().flatten().filter(unfinished);
        before.copied().collect()
    }

    /// The phases that a phase waits for in the end: those that wait for no other.
    fn roots(&self, phase: PhaseName, roots: &mut BTreeSet<PhaseName>) {
        for before in self.unfinished_before(phase) {
            if self.unfinished_before(before).is_empty() {
                roots.insert(before);
            } else {
                self.roots(before, roots);
            }
        }
    }

    /// A task of an open phase that is not final.
    fn of_task(&self, row: &TaskRow, chain: &mut Vec<Link>, causes: &mut Causes) {
        let task = task(row);
        if row.state == TaskState::Running {
            chain.push(Link::TaskRunning {
                task,
                worker: row.worker.map(WorkerId::consumer),
                since: row.started_at,
                deadline_at: row.deadline_at,
            });
            let holder = self
                .workers
                .iter()
                .find(|worker| Some(worker.id) == row.worker);
            if let Some(worker) = holder.filter(|worker| !worker.has_lease()) {
                causes.add(Link::WorkerLate {
                    worker: worker.id.consumer(),
                    seconds: -worker.lease_seconds,
                });
                self.nobody(causes);
            }
            return;
        }
        let error = row.error.clone();
        if row.ready_at > self.now {
            let (class, error, fingerprint) = error
                .map(|error| (error.class, error.message, error.fingerprint))
                .unwrap_or_default();
            chain.push(match row.parked_since {
                Some(since) => Link::TaskParked {
                    task,
                    until: row.ready_at,
                    since,
                    error,
                },
                None => Link::TaskRetries {
                    task,
                    due_at: row.ready_at,
                    attempts: row.attempts,
                    budget: MAX_ATTEMPTS,
                    class,
                    error,
                    fingerprint,
                },
            });
            return;
        }
        let opened = self
            .stages
            .get(&row.phase)
            .and_then(|stage| stage.opened_at);
        let since = opened.map_or(row.ready_at, |opened| opened.max(row.ready_at));
        chain.push(Link::TaskReady {
            task: task.clone(),
            since,
        });
        if row.crashes > 0 {
            chain.push(Link::TaskSuspect {
                task: task.clone(),
                crashes: row.crashes,
            });
        }
        self.of_ready(row, &task, since, causes);
    }

    /// What keeps a task waiting that any worker may take.
    fn of_ready(&self, row: &TaskRow, task: &Task, since: DateTime<Utc>, causes: &mut Causes) {
        let held = |pause: &&Pause| pause.held.covers(self.aim.lane, row.phase);
        for pause in self.pauses.iter().filter(held) {
            causes.add(Link::Paused {
                kind: pause.held.kind(),
                name: pause.held.name(),
                who: pause.who.clone(),
                reason: pause.reason.clone(),
                since: pause.since,
            });
        }
        let phase = self.pipeline.iter().find(|phase| phase.name() == row.phase);
        if let Some(phase) = phase.filter(|phase| phase.version() < row.input_version) {
            causes.add(Link::VersionUnknown {
                task: task.clone(),
                version: row.input_version,
                known: phase.version(),
            });
        }
        self.nobody(causes);
        let living: Vec<&WorkerRow> = self.living().collect();
        let away = |worker: &&&WorkerRow| {
            worker
                .counters
                .get("redis_down")
                .and_then(serde_json::Value::as_bool)
                == Some(true)
        };
        let cut_off: Vec<String> = living
            .iter()
            .filter(away)
            .map(|worker| worker.id.consumer())
            .collect();
        if !cut_off.is_empty() {
            causes.add(Link::RedisDown { workers: cut_off });
        } else if self
            .stages
            .get(&row.phase)
            .is_some_and(|stage| stage.published_at.is_none())
        {
            causes.add(Link::NotPublished {
                phase: row.phase,
                number: row.phase.number(),
            });
        } else if let (Some(hints), Some(queue)) = (&self.hints, self.queue) {
            let at = TaskEpoch {
                task: row.id,
                epoch: row.epoch,
            };
            if self.now - since > HINT_GRACE && !hints.contains(&at) {
                causes.add(Link::HintMissing {
                    task: task.clone(),
                    stream: queue.keys().stream(self.aim.lane, row.phase),
                });
            }
        }
        if let Some(busy) = phase.and_then(|phase| self.busy(phase.class(), &living)) {
            causes.add(busy);
        }
    }

    fn living(&self) -> impl Iterator<Item = &WorkerRow> {
        let takes_tasks = |worker: &&WorkerRow| worker.standing() == Standing::Living;
        self.workers.iter().filter(takes_tasks)
    }

    /// Whether anybody is there to go on.
    fn nobody(&self, causes: &mut Causes) {
        if self.living().next().is_none() {
            let draining = self.workers.iter().filter(|worker| worker.has_lease());
            causes.add(Link::NoWorker {
                draining: draining.count(),
            });
        } else if !self.steward.held {
            causes.add(Link::NoSteward);
        }
    }

    /// The class, if every permit of it is taken at every worker that takes tasks.
    fn busy(&self, class: PermitClass, living: &[&WorkerRow]) -> Option<Link> {
        let of_class = |phase: PhaseName| {
            let known = self.pipeline.iter().find(|known| known.name() == phase);
            known.is_some_and(|known| known.class() == class)
        };
        let mut workers = Vec::new();
        for worker in living {
            let permits = worker
                .counters
                .get("permits")?
                .get(class.as_str())?
                .as_u64()?;
            let own = self
                .in_hand
                .iter()
                .filter(|(id, phase, _)| *id == worker.id && of_class(*phase));
            let running = u64::try_from(own.map(|(.., n)| n).sum::<i64>()).unwrap_or(0);
            if running < permits {
                return None;
            }
            workers.push(Busy {
                worker: worker.id.consumer(),
                running,
                permits,
            });
        }
        let permits = workers.iter().map(|busy| busy.permits).sum();
        (permits > 0).then_some(Link::PermitsBusy {
            class,
            permits,
            workers,
        })
    }
}

/// What keeps tasks waiting, each once.
#[derive(Default)]
struct Causes(Vec<Link>);

impl Causes {
    fn add(&mut self, link: Link) {
        if !self.0.contains(&link) {
            self.0.push(link);
        }
    }
}

/// How a task is named in a link.
pub(super) fn task(row: &TaskRow) -> Task {
    Task {
        task_id: row.id,
        phase: row.phase,
        number: row.phase.number(),
        unit: row.unit.clone(),
        as_of: row.as_of,
    }
}
