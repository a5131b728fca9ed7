//! Which portfolios there are, for those who may see them.

use axum::extract::State;
use axum::response::Html;
use maud::html;

use super::frame;
use super::session::Visitor;
use crate::api::params::Params;
use crate::api::problem::Problem;
use crate::api::{Api, portfolios};
use crate::domain::PortfolioId;

/// Portfolios of a page.
const PAGE: usize = 100;

/// The list; it goes on after `cursor`.
pub(super) async fn page(
    visitor: Visitor,
    State(api): State<Api>,
    params: Params,
) -> Result<Html<String>, Problem> {
    let cursor: Option<PortfolioId> = params.only(&["cursor"])?.one("cursor")?;
    let (rows, next) = portfolios::seen(&api, &visitor, cursor, PAGE).await?;
    let body = html! {
        @if rows.is_empty() {
            p.none { "There is no portfolio." }
            @if visitor.operates() { p { a href="/start" { "Import one" } } }
        } @else {
            div.scroll tabindex="0" { table {
                thead { tr { th scope="col" { "Portfolio" } th scope="col" { "Owner" } th scope="col" { "Currency" }
                    th.n scope="col" { "Opening equity" } th scope="col" { "Since" } th scope="col" { "Newest published" } } }
                tbody { @for (portfolio, newest) in &rows { tr {
                    th scope="row" { a href=(format!("/portfolios/{}", portfolio.id)) { (portfolio.name) } }
                    td { (portfolio.owner) } td { (portfolio.currency) }
                    td.n { (portfolio.opening_equity.normalize()) }
                    td { (portfolio.inception) } td { @match newest {
                        Ok(newest) => (newest.as_of),
                        Err(reason) => span.soft { (reason.replace('_', " ")) },
                    } }
                } } }
            } }
            @if let Some(next) = next {
                p { a href=(format!("/portfolios?cursor={next}")) { "More" } }
            }
        }
    };
    Ok(frame::page(&visitor, "/portfolios", "Portfolios", &body))
}
