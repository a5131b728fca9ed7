//! Tasks in lists.

pub mod one;

use serde_json::{Value, json};

use crate::domain::WorkerId;
use crate::store::tasks_report::TaskRow;

/// Digits of a portfolio's id that a page shows.
const SHORT: usize = 8;

/// One task of a document.
pub fn document(task: &TaskRow) -> Value {
    let error = task.error.as_ref();
    json!({
        "task_id": task.id,
        "run_id": task.run,
        "label": task.label,
        "phase": task.phase.as_str(),
        "number": task.phase.number(),
        "unit": task.unit,
        "as_of": task.as_of,
        "state": task.state.as_str(),
        "epoch": task.epoch,
        "worker_id": task.worker,
        "consumer": task.worker.map(WorkerId::consumer),
        "attempts": task.attempts,
        "crashes": task.crashes,
        "ready_at": task.ready_at,
        "parked_since": task.parked_since,
        "started_at": task.started_at,
        "deadline_at": task.deadline_at,
        "finished_at": task.finished_at,
        "input_version": task.input_version,
        "outcome": task.outcome,
        "error_class": error.map(|error| &error.class),
        "error": error.map(|error| &error.message),
        "fingerprint": error.map(|error| &error.fingerprint),
        "repair_run": task.repair_run,
    })
}

/// A unit with the beginning of a portfolio's id, as in `redis-cli` it is whole.
pub fn short(unit: &str) -> String {
    match unit.split_once(':') {
        Some(("portfolio", id)) if id.len() > SHORT => format!("portfolio:{}…", &id[..SHORT]),
        _ => unit.to_owned(),
    }
}
