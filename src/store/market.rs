//! Prices, yields, corporate actions, profiles and fundamentals: what providers answered.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::{Attempt, ReadTx, Result, WriteTx, word};
use crate::domain::{PriceHistory, Symbol, TradingDate};

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

/// Exact histories for the ledger: closes from the last one before `from` to `to`, all splits and
/// dividends up to `to`.
pub async fn histories(
    db: &mut ReadTx<'_>,
    symbols: &[String],
    from: NaiveDate,
    to: NaiveDate,
) -> Result<BTreeMap<Symbol, PriceHistory>> {
    let mut histories: BTreeMap<Symbol, PriceHistory> = BTreeMap::new();
    let closes = sqlx::query!(
        r#"select s.symbol as "symbol!", array_agg(m.date order by m.date) as "dates!",
                  array_agg(m.close order by m.date) as "closes!: Vec<Decimal>"
           from unnest($1::text[]) as s(symbol)
           cross join lateral (
               select coalesce(max(date), $2) as first from market_data_cache where symbol = s.symbol and date < $2
           ) before
           join market_data_cache m on m.symbol = s.symbol and m.date between before.first and $3
           group by s.symbol"#,
        symbols,
        from,
        to
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading prices")?;
    for row in closes {
        let history = histories
            .entry(word("market_data_cache", &row.symbol)?)
            .or_default();
        let dates = row.dates.into_iter().map(TradingDate::trusted);
        history.closes = dates.zip(row.closes).collect();
    }
    for action in actions(db, symbols, to).await? {
        let history = histories.entry(action.symbol).or_default();
        if let Some(split) = action.split {
            history.splits.push((action.ex_date, split));
        }
        if let Some(dividend) = action.dividend {
            history.dividends.push((action.ex_date, dividend));
        }
    }
    Ok(histories)
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

/// A series of closes or yields as numbers, where there are values.
#[derive(Debug, Clone)]
pub struct Series {
    /// Ascending.
    pub dates: Vec<NaiveDate>,
    /// Closes in currency, or yields as fractions per year.
    pub values: Vec<f64>,
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
    .map(|row| {
        let symbol = word("market_data_cache", &row.symbol)?;
        Ok((
            symbol,
            Series {
                dates: row.dates,
                values: row.values,
            },
        ))
    })
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
    .map(|row| {
        let symbol = word("yields", &row.symbol)?;
        Ok((
            symbol,
            Series {
                dates: row.dates,
                values: row.values,
            },
        ))
    })
    .collect()
}

/// A company as results use it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProfileRow {
    /// Why there is none.
    pub reason: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Sector.
    pub sector: Option<String>,
    /// Industry.
    pub industry: Option<String>,
    /// Country.
    pub country: Option<String>,
    /// Currency.
    pub currency: Option<String>,
    /// What it is: EQUITY, ETF, MUTUALFUND, …
    pub quote_type: Option<String>,
    /// Beta as the provider has it.
    pub beta: Option<f64>,
    /// A fraction per year.
    pub dividend_yield: Option<f64>,
    /// In the currency.
    pub market_cap: Option<Decimal>,
    /// Prose.
    pub description: Option<String>,
}

/// Stores profiles of distinct symbols; says of which a field that results use is new or different. A
/// newer profile stays.
pub async fn upsert_profiles(
    tx: &mut WriteTx,
    profiles: &[(Symbol, ProfileRow)],
    source: &str,
    as_of: NaiveDate,
) -> Result<Vec<Symbol>> {
    let texts = |of: fn(&ProfileRow) -> &Option<String>| -> Vec<Option<String>> {
        profiles.iter().map(|(_, row)| of(row).clone()).collect()
    };
    let symbols: Vec<String> = profiles
        .iter()
        .map(|(symbol, _)| symbol.to_string())
        .collect();
    let (reasons, sectors) = (texts(|row| &row.reason), texts(|row| &row.sector));
    let quote_types = texts(|row| &row.quote_type);
    let betas: Vec<_> = profiles.iter().map(|(_, row)| row.beta).collect();
    let dividend_yields: Vec<_> = profiles.iter().map(|(_, row)| row.dividend_yield).collect();
    let changed = sqlx::query_scalar!(
        r#"with stored as (
               insert into company_profiles (symbol, available, reason, sector, quote_type, beta, dividend_yield, source, as_of)
               select symbol, reason is null, reason, sector, quote_type, beta, dividend_yield, $7, $8
               from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::float8[], $6::float8[])
                    as g(symbol, reason, sector, quote_type, beta, dividend_yield)
               order by symbol
               on conflict (symbol) do update
               set sector = excluded.sector, quote_type = excluded.quote_type, beta = excluded.beta,
                   dividend_yield = excluded.dividend_yield
               where company_profiles.as_of <= excluded.as_of
                 and (company_profiles.sector, company_profiles.quote_type, company_profiles.beta,
                      company_profiles.dividend_yield)
                     is distinct from (excluded.sector, excluded.quote_type, excluded.beta, excluded.dividend_yield)
               returning symbol, xmax <> 0 as updated, num_nonnulls(sector, quote_type, beta, dividend_yield) > 0 as told
           )
           -- A new profile in which all of them are missing is what no profile was.
           select symbol from stored where updated or told order by symbol"#,
        &symbols,
        &reasons as &[Option<String>],
        &sectors as &[Option<String>],
        &quote_types as &[Option<String>],
        &betas as &[Option<f64>],
        &dividend_yields as &[Option<f64>],
        source,
        as_of
    )
    .fetch_all(tx.connection())
    .await
    .attempt("storing profiles")?;
    let (names, industries) = (texts(|row| &row.name), texts(|row| &row.industry));
    let (countries, currencies) = (texts(|row| &row.country), texts(|row| &row.currency));
    let descriptions = texts(|row| &row.description);
    let market_caps: Vec<_> = profiles.iter().map(|(_, row)| row.market_cap).collect();
    sqlx::query!(
        "update company_profiles p
         set available = g.reason is null, reason = g.reason, name = g.name, industry = g.industry, country = g.country,
             currency = g.currency, market_cap = g.market_cap, description = g.description, source = $9, as_of = $10
         from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::numeric[], $8::text[])
              as g(symbol, reason, name, industry, country, currency, market_cap, description)
         where p.symbol = g.symbol and p.as_of <= $10",
        &symbols,
        &reasons as &[Option<String>],
        &names as &[Option<String>],
        &industries as &[Option<String>],
        &countries as &[Option<String>],
        &currencies as &[Option<String>],
        &market_caps as &[Option<Decimal>],
        &descriptions as &[Option<String>],
        source,
        as_of
    )
    .execute(tx.connection())
    .await
    .attempt("storing descriptions")?;
    changed
        .iter()
        .map(|symbol| word("company_profiles", symbol))
        .collect()
}

