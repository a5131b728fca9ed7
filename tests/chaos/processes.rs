//! Worker processes that die, and others that only seem to.

use std::sync::Arc;
use std::time::Duration;

use crate::dice::Dice;
use crate::stage::{Casting, Stage, night, play};
use crate::watcher::Watcher;
use crate::world::{LEASE, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn random_workers_are_killed_every_second_and_replaced() {
    play("kills", Casting::default(), async |stage| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stage.crew.kill_one(&stage.dice);
        stage.hire();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_workers_freeze_for_longer_than_a_lease_and_go_on() {
    play("freezes", Casting::default(), async |stage| {
        stage.dice.pause(100, 800).await;
        stage.crew.freeze_one(&stage.dice);
        tokio::time::sleep(LEASE).await;
        stage.dice.pause(200, 3_000).await;
        stage.crew.thaw();
    })
    .await;
}

/// One that holds the locks of its fence and stops: Postgres ends its session after five seconds, somebody
/// else does the work, and when it goes on it writes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_frozen_between_fence_and_commit_writes_nothing_when_it_goes_on() {
    const NAME: &str = "frozen-commit";
    let nobody = Casting {
        workers: 0,
        ..Casting::default()
    };
    let stage = Stage::set(NAME, Dice::of(Dice::seed(), NAME), nobody).await;
    let watcher = Watcher::start(&stage.world, Arc::clone(&stage.crew), true);
    let frozen = stage.hire_with(&["--failpoint", "in-commit:portfolio-analytics"]);
    let run = stage.begin(&night(false)).await;
    let stopped = eventually(async || is_stopped(frozen).then_some(())).await;
    assert!(stopped.is_some(), "it stops in its first commit of phase 6");
    let held: Vec<(i64, i64)> = sqlx::query_as(
        "select t.id, t.epoch from task t join worker w on w.id = t.worker_id
         where t.state = 'running' and w.pid = $1",
    )
    .bind(frozen)
    .fetch_all(&stage.world.db)
    .await
    .unwrap();
    assert!(!held.is_empty());

    stage.hire();
    assert_eq!(stage.verdict(run).await, "succeeded");
    let before = stage.world.digest().await;
    stage.crew.thaw();

    // It finds that it was given up, and begins anew under another id.
    let again = eventually(async || {
        let lives: i64 = sqlx::query_scalar("select count(*) from worker where pid = $1")
            .bind(frozen)
            .fetch_one(&stage.world.db)
            .await
            .unwrap();
        (lives == 2).then_some(())
    });
    assert!(again.await.is_some(), "the frozen worker begins anew");
    let wrote = "select count(*) from attempt a join worker w on w.id = a.worker_id
                 where a.outcome = 'committed' and a.finished_at > w.lost_at";
    assert_eq!(stage.world.count(wrote).await, 0);
    for (task, epoch) in held {
        let outcome: String =
            sqlx::query_scalar("select outcome from attempt where task_id = $1 and epoch = $2")
                .bind(task)
                .bind(epoch)
                .fetch_one(&stage.world.db)
                .await
                .unwrap();
        assert_eq!(outcome, "lost", "task {task}");
    }
    assert_eq!(stage.world.digest().await, before);
    let seen = watcher.stop().await;
    stage.assert_nothing_had_happened(2).await;
    seen.assert_sound(&stage.world).await;
    stage.strike(NAME, &seen).await;
}

/// Whether a process is stopped by a signal; Linux says so in the third word of this file.
fn is_stopped(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    state.starts_with('T')
}
