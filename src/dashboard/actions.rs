//! Forms that change something: each is the handler of the API, with its roles and its row in the audit table. The
//! answer is its receipt.

use axum::extract::{Path, State};
use axum::response::{Html, Response};
use maud::{Markup, html};
use serde_json::Value;

use super::frame;
use super::session::{Sent, Visitor};
use crate::api::Api;
use crate::api::control;
use crate::api::params::{Fields, Params};
use crate::api::problem::{Kind, Problem};

/// Largest receipt.
const RECEIPT: usize = 1 << 20;

/// Dead or cancelled tasks of a filter again.
pub(super) async fn retry(
    visitor: Visitor,
    State(api): State<Api>,
    sent: Sent,
) -> Result<Html<String>, Problem> {
    let response = control::retry(visitor.0.clone(), State(api), fields(sent.0)).await?;
    let receipt = document(response).await?;
    let body = html! {
        div.alert.good role="status" { "A repair run is planned." }
        (facts(&receipt))
    };
    Ok(frame::page(&visitor, "/dead", "Retry", &body))
}

/// A run is cancelled.
pub(super) async fn cancel(
    visitor: Visitor,
    State(api): State<Api>,
    Path(run): Path<String>,
    sent: Sent,
) -> Result<Html<String>, Problem> {
    let receipt = control::cancel(visitor.0.clone(), State(api), Path(run), fields(sent.0)).await?;
    let body = html! {
        div.alert.good role="status" { "The run is cancelled: nothing of it is committed any more." }
        (facts(&receipt.0))
    };
    Ok(frame::page(&visitor, "", "Cancel", &body))
}

/// A lane or phase is held back.
pub(super) async fn pause(
    visitor: Visitor,
    State(api): State<Api>,
    sent: Sent,
) -> Result<Html<String>, Problem> {
    let receipt = control::pause(visitor.0.clone(), State(api), fields(sent.0)).await?;
    Ok(frame::page(&visitor, "", "Pause", &facts(&receipt.0)))
}

/// A lane or phase goes on.
pub(super) async fn resume(
    visitor: Visitor,
    State(api): State<Api>,
    sent: Sent,
) -> Result<Html<String>, Problem> {
    let receipt = control::resume(visitor.0.clone(), State(api), fields(sent.0)).await?;
    Ok(frame::page(&visitor, "", "Resume", &facts(&receipt.0)))
}

fn fields(params: Params) -> Fields {
    params.into()
}

/// The document of an answer of the API.
pub(super) async fn document(response: Response) -> Result<Value, Problem> {
    let failed = |_| Problem::new(Kind::Internal, "the receipt could not be read");
    let bytes = axum::body::to_bytes(response.into_body(), RECEIPT)
        .await
        .map_err(failed)?;
    serde_json::from_slice(&bytes)
        .map_err(|_| Problem::new(Kind::Internal, "the receipt could not be read"))
}

/// A document of the API, for people.
pub(super) fn facts(document: &Value) -> Markup {
    let entries: Vec<(&String, &Value)> = document.as_object().into_iter().flatten().collect();
    html! {
        dl.facts {
            @for (name, value) in entries {
                @if !value.is_null() && name != "batch_run_id" {
                    div { dt { (name.replace('_', " ")) } dd { (shown(name, value)) } }
                }
            }
        }
    }
}

fn shown(name: &str, value: &Value) -> Markup {
    match value {
        Value::String(text) if name == "run_id" => {
            html! { a href=(format!("/runs/{text}")) { (text) } }
        }
        Value::String(text) => html! { (text) },
        Value::Array(values) if values.iter().all(|value| !value.is_object()) => {
            let texts: Vec<String> = values.iter().map(plain).collect();
            match texts.len() {
                0..=5 => html! { (texts.join(", ")) },
                n => html! { (texts[0]) " to " (texts[n - 1]) " (" (n) ")" },
            }
        }
        Value::Array(values) => html! { @for value in values { (facts(value)) } },
        Value::Object(pairs) => {
            html! { @for (name, value) in pairs { (name) ": " (plain(value)) br; } }
        }
        value => html! { (plain(value)) },
    }
}

pub(super) fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), ToOwned::to_owned)
}
