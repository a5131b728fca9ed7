//! Tasks of a run: in lists by a filter, and one with all that is known of it.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::Api;
use super::auth::Caller;
use super::params::{Params, id};
use super::problem::Problem;
use super::runs::{Seen, visible};
use super::shapes::{TaskDetail, Tasks};
use crate::documents::tasks::one::{self as whole, Whole};
use crate::documents::{self, cut};
use crate::domain::{RunId, TaskId};
use crate::engine::{self, Link};
use crate::store::ReadTx;
use crate::store::runs::RunRow;
use crate::store::tasks_report::{self, Filter};

/// Rows of a page where nothing else is asked for.
const PAGE: u16 = 50;

/// Tasks of a run, newest first, with the errors of all that the filter means.
#[utoipa::path(get, path = "/api/v1/runs/{run_id}/tasks", tag = "runs",
    params(
        ("run_id" = uuid::Uuid, Path, description = "The run"),
        ("phase" = Option<String>, Query, description = "A phase, by name"),
        ("state" = Option<String>, Query, description = "ready, running, done, dead, cancelled or split"),
        ("symbol" = Option<String>, Query, description = "About this symbol"),
        ("portfolio_id" = Option<uuid::Uuid>, Query, description = "About this portfolio"),
        ("error" = Option<String>, Query, description = "A fingerprint, a class or a part of the message"),
        ("limit" = Option<u16>, Query, description = "Rows of a page, 1 to 500"),
        ("cursor" = Option<i64>, Query, description = "`next` of the page before")),
    responses((status = 200, description = "A page of tasks", body = Tasks), (status = 404, description = "No such run")))]
pub(super) async fn list(
    caller: Caller,
    State(api): State<Api>,
    Path(run): Path<String>,
    params: Params,
) -> Result<Json<Value>, Problem> {
    params.only(&[
        "phase",
        "state",
        "symbol",
        "portfolio_id",
        "error",
        "limit",
        "cursor",
    ])?;
    let seen = visible(&api, &caller, &run).await?;
    let filter = Filter {
        only: seen.only,
        ..filter(&params, Some(seen.run.id))?
    };
    let limit = params.limit(PAGE)?;
    let cursor = params.one::<i64>("cursor")?.map(TaskId);
    let mut db = ReadTx::lazy(&api.pools().load);
    let mut tasks = tasks_report::list(&mut db, &filter, cursor, i64::from(limit) + 1).await?;
    let errors = tasks_report::errors(&mut db, &filter).await?;
    db.close().await?;
    let next = cut(&mut tasks, limit, |task| task.id);
    Ok(Json(json!({
        "tasks": tasks.iter().map(documents::tasks::document).collect::<Vec<_>>(),
        "errors": errors.iter().map(documents::errors::document).collect::<Vec<_>>(),
        "next": next,
    })))
}

/// A task that somebody asks for, with what holds it.
pub(crate) struct Asked {
    pub(crate) run: RunRow,
    pub(crate) whole: Whole,
    /// From the task to what it waits for; nothing of one that is final, or whose run has portfolios of others.
    pub(crate) chain: Vec<Link>,
}

/// The task of a path, for a caller who may see its run.
pub(crate) async fn asked(
    api: &Api,
    caller: &Caller,
    run: &str,
    task: &str,
) -> Result<Asked, Problem> {
    let Seen { run, only } = visible(api, caller, run).await?;
    let none = || Problem::not_found("task");
    let task = TaskId(id("task", task)?);
    let mut db = ReadTx::lazy(&api.pools().load);
    let about = match &only {
        None => true,
        Some(only) => tasks_report::is_about(&mut db, task, only).await?,
    };
    let whole = whole::read(&mut db, task).await?;
    db.close().await?;
    let whole = whole.filter(|whole| about && whole.task.run == run.id);
    let mut whole = whole.ok_or_else(none)?;
    if only.is_some() {
        whole.reduce();
    }
    // What it waits for may be a task of others.
    let chain = if only.is_some() || whole.task.state.is_final() {
        Vec::new()
    } else {
        engine::waits(api.pools(), api.redis(), &run, whole.task.id).await?
    };
    Ok(Asked { run, whole, chain })
}

/// A task of a run: what it works on, its attempts with their outcomes, and what it waits for.
#[utoipa::path(get, path = "/api/v1/runs/{run_id}/tasks/{task_id}", tag = "runs",
    params(
        ("run_id" = uuid::Uuid, Path, description = "The run"),
        ("task_id" = i64, Path, description = "The task")),
    responses((status = 200, description = "The task", body = TaskDetail),
              (status = 404, description = "No such run, or no such task of it")))]
pub(super) async fn one(
    caller: Caller,
    State(api): State<Api>,
    Path((run, of_run)): Path<(String, String)>,
    params: Params,
) -> Result<Json<Value>, Problem> {
    params.only(&[])?;
    let asked = asked(&api, &caller, &run, &of_run).await?;
    let mut document = whole::document(&asked.whole);
    let run = |id: RunId| format!("/api/v1/runs/{id}");
    let task = &asked.whole.task;
    let portfolio = task.unit.strip_prefix("portfolio:");
    document["chain"] = json!(asked.chain);
    document["links"] = json!({
        "run": run(task.run),
        "repair_run": task.repair_run.map(run),
        "portfolio": portfolio.map(|id| format!("/api/v1/portfolios/{id}")),
    });
    Ok(Json(document))
}

/// The filter of tasks: the same for those who look and for those who retry.
pub(crate) fn filter(params: &Params, run: Option<RunId>) -> Result<Filter, Problem> {
    let phase: Option<String> = params.one("phase")?;
    let phase = phase.map(|text| {
        crate::domain::PhaseName::named(&text)
            .map_err(|error| Problem::field("phase", error.to_string()))
    });
    Ok(Filter {
        run,
        phase: phase.transpose()?,
        state: params.one("state")?,
        symbol: params.one("symbol")?,
        portfolio: params.one("portfolio_id")?,
        error: params.one("error")?,
        only: None,
    })
}
