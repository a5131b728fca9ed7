//! The statements for what belongs to symbols and factors.

use super::{Group, Only, TableDigest, fold};
use crate::store::{ReadTx, Result};

/// Hashes `$table`, whose rows belong to a date.
macro_rules! dated {
    ($db:ident, $only:ident, $table:literal, $sql:literal) => {{
        let groups = sqlx::query_as!(Group, $sql, $only.date);
        fold($table, groups.fetch($db.connection().await?)).await?
    }};
}

/// The tables in their fixed order.
pub(super) async fn tables(db: &mut ReadTx<'_>, only: &Only) -> Result<Vec<TableDigest>> {
    let mut tables = computed(db, only).await?;
    tables.extend(fetched(db, only).await?);
    if only.date.is_none() {
        tables.extend(profiles(db).await?);
    }
    Ok(tables)
}

async fn computed(db: &mut ReadTx<'_>, only: &Only) -> Result<Vec<TableDigest>> {
    let models = dated!(
        db,
        only,
        "symbol_factor_models",
        r#"select sha256(string_agg(record_send(row(symbol, as_of, available, reason, alpha, r_squared, n, n_eff, edf,
                                                    specific_variance, flags, alpha_error, alpha_t, alpha_p,
                                                    alpha_low_95, alpha_high_95, adjusted_r_squared, durbin_watson,
                                                    condition_number)),
                                    ''::bytea order by symbol collate "C")) as "hash!",
                  count(*) as "rows!"
           from symbol_factor_models where $1::date is null or as_of = $1 group by as_of order by as_of"#
    );
    let exposures = dated!(
        db,
        only,
        "symbol_factor_exposures",
        r#"select sha256(string_agg(record_send(row(symbol, as_of, model, factor, beta, std_error, shrunk, vif, n, flags, t,
                                                    p, low_95, high_95)),
                                    ''::bytea order by symbol collate "C", model collate "C", factor collate "C"))
                      as "hash!",
                  count(*) as "rows!"
           from symbol_factor_exposures where $1::date is null or as_of = $1 group by as_of order by as_of"#
    );
    let displays = dated!(
        db,
        only,
        "symbol_display_models",
        r#"select sha256(string_agg(record_send(row(symbol, as_of, model, factor, status, reason, n, alpha, alpha_error,
                                                    alpha_t, alpha_p, alpha_low_95, alpha_high_95, r_squared,
                                                    adjusted_r_squared, n_eff)),
                                    ''::bytea order by symbol collate "C", model collate "C", factor collate "C"))
                      as "hash!",
                  count(*) as "rows!"
           from symbol_display_models where $1::date is null or as_of = $1 group by as_of order by as_of"#
    );
    let covariance = dated!(
        db,
        only,
        "factor_covariance",
        r#"select sha256(string_agg(record_send(row(as_of, available, reason, factors, roles, market_slopes, covariance,
                                                    proxy_covariance, n, unavailable, first_session, last_session,
                                                    limiting_proxy)),
                                    ''::bytea order by as_of)) as "hash!",
                  count(*) as "rows!"
           from factor_covariance where $1::date is null or as_of = $1 group by as_of order by as_of"#
    );
    let metrics = dated!(
        db,
        only,
        "symbol_daily_metrics",
        r#"select sha256(string_agg(record_send(row(symbol, as_of, trim_scale(close), return_1d, return_mtd, return_ytd,
                                                    return_1m, return_3m, return_1y, reason)),
                                    ''::bytea order by symbol collate "C")) as "hash!",
                  count(*) as "rows!"
           from symbol_daily_metrics where $1::date is null or as_of = $1 group by as_of order by as_of"#
    );
    let quality = dated!(
        db,
        only,
        "data_quality",
        r#"select sha256(string_agg(record_send(row(symbol, as_of, sessions, observed, findings, evidence)),
                                    ''::bytea order by symbol collate "C")) as "hash!",
                  count(*) as "rows!"
           from data_quality where $1::date is null or as_of = $1 group by as_of order by as_of"#
    );
    Ok(vec![
        models, exposures, displays, covariance, metrics, quality,
    ])
}

async fn fetched(db: &mut ReadTx<'_>, only: &Only) -> Result<Vec<TableDigest>> {
    let prices = dated!(
        db,
        only,
        "market_data_cache",
        r#"select sha256(string_agg(record_send(row(symbol, date, trim_scale(close), trim_scale(open), trim_scale(high),
                                                    trim_scale(low), trim_scale(volume), source)),
                                    ''::bytea order by date)) as "hash!",
                  count(*) as "rows!"
           from market_data_cache where $1::date is null or date = $1 group by symbol order by symbol collate "C""#
    );
    let yields = dated!(
        db,
        only,
        "yields",
        r#"select sha256(string_agg(record_send(row(symbol, date, trim_scale(yield), source)), ''::bytea order by date))
                      as "hash!",
                  count(*) as "rows!"
           from yields where $1::date is null or date = $1 group by symbol order by symbol collate "C""#
    );
    let actions = dated!(
        db,
        only,
        "corporate_actions",
        r#"select sha256(string_agg(record_send(row(symbol, ex_date, trim_scale(split_ratio), trim_scale(cash_dividend),
                                                    source)),
                                    ''::bytea order by ex_date)) as "hash!",
                  count(*) as "rows!"
           from corporate_actions where $1::date is null or ex_date = $1 group by symbol order by symbol collate "C""#
    );
    let outcomes = dated!(
        db,
        only,
        "symbol_outcomes",
        r#"select sha256(string_agg(record_send(row(symbol, date, outcome, reason, trim_scale(refused))), ''::bytea order by date)) as "hash!",
                  count(*) as "rows!"
           from symbol_outcomes where $1::date is null or date = $1 group by symbol order by symbol collate "C""#
    );
    let replays = dated!(
        db,
        only,
        "replay_paths",
        r#"select sha256(string_agg(record_send(row(symbol, replay, first_date, last_date, trim_scale(first_value),
                                                    trim_scale(last_value), actions, outcome, reason, source)),
                                    ''::bytea order by last_date, replay)) as "hash!",
                  count(*) as "rows!"
           from replay_paths where $1::date is null or last_date = $1 group by symbol order by symbol collate "C""#
    );
    Ok(vec![prices, yields, actions, outcomes, replays])
}

/// Descriptions are overwritten by later nights, and a version counts for many dates: neither is part of the digest of a date. When
/// something was told last is a time, and so is when it was told first, where nothing else was before: then it counts for every date.
async fn profiles(db: &mut ReadTx<'_>) -> Result<Vec<TableDigest>> {
    let groups = sqlx::query_as!(
        Group,
        r#"select sha256(string_agg(record_send(row(symbol, available, reason, name, industry, country, currency,
                                                    trim_scale(market_cap), description, source)),
                                    ''::bytea order by symbol collate "C")) as "hash!",
                  count(*) as "rows!"
           from company_profiles group by symbol order by symbol collate "C""#
    );
    let described = fold("company_profiles", groups.fetch(db.connection().await?)).await?;
    let groups = sqlx::query_as!(
        Group,
        r#"select sha256(string_agg(record_send(row(symbol, nullif(as_of, first), sector, quote_type, beta, dividend_yield)),
                                    ''::bytea order by as_of)) as "hash!",
                  count(*) as "rows!"
           from (select *, min(as_of) over (partition by symbol) as first from profile_versions) v
           group by symbol order by symbol collate "C""#
    );
    let versions = fold("profile_versions", groups.fetch(db.connection().await?)).await?;
    Ok(vec![described, versions])
}
