//! The model: what an answer may be, and what is true after it. One operation happens at one moment here;
//! of operations that happen beside each other, the order that explains all answers is looked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use chrono::NaiveDate;
use sigmabatch::domain::{Lane, PhaseName, RunId, TaskEpoch, Verdict, WorkerId};
use sigmabatch::engine::Target;
use sigmabatch::store::control::Cancelled;
use sigmabatch::store::tasks::NewTask;

use super::cast;
use super::facts::{
    Attempt, Change, Facts, Parked, Seq, Set, SetKey, State, Steward, Task, Worker,
};
use super::ops::{
    Answer, Asked, Claim, Claimed, Commit, End, Failing, Got, MAX_ATTEMPTS, MAX_CRASHES, Op,
    Passing, SmallRun, Trouble, Work, elements,
};
use sigmabatch::domain::TradingDate;

/// Why an answer cannot be.
pub(super) type Refused = String;

fn expect<T: PartialEq + Debug>(what: &str, should: &T, is: &T) -> Result<(), Refused> {
    if should == is {
        return Ok(());
    }
    Err(format!("{what} is {is:?}, should be {should:?}"))
}

/// What besides the order is not known.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    /// What was seen after all of them: names what was made anew.
    pub(super) seen: &'a Facts,
    /// Others act at the same time and hold rows, which are skipped.
    pub(super) crowded: bool,
}

impl Facts {
    /// Takes the answer for true, or says why it cannot be.
    #[expect(clippy::too_many_lines, reason = "one arm for each operation")]
    pub(super) fn accept(
        &mut self,
        op: &Op,
        answer: &Answer,
        around: Around<'_>,
    ) -> Result<(), Refused> {
        match (op, answer) {
            (Op::Plan(run), Answer::Done) => self.plan(run, around),
            (Op::Night { .. }, &Answer::Planned { run, existing }) => {
                self.night(run, existing, around)
            }
            (Op::Repair { tasks, again }, &Answer::Repaired(run)) => {
                self.repair(tasks, *again, run, around)
            }
            (Op::Advance { run }, Answer::Progress { opened, verdict }) => {
                let (all, last) = self.advance(self.seq(run.0));
                if around.crowded {
                    return Ok(());
                }
                expect("what was opened", &all, opened)?;
                expect("the verdict", &last, verdict)
            }
            (Op::Announce { run, phases }, Answer::Done) => {
                let seq = self.seq(run.0);
                for phase in phases {
                    self.phases.get_mut(&(seq, *phase)).unwrap().published = true;
                }
                Ok(())
            }
            (Op::Claim(ask), Answer::Claim { got, claimed }) => {
                self.claim(ask, got, claimed, around)
            }
            (
                Op::Commit(commit),
                Answer::Commit {
                    fenced,
                    superseded,
                    before,
                },
            ) => {
                let now = self.commit(commit);
                expect("fenced", &now.0, fenced)?;
                expect("superseded", &now.1, superseded)?;
                let known = |at: &TaskEpoch| {
                    let attempt = self.attempts.get(&(at.task.0, at.epoch));
                    attempt.is_some_and(|attempt| attempt.outcome == "committed")
                };
                let work = commit.work.iter().map(|work| work.at);
                let earlier: BTreeSet<_> = work
                    .filter(|at| commit.repeated && !fenced.contains(at) && known(at))
                    .collect();
                expect("committed before", &earlier, before)
            }
            (Op::Fail(failing), Answer::Failed(ours)) => {
                let expected = self.fail(failing, around)?;
                expect("ours", &expected, ours)
            }
            (Op::Release { worker }, Answer::Released(tasks)) => {
                expect("released", &self.release(*worker), tasks)
            }
            (Op::Register { worker }, Answer::Done) => {
                let (id, lost, draining, expired) = (worker.0, false, false, false);
                let row = Worker {
                    id,
                    lost,
                    draining,
                    expired,
                };
                self.workers.insert(id, row);
                Ok(())
            }
            (Op::Deregister { worker }, Answer::Done) => {
                self.workers.remove(&worker.0);
                Ok(())
            }
            (Op::Heartbeat { worker }, Answer::Yes(alive)) => {
                if let Some(row) = self.workers.get_mut(&worker.0).filter(|row| !row.lost) {
                    row.expired = false;
                }
                expect("alive", &self.is_alive(worker.0), alive)
            }
            (Op::Reap { early }, Answer::Done) => self.reap(*early, around),
            (Op::ReapOverdue, Answer::Done) => self.reap_overdue(around),
            (Op::Cancel { run }, Answer::Cancelled(cancelled)) => {
                expect("cancelled", &self.cancel(*run), cancelled)
            }
            (Op::Pause { held }, Answer::Yes(new)) => {
                let what = format!("{} {}", held.kind(), held.name());
                expect("paused", &self.pauses.insert(what), new)
            }
            (Op::Resume { held }, Answer::Yes(was)) => {
                let what = format!("{} {}", held.kind(), held.name());
                expect("resumed", &self.pauses.remove(&what), was)
            }
            (Op::Drain { worker }, Answer::Yes(there)) => {
                if let Some(row) = self.workers.get_mut(&worker.0).filter(|row| !row.lost) {
                    row.draining = true;
                }
                expect("there", &self.is_alive(worker.0), there)
            }
            (Op::Invalidate { target, from }, Answer::Outdated(outdated)) => {
                let before = self.stale.clone();
                self.invalidate(target, *from);
                if around.crowded {
                    return Ok(());
                }
                let new = self.stale.difference(&before).cloned().collect();
                expect("outdated", &new, outdated)
            }
            (Op::Hold { worker }, Answer::Term(term)) => expect("term", &self.hold(*worker), term),
            (Op::Resign { worker }, Answer::Done) => {
                if self.steward.holder == Some(worker.0) {
                    self.steward.holder = None;
                    self.steward.expired = true;
                }
                Ok(())
            }
            (Op::Ask, Answer::Asked(asked)) => expect("asked", &self.asked(), &**asked),
            (Op::Lock { .. }, Answer::Done) => Ok(()),
            (Op::Time(passing), Answer::Done) => {
                self.pass(passing);
                Ok(())
            }
            (op, answer) => panic!("{answer:?} is no answer to {op:?}"),
        }
    }

