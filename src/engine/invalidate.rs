//! Invalidate: what looks at an input from a date on is computed again, because somebody says so.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde_json::json;

use super::{Engine, Error, Order};
use crate::domain::{PortfolioId, Symbol};
use crate::store::inputs::{self, Changed, Stale};
use crate::store::{WriteTx, definitions, events};

/// Whose results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A portfolio's.
    Portfolio(PortfolioId),
    /// Those of a symbol, and of every portfolio that holds it; of everybody if it is a factor's proxy.
    Symbol(Symbol),
}

/// What became stale: kind → owner → dates, ascending.
pub type Outdated = BTreeMap<String, BTreeMap<String, BTreeSet<NaiveDate>>>;

/// Makes results stale from a date on, so that the next run computes them again: exactly these, and
/// a result that was loaded before cannot hide it. With `dry` nothing is stored.
pub async fn invalidate(
    engine: &Engine,
    target: &Target,
    from: NaiveDate,
    order: Order<'_>,
    dry: bool,
) -> Result<Outdated, Error> {
    let mut tx = WriteTx::begin(&engine.pools.control).await?;
    let before: BTreeSet<Stale> = inputs::stale(&mut tx, from).await?.into_iter().collect();
    let mut changes = Vec::new();
    match target {
        Target::Portfolio(id) => changes.push((Changed::Book(*id), from)),
        Target::Symbol(symbol) => {
            changes.push((Changed::Prices(symbol.clone()), from));
            changes.push((Changed::Profile(symbol.clone()), from));
            let definitions = definitions::load(&mut tx.reader()).await?;
            if definitions
                .factors
                .iter()
                .any(|factor| &factor.proxy == symbol)
            {
                changes.push((Changed::ProxyPrices, from));
            }
        }
    }
    inputs::changed(&mut tx, &changes, "invalidated").await?;
    let mut outdated = Outdated::new();
    let mut sets = 0_usize;
    for stale in inputs::stale(&mut tx, from).await? {
        if !before.contains(&stale) {
            sets += 1;
            let owners = outdated.entry(stale.kind).or_default();
            owners.entry(stale.owner).or_default().insert(stale.as_of);
        }
    }
    if dry {
        tx.rollback().await?;
        return Ok(outdated);
    }
    let name = match target {
        Target::Portfolio(id) => format!("portfolio {id}"),
        Target::Symbol(symbol) => format!("symbol {symbol}"),
    };
    let detail = json!({ "from": from, "sets": sets });
    events::audit(
        &mut tx,
        order.who,
        "invalidate",
        &name,
        order.reason,
        &detail,
    )
    .await?;
    tx.commit().await?;
    tracing::info!(target = name, %from, sets, "results invalidated");
    Ok(outdated)
}
