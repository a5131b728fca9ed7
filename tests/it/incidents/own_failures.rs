//! 5.9: ways to fail that this design adds, without a counterpart in the system that came before.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use nix::sys::signal::Signal;
use sigmabatch::domain::{Held, Lane, PhaseName, RunId, TaskEpoch, TaskId, Trigger, WorkerId};
use sigmabatch::engine::{self, Dates, Probe, Request};
use sigmabatch::queue::{GROUP, Says};
use sigmabatch::store::{WriteTx, gates, tasks, workers};
use tokio::runtime::Handle;

use super::{ORDER, age_hints, book, claim, nights, only};
use crate::faults;
use crate::market::Folder;
use crate::proxy::{Proxy, port_of};
use crate::world::{World, eventually, on, request, within};

const NOW: &str = "2016-12-30T23:00:00Z";

/// The names of all consumers, and the entries that they hold.
async fn consumers(world: &World) -> (BTreeSet<String>, u64) {
    let mut redis = world.redis().await;
    let (mut names, mut pending) = (BTreeSet::new(), 0);
    for (_, _, stream) in world.engine.queue.keys().streams() {
        let reply: redis::streams::StreamInfoConsumersReply = redis::cmd("XINFO")
            .arg(("CONSUMERS", &stream, GROUP))
            .query_async(&mut redis)
            .await
            .unwrap();
        for consumer in reply.consumers {
            names.insert(consumer.name);
            pending += u64::try_from(consumer.pending).unwrap();
        }
    }
    (names, pending)
}

