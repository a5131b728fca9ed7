//! What phase 6 writes: one statement per table for all portfolios of a commit.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::Value;

use super::losses::{self, OptionRow, ReplayRow, ReverseRow, ValueAtRiskRow};
use crate::domain::{PortfolioId, PositionId, TradingDate};
use crate::store::{Attempt, Result, WriteTx};

/// Everything that phase 6 knows of a portfolio at a date.
#[derive(Debug, Clone)]
pub struct AnalyticsRows {
    /// Whose.
    pub portfolio: PortfolioId,
    /// The date.
    pub as_of: TradingDate,
    /// Outcome of snapshot, marks, betas, factors, volatility, correlation, concentration, stress, value at risk, replay, reverse stress.
    pub outcomes: [String; 11],
    /// Entry → why it is not done.
    pub reasons: Value,
    /// Symbol → why it is left out of market numbers.
    pub missing: Value,
    /// Modelled gross over gross.
    pub coverage: Option<f64>,
    /// Every outcome is done, not applicable or short of data.
    pub strict: bool,
    /// Exposure to each factor.
    pub factors: Vec<FactorRow>,
    /// Exposure of each position to each factor.
    pub position_factors: Vec<PositionFactorRow>,
    /// The risk model's view.
    pub risk: Option<RiskRow>,
    /// Its contributions.
    pub contributions: Vec<ContributionRow>,
    /// Volatility of the return series.
    pub volatility: Option<VolatilityRow>,
    /// Correlations of the instruments.
    pub correlation: Option<CorrelationRow>,
    /// Gross, HHI, effective names, top 3, top 10, number of instruments.
    pub concentration: Option<(Decimal, f64, f64, f64, f64, i32)>,
    /// The sector bucket of each lot.
    pub position_sectors: Vec<(PositionId, String)>,
    /// Sector buckets.
    pub sectors: Vec<SectorRow>,
    /// How they differ from those of the benchmarks.
    pub active_weights: Vec<ActiveWeightRow>,
    /// Stress tests.
    pub stress: Vec<StressRow>,
    /// Options as they are modelled.
    pub options: Vec<OptionRow>,
    /// Value at risk, a row for each confidence.
    pub value_at_risk: Vec<ValueAtRiskRow>,
    /// Crises of the past.
    pub replays: Vec<ReplayRow>,
    /// Most plausible moves for given losses.
    pub reverse: Vec<ReverseRow>,
}

/// A portfolio's exposure to a factor.
#[derive(Debug, Clone)]
pub struct FactorRow {
    /// The factor.
    pub factor: String,
    /// Slope of the portfolio; null without a positive net asset value.
    pub beta: Option<f64>,
    /// Its standard error.
    pub std_error: Option<f64>,
    /// Ends of its 95 % interval.
    pub interval: Option<(f64, f64)>,
    /// Slope times net asset value.
    pub dollar: Option<Decimal>,
    /// Covered gross over gross.
    pub coverage: Option<f64>,
    /// Why there is no slope.
    pub reason: Option<String>,
}

/// A position's exposure to a factor.
#[derive(Debug, Clone)]
pub struct PositionFactorRow {
    /// The lot.
    pub position: PositionId,
    /// The factor.
    pub factor: String,
    /// Slope of its instrument.
    pub beta: f64,
    /// Its standard error.
    pub std_error: f64,
    /// Ends of its 95 % interval.
    pub interval: Option<(f64, f64)>,
    /// Slope times exposure.
    pub dollar: Decimal,
}

/// Risk of a portfolio.
#[derive(Debug, Clone)]
pub struct RiskRow {
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
    /// Remarks on quality.
    pub flags: Vec<String>,
}

/// Part of the volatility that a factor or an underlying contributes.
#[derive(Debug, Clone)]
pub struct ContributionRow {
    /// `factor` or `underlying`.
    pub kind: &'static str,
    /// Which.
    pub name: String,
    /// Slope or weight.
    pub exposure: f64,
    /// Change of volatility per unit of exposure.
    pub marginal: f64,
    /// Exposure times marginal.
    pub contribution: f64,
    /// Contribution over volatility.
    pub share: Option<f64>,
}

