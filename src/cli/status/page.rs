//! The page of `status`.

use std::fmt::Write as _;

use chrono::NaiveDate;

use super::Status;
use crate::cli::text::{NONE, count, duration, indented, left, or_dash, right, table};
use crate::domain::Verdict;
use crate::store::reports::{Gap, MissingRow, WorkerRow};
use crate::store::runs::{ErrorGroup, PhaseRow, RunRow};

/// Symbols that are named for one portfolio and reason.
const NAMED: usize = 12;

/// The page.
pub(super) fn page(status: &Status) -> String {
    let mut page = String::new();
    match status.runs.first() {
        None => page.push_str("no run yet: `sigmabatch run --wait` computes the newest session\n"),
        Some(run) => {
            head(&mut page, run);
            section(&mut page, "Phases", &phases(&status.phases));
            if !status.errors.is_empty() {
                section(&mut page, "Errors", &errors(&status.errors));
            }
            if status.missing.is_empty() {
                if run.verdict.is_some() {
                    let _ = writeln!(page, "\nNothing is missing on {}.", run.to);
                }
            } else {
                section(
                    &mut page,
                    &format!("Missing on {}", run.to),
                    &missing(&status.missing),
                );
            }
        }
    }
    if status.runs.len() > 1 {
        section(&mut page, "Newest runs", &runs(&status.runs));
    }
    if status.workers.is_empty() {
        page.push_str("\nNo living worker: `sigmabatch-worker` starts one.\n");
    } else {
        section(&mut page, "Workers", &workers(&status.workers));
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

fn section(page: &mut String, title: &str, content: &str) {
    let _ = write!(page, "\n{title}\n{}", indented(content));
}

fn head(page: &mut String, run: &RunRow) {
    let time = duration(run.elapsed_seconds);
    let state = match run.verdict {
        None => format!("going on for {time}"),
        Some(verdict) => format!("{verdict} after {time}"),
    };
    let _ = writeln!(page, "{} {state}", run.label);
    let dates = dates(run.from.date(), run.to.date());
    let _ = writeln!(
        page,
        "  run {} · {} · {} · {dates}",
        run.id, run.trigger, run.lane
    );
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
            run.created_at.format("%Y-%m-%d %H:%M:%S").to_string(),
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
            (Some(_), Some(_)) => "finished",
        };
        vec![
            phase.phase.number().to_owned(),
            phase.phase.to_string(),
            state.to_owned(),
            format!("{}/{}", phase.done, phase.total),
            zero_is_blank(phase.running),
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

fn errors(errors: &[ErrorGroup]) -> String {
    let rows = errors.iter().map(|error| {
        let class = if error.class.is_empty() {
            NONE
        } else {
            &error.class
        };
        vec![
            error.phase.to_string(),
            error.count.to_string(),
            class.to_owned(),
            error.sample.clone(),
        ]
    });
    table(
        &[
            left("phase"),
            right("tasks"),
            left("class"),
            left("for example"),
        ],
        rows,
    )
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

fn workers(workers: &[WorkerRow]) -> String {
    let rows = workers.iter().map(|worker| {
        vec![
            worker.id.consumer(),
            worker.host.clone(),
            worker.pid.to_string(),
            worker.running.to_string(),
            duration(worker.lease_seconds),
            worker.started_at.format("%Y-%m-%d %H:%M:%S").to_string(),
            if worker.draining { "draining" } else { "" }.to_owned(),
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
    use crate::cli::status::json;
    use crate::domain::{Lane, PhaseName, PortfolioId, RunId, TradingDate, Trigger, WorkerId};

    fn status() -> Status {
        let date: NaiveDate = "2016-12-30".parse().unwrap();
        let run = RunRow {
            id: RunId(uuid::Uuid::nil()),
            label: "nightly/2016-12-30".into(),
            trigger: Trigger::Nightly,
            lane: Lane::Nightly,
            from: TradingDate::trusted(date),
            to: TradingDate::trusted(date),
            verdict: Some(Verdict::Partial),
            created_at: "2016-12-30T22:00:00Z".parse().unwrap(),
            finished_at: None,
            elapsed_seconds: 12.4,
        };
        let phase = PhaseRow {
            phase: PhaseName::MarketData,
            total: 3,
            done: 2,
            dead: 1,
            cancelled: 0,
            running: 0,
            opened_at: Some(run.created_at),
            finished_at: None,
            elapsed_seconds: Some(0.8),
        };
        let missing = MissingRow {
            portfolio: PortfolioId::of("demo", "testscotty"),
            name: "testscotty".into(),
            as_of: date,
            published: true,
            symbols: ["GGIPX", "GINDX", "NEAIX"]
                .map(|s| (s.into(), "no data".into()))
                .into(),
            entries: [("stress".into(), "3 scenarios without series".into())].into(),
        };
        let worker = WorkerRow {
            id: WorkerId(uuid::Uuid::nil()),
            host: "here".into(),
            pid: 7,
            version: "0.1.0".into(),
            started_at: run.created_at,
            lease_seconds: 29.0,
            draining: false,
            running: 2,
        };
        let gap = Gap {
            portfolio: missing.portfolio,
            name: "testscotty".into(),
            oldest: date,
            newest: date,
            sessions: 1,
        };
        Status {
            runs: vec![run],
            phases: vec![phase],
            errors: Vec::new(),
            missing: vec![missing],
            workers: vec![worker],
            gaps: vec![gap],
        }
    }

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
        assert!(text.contains("1  market-data  open     2/3"), "{text}");
        assert!(
            text.contains("sigmabatch run --from 2016-12-30 --to 2016-12-30"),
            "{text}"
        );
    }

    #[test]
    fn an_empty_installation_says_what_to_do() {
        let empty = Status {
            runs: Vec::new(),
            phases: Vec::new(),
            errors: Vec::new(),
            missing: Vec::new(),
            workers: Vec::new(),
            gaps: Vec::new(),
        };
        let text = page(&empty);
        assert!(
            text.contains("no run yet") && text.contains("No living worker"),
            "{text}"
        );
    }

    #[test]
    fn the_document_has_its_keys() {
        let document = json::document(&status());
        for key in ["runs", "phases", "errors", "missing", "workers", "gaps"] {
            assert!(document[key].is_array(), "{key}");
        }
        assert_eq!(document["runs"][0]["verdict"], "partial");
        assert_eq!(document["missing"][0]["symbols"]["GGIPX"], "no data");
        assert_eq!(document["phases"][0]["dead"], 1);
    }
}
