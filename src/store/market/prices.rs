//! Closes and yields.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::domain::Symbol;
use crate::store::{Attempt, ReadTx, Result, WriteTx, word};

/// Rows of `market_data_cache`, as columns.
#[derive(Debug, Default)]
pub struct Bars {
    /// Symbol of each row.
    pub symbols: Vec<String>,
    /// Session of each row.
    pub dates: Vec<NaiveDate>,
    /// Close of each row.
    pub closes: Vec<Decimal>,
    /// Open, where known.
    pub opens: Vec<Option<Decimal>>,
    /// High, where known.
    pub highs: Vec<Option<Decimal>>,
    /// Low, where known.
    pub lows: Vec<Option<Decimal>>,
    /// Volume, where known.
    pub volumes: Vec<Option<Decimal>>,
}

/// Values of a symbol that are new or different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fresh {
    /// The symbol.
    pub symbol: String,
    /// The earliest date.
    pub first: NaiveDate,
    /// The latest date.
    pub last: NaiveDate,
    /// Where all of them are older than every value that was known: the first known one.
    pub before: Option<NaiveDate>,
}

/// Stores bars; says per symbol which closes are new or different, those older than all known ones
/// apart. Only the rows themselves can say that, and not the snapshot of a statement: what somebody
/// else stored in the meantime is neither new nor unknown.
pub async fn upsert_bars(tx: &mut WriteTx, bars: &Bars, source: &str) -> Result<Vec<Fresh>> {
    let rows = sqlx::query!(
        r#"insert into market_data_cache (symbol, date, close, open, high, low, volume, source)
           select symbol, date, close, open, high, low, volume, $8
           from unnest($1::text[], $2::date[], $3::numeric[], $4::numeric[], $5::numeric[], $6::numeric[], $7::numeric[])
                as b(symbol, date, close, open, high, low, volume)
           order by symbol, date
           on conflict (symbol, date) do update
           set close = excluded.close, open = excluded.open, high = excluded.high, low = excluded.low,
               volume = excluded.volume, source = excluded.source
           where market_data_cache.close <> excluded.close
           returning symbol, date"#,
        &bars.symbols,
        &bars.dates,
        &bars.closes,
        &bars.opens as &[Option<Decimal>],
        &bars.highs as &[Option<Decimal>],
        &bars.lows as &[Option<Decimal>],
        &bars.volumes as &[Option<Decimal>],
        source
    )
    .fetch_all(tx.connection())
    .await
    .attempt("storing prices")?;
    sqlx::query!(
        "update market_data_cache m
         set open = b.open, high = b.high, low = b.low, volume = b.volume, source = $7
         from unnest($1::text[], $2::date[], $3::numeric[], $4::numeric[], $5::numeric[], $6::numeric[])
              as b(symbol, date, open, high, low, volume)
         where m.symbol = b.symbol and m.date = b.date
           and (m.open, m.high, m.low, m.volume) is distinct from (b.open, b.high, b.low, b.volume)",
        &bars.symbols,
        &bars.dates,
        &bars.opens as &[Option<Decimal>],
        &bars.highs as &[Option<Decimal>],
        &bars.lows as &[Option<Decimal>],
        &bars.volumes as &[Option<Decimal>],
        source
    )
    .execute(tx.connection())
    .await
    .attempt("storing what no result looks at")?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let (symbols, dates): (Vec<String>, Vec<NaiveDate>) =
        rows.into_iter().map(|row| (row.symbol, row.date)).unzip();
    sqlx::query_as!(
        Fresh,
        r#"with fresh as (
               select symbol, date from unnest($1::text[], $2::date[]) as f(symbol, date)
           ), known as (
               select m.symbol, min(m.date) as first from market_data_cache m
               where m.symbol = any($1)
                 and not exists (select from fresh f where f.symbol = m.symbol and f.date = m.date)
               group by m.symbol
           )
           select f.symbol as "symbol!", min(f.date) as "first!", max(f.date) as "last!",
                  case when f.date < k.first then k.first end as before
           from fresh f left join known k using (symbol) group by f.symbol, 4 order by f.symbol, 4"#,
        &symbols,
        &dates
    )
    .fetch_all(tx.connection())
    .await
    .attempt("looking at what was known before")
}

/// Those of the symbols whose first known close was so late that a contract on them was settled without one. Such a settlement is in the
/// cash of its book from then on, and older closes change it.
pub async fn settled_without(tx: &mut WriteTx, fresh: &[Fresh]) -> Result<BTreeSet<String>> {
    let late = fresh
        .iter()
        .filter_map(|fresh| Some((fresh.symbol.clone(), fresh.before?)));
    let (symbols, known): (Vec<String>, Vec<NaiveDate>) = late.unzip();
    if symbols.is_empty() {
        return Ok(BTreeSet::new());
    }
    let settled = sqlx::query_scalar!(
        r#"select distinct f.symbol as "symbol!" from unnest($1::text[], $2::date[]) as f(symbol, known)
           join positions p on p.underlying = f.symbol
           where p.deleted_at is null and p.expiry_session < f.known"#,
        &symbols,
        &known
    )
    .fetch_all(tx.connection())
    .await
    .attempt("looking for settled contracts")?;
    Ok(settled.into_iter().collect())
}

