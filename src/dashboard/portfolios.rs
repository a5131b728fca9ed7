//! Which portfolios there are, for those who may see them.

use axum::extract::State;
use axum::response::Html;
use maud::html;

use super::frame;
use super::session::Visitor;
use super::text::or_dash;
use crate::api::Api;
use crate::api::params::Params;
use crate::api::problem::Problem;
use crate::domain::{Portfolio, PortfolioId};
use crate::store::reports;
use crate::store::{ReadTx, portfolios};

/// Portfolios of a page.
const PAGE: usize = 100;

/// The list; it goes on after `cursor`.
pub(super) async fn page(
    visitor: Visitor,
    State(api): State<Api>,
    params: Params,
) -> Result<Html<String>, Problem> {
    let cursor: Option<PortfolioId> = params.only(&["cursor"])?.one("cursor")?;
    let mut db = ReadTx::lazy(&api.pools().load);
    let all = portfolios::list(&mut db).await?.into_iter();
    let mut seen: Vec<Portfolio> = all.filter(|known| visitor.access.sees(known.id)).collect();
    if let Some(cursor) = cursor {
        let place = seen.iter().position(|known| known.id == cursor);
        let place = place.ok_or_else(|| Problem::field("cursor", "no such place (any more)"))?;
        seen.drain(..=place);
    }
    let more = seen.len() > PAGE;
    seen.truncate(PAGE);
    let mut rows = Vec::new();
    for portfolio in seen {
        let newest = reports::newest_published(&mut db, portfolio.id).await?;
        rows.push((portfolio, newest.map(|newest| newest.as_of)));
    }
    db.close().await?;
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
                    td { (portfolio.inception) } td { (or_dash(*newest)) }
                } } }
            } }
            @if let Some((last, _)) = rows.last().filter(|_| more) {
                p { a href=(format!("/portfolios?cursor={}", last.id)) { "More" } }
            }
        }
    };
    Ok(frame::page(&visitor, "/portfolios", "Portfolios", &body))
}
