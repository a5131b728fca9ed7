//! The page of `status`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::NaiveDate;

use super::{Status, state};
use crate::cli::text::{count, duration, indented, instant, left, or_dash, right, table};
use crate::cli::{errors, tasks};
use crate::domain::Verdict;
use crate::engine::held_back;
use crate::store::control::Pause;
use crate::store::reports::{Gap, MissingRow, StreamRow};
use crate::store::runs::{PhaseRow, RunRow};

/// Symbols that are named for one portfolio and reason.
const NAMED: usize = 12;

/// The page.
pub(super) fn page(status: &Status) -> String {
    let mut page = String::new();
    match status.run() {
        None => page.push_str("no run yet: `sigmabatch run --wait` computes the newest session\n"),
        Some(run) => of_run(&mut page, status, run),
    }
    if !status.pauses.is_empty() {
        section(&mut page, "Paused", &pauses(&status.pauses));
    }
    if status.runs.len() > 1 {
        section(&mut page, "Newest runs", &runs(&status.runs));
    }
    if status.workers.is_empty() {
        page.push_str("\nNo living worker: `sigmabatch-worker` starts one.\n");
    } else {
        section(&mut page, "Workers", &workers(status));
    }
    if !status.steward.streams.is_empty() {
        let seen = or_dash(status.steward.seen_seconds, duration);
        let title = format!("Streams {seen} ago");
        section(&mut page, &title, &streams(&status.steward.streams));
    }
    if !status.gaps.is_empty() {
        section(
            &mut page,
            "Not published since inception, oldest first",
            &gaps(&status.gaps),
        );
    }
    page
}

fn of_run(page: &mut String, status: &Status, run: &RunRow) {
    head(page, status, run);
    section(page, "Phases", &phases(&status.phases));
    if !status.running.is_empty() {
        section(page, "Running", &tasks::page(&status.running));
    }
    if !status.errors.is_empty() {
        section(page, "Errors", &errors::page(&status.errors));
    }
    if !status.missing.is_empty() {
        let title = format!("Missing on {}", run.to);
        section(page, &title, &missing(&status.missing));
    } else if run.verdict.is_some() {
        let _ = writeln!(page, "\nNothing is missing on {}.", run.to);
    }
}

fn section(page: &mut String, title: &str, content: &str) {
    let _ = write!(page, "\n{title}\n{}", indented(content));
}

fn head(page: &mut String, status: &Status, run: &RunRow) {
    let _ = writeln!(page, "{} {}", run.label, state(run));
    let dates = dates(run.from.date(), run.to.date());
    let _ = writeln!(
        page,
        "  run {} · {} · {} · {dates}",
        run.id, run.trigger, run.lane
    );
    let progress = status.progress();
    let mut parts = vec![format!(
        "{} of {} tasks ({:.0} %)",
        progress.worked(),
        progress.total,
        // Never 100 before the end.
        (progress.worked_fraction() * 100.0).floor()
    )];
    if progress.running > 0 {
        parts.push(format!("{} running", progress.running));
    }
    if progress.dead > 0 {
        parts.push(format!("{} dead", progress.dead));
    }
    if progress.cancelled > 0 {
        parts.push(format!("{} cancelled", progress.cancelled));
    }
    parts.extend(retries(&status.retries));
    if let Some(seconds) = status.eta_seconds {
        parts.push(format!("about {} left", duration(seconds)));
    }
    let held = held_back(run, &status.phases, &status.pauses);
    if !held.is_empty() {
        let held: Vec<String> = held.iter().map(ToString::to_string).collect();
        parts.push(format!("held back: {}", held.join(", ")));
    }
    let _ = writeln!(page, "  {}", parts.join(" · "));
}

