//! Whatever dies, and whatever anybody writes into the streams: the night ends, with the numbers of
//! an undisturbed one.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use nix::sys::signal::Signal;
use sigmabatch::domain::{Lane, PhaseName, TaskEpoch, TaskId, WorkerId};
use sigmabatch::engine::{Planned, Probe, Request};
use sigmabatch::store::digest::Digest;
use sigmabatch::store::tasks::{self, Answer, Capability};
use sigmabatch::store::workers;
use tokio::runtime::Handle;

use crate::market::close;
use crate::world::{LEASE, World, eventually, range, request, within};

/// Two books and six sessions: some twenty tasks.
pub(crate) async fn books(world: &World) {
    let (aaa, bbb) = (close("AAA", "2016-12-19"), close("BBB", "2016-12-19"));
    let long = [
        format!("AAA,300,{aaa},2016-12-19,PUBLIC"),
        format!("BBB,200,{bbb},2016-12-19,PUBLIC"),
    ];
    world
        .book(
            "long",
            "100000",
            "2016-12-19",
            &long.each_ref().map(String::as_str),
        )
        .await;
    let both = [
        format!("CCC,150,{},2016-12-20,PUBLIC", close("CCC", "2016-12-20")),
        format!("DDD,-50,{},2016-12-21,PUBLIC", close("DDD", "2016-12-21")),
    ];
    world
        .book(
            "both",
            "50000",
            "2016-12-19",
            &both.each_ref().map(String::as_str),
        )
        .await;
}

pub(crate) fn night() -> Request {
    request(range("2016-12-21", "2016-12-29"))
}

/// The digest of [`night`] where nothing happens.
pub(crate) async fn undisturbed() -> &'static Digest {
    static DIGEST: tokio::sync::OnceCell<Digest> = tokio::sync::OnceCell::const_new();
    DIGEST
        .get_or_init(async || {
            let world = World::new().await;
            books(&world).await;
            world.worker().await;
            world.run(&night()).await;
            world.assert_at_rest().await;
            world.digest().await
        })
        .await
}

/// The night has ended well although.
pub(crate) async fn assert_ended_as_if_nothing_had_happened(world: &World, planned: &Planned) {
    assert_eq!(
        world.verdict(planned.run).await,
        "succeeded",
        "{}",
        world.troubles().await
    );
    assert_eq!(&world.digest().await, undisturbed().await);
    world.assert_at_rest().await;
}

