//! Symbols as readers see them: the universe, closes with their gaps, models and metrics that are not stale.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::domain::RunId;
use crate::store::symbol_results::{Inference, MarketFit};
use crate::store::{Attempt, ReadTx, Result};

/// A symbol of the universe.
#[derive(Debug, Clone)]
pub struct UniverseRow {
    /// The symbol.
    pub symbol: String,
    /// `PUBLIC`, `OPTIONS` or `PROXY`.
    pub class: String,
    /// Whether providers are asked for it.
    pub active: bool,
    /// First date of a scope that had it.
    pub first_seen: NaiveDate,
    /// Last one.
    pub last_seen: NaiveDate,
    /// Sessions with a value, and those that the provider answered otherwise.
    pub outcomes: Outcomes,
}

/// What providers answered, in sessions.
#[derive(Debug, Clone, Copy)]
pub struct Outcomes {
    /// With a value.
    pub priced: i64,
    /// Without one.
    pub no_data: i64,
    /// After the end of the series.
    pub delisted: i64,
    /// No answer.
    pub failed: i64,
}

/// A page of the universe, by symbol. `only` limits it to what these portfolios hold, and to the proxies of factors.
pub async fn universe(
    db: &mut ReadTx<'_>,
    only: Option<&[Uuid]>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<UniverseRow>> {
    rows(db, only, after, None, limit).await
}

/// One symbol, if there is one for the caller.
pub async fn universe_row(
    db: &mut ReadTx<'_>,
    only: Option<&[Uuid]>,
    symbol: &str,
) -> Result<Option<UniverseRow>> {
    Ok(rows(db, only, None, Some(symbol), 1).await?.pop())
}

async fn rows(
    db: &mut ReadTx<'_>,
    only: Option<&[Uuid]>,
    after: Option<&str>,
    symbol: Option<&str>,
    limit: i64,
) -> Result<Vec<UniverseRow>> {
    let rows = sqlx::query!(
        r#"with page as (
               select * from symbol_universe u
               where ($2::text is null or u.symbol > $2) and ($3::text is null or u.symbol = $3)
                 and ($1::uuid[] is null or u.class = 'PROXY' or exists (
                         select from portfolio_symbols s join portfolios p on p.id = s.portfolio_id
                         where s.symbol = u.symbol and s.portfolio_id = any($1) and p.deleted_at is null))
               order by u.symbol limit $4
           )
           select p.symbol, p.class, p.active, p.first_seen, p.last_seen, o.priced as "priced!", o.no_data as "no_data!",
                  o.delisted as "delisted!", o.failed as "failed!"
           from page p cross join lateral (
               select count(*) filter (where outcome = 'priced') as priced, count(*) filter (where outcome = 'no_data') as no_data,
                      count(*) filter (where outcome = 'delisted') as delisted, count(*) filter (where outcome = 'failed') as failed
               from symbol_outcomes o where o.symbol = p.symbol) o
           order by p.symbol"#,
        only as Option<&[Uuid]>,
        after,
        symbol,
        limit
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading the universe")?;
    let rows = rows.into_iter().map(|row| UniverseRow {
        symbol: row.symbol,
        class: row.class,
        active: row.active,
        first_seen: row.first_seen,
        last_seen: row.last_seen,
        outcomes: Outcomes {
            priced: row.priced,
            no_data: row.no_data,
            delisted: row.delisted,
            failed: row.failed,
        },
    });
    Ok(rows.collect())
}

/// A session of a symbol.
#[derive(Debug, Clone)]
pub struct PriceRow {
    /// The session.
    pub date: NaiveDate,
    /// Unadjusted, as the provider has it.
    pub close: Option<Decimal>,
    /// Of a series of yields, a fraction per year.
    pub yield_: Option<Decimal>,
    /// Who said so.
    pub source: Option<String>,
    /// What the provider answered; nothing where nobody asked.
    pub outcome: Option<String>,
    /// Why there is no value.
    pub reason: Option<String>,
}

/// The values of a symbol on sessions, one row each.
pub async fn prices(
    db: &mut ReadTx<'_>,
    symbol: &str,
    sessions: &[NaiveDate],
) -> Result<Vec<PriceRow>> {
    sqlx::query_as!(
        PriceRow,
        r#"select d.date as "date!", m.close as "close?", y.yield as "yield_?", coalesce(m.source, y.source) as source,
                  o.outcome as "outcome?", o.reason
           from unnest($2::date[]) d(date)
           left join market_data_cache m on m.symbol = $1 and m.date = d.date
           left join yields y on y.symbol = $1 and y.date = d.date
           left join symbol_outcomes o on o.symbol = $1 and o.date = d.date
           order by d.date"#,
        symbol,
        sessions
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading the prices of a symbol")
}

/// Where a result of a symbol is from.
#[derive(Debug, Clone, Copy)]
pub struct SymbolSet {
    /// The date.
    pub as_of: NaiveDate,
    /// The run that wrote it.
    pub run: RunId,
    /// Whether an input changed since.
    pub stale: bool,
}

/// The result of a kind (`symbol-factors`, `symbol-metrics`) at a date; without one, the newest that is not stale, and with
/// `strict` the newest of those that have a model, or a close.
pub async fn symbol_set(
    db: &mut ReadTx<'_>,
    kind: &str,
    symbol: &str,
    date: Option<NaiveDate>,
    strict: bool,
) -> Result<Option<SymbolSet>> {
    let row = sqlx::query!(
        r#"with stale as materialized (select as_of from stale_result_sets where kind = $1 and owner = $2)
           select rs.as_of, rs.run_id, exists (select from stale s where s.as_of = rs.as_of) as "stale!"
           from result_set rs
           where rs.kind = $1 and rs.owner = $2 and ($3::date is null or rs.as_of = $3)
             and ($3::date is not null or not exists (select from stale s where s.as_of = rs.as_of))
             and ($3::date is not null or not $4
                  or exists (select from symbol_factor_models m
                             where $1 = 'symbol-factors' and m.symbol = $2 and m.as_of = rs.as_of and m.reason is null)
                  or exists (select from symbol_daily_metrics m
                             where $1 = 'symbol-metrics' and m.symbol = $2 and m.as_of = rs.as_of and m.reason is null))
           order by rs.as_of desc limit 1"#,
        kind,
        symbol,
        date,
        strict
    )
    .fetch_optional(db.connection().await?)
    .await
    .attempt("looking for a result of a symbol")?;
    Ok(row.map(|row| SymbolSet {
        as_of: row.as_of,
        run: RunId(row.run_id),
        stale: row.stale,
    }))
}

/// A factor model of a symbol.
#[derive(Debug, Clone)]
pub struct ModelFit {
    /// Why there is none.
    pub reason: Option<String>,
    /// Per session.
    pub alpha: Option<f64>,
    /// Of the weighted fit.
    pub r_squared: Option<f64>,
    /// Returns used, or at hand.
    pub n: i32,
    /// Effective number of them.
    pub n_eff: Option<f64>,
    /// Annual.
    pub specific_variance: Option<f64>,
    /// What to know about it.
    pub flags: Vec<String>,
}

/// A slope of a model, or why a model for display has none.
#[derive(Debug, Clone)]
pub struct SlopeRow {
    /// `joint`, `market`, `spread` or `provider`.
    pub model: String,
    /// The factor or spread.
    pub factor: String,
    /// `available`, `unavailable` or `insufficient_data`.
    pub status: String,
    /// Why there is no slope.
    pub reason: Option<String>,
    /// The slope.
    pub beta: Option<f64>,
    /// Its standard error.
    pub std_error: Option<f64>,
    /// What the two say together.
    pub inference: Inference,
    /// Vasicek, of the market model.
    pub shrunk: Option<f64>,
    /// Variance inflation.
    pub vif: Option<f64>,
    /// Returns used, or at hand.
    pub n: Option<i32>,
    /// What the regression of the market model says beside its slope.
    pub fit: Option<MarketFit>,
    /// Who told the profile, of the provider's beta: of the newest answer, for versions of a profile do not keep it.
    pub source: Option<String>,
    /// What to know about it.
    pub flags: Vec<String>,
}

/// The model of a symbol at a date with its slopes, and with each configured model for display that has none.
pub async fn model(
    db: &mut ReadTx<'_>,
    symbol: &str,
    as_of: NaiveDate,
) -> Result<Option<(ModelFit, Vec<SlopeRow>)>> {
    let fit = sqlx::query_as!(
        ModelFit,
        "select reason, alpha, r_squared, n, n_eff, specific_variance, flags
         from symbol_factor_models where symbol = $1 and as_of = $2",
        symbol,
        as_of
    )
    .fetch_optional(db.connection().await?)
    .await
    .attempt("reading a factor model")?;
    let Some(fit) = fit else { return Ok(None) };
    let mut slopes = slopes(db, &[symbol.to_owned()], as_of).await?;
    Ok(Some((fit, slopes.remove(symbol).unwrap_or_default())))
}

/// Symbol → slopes of its models at a date, and each configured model for display that has none, by model and factor.
pub(super) async fn slopes(
    db: &mut ReadTx<'_>,
    symbols: &[String],
    as_of: NaiveDate,
) -> Result<BTreeMap<String, Vec<SlopeRow>>> {
    let rows = sqlx::query!(
        r#"select symbol as "symbol!", model as "model!", factor as "factor!", coalesce(d.status, 'available') as "status!",
                  d.reason as "reason?", e.beta as "beta?", e.std_error as "std_error?", e.t as "t?", e.p as "p?",
                  e.low_95 as "low?", e.high_95 as "high?", e.shrunk as "shrunk?", e.vif as "vif?",
                  coalesce(e.n, d.n) as "n?", coalesce(e.flags, '{}') as "flags!", d.alpha as "alpha?",
                  d.alpha_error as "alpha_error?", d.alpha_t as "alpha_t?", d.alpha_p as "alpha_p?",
                  d.alpha_low_95 as "alpha_low?", d.alpha_high_95 as "alpha_high?", d.r_squared as "r_squared?",
                  d.adjusted_r_squared as "adjusted?", d.n_eff as "n_eff?",
                  case when model = 'provider' then c.source end as "source?"
           from (select * from symbol_factor_exposures where symbol = any($1) and as_of = $2) e
           full join (select * from symbol_display_models where symbol = any($1) and as_of = $2) d using (symbol, model, factor)
           left join (select symbol, source from company_profiles) c using (symbol)
           order by symbol, model, factor"#,
        symbols,
        as_of
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading the slopes of symbols")?;
    let mut slopes: BTreeMap<String, Vec<SlopeRow>> = BTreeMap::new();
    for row in rows {
        let slope = SlopeRow {
            model: row.model,
            factor: row.factor,
            status: row.status,
            reason: row.reason,
            beta: row.beta,
            std_error: row.std_error,
            inference: Inference {
                t: row.t,
                p: row.p,
                interval: row.low.zip(row.high),
            },
            shrunk: row.shrunk,
            vif: row.vif,
            n: row.n,
            fit: (row.alpha.zip(row.alpha_error).zip(row.n_eff)).map(
                |((alpha, alpha_error), n_eff)| MarketFit {
                    alpha,
                    alpha_error,
                    inference: Inference {
                        t: row.alpha_t,
                        p: row.alpha_p,
                        interval: row.alpha_low.zip(row.alpha_high),
                    },
                    r_squared: row.r_squared,
                    adjusted_r_squared: row.adjusted,
                    n_eff,
                },
            ),
            source: row.source,
            flags: row.flags,
        };
        slopes.entry(row.symbol).or_default().push(slope);
    }
    Ok(slopes)
}

/// Metrics of a symbol.
#[derive(Debug, Clone)]
pub struct MetricRow {
    /// The close.
    pub close: Option<Decimal>,
    /// Over one session.
    pub return_1d: Option<f64>,
    /// Since the end of the month before.
    pub return_mtd: Option<f64>,
    /// Since the end of the year before.
    pub return_ytd: Option<f64>,
    /// Over a month.
    pub return_1m: Option<f64>,
    /// Over three.
    pub return_3m: Option<f64>,
    /// Over a year.
    pub return_1y: Option<f64>,
    /// Why there is no close.
    pub reason: Option<String>,
}

impl MetricRow {
    /// Name and value of each return, a fraction.
    pub fn returns(&self) -> [(&'static str, Option<f64>); 6] {
        [
            ("return_1d", self.return_1d),
            ("return_mtd", self.return_mtd),
            ("return_ytd", self.return_ytd),
            ("return_1m", self.return_1m),
            ("return_3m", self.return_3m),
            ("return_1y", self.return_1y),
        ]
    }
}

/// The metrics of a symbol at a date.
pub async fn metrics(
    db: &mut ReadTx<'_>,
    symbol: &str,
    as_of: NaiveDate,
) -> Result<Option<MetricRow>> {
    sqlx::query_as!(
        MetricRow,
        "select close, return_1d, return_mtd, return_ytd, return_1m, return_3m, return_1y, reason
         from symbol_daily_metrics where symbol = $1 and as_of = $2",
        symbol,
        as_of
    )
    .fetch_optional(db.connection().await?)
    .await
    .attempt("reading the metrics of a symbol")
}