    fn plan(&mut self, run: &SmallRun, around: Around<'_>) -> Result<(), Refused> {
        let seq = self.learn(run.id, around.seen)?;
        expect("lane", &run.lane, &self.runs[&seq].lane)?;
        let phases = self.phases.range((seq, PhaseName::CompanyProfiles)..);
        expect("phases", &run.phases.len(), &phases.count())?;
        for (name, after, tasks) in &run.phases {
            let phase = &self.phases[&(seq, *name)];
            expect("after", after, &phase.after)?;
            let planned: BTreeSet<_> = tasks.iter().map(|t| (&*t.unit, t.as_of.date())).collect();
            let stored = self.of(seq, *name).map(|task| (&*task.unit, task.as_of));
            expect("tasks", &planned, &stored.collect())?;
        }
        Ok(())
    }

    fn night(&mut self, run: RunId, existing: bool, around: Around<'_>) -> Result<(), Refused> {
        let going = |facts: &Self, request: &str| {
            let mut runs = facts.runs.values();
            runs.any(|run| run.request == request && run.verdict.is_none() && !run.cancelled)
        };
        if existing {
            let Some(known) = self.runs.values().find(|known| known.id == run.0) else {
                return Err(format!("run {run} should be there already"));
            };
            return expect("going", &true, &going(self, &known.request));
        }
        let before = self.clone();
        let seq = self.learn(run, around.seen)?;
        let request = &self.runs[&seq].request;
        expect(
            "an equal run that goes on",
            &false,
            &going(&before, request),
        )
    }

    /// Takes over a run that was just planned.
    fn learn(&mut self, run: RunId, seen: &Facts) -> Result<Seq, Refused> {
        let seq = seen.seq(run.0);
        if self.runs.contains_key(&seq) {
            return Err(format!("run {run} was there before"));
        }
        self.runs.insert(seq, seen.runs[&seq].clone());
        let phases = seen.phases.iter().filter(|((of, _), _)| *of == seq);
        for (&key, phase) in phases {
            expect("planned", &seen.of(seq, key.1).count(), &phase.total)?;
            expect("opened", &(false, false), &(phase.opened, phase.finished))?;
            self.phases.insert(key, phase.clone());
        }
        for task in seen.tasks.values().filter(|task| task.run == seq) {
            let fresh = (State::Ready, 0, 0, 0, true);
            let is = (
                task.state,
                task.epoch,
                task.attempts,
                task.crashes,
                task.due,
            );
            expect("a fresh task", &fresh, &is)?;
            self.tasks.insert(task.id, task.clone());
        }
        Ok(seq)
    }

