//! The scope of a run: what it is about is frozen, and its symbols are registered.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::PlanError;
use crate::domain::{PhaseName, PortfolioId, SeriesKind, TradingDate};
use crate::engine::{Engine, Error};
use crate::phases::{Scope, market_data};
use crate::store::universe::Wanted;
use crate::store::{WriteTx, definitions, universe};

/// Freezes what the run is about, and registers its symbols.
pub(super) async fn freeze(
    engine: &Engine,
    tx: &mut WriteTx,
    (force, recompute): (bool, bool),
    portfolios: Vec<PortfolioId>,
    dates: Vec<TradingDate>,
    work: BTreeMap<PortfolioId, Vec<TradingDate>>,
) -> Result<Scope, PlanError> {
    let Some(&to) = dates.last() else {
        return Err(PlanError::NoPortfolio);
    };
    let mut db = tx.reader();
    let definitions = definitions::load(&mut db).await?;
    let mut symbols: Vec<Wanted> = Vec::new();
    let mut awaited = BTreeMap::new();
    let first_work = work.values().flatten().min().copied();
    if let Some(first) = first_work {
        let owners: Vec<PortfolioId> = work.keys().copied().collect();
        symbols = universe::held(&mut db, &owners, first.date(), to.date()).await?;
        for factor in &definitions.factors {
            let yields = factor.kind == SeriesKind::Yield;
            let held = symbols
                .iter_mut()
                .find(|wanted| wanted.symbol == factor.proxy);
            match held {
                // Held no more, but looked at like every proxy.
                Some(wanted) if wanted.class == "CLOSED" => {
                    wanted.class = "PROXY".into();
                    wanted.until = None;
                }
                Some(_) => {}
                None => symbols.push(Wanted {
                    symbol: factor.proxy.clone(),
                    class: "PROXY".into(),
                    yields,
                    since: None,
                    until: None,
                }),
            }
        }
        let names: Vec<String> = symbols
            .iter()
            .map(|wanted| wanted.symbol.to_string())
            .collect();
        let inactive = universe::inactive(&mut db, &names).await?;
        // Nobody asks providers for them. Books that hold one still rest on a model of what is stored of it.
        symbols.retain(|wanted| wanted.class == "PUBLIC" || !inactive.contains(&wanted.symbol));
        for wanted in &mut symbols {
            if inactive.contains(&wanted.symbol) {
                wanted.class = "INACTIVE".into();
            }
        }
        symbols.sort();
        let asked: Vec<Wanted> = symbols
            .iter()
            .filter(|wanted| wanted.is_asked_for())
            .cloned()
            .collect();
        let span = (first, to);
        awaited = market_data::awaited(&mut db, engine.calendar, &asked, span)
            .await
            .map_err(|source| Error::Plan {
                phase: PhaseName::MarketData,
                source,
            })?;
        universe::ensure(tx, &asked, first.date(), to.date()).await?;
    }
    Ok(Scope {
        final_date: to,
        dates,
        force,
        recompute,
        portfolios,
        work,
        symbols,
        awaited,
        definitions: Arc::new(definitions),
        calendar: engine.calendar,
    })
}