/// Attempts that did not commit: `3 attempts without a commit (2 failed, 1 lost)`.
fn retries(outcomes: &BTreeMap<String, i64>) -> Option<String> {
    let total: i64 = outcomes.values().sum();
    let parts: Vec<String> = outcomes
        .iter()
        .map(|(how, n)| format!("{n} {how}"))
        .collect();
    let total = count(usize::try_from(total).unwrap_or(0), "attempt");
    (!parts.is_empty()).then(|| format!("{total} without a commit ({})", parts.join(", ")))
}

fn pauses(pauses: &[Pause]) -> String {
    let rows = pauses.iter().map(|pause| {
        vec![
            pause.held.to_string(),
            instant(pause.since),
            pause.who.clone(),
            pause.reason.clone(),
        ]
    });
    let columns = [left("what"), left("since (UTC)"), left("who"), left("why")];
    table(&columns, rows)
}

fn streams(streams: &[StreamRow]) -> String {
    let rows = streams.iter().map(|stream| {
        vec![
            stream.key.clone(),
            stream.length.to_string(),
            stream.pending.to_string(),
        ]
    });
    table(
        &[left("stream"), right("hints"), right("in workers' hands")],
        rows,
    )
}

fn dates(from: NaiveDate, to: NaiveDate) -> String {
    if from == to {
        to.to_string()
    } else {
        format!("{from} to {to}")
    }
}

fn runs(runs: &[RunRow]) -> String {
    let rows = runs.iter().map(|run| {
        vec![
            run.label.clone(),
            run.trigger.to_string(),
            dates(run.from.date(), run.to.date()),
            run.verdict.map_or("going on", Verdict::as_str).to_owned(),
            instant(run.created_at),
            duration(run.elapsed_seconds),
            run.id.to_string(),
        ]
    });
    let columns = [
        left("run"),
        left("trigger"),
        left("dates"),
        left("verdict"),
        left("planned (UTC)"),
        right("time"),
        left("id"),
    ];
    table(&columns, rows)
}

fn phases(phases: &[PhaseRow]) -> String {
    let rows = phases.iter().map(|phase| {
        let state = match (phase.opened_at, phase.finished_at) {
            (None, _) => "waits",
            (Some(_), None) => "open",
            (Some(_), Some(_)) if phase.cancelled > 0 => "cancelled",
            (Some(_), Some(_)) => "finished",
        };
        vec![
            phase.phase.number().to_owned(),
            phase.phase.to_string(),
            state.to_owned(),
            format!("{}/{}", phase.done, phase.total),
            zero_is_blank(phase.running()),
            zero_is_blank(phase.dead),
            zero_is_blank(phase.cancelled),
            or_dash(phase.elapsed_seconds, duration),
        ]
    });
    let columns = [
        left(""),
        left("phase"),
        left("state"),
        right("tasks"),
        right("running"),
        right("dead"),
        right("cancelled"),
        right("time"),
    ];
    table(&columns, rows)
}

fn zero_is_blank(n: i64) -> String {
    if n == 0 { String::new() } else { n.to_string() }
}

/// Symbols of the same reason stand together.
fn missing(rows: &[MissingRow]) -> String {
    let rows = rows.iter().flat_map(|row| {
        let mut lines = Vec::new();
        if !row.published {
            lines.push((String::from("everything"), String::from("not published")));
        }
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        for (symbol, reason) in &row.symbols {
            match reasons.iter_mut().find(|(known, _)| known == reason) {
                Some((_, symbols)) => symbols.push(symbol),
                None => reasons.push((reason, vec![symbol])),
            }
        }
        lines.extend(
            reasons
                .into_iter()
                .map(|(reason, symbols)| (listed(&symbols), reason.to_owned())),
        );
        lines.extend(
            row.entries
                .iter()
                .map(|(entry, reason)| (entry.clone(), reason.clone())),
        );
        lines
            .into_iter()
            .map(|(what, why)| vec![row.name.clone(), what, why])
    });
    table(&[left("portfolio"), left("what"), left("why")], rows)
}

