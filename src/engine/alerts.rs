//! Raises alerts, once per cause, with one line in the log each.

use serde_json::json;

use super::{Engine, Error, Housekeeping};
use crate::domain::TradingDate;
use crate::store::alerts::{self, AlertRow, Bounds};

/// Of the server's connections; then the next process may find none.
const CONNECTIONS: f64 = 0.9;

/// Of a worker's wait for a connection: a commit takes a few milliseconds.
const WAIT_MS: f64 = 1_000.0;

/// Raises what there is a cause for now.
pub(super) async fn raise(engine: &Engine, how: &Housekeeping) -> Result<(), Error> {
    let bounds = Bounds {
        coverage: how.coverage,
        connections: CONNECTIONS,
        wait_ms: WAIT_MS,
    };
    for alert in alerts::raise(&engine.pools.control, bounds).await? {
        log(&alert);
    }
    Ok(())
}

/// No run has ended for a session.
pub(super) async fn overdue(engine: &Engine, as_of: TradingDate, hours: u32) -> Result<(), Error> {
    let detail = json!({ "as_of": as_of, "hours": hours });
    if let Some(alert) = alerts::raise_overdue(&engine.pools.control, as_of, &detail).await? {
        log(&alert);
    }
    Ok(())
}

fn log(alert: &AlertRow) {
    let AlertRow {
        id,
        kind,
        cause,
        detail,
        ..
    } = alert;
    tracing::error!(alert = id, kind, cause, %detail, "alert");
}
