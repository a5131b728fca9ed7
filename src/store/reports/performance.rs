//! The published snapshots of a range: what performance is computed from.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::domain::PortfolioId;
use crate::store::{Attempt, ReadTx, Result};

/// A session of a portfolio.
#[derive(Debug, Clone)]
pub struct SnapshotDay {
    /// The session.
    pub as_of: NaiveDate,
    /// At the close.
    pub nav: Decimal,
    /// Contributions less withdrawals, at the close.
    pub external_flows: Decimal,
    /// Profit of the session.
    pub pnl_day: Decimal,
    /// A flow above a tenth of the value before.
    pub large_flow: bool,
    /// Modelled gross over gross, a fraction.
    pub coverage: Option<f64>,
}

/// The published snapshots of a range, by date; open ends where none are given.
pub async fn snapshots(
    db: &mut ReadTx<'_>,
    portfolio: PortfolioId,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
) -> Result<Vec<SnapshotDay>> {
    sqlx::query_as!(
        SnapshotDay,
        r#"select s.as_of, s.nav, s.external_flows, s.pnl_day, s.large_flow, c.coverage
           from published_dates d
           join portfolio_snapshots s using (portfolio_id, as_of)
           join completeness c using (portfolio_id, as_of)
           where d.portfolio_id = $1 and ($2::date is null or d.as_of >= $2) and ($3::date is null or d.as_of <= $3)
           order by s.as_of"#,
        portfolio.0,
        from,
        to
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading snapshots")
}
