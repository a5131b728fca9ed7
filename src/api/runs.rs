//! Runs: where they stand and how they ended, for those who may see them.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Api;
use super::auth::Caller;
use super::control::held_back;
use super::params::{Params, id};
use super::problem::{Kind, Problem};
use super::shapes::{CurrentRuns, RunDetail, RunDiff, RunHistory, RunSummary};
use crate::documents::runs::Progress;
use crate::documents::{self, cut, diff};
use crate::domain::{RunId, Verdict};
use crate::engine;
use crate::store::reports::{self, Past, PastRun, Sight};
use crate::store::runs::{self, RunRow};
use crate::store::tasks_report::{self, Filter};
use crate::store::{Pools, ReadTx};

/// Rows of a page where nothing else is asked for.
const PAGE: u16 = 50;
/// Tasks in workers' hands that a run shows.
const RUNNING: i64 = 20;
/// Runs that may go on at once and are shown together.
const CURRENT: i64 = 20;
/// Days that a summary looks back.
const DAYS: i32 = 30;

/// Runs that go on, newest first, each with its progress.
#[utoipa::path(get, path = "/api/v1/admin/batch/run/current", tag = "runs",
    responses((status = 200, description = "Runs that go on", body = CurrentRuns)))]
pub(super) async fn current(
    caller: Caller,
    State(api): State<Api>,
    params: Params,
) -> Result<Json<Value>, Problem> {
    params.only(&[])?;
    let filter = Past {
        only: caller.only(),
        status: Some("running".to_owned()),
        ..Past::default()
    };
    let mut db = ReadTx::lazy(&api.pools().load);
    let rows = reports::past(&mut db, &filter, None, CURRENT).await?;
    db.close().await?;
    let mut list = Vec::new();
    for row in &rows {
        let seen = Seen {
            run: row.run.clone(),
            only: caller.only().filter(|_| row.shared),
        };
        list.push(detail(api.pools(), &caller, &seen, false).await?);
    }
    Ok(Json(json!({ "runs": list })))
}

/// Past runs and those that go on, newest first; `next` is the cursor of the page after.
#[utoipa::path(get, path = "/api/v1/admin/batch/history", tag = "runs",
    params(
        ("status" = Option<String>, Query, description = "running, succeeded, partial, failed or cancelled"),
        ("lane" = Option<String>, Query, description = "interactive, nightly or backfill"),
        ("trigger" = Option<String>, Query, description = "nightly, catch-up, cli, onboarding, api or repair"),
        ("start_date" = Option<chrono::NaiveDate>, Query, description = "Final date not before"),
        ("end_date" = Option<chrono::NaiveDate>, Query, description = "Final date not after"),
        ("portfolio_id" = Option<uuid::Uuid>, Query, description = "With this portfolio"),
        ("limit" = Option<u16>, Query, description = "Rows of a page, 1 to 500"),
        ("cursor" = Option<uuid::Uuid>, Query, description = "`next` of the page before")),
    responses((status = 200, description = "A page of runs", body = RunHistory)))]
pub(super) async fn history(
    caller: Caller,
    State(api): State<Api>,
    params: Params,
) -> Result<Json<Value>, Problem> {
    params.only(&[
        "status",
        "lane",
        "trigger",
        "start_date",
        "end_date",
        "portfolio_id",
        "limit",
        "cursor",
    ])?;
    let statuses = Verdict::ALL.iter().map(|verdict| verdict.as_str());
    let statuses: Vec<&str> = std::iter::once("running").chain(statuses).collect();
    let status = params.one_of("status", &statuses)?;
    let (from, to) = params.range("start_date", "end_date")?;
    let filter = Past {
        id: None,
        only: caller.only(),
        status,
        lane: params.one("lane")?,
        trigger: params.one("trigger")?,
        from,
        to,
        portfolio: params.one("portfolio_id")?,
    };
    let limit = params.limit(PAGE)?;
    let cursor: Option<RunId> = params.one("cursor")?;
    let mut db = ReadTx::lazy(&api.pools().load);
    if let Some(run) = cursor
        && reports::sight(&mut db, run, filter.only.as_deref())
            .await?
            .is_none()
    {
        return Err(Problem::field(
            "cursor",
            "no run has this id: begin without a cursor",
        ));
    }
    // One more says whether there is another page.
    let mut rows = reports::past(&mut db, &filter, cursor, i64::from(limit) + 1).await?;
    db.close().await?;
    let next = cut(&mut rows, limit, |row| row.run.id);
    let rows: Vec<Value> = rows.iter().map(past).collect();
    Ok(Json(json!({ "runs": rows, "next": next })))
}

fn past(row: &PastRun) -> Value {
    let mut value = documents::runs::run(&row.run);
    value["status"] = json!(row.run.verdict.map_or("running", Verdict::as_str));
    value["shared"] = json!(row.shared);
    value["principal"] = json!((!row.shared).then_some(&row.principal));
    value["portfolios"] = json!(row.portfolios);
    value["tasks"] = json!(row.tasks);
    value["unfinished"] = json!(row.unfinished);
    value["dead"] = json!(row.dead);
    value
}

/// Runs of the last days by their status, with how long they took.
#[utoipa::path(get, path = "/api/v1/admin/batch/history/summary", tag = "runs",
    params(("days" = Option<i32>, Query, description = "How far back, 1 to 3650; 30 if nothing is said")),
    responses((status = 200, description = "Counts and times by status", body = RunSummary)))]