/// Volatility of a portfolio's return series.
#[derive(Debug, Clone, Default)]
pub struct VolatilityRow {
    /// Annual, 21 sessions.
    pub realised_21: Option<f64>,
    /// Annual, 63 sessions.
    pub realised_63: Option<f64>,
    /// Annual, the next 21 sessions.
    pub forecast_21: Option<f64>,
    /// Share of earlier values below today's.
    pub percentile: Option<f64>,
    /// Short over long volatility.
    pub trend_ratio: Option<f64>,
    /// `rising`, `falling`, `steady`.
    pub trend: Option<String>,
    /// Returns.
    pub n: i32,
    /// Holes filled by the factor model.
    pub filled: i32,
    /// Sessions left out, for a hole that nothing could fill.
    pub dropped: i32,
    /// Modelled gross over gross; null where that is zero.
    pub coverage: Option<f64>,
    /// Remarks on quality.
    pub flags: Vec<String>,
    /// Number → why it is missing.
    pub reasons: Value,
}

/// Correlations of a portfolio's instruments.
#[derive(Debug, Clone)]
pub struct CorrelationRow {
    /// Ascending.
    pub symbols: Vec<String>,
    /// Upper triangle, row by row.
    pub correlations: Vec<Option<f64>>,
    /// Lower ends of the 95 % intervals.
    pub lower: Vec<Option<f64>>,
    /// Upper ends.
    pub upper: Vec<Option<f64>>,
    /// Common returns of each pair.
    pub n: Vec<i32>,
    /// Cluster of each symbol.
    pub clusters: Vec<Option<i32>>,
    /// Weighted mean of the pairs.
    pub average: Option<f64>,
    /// Ledoit–Wolf's intensity.
    pub shrinkage: Option<f64>,
    /// Gross of the symbols that a correlation is known of, over gross.
    pub coverage: Option<f64>,
}

/// A sector bucket.
#[derive(Debug, Clone)]
pub struct SectorRow {
    /// The sector, `ETF`, `Unclassified`, `Private` or `Cash`.
    pub sector: String,
    /// Long value.
    pub long: Decimal,
    /// Short value, at most zero.
    pub short: Decimal,
    /// Net over net asset value.
    pub net_weight: Option<f64>,
}

/// A sector of a book, or of a benchmark, on both sides. Weights are fractions.
#[derive(Debug, Clone)]
pub struct ActiveWeightRow {
    /// The benchmark.
    pub benchmark: String,
    /// The date of its weights.
    pub benchmark_as_of: NaiveDate,
    /// The sector.
    pub sector: String,
    /// Of the benchmark, zero where it does not have the sector.
    pub benchmark_weight: f64,
    /// Net over net asset value, where that is positive.
    pub net_weight: Option<f64>,
    /// Net less benchmark.
    pub active_weight: Option<f64>,
}

/// The result of a scenario.
#[derive(Debug, Clone)]
pub struct StressRow {
    /// The scenario.
    pub scenario: String,
    /// `done`, `insufficient_data`, …
    pub outcome: &'static str,
    /// Why it is not done.
    pub reason: Option<String>,
    /// Profit and loss of the direct and the propagated leg.
    pub pnl: Option<[Decimal; 2]>,
    /// The same over net asset value.
    pub fractions: [Option<f64>; 2],
    /// What the floor of -100 % took off, per leg.
    pub floored: Option<[Decimal; 2]>,
    /// Mahalanobis distance and tail probability of the shocks.
    pub plausibility: Option<(f64, f64)>,
    /// Too far out to be the worst stress.
    pub implausible: Option<bool>,
    /// Modelled gross over gross.
    pub coverage: Option<f64>,
}

/// Replaces everything that phase 6 wrote of these portfolios and dates.
pub async fn replace_analytics(tx: &mut WriteTx, sets: &[&AnalyticsRows]) -> Result<()> {
    heads(tx, sets).await?;
    factors(tx, sets).await?;
    risk(tx, sets).await?;
    series(tx, sets).await?;
    buckets(tx, sets).await?;
    stress(tx, sets).await?;
    losses::write(tx, sets).await
}

