//! Events: what happened, in rows that can be read again. Written by the transaction that did it.

use serde_json::Value;

use super::{Attempt, Result, WriteTx};
use crate::domain::RunId;

/// Records that something happened, with the transaction that makes it true.
pub async fn record(
    tx: &mut WriteTx,
    run: Option<RunId>,
    kind: &str,
    detail: &Value,
) -> Result<()> {
    sqlx::query!(
        "insert into event (run_id, kind, detail) values ($1, $2, $3)",
        run.map(|run| run.0),
        kind,
        detail
    )
    .execute(tx.connection())
    .await
    .attempt("recording an event")?;
    Ok(())
}

/// Records what an operator did, with the transaction that did it.
pub async fn audit(
    tx: &mut WriteTx,
    who: &str,
    action: &str,
    target: &str,
    reason: &str,
    detail: &Value,
) -> Result<()> {
    sqlx::query!(
        "insert into audit (who, action, target, reason, detail) values ($1, $2, $3, $4, $5)",
        who,
        action,
        target,
        reason,
        detail
    )
    .execute(tx.connection())
    .await
    .attempt("recording an action")?;
    Ok(())
}
