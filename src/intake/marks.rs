//! Manual marks of private assets: those that are new or have another price are stored, or the file is the whole list.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rust_decimal::Decimal;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Error, Status, Who, file_name, gone};
use crate::clock::Clock;
use crate::domain::{AssetClass, Calendar, Portfolio, PortfolioId, Symbol};
use crate::import::lines::{Extent, MarkChange, compare_marks};
use crate::import::marks_csv::{self, Mark};
use crate::store::inputs::{self, Changed};
use crate::store::portfolios::DatedPrice;
use crate::store::{Pools, ReadTx, WriteTx, events, portfolios};

/// What is to be imported.
#[derive(Debug, Clone)]
pub struct MarksOrder {
    /// As its sender calls the file.
    pub file: PathBuf,
    /// Whose marks.
    pub portfolio: PortfolioId,
    /// Whether lines that are not in the file go.
    pub extent: Extent,
    /// Only say what would change.
    pub dry_run: bool,
    /// For the audit table, where one is kept.
    pub who: Option<Who>,
}

/// What it did.
#[derive(Debug)]
pub struct MarksReceipt {
    /// What became of it.
    pub status: Status,
    /// Whose marks.
    pub portfolio: Portfolio,
    /// Rows of the file.
    pub rows: usize,
    /// What changed, or would change.
    pub change: MarkChange,
}

/// Imports marks; says what happened.
pub async fn marks(
    pools: &Pools,
    clock: &Clock,
    order: &MarksOrder,
    bytes: &[u8],
) -> Result<MarksReceipt, Error> {
    let (id, extent) = (order.portfolio, order.extent);
    let mut db = ReadTx::lazy(&pools.control);
    let portfolio = portfolios::get(&mut db, id).await?;
    let portfolio = portfolio.ok_or_else(|| gone(id))?;
    let lots = portfolios::all_lots(&mut db, id).await?;
    db.close().await?;
    let mut private: BTreeMap<Symbol, Decimal> = BTreeMap::new();
    for lot in lots {
        if lot.class == AssetClass::Private {
            *private.entry(lot.symbol).or_default() += lot.quantity.abs();
        }
    }
    let context = marks_csv::Context {
        today: Calendar::nyse().new_york_date(clock.now()),
        private: &private,
        extent,
    };
    let marks = marks_csv::parse(bytes, &context)?;
    let mut tx = WriteTx::begin(&pools.control).await?;
    portfolios::lock(&mut tx, id).await?;
    let existing = portfolios::all_marks(&mut tx.reader(), id).await?;
    let existing: Vec<Mark> = existing.into_iter().map(mark).collect();
    let change = compare_marks(&existing, &marks, extent);
    let rows = marks.len();
    let status = match change.from_date() {
        None => Status::Unchanged,
        Some(_) if order.dry_run => Status::DryRun,
        Some(from) => {
            let gone = change.removed.iter();
            let gone: Vec<_> = gone.map(|mark| (mark.symbol.clone(), mark.date)).collect();
            portfolios::remove_marks(&mut tx, id, &gone).await?;
            let marks = marks.into_iter();
            let marks: Vec<DatedPrice> = marks
                .map(|mark| (mark.symbol, mark.date, mark.price))
                .collect();
            portfolios::upsert_marks(&mut tx, id, &marks).await?;
            if extent == Extent::Whole {
                portfolios::forget_imports(&mut tx, id, "marks").await?;
            }
            let digest = format!("{:x}", Sha256::digest(bytes));
            portfolios::remember_import(&mut tx, id, "marks", &digest).await?;
            if let Some(Who { who, reason }) = &order.who {
                let detail = json!({
                    "added": change.added.len(),
                    "corrected": change.corrected.len(),
                    "removed": change.removed.len(),
                });
                let target = id.to_string();
                events::audit(&mut tx, who, "import-marks", &target, reason, &detail).await?;
            }
            let reason = format!("marks from {}", file_name(&order.file));
            inputs::changed(&mut tx, &[(Changed::Book(id), from)], &reason).await?;
            Status::Updated
        }
    };
    match status {
        Status::Updated | Status::Created => tx.commit().await?,
        Status::Unchanged | Status::DryRun => tx.rollback().await?,
    }
    Ok(MarksReceipt {
        status,
        portfolio,
        rows,
        change,
    })
}

fn mark((symbol, date, price): DatedPrice) -> Mark {
    Mark {
        symbol,
        date,
        price,
    }
}