    fn repair(
        &mut self,
        tasks: &[i64],
        again: bool,
        run: Option<RunId>,
        around: Around<'_>,
    ) -> Result<(), Refused> {
        let asked = tasks.iter().filter_map(|id| self.tasks.get(id));
        let undone = asked.filter(|task| {
            matches!(task.state, State::Dead | State::Cancelled) && (again || task.repair.is_none())
        });
        let undone: Vec<(i64, PhaseName)> = undone.map(|task| (task.id, task.phase)).collect();
        let Some(run) = run else {
            // Symbols may concern nobody of an empty scope.
            let of_nobody = |(_, phase): &(i64, PhaseName)| *phase < PhaseName::PositionValues;
            return expect("nothing to repair", &true, &undone.iter().all(of_nobody));
        };
        expect("something to repair", &false, &undone.is_empty())?;
        let known = self.runs.values().any(|known| known.id == run.0);
        let seq = if known {
            self.seq(run.0)
        } else {
            self.learn(run, around.seen)?
        };
        for (id, _) in undone {
            self.tasks.get_mut(&id).unwrap().repair = Some(seq);
        }
        Ok(())
    }

    /// Finishes and opens what can be: says what was opened, and the verdict.
    fn advance(&mut self, run: Seq) -> (BTreeSet<PhaseName>, Option<Verdict>) {
        let names: Vec<PhaseName> = self
            .phases
            .keys()
            .filter(|k| k.0 == run)
            .map(|k| k.1)
            .collect();
        let mut opened = BTreeSet::new();
        loop {
            let mut moved = false;
            for &name in &names {
                let phase = &self.phases[&(run, name)];
                if phase.opened && !phase.finished && self.of(run, name).all(Task::is_final) {
                    self.phases.get_mut(&(run, name)).unwrap().finished = true;
                    self.said("phase-finished", format!("{run} {name}"));
                    moved = true;
                }
            }
            for &name in &names {
                let phase = &self.phases[&(run, name)];
                let may = phase.after.iter().all(|q| self.phases[&(run, *q)].finished);
                if !phase.opened && may && self.runs[&run].verdict.is_none() {
                    self.phases.get_mut(&(run, name)).unwrap().opened = true;
                    self.said("phase-opened", format!("{run} {name}"));
                    opened.insert(name);
                    moved = true;
                }
            }
            if !moved {
                break;
            }
        }
        let over = names.iter().all(|&name| self.phases[&(run, name)].finished);
        if !over || self.runs[&run].verdict.is_some() {
            return (opened, None);
        }
        let verdict = self.verdict(run);
        self.runs.get_mut(&run).unwrap().verdict = Some(verdict);
        self.said("run-finished", run.to_string());
        (opened, Some(verdict))
    }

    fn verdict(&self, run: Seq) -> Verdict {
        let run = &self.runs[&run];
        let set = |kind: PhaseName, (owner, date): &(String, NaiveDate)| -> SetKey {
            (kind.to_string(), owner.clone(), *date)
        };
        let published = run.scope.iter().filter(|of| {
            let analytics = set(PhaseName::PortfolioAnalytics, of);
            let snapshot = set(PhaseName::PnlSnapshots, of);
            self.sets.contains_key(&analytics)
                && !self.stale.contains(&analytics)
                && !self.stale.contains(&snapshot)
        });
        let published: Vec<_> = published.collect();
        let strict = published.iter().filter(|(owner, _)| cast::is_strict(owner));
        let dead = |task: &Task| task.run == run.seq && task.state == State::Dead;
        if run.cancelled {
            Verdict::Cancelled
        } else if strict.count() == run.scope.len() && !self.tasks.values().any(dead) {
            Verdict::Succeeded
        } else if published.is_empty() {
            Verdict::Failed
        } else {
            Verdict::Partial
        }
    }

