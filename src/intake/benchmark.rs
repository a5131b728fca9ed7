//! Sector weights of a benchmark: the dates of a file take the place of what is stored for them, other dates stay.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::NaiveDate;
use serde_json::json;

use super::{Error, Status, Who, file_name};
use crate::clock::Clock;
use crate::domain::Calendar;
use crate::import::benchmark_csv::{self, Weights};
use crate::store::inputs::{self, Changed};
use crate::store::{Pools, WriteTx, benchmarks, events};

/// What is to be imported.
#[derive(Debug, Clone)]
pub struct BenchmarkOrder {
    /// As its sender calls the file.
    pub file: PathBuf,
    /// The benchmark, as [`benchmark_csv::name`] takes it.
    pub name: String,
    /// For the audit table.
    pub who: Who,
}

/// What it did.
#[derive(Debug)]
pub struct BenchmarkReceipt {
    /// What became of it.
    pub status: Status,
    /// Rows of the file.
    pub rows: usize,
    /// Dates that had no weights before.
    pub added: Vec<NaiveDate>,
    /// Dates that had others.
    pub replaced: Vec<NaiveDate>,
    /// Dates that had the same.
    pub unchanged: Vec<NaiveDate>,
    /// The earliest date whose results change.
    pub from_date: Option<NaiveDate>,
}

/// Imports weights; says what happened. Only what is new or different makes results stale, from its earliest date on.
pub async fn benchmark(
    pools: &Pools,
    clock: &Clock,
    order: &BenchmarkOrder,
    bytes: &[u8],
) -> Result<BenchmarkReceipt, Error> {
    let today = Calendar::nyse().new_york_date(clock.now());
    let told = benchmark_csv::parse(bytes, today)?;
    let rows = told.values().map(BTreeMap::len).sum();
    let dates: Vec<NaiveDate> = told.keys().copied().collect();
    let mut tx = WriteTx::begin(&pools.control).await?;
    benchmarks::lock(&mut tx).await?;
    let known = benchmarks::weights(&mut tx.reader(), &order.name, &dates).await?;
    let (unchanged, changed): (Weights, Weights) = told
        .into_iter()
        .partition(|(date, weights)| known.get(date) == Some(weights));
    let (replaced, added) = changed.keys().partition(|date| known.contains_key(*date));
    let mut receipt = BenchmarkReceipt {
        status: Status::Unchanged,
        rows,
        added,
        replaced,
        unchanged: unchanged.into_keys().collect(),
        from_date: changed.keys().next().copied(),
    };
    let Some(from) = receipt.from_date else {
        tx.rollback().await?;
        return Ok(receipt);
    };
    benchmarks::replace(&mut tx, &order.name, &changed).await?;
    let detail = json!({ "added": receipt.added, "replaced": receipt.replaced, "from": from });
    let (Who { who, reason }, name) = (&order.who, &order.name);
    events::audit(&mut tx, who, "import-benchmark", name, reason, &detail).await?;
    let reason = format!("weights of {name} from {}", file_name(&order.file));
    inputs::changed(&mut tx, &[(Changed::Benchmarks, from)], &reason).await?;
    tx.commit().await?;
    receipt.status = Status::Updated;
    Ok(receipt)
}
