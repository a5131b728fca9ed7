//! Cash flows of a portfolio: those that are not there yet are added, or the file is the whole list.

use std::path::PathBuf;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Error, Status, Who, file_name, gone};
use crate::clock::Clock;
use crate::domain::{Calendar, Portfolio, PortfolioId};
use crate::import::flows_csv;
use crate::import::lines::{Extent, FlowChange, compare_flows};
use crate::store::inputs::{self, Changed};
use crate::store::{Pools, ReadTx, WriteTx, events, portfolios};

/// What is to be imported.
#[derive(Debug, Clone)]
pub struct FlowsOrder {
    /// As its sender calls the file.
    pub file: PathBuf,
    /// Whose flows.
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
pub struct FlowsReceipt {
    /// What became of it.
    pub status: Status,
    /// Whose flows.
    pub portfolio: Portfolio,
    /// Rows of the file.
    pub rows: usize,
    /// What changed, or would change.
    pub change: FlowChange,
}

/// Imports flows; says what happened.
pub async fn flows(
    pools: &Pools,
    clock: &Clock,
    order: &FlowsOrder,
    bytes: &[u8],
) -> Result<FlowsReceipt, Error> {
    let (id, extent) = (order.portfolio, order.extent);
    let mut db = ReadTx::lazy(&pools.control);
    let portfolio = portfolios::get(&mut db, id).await?;
    let portfolio = portfolio.ok_or_else(|| gone(id))?;
    let with_dividends = portfolios::with_dividends(&mut db).await?;
    db.close().await?;
    let context = flows_csv::Context {
        inception: portfolio.inception,
        today: Calendar::nyse().new_york_date(clock.now()),
        with_dividends: &with_dividends,
        extent,
    };
    let flows = flows_csv::parse(bytes, &context)?;
    let mut tx = WriteTx::begin(&pools.control).await?;
    portfolios::lock(&mut tx, id).await?;
    let existing = portfolios::all_flows(&mut tx.reader(), id).await?;
    let change = compare_flows(&existing, &flows, extent);
    flows_csv::check_total(&existing, &change)?;
    let status = match change.from_date() {
        None => Status::Unchanged,
        Some(_) if order.dry_run => Status::DryRun,
        Some(from) => {
            portfolios::remove_flows(&mut tx, id, &change.removed).await?;
            portfolios::insert_flows(&mut tx, id, &flows).await?;
            if extent == Extent::Whole {
                portfolios::forget_imports(&mut tx, id, "flows").await?;
            }
            let digest = format!("{:x}", Sha256::digest(bytes));
            portfolios::remember_import(&mut tx, id, "flows", &digest).await?;
            if let Some(Who { who, reason }) = &order.who {
                let detail =
                    json!({ "added": change.added.len(), "removed": change.removed.len() });
                events::audit(
                    &mut tx,
                    who,
                    "import-flows",
                    &id.to_string(),
                    reason,
                    &detail,
                )
                .await?;
            }
            let reason = format!("flows from {}", file_name(&order.file));
            inputs::changed(&mut tx, &[(Changed::Book(id), from)], &reason).await?;
            Status::Updated
        }
    };
    match status {
        Status::Updated | Status::Created => tx.commit().await?,
        Status::Unchanged | Status::DryRun => tx.rollback().await?,
    }
    Ok(FlowsReceipt {
        status,
        portfolio,
        rows: flows.len(),
        change,
    })
}
