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
/// What forms with files are sent as.
const FORM: &str = "multipart/form-data";
/// What streams are sent as.
const STREAM: &str = "text/event-stream";

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
            route(&mut html, document, path, method, operation);
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

fn route(html: &mut String, document: &Value, path: &str, method: &str, operation: &Value) {
    let answers = kinds(&operation["responses"]["200"]);
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
        let _ = write!(html, "<label>{name} <small>{place}</small> ");
        if name == "Accept" {
            choice(html, &[("name", &name), ("data-in", &place)], &answers);
        } else {
            let _ = write!(html, "<input name='{name}' data-in='{place}'{needed}>");
        }
        let _ = write!(html, " {}</label>", text(&parameter["description"]));
    }
    body(html, document, &operation["requestBody"]);
    html.push_str("<button>Ask</button>");
    if answers.iter().any(|kind| kind == STREAM) {
        html.push_str(" <button type=button data-stop>Stop</button>");
    }
    html.push_str("<output tabindex=0 aria-label=Answer></output></form><ul>");
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let _ = write!(html, "<li>{status} {}", text(&response["description"]));
    }
    html.push_str("</ul></details>");
}

/// The ways in which something is sent.
fn kinds(of: &Value) -> Vec<String> {
    let content = of["content"].as_object();
    content
        .into_iter()
        .flatten()
        .map(|(kind, _)| kind.clone())
        .collect()
}

/// A choice of ways, the first one chosen.
fn choice(html: &mut String, attributes: &[(&str, &str)], kinds: &[String]) {
    html.push_str("<select");
    for (name, value) in attributes {
        let _ = write!(html, " {name}='{value}'");
    }
    html.push('>');
    for kind in kinds {
        let _ = write!(html, "<option>{}</option>", escape(kind));
    }
    html.push_str("</select>");
}

/// The fields of a body: how it is sent, files of a form, and text for everything else.
fn body(html: &mut String, document: &Value, body: &Value) {
    let kinds = kinds(body);
    match kinds.as_slice() {
        [] => return,
        [only] => {
            let _ = write!(
                html,
                "<input type=hidden data-in=type value='{}'>",
                escape(only)
            );
        }
        several => {
            html.push_str("<label>type <small>body</small> ");
            choice(html, &[("data-in", "type")], several);
            html.push_str("</label>");
        }
    }
    let schema = &body["content"][FORM]["schema"]["$ref"];
    let form = schema
        .as_str()
        .and_then(|name| document.pointer(name.strip_prefix('#')?))
        .unwrap_or(&Value::Null);
    let parts = form["allOf"].as_array().into_iter().flatten();
    let fields = parts.filter_map(|part| part["properties"].as_object());
    // The other fields of a form are parameters as well.
    for (name, _) in fields
        .flatten()
        .filter(|(_, field)| field["format"] == "binary")
    {
        let name = escape(name);
        let _ = write!(
            html,
            "<label data-for={FORM}>{name} <small>body</small> <input type=file name='{name}' data-in=file></label>"
        );
    }
    if kinds.iter().any(|kind| kind != FORM) {
        html.push_str(
            "<label data-for=text>body <textarea name=body data-in=body rows=6 spellcheck=false></textarea></label>",
        );
    }
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
