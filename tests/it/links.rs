//! Bad lines: nobody waits for ever, no place in a pool is lost, and a commit whose answer was lost
//! has happened once.

use std::time::Duration;

use sigmabatch::store::{self, Pools, Settings, WriteTx};

use crate::market::close;
use crate::proxy::{Proxy, Way, port_of};
use crate::world::{World, eventually, range, request, within};

/// Longer than any limit below, shorter than the limit for a connection.
const PATIENCE: Duration = Duration::from_secs(20);

/// Pools that wait two seconds for an answer, over a proxy.
async fn pools() -> (Proxy, Pools) {
    let url = std::env::var("DATABASE_URL").expect("run the tests with `make test`");
    let proxy = Proxy::to(port_of(&url)).await;
    let settings = Settings {
        url: proxy.url(&url),
        application: "it-links".into(),
        acquire_timeout: Duration::from_mins(2),
        statement_timeout: Duration::from_secs(1),
        connections: store::Connections::default(),
    };
    let pools = store::connect(&settings).await.unwrap();
    (proxy, pools)
}

/// Asks something of the one connection that there is.
async fn ask(pools: &Pools) -> Result<(), String> {
    let asked = sqlx::query("select 1").execute(&pools.control);
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(elapsed) => panic!("nobody answers, and nobody gives up: {elapsed}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_connection_is_given_up_and_its_place_is_free() {
    let (proxy, pools) = pools().await;
    for way in [Way::There, Way::Back] {
        ask(&pools).await.unwrap();
        proxy.swallow(way);

        let said = ask(&pools).await.unwrap_err();

        assert!(said.contains("no answer within 2000 ms"), "{said}");
        assert_eq!(pools.in_use(), [0, 0, 0]);
        ask(&pools).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_waiting_for_an_answer_leaves_a_place_behind_not_a_connection() {
    let (proxy, pools) = pools().await;
    proxy.swallow(Way::Back);
    let asked = sqlx::query("select 1").execute(&pools.control);
    let impatient = tokio::time::timeout(Duration::from_millis(50), asked).await;
    assert!(impatient.is_err());

    ask(&pools).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_on_a_dead_connection_ends_with_an_error() {
    let (proxy, pools) = pools().await;
    for pool in [&pools.control, &pools.load, &pools.commit] {
        let tx = WriteTx::begin(pool).await.unwrap();
        proxy.swallow(Way::Back);
        let ended = tokio::time::timeout(PATIENCE, tx.commit()).await;
        assert!(ended.unwrap().unwrap_err().is_silence());
        let next = WriteTx::begin(pool).await.unwrap();
        next.rollback().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_died_while_idle_is_replaced_before_it_is_lent() {
    let (proxy, pools) = pools().await;
    ask(&pools).await.unwrap();
    proxy.swallow(Way::Back);
    // Not a wait for something: idle time is what makes it suspicious.
    tokio::time::sleep(Duration::from_millis(5_100)).await;

    ask(&pools).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_accepts_and_says_nothing_is_tried_again() {
    let (proxy, pools) = pools().await;
    proxy.cut();
    proxy.deaf(true);
    let waiting = tokio::spawn(async move { (ask(&pools).await, ask(&pools).await) });
    let tried = within(PATIENCE, async || (proxy.open() > 0).then_some(())).await;
    assert!(tried.is_some());

    proxy.heal();

    // The first may find out that its connection is gone.
    let (_, second) = waiting.await.unwrap();
    second.unwrap();
}

/// A book, and a worker behind two proxies: to Postgres, to Redis.
async fn behind_proxies() -> (World, Proxy, Proxy) {
    let world = World::new().await;
    let row = format!("AAA,300,{},2016-12-19,PUBLIC", close("AAA", "2016-12-19"));
    world.book("book", "100000", "2016-12-19", &[&row]).await;
    let mut options = world.options();
    let redis_url = world.servers().redis_url.clone();
    let postgres = Proxy::to(port_of(world.database_url())).await;
    let redis = Proxy::to(port_of(&redis_url)).await;
    options.store.url = postgres.url(world.database_url());
    world.worker_by(options, &redis.url(&redis_url)).await;
    (world, postgres, redis)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_has_happened_once() {
    let (world, postgres, _redis) = behind_proxies().await;
    let planned = world
        .begin(&request(range("2016-12-20", "2016-12-29")))
        .await;
    let mut looks = 0;
    let ended = eventually(async || {
        // Reads end with the same word: what they lose is loaded again.
        if looks % 5 == 0 {
            postgres.lose_the_answer_to(b"commit\0");
        }
        looks += 1;
        let verdict = world.texts("select coalesce(verdict, '') from run").await;
        (!verdict[0].is_empty()).then_some(())
    });
    assert!(ended.await.is_some(), "{}", world.troubles().await);

    assert_eq!(world.verdict(planned.run).await, "succeeded");
    world.assert_at_rest().await;
    assert!(postgres.lost_answers() > 3);
    let disturbed = "select count(*) from attempt where outcome <> 'committed'";
    assert_eq!(world.count(disturbed).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_lines_change_nothing_but_the_time() {
    let (world, postgres, redis) = behind_proxies().await;
    for proxy in [&postgres, &redis] {
        proxy.delay(Duration::from_millis(3));
    }

    world.run(&request(range("2016-12-28", "2016-12-29"))).await;

    world.assert_at_rest().await;
    let disturbed = "select count(*) from attempt where outcome <> 'committed'";
    assert_eq!(world.count(disturbed).await, 0);
}
