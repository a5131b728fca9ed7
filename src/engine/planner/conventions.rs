//! The risk-free rate that an operator has set becomes that of the database before a run is planned. Phases read it from there and never from
//! their own environment, so that workers with other settings cannot mix results; it stands in the definitions of every result.

use chrono::NaiveDate;

use crate::engine::Engine;
use crate::store::inputs::{self, Changed};
use crate::store::{Result, WriteTx, definitions};

/// Before every result.
const FIRST_DATE: NaiveDate = match NaiveDate::from_ymd_opt(1990, 1, 1) {
    Some(date) => date,
    None => NaiveDate::MIN,
};

/// Sets the rate and makes stale what rests on another one. Nothing for an engine without a rate of its own.
pub(super) async fn settle(engine: &Engine) -> Result<()> {
    let Some(rate) = engine.risk_free_rate else {
        return Ok(());
    };
    let mut tx = WriteTx::begin(&engine.pools.control).await?;
    let known = definitions::risk_free_rate(&mut tx.reader()).await?;
    if known == Some(rate) {
        return tx.rollback().await;
    }
    definitions::lock(&mut tx).await?;
    definitions::set_risk_free_rate(&mut tx, rate).await?;
    let reason = match known {
        Some(known) => format!("risk-free rate {rate} after {known}"),
        None => format!("risk-free rate {rate}"),
    };
    let changes = [(Changed::Definitions, FIRST_DATE)];
    inputs::changed(&mut tx, &changes, &reason).await?;
    tx.commit().await?;
    tracing::warn!(
        rate,
        ?known,
        "the risk-free rate of the database was set: what rests on another is stale"
    );
    Ok(())
}
