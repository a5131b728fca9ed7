//! What happened in a run: the newest events, and the stream that tells a page of the next.

use std::fmt::Write as _;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde_json::Value;

use crate::api::problem::Problem;
use crate::api::{Api, events};
use crate::dashboard::session::Visitor;
use crate::dashboard::text::time;
use crate::store::events::EventRow;

/// The events of a run, for the script of its page: as the API sends them, from now on. The cookie is good for it, for
/// it shows what the page shows, and no other site's page can read it.
pub(in crate::dashboard) async fn stream(
    visitor: Visitor,
    State(api): State<Api>,
    Path(run): Path<String>,
    mut headers: HeaderMap,
) -> Result<Response, Problem> {
    if !headers.contains_key("last-event-id") {
        let now = crate::store::events::now(&api.pools().load).await?;
        let place = format!("{}-{}", now.transaction, now.id);
        if let Ok(value) = HeaderValue::from_str(&place) {
            headers.insert("last-event-id", value);
        }
    }
    let stream = events::stream(visitor.0, State(api), Path(run), headers).await?;
    Ok(stream.into_response())
}

pub(super) fn feed(events: &[EventRow]) -> Markup {
    if events.is_empty() {
        return html! { p.none { "Nothing happened yet." } };
    }
    html! {
        ol.feed tabindex="0" aria-label="Events, newest first" {
            @for event in events { li { (time(event.at)) " " strong { (event.kind) } " " (particulars(&event.detail)) } }
        }
    }
}

fn particulars(detail: &Value) -> String {
    let mut text = String::new();
    for (name, value) in detail.as_object().into_iter().flatten() {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), ToOwned::to_owned);
        let _ = write!(text, "{name} {value}  ");
    }
    text
}