/// Sets that are strictly complete and rest on at least the given version of the inputs: a failed
/// analytic must not replace one of their values.
pub async fn strictly_complete(
    tx: &mut WriteTx,
    sets: &[(PortfolioId, TradingDate, i64)],
) -> Result<std::collections::BTreeSet<(PortfolioId, TradingDate)>> {
    let rows = sqlx::query!(
        r#"select c.portfolio_id, c.as_of
           from unnest($1::uuid[], $2::date[], $3::bigint[]) as k(portfolio_id, as_of, version)
           join completeness c on c.portfolio_id = k.portfolio_id and c.as_of = k.as_of and c.strict
           join result_set rs on rs.kind = 'portfolio-analytics' and rs.owner = c.portfolio_id::text
                and rs.as_of = c.as_of and rs.data_version >= k.version"#,
        &sets.iter().map(|set| set.0.0).collect::<Vec<_>>(),
        &sets.iter().map(|set| set.1.date()).collect::<Vec<_>>(),
        &sets.iter().map(|set| set.2).collect::<Vec<_>>()
    )
    .fetch_all(tx.connection())
    .await
    .attempt("looking for complete analytics")?;
    let keys = rows.into_iter();
    Ok(keys
        .map(|row| {
            (
                PortfolioId(row.portfolio_id),
                TradingDate::trusted(row.as_of),
            )
        })
        .collect())
}

pub(super) type Owned<'a, T> = Vec<(&'a AnalyticsRows, &'a T)>;

pub(super) fn each<'a, T>(
    sets: &[&'a AnalyticsRows],
    of: fn(&'a AnalyticsRows) -> &'a [T],
) -> Owned<'a, T> {
    sets.iter()
        .flat_map(|set| of(set).iter().map(move |row| (*set, row)))
        .collect()
}

pub(super) fn owners<T>(rows: &Owned<'_, T>) -> (Vec<uuid::Uuid>, Vec<chrono::NaiveDate>) {
    rows.iter()
        .map(|(set, _)| (set.portfolio.0, set.as_of.date()))
        .unzip()
}

pub(super) fn words(flags: &[String]) -> String {
    format!("{{{}}}", flags.join(","))
}

async fn heads(tx: &mut WriteTx, sets: &[&AnalyticsRows]) -> Result<()> {
    let portfolios: Vec<_> = sets.iter().map(|set| set.portfolio.0).collect();
    let dates: Vec<_> = sets.iter().map(|set| set.as_of.date()).collect();
    // Everything else of the set goes with its head.
    let old = sqlx::query!(
        "delete from completeness c using unnest($1::uuid[], $2::date[]) as k(portfolio_id, as_of)
         where c.portfolio_id = k.portfolio_id and c.as_of = k.as_of
         returning c.portfolio_id, c.as_of, c.failed_runs",
        &portfolios,
        &dates
    )
    .fetch_all(tx.connection())
    .await
    .attempt("removing analytics")?;
    let failed_before = |set: &AnalyticsRows| {
        let own = |portfolio, as_of| portfolio == set.portfolio.0 && as_of == set.as_of.date();
        old.iter()
            .find(|row| own(row.portfolio_id, row.as_of))
            .map_or(0, |row| row.failed_runs)
    };
    let failed_runs: Vec<i16> = sets
        .iter()
        .map(|set| {
            if set.strict {
                0
            } else {
                failed_before(set).saturating_add(1)
            }
        })
        .collect();
    let column = |k: usize| {
        sets.iter()
            .map(|set| set.outcomes[k].clone())
            .collect::<Vec<_>>()
    };
    sqlx::query!(
        "insert into completeness (portfolio_id, as_of, snapshot, marks, betas, factors, volatility, correlation,
                                   concentration, stress, value_at_risk, replay, reverse_stress, reasons, missing,
                                   coverage, strict, failed_runs)
         select * from unnest($1::uuid[], $2::date[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                              $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[],
                              $14::jsonb[], $15::jsonb[], $16::float8[], $17::boolean[], $18::smallint[])",
        &portfolios,
        &dates,
        &column(0),
        &column(1),
        &column(2),
        &column(3),
        &column(4),
        &column(5),
        &column(6),
        &column(7),
        &column(8),
        &column(9),
        &column(10),
        &sets.iter().map(|set| set.reasons.clone()).collect::<Vec<_>>(),
        &sets.iter().map(|set| set.missing.clone()).collect::<Vec<_>>(),
        &sets.iter().map(|set| set.coverage).collect::<Vec<_>>() as &[Option<f64>],
        &sets.iter().map(|set| set.strict).collect::<Vec<_>>(),
        &failed_runs
    )
    .execute(tx.connection())
    .await
    .attempt("writing completeness")?;
    Ok(())
}

