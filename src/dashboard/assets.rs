//! The style sheet and the one script, from this program.

use axum::Router;
use axum::http::header;
use axum::routing::get;

use crate::api::Api;

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/live.js");
/// Until the program is another one; pages name its version.
const CACHE: &str = "private, max-age=3600";

pub(super) fn router() -> Router<Api> {
    let typed = |kind: &'static str, text: &'static str| {
        get(async move || {
            (
                [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, CACHE)],
                text,
            )
        })
    };
    Router::new()
        .route("/assets/style.css", typed("text/css; charset=utf-8", STYLE))
        .route(
            "/assets/live.js",
            typed("text/javascript; charset=utf-8", SCRIPT),
        )
}
