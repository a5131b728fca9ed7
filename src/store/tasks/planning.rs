//! New tasks.

use super::super::{Attempt, Result, WriteTx};
use crate::domain::{RunId, TaskId, TradingDate};

/// A unit of work for the database.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// Names the work inside its phase and date.
    pub unit: String,
    /// The date of its results, or the last of them.
    pub as_of: TradingDate,
    /// What to compute.
    pub input: serde_json::Value,
}

/// Inserts the tasks of a phase, in order; says which they are.
pub async fn insert(
    tx: &mut WriteTx,
    run: RunId,
    phase: &str,
    version: i16,
    tasks: &[NewTask],
) -> Result<Vec<TaskId>> {
    let units: Vec<String> = tasks.iter().map(|task| task.unit.clone()).collect();
    let dates: Vec<chrono::NaiveDate> = tasks.iter().map(|task| task.as_of.date()).collect();
    let inputs: Vec<serde_json::Value> = tasks.iter().map(|task| task.input.clone()).collect();
    let rows = sqlx::query_scalar!(
        r#"insert into task (run_id, phase, unit, as_of, input, input_version)
           select $1, $2, unit, as_of, input, $3
           from unnest($4::text[], $5::date[], $6::jsonb[]) as t(unit, as_of, input)
           returning id"#,
        run.0,
        phase,
        version,
        &units,
        &dates,
        &inputs
    )
    .fetch_all(tx.connection())
    .await
    .attempt("inserting tasks")?;
    Ok(rows.into_iter().map(TaskId).collect())
}
