//! The machine: takes the steps of a case one after the other, compares what the store answers and holds
//! with the model, and looks at the invariants after each.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures::future::join_all;
use sigmabatch::domain::{TaskEpoch, WorkerId};
use sigmabatch::queue::Reader;

use super::facts::Facts;
use super::hands::Hands;
use super::model::Around;
use super::ops::{Answer, Op};
use super::perform::Process;
use super::steps::{Action, Case, Step};
use super::{cast, invariants};
use crate::world::World;

/// Nothing here takes as long.
const PATIENCE: Duration = Duration::from_secs(20);
/// Processes that act at once, and one that looks.
const PROCESSES: usize = 4;

/// Says what went wrong.
pub(super) type Checked<T = ()> = Result<T, String>;

/// An operation under way.
type Asked<'a> = Pin<Box<dyn Future<Output = Answer> + 'a>>;

pub(super) struct Machine {
    pub(super) world: World,
    db: sqlx::PgPool,
    pub(super) processes: Vec<Process>,
    pub(super) facts: Facts,
    pub(super) hands: BTreeMap<WorkerId, Hands>,
    pub(super) readers: BTreeMap<WorkerId, Reader>,
    pub(super) runs: usize,
    script: Vec<String>,
}

impl Machine {
    pub(super) async fn new() -> Self {
        let world = World::new().await;
        cast::enter(&world).await;
        let db = sqlx::postgres::PgPoolOptions::new()
            .max_connections(3)
            .connect(world.database_url())
            .await
            .unwrap();
        let settings = world.options().store;
        let mut processes = Vec::new();
        for _ in 0..PROCESSES {
            let engine = world.another_engine("2016-12-30T23:00:00Z").await;
            processes.push(Process::new(engine, &settings, &db).await);
        }
        Self {
            world,
            db,
            processes,
            facts: Facts::default(),
            hands: BTreeMap::new(),
            readers: BTreeMap::new(),
            runs: 0,
            script: Vec::new(),
        }
    }

    /// One case, from an empty database to the end of all its runs.
    pub(super) async fn play(&mut self, case: &Case) -> Checked {
        cast::reset(&self.world).await;
        self.facts = Facts::read(&self.db).await;
        self.hands.clear();
        self.readers.clear();
        self.runs = 0;
        self.script.clear();
        let played = Box::pin(self.steps(case)).await;
        played.map_err(|wrong| format!("{wrong}\n\nafter\n{}", self.script.join("\n")))
    }

    async fn steps(&mut self, case: &Case) -> Checked {
        let publish = true;
        for action in [
            Action::Join,
            Action::Join,
            case.first.clone(),
            Action::Advance { run: 0, publish },
        ] {
            Box::pin(self.step(&Step::One(action))).await?;
        }
        for step in &case.steps {
            Box::pin(self.step(step)).await?;
        }
        Box::pin(self.end_all()).await
    }

    async fn step(&mut self, step: &Step) -> Checked {
        match step {
            Step::One(action) => Box::pin(self.one(action)).await,
            Step::Together(actions) => {
                let ops: Vec<Op> = actions
                    .iter()
                    .filter_map(|action| self.op(action))
                    .collect();
                self.together(ops).await
            }
            Step::Behind { held, others } => {
                let Some(held) = self.op(held) else {
                    return Ok(());
                };
                let others = others.iter().filter_map(|action| self.op(action)).collect();
                self.behind(held, others).await
            }
        }
    }

    /// One operation with nobody around: the model knows what has to come of it.
    pub(super) async fn ask(&mut self, op: Op) -> Checked<Answer> {
        self.script.push(format!("{op:?}"));
        let answer = timely(self.processes[0].perform(&op)).await?;
        self.check(vec![(op, answer.clone())], false).await?;
        Ok(answer)
    }

    async fn together(&mut self, ops: Vec<Op>) -> Checked {
        for op in &ops {
            self.script.push(format!("together: {op:?}"));
        }
        let asked = ops.iter().zip(&self.processes);
        let asked = asked.map(|(op, process)| process.perform(op));
        let answers = timely(join_all(asked)).await?;
        let crowded = ops.len() > 1;
        self.check(ops.into_iter().zip(answers).collect(), crowded)
            .await
    }

