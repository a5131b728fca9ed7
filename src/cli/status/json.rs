//! The document of `status --json`. Keys are stable: new ones may come, none changes or goes.

use serde_json::{Value, json};

use super::Status;
use crate::cli::{errors, tasks, workers};
use crate::domain::Verdict;
use crate::store::control::Pause;
use crate::store::reports::{Gap, MissingRow, StreamRow, WorkerRow};
use crate::store::runs::{PhaseRow, RunRow};

/// The document.
pub(super) fn document(status: &Status) -> Value {
    let progress = status.progress();
    json!({
        "runs": status.runs.iter().map(run).collect::<Vec<_>>(),
        "progress": {
            "total": progress.total,
            "ended": progress.ended(),
            "done": progress.done,
            "dead": progress.dead,
            "cancelled": progress.cancelled,
            "running": progress.running,
            "fraction": progress.fraction(),
            "eta_seconds": status.eta_seconds,
        },
        "phases": status.phases.iter().map(phase).collect::<Vec<_>>(),
        "running": status.running.iter().map(tasks::document).collect::<Vec<_>>(),
        "retries": status.retries,
        "errors": status.errors.iter().map(errors::document).collect::<Vec<_>>(),
        "missing": status.missing.iter().map(missing).collect::<Vec<_>>(),
        "paused": status.pauses.iter().map(pause).collect::<Vec<_>>(),
        "workers": status.workers.iter().map(worker).collect::<Vec<_>>(),
        "steward": workers::steward_document(&status.steward),
        "streams": status.steward.streams.iter().map(stream).collect::<Vec<_>>(),
        "streams_seen_seconds": status.steward.seen_seconds,
        "gaps": status.gaps.iter().map(gap).collect::<Vec<_>>(),
    })
}

fn run(run: &RunRow) -> Value {
    json!({
        "run_id": run.id,
        "label": run.label,
        "trigger": run.trigger.as_str(),
        "lane": run.lane.as_str(),
        "from": run.from,
        "to": run.to,
        "verdict": run.verdict.map(Verdict::as_str),
        "created_at": run.created_at,
        "finished_at": run.finished_at,
        "elapsed_seconds": run.elapsed_seconds,
    })
}

fn phase(phase: &PhaseRow) -> Value {
    json!({
        "phase": phase.phase.as_str(),
        "number": phase.phase.number(),
        "total": phase.total,
        "done": phase.done,
        "dead": phase.dead,
        "cancelled": phase.cancelled,
        "running": phase.running,
        "opened_at": phase.opened_at,
        "finished_at": phase.finished_at,
        "elapsed_seconds": phase.elapsed_seconds,
    })
}

fn pause(pause: &Pause) -> Value {
    json!({
        "kind": pause.held.kind(),
        "name": pause.held.name(),
        "who": pause.who,
        "reason": pause.reason,
        "since": pause.since,
    })
}

fn stream(stream: &StreamRow) -> Value {
    json!({
        "key": stream.key,
        "lane": stream.lane,
        "phase": stream.phase,
        "length": stream.length,
        "pending": stream.pending,
    })
}

fn missing(row: &MissingRow) -> Value {
    json!({
        "portfolio_id": row.portfolio,
        "name": row.name,
        "as_of": row.as_of,
        "published": row.published,
        "symbols": row.symbols,
        "entries": row.entries,
    })
}

fn worker(worker: &WorkerRow) -> Value {
    json!({
        "worker_id": worker.id,
        "consumer": worker.id.consumer(),
        "host": worker.host,
        "pid": worker.pid,
        "version": worker.version,
        "started_at": worker.started_at,
        "lease_seconds": worker.lease_seconds,
        "draining": worker.draining,
        "running": worker.running,
    })
}

fn gap(gap: &Gap) -> Value {
    json!({
        "portfolio_id": gap.portfolio,
        "name": gap.name,
        "oldest": gap.oldest,
        "newest": gap.newest,
        "sessions": gap.sessions,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::status::sample::status;

    #[test]
    fn the_document_has_its_keys() {
        let document = document(&status());
        for key in [
            "runs", "phases", "running", "errors", "missing", "paused", "workers", "streams",
            "gaps",
        ] {
            assert!(document[key].is_array(), "{key}");
        }
        assert_eq!(document["runs"][0]["verdict"], "partial");
        assert_eq!(document["missing"][0]["symbols"]["GGIPX"], "no data");
        assert_eq!(document["phases"][0]["dead"], 1);
        assert_eq!(document["progress"]["ended"], 2);
        assert_eq!(document["retries"]["lost"], 1);
        assert_eq!(document["paused"][0]["name"], "backfill");
        assert_eq!(document["errors"][0]["fingerprint"], "9c2f01ab");
    }
}