#[tokio::test(flavor = "multi_thread")]
async fn own_02_a_task_that_redis_could_not_be_told_of_is_done_once() {
    let world = World::new().await;
    faults::books(&world).await;
    let redis_url = world.servers().redis_url.clone();
    let link = Arc::new(Proxy::to(port_of(&redis_url)).await);
    let (computed, cut) = (AtomicUsize::new(0), Arc::clone(&link));
    let mut options = world.options();
    options.probe = Some(Probe(Arc::new(move |_| {
        if computed.fetch_add(1, Ordering::Relaxed) == 4 {
            cut.deaf(true);
            cut.cut();
        }
    })));
    let url = link.url(&redis_url);
    world.worker_by(options, &url).await;
    let planned = world.begin(&faults::night()).await;
    // Committed, and its entry still there: Redis was not told.
    let not_told = eventually(async || {
        let done: BTreeSet<i64> = sqlx::query_scalar("select id from task where state = 'done'")
            .fetch_all(&world.db)
            .await
            .unwrap()
            .into_iter()
            .collect();
        let survey = world.engine.queue.survey(|_, _| true).await.unwrap();
        let hinted = survey.found.iter().any(|found| match found.entry.says {
            Says::Task(at) => done.contains(&at.task.0),
            _ => false,
        });
        (done.len() > 4 && hinted).then_some(())
    });
    assert!(not_told.await.is_some(), "{}", world.troubles().await);

    link.deaf(false);
    link.cut();

    faults::assert_ended_as_if_nothing_had_happened(&world, &planned).await;
    assert_eq!(
        world
            .count("select count(*) from attempt where outcome <> 'committed'")
            .await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn own_03_without_postgres_workers_keep_their_hints_and_do_not_spin() {
    let market = Folder::new();
    let world = World::scripted(NOW, &market).await;
    faults::books(&world).await;
    market.script("[[rule]]\ndoes = \"hold\"\n");
    let mut options = world.options();
    let link = Proxy::to(port_of(&options.store.url)).await;
    options.store.url = link.url(&options.store.url);
    world.worker_by(options, &world.servers().redis_url).await;
    let planned = world.begin(&faults::night()).await;
    let asked = eventually(async || (market.asked().len() >= 2).then_some(()));
    assert!(asked.await.is_some());

    // Every connection breaks as soon as it is made, and there is something to commit.
    market.script("");
    let before = link.accepted();
    let down = tokio::time::Instant::now() + Duration::from_secs(3);
    within(Duration::from_secs(4), async || {
        link.cut();
        (tokio::time::Instant::now() > down).then_some(())
    })
    .await
    .unwrap();
    let tried = link.accepted() - before;
    assert!(
        (1..300).contains(&tried),
        "{tried} connections in three seconds"
    );
    let survey = world.engine.queue.survey(|_, _| true).await.unwrap();
    assert!(!survey.found.is_empty(), "hints are kept");

    faults::assert_ended_as_if_nothing_had_happened(&world, &planned).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn own_05_groups_that_are_missing_are_made_and_making_them_twice_is_harmless() {
    let world = World::new().await;
    faults::books(&world).await;
    let planned = world.begin(&faults::night()).await;
    // As a fresh Redis, and then with every group gone in the middle of the night.
    world.engine.queue.wipe().await.unwrap();
    let (computed, runtime) = (AtomicUsize::new(0), Handle::current());
    let (client, keys) = (world.redis().await, world.engine.queue.keys().clone());
    let mut options = world.options();
    options.probe = Some(Probe(Arc::new(move |_| {
        if computed.fetch_add(1, Ordering::Relaxed) == 5 {
            let mut redis = client.clone();
            for (_, _, stream) in keys.streams() {
                let mut gone = redis::cmd("XGROUP");
                gone.arg(("DESTROY", stream, GROUP));
                runtime.block_on(gone.exec_async(&mut redis)).unwrap();
            }
        }
    })));
    world.worker_with(options).await;

    faults::assert_ended_as_if_nothing_had_happened(&world, &planned).await;
    assert!(!world.engine.queue.ensure().await.unwrap());
    assert!(!world.engine.queue.ensure().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn own_06_what_dead_consumers_held_is_taken_over_and_their_names_go() {
    let world = World::new().await;
    faults::books(&world).await;
    let planned = world.begin(&faults::night()).await;
    for _ in 0..3 {
        let worker = world.worker_process(&["--max-crashes", "9"]);
        let pid = worker.pid().as_raw();
        let busy =
            eventually(async || (!faults::in_hand(&world, pid).await.is_empty()).then_some(()));
        assert!(busy.await.is_some());
        worker.signal(Signal::SIGKILL);
    }
    let (dead, pending) = consumers(&world).await;
    assert!(dead.len() >= 3 && pending > 0, "{dead:?} hold {pending}");
    age_hints(&world).await;
    let mut options = world.options();
    options.max_crashes = 9;
    world.worker_with(options).await;
    faults::assert_ended_as_if_nothing_had_happened(&world, &planned).await;
    let (_, pending) = consumers(&world).await;
    assert_eq!(pending, 0);

    // As the steward does it, with less than its hour.
    world.engine.queue.forget_consumers(0).await.unwrap();

    let (left, _) = consumers(&world).await;
    assert!(left.is_disjoint(&dead), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn own_07_streams_trimmed_below_what_is_pending_are_rebuilt() {
    let market = Folder::new();
    let world = World::scripted(NOW, &market).await;
    faults::books(&world).await;
    market.script("[[rule]]\ndoes = \"hold\"\n");
    // One task at a time: of one hint somebody works, others are read or wait in their stream.
    let mut options = world.options();
    options.concurrency = 1;
    world.worker_with(options).await;
    let planned = world.begin(&faults::night()).await;
    let asked = eventually(async || (!market.asked().is_empty()).then_some(()));
    assert!(asked.await.is_some());
    let mut redis = world.redis().await;
    let mut trimmed = 0_u64;
    for (_, _, stream) in world.engine.queue.keys().streams() {
        trimmed += redis::cmd("XTRIM")
            .arg((stream, "MAXLEN", 0))
            .query_async::<u64>(&mut redis)
            .await
            .unwrap();
    }
    assert!(trimmed > 1, "{trimmed}");

    age_hints(&world).await;
    market.script("");
    faults::assert_ended_as_if_nothing_had_happened(&world, &planned).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn own_08_a_task_longer_than_any_lease_is_not_taken_from_a_worker_that_lives() {
    let market = Folder::new();
    let world = World::scripted(NOW, &market).await;
    faults::books(&world).await;
    market.script("[[rule]]\ndoes = \"hold\"\n");
    world.worker().await;
    world.worker().await;
    let planned = world.begin(&faults::night()).await;
    let asked = eventually(async || (market.asked().len() >= 2).then_some(()));
    assert!(asked.await.is_some());
    // To Redis it looks as if nobody had worked on the entries for an hour; to Postgres, for longer
    // than two leases, as if the tasks would never end.
    age_hints(&world).await;
    let lease = async || -> DateTime<Utc> {
        sqlx::query_scalar("select min(lease_until) from worker")
            .fetch_one(&world.db)
            .await
            .unwrap()
    };
    let start = lease().await;
    let two_leases =
        eventually(async || (lease().await - start > chrono::Duration::seconds(4)).then_some(()));
    assert!(two_leases.await.is_some());
    age_hints(&world).await;
    market.script("");

    faults::assert_ended_as_if_nothing_had_happened(&world, &planned).await;
    assert_eq!(
        world
            .count("select count(*) from attempt where outcome <> 'committed'")
            .await,
        0
    );
    assert_eq!(world.count("select max(epoch) from task").await, 1);
}

/// Completes tasks one by one, and asks for the gate after each, as eight workers do.
async fn complete_all(world: &World, run: RunId, phase: PhaseName, hints: Vec<TaskEpoch>) {
    let mut hands = Vec::new();
    for hints in hints.chunks(hints.len().div_ceil(8)) {
        let hints = hints.to_vec();
        let engine = world.another_engine(NOW).await;
        hands.push(tokio::spawn(async move {
            let worker = WorkerId::fresh();
            let (control, commit) = (&engine.pools.control, &engine.pools.commit);
            workers::register(control, worker, "it", 1, 60.0)
                .await
                .unwrap();
            for done in claim(&engine, worker, &hints, phase).await {
                let mut tx = WriteTx::begin(commit).await.unwrap();
                assert_eq!(
                    tasks::complete(&mut tx, worker, &[done])
                        .await
                        .unwrap()
                        .len(),
                    1
                );
                tx.commit().await.unwrap();
                gates::advance(control, run).await.unwrap();
            }
        }));
    }
    for hand in hands {
        hand.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn own_09_hundreds_of_tasks_that_end_at_once_open_the_gate_once() {
    let world = World::new().await;
    for n in 0..50 {
        world
            .book(&format!("book {n}"), "1000", "2016-12-12", &[])
            .await;
    }
    let analytics = PhaseName::PortfolioAnalytics;
    engine::pause(&world.engine, Held::Phase(analytics), ORDER)
        .await
        .unwrap();
    world.worker().await;
    let planned = world.begin(&nights("2016-12-16", "2016-12-30")).await;
    let opened = "select count(*) from run_phase where phase = 'portfolio-analytics' and opened_at is not null";
    let others =
        "select count(*) from task where state <> 'done' and phase <> 'portfolio-analytics'";
    let ready = eventually(async || {
        (world.count(opened).await == 1 && world.count(others).await == 0).then_some(())
    });
    assert!(ready.await.is_some(), "{}", world.troubles().await);
    let ids: Vec<i64> = sqlx::query_scalar("select id from task where phase = $1 order by id")
        .bind(analytics.as_str())
        .fetch_all(&world.db)
        .await
        .unwrap();
    assert_eq!(ids.len(), 500);
    // Our own hands, not the worker's: the pause must not hold them.
    sqlx::query("delete from pause")
        .execute(&world.db)
        .await
        .unwrap();
    let hints = ids.into_iter().map(|id| TaskEpoch {
        task: TaskId(id),
        epoch: 0,
    });

    complete_all(&world, planned.run, analytics, hints.collect()).await;

    world.verdict(planned.run).await;
    let ends = world
        .texts("select kind || ' ' || count(*) from event where kind in ('phase-finished', 'run-finished') group by kind order by 1")
        .await;
    assert_eq!(ends, ["phase-finished 10", "run-finished 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn own_10_an_onboarding_of_250_dates_does_not_starve_the_night() {
    let world = World::new().await;
    let new = world.book("new", "1000", "2016-01-05", &[]).await;
    let old = book(&world, "old", "AAA", "2016-12-29").await;
    let mut options = world.options();
    options.concurrency = 2;
    options.probe = Some(Probe(Arc::new(|phase| {
        if phase == PhaseName::PortfolioAnalytics {
            std::thread::sleep(Duration::from_millis(40));
        }
    })));
    world.worker_with(options).await;
    let onboarding = Request {
        trigger: Trigger::Onboarding,
        ..only(&[new], request(Dates::SinceInception))
    };
    let onboarding = world.begin(&onboarding).await;
    assert_eq!(onboarding.dates.len(), 251);
    let begun = "select count(*) from task where phase = 'portfolio-analytics' and state = 'done'";
    let under_way = eventually(async || (world.count(begun).await > 4).then_some(()));
    assert!(under_way.await.is_some());

    let night = Request {
        lane: Some(Lane::Nightly),
        ..only(&[old], request(on("2016-12-30")))
    };
    world.run(&night).await;

    let left: i64 =
        sqlx::query_scalar("select count(*) from task where run_id = $1 and state = 'ready'")
            .bind(onboarding.run.0)
            .fetch_one(&world.db)
            .await
            .unwrap();
    assert!(left > 0, "the night came last");
}

#[tokio::test(flavor = "multi_thread")]
async fn own_11_of_a_cancelled_run_nothing_more_is_begun_or_written() {
    let market = Folder::new();
    let world = World::scripted(NOW, &market).await;
    faults::books(&world).await;
    market.script("[[rule]]\nsymbols = [\"AAA\"]\ndoes = \"hold\"\n");
    world.worker().await;
    let planned = world.begin(&faults::night()).await;
    let asked = eventually(async || (!market.asked_for().is_empty()).then_some(()));
    assert!(asked.await.is_some());

    engine::cancel(&world.engine, planned.run, ORDER)
        .await
        .unwrap();

    assert_eq!(world.verdict(planned.run).await, "cancelled");
    // The answer that the running task waited for comes when nobody wants it any more.
    market.script("");
    world.assert_at_rest().await;
    assert_eq!(
        world.count("select count(*) from market_data_cache").await,
        0
    );
    let states = world
        .texts("select distinct state from task order by 1")
        .await;
    assert!(
        states
            .iter()
            .all(|state| ["cancelled", "done"].contains(&state.as_str())),
        "{states:?}"
    );
    assert!(
        world
            .count("select count(*) from task where state = 'cancelled'")
            .await
            > 8
    );
}
