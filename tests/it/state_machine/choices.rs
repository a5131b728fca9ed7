//! From what may happen to what does: chooses who and what among those that are there.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use sigmabatch::domain::{Lane, RunId, TaskEpoch, WorkerId};
use sigmabatch::engine::Target;

use super::cast;
use super::facts::{State, Task};
use super::machine::Machine;
use super::ops::{Claim, Commit, Failing, Op, Passing, Work, elements};
use super::steps::{Action, Hints, Pick};

/// Picks up to here choose among the likely, the others among all.
const LIKELY: Pick = 200;
/// More would only be idle.
const MOST_RUNS: usize = 6;
const MOST_WORKERS: u32 = 20;

fn choose<T: Clone>(from: &[T], pick: Pick) -> Option<T> {
    let at = usize::from(pick).checked_rem(from.len())?;
    from.get(at).cloned()
}

impl Machine {
    /// The operation that an action stands for at this moment; none if there is nobody to do it.
    #[expect(clippy::too_many_lines, reason = "one arm for each action")]
    pub(super) fn op(&mut self, action: &Action) -> Option<Op> {
        Some(match action {
            Action::Plan {
                lane,
                portfolios,
                shape,
            } => {
                if self.facts.runs.len() >= MOST_RUNS {
                    return None;
                }
                self.runs += 1;
                let lane = choose(Lane::ALL, *lane)?;
                let portfolios = usize::from(*portfolios);
                Op::Plan(cast::small_run(self.runs, lane, portfolios, shape))
            }
            Action::Night { date, force } => {
                if self.facts.runs.len() >= MOST_RUNS {
                    return None;
                }
                let (date, force) = (session(*date)?, *force);
                Op::Night { date, force }
            }
            Action::Repair { again } => {
                let undone = self.facts.tasks.values().filter(|task| {
                    task.is_final() && (*again || self.facts.runs.len() < MOST_RUNS)
                });
                let tasks: Vec<i64> = undone.map(|task| task.id).collect();
                let again = *again && self.facts.runs.len() < MOST_RUNS;
                Op::Repair { tasks, again }
            }
            Action::Advance { run, .. } => Op::Advance {
                run: self.run(*run)?,
            },
            Action::Claim {
                worker,
                hints,
                alone,
                lost,
            } => {
                let worker = self.worker(*worker)?;
                let mut hints = self.hints(worker, hints);
                let hands = self.hands.get_mut(&worker)?;
                // A worker asks for what it doubts alone and first, never beside a claim of the same.
                hints.retain(|hint| !hands.doubtful.contains(hint));
                hands.asking |= !lost && !hints.is_empty();
                let doubtful = BTreeSet::new();
                self.claim(worker, hints, doubtful, *alone, *lost)?
            }
            Action::AskAgain {
                worker,
                alone,
                lost,
            } => {
                let doubting = self
                    .hands
                    .iter()
                    .filter(|(_, hands)| !hands.doubtful.is_empty());
                let doubting: Vec<WorkerId> = doubting.map(|(worker, _)| *worker).collect();
                let worker = choose(&doubting, *worker)?;
                let hands = self.hands.get_mut(&worker)?;
                if hands.asking {
                    return None;
                }
                hands.asking = !lost;
                let doubtful = hands.doubtful.clone();
                self.claim(worker, doubtful.clone(), doubtful, *alone, *lost)?
            }
            Action::Commit { worker, some, end } => {
                let worker = self.holder(*worker)?;
                let claims = self.hands[&worker].claims.values().enumerate();
                let chosen = claims.filter(|(i, _)| some & (1 << (i % 8)) != 0);
                let chosen: Vec<_> = chosen.map(|(_, grip)| grip).collect();
                if chosen.is_empty() {
                    return None;
                }
                Op::Commit(Commit {
                    worker,
                    work: chosen.iter().map(|grip| Work::of(&grip.claimed)).collect(),
                    end: *end,
                    repeated: chosen.iter().any(|grip| grip.unsure),
                })
            }
            Action::Fail {
                worker,
                which,
                kind,
            } => {
                let worker = self.holder(*worker)?;
                let claims: Vec<_> = self.hands[&worker].claims.values().collect();
                let claimed = &choose(&claims, *which)?.claimed;
                Op::Fail(Failing {
                    worker,
                    at: claimed.at,
                    kind: *kind,
                    attempts: claimed.attempts,
                    elements: elements(claimed.phase, &claimed.input, claimed.as_of),
                })
            }
            Action::Release { worker } => Op::Release {
                worker: self.worker(*worker)?,
            },
            Action::Leave { worker } => {
                let worker = self.worker(*worker)?;
                let running =
                    |task: &Task| task.state == State::Running && task.worker == Some(worker.0);
                if self.facts.tasks.values().any(running) {
                    return None;
                }
                Op::Deregister { worker }
            }
            Action::Join => {
                let number = u32::try_from(self.hands.len()).unwrap() + 1;
                if number > MOST_WORKERS {
                    return None;
                }
                let worker = cast::worker(number);
                self.hands.entry(worker).or_default();
                Op::Register { worker }
            }
            Action::Freeze { worker } => {
                let worker = self.worker(*worker)?;
                self.hands.get_mut(&worker)?.frozen = true;
                Op::Time(Passing::Lease { worker })
            }
            Action::Heartbeat { worker } => Op::Heartbeat {
                worker: self.worker(*worker)?,
            },
            Action::Drain { worker } => Op::Drain {
                worker: self.worker(*worker)?,
            },
            Action::Reap { early } => Op::Reap { early: *early },
            Action::ReapOverdue => Op::ReapOverdue,
            Action::Deadline { task } => Op::Time(Passing::Deadline {
                task: self.task(*task, |task| task.state == State::Running)?,
            }),
            Action::Delays => Op::Time(Passing::Delays),
            Action::Parking { task } => Op::Time(Passing::Parking {
                task: self.task(*task, |task| task.class.is_some())?,
            }),
            Action::Cancel { run } => Op::Cancel {
                run: self.run(*run)?,
            },
            Action::Pause { what } => Op::Pause {
                held: choose(&cast::held(), *what)?,
            },
            Action::Resume { what } => {
                let held: Vec<_> = cast::held();
                let paused = held.iter().filter(|held| {
                    let name = format!("{} {}", held.kind(), held.name());
                    self.facts.pauses.contains(&name)
                });
                let paused: Vec<_> = paused.copied().collect();
                Op::Resume {
                    held: choose(&paused, *what).or_else(|| choose(&held, *what))?,
                }
            }
            Action::Invalidate { target, date } => {
                let symbols = cast::symbols().map(|text| Target::Symbol(text.parse().unwrap()));
                let books = cast::portfolios().map(Target::Portfolio);
                Op::Invalidate {
                    target: choose(&[&books[..], &symbols].concat(), *target)?,
                    from: session(*date)?,
                }
            }
            Action::Hold { worker } => Op::Hold {
                worker: self.worker(*worker)?,
            },
            Action::Resign { worker } => Op::Resign {
                worker: self.worker(*worker)?,
            },
            Action::Stewardship => Op::Time(Passing::Stewardship),
            Action::Ask => Op::Ask,
            Action::Lock { some } => {
                let tasks = self.facts.tasks.values().filter(|task| !task.is_final());
                let some = tasks
                    .enumerate()
                    .filter(|(i, _)| some & (1 << (i % 8)) != 0);
                Op::Lock {
                    tasks: some.map(|(_, task)| task.id).collect(),
                }
            }
            Action::PublishLeft
            | Action::Read { .. }
            | Action::Reconcile
            | Action::WipeRedis
            | Action::DropConsumer { .. }
            | Action::Forge { .. } => return None,
        })
    }

