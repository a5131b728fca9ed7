//! Portfolios: which there are, their values over time, their flows, and their end.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::Api;
use super::auth::Caller;
use super::params::{Params, id};
use super::problem::Problem;
use super::results::{self, without_a_date};
use super::shapes::{self, DeleteReceipt, Flows, Lots, Marks, Portfolios, Snapshots, Terms, keys};
use super::tagged::{Asked, formed};
use crate::documents::cut;
use crate::domain::{CashFlow, Lot, Portfolio, PortfolioId, Symbol};
use crate::engine;
use crate::store::reports::{self, Published, PublishedDay};
use crate::store::{ReadTx, portfolios};

/// Portfolios of a page.
const PAGE: u16 = 50;
/// Sessions of a page: a year.
const YEAR: u16 = 252;

/// Portfolios by name, each with its newest published date.
#[utoipa::path(get, path = "/api/v1/portfolios", tag = "portfolios",
    params(("limit" = Option<u16>, Query, description = "Rows of a page, 1 to 500"),
           ("cursor" = Option<uuid::Uuid>, Query, description = "`next` of the page before")),
    responses((status = 200, description = "A page of portfolios", body = Portfolios)))]
pub(super) async fn list(
    caller: Caller,
    State(api): State<Api>,
    params: Params,
) -> Result<Json<Value>, Problem> {
    let params = params.only(&["limit", "cursor"])?;
    let limit = usize::from(params.limit(PAGE)?);
    let cursor: Option<PortfolioId> = params.one("cursor")?;
    let (seen, next) = seen(&api, &caller, cursor, limit).await?;
    let rows = seen.iter().map(|(portfolio, newest)| {
        let mut row = head(portfolio);
        let (published, reason) = (newest.as_ref().ok(), newest.as_ref().err());
        row["newest_published"] = json!(published.map(|newest| newest.as_of));
        row["run_id"] = json!(published.map(|newest| newest.run));
        row["reason"] = json!(reason);
        row
    });
    let rows: Vec<Value> = rows.collect();
    Ok(Json(json!({ "portfolios": rows, "next": next })))
}

/// Portfolios and the newest published date of each, or the code of the reason why it has none.
pub(crate) type Seen = Vec<(Portfolio, Result<Published, &'static str>)>;

/// A page of the portfolios that a caller sees, by name, and where the next one goes on.
pub(crate) async fn seen(
    api: &Api,
    caller: &Caller,
    cursor: Option<PortfolioId>,
    limit: usize,
) -> Result<(Seen, Option<PortfolioId>), Problem> {
    let mut db = ReadTx::lazy(&api.pools().load);
    let all = portfolios::list(&mut db).await?.into_iter();
    let mut seen: Vec<Portfolio> = all.filter(|known| caller.access.sees(known.id)).collect();
    if let Some(cursor) = cursor {
        if let Some(place) = seen.iter().position(|known| known.id == cursor) {
            seen.drain(..=place);
        } else {
            // Deleted since, it keeps its place: nobody begins anew because of it.
            let before = if caller.access.sees(cursor) {
                portfolios::up_to(&mut db, cursor).await?
            } else {
                BTreeSet::new()
            };
            if before.is_empty() {
                return Err(Problem::field("cursor", "no such place"));
            }
            seen.retain(|known| !before.contains(&known.id));
        }
    }
    let more = seen.len() > limit;
    seen.truncate(limit);
    let next = seen.last().filter(|_| more).map(|last| last.id);
    let ids: Vec<PortfolioId> = seen.iter().map(|known| known.id).collect();
    let newest = reports::newest_of_each(&mut db, &ids, false).await?;
    let mut without = ids;
    without.retain(|id| !newest.contains_key(id));
    let computed = if without.is_empty() {
        BTreeMap::new()
    } else {
        reports::newest::computed_of_each(&mut db, &without).await?
    };
    db.close().await?;
    let seen = seen.into_iter().map(|known| {
        let date = newest.get(&known.id).copied();
        let date = date.ok_or_else(|| without_a_date(computed.get(&known.id).copied()));
        (known, date)
    });
    Ok((seen.collect(), next))
}

fn head(portfolio: &Portfolio) -> Value {
    json!({
        "portfolio_id": portfolio.id,
        "name": portfolio.name,
        "owner": portfolio.owner,
        "currency": portfolio.currency,
        "opening_equity": portfolio.opening_equity.normalize().to_string(),
        "inception": portfolio.inception,
    })
}

/// A portfolio's terms.
#[utoipa::path(get, path = "/api/v1/portfolios/{portfolio_id}", tag = "portfolios",
    params(("portfolio_id" = uuid::Uuid, Path, description = "The portfolio")),
    responses((status = 200, description = "Its terms", body = Terms), (status = 404, description = "No such portfolio")))]
pub(super) async fn one(
    caller: Caller,
    State(api): State<Api>,
    Path(portfolio): Path<String>,
    params: Params,
) -> Result<Json<Value>, Problem> {
    params.only(&[])?;
    let mut db = ReadTx::lazy(&api.pools().load);
    let portfolio = caller
        .portfolio(&mut db, id("portfolio", &portfolio)?)
        .await?;
    db.close().await?;
    Ok(Json(head(&portfolio)))
}

