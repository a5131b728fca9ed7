//! What happens to the lines between workers and servers: cut, slow, swallowing one way, or accepting
//! connections that nobody serves.

use crate::proxy::{Proxy, Way};
use crate::servers::assert_innocents_were_spared;
use crate::stage::{Casting, Stage, play, play_and_check};
use crate::world::LEASE;

/// One fault on a line, and its end.
async fn disturb(stage: &Stage, line: &Proxy) {
    stage.dice.pause(50, 400).await;
    match stage.dice.below(6) {
        0 => line.cut(),
        1 => line.swallow(Way::There),
        2 => line.swallow(Way::Back),
        3 => {
            line.delay(stage.dice.ms(1, 30));
            stage.dice.pause(200, 1_000).await;
        }
        4 => {
            line.deaf(true);
            line.cut();
            stage.dice.pause(200, 1_500).await;
        }
        _ => {
            for _ in 0..5 {
                line.lose_the_answer_to(b"commit\0");
                stage.dice.pause(20, 100).await;
            }
        }
    }
    // What is swallowed stays so: the other end is gone, and nobody says it.
    line.delay(std::time::Duration::ZERO);
    line.deaf(false);
    stage.dice.pause(100, 1_500).await;
}

const CASTING: Casting = Casting {
    workers: 3,
    proxies: true,
    redis: true,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_line_to_postgres_is_cut_slow_or_dead() {
    play("postgres-line", CASTING, async |stage| {
        disturb(stage, &stage.proxies.as_ref().unwrap()[0]).await;
    })
    .await;
}

/// Nobody could beat, so nobody may be judged: whoever comes back first waits for the others.
#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_cut_off_from_postgres_for_longer_than_a_lease() {
    let lease = u64::try_from(LEASE.as_millis()).unwrap();
    let disturb = async |stage: &Stage| {
        stage.dice.pause(500, 2_000).await;
        let line = &stage.proxies.as_ref().unwrap()[0];
        line.deaf(true);
        line.cut();
        stage.dice.pause(lease, 2 * lease).await;
        line.heal();
        stage.dice.pause(500, 2_000).await;
    };
    play_and_check("cut-off", CASTING, disturb, assert_innocents_were_spared).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_line_to_redis_is_cut_slow_or_dead() {
    play("redis-line", CASTING, async |stage| {
        disturb(stage, &stage.proxies.as_ref().unwrap()[1]).await;
    })
    .await;
}
