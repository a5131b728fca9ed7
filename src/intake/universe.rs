//! Whether providers are asked for a symbol: an order of a person says so, never a run or an import.

use chrono::NaiveDate;
use serde_json::json;

use super::Who;
use crate::domain::Symbol;
use crate::store::inputs::{self, Changed};
use crate::store::{self, Pools, WriteTx, definitions, events, universe};

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Activity {
    /// It holds from now on: results from this date on may be others, and those that are there are stale.
    Changed(NaiveDate),
    /// It was so before; nothing was changed.
    Unchanged,
    /// No run ever needed the symbol.
    Unknown,
    /// This factor looks at it, so that everybody's numbers would end with it; nothing was changed.
    Proxy(String),
}

/// Activates or deactivates a symbol, with its audit row. No provider is asked for an inactive one: its lots keep
/// their last close, which grows stale and then is carried, and results say why. Closes that are stored stay.
pub async fn activity(
    pools: &Pools,
    symbol: &Symbol,
    active: bool,
    who: &Who,
) -> store::Result<Activity> {
    let mut tx = WriteTx::begin(&pools.control).await?;
    if !universe::knows(&mut tx.reader(), symbol).await? {
        tx.rollback().await?;
        return Ok(Activity::Unknown);
    }
    let definitions = definitions::load(&mut tx.reader()).await?;
    let mut factors = definitions.factors.into_iter();
    let factor = factors.find(|factor| factor.proxy == *symbol);
    if let Some(factor) = factor.as_ref().filter(|_| !active) {
        let proxy = Activity::Proxy(factor.name.clone());
        tx.rollback().await?;
        return Ok(proxy);
    }
    let Some(from) = universe::set_active(&mut tx, symbol, active).await? else {
        tx.rollback().await?;
        return Ok(Activity::Unchanged);
    };
    let (action, target) = (action(active), format!("symbol {symbol}"));
    let detail = json!({ "from": from });
    events::audit(&mut tx, &who.who, action, &target, &who.reason, &detail).await?;
    let mut changes = vec![(Changed::Prices(symbol.clone()), from)];
    if factor.is_some() {
        changes.push((Changed::ProxyPrices, from));
    }
    inputs::changed(&mut tx, &changes, action).await?;
    tx.commit().await?;
    tracing::info!(%symbol, active, %from, "a symbol's activity was changed");
    Ok(Activity::Changed(from))
}

const fn action(active: bool) -> &'static str {
    if active { "activate" } else { "deactivate" }
}
