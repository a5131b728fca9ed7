//! Forms of answers, and their tags: whoever has one already is told that it is as it was. What goes on in another page says
//! where, in the document and in a header, which a table has too.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::params::encoded;
use super::problem::{Kind, Problem};
use super::results::{matches, not_modified, takes_json, wants_csv, weak};
use super::table;

/// What was asked for, and in which form.
pub(super) struct Asked {
    pub(super) headers: HeaderMap,
    uri: Uri,
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(Self {
            headers: parts.headers.clone(),
            uri: parts.uri.clone(),
        })
    }
}

/// The document, or a table of its rows where the caller asks for CSV. Without columns there is no table of it: who takes nothing
/// else is refused by the layer.
pub(super) fn formed(
    asked: &Asked,
    document: &impl Serialize,
    columns: Option<Vec<String>>,
    rows: impl FnOnce(&Value) -> Value,
) -> Result<Response, Problem> {
    let failed = |_| Problem::new(Kind::Internal, "the answer could not be written");
    let document = serde_json::to_value(document).map_err(failed)?;
    let columns = columns.filter(|_| wants_csv(&asked.headers));
    let mut response = match columns {
        Some(columns) => tabled(&document, &columns, &rows(&document))?,
        None => axum::Json(&document).into_response(),
    };
    let next = match &document["next"] {
        Value::Null => None,
        Value::String(text) => Some(link(&asked.uri, text)),
        value => Some(link(&asked.uri, &value.to_string())),
    };
    if let Some(Ok(next)) = next.map(HeaderValue::try_from) {
        response.headers_mut().insert(header::LINK, next);
    }
    Ok(response)
}

/// A table of the rows of a document, with what it says around them in headers.
pub(super) fn tabled(
    document: &Value,
    columns: &[String],
    rows: &Value,
) -> Result<Response, Problem> {
    let kind = [(header::CONTENT_TYPE, "text/csv; charset=utf-8")];
    let mut response = (kind, table::bytes(columns, rows)?).into_response();
    table::tell(document, response.headers_mut());
    Ok(response)
}

/// Makes one line of a list that came in several, as RFC 9110 (5.3) has it: whoever reads it looks at one.
fn join(headers: &mut HeaderMap, name: &HeaderName) {
    let lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let lines: Vec<&[u8]> = lines.collect();
    if lines.len() > 1
        && let Ok(list) = HeaderValue::from_bytes(&lines.join(&b", "[..]))
    {
        headers.insert(name, list);
    }
}

/// The layer that tags, and that never gives JSON to those who take tables only: of what is asked for and has no tag of its own,
/// that of what it says. Streams have no end, and pages, health and metrics are looked at once.
pub(super) async fn tag(mut request: Request, next: Next) -> Response {
    // The head of an answer is that of the whole one, so the whole one is made; the server leaves its body out.
    if request.method() == Method::HEAD {
        *request.method_mut() = Method::GET;
    }
    for name in [header::ACCEPT, header::IF_NONE_MATCH] {
        join(request.headers_mut(), &name);
    }
    let asks = request.method() == Method::GET;
    let ours = asks && !request.uri().path().starts_with("/health/");
    let only_tables = wants_csv(request.headers()) && !takes_json(request.headers());
    let mut known = HeaderMap::new();
    if let Some(tags) = request.headers().get(header::IF_NONE_MATCH) {
        known.insert(header::IF_NONE_MATCH, tags.clone());
    }
    let mut response = next.run(request).await;
    let vary = HeaderValue::from_static("accept");
    if ours && response.status() == StatusCode::NOT_MODIFIED {
        response.headers_mut().entry(header::VARY).or_insert(vary);
        return as_compressed(response);
    }
    if !ours || response.status() != StatusCode::OK || !is_data(&response) {
        return response;
    }
    if only_tables && !is_table(&response) {
        return Problem::new(Kind::NotAcceptable, table::NO_TABLE).into_response();
    }
    if !response.headers().contains_key(header::ETAG) {
        response = match hashed(response).await {
            Ok(response) => response,
            Err(problem) => return problem.into_response(),
        };
    }
    let headers = response.headers_mut();
    headers.entry(header::VARY).or_insert(vary);
    let tag = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok());
    let Some(tag) = tag.filter(|tag| matches(&known, tag)) else {
        return response;
    };
    let mut as_it_was = not_modified(tag.to_owned());
    for name in [header::VARY, header::LINK, header::CACHE_CONTROL] {
        if let Some(value) = headers.get(&name) {
            as_it_was.headers_mut().insert(name, value.clone());
        }
    }
    as_compressed(as_it_was)
}

/// Around this layer whole answers are compressed, which depends on the caller too.
fn as_compressed(mut as_it_was: Response) -> Response {
    let also = HeaderValue::from_static("accept-encoding");
    as_it_was.headers_mut().append(header::VARY, also);
    as_it_was
}

/// JSON or a table.
fn is_data(response: &Response) -> bool {
    is_table(response) || content_type(response).starts_with(b"application/json")
}

fn is_table(response: &Response) -> bool {
    content_type(response).starts_with(b"text/csv")
}

fn content_type(response: &Response) -> &[u8] {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.map_or(&b""[..], HeaderValue::as_bytes)
}

/// The same, tagged with what it says: its bytes, and in headers where it goes on and what a table cannot say.
async fn hashed(response: Response) -> Result<Response, Problem> {
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await;
    let bytes =
        bytes.map_err(|_| Problem::new(Kind::Internal, "the answer could not be written"))?;
    let mut hash = Sha256::new();
    hash.update(&bytes);
    let told = table::TOLD.map(|(_, name, _)| name);
    for name in told.into_iter().chain([header::LINK.as_str()]) {
        hash.update([0]);
        hash.update(
            parts
                .headers
                .get(name)
                .map_or(&b""[..], HeaderValue::as_bytes),
        );
    }
    let hash = hash.finalize();
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    let tag = weak(&format!("{:032x}", u128::from_be_bytes(half)));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        parts.headers.insert(header::ETAG, tag);
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

/// Where the next page is, as RFC 8288 has it: the same question with another cursor.
fn link(uri: &Uri, cursor: &str) -> String {
    let pairs = uri.query().unwrap_or_default().split('&');
    let mut query: Vec<&str> = pairs
        .filter(|pair| !pair.is_empty() && pair.split('=').next() != Some("cursor"))
        .collect();
    let cursor = format!("cursor={}", encoded(cursor));
    query.push(&cursor);
    format!("<{}?{}>; rel=\"next\"", uri.path(), query.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_one_list_are_read_as_one() {
        let mut headers = HeaderMap::new();
        for tag in ["\"a\"", "W/\"b\", \"c\""] {
            headers.append(header::IF_NONE_MATCH, HeaderValue::from_static(tag));
        }
        join(&mut headers, &header::IF_NONE_MATCH);
        let lines: Vec<_> = headers.get_all(header::IF_NONE_MATCH).iter().collect();
        assert_eq!(lines, ["\"a\", W/\"b\", \"c\""]);
        assert!(matches(&headers, "W/\"c\""));
    }

    #[test]
    fn the_next_page_is_the_same_question() {
        let told = |uri: &str, cursor: &str| link(&uri.parse().unwrap(), cursor);
        assert_eq!(
            told("/a?limit=2&cursor=2016-12-29&strict", "2016-12-30"),
            "</a?limit=2&strict&cursor=2016-12-30>; rel=\"next\""
        );
        assert_eq!(told("/a", "^X&"), "</a?cursor=%5EX%26>; rel=\"next\"");
    }
}
