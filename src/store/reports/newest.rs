//! The newest date of a portfolio that was computed, for those who ask why none is published.

use chrono::NaiveDate;

use crate::domain::PortfolioId;
use crate::store::{Attempt, ReadTx, Result};

/// The newest date with results, whether readers may see it or not; nothing where none was ever computed. Of a portfolio without a
/// published date it is stale: an input changed after it.
pub async fn computed(db: &mut ReadTx<'_>, portfolio: PortfolioId) -> Result<Option<NaiveDate>> {
    sqlx::query_scalar!(
        "select s.as_of
         from portfolio_snapshots s
         join completeness c using (portfolio_id, as_of)
         join result_set rs on rs.kind = 'portfolio-analytics' and rs.owner = s.portfolio_id::text and rs.as_of = s.as_of
         where s.portfolio_id = $1
         order by s.as_of desc limit 1",
        portfolio.0
    )
    .fetch_optional(db.connection().await?)
    .await
    .attempt("looking for the newest computed date")
}
