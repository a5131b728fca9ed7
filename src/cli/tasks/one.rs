//! One task as a page: its row, its input, its attempts and how long their parts took.

use std::fmt::Write as _;

use crate::cli::text::{indented, instant, left, or_dash, right, table};
use crate::cli::{Error, Output};
use crate::documents::tasks::one::{self, Whole};
use crate::domain::{TaskId, WorkerId};
use crate::store::ReadTx;
use crate::store::tasks_report::AttemptRow;

/// Longest line of an input on a page; a document has all of it.
const INPUT_CHARS: usize = 400;

/// Reads and renders.
pub(super) async fn run(mut db: ReadTx<'_>, id: TaskId, json: bool) -> Result<Output, Error> {
    let Some(whole) = one::read(&mut db, id).await? else {
        let remedy = "`sigmabatch tasks` lists the newest tasks";
        return Err(Error::misuse(format!("no task {id}"), remedy));
    };
    db.close().await?;
    let document = || one::document(&whole);
    Ok(Output::either(json, document, || page(&whole)))
}

fn page(whole: &Whole) -> String {
    let Whole {
        task,
        input,
        attempts,
    } = whole;
    let mut text = String::new();
    let (phase, unit) = (task.phase, &task.unit);
    let _ = writeln!(text, "task {} of {}: {}", task.id, task.label, task.state);
    let _ = writeln!(
        text,
        "  phase {} {phase} · {unit} · {} · epoch {}",
        phase.number(),
        task.as_of,
        task.epoch
    );
    let _ = writeln!(
        text,
        "  {} failed attempts, {} lost workers · run {}",
        task.attempts, task.crashes, task.run
    );
    if let Some(error) = &task.error {
        let _ = writeln!(
            text,
            "  last error {} {}: {}",
            error.fingerprint, error.class, error.message
        );
    }
    if let Some(run) = task.repair_run {
        let _ = writeln!(text, "  done again by run {run}");
    }
    let whole = input.to_string();
    let start: String = whole.chars().take(INPUT_CHARS).collect();
    let more = if start.len() < whole.len() { "…" } else { "" };
    let _ = writeln!(
        text,
        "  input (version {}) {start}{more}",
        task.input_version
    );
    let attempts = if attempts.is_empty() {
        String::from("none yet\n")
    } else {
        table_of(attempts)
    };
    let _ = write!(text, "\nAttempts\n{}", indented(&attempts));
    text
}

fn table_of(attempts: &[AttemptRow]) -> String {
    let milliseconds = |ms: Option<f32>| or_dash(ms, |ms| format!("{ms:.1}"));
    let rows = attempts.iter().map(|attempt| {
        let [load, fetch, compute, commit] = attempt.parts_ms.map(milliseconds);
        let error = attempt.error.as_ref();
        vec![
            attempt.epoch.to_string(),
            attempt.worker.map(WorkerId::consumer).unwrap_or_default(),
            attempt.started_at.map(instant).unwrap_or_default(),
            instant(attempt.finished_at),
            attempt.outcome.clone(),
            load,
            fetch,
            compute,
            commit,
            error
                .map(|(class, error)| format!("{class}: {error}"))
                .unwrap_or_default(),
        ]
    });
    let columns = [
        right("epoch"),
        left("worker"),
        left("from (UTC)"),
        left("to"),
        left("outcome"),
        right("load ms"),
        right("fetch ms"),
        right("compute ms"),
        right("commit ms"),
        left("error"),
    ];
    table(&columns, rows)
}
