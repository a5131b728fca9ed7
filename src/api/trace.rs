//! Around every request: a trace id, a line in the log without secrets, problems in their form, and headers that
//! keep browsers from doing what nobody asked for.

use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::middleware::Next;
use tracing::Instrument;
use uuid::Uuid;

use super::problem::Problem;

/// Everything that a page may load comes from here.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                   form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Writes a problem, whose trace id is the other text, as a page.
pub(super) type Told = fn(&Problem, &str) -> String;

/// Of an answer whose problem is shown as a page whatever was asked for: whoever asks looks at a page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AsPage;

/// Whether a browser asks, and not for the API: then a problem is a page.
fn browses(request: &Request) -> bool {
    let ours = ["/api/", "/health/", "/metrics", "/openapi.json"];
    let path = request.uri().path();
    let accept = request.headers().get(header::ACCEPT);
    let accept = accept
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    !ours.iter().any(|prefix| path.starts_with(prefix)) && accept.contains("text/html")
}

/// The layer.
pub(super) async fn trace(
    State(told_as_page): State<Option<Told>>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let browses = browses(&request);
    let trace_id = Uuid::new_v4().simple().to_string();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    // The pattern, not the path: lines of one route are alike. Queries are not logged.
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or_else(|| "-".to_owned(), |route| route.as_str().to_owned());
    let began = Instant::now();
    let span = tracing::info_span!("request", trace_id);
    let mut response = next.run(request).instrument(span.clone()).await;
    let _entered = span.enter();
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let told = kind.is_some_and(|kind| {
        let kind = kind.as_bytes();
        kind.starts_with(b"application/") || kind.starts_with(b"text/html")
    });
    let problem = response.extensions_mut().remove::<Problem>();
    let error = status.is_client_error() || status.is_server_error();
    // A layer or an extractor of the framework has its own words; callers shall know one form.
    let foreign = error && !told;
    // Its one 400 is for a path that is no text once its escapes are read, and that names nothing.
    let framework = || match status {
        StatusCode::BAD_REQUEST => Problem::not_found("path"),
        status => Problem::of_status(status),
    };
    if let Some(problem) = problem.or_else(|| foreign.then(framework)) {
        let browses = browses || response.extensions_mut().remove::<AsPage>().is_some();
        let (kind, text) = match told_as_page.filter(|_| browses) {
            Some(told) => (PAGE, told(&problem, &trace_id)),
            None => (PROBLEM, problem.document(&trace_id, &path).to_string()),
        };
        let headers = std::mem::take(response.headers_mut());
        *response.body_mut() = Body::from(text);
        *response.status_mut() = problem.kind.status();
        for name in [header::WWW_AUTHENTICATE, header::ALLOW] {
            if let Some(value) = headers.get(&name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        let kind = HeaderValue::from_static(kind);
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    let again = response.status() == StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    if again {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static(SECONDS));
    }
    if let Ok(value) = HeaderValue::from_str(&trace_id) {
        headers.insert("x-trace-id", value);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CSP),
    );
    headers
        .entry(header::REFERRER_POLICY)
        .or_insert(HeaderValue::from_static("no-referrer"));
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("private, no-cache"));
    let milliseconds = began.elapsed().as_millis();
    tracing::info!(%method, route, status = response.status().as_u16(), milliseconds, "answered");
    response
}

/// After which what cannot be answered now is asked again.
const SECONDS: &str = "2";
/// Of a problem that a person sees.
const PAGE: &str = "text/html; charset=utf-8";
/// Of a problem.
const PROBLEM: &str = "application/problem+json";
