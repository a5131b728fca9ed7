//! 5.2: status, history and progress of runs.

use std::collections::{BTreeMap, BTreeSet};

use nix::sys::signal::Signal;
use sigmabatch::cli::StatusArgs;
use sigmabatch::cli::status::{self, Status};
use sigmabatch::domain::{Held, Lane, PhaseName, RunId, Trigger, Verdict};
use sigmabatch::engine::{self, Dates, Planned, Request};
use sigmabatch::store::ReadTx;
use sigmabatch::store::digest::{self, Digest};

use super::{ORDER, age_hints, book, nights, only, owed};
use crate::faults;
use crate::market::Folder;
use crate::world::{Process, World, day, eventually, on, range, request};

async fn status(world: &World, run: RunId) -> Status {
    let args = StatusArgs {
        watch: false,
        run: Some(run.to_string()),
    };
    let engine = &world.engine;
    status::gather(&engine.pools, &engine.clock, &args)
        .await
        .unwrap()
}

/// Breaks the input of one task, so that it is dead at once.
async fn break_task(world: &World, run: RunId, phase: PhaseName, unit: &str, date: &str) {
    let done = sqlx::query(
        "update task set input = '{}' where run_id = $1 and phase = $2 and unit = $3 and as_of = $4",
    )
    .bind(run.0)
    .bind(phase.as_str())
    .bind(unit)
    .bind(day(date))
    .execute(&world.db)
    .await
    .unwrap();
    assert_eq!(done.rows_affected(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_11_workers_that_end_in_any_way_leave_no_run_that_nobody_works_on() {
    let world = World::new().await;
    faults::books(&world).await;
    let dates = world
        .engine
        .calendar
        .sessions(day("2016-12-19"), day("2016-12-30"))
        .unwrap();
    let mut runs = Vec::new();
    for date in &dates {
        runs.push(world.begin(&request(Dates::On(date.date()))).await.run);
    }
    for signal in [
        Signal::SIGTERM,
        Signal::SIGKILL,
        Signal::SIGKILL,
        Signal::SIGTERM,
    ] {
        let mut worker = world.worker_process(&["--max-crashes", "50"]);
        let pid = worker.pid().as_raw();
        let busy =
            eventually(async || (!faults::in_hand(&world, pid).await.is_empty()).then_some(()));
        assert!(busy.await.is_some());
        worker.signal(signal);
        worker.ended().await;
    }
    age_hints(&world).await;
    let mut options = world.options();
    options.max_crashes = 50;
    world.worker_with(options).await;

    for run in runs {
        assert_eq!(
            world.verdict(run).await,
            "succeeded",
            "{}",
            world.troubles().await
        );
    }
    world.assert_at_rest().await;
    // What is said about a run is what its rows say: there is no second account of it.
    let miscounted = world
        .texts(
            "select label || ' ' || p.phase from run r join run_phase p on p.run_id = r.id
             where p.finished_at is null or total <> (select count(*) from task t
                 where t.run_id = r.id and t.phase = p.phase and t.state = 'done')",
        )
        .await;
    assert!(miscounted.is_empty(), "{miscounted:?}");
    let orphans = "select count(*) from task t where state = 'running'
                   and not exists (select from worker w where w.id = t.worker_id and w.lease_until > now())";
    assert_eq!(world.count(orphans).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_12_a_run_goes_on_when_scheduler_and_workers_were_killed() {
    let world = World::new().await;
    faults::books(&world).await;
    let scheduler = || {
        let mut command = world.program("sigmabatch-scheduler");
        Process::start(command.args(["daemon", "--every", "1", "--log", "error"]))
    };
    let (first_scheduler, worker) = (scheduler(), world.worker_process(&[]));
    let pid = worker.pid().as_raw();
    let in_the_middle = eventually(async || {
        let some_done = world
            .count("select count(*) from task where state = 'done'")
            .await
            > 0;
        (some_done && !faults::in_hand(&world, pid).await.is_empty()).then_some(())
    });
    assert!(in_the_middle.await.is_some());
    worker.signal(Signal::SIGKILL);
    first_scheduler.signal(Signal::SIGKILL);
    let run = RunId(
        sqlx::query_scalar("select id from run")
            .fetch_one(&world.db)
            .await
            .unwrap(),
    );
    let unfinished = "select count(*) from run where verdict is null";
    assert_eq!(world.count(unfinished).await, 1);

    // Whoever asks for the same meanwhile is told which run it is, and none is refused.
    let same = Request {
        lane: Some(Lane::Nightly),
        ..request(on("2016-12-30"))
    };
    let told = engine::plan(&world.engine, &same).await.unwrap();
    assert!(told.existing && told.run == run);
    age_hints(&world).await;
    let (_scheduler, _worker) = (scheduler(), world.worker_process(&[]));

    assert_eq!(
        world.verdict(run).await,
        "succeeded",
        "{}",
        world.troubles().await
    );
    world.assert_at_rest().await;
    assert_eq!(world.count("select count(*) from run").await, 1);
    assert!(
        world
            .count("select count(*) from attempt where outcome = 'lost'")
            .await
            > 0
    );
    let next = engine::plan(&world.engine, &same).await.unwrap();
    assert!(!next.existing && next.run != run);
}

async fn digest_of(world: &World, date: &str) -> Digest {
    let mut db = ReadTx::lazy(&world.engine.pools.load);
    let mut digest = digest::digest(&mut db, None, Some(day(date)))
        .await
        .unwrap();
    db.close().await.unwrap();
    // A run has headers of live marks and tags for its own final date.
    digest.tables.retain(|table| table.table != "result_set");
    digest.total.clear();
    digest
}

#[tokio::test(flavor = "multi_thread")]
async fn i_13_runs_that_overlap_share_results_and_ask_no_provider_twice() {
    let (market, alone) = (Folder::new(), World::new().await);
    let world = World::scripted("2016-12-30T23:00:00Z", &market).await;
    for world in [&world, &alone] {
        book(world, "book", "AAA", "2016-12-19").await;
    }
    let keyed = |key: &str, dates| Request {
        idempotency_key: Some(key.to_owned()),
        ..request(dates)
    };
    let first = world
        .begin(&keyed("a", range("2016-12-20", "2016-12-22")))
        .await;
    let second = world
        .begin(&keyed("b", range("2016-12-21", "2016-12-23")))
        .await;
    assert_ne!(first.run, second.run);
    let mut options = world.options();
    options.concurrency = 1;
    world.worker_with(options).await;

    for run in [first.run, second.run] {
        assert_eq!(
            world.verdict(run).await,
            "succeeded",
            "{}",
            world.troubles().await
        );
    }
    // Its own tasks for each run, as two people asked; but what one has stored the other finds.
    assert_eq!(
        owed(&world, first.run).await.len() + owed(&world, second.run).await.len(),
        6
    );
    let mut asked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (symbol, ranges) in market.asked_for() {
        for range in ranges.split(',') {
            let (from, to) = range.split_once("..").unwrap();
            for date in world.engine.calendar.sessions(day(from), day(to)).unwrap() {
                let fresh = asked
                    .entry(symbol.clone())
                    .or_default()
                    .insert(date.to_string());
                assert!(fresh, "{symbol} {date} was asked for twice");
            }
        }
    }
    assert!(asked["AAA"].contains("2016-12-23"));
    alone.worker().await;
    alone.run(&nights("2016-12-20", "2016-12-23")).await;
    for date in ["2016-12-20", "2016-12-21", "2016-12-22", "2016-12-23"] {
        assert_eq!(
            digest_of(&world, date).await,
            digest_of(&alone, date).await,
            "{date}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i_14_a_run_with_something_dead_or_failed_is_not_called_a_success() {
    let world = World::new().await;
    let (healthy, broken) = (
        book(&world, "healthy", "AAA", "2016-12-21").await,
        book(&world, "broken", "BBB", "2016-12-21").await,
    );
    world.worker().await;
    let analytics = PhaseName::PortfolioAnalytics;

    // A dead task: what it should have written is named as missing.
    let planned = engine::plan(&world.engine, &request(on("2016-12-21")))
        .await
        .unwrap();
    break_task(
        &world,
        planned.run,
        analytics,
        &format!("portfolio:{broken}"),
        "2016-12-21",
    )
    .await;
    engine::start(&world.engine, planned.run).await;
    assert_eq!(world.verdict(planned.run).await, "partial");
    let told = status(&world, planned.run).await;
    assert_eq!(told.runs[0].verdict, Some(Verdict::Partial));
    let dead: Vec<_> = told
        .errors
        .iter()
        .map(|group| (group.phase, group.count))
        .collect();
    assert_eq!(dead, [(analytics, 1)]);
    let unpublished: Vec<_> = told.missing.iter().filter(|row| !row.published).collect();
    assert_eq!(unpublished.len(), 1);
    assert_eq!(unpublished[0].portfolio, broken);

    // A failed analytic of a task that is done: the slopes of AAA are no numbers.
    let held = Held::Phase(analytics);
    engine::pause(&world.engine, held, ORDER).await.unwrap();
    let again = world
        .begin(&Request {
            force: true,
            ..only(&[healthy], request(on("2016-12-22")))
        })
        .await;
    let others = "select count(*) from task where state in ('ready', 'running') and phase <> 'portfolio-analytics'";
    let waiting = eventually(async || (world.count(others).await == 0).then_some(()));
    assert!(waiting.await.is_some(), "{}", world.troubles().await);
    sqlx::query("update symbol_factor_exposures set beta = 'NaN' where symbol = 'AAA' and as_of = '2016-12-22'")
        .execute(&world.db)
        .await
        .unwrap();
    engine::resume(&world.engine, held, ORDER).await.unwrap();
    assert_eq!(world.verdict(again.run).await, "partial");
    let told = status(&world, again.run).await;
    assert!(told.errors.is_empty() && told.missing[0].published);
    assert!(
        told.missing[0].entries.contains_key("stress"),
        "{:?}",
        told.missing
    );

    // Nothing published at all is a failure, and a run that is not there is no success either.
    let none = engine::plan(&world.engine, &only(&[broken], request(on("2016-12-23"))))
        .await
        .unwrap();
    break_task(
        &world,
        none.run,
        analytics,
        &format!("portfolio:{broken}"),
        "2016-12-23",
    )
    .await;
    engine::start(&world.engine, none.run).await;
    assert_eq!(world.verdict(none.run).await, "failed");
    let nobody = StatusArgs {
        watch: false,
        run: Some(RunId::at(1).to_string()),
    };
    assert!(
        status::gather(&world.engine.pools, &world.engine.clock, &nobody)
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn i_15_the_end_of_a_run_stays_known_and_a_new_run_has_a_status_of_its_own() {
    let world = World::new().await;
    book(&world, "book", "AAA", "2016-12-21").await;
    world.worker().await;
    let first = world.run(&request(on("2016-12-21"))).await;
    let counts = |status: &Status| -> Vec<(PhaseName, i64, i64)> {
        let of = status.phases.iter();
        of.map(|phase| (phase.phase, phase.total, phase.done))
            .collect()
    };
    let before = status(&world, first.run).await;

    // Nothing of it lives in Redis or in a process.
    world.engine.queue.wipe().await.unwrap();
    let held = Held::Phase(PhaseName::PositionValues);
    engine::pause(&world.engine, held, ORDER).await.unwrap();
    let forced = Request {
        force: true,
        ..request(on("2016-12-21"))
    };
    let second = world.begin(&forced).await;

    let after = status(&world, first.run).await;
    assert_eq!(after.runs[0].verdict, Some(Verdict::Succeeded));
    assert_eq!(after.runs[0].finished_at, before.runs[0].finished_at);
    assert_eq!(counts(&after), counts(&before));
    assert_ne!(second.run, first.run);
    assert_eq!(status(&world, second.run).await.runs[0].verdict, None);
    engine::resume(&world.engine, held, ORDER).await.unwrap();
    assert_eq!(world.verdict(second.run).await, "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn i_16_a_failure_of_one_date_is_not_overwritten_by_the_next_date() {
    let world = World::new().await;
    book(&world, "first", "AAA", "2016-12-21").await;
    let second = book(&world, "second", "BBB", "2016-12-21").await;
    let planned = engine::plan(&world.engine, &nights("2016-12-21", "2016-12-22"))
        .await
        .unwrap();
    let of = |status: &Status| {
        let mut phases = status.phases.iter();
        phases
            .find(|phase| phase.phase == PhaseName::PortfolioAnalytics)
            .cloned()
            .unwrap()
    };
    // Totals are there from the first moment.
    let planning = status(&world, planned.run).await;
    assert!(
        planning.phases.iter().all(|phase| phase.total > 0),
        "{:?}",
        planning.phases
    );
    assert_eq!(of(&planning).total, 4);

    let unit = format!("portfolio:{second}");
    break_task(
        &world,
        planned.run,
        PhaseName::PortfolioAnalytics,
        &unit,
        "2016-12-21",
    )
    .await;
    world.worker().await;
    engine::start(&world.engine, planned.run).await;

    assert_eq!(world.verdict(planned.run).await, "partial");
    let ended = of(&status(&world, planned.run).await);
    assert_eq!((ended.total, ended.done, ended.dead), (4, 3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn i_17_progress_is_never_ahead_of_what_is_committed() {
    let world = World::new().await;
    faults::books(&world).await;
    let planned = world.begin(&faults::night()).await;
    let (engine, db, run) = (world.engine.clone(), world.db.clone(), planned.run);
    let watch = tokio::spawn(async move {
        let (mut samples, mut last) = (0_u32, 0);
        loop {
            let progress = engine::progress(&engine, run).await.unwrap().unwrap();
            let done: u64 = progress.phases.iter().map(|phase| phase.done).sum();
            let committed: i64 =
                sqlx::query_scalar("select count(*) from attempt where outcome = 'committed'")
                    .fetch_one(&db)
                    .await
                    .unwrap();
            assert!(done >= last, "progress fell from {last} to {done}");
            assert!(
                done <= u64::try_from(committed).unwrap(),
                "{done} of {committed}"
            );
            (samples, last) = (samples + 1, done);
            if progress.verdict.is_some() {
                return (samples, done);
            }
        }
    });
    // Results that were computed and never committed count for nothing.
    for phase in ["position-values", "portfolio-analytics"] {
        let point = format!("before-commit:{phase}");
        world.worker_process(&["--failpoint", &point]).ended().await;
    }
    world.worker().await;

    faults::assert_ended_as_if_nothing_had_happened(&world, &planned).await;
    let (samples, done) = watch.await.unwrap();
    let tasks: usize = planned.tasks.iter().map(|(_, count)| count).sum();
    assert_eq!(usize::try_from(done).unwrap(), tasks);
    assert!(samples > 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_18_every_event_of_a_run_is_kept_and_none_of_another_is_among_them() {
    let world = World::new().await;
    let ours = book(&world, "ours", "AAA", "2016-12-21").await;
    let theirs = book(&world, "theirs", "BBB", "2016-12-21").await;
    let mut runs = Vec::new();
    for (id, principal) in [(ours, "a"), (theirs, "b")] {
        let wanted = Request {
            principal: principal.to_owned(),
            ..nights("2016-12-21", "2016-12-23")
        };
        runs.push(
            engine::plan(&world.engine, &only(&[id], wanted))
                .await
                .unwrap(),
        );
    }
    let unit = format!("portfolio:{theirs}");
    break_task(
        &world,
        runs[1].run,
        PhaseName::PortfolioAnalytics,
        &unit,
        "2016-12-22",
    )
    .await;
    for _ in 0..4 {
        world.worker().await;
    }
    for planned in &runs {
        engine::start(&world.engine, planned.run).await;
    }
    assert_eq!(world.verdict(runs[0].run).await, "succeeded");
    assert_eq!(world.verdict(runs[1].run).await, "partial");

    let events = async |planned: &Planned| -> Vec<(String, String)> {
        sqlx::query_as(
            "select kind, detail::text from event where run_id = $1 order by kind, detail::text",
        )
        .bind(planned.run.0)
        .fetch_all(&world.db)
        .await
        .unwrap()
    };
    for (planned, foreign, dead) in [(&runs[0], theirs, 0), (&runs[1], ours, 1)] {
        let events = events(planned).await;
        let count = |kind: &str| events.iter().filter(|(known, _)| known == kind).count();
        let (phases, all) = (PhaseName::ALL.len(), events.len());
        assert_eq!(
            (count("phase-opened"), count("phase-finished")),
            (phases, phases)
        );
        assert_eq!((count("task-dead"), count("run-finished")), (dead, 1));
        assert_eq!(
            all,
            count("run-planned") + 2 * phases + dead + 1,
            "{events:?}"
        );
        assert!(
            events
                .iter()
                .all(|(_, detail)| !detail.contains(&foreign.to_string()))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i_19_ten_portfolios_that_come_at_once_have_ten_runs_with_their_own_progress() {
    let world = World::new().await;
    let mut starts = Vec::new();
    for n in 0..10 {
        let symbol = ["AAA", "BBB", "CCC", "DDD"][n % 4];
        // Another number of sessions for every second one.
        let inception = ["2016-12-29", "2016-12-30"][n % 2];
        let id = book(&world, &format!("book {n}"), symbol, inception).await;
        let engine = world.another_engine("2016-12-30T23:00:00Z").await;
        let wanted = Request {
            trigger: Trigger::Onboarding,
            principal: format!("user {n}"),
            ..only(&[id], request(Dates::SinceInception))
        };
        starts.push(tokio::spawn(async move {
            let planned = engine::plan(&engine, &wanted).await.unwrap();
            engine::start(&engine, planned.run).await;
            planned
        }));
    }
    world.worker().await;
    world.worker().await;

    let mut runs = BTreeSet::new();
    for (n, start) in starts.into_iter().enumerate() {
        let planned = start.await.unwrap();
        assert_eq!(
            world.verdict(planned.run).await,
            "succeeded",
            "{}",
            world.troubles().await
        );
        let progress = engine::progress(&world.engine, planned.run)
            .await
            .unwrap()
            .unwrap();
        let analytics = progress.phases.last().unwrap();
        let sessions = [2, 1][n % 2];
        assert_eq!(
            (analytics.total, analytics.done),
            (sessions, sessions),
            "run {n}"
        );
        assert!(runs.insert(planned.run));
    }
    world.assert_at_rest().await;
    let published = world
        .count("select count(*) from published_dates where strict")
        .await;
    assert_eq!(published, 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_20_a_command_says_by_its_exit_code_how_the_run_ended() {
    let market = Folder::new();
    let world = World::scripted("2016-12-30T23:00:00Z", &market).await;
    book(&world, "book", "AAA", "2016-12-20").await;
    world.worker().await;
    let run = async |date: &str| world.command(&["run", "--wait", "--date", date]).await;
    let (code, document) = run("2016-12-21").await;
    assert_eq!((code, document["verdict"].as_str()), (0, Some("succeeded")));

    // A provider that gives nothing: what it should have priced is carried, and the run is partial.
    market.break_prices();
    let (code, document) = run("2016-12-22").await;
    assert_eq!((code, document["verdict"].as_str()), (3, Some("partial")));

    let ends = world
        .texts("select detail ->> 'verdict' from event where kind = 'run-finished' order by id")
        .await;
    assert_eq!(ends, ["succeeded", "partial"]);
    let dead = world
        .count("select count(*) from task where state = 'dead'")
        .await;
    let told = world
        .count("select count(*) from event where kind = 'task-dead'")
        .await;
    assert!(dead > 0 && told == dead, "{dead} dead tasks, {told} events");
}
