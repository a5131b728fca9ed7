//! What the planner asks: who is active, what lacks current results, what is missing.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use uuid::Uuid;

use super::{Attempt, ReadTx, Result, word};
use crate::domain::{PortfolioId, Symbol, TradingDate};

/// Later runs in which a failed analytic is tried again unasked.
const REPAIRS: i16 = 3;

/// A portfolio that may be planned.
#[derive(Debug, Clone)]
pub struct Active {
    /// Its id.
    pub id: PortfolioId,
    /// Its inception, as imported.
    pub inception: NaiveDate,
}

/// Active portfolios: all, or those of the list.
pub async fn active(db: &mut ReadTx<'_>, only: Option<&[PortfolioId]>) -> Result<Vec<Active>> {
    let only: Option<Vec<Uuid>> = only.map(|ids| ids.iter().map(|id| id.0).collect());
    let rows = sqlx::query!(
        "select id, inception from portfolios
         where deleted_at is null and ($1::uuid[] is null or id = any($1)) order by id",
        only.as_deref()
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading the active portfolios")?;
    Ok(rows
        .into_iter()
        .map(|row| Active {
            id: PortfolioId(row.id),
            inception: row.inception,
        })
        .collect())
}

/// Per portfolio the dates since its inception without current results, ascending. Current: values,
/// snapshot and analytics are committed by this model version, none of them is stale, and no analytic
/// failed in up to three runs.
pub async fn lacking(
    db: &mut ReadTx<'_>,
    portfolios: &[PortfolioId],
    dates: &[TradingDate],
    model_version: &str,
    force: bool,
) -> Result<BTreeMap<PortfolioId, Vec<TradingDate>>> {
    let portfolios: Vec<Uuid> = portfolios.iter().map(|id| id.0).collect();
    let dates: Vec<NaiveDate> = dates.iter().map(|date| date.date()).collect();
    let rows = sqlx::query!(
        r#"select p.id, d.as_of as "as_of!"
           from portfolios p
           cross join unnest($2::date[]) as d(as_of)
           where p.id = any($1) and d.as_of >= p.inception
             and ($4 or (select count(*) from result_set rs
                         where rs.owner = p.id::text and rs.as_of = d.as_of and rs.model_version = $3
                           and rs.kind in ('position-values', 'pnl-snapshots', 'portfolio-analytics')) < 3
                  or exists (select from stale_result_sets s
                             where s.owner = p.id::text and s.as_of = d.as_of
                               and s.kind in ('position-values', 'pnl-snapshots', 'portfolio-analytics'))
                  or exists (select from completeness c
                             where c.portfolio_id = p.id and c.as_of = d.as_of
                               and c.failed_runs between 1 and $5))
           order by p.id, d.as_of"#,
        &portfolios,
        &dates,
        model_version,
        force,
        REPAIRS
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("looking for missing results")?;
    let mut work: BTreeMap<PortfolioId, Vec<TradingDate>> = BTreeMap::new();
    for row in rows {
        work.entry(PortfolioId(row.id))
            .or_default()
            .push(TradingDate::trusted(row.as_of));
    }
    Ok(work)
}

/// Per owner, a symbol or a portfolio, the dates without a current result set of `kind`, ascending.
pub async fn without_current(
    db: &mut ReadTx<'_>,
    kind: &str,
    owners: &[String],
    dates: &[TradingDate],
    model_version: &str,
    force: bool,
) -> Result<BTreeMap<String, Vec<TradingDate>>> {
    let dates: Vec<NaiveDate> = dates.iter().map(|date| date.date()).collect();
    let rows = sqlx::query!(
        r#"select s.owner as "owner!", d.as_of as "as_of!"
           from unnest($2::text[]) as s(owner)
           cross join unnest($3::date[]) as d(as_of)
           where $5
              or not exists (select from result_set rs
                             where rs.kind = $1 and rs.owner = s.owner and rs.as_of = d.as_of and rs.model_version = $4)
              or exists (select from stale_result_sets x
                         where x.kind = $1 and x.owner = s.owner and x.as_of = d.as_of)
           order by 1, 2"#,
        kind,
        owners,
        &dates,
        model_version,
        force
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("looking for sets of results that are missing")?;
    let mut work: BTreeMap<String, Vec<TradingDate>> = BTreeMap::new();
    for row in rows {
        work.entry(row.owner)
            .or_default()
            .push(TradingDate::trusted(row.as_of));
    }
    Ok(work)
}

/// Sessions of each symbol, within its dates, without a final answer of a provider: symbol → dates,
/// ascending.
pub async fn gaps(
    db: &mut ReadTx<'_>,
    symbols: &[String],
    (since, until): (&[NaiveDate], &[NaiveDate]),
    sessions: &[NaiveDate],
) -> Result<BTreeMap<Symbol, Vec<NaiveDate>>> {
    let rows = sqlx::query!(
        r#"select s.symbol as "symbol!", array_agg(d.date order by d.date) as "dates!"
           from unnest($1::text[], $2::date[], $3::date[]) as s(symbol, since, until)
           join unnest($4::date[]) as d(date) on d.date between s.since and s.until
           where not exists (select from symbol_outcomes o
                             where o.symbol = s.symbol and o.date = d.date and o.outcome <> 'failed')
           group by s.symbol order by s.symbol"#,
        symbols,
        since,
        until,
        sessions
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("looking for gaps")?;
    rows.into_iter()
        .map(|row| Ok((word("symbol_outcomes", &row.symbol)?, row.dates)))
        .collect()
}

/// Symbols that these books hold or have options on within `first` to `last`, and of which no close up to `last` is stored;
/// without inactive ones, for no provider is asked for those.
pub async fn without_closes(
    db: &mut ReadTx<'_>,
    portfolios: &[PortfolioId],
    (first, last): (NaiveDate, NaiveDate),
) -> Result<Vec<Symbol>> {
    let portfolios: Vec<Uuid> = portfolios.iter().map(|id| id.0).collect();
    let symbols = sqlx::query_scalar!(
        r#"select s.symbol as "symbol!"
           from (select distinct case class when 'OPTIONS' then underlying else symbol end as symbol
                 from positions
                 where portfolio_id = any($1) and deleted_at is null and class in ('PUBLIC', 'OPTIONS')
                   and entry_date <= $3 and (exit_date is null or exit_date > $2)) s
           where not exists (select from market_data_cache m where m.symbol = s.symbol and m.date <= $3)
             and not exists (select from symbol_universe u where u.symbol = s.symbol and not u.active)
           order by s.symbol collate "C""#,
        &portfolios,
        first,
        last
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("looking for symbols without prices")?;
    symbols
        .iter()
        .map(|symbol| word("positions", symbol))
        .collect()
}

/// Symbols without a profile that is fresh at `oldest` or later.
pub async fn without_fresh_profile(
    db: &mut ReadTx<'_>,
    symbols: &[String],
    oldest: NaiveDate,
) -> Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"select s.symbol as "symbol!" from unnest($1::text[]) as s(symbol)
           where not exists (select from company_profiles p where p.symbol = s.symbol and p.as_of >= $2)
           order by 1"#,
        symbols,
        oldest
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("looking for profiles that are due")
}

/// Symbols whose fundamentals are due at `as_of`: never fetched, or three days after earnings that
/// came after the last fetch.
pub async fn fundamentals_due(
    db: &mut ReadTx<'_>,
    symbols: &[String],
    as_of: NaiveDate,
) -> Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"select s.symbol as "symbol!" from unnest($1::text[]) as s(symbol)
           left join fundamentals_outcomes f on f.symbol = s.symbol
           where f.symbol is null
              or (f.last_earnings is not null and f.last_earnings + 3 <= $2 and f.as_of < f.last_earnings + 3)
           order by 1"#,
        symbols,
        as_of
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("looking for fundamentals that are due")
}
