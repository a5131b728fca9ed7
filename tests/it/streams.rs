//! Entries that somebody has read and will never acknowledge.

use std::time::Duration;

use sigmabatch::domain::{PermitClass, PhaseName, WorkerId};
use sigmabatch::queue::{Entry, Says, Wanted};
use sigmabatch::store::workers;

use crate::market::close;
use crate::world::{World, on, request, within};

async fn book(world: &World) {
    let row = format!("AAA,300,{},2016-12-28,PUBLIC", close("AAA", "2016-12-28"));
    world.book("book", "100000", "2016-12-28", &[&row]).await;
}

/// Reads every hint of a run's first phases under this name, and does nothing about it.
async fn read_all(world: &World, consumer: &str) -> Vec<Entry> {
    let mut reader = world.engine.queue.reader(consumer).await.unwrap();
    let wanted = Wanted {
        class: PermitClass::Provider,
        phases: PhaseName::ALL.to_vec(),
        free: 100,
        held: Vec::new(),
    };
    let read = reader.take(&[wanted]).await.unwrap();
    let tasks = read
        .entries
        .iter()
        .all(|entry| matches!(entry.says, Says::Task(_)));
    assert!(tasks && !read.entries.is_empty(), "{read:?}");
    read.entries
}

/// Others would wait half a minute for a reader that may be about to claim; of a lost one they know.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_worker_has_read_is_read_by_others_at_once() {
    let world = World::new().await;
    book(&world).await;
    let lost = WorkerId::fresh();
    workers::register(&world.engine.pools.control, lost, "it", 1, 0.01)
        .await
        .unwrap();
    let planned = world.begin(&request(on("2016-12-28"))).await;
    read_all(&world, &lost.consumer()).await;

    world.worker().await;

    let ended = within(Duration::from_secs(20), async || {
        let going = "select count(*) from run where verdict is null";
        (world.count(going).await == 0).then_some(())
    });
    assert!(ended.await.is_some(), "{}", world.troubles().await);
    assert_eq!(world.verdict(planned.run).await, "succeeded");
    world.assert_at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_are_deleted_while_somebody_has_them_do_not_stay_pending() {
    let world = World::new().await;
    book(&world).await;
    let planned = world.begin(&request(on("2016-12-28"))).await;
    for entry in read_all(&world, "w-deadbeef").await {
        world.redis_says(&["XDEL", &entry.stream, &entry.id]).await;
    }

    world.worker().await;

    assert_eq!(world.verdict(planned.run).await, "succeeded");
    world.assert_at_rest().await;
}
