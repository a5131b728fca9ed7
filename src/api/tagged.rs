//! Answers with a tag of what they say: whoever has one already is told that it is as it was.

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::problem::{Kind, Problem};
use super::results::{matches, not_modified, wants_csv, weak};
use super::table;

/// The document; its rows where the caller asks for CSV; neither where the caller has it. Rows may be no list: then there
/// is no table of them.
pub(super) fn tagged(
    headers: &HeaderMap,
    document: &impl Serialize,
    rows: impl FnOnce(&Value) -> Value,
) -> Result<Response, Problem> {
    let failed = |_| Problem::new(Kind::Internal, "the answer could not be written");
    let document = serde_json::to_value(document).map_err(failed)?;
    let (kind, bytes) = if wants_csv(headers) {
        ("text/csv; charset=utf-8", table::bytes(&rows(&document))?)
    } else {
        ("application/json", document.to_string().into_bytes())
    };
    let hash = Sha256::digest(&bytes);
    // Of both forms at once: their bytes differ.
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    let tag = weak(&format!("{:032x}", u128::from_be_bytes(half)));
    if matches(headers, &tag) {
        return Ok(not_modified(tag));
    }
    let heads = [(header::ETAG, tag), (header::CONTENT_TYPE, kind.to_owned())];
    Ok((heads, Bytes::from(bytes)).into_response())
}