/// Takes a portfolio away: it is not computed any more and nobody sees it; its rows stay.
#[utoipa::path(delete, path = "/api/v1/portfolios/{portfolio_id}", tag = "portfolios",
    params(("portfolio_id" = uuid::Uuid, Path, description = "The portfolio")),
    responses((status = 200, description = "It is gone", body = DeleteReceipt), (status = 403, description = "Not with this role"),
              (status = 404, description = "No such portfolio")))]
pub(super) async fn delete(
    caller: Caller,
    State(api): State<Api>,
    Path(portfolio): Path<String>,
    params: Params,
) -> Result<Json<Value>, Problem> {
    params.only(&[])?;
    caller.changes()?;
    let mut db = ReadTx::lazy(&api.pools().load);
    let portfolio = caller
        .portfolio(&mut db, id("portfolio", &portfolio)?)
        .await?;
    db.close().await?;
    let order = caller.order("asked over HTTP");
    let gone = engine::delete_portfolio(api.engine(), portfolio.id, order).await?;
    if gone {
        Ok(Json(
            json!({ "portfolio_id": portfolio.id, "deleted": true }),
        ))
    } else {
        Err(Problem::not_found("portfolio"))
    }
}

/// The book's values over time, oldest first: published dates only.
#[utoipa::path(get, path = "/api/v1/portfolios/{portfolio_id}/snapshots", tag = "results",
    params(("portfolio_id" = uuid::Uuid, Path, description = "The portfolio"),
           ("start_date" = Option<chrono::NaiveDate>, Query, description = "Not before"),
           ("end_date" = Option<chrono::NaiveDate>, Query, description = "Not after"),
           ("strict" = Option<bool>, Query, description = "Only dates of which nothing failed"),
           ("limit" = Option<u16>, Query, description = "Sessions of a page, 1 to 500"),
           ("cursor" = Option<chrono::NaiveDate>, Query, description = "`next` of the page before"),
           ("If-None-Match" = Option<String>, Header, description = "The ETag of an earlier answer"),
           ("Accept" = Option<String>, Header, description = "text/csv for a table; `Link` has the next page")),
    responses((status = 200, description = "A page of sessions", body = Snapshots), (status = 304, description = "As it was"),
              (status = 404, description = "No such portfolio")))]
pub(super) async fn snapshots(
    caller: Caller,
    State(api): State<Api>,
    Path(portfolio): Path<String>,
    asked: Asked,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["start_date", "end_date", "strict", "limit", "cursor"])?;
    let limit = params.limit(YEAR)?;
    let (from, to) = params.range("start_date", "end_date")?;
    let range = reports::Days {
        from,
        to,
        after: params.one("cursor")?,
        strict: params.flag("strict")?,
    };
    let mut db = ReadTx::lazy(&api.pools().load);
    let portfolio = caller
        .portfolio(&mut db, id("portfolio", &portfolio)?)
        .await?;
    let limited = i64::from(limit) + 1;
    let mut days = reports::published_days(&mut db, portfolio.id, range, limited).await?;
    let reason = if days.is_empty() {
        let newest = results::find(&mut db, api.clock(), &portfolio, None, range.strict).await?;
        // Where there is a newest one, the range or the cursor leaves none.
        Some(newest.err().unwrap_or("no_snapshot_in_range"))
    } else {
        None
    };
    db.close().await?;
    let next = cut(&mut days, limit, |day| day.as_of);
    let rows: Value = days.iter().map(day).collect();
    let last = days.last();
    let document = json!({
        "portfolio_id": portfolio.id,
        "section": "snapshots",
        "available": last.is_some(),
        "reason": reason,
        "as_of": last.map(|day| day.as_of),
        "calculation_date": range.to.or(last.map(|day| day.as_of)),
        "run_id": last.map(|day| day.run),
        "quality": last.map(|day| json!({ "strict": day.strict })),
        "coverage": last.and_then(|day| day.coverage),
        "data": rows,
        "next": next,
    });
    let columns = Some(keys::<shapes::Snapshot>());
    formed(&asked, &document, columns, |page| page["data"].clone())
}

fn day(day: &PublishedDay) -> Value {
    let text = |value: rust_decimal::Decimal| value.normalize().to_string();
    json!({
        "as_of": day.as_of,
        "run_id": day.run,
        "strict": day.strict,
        "coverage": day.coverage,
        "nav": text(day.nav),
        "cash": text(day.cash),
        "long_value": text(day.long_value),
        "short_value": text(day.short_value),
        "external_flows": text(day.external_flows),
        "pnl_day": text(day.pnl_day),
        "pnl_total": text(day.pnl_total),
        "return_day": day.return_day,
        "return_day_reason": day.return_day.is_none().then_some("nonpositive_nav_before"),
    })
}

