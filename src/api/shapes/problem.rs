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
    /// All findings, where there are several: errors of a file with line, column and code, or what could be asked for
    /// instead; not there otherwise.
    #[serde(default)]
    pub errors: Option<Vec<serde_json::Value>>,
}
