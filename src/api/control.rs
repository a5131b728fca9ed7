//! Steering: cancel, pause, resume, retry, and why a result is not there. Each action is one transaction with its
//! audit row.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Api;
use super::auth::Caller;
use super::params::{Fields, Params, id};
use super::problem::{Kind, Problem};
use super::runs::visible;
use super::shapes::{
    CancelReceipt, CancelRun, HoldOrder, HoldReceipt, Pauses, RepairPreview, RepairReceipt,
    RetryOrder, WhyAnswer,
};
use super::start::{accepted, unwaited};
use super::tasks::filter;
use crate::documents::{self, planned};
use crate::domain::{Access, Held, PortfolioId, RunId, TaskState};
use crate::engine::{self, Repairing};
use crate::store::control::{Cancelled, Pause};
use crate::store::{ReadTx, reports, tasks_report};

/// Of those who give none.
pub(super) const REASON: &str = "asked over HTTP";
/// Longest reason.
const REASON_CHARS: usize = 1_000;

fn reason(params: &Params) -> Result<String, Problem> {
    let reason: Option<String> = params.one("reason")?;
    let reason = reason.unwrap_or_else(|| REASON.to_owned());
    if reason.trim().is_empty() || reason.chars().count() > REASON_CHARS {
        return Err(Problem::field(
            "reason",
            format!("1 to {REASON_CHARS} characters"),
        ));
    }
    Ok(reason)
}

/// Cancels a run: nothing of it is committed after the answer.
#[utoipa::path(post, path = "/api/v1/runs/{run_id}/cancel", tag = "runs",
    params(("run_id" = uuid::Uuid, Path, description = "The run"),
           ("reason" = Option<String>, Query, description = "For the audit table")),
    request_body(content = CancelRun, description = "The same parameters as fields"),
    responses((status = 200, description = "How many tasks will not be done", body = CancelReceipt),
              (status = 403, description = "Not with this role, or the run has portfolios that this token does not see"),
              (status = 404, description = "No such run"), (status = 409, description = "It has ended")))]
pub(crate) async fn cancel(
    caller: Caller,
    State(api): State<Api>,
    Path(run): Path<String>,
    fields: Fields,
) -> Result<Json<Value>, Problem> {
    caller.changes()?;
    let reason = reason(fields.of::<CancelRun>()?)?;
    let run = visible(&api, &caller, &run).await?.whole()?.id;
    match engine::cancel(api.engine(), run, caller.order(&reason)).await? {
        Cancelled::Unknown => Err(Problem::not_found("run")),
        Cancelled::Ended => Err(Problem::new(Kind::Conflict, "the run has ended already")),
        Cancelled::Tasks { tasks, running } => Ok(Json(
            json!({ "run_id": run, "tasks": tasks, "running": running }),
        )),
    }
}

/// What is held back.
#[utoipa::path(get, path = "/api/v1/admin/pauses", tag = "runs",
    responses((status = 200, description = "Lanes and phases that are held back", body = Pauses)))]
pub(super) async fn pauses(
    caller: Caller,
    State(api): State<Api>,
    params: Params,
) -> Result<Json<Value>, Problem> {
    params.only(&[])?;
    let mut db = ReadTx::lazy(&api.pools().load);
    let rows = reports::pauses(&mut db).await?;
    db.close().await?;
    Ok(Json(json!({ "paused": held_back(&rows, &caller) })))
}

/// What is held back. Who did it and why are for those who see everything: words may be about anybody's portfolio.
pub(super) fn held_back(pauses: &[Pause], caller: &Caller) -> Value {
    let rows = pauses.iter().map(|pause| {
        let mut row = documents::runs::pause(pause);
        if caller.only().is_some() {
            row["who"] = Value::Null;
            row["reason"] = Value::Null;
        }
        row
    });
    rows.collect()
}

/// Holds a lane or phase back: none of its tasks is begun.
#[utoipa::path(post, path = "/api/v1/admin/pause", tag = "runs",
    params(("kind" = Option<String>, Query, description = "lane or phase; needed, here or in the body"),
           ("name" = Option<String>, Query, description = "Which; needed, here or in the body"),
           ("reason" = Option<String>, Query, description = "For the audit table")),
    request_body(content = HoldOrder, description = "The same parameters as fields"),
    responses((status = 200, description = "Held back; `changed` says whether it was free before", body = HoldReceipt),
              (status = 403, description = "Not with this role")))]
pub(crate) async fn pause(
    caller: Caller,
    State(api): State<Api>,
    fields: Fields,
) -> Result<Json<Value>, Problem> {
    caller.operator()?;
    let (held, reason) = held(&fields)?;
    let changed = engine::pause(api.engine(), held, caller.order(&reason)).await?;
    Ok(told(held, "paused", changed))
}

/// Lets a lane or phase go on.
#[utoipa::path(post, path = "/api/v1/admin/resume", tag = "runs",
    params(("kind" = Option<String>, Query, description = "lane or phase; needed, here or in the body"),
           ("name" = Option<String>, Query, description = "Which; needed, here or in the body"),
           ("reason" = Option<String>, Query, description = "For the audit table")),
    request_body(content = HoldOrder, description = "The same parameters as fields"),
    responses((status = 200, description = "It goes on; `changed` says whether it was held back", body = HoldReceipt),
              (status = 403, description = "Not with this role")))]
pub(crate) async fn resume(
    caller: Caller,
    State(api): State<Api>,
    fields: Fields,
) -> Result<Json<Value>, Problem> {
    caller.operator()?;
    let (held, reason) = held(&fields)?;
    let changed = engine::resume(api.engine(), held, caller.order(&reason)).await?;
    Ok(told(held, "resumed", changed))
}

