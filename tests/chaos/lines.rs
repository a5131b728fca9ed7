//! What happens to the lines between workers and servers: cut, slow, swallowing one way, or accepting
//! connections that nobody serves.

use crate::proxy::{Proxy, Way};
use crate::stage::{Casting, Stage, play};

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

#[tokio::test(flavor = "multi_thread")]
async fn the_line_to_redis_is_cut_slow_or_dead() {
    play("redis-line", CASTING, async |stage| {
        disturb(stage, &stage.proxies.as_ref().unwrap()[1]).await;
    })
    .await;
}
