//! 5.4: transactions, sessions, pools.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use nix::sys::signal::Signal;
use sigmabatch::domain::{Held, PhaseName};
use sigmabatch::engine::{self, Probe};

use super::wire::transactions;
use super::{ORDER, book, nights, planned_tasks};
use crate::faults;
use crate::market::Folder;
use crate::proxy::{Proxy, port_of};
use crate::world::{World, eventually, on, request};

const NOW: &str = "2016-12-30T23:00:00Z";
const HOLD: &str = "[[rule]]\ndoes = \"hold\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn i_31_a_night_needs_five_connections_per_worker_and_waits_for_none() {
    const WORKERS: i64 = 4;
    let world = World::new().await;
    for n in 0..30 {
        let symbol = ["AAA", "BBB", "CCC", "DDD"][n % 4];
        book(&world, &format!("book {n}"), symbol, "2016-12-20").await;
    }
    for _ in 0..WORKERS {
        let mut options = world.options();
        // Analytics that take their time, and more tasks at once than connections.
        options.probe = Some(Probe(Arc::new(|phase| {
            if phase == PhaseName::PortfolioAnalytics {
                std::thread::sleep(Duration::from_millis(40));
            }
        })));
        world.worker_with(options).await;
    }
    let db = world.db.clone();
    let planned = world.begin(&nights("2016-12-21", "2016-12-22")).await;
    let mut most = 0;
    let ended = eventually(async || {
        let (verdict, connections): (Option<String>, i64) = sqlx::query_as(
            "select (select verdict from run), (select count(*) from pg_stat_activity
             where datname = current_database() and application_name = 'it-worker')",
        )
        .fetch_one(&db)
        .await
        .unwrap();
        most = most.max(connections);
        verdict
    });

    assert_eq!(
        ended.await.as_deref(),
        Some("succeeded"),
        "{}",
        world.troubles().await
    );
    assert!(
        (WORKERS..=5 * WORKERS).contains(&most),
        "{most} connections"
    );
    // Whoever waited for a connection in vain would have failed.
    assert_eq!(
        world
            .count("select count(*) from attempt where outcome <> 'committed'")
            .await,
        0
    );
    assert_eq!(planned.portfolios, 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_32_no_transaction_is_open_while_a_provider_is_slow() {
    let market = Folder::new();
    let world = World::scripted(NOW, &market).await;
    faults::books(&world).await;
    market.script(HOLD);
    world.worker().await;
    let planned = world.begin(&faults::night()).await;
    let asked = eventually(async || {
        let kinds: BTreeSet<String> = market.asked().into_iter().map(|one| one.kind).collect();
        (kinds.contains("prices") && kinds.contains("profiles")).then_some(())
    });
    assert!(asked.await.is_some());

    // For as long as the worker renews its lease three times.
    let open = "select count(*) from pg_stat_activity where datname = current_database()
                and application_name like 'it-%' and application_name <> 'it-test' and xact_start < now() - interval '1 s'";
    let lease = async || -> DateTime<Utc> {
        sqlx::query_scalar("select lease_until from worker")
            .fetch_one(&world.db)
            .await
            .unwrap()
    };
    let (mut last, mut renewals) = (lease().await, 0);
    let watched = eventually(async || {
        assert_eq!(
            world.count(open).await,
            0,
            "a transaction is open for more than a second"
        );
        let now = lease().await;
        renewals += u32::from(now > last);
        last = now;
        (renewals == 3).then_some(())
    });
    assert!(watched.await.is_some());
    let waiting = "select count(*) from task where state = 'running'";
    assert!(world.count(waiting).await >= 2);

    market.script("");
    faults::assert_ended_as_if_nothing_had_happened(&world, &planned).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i_33_a_worker_told_to_stop_amid_slow_tasks_leaves_no_connection_and_no_task_behind() {
    let market = Folder::new();
    let world = World::scripted(NOW, &market).await;
    faults::books(&world).await;
    market.script(HOLD);
    let planned = world.begin(&faults::night()).await;
    let mut worker = world.worker_process(&["--grace-seconds", "1", "--concurrency", "20"]);
    let pid = worker.pid().as_raw();
    let busy = eventually(async || (faults::in_hand(&world, pid).await.len() >= 2).then_some(()));
    assert!(busy.await.is_some());

    worker.signal(Signal::SIGTERM);

    let ended = eventually(async || worker.try_ended());
    let status = ended.await.expect("it does not wait for its tasks");
    assert_eq!((status.code(), status.signal()), (Some(0), None));
    let connections = "select count(*) from pg_stat_activity
                       where datname = current_database() and application_name = 'sigmabatch-worker'";
    let gone = eventually(async || (world.count(connections).await == 0).then_some(()));
    assert!(gone.await.is_some());
    assert_eq!(
        world
            .count("select count(*) from task where state = 'running'")
            .await,
        0
    );
    assert!(
        world
            .count("select count(*) from attempt where outcome = 'released'")
            .await
            >= 2
    );
    // Stopping counts neither as a failure nor as a crash.
    assert_eq!(
        world
            .count("select sum(attempts + crashes) from task")
            .await,
        0
    );

    market.script("");
    world.worker().await;
    faults::assert_ended_as_if_nothing_had_happened(&world, &planned).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i_34_one_analytic_that_fails_costs_the_others_nothing() {
    let world = World::new().await;
    book(&world, "well", "AAA", "2016-12-20").await;
    let rows = [
        super::lot("BBB", 100, "2016-12-20"),
        super::lot("CCC", 100, "2016-12-20"),
    ];
    let rows = rows.each_ref().map(String::as_str);
    let ill = world.book("ill", "100000", "2016-12-20", &rows).await;
    world.worker().await;
    let analytics = Held::Phase(PhaseName::PortfolioAnalytics);
    engine::pause(&world.engine, analytics, ORDER)
        .await
        .unwrap();
    let planned = world.begin(&request(on("2016-12-22"))).await;
    let others = "select count(*) from task where state in ('ready', 'running') and phase <> 'portfolio-analytics'";
    let waiting = eventually(async || (world.count(others).await == 0).then_some(()));
    assert!(waiting.await.is_some(), "{}", world.troubles().await);
    // What no model gives: a slope that is no number. Factors and stress cannot be computed with it.
    sqlx::query(
        "update symbol_factor_exposures set beta = 'NaN' where symbol = 'CCC' and model = 'joint'",
    )
    .execute(&world.db)
    .await
    .unwrap();
    engine::resume(&world.engine, analytics, ORDER)
        .await
        .unwrap();

    assert_eq!(world.verdict(planned.run).await, "partial");
    let outcomes = world
        .texts(
            "select concat_ws(' ', name, snapshot, betas, factors, volatility, correlation, concentration, stress,
                              value_at_risk, replay, reverse_stress)
             from completeness join portfolios on id = portfolio_id order by 1",
        )
        .await;
    assert_eq!(
        outcomes,
        [
            "ill done done failed done done done failed done insufficient_data failed",
            "well done done done done not_applicable done done done insufficient_data done"
        ]
    );
    // What is no number is no row either: no null without a reason, and no dollar of 0.
    for (table, there) in [
        ("factor_exposures", false),
        ("position_factor_exposures", false),
        ("portfolio_risk", false),
        ("portfolio_volatility", true),
        ("correlation_calculations", true),
        ("concentration", true),
        ("sector_exposures", true),
        ("position_sectors", true),
    ] {
        let rows = format!("select count(*) from {table} where portfolio_id = '{ill}'");
        let rows: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(rows))
            .fetch_one(&world.db)
            .await
            .unwrap();
        assert_eq!(rows > 0, there, "{table}");
    }
    // It is tried again unasked, and once the cause is gone all is well.
    sqlx::query("update symbol_factor_exposures set beta = 1 where beta = 'NaN'")
        .execute(&world.db)
        .await
        .unwrap();
    let again = world.run(&request(on("2016-12-22"))).await;
    assert_eq!(planned_tasks(&again), [("portfolio-analytics", 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_35_a_commit_that_fails_at_its_end_leaves_nothing_of_its_rows() {
    let world = World::new().await;
    faults::books(&world).await;
    // Postgres refuses at COMMIT, when every row is written and the task is marked done.
    sqlx::raw_sql(
        "create function refuse() returns trigger language plpgsql as $$
         begin raise exception 'refused' using errcode = '22000'; end $$;
         create constraint trigger refuse after insert on portfolio_snapshots
         deferrable initially deferred for each row execute function refuse()",
    )
    .execute(&world.db)
    .await
    .unwrap();
    world.worker().await;
    let planned = world.begin(&faults::night()).await;
    assert_eq!(world.verdict(planned.run).await, "failed");

    assert!(world.count("select count(*) from position_values").await > 0);
    for rows in [
        "select count(*) from portfolio_snapshots",
        "select count(*) from result_set where kind = 'pnl-snapshots'",
        "select count(*) from task where phase = 'pnl-snapshots' and state = 'done'",
        "select count(*) from attempt a join task t on t.id = a.task_id
         where phase = 'pnl-snapshots' and a.outcome = 'committed'",
    ] {
        assert_eq!(world.count(rows).await, 0, "{rows}");
    }
    let said = world
        .texts("select distinct error from task where state = 'dead' and error like '%refused%'")
        .await;
    assert_eq!(said.len(), 1, "{said:?}");
}

/// Per phase: the keys that its tasks were to write and that are not there.
const CONTRACTS: [(&str, &str); 10] = [
    (
        "company-profiles",
        "select s from task, jsonb_array_elements_text(input -> 'symbols') s where phase = $1
         and not exists (select from company_profiles where symbol = s)",
    ),
    (
        "market-data",
        "select s ->> 'symbol' from task, jsonb_array_elements(input -> 'series') s where phase = $1
         and not exists (select from symbol_outcomes o where o.symbol = s ->> 'symbol' and o.date = as_of)",
    ),
    (
        "symbol-factors",
        "select s || d from task, jsonb_array_elements_text(input -> 'symbols' -> 'symbols') s,
                jsonb_array_elements_text(input -> 'symbols' -> 'dates') d where phase = $1
         and not exists (select from symbol_factor_models m where m.symbol = s and m.as_of = d::date)
         union all
         select d from task, jsonb_array_elements_text(input -> 'covariance' -> 'dates') d where phase = $1
         and not exists (select from factor_covariance c where c.as_of = d::date)",
    ),
    (
        "symbol-metrics",
        "select s || d from task, jsonb_array_elements_text(input -> 'symbols') s,
                jsonb_array_elements_text(input -> 'dates') d where phase = $1
         and not exists (select from symbol_daily_metrics m where m.symbol = s and m.as_of = d::date)",
    ),
    (
        "fundamentals",
        "select s from task, jsonb_array_elements_text(input -> 'symbols') s where phase = $1
         and not exists (select from fundamentals_outcomes where symbol = s)",
    ),
    (
        "position-values",
        "select l.symbol || d from task, jsonb_array_elements_text(input -> 'portfolios') p,
                jsonb_array_elements_text(input -> 'dates') d, live_positions(d::date) l
         where phase = $1 and l.portfolio_id = p::uuid
         and not exists (select from position_values v where v.position_id = l.id and v.as_of = d::date)",
    ),
    (
        "pnl-snapshots",
        "select p || d from task, jsonb_array_elements_text(input -> 'portfolios') p,
                jsonb_array_elements_text(input -> 'dates') d where phase = $1
         and not exists (select from portfolio_snapshots s where s.portfolio_id = p::uuid and s.as_of = d::date)",
    ),
    (
        "position-updates",
        "select l.symbol from task, jsonb_array_elements_text(input -> 'portfolios') p, live_positions(as_of) l
         where phase = $1 and l.portfolio_id = p::uuid
         and not exists (select from position_marks m where m.position_id = l.id and m.as_of = task.as_of)",
    ),
    (
        "sector-tags",
        "select l.symbol from task, jsonb_array_elements_text(input -> 'portfolios') p, live_positions(as_of) l
         where phase = $1 and l.portfolio_id = p::uuid
         and not exists (select from position_tags g where g.position_id = l.id)",
    ),
    (
        "portfolio-analytics",
        "select unit || s.id from task cross join stress_test_scenarios s where phase = $1 and s.active
         and not exists (select from stress_test_results r where r.scenario_id = s.id and r.as_of = task.as_of
                         and r.portfolio_id = (input ->> 'portfolio')::uuid)
         union all
         select unit from task where phase = $1
         and not exists (select from completeness c where c.as_of = task.as_of
                         and c.portfolio_id = (input ->> 'portfolio')::uuid)",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn i_36_after_success_every_key_is_there_for_another_connection() {
    let world = World::new().await;
    faults::books(&world).await;
    let phases: Vec<&str> = CONTRACTS.iter().map(|(phase, _)| *phase).collect();
    let all: Vec<&str> = PhaseName::ALL.iter().map(|phase| phase.as_str()).collect();
    assert_eq!(phases, all);
    let missing = async |phase: &'static str, sql: &'static str| -> Vec<String> {
        sqlx::query_scalar(sql)
            .bind(phase)
            .fetch_all(&world.db)
            .await
            .unwrap()
    };
    let planned = engine::plan(&world.engine, &faults::night()).await.unwrap();
    for (phase, sql) in CONTRACTS {
        assert!(
            !missing(phase, sql).await.is_empty(),
            "{phase} owes something"
        );
    }

    world.worker().await;
    super::finish(&world, planned.run).await;

    for (phase, sql) in CONTRACTS {
        let missing = missing(phase, sql).await;
        assert!(missing.is_empty(), "{phase}: {missing:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i_37_a_thousand_tasks_of_which_64_run_at_once_do_not_disturb_each_other() {
    let world = World::new().await;
    // Books of cash: much to schedule, little to compute.
    for n in 0..100 {
        world
            .book(&format!("book {n}"), "1000", "2016-12-12", &[])
            .await;
    }
    let mut options = world.options();
    options.concurrency = 64;
    world.worker_with(options).await;

    let planned = world.run(&nights("2016-12-16", "2016-12-30")).await;

    let analytics = planned_tasks(&planned);
    assert!(
        analytics.contains(&("portfolio-analytics", 1_000)),
        "{analytics:?}"
    );
    assert_eq!(
        world
            .count("select count(*) from attempt where outcome <> 'committed'")
            .await,
        0
    );
    assert_eq!(
        world
            .count("select count(*) from published_dates where strict")
            .await,
        1_000
    );
    world.assert_at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i_38_a_run_whose_planner_died_right_after_planning_is_done() {
    let world = World::new().await;
    faults::books(&world).await;
    // Nothing is opened and nothing is published: that would have been the next step.
    let planned = engine::plan(&world.engine, &faults::night()).await.unwrap();

    world.worker().await;

    faults::assert_ended_as_if_nothing_had_happened(&world, &planned).await;
}

/// The most statements that a transaction of a task executes, and how often it executes the same one.
async fn statements_per_task(symbols: usize, lots: usize) -> (usize, usize) {
    let world = World::new().await;
    let rows: Vec<String> = (0..lots)
        .map(|n| format!("S{},{},10,2016-12-20,PUBLIC", n % symbols, n + 1))
        .chain(["AAA", "BBB"].map(|symbol| super::lot(symbol, 1, "2016-12-20")))
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    world.book("book", "1000000", "2016-12-20", &rows).await;
    let mut options = world.options();
    options.concurrency = 1;
    let proxy = Proxy::to(port_of(&options.store.url)).await;
    options.store.url = proxy.url(&options.store.url);
    proxy.listen();
    world.worker_by(options, &world.servers().redis_url).await;

    world.run(&request(on("2016-12-21"))).await;

    let heard = proxy.heard();
    let all = heard.iter().flat_map(|sent| transactions(sent));
    let of_tasks = all.filter(|statements| {
        let is_load = statements[0].contains("repeatable read");
        is_load
            || statements
                .iter()
                .any(|one| one.contains("insert into attempt"))
    });
    let (mut most, mut same, mut count) = (0, 0, 0);
    for statements in of_tasks {
        let mut times = BTreeMap::new();
        for one in &statements {
            *times.entry(one).or_insert(0) += 1;
        }
        most = most.max(statements.len());
        same = same.max(times.into_values().max().unwrap_or(0));
        count += 1;
    }
    assert!(count > 15, "{count} transactions");
    (most, same)
}

#[tokio::test(flavor = "multi_thread")]
async fn i_40_a_task_asks_as_often_for_200_positions_as_for_ten() {
    let few = statements_per_task(10, 10).await;
    let many = statements_per_task(50, 200).await;
    assert!(
        many.0.abs_diff(few.0) <= 2,
        "{few:?} {many:?} statements in a transaction"
    );
    assert!(
        many.1.abs_diff(few.1) <= 2,
        "{few:?} {many:?} times the same statement"
    );
}
