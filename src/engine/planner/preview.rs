//! What a request would do: the same plan, undone.

use std::collections::{BTreeMap, BTreeSet};

use super::{Basis, PlanError, Planned, Request, plan_within};
use crate::domain::{PermitClass, PhaseName, PortfolioId, Symbol, TradingDate};
use crate::engine::{Engine, Error};
use crate::phases::MODEL_VERSION;
use crate::store::{WriteTx, plans, tasks};

/// A plan of which nothing was stored.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The plan. The id of its run means nothing.
    pub planned: Planned,
    /// What providers would be asked, by phase.
    pub provider: Vec<ProviderCalls>,
    /// Results of portfolios, each for one date, within the scope and since inception.
    pub portfolio_dates: usize,
    /// Those of them that are current and stay as they are.
    pub reused: usize,
    /// Symbols held within the dates, or underlyings, of which no close is stored.
    pub without_closes: Vec<Symbol>,
    /// Those of them that a provider will be asked for, and may not have; for the others one was asked before.
    pub closes_asked_for: Vec<Symbol>,
}

/// What providers are asked in one phase.
#[derive(Debug, Clone)]
pub struct ProviderCalls {
    /// The phase.
    pub phase: PhaseName,
    /// Questions: one for each of its tasks.
    pub calls: usize,
    /// Symbols asked for.
    pub symbols: usize,
}

/// Plans and undoes it.
pub async fn preview(engine: &Engine, request: &Request) -> Result<Preview, PlanError> {
    let mut tx = WriteTx::begin(&engine.pools.control).await?;
    let planned = plan_within(engine, &mut tx, request, &Basis::Asked).await?;
    let mut provider = Vec::new();
    let mut priced = BTreeSet::new();
    for phase in engine.registry.iter() {
        if phase.class() != PermitClass::Provider || planned.existing {
            continue;
        }
        let name = phase.name();
        let inputs = tasks::inputs(&mut tx, planned.run, name).await?;
        let mut symbols = BTreeSet::new();
        for (as_of, input) in &inputs {
            let subjects = phase.subjects(input, *as_of);
            let subjects = subjects.map_err(|source| Error::Plan {
                phase: name,
                source,
            })?;
            symbols.extend(subjects.symbols);
        }
        provider.push(ProviderCalls {
            phase: name,
            calls: inputs.len(),
            symbols: symbols.len(),
        });
        if name == PhaseName::MarketData {
            priced = symbols;
        }
    }
    let ids = super::choice::portfolios(&mut tx, &request.portfolios).await?;
    let ids: Vec<_> = ids.into_iter().map(|portfolio| portfolio.id).collect();
    let mut db = tx.reader();
    let count = |work: BTreeMap<PortfolioId, Vec<TradingDate>>| work.values().map(Vec::len).sum();
    let all = plans::lacking(&mut db, &ids, &planned.dates, MODEL_VERSION, true).await?;
    let due = match planned.due {
        Some(due) => due,
        None => count(plans::lacking(&mut db, &ids, &planned.dates, MODEL_VERSION, false).await?),
    };
    let without_closes = match (planned.dates.first(), planned.dates.last()) {
        (Some(first), Some(last)) => {
            plans::without_closes(&mut db, &ids, (first.date(), last.date())).await?
        }
        _ => Vec::new(),
    };
    tx.rollback().await?;
    let asked_for = without_closes.iter().filter(|one| priced.contains(*one));
    let closes_asked_for = asked_for.cloned().collect();
    let portfolio_dates: usize = count(all);
    Ok(Preview {
        planned,
        provider,
        portfolio_dates,
        reused: portfolio_dates - due,
        without_closes,
        closes_asked_for,
    })
}
