//! What happens to Postgres: it crashes for shorter and longer than a lease, and ends sessions in the
//! middle of what they do.

use sigmabatch::embedded::Stop;

use crate::stage::{Casting, Stage, play, play_and_check};
use crate::watcher::Seen;
use crate::world::LEASE;

/// Stops Postgres at once, as a crash does, for some milliseconds.
async fn crash(stage: &Stage, from: u64, to: u64) {
    stage.dice.pause(100, 700).await;
    let mut services = stage.services.lock().await;
    services.stop_postgres(Stop::Immediate).await.unwrap();
    stage.dice.pause(from, to).await;
    services.start_postgres().await.unwrap();
    drop(services);
    stage.dice.pause(500, 1_500).await;
}

/// Nobody could have beaten while Postgres was away, so nobody is lost, and no task is taken from anybody.
pub(crate) async fn assert_innocents_were_spared(stage: &Stage, _: &Seen) {
    let lost = "select count(*) from attempt where outcome in ('lost', 'deadline')";
    assert_eq!(
        stage.world.count(lost).await,
        0,
        "innocent tasks were reaped"
    );
    let lost = "select count(*) from worker where lost_at is not null";
    assert_eq!(
        stage.world.count(lost).await,
        0,
        "innocent workers were given up"
    );
    let failed = "select count(*) from attempt where outcome = 'failed'";
    assert_eq!(
        stage.world.count(failed).await,
        0,
        "an outage was taken for a failure"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_crashes_for_less_than_a_lease() {
    let disturb = async |stage: &Stage| crash(stage, 100, 1_000).await;
    play_and_check(
        "short-crashes",
        Casting::default(),
        disturb,
        assert_innocents_were_spared,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_crashes_for_longer_than_a_lease() {
    let lease = u64::try_from(LEASE.as_millis()).unwrap();
    let disturb = async |stage: &Stage| crash(stage, lease + 500, 2 * lease).await;
    play_and_check(
        "long-crashes",
        Casting::default(),
        disturb,
        assert_innocents_were_spared,
    )
    .await;
}

/// As in a failover: it answers, but takes no writes, for longer than a lease.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_only_reads_for_longer_than_a_lease() {
    let lease = u64::try_from(LEASE.as_millis()).unwrap();
    let disturb = async |stage: &Stage| {
        stage.dice.pause(100, 700).await;
        stage.set_read_only(true).await;
        stage.dice.pause(lease + 500, 2 * lease).await;
        stage.set_read_only(false).await;
        stage.dice.pause(500, 1_500).await;
    };
    play_and_check(
        "read-only",
        Casting::default(),
        disturb,
        assert_innocents_were_spared,
    )
    .await;
}

/// With fsync off a COMMIT takes no time that one could hit. Two hooks make some of them slow: one before
/// everything is decided, one while others wait behind its locks.
async fn slow_commits(stage: &Stage) {
    let hook = "
        create or replace function dawdle() returns trigger language plpgsql as $$
        begin perform pg_sleep(0.02); return null; end $$;
        drop trigger if exists dawdle on attempt;
        create constraint trigger dawdle after insert on attempt deferrable initially deferred
            for each row when (new.task_id % 5 = 0) execute function dawdle();";
    sqlx::raw_sql(hook).execute(&stage.world.db).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_ended_in_the_middle_of_transactions_and_commits() {
    let hooked = std::sync::atomic::AtomicBool::new(false);
    let disturb = async |stage: &Stage| {
        if !hooked.swap(true, std::sync::atomic::Ordering::Relaxed) {
            slow_commits(stage).await;
        }
        let busy: Vec<i32> = sqlx::query_scalar(
            "select pid from pg_stat_activity
             where application_name = 'sigmabatch-worker' and datname = current_database()
               and (state = 'active' or state like 'idle in transaction%')
             order by (query ilike 'commit%') desc, pid",
        )
        .fetch_all(&stage.world.db)
        .await
        .unwrap();
        // Not everybody, or a transaction longer than the pauses would never come through.
        if !busy.is_empty() && stage.dice.below(3) == 0 {
            // Rather one that commits, if there is one.
            let victim = match stage.dice.below(2) {
                0 => busy[0],
                _ => *stage.dice.one_of(&busy),
            };
            sqlx::query("select pg_terminate_backend($1)")
                .bind(victim)
                .execute(&stage.world.db)
                .await
                .unwrap();
        }
        stage.dice.pause(20, 150).await;
    };
    play("ended-sessions", Casting::default(), disturb).await;
}
