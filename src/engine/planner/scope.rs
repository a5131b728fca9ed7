//! The scope of a run: what it is about is frozen, and its symbols are registered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;

use super::PlanError;
use crate::domain::{PhaseName, PortfolioId, SeriesKind, Symbol, TradingDate};
use crate::engine::{Engine, Error};
use crate::phases::{MODEL_VERSION, Scope, market_data};
use crate::store::definitions::Definitions;
use crate::store::universe::Wanted;
use crate::store::{self, ReadTx, WriteTx, definitions, market, plans, universe};

/// What lacks current results: portfolio → dates, ascending.
type Work = BTreeMap<PortfolioId, Vec<TradingDate>>;

/// Freezes what the run is about, and registers its symbols. What is current and rests on closes that the run will ask for becomes its work,
/// too: the answers would leave it stale.
pub(super) async fn freeze(
    engine: &Engine,
    tx: &mut WriteTx,
    (force, recompute): (bool, bool),
    portfolios: Vec<PortfolioId>,
    dates: Vec<TradingDate>,
    mut work: Work,
) -> Result<Scope, PlanError> {
    let Some(&to) = dates.last() else {
        return Err(PlanError::NoPortfolio);
    };
    let definitions = definitions::load(&mut tx.reader()).await?;
    let mut symbols = Vec::new();
    let mut awaited = BTreeMap::new();
    // An older date looks further back, and may await more.
    while let Some(first) = work.values().flatten().min().copied() {
        let mut db = tx.reader();
        symbols = wanted(&mut db, &definitions, &work, (first, to)).await?;
        let asked: Vec<Wanted> = (symbols.iter().filter(|wanted| wanted.is_asked_for()))
            .cloned()
            .collect();
        awaited = market_data::awaited(&mut db, engine.calendar, &asked, (first, to))
            .await
            .map_err(|source| Error::Plan {
                phase: PhaseName::MarketData,
                source,
            })?;
        let run = (portfolios.as_slice(), dates.as_slice());
        let reopened = reopened(engine, &mut db, &definitions, run, &work, &awaited).await?;
        if reopened.is_empty() {
            universe::ensure(tx, &asked, first.date(), to.date()).await?;
            break;
        }
        for (portfolio, date) in reopened {
            work.entry(portfolio).or_default().push(date);
        }
        for dates in work.values_mut() {
            dates.sort_unstable();
        }
    }
    let first = |(symbol, missing): (Symbol, Vec<NaiveDate>)| Some((symbol, *missing.first()?));
    Ok(Scope {
        final_date: to,
        dates,
        force,
        recompute,
        portfolios,
        work,
        symbols,
        awaited: awaited.into_iter().filter_map(first).collect(),
        definitions: Arc::new(definitions),
        calendar: engine.calendar,
    })
}

/// The symbols that work needs, factor proxies included, ascending.
async fn wanted(
    db: &mut ReadTx<'_>,
    definitions: &Definitions,
    work: &Work,
    (first, to): (TradingDate, TradingDate),
) -> store::Result<Vec<Wanted>> {
    let owners: Vec<PortfolioId> = work.keys().copied().collect();
    let mut symbols = universe::held(db, &owners, first.date(), to.date()).await?;
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
    let inactive = universe::inactive(db, &names).await?;
    // Nobody asks providers for them. Books that hold one still rest on a model of what is stored of it.
    symbols.retain(|wanted| wanted.class == "PUBLIC" || !inactive.contains(&wanted.symbol));
    for wanted in &mut symbols {
        if inactive.contains(&wanted.symbol) {
            wanted.class = "INACTIVE".into();
        }
    }
    symbols.sort();
    Ok(symbols)
}

/// Current results of the run's books and dates that will not be, once the awaited closes are there.
async fn reopened(
    engine: &Engine,
    db: &mut ReadTx<'_>,
    definitions: &Definitions,
    (portfolios, dates): (&[PortfolioId], &[TradingDate]),
    work: &Work,
    awaited: &BTreeMap<Symbol, Vec<NaiveDate>>,
) -> Result<Vec<(PortfolioId, TradingDate)>, PlanError> {
    let planned: usize = work.values().map(Vec::len).sum();
    if awaited.is_empty() || planned == portfolios.len() * dates.len() {
        return Ok(Vec::new());
    }
    let all = plans::lacking(db, portfolios, dates, MODEL_VERSION, true).await?;
    let planned: BTreeSet<(PortfolioId, TradingDate)> = pairs(work).collect();
    let mut current: Vec<(PortfolioId, TradingDate)> =
        pairs(&all).filter(|pair| !planned.contains(pair)).collect();
    let names: Vec<String> = awaited.keys().map(ToString::to_string).collect();
    let known = market::first_known(db, &names).await?;
    let concerned = awaited.iter().map(|(symbol, missing)| {
        let known = known.get(symbol.as_str()).copied();
        let spans = market_data::concerned(engine.calendar, missing, known);
        (symbol, spans)
    });
    let concerned: BTreeMap<&Symbol, Vec<(NaiveDate, Option<NaiveDate>)>> = concerned.collect();
    let rests = |symbol: &Symbol, date: TradingDate| {
        let date = date.date();
        let mut spans = concerned.get(symbol).into_iter().flatten();
        spans.any(|(from, to)| *from <= date && to.is_none_or(|to| date <= to))
    };
    let books: BTreeSet<PortfolioId> = current.iter().map(|(portfolio, _)| *portfolio).collect();
    let books: Vec<PortfolioId> = books.into_iter().collect();
    let rested = universe::rested_on(db, &books, &names).await?;
    current.retain(|(portfolio, date)| {
        let mut held = rested.get(portfolio).into_iter().flatten();
        held.any(|(symbol, since)| *since <= date.date() && rests(symbol, *date))
            || (definitions.factors.iter()).any(|factor| rests(&factor.proxy, *date))
    });
    Ok(current)
}

fn pairs(work: &Work) -> impl Iterator<Item = (PortfolioId, TradingDate)> {
    work.iter()
        .flat_map(|(portfolio, dates)| dates.iter().map(move |date| (*portfolio, *date)))
}
