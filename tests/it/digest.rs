//! The digest says what results are, not how they came about.

use sigmabatch::domain::PortfolioId;
use sigmabatch::store::digest::{Digest, digest};
use sigmabatch::store::{Pools, ReadTx};

use super::harness::{database, sql};

const RESULTS: &str = include_str!("results.sql");
const PORTFOLIO: &str = "aaaaaaaa-0000-5000-8000-000000000001";

/// Names that languages order in another way than bytes.
const TRICKY: &str = "
    insert into risk_contributions
    select 'aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'underlying', name, 0.1, 1e-17, 0.3, null
    from unnest(array['b', 'A', '_c', 'a-', 'B ', 'Z']) as n(name);
    insert into symbol_universe select symbol, 'PUBLIC', '{}', '2016-01-04', '2016-12-30'
    from unnest(array['b', 'A', '_C', 'BRK.B', 'BRK-A']) as n(symbol);
    insert into corporate_actions select symbol, '2016-12-30', 2, 0.1, 'files' from unnest(array['b', 'A', '_C', 'BRK.B', 'BRK-A']) as n(symbol)";

async fn all(pools: &Pools) -> Digest {
    of(pools, None, None).await
}

async fn of(pools: &Pools, portfolio: Option<&str>, date: Option<&str>) -> Digest {
    let mut db = ReadTx::lazy(&pools.control);
    let portfolio: Option<PortfolioId> = portfolio.map(|id| id.parse().unwrap());
    let digest = digest(&mut db, portfolio, date.map(|date| date.parse().unwrap()))
        .await
        .unwrap();
    db.close().await.unwrap();
    digest
}

#[tokio::test]
async fn equal_results_have_equal_digests_whatever_the_database_and_the_session() {
    let (pools, _) = database().await;
    sql(&pools, RESULTS).await;
    sql(&pools, TRICKY).await;
    let first = all(&pools).await;
    assert!(first.tables.iter().all(|table| table.rows > 0), "{first:?}");

    // Other runs, tasks, versions, times and scales of numbers; other collations and settings of sessions.
    let (other, _) = database().await;
    sql(&other, "update data_version set version = 41").await;
    sql(
        &other,
        &RESULTS.replace(
            "01920000-0000-7000-8000-000000000001",
            "01930000-0000-7000-8000-00000000000f",
        ),
    )
    .await;
    sql(&other, TRICKY).await;
    sql(
        &other,
        "alter table risk_contributions alter column name type text collate \"en-x-icu\";
         alter table corporate_actions alter column symbol type text collate \"en-x-icu\";
         update result_set set task_id = 7, epoch = 3, run_seq = 9, computed_at = now() - interval '3 days';
         update position_values set market_value = market_value + 0.000, price = price * 1.00;
         update portfolio_snapshots set nav = nav * 1.000;
         update stress_test_results set direct_pnl = direct_pnl * 1.0 where scenario_id = 'market_down_35';
         delete from market_data_cache where symbol = 'AAPL' and date = '2016-12-29';
         insert into market_data_cache (symbol, date, close, source) values ('AAPL', '2016-12-29', 29.1800, 'files')",
    )
    .await;
    // The pool of the digest has one connection: its session keeps these.
    let settings = "set extra_float_digits = -5; set datestyle = 'German'; set timezone = 'Asia/Tokyo'; set bytea_output = 'escape'";
    sqlx::raw_sql(settings)
        .execute(&other.control)
        .await
        .unwrap();
    assert_eq!(all(&other).await, first);
}

