//! Starting a run: the one planner plans it, and whoever asks twice gets the same run.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Api;
use super::auth::Caller;
use super::control::REASON;
use super::params::Fields;
use super::problem::{Kind, Problem};
use super::shapes::{RunPreview, RunReceipt, StartRun};
use crate::documents::planned;
use crate::domain::{PortfolioId, RunId, Trigger};
use crate::engine::{self, Dates, PlanError, Planned, Request, Selection};
use crate::store::ReadTx;

/// Longest idempotency key.
const KEY_CHARS: usize = 200;

/// Plans a run. Parameters come in the query, or as fields of a JSON body. The same `Idempotency-Key`, or an
/// identical request while its run goes on, is the same run; nobody plans another way.
#[utoipa::path(post, path = "/api/v1/admin/batch/run", tag = "runs",
    params(
        ("portfolio_id" = Option<Vec<uuid::Uuid>>, Query, description = "Only these; repeated. Without it, all that the token sees"),
        ("calculation_date" = Option<chrono::NaiveDate>, Query, description = "The session; without dates, the newest whose closes are final"),
        ("start_date" = Option<chrono::NaiveDate>, Query, description = "First session of a range"),
        ("end_date" = Option<chrono::NaiveDate>, Query, description = "Last session of a range"),
        ("force" = Option<bool>, Query, description = "Compute also what is current"),
        ("lane" = Option<String>, Query, description = "interactive, nightly or backfill"),
        ("dry_run" = Option<bool>, Query, description = "Only say what would be planned"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key is the same run")),
    request_body(content = StartRun, description = "The same parameters as fields"),
    responses(
        (status = 202, description = "Planned; `Location` is the run", body = RunReceipt),
        (status = 200, description = "What a dry run would plan", body = RunPreview),
        (status = 400, description = "A parameter is wrong"),
        (status = 403, description = "Not with this role"),
        (status = 404, description = "No such portfolio"),
        (status = 409, description = "There is no portfolio yet"),
        (status = 422, description = "The key belongs to another request, or a session has not closed yet")))]
pub(crate) async fn start(
    caller: Caller,
    State(api): State<Api>,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Problem> {
    caller.changes()?;
    let params = fields.of::<StartRun>()?;
    let portfolios = choose(&api, &caller, params.all("portfolio_id")?).await?;
    let date = params.one("calculation_date")?;
    let (from, to) = (params.one("start_date")?, params.one("end_date")?);
    let dates = match (date, from, to) {
        (None, None, None) => Dates::Newest,
        (Some(date), None, None) => Dates::On(date),
        (None, Some(from), Some(to)) => Dates::Range(from, to),
        (None, Some(_), None) => return Err(Problem::field("end_date", "a range has both ends")),
        (None, None, Some(_)) => return Err(Problem::field("start_date", "a range has both ends")),
        (Some(_), ..) => {
            let detail = "one session or a range, not both";
            return Err(Problem::field("calculation_date", detail));
        }
    };
    let request = Request {
        trigger: Trigger::Api,
        portfolios,
        dates,
        lane: params.one("lane")?,
        force: params.flag("force")?,
        principal: caller.who.clone(),
        idempotency_key: key(&headers)?,
    };
    if params.flag("dry_run")? {
        let preview = engine::preview(api.engine(), &request).await;
        let preview = preview.map_err(|error| refused(error, dates))?;
        return Ok(Json(planned::preview(&preview)).into_response());
    }
    let planned = engine::plan_audited(api.engine(), &request, REASON).await;
    let planned = planned.map_err(|error| refused(error, dates))?;
    Ok(accepted(&api, &planned, planned::document(&planned)))
}

/// Why nothing was planned. The planner knows sessions; the caller has to hear which parameter it was.
fn refused(error: PlanError, dates: Dates) -> Problem {
    let end = matches!(
        error,
        PlanError::NotEligible { .. } | PlanError::BeforeInception { .. }
    );
    let problem = Problem::from(error);
    if end && matches!(dates, Dates::Range(..)) {
        return Problem {
            field: Some("end_date".to_owned()),
            ..problem
        };
    }
    problem
}

/// The run is planned; nothing of it hangs on this process any more.
pub(super) fn accepted(api: &Api, planned: &Planned, document: Value) -> Response {
    begin(api, planned.run);
    let mut document = unwaited(document);
    document["batch_run_id"] = json!(planned.run);
    let location = format!("/api/v1/runs/{}", planned.run);
    (
        StatusCode::ACCEPTED,
        [(header::LOCATION, location)],
        Json(document),
    )
        .into_response()
}

/// Without what only those know who wait for the end.
pub(super) fn unwaited(mut document: Value) -> Value {
    if let Some(object) = document.as_object_mut() {
        for name in ["workers", "verdict", "seconds"] {
            object.remove(name);
        }
    }
    document
}

/// Opens and publishes the first phases, if this process knows Redis; if not, the steward does it within a second.
pub(super) fn begin(api: &Api, run: RunId) {
    if api.redis().is_some() {
        let engine = api.engine().clone();
        tokio::spawn(async move { engine::start(&engine, run).await });
    }
}

/// The portfolios that are named; for an owner who names none, all that are theirs.
async fn choose(api: &Api, caller: &Caller, named: Vec<PortfolioId>) -> Result<Selection, Problem> {
    let ids = match caller.access.only() {
        _ if !named.is_empty() => named,
        None => return Ok(Selection::All),
        Some(own) => {
            let mut db = ReadTx::lazy(&api.pools().load);
            let mut ids = Vec::new();
            for id in own {
                match caller.portfolio(&mut db, *id).await {
                    Ok(_) => ids.push(*id),
                    // One that was deleted since is no reason to refuse.
                    Err(problem) if problem.kind == Kind::NotFound => {}
                    Err(problem) => return Err(problem),
                }
            }
            db.close().await?;
            if ids.is_empty() {
                return Err(Problem::not_found("portfolio"));
            }
            return Ok(Selection::Only(ids));
        }
    };
    let mut db = ReadTx::lazy(&api.pools().load);
    for id in &ids {
        caller
            .portfolio(&mut db, *id)
            .await
            .map_err(|problem| Problem {
                field: Some("portfolio_id".to_owned()),
                ..problem
            })?;
    }
    db.close().await?;
    Ok(Selection::Only(ids))
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text.is_empty() || text.len() > KEY_CHARS {
        let detail = format!("1 to {KEY_CHARS} visible characters");
        return Err(Problem {
            field: Some("Idempotency-Key".to_owned()),
            ..Problem::new(Kind::Invalid, detail)
        });
    }
    Ok(Some(text.to_owned()))
}
