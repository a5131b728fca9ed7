//! The page of `why`: one line for each link of the chain, and what to do about the last one.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};

use crate::cli::tasks;
use crate::cli::text::{count, duration, instant};
use crate::documents::why::remedy;
use crate::domain::{PhaseName, Verdict};
use crate::engine::{Busy, Link, Task, Why};

/// The page.
pub(super) fn page(why: &Why) -> String {
    let mut page = format!("{} {} {}\n", why.portfolio.name, why.date, state(why));
    // One line each, however long: a chain is read from top to bottom, and searched by words.
    for (line, place) in lines(&why.chain).iter().zip(1..) {
        let _ = writeln!(page, "  {place}. {line}");
    }
    if let Some(remedy) = why.blocked_by().and_then(|link| remedy(why, link)) {
        let _ = writeln!(page, "what to do: {remedy}");
    }
    page
}

/// A line for each link; symbols that are left out for one reason share one.
fn lines(chain: &[Link]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut left_out: Vec<(&str, Vec<&str>)> = Vec::new();
    for link in chain {
        let Link::LeftOut { symbol, reason } = link else {
            lines.push(text(link));
            continue;
        };
        match left_out.iter_mut().find(|(known, _)| known == reason) {
            Some((_, symbols)) => symbols.push(symbol),
            None => left_out.push((reason, vec![symbol])),
        }
    }
    lines.extend(left_out.into_iter().map(|(reason, symbols)| {
        let symbols = symbols.join(" ");
        format!("left out of market numbers: {symbols}{}", because(reason))
    }));
    lines
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
    let unit = tasks::short(&task.unit);
    format!(
        "task {} (phase {}, {unit}, {})",
        task.task_id, task.number, task.as_of
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_that_are_left_out_for_one_reason_share_a_line() {
        let left_out = |symbol: &str, reason: &str| Link::LeftOut {
            symbol: symbol.into(),
            reason: reason.into(),
        };
        let chain = [
            left_out("BIL", "no series"),
            left_out("GGIPX", "unknown"),
            left_out("GOVT", "no series"),
            Link::NotPlanned,
        ];
        assert_eq!(
            lines(&chain),
            [
                "no run is planned that computes it",
                "left out of market numbers: BIL GOVT: no series",
                "left out of market numbers: GGIPX: unknown",
            ]
        );
    }
}
