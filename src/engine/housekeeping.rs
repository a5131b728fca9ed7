//! What the steward does once in a while: it reports nights that do not end, and prunes old runs.

use serde_json::json;

use super::{Engine, Error, Webhook, alerts};
use crate::store::{self, WriteTx, housekeeping};

/// Runs that are pruned at a time: each is a transaction of its own.
const PRUNED: i64 = 20;

/// What is done, and when; the default is nothing.
#[derive(Debug, Clone, Default)]
pub struct Housekeeping {
    /// A session without a finished run is reported so long after its prices settled; 0 is never.
    pub overdue_hours: u32,
    /// Tasks, attempts and events of runs are kept so long after their end; 0 is for ever.
    pub retention_days: u32,
    /// Portfolios of a run with less coverage than this fraction raise an alert; 0 is none.
    pub coverage: f64,
    /// Who is told of alerts.
    pub webhook: Option<Webhook>,
}

/// The dead-man's alert: no run has ended for the newest session that should have one by now. Raised
/// by workers and not by the scheduler, for it may be the scheduler that is dead. Once per session.
pub(super) async fn alert_overdue(engine: &Engine, how: &Housekeeping) -> Result<(), Error> {
    if how.overdue_hours == 0 {
        return Ok(());
    }
    let by_now = engine.clock.now() - chrono::Duration::hours(i64::from(how.overdue_hours));
    let Ok(as_of) = engine.calendar.newest_eligible(by_now) else {
        return Ok(());
    };
    let pool = &engine.pools.control;
    if housekeeping::is_overdue(pool, as_of).await? {
        let detail = json!({ "as_of": as_of, "hours": how.overdue_hours });
        // The event says that this was done, so it comes last: an alert that was not stored is raised the next time.
        alerts::overdue(engine, as_of, how.overdue_hours).await?;
        housekeeping::alert(pool, "night-overdue", &detail).await?;
    }
    Ok(())
}

/// Removes what nobody looks at any more.
pub(super) async fn prune(engine: &Engine, how: &Housekeeping) -> Result<(), Error> {
    let days = i32::try_from(how.retention_days).unwrap_or(i32::MAX);
    if days == 0 {
        return Ok(());
    }
    let pool = &engine.pools.control;
    for run in housekeeping::prunable(pool, days, PRUNED).await? {
        let mut tx = WriteTx::begin(&engine.pools.commit).await?;
        let tasks = housekeeping::prune(&mut tx, run).await?;
        tx.commit().await?;
        tracing::info!(run_id = %run, tasks, "old run pruned");
    }
    housekeeping::forget_events(pool, days).await?;
    store::alerts::forget(pool, days).await?;
    Ok(())
}
