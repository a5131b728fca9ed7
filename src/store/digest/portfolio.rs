//! The statements for what belongs to a portfolio.

use super::{Group, Only, TableDigest, fold};
use crate::store::{ReadTx, Result};

/// Hashes `$table`, whose rows belong to a portfolio and a date.
macro_rules! dated {
    ($db:ident, $only:ident, $table:literal, $sql:literal) => {{
        let groups = sqlx::query_as!(Group, $sql, $only.portfolio, $only.date);
        fold($table, groups.fetch($db.connection().await?)).await?
    }};
}

/// The tables in their fixed order.
pub(super) async fn tables(db: &mut ReadTx<'_>, only: &Only) -> Result<Vec<TableDigest>> {
    let mut tables = vec![headers(db, only).await?];
    tables.extend(ledger(db, only).await?);
    tables.extend(live(db, only).await?);
    tables.extend(exposures(db, only).await?);
    tables.extend(series(db, only).await?);
    tables.extend(buckets(db, only).await?);
    tables.extend(losses(db, only).await?);
    Ok(tables)
}

async fn headers(db: &mut ReadTx<'_>, only: &Only) -> Result<TableDigest> {
    let groups = sqlx::query_as!(
        Group,
        r#"select sha256(string_agg(record_send(row(kind, owner, as_of, definitions, provider_basis, model_version,
                                                    convention_id)),
                                    ''::bytea order by kind collate "C", owner collate "C")) as "hash!",
                  count(*) as "rows!"
           from result_set
           where ($1::text is null or owner = $1) and ($2::date is null or as_of = $2)
           group by as_of order by as_of"#,
        only.owner,
        only.date
    );
    fold("result_set", groups.fetch(db.connection().await?)).await
}

async fn ledger(db: &mut ReadTx<'_>, only: &Only) -> Result<Vec<TableDigest>> {
    let values = dated!(
        db,
        only,
        "position_values",
        r#"select sha256(string_agg(record_send(row(portfolio_id, as_of, position_id, trim_scale(quantity),
                                                    trim_scale(price), price_date, quality, trim_scale(market_value),
                                                    trim_scale(cost), trim_scale(unrealised))),
                                    ''::bytea order by position_id)) as "hash!",
                  count(*) as "rows!"
           from position_values
           where ($1::uuid is null or portfolio_id = $1) and ($2::date is null or as_of = $2)
           group by portfolio_id, as_of order by portfolio_id, as_of"#
    );
    let snapshots = dated!(
        db,
        only,
        "portfolio_snapshots",
        r#"select sha256(string_agg(record_send(row(portfolio_id, as_of, trim_scale(nav), trim_scale(cash),
                                                    trim_scale(long_value), trim_scale(short_value),
                                                    trim_scale(external_flows), trim_scale(realised),
                                                    trim_scale(unrealised_change), trim_scale(income),
                                                    trim_scale(pnl_day), trim_scale(pnl_total), return_day, large_flow,
                                                    doubts)),
                                    ''::bytea order by as_of)) as "hash!",
                  count(*) as "rows!"
           from portfolio_snapshots
           where ($1::uuid is null or portfolio_id = $1) and ($2::date is null or as_of = $2)
           group by portfolio_id order by portfolio_id"#
    );
    Ok(vec![values, snapshots])
}

/// What later nights overwrite: not part of the digest of a date.
async fn live(db: &mut ReadTx<'_>, only: &Only) -> Result<Vec<TableDigest>> {
    if only.date.is_some() {
        return Ok(Vec::new());
    }
    let groups = sqlx::query_as!(
        Group,
        r#"select sha256(string_agg(record_send(row(m.position_id, m.as_of, trim_scale(m.price), m.price_date, m.quality,
                                                    trim_scale(m.market_value), trim_scale(m.unrealised))),
                                    ''::bytea order by m.position_id)) as "hash!",
                  count(*) as "rows!"
           from position_marks m join positions p on p.id = m.position_id
           where $1::uuid is null or p.portfolio_id = $1
           group by p.portfolio_id order by p.portfolio_id"#,
        only.portfolio
    );
    let marks = fold("position_marks", groups.fetch(db.connection().await?)).await?;
    let groups = sqlx::query_as!(
        Group,
        r#"select sha256(string_agg(record_send(row(t.position_id, t.kind, t.tag)),
                                    ''::bytea order by t.position_id, t.kind collate "C")) as "hash!",
                  count(*) as "rows!"
           from position_tags t join positions p on p.id = t.position_id
           where $1::uuid is null or p.portfolio_id = $1
           group by p.portfolio_id order by p.portfolio_id"#,
        only.portfolio
    );
    let tags = fold("position_tags", groups.fetch(db.connection().await?)).await?;
    Ok(vec![marks, tags])
}

