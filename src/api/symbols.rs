//! Symbols: the universe, closes with their gaps, factor models, metrics. An owner sees the symbols of own portfolios
//! and the proxies of the factors.

pub(super) mod results;

use axum::extract::{Path, State};
use axum::response::Response;
use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::calendar::Range;
use super::params::{Params, id};
use super::problem::Problem;
use super::shapes::keys;
use super::tagged::{Asked, formed};
use crate::documents::cut;
use crate::domain::Symbol;
use crate::store::ReadTx;
use crate::store::reports::symbols::{self as store, UniverseRow};

/// Rows of a page.
const PAGE: u16 = 100;
/// Sessions of a page: a year.
const YEAR: u16 = 252;
/// Why no run stands beside closes.
const NO_RUN: &str =
    "closes are inputs of runs: the provider's newest answer stands, whichever run asked for it";

/// A page of the universe, by symbol.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Universe {
    symbols: Vec<Known>,
    /// Ask for the next page with it; null on the last.
    next: Option<String>,
}

/// A symbol of the universe.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Known {
    symbol: String,
    /// PUBLIC, OPTIONS or PROXY.
    class: String,
    /// Whether providers are asked for it.
    active: bool,
    first_seen: NaiveDate,
    last_seen: NaiveDate,
    /// What providers answered.
    outcomes: Counts,
}

/// Sessions by what a provider answered.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Counts {
    priced: i64,
    no_data: i64,
    delisted: i64,
    failed: i64,
}

impl From<UniverseRow> for Known {
    fn from(row: UniverseRow) -> Self {
        let outcomes = row.outcomes;
        Self {
            symbol: row.symbol,
            class: row.class,
            active: row.active,
            first_seen: row.first_seen,
            last_seen: row.last_seen,
            outcomes: Counts {
                priced: outcomes.priced,
                no_data: outcomes.no_data,
                delisted: outcomes.delisted,
                failed: outcomes.failed,
            },
        }
    }
}

/// The universe by symbol: class, whether it is active, when it was needed, and how many sessions have a price.
#[utoipa::path(get, path = "/api/v1/symbols", tag = "symbols",
    params(("limit" = Option<u16>, Query, description = "Rows of a page, 1 to 500"),
           ("cursor" = Option<String>, Query, description = "`next` of the page before"),
           ("If-None-Match" = Option<String>, Header, description = "The ETag of an earlier answer"),
           ("Accept" = Option<String>, Header, description = "text/csv for a table")),
    responses((status = 200, description = "A page of symbols", body = Universe),
              (status = 304, description = "As it was")))]
pub(super) async fn list(
    caller: Caller,
    State(api): State<Api>,
    asked: Asked,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["limit", "cursor"])?;
    let limit = params.limit(PAGE)?;
    let after: Option<String> = params.one("cursor")?;
    let only = caller.only();
    let mut db = ReadTx::lazy(&api.pools().load);
    let rows = store::universe(
        &mut db,
        only.as_deref(),
        after.as_deref(),
        i64::from(limit) + 1,
    );
    let mut rows = rows.await?;
    db.close().await?;
    let next = cut(&mut rows, limit, |row| row.symbol.clone());
    let answer = Universe {
        symbols: rows.into_iter().map(Known::from).collect(),
        next,
    };
    let columns = Some(keys::<Known>());
    formed(&asked, &answer, columns, |page| page["symbols"].clone())
}

/// The sessions of a symbol: each with a close, or with the reason why it has none.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SymbolPrices)]
pub(super) struct Prices {
    symbol: String,
    available: bool,
    /// Why there is no price in this page, as a code: `no_session` or `no_price`.
    reason: Option<&'static str>,
    /// The newest session of the page with a value.
    as_of: Option<NaiveDate>,
    /// The last session that was asked for; without one, the newest whose closes are final.
    calculation_date: NaiveDate,
    /// Null: the table of closes does not know which run asked for one.
    run_id: Option<uuid::Uuid>,
    /// Why there is no run, in words.
    run_id_reason: Option<&'static str>,
    /// How good the page is; null where it has no session.
    quality: Option<SymbolQuality>,
    /// Sessions of the page with a value over all of it, a fraction; null where it has none.
    coverage: Option<f64>,
    /// Why there is no coverage, as a code: `no_session`.
    coverage_reason: Option<&'static str>,
    /// Sessions of the page without a value.
    gaps: usize,
    data: Vec<Price>,
    /// Ask for the next page with it; null on the last.
    next: Option<NaiveDate>,
}

