//! What providers answered for sessions.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::domain::Symbol;
use crate::store::{Attempt, ReadTx, Result, WriteTx, word};

/// Records what a provider answered for sessions: priced where there is a value, else the reason.
pub async fn record_outcomes(
    tx: &mut WriteTx,
    symbols: &[String],
    dates: &[NaiveDate],
    outcomes: &[String],
    reasons: &[Option<String>],
) -> Result<()> {
    sqlx::query!(
        "insert into symbol_outcomes (symbol, date, outcome, reason)
         select symbol, date, outcome, reason
         from unnest($1::text[], $2::date[], $3::text[], $4::text[]) as o(symbol, date, outcome, reason)
         order by symbol, date
         on conflict (symbol, date) do update set outcome = excluded.outcome, reason = excluded.reason
         where (symbol_outcomes.outcome, symbol_outcomes.reason) is distinct from (excluded.outcome, excluded.reason)",
        symbols,
        dates,
        outcomes,
        reasons as &[Option<String>]
    )
    .execute(tx.connection())
    .await
    .attempt("recording outcomes")?;
    Ok(())
}

/// The newest reason why a symbol has no price up to a date.
pub async fn reasons_without_price(
    db: &mut ReadTx<'_>,
    symbols: &[String],
    as_of: NaiveDate,
) -> Result<BTreeMap<Symbol, String>> {
    sqlx::query!(
        r#"select distinct on (symbol) symbol, coalesce(reason, outcome) as "reason!"
           from symbol_outcomes
           where symbol = any($1) and date <= $2 and outcome <> 'priced'
           order by symbol, date desc"#,
        symbols,
        as_of
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading reasons")?
    .into_iter()
    .map(|row| Ok((word("symbol_outcomes", &row.symbol)?, row.reason)))
    .collect()
}

/// Why symbols have no price on dates: what the provider answered for each of them.
pub async fn reasons_on(
    db: &mut ReadTx<'_>,
    symbols: &[String],
    dates: &[NaiveDate],
) -> Result<BTreeMap<(Symbol, NaiveDate), String>> {
    sqlx::query!(
        r#"select symbol, date, coalesce(reason, outcome) as "reason!"
           from symbol_outcomes
           where symbol = any($1) and date = any($2) and outcome <> 'priced'"#,
        symbols,
        dates
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading the reasons of dates")?
    .into_iter()
    .map(|row| {
        Ok((
            (word("symbol_outcomes", &row.symbol)?, row.date),
            row.reason,
        ))
    })
    .collect()
}
