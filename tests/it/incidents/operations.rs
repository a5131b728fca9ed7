//! 5.8: providers, platform, operations: the entries that concern engine and scheduling.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::Signal;
use rust_decimal::Decimal;
use sigmabatch::domain::PhaseName;
use sigmabatch::engine;
use sigmabatch::import::portfolio_csv;
use sigmabatch::store::market::{self, Bars};
use sigmabatch::store::{Pools, WriteTx};

use super::{age_hints, book, lot, only, owed, planned_tasks};
use crate::faults;
use crate::market::Folder;
use crate::world::{Process, World, day, eventually, on, random, request};

const NOW: &str = "2016-12-30T23:00:00Z";

/// The short answer of `XPENDING`: how many, first and last id, and how many each consumer has.
type Summary = (
    u64,
    Option<String>,
    Option<String>,
    Option<Vec<(String, String)>>,
);

#[tokio::test(flavor = "multi_thread")]
async fn i_69_a_refusal_is_no_failure_and_is_not_asked_again_before_its_time() {
    let market = Folder::new();
    let world = World::scripted(NOW, &market).await;
    book(&world, "book", "AAA", "2016-12-20").await;
    market.script("[[rule]]\nsymbols = [\"AAA\"]\ndoes = \"refuse\"\nafter_ms = 3000\n");
    world.worker().await;
    let planned = world.begin(&request(on("2016-12-21"))).await;
    let parked = eventually(async || {
        let parked = world
            .count("select count(*) from attempt where outcome = 'parked'")
            .await;
        (parked > 0).then_some(())
    });
    assert!(parked.await.is_some(), "{}", world.troubles().await);
    market.script("");

    assert_eq!(
        world.verdict(planned.run).await,
        "succeeded",
        "{}",
        world.troubles().await
    );
    let early = world
        .count(
            "select count(*) from attempt p join attempt n on n.task_id = p.task_id and n.epoch > p.epoch
             where p.outcome = 'parked' and n.started_at < p.finished_at + interval '2.9 s'",
        )
        .await;
    assert_eq!(early, 0);
    assert_eq!(
        world
            .count("select sum(attempts + crashes) from task")
            .await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn i_71_who_needs_a_slow_answer_waits_for_it_and_others_do_not() {
    let market = Folder::new();
    let world = World::scripted(NOW, &market).await;
    let slow = book(&world, "slow", "AAA", "2016-12-20").await;
    let other = book(&world, "other", "BBB", "2016-12-20").await;
    market.script("[[rule]]\nsymbols = [\"AAA\"]\ndoes = \"hold\"\n");
    world.worker().await;
    let waiting = world.begin(&only(&[slow], request(on("2016-12-21")))).await;
    let asked = eventually(async || (!market.asked_for().is_empty()).then_some(()));
    assert!(asked.await.is_some());

    world.run(&only(&[other], request(on("2016-12-21")))).await;

    // What rests on prices has not begun, however long it takes: no clock opens a gate.
    let after = "select count(*) from run_phase p join run r on r.id = p.run_id
                 where r.verdict is null and opened_at is not null and 'market-data' = any(after)";
    assert_eq!(world.count(after).await, 0);
    let open = sqlx::query_scalar::<_, bool>("select verdict is null from run where id = $1");
    assert!(open.bind(waiting.run.0).fetch_one(&world.db).await.unwrap());
    market.script("");
    assert_eq!(
        world.verdict(waiting.run).await,
        "succeeded",
        "{}",
        world.troubles().await
    );
    assert_eq!(owed(&world, waiting.run).await, ["slow 2016-12-21"]);
}

async fn store(pools: &Pools, bars: &Bars) -> usize {
    let mut tx = WriteTx::begin(&pools.commit).await.unwrap();
    let fresh = market::upsert_bars(&mut tx, bars, "test").await.unwrap();
    tx.commit().await.unwrap();
    fresh.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn i_72_a_row_that_cannot_be_stored_is_refused_and_the_rest_is_there() {
    // No limit of parameters: fifty thousand rows are one statement.
    let world = World::new().await;
    let sessions = world
        .engine
        .calendar
        .sessions(day("2015-01-02"), day("2016-12-23"))
        .unwrap();
    let mut bars = Bars::default();
    for n in 0..100 {
        for session in sessions.iter().take(500) {
            bars.symbols.push(format!("S{n}"));
            bars.dates.push(session.date());
            bars.closes.push(Decimal::new(10_000 + n, 2));
            bars.opens.push(None);
            bars.highs.push(None);
            bars.lows.push(None);
            bars.volumes.push(None);
        }
    }
    sqlx::query(
        "insert into symbol_universe (symbol, class, first_seen, last_seen)
         select 'S' || n, 'PUBLIC', '2016-01-04', '2016-12-21' from generate_series(0, 99) as n",
    )
    .execute(&world.db)
    .await
    .unwrap();
    assert_eq!(store(&world.engine.pools, &bars).await, 100);
    assert_eq!(
        world.count("select count(*) from market_data_cache").await,
        50_000
    );
    assert_eq!(store(&world.engine.pools, &bars).await, 0);

    // Values that no column takes end at the file they came with, each with its row.
    let header = "Symbol,Quantity,Entry Price Per Share,Entry Date,Investment Class,\
        Investment Subtype,Underlying Symbol,Strike Price,Expiration Date,Option Type,Exit Date,Exit Price Per Share";
    let long = "A".repeat(40);
    let file = format!(
        "{header}\nAAA,1,10,2016-12-20,PUBLIC\n{long},1,10,2016-12-20,PUBLIC\nBBB,1e30,10,2016-12-20,PUBLIC\n"
    );
    let context = portfolio_csv::Context {
        portfolio: sigmabatch::domain::PortfolioId::of("it", "book"),
        inception: day("2016-12-20"),
        today: day("2016-12-30"),
    };
    let rejected = portfolio_csv::parse(file.as_bytes(), &context).unwrap_err();
    let lines: Vec<u64> = rejected.errors.iter().map(|issue| issue.line).collect();
    assert_eq!(lines, [3, 4]);

    // And one that the database refuses fails alone: its neighbours in the commit are stored.
    for (name, symbol) in [("first", "AAA"), ("poison", "BBB"), ("third", "CCC")] {
        book(&world, name, symbol, "2016-12-20").await;
    }
    sqlx::raw_sql(
        "create function refuse() returns trigger language plpgsql as $$
         begin
             if exists (select from portfolios where id = new.portfolio_id and name = 'poison') then
                 raise exception 'numeric field overflow' using errcode = '22003';
             end if;
             return new;
         end $$;
         create trigger refuse before insert on portfolio_snapshots for each row execute function refuse()",
    )
    .execute(&world.db)
    .await
    .unwrap();
    world.worker().await;
    let planned = world.begin(&request(on("2016-12-21"))).await;
    assert_eq!(
        world.verdict(planned.run).await,
        "partial",
        "{}",
        world.troubles().await
    );
    let stored = world
        .texts(
            "select name from portfolio_snapshots join portfolios on id = portfolio_id order by 1",
        )
        .await;
    assert_eq!(stored, ["first", "third"]);
    let dead = world
        .texts("select p.name || ': ' || t.error from task t join portfolios p on t.input::text like '%' || p.id || '%'
                where t.phase = 'pnl-snapshots' and t.state = 'dead'")
        .await;
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert!(
        dead[0].starts_with("poison: ") && dead[0].contains("numeric field overflow"),
        "{dead:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn i_74_a_worker_leaves_tasks_of_a_newer_version_alone_and_says_little() {
    let world = World::new().await;
    faults::books(&world).await;
    let planned = engine::plan(&world.engine, &faults::night()).await.unwrap();
    // Planned by a newer program, whose values this one cannot read.
    sqlx::query("update task set input_version = 99 where phase = 'position-values'")
        .execute(&world.db)
        .await
        .unwrap();
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join(random());
    let mut command = world.program("sigmabatch-worker");
    command
        .args(["--log", "info"])
        .stdout(Stdio::null())
        .stderr(File::create(&log).unwrap());
    let mut worker = Process::start(&mut command);
    engine::start(&world.engine, planned.run).await;
    let others = "select count(*) from task t join run_phase p using (run_id, phase)
                  where t.state <> 'done' and (p.opened_at is not null or phase = 'market-data')
                  and phase <> 'position-values'";
    let waiting = eventually(async || {
        let opened = "select count(*) from run_phase where phase = 'position-values' and opened_at is not null";
        (world.count(others).await == 0 && world.count(opened).await == 1).then_some(())
    });
    assert!(waiting.await.is_some(), "{}", world.troubles().await);
    let stream = world
        .engine
        .queue
        .keys()
        .stream(planned_lane(&world).await, PhaseName::PositionValues);
    let mut redis = world.redis().await;
    let read = eventually(async || {
        let pending: Summary = redis::cmd("XPENDING")
            .arg((&stream, sigmabatch::queue::GROUP))
            .query_async(&mut redis)
            .await
            .unwrap();
        (pending.0 > 0).then_some(())
    });
    assert!(
        read.await.is_some(),
        "the hint is read, and not acknowledged"
    );
    let untouched = "select count(*) from task where phase = 'position-values' and state = 'ready' and epoch = 0 and attempts = 0";
    assert_eq!(world.count(untouched).await, 1);

    // The same as if a program came that can read them.
    sqlx::query("update task set input_version = 1 where phase = 'position-values'")
        .execute(&world.db)
        .await
        .unwrap();
    age_hints(&world).await;
    faults::assert_ended_as_if_nothing_had_happened(&world, &planned).await;
    worker.signal(Signal::SIGTERM);
    worker.ended().await;
    let text = std::fs::read_to_string(&log).unwrap();
    let tasks: usize = planned_tasks(&planned).iter().map(|(_, count)| count).sum();
    let lines = text.lines().count();
    assert!(
        (tasks..=10 * tasks).contains(&lines),
        "{lines} lines for {tasks} tasks: {text}"
    );

    // Against another schema nothing is begun at all, and the reason is said.
    sqlx::query("update install set schema_version = schema_version + 1")
        .execute(&world.db)
        .await
        .unwrap();
    command.stderr(File::create(&log).unwrap());
    let status = Process::start(&mut command).ended().await;
    assert_eq!(status.code(), Some(1));
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.contains("sigmabatch migrate"), "{text}");
    std::fs::remove_file(log).unwrap();
}

async fn planned_lane(world: &World) -> sigmabatch::domain::Lane {
    world.texts("select lane from run").await[0]
        .parse()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn i_76_a_thousand_symbols_are_all_there_after_everything_was_killed() {
    let world = World::new().await;
    let rows: Vec<String> = (0..1_000)
        .map(|n| format!("S{n},1,10,2016-12-21,PUBLIC"))
        .chain([lot("AAA", 1, "2016-12-21")])
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    world.book("book", "100000", "2016-12-21", &rows).await;
    let planned = world.begin(&request(on("2016-12-21"))).await;
    let mut worker = world.worker_process(&["--failpoint", "before-commit:market-data"]);
    worker.ended().await;
    world.engine.queue.wipe().await.unwrap();

    let asked_for =
        "select count(distinct s ->> 'symbol') from task, jsonb_array_elements(input -> 'series') s
                     where phase = 'market-data' and s ->> 'class' = 'PUBLIC'";
    assert_eq!(world.count(asked_for).await, 1_001);
    world.worker().await;
    // They are taken up again; to wait for half a million answers would show no more.
    let taken_up = eventually(async || {
        let done = "select count(*) from task where phase = 'market-data' and state = 'done'";
        (world.count(done).await >= 2).then_some(())
    });
    assert!(taken_up.await.is_some(), "{}", world.troubles().await);
    let tasks = planned
        .tasks
        .iter()
        .find(|(phase, _)| *phase == PhaseName::MarketData);
    let all = "select count(*) from task where phase = 'market-data'";
    assert_eq!(
        world.count(all).await,
        i64::try_from(tasks.unwrap().1).unwrap()
    );
}
