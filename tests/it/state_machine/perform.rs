//! Asks the real store, on the connections of one process.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::DateTime;
use sigmabatch::domain::{Hint, TaskEpoch, TaskId, TradingDate, Trigger};
use sigmabatch::engine::{self, Dates, Engine, Order, Repairing, Request, Selection, Steward};
use sigmabatch::phases::{CONVENTION_ID, MODEL_VERSION};
use sigmabatch::store::result_sets::{self, NewSet};
use sigmabatch::store::runs::{self, NewRun};
use sigmabatch::store::tasks::{self, Capability, Completion, Failure, Timings};
use sigmabatch::store::{
    self, Error, Link, ReadTx, Settings, WriteTx, control, gates, steward, workers,
};
use sqlx::PgPool;
use tokio::sync::Mutex;

use super::cast;
use super::facts::{Facts, SetKey};
use super::model::best;
use super::ops::{
    Answer, Asked, Claim, Claimed, Commit, End, Failing, Got, MAX_CRASHES, Op, Passing, SmallRun,
    Trouble, Work,
};

/// Nothing that only time can do happens by itself.
const FOR_EVER: f64 = 36_000.0;
/// No Postgres has been running for so long.
const AGES: Duration = Duration::from_hours(800_000);
const ORDER: Order<'_> = Order {
    who: "it",
    reason: "test",
};
/// Times that a transaction is tried when others stand in its way.
const TRIES: u32 = 6;

/// A transaction that waits for its last word.
pub(super) enum Open {
    Store(WriteTx),
    /// Somebody looks at rows.
    Look(sqlx::Transaction<'static, sqlx::Postgres>),
}

/// A process with its connections.
pub(super) struct Process {
    pub(super) engine: Engine,
    heart: Mutex<Link>,
    db: PgPool,
}

impl Process {
    pub(super) async fn new(engine: Engine, settings: &Settings, db: &PgPool) -> Self {
        let heart = store::connect_one(settings, Duration::from_secs(10)).await;
        Self {
            engine,
            heart: Mutex::new(heart.unwrap()),
            db: db.clone(),
        }
    }

    /// Asks, and hears the answer.
    #[expect(clippy::too_many_lines, reason = "one arm for each operation")]
    pub(super) async fn perform(&self, op: &Op) -> Answer {
        let control = &self.engine.pools.control;
        match op {
            Op::Plan(_)
            | Op::Commit(_)
            | Op::Fail(_)
            | Op::Cancel { .. }
            | Op::Pause { .. }
            | Op::Resume { .. }
            | Op::Drain { .. }
            | Op::Lock { .. } => {
                let whole = async || {
                    let (open, answer) = self.begin(op).await?;
                    self.end(open, op, answer).await
                };
                repeated(whole).await
            }
            Op::Night { date, force } => {
                let request = Request {
                    trigger: Trigger::Cli,
                    portfolios: Selection::Only(vec![cast::portfolios()[0]]),
                    dates: Dates::On(*date),
                    lane: None,
                    force: *force,
                    principal: "it".to_owned(),
                    idempotency_key: None,
                };
                let planned = engine::plan(&self.engine, &request).await.unwrap();
                Answer::Planned {
                    run: planned.run,
                    existing: planned.existing,
                }
            }
            Op::Repair { tasks, again } => {
                let ids: Vec<TaskId> = tasks.iter().copied().map(TaskId).collect();
                let how = Repairing {
                    again: *again,
                    ..Repairing::default()
                };
                let repair = engine::repair(&self.engine, &ids, ORDER, how)
                    .await
                    .unwrap();
                Answer::Repaired(repair.map(|repair| repair.planned.run))
            }
            Op::Advance { run } => {
                let progress = gates::advance(control, *run).await.unwrap();
                let opened: BTreeSet<_> = progress.opened.iter().copied().collect();
                assert_eq!(
                    opened.len(),
                    progress.opened.len(),
                    "a phase was opened twice"
                );
                Answer::Progress {
                    opened,
                    verdict: progress.verdict,
                }
            }
            Op::Announce { run, phases } => {
                engine::announce(&self.engine, *run, phases).await.unwrap();
                Answer::Done
            }
            Op::Claim(claim) => self.claim(claim).await,
            Op::Release { worker } => {
                let released = repeated(async || tasks::release(control, *worker).await).await;
                Answer::Released(released.into_iter().map(|task| task.0).collect())
            }
            Op::Register { worker } => {
                let registered = workers::register(control, *worker, "it", 0, FOR_EVER);
                registered.await.unwrap();
                Answer::Done
            }
            Op::Deregister { worker } => {
                workers::deregister(control, *worker).await.unwrap();
                Answer::Done
            }
            Op::Heartbeat { worker } => {
                let mut heart = self.heart.lock().await;
                let counters = serde_json::json!({});
                let beat = workers::heartbeat(&mut heart, *worker, FOR_EVER, &counters);
                Answer::Yes(beat.await.unwrap())
            }
            Op::Reap { early } => {
                let lease = if *early {
                    AGES
                } else {
                    Duration::from_millis(1)
                };
                self.steward(lease).reap_lost().await.unwrap();
                Answer::Done
            }
            Op::ReapOverdue => {
                self.steward(AGES).reap_overdue().await.unwrap();
                Answer::Done
            }
            Op::Invalidate { target, from } => {
                let outdated = engine::invalidate(&self.engine, target, *from, ORDER, false);
                let outdated = outdated.await.unwrap();
                let mut sets: BTreeSet<SetKey> = BTreeSet::new();
                for (kind, owners) in outdated {
                    for (owner, dates) in owners {
                        let of = |date| (kind.clone(), owner.clone(), date);
                        sets.extend(dates.into_iter().map(of));
                    }
                }
                Answer::Outdated(sets)
            }
            Op::Hold { worker } => {
                let held = steward::hold(control, *worker, FOR_EVER).await;
                Answer::Term(held.unwrap())
            }
            Op::Resign { worker } => {
                steward::resign(control, *worker).await.unwrap();
                Answer::Done
            }
            Op::Ask => Answer::Asked(Box::new(self.ask().await)),
            Op::Time(passing) => {
                self.pass(passing).await;
                Answer::Done
            }
        }
    }

