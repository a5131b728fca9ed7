//! Links of a causal chain as sentences, the same for the command line and for pages; they write times their own way.

use chrono::{DateTime, Utc};

use crate::documents::tasks::short;
use crate::domain::{PhaseName, Verdict};
use crate::engine::{Busy, Link, Task};

/// How whoever shows a sentence writes what is in it.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// An instant, with its zone.
    pub instant: fn(DateTime<Utc>) -> String,
    /// Seconds.
    pub duration: fn(f64) -> String,
    /// So many of something: `2 tasks`.
    pub count: fn(usize, &str) -> String,
}

/// A link as a sentence.
#[expect(clippy::too_many_lines, reason = "one sentence for each link")]
pub fn sentence(link: &Link, words: &Words) -> String {
    let (instant, duration, count) = (words.instant, words.duration, words.count);
    match link {
        Link::Published { run_id, .. } => format!("written by run {run_id}"),
        Link::Incomplete {
            entry,
            outcome,
            reason,
        } => {
            format!("{entry}: {}{}", outcome.replace('_', " "), because(reason))
        }
        Link::LeftOut { symbol, reason } => {
            format!("{symbol} is left out of market numbers{}", because(reason))
        }
        Link::NoSession { before } => {
            format!("the exchange was closed; the session before was {before}")
        }
        Link::BeforeInception { inception } => format!("the portfolio began on {inception}"),
        Link::NotEligible { from } => {
            format!("the session's closes are final from {} on", instant(*from))
        }
        Link::Stale {
            input,
            scope,
            owner,
            from,
            reason,
            at,
            ..
        } => {
            let whose = match scope.as_str() {
                "all" => String::new(),
                "portfolio" => String::from(" of the portfolio"),
                _ => format!(" of {owner}"),
            };
            format!(
                "{input}{whose} changed for results from {from} on, at {}{}",
                instant(*at),
                because(reason)
            )
        }
        Link::Skipped { decided_at } => format!(
            "the scheduler left the date out, at {}",
            instant(*decided_at)
        ),
        Link::NotPlanned => String::from("no run is planned that computes it"),
        Link::Run {
            run_id,
            label,
            verdict,
            created_at,
            cancelled_at,
            ..
        } => {
            let how = match (verdict, cancelled_at) {
                (Some(verdict), _) => format!("ended: {}", Verdict::as_str(*verdict)),
                (None, Some(at)) => format!("was cancelled at {}", instant(*at)),
                (None, None) => format!("goes on, planned at {}", instant(*created_at)),
            };
            format!("run {label} {how} ({run_id})")
        }
        Link::PhaseWaits {
            phase,
            after,
            until,
            ..
        } => {
            let listed = |phases: &[PhaseName]| {
                let phases: Vec<String> = phases.iter().map(|phase| named(*phase)).collect();
                phases.join(", ")
            };
            let more = if after == until {
                String::new()
            } else {
                format!("; these in the end for {}", listed(until))
            };
            format!("phase {} waits for {}{more}", named(*phase), listed(after))
        }
        Link::PhaseNotOpened { phase, .. } => format!(
            "phase {} could be opened, and nobody has done it yet",
            named(*phase)
        ),
        Link::PhaseUnfinished {
            phase,
            left,
            running,
            ..
        } => {
            let left = count(usize::try_from(*left).unwrap_or(0), "task");
            format!(
                "phase {} has {left} left, {running} of them running",
                named(*phase)
            )
        }
        Link::NotPublished { phase, .. } => {
            format!("the hints of phase {} were not written yet", named(*phase))
        }
        Link::TaskRunning {
            task,
            worker,
            since,
            deadline_at,
        } => format!(
            "{} runs on {}{}{}",
            about(task),
            worker.as_deref().unwrap_or("a worker"),
            at(words, " since", *since),
            at(words, ", until", *deadline_at)
        ),
        Link::TaskRetries {
            task,
            due_at,
            attempts,
            budget,
            class,
            error,
            fingerprint,
        } => format!(
            "{} is tried again at {}: {attempts} of {budget} attempts failed, {class} ({fingerprint}): {error}",
            about(task),
            instant(*due_at)
        ),
        Link::TaskParked {
            task, until, error, ..
        } => format!(
            "{} is parked until {}: {error}",
            about(task),
            instant(*until)
        ),
        Link::TaskReady { task, since } => format!(
            "{} is ready since {} and waits for a worker",
            about(task),
            instant(*since)
        ),
        Link::TaskSuspect { task, crashes } => format!(
            "task {} cost {}: it waits for one with nothing else in hand",
            task.task_id,
            count(usize::try_from(*crashes).unwrap_or(0), "worker")
        ),
        Link::TaskDead {
            task,
            class,
            error,
            fingerprint,
            repair_run,
        } => {
            let again = repair_run
                .map(|run| format!("; run {run} does it again"))
                .unwrap_or_default();
            format!(
                "{} is dead, {class} ({fingerprint}): {error}{again}",
                about(task)
            )
        }
        Link::TaskCancelled { task } => format!("{} was cancelled", about(task)),
        Link::TaskDone { task, outcome } => match outcome.as_deref() {
            Some("superseded") => format!("{} is done: newer results were there", about(task)),
            _ => format!("{} is done, but the snapshot is missing", about(task)),
        },
        Link::WorkerLate { worker, seconds } => format!(
            "the lease of {worker} ran out {} ago: the steward gives its tasks back",
            duration(*seconds)
        ),
        Link::Paused {
            kind,
            name,
            who,
            reason,
            since,
        } => format!(
            "{kind} {name} is paused by {who} since {}: {reason}",
            instant(*since)
        ),
        Link::VersionUnknown {
            task,
            version,
            known,
        } => format!(
            "the input of task {} has version {version}, this program knows {known}",
            task.task_id
        ),
        Link::NoWorker { draining: 0 } => String::from("no worker is alive"),
        Link::NoWorker { draining } => format!(
            "no worker takes tasks: {} finishing what they have",
            count(*draining, "worker")
        ),
        Link::NoSteward => {
            String::from("no steward yet: a living worker becomes it within a second")
        }
        Link::HintMissing { task, stream } => format!(
            "task {} has no hint in {stream}: the steward writes it within 15 seconds",
            task.task_id
        ),
        Link::RedisDown { workers } => format!(
            "redis does not answer {}: tasks are claimed straight from postgres",
            workers.join(", ")
        ),
        Link::PermitsBusy {
            class,
            permits,
            workers,
        } => {
            let of =
                |busy: &Busy| format!("{} ({} of {})", busy.worker, busy.running, busy.permits);
            let workers: Vec<String> = workers.iter().map(of).collect();
            format!(
                "all {permits} {class} permits are taken: {}",
                workers.join(", ")
            )
        }
    }
}

/// A reason after a colon, where there is one.
pub fn because(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!(": {reason}")
    }
}

fn at(words: &Words, word: &str, at: Option<DateTime<Utc>>) -> String {
    at.map(|at| format!("{word} {}", (words.instant)(at)))
        .unwrap_or_default()
}

fn named(phase: PhaseName) -> String {
    format!("{} {phase}", phase.number())
}

fn about(task: &Task) -> String {
    let unit = short(&task.unit);
    format!(
        "task {} (phase {}, {unit}, {})",
        task.task_id, task.number, task.as_of
    )
}
