//! Lists as CSV. A table has the columns of its shape whatever is in it, one without rows too: whoever reads it finds the same
//! names on a night without a result. What the document says around its rows is said in headers.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::problem::{Kind, Problem};

/// What an envelope has, the header that says it beside a table, and what it means.
pub(super) const TOLD: [(&str, &str, &str); 5] = [
    (
        "available",
        "sigmabatch-available",
        "Of a table: whether there is a result",
    ),
    (
        "reason",
        "sigmabatch-reason",
        "Of a table: why there is no result, as a code",
    ),
    (
        "as_of",
        "sigmabatch-as-of",
        "Of a table: the session that the numbers are of",
    ),
    (
        "calculation_date",
        "sigmabatch-calculation-date",
        "Of a table: the session that was asked for",
    ),
    (
        "run_id",
        "sigmabatch-run-id",
        "Of a table: the run whose results are shown",
    ),
];

/// Says in headers what the document says around its rows; what is null is left out.
pub(super) fn tell(document: &Value, headers: &mut HeaderMap) {
    for (key, name, _) in TOLD {
        let text = match &document[key] {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

/// The bytes of a table: a line of its columns, and one for each object of the list; null is a list of none.
pub(super) fn bytes(columns: &[String], list: &Value) -> Result<Vec<u8>, Problem> {
    let none = Vec::new();
    let rows = match list {
        Value::Null => &none,
        Value::Array(rows) => rows,
        _ => return Err(Problem::new(Kind::NotAcceptable, NO_TABLE)),
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |_| Problem::new(Kind::Internal, "the table could not be written");
    writer.write_record(columns).map_err(failed)?;
    for row in rows {
        let cells = columns.iter().map(|key| match &row[key.as_str()] {
            Value::Null => String::new(),
            Value::String(text) => guarded(text),
            value => value.to_string(),
        });
        writer.write_record(cells).map_err(failed)?;
    }
    writer
        .into_inner()
        .map_err(|_| Problem::new(Kind::Internal, "the table could not be written"))
}

/// To whoever wants a table of what has none.
pub(super) const NO_TABLE: &str = "there is no table of this: ask for JSON";

/// A text that a spreadsheet would take for a formula is none; numbers stay numbers.
fn guarded(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '@', '\t', '\r', '-']);
    if formula && text.parse::<f64>().is_err() {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}