    fn claim(
        &mut self,
        ask: &Claim,
        got: &[(TaskEpoch, Got)],
        claimed: &[Claimed],
        around: Around<'_>,
    ) -> Result<(), Refused> {
        let answered: Vec<TaskEpoch> = got.iter().map(|(hint, _)| *hint).collect();
        expect("the hints", &ask.hints.iter().copied().collect(), &answered)?;
        let before = self.clone();
        for &(hint, got) in got {
            let expected = before.claimed(ask, hint);
            let skipped = matches!(got, Got::NotNow | Got::Suspect);
            if got != expected && !(around.crowded && skipped) {
                return Err(format!("{hint:?} is {got:?}, should be {expected:?}"));
            }
            let Got::Claimed(epoch) = got else { continue };
            let task = self.tasks.get_mut(&hint.task.0).unwrap();
            task.state = State::Running;
            task.epoch = epoch;
            task.worker = Some(ask.worker.0);
            (task.due, task.overdue) = (false, false);
        }
        for one in claimed {
            let task = &self.tasks[&one.at.task.0];
            let is = (
                one.seq,
                one.phase,
                one.as_of.date(),
                &one.input,
                one.attempts,
            );
            let should = (task.run, task.phase, task.as_of, &task.input, task.attempts);
            expect("the claimed task", &should, &is)?;
        }
        Ok(())
    }

    /// What becomes of a hint where nobody is in the way.
    fn claimed(&self, ask: &Claim, hint: TaskEpoch) -> Got {
        let Some(task) = self.tasks.get(&hint.task.0) else {
            return Got::Stale;
        };
        let worker = self
            .workers
            .get(&ask.worker.0)
            .filter(|worker| !worker.lost);
        let ours = task.state == State::Running
            && task.epoch == hint.epoch + 1
            && task.worker == Some(ask.worker.0);
        if ours && ask.doubtful.contains(&hint) && worker.is_some() {
            return Got::Claimed(task.epoch);
        }
        if task.state != State::Ready || task.epoch != hint.epoch {
            return Got::Stale;
        }
        let may = task.due
            && self.phases[&(task.run, task.phase)].opened
            && (task.crashes == 0 || ask.alone)
            && worker.is_some_and(|worker| !worker.draining)
            && !self.held_back(task);
        match may {
            true => Got::Claimed(task.epoch + 1),
            false if task.crashes > 0 => Got::Suspect,
            false => Got::NotNow,
        }
    }

    fn attempted(
        &mut self,
        task: i64,
        epoch: i64,
        worker: Option<uuid::Uuid>,
        outcome: &str,
        class: Option<&str>,
    ) {
        let (outcome, class) = (outcome.to_owned(), class.map(ToOwned::to_owned));
        let attempt = Attempt {
            task,
            epoch,
            worker,
            outcome,
            class,
        };
        self.attempts.insert((task, epoch), attempt);
    }

    /// The running task, if it is this worker's at this epoch.
    fn ours(&mut self, worker: WorkerId, at: TaskEpoch) -> Option<&mut Task> {
        self.tasks.get_mut(&at.task.0).filter(|task| {
            task.state == State::Running && task.epoch == at.epoch && task.worker == Some(worker.0)
        })
    }

    /// Says which tasks are fenced, and which of them came too late with their results.
    fn commit(&mut self, commit: &Commit) -> (BTreeSet<TaskEpoch>, BTreeSet<TaskEpoch>) {
        let mut facts = self.clone();
        let mut fenced = Vec::new();
        for work in &commit.work {
            if let Some(task) = facts.ours(commit.worker, work.at) {
                task.state = State::Done;
                task.outcome = Some("done".to_owned());
                task.overdue = false;
                let (id, epoch) = (work.at.task.0, work.at.epoch);
                facts.attempted(id, epoch, Some(commit.worker.0), "committed", None);
                fenced.push(work);
            }
        }
        let mut superseded: BTreeSet<TaskEpoch> = BTreeSet::new();
        let with_sets = fenced.iter().filter(|work| !work.sets.is_empty());
        superseded.extend(with_sets.map(|work| work.at));
        for (key, work) in best(&fenced) {
            let newer = |set: &Set| (set.version, set.run) > (work.version, work.seq);
            if facts.sets.get(&key).is_some_and(newer) {
                continue;
            }
            superseded.remove(&work.at);
            let set = Set {
                kind: key.0.clone(),
                owner: key.1.clone(),
                as_of: key.2,
                run: work.seq,
                task: work.at.task.0,
                epoch: work.at.epoch,
                version: work.version,
            };
            facts.sets.insert(key, set);
        }
        for at in &superseded {
            let task = facts.tasks.get_mut(&at.task.0).unwrap();
            task.outcome = Some("superseded".to_owned());
        }
        let fenced = fenced.iter().map(|work| work.at).collect();
        if commit.end != End::Rollback {
            *self = facts;
            self.stale = self.stale_sets();
        }
        (fenced, superseded)
    }