    /// One transaction has done everything but its last word; each of the others comes, and either ends or
    /// waits for a lock; then the last word is said.
    async fn behind(&mut self, held: Op, others: Vec<Op>) -> Checked {
        self.script.push(format!("held: {held:?}"));
        for op in &others {
            self.script.push(format!("meanwhile: {op:?}"));
        }
        let (first, rest) = self.processes.split_first().unwrap();
        let (open, answer) = first.begin(&held).await.unwrap();
        let mut waiting: Vec<(Op, Asked<'_>)> = Vec::new();
        let mut done = Vec::new();
        for (op, process) in others.iter().zip(rest) {
            let mut asked = Box::pin(async move { process.perform(op).await });
            let blocked = self.blocked(waiting.len() + 1);
            let answered = timely(async {
                tokio::select! {
                    answer = &mut asked => Some(answer),
                    () = blocked => None,
                }
            });
            match answered.await? {
                Some(answer) => done.push((op.clone(), answer)),
                // Only what is in doubt is worth waiting for.
                None if matches!(op, Op::Claim(claim) if claim.doubtful.is_empty()) => {
                    return Err(format!("a claim waits for a lock: {op:?}"));
                }
                None => waiting.push((op.clone(), asked)),
            }
        }
        let (ops, asked): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
        let ended = async { first.end(open, &held, answer).await.unwrap() };
        let (answer, answers) = timely(async { tokio::join!(ended, join_all(asked)) }).await?;
        done.push((held, answer));
        done.extend(ops.into_iter().zip(answers));
        self.check(done, true).await
    }

    /// Until so many wait for locks.
    async fn blocked(&self, count: usize) {
        let waiting = "select count(*) from pg_stat_activity
                       where datname = current_database() and wait_event_type = 'Lock'";
        while self.world.count(waiting).await < i64::try_from(count).unwrap() {}
    }

    /// Compares with the model, looks at the invariants, and lets the workers hear.
    async fn check(&mut self, done: Vec<(Op, Answer)>, crowded: bool) -> Checked {
        if done.iter().any(|(op, _)| matches!(op, Op::ReapOverdue)) {
            self.processes[0].hold_delays().await;
        }
        for (_, answer) in &done {
            self.script.push(format!("    {answer:?}"));
        }
        let seen = Facts::read(&self.db).await;
        let around = Around {
            seen: &seen,
            crowded,
        };
        explained(&self.facts, &done, around)?;
        let mut wrong = invariants::violations(&self.facts, &seen);
        wrong.extend(invariants::told(&self.facts, &seen, &done));
        if !wrong.is_empty() {
            return Err(wrong.join("\n"));
        }
        let mut finished = Vec::new();
        for (op, answer) in &done {
            if let Some(worker) = op.worker() {
                finished.extend(self.hands.entry(worker).or_default().hear(op, answer)?);
            }
        }
        for hands in self.hands.values_mut() {
            hands.settle_doubts();
            hands.asking = false;
        }
        self.world
            .engine
            .queue
            .acknowledge(&finished)
            .await
            .unwrap();
        self.facts = seen;
        self.in_hand()?;
        let abandoned = invariants::abandoned(&self.facts);
        if abandoned.is_empty() {
            return Ok(());
        }
        if crowded {
            // A claim that has not yet seen that its worker is lost; the steward's next look finds it.
            let reap = Box::pin(self.ask(Op::Reap { early: false }));
            return reap.await.map(drop);
        }
        Err(format!("5: nobody runs {abandoned:?}"))
    }

    /// What runs under a worker that lives is known to it: else nobody would end it before its deadline.
    fn in_hand(&self) -> Checked {
        for task in self.facts.tasks.values() {
            let Some(worker) = task.worker.filter(|worker| self.facts.is_alive(*worker)) else {
                continue;
            };
            let hands = self.hands.get(&WorkerId(worker));
            let known = hands.is_some_and(|hands| hands.know(task.at()));
            if task.state == super::facts::State::Running && !known {
                return Err(format!("its worker does not know that it has {task:?}"));
            }
        }
        Ok(())
    }

    /// The hints of all entries that a worker has read.
    pub(super) fn read_hints(&self, worker: WorkerId) -> BTreeSet<TaskEpoch> {
        let hands = self.hands.get(&worker);
        hands
            .map(|hands| hands.read.keys().copied().collect())
            .unwrap_or_default()
    }

    pub(super) fn note(&mut self, what: String) {
        self.script.push(what);
    }
}

/// Some order of the operations explains all answers and what is there afterwards.
fn explained(before: &Facts, done: &[(Op, Answer)], around: Around<'_>) -> Checked {
    let mut refused = Vec::new();
    for order in orders(done.len()) {
        let mut facts = before.clone();
        let ops = order.iter().map(|i| &done[*i]);
        let mut accepted = ops.map(|(op, answer)| facts.accept(op, answer, around));
        let wrong = if let Some(refusal) = accepted.find_map(Result::err) {
            refusal
        } else {
            let differences = facts.difference(around.seen);
            if differences.is_empty() {
                return Ok(());
            }
            differences.join("\n")
        };
        refused.push(format!("in the order {order:?}: {wrong}"));
    }
    Err(refused.join("\n"))
}

fn orders(n: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![Vec::new()];
    for next in 0..n {
        let longer = orders.iter().flat_map(|order: &Vec<usize>| {
            (0..=order.len()).map(move |at| {
                let mut longer = order.clone();
                longer.insert(at, next);
                longer
            })
        });
        orders = longer.collect();
    }
    orders
}

async fn timely<T>(what: impl Future<Output = T>) -> Checked<T> {
    let ended = tokio::time::timeout(PATIENCE, what).await;
    ended.map_err(|elapsed| format!("it neither ends nor waits for a lock: {elapsed}"))
}