/// The lots of a portfolio as they were imported, by symbol and entry: closed ones too, and before any date of it is computed.
#[utoipa::path(get, path = "/api/v1/portfolios/{portfolio_id}/positions", tag = "portfolios",
    params(("portfolio_id" = uuid::Uuid, Path, description = "The portfolio"),
           ("If-None-Match" = Option<String>, Header, description = "The ETag of an earlier answer"),
           ("Accept" = Option<String>, Header, description = "text/csv for a table")),
    responses((status = 200, description = "Its lots", body = Lots), (status = 304, description = "As it was"),
              (status = 404, description = "No such portfolio")))]
pub(super) async fn positions(
    caller: Caller,
    State(api): State<Api>,
    Path(portfolio): Path<String>,
    asked: Asked,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let mut db = ReadTx::lazy(&api.pools().load);
    let portfolio = caller
        .portfolio(&mut db, id("portfolio", &portfolio)?)
        .await?;
    let lots = portfolios::all_lots(&mut db, portfolio.id).await?;
    db.close().await?;
    let rows: Value = lots.iter().map(lot).collect();
    let document = json!({ "portfolio_id": portfolio.id, "positions": rows });
    let columns = Some(keys::<shapes::BookLot>());
    formed(&asked, &document, columns, |whole| {
        whole["positions"].clone()
    })
}

/// A lot.
fn lot(lot: &Lot) -> Value {
    let text = |value: Decimal| value.normalize().to_string();
    let option = lot.option.as_ref();
    json!({
        "position_id": lot.id,
        "symbol": lot.symbol,
        "type": lot.position_type(),
        "class": lot.class.as_str(),
        "subtype": lot.subtype,
        "quantity": text(lot.quantity),
        "entry_date": lot.entry_date,
        "entry_price": text(lot.entry_price),
        "exit_date": lot.exit.map(|exit| exit.date),
        "exit_price": lot.exit.map(|exit| text(exit.price)),
        "underlying": option.map(|terms| &terms.underlying),
        "strike": option.map(|terms| text(terms.strike)),
        "expiry": option.map(|terms| terms.expiry),
        "right": option.map(|terms| terms.right.as_str()),
    })
}

/// Cash flows of a portfolio, oldest first.
#[utoipa::path(get, path = "/api/v1/portfolios/{portfolio_id}/flows", tag = "portfolios",
    params(("portfolio_id" = uuid::Uuid, Path, description = "The portfolio"),
           ("If-None-Match" = Option<String>, Header, description = "The ETag of an earlier answer"),
           ("Accept" = Option<String>, Header, description = "text/csv for a table")),
    responses((status = 200, description = "Its flows", body = Flows), (status = 304, description = "As it was"),
              (status = 404, description = "No such portfolio")))]
pub(super) async fn flows(
    caller: Caller,
    State(api): State<Api>,
    Path(portfolio): Path<String>,
    asked: Asked,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let mut db = ReadTx::lazy(&api.pools().load);
    let portfolio = caller
        .portfolio(&mut db, id("portfolio", &portfolio)?)
        .await?;
    let flows = portfolios::all_flows(&mut db, portfolio.id).await?;
    db.close().await?;
    let rows: Value = flows.iter().map(flow).collect();
    let document = json!({ "portfolio_id": portfolio.id, "flows": rows });
    let columns = Some(keys::<shapes::Flow>());
    formed(&asked, &document, columns, |whole| whole["flows"].clone())
}

/// A flow.
pub(super) fn flow(flow: &CashFlow) -> Value {
    json!({
        "date": flow.date,
        "type": flow.kind.as_str(),
        "amount": flow.amount.normalize().to_string(),
        "symbol": flow.symbol,
    })
}

/// Manual marks of a portfolio's private assets, by symbol and date.
#[utoipa::path(get, path = "/api/v1/portfolios/{portfolio_id}/marks", tag = "portfolios",
    params(("portfolio_id" = uuid::Uuid, Path, description = "The portfolio"),
           ("If-None-Match" = Option<String>, Header, description = "The ETag of an earlier answer"),
           ("Accept" = Option<String>, Header, description = "text/csv for a table")),
    responses((status = 200, description = "Its marks", body = Marks), (status = 304, description = "As it was"),
              (status = 404, description = "No such portfolio")))]
pub(super) async fn marks(
    caller: Caller,
    State(api): State<Api>,
    Path(portfolio): Path<String>,
    asked: Asked,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let mut db = ReadTx::lazy(&api.pools().load);
    let portfolio = caller
        .portfolio(&mut db, id("portfolio", &portfolio)?)
        .await?;
    let marks = portfolios::all_marks(&mut db, portfolio.id).await?;
    db.close().await?;
    let rows = marks.iter();
    let rows: Value = rows
        .map(|(symbol, date, price)| mark(symbol, *date, *price))
        .collect();
    let document = json!({ "portfolio_id": portfolio.id, "marks": rows });
    let columns = Some(keys::<shapes::Mark>());
    formed(&asked, &document, columns, |whole| whole["marks"].clone())
}

/// A mark.
pub(super) fn mark(symbol: &Symbol, date: NaiveDate, price: Decimal) -> Value {
    json!({ "symbol": symbol, "date": date, "price": price.normalize().to_string() })
}