    fn fail(&mut self, failing: &Failing, around: Around<'_>) -> Result<bool, Refused> {
        let Failing {
            worker, at, kind, ..
        } = failing;
        let Some(task) = self.ours(*worker, *at) else {
            return Ok(false);
        };
        let (mut class, mut outcome, counts) = kind.words();
        let passes = kind.passes(failing.attempts, task.parked == Parked::TooLong);
        if *kind == Trouble::RateLimited && !passes {
            class = "parked_too_long";
        }
        task.attempts += i16::from(counts);
        task.worker = None;
        task.overdue = false;
        task.class = Some(class.to_owned());
        let split = !passes && !failing.elements.is_empty();
        if split {
            outcome = "split";
            task.state = State::Split;
        } else {
            task.state = if passes { State::Ready } else { State::Dead };
            task.parked = match (outcome, task.parked) {
                ("parked", Parked::No) => Parked::Lately,
                ("parked", since) => since,
                _ => Parked::No,
            };
        }
        self.attempted(at.task.0, at.epoch, Some(worker.0), outcome, Some(class));
        if split {
            self.bear(at.task.0, &failing.elements, around)?;
        }
        Ok(true)
    }

    /// The elements of a chunk.
    fn bear(
        &mut self,
        parent: i64,
        elements: &[NewTask],
        around: Around<'_>,
    ) -> Result<(), Refused> {
        let parent = self.tasks[&parent].clone();
        let phase = self.phases.get_mut(&(parent.run, parent.phase)).unwrap();
        phase.total = phase.total + elements.len() - 1;
        for element in elements {
            let name = (
                parent.run,
                parent.phase,
                &*element.unit,
                element.as_of.date(),
            );
            let mut born = around
                .seen
                .tasks
                .values()
                .filter(|task| task.name() == name);
            let Some(id) = born.next().map(|task| task.id) else {
                return Err(format!("there is no {name:?}"));
            };
            let task = Task {
                id,
                run: parent.run,
                phase: parent.phase,
                unit: element.unit.clone(),
                as_of: element.as_of.date(),
                state: State::Ready,
                epoch: 0,
                worker: None,
                attempts: 0,
                crashes: 0,
                due: true,
                overdue: false,
                parked: Parked::No,
                outcome: None,
                class: None,
                input: element.input.clone(),
                repair: None,
            };
            if self.tasks.insert(id, task).is_some() {
                return Err(format!("task {id} was there before"));
            }
        }
        Ok(())
    }

    fn release(&mut self, worker: WorkerId) -> BTreeSet<i64> {
        let running =
            |task: &&mut Task| task.state == State::Running && task.worker == Some(worker.0);
        let mut released = Vec::new();
        for task in self.tasks.values_mut().filter(running) {
            released.push(task.at());
            task.state = State::Ready;
            task.epoch += 1;
            task.worker = None;
            (task.due, task.overdue) = (true, false);
        }
        for at in &released {
            self.attempted(at.task.0, at.epoch, Some(worker.0), "released", None);
        }
        released.iter().map(|at| at.task.0).collect()
    }

    fn reap(&mut self, early: bool, around: Around<'_>) -> Result<(), Refused> {
        let mut lost = Vec::new();
        for worker in self.workers.values_mut() {
            if !early && worker.expired && !worker.lost {
                worker.lost = true;
                lost.push(WorkerId(worker.id).consumer());
            }
        }
        for worker in lost {
            self.said("worker-lost", worker);
        }
        let orphaned = |task: &Task| task.worker.is_some_and(|worker| !self.is_alive(worker));
        let orphans = self.reapable(orphaned, "lost", around);
        for mut task in orphans {
            task.crashes += 1;
            let exhausted = task.crashes >= MAX_CRASHES;
            let class = if exhausted { "poison" } else { "lost" };
            self.take_back(task, exhausted, "lost", class, around)?;
        }
        Ok(())
    }

    fn reap_overdue(&mut self, around: Around<'_>) -> Result<(), Refused> {
        for mut task in self.reapable(|task| task.overdue, "deadline", around) {
            task.attempts += 1;
            let exhausted = task.attempts >= MAX_ATTEMPTS;
            self.take_back(task, exhausted, "deadline", "deadline", around)?;
        }
        Ok(())
    }

