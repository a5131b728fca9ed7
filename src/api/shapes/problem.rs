//! What is said of a request that is refused.

use serde::Deserialize;
use utoipa::ToSchema;

/// A problem, as RFC 9457 has it.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Problem {
    /// A place of `/docs` that explains the kind: `/docs#problem-invalid-input`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The status of the answer.
    pub status: u16,
    /// What is wrong with this request.
    pub detail: String,
    /// The path that was asked for.
    pub instance: String,
    /// The same is in the log.
    pub trace_id: String,
    /// The parameter or field that is wrong, where it is one; not there otherwise.
    #[serde(default)]
    pub field: Option<String>,
    /// All findings, where there are several: errors of a file, or what could be asked for instead; not there otherwise.
    #[serde(default)]
    pub errors: Option<Vec<ProblemDetail>>,
}

/// One finding of several.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ProblemDetail {
    /// An error of a file, or of a list in its place.
    Issue(FileIssue),
    /// What could be asked for instead: a metric with its argument.
    Choice(String),
}

/// An error of a file, or of a list of JSON in its place.
#[derive(Debug, Deserialize, ToSchema)]
pub struct FileIssue {
    /// Line of the file, from 1, where the row begins; 0 for the file as a whole. Of a list, as if it were a file: its first row
    /// is line 2.
    pub line: u64,
    /// The column's header; empty if the whole row is meant.
    pub column: String,
    /// Of a list, where it is in the body: `positions[0].quantity`; not there otherwise.
    #[serde(default)]
    pub field: Option<String>,
    /// What kind of error, stable: `ERR_POS_004`.
    pub code: String,
    /// The row's symbol, where it has one.
    #[schema(required = true)]
    pub symbol: Option<String>,
    /// What is wrong, with the text that is.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}
