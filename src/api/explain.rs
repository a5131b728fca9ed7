//! How a stored number is made: formula, source and unit from the registry of metrics, inputs and intermediate values as they
//! are stored with the result. Nothing is computed here; `sigmabatch explain` makes the number again and compares.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use chrono::NaiveDate;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::params::{Params, id};
use super::problem::Problem;
use super::results::find;
use super::shapes::Explained;
use super::tagged::{Asked, formed};
use crate::documents::{command, explain as documents};
use crate::domain::PortfolioId;
use crate::engine::{self, ExplainError};
use crate::store::ReadTx;
use crate::store::reports;

/// Choices that a problem lists.
const CHOICES: usize = 40;

/// The metrics that can be explained.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExplainableMetrics)]
pub(super) struct Metrics {
    metrics: Vec<Metric>,
}

/// A metric.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExplainableMetric)]
pub(super) struct Metric {
    name: &'static str,
    /// What follows the name after a colon, where something must.
    argument: Option<&'static str>,
    /// As it is asked for: `beta:FACTOR`.
    typed: String,
    about: &'static str,
    formula: &'static str,
    /// Tables that its inputs are stored in.
    source: &'static str,
    unit: &'static str,
}

/// Every metric that can be explained, with its formula, source and unit.
#[utoipa::path(get, path = "/api/v1/explain", tag = "results",
    responses((status = 200, description = "The metrics", body = Metrics)))]
pub(super) async fn metrics(_caller: Caller, params: Params) -> Result<Json<Metrics>, Problem> {
    params.only(&[])?;
    let metrics = engine::registry().iter().map(|metric| Metric {
        name: metric.name,
        argument: metric.argument,
        typed: metric.typed(),
        about: metric.about,
        formula: metric.formula,
        source: metric.source,
        unit: metric.unit,
    });
    Ok(Json(Metrics {
        metrics: metrics.collect(),
    }))
}

/// How a number of a portfolio is made: value, formula, source, unit, window, n, convention, and the inputs and intermediate
/// values as they are stored. A metric without its argument, or with one that nothing is stored of, is a problem that
/// lists what there is.
#[utoipa::path(get, path = "/api/v1/portfolios/{portfolio_id}/explain/{metric}", tag = "results",
    params(
        ("portfolio_id" = uuid::Uuid, Path, description = "The portfolio"),
        ("metric" = String, Path, description = "As `GET /api/v1/explain` lists them: nav, beta:Market, stress:ID:direct"),
        ("date" = Option<NaiveDate>, Query, description = "The session; without it, the newest that is published"),
        ("strict" = Option<bool>, Query, description = "Only a date of which nothing failed"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of an earlier answer")),
    responses(
        (status = 200, description = "How it is made, or why it is not there", body = Explained),
        (status = 304, description = "As it was"),
        (status = 400, description = "The metric needs another argument"),
        (status = 404, description = "No such portfolio or metric")))]
pub(super) async fn told(
    caller: Caller,
    state: State<Api>,
    path: Path<(String, String)>,
    asked: Asked,
    params: Params,
) -> Result<Response, Problem> {
    let Json(document) = one(caller, state, path, params).await?;
    // It has no rows: whoever asks for a table is told so.
    formed(&asked, &document, None, |_| Value::Null)
}

/// The document of a metric, for whoever tells it.
pub(crate) async fn one(
    caller: Caller,
    State(api): State<Api>,
    Path((portfolio, metric)): Path<(String, String)>,
    params: Params,
) -> Result<Json<Value>, Problem> {
    let params = params.only(&["date", "strict"])?;
    let (date, strict) = (params.one::<NaiveDate>("date")?, params.flag("strict")?);
    let portfolio: PortfolioId = id("portfolio", &portfolio)?;
    let mut db = ReadTx::lazy(&api.pools().load);
    let portfolio = caller.portfolio(&mut db, portfolio).await?;
    // Which arguments there are depends on the date, which names there are does not.
    if !engine::is_metric(&metric) {
        return Err(Problem::not_found("metric"));
    }
    let mut document = json!({
        "portfolio_id": portfolio.id,
        "metric": metric,
        "available": false,
        "reason": null,
        "reason_text": null,
        "as_of": null,
        "calculation_date": date,
        "run_id": null,
        "quality": null,
        "coverage": null,
        "convention_id": null,
        "model_version": null,
        "provider_basis": null,
        "definitions": null,
        "computed_at": null,
        "data": null,
        "recompute": recompute(portfolio.id, &metric, date),
    });
    let published = find(&mut db, api.clock(), &portfolio, date, strict).await?;
    let published = match published {
        Ok(published) => published,
        Err(reason) => {
            db.close().await?;
            document["reason"] = json!(reason);
            return Ok(Json(document));
        }
    };
    let report = reports::portfolio(&mut db, portfolio.id, published).await?;
    db.close().await?;
    let report = report.ok_or_else(|| Problem::not_found("portfolio"))?;
    document["as_of"] = json!(published.as_of);
    document["calculation_date"] = json!(date.unwrap_or(published.as_of));
    document["recompute"] = json!(recompute(portfolio.id, &metric, Some(published.as_of)));
    document["run_id"] = json!(published.run);
    document["quality"] = json!({ "strict": published.strict });
    document["coverage"] = json!(report.completeness.coverage);
    document["convention_id"] = json!(report.provenance.convention_id);
    document["model_version"] = json!(report.provenance.model_version);
    document["provider_basis"] = json!(report.provenance.provider_basis);
    document["definitions"] = json!(report.provenance.definitions);
    document["computed_at"] = json!(report.provenance.computed_at);
    match engine::told(&report, &metric) {
        Ok(told) => {
            document["available"] = json!(true);
            document["data"] = documents::told(&told);
        }
        Err(ExplainError::NotStored { reason, .. }) => {
            document["reason"] = json!("not_stored");
            document["reason_text"] = json!(reason);
        }
        Err(error) => return Err(refused(&metric, error)),
    }
    Ok(Json(document))
}

/// The command that makes it again: of the date that was asked for or is shown, for the newest one moves on.
fn recompute(portfolio: PortfolioId, metric: &str, date: Option<NaiveDate>) -> String {
    let (portfolio, date) = (portfolio.to_string(), date.map(|date| date.to_string()));
    let mut words = vec!["explain", portfolio.as_str(), metric];
    if let Some(date) = &date {
        words.extend(["--date", date]);
    }
    command(&words)
}

fn refused(metric: &str, error: ExplainError) -> Problem {
    match error {
        ExplainError::Argument { choices, .. } => {
            let name = metric.split(':').next().unwrap_or_default();
            let listed = choices.iter().take(CHOICES);
            Problem {
                errors: listed.map(|one| json!(format!("{name}:{one}"))).collect(),
                ..Problem::field("metric", error_text(metric, choices.len()))
            }
        }
        _ => Problem::not_found("metric"),
    }
}

fn error_text(metric: &str, choices: usize) -> String {
    format!("{metric:?} is of nothing that is stored; there are {choices}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_a_number_again_can_be_pasted() {
        let portfolio = PortfolioId(uuid::Uuid::nil());
        let date = "2016-06-01".parse().ok();
        assert_eq!(
            recompute(portfolio, "sector:Financial Services:weight", date),
            "sigmabatch explain 00000000-0000-0000-0000-000000000000 'sector:Financial Services:weight' --date 2016-06-01"
        );
    }
}
