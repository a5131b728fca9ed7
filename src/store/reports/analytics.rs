//! The analytics of a portfolio at a date.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::domain::PortfolioId;
use crate::domain::factor_window::CommonSessions;
use crate::store::{Attempt, ReadTx, Result, texts};

/// Exposure to a factor.
#[derive(Debug, Clone)]
pub struct Factor {
    /// The factor.
    pub factor: String,
    /// `market`, `style` or `rates`; nothing where its definition is gone.
    pub role: Option<String>,
    /// Slope of the portfolio's return.
    pub beta: Option<f64>,
    /// Its standard error.
    pub std_error: Option<f64>,
    /// Lower end of its 95 % interval.
    pub low_95: Option<f64>,
    /// Upper end.
    pub high_95: Option<f64>,
    /// Slope times net asset value.
    pub dollar: Option<Decimal>,
    /// Covered gross over gross.
    pub coverage: Option<f64>,
    /// The fewest returns behind a fit that it rests on; nothing where it rests on none.
    pub n: Option<i32>,
    /// Sessions that the factors of the model share; nothing where it has no slope.
    pub common: Option<i32>,
    /// Why there is no slope.
    pub reason: Option<String>,
}

/// Risk of the portfolio.
#[derive(Debug, Clone)]
pub struct Risk {
    /// Annual, a fraction of net asset value.
    pub volatility: f64,
    /// Annual variance from factors.
    pub factor_variance: f64,
    /// Annual variance from the rest.
    pub specific_variance: f64,
    /// Factor variance over variance.
    pub systematic_share: Option<f64>,
    /// Weighted sum of the underlyings' volatilities over that of the portfolio: `Σ|w|σ_u / σ`, not squared.
    pub diversification_ratio: Option<f64>,
    /// One over the sum of squared risk shares.
    pub effective_bets: Option<f64>,
    /// Modelled gross over gross; null where that is zero.
    pub coverage: Option<f64>,
    /// Sessions behind the covariance.
    pub n: i32,
    /// What to know about it.
    pub flags: Vec<String>,
}

/// A part of the risk.
#[derive(Debug, Clone)]
pub struct Contribution {
    /// `factor` or `underlying`.
    pub kind: String,
    /// Which.
    pub name: String,
    /// Slope, or weight.
    pub exposure: f64,
    /// Change of volatility with the exposure.
    pub marginal: f64,
    /// Part of the annual volatility; each kind adds up to its share.
    pub contribution: f64,
    /// Part of the whole.
    pub share: Option<f64>,
}

/// Volatility of the return series; annual fractions.
#[derive(Debug, Clone)]
pub struct Volatility {
    /// Of the last 21 sessions.
    pub realised_21: Option<f64>,
    /// Of the last 63 sessions.
    pub realised_63: Option<f64>,
    /// Of the next 21 sessions.
    pub forecast_21: Option<f64>,
    /// Where realised 21 stands among its last 251 values.
    pub percentile: Option<f64>,
    /// Short over long.
    pub trend_ratio: Option<f64>,
    /// `rising`, `falling` or `steady`.
    pub trend: Option<String>,
    /// Returns in the series.
    pub n: i32,
    /// Holes that the factor model filled.
    pub filled: i32,
    /// Sessions left out, for a hole that nothing could fill.
    pub dropped: i32,
    /// Modelled gross over gross; null where that is zero.
    pub coverage: Option<f64>,
    /// What to know about it.
    pub flags: Vec<String>,
    /// Field → why it is missing.
    pub reasons: std::collections::BTreeMap<String, String>,
}

/// Correlations of the instruments.
#[derive(Debug, Clone)]
pub struct Correlation {
    /// In the order of rows and columns.
    pub symbols: Vec<String>,
    /// Upper triangle without the diagonal, row by row.
    pub upper: Vec<Option<f64>>,
    /// Ends of their 95 % intervals, in the same order.
    pub low: Vec<Option<f64>>,
    /// The other ends.
    pub high: Vec<Option<f64>>,
    /// Common returns, in the same order.
    pub n: Vec<i32>,
    /// Cluster number of each symbol.
    pub clusters: Vec<Option<i32>>,
    /// Mean of the pairs.
    pub average: Option<f64>,
    /// Ledoit–Wolf intensity, a check.
    pub shrinkage: Option<f64>,
    /// Gross of the symbols that a correlation is known of, over gross; null where that is zero.
    pub coverage: Option<f64>,
}

/// How much hangs on few names.
#[derive(Debug, Clone)]
pub struct Concentration {
    /// long + |short|.
    pub gross: Decimal,
    /// 0 to 10,000.
    pub hhi: f64,
    /// 10,000 over it.
    pub effective_names: f64,
    /// Share of the largest three, a fraction.
    pub top_3: f64,
    /// Share of the largest ten, a fraction.
    pub top_10: f64,
    /// How many there are.
    pub instruments: i32,
}