    pub(super) fn steward(&self, lease: Duration) -> Steward {
        let worker = cast::steward();
        Steward::new(self.engine.clone(), worker, lease, MAX_CRASHES)
    }

    /// Everything but the last word of a transaction.
    pub(super) async fn begin(&self, op: &Op) -> Result<(Open, Answer), Error> {
        if let Op::Lock { tasks } = op {
            let mut tx = self.db.begin().await.unwrap();
            sqlx::query("select from task where id = any($1) order by id for update")
                .bind(tasks)
                .execute(&mut *tx)
                .await
                .unwrap();
            return Ok((Open::Look(tx), Answer::Done));
        }
        let mut tx = WriteTx::begin(&self.engine.pools.commit).await?;
        let answer = within(&mut tx, op).await?;
        Ok((Open::Store(tx), answer))
    }

    /// Ends what was begun, as the operation wants it.
    pub(super) async fn end(&self, open: Open, op: &Op, answer: Answer) -> Result<Answer, Error> {
        match (open, op) {
            (Open::Look(tx), _) => tx.rollback().await.unwrap(),
            (Open::Store(tx), Op::Commit(commit)) if commit.end == End::Rollback => {
                tx.rollback().await?;
            }
            (Open::Store(tx), _) => tx.commit().await?,
        }
        self.was_committed(op, answer).await
    }

    async fn was_committed(&self, op: &Op, answer: Answer) -> Result<Answer, Error> {
        let (
            Op::Commit(commit),
            Answer::Commit {
                fenced, superseded, ..
            },
        ) = (op, &answer)
        else {
            return Ok(answer);
        };
        let mut before = BTreeSet::new();
        for work in &commit.work {
            let known = commit.repeated && !fenced.contains(&work.at);
            if known && tasks::was_committed(&self.engine.pools.control, work.at).await? {
                before.insert(work.at);
            }
        }
        Ok(Answer::Commit {
            fenced: fenced.clone(),
            superseded: superseded.clone(),
            before,
        })
    }