/// Profiles that are available.
pub async fn profiles(
    db: &mut ReadTx<'_>,
    symbols: &[String],
) -> Result<BTreeMap<Symbol, ProfileRow>> {
    sqlx::query!(
        "select symbol, reason, name, sector, industry, country, currency, quote_type, beta, dividend_yield,
                market_cap, description
         from company_profiles where symbol = any($1) and available order by symbol",
        symbols
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading profiles")?
    .into_iter()
    .map(|row| {
        let profile = ProfileRow {
            reason: row.reason,
            name: row.name,
            sector: row.sector,
            industry: row.industry,
            country: row.country,
            currency: row.currency,
            quote_type: row.quote_type,
            beta: row.beta,
            dividend_yield: row.dividend_yield,
            market_cap: row.market_cap,
            description: row.description,
        };
        Ok((word("company_profiles", &row.symbol)?, profile))
    })
    .collect()
}

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

/// What the cached closes mean; `None` before the first.
pub async fn basis(pool: &super::Pool) -> Result<Option<String>> {
    sqlx::query_scalar!("select provider_basis from install")
        .fetch_one(pool)
        .await
        .attempt("reading the basis of the prices")
}

/// Says what the closes mean that are about to be stored, if nobody has yet; returns what holds.
pub async fn pin_basis(tx: &mut WriteTx, basis: &str) -> Result<String> {
    let known = sqlx::query_scalar!("select provider_basis from install")
        .fetch_one(tx.connection())
        .await
        .attempt("reading the basis of the prices")?;
    if let Some(known) = known {
        return Ok(known);
    }
    sqlx::query_scalar!(
        r#"update install set provider_basis = coalesce(provider_basis, $1)
           returning provider_basis as "it!""#,
        basis
    )
    .fetch_one(tx.connection())
    .await
    .attempt("fixing the basis of the prices")
}
