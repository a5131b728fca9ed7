//! What operators do while the engine runs: cancel, pause, resume, drain.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use serde_json::json;
use sigmabatch::domain::{Held, Lane, PhaseName, RunId, TaskEpoch, TaskId, WorkerId};
use sigmabatch::engine::{self, Order, Planned, Probe, Request};
use sigmabatch::store::control::Cancelled;
use sigmabatch::store::tasks::{self, Answer, Capability, Completion, Failure, NewTask, Timings};
use sigmabatch::store::{WriteTx, workers};

use crate::market::close;
use crate::world::{World, eventually, on, range, request};

const ORDER: Order<'_> = Order {
    who: "it",
    reason: "test",
};

async fn book(world: &World) {
    let row = format!("AAA,300,{},2016-12-19,PUBLIC", close("AAA", "2016-12-19"));
    world.book("book", "100000", "2016-12-19", &[&row]).await;
}

/// A door in front of every computation of a phase.
#[derive(Default)]
pub(crate) struct Door {
    open: Mutex<bool>,
    moved: Condvar,
    reached: AtomicBool,
}

impl Door {
    pub(crate) fn probe(self: &Arc<Self>, phase: PhaseName) -> Probe {
        let door = Arc::clone(self);
        Probe(Arc::new(move |name| {
            if name == phase {
                door.reached.store(true, Ordering::SeqCst);
                let open = door.open.lock().unwrap();
                drop(door.moved.wait_while(open, |open| !*open).unwrap());
            }
        }))
    }

    pub(crate) async fn reached(&self) {
        let there = eventually(async || self.reached.load(Ordering::SeqCst).then_some(())).await;
        assert!(there.is_some(), "nobody comes to the door");
    }
}

impl Drop for Opener {
    fn drop(&mut self) {
        *self.0.open.lock().unwrap() = true;
        self.0.moved.notify_all();
    }
}

/// Opens the door in the end, also when the test panics: a thread waits behind it.
pub(crate) struct Opener(pub(crate) Arc<Door>);

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_ends_within_a_second_and_leaves_its_worker_free() {
    let world = World::new().await;
    book(&world).await;
    let door = Arc::new(Door::default());
    let opener = Opener(Arc::clone(&door));
    let mut options = world.options();
    options.concurrency = 1;
    options.probe = Some(door.probe(PhaseName::PositionValues));
    world.worker_with(options).await;
    let planned = world
        .begin(&request(range("2016-12-21", "2016-12-29")))
        .await;
    door.reached().await;

    let cancelled = engine::cancel(&world.engine, planned.run, ORDER)
        .await
        .unwrap();

    let Cancelled::Tasks { tasks, running } = cancelled else {
        panic!("{cancelled:?}");
    };
    assert!(running >= 1 && tasks > running, "{cancelled:?}");
    assert_eq!(world.verdict(planned.run).await, "cancelled");
    // The only permit comes back although the computation itself still stands at the door.
    let free =
        "select count(*) from worker where (counters ->> 'in_hand')::int = 0 and lost_at is null";
    let freed = eventually(async || (world.count(free).await == 1).then_some(()));
    assert!(freed.await.is_some(), "the worker is not free");
    drop(opener);
    let other = world.begin(&request(on("2016-12-30"))).await;
    assert_eq!(world.verdict(other.run).await, "succeeded");
    world.assert_at_rest().await;
    // What was cancelled in its hands is among its claims, and among what failed it is not.
    let counted = "select count(*) from worker
                   where (counters ->> 'committed')::bigint = (select count(*) from attempt where outcome = 'committed')
                     and (counters ->> 'claimed')::bigint > (counters ->> 'committed')::bigint";
    let counted = eventually(async || (world.count(counted).await == 1).then_some(())).await;
    assert!(counted.is_some(), "a heartbeat tells of the last commit");
    let failed = "select (counters ->> 'failed')::bigint
                         - (select count(*) from attempt where outcome not in ('committed', 'cancelled')) from worker";
    assert_eq!(world.count(failed).await, 0);
    let late = "select count(*) from attempt a join task t on t.id = a.task_id join run r on r.id = t.run_id
                where a.outcome = 'committed' and a.finished_at > r.cancelled_at";
    assert_eq!(world.count(late).await, 0);
    let again = engine::cancel(&world.engine, planned.run, ORDER)
        .await
        .unwrap();
    assert_eq!(again, Cancelled::Ended);
    let nobody = engine::cancel(&world.engine, RunId::at(0), ORDER)
        .await
        .unwrap();
    assert_eq!(nobody, Cancelled::Unknown);
    let audit = world
        .texts("select action || ' ' || target || ' ' || reason from audit")
        .await;
    assert_eq!(audit, [format!("cancel {} test", planned.run)]);
}