/// One worker dies at the point in the first task it gets, the next one in phase 6; then a healthy
/// one comes.
async fn killed_at(point: &str) {
    let world = World::new().await;
    books(&world).await;
    let planned = world.begin(&night()).await;
    for failpoint in [point.to_owned(), format!("{point}:portfolio-analytics")] {
        let mut worker = world.worker_process(&["--failpoint", &failpoint]);
        let status = worker.ended().await;
        assert_eq!(
            status.signal(),
            Some(Signal::SIGABRT as i32),
            "{failpoint}: {status}"
        );
    }
    assert!(
        world
            .count("select count(*) from run where verdict is null")
            .await
            > 0
    );

    world.worker().await;

    assert_ended_as_if_nothing_had_happened(&world, &planned).await;
    let lost = world
        .count("select count(*) from attempt where outcome = 'lost'")
        .await;
    if point == "after-commit" {
        let twice =
            "select count(*) from (select from attempt where outcome = 'committed' group by task_id
                     having count(*) > 1) t";
        assert_eq!(world.count(twice).await, 0);
    } else {
        assert!(lost >= 2, "{lost} attempts were lost");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_killed_after_a_claim_ends_with_the_digest_of_an_undisturbed_one() {
    killed_at("after-claim").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_killed_while_computing_ends_with_the_digest_of_an_undisturbed_one() {
    killed_at("mid-compute").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_killed_before_a_commit_ends_with_the_digest_of_an_undisturbed_one() {
    killed_at("before-commit").await;
}

/// Incident I-24: redelivered although it is done.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_killed_between_commit_and_acknowledgement_ends_with_the_digest_of_an_undisturbed_one()
 {
    killed_at("after-commit").await;
}

/// Tasks in the hands of the worker process.
pub(crate) async fn in_hand(world: &World, pid: i32) -> Vec<i64> {
    sqlx::query_scalar(
        "select t.id from task t join worker w on w.id = t.worker_id where t.state = 'running' and w.pid = $1",
    )
    .bind(pid)
    .fetch_all(&world.db)
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tasks_of_a_killed_worker_are_taken_over_within_its_lease_and_five_seconds() {
    let world = World::new().await;
    books(&world).await;
    let planned = world.begin(&night()).await;
    let victim = world.worker_process(&[]);
    let pid = victim.pid().as_raw();
    // Frozen first, so that it is killed with tasks in its hands and not a moment later.
    let orphans = eventually(async || {
        if in_hand(&world, pid).await.is_empty() {
            return None;
        }
        victim.signal(Signal::SIGSTOP);
        let tasks = in_hand(&world, pid).await;
        if tasks.is_empty() {
            victim.signal(Signal::SIGCONT);
        }
        (!tasks.is_empty()).then_some(tasks)
    });
    let orphans = orphans.await.expect("the worker takes tasks");
    victim.signal(Signal::SIGKILL);
    world.worker().await;

    let taken = within(LEASE + Duration::from_secs(5), async || {
        in_hand(&world, pid).await.is_empty().then_some(())
    });
    assert!(
        taken.await.is_some(),
        "tasks {orphans:?} are still the dead worker's"
    );

    assert_ended_as_if_nothing_had_happened(&world, &planned).await;
    let lost: Vec<i64> = sqlx::query_scalar(
        "select a.task_id from attempt a join worker w on w.id = a.worker_id
         where a.outcome = 'lost' and w.pid = $1 and w.lost_at is not null order by 1",
    )
    .bind(pid)
    .fetch_all(&world.db)
    .await
    .unwrap();
    let (lost, orphans): (BTreeSet<_>, BTreeSet<_>) =
        (lost.into_iter().collect(), orphans.into_iter().collect());
    assert_eq!(lost, orphans);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_told_to_stop_drains_and_leaves_nothing_behind() {
    let world = World::new().await;
    books(&world).await;
    let planned = world.begin(&night()).await;
    let mut worker = world.worker_process(&[]);
    let pid = worker.pid().as_raw();
    let busy = eventually(async || (!in_hand(&world, pid).await.is_empty()).then_some(())).await;
    assert!(busy.is_some());

    worker.signal(Signal::SIGTERM);

    let status = worker.ended().await;
    assert_eq!(status.code(), Some(0), "{status}");
    assert_eq!(world.count("select count(*) from worker").await, 0);
    assert_eq!(
        world
            .count("select count(*) from task where state = 'running'")
            .await,
        0
    );
    assert_eq!(
        world
            .count("select count(*) from attempt where outcome in ('lost', 'failed')")
            .await,
        0
    );
    assert_eq!(
        world
            .count("select count(*) from run where verdict is null")
            .await,
        1
    );

    world.worker().await;
    assert_ended_as_if_nothing_had_happened(&world, &planned).await;
}

/// Incident 5.9.1.
#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_redis_is_rebuilt_in_the_middle_of_a_run() {
    let world = World::new().await;
    books(&world).await;
    let computed = AtomicUsize::new(0);
    let (queue, runtime) = (world.engine.queue.clone(), Handle::current());
    let probe = Probe(Arc::new(move |_| {
        if [2, 6, 11].contains(&computed.fetch_add(1, Ordering::Relaxed)) {
            runtime.block_on(queue.wipe()).unwrap();
        }
    }));
    let mut options = world.options();
    options.probe = Some(probe);
    world.worker_with(options).await;

    let planned = world.begin(&night()).await;

    assert_ended_as_if_nothing_had_happened(&world, &planned).await;
}

/// Incident 5.9.4: a message that poisons its group.
#[tokio::test(flavor = "multi_thread")]
async fn garbage_foreign_and_repeated_entries_do_no_harm() {
    let world = World::new().await;
    books(&world).await;
    let mut redis = world.redis().await;
    let planned = world.begin(&night()).await;
    let keys = world.engine.queue.keys().clone();
    let install = world.texts("select id from install").await.remove(0);
    let forge = async |redis: &mut redis::aio::MultiplexedConnection| {
        for (_, _, stream) in keys.streams() {
            let mut pipe = redis::pipe();
            let mut add = |fields: &[&str]| {
                pipe.cmd("XADD").arg(&stream).arg("*").arg(fields).ignore();
            };
            add(&["hello", "world"]);
            add(&["v", "9", "install", &install, "task", "1", "epoch", "0"]);
            add(&[
                "v",
                "1",
                "install",
                &install,
                "task",
                "no number",
                "epoch",
                "0",
            ]);
            add(&["v", "1", "install", "ffffffff", "task", "1", "epoch", "0"]);
            for task in ["1", "2", "3", "4", "999999999", "-1"] {
                add(&["v", "1", "install", &install, "task", task, "epoch", "0"]);
                add(&["v", "1", "install", &install, "task", task, "epoch", "7"]);
            }
            pipe.exec_async(redis).await.unwrap();
        }
    };
    forge(&mut redis).await;
    world.worker().await;
    forge(&mut redis).await;

    assert_ended_as_if_nothing_had_happened(&world, &planned).await;

    let buried: u64 = redis::cmd("XLEN")
        .arg(keys.dead())
        .query_async(&mut redis)
        .await
        .unwrap();
    assert!(buried > 0, "garbage is mirrored for operators");
    assert_eq!(
        world
            .count("select count(*) from attempt where outcome <> 'committed'")
            .await,
        0
    );
}

/// Incident I-31. A transaction of the task itself would stay open for as long as the probe looks, because the
/// computation goes on only after it; those of other tasks end by themselves.
#[tokio::test(flavor = "multi_thread")]
async fn no_transaction_is_open_while_a_task_computes() {
    let world = World::new().await;
    books(&world).await;
    let looked = Arc::new(Mutex::new(Vec::new()));
    let (seen, runtime, db) = (Arc::clone(&looked), Handle::current(), world.db.clone());
    let probe = Probe(Arc::new(move |phase| {
        let open = runtime.block_on(within(Duration::from_secs(2), async || {
            let open: i64 = sqlx::query_scalar(
                "select count(*) from pg_stat_activity where datname = current_database()
                 and application_name = 'it-worker' and state like 'idle in transaction%'",
            )
            .fetch_one(&db)
            .await
            .unwrap();
            (open == 0).then_some(())
        }));
        seen.lock().unwrap().push((phase, open.is_some()));
    }));
    let mut options = world.options();
    options.concurrency = 1;
    options.probe = Some(probe);
    world.worker_with(options).await;

    let planned = world.run(&night()).await;

    let looked = looked.lock().unwrap().clone();
    let tasks: usize = planned.tasks.iter().map(|(_, count)| count).sum();
    assert_eq!(looked.len(), tasks);
    let phases: BTreeSet<_> = looked.iter().map(|(phase, _)| *phase).collect();
    let planned: BTreeSet<_> = planned
        .tasks
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(phase, _)| *phase)
        .collect();
    assert_eq!(phases, planned);
    let open: Vec<_> = looked.iter().filter(|(_, closed)| !closed).collect();
    assert!(open.is_empty(), "a transaction was open during {open:?}");
}

/// Else it would be computed twice, and both results would meet in one commit, which no repetition mends.
#[tokio::test(flavor = "multi_thread")]
async fn two_hints_of_one_task_in_one_read_make_it_ours_once() {
    let world = World::new().await;
    books(&world).await;
    world.begin(&night()).await;
    let pool = &world.engine.pools.control;
    let worker = WorkerId::fresh();
    workers::register(pool, worker, "it", 0, 600.0)
        .await
        .unwrap();
    let ready = "select min(id) from task where phase = 'market-data'";
    let task = TaskId(world.count(ready).await);
    let hints = [0, 7].map(|epoch| TaskEpoch { task, epoch });
    let able = [Capability {
        phase: PhaseName::MarketData,
        version: 1,
        timeout_seconds: 600.0,
    }];

    let answers = tasks::claim(pool, worker, &hints, &BTreeSet::new(), &able, true)
        .await
        .unwrap();

    let [(first, Answer::Claimed(claimed)), (second, Answer::Stale)] = answers.as_slice() else {
        panic!("{answers:?}");
    };
    assert_eq!((first.epoch, claimed.at.epoch, second.epoch), (0, 1, 7));
}

/// Each phase's tasks of two runs wait for each other, so that they meet in one commit and want the same
/// sets.
#[tokio::test(flavor = "multi_thread")]
async fn two_runs_of_the_same_dates_meet_in_one_commit_and_both_end_well() {
    let world = World::new().await;
    books(&world).await;
    let arrived: Arc<(Mutex<BTreeMap<PhaseName, usize>>, Condvar)> = Arc::default();
    let meet = Arc::clone(&arrived);
    let probe = Probe(Arc::new(move |phase| {
        let (count, moved) = &*meet;
        let mut count = count.lock().unwrap();
        *count.entry(phase).or_default() += 1;
        moved.notify_all();
        // Whoever is alone for long goes on: a phase may have tasks of one run only.
        let wait = moved.wait_timeout_while(count, Duration::from_millis(500), |count| {
            count[&phase] % 2 == 1
        });
        drop(wait.unwrap());
    }));
    let mut options = world.options();
    options.probe = Some(probe);
    let lanes = [Lane::Interactive, Lane::Nightly].map(|lane| Request {
        force: true,
        lane: Some(lane),
        ..request(range("2016-12-28", "2016-12-29"))
    });
    let [first, second] = [world.begin(&lanes[0]).await, world.begin(&lanes[1]).await];

    world.worker_with(options).await;

    for planned in [&first, &second] {
        assert_eq!(
            world.verdict(planned.run).await,
            "succeeded",
            "{}",
            world.troubles().await
        );
    }
    let lost = world
        .texts("select outcome from attempt where outcome <> 'committed'")
        .await;
    assert!(lost.is_empty(), "{lost:?}");
    world.assert_at_rest().await;
}