    /// Running tasks that are to be taken back; in a crowd, those that were.
    fn reapable(
        &self,
        which: impl Fn(&Task) -> bool,
        outcome: &str,
        around: Around<'_>,
    ) -> Vec<Task> {
        let taken = |task: &Task| {
            let attempt = around.seen.attempts.get(&(task.id, task.epoch));
            attempt.is_some_and(|attempt| attempt.outcome == outcome)
        };
        let running = self
            .tasks
            .values()
            .filter(|task| task.state == State::Running);
        let found = running.filter(|task| which(task) && (!around.crowded || taken(task)));
        found.cloned().collect()
    }

    fn take_back(
        &mut self,
        mut task: Task,
        exhausted: bool,
        outcome: &str,
        class: &str,
        around: Around<'_>,
    ) -> Result<(), Refused> {
        let (id, epoch, worker) = (task.id, task.epoch, task.worker.take());
        let chunk = if exhausted {
            elements(task.phase, &task.input, TradingDate::trusted(task.as_of))
        } else {
            Vec::new()
        };
        task.state = match (exhausted, chunk.is_empty()) {
            (false, _) => State::Ready,
            (true, true) => State::Dead,
            (true, false) => State::Split,
        };
        task.epoch += 1;
        // After a passed deadline there is a delay.
        task.due = task.state == State::Ready && outcome == "lost";
        task.overdue = false;
        task.class = Some(class.to_owned());
        if task.state == State::Dead {
            self.said("task-dead", format!("{} {}", task.run, task.phase));
        }
        self.tasks.insert(id, task);
        self.attempted(id, epoch, worker, outcome, Some(class));
        if chunk.is_empty() {
            return Ok(());
        }
        self.bear(id, &chunk, around)
    }

    fn cancel(&mut self, run: RunId) -> Cancelled {
        let Some(run) = self.runs.values_mut().find(|known| known.id == run.0) else {
            return Cancelled::Unknown;
        };
        if run.verdict.is_some() {
            return Cancelled::Ended;
        }
        run.cancelled = true;
        let seq = run.seq;
        let (mut tasks, mut running) = (0, Vec::new());
        let unfinished = |task: &&mut Task| task.run == seq && !task.is_final();
        for task in self.tasks.values_mut().filter(unfinished) {
            tasks += 1;
            if task.state == State::Running {
                running.push((task.at(), task.worker));
            }
            task.state = State::Cancelled;
            task.epoch += 1;
            task.worker = None;
            (task.due, task.overdue) = (false, false);
        }
        for (at, worker) in &running {
            self.attempted(at.task.0, at.epoch, *worker, "cancelled", Some("cancelled"));
        }
        let running = running.len() as u64;
        Cancelled::Tasks { tasks, running }
    }

    fn invalidate(&mut self, target: &Target, from: NaiveDate) {
        self.version += 1;
        let mut change = |scope: &str, owner: String, input: &str| {
            self.changes.insert(Change {
                version: self.version,
                scope: scope.to_owned(),
                owner,
                input: input.to_owned(),
                from,
            });
        };
        match target {
            Target::Portfolio(id) => change("portfolio", id.to_string(), "book"),
            Target::Symbol(symbol) => {
                change("symbol", symbol.to_string(), "prices");
                change("symbol", symbol.to_string(), "profile");
                if symbol.to_string() == cast::PROXY {
                    change("all", String::new(), "prices");
                }
            }
        }
        self.stale = self.stale_sets();
    }

    fn stale_sets(&self) -> BTreeSet<SetKey> {
        let stale = self.sets.values().filter(|set| {
            let concerns = |change: &&Change| {
                let analytics = set.kind == PhaseName::PortfolioAnalytics.as_str();
                change.version > set.version
                    && change.from <= set.as_of
                    && match (&*change.scope, &*change.input) {
                        ("all", _) => analytics,
                        ("portfolio", _) => change.owner == set.owner,
                        (_, input) => {
                            cast::holds(&set.owner, &change.owner)
                                && (input == "prices" || analytics)
                        }
                    }
            };
            self.changes.iter().any(|change| concerns(&change))
        });
        stale.map(Set::key).collect()
    }

