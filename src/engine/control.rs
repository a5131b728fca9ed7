//! What operators do to the engine while it runs. Each action is one transaction with its audit row;
//! workers learn of it within a second, the claim and the fence hold at once.

use std::time::Duration;

use serde_json::json;

use super::{Engine, Error, gatekeeper};
use crate::domain::{Held, PortfolioId, RunId, WorkerId};
use crate::store::control::{self, Cancelled};
use crate::store::{self, WriteTx, events};

/// Times that an action is tried when other transactions stand in its way.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(100);

/// Who does something, and why.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// Who.
    pub who: &'a str,
    /// Why; for the audit table.
    pub reason: &'a str,
}

/// Cancels what a run has not finished. When this returns, nothing of the run is committed any more:
/// commits in flight were waited for, later ones find their fence closed.
pub async fn cancel(engine: &Engine, run: RunId, order: Order<'_>) -> Result<Cancelled, Error> {
    let cancelled = repeated(engine, |mut tx| async move {
        let cancelled = control::cancel(&mut tx, run).await?;
        if let Cancelled::Tasks { tasks, running } = cancelled {
            let detail = json!({ "tasks": tasks, "running": running });
            events::record(&mut tx, Some(run), "run-cancelled", &detail).await?;
            let target = run.to_string();
            events::audit(&mut tx, order.who, "cancel", &target, order.reason, &detail).await?;
        }
        Ok((tx, cancelled))
    })
    .await?;
    if let Cancelled::Tasks { tasks, .. } = cancelled {
        tracing::info!(run_id = %run, tasks, "run cancelled");
        gatekeeper::ask(engine, run).await;
    }
    Ok(cancelled)
}

/// Holds a lane or phase back: none of its tasks is claimed, running ones go on. Says whether it was
/// free before.
pub async fn pause(engine: &Engine, held: Held, order: Order<'_>) -> Result<bool, Error> {
    repeated(engine, |mut tx| async move {
        let changed = control::pause(&mut tx, held, order.who, order.reason).await?;
        if changed {
            record(&mut tx, "pause", held, order).await?;
        }
        Ok((tx, changed))
    })
    .await
}

/// Lets a lane or phase go on. Says whether it was held back. The steward sees it within a second
/// and brings hints back that were read meanwhile.
pub async fn resume(engine: &Engine, held: Held, order: Order<'_>) -> Result<bool, Error> {
    repeated(engine, |mut tx| async move {
        let changed = control::resume(&mut tx, held).await?;
        if changed {
            record(&mut tx, "resume", held, order).await?;
        }
        Ok((tx, changed))
    })
    .await
}

/// Asks a worker to finish what it has and to leave; says whether it is there.
pub async fn drain(engine: &Engine, worker: WorkerId, order: Order<'_>) -> Result<bool, Error> {
    repeated(engine, |mut tx| async move {
        let there = control::drain(&mut tx, worker).await?;
        if there {
            let target = worker.consumer();
            events::audit(
                &mut tx,
                order.who,
                "drain",
                &target,
                order.reason,
                &json!({}),
            )
            .await?;
        }
        Ok((tx, there))
    })
    .await
}

/// Takes a portfolio away: it is not planned any more, and nobody sees it. Says whether it was there.
pub async fn delete_portfolio(
    engine: &Engine,
    id: PortfolioId,
    order: Order<'_>,
) -> Result<bool, Error> {
    repeated(engine, |mut tx| async move {
        let there = store::portfolios::delete(&mut tx, id).await?;
        if there {
            let target = id.to_string();
            let (action, detail) = ("delete-portfolio", json!({}));
            events::audit(&mut tx, order.who, action, &target, order.reason, &detail).await?;
        }
        Ok((tx, there))
    })
    .await
}

async fn record(
    tx: &mut WriteTx,
    action: &str,
    held: Held,
    order: Order<'_>,
) -> Result<(), store::Error> {
    let detail = json!({ "what": held.to_string(), "who": order.who });
    let kind = format!("{action}d");
    events::record(tx, None, &kind, &detail).await?;
    let target = held.to_string();
    events::audit(tx, order.who, action, &target, order.reason, &json!({})).await
}

/// One transaction, begun anew when others stand in its way: a commit in flight is waited for no longer
/// than the lock timeout at a time.
async fn repeated<T, F>(engine: &Engine, action: impl Fn(WriteTx) -> F) -> Result<T, Error>
where
    F: Future<Output = Result<(WriteTx, T), store::Error>>,
{
    let mut tries = 1;
    loop {
        let attempt = async {
            let tx = WriteTx::begin(&engine.pools.control).await?;
            let (tx, done) = action(tx).await?;
            tx.commit().await?;
            Ok(done)
        };
        match attempt.await {
            Err(error) if store::Error::is_conflict(&error) && tries < TRIES => {
                tracing::debug!(%error, tries, "another transaction stood in the way");
                tokio::time::sleep(PAUSE).await;
                tries += 1;
            }
            done => return Ok(done?),
        }
    }
}
