//! 5.3: double execution, races, idempotency.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::Signal;
use rust_decimal::Decimal;
use sigmabatch::domain::{Held, Lane, PhaseName, TaskEpoch, TaskId, Trigger, WorkerId};
use sigmabatch::engine::{self, Dates, Request};
use sigmabatch::store::{WriteTx, tasks, workers};

use super::{ORDER, book, claim, lot, nights, only, planned_tasks};
use crate::faults;
use crate::market::{Folder, close};
use crate::world::{Process, World, day, eventually, on, request};

#[tokio::test(flavor = "multi_thread")]
async fn i_21_a_snapshot_that_five_workers_are_told_of_five_times_is_made_once() {
    let world = World::new().await;
    faults::books(&world).await;
    let ledger = Held::Phase(PhaseName::PnlSnapshots);
    engine::pause(&world.engine, ledger, ORDER).await.unwrap();
    for _ in 0..5 {
        world.worker().await;
    }
    let planned = world.begin(&faults::night()).await;
    let stream = world
        .engine
        .queue
        .keys()
        .stream(Lane::Backfill, PhaseName::PnlSnapshots);
    let mut redis = world.redis().await;
    let hints = eventually(async || {
        let entries: Vec<(String, Vec<String>)> = redis::cmd("XRANGE")
            .arg((&stream, "-", "+"))
            .query_async(&mut redis)
            .await
            .unwrap();
        (!entries.is_empty()).then_some(entries)
    });
    let mut again = world.redis().await;
    for (_, fields) in hints.await.expect("the phase is published") {
        for _ in 0..4 {
            redis::cmd("XADD")
                .arg((&stream, "*"))
                .arg(&fields)
                .exec_async(&mut again)
                .await
                .unwrap();
        }
    }
    engine::resume(&world.engine, ledger, ORDER).await.unwrap();

    faults::assert_ended_as_if_nothing_had_happened(&world, &planned).await;
    let tries = world
        .texts("select a.outcome from attempt a join task t on t.id = a.task_id where phase = 'pnl-snapshots'")
        .await;
    assert_eq!(tries, ["committed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_22_eight_runs_that_write_the_same_rows_for_the_first_time_succeed() {
    let world = World::new().await;
    faults::books(&world).await;
    let mut runs = Vec::new();
    for n in 0..8 {
        let wanted = Request {
            force: true,
            idempotency_key: Some(format!("run {n}")),
            ..request(on("2016-12-22"))
        };
        runs.push(engine::plan(&world.engine, &wanted).await.unwrap().run);
    }
    for &run in &runs {
        engine::start(&world.engine, run).await;
    }
    for _ in 0..4 {
        world.worker().await;
    }

    for run in runs {
        assert_eq!(
            world.verdict(run).await,
            "succeeded",
            "{}",
            world.troubles().await
        );
    }
    // Duplicates are a success, and no error that somebody has to understand.
    let others = "select count(*) from attempt where outcome <> 'committed'";
    assert_eq!(world.count(others).await, 0);
    assert_eq!(
        world
            .count("select count(*) from portfolio_snapshots")
            .await,
        2
    );
    assert_eq!(world.count("select count(*) from completeness").await, 2);
    world.assert_at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i_23_a_row_that_says_complete_has_its_values() {
    let world = World::new().await;
    book(&world, "book", "AAA", "2016-12-21").await;
    world.worker().await;
    world.run(&request(on("2016-12-21"))).await;
    let refused = async |statement: &str| {
        let error = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()))
            .execute(&world.db)
            .await
            .expect_err(statement);
        error
            .into_database_error()
            .unwrap()
            .code()
            .unwrap()
            .into_owned()
    };
    for column in ["nav", "cash", "pnl_day", "pnl_total", "realised", "income"] {
        let statement = format!("update portfolio_snapshots set {column} = null");
        assert_eq!(refused(&statement).await, "23502", "{column}");
    }
    // A zero for a profit that is none does not add up.
    assert_eq!(
        refused("update portfolio_snapshots set pnl_day = pnl_day + 1").await,
        "23514"
    );
    assert_eq!(
        refused("update portfolio_snapshots set nav = nav + 1").await,
        "23514"
    );
    assert_eq!(
        refused("update completeness set strict = true, failed_runs = 1").await,
        "23514"
    );
    assert_eq!(
        refused("update stress_test_results set propagated_pnl = null").await,
        "23514"
    );

    // And without the row of values nothing is complete, whatever the flags say.
    sqlx::query("delete from portfolio_snapshots")
        .execute(&world.db)
        .await
        .unwrap();
    let flagged = "select count(*) from completeness where strict";
    assert_eq!(world.count(flagged).await, 1);
    assert_eq!(world.count("select count(*) from published_dates").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_25_a_worker_that_wakes_up_after_its_lease_writes_nothing() {
    let market = Folder::new();
    let world = World::scripted("2016-12-30T23:00:00Z", &market).await;
    faults::books(&world).await;
    market.script("[[rule]]\nsymbols = [\"AAA\"]\ndoes = \"hold\"\n");
    let planned = world.begin(&faults::night()).await;
    let zombie = world.worker_process(&[]);
    let pid = zombie.pid().as_raw();
    let asked = eventually(async || (!market.asked_for().is_empty()).then_some(()));
    assert!(asked.await.is_some());
    zombie.signal(Signal::SIGSTOP);
    market.script("");
    world.worker().await;
    faults::assert_ended_as_if_nothing_had_happened(&world, &planned).await;
    let results = "select string_agg(kind || owner || as_of || task_id || ':' || epoch, ',' order by kind, owner, as_of)
                   from result_set";
    let before = world.texts(results).await;

    // Its answer is there at once: it has all that it needs to write.
    zombie.signal(Signal::SIGCONT);

    let reborn = "select count(*) from worker where lost_at is null and pid = $1";
    let began_anew = eventually(async || {
        let count: i64 = sqlx::query_scalar(reborn)
            .bind(pid)
            .fetch_one(&world.db)
            .await
            .unwrap();
        (count == 1).then_some(())
    });
    assert!(began_anew.await.is_some(), "it starts over under a new id");
    assert_eq!(world.texts(results).await, before);
    let written: i64 = sqlx::query_scalar(
        "select count(*) from attempt a join worker w on w.id = a.worker_id where a.outcome = 'committed'
         and w.lost_at is not null and w.pid = $1 and a.finished_at > w.lost_at",
    )
    .bind(pid)
    .fetch_one(&world.db)
    .await
    .unwrap();
    assert_eq!(written, 0);
    faults::assert_ended_as_if_nothing_had_happened(&world, &planned).await;
}

/// The same at the last moment: results are there, and COMMIT is what is left to do.
#[tokio::test(flavor = "multi_thread")]
async fn i_25_a_commit_of_a_worker_that_was_lost_changes_no_row() {
    let world = World::new().await;
    faults::books(&world).await;
    let planned = world.begin(&faults::night()).await;
    let (control, commit) = (&world.engine.pools.control, &world.engine.pools.commit);
    let zombie = WorkerId::fresh();
    workers::register(control, zombie, "it", 1, 0.5)
        .await
        .unwrap();
    let id = world
        .count("select id from task where phase = 'market-data'")
        .await;
    let hint = TaskEpoch {
        task: TaskId(id),
        epoch: 0,
    };
    let claimed = claim(&world.engine, zombie, &[hint], PhaseName::MarketData).await;
    world.worker().await;
    faults::assert_ended_as_if_nothing_had_happened(&world, &planned).await;
    let rows = "select t.*::text || array_agg(a.* order by a.epoch)::text from task t join attempt a on a.task_id = t.id
                where t.phase = 'market-data' group by t.id";
    let before = world.texts(rows).await;

    let mut tx = WriteTx::begin(commit).await.unwrap();
    let ours = tasks::complete(&mut tx, zombie, &claimed).await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!(ours, []);
    assert_eq!(world.texts(rows).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_26_a_symbol_that_sixteen_planners_register_at_once_is_there_once() {
    let world = World::new().await;
    let sessions = world
        .engine
        .calendar
        .sessions(day("2016-12-01"), day("2016-12-22"))
        .unwrap();
    let mut starts = Vec::new();
    // The earliest comes last.
    for (n, inception) in sessions.iter().rev().enumerate() {
        let inception = inception.to_string();
        let rows = [lot("AAA", 100, &inception), lot("BBB", 50, &inception)];
        let rows = rows.each_ref().map(String::as_str);
        let id = world
            .book(&format!("book {n}"), "100000", &inception, &rows)
            .await;
        let engine = world.another_engine("2016-12-30T23:00:00Z").await;
        let wanted = Request {
            trigger: Trigger::Onboarding,
            ..only(&[id], request(Dates::SinceInception))
        };
        starts.push(tokio::spawn(
            async move { engine::plan(&engine, &wanted).await },
        ));
    }
    assert_eq!(starts.len(), 16);

    for start in starts {
        start.await.unwrap().unwrap();
    }

    let seen = world
        .texts(
            "select symbol || ' ' || first_seen || ' ' || last_seen from symbol_universe
             where symbol in ('AAA', 'BBB', 'SP500') order by 1",
        )
        .await;
    assert_eq!(
        seen,
        [
            "AAA 2016-12-01 2016-12-30",
            "BBB 2016-12-01 2016-12-30",
            "SP500 2016-12-01 2016-12-30"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn i_27_the_positions_of_any_book_add_up_to_its_snapshot() {
    let world = World::new().await;
    let sessions = world
        .engine
        .calendar
        .sessions(day("2016-12-12"), day("2016-12-22"))
        .unwrap();
    // Books of one to nine lots, long and short, some of one symbol several times.
    let mut seed = 27_u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % below
    };
    for n in 0..12 {
        let mut rows = Vec::new();
        for _ in 0..=random(9) {
            let symbol = ["AAA", "BBB", "CCC", "DDD"][usize::try_from(random(4)).unwrap()];
            let entry = sessions[usize::try_from(random(6)).unwrap()].to_string();
            let side = if random(3) == 0 { "-" } else { "" };
            let (whole, part) = (1 + random(400), random(1_000_000));
            let price = close(symbol, &entry);
            rows.push(format!(
                "{symbol},{side}{whole}.{part:06},{price},{entry},PUBLIC"
            ));
        }
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        world
            .book(&format!("book {n}"), "1000000", "2016-12-12", &rows)
            .await;
    }
    world.worker().await;

    let planned = world.run(&nights("2016-12-12", "2016-12-22")).await;

    let sums: Vec<(Decimal, Decimal, Decimal, Decimal, Decimal, Decimal)> = sqlx::query_as(
        "select s.nav, s.cash, s.long_value, s.short_value,
                coalesce(sum(v.market_value) filter (where v.market_value > 0), 0),
                coalesce(sum(v.market_value) filter (where v.market_value < 0), 0)
         from portfolio_snapshots s left join position_values v using (portfolio_id, as_of)
         group by s.portfolio_id, s.as_of",
    )
    .fetch_all(&world.db)
    .await
    .unwrap();
    assert_eq!(sums.len(), 12 * planned.dates.len());
    assert!(
        sums.iter().any(|row| row.3 < Decimal::ZERO),
        "there are short books"
    );
    for (nav, cash, long, short, longs, shorts) in sums {
        assert_eq!((long, short), (longs, shorts));
        assert_eq!(nav, cash + longs + shorts);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i_28_readers_see_the_old_set_or_the_new_one_and_other_dates_are_left_alone() {
    let world = World::new().await;
    faults::books(&world).await;
    for _ in 0..2 {
        world.worker().await;
    }
    world.run(&nights("2016-12-21", "2016-12-22")).await;
    let of = "select count(*) from stress_test_results where as_of = '2016-12-22'";
    let scenarios = world.count(of).await;
    assert!(scenarios > 2);
    // Where a row is says whether anybody has written it again.
    let day_before =
        "select ctid || ' ' || xmin || ' ' || correlations::text from correlation_calculations
                      where as_of = '2016-12-21' order by 1";
    let before = world.texts(day_before).await;
    assert_eq!(before.len(), 2);

    let stop = Arc::new(AtomicBool::new(false));
    let (db, stopped) = (world.db.clone(), Arc::clone(&stop));
    let reader = tokio::spawn(async move {
        let mut seen = BTreeSet::new();
        while !stopped.load(Ordering::Relaxed) {
            seen.insert(
                sqlx::query_scalar::<_, i64>(of)
                    .fetch_one(&db)
                    .await
                    .unwrap(),
            );
        }
        seen
    });
    let mut runs = Vec::new();
    for key in ["a", "b"] {
        let wanted = Request {
            force: true,
            idempotency_key: Some(key.to_owned()),
            ..request(on("2016-12-22"))
        };
        runs.push(world.begin(&wanted).await.run);
    }
    for run in runs {
        assert_eq!(
            world.verdict(run).await,
            "succeeded",
            "{}",
            world.troubles().await
        );
    }
    stop.store(true, Ordering::Relaxed);

    assert_eq!(reader.await.unwrap(), [scenarios].into());
    assert_eq!(world.texts(day_before).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_29_three_schedulers_of_which_one_dies_make_each_night_once() {
    // The session of Thursday is due three seconds from now.
    let world = World::at("2016-12-22T21:29:57Z", crate::market::small()).await;
    book(&world, "book", "AAA", "2016-12-20").await;
    let daemon = || {
        let mut command = world.program("sigmabatch-scheduler");
        Process::start(command.args(["daemon", "--every", "1", "--log", "error"]))
    };
    let mut schedulers = [daemon(), daemon(), daemon()];
    let nights = "select label from run order by run_seq";
    let first = eventually(async || (!world.texts(nights).await.is_empty()).then_some(()));
    assert!(first.await.is_some());
    // There is no leader among them: any one may go.
    schedulers[0].signal(Signal::SIGKILL);
    schedulers[0].ended().await;

    let second = eventually(async || (world.texts(nights).await.len() > 1).then_some(()));
    assert!(second.await.is_some(), "{:?}", world.texts(nights).await);
    let mut late = world.program("sigmabatch-scheduler");
    let ended = Process::start(late.args(["once", "--log", "error"]))
        .ended()
        .await;
    assert!(ended.success());

    assert_eq!(
        world.texts(nights).await,
        ["nightly/2016-12-21", "nightly/2016-12-22"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn i_30_a_command_repeated_after_a_failure_does_only_what_is_not_done() {
    let market = Folder::new();
    let world = World::scripted("2016-12-30T23:00:00Z", &market).await;
    faults::books(&world).await;
    world.worker().await;
    let analytics = Held::Phase(PhaseName::PortfolioAnalytics);
    engine::pause(&world.engine, analytics, ORDER)
        .await
        .unwrap();
    let first = world.begin(&request(on("2016-12-22"))).await;
    let others = "select count(*) from task where state in ('ready', 'running') and phase <> 'portfolio-analytics'";
    let waiting = eventually(async || (world.count(others).await == 0).then_some(()));
    assert!(waiting.await.is_some(), "{}", world.troubles().await);
    // Something that fails again and again in one of two books: a slope that is no number.
    sqlx::query("update symbol_factor_exposures set beta = 'NaN' where symbol = 'DDD'")
        .execute(&world.db)
        .await
        .unwrap();
    engine::resume(&world.engine, analytics, ORDER)
        .await
        .unwrap();
    assert_eq!(world.verdict(first.run).await, "partial");
    let asked = market.asked();

    let mut done = Vec::new();
    for _ in 0..10 {
        let again = world.begin(&request(on("2016-12-22"))).await;
        assert_eq!(world.verdict(again.run).await, "partial");
        done.push(planned_tasks(&again));
    }

    // Three more tries of the one book, and then nothing until an input changes.
    let (tries, rest) = done.split_at(3);
    for tried in tries {
        assert_eq!(*tried, [("portfolio-analytics", 1)]);
    }
    assert!(rest.iter().all(Vec::is_empty), "{rest:?}");
    assert_eq!(market.asked(), asked, "nothing was asked again");
}