/// Stores yields; says per series which values are new or different, those older than all known
/// ones apart.
pub async fn upsert_yields(
    tx: &mut WriteTx,
    symbols: &[String],
    dates: &[NaiveDate],
    yields: &[Decimal],
    source: &str,
) -> Result<Vec<Fresh>> {
    let rows = sqlx::query!(
        "insert into yields (symbol, date, yield, source)
         select symbol, date, yield, $4 from unnest($1::text[], $2::date[], $3::numeric[]) as y(symbol, date, yield)
         order by symbol, date
         on conflict (symbol, date) do update set yield = excluded.yield, source = excluded.source
         where yields.yield <> excluded.yield
         returning symbol, date",
        symbols,
        dates,
        yields,
        source
    )
    .fetch_all(tx.connection())
    .await
    .attempt("storing yields")?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let (symbols, dates): (Vec<String>, Vec<NaiveDate>) =
        rows.into_iter().map(|row| (row.symbol, row.date)).unzip();
    sqlx::query_as!(
        Fresh,
        r#"with fresh as (
               select symbol, date from unnest($1::text[], $2::date[]) as f(symbol, date)
           ), known as (
               select y.symbol, min(y.date) as first from yields y
               where y.symbol = any($1)
                 and not exists (select from fresh f where f.symbol = y.symbol and f.date = y.date)
               group by y.symbol
           )
           select f.symbol as "symbol!", min(f.date) as "first!", max(f.date) as "last!",
                  case when f.date < k.first then k.first end as before
           from fresh f left join known k using (symbol) group by f.symbol, 4 order by f.symbol, 4"#,
        &symbols,
        &dates
    )
    .fetch_all(tx.connection())
    .await
    .attempt("looking at what was known before")
}

/// A series of closes or yields as numbers, where there are values.
#[derive(Debug, Clone)]
pub struct Series {
    /// Ascending.
    pub dates: Vec<NaiveDate>,
    /// Closes in currency, or yields as fractions per year.
    pub values: Vec<f64>,
}

/// The first session of each symbol that a provider was asked for, or of which there is a close or a yield.
pub async fn first_known(
    db: &mut ReadTx<'_>,
    symbols: &[String],
) -> Result<BTreeMap<String, NaiveDate>> {
    let rows = sqlx::query!(
        r#"select symbol as "symbol!", first as "first!"
           from (select asked.symbol, least(
                     (select min(date) from market_data_cache m where m.symbol = asked.symbol),
                     (select min(date) from yields y where y.symbol = asked.symbol),
                     (select min(date) from symbol_outcomes o where o.symbol = asked.symbol)) as first
                 from unnest($1::text[]) as asked(symbol)) found
           where first is not null"#,
        symbols
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("looking for the first sessions of symbols")?;
    Ok(rows
        .into_iter()
        .map(|row| (row.symbol, row.first))
        .collect())
}

/// Closes of a window, for statistics: decimals cross to doubles here, correctly rounded.
pub async fn closes(
    db: &mut ReadTx<'_>,
    symbols: &[String],
    from: NaiveDate,
    to: NaiveDate,
) -> Result<BTreeMap<Symbol, Series>> {
    sqlx::query!(
        r#"select symbol, array_agg(date) as "dates!", array_agg(close::float8) as "values!"
           from (select symbol, date, close from market_data_cache
                 where symbol = any($1) and date between $2 and $3 order by symbol, date) sorted
           group by symbol"#,
        symbols,
        from,
        to
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading closes")?
    .into_iter()
    .map(|row| series("market_data_cache", &row.symbol, row.dates, row.values))
    .collect()
}

/// Yields of a window.
pub async fn yields(
    db: &mut ReadTx<'_>,
    symbols: &[String],
    from: NaiveDate,
    to: NaiveDate,
) -> Result<BTreeMap<Symbol, Series>> {
    sqlx::query!(
        r#"select symbol, array_agg(date) as "dates!", array_agg(yield::float8) as "values!"
           from (select symbol, date, yield from yields
                 where symbol = any($1) and date between $2 and $3 order by symbol, date) sorted
           group by symbol"#,
        symbols,
        from,
        to
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading yields")?
    .into_iter()
    .map(|row| series("yields", &row.symbol, row.dates, row.values))
    .collect()
}

fn series(
    table: &'static str,
    symbol: &str,
    dates: Vec<NaiveDate>,
    values: Vec<f64>,
) -> Result<(Symbol, Series)> {
    Ok((word(table, symbol)?, Series { dates, values }))
}