async fn exposures(db: &mut ReadTx<'_>, only: &Only) -> Result<Vec<TableDigest>> {
    let completeness = dated!(
        db,
        only,
        "completeness",
        r#"select sha256(string_agg(record_send(row(portfolio_id, as_of, snapshot, marks, betas, factors, volatility,
                                                    correlation, concentration, stress, value_at_risk, replay,
                                                    reverse_stress, reasons, missing, coverage,
                                                    strict)),
                                    ''::bytea order by as_of)) as "hash!",
                  count(*) as "rows!"
           from completeness
           where ($1::uuid is null or portfolio_id = $1) and ($2::date is null or as_of = $2)
           group by portfolio_id order by portfolio_id"#
    );
    let factors = dated!(
        db,
        only,
        "factor_exposures",
        r#"select sha256(string_agg(record_send(row(portfolio_id, as_of, factor, beta, std_error, trim_scale(dollar),
                                                    coverage, reason, low_95, high_95)),
                                    ''::bytea order by factor collate "C")) as "hash!",
                  count(*) as "rows!"
           from factor_exposures
           where ($1::uuid is null or portfolio_id = $1) and ($2::date is null or as_of = $2)
           group by portfolio_id, as_of order by portfolio_id, as_of"#
    );
    let positions = dated!(
        db,
        only,
        "position_factor_exposures",
        r#"select sha256(string_agg(record_send(row(portfolio_id, as_of, position_id, factor, beta, trim_scale(dollar),
                                                    std_error, low_95, high_95)),
                                    ''::bytea order by position_id, factor collate "C")) as "hash!",
                  count(*) as "rows!"
           from position_factor_exposures
           where ($1::uuid is null or portfolio_id = $1) and ($2::date is null or as_of = $2)
           group by portfolio_id, as_of order by portfolio_id, as_of"#
    );
    let risk = dated!(
        db,
        only,
        "portfolio_risk",
        r#"select sha256(string_agg(record_send(row(portfolio_id, as_of, volatility, factor_variance, specific_variance,
                                                    systematic_share, diversification_ratio, effective_bets, coverage,
                                                    n, flags)),
                                    ''::bytea order by as_of)) as "hash!",
                  count(*) as "rows!"
           from portfolio_risk
           where ($1::uuid is null or portfolio_id = $1) and ($2::date is null or as_of = $2)
           group by portfolio_id order by portfolio_id"#
    );
    let contributions = dated!(
        db,
        only,
        "risk_contributions",
        r#"select sha256(string_agg(record_send(row(portfolio_id, as_of, kind, name, exposure, marginal, contribution,
                                                    share)),
                                    ''::bytea order by kind collate "C", name collate "C")) as "hash!",
                  count(*) as "rows!"
           from risk_contributions
           where ($1::uuid is null or portfolio_id = $1) and ($2::date is null or as_of = $2)
           group by portfolio_id, as_of order by portfolio_id, as_of"#
    );
    Ok(vec![completeness, factors, positions, risk, contributions])
}

async fn series(db: &mut ReadTx<'_>, only: &Only) -> Result<Vec<TableDigest>> {
    let volatility = dated!(
        db,
        only,
        "portfolio_volatility",
        r#"select sha256(string_agg(record_send(row(portfolio_id, as_of, realised_21, realised_63, forecast_21, percentile,
                                                    trend_ratio, trend, n, filled, dropped, coverage, flags, reasons)),
                                    ''::bytea order by as_of)) as "hash!",
                  count(*) as "rows!"
           from portfolio_volatility
           where ($1::uuid is null or portfolio_id = $1) and ($2::date is null or as_of = $2)
           group by portfolio_id order by portfolio_id"#
    );
    let correlation = dated!(
        db,
        only,
        "correlation_calculations",
        r#"select sha256(string_agg(record_send(row(portfolio_id, as_of, symbols, correlations, lower_95, upper_95, n,
                                                    clusters, average, shrinkage, coverage)),
                                    ''::bytea order by as_of)) as "hash!",
                  count(*) as "rows!"
           from correlation_calculations
           where ($1::uuid is null or portfolio_id = $1) and ($2::date is null or as_of = $2)
           group by portfolio_id, as_of order by portfolio_id, as_of"#
    );
    Ok(vec![volatility, correlation])
}

