//! 5.1: skipped work, watermarks, wrong decisions that something is done.

use std::collections::BTreeSet;

use nix::sys::signal::Signal;
use sigmabatch::domain::{Calendar, Held, Lane, PhaseName, PortfolioId, Trigger};
use sigmabatch::engine::{self, CatchUp, Dates, Request};
use sigmabatch::store::WriteTx;
use sigmabatch::store::inputs::{self, Changed};

use super::{ORDER, book, concerned, finish, lot, night, nights, only, owed, planned_tasks};
use crate::faults;
use crate::market::{Folder, small};
use crate::world::{World, day, eventually, on, request};

/// The evening of Thursday, 2016-12-22.
const THURSDAY: &str = "2016-12-22T23:00:00Z";

#[tokio::test(flavor = "multi_thread")]
async fn i_02_one_portfolio_up_to_date_does_not_hide_another_that_lags() {
    let world = World::at(THURSDAY, small()).await;
    let current = book(&world, "current", "AAA", "2016-12-20").await;
    let lagging = book(&world, "lagging", "BBB", "2016-12-20").await;
    world.worker().await;
    let to_thursday = only(&[current], nights("2016-12-20", "2016-12-22"));
    world.run(&to_thursday).await;
    world
        .run(&only(&[lagging], request(on("2016-12-20"))))
        .await;

    let night = night(&world).await;

    let missing = ["lagging 2016-12-21", "lagging 2016-12-22"];
    assert_eq!(owed(&world, night.run).await, missing);
    let about = concerned(&world, night.run).await;
    assert_eq!(about, ["lagging".to_owned()].into());
    finish(&world, night.run).await;
    let newest = world
        .texts("select name || ' ' || max(as_of) from published_dates join portfolios on id = portfolio_id group by name order by 1")
        .await;
    assert_eq!(newest, ["current 2016-12-22", "lagging 2016-12-22"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_03_one_portfolio_that_lags_does_not_pull_the_others_back() {
    let market = Folder::new();
    let world = World::scripted(THURSDAY, &market).await;
    book(&world, "deleted", "DDD", "2016-06-01").await;
    sqlx::query("update portfolios set deleted_at = now()")
        .execute(&world.db)
        .await
        .unwrap();
    for (name, symbol) in [("a", "AAA"), ("b", "BBB"), ("c", "CCC")] {
        book(&world, name, symbol, "2016-12-20").await;
    }
    let unknown = ["ZZZ,100,10,2016-12-20,PUBLIC"];
    world
        .book("hopeless", "100000", "2016-12-20", &unknown)
        .await;
    world.worker().await;
    world.run(&nights("2016-12-20", "2016-12-21")).await;
    let before = market.asked_for().len();

    let night = night(&world).await;

    let one_date_each = [
        "a 2016-12-22",
        "b 2016-12-22",
        "c 2016-12-22",
        "hopeless 2016-12-22",
    ];
    assert_eq!(owed(&world, night.run).await, one_date_each);
    finish(&world, night.run).await;
    let asked = market.asked_for().split_off(before);
    let symbols: BTreeSet<&str> = asked.iter().map(|(symbol, _)| symbol.as_str()).collect();
    assert!(symbols.is_superset(&["AAA", "BBB", "CCC", "ZZZ", "SP500"].into()));
    assert!(!symbols.contains("DDD"), "{asked:?}");
    for (symbol, dates) in &asked {
        assert_eq!(dates, "2016-12-22..2016-12-22", "{symbol}");
    }

    // What is no id is refused where it comes in, and never dropped from a list in silence.
    assert!("98518c7d".parse::<PortfolioId>().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn i_04_a_new_portfolio_owes_every_session_since_its_inception() {
    let world = World::new().await;
    book(&world, "old", "AAA", "2016-12-28").await;
    world.worker().await;
    world.run(&nights("2016-12-28", "2016-12-30")).await;
    let last = Calendar::nyse()
        .session(day("2016-12-30"))
        .unwrap()
        .unwrap();
    let first = Calendar::nyse().back(last, 19).unwrap();
    let new = book(&world, "new", "BBB", &first.to_string()).await;

    let onboarding = Request {
        trigger: Trigger::Onboarding,
        ..only(&[new], request(Dates::SinceInception))
    };
    let onboarding = engine::plan(&world.engine, &onboarding).await.unwrap();
    let nightly = night(&world).await;

    let twenty = Calendar::nyse()
        .sessions(first.date(), last.date())
        .unwrap();
    let twenty: Vec<String> = twenty.iter().map(|date| format!("new {date}")).collect();
    assert_eq!(twenty.len(), 20);
    assert_eq!(owed(&world, onboarding.run).await, twenty);
    assert_eq!(owed(&world, nightly.run).await, twenty);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_05_a_run_in_the_morning_does_not_mark_the_date_of_the_evening() {
    let world = World::new().await;
    book(&world, "book", "AAA", "2016-12-20").await;
    // Ten o'clock and half past six in New York, on Wednesday.
    let morning = world.another_engine("2016-12-21T15:00:00Z").await;
    let evening = world.another_engine("2016-12-21T23:30:00Z").await;

    let first = engine::plan_due(&morning, CatchUp::Latest).await.unwrap();
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].label, "nightly/2016-12-20");
    assert!(
        engine::plan(&morning, &request(on("2016-12-21")))
            .await
            .is_err()
    );

    let second = engine::plan_due(&evening, CatchUp::Latest).await.unwrap();

    assert_eq!(second.len(), 1);
    assert_eq!(second[0].label, "nightly/2016-12-21");
    let owed = owed(&world, second[0].run).await;
    assert!(owed.contains(&"book 2016-12-21".to_owned()), "{owed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn i_06_a_snapshot_that_exists_does_not_stand_for_analytics_that_are_missing() {
    let world = World::new().await;
    faults::books(&world).await;
    let analytics = Held::Phase(PhaseName::PortfolioAnalytics);
    engine::pause(&world.engine, analytics, ORDER)
        .await
        .unwrap();
    let cut_short = world.begin(&faults::night()).await;
    let worker = world.worker_process(&[]);
    let all_but_analytics =
        "select count(*) from task where state <> 'done' and phase <> 'portfolio-analytics'";
    let done = eventually(async || (world.count(all_but_analytics).await == 0).then_some(()));
    assert!(done.await.is_some(), "{}", world.troubles().await);
    worker.signal(Signal::SIGKILL);
    engine::resume(&world.engine, analytics, ORDER)
        .await
        .unwrap();

    // Unforced, and not the same request: the run that was cut short goes on beside it.
    let wanted = Request {
        lane: Some(Lane::Nightly),
        ..faults::night()
    };
    let again = world.begin(&wanted).await;

    let books_and_dates = 2 * again.dates.len();
    assert_eq!(
        planned_tasks(&again),
        [("portfolio-analytics", books_and_dates)]
    );
    world.worker().await;
    assert_eq!(world.verdict(again.run).await, "succeeded");
    faults::assert_ended_as_if_nothing_had_happened(&world, &cut_short).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i_07_some_rows_of_a_result_do_not_stand_for_all_of_it() {
    let world = World::new().await;
    let rows = [lot("AAA", 100, "2016-12-21"), lot("BBB", 100, "2016-12-21")];
    let rows = rows.each_ref().map(String::as_str);
    let id = world.book("book", "100000", "2016-12-21", &rows).await;
    // Rows of one family for AAA, as if somebody had begun.
    sqlx::raw_sql(
        "insert into symbol_universe (symbol, class, first_seen, last_seen)
         values ('AAA', 'PUBLIC', '2016-12-21', '2016-12-21');
         insert into symbol_factor_models (symbol, as_of, available, specific_variance, n)
         values ('AAA', '2016-12-21', true, 0.01, 251);
         insert into symbol_factor_exposures (symbol, as_of, model, factor, beta)
         select 'AAA', '2016-12-21', 'spread', name, 0.5 from factor_definitions",
    )
    .execute(&world.db)
    .await
    .unwrap();
    world.worker().await;

    world.run(&request(on("2016-12-21"))).await;

    let families =
        "select symbol || ' ' || string_agg(model || ' ' || factor, ',' order by model, factor)
                    from symbol_factor_exposures group by symbol order by symbol";
    let all = world.texts(families).await;
    let of = |symbol: &str| all.iter().find_map(|row| row.strip_prefix(symbol)).unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(of("AAA"), of("BBB"));
    assert!(of("AAA").contains("joint Market"), "{all:?}");

    // One row less, and a change of an input: the chunk runs again, and all rows are there.
    let digest = world.digest().await;
    sqlx::query("delete from symbol_factor_exposures where symbol = 'AAA' and model = 'joint' and factor = 'Market'")
        .execute(&world.db)
        .await
        .unwrap();
    assert_ne!(world.digest().await, digest);
    let mut tx = WriteTx::begin(&world.engine.pools.control).await.unwrap();
    let change = (Changed::Prices("AAA".parse().unwrap()), day("2016-12-21"));
    inputs::changed(&mut tx, &[change], "test").await.unwrap();
    tx.commit().await.unwrap();
    let again = world.run(&only(&[id], request(on("2016-12-21")))).await;
    let chunks: Vec<String> = sqlx::query_scalar(
        "select input -> 'symbols' ->> 'symbols' from task where run_id = $1 and phase = 'symbol-factors'",
    )
    .bind(again.run.0)
    .fetch_all(&world.db)
    .await
    .unwrap();
    assert_eq!(chunks, [r#"["AAA"]"#]);
    assert_eq!(world.digest().await, digest);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_08_a_run_of_one_portfolio_asks_for_its_own_symbols_only() {
    let market = Folder::new();
    let world = World::scripted(THURSDAY, &market).await;
    sqlx::query(
        "insert into symbol_universe (symbol, class, first_seen, last_seen)
         select 'S' || n, 'PUBLIC', '2016-01-04', '2016-12-21' from generate_series(1, 1200) as n",
    )
    .execute(&world.db)
    .await
    .unwrap();
    book(&world, "other", "CCC", "2016-12-20").await;
    let rows = [lot("AAA", 100, "2016-12-20"), lot("BBB", 100, "2016-12-20")];
    let rows = rows.each_ref().map(String::as_str);
    let small = world.book("small", "100000", "2016-12-20", &rows).await;
    world.worker().await;

    let planned = world.run(&only(&[small], request(on("2016-12-22")))).await;

    let proxies = world
        .texts("select distinct proxy_symbol from factor_definitions")
        .await;
    let own: BTreeSet<String> = ["AAA", "BBB"].map(str::to_owned).into();
    let with_proxies: BTreeSet<String> = own.iter().cloned().chain(proxies).collect();
    let prices: BTreeSet<String> = market
        .asked_for()
        .into_iter()
        .map(|(symbol, _)| symbol)
        .collect();
    assert_eq!(prices, with_proxies);
    for question in market.asked() {
        let symbols: BTreeSet<String> = question
            .about
            .into_iter()
            .map(|(symbol, _)| symbol)
            .collect();
        assert!(
            symbols.is_subset(&with_proxies),
            "{}: {symbols:?}",
            question.kind
        );
    }
    let tasks: Vec<String> = sqlx::query_scalar(
        "select distinct s ->> 'symbol' from task, jsonb_array_elements(input -> 'series') s
         where run_id = $1 and phase = 'market-data'",
    )
    .bind(planned.run.0)
    .fetch_all(&world.db)
    .await
    .unwrap();
    assert_eq!(tasks.into_iter().collect::<BTreeSet<_>>(), with_proxies);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_09_nothing_is_visible_of_a_snapshot_before_its_commit() {
    let world = World::new().await;
    faults::books(&world).await;
    let planned = world.begin(&faults::night()).await;
    let mut victim = world.worker_process(&["--failpoint", "before-commit:pnl-snapshots"]);
    victim.ended().await;
    // Everything before it is there.
    assert!(world.count("select count(*) from position_values").await > 0);
    assert_eq!(
        world
            .count("select count(*) from portfolio_snapshots")
            .await,
        0
    );
    assert_eq!(world.count("select count(*) from published_dates").await, 0);

    world.worker().await;

    faults::assert_ended_as_if_nothing_had_happened(&world, &planned).await;
    let rows = world
        .count("select count(*) from portfolio_snapshots")
        .await;
    assert_eq!(rows, 2 * i64::try_from(planned.dates.len()).unwrap());
    let tries = world
        .texts("select a.outcome from attempt a join task t on t.id = a.task_id where phase = 'pnl-snapshots' order by a.epoch")
        .await;
    assert_eq!(tries, ["lost", "committed"]);
}
