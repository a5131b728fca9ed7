//! The overview.

use axum::response::Html;
use maud::html;

use super::frame;
use super::session::Visitor;

pub(super) async fn page(visitor: Visitor) -> Html<String> {
    frame::page(&visitor, "/", "Overview", &html! {})
}