#[tokio::test]
async fn another_value_anywhere_is_another_digest() {
    let (pools, _) = database().await;
    sql(&pools, RESULTS).await;
    let before = all(&pools).await;
    // One statement for each table, and what it undoes.
    for (table, column, change) in [
        ("result_set", "definitions", "definitions || 'x'"),
        ("position_values", "quality", "'manual'"),
        ("portfolio_snapshots", "return_day", "return_day + 1e-18"),
        ("position_marks", "unrealised", "unrealised + 0.000001"),
        ("position_tags", "tag", "'Technology'"),
        ("completeness", "missing", "'{}'"),
        ("factor_exposures", "coverage", "coverage - 0.001"),
        ("position_factor_exposures", "beta", "-beta"),
        ("portfolio_risk", "n", "n + 1"),
        ("risk_contributions", "share", "null"),
        ("portfolio_volatility", "trend", "'steady'"),
        ("correlation_calculations", "correlations", "'{0.5}'"),
        ("concentration", "hhi", "hhi * (1 + 1e-15)"),
        ("sector_exposures", "net_weight", "0"),
        ("position_sectors", "sector", "'Energy'"),
        ("active_weights", "active_weight", "active_weight + 1e-15"),
        ("stress_test_results", "mahalanobis", "null"),
        ("option_valuations", "gamma", "gamma * (1 + 1e-15)"),
        ("value_at_risk", "kupiec_p", "0.5"),
        ("historical_replays", "approximated", "'[\"AMD\"]'"),
        ("reverse_stress", "moves", "'{\"Market\": -0.2}'"),
        ("symbol_factor_models", "flags", "'{}'"),
        ("symbol_factor_exposures", "vif", "2"),
        ("symbol_display_models", "alpha", "alpha * (1 + 1e-15)"),
        ("factor_covariance", "covariance", "'{0.0174}'"),
        ("symbol_daily_metrics", "return_ytd", "0.5"),
        ("data_quality", "observed", "100"),
        ("market_data_cache", "close", "close + 0.01"),
        ("yields", "yield", "0.0246"),
        ("corporate_actions", "cash_dividend", "0.58"),
        (
            "symbol_outcomes",
            "reason",
            "case when reason is not null then 'gone' end",
        ),
        ("replay_paths", "last_value", "last_value + 0.01"),
        ("company_profiles", "name", "'Pear'"),
        ("profile_versions", "sector", "'Energy'"),
    ] {
        sql(
            &pools,
            &format!("create table kept as table {table}; update {table} set {column} = {change}"),
        )
        .await;
        let after = all(&pools).await;
        assert_ne!(after.total, before.total, "{table}.{column}");
        let changed: Vec<_> = after
            .tables
            .iter()
            .zip(&before.tables)
            .filter(|(a, b)| a != b)
            .collect();
        assert_eq!(changed.len(), 1, "{table}: {changed:?}");
        assert_eq!(changed[0].0.table, table);
        let mut restore =
            format!("update {table} t set {column} = k.{column} from kept k where true");
        for key in key(table) {
            restore.push_str(" and t.");
            restore.push_str(key);
            restore.push_str(" = k.");
            restore.push_str(key);
        }
        restore.push_str("; drop table kept");
        sql(&pools, &restore).await;
    }
    assert_eq!(all(&pools).await, before);
}

fn key(table: &str) -> &'static [&'static str] {
    match table {
        "result_set" => &["kind", "owner", "as_of"],
        "position_values" | "position_marks" | "position_tags" | "position_sectors" => {
            &["position_id"]
        }
        "factor_exposures" => &["factor"],
        "position_factor_exposures" => &["position_id", "factor"],
        "risk_contributions" => &["kind", "name"],
        "sector_exposures" | "active_weights" => &["sector"],
        "stress_test_results" => &["scenario_id"],
        "option_valuations" => &["symbol", "spot"],
        "value_at_risk" => &["confidence"],
        "historical_replays" | "replay_paths" => &["replay"],
        "reverse_stress" => &["loss"],
        "symbol_factor_exposures" | "symbol_display_models" => &["symbol", "model", "factor"],
        "symbol_daily_metrics" | "data_quality" | "company_profiles" => &["symbol"],
        "market_data_cache" | "symbol_outcomes" => &["symbol", "date"],
        "profile_versions" => &["symbol", "as_of"],
        _ => &[],
    }
}

#[tokio::test]
async fn a_digest_can_be_of_one_portfolio_or_of_one_date() {
    let (pools, _) = database().await;
    sql(&pools, RESULTS).await;
    let portfolio = of(&pools, Some(PORTFOLIO), None).await;
    let date = of(&pools, None, Some("2016-12-30")).await;
    let both = of(&pools, Some(PORTFOLIO), Some("2016-12-30")).await;
    let names = |digest: &Digest| {
        digest
            .tables
            .iter()
            .map(|table| table.table)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&portfolio).len(), 21);
    assert_eq!(names(&both).len(), 19);
    for undated in ["company_profiles", "profile_versions"] {
        assert!(!names(&date).contains(&undated) && names(&date).contains(&"yields"));
    }

    // Results of others, of other dates and of symbols are not in it; live marks are not of a date.
    sql(
        &pools,
        "update symbol_factor_models set alpha = 1;
         update position_marks set price = 30, as_of = '2017-01-03';
         insert into portfolios (id, name, owner, currency, opening_equity, inception)
         values ('aaaaaaaa-0000-5000-8000-000000000002', 'other', 'desk', 'USD', 1, '2016-12-29');
         insert into portfolio_snapshots
         select 'aaaaaaaa-0000-5000-8000-000000000002', as_of, nav, cash, long_value, short_value, external_flows, realised,
                unrealised_change, income, pnl_day, pnl_total, return_day, large_flow from portfolio_snapshots;
         insert into portfolio_snapshots
         select portfolio_id, '2016-12-29', nav, cash, long_value, short_value, external_flows, realised,
                unrealised_change, income, pnl_day, pnl_total, return_day, large_flow
         from portfolio_snapshots where portfolio_id = 'aaaaaaaa-0000-5000-8000-000000000001'",
    )
    .await;
    assert_eq!(of(&pools, Some(PORTFOLIO), Some("2016-12-30")).await, both);
    assert_ne!(
        of(&pools, Some(PORTFOLIO), None).await.total,
        portfolio.total
    );
    assert_ne!(of(&pools, None, Some("2016-12-30")).await.total, date.total);
}
