//! The API beside a batch: it has connections of its own, and waits for none that a worker has.

use std::sync::{Arc, Condvar, Mutex};

use sigmabatch::api::{Limits, Options};
use sigmabatch::domain::PhaseName;
use sigmabatch::engine::{Probe, Request};
use sigmabatch::store::Connections;

use super::{Served, book};
use crate::world::{World, eventually, on, range, request};

/// Phase 6 waits here.
#[derive(Default)]
struct Gate {
    state: Mutex<(bool, usize)>,
    moved: Condvar,
}

impl Gate {
    /// Computations that wait.
    fn waiting(&self) -> usize {
        self.state.lock().unwrap().1
    }

    fn set(&self, closed: bool) {
        self.state.lock().unwrap().0 = closed;
        self.moved.notify_all();
    }

    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.1 += 1;
        let mut state = self.moved.wait_while(state, |state| state.0).unwrap();
        state.1 -= 1;
    }
}

/// Opens the gate also when the test fails: threads that compute are waited for.
struct Opened(Arc<Gate>);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// A number of `/metrics` about the connections that read.
fn of(metrics: &str, name: &str) -> f64 {
    let name = format!("sigmabatch_api_{name}{{pool=\"read\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
    line.unwrap_or_else(|| panic!("{name}: {metrics}"))
        .parse()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_answered_while_every_connection_that_a_batch_commits_on_waits() {
    let world = World::new().await;
    let options = Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        // One is enough for who asks one thing after the other, if nobody else has it.
        connections: 1,
        risk_free_rate: None,
        tls: None,
        limits: Limits::default(),
    };
    let served = Served::with(&world, &world.options().store, &options).await;
    let id = book(&world, "book").await;
    let gate = Arc::new(Gate::default());
    let opened = Opened(Arc::clone(&gate));
    let passing = Arc::clone(&gate);
    let mut options = world.options();
    options.store.connections = Connections {
        control: 1,
        load: 1,
        commit: 1,
    };
    options.probe = Some(Probe(Arc::new(move |phase| {
        if phase == PhaseName::PortfolioAnalytics {
            passing.pass();
        }
    })));
    world.worker_with(options).await;
    world.run(&request(on("2016-12-28"))).await;

    gate.set(true);
    let again = Request {
        force: true,
        ..request(range("2016-12-28", "2016-12-30"))
    };
    let planned = world.begin(&again).await;
    let begun = eventually(async || (gate.waiting() > 0).then_some(()));
    begun.await.expect("the batch computes");
    // Nobody writes a task any more: neither who claims nor who commits what is computed now.
    let mut held = world.db.begin().await.unwrap();
    sqlx::query("lock table task in exclusive mode")
        .execute(&mut *held)
        .await
        .unwrap();
    gate.set(false);
    // As Postgres sees it, and as the worker itself says with its heartbeat.
    let waiting = "select count(*) from pg_stat_activity where datname = current_database()
                   and application_name = 'it-worker' and wait_event_type = 'Lock'";
    let none_left =
        "select count(*) from worker where (counters -> 'pool_in_use' ->> 'commit')::integer
                     >= (counters -> 'pool_size' ->> 'commit')::integer";
    let full = async || {
        let full = eventually(async || {
            let full = world.count(waiting).await > 0 && world.count(none_left).await > 0;
            full.then_some(())
        });
        full.await.expect("the worker's connection waits");
    };
    full().await;
    let before = served.viewer.get("/metrics").await.text();
    let own = format!("/api/v1/portfolios/{id}");
    let mut asked = 0;
    for _ in 0..3 {
        for rest in [
            "results/overview",
            "results/positions",
            "results/exposures",
            "results/risk",
            "results/stress",
            "snapshots",
            "performance",
            "positions",
        ] {
            let answer = served.viewer.get(&format!("{own}/{rest}")).await;
            let told = answer.expect(200);
            if rest != "positions" {
                assert_eq!(told["as_of"], "2016-12-28", "{rest}: {told}");
            }
            asked += 1;
        }
        // Still, or again: who has waited for long gives up and tries once more.
        full().await;
    }
    let after = served.viewer.get("/metrics").await.text();
    let grown = |name: &str| of(&after, name) - of(&before, name);
    assert!(grown("connections_taken_total") >= f64::from(asked));
    // The lock was held all the time: whoever had waited for one of its waiters had waited to the limit, and been refused.
    let waited = grown("connection_wait_seconds_total");
    assert!(waited < 1.0, "{waited} seconds");
    assert!(
        (of(&after, "connections_most") - 1.0).abs() < f64::EPSILON,
        "{after}"
    );
    held.rollback().await.unwrap();
    // What was held up is no worse for it.
    assert_eq!(
        world.verdict(planned.run).await,
        "succeeded",
        "{}",
        world.troubles().await
    );
    drop(opened);
}
