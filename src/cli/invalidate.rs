//! `invalidate`: what looks at a portfolio or symbol from a date on is computed again by the next run.

use std::fmt::Write as _;

use serde_json::json;

use super::text::{count, left, right, table};
use super::{Error, GlobalSettings, InvalidateArgs, Output, find};
use crate::domain::{Calendar, PortfolioId, Symbol};
use crate::engine::{self, Engine, Outdated, PlanError, Target};
use crate::store::{ReadTx, portfolios, universe};

/// Invalidates, or says what that would do.
pub async fn run(
    settings: &GlobalSettings,
    args: &InvalidateArgs,
    json: bool,
) -> Result<Output, Error> {
    let engine = super::engine(settings).await?;
    let target = target(&engine, &args.target).await?;
    let today = Calendar::nyse().new_york_date(engine.clock.now());
    if args.from > today {
        return Err(Error::misuse(
            format!("{} is in the future", args.from),
            "choose the first date whose results are to be computed again",
        ));
    }
    let order = args.order.order();
    let outdated = engine::invalidate(&engine, &target, args.from, order, args.dry_run).await;
    let outdated = outdated.map_err(PlanError::from)?;
    let document = || {
        let sets = outdated.iter().flat_map(|(kind, owners)| {
            owners
                .iter()
                .map(move |(owner, dates)| json!({ "kind": kind, "owner": owner, "dates": dates }))
        });
        json!({
            "target": args.target,
            "from": args.from,
            "dry_run": args.dry_run,
            "stale": sets.collect::<Vec<_>>(),
        })
    };
    Ok(Output::either(json, document, || page(args, &outdated)))
}

/// A portfolio by id or name, else a symbol of the universe.
async fn target(engine: &Engine, text: &str) -> Result<Target, Error> {
    let mut db = ReadTx::lazy(&engine.pools.control);
    let symbol = match Symbol::parse(text) {
        Ok(symbol) if universe::knows(&mut db, &symbol).await? => Some(symbol),
        _ => None,
    };
    let named = match text.parse::<PortfolioId>() {
        Ok(_) => true,
        Err(_) => !portfolios::named(&mut db, text.trim()).await?.is_empty(),
    };
    let target = match symbol {
        Some(symbol) if !named => Target::Symbol(symbol),
        Some(_) => {
            return Err(Error::misuse(
                format!("{text:?} is a symbol and the name of a portfolio"),
                "name the portfolio by its id, or give it another name",
            ));
        }
        None => Target::Portfolio(find::portfolio(&mut db, text).await?),
    };
    db.close().await?;
    Ok(target)
}

fn page(args: &InvalidateArgs, outdated: &Outdated) -> String {
    let sets: usize = outdated
        .values()
        .flat_map(|owners| owners.values().map(std::collections::BTreeSet::len))
        .sum();
    let verb = if args.dry_run { "would be" } else { "are" };
    let sets = count(sets, "set");
    let mut page = format!(
        "{sets} of results {verb} stale: {} from {} on\n",
        args.target, args.from
    );
    let rows = outdated.iter().map(|(kind, owners)| {
        let dates: std::collections::BTreeSet<_> = owners.values().flatten().collect();
        let text =
            |date: Option<&&chrono::NaiveDate>| date.map_or_else(String::new, ToString::to_string);
        vec![
            kind.clone(),
            owners.len().to_string(),
            text(dates.first()),
            text(dates.last()),
        ]
    });
    let columns = [left("kind"), right("owners"), left("first"), left("last")];
    if !outdated.is_empty() {
        let _ = write!(page, "\n{}", table(&columns, rows));
        if !args.dry_run {
            page.push_str("\nThe next run of these dates computes them again.\n");
        }
    }
    page
}
