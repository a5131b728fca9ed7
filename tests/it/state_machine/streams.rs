//! The half of the machine that speaks with Redis: hints are published, read, lost, forged and reconciled.
//! No model predicts them; instead, whatever was done to them, the end of a case is reached through them.

use std::collections::BTreeSet;
use std::time::Duration;

use sigmabatch::domain::{Held, Hint, Lane, PermitClass, PhaseName, RunId, TaskEpoch, WorkerId};
use sigmabatch::queue::{GROUP, Says, Wanted};
use sigmabatch::store::gates;

use super::cast;
use super::facts::Task;
use super::machine::{Checked, Machine};
use super::ops::{Answer, Claim, Commit, End, Op, Passing, Work};
use super::steps::Action;

/// Rounds of the last worker: each opens a phase of every run, or gives a suspect its turn.
const ROUNDS: usize = 60;
/// It comes when all others have stopped.
const LAST: u32 = 1_000;

impl Machine {
    /// One action with nobody around.
    pub(super) async fn one(&mut self, action: &Action) -> Checked {
        match action {
            Action::Advance { publish, .. } => {
                let Some(op) = self.op(action) else {
                    return Ok(());
                };
                Box::pin(self.advance(op, *publish)).await
            }
            Action::PublishLeft => self.publish_left().await,
            Action::Read { worker } => match self.worker(*worker) {
                Some(worker) => self.read(worker, 3).await,
                None => Ok(()),
            },
            Action::Reconcile => self.reconcile().await,
            Action::WipeRedis => {
                self.note("Redis is wiped".to_owned());
                self.world.engine.queue.wipe().await.unwrap();
                Ok(())
            }
            Action::DropConsumer { worker } => self.drop_consumer(*worker).await,
            Action::Forge { task, beside } => self.forge(*task, *beside).await,
            action => match self.op(action) {
                Some(op) => self.ask(op).await.map(drop),
                None => Ok(()),
            },
        }
    }

    /// Asks the gates; who opens a phase publishes it, unless it dies before.
    async fn advance(&mut self, op: Op, publish: bool) -> Checked {
        let answer = self.ask(op.clone()).await?;
        if let (Op::Advance { run }, Answer::Progress { opened, .. }) = (op, answer)
            && publish
            && !opened.is_empty()
        {
            let phases = opened.into_iter().collect();
            self.ask(Op::Announce { run, phases }).await?;
        }
        Ok(())
    }

    async fn publish_left(&mut self) -> Checked {
        let pool = &self.processes[0].engine.pools.control;
        for (run, phase) in gates::unpublished(pool, 0.0).await.unwrap() {
            let phases = vec![phase];
            self.ask(Op::Announce { run, phases }).await?;
        }
        Ok(())
    }

    async fn read(&mut self, worker: WorkerId, free: usize) -> Checked {
        let queue = &self.world.engine.queue;
        let reader = match self.readers.remove(&worker) {
            Some(reader) => reader,
            None => queue.reader(&worker.consumer()).await.unwrap(),
        };
        let reader = self.readers.entry(worker).or_insert(reader);
        let wanted = Wanted {
            class: PermitClass::Cpu,
            phases: PhaseName::ALL.to_vec(),
            free,
            held: Vec::<Held>::new(),
        };
        let read = reader.take(&[wanted]).await.unwrap();
        if read.missing_group {
            queue.ensure().await.unwrap();
        }
        let count = read.entries.len();
        for entry in read.entries {
            let Says::Task(at) = entry.says else {
                return Err(format!("a stream holds {entry:?}"));
            };
            let hands = self.hands.entry(worker).or_default();
            hands.read.entry(at).or_default().push(entry);
        }
        self.note(format!("{} reads {count} hints", worker.consumer()));
        Ok(())
    }

    /// Afterwards each task that should have a hint has one that somebody will get, and no hint is outdated.
    async fn reconcile(&mut self) -> Checked {
        self.note("reconciled".to_owned());
        let queue = &self.world.engine.queue;
        let steward = self.processes[0].steward(Duration::from_millis(1));
        if !queue.has_meta().await.unwrap() {
            queue.ensure().await.unwrap();
        }
        steward.reconcile(0.0, 0).await.unwrap();
        let survey = queue.survey(|_, _| false).await.unwrap();
        let mut found = BTreeSet::new();
        for one in &survey.found {
            let Says::Task(at) = one.entry.says else {
                return Err(format!("a stream still holds {:?}", one.entry));
            };
            if self.facts.is_outdated(at) {
                return Err(format!("an outdated hint is still there: {:?}", one.entry));
            }
            if one.deliverable {
                found.insert(at);
            }
        }
        let should = self.facts.should_have_hints();
        let missing: Vec<_> = should.difference(&found).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(format!("no hint that anybody will get for {missing:?}"))
    }

    async fn drop_consumer(&mut self, worker: u8) -> Checked {
        let Some(worker) = self.worker(worker) else {
            return Ok(());
        };
        self.note(format!("consumer {} is deleted", worker.consumer()));
        let mut redis = self.world.redis().await;
        for (_, _, stream) in self.world.engine.queue.keys().streams() {
            // Where the stream or the group is gone there is none.
            let _: redis::RedisResult<()> = redis::cmd("XGROUP")
                .arg("DELCONSUMER")
                .arg((stream, GROUP, worker.consumer()))
                .exec_async(&mut redis)
                .await;
        }
        Ok(())
    }

