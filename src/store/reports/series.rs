//! The ledger's values over the dates that readers may see.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::domain::{PortfolioId, RunId};
use crate::store::{Attempt, ReadTx, Result};

/// Which dates: all conditions that are given must hold.
#[derive(Debug, Clone, Copy, Default)]
pub struct Days {
    /// Not before.
    pub from: Option<NaiveDate>,
    /// Not after.
    pub to: Option<NaiveDate>,
    /// After this one: the last of the page before.
    pub after: Option<NaiveDate>,
    /// Nothing failed.
    pub strict: bool,
}

/// A published date's values.
#[derive(Debug, Clone)]
pub struct PublishedDay {
    /// The date.
    pub as_of: NaiveDate,
    /// The run whose analytics are shown.
    pub run: RunId,
    /// Whether nothing failed.
    pub strict: bool,
    /// Modelled gross over gross, a fraction.
    pub coverage: Option<f64>,
    /// cash + long + short.
    pub nav: Decimal,
    /// May be negative.
    pub cash: Decimal,
    /// At least zero.
    pub long_value: Decimal,
    /// At most zero.
    pub short_value: Decimal,
    /// Contributions less withdrawals of the day.
    pub external_flows: Decimal,
    /// Of the day.
    pub pnl_day: Decimal,
    /// Since inception.
    pub pnl_total: Decimal,
    /// A fraction of the net asset value of the session before.
    pub return_day: Option<f64>,
}

/// The historical value at risk over one session that was stored with dates of a range, a positive fraction, at a confidence.
pub async fn values_at_risk(
    db: &mut ReadTx<'_>,
    portfolio: PortfolioId,
    (from, to): (NaiveDate, NaiveDate),
    confidence: f64,
) -> Result<BTreeMap<NaiveDate, f64>> {
    let rows = sqlx::query!(
        r#"select as_of, historical_1 as "loss!" from value_at_risk
           where portfolio_id = $1 and as_of between $2 and $3 and confidence = $4 and historical_1 is not null"#,
        portfolio.0,
        from,
        to,
        confidence
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading values at risk")?;
    Ok(rows.into_iter().map(|row| (row.as_of, row.loss)).collect())
}

/// A page of published dates, oldest first.
pub async fn published_days(
    db: &mut ReadTx<'_>,
    portfolio: PortfolioId,
    days: Days,
    limit: i64,
) -> Result<Vec<PublishedDay>> {
    let rows = sqlx::query!(
        r#"select d.as_of as "as_of!", d.run_id as "run_id!", d.strict as "strict!", c.coverage, s.nav, s.cash,
                  s.long_value, s.short_value, s.external_flows, s.pnl_day, s.pnl_total, s.return_day
           from published_dates d
           join portfolio_snapshots s using (portfolio_id, as_of)
           join completeness c using (portfolio_id, as_of)
           where d.portfolio_id = $1 and ($2::date is null or d.as_of >= $2) and ($3::date is null or d.as_of <= $3)
             and ($4::date is null or d.as_of > $4) and (d.strict or not $5)
           order by d.as_of limit $6"#,
        portfolio.0,
        days.from,
        days.to,
        days.after,
        days.strict,
        limit
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading snapshots")?;
    let rows = rows.into_iter().map(|row| PublishedDay {
        as_of: row.as_of,
        run: RunId(row.run_id),
        strict: row.strict,
        coverage: row.coverage,
        nav: row.nav,
        cash: row.cash,
        long_value: row.long_value,
        short_value: row.short_value,
        external_flows: row.external_flows,
        pnl_day: row.pnl_day,
        pnl_total: row.pnl_total,
        return_day: row.return_day,
    });
    Ok(rows.collect())
}

/// The first published date of a range that is not strictly complete.
pub async fn first_not_strict(
    db: &mut ReadTx<'_>,
    portfolio: PortfolioId,
    from: Option<NaiveDate>,
    to: NaiveDate,
) -> Result<Option<NaiveDate>> {
    sqlx::query_scalar!(
        "select min(as_of) from published_dates
         where portfolio_id = $1 and ($2::date is null or as_of >= $2) and as_of <= $3 and not strict",
        portfolio.0,
        from,
        to
    )
    .fetch_one(db.connection().await?)
    .await
    .attempt("looking for a date that is not complete")
}
