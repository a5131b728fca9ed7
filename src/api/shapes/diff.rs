//! Two runs side by side. Pairs are of the first run and of the other one; null where a run has no such thing.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What two runs have different.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RunDiff {
    /// Both runs.
    pub runs: [DiffRun; 2],
    /// Phases of either.
    pub phases: Vec<DiffPhase>,
    /// Outcome of attempts that were not committed → how many.
    pub attempts: BTreeMap<String, [i64; 2]>,
    /// Errors of either.
    pub errors: Vec<DiffError>,
    /// Portfolios whose final dates are not equally complete.
    pub portfolios: Vec<DiffPortfolio>,
}

/// A run of a comparison.
#[derive(Debug, Deserialize, ToSchema)]
pub struct DiffRun {
    /// Which.
    pub run_id: Uuid,
    /// For people.
    pub label: String,
    /// First session of its results.
    pub from: NaiveDate,
    /// Last session of its results.
    pub to: NaiveDate,
    /// `succeeded`, `partial`, `failed` or `cancelled`; null while it goes on.
    pub verdict: Option<String>,
    /// Seconds since it was planned, or that it took.
    pub elapsed_seconds: f64,
    /// Tasks, without those that were split.
    pub tasks: i64,
    /// Results in its scope: a portfolio and a session each, since inception.
    pub wanted: i64,
    /// Those that readers see.
    pub published: i64,
    /// Those of which nothing failed.
    pub strict: i64,
    /// Mean coverage of the portfolios at the final date, a fraction.
    pub mean_coverage: Option<f64>,
}

/// A phase of both runs.
#[derive(Debug, Deserialize, ToSchema)]
pub struct DiffPhase {
    /// Which.
    pub phase: String,
    /// Its number.
    pub number: String,
    /// From opening to its end, in seconds.
    pub seconds: [Option<f64>; 2],
    /// Tasks.
    pub total: [Option<i64>; 2],
    /// Committed.
    pub done: [Option<i64>; 2],
    /// Given up.
    pub dead: [Option<i64>; 2],
    /// Taken back.
    pub cancelled: [Option<i64>; 2],
}

/// Equal mistakes of both runs.
#[derive(Debug, Deserialize, ToSchema)]
pub struct DiffError {
    /// Their phase.
    pub phase: String,
    /// What they have in common.
    pub fingerprint: String,
    /// Their class.
    pub class: Option<String>,
    /// The message of the newest.
    pub sample: Option<String>,
    /// Tasks whose last error it is.
    pub count: [i64; 2],
    /// Dead ones among them.
    pub dead: [i64; 2],
}

/// A portfolio whose final dates are not equally complete.
#[derive(Debug, Deserialize, ToSchema)]
pub struct DiffPortfolio {
    /// Whose.
    pub portfolio_id: Uuid,
    /// Its name.
    pub name: String,
    /// Modelled gross over gross, a fraction.
    pub coverage: [Option<f64>; 2],
    /// Nothing failed.
    pub strict: [Option<bool>; 2],
    /// Entry of the completeness vector that ended differently → how.
    pub entries: BTreeMap<String, [Option<String>; 2]>,
}
