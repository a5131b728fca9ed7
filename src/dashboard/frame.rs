//! The frame of every page, and what a browser sees when something goes wrong.

use axum::extract::Request;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use maud::{DOCTYPE, Markup, html};

use super::session::Visitor;
use crate::api::problem::{Kind, Problem};
use crate::api::trace::AsPage;

/// Pages of the navigation.
const PAGES: [(&str, &str); 6] = [
    ("/", "Overview"),
    ("/portfolios", "Portfolios"),
    ("/data", "Data"),
    ("/workers", "Workers"),
    ("/dead", "Dead tasks"),
    ("/start", "Start"),
];

/// A page of somebody; `place` is its entry of the navigation.
pub(super) fn page(visitor: &Visitor, place: &str, title: &str, body: &Markup) -> Html<String> {
    let pages = PAGES.iter().filter(|(path, _)| match *path {
        "/start" => visitor.may_change(),
        // They show the books of everybody.
        "/data" | "/workers" | "/dead" => visitor.sees_all().is_ok(),
        _ => true,
    });
    let top = html! {
        nav aria-label="Pages" {
            @for (path, name) in pages {
                a href=(path) aria-current=[(*path == place).then_some("page")] { (name) }
            }
            a href="/docs" { "API" }
        }
        form method="post" action="/logout" {
            span { (visitor.access.role()) }
            button.plain type="submit" { "Sign out" }
        }
    };
    document(title, &top, body)
}

/// A page without anybody.
pub(super) fn document(title: &str, top: &Markup, body: &Markup) -> Html<String> {
    let version = env!("CARGO_PKG_VERSION");
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · sigmabatch" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(format!("/assets/style.css?{version}"));
                script defer src=(format!("/assets/live.js?{version}")) {}
            }
            body {
                a.skip href="#content" { "Skip to content" }
                header.top { a.brand href="/" { "sigmabatch" } (top) }
                main #content tabindex="-1" { h1 { (title) } (body) }
                footer { "Times are New York's. sigmabatch " (version) }
            }
        }
    };
    Html(markup.into_string())
}

/// Around every page: who is not known signs in, a problem is a page, and forms may say where they come from.
pub(super) async fn problems(request: Request, next: Next) -> Response {
    let target = match *request.method() {
        Method::GET => request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str()),
        _ => "/",
    };
    let target = target.to_owned();
    let mut response = next.run(request).await;
    let problem = response.extensions().get::<Problem>();
    if problem.is_some_and(|problem| problem.kind == Kind::Unauthorized) {
        response = Redirect::to(&super::login::address(&target)).into_response();
    }
    response.extensions_mut().insert(AsPage);
    // Without this a browser says `Origin: null` of a form.
    let policy = HeaderValue::from_static("same-origin");
    response
        .headers_mut()
        .insert(header::REFERRER_POLICY, policy);
    response
}

/// A problem as a page: the log has more under its trace id.
pub(super) fn told(problem: &Problem, trace_id: &str) -> String {
    let body = html! {
        (alert(problem))
        p.soft { "Trace id " code { (trace_id) } }
        p { a href="/" { "Overview" } }
    };
    document(problem.kind.title(), &html! {}, &body).0
}

/// A problem in a page.
pub(super) fn alert(problem: &Problem) -> Markup {
    html! {
        div.alert role="alert" {
            strong { (problem.kind.title()) }
            @if let Some(field) = &problem.field { " (" code { (field) } ")" }
            ": " (problem.detail)
        }
    }
}
