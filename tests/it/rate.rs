//! The rate of questions to a provider, shared by all workers.

use std::time::{Duration, Instant};

use crate::market::Folder;
use crate::world::{World, eventually, on, request};

#[tokio::test(flavor = "multi_thread")]
async fn workers_together_never_ask_more_often_than_the_rate() {
    let world = World::new().await;
    let (per_second, questions) = (20.0, 50_u32);
    let mut askers = Vec::new();
    let started = Instant::now();
    for _ in 0..5 {
        let queue = world.engine.queue.clone();
        askers.push(tokio::spawn(async move {
            let mut asked = 0;
            let mut longest = Duration::ZERO;
            while asked < questions / 5 {
                match queue.take_question("test", per_second).await.unwrap() {
                    None => asked += 1,
                    Some(wait) => {
                        longest = longest.max(wait);
                        tokio::time::sleep(wait).await;
                    }
                }
            }
            longest
        }));
    }
    let mut longest = Duration::ZERO;
    for asker in askers {
        longest = longest.max(asker.await.unwrap());
    }

    // One second's worth at once, the rest at the rate.
    let least = (f64::from(questions) - per_second) / per_second;
    let took = started.elapsed().as_secs_f64();
    assert!(took >= least, "{took} s for {questions} questions");
    assert!(
        longest <= Duration::from_secs(1),
        "told to wait {longest:?}"
    );
    // What a bucket holds is forgotten when it is full again.
    let mut redis = world.redis().await;
    let key = world.engine.queue.keys().rate("test");
    let gone = eventually(async || {
        let there: bool = redis::cmd("EXISTS")
            .arg(&key)
            .query_async(&mut redis)
            .await
            .unwrap();
        (!there).then_some(())
    });
    assert!(gone.await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_with_a_rate_is_asked_in_turn_and_the_run_ends_well() {
    let prices = Folder::new();
    let settings = "basis = \"total_return\"\nquestions_per_second = 1.5\n";
    std::fs::write(prices.path().join("provider.toml"), settings).unwrap();
    let world = World::at("2016-12-30T23:00:00Z", prices.path()).await;
    world
        .book(
            "book",
            "100000",
            "2016-12-19",
            &["AAA,300,20,2016-12-19,PUBLIC"],
        )
        .await;
    world.worker().await;

    world.run(&request(on("2016-12-29"))).await;

    // Profiles and prices are asked in the first phases, fundamentals after them: three questions.
    let waited = world
        .count("select count(*) from attempt where fetch_ms > 300")
        .await;
    assert!(waited >= 1, "nobody waited for his turn");
    let failed = world
        .texts("select outcome from attempt where outcome <> 'committed'")
        .await;
    assert!(failed.is_empty(), "{failed:?}");
    world.assert_at_rest().await;
}
