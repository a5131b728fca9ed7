//! The page of `why`: one line for each link of the chain, and what to do about the last one.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};

use crate::cli::text::{count, duration, instant, left, table};
use crate::domain::{PhaseName, Verdict};
use crate::engine::{Busy, Link, Task, Why};

/// The page.
pub(super) fn page(why: &Why) -> String {
    let mut page = format!("{} {} {}\n", why.portfolio.name, why.date, state(why));
    let rows = why
        .chain
        .iter()
        .zip(1..)
        .map(|(link, place)| vec![format!("  {place}."), text(link)]);
    page.push_str(&table(&[left(""), left("")], rows));
    if let Some(remedy) = why.blocked_by().and_then(|link| remedy(why, link)) {
        let _ = writeln!(page, "what to do: {remedy}");
    }
    page
}

fn state(why: &Why) -> &'static str {
    match (why.published(), why.chain.iter().any(is_stale)) {
        (Some(true), _) => "is published and strictly complete",
        (Some(false), _) => "is published, and not strictly complete",
        (None, true) => "was computed, and is not published because it is stale",
        (None, false) => "is not published",
    }
}

fn is_stale(link: &Link) -> bool {
    matches!(link, Link::Stale { .. })
}

/// A link as a sentence.
#[expect(clippy::too_many_lines, reason = "one sentence for each link")]
fn text(link: &Link) -> String {
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
            format!(
                "the session's closes are final from {} UTC on",
                instant(*from)
            )
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
                "{input}{whose} changed for results from {from} on, at {} UTC{}",
                instant(*at),
                because(reason)
            )
        }
        Link::Skipped { decided_at } => format!(
            "the scheduler left the date out, at {} UTC",
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
                (None, Some(at)) => format!("was cancelled at {} UTC", instant(*at)),
                (None, None) => format!("goes on, planned at {} UTC", instant(*created_at)),
            };
            format!("run {label} {how} ({run_id})")
        }
        Link::PhaseWaits { phase, after, .. } => {
            let after: Vec<String> = after.iter().map(|phase| named(*phase)).collect();
            format!("phase {} waits for {}", named(*phase), after.join(", "))
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
            at(" since", *since),
            at(", until", *deadline_at)
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
            "{} is tried again at {} UTC: {attempts} of {budget} attempts failed, {class} ({fingerprint}): {error}",
            about(task),
            instant(*due_at)
        ),
        Link::TaskParked {
            task, until, error, ..
        } => format!(
            "{} is parked until {} UTC: {error}",
            about(task),
            instant(*until)
        ),
        Link::TaskReady { task, since } => format!(
            "{} is ready since {} UTC and waits for a worker",
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
            "{kind} {name} is paused by {who} since {} UTC: {reason}",
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

fn because(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!(": {reason}")
    }
}

fn at(word: &str, at: Option<DateTime<Utc>>) -> String {
    at.map(|at| format!("{word} {} UTC", instant(at)))
        .unwrap_or_default()
}

fn named(phase: PhaseName) -> String {
    format!("{} {phase}", phase.number())
}

fn about(task: &Task) -> String {
    let unit = crate::cli::tasks::short(&task.unit);
    format!(
        "task {} ({} {unit} {})",
        task.task_id, task.number, task.as_of
    )
}

/// What to do about what holds it, where there is something to do.
pub(super) fn remedy(why: &Why, link: &Link) -> Option<String> {
    let (id, date) = (why.portfolio.id, why.date);
    let text = match link {
        Link::NotPlanned | Link::TaskCancelled { .. } | Link::Skipped { .. } => {
            format!("sigmabatch run --date {date} --portfolio {id} --wait")
        }
        Link::TaskDead {
            repair_run: None,
            fingerprint,
            ..
        } => {
            format!("once the cause is gone: sigmabatch retry --error {fingerprint} --reason '…'")
        }
        Link::Incomplete { .. } => {
            format!("once the cause is gone: sigmabatch run --date {date} --portfolio {id} --force")
        }
        Link::Paused { kind, name, .. } => {
            format!("sigmabatch resume {kind} {name} --reason '…'")
        }
        Link::NoWorker { .. } => String::from("start a worker: sigmabatch-worker"),
        Link::VersionUnknown { .. } => String::from("start workers of the newer version"),
        Link::PermitsBusy { .. } => {
            String::from("wait, start more workers, or give them more SIGMABATCH_CONCURRENCY")
        }
        Link::RedisDown { .. } => String::from("start Redis; until then it is only slower"),
        _ => return None,
    };
    Some(text)
}
