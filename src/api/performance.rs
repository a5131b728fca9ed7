//! What a portfolio made over a range. The one answer that is computed on request, as `sigmabatch performance` does, from
//! stored snapshots: reading ends first, and then a thread that may block computes without a connection.

use axum::extract::{Path, State};
use axum::response::Response;
use chrono::NaiveDate;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::params::{Params, id};
use super::problem::{Kind, Problem};
use super::results;
use super::shapes::{Drawdown, DrawdownsAnswer, PerformanceAnswer, keys};
use super::tagged::{Asked, formed};
use crate::documents::performance as documents;
use crate::domain::{Portfolio, PortfolioId};
use crate::engine::performance::{self as engine, Performance, PerformanceError, Question};
use crate::store::ReadTx;
use crate::store::reports::{self, Days, PublishedDay};

/// Returns, ratios, drawdowns and contributions over a range, each with a value or a reason.
#[utoipa::path(get, path = "/api/v1/portfolios/{portfolio_id}/performance", tag = "results",
    params(("portfolio_id" = uuid::Uuid, Path, description = "The portfolio"),
           ("from" = Option<NaiveDate>, Query, description = "First session; without it, the first that is published"),
           ("to" = Option<NaiveDate>, Query, description = "Last session; without it, the newest that is published"),
           ("strict" = Option<bool>, Query, description = "Only where nothing of any session of the range failed"),
           ("benchmark" = Option<String>, Query, description = "A symbol to compare with"),
           ("If-None-Match" = Option<String>, Header, description = "The ETag of an earlier answer"),
           ("Accept" = Option<String>, Header, description = "text/csv for a table of the figures")),
    responses((status = 200, description = "The figures, or why there are none", body = PerformanceAnswer),
              (status = 304, description = "As it was"),
              (status = 422, description = "The benchmark or the range cannot be computed: `detail` says why"),
              (status = 404, description = "No such portfolio")))]
pub(super) async fn performance(
    caller: Caller,
    State(api): State<Api>,
    Path(portfolio): Path<String>,
    asked: Asked,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["from", "to", "benchmark", "strict"])?;
    let benchmark = params.one("benchmark")?;
    let found = find(&caller, &api, &portfolio, params, benchmark).await?;
    let answer = found.envelope("performance", documents::document);
    let columns = Some(keys::<FigureRow>());
    formed(&asked, &answer, columns, |answer| figures(&answer["data"]))
}

/// Falls of the value from its peaks, without flows, deepest first: peak, trough and recovery.
#[utoipa::path(get, path = "/api/v1/portfolios/{portfolio_id}/drawdowns", tag = "results",
    params(("portfolio_id" = uuid::Uuid, Path, description = "The portfolio"),
           ("from" = Option<NaiveDate>, Query, description = "First session; without it, the first that is published"),
           ("to" = Option<NaiveDate>, Query, description = "Last session; without it, the newest that is published"),
           ("strict" = Option<bool>, Query, description = "Only where nothing of any session of the range failed"),
           ("If-None-Match" = Option<String>, Header, description = "The ETag of an earlier answer"),
           ("Accept" = Option<String>, Header, description = "text/csv for a table")),
    responses((status = 200, description = "The drawdowns, or why there are none", body = DrawdownsAnswer),
              (status = 304, description = "As it was"),
              (status = 422, description = "The benchmark or the range cannot be computed: `detail` says why"),
              (status = 404, description = "No such portfolio")))]
pub(super) async fn drawdowns(
    caller: Caller,
    State(api): State<Api>,
    Path(portfolio): Path<String>,
    asked: Asked,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["from", "to", "strict"])?;
    let found = find(&caller, &api, &portfolio, params, None).await?;
    let answer = found.envelope("drawdowns", |_, found| documents::drawdowns(found));
    let columns = Some(keys::<Drawdown>());
    formed(&asked, &answer, columns, |answer| {
        answer["data"]["drawdowns"].clone()
    })
}

/// A figure as a row of a table.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it names the columns")]
struct FigureRow {
    figure: String,
    value: Option<f64>,
    unit: String,
    reason: Option<String>,
}