/// A sector bucket.
#[derive(Debug, Clone)]
pub struct Sector {
    /// A sector, `ETF`, `Unclassified` or `Cash`.
    pub sector: String,
    /// At least zero.
    pub long_value: Decimal,
    /// At most zero.
    pub short_value: Decimal,
    /// long + short.
    pub net_value: Decimal,
    /// long − short.
    pub gross_value: Decimal,
    /// A fraction of net asset value.
    pub net_weight: Option<f64>,
}

/// A sector of the book, or of a benchmark, on both sides. Weights are fractions.
#[derive(Debug, Clone)]
pub struct ActiveWeight {
    /// The benchmark.
    pub benchmark: String,
    /// The date of its weights.
    pub benchmark_as_of: NaiveDate,
    /// The sector.
    pub sector: String,
    /// Of the benchmark, zero where it does not have the sector.
    pub benchmark_weight: f64,
    /// Net over net asset value; nothing where that is not positive.
    pub net_weight: Option<f64>,
    /// Net less benchmark.
    pub active_weight: Option<f64>,
}

/// Why there is no active weight at all.
pub const NO_BENCHMARK: &str =
    "no weights of a benchmark are loaded for this date or one before it";

/// The result of a scenario.
#[derive(Debug, Clone)]
pub struct Stress {
    /// Its id.
    pub scenario: String,
    /// Its name; the id where the definition is gone.
    pub name: String,
    /// `done`, `insufficient_data`, …
    pub outcome: String,
    /// Why it is not done.
    pub reason: Option<String>,
    /// Shocked factors only, in the portfolio's currency.
    pub direct_pnl: Option<Decimal>,
    /// With what usually moves along.
    pub propagated_pnl: Option<Decimal>,
    /// The first as a fraction of net asset value.
    pub direct: Option<f64>,
    /// The second as a fraction of net asset value.
    pub propagated: Option<f64>,
    /// What the floor of −100 % took off.
    pub direct_floored: Option<Decimal>,
    /// What the floor of −100 % took off.
    pub propagated_floored: Option<Decimal>,
    /// Mahalanobis distance of the shocks.
    pub mahalanobis: Option<f64>,
    /// Probability of a set of shocks at least as far out.
    pub tail_p: Option<f64>,
    /// Too far out to be the worst stress.
    pub implausible: Option<bool>,
    /// Modelled gross over gross.
    pub coverage: Option<f64>,
    /// Sessions behind the covariance; nothing where there is no amount.
    pub n: Option<i32>,
}

