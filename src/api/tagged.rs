//! Answers with a tag of what they say: whoever has one already is told that it is as it was. What goes on in another page says
//! where, in the document and in a header, which a table has too.

use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::params::encoded;
use super::problem::{Kind, Problem};
use super::results::{matches, not_modified, wants_csv, weak};
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

/// The document; its rows where the caller asks for CSV; neither where the caller has it. Rows may be no list: then there
/// is no table of them.
pub(super) fn tagged(
    asked: &Asked,
    document: &impl Serialize,
    rows: impl FnOnce(&Value) -> Value,
) -> Result<Response, Problem> {
    let failed = |_| Problem::new(Kind::Internal, "the answer could not be written");
    let document = serde_json::to_value(document).map_err(failed)?;
    let (kind, bytes) = if wants_csv(&asked.headers) {
        ("text/csv; charset=utf-8", table::bytes(&rows(&document))?)
    } else {
        ("application/json", document.to_string().into_bytes())
    };
    let next = match &document["next"] {
        Value::Null => None,
        Value::String(text) => Some(link(&asked.uri, text)),
        value => Some(link(&asked.uri, &value.to_string())),
    };
    let mut hash = Sha256::new();
    hash.update(&bytes);
    // A table does not say itself whether it goes on.
    hash.update(next.as_deref().unwrap_or_default());
    let hash = hash.finalize();
    // Of both forms at once: their bytes differ.
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    let tag = weak(&format!("{:032x}", u128::from_be_bytes(half)));
    let mut response = if matches(&asked.headers, &tag) {
        not_modified(tag)
    } else {
        let heads = [(header::ETAG, tag), (header::CONTENT_TYPE, kind.to_owned())];
        (heads, Bytes::from(bytes)).into_response()
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("accept"));
    if let Some(Ok(next)) = next.map(HeaderValue::try_from) {
        headers.insert(header::LINK, next);
    }
    Ok(response)
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
    fn the_next_page_is_the_same_question() {
        let told = |uri: &str, cursor: &str| link(&uri.parse().unwrap(), cursor);
        assert_eq!(
            told("/a?limit=2&cursor=2016-12-29&strict", "2016-12-30"),
            "</a?limit=2&strict&cursor=2016-12-30>; rel=\"next\""
        );
        assert_eq!(told("/a", "^X&"), "</a?cursor=%5EX%26>; rel=\"next\"");
    }
}