fn listed(symbols: &[&str]) -> String {
    let mut text = symbols[..symbols.len().min(NAMED)].join(" ");
    if symbols.len() > NAMED {
        let _ = write!(text, " … ({})", count(symbols.len(), "symbol"));
    }
    text
}

fn workers(status: &Status) -> String {
    let steward = status.steward.holder.filter(|_| status.steward.held);
    let rows = status.workers.iter().map(|worker| {
        let mut remarks = Vec::new();
        if worker.draining {
            remarks.push("draining");
        }
        if steward == Some(worker.id) {
            remarks.push("steward");
        }
        vec![
            worker.id.consumer(),
            worker.host.clone(),
            worker.pid.to_string(),
            worker.running.to_string(),
            duration(worker.lease_seconds),
            instant(worker.started_at),
            remarks.join(", "),
        ]
    });
    let columns = [
        left("worker"),
        left("host"),
        right("pid"),
        right("tasks"),
        right("lease"),
        left("since (UTC)"),
        left(""),
    ];
    table(&columns, rows)
}

fn gaps(gaps: &[Gap]) -> String {
    let rows = gaps.iter().map(|gap| {
        vec![
            gap.name.clone(),
            gap.sessions.to_string(),
            gap.oldest.to_string(),
            gap.newest.to_string(),
        ]
    });
    let mut text = table(
        &[
            left("portfolio"),
            right("sessions"),
            left("oldest"),
            left("newest"),
        ],
        rows,
    );
    let newest = gaps.iter().map(|gap| gap.newest).max();
    if let (Some(oldest), Some(newest)) = (gaps.first().map(|gap| gap.oldest), newest) {
        let _ = writeln!(
            text,
            "fill them: sigmabatch run --from {oldest} --to {newest}"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::status::sample::{empty, status};
    use crate::domain::{Held, Lane};

    #[test]
    fn symbols_that_miss_for_one_reason_stand_together() {
        let text = page(&status());
        assert!(
            text.starts_with("nightly/2016-12-30 partial after 12 s\n"),
            "{text}"
        );
        assert!(
            text.contains("testscotty  GGIPX GINDX NEAIX  no data"),
            "{text}"
        );
        assert!(
            text.contains("testscotty  stress             3 scenarios without series"),
            "{text}"
        );
        assert!(text.contains("1  market-data  open     1/3"), "{text}");
        assert!(
            text.contains("sigmabatch run --from 2016-12-30 --to 2016-12-30"),
            "{text}"
        );
    }

    #[test]
    fn an_empty_installation_says_what_to_do() {
        let empty = empty();
        let text = page(&empty);
        assert!(
            text.contains("no run yet") && text.contains("No living worker"),
            "{text}"
        );
    }

    #[test]
    fn what_was_taken_back_is_neither_finished_nor_progress() {
        let mut status = status();
        let phase = &mut status.phases[0];
        (phase.dead, phase.cancelled) = (0, 2);
        phase.finished_at = phase.opened_at;
        let text = page(&status);
        for line in [
            "  1 of 3 tasks (33 %) · 2 cancelled · ",
            "1  market-data  cancelled    1/3",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_paused_lane_holds_back_the_runs_that_are_in_it() {
        let mut status = status();
        status.eta_seconds = None;
        assert!(!page(&status).contains("held back"));
        status.pauses[0].held = Held::Lane(Lane::Nightly);
        let text = page(&status);
        assert!(text.contains(" · held back: lane nightly\n"), "{text}");
    }

    #[test]
    fn a_run_that_goes_on_shows_progress_and_what_holds_it() {
        let text = page(&status());
        for line in [
            "  2 of 3 tasks (66 %) · 1 dead · 3 attempts without a commit (2 failed, 1 lost) · about 12 s left",
            "  lane backfill  2016-12-30 22:00:00  ops  disk is full",
            "  {sigmabatch}:nightly:phase-1      4                  1",
            "  9c2f01ab  market-data      1     1                      permanent",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