    /// A hint that nobody should have written, in a stream where it may not belong.
    async fn forge(&mut self, task: u8, beside: i8) -> Checked {
        let known = self
            .task(task, |_| true)
            .map(|id| self.facts.tasks[&id].at());
        let mut at = known.unwrap_or(TaskEpoch {
            task: cast::NO_TASK,
            epoch: 0,
        });
        at.epoch += i64::from(beside);
        self.note(format!("{at:?} is forged"));
        let hint = Hint {
            at,
            lane: Lane::Nightly,
            phase: PhaseName::PnlSnapshots,
            run: "forged".to_owned(),
            unit: "forged".to_owned(),
            attempt: 1,
        };
        self.world.engine.queue.publish(&[hint]).await.unwrap();
        Ok(())
    }

    /// Whatever has happened: with the operators' hands off, one healthy worker, a steward and Redis bring
    /// every run to its verdict, and nothing is left anywhere.
    pub(super) async fn end_all(&mut self) -> Checked {
        self.note("the end".to_owned());
        for held in cast::held() {
            let name = format!("{} {}", held.kind(), held.name());
            if self.facts.pauses.contains(&name) {
                self.ask(Op::Resume { held }).await?;
            }
        }
        let workers: Vec<WorkerId> = self.hands.keys().copied().collect();
        for worker in workers {
            if self.hands[&worker].frozen {
                self.ask(Op::Time(Passing::Lease { worker })).await?;
            } else {
                self.finish(worker).await?;
            }
        }
        self.ask(Op::Reap { early: false }).await?;
        let last = cast::worker(LAST);
        self.ask(Op::Register { worker: last }).await?;
        for _ in 0..ROUNDS {
            Box::pin(self.round(last)).await?;
            if self.facts.runs.values().all(|run| run.verdict.is_some()) {
                return self.at_rest().await;
            }
        }
        let left = self.facts.tasks.values().filter(|task| !task.is_final());
        Err(format!(
            "the night does not end: {:?}",
            left.collect::<Vec<_>>()
        ))
    }

    /// A living worker hears what it asked, and commits what it has.
    async fn finish(&mut self, worker: WorkerId) -> Checked {
        let doubtful = self.hands[&worker].doubtful.clone();
        if !doubtful.is_empty() {
            let hints = doubtful.clone();
            self.take(worker, hints, doubtful, true).await?;
        }
        self.commit(worker).await
    }

    async fn commit(&mut self, worker: WorkerId) -> Checked {
        let claims = self.hands[&worker].claims.values();
        let repeated = claims.clone().any(|grip| grip.unsure);
        let work: Vec<Work> = claims.map(|grip| Work::of(&grip.claimed)).collect();
        if work.is_empty() {
            return Ok(());
        }
        let end = End::Commit;
        let commit = Commit {
            worker,
            work,
            end,
            repeated,
        };
        self.ask(Op::Commit(commit)).await.map(drop)
    }

    async fn take(
        &mut self,
        worker: WorkerId,
        hints: BTreeSet<TaskEpoch>,
        doubtful: BTreeSet<TaskEpoch>,
        alone: bool,
    ) -> Checked<Answer> {
        let lost = false;
        self.ask(Op::Claim(Claim {
            worker,
            hints,
            doubtful,
            alone,
            lost,
        }))
        .await
    }

    async fn round(&mut self, worker: WorkerId) -> Checked {
        let going = self.facts.runs.values().filter(|run| run.verdict.is_none());
        let going: Vec<RunId> = going.map(|run| RunId(run.id)).collect();
        for run in going {
            Box::pin(self.advance(Op::Advance { run }, true)).await?;
        }
        self.publish_left().await?;
        self.ask(Op::Time(Passing::Delays)).await?;
        self.reconcile().await?;
        self.read(worker, 64).await?;
        let hints = self.read_hints(worker);
        if hints.is_empty() {
            return Ok(());
        }
        self.take(worker, hints, BTreeSet::new(), false).await?;
        self.commit(worker).await?;
        let suspects = self.read_hints(worker);
        if let Some(&suspect) = suspects.first() {
            self.take(worker, [suspect].into(), BTreeSet::new(), true)
                .await?;
            self.commit(worker).await?;
        }
        Ok(())
    }

    async fn at_rest(&mut self) -> Checked {
        self.reconcile().await?;
        let left: Vec<&Task> = self
            .facts
            .tasks
            .values()
            .filter(|task| !task.is_final())
            .collect();
        if !left.is_empty() {
            return Err(format!(
                "1: not final although all runs have ended: {left:?}"
            ));
        }
        let states = self.world.engine.queue.states().await.unwrap();
        let busy = states
            .into_iter()
            .filter(|state| state.length > 0 || state.pending > 0);
        let busy: Vec<_> = busy.collect();
        if busy.is_empty() {
            return Ok(());
        }
        Err(format!("8: the streams are not at rest: {busy:?}"))
    }
}
