//! Lists as CSV.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::problem::{Kind, Problem};

/// A list of objects, with the keys of the first one as its header.
pub(super) fn csv(list: &Value) -> Result<Response, Problem> {
    let kind = [(header::CONTENT_TYPE, "text/csv; charset=utf-8")];
    Ok((kind, bytes(list)?).into_response())
}

/// The bytes of the table.
pub(super) fn bytes(list: &Value) -> Result<Vec<u8>, Problem> {
    let rows = list
        .as_array()
        .ok_or_else(|| Problem::new(Kind::NotAcceptable, "this is no list: ask for JSON"))?;
    // Without a row nobody knows the columns.
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    let keys: Vec<&String> = rows
        .first()
        .and_then(Value::as_object)
        .map(|object| object.keys().collect())
        .unwrap_or_default();
    let failed = |_| Problem::new(Kind::Internal, "the table could not be written");
    writer.write_record(&keys).map_err(failed)?;
    for row in rows {
        let cells = keys.iter().map(|key| match &row[key.as_str()] {
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

/// A text that a spreadsheet would take for a formula is none; numbers stay numbers.
fn guarded(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '@', '\t', '\r', '-']);
    if formula && text.parse::<f64>().is_err() {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}