async fn buckets(db: &mut ReadTx<'_>, only: &Only) -> Result<Vec<TableDigest>> {
    let concentration = dated!(
        db,
        only,
        "concentration",
        r#"select sha256(string_agg(record_send(row(portfolio_id, as_of, trim_scale(gross), hhi, effective_names, top_3,
                                                    top_10, instruments)),
                                    ''::bytea order by as_of)) as "hash!",
                  count(*) as "rows!"
           from concentration
           where ($1::uuid is null or portfolio_id = $1) and ($2::date is null or as_of = $2)
           group by portfolio_id order by portfolio_id"#
    );
    let sectors = dated!(
        db,
        only,
        "sector_exposures",
        r#"select sha256(string_agg(record_send(row(portfolio_id, as_of, sector, trim_scale(long_value),
                                                    trim_scale(short_value), trim_scale(net_value),
                                                    trim_scale(gross_value), net_weight)),
                                    ''::bytea order by sector collate "C")) as "hash!",
                  count(*) as "rows!"
           from sector_exposures
           where ($1::uuid is null or portfolio_id = $1) and ($2::date is null or as_of = $2)
           group by portfolio_id, as_of order by portfolio_id, as_of"#
    );
    let lots = dated!(
        db,
        only,
        "position_sectors",
        r#"select sha256(string_agg(record_send(row(portfolio_id, as_of, position_id, sector)),
                                    ''::bytea order by position_id)) as "hash!",
                  count(*) as "rows!"
           from position_sectors
           where ($1::uuid is null or portfolio_id = $1) and ($2::date is null or as_of = $2)
           group by portfolio_id, as_of order by portfolio_id, as_of"#
    );
    let active = dated!(
        db,
        only,
        "active_weights",
        r#"select sha256(string_agg(record_send(row(portfolio_id, as_of, benchmark, benchmark_as_of, sector,
                                                    benchmark_weight, net_weight, active_weight)),
                                    ''::bytea order by benchmark collate "C", sector collate "C")) as "hash!",
                  count(*) as "rows!"
           from active_weights
           where ($1::uuid is null or portfolio_id = $1) and ($2::date is null or as_of = $2)
           group by portfolio_id, as_of order by portfolio_id, as_of"#
    );
    let stress = dated!(
        db,
        only,
        "stress_test_results",
        r#"select sha256(string_agg(record_send(row(portfolio_id, as_of, scenario_id, outcome, reason,
                                                    trim_scale(direct_pnl), trim_scale(propagated_pnl), direct,
                                                    propagated, trim_scale(direct_floored),
                                                    trim_scale(propagated_floored), mahalanobis, tail_p, implausible,
                                                    coverage)),
                                    ''::bytea order by scenario_id collate "C")) as "hash!",
                  count(*) as "rows!"
           from stress_test_results
           where ($1::uuid is null or portfolio_id = $1) and ($2::date is null or as_of = $2)
           group by portfolio_id, as_of order by portfolio_id, as_of"#
    );
    Ok(vec![concentration, sectors, lots, active, stress])
}

async fn losses(db: &mut ReadTx<'_>, only: &Only) -> Result<Vec<TableDigest>> {
    let options = dated!(
        db,
        only,
        "option_valuations",
        r#"select sha256(string_agg(record_send(row(portfolio_id, as_of, symbol, underlying, strike, spot, years, rate,
                                                    dividend_yield, volatility, source, note, price, delta, gamma, vega,
                                                    theta, rho, trim_scale(shares), trim_scale(exposure))),
                                    ''::bytea order by symbol collate "C", spot)) as "hash!",
                  count(*) as "rows!"
           from option_valuations
           where ($1::uuid is null or portfolio_id = $1) and ($2::date is null or as_of = $2)
           group by portfolio_id, as_of order by portfolio_id, as_of"#
    );
    let value_at_risk = dated!(
        db,
        only,
        "value_at_risk",
        r#"select sha256(string_agg(record_send(row(portfolio_id, as_of, confidence, outcome, reason, historical_1,
                                                    historical_1_shortfall, historical_10, historical_10_shortfall,
                                                    parametric_1, parametric_1_shortfall, parametric_10,
                                                    parametric_10_shortfall, sessions, exceptions, expected, kupiec,
                                                    kupiec_p, independence, independence_p, conditional, conditional_p,
                                                    n, coverage, flags, reasons, windows, filled, dropped)),
                                    ''::bytea order by confidence)) as "hash!",
                  count(*) as "rows!"
           from value_at_risk
           where ($1::uuid is null or portfolio_id = $1) and ($2::date is null or as_of = $2)
           group by portfolio_id, as_of order by portfolio_id, as_of"#
    );
    let replays = dated!(
        db,
        only,
        "historical_replays",
        r#"select sha256(string_agg(record_send(row(portfolio_id, as_of, replay, first_close, last_close, outcome, reason,
                                                    trim_scale(pnl), fraction, approximated, trim_scale(floored), coverage)),
                                    ''::bytea order by replay collate "C")) as "hash!",
                  count(*) as "rows!"
           from historical_replays
           where ($1::uuid is null or portfolio_id = $1) and ($2::date is null or as_of = $2)
           group by portfolio_id, as_of order by portfolio_id, as_of"#
    );
    let reverse = dated!(
        db,
        only,
        "reverse_stress",
        r#"select sha256(string_agg(record_send(row(portfolio_id, as_of, loss, outcome, reason, trim_scale(pnl), mahalanobis,
                                                    tail_p, moves, trim_scale(floored), coverage)),
                                    ''::bytea order by loss)) as "hash!",
                  count(*) as "rows!"
           from reverse_stress
           where ($1::uuid is null or portfolio_id = $1) and ($2::date is null or as_of = $2)
           group by portfolio_id, as_of order by portfolio_id, as_of"#
    );
    Ok(vec![options, value_at_risk, replays, reverse])
}
