//! The newest date of a portfolio that was computed, for those who ask why none is published.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::domain::PortfolioId;
use crate::store::{Attempt, ReadTx, Result};

/// The newest date with results, whether readers may see it or not; nothing where none was ever computed. Of a portfolio without a
/// published date it is stale: an input changed after it.
pub async fn computed(db: &mut ReadTx<'_>, portfolio: PortfolioId) -> Result<Option<NaiveDate>> {
    let newest = computed_of_each(db, &[portfolio]).await?;
    Ok(newest.into_values().next())
}

/// The same of each of them; those of which none was ever computed are left out.
pub async fn computed_of_each(
    db: &mut ReadTx<'_>,
    portfolios: &[PortfolioId],
) -> Result<BTreeMap<PortfolioId, NaiveDate>> {
    let ids: Vec<uuid::Uuid> = portfolios.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select p.id as "id!", d.as_of as "as_of!"
           from unnest($1::uuid[]) as p(id)
           cross join lateral (
               select s.as_of
               from portfolio_snapshots s
               join completeness c using (portfolio_id, as_of)
               join result_set rs
                 on rs.kind = 'portfolio-analytics' and rs.owner = s.portfolio_id::text and rs.as_of = s.as_of
               where s.portfolio_id = p.id
               order by s.as_of desc limit 1
           ) d"#,
        &ids
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("looking for the newest computed dates")?;
    let newest = rows.into_iter();
    Ok(newest.map(|row| (PortfolioId(row.id), row.as_of)).collect())
}