pub(super) async fn summary(
    caller: Caller,
    State(api): State<Api>,
    params: Params,
) -> Result<Json<Value>, Problem> {
    params.only(&["days"])?;
    let days = params.one::<i32>("days")?.unwrap_or(DAYS);
    if !(1..=3650).contains(&days) {
        return Err(Problem::field("days", "1 to 3650"));
    }
    let mut db = ReadTx::lazy(&api.pools().load);
    let only = caller.only();
    let rows = reports::summary(&mut db, only.as_deref(), days).await?;
    db.close().await?;
    let statuses = rows.iter().map(|row| {
        json!({
            "status": row.status,
            "runs": row.runs,
            "mean_seconds": row.mean_seconds,
            "longest_seconds": row.longest_seconds,
            "newest": row.newest,
        })
    });
    let total: i64 = rows.iter().map(|row| row.runs).sum();
    Ok(Json(
        json!({ "days": days, "runs": total, "statuses": statuses.collect::<Vec<_>>() }),
    ))
}

/// A run: its phases, how far it is, when it may end, its verdict, its errors by fingerprint, and what its
/// portfolios lack.
#[utoipa::path(get, path = "/api/v1/runs/{run_id}", tag = "runs",
    params(("run_id" = uuid::Uuid, Path, description = "The run")),
    responses((status = 200, description = "The run", body = RunDetail), (status = 404, description = "No such run")))]
pub(super) async fn one(
    caller: Caller,
    State(api): State<Api>,
    Path(run): Path<String>,
    params: Params,
) -> Result<Json<Value>, Problem> {
    params.only(&[])?;
    let seen = visible(&api, &caller, &run).await?;
    Ok(Json(detail(api.pools(), &caller, &seen, true).await?))
}

/// A run as somebody sees it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) run: RunRow,
    /// Where the run has portfolios that the caller does not see: those that it sees. What is told is then about these, and
    /// counts of tasks about symbols.
    pub(crate) only: Option<Vec<Uuid>>,
}

impl Seen {
    /// For what changes the run: it is nobody's who does not see all of it.
    pub(crate) fn whole(self) -> Result<RunRow, Problem> {
        match self.only {
            None => Ok(self.run),
            Some(_) => Err(Problem::new(
                Kind::Forbidden,
                "the run has portfolios that this token does not see",
            )),
        }
    }
}

/// The run of a path, for a caller who may see it.
pub(crate) async fn visible(api: &Api, caller: &Caller, text: &str) -> Result<Seen, Problem> {
    let run: RunId = id("run", text)?;
    let mut db = ReadTx::lazy(&api.pools().load);
    let sight = caller.sight(&mut db, run).await?;
    db.close().await?;
    let row = runs::list(&api.pools().load, Some(run), 1).await?.pop();
    Ok(Seen {
        run: row.ok_or_else(|| Problem::not_found("run"))?,
        only: match sight {
            Sight::Whole => None,
            Sight::Part => caller.only(),
        },
    })
}

async fn detail(
    pools: &Pools,
    caller: &Caller,
    seen: &Seen,
    whole: bool,
) -> Result<Value, Problem> {
    let Seen { run, only } = seen;
    let only = only.as_deref();
    let phases = runs::phases(&pools.load, run.id, only).await?;
    let progress = Progress::of(&phases);
    let of_run = Filter {
        run: Some(run.id),
        only: seen.only.clone(),
        ..Filter::default()
    };
    let mut db = ReadTx::lazy(&pools.load);
    let pauses = reports::pauses(&mut db).await?;
    let eta = match run.verdict {
        None => engine::remaining(&mut db, run, &phases, &pauses).await?,
        Some(_) => None,
    };
    let mut value = documents::runs::run(run);
    value["batch_run_id"] = json!(run.id);
    value["shared"] = json!(only.is_some());
    value["status"] = json!(run.verdict.map_or("running", Verdict::as_str));
    value["progress"] = documents::runs::progress(&progress, eta);
    value["percent"] = json!((progress.fraction() * 1000.0).floor() / 10.0);
    let rows = phases.iter().map(documents::runs::phase);
    value["phases"] = rows.collect();
    if whole {
        let errors = tasks_report::errors(&mut db, &of_run).await?;
        value["errors"] = errors.iter().map(documents::errors::document).collect();
        value["retries"] = json!(reports::retries(&mut db, run.id, only).await?);
        let in_hand = runs::in_hand(&phases);
        let tasks = tasks_report::in_hand(&mut db, &in_hand, only, RUNNING).await?;
        value["running"] = tasks.iter().map(documents::tasks::document).collect();
        let missing = reports::missing(&mut db, run.id, only).await?;
        value["missing"] = missing.iter().map(documents::runs::missing).collect();
        value["paused"] = held_back(&pauses, caller);
    }
    db.close().await?;
    Ok(value)
}

/// Two runs side by side: durations, tasks, errors, and how complete their final dates are.
#[utoipa::path(get, path = "/api/v1/runs/{run_id}/diff/{other}", tag = "runs",
    params(
        ("run_id" = uuid::Uuid, Path, description = "A run"),
        ("other" = uuid::Uuid, Path, description = "Another one")),
    responses((status = 200, description = "What they have different", body = RunDiff),
              (status = 404, description = "No such run")))]
pub(super) async fn diff(
    caller: Caller,
    State(api): State<Api>,
    Path((run, other)): Path<(String, String)>,
    params: Params,
) -> Result<Json<Value>, Problem> {
    params.only(&[])?;
    let mut sides = Vec::new();
    for text in [run, other] {
        let Seen { run, only } = visible(&api, &caller, &text).await?;
        let side = diff::side(api.pools(), run.id, only.as_deref()).await?;
        sides.push(side.ok_or_else(|| Problem::not_found("run"))?);
    }
    let sides = <[diff::Side; 2]>::try_from(sides).map_err(|_| Problem::not_found("run"))?;
    Ok(Json(diff::document(&sides)))
}
