//! `import flows` and `import marks`: lines that are added to a portfolio, or with `--update` all
//! that it has.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::receipt::{LineChanges, LinesReceipt, Status};
use super::{LinesArgs, digest, file_name, read, rejected, told};
use crate::cli::{Error, find};
use crate::clock::Clock;
use crate::domain::{AssetClass, Calendar, Portfolio, Symbol};
use crate::import::lines::compare_marks;
use crate::import::marks_csv;
use crate::import::marks_csv::Mark;
use crate::intake::{self, FlowsOrder};
use crate::store::inputs::{self, Changed};
use crate::store::{Pools, ReadTx, WriteTx, portfolios};

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
    let today = Calendar::nyse().new_york_date(clock.now());
    let bytes = read(&args.file)?;
    let mut db = ReadTx::lazy(&pools.control);
    let portfolio = named(&mut db, &args.portfolio).await?;
    let lots = portfolios::all_lots(&mut db, portfolio.id).await?;
    db.close().await?;
    let mut private: BTreeMap<Symbol, Decimal> = BTreeMap::new();
    for lot in lots
        .into_iter()
        .filter(|lot| lot.class == AssetClass::Private)
    {
        *private.entry(lot.symbol).or_default() += lot.quantity.abs();
    }
    let context = marks_csv::Context {
        today,
        private: &private,
        extent: args.extent(),
    };
    let marks = marks_csv::parse(&bytes, &context).map_err(rejected(&args.file))?;
    let mut tx = WriteTx::begin(&pools.control).await?;
    portfolios::lock(&mut tx, portfolio.id).await?;
    let existing = portfolios::all_marks(&mut tx.reader(), portfolio.id).await?;
    let existing: Vec<Mark> = existing
        .into_iter()
        .map(|(symbol, date, price)| Mark {
            symbol,
            date,
            price,
        })
        .collect();
    let change = compare_marks(&existing, &marks, args.extent());
    let gone = change.removed.iter();
    let gone: Vec<_> = gone.map(|mark| (mark.symbol.clone(), mark.date)).collect();
    portfolios::remove_marks(&mut tx, portfolio.id, &gone).await?;
    let file = File {
        kind: "marks",
        rows: marks.len(),
        digest: digest(&bytes),
    };
    let rows = marks.into_iter();
    let rows: Vec<_> = rows
        .map(|mark| (mark.symbol, mark.date, mark.price))
        .collect();
    portfolios::upsert_marks(&mut tx, portfolio.id, &rows).await?;
    finish(tx, args, file, portfolio, change.into()).await
}

async fn named(db: &mut ReadTx<'_>, text: &str) -> Result<Portfolio, Error> {
    let id = find::portfolio(db, text).await?;
    let portfolio = portfolios::get(db, id).await?;
    portfolio.ok_or_else(|| Error::misuse(format!("no portfolio {id}"), "it was deleted just now"))
}

/// What was read.
struct File {
    kind: &'static str,
    rows: usize,
    digest: String,
}

/// Keeps what was written, unless nothing changed or nothing was to be.
async fn finish(
    mut tx: WriteTx,
    args: &LinesArgs,
    file: File,
    portfolio: Portfolio,
    changes: LineChanges,
) -> Result<LinesReceipt, Error> {
    let kind = file.kind;
    let status = match changes.from_date {
        None => Status::Unchanged,
        Some(_) if args.dry_run => Status::DryRun,
        Some(from) => {
            if args.update {
                portfolios::forget_imports(&mut tx, portfolio.id, kind).await?;
            }
            portfolios::remember_import(&mut tx, portfolio.id, kind, &file.digest).await?;
            let reason = format!("{kind} from {}", file_name(&args.file));
            inputs::changed(&mut tx, &[(Changed::Book(portfolio.id), from)], &reason).await?;
            Status::Updated
        }
    };
    match status {
        Status::Created | Status::Updated => tx.commit().await?,
        Status::Unchanged | Status::DryRun => tx.rollback().await?,
    }
    Ok(LinesReceipt {
        status,
        kind,
        file: args.file.clone(),
        portfolio: portfolio.id,
        name: portfolio.name,
        rows: file.rows,
        whole: args.update,
        changes,
    })
}
