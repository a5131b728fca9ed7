//! Tasks in lists.

use serde_json::{Value, json};

use crate::cli::text::{instant, left, right, table};
use crate::domain::{TaskState, WorkerId};
use crate::store::tasks_report::TaskRow;

/// Digits of a portfolio's id that a page shows.
const SHORT: usize = 8;

/// One task of a document.
pub(crate) fn document(task: &TaskRow) -> Value {
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

/// Tasks as a table.
pub(crate) fn page(tasks: &[TaskRow]) -> String {
    let rows = tasks.iter().map(|task| {
        // When it came into its state; a task that waits: when it may begin.
        let since = match task.state {
            TaskState::Ready => Some(task.ready_at),
            TaskState::Running => task.started_at,
            _ => task.finished_at,
        };
        let tries = task.attempts + task.crashes;
        let error = task.error.as_ref();
        vec![
            task.id.to_string(),
            task.label.clone(),
            format!("{} {}", task.phase.number(), task.phase),
            short(&task.unit),
            task.as_of.to_string(),
            task.state.to_string(),
            since.map(instant).unwrap_or_default(),
            if tries == 0 {
                String::new()
            } else {
                tries.to_string()
            },
            task.worker.map(WorkerId::consumer).unwrap_or_default(),
            error
                .map(|error| error.fingerprint.clone())
                .unwrap_or_default(),
        ]
    });
    let columns = [
        right("task"),
        left("run"),
        left("phase"),
        left("unit"),
        left("date"),
        left("state"),
        left("at (UTC)"),
        right("failed"),
        left("worker"),
        left("error"),
    ];
    table(&columns, rows)
}

/// A unit with the beginning of a portfolio's id, as in `redis-cli` it is whole.
pub(crate) fn short(unit: &str) -> String {
    match unit.split_once(':') {
        Some(("portfolio", id)) if id.len() > SHORT => format!("portfolio:{}…", &id[..SHORT]),
        _ => unit.to_owned(),
    }
}
