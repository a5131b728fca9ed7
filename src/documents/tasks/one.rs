//! Everything about one task: its row, its input, its attempts and how long their parts took.

use serde_json::{Value, json};

use crate::domain::{TaskId, WorkerId};
use crate::store::tasks_report::{self, AttemptRow, TaskRow};
use crate::store::{self, ReadTx};

/// What is known of one task.
#[derive(Debug, Clone)]
pub struct Whole {
    pub(crate) task: TaskRow,
    /// What it works on.
    pub(crate) input: Value,
    /// First to last.
    pub(crate) attempts: Vec<AttemptRow>,
}

impl Whole {
    /// Leaves out what may be about portfolios that somebody does not see: of a unit of several, what it works on and the words
    /// of its errors.
    pub fn reduce(&mut self) {
        self.task.reduce();
        if self.task.is_shared() {
            self.input = Value::Null;
            for attempt in &mut self.attempts {
                if let Some((class, message)) = &mut attempt.error {
                    message.clone_from(class);
                }
            }
        }
    }
}

/// Reads it; `None` where there is no such task.
pub async fn read(db: &mut ReadTx<'_>, id: TaskId) -> store::Result<Option<Whole>> {
    let task = tasks_report::named(db, &[id]).await?.pop();
    let input = tasks_report::input(db, id).await?;
    let Some((task, input)) = task.zip(input) else {
        return Ok(None);
    };
    let attempts = tasks_report::attempts(db, id).await?;
    Ok(Some(Whole {
        task,
        input,
        attempts,
    }))
}

/// The document.
pub fn document(whole: &Whole) -> Value {
    let mut document = super::document(&whole.task);
    document["attempt_rows"] = whole.attempts.iter().map(attempt).collect();
    document["input"] = whole.input.clone();
    document
}

fn attempt(attempt: &AttemptRow) -> Value {
    let [load, fetch, compute, commit] = attempt.parts_ms;
    let (class, error) = attempt.error.clone().unzip();
    json!({
        "epoch": attempt.epoch,
        "worker_id": attempt.worker,
        "consumer": attempt.worker.map(WorkerId::consumer),
        "outcome": attempt.outcome,
        "error_class": class,
        "error": error,
        "started_at": attempt.started_at,
        "finished_at": attempt.finished_at,
        "load_ms": load,
        "fetch_ms": fetch,
        "compute_ms": compute,
        "commit_ms": commit,
    })
}
