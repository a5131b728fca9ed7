//! `workers`: living, draining and lost ones.

use std::sync::Arc;

use sigmabatch::domain::PhaseName;

use super::{books, rows};
use crate::control::{Door, Opener};
use crate::world::{World, eventually, on, request};

#[tokio::test(flavor = "multi_thread")]
async fn workers_show_their_standing_their_work_and_who_is_steward() {
    let world = World::new().await;
    books(&world).await;
    let planned = world.begin(&request(on("2016-12-29"))).await;
    let mut victim = world.worker_process(&["--failpoint", "after-claim"]);
    victim.ended().await;
    let door = Arc::new(Door::default());
    let opener = Opener(Arc::clone(&door));
    let mut options = world.options();
    options.probe = Some(door.probe(PhaseName::PositionValues));
    world.worker_with(options).await;
    door.reached().await;

    // The dead one is given up within its lease, and shows the permits of its first heartbeat.
    let both = eventually(async || {
        let (code, document) = world.command(&["workers"]).await;
        assert_eq!(code, 0);
        let lost = rows(&document, "workers")
            .iter()
            .any(|worker| worker["standing"] == "lost");
        let counted = rows(&document, "workers")
            .iter()
            .any(|worker| worker["committed"].as_u64() > Some(0));
        (lost && counted).then_some(document)
    });
    let document = both.await.expect("the dead worker is lost");
    let [living, lost] = rows(&document, "workers") else {
        panic!("{document:#}");
    };
    assert_eq!(living["standing"], "living");
    assert_eq!(living["steward"], true);
    assert_eq!(living["worker_id"], document["steward"]["worker_id"]);
    assert!(living["running"].as_u64() > Some(0), "{living:#}");
    assert_eq!(living["permits"]["cpu"], 8);
    assert_eq!(living["redis_down"], false);
    assert_eq!(
        (&living["foreign"], &living["garbage"]),
        (&0.into(), &0.into())
    );
    for key in [
        "batch_mean",
        "pool_wait_p99_ms",
        "read_hold_p50_ms",
        "read_hold_p99_ms",
        "commit_hold_p50_ms",
        "commit_hold_p99_ms",
    ] {
        assert!(living[key].is_number(), "{key}: {living:#}");
    }
    assert_eq!(lost["steward"], false);
    assert!(lost["lost_at"].is_string() && lost["lease_seconds"].as_f64() < Some(0.0));

    let name = living["consumer"].as_str().unwrap();
    let (code, _) = world.command(&["drain", name, "--reason", "test"]).await;
    assert_eq!(code, 0);
    let (_, document) = world.command(&["workers"]).await;
    assert_eq!(document["workers"][0]["standing"], "draining");
    let (_, page) = world.page(&["workers"]).await;
    for part in [name, "draining", "lost", "steward", "commit p50"] {
        assert!(page.contains(part), "{part} in\n{page}");
    }

    // It finishes what it has, and is gone; nobody is left.
    drop(opener);
    let gone = eventually(async || {
        let living = "select count(*) from worker where lost_at is null";
        (world.count(living).await == 0).then_some(())
    });
    assert!(gone.await.is_some());
    let (_, page) = world.page(&["workers"]).await;
    assert!(page.contains("no worker is alive"), "{page}");
    world.worker().await;
    assert_eq!(world.verdict(planned.run).await, "succeeded");
}