/// The figures of a document as rows: everything in it that has a value or a reason.
fn figures(data: &Value) -> Value {
    let all = data.as_object().into_iter().flatten();
    let figures = all.filter(|(_, figure)| figure.get("unit").is_some());
    let rows = figures.map(|(name, figure)| {
        json!({
            "figure": name,
            "value": figure["value"],
            "unit": figure["unit"],
            "reason": figure["reason"],
        })
    });
    rows.collect()
}

/// What was found.
struct Found {
    portfolio: Portfolio,
    asked: Option<NaiveDate>,
    /// Why no date at all can be shown, where that is so.
    nothing: Option<&'static str>,
    /// The last day of the range, if readers may see it.
    last: Option<PublishedDay>,
    made: Option<Performance>,
    /// A session that is not complete, where only complete ones are wanted.
    incomplete: Option<NaiveDate>,
}

async fn find(
    caller: &Caller,
    api: &Api,
    portfolio: &str,
    params: &Params,
    benchmark: Option<crate::domain::Symbol>,
) -> Result<Found, Problem> {
    let portfolio: PortfolioId = id("portfolio", portfolio)?;
    let (from, asked) = params.range("from", "to")?;
    let strict = params.flag("strict")?;
    let mut db = ReadTx::lazy(&api.pools().load);
    let portfolio = caller.portfolio(&mut db, portfolio).await?;
    if let (Some(symbol), Some(only)) = (&benchmark, caller.only()) {
        let known = reports::symbols::universe_row(&mut db, Some(&only), symbol.as_str()).await?;
        known.ok_or_else(|| Problem::not_found("symbol"))?;
    }
    let newest = results::find(&mut db, api.clock(), &portfolio, None, strict).await?;
    let to = asked.or(newest.ok().map(|newest| newest.as_of));
    let incomplete = match to.filter(|_| strict) {
        Some(to) => reports::first_not_strict(&mut db, portfolio.id, from, to).await?,
        None => None,
    };
    // Of what is published: without a date of that kind there is nothing to tell.
    let mut sources = None;
    if to.is_some() && incomplete.is_none() {
        let question = Question {
            from,
            to,
            benchmark,
        };
        let read = engine::load(&mut db, &portfolio, &question).await;
        sources = read.map_err(told)?;
    }
    let last = match sources.as_ref().map(engine::Sources::last) {
        None => None,
        Some(last) => {
            let day = Days {
                from: Some(last),
                to: Some(last),
                ..Days::default()
            };
            let days = reports::published_days(&mut db, portfolio.id, day, 1).await?;
            days.into_iter().next()
        }
    };
    db.close().await?;
    let made = match sources {
        None => None,
        Some(sources) => {
            let made = tokio::task::spawn_blocking(move || sources.answer()).await;
            let made = made.map_err(|error| {
                tracing::error!(%error, "performance");
                Problem::new(Kind::Internal, "the log has more under this trace id")
            })?;
            Some(made.map_err(told)?)
        }
    };
    Ok(Found {
        portfolio,
        asked,
        nothing: newest.err(),
        last,
        made,
        incomplete,
    })
}

fn told(error: PerformanceError) -> Problem {
    match error {
        PerformanceError::Store(error) => error.into(),
        other => Problem::new(Kind::Unprocessable, other.to_string()),
    }
}

impl Found {
    fn envelope(&self, section: &str, data: impl Fn(&Portfolio, &Performance) -> Value) -> Value {
        let made = self.made.as_ref();
        let reason = match self.incomplete {
            _ if made.is_some() => None,
            Some(_) => Some("not_strict"),
            None => Some(self.nothing.unwrap_or("no_snapshot_in_range")),
        };
        let last = self.last.as_ref();
        let to = made.map(|made| made.to.date());
        json!({
            "portfolio_id": self.portfolio.id,
            "section": section,
            "available": made.is_some(),
            "reason": reason,
            "reason_text": self.incomplete.map(|date| format!("{date} is not complete")),
            "as_of": to,
            "calculation_date": self.asked.or(to),
            "run_id": last.map(|day| day.run),
            "quality": last.map(|day| json!({ "strict": day.strict })),
            "coverage": last.and_then(|day| day.coverage),
            "data": made.map(|made| data(&self.portfolio, made)),
        })
    }
}