    async fn claim(&self, claim: &Claim) -> Answer {
        let able = self.engine.registry.iter().map(|phase| Capability {
            phase: phase.name(),
            version: phase.version(),
            timeout_seconds: FOR_EVER,
        });
        let able: Vec<Capability> = able.collect();
        let hints: Vec<TaskEpoch> = claim.hints.iter().copied().collect();
        let Claim {
            worker,
            doubtful,
            alone,
            ..
        } = claim;
        let pool = &self.engine.pools.control;
        let answers = tasks::claim(pool, *worker, &hints, doubtful, &able, *alone);
        let answers = answers.await.unwrap();
        let mut snapshot = ReadTx::lazy(&self.engine.pools.load);
        let version = snapshot.data_version().await.unwrap();
        snapshot.close().await.unwrap();
        let (mut got, mut mine) = (Vec::new(), Vec::new());
        for (hint, answer) in answers {
            got.push((
                hint,
                match answer {
                    tasks::Answer::Claimed(claimed) => {
                        assert_eq!(claimed.at.task, hint.task);
                        let epoch = claimed.at.epoch;
                        mine.push(Claimed {
                            at: claimed.at,
                            run: claimed.run_id,
                            seq: claimed.run_seq,
                            phase: claimed.phase,
                            as_of: claimed.as_of,
                            input: claimed.input,
                            attempts: claimed.attempts,
                            version,
                        });
                        Got::Claimed(epoch)
                    }
                    tasks::Answer::Stale => Got::Stale,
                    tasks::Answer::NotNow => Got::NotNow,
                    tasks::Answer::Suspect => Got::Suspect,
                },
            ));
        }
        Answer::Claim { got, claimed: mine }
    }

    async fn ask(&self) -> Asked {
        let pool = &self.engine.pools.control;
        let at = |hints: Vec<Hint>| hints.into_iter().map(|hint| hint.at).collect();
        let all = Facts::read(&self.db).await.all_hints();
        let phases = self
            .engine
            .registry
            .iter()
            .map(|phase| phase.name().to_string());
        let phases: Vec<String> = phases.collect();
        let should = tasks::should_have_hints(pool, 0.0).await.unwrap();
        let (due, _) = tasks::due_since(pool, DateTime::UNIX_EPOCH).await.unwrap();
        let claimable = tasks::claimable(pool, 1_000, &phases).await.unwrap();
        let outdated = tasks::outdated(pool, &all).await.unwrap();
        let unpublished = gates::unpublished(pool, 0.0).await.unwrap();
        let mut snapshot = ReadTx::lazy(&self.engine.pools.load);
        let unfinished = tasks::unfinished(&mut snapshot).await.unwrap();
        snapshot.close().await.unwrap();
        Asked {
            should_have_hints: at(should),
            due_since_ever: at(due),
            claimable,
            outdated: outdated.into_iter().collect(),
            unpublished: unpublished.into_iter().collect(),
            unfinished,
        }
    }

    async fn pass(&self, passing: &Passing) {
        let statement = match passing {
            Passing::Lease { worker } => format!(
                "update worker set lease_until = now() - interval '1 s' where id = '{}'",
                worker.0
            ),
            Passing::Deadline { task } => format!(
                "update task set deadline_at = now() - interval '1 min' where id = {task} and state = 'running'"
            ),
            Passing::Delays => "update task set ready_at = '2000-01-01'
                                where state = 'ready' and ready_at > now()"
                .to_owned(),
            Passing::Parking { task } => format!(
                "update task set parked_since = now() - interval '3 h' where id = {task} and parked_since is not null
                 and finished_at is null"
            ),
            Passing::Stewardship => {
                "update steward set expires_at = now() - interval '1 s'".to_owned()
            }
        };
        self.run(&statement).await;
    }

    /// The short delay after a passed deadline becomes one that does not end by itself.
    pub(super) async fn hold_delays(&self) {
        let statement = "update task t set ready_at = now() + interval '10 h'
                         from attempt a where a.task_id = t.id and a.epoch = t.epoch - 1 and a.outcome = 'deadline'
                         and t.state = 'ready' and t.ready_at > a.finished_at + interval '900 ms'
                         and t.ready_at < a.finished_at + interval '1 h'";
        self.run(statement).await;
    }

    async fn run(&self, statement: &str) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()))
            .execute(&self.db)
            .await
            .unwrap();
    }
}

/// The statements of an operation that is one transaction.
async fn within(tx: &mut WriteTx, op: &Op) -> Result<Answer, Error> {
    Ok(match op {
        Op::Plan(run) => {
            plan(tx, run).await?;
            Answer::Done
        }
        Op::Commit(commit) => fence(tx, commit).await?,
        Op::Fail(failing) => Answer::Failed(fail(tx, failing).await?),
        Op::Cancel { run } => Answer::Cancelled(control::cancel(tx, *run).await?),
        Op::Pause { held } => Answer::Yes(control::pause(tx, *held, "it", "test").await?),
        Op::Resume { held } => Answer::Yes(control::resume(tx, *held).await?),
        Op::Drain { worker } => Answer::Yes(control::drain(tx, *worker).await?),
        op => panic!("{op:?} is no transaction of its own"),
    })
}

