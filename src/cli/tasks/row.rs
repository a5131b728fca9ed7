//! Tasks in lists.

use crate::cli::text::{instant, left, right, table};
use crate::documents::tasks::short;
use crate::domain::{TaskState, WorkerId};
use crate::store::tasks_report::TaskRow;

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