/// A claimed task of a run, in the hands of a worker that is only a row.
async fn claimed(world: &World, phase: PhaseName) -> (WorkerId, TaskEpoch, Planned) {
    let planned = world.begin(&request(on("2016-12-29"))).await;
    let pool = &world.engine.pools.control;
    let worker = WorkerId::fresh();
    workers::register(pool, worker, "it", 0, 600.0)
        .await
        .unwrap();
    let id: i64 = sqlx::query_scalar("select id from task where phase = $1 order by id limit 1")
        .bind(phase.as_str())
        .fetch_one(&world.db)
        .await
        .unwrap();
    let hint = TaskEpoch {
        task: TaskId(id),
        epoch: 0,
    };
    let able = [Capability {
        phase,
        version: 1,
        timeout_seconds: 600.0,
    }];
    let answers = tasks::claim(pool, worker, &[hint], &BTreeSet::new(), &able, true)
        .await
        .unwrap();
    let Answer::Claimed(claimed) = &answers[0].1 else {
        panic!("{answers:?}");
    };
    (worker, claimed.at, planned)
}

/// Waits until some transaction waits for a lock of a task.
async fn blocked(world: &World) {
    let waiting = "select count(*) from pg_stat_activity
                   where datname = current_database() and wait_event_type = 'Lock'";
    let seen = eventually(async || (world.count(waiting).await > 0).then_some(())).await;
    assert!(seen.is_some(), "nobody waits for the commit in flight");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_waits_for_the_commit_in_flight_and_leaves_its_task_done() {
    let world = World::new().await;
    book(&world).await;
    let (worker, at, planned) = claimed(&world, PhaseName::MarketData).await;
    let completion = Completion {
        at,
        outcome: "done".to_owned(),
        timings: Timings::default(),
    };
    let mut tx = WriteTx::begin(&world.engine.pools.commit).await.unwrap();
    let fenced = tasks::complete(&mut tx, worker, std::slice::from_ref(&completion))
        .await
        .unwrap();
    assert_eq!(fenced, [at]);

    let engine = world.engine.clone();
    let cancel = tokio::spawn(async move { engine::cancel(&engine, planned.run, ORDER).await });
    blocked(&world).await;
    assert!(!cancel.is_finished());
    tx.commit().await.unwrap();

    let cancelled = cancel.await.unwrap().unwrap();
    assert!(
        matches!(cancelled, Cancelled::Tasks { running: 0, .. }),
        "{cancelled:?}"
    );
    let state: String = sqlx::query_scalar("select state from task where id = $1")
        .bind(at.task.0)
        .fetch_one(&world.db)
        .await
        .unwrap();
    assert_eq!(state, "done");
    // What comes after the acknowledgement finds its fence closed.
    let mut late = WriteTx::begin(&world.engine.pools.commit).await.unwrap();
    let fenced = tasks::complete(&mut late, worker, &[completion])
        .await
        .unwrap();
    assert!(fenced.is_empty());
    late.rollback().await.unwrap();
    assert_eq!(world.verdict(planned.run).await, "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn elements_of_a_chunk_that_is_split_while_cancel_waits_are_cancelled_too() {
    let world = World::new().await;
    book(&world).await;
    let (worker, at, planned) = claimed(&world, PhaseName::MarketData).await;
    let failure = Failure {
        class: "permanent",
        error: "test",
        outcome: "failed",
        counts: true,
        retry_after_seconds: None,
    };
    let as_of = planned.dates[0];
    let elements = ["symbol:X", "symbol:Y"].map(|unit| NewTask {
        unit: unit.to_owned(),
        as_of,
        input: serde_json::json!({}),
    });
    let mut tx = WriteTx::begin(&world.engine.pools.commit).await.unwrap();
    let made = tasks::split(&mut tx, worker, at, &failure, &elements)
        .await
        .unwrap();
    assert_eq!(made.unwrap().len(), 2);
    let engine = world.engine.clone();
    let cancel = tokio::spawn(async move { engine::cancel(&engine, planned.run, ORDER).await });
    blocked(&world).await;
    tx.commit().await.unwrap();

    cancel.await.unwrap().unwrap();

    let left = world
        .texts("select unit from task where state in ('ready', 'running')")
        .await;
    assert!(left.is_empty(), "{left:?}");
    let split = world
        .texts("select state from task where unit in ('symbol:X', 'symbol:Y')")
        .await;
    assert_eq!(split, ["cancelled", "cancelled"]);
    assert_eq!(world.verdict(planned.run).await, "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_request_can_be_made_again_at_once() {
    let world = World::new().await;
    book(&world).await;
    let (_, _, planned) = claimed(&world, PhaseName::MarketData).await;
    engine::cancel(&world.engine, planned.run, ORDER)
        .await
        .unwrap();

    let again = engine::plan(&world.engine, &request(on("2016-12-29")))
        .await
        .unwrap();

    assert!(!again.existing && again.run != planned.run);
}

/// Nothing asks for the metrics of a date whose analytics are there: a run that is cancelled between the two would leave it without them.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_cancelled_run_has_not_done_is_done_by_the_next() {
    let world = World::new().await;
    book(&world).await;
    let phase = Held::Phase(PhaseName::SymbolMetrics);
    engine::pause(&world.engine, phase, ORDER).await.unwrap();
    world.worker().await;
    let cancelled = world.begin(&request(on("2016-12-30"))).await;
    // Everything else that may begin without them has ended.
    let ended = eventually(async || {
        let waiting = "select count(*) from run_phase where finished_at is null and phase not in ('symbol-metrics', 'portfolio-analytics')";
        (world.count(waiting).await == 0).then_some(())
    });
    assert!(ended.await.is_some());
    let opened = "select count(*) from run_phase where phase = 'portfolio-analytics' and opened_at is not null";
    assert_eq!(world.count(opened).await, 0);
    engine::cancel(&world.engine, cancelled.run, ORDER)
        .await
        .unwrap();
    engine::resume(&world.engine, phase, ORDER).await.unwrap();
    world.run(&request(on("2016-12-30"))).await;
    let metrics =
        "select count(*) from symbol_daily_metrics where symbol = 'AAA' and as_of = '2016-12-30'";
    assert_eq!(world.count(metrics).await, 1);
}

async fn begun(world: &World, planned: &Planned, phase: PhaseName) -> i64 {
    sqlx::query_scalar(
        "select count(*) from task where run_id = $1 and phase = $2 and started_at is not null",
    )
    .bind(planned.run.0)
    .bind(phase.as_str())
    .fetch_one(&world.db)
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_lane_waits_and_others_go_on_until_it_is_resumed() {
    let world = World::new().await;
    book(&world).await;
    let lane = Held::Lane(Lane::Backfill);
    assert!(engine::pause(&world.engine, lane, ORDER).await.unwrap());
    assert!(!engine::pause(&world.engine, lane, ORDER).await.unwrap());
    world.worker().await;
    let paused = world
        .begin(&request(range("2016-12-21", "2016-12-23")))
        .await;
    let other = world.begin(&request(on("2016-12-29"))).await;

    assert_eq!(world.verdict(other.run).await, "succeeded");
    assert_eq!(begun(&world, &paused, PhaseName::MarketData).await, 0);

    assert!(engine::resume(&world.engine, lane, ORDER).await.unwrap());
    assert!(!engine::resume(&world.engine, lane, ORDER).await.unwrap());
    assert_eq!(world.verdict(paused.run).await, "succeeded");
    world.assert_at_rest().await;
    let audit = world
        .texts("select action || ' ' || target from audit order by id")
        .await;
    assert_eq!(audit, ["pause lane backfill", "resume lane backfill"]);
}

/// Hints that were read before the pause was heard of lie with their readers: resuming brings them back.
#[tokio::test(flavor = "multi_thread")]
async fn a_phase_paused_in_mid_run_begins_nothing_more_and_goes_on_when_resumed() {
    let world = World::new().await;
    book(&world).await;
    let door = Arc::new(Door::default());
    let opener = Opener(Arc::clone(&door));
    let mut options = world.options();
    options.concurrency = 2;
    // Phase 6 waits for this one, so it cannot open before it is paused.
    options.probe = Some(door.probe(PhaseName::PnlSnapshots));
    world.worker_with(options).await;
    let planned = world
        .begin(&request(range("2016-12-21", "2016-12-29")))
        .await;
    door.reached().await;
    let phase: Held = "phase 6".parse().unwrap();
    engine::pause(&world.engine, phase, ORDER).await.unwrap();
    drop(opener);
    let ready = eventually(async || {
        let open = "select count(*) from run_phase where phase = 'portfolio-analytics' and published_at is not null";
        (world.count(open).await == 1).then_some(())
    });
    assert!(ready.await.is_some(), "{}", world.troubles().await);
    // A second worker that reads before it has ever heard of the pause.
    world.worker().await;
    let heard =
        "select count(*) from worker where (counters ->> 'claimed')::int = 0 and lost_at is null";
    let heard = eventually(async || (world.count(heard).await > 0).then_some(())).await;
    assert!(heard.is_some());
    assert_eq!(
        begun(&world, &planned, PhaseName::PortfolioAnalytics).await,
        0
    );

    engine::resume(&world.engine, phase, ORDER).await.unwrap();

    let ended = eventually(async || {
        let ended = "select count(*) from run where verdict = 'succeeded'";
        (world.count(ended).await == 1).then_some(())
    });
    assert!(ended.await.is_some(), "{}", world.troubles().await);
    world.assert_at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_asked_to_drain_leaves_and_another_finishes() {
    let world = World::new().await;
    book(&world).await;
    let mut worker = world.worker_process(&[]);
    let name = eventually(async || {
        let names = world
            .texts("select 'w-' || left(replace(id::text, '-', ''), 8) from worker")
            .await;
        names.into_iter().next()
    });
    let name = name.await.expect("the worker registers");

    let (code, receipt) = world.command(&["drain", &name, "--reason", "deploy"]).await;

    assert_eq!((code, &receipt["draining"]), (0, &serde_json::json!(true)));
    assert_eq!(worker.ended().await.code(), Some(0));
    assert_eq!(world.count("select count(*) from worker").await, 0);
    let (code, error) = world.command(&["drain", &name, "--reason", "again"]).await;
    assert_eq!(code, 2, "{error}");
    world.worker().await;
    world.run(&request(on("2016-12-29"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_cancel_pause_and_resume_from_the_command_line() {
    let world = World::new().await;
    book(&world).await;
    let planned = world.begin(&request(on("2016-12-29"))).await;

    let (code, receipt) = world
        .command(&["cancel", &planned.label, "--reason", "wrong book"])
        .await;
    assert_eq!(code, 0, "{receipt}");
    let total: usize = planned.tasks.iter().map(|(_, n)| n).sum();
    assert_eq!(receipt["tasks"], total);
    assert_eq!(world.verdict(planned.run).await, "cancelled");
    let (code, error) = world
        .command(&["cancel", &planned.label, "--reason", "again"])
        .await;
    assert_eq!(code, 2);
    assert!(
        error["error"]["message"]
            .as_str()
            .unwrap()
            .contains("has ended already"),
        "{error}"
    );
    let (code, _) = world
        .command(&["cancel", "nightly/1999-01-04", "--reason", "x"])
        .await;
    assert_eq!(code, 2);

    let (code, receipt) = world
        .command(&["pause", "phase", "1.5", "--reason", "slow"])
        .await;
    assert_eq!((code, receipt["changed"].as_bool()), (0, Some(true)));
    assert_eq!(
        world
            .texts("select kind || ' ' || name || ' ' || who from pause")
            .await,
        ["phase symbol-factors it"]
    );
    let (code, receipt) = world
        .command(&["resume", "phase", "symbol-factors", "--reason", "done"])
        .await;
    assert_eq!((code, receipt["changed"].as_bool()), (0, Some(true)));
    let (code, error) = world
        .command(&["pause", "lane", "slow", "--reason", "x"])
        .await;
    assert_eq!(code, 2, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_is_only_shown_stores_nothing_and_is_the_plan_of_the_run() {
    let world = World::new().await;
    book(&world).await;
    world.worker().await;
    world.run(&request(on("2016-12-29"))).await;
    let wanted: Request = request(range("2016-12-28", "2016-12-30"));
    let rows = async || {
        let tables = "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace
                      and relname not in ('worker', 'steward') order by 1";
        let mut counts = Vec::new();
        for table in world.texts(tables).await {
            let count = format!("select count(*) from {table}");
            let n: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count))
                .fetch_one(&world.db)
                .await
                .unwrap();
            counts.push((table, n));
        }
        counts
    };
    let before = rows().await;

    let preview = engine::preview(&world.engine, &wanted).await.unwrap();
    let (code, shown) = world
        .command(&["plan", "--from", "2016-12-28", "--to", "2016-12-30"])
        .await;

    assert_eq!(code, 0);
    assert_eq!(rows().await, before);
    assert_eq!((preview.portfolio_dates, preview.reused), (3, 1));
    assert_eq!(
        (shown["portfolio_dates"].as_u64(), shown["reused"].as_u64()),
        (Some(3), Some(1))
    );
    let planned = engine::plan(&world.engine, &wanted).await.unwrap();
    assert_eq!(preview.planned.tasks, planned.tasks);
    assert_eq!(preview.planned.dates, planned.dates);
    for (phase, n) in &planned.tasks {
        assert_eq!(shown["tasks"][phase.as_str()], *n, "{phase}");
    }
    // Everything older is known; of the 30th every symbol is asked for.
    let prices = preview
        .provider
        .iter()
        .find(|asked| asked.phase == PhaseName::MarketData)
        .unwrap();
    assert_eq!((prices.calls, prices.symbols), (1, planned.symbols));
    let joins = engine::preview(&world.engine, &wanted).await.unwrap();
    assert!(joins.planned.existing && joins.planned.run == planned.run);
}

/// Before anything was asked, of all symbols of the book; after a night, of those that the provider does not know.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_names_the_symbols_of_which_no_close_is_stored() {
    let world = World::new().await;
    let price = close("AAA", "2016-12-28");
    let lots = [
        format!("AAA,10,{price},2016-12-28,PUBLIC"),
        "ZZZZ,10,50,2016-12-28,PUBLIC".to_owned(),
        "FUND,1,100,2016-12-28,PRIVATE".to_owned(),
    ];
    let lots: Vec<&str> = lots.iter().map(String::as_str).collect();
    world.book("book", "50000", "2016-12-28", &lots).await;
    let named = async |more: &[&str]| {
        let arguments = [&["plan", "--date", "2016-12-29"], more].concat();
        let (code, plan) = world.command(&arguments).await;
        assert_eq!(code, 0, "{plan}");
        let (_, page) = world.page(&arguments).await;
        let lists = ["without_closes", "closes_asked_for"].map(|list| plan[list].clone());
        (lists, page)
    };
    let (lists, page) = named(&[]).await;
    assert_eq!(lists, [json!(["AAA", "ZZZZ"]), json!(["AAA", "ZZZZ"])]);
    let will = "No close is stored of AAA, ZZZZ: providers will be asked";
    assert!(
        page.contains(will) && !page.contains("asked before"),
        "{page}"
    );
    world.worker().await;
    world.run(&request(on("2016-12-29"))).await;
    // The provider has said that it does not know it: only force asks again.
    let (lists, page) = named(&[]).await;
    assert_eq!(lists, [json!(["ZZZZ"]), json!([])]);
    let were = "No close is stored of ZZZZ: providers were asked before and had none.";
    assert!(
        page.contains(were) && !page.contains("will be asked"),
        "{page}"
    );
    let (lists, page) = named(&["--force"]).await;
    assert_eq!(lists, [json!(["ZZZZ"]), json!(["ZZZZ"])]);
    assert!(
        page.contains("No close is stored of ZZZZ: providers will be asked"),
        "{page}"
    );
}
