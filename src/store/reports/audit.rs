//! Results that should be there against those that are.

use chrono::NaiveDate;

use crate::domain::{PortfolioId, TradingDate};
use crate::store::{Attempt, ReadTx, Result};

/// Results of one kind and owner that should be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// `position-values`, `symbol-factors`, `factor-covariance`, …
    pub kind: String,
    /// A portfolio's id, a symbol, or `factors`.
    pub owner: String,
    /// The name of a portfolio.
    pub name: Option<String>,
    /// How many.
    pub dates: i64,
    /// Dates without a result.
    pub missing: Vec<NaiveDate>,
    /// Dates whose result is older than its inputs.
    pub stale: Vec<NaiveDate>,
    /// Dates whose result is of another version of the models.
    pub outdated: Vec<NaiveDate>,
    /// Dates whose analytics failed in part.
    pub not_strict: Vec<NaiveDate>,
}

/// What should be there of all portfolios, or of one, at some sessions since inception: values, snapshots
/// and analytics; factors and metrics of the symbols that are held at the date; the covariance of the
/// factors.
pub async fn expected(
    db: &mut ReadTx<'_>,
    sessions: &[TradingDate],
    portfolio: Option<PortfolioId>,
    model_version: &str,
) -> Result<Vec<Expected>> {
    let sessions: Vec<NaiveDate> = sessions.iter().map(|date| date.date()).collect();
    let rows = sqlx::query_file!(
        "src/store/reports/audit.sql",
        &sessions,
        portfolio.map(|id| id.0),
        model_version
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("comparing results with what should be there")?;
    Ok(rows
        .into_iter()
        .map(|row| Expected {
            kind: row.kind,
            owner: row.owner,
            name: row.name,
            dates: row.dates,
            missing: row.missing,
            stale: row.stale,
            outdated: row.outdated,
            not_strict: row.not_strict,
        })
        .collect())
}
