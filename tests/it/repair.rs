//! Dead tasks: a chunk is split so that only its bad element dies, and what died is planned again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sigmabatch::domain::{Held, Lane, PhaseName, TaskId};
use sigmabatch::engine::{self, Order, PlanError, Probe, Repairing, Request};

use crate::market::{Folder, close};
use crate::world::{World, on, range, request};

const ORDER: Order<'_> = Order {
    who: "it",
    reason: "the bug is mended",
};

const DRY: Repairing = Repairing {
    dry: true,
    again: false,
};

/// Computations of a phase panic while this is set.
fn broken(phase: PhaseName) -> (Arc<AtomicBool>, Probe) {
    let broken = Arc::new(AtomicBool::new(true));
    let flag = Arc::clone(&broken);
    let probe = Probe(Arc::new(move |name| {
        assert!(
            name != phase || !flag.load(Ordering::SeqCst),
            "a bug in {name}"
        );
    }));
    (broken, probe)
}

async fn books(world: &World) {
    for symbol in ["AAA", "BBB"] {
        let row = format!(
            "{symbol},300,{},2016-12-19,PUBLIC",
            close(symbol, "2016-12-19")
        );
        world.book(symbol, "100000", "2016-12-19", &[&row]).await;
    }
}

async fn dead(world: &World) -> Vec<TaskId> {
    let ids: Vec<i64> = sqlx::query_scalar("select id from task where state = 'dead' order by id")
        .fetch_all(&world.db)
        .await
        .unwrap();
    ids.into_iter().map(TaskId).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_tasks_are_repaired_by_a_run_of_their_own_and_stay_dead() {
    let world = World::new().await;
    books(&world).await;
    let (flag, probe) = broken(PhaseName::PnlSnapshots);
    let mut options = world.options();
    options.probe = Some(probe);
    world.worker_with(options).await;
    let planned = world
        .begin(&request(range("2016-12-28", "2016-12-29")))
        .await;
    assert_eq!(world.verdict(planned.run).await, "failed");
    let died = dead(&world).await;
    // The chunk of both books was split, and each of them failed for itself.
    let units = world
        .texts("select unit from task where state = 'dead' order by unit")
        .await;
    assert!(
        units.len() == 2 && units.iter().all(|unit| unit.starts_with("portfolio:")),
        "{units:?}"
    );
    flag.store(false, Ordering::SeqCst);

    let dry = engine::repair(&world.engine, &died, ORDER, DRY)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(world.count("select count(*) from run").await, 1);
    let repair = engine::repair(&world.engine, &died, ORDER, Repairing::default())
        .await
        .unwrap()
        .unwrap();

    assert_eq!(dry.planned.tasks, repair.planned.tasks);
    assert_eq!(repair.tasks, [(PhaseName::PnlSnapshots, 2)]);
    assert_eq!(repair.runs, [planned.run]);
    engine::start(&world.engine, repair.planned.run).await;
    assert_eq!(
        world.verdict(repair.planned.run).await,
        "succeeded",
        "{}",
        world.troubles().await
    );
    let rows = world
        .texts("select trigger || ' ' || label || ' ' || (parent_run is not null) from run order by run_seq")
        .await;
    assert_eq!(
        rows,
        [
            "cli backfill/2016-12-28..2016-12-29 false",
            "repair repair/2016-12-28..2016-12-29 true"
        ]
    );
    // Final is final: the first run is as failed as it was.
    assert_eq!(dead(&world).await, died);
    let verdict = world
        .texts("select verdict from run order by run_seq limit 1")
        .await;
    assert_eq!(verdict, ["failed"]);
    let marked =
        "select count(*) from task t join run r on r.id = t.repair_run where r.trigger = 'repair'";
    assert_eq!(world.count(marked).await, 2);
    let audit = world
        .texts("select who || ': ' || action || ', ' || reason from audit")
        .await;
    assert_eq!(audit, ["it: retry, the bug is mended"]);
    assert_eq!(
        world
            .count("select count(*) from published_dates where strict")
            .await,
        4
    );
    world.assert_at_rest().await;
}

/// A symbol's dead factors concern the books that hold it, a proxy's concern all of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_repair_takes_only_the_portfolios_and_dates_that_the_task_concerns() {
    let world = World::new().await;
    books(&world).await;
    let planned = world
        .begin(&request(range("2016-12-27", "2016-12-29")))
        .await;
    let kill = |unit: &'static str, input: serde_json::Value| {
        let db = world.db.clone();
        async move {
            let id: i64 = sqlx::query_scalar(
                "insert into task (run_id, phase, unit, as_of, state, finished_at, error_class, input, input_version)
                 values ($1, 'symbol-metrics', $2, '2016-12-28', 'dead', now(), 'permanent', $3, 1) returning id",
            )
            .bind(planned.run.0)
            .bind(unit)
            .bind(input)
            .fetch_one(&db)
            .await
            .unwrap();
            TaskId(id)
        }
    };
    let dates = ["2016-12-27", "2016-12-28"];
    let held = kill(
        "symbol:AAA",
        serde_json::json!({ "symbols": ["AAA"], "dates": dates }),
    )
    .await;
    let proxy = kill(
        "symbol:SP500",
        serde_json::json!({ "symbols": ["SP500"], "dates": ["2016-12-28"] }),
    )
    .await;

    let one = engine::repair(&world.engine, &[held], ORDER, DRY)
        .await
        .unwrap()
        .unwrap();
    let all = engine::repair(&world.engine, &[held, proxy], ORDER, DRY)
        .await
        .unwrap()
        .unwrap();

    let days = |dates: &[sigmabatch::domain::TradingDate]| -> Vec<String> {
        dates.iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        (one.planned.portfolios, days(&one.planned.dates)),
        (1, dates.map(String::from).to_vec())
    );
    assert_eq!(
        (all.planned.portfolios, days(&all.planned.dates)),
        (2, dates.map(String::from).to_vec())
    );
    assert!(
        engine::repair(&world.engine, &[TaskId(1)], ORDER, DRY)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_tasks_can_be_repaired_as_well() {
    let world = World::new().await;
    books(&world).await;
    let planned = world.begin(&request(on("2016-12-29"))).await;
    engine::cancel(&world.engine, planned.run, ORDER)
        .await
        .unwrap();
    let ids: Vec<i64> = sqlx::query_scalar("select id from task where state = 'cancelled'")
        .fetch_all(&world.db)
        .await
        .unwrap();
    let ids: Vec<TaskId> = ids.into_iter().map(TaskId).collect();
    world.worker().await;

    let repair = engine::repair(&world.engine, &ids, ORDER, Repairing::default())
        .await
        .unwrap()
        .unwrap();
    engine::start(&world.engine, repair.planned.run).await;

    assert_eq!(world.verdict(repair.planned.run).await, "succeeded");
    assert_eq!(world.verdict(planned.run).await, "cancelled");
}

/// A forced run asks providers for what is known, be it right or not; whoever does its tasks again asks as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_repair_of_a_forced_run_asks_providers_for_what_is_known() {
    const ASK: [PhaseName; 3] = [
        PhaseName::CompanyProfiles,
        PhaseName::MarketData,
        PhaseName::Fundamentals,
    ];
    let mut folder = Folder::new();
    let world = World::at("2016-12-30T23:00:00Z", folder.path()).await;
    books(&world).await;
    world.worker().await;
    world.run(&request(on("2016-12-29"))).await;
    let forced = Request {
        force: true,
        ..request(on("2016-12-29"))
    };
    let lane = Held::Lane(Lane::Interactive);
    for (state, price) in [("cancelled", "80"), ("dead", "81")] {
        engine::pause(&world.engine, lane, ORDER).await.unwrap();
        let planned = world.begin(&forced).await;
        if state == "dead" {
            sqlx::query(
                "update task set state = 'dead', finished_at = now(), error_class = 'permanent', error = 'malformed'
                 where run_id = $1 and phase in ('company-profiles', 'market-data', 'fundamentals')",
            )
            .bind(planned.run.0)
            .execute(&world.db)
            .await
            .unwrap();
        }
        engine::cancel(&world.engine, planned.run, ORDER)
            .await
            .unwrap();
        world.verdict(planned.run).await;
        engine::resume(&world.engine, lane, ORDER).await.unwrap();
        folder.correct("AAA", "2016-12-29", price.parse().unwrap());
        let left: Vec<i64> = sqlx::query_scalar(
            "select id from task where run_id = $1 and state = $2
                and phase in ('company-profiles', 'market-data', 'fundamentals')",
        )
        .bind(planned.run.0)
        .bind(state)
        .fetch_all(&world.db)
        .await
        .unwrap();
        let left: Vec<TaskId> = left.into_iter().map(TaskId).collect();

        let repair = engine::repair(&world.engine, &left, ORDER, Repairing::default())
            .await
            .unwrap()
            .unwrap();

        let asks = |tasks: &[(PhaseName, usize)]| -> Vec<(PhaseName, usize)> {
            let asks = tasks.iter().filter(|(phase, _)| ASK.contains(phase));
            asks.copied().collect()
        };
        assert_eq!(repair.tasks.len(), ASK.len(), "{state}");
        assert_eq!(asks(&repair.planned.tasks), asks(&planned.tasks), "{state}");
        engine::start(&world.engine, repair.planned.run).await;
        assert_eq!(
            world.verdict(repair.planned.run).await,
            "succeeded",
            "{}",
            world.troubles().await
        );
        let stored = "select trim_scale(close)::text from market_data_cache where symbol = 'AAA' and date = '2016-12-29'";
        assert_eq!(world.texts(stored).await, [price], "{state}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_retries_what_a_filter_means_once() {
    let world = World::new().await;
    books(&world).await;
    let (flag, probe) = broken(PhaseName::PnlSnapshots);
    let mut options = world.options();
    options.probe = Some(probe);
    world.worker_with(options).await;
    let planned = world.begin(&request(on("2016-12-29"))).await;
    assert_eq!(world.verdict(planned.run).await, "failed");
    flag.store(false, Ordering::SeqCst);
    let retry = async |filter: &[&str]| {
        let all = [&["retry", "--reason", "mended"], filter].concat();
        world.command(&all).await
    };

    let (code, _) = retry(&["--phase", "6"]).await;
    assert_eq!(code, 2, "nothing of phase 6 is dead");
    let (code, dry) = retry(&["--error", "bug", "--dry-run"]).await;
    assert_eq!((code, &dry["repaired"]["pnl-snapshots"]), (0, &2.into()));
    assert_eq!(world.count("select count(*) from run").await, 1);
    let (code, done) = retry(&["--error", "a bug in pnl-snapshots", "--wait"]).await;

    assert_eq!((code, &done["verdict"]), (0, &"succeeded".into()), "{done}");
    assert_eq!(done["repaired"], dry["repaired"]);
    assert_eq!(done["repairs"], serde_json::json!([planned.run]));
    assert_ne!(done["run_id"], serde_json::json!(planned.run));
    let (code, error) = retry(&["--all"]).await;
    assert_eq!(code, 2, "{error}");
    let (code, _) = retry(&["--all", "--again", "--dry-run"]).await;
    assert_eq!(code, 0);
}

/// Nobody can tell what a task concerns whose input cannot be read; that is no reason to leave the others as they are.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_with_an_unreadable_input_is_left_out_by_name_and_the_others_are_repaired() {
    let world = World::new().await;
    books(&world).await;
    let (flag, probe) = broken(PhaseName::PnlSnapshots);
    let mut options = world.options();
    options.probe = Some(probe);
    world.worker_with(options).await;
    let planned = world.begin(&request(on("2016-12-29"))).await;
    assert_eq!(world.verdict(planned.run).await, "failed");
    let died = dead(&world).await;
    assert_eq!(died.len(), 2);
    flag.store(false, Ordering::SeqCst);
    let spoil = "update task set input = jsonb_build_object('was', input) where id = $1";
    sqlx::query(spoil)
        .bind(died[0].0)
        .execute(&world.db)
        .await
        .unwrap();

    let alone = engine::repair(&world.engine, &died[..1], ORDER, Repairing::default()).await;
    let Err(PlanError::Unreadable(named)) = alone else {
        panic!("{alone:?}");
    };
    assert_eq!(named[0].task, died[0]);
    assert_eq!(world.count("select count(*) from run").await, 1);

    let repair = engine::repair(&world.engine, &died, ORDER, Repairing::default())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(repair.left_out, named);
    assert!(named[0].reason.contains("cannot be read"), "{named:?}");
    assert_eq!(repair.tasks, [(PhaseName::PnlSnapshots, 1)]);
    assert_eq!(repair.planned.portfolios, 1);
    let marked = world
        .texts("select id::text from task where repair_run is not null")
        .await;
    assert_eq!(marked, [died[1].to_string()]);
}
