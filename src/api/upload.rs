//! A book that somebody sends: a form with a file, a CSV file, or JSON. All become the same CSV for the same parser, so
//! that every error has its line and column whatever way the book came.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Multipart, Request};
use axum::http::header;
use serde_json::{Map, Value};

use super::params::{Params, pairs};
use super::problem::{Kind, Problem};
use crate::import::{flows_csv, marks_csv, portfolio_csv};

/// What was sent.
#[derive(Debug)]
pub(crate) struct Upload {
    /// Of the query, and of fields beside the file.
    pub(crate) params: Params,
    /// The file's name, for the receipt.
    pub(crate) name: String,
    /// The file.
    pub(crate) bytes: Vec<u8>,
}

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let kind = kind
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let (mut parts, body) = request.into_parts();
        let params = Params::from_request_parts(&mut parts, state).await?;
        let request = Request::from_parts(parts, body);
        match kind.as_str() {
            "multipart/form-data" => form(request, state, params).await,
            "application/json" => json(&bytes(request, state).await?, params),
            "text/csv" => Ok(Self {
                params,
                name: "body.csv".to_owned(),
                bytes: bytes(request, state).await?.to_vec(),
            }),
            _ => {
                let detail = "send multipart/form-data with a file, text/csv or application/json";
                Err(Problem::new(Kind::MediaType, detail))
            }
        }
    }
}

async fn bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    let body = Bytes::from_request(request, state).await;
    body.map_err(|rejection| Problem::of_status(rejection.status()))
}

async fn form<S: Send + Sync>(
    request: Request,
    state: &S,
    mut params: Params,
) -> Result<Upload, Problem> {
    let broken = || Problem::field("body", "not a form of multipart/form-data");
    let form = Multipart::from_request(request, state).await;
    let mut form = form.map_err(|_| broken())?;
    let mut file = None;
    loop {
        let field = form.next_field().await;
        let field = field.map_err(|error| refused(error.status()))?;
        let Some(field) = field else { break };
        let name = field.name().unwrap_or_default().to_owned();
        let given = field.file_name().map(ToOwned::to_owned);
        let content = field.bytes().await;
        let content = content.map_err(|error| refused(error.status()))?;
        if name == "file" {
            file = Some((
                given.unwrap_or_else(|| "file.csv".to_owned()),
                content.to_vec(),
            ));
        } else {
            let text = String::from_utf8(content.to_vec());
            let text = text.map_err(|_| Problem::field(&name, "not UTF-8"))?;
            params.add([(name, text)]);
        }
    }
    let (name, bytes) = file.ok_or_else(|| Problem::field("file", "the form has no file"))?;
    Ok(Upload {
        params,
        name,
        bytes,
    })
}

fn refused(status: axum::http::StatusCode) -> Problem {
    let problem = Problem::of_status(status);
    match problem.kind {
        Kind::TooLarge => problem,
        _ => Problem::field("body", "not a form of multipart/form-data"),
    }
}

fn json(body: &[u8], mut params: Params) -> Result<Upload, Problem> {
    let object: Map<String, Value> = serde_json::from_slice(body).map_err(|error| {
        Problem::field("body", format!("not a JSON object: line {}", error.line()))
    })?;
    let mut object = object;
    let lists: [(&str, Vec<&str>); 3] = [
        ("positions", portfolio_csv::columns().collect()),
        ("flows", flows_csv::columns().collect()),
        ("marks", marks_csv::columns().collect()),
    ];
    for (key, columns) in lists {
        let Some(rows) = object.remove(key) else {
            continue;
        };
        let rows = rows.as_array();
        let rows = rows.ok_or_else(|| Problem::field(key, "a list"))?;
        let bytes = table(key, &columns, rows)?;
        params.add(pairs(object)?);
        return Ok(Upload {
            params,
            name: format!("{key}.json"),
            bytes,
        });
    }
    Err(Problem::field(
        "body",
        "has neither positions nor flows nor marks",
    ))
}

/// The same rows as a file; `entry_price_per_share` is the column "Entry Price Per Share".
fn table(list: &str, columns: &[&str], rows: &[Value]) -> Result<Vec<u8>, Problem> {
    let key = |column: &str| column.to_ascii_lowercase().replace(' ', "_");
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |_| Problem::new(Kind::Internal, "the rows could not be written");
    writer.write_record(columns).map_err(failed)?;
    for (index, row) in rows.iter().enumerate() {
        let field = |name: &str| format!("{list}[{index}].{name}");
        let object = row.as_object();
        let object =
            object.ok_or_else(|| Problem::field(&format!("{list}[{index}]"), "an object"))?;
        if let Some(name) = object
            .keys()
            .find(|name| !columns.iter().any(|known| key(known) == **name))
        {
            let known: Vec<String> = columns.iter().map(|column| key(column)).collect();
            let detail = format!("unknown; {list} have {}", known.join(", "));
            return Err(Problem::field(&field(name), detail));
        }
        let mut cells = Vec::new();
        for column in columns {
            cells.push(match object.get(&key(column)) {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => text.clone(),
                // As it was written: a number of JSON is not rounded.
                Some(Value::Number(number)) => number.to_string(),
                Some(_) => return Err(Problem::field(&field(&key(column)), "a text or a number")),
            });
        }
        writer.write_record(&cells).map_err(failed)?;
    }
    writer
        .into_inner()
        .map_err(|_| Problem::new(Kind::Internal, "the rows could not be written"))
}
