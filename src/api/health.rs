//! Whether the process lives, and whether it can answer.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::Api;
use crate::store::{self, ReadTx, definitions, health, workers};

/// The process lives.
#[utoipa::path(get, path = "/health/live", tag = "health", security(()),
    responses((status = 200, description = "The process lives", body = Value)))]
pub(super) async fn live() -> Json<Value> {
    Json(json!({ "status": "live" }))
}

/// Postgres answers, its schema is this program's, and factors and scenarios are there. Redis is optional; workers
/// are counted, and their absence is no fault of the API.
#[utoipa::path(get, path = "/health/ready", tag = "health", security(()),
    responses(
        (status = 200, description = "Ready, with what was looked at", body = Value),
        (status = 503, description = "Not ready, with what is missing", body = Value)))]
pub(super) async fn ready(State(api): State<Api>) -> (StatusCode, Json<Value>) {
    let looked = look(&api).await;
    let (ready, document) = looked.unwrap_or_else(|error| {
        tracing::warn!(%error, "not ready");
        (false, json!({ "postgres": "does not answer" }))
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
        return Ok((
            false,
            json!({ "postgres": "ok", "migrations": "not up to date" }),
        ));
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
    let document = json!({
        "postgres": "ok",
        "migrations": "ok",
        "reference_data": if reference { "ok" } else { "factors or scenarios are missing" },
        "redis": redis,
        "workers": living,
    });
    Ok((reference, document))
}