async fn factors(tx: &mut WriteTx, sets: &[&AnalyticsRows]) -> Result<()> {
    let rows = each(sets, |set| &set.factors);
    let (portfolios, dates) = owners(&rows);
    sqlx::query!(
        "insert into factor_exposures
             (portfolio_id, as_of, factor, beta, std_error, dollar, coverage, reason, low_95, high_95)
         select * from unnest($1::uuid[], $2::date[], $3::text[], $4::float8[], $5::float8[], $6::numeric[],
                              $7::float8[], $8::text[], $9::float8[], $10::float8[])",
        &portfolios,
        &dates,
        &rows.iter().map(|(_, row)| row.factor.clone()).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.beta).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|(_, row)| row.std_error).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|(_, row)| row.dollar).collect::<Vec<_>>() as &[Option<Decimal>],
        &rows.iter().map(|(_, row)| row.coverage).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|(_, row)| row.reason.clone()).collect::<Vec<_>>() as &[Option<String>],
        &rows.iter().map(|(_, row)| row.interval.map(|ends| ends.0)).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|(_, row)| row.interval.map(|ends| ends.1)).collect::<Vec<_>>() as &[Option<f64>]
    )
    .execute(tx.connection())
    .await
    .attempt("writing factor exposures")?;

    let rows = each(sets, |set| &set.position_factors);
    let (portfolios, dates) = owners(&rows);
    sqlx::query!(
        "insert into position_factor_exposures
             (portfolio_id, as_of, position_id, factor, beta, dollar, std_error, low_95, high_95)
         select * from unnest($1::uuid[], $2::date[], $3::uuid[], $4::text[], $5::float8[], $6::numeric[], $7::float8[],
                              $8::float8[], $9::float8[])",
        &portfolios,
        &dates,
        &rows.iter().map(|(_, row)| row.position.0).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.factor.clone()).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.beta).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.dollar).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.std_error).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.interval.map(|ends| ends.0)).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|(_, row)| row.interval.map(|ends| ends.1)).collect::<Vec<_>>() as &[Option<f64>]
    )
    .execute(tx.connection())
    .await
    .attempt("writing position factor exposures")?;
    Ok(())
}

async fn risk(tx: &mut WriteTx, sets: &[&AnalyticsRows]) -> Result<()> {
    let rows = each(sets, |set| set.risk.as_slice());
    let (portfolios, dates) = owners(&rows);
    sqlx::query!(
        "insert into portfolio_risk (portfolio_id, as_of, volatility, factor_variance, specific_variance,
                                     systematic_share, diversification_ratio, effective_bets, coverage, n, flags)
         select p, d, v, fv, sv, ss, dr, eb, c, n, f::text[]
         from unnest($1::uuid[], $2::date[], $3::float8[], $4::float8[], $5::float8[], $6::float8[], $7::float8[],
                     $8::float8[], $9::float8[], $10::integer[], $11::text[])
              as r(p, d, v, fv, sv, ss, dr, eb, c, n, f)",
        &portfolios,
        &dates,
        &rows.iter().map(|(_, row)| row.volatility).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.factor_variance).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.specific_variance).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.systematic_share).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|(_, row)| row.diversification_ratio).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|(_, row)| row.effective_bets).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|(_, row)| row.coverage).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|(_, row)| row.n).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| words(&row.flags)).collect::<Vec<_>>()
    )
    .execute(tx.connection())
    .await
    .attempt("writing portfolio risk")?;

    let rows = each(sets, |set| &set.contributions);
    let (portfolios, dates) = owners(&rows);
    sqlx::query!(
        "insert into risk_contributions (portfolio_id, as_of, kind, name, exposure, marginal, contribution, share)
         select * from unnest($1::uuid[], $2::date[], $3::text[], $4::text[], $5::float8[], $6::float8[],
                              $7::float8[], $8::float8[])",
        &portfolios,
        &dates,
        &rows.iter().map(|(_, row)| row.kind.to_owned()).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.name.clone()).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.exposure).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.marginal).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.contribution).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.share).collect::<Vec<_>>() as &[Option<f64>]
    )
    .execute(tx.connection())
    .await
    .attempt("writing risk contributions")?;
    Ok(())
}

