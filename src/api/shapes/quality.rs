//! What was found in the series behind the numbers.

use chrono::NaiveDate;
use serde::Deserialize;
use utoipa::ToSchema;

/// The series behind a date, and what was found in them: listed, never corrected.
#[derive(Debug, Deserialize, ToSchema)]
pub struct DataQuality {
    /// Whether a series was checked.
    pub available: bool,
    /// Why none was.
    pub reason: Option<String>,
    /// How much was found in all of them.
    pub findings: Option<i64>,
    /// Held ones first.
    pub series: Vec<CheckedSeries>,
}

/// A series.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CheckedSeries {
    /// Of this symbol.
    pub symbol: String,
    /// Held, or behind an option that is held; else the proxy of a factor.
    pub held: bool,
    /// Sessions looked at.
    pub sessions: Option<i32>,
    /// Those of them with a value.
    pub observed: Option<i32>,
    /// How much was found.
    pub findings: Option<i32>,
    /// The newest findings.
    pub evidence: Option<Vec<Finding>>,
    /// Why it was not checked.
    pub reason: Option<String>,
}

/// Something that looks wrong.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Finding {
    /// `gap`, `stale`, `split_missing`, …
    pub check: String,
    /// Its first session.
    pub from: NaiveDate,
    /// Its last session.
    pub to: NaiveDate,
    /// What was measured.
    pub measured: f64,
    /// What it was measured against.
    pub threshold: f64,
    /// The values in question.
    pub values: Vec<Option<f64>>,
    /// The same for people.
    pub text: String,
}
