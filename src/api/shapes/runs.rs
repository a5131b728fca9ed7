//! Runs: what they are, how far they are, and how they ended.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ErrorGroup, Pause, Task};

/// What is known of every run.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RunHead {
    /// Which.
    pub run_id: Uuid,
    /// For people.
    pub label: String,
    /// `nightly`, `catch-up`, `cli`, `onboarding`, `api` or `repair`.
    pub trigger: String,
    /// `interactive`, `nightly` or `backfill`.
    pub lane: String,
    /// First session of its results.
    pub from: NaiveDate,
    /// Last session of its results.
    pub to: NaiveDate,
    /// `succeeded`, `partial`, `failed` or `cancelled`; null while it goes on.
    pub verdict: Option<String>,
    /// When it was planned.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Seconds since it was planned, or that it took.
    pub elapsed_seconds: f64,
}

/// A page of runs, newest first.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RunHistory {
    /// The page.
    pub runs: Vec<PastRun>,
    /// Ask for the next page with it; null on the last.
    pub next: Option<Uuid>,
}

/// A run of the history.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PastRun {
    /// The run.
    #[serde(flatten)]
    pub head: RunHead,
    /// `running`, or the verdict.
    pub status: String,
    /// Whether it has portfolios that the token does not see: what is counted is then about those that it sees, and about symbols.
    pub shared: bool,
    /// Who asked for it; null of a shared one.
    pub principal: Option<String>,
    /// Portfolios in its scope.
    pub portfolios: i64,
    /// Planned tasks, without those that were split.
    pub tasks: i64,
    /// Tasks that are not final.
    pub unfinished: i64,
    /// Tasks whose budget is used up.
    pub dead: i64,
}

/// Runs planned within some days, by status.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RunSummary {
    /// How far back.
    pub days: i32,
    /// All of them.
    pub runs: i64,
    /// By status; a status without a run is not there.
    pub statuses: Vec<RunsOfStatus>,
}

/// Runs of one status, together.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RunsOfStatus {
    /// `running`, or a verdict.
    pub status: String,
    /// How many.
    pub runs: i64,
    /// Their mean time in seconds.
    pub mean_seconds: Option<f64>,
    /// The longest, in seconds.
    pub longest_seconds: Option<f64>,
    /// When the newest was planned.
    pub newest: Option<DateTime<Utc>>,
}

/// Runs that go on, newest first.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CurrentRuns {
    /// Each with its progress.
    pub runs: Vec<RunState>,
}

/// A run and how far it is.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RunState {
    /// The run.
    #[serde(flatten)]
    pub head: RunHead,
    /// The same as `run_id`, by the name that the receipt of a start has for it.
    pub batch_run_id: Uuid,
    /// Whether it has portfolios that the token does not see: what is told is then about those that it sees, with tasks about
    /// symbols counted and not listed.
    pub shared: bool,
    /// `running`, or the verdict.
    pub status: String,
    /// Its tasks together.
    pub progress: RunProgress,
    /// Final tasks of all, in percent with one digit, rounded down: 100 is the end.
    pub percent: f64,
    /// In the order of the pipeline.
    pub phases: Vec<RunPhase>,
}

/// A run: how far it is, what failed, and what its portfolios lack.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RunDetail {
    /// The run and how far it is.
    #[serde(flatten)]
    pub state: RunState,
    /// Equal mistakes together, those with dead tasks first.
    pub errors: Vec<ErrorGroup>,
    /// Outcome of attempts that were not committed → how many.
    pub retries: BTreeMap<String, i64>,
    /// Tasks in workers' hands, at most twenty.
    pub running: Vec<Task>,
    /// Portfolios that lack something at the final date.
    pub missing: Vec<RunMissing>,
    /// What is held back, of any run.
    pub paused: Vec<Pause>,
}

/// Tasks of a run, without those that were split.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RunProgress {
    /// All.
    pub total: i64,
    /// Final: done, dead or cancelled.
    pub ended: i64,
    /// Committed.
    pub done: i64,
    /// Given up.
    pub dead: i64,
    /// Taken back.
    pub cancelled: i64,
    /// In workers' hands.
    pub running: i64,
    /// Final ones of all, 0 to 1; 1 where there is none.
    pub fraction: f64,
    /// Seconds until it may end, where that can be told.
    pub eta_seconds: Option<f64>,
}

/// A phase of a run.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RunPhase {
    /// Which.
    pub phase: String,
    /// Its number: `1`, `1.5`.
    pub number: String,
    /// Tasks, without those that were split.
    pub total: i64,
    /// Committed.
    pub done: i64,
    /// Given up.
    pub dead: i64,
    /// Taken back.
    pub cancelled: i64,
    /// In workers' hands.
    pub running: i64,
    /// When its tasks could be begun.
    pub opened_at: Option<DateTime<Utc>>,
    /// When its last task became final.
    pub finished_at: Option<DateTime<Utc>>,
    /// Seconds from opening to its end, or until now.
    pub elapsed_seconds: Option<f64>,
}

/// What a portfolio of a run lacks at its final date.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RunMissing {
    /// Whose.
    pub portfolio_id: Uuid,
    /// Its name.
    pub name: String,
    /// The final date.
    pub as_of: NaiveDate,
    /// Whether readers see the date.
    pub published: bool,
    /// Symbol → why it is left out of market numbers.
    pub symbols: BTreeMap<String, String>,
    /// Entry of the completeness vector that is not done → why.
    pub entries: BTreeMap<String, String>,
}
