//! Splits and dividends.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::domain::{Symbol, TradingDate};
use crate::store::{Attempt, ReadTx, Result, WriteTx, word};

/// Rows of `corporate_actions`, as columns.
#[derive(Debug, Default)]
pub struct Actions {
    /// Symbol of each row.
    pub symbols: Vec<String>,
    /// Ex-date of each row.
    pub ex_dates: Vec<NaiveDate>,
    /// Shares after the split for one before it.
    pub splits: Vec<Option<Decimal>>,
    /// Cash per share after the split of the same day.
    pub dividends: Vec<Option<Decimal>>,
}

/// Stores corporate actions; says per symbol the earliest ex-date that is new or different.
pub async fn upsert_actions(
    tx: &mut WriteTx,
    actions: &Actions,
    source: &str,
) -> Result<Vec<(String, NaiveDate)>> {
    let rows = sqlx::query!(
        r#"with stored as (
               insert into corporate_actions (symbol, ex_date, split_ratio, cash_dividend, source)
               select symbol, ex_date, split, dividend, $5
               from unnest($1::text[], $2::date[], $3::numeric[], $4::numeric[]) as a(symbol, ex_date, split, dividend)
               order by symbol, ex_date
               on conflict (symbol, ex_date) do update
               set split_ratio = excluded.split_ratio, cash_dividend = excluded.cash_dividend, source = excluded.source
               where (corporate_actions.split_ratio, corporate_actions.cash_dividend)
                     is distinct from (excluded.split_ratio, excluded.cash_dividend)
               returning symbol, ex_date
           )
           select symbol as "symbol!", min(ex_date) as "date!" from stored group by symbol order by symbol"#,
        &actions.symbols,
        &actions.ex_dates,
        &actions.splits as &[Option<Decimal>],
        &actions.dividends as &[Option<Decimal>],
        source
    )
    .fetch_all(tx.connection())
    .await
    .attempt("storing corporate actions")?;
    Ok(rows.into_iter().map(|row| (row.symbol, row.date)).collect())
}

/// A split or a dividend.
#[derive(Debug, Clone)]
pub struct Action {
    /// Whose.
    pub symbol: Symbol,
    /// First session without the right to it.
    pub ex_date: TradingDate,
    /// Shares after for one before.
    pub split: Option<Decimal>,
    /// Cash per share after the split of the same day.
    pub dividend: Option<Decimal>,
}

/// Corporate actions up to a date, by symbol and ex-date.
pub async fn actions(
    db: &mut ReadTx<'_>,
    symbols: &[String],
    to: NaiveDate,
) -> Result<Vec<Action>> {
    sqlx::query!(
        "select symbol, ex_date, split_ratio, cash_dividend from corporate_actions
         where symbol = any($1) and ex_date <= $2 order by symbol, ex_date",
        symbols,
        to
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading corporate actions")?
    .into_iter()
    .map(|row| {
        Ok(Action {
            symbol: word("corporate_actions", &row.symbol)?,
            ex_date: TradingDate::trusted(row.ex_date),
            split: row.split_ratio,
            dividend: row.cash_dividend,
        })
    })
    .collect()
}
