//! `import flows` and `import marks`: lines that are added to a portfolio, or with `--update` all
//! that it has.

use super::receipt::LinesReceipt;
use super::{LinesArgs, read, told};
use crate::cli::{Error, find};
use crate::clock::Clock;
use crate::domain::Portfolio;
use crate::intake::{self, FlowsOrder, MarksOrder};
use crate::store::{Pools, ReadTx, portfolios};

/// Imports cash flows: those that are not there yet are added; with `--update` others go.
pub async fn flows(pools: &Pools, clock: &Clock, args: &LinesArgs) -> Result<LinesReceipt, Error> {
    let bytes = read(&args.file)?;
    let mut db = ReadTx::lazy(&pools.control);
    let portfolio = named(&mut db, &args.portfolio).await?;
    db.close().await?;
    let order = FlowsOrder {
        file: args.file.clone(),
        portfolio: portfolio.id,
        extent: args.extent(),
        dry_run: args.dry_run,
        who: None,
    };
    let receipt = intake::flows(pools, clock, &order, &bytes).await;
    let receipt = receipt.map_err(|error| told(error, &args.file))?;
    Ok(LinesReceipt {
        status: receipt.status,
        kind: "flows",
        file: args.file.clone(),
        portfolio: portfolio.id,
        name: portfolio.name,
        rows: receipt.rows,
        whole: args.update,
        changes: receipt.change.into(),
    })
}

/// Imports marks: those that are new or have another price are stored; with `--update` others go.
pub async fn marks(pools: &Pools, clock: &Clock, args: &LinesArgs) -> Result<LinesReceipt, Error> {
    let bytes = read(&args.file)?;
    let mut db = ReadTx::lazy(&pools.control);
    let portfolio = named(&mut db, &args.portfolio).await?;
    db.close().await?;
    let order = MarksOrder {
        file: args.file.clone(),
        portfolio: portfolio.id,
        extent: args.extent(),
        dry_run: args.dry_run,
        who: None,
    };
    let receipt = intake::marks(pools, clock, &order, &bytes).await;
    let receipt = receipt.map_err(|error| told(error, &args.file))?;
    Ok(LinesReceipt {
        status: receipt.status,
        kind: "marks",
        file: args.file.clone(),
        portfolio: portfolio.id,
        name: portfolio.name,
        rows: receipt.rows,
        whole: args.update,
        changes: receipt.change.into(),
    })
}

async fn named(db: &mut ReadTx<'_>, text: &str) -> Result<Portfolio, Error> {
    let id = find::portfolio(db, text).await?;
    let portfolio = portfolios::get(db, id).await?;
    portfolio.ok_or_else(|| Error::misuse(format!("no portfolio {id}"), "it was deleted just now"))
}