    fn claim(
        &mut self,
        worker: WorkerId,
        hints: BTreeSet<TaskEpoch>,
        doubtful: BTreeSet<TaskEpoch>,
        alone: bool,
        lost: bool,
    ) -> Option<Op> {
        if hints.is_empty() {
            return None;
        }
        if lost {
            // It is in doubt from the moment on at which it was sent.
            self.hands.get_mut(&worker)?.doubtful.extend(&hints);
        }
        Some(Op::Claim(Claim {
            worker,
            hints,
            doubtful,
            alone,
            lost,
        }))
    }

    fn hints(&self, worker: WorkerId, hints: &Hints) -> BTreeSet<TaskEpoch> {
        match hints {
            Hints::Read => self.read_hints(worker),
            Hints::Direct => {
                let ready = self.facts.should_have_hints();
                ready.into_iter().take(3).collect()
            }
            Hints::Made(made) => {
                let ready = self.facts.should_have_hints();
                let made = made.iter().map(|(pick, beside)| {
                    let task = self.task(*pick, |task| ready.contains(&task.at()));
                    let task = task.map(|id| self.facts.tasks[&id].at());
                    let mut hint = task.unwrap_or(TaskEpoch {
                        task: cast::NO_TASK,
                        epoch: 0,
                    });
                    hint.epoch += i64::from(*beside);
                    hint
                });
                made.collect()
            }
        }
    }

    pub(super) fn run(&self, pick: Pick) -> Option<RunId> {
        let going = self.facts.runs.values().filter(|run| run.verdict.is_none());
        let going: Vec<_> = going.map(|run| RunId(run.id)).collect();
        let all: Vec<_> = self.facts.runs.values().map(|run| RunId(run.id)).collect();
        if pick < LIKELY && !going.is_empty() {
            return choose(&going, pick);
        }
        choose(&all, pick)
    }

    /// Those that live, mostly.
    pub(super) fn worker(&self, pick: Pick) -> Option<WorkerId> {
        let all: Vec<WorkerId> = self.hands.keys().copied().collect();
        let living = all.iter().copied().filter(|worker| {
            let row = self.facts.workers.get(&worker.0);
            row.is_some_and(|row| !row.lost && !row.draining) && !self.hands[worker].frozen
        });
        let living: Vec<_> = living.collect();
        if pick < LIKELY && !living.is_empty() {
            return choose(&living, pick);
        }
        choose(&all, pick)
    }

    /// A worker that has something in hand, also one that should not.
    fn holder(&self, pick: Pick) -> Option<WorkerId> {
        let holders = self
            .hands
            .iter()
            .filter(|(_, hands)| !hands.claims.is_empty());
        let holders: Vec<_> = holders.map(|(worker, _)| *worker).collect();
        choose(&holders, pick)
    }

    pub(super) fn task(&self, pick: Pick, likely: impl Fn(&Task) -> bool) -> Option<i64> {
        let all = || self.facts.tasks.values();
        let some: Vec<i64> = all()
            .filter(|task| likely(task))
            .map(|task| task.id)
            .collect();
        if pick < LIKELY && !some.is_empty() {
            return choose(&some, pick);
        }
        let all: Vec<i64> = all().map(|task| task.id).collect();
        choose(&all, pick)
    }
}

fn session(pick: Pick) -> Option<NaiveDate> {
    choose(&cast::dates(), pick)
}
