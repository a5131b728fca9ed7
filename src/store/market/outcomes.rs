//! What providers answered for sessions.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::Series;
use crate::domain::Symbol;
use crate::store::{Attempt, ReadTx, Result, WriteTx, word};

/// Rows of `symbol_outcomes`, as columns.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// Symbol of each row.
    pub symbols: Vec<String>,
    /// Session of each row.
    pub dates: Vec<NaiveDate>,
    /// What came of it.
    pub outcomes: Vec<String>,
    /// Why there is no value, where there is none.
    pub reasons: Vec<Option<String>>,
    /// A close that is no price.
    pub refused: Vec<Option<Decimal>>,
}

/// Records what a provider answered for sessions: priced where there is a value, else the reason.
pub async fn record_outcomes(tx: &mut WriteTx, rows: &Outcomes) -> Result<()> {
    sqlx::query!(
        "insert into symbol_outcomes (symbol, date, outcome, reason, refused)
         select symbol, date, outcome, reason, refused
         from unnest($1::text[], $2::date[], $3::text[], $4::text[], $5::numeric[]) as o(symbol, date, outcome, reason, refused)
         order by symbol, date
         on conflict (symbol, date) do update
         set outcome = excluded.outcome, reason = excluded.reason, refused = excluded.refused
         where (symbol_outcomes.outcome, symbol_outcomes.reason, symbol_outcomes.refused)
               is distinct from (excluded.outcome, excluded.reason, excluded.refused)",
        &rows.symbols,
        &rows.dates,
        &rows.outcomes,
        &rows.reasons as &[Option<String>],
        &rows.refused as &[Option<Decimal>]
    )
    .execute(tx.connection())
    .await
    .attempt("recording outcomes")?;
    Ok(())
}

/// Closes of a window that are no prices: evidence for those who look at the quality of a series.
pub async fn refused(
    db: &mut ReadTx<'_>,
    symbols: &[String],
    from: NaiveDate,
    to: NaiveDate,
) -> Result<BTreeMap<Symbol, Series>> {
    sqlx::query!(
        r#"select symbol, array_agg(date order by date) as "dates!", array_agg(refused::float8 order by date) as "values!"
           from symbol_outcomes
           where symbol = any($1) and date between $2 and $3 and outcome = 'refused'
           group by symbol"#,
        symbols,
        from,
        to
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading closes that are no prices")?
    .into_iter()
    .map(|row| {
        let symbol = word("symbol_outcomes", &row.symbol)?;
        let (dates, values) = (row.dates, row.values);
        Ok((symbol, Series { dates, values }))
    })
    .collect()
}

/// The newest reason why a symbol has no price up to a date. Of an inactive one that no provider was asked for on that date, it
/// is this: what was answered before says nothing of it.
pub async fn reasons_without_price(
    db: &mut ReadTx<'_>,
    symbols: &[String],
    as_of: NaiveDate,
) -> Result<BTreeMap<Symbol, String>> {
    sqlx::query!(
        r#"select s.symbol as "symbol!", coalesce(unasked.reason, newest.reason) as "reason!"
           from unnest($1::text[]) as s(symbol)
           left join lateral (select 'inactive: no provider is asked for it' as reason from symbol_universe u
                              where u.symbol = s.symbol and not u.active
                                and not exists (select from symbol_outcomes o where o.symbol = s.symbol and o.date = $2)) unasked on true
           left join lateral (select coalesce(o.reason, o.outcome) as reason from symbol_outcomes o
                              where o.symbol = s.symbol and o.date <= $2 and o.outcome <> 'priced'
                              order by o.date desc limit 1) newest on true
           where unasked.reason is not null or newest.reason is not null"#,
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
