//! Tasks and their errors.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::WhyLink;

/// A page of tasks, newest first.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Tasks {
    /// The page.
    pub tasks: Vec<Task>,
    /// Errors of all tasks that the filter means.
    pub errors: Vec<ErrorGroup>,
    /// Ask for the next page with it; null on the last.
    pub next: Option<i64>,
}

/// A task.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Task {
    /// Which.
    pub task_id: i64,
    /// Its run.
    pub run_id: Uuid,
    /// The label of its run.
    pub label: String,
    /// Its phase.
    pub phase: String,
    /// The number of its phase.
    pub number: String,
    /// What it computes: `portfolio:ID`, or a chunk of symbols.
    pub unit: String,
    /// The session of its results, or the last of them.
    pub as_of: NaiveDate,
    /// `ready`, `running`, `done`, `dead`, `cancelled` or `split`.
    pub state: String,
    /// Its fencing number: grows with each claim.
    pub epoch: i64,
    /// Who has it in hand, or had it last.
    pub worker_id: Option<Uuid>,
    /// The same worker, as it is called in Redis.
    pub consumer: Option<String>,
    /// Own failures.
    pub attempts: i16,
    /// Workers that were lost with it.
    pub crashes: i16,
    /// When it may be claimed.
    pub ready_at: DateTime<Utc>,
    /// Since when a provider's limit holds it back.
    pub parked_since: Option<DateTime<Utc>>,
    /// When the last attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// When the attempt in hand must end.
    pub deadline_at: Option<DateTime<Utc>>,
    /// When it became final.
    pub finished_at: Option<DateTime<Utc>>,
    /// Version of its input: workers of older versions leave it alone.
    pub input_version: i16,
    /// How it ended.
    pub outcome: Option<String>,
    /// Class of the last error.
    pub error_class: Option<String>,
    /// The last error.
    pub error: Option<String>,
    /// What the last error has in common with equal mistakes.
    pub fingerprint: Option<String>,
    /// The run that was planned to do it again.
    pub repair_run: Option<Uuid>,
}

/// Everything about a task.
#[derive(Debug, Deserialize, ToSchema)]
pub struct TaskDetail {
    /// The task.
    #[serde(flatten)]
    pub task: Task,
    /// First to last; each time that it left `running` is one.
    pub attempt_rows: Vec<TaskAttempt>,
    /// What it works on: each phase has its own form, `input_version` says which. Null where it names portfolios that the token
    /// does not see.
    pub input: Option<BTreeMap<String, serde_json::Value>>,
    /// From the task to what holds it; nothing of one that is final, or whose run has portfolios that the token does not see.
    pub chain: Vec<WhyLink>,
    /// Where to read on.
    pub links: TaskLinks,
}

/// An attempt at a task.
#[derive(Debug, Deserialize, ToSchema)]
pub struct TaskAttempt {
    /// Its fencing number.
    pub epoch: i64,
    /// Whose it was.
    pub worker_id: Option<Uuid>,
    /// The same worker, as it is called in Redis.
    pub consumer: Option<String>,
    /// `committed`, `failed`, `parked`, `released`, `lost`, `deadline`, `cancelled` or `split`.
    pub outcome: String,
    /// Class of its error, where it did not commit.
    pub error_class: Option<String>,
    /// Its error.
    pub error: Option<String>,
    /// When it was claimed.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// Milliseconds of reading.
    pub load_ms: Option<f64>,
    /// Milliseconds of asking providers.
    pub fetch_ms: Option<f64>,
    /// Milliseconds of computing.
    pub compute_ms: Option<f64>,
    /// Milliseconds of the transaction that committed it.
    pub commit_ms: Option<f64>,
}

/// What belongs to a task, as paths of this API.
#[derive(Debug, Deserialize, ToSchema)]
pub struct TaskLinks {
    /// Its run.
    pub run: String,
    /// The run that was planned to do it again.
    pub repair_run: Option<String>,
    /// The portfolio, of a task about one.
    pub portfolio: Option<String>,
}

/// Equal mistakes together.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ErrorGroup {
    /// What they have in common.
    pub fingerprint: String,
    /// Their phase.
    pub phase: String,
    /// The number of the phase.
    pub number: String,
    /// Their class.
    pub class: String,
    /// The message of the newest.
    pub sample: String,
    /// The newest.
    pub task_id: i64,
    /// Tasks whose last error it is and that are not done.
    pub count: i64,
    /// Dead ones among them.
    pub dead: i64,
    /// Dead ones that a repair run was planned for.
    pub repaired: i64,
    /// Those that are tried again.
    pub retrying: i64,
    /// When one of them died last.
    pub died_at: Option<DateTime<Utc>>,
}