    fn hold(&mut self, worker: WorkerId) -> Option<i64> {
        let Steward {
            holder,
            term,
            expired,
        } = &mut self.steward;
        if *holder != Some(worker.0) && !*expired {
            return None;
        }
        *term += i64::from(*holder != Some(worker.0));
        *holder = Some(worker.0);
        *expired = false;
        Some(*term)
    }

    fn asked(&self) -> Asked {
        let open = |task: &&Task| {
            let phase = &self.phases[&(task.run, task.phase)];
            phase.opened && !phase.finished && self.runs[&task.run].verdict.is_none()
        };
        let ready = |task: &&Task| task.state == State::Ready && task.due && open(task);
        let ready = || self.tasks.values().filter(ready);
        let free = || ready().filter(|task| !self.held_back(task));
        let retried = |task: &&Task| task.attempts > 0 || task.crashes > 0 || task.epoch > 0;
        let mut claimable: Vec<&Task> = free().collect();
        let lane = |task: &Task| {
            Lane::ALL
                .iter()
                .position(|lane| *lane == self.runs[&task.run].lane)
        };
        claimable.sort_by_key(|task| (lane(task), task.id));
        let outdated = self
            .all_hints()
            .into_iter()
            .filter(|hint| self.is_outdated(*hint));
        let unpublished = self.phases.values().filter(|phase| {
            let ended = self.runs[&phase.run].verdict.is_some();
            phase.opened && !phase.published && !phase.finished && !ended
        });
        Asked {
            should_have_hints: free().map(Task::at).collect(),
            due_since_ever: ready().filter(retried).map(Task::at).collect(),
            claimable: claimable.into_iter().map(Task::at).collect(),
            outdated: outdated.collect(),
            unpublished: unpublished
                .map(|phase| (RunId(self.runs[&phase.run].id), phase.name))
                .collect(),
            unfinished: self
                .tasks
                .values()
                .filter(|task| !task.is_final())
                .count()
                .try_into()
                .unwrap(),
        }
    }

    /// Claimable tasks.
    pub(super) fn should_have_hints(&self) -> BTreeSet<TaskEpoch> {
        self.asked().should_have_hints
    }

    /// Each task at its epoch and those beside it, and one that is not there.
    pub(super) fn all_hints(&self) -> Vec<TaskEpoch> {
        let mut hints = Vec::new();
        for task in self.tasks.values() {
            for epoch in task.epoch - 2..=task.epoch + 1 {
                hints.push(TaskEpoch { epoch, ..task.at() });
            }
        }
        let task = cast::NO_TASK;
        hints.push(TaskEpoch { task, epoch: 0 });
        hints
    }

    /// Whether a hint can never be claimed.
    pub(super) fn is_outdated(&self, hint: TaskEpoch) -> bool {
        let Some(task) = self.tasks.get(&hint.task.0) else {
            return true;
        };
        match task.state {
            State::Ready => task.epoch != hint.epoch,
            State::Running => ![hint.epoch, hint.epoch + 1].contains(&task.epoch),
            _ => true,
        }
    }

    fn pass(&mut self, passing: &Passing) {
        match passing {
            Passing::Lease { worker } => {
                if let Some(row) = self.workers.get_mut(&worker.0) {
                    row.expired = true;
                }
            }
            Passing::Deadline { task } => {
                let task = self.tasks.get_mut(task).unwrap();
                task.overdue = task.state == State::Running;
            }
            Passing::Delays => {
                for task in self.tasks.values_mut() {
                    task.due = task.state == State::Ready;
                }
            }
            Passing::Parking { task } => {
                let task = self.tasks.get_mut(task).unwrap();
                if task.parked == Parked::Lately && !task.is_final() {
                    task.parked = Parked::TooLong;
                }
            }
            Passing::Stewardship => self.steward.expired = true,
        }
    }
}

/// Which task writes a set that several want: newest inputs, then newest run.
pub(super) fn best<'a>(fenced: &[&'a Work]) -> BTreeMap<SetKey, &'a Work> {
    let rank = |work: &Work| (work.version, work.seq, work.at);
    let mut best: BTreeMap<SetKey, &Work> = BTreeMap::new();
    for work in fenced {
        for key in &work.sets {
            if best.get(key).is_none_or(|other| rank(other) < rank(work)) {
                best.insert(key.clone(), work);
            }
        }
    }
    best
}
