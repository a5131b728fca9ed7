//! The document of the API, and a page that shows it and tries it. Everything comes from this program.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::Api;
use super::problem::Kind;

const STYLE: &str = include_str!("docs/docs.css");
const SCRIPT: &str = include_str!("docs/docs.js");

/// `/openapi.json`, `/docs` and what that page needs.
pub(super) fn router(document: &OpenApi) -> Router<Api> {
    let value = serde_json::to_value(document).unwrap_or_default();
    let json: Arc<str> = value.to_string().into();
    let page: Arc<str> = page(&value).into();
    let typed = |kind: &'static str, text: &'static str| {
        get(async move || ([(header::CONTENT_TYPE, kind)], text).into_response())
    };
    Router::new()
        .route(
            "/openapi.json",
            get(async move || {
                let kind = [(header::CONTENT_TYPE, "application/json")];
                (kind, json.to_string())
            }),
        )
        .route("/docs", get(async move || Html(page.to_string())))
        .route("/docs/docs.css", typed("text/css", STYLE))
        .route("/docs/docs.js", typed("text/javascript", SCRIPT))
}

fn page(document: &Value) -> String {
    let mut html = String::from(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <title>sigmabatch API</title><link rel=stylesheet href=/docs/docs.css><script defer src=/docs/docs.js></script>\
         <main><h1>sigmabatch API</h1>",
    );
    let about = text(&document["info"]["description"]);
    let _ = write!(
        html,
        "<p>{about}</p><p><a href=/openapi.json>/openapi.json</a> is the same for programs.</p>\
         <p><label>Token <input id=token type=password autocomplete=off placeholder='sb_…'></label> \
         stays in this page.</p>"
    );
    let paths = document["paths"].as_object().into_iter().flatten();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            route(&mut html, path, method, operation);
        }
    }
    html.push_str("<h2>Problems</h2><dl>");
    for kind in Kind::ALL {
        let (code, title, status) = (kind.code(), kind.title(), kind.status().as_u16());
        let _ = write!(
            html,
            "<dt id=problem-{code}>{code} <small>{status}</small><dd>{title}"
        );
    }
    html.push_str("</dl></main></html>");
    html
}

fn route(html: &mut String, path: &str, method: &str, operation: &Value) {
    let about = [&operation["summary"], &operation["description"]].map(text);
    let _ = write!(
        html,
        "<details><summary><b>{}</b> <code>{}</code> {}</summary><p>{}</p>\
         <form data-method={method} data-path='{}'>",
        method.to_uppercase(),
        escape(path),
        about[0],
        about[1],
        escape(path)
    );
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
        let needed = if parameter["required"] == true {
            " required"
        } else {
            ""
        };
        let _ = write!(
            html,
            "<label>{name} <small>{place}</small> <input name='{name}' data-in='{place}'{needed}> {}</label>",
            text(&parameter["description"])
        );
    }
    if operation["requestBody"].is_object() {
        html.push_str("<label>body <textarea name=body data-in=body></textarea></label>");
    }
    html.push_str("<button>Ask</button><output></output></form><ul>");
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let _ = write!(html, "<li>{status} {}", text(&response["description"]));
    }
    html.push_str("</ul></details>");
}

fn text(value: &Value) -> String {
    escape(value.as_str().unwrap_or_default())
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;")
        .replace('\'', "&#39;")
        .replace('"', "&quot;")
}