pub(super) async fn factors(
    db: &mut ReadTx<'_>,
    id: PortfolioId,
    as_of: NaiveDate,
) -> Result<Vec<Factor>> {
    sqlx::query_as!(
        Factor,
        r#"select e.factor, d.role as "role?", e.beta, e.std_error, e.low_95, e.high_95, e.dollar, e.coverage,
                  f.n as "n?", c.n as "common?", e.reason
           from factor_exposures e left join factor_definitions d on d.name = e.factor
           left join factor_covariance c on c.as_of = e.as_of and e.dollar is not null
           left join (
               select x.factor, min(m.n) as n
               from position_factor_exposures x
               join positions p on p.id = x.position_id
               join symbol_factor_models m on m.symbol = coalesce(p.underlying, p.symbol) and m.as_of = x.as_of
               where x.portfolio_id = $1 and x.as_of = $2
               group by x.factor
           ) f on f.factor = e.factor
           where e.portfolio_id = $1 and e.as_of = $2
           order by d.sort_order nulls last, e.factor collate "C""#,
        id.0,
        as_of
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading factor exposures")
}

/// A book that the model says nothing of has the window of the model all the same.
pub(super) async fn risk(
    db: &mut ReadTx<'_>,
    id: PortfolioId,
    as_of: NaiveDate,
) -> Result<(Option<Risk>, Option<CommonSessions>)> {
    let row = sqlx::query!(
        r#"select r.volatility as "volatility?", r.factor_variance as "factor_variance?",
                  r.specific_variance as "specific_variance?", r.systematic_share, r.diversification_ratio,
                  r.effective_bets, r.coverage, r.n as "n?", r.flags as "flags?", c.n as "common?",
                  c.first_session as "first?", c.last_session as "last?", c.limiting_proxy as "limiting?"
           from (values ($2::date)) as asked (as_of)
           left join portfolio_risk r on r.portfolio_id = $1 and r.as_of = asked.as_of
           left join factor_covariance c on c.as_of = asked.as_of"#,
        id.0,
        as_of
    )
    .fetch_one(db.connection().await?)
    .await
    .attempt("reading risk")?;
    let (systematic_share, diversification_ratio) =
        (row.systematic_share, row.diversification_ratio);
    let (effective_bets, coverage) = (row.effective_bets, row.coverage);
    let variances = row.factor_variance.zip(row.specific_variance);
    let known = (row.volatility.zip(variances)).zip(row.n.zip(row.flags));
    let risk = known.map(|((volatility, (factor, specific)), (n, flags))| Risk {
        volatility,
        factor_variance: factor,
        specific_variance: specific,
        systematic_share,
        diversification_ratio,
        effective_bets,
        coverage,
        n,
        flags,
    });
    let sessions = row.common.zip(row.first.zip(row.last));
    let common = sessions.map(|(n, (first, last))| CommonSessions {
        n,
        first,
        last,
        limiting: row.limiting,
    });
    Ok((risk, common))
}

pub(super) async fn contributions(
    db: &mut ReadTx<'_>,
    id: PortfolioId,
    as_of: NaiveDate,
) -> Result<Vec<Contribution>> {
    sqlx::query_as!(
        Contribution,
        r#"select kind, name, exposure, marginal, contribution, share
           from risk_contributions where portfolio_id = $1 and as_of = $2
           order by kind collate "C", abs(contribution) desc, name collate "C""#,
        id.0,
        as_of
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading risk contributions")
}

pub(super) async fn volatility(
    db: &mut ReadTx<'_>,
    id: PortfolioId,
    as_of: NaiveDate,
) -> Result<Option<Volatility>> {
    let row = sqlx::query!(
        "select realised_21, realised_63, forecast_21, percentile, trend_ratio, trend, n, filled, dropped, coverage,
                flags, reasons
         from portfolio_volatility where portfolio_id = $1 and as_of = $2",
        id.0,
        as_of
    )
    .fetch_optional(db.connection().await?)
    .await
    .attempt("reading volatility")?;
    Ok(row.map(|row| Volatility {
        realised_21: row.realised_21,
        realised_63: row.realised_63,
        forecast_21: row.forecast_21,
        percentile: row.percentile,
        trend_ratio: row.trend_ratio,
        trend: row.trend,
        n: row.n,
        filled: row.filled,
        dropped: row.dropped,
        coverage: row.coverage,
        flags: row.flags,
        reasons: texts(&row.reasons),
    }))
}

pub(super) async fn correlation(
    db: &mut ReadTx<'_>,
    id: PortfolioId,
    as_of: NaiveDate,
) -> Result<Option<Correlation>> {
    sqlx::query_as!(
        Correlation,
        r#"select symbols, correlations as "upper: Vec<Option<f64>>", lower_95 as "low: Vec<Option<f64>>",
                  upper_95 as "high: Vec<Option<f64>>", n, clusters as "clusters: Vec<Option<i32>>", average, shrinkage,
                  coverage
           from correlation_calculations where portfolio_id = $1 and as_of = $2"#,
        id.0,
        as_of
    )
    .fetch_optional(db.connection().await?)
    .await
    .attempt("reading correlations")
}

pub(super) async fn concentration(
    db: &mut ReadTx<'_>,
    id: PortfolioId,
    as_of: NaiveDate,
) -> Result<Option<Concentration>> {
    sqlx::query_as!(
        Concentration,
        "select gross, hhi, effective_names, top_3, top_10, instruments
         from concentration where portfolio_id = $1 and as_of = $2",
        id.0,
        as_of
    )
    .fetch_optional(db.connection().await?)
    .await
    .attempt("reading concentration")
}

pub(super) async fn sectors(
    db: &mut ReadTx<'_>,
    id: PortfolioId,
    as_of: NaiveDate,
) -> Result<Vec<Sector>> {
    sqlx::query_as!(
        Sector,
        r#"select sector, long_value, short_value, net_value, gross_value, net_weight
           from sector_exposures where portfolio_id = $1 and as_of = $2
           order by gross_value desc, sector collate "C""#,
        id.0,
        as_of
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading sectors")
}

pub(super) async fn active_weights(
    db: &mut ReadTx<'_>,
    id: PortfolioId,
    as_of: NaiveDate,
) -> Result<Vec<ActiveWeight>> {
    sqlx::query_as!(
        ActiveWeight,
        r#"select benchmark, benchmark_as_of, sector, benchmark_weight, net_weight, active_weight
           from active_weights where portfolio_id = $1 and as_of = $2
           order by benchmark collate "C", sector collate "C""#,
        id.0,
        as_of
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading active weights")
}

pub(super) async fn stress(
    db: &mut ReadTx<'_>,
    id: PortfolioId,
    as_of: NaiveDate,
) -> Result<Vec<Stress>> {
    sqlx::query_as!(
        Stress,
        r#"select r.scenario_id as scenario, coalesce(s.name, r.scenario_id) as "name!", r.outcome, r.reason,
                  r.direct_pnl, r.propagated_pnl, r.direct, r.propagated, r.direct_floored, r.propagated_floored,
                  r.mahalanobis, r.tail_p, r.implausible, r.coverage, c.n as "n?"
           from stress_test_results r left join stress_test_scenarios s on s.id = r.scenario_id
           left join factor_covariance c on c.as_of = r.as_of and r.propagated_pnl is not null
           where r.portfolio_id = $1 and r.as_of = $2
           order by s.sort_order nulls last, r.scenario_id collate "C""#,
        id.0,
        as_of
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading stress tests")
}
