//! A book that somebody sends: a form with a file, a CSV file, or JSON. All become the same CSV for the same parser, so
//! that every error has its line and column whatever way the book came.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Multipart, Request};
use serde_json::Value;
use serde_json::value::RawValue;

use super::json::{self, Composite, Object};
use super::params::{Params, media_type};
use super::problem::{Kind, Problem};
use crate::import::{MAX_ROWS, flows_csv, marks_csv, portfolio_csv};

/// What was sent.
#[derive(Debug)]
pub(crate) struct Upload {
    /// Of the query, and of fields beside the file.
    pub(crate) params: Params,
    /// The file's name, for the receipt.
    pub(crate) name: String,
    /// The file.
    pub(crate) bytes: Vec<u8>,
    /// Which list of JSON it was, and the lines that its rows begin at.
    list: Option<(List, Vec<u64>)>,
}

impl Upload {
    /// What was sent, where it is what the route takes: a list of JSON has a name, a file has none.
    pub(crate) fn of(self, wanted: List) -> Result<Self, Problem> {
        match self.list {
            Some((list, _)) if list != wanted => {
                let detail = format!("unknown; this route takes {}", wanted.key());
                Err(Problem::field(list.key(), detail))
            }
            _ => Ok(self),
        }
    }

    /// A problem of the file, told by what was sent: whoever sent a list knows its places, and no lines.
    pub(crate) fn placed(&self, mut problem: Problem) -> Problem {
        if let (Some((list, lines)), Kind::Rejected) = (&self.list, problem.kind) {
            problem.field = Some(list.key().to_owned());
            for issue in &mut problem.errors {
                issue["field"] = Value::String(list.place(lines, issue));
            }
        }
        problem
    }

    /// Without parameters that nobody filled in.
    #[must_use]
    pub(crate) fn filled(self) -> Self {
        Self {
            params: self.params.filled(),
            ..self
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = media_type(request.headers());
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
                list: None,
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
            if file.is_some() {
                return Err(Problem::field("file", "given more than once"));
            }
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
        list: None,
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
    let mut object = Object::of_body(body)?;
    let lists = List::ALL.into_iter();
    let mut lists = lists.filter(|list| object.get(list.key()).is_some());
    if let (Some(one), Some(other)) = (lists.next(), lists.next()) {
        let detail = format!("one list at a time: {} is there, too", one.key());
        return Err(Problem::field(other.key(), detail));
    }
    for list in List::ALL {
        let Some(rows) = object.take(list.key()) else {
            continue;
        };
        let rows = json::list(rows).ok_or_else(|| Problem::field(list.key(), "a list"))?;
        let (bytes, lines) = list.table(&rows)?;
        params.add_fields(object)?;
        return Ok(Upload {
            params,
            name: format!("{}.json", list.key()),
            bytes,
            list: Some((list, lines)),
        });
    }
    Err(Problem::field(
        "body",
        "has neither positions nor flows nor marks",
    ))
}

/// A list that JSON has in place of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    Positions,
    Flows,
    Marks,
}

impl List {
    const ALL: [Self; 3] = [Self::Positions, Self::Flows, Self::Marks];

    fn key(self) -> &'static str {
        match self {
            Self::Positions => "positions",
            Self::Flows => "flows",
            Self::Marks => "marks",
        }
    }

    fn columns(self) -> Vec<&'static str> {
        match self {
            Self::Positions => portfolio_csv::columns().collect(),
            Self::Flows => flows_csv::columns().collect(),
            Self::Marks => marks_csv::columns().collect(),
        }
    }

    /// The same rows as a file, with the line that each begins at; `entry_price_per_share` is the column "Entry Price Per Share".
    fn table(self, rows: &[&RawValue]) -> Result<(Vec<u8>, Vec<u64>), Problem> {
        let (list, columns) = (self.key(), self.columns());
        let keys: Vec<String> = columns.iter().map(|column| key(column)).collect();
        // One row too many is enough: the reader of the file says so.
        let rows = rows.iter().take(MAX_ROWS + 1);
        // What begins like a comment is none: a file would be read without the row.
        let mut writer = csv::WriterBuilder::new()
            .comment(Some(b'#'))
            .from_writer(Vec::new());
        let failed = |_| Problem::new(Kind::Internal, "the rows could not be written");
        writer.write_record(&columns).map_err(failed)?;
        let (mut lines, mut line) = (Vec::with_capacity(rows.len()), 2_u64);
        for (index, row) in rows.enumerate() {
            let field = |name: &str| format!("{list}[{index}].{name}");
            let object = Object::of(row, &format!("{list}[{index}]"))?;
            let unknown = |name: &&str| !keys.iter().any(|known| known == name);
            if let Some(name) = object.keys().find(unknown) {
                let detail = format!("unknown; {list} have {}", keys.join(", "));
                return Err(Problem::field(&field(name), detail));
            }
            let mut cells = Vec::with_capacity(keys.len());
            for key in &keys {
                let text = match object.get(key) {
                    // A flag is no cell: «true» is a symbol.
                    Some(value) if value.get().starts_with(['t', 'f']) => Err(Composite),
                    Some(value) => json::scalar(value),
                    None => Ok(None),
                };
                let odd = |_| Problem::field(&field(key), "a text or a number");
                cells.push(text.map_err(odd)?.unwrap_or_default());
            }
            // A blank row of a file is passed over.
            if cells.iter().all(|cell| cell.trim().is_empty()) {
                return Err(Problem::field(&format!("{list}[{index}]"), "has no value"));
            }
            writer.write_record(&cells).map_err(failed)?;
            lines.push(line);
            let breaks = cells.iter().map(|cell| cell.matches('\n').count() as u64);
            line += 1 + breaks.sum::<u64>();
        }
        let bytes = writer.into_inner();
        let bytes =
            bytes.map_err(|_| Problem::new(Kind::Internal, "the rows could not be written"))?;
        Ok((bytes, lines))
    }

    /// Where a finding is in the body: `positions[0].quantity`, or the list where no row is meant.
    fn place(self, lines: &[u64], issue: &Value) -> String {
        let list = self.key();
        let row = issue["line"].as_u64();
        let row = row.and_then(|line| lines.binary_search(&line).ok());
        let column = issue["column"].as_str().unwrap_or_default();
        match row {
            None => list.to_owned(),
            Some(row) if column.is_empty() => format!("{list}[{row}]"),
            Some(row) => format!("{list}[{row}].{}", key(column)),
        }
    }
}

/// The key of a column in an object of JSON.
fn key(column: &str) -> String {
    column.to_ascii_lowercase().replace(' ', "_")
}