fn held(fields: &Fields) -> Result<(Held, String), Problem> {
    let params = fields.of::<HoldOrder>()?;
    let need = |name: &str| {
        let value: Option<String> = params.one(name)?;
        value.ok_or_else(|| Problem::field(name, "is needed"))
    };
    let (kind, name) = (need("kind")?, need("name")?);
    if !["lane", "phase"].contains(&kind.as_str()) {
        return Err(Problem::field("kind", "lane or phase"));
    }
    let held = format!("{kind} {name}").parse();
    let held = held.map_err(|_| Problem::field("name", format!("there is no such {kind}")))?;
    Ok((held, reason(params)?))
}

fn told(held: Held, state: &str, changed: bool) -> Json<Value> {
    let (kind, name) = (held.kind(), held.name());
    Json(json!({ "kind": kind, "name": name, "state": state, "changed": changed }))
}

/// Plans a repair run over what dead or cancelled tasks concern that a filter means; the answer is its receipt. What a forced
/// run should have asked providers is asked again.
#[utoipa::path(post, path = "/api/v1/admin/retry", tag = "runs",
    params(
        ("run_id" = Option<uuid::Uuid>, Query, description = "Of this run"),
        ("phase" = Option<String>, Query, description = "Of this phase"),
        ("symbol" = Option<String>, Query, description = "About this symbol"),
        ("portfolio_id" = Option<uuid::Uuid>, Query, description = "About this portfolio"),
        ("error" = Option<String>, Query, description = "With this fingerprint, class or text"),
        ("all" = Option<bool>, Query, description = "Every one"),
        ("cancelled" = Option<bool>, Query, description = "Cancelled tasks instead of dead ones"),
        ("again" = Option<bool>, Query, description = "Also those that were repaired before"),
        ("dry_run" = Option<bool>, Query, description = "Only say what would be planned"),
        ("reason" = Option<String>, Query, description = "For the audit table")),
    request_body(content = RetryOrder, description = "The same parameters as fields"),
    responses((status = 202, description = "Planned; `Location` is the repair run", body = RepairReceipt),
              (status = 200, description = "What a dry run would plan", body = RepairPreview),
              (status = 403, description = "Not with this role"),
              (status = 404, description = "No task is like that"),
              (status = 422, description = "No input of these tasks can be read")))]
pub(crate) async fn retry(
    caller: Caller,
    State(api): State<Api>,
    fields: Fields,
) -> Result<Response, Problem> {
    caller.changes()?;
    let params = fields.of::<RetryOrder>()?;
    let reason = reason(params)?;
    let run: Option<RunId> = params.one("run_id")?;
    let mut wanted = filter(params, run)?;
    let named = wanted != tasks_report::Filter::default();
    if !named && !params.flag("all")? {
        return Err(Problem::field(
            "all",
            "say which tasks, or that every one is meant",
        ));
    }
    if let Some(run) = run {
        visible(&api, &caller, &run.to_string()).await?.whole()?;
    } else if caller.access.only().is_some() {
        return Err(Problem::field("run_id", "an owner names the run"));
    }
    wanted.state = Some(if params.flag("cancelled")? {
        TaskState::Cancelled
    } else {
        TaskState::Dead
    });
    let how = Repairing {
        dry: params.flag("dry_run")?,
        again: params.flag("again")?,
    };
    let mut db = ReadTx::lazy(&api.pools().load);
    let tasks = tasks_report::matching(&mut db, &wanted).await?;
    db.close().await?;
    let repair = engine::repair(api.engine(), &tasks, caller.order(&reason), how).await?;
    let repair = repair.ok_or_else(|| Problem::not_found("task to repair"))?;
    let document = planned::repair(&repair, how.dry);
    if how.dry {
        return Ok(Json(unwaited(document)).into_response());
    }
    Ok(accepted(&api, &repair.planned, document))
}

/// What the result of a portfolio and date waits for: the causal chain, from rows.
#[utoipa::path(get, path = "/api/v1/portfolios/{portfolio_id}/why", tag = "portfolios",
    params(("portfolio_id" = uuid::Uuid, Path, description = "The portfolio"),
           ("date" = Option<chrono::NaiveDate>, Query, description = "The session; without it, the newest whose closes are final")),
    responses((status = 200, description = "The chain", body = WhyAnswer), (status = 404, description = "No such portfolio")))]
pub(super) async fn why(
    caller: Caller,
    State(api): State<Api>,
    Path(portfolio): Path<String>,
    params: Params,
) -> Result<Json<Value>, Problem> {
    let date = params.only(&["date"])?.one("date")?;
    let portfolio: PortfolioId = id("portfolio", &portfolio)?;
    if !caller.access.sees(portfolio) {
        return Err(Problem::not_found("portfolio"));
    }
    let why = engine::why(api.pools(), api.redis(), api.clock(), portfolio, date).await?;
    let why = why.ok_or_else(|| Problem::not_found("portfolio"))?;
    let mut document = documents::why::document(&why);
    if caller.access.only().is_some() {
        reduce(&mut document["chain"], &caller.access);
    }
    Ok(Json(document))
}

/// What an owner is told of a chain: of a task that is not about an own portfolio alone, that it is one of its phase.
fn reduce(chain: &mut Value, access: &Access) {
    for link in chain.as_array_mut().into_iter().flatten() {
        let Some((kind, of)) = link["unit"].as_str().and_then(|unit| unit.split_once(':')) else {
            continue;
        };
        let own = of.parse().is_ok_and(|id| access.sees(id));
        if kind == "portfolio" && own {
            continue;
        }
        link["unit"] = json!(kind);
        if link["error"].is_string() {
            link["error"] = json!(link["class"].as_str().unwrap_or("of a task of others"));
        }
    }
}