async fn series(tx: &mut WriteTx, sets: &[&AnalyticsRows]) -> Result<()> {
    let rows = each(sets, |set| set.volatility.as_slice());
    let (portfolios, dates) = owners(&rows);
    sqlx::query!(
        "insert into portfolio_volatility (portfolio_id, as_of, realised_21, realised_63, forecast_21, percentile,
                                           trend_ratio, trend, n, filled, dropped, coverage, flags, reasons)
         select p, d, r21, r63, f21, pc, tr, t, n, fl, dr, c, f::text[], rs
         from unnest($1::uuid[], $2::date[], $3::float8[], $4::float8[], $5::float8[], $6::float8[], $7::float8[],
                     $8::text[], $9::integer[], $10::integer[], $11::integer[], $12::float8[], $13::text[], $14::jsonb[])
              as v(p, d, r21, r63, f21, pc, tr, t, n, fl, dr, c, f, rs)",
        &portfolios,
        &dates,
        &rows.iter().map(|(_, row)| row.realised_21).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|(_, row)| row.realised_63).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|(_, row)| row.forecast_21).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|(_, row)| row.percentile).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|(_, row)| row.trend_ratio).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|(_, row)| row.trend.clone()).collect::<Vec<_>>() as &[Option<String>],
        &rows.iter().map(|(_, row)| row.n).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.filled).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.dropped).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.coverage).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|(_, row)| words(&row.flags)).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.reasons.clone()).collect::<Vec<_>>()
    )
    .execute(tx.connection())
    .await
    .attempt("writing volatility")?;

    // Arrays of different lengths do not fit one unnest.
    for (set, row) in each(sets, |set| set.correlation.as_slice()) {
        sqlx::query!(
            "insert into correlation_calculations (portfolio_id, as_of, symbols, correlations, lower_95, upper_95, n,
                                                   clusters, average, shrinkage, coverage)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            set.portfolio.0,
            set.as_of.date(),
            &row.symbols,
            &row.correlations as &[Option<f64>],
            &row.lower as &[Option<f64>],
            &row.upper as &[Option<f64>],
            &row.n,
            &row.clusters as &[Option<i32>],
            row.average,
            row.shrinkage,
            row.coverage
        )
        .execute(tx.connection())
        .await
        .attempt("writing correlations")?;
    }
    Ok(())
}

