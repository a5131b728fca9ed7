//! The document of `status --json`. Keys are stable: new ones may come, none changes or goes.

use serde_json::{Value, json};

use super::Status;
use crate::domain::Verdict;
use crate::store::reports::{Gap, MissingRow, WorkerRow};
use crate::store::runs::{ErrorGroup, PhaseRow, RunRow};

/// The document.
pub(super) fn document(status: &Status) -> Value {
    json!({
        "runs": status.runs.iter().map(run).collect::<Vec<_>>(),
        "phases": status.phases.iter().map(phase).collect::<Vec<_>>(),
        "errors": status.errors.iter().map(error).collect::<Vec<_>>(),
        "missing": status.missing.iter().map(missing).collect::<Vec<_>>(),
        "workers": status.workers.iter().map(worker).collect::<Vec<_>>(),
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

fn error(error: &ErrorGroup) -> Value {
    json!({
        "phase": error.phase.as_str(),
        "class": error.class,
        "sample": error.sample,
        "count": error.count,
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