/// Of the errors that pass, as the engine does.
async fn repeated<T>(action: impl AsyncFn() -> Result<T, Error>) -> T {
    let mut tries = 1;
    loop {
        match action().await {
            Ok(done) => return done,
            Err(error) if error.is_conflict() && tries < TRIES => tries += 1,
            Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
        }
    }
}

async fn plan(tx: &mut WriteTx, run: &SmallRun) -> Result<(), Error> {
    let dates = cast::dates().map(TradingDate::trusted);
    let name = run.id.to_string();
    let new = NewRun {
        id: run.id,
        trigger: Trigger::Cli,
        lane: run.lane,
        label: &name,
        from: dates[0],
        to: dates[2],
        force: false,
        all_portfolios: false,
        scope_hash: &name,
        request_hash: &name,
        asked_hash: &name,
        principal: "it",
        idempotency_key: None,
        parent: None,
    };
    runs::insert(tx, &new).await?;
    let portfolios = &cast::portfolios()[..run.portfolios];
    runs::freeze_scope(tx, run.id, portfolios, &dates, &[]).await?;
    for (phase, after, new) in &run.phases {
        runs::insert_phase(tx, run.id, *phase, after, new.len()).await?;
        tasks::insert(tx, run.id, phase.as_str(), 1, new).await?;
    }
    Ok(())
}

/// As a worker commits: fence, headers of results, and what came too late.
async fn fence(tx: &mut WriteTx, commit: &Commit) -> Result<Answer, Error> {
    let completions = commit.work.iter().map(|work| Completion {
        at: work.at,
        outcome: "done".to_owned(),
        timings: Timings::default(),
    });
    let completions: Vec<Completion> = completions.collect();
    let fenced = tasks::complete(tx, commit.worker, &completions).await?;
    let fenced: BTreeSet<TaskEpoch> = fenced.into_iter().collect();
    let ours = commit.work.iter().filter(|work| fenced.contains(&work.at));
    let ours: Vec<&Work> = ours.collect();
    let with_sets = ours.iter().filter(|work| !work.sets.is_empty());
    let mut superseded: BTreeSet<TaskEpoch> = with_sets.map(|work| work.at).collect();
    let best = best(&ours);
    for phase in cast::PHASES {
        let of_kind = best.iter().filter(|((kind, ..), _)| kind == phase.as_str());
        let sets = of_kind.map(|((_, owner, as_of), work)| NewSet {
            kind: phase.as_str(),
            owner: owner.clone(),
            as_of: TradingDate::trusted(*as_of),
            run_id: work.run,
            run_seq: work.seq,
            at: work.at,
            data_version: work.version,
            definitions: String::new(),
            provider_basis: "raw",
        });
        let sets: Vec<NewSet> = sets.collect();
        let written = result_sets::replace(tx, &sets, MODEL_VERSION, CONVENTION_ID).await?;
        for set in sets {
            if written.contains(&(set.owner, set.as_of.date())) {
                superseded.remove(&set.at);
            }
        }
    }
    let late: Vec<TaskId> = superseded.iter().map(|at| at.task).collect();
    tasks::superseded(tx, &late).await?;
    Ok(Answer::Commit {
        fenced,
        superseded,
        before: BTreeSet::new(),
    })
}

/// As a worker settles a failure.
async fn fail(tx: &mut WriteTx, failing: &Failing) -> Result<bool, Error> {
    let Failing {
        worker,
        at,
        kind,
        attempts,
        elements,
    } = failing;
    let too_long = tasks::parked_seconds(tx, at.task).await? > 7_200.0;
    let (class, outcome, counts) = kind.words();
    let passes = kind.passes(*attempts, too_long);
    let failure = Failure {
        class: match kind {
            Trouble::RateLimited if !passes => "parked_too_long",
            _ => class,
        },
        error: "test",
        outcome,
        counts,
        retry_after_seconds: passes.then_some(FOR_EVER),
    };
    if !passes && !elements.is_empty() {
        let made = tasks::split(tx, *worker, *at, &failure, elements).await?;
        return Ok(made.is_some());
    }
    tasks::give_back(tx, *worker, *at, &failure).await
}