async fn buckets(tx: &mut WriteTx, sets: &[&AnalyticsRows]) -> Result<()> {
    let rows = each(sets, |set| set.concentration.as_slice());
    let (portfolios, dates) = owners(&rows);
    sqlx::query!(
        "insert into concentration (portfolio_id, as_of, gross, hhi, effective_names, top_3, top_10, instruments)
         select * from unnest($1::uuid[], $2::date[], $3::numeric[], $4::float8[], $5::float8[], $6::float8[],
                              $7::float8[], $8::integer[])",
        &portfolios,
        &dates,
        &rows.iter().map(|(_, row)| row.0).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.1).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.2).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.3).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.4).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.5).collect::<Vec<_>>()
    )
    .execute(tx.connection())
    .await
    .attempt("writing concentration")?;

    let rows = each(sets, |set| &set.sectors);
    let (portfolios, dates) = owners(&rows);
    sqlx::query!(
        "insert into sector_exposures (portfolio_id, as_of, sector, long_value, short_value, net_value, gross_value,
                                       net_weight)
         select p, d, s, l, sh, l + sh, l - sh, w
         from unnest($1::uuid[], $2::date[], $3::text[], $4::numeric[], $5::numeric[], $6::float8[])
              as e(p, d, s, l, sh, w)",
        &portfolios,
        &dates,
        &rows.iter().map(|(_, row)| row.sector.clone()).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.long).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.short).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.net_weight).collect::<Vec<_>>() as &[Option<f64>]
    )
    .execute(tx.connection())
    .await
    .attempt("writing sectors")?;

    let rows = each(sets, |set| &set.position_sectors);
    let (portfolios, dates) = owners(&rows);
    sqlx::query!(
        "insert into position_sectors (portfolio_id, as_of, position_id, sector)
         select * from unnest($1::uuid[], $2::date[], $3::uuid[], $4::text[])",
        &portfolios,
        &dates,
        &rows.iter().map(|(_, row)| row.0.0).collect::<Vec<_>>(),
        &rows
            .iter()
            .map(|(_, row)| row.1.clone())
            .collect::<Vec<_>>()
    )
    .execute(tx.connection())
    .await
    .attempt("writing the sectors of lots")?;

    let rows = each(sets, |set| &set.active_weights);
    let (portfolios, dates) = owners(&rows);
    sqlx::query!(
        "insert into active_weights (portfolio_id, as_of, benchmark, benchmark_as_of, sector, benchmark_weight, net_weight,
                                     active_weight)
         select * from unnest($1::uuid[], $2::date[], $3::text[], $4::date[], $5::text[], $6::float8[], $7::float8[],
                              $8::float8[])",
        &portfolios,
        &dates,
        &rows.iter().map(|(_, row)| row.benchmark.clone()).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.benchmark_as_of).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.sector.clone()).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.benchmark_weight).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.net_weight).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|(_, row)| row.active_weight).collect::<Vec<_>>() as &[Option<f64>]
    )
    .execute(tx.connection())
    .await
    .attempt("writing active weights")?;
    Ok(())
}

async fn stress(tx: &mut WriteTx, sets: &[&AnalyticsRows]) -> Result<()> {
    let rows = each(sets, |set| &set.stress);
    let (portfolios, dates) = owners(&rows);
    let leg = |of: fn(&StressRow) -> Option<[Decimal; 2]>, k: usize| {
        rows.iter()
            .map(|(_, row)| of(row).map(|legs| legs[k]))
            .collect::<Vec<Option<Decimal>>>()
    };
    sqlx::query!(
        "insert into stress_test_results (portfolio_id, as_of, scenario_id, outcome, reason, direct_pnl, propagated_pnl,
                                          direct, propagated, direct_floored, propagated_floored, mahalanobis, tail_p,
                                          implausible, coverage)
         select * from unnest($1::uuid[], $2::date[], $3::text[], $4::text[], $5::text[], $6::numeric[], $7::numeric[],
                              $8::float8[], $9::float8[], $10::numeric[], $11::numeric[], $12::float8[], $13::float8[],
                              $14::boolean[], $15::float8[])",
        &portfolios,
        &dates,
        &rows.iter().map(|(_, row)| row.scenario.clone()).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.outcome.to_owned()).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.reason.clone()).collect::<Vec<_>>() as &[Option<String>],
        &leg(|row| row.pnl, 0) as &[Option<Decimal>],
        &leg(|row| row.pnl, 1) as &[Option<Decimal>],
        &rows.iter().map(|(_, row)| row.fractions[0]).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|(_, row)| row.fractions[1]).collect::<Vec<_>>() as &[Option<f64>],
        &leg(|row| row.floored, 0) as &[Option<Decimal>],
        &leg(|row| row.floored, 1) as &[Option<Decimal>],
        &rows.iter().map(|(_, row)| row.plausibility.map(|p| p.0)).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|(_, row)| row.plausibility.map(|p| p.1)).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|(_, row)| row.implausible).collect::<Vec<_>>() as &[Option<bool>],
        &rows.iter().map(|(_, row)| row.coverage).collect::<Vec<_>>() as &[Option<f64>]
    )
    .execute(tx.connection())
    .await
    .attempt("writing stress tests")?;
    Ok(())
}