/// A session of a symbol.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SymbolPrice)]
pub(super) struct Price {
    date: NaiveDate,
    /// Decimal text; null where there is none, or where the series is one of yields.
    close: Option<String>,
    /// A fraction per year, decimal text, of series of yields.
    #[serde(rename = "yield")]
    yield_: Option<String>,
    /// Who said so.
    source: Option<String>,
    /// priced, `no_data`, delisted, failed, or `not_asked`.
    outcome: String,
    /// Why there is no value.
    reason: Option<String>,
}

impl From<store::PriceRow> for Price {
    fn from(row: store::PriceRow) -> Self {
        let priced = row.close.is_some() || row.yield_.is_some();
        let text = |value: rust_decimal::Decimal| value.normalize().to_string();
        let outcome = match row.outcome {
            _ if priced => "priced".to_owned(),
            Some(outcome) if outcome != "priced" => outcome,
            _ => "not_asked".to_owned(),
        };
        let reason = row.reason.unwrap_or_else(|| outcome.clone());
        Self {
            date: row.date,
            close: row.close.map(text),
            yield_: row.yield_.map(text),
            source: row.source,
            outcome,
            reason: (!priced).then_some(reason),
        }
    }
}

/// Closes of a symbol by session, oldest first; a session without one is a row with `close: null` and its reason.
#[utoipa::path(get, path = "/api/v1/symbols/{symbol}/prices", tag = "symbols",
    params(("symbol" = String, Path, description = "The symbol"),
           ("from" = Option<NaiveDate>, Query, description = "Not before; without it, a year before the end"),
           ("to" = Option<NaiveDate>, Query, description = "Not after; without it, the newest session whose closes are final"),
           ("strict" = Option<bool>, Query, description = "Only sessions with a value; `gaps` and `coverage` still count the others"),
           ("limit" = Option<u16>, Query, description = "Sessions of a page, 1 to 500"),
           ("cursor" = Option<NaiveDate>, Query, description = "`next` of the page before"),
           ("If-None-Match" = Option<String>, Header, description = "The ETag of an earlier answer"),
           ("Accept" = Option<String>, Header, description = "text/csv for a table")),
    responses((status = 200, description = "A page of sessions", body = Prices),
              (status = 304, description = "As it was"),
              (status = 404, description = "No such symbol")))]
pub(super) async fn prices(
    caller: Caller,
    State(api): State<Api>,
    Path(symbol): Path<String>,
    form: Asked,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["from", "to", "strict", "limit", "cursor"])?;
    let limit = params.limit(YEAR)?;
    let strict = params.flag("strict")?;
    let range = Range::of(params, &api, None)?;
    let mut db = ReadTx::lazy(&api.pools().load);
    let known = known(&caller, &mut db, &symbol).await?;
    let (sessions, next) = range.page(limit)?;
    let sessions: Vec<NaiveDate> = sessions.iter().map(|session| session.date()).collect();
    let rows = store::prices(&mut db, &known.symbol, &sessions).await?;
    db.close().await?;
    let mut data: Vec<Price> = rows.into_iter().map(Price::from).collect();
    let (asked, priced) = (data.len(), |price: &Price| price.reason.is_none());
    let gaps = data.iter().filter(|price| !priced(price)).count();
    if strict {
        data.retain(priced);
    }
    let as_of = data.iter().rev().find(|price| priced(price));
    let as_of = as_of.map(|price| price.date);
    let answer = Prices {
        symbol: known.symbol,
        available: as_of.is_some(),
        reason: match (as_of, asked) {
            (Some(_), _) => None,
            (None, 0) => Some("no_session"),
            (None, _) => Some("no_price"),
        },
        as_of,
        calculation_date: range.to,
        run_id: None,
        run_id_reason: Some(NO_RUN),
        quality: (asked > 0).then_some(SymbolQuality { strict: gaps == 0 }),
        coverage: (asked > 0).then(|| (asked - gaps) as f64 / asked as f64),
        coverage_reason: (asked == 0).then_some("no_session"),
        gaps,
        data,
        next,
    };
    let columns = Some(keys::<Price>());
    formed(&form, &answer, columns, |page| page["data"].clone())
}

/// How good what is known of a symbol is.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(super) struct SymbolQuality {
    /// Nothing of it is missing, and no input changed since.
    strict: bool,
}

/// A symbol that there is for the caller.
async fn known(caller: &Caller, db: &mut ReadTx<'_>, text: &str) -> Result<UniverseRow, Problem> {
    let symbol: Symbol = id("symbol", text)?;
    let only = caller.only();
    let row = store::universe_row(db, only.as_deref(), symbol.as_str()).await?;
    row.ok_or_else(|| Problem::not_found("symbol"))
}
