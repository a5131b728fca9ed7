//! Alerts: what somebody should look at.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::auth::Caller;
use super::params::Params;
use super::problem::Problem;
use crate::documents::cut;
use crate::domain::AlertKind;
use crate::store::ReadTx;
use crate::store::alerts::{self, AlertRow};

/// Rows of a page.
const PAGE: u16 = 50;

/// A page of alerts, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Alerts {
    alerts: Vec<Alert>,
    /// Ask for the next page with it; null on the last.
    next: Option<i64>,
}

/// An alert. There is one per kind and cause.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Alert {
    id: i64,
    at: DateTime<Utc>,
    /// run-failed, run-partial, run-overdue, tasks-dead, coverage-low or pool-saturated.
    kind: String,
    /// A run, a session, or an hour.
    cause: String,
    run_id: Option<Uuid>,
    detail: Value,
    delivery: Delivery,
}

/// What became of the webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Delivery {
    /// When it took the alert.
    delivered_at: Option<DateTime<Utc>>,
    attempts: i16,
    /// What it answered last.
    error: Option<String>,
}

impl From<AlertRow> for Alert {
    fn from(row: AlertRow) -> Self {
        Self {
            id: row.id,
            at: row.at,
            kind: row.kind,
            cause: row.cause,
            run_id: row.run_id,
            detail: row.detail,
            delivery: Delivery {
                delivered_at: row.delivered_at,
                attempts: row.attempts,
                error: row.delivery_error,
            },
        }
    }
}

/// Alerts: runs that failed, were partial or are overdue, dead tasks, low coverage, saturated connections. An owner sees those
/// about runs of own portfolios.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "health",
    params(("kind" = Option<String>, Query, description = "run-failed, run-partial, run-overdue, tasks-dead, coverage-low or pool-saturated"),
           ("limit" = Option<u16>, Query, description = "Rows of a page, 1 to 500"),
           ("cursor" = Option<i64>, Query, description = "`next` of the page before")),
    responses((status = 200, description = "A page of alerts", body = Alerts)))]
pub(super) async fn list(
    caller: Caller,
    State(api): State<Api>,
    params: Params,
) -> Result<Json<Alerts>, Problem> {
    let params = params.only(&["kind", "limit", "cursor"])?;
    let limit = params.limit(PAGE)?;
    let kind: Option<AlertKind> = params.one("kind")?;
    let before: Option<i64> = params.one("cursor")?;
    let only = caller.only();
    let mut db = ReadTx::lazy(&api.pools().load);
    let rows = alerts::list(
        &mut db,
        only.as_deref(),
        kind.map(AlertKind::as_str),
        before,
        i64::from(limit) + 1,
    );
    let mut rows = rows.await?;
    db.close().await?;
    let next = cut(&mut rows, limit, |row| row.id);
    Ok(Json(Alerts {
        alerts: rows.into_iter().map(Alert::from).collect(),
        next,
    }))
}
