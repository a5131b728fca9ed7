//! Statements and estimates.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::store::{Attempt, Result, WriteTx};

/// Rows of fundamentals, as columns.
#[derive(Debug, Default)]
pub struct Statements {
    /// Symbol of each row.
    pub symbols: Vec<String>,
    /// End of the period.
    pub period_ends: Vec<NaiveDate>,
    /// Which statement.
    pub kinds: Vec<String>,
    /// Which line of it.
    pub items: Vec<String>,
    /// In the currency of the company.
    pub values: Vec<Decimal>,
}

/// Stores lines of statements.
pub async fn upsert_statements(tx: &mut WriteTx, rows: &Statements) -> Result<()> {
    sqlx::query!(
        "insert into financial_statements (symbol, period_end, kind, item, value)
         select * from unnest($1::text[], $2::date[], $3::text[], $4::text[], $5::numeric[])
         on conflict (symbol, period_end, kind, item) do update set value = excluded.value",
        &rows.symbols,
        &rows.period_ends,
        &rows.kinds,
        &rows.items,
        &rows.values
    )
    .execute(tx.connection())
    .await
    .attempt("storing statements")?;
    Ok(())
}

/// Stores estimates; `kinds` are not looked at.
pub async fn upsert_estimates(tx: &mut WriteTx, rows: &Statements) -> Result<()> {
    sqlx::query!(
        "insert into financial_estimates (symbol, period_end, item, value)
         select * from unnest($1::text[], $2::date[], $3::text[], $4::numeric[])
         on conflict (symbol, period_end, item) do update set value = excluded.value",
        &rows.symbols,
        &rows.period_ends,
        &rows.items,
        &rows.values
    )
    .execute(tx.connection())
    .await
    .attempt("storing estimates")?;
    Ok(())
}

/// Records that fundamentals were asked for.
pub async fn record_fundamentals(
    tx: &mut WriteTx,
    symbols: &[String],
    last_earnings: &[Option<NaiveDate>],
    reasons: &[Option<String>],
    as_of: NaiveDate,
) -> Result<()> {
    sqlx::query!(
        "insert into fundamentals_outcomes (symbol, as_of, last_earnings, outcome, reason)
         select symbol, $4, last_earnings, case when reason is null then 'done' else 'not_applicable' end, reason
         from unnest($1::text[], $2::date[], $3::text[]) as f(symbol, last_earnings, reason)
         order by symbol
         on conflict (symbol) do update
         set as_of = excluded.as_of, last_earnings = excluded.last_earnings, outcome = excluded.outcome,
             reason = excluded.reason
         where fundamentals_outcomes.as_of <= excluded.as_of",
        symbols,
        last_earnings as &[Option<NaiveDate>],
        reasons as &[Option<String>],
        as_of
    )
    .execute(tx.connection())
    .await
    .attempt("recording fundamentals")?;
    Ok(())
}
