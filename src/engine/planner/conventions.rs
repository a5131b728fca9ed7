//! The risk-free rate that an operator has set becomes that of the database with the run that is planned. Phases read it from there and never
//! from their own environment, so that workers with other settings cannot mix results; it stands in the definitions of every result.

use crate::domain::FIRST_DATE;
use crate::engine::Engine;
use crate::phases::RISK_FREE_RATE;
use crate::store::inputs::{self, Changed};
use crate::store::{Result, WriteTx, definitions, portfolios};

/// Sets the rate and makes stale what rests on another one, in the transaction of the plan: a run that is refused or only previewed changes
/// nothing. Nothing for an engine without a rate of its own, and none of the database is the default one.
pub(super) async fn settle(engine: &Engine, tx: &mut WriteTx) -> Result<()> {
    let Some(rate) = engine.risk_free_rate else {
        return Ok(());
    };
    let same = |known: Option<f64>| known.unwrap_or(RISK_FREE_RATE).total_cmp(&rate).is_eq();
    if same(definitions::risk_free_rate(&mut tx.reader()).await?) {
        return Ok(());
    }
    // Another planner may have set it in the meantime: what counts is what the lock finds.
    definitions::lock(tx).await?;
    let known = definitions::risk_free_rate(&mut tx.reader()).await?;
    if same(known) {
        return Ok(());
    }
    definitions::set_risk_free_rate(tx, rate).await?;
    let known = known.unwrap_or(RISK_FREE_RATE);
    let reason = format!("risk-free rate {rate} after {known}");
    let mut changes = vec![(Changed::RiskFreeRate, FIRST_DATE)];
    let optioned = portfolios::with_options(&mut tx.reader()).await?;
    changes.extend(optioned.map(|(portfolio, since)| (Changed::RateOfOptions(portfolio), since)));
    inputs::changed(tx, &changes, &reason).await
}
