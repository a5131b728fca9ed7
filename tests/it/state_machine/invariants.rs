//! What must hold after every step, whatever the model says: the invariants of the engine's design by their
//! numbers, over what is committed now and what was before.

use super::facts::{Facts, State, Task};
use super::ops::{Answer, MAX_ATTEMPTS, MAX_CRASHES, Op};

/// Everything that is wrong.
#[expect(clippy::too_many_lines, reason = "one invariant after the other")]
pub(super) fn violations(before: &Facts, now: &Facts) -> Vec<String> {
    let mut found = Vec::new();
    let mut never = |wrong: bool, what: &str, which: String| {
        if wrong {
            found.push(format!("{what}: {which}"));
        }
    };
    for task in now.tasks.values() {
        let which = || format!("{task:?}");
        let committed = now
            .attempts
            .values()
            .filter(|attempt| attempt.task == task.id && attempt.outcome == "committed");
        let epochs: Vec<i64> = committed.map(|attempt| attempt.epoch).collect();
        let should: &[i64] = match task.state {
            State::Done => &[task.epoch],
            _ => &[],
        };
        never(epochs != should, "2: committed attempts", which());
        let spent = task.attempts > MAX_ATTEMPTS || task.crashes > MAX_CRASHES;
        never(spent, "9: a budget is exceeded", which());
        let phase = &now.phases[&(task.run, task.phase)];
        let begun = task.epoch > 0 && task.state != State::Cancelled;
        never(
            begun && !phase.opened,
            "6: begun before its phase was opened",
            which(),
        );
        let cancelled = now.runs[&task.run].cancelled && !task.is_final();
        never(
            cancelled,
            "10: its run was cancelled, and it is not final",
            which(),
        );
        let Some(old) = before.tasks.get(&task.id) else {
            continue;
        };
        never(task.epoch < old.epoch, "4: its epoch fell", which());
        let again = task.state == State::Running
            && !(old.state == State::Running && task.epoch == old.epoch);
        never(
            again && task.epoch <= old.epoch,
            "4: claimed without a new epoch",
            which(),
        );
        let mut same = task.clone();
        same.repair = old.repair;
        never(
            old.is_final() && same != *old,
            "a final task has changed",
            which(),
        );
    }
    for (key, attempt) in &now.attempts {
        let ahead = now.tasks[&attempt.task].epoch < attempt.epoch;
        never(
            ahead,
            "4: an attempt is ahead of its task",
            format!("{attempt:?}"),
        );
        let late = attempt.outcome == "committed"
            && !before.attempts.contains_key(key)
            && before
                .runs
                .get(&now.tasks[&attempt.task].run)
                .is_some_and(|run| run.cancelled);
        never(
            late,
            "10: committed after the cancel",
            format!("{attempt:?}"),
        );
    }
    for (key, attempt) in &before.attempts {
        let changed = now.attempts.get(key) != Some(attempt);
        never(changed, "an attempt has changed", format!("{attempt:?}"));
    }
    for phase in now.phases.values() {
        let which = || format!("{phase:?}");
        let early = phase.opened
            && phase
                .after
                .iter()
                .any(|q| !now.phases[&(phase.run, *q)].finished);
        never(
            early,
            "6: opened before what it comes after was finished",
            which(),
        );
        let mut tasks = now.of(phase.run, phase.name);
        never(
            phase.finished && !tasks.all(Task::is_final),
            "6: finished too early",
            which(),
        );
        let counted = now
            .of(phase.run, phase.name)
            .filter(|task| task.state != State::Split);
        never(
            counted.count() != phase.total,
            "its total is not the sum of its states",
            which(),
        );
        let old = before.phases.get(&(phase.run, phase.name));
        let closed = old.is_some_and(|old| {
            (old.opened, old.finished, old.published)
                > (phase.opened, phase.finished, phase.published)
        });
        never(closed, "7: a gate was closed again", which());
    }
    for kind in ["phase-opened", "phase-finished", "run-finished"] {
        for (what, times) in now.events.get(kind).into_iter().flatten() {
            never(
                *times > 1,
                "7: it happened more than once",
                format!("{kind} {what}"),
            );
        }
    }
    for run in now.runs.values() {
        let which = || format!("{run:?}");
        let mut phases = now.phases.values().filter(|phase| phase.run == run.seq);
        let early = run.verdict.is_some() && !phases.all(|phase| phase.finished);
        never(early, "a verdict before the end", which());
        let old = before.runs.get(&run.seq);
        let judged = old.is_some_and(|old| old.verdict.is_some() && old.verdict != run.verdict);
        never(judged, "a verdict has changed", which());
    }
    for (key, old) in &before.sets {
        let now = now.sets.get(key);
        let older = now.is_none_or(|set| (set.version, set.run) < (old.version, old.run));
        never(
            older,
            "results of older inputs or runs came over newer ones",
            format!("{old:?}, {now:?}"),
        );
    }
    for set in now.sets.values() {
        let attempt = now.attempts.get(&(set.task, set.epoch));
        let theirs = attempt.is_some_and(|attempt| attempt.outcome == "committed");
        never(
            !theirs,
            "3: no attempt has committed these results",
            format!("{set:?}"),
        );
    }
    let term = now.steward.term < before.steward.term;
    never(
        term,
        "the steward's term fell",
        format!("{:?}", now.steward),
    );
    for early in &now.early {
        never(
            true,
            "6: the clock says that it was too early",
            early.clone(),
        );
    }
    found
}

/// 5: tasks that run under a worker that is lost, or not there any more.
pub(super) fn abandoned(now: &Facts) -> Vec<&Task> {
    let running = now
        .tasks
        .values()
        .filter(|task| task.state == State::Running);
    let abandoned = running.filter(|task| !task.worker.is_some_and(|worker| now.is_alive(worker)));
    abandoned.collect()
}

/// 7: what was opened was opened by one, and a verdict was given by one; each has been told.
pub(super) fn told(before: &Facts, now: &Facts, done: &[(Op, Answer)]) -> Vec<String> {
    let mut found = Vec::new();
    let (mut opened, mut ended) = (Vec::new(), Vec::new());
    for (op, answer) in done {
        if let (
            Op::Advance { run },
            Answer::Progress {
                opened: these,
                verdict,
            },
        ) = (op, answer)
        {
            let seq = now.seq(run.0);
            opened.extend(these.iter().map(|phase| (seq, *phase)));
            ended.extend(verdict.map(|verdict| (seq, verdict)));
        }
    }
    opened.sort();
    let is = now.phases.iter().filter(|(key, phase)| {
        phase.opened && before.phases.get(key).is_some_and(|old| !old.opened)
    });
    let is: Vec<_> = is.map(|(key, _)| *key).collect();
    if is != opened {
        found.push(format!(
            "7: {is:?} were opened, and told of were {opened:?}"
        ));
    }
    ended.sort();
    let is = now.runs.values().filter_map(|run| {
        let old = before.runs.get(&run.seq)?;
        Some((run.seq, run.verdict.filter(|_| old.verdict.is_none())?))
    });
    let is: Vec<_> = is.collect();
    if is != ended {
        found.push(format!("{is:?} have ended, and told of were {ended:?}"));
    }
    found
}
