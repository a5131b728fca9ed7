//! `import flows` and `import marks`: lines that are added to a portfolio.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::receipt::{LinesReceipt, Status};
use super::{LinesArgs, digest, file_name, read, rejected};
use crate::cli::{Error, find};
use crate::clock::Clock;
use crate::domain::{AssetClass, Calendar, Portfolio, Symbol};
use crate::import::{flows_csv, marks_csv};
use crate::store::inputs::{self, Changed};
use crate::store::{Pools, ReadTx, WriteTx, portfolios};

/// Imports cash flows: those that are not there yet are added.
pub async fn flows(pools: &Pools, clock: &Clock, args: &LinesArgs) -> Result<LinesReceipt, Error> {
    let today = Calendar::nyse().new_york_date(clock.now());
    let bytes = read(&args.file)?;
    let mut db = ReadTx::lazy(&pools.control);
    let portfolio = named(&mut db, &args.portfolio).await?;
    let with_dividends = portfolios::with_dividends(&mut db).await?;
    db.close().await?;
    let inception = portfolio.inception;
    let context = flows_csv::Context {
        inception,
        today,
        with_dividends: &with_dividends,
    };
    let flows = flows_csv::parse(&bytes, &context).map_err(rejected(&args.file))?;
    let mut tx = WriteTx::begin(&pools.control).await?;
    portfolios::lock(&mut tx, portfolio.id).await?;
    let dates = portfolios::insert_flows(&mut tx, portfolio.id, &flows).await?;
    finish(tx, args, "flows", portfolio, &bytes, flows.len(), &dates).await
}

/// Imports marks: those that are new or have another price are stored.
pub async fn marks(pools: &Pools, clock: &Clock, args: &LinesArgs) -> Result<LinesReceipt, Error> {
    let today = Calendar::nyse().new_york_date(clock.now());
    let bytes = read(&args.file)?;
    let mut db = ReadTx::lazy(&pools.control);
    let portfolio = named(&mut db, &args.portfolio).await?;
    let lots = portfolios::all_lots(&mut db, portfolio.id).await?;
    db.close().await?;
    let private: BTreeSet<Symbol> = lots
        .into_iter()
        .filter(|lot| lot.class == AssetClass::Private)
        .map(|lot| lot.symbol)
        .collect();
    let context = marks_csv::Context {
        today,
        private: &private,
    };
    let marks = marks_csv::parse(&bytes, &context).map_err(rejected(&args.file))?;
    let rows: Vec<_> = marks
        .into_iter()
        .map(|mark| (mark.symbol, mark.date, mark.price))
        .collect();
    let mut tx = WriteTx::begin(&pools.control).await?;
    portfolios::lock(&mut tx, portfolio.id).await?;
    let dates = portfolios::upsert_marks(&mut tx, portfolio.id, &rows).await?;
    finish(tx, args, "marks", portfolio, &bytes, rows.len(), &dates).await
}

async fn named(db: &mut ReadTx<'_>, text: &str) -> Result<Portfolio, Error> {
    let id = find::portfolio(db, text).await?;
    let portfolio = portfolios::get(db, id).await?;
    portfolio.ok_or_else(|| Error::misuse(format!("no portfolio {id}"), "it was deleted just now"))
}

async fn finish(
    mut tx: WriteTx,
    args: &LinesArgs,
    kind: &'static str,
    portfolio: Portfolio,
    bytes: &[u8],
    rows: usize,
    dates: &[NaiveDate],
) -> Result<LinesReceipt, Error> {
    let from_date = dates.iter().min().copied();
    if let Some(from) = from_date {
        portfolios::remember_import(&mut tx, portfolio.id, kind, &digest(bytes)).await?;
        let reason = format!("{kind} from {}", file_name(&args.file));
        inputs::changed(&mut tx, &[(Changed::Book(portfolio.id), from)], &reason).await?;
        tx.commit().await?;
    } else {
        tx.rollback().await?;
    }
    Ok(LinesReceipt {
        status: if from_date.is_some() {
            Status::Updated
        } else {
            Status::Unchanged
        },
        kind,
        file: args.file.clone(),
        portfolio: portfolio.id,
        name: portfolio.name,
        rows,
        changed: dates.len(),
        from_date,
    })
}
