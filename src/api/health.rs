//! Whether the process lives, and whether it can answer.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::Api;
use super::shapes::{Live, Ready};
use crate::store::{self, ReadTx, definitions, health, workers};

/// The process lives.
#[utoipa::path(get, path = "/health/live", tag = "health", security(()),
    responses((status = 200, description = "The process lives", body = Live)))]
pub(super) async fn live() -> Json<Value> {
    Json(json!({ "status": "live" }))
}

/// Postgres answers, its schema is this program's, and factors and scenarios are there. Redis is optional; workers
/// are counted, and their absence is no fault of the API.
#[utoipa::path(get, path = "/health/ready", tag = "health", security(()),
    responses(
        (status = 200, description = "Ready, with what was looked at", body = Ready),
        (status = 503, description = "Not ready, with what is missing", body = Ready)))]
pub(super) async fn ready(State(api): State<Api>) -> (StatusCode, Json<Value>) {
    let looked = look(&api).await;
    let (ready, document) = looked.unwrap_or_else(|error| {
        tracing::warn!(%error, "not ready");
        (false, checks("does not answer", None))
    });
    let (status, word) = if ready {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready")
    };
    (status, Json(json!({ "status": word, "checks": document })))
}

async fn look(api: &Api) -> store::Result<(bool, Value)> {
    let migrations = health::migrations(api.pools()).await?.up_to_date();
    if !migrations {
        return Ok((false, checks("ok", Some("not up to date"))));
    }
    let mut db = ReadTx::lazy(&api.pools().load);
    let reference = match definitions::load(&mut db).await {
        Ok(loaded) => !loaded.factors.is_empty() && !loaded.scenarios.is_empty(),
        Err(error) if error.may_pass() => return Err(error),
        // What there is cannot be what it should be.
        Err(error) => {
            tracing::warn!(%error, "reference data");
            false
        }
    };
    db.close().await?;
    let living = workers::living(&api.pools().load).await?;
    let redis = match api.redis() {
        None => "not used",
        Some(queue) if queue.ping().await.is_ok() => "ok",
        Some(_) => "away: everything is only slower",
    };
    let mut document = checks("ok", Some("ok"));
    let found = if reference {
        "ok"
    } else {
        "factors or scenarios are missing"
    };
    document["reference_data"] = json!(found);
    document["redis"] = json!(redis);
    document["workers"] = json!(living);
    Ok((reference, document))
}

/// What was looked at so far; the rest is null.
fn checks(postgres: &str, migrations: Option<&str>) -> Value {
    json!({
        "postgres": postgres,
        "migrations": migrations,
        "reference_data": null,
        "redis": null,
        "workers": null,
    })
}
