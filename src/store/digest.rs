//! One number for all results: two installations that computed the same from the same inputs have
//! the same digest, whatever their runs, tasks, retries and crashes were.
//!
//! Hashed is what results say, not how they came about: no run, task, epoch, data version or time.
//! Rows are encoded by `record_send`, in the binary form of their types, so that neither collation,
//! `extra_float_digits`, time zone nor date style enters; numerics lose the zeros at their end, so
//! that 1.50 is 1.5. Postgres hashes groups of rows in key order; we hash the hashes as they come,
//! so that memory is bounded on both sides.

mod market;
mod portfolio;

use chrono::NaiveDate;
use futures::stream::{Stream, TryStreamExt};
use sha2::Sha256;

use super::{Attempt, ReadTx, Result};
use crate::domain::PortfolioId;

/// Digest of results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// SHA-256 over all tables, in hex.
    pub total: String,
    /// Each table in a fixed order.
    pub tables: Vec<TableDigest>,
}

/// Digest of a table's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDigest {
    /// The table.
    pub table: &'static str,
    /// SHA-256 of its rows, in hex.
    pub sha256: String,
    /// How many rows.
    pub rows: i64,
}

/// What is hashed.
struct Only {
    portfolio: Option<uuid::Uuid>,
    /// The portfolio as headers name it.
    owner: Option<String>,
    date: Option<NaiveDate>,
}

/// A group of rows, hashed by Postgres.
struct Group {
    hash: Vec<u8>,
    rows: i64,
}

/// The digest of all results: of one portfolio, of one date, or of everything.
///
/// With a portfolio, what is computed per symbol stays out; with a date, what has no date of its
/// own does: live marks, tags and profiles, which later nights overwrite.
pub async fn digest(
    db: &mut ReadTx<'_>,
    portfolio: Option<PortfolioId>,
    date: Option<NaiveDate>,
) -> Result<Digest> {
    let only = Only {
        portfolio: portfolio.map(|id| id.0),
        owner: portfolio.map(|id| id.to_string()),
        date,
    };
    let mut tables = portfolio::tables(db, &only).await?;
    if portfolio.is_none() {
        tables.extend(market::tables(db, &only).await?);
    }
    let mut total = Sha256::default();
    for table in &tables {
        let line = format!("{} {} {}\n", table.table, table.sha256, table.rows);
        sha2::Digest::update(&mut total, line);
    }
    Ok(Digest {
        total: hex(total),
        tables,
    })
}

/// Hashes the groups of a table as they come.
async fn fold(
    table: &'static str,
    groups: impl Stream<Item = std::result::Result<Group, sqlx::Error>>,
) -> Result<TableDigest> {
    let (hash, rows) = groups
        .try_fold((Sha256::default(), 0), async |(mut hash, rows), group| {
            sha2::Digest::update(&mut hash, &group.hash);
            Ok((hash, rows + group.rows))
        })
        .await
        .attempt("hashing results")?;
    Ok(TableDigest {
        table,
        sha256: hex(hash),
        rows,
    })
}

fn hex(hash: Sha256) -> String {
    format!("{:x}", sha2::Digest::finalize(hash))
}
