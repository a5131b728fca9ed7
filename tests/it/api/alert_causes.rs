//! Causes of alerts that are no run: a session that nobody computes, and a server without connections to spare.

use std::time::Duration;

use serde_json::{Value, json};
use sigmabatch::domain::WorkerId;
use sigmabatch::embedded::{Options, Services};
use sigmabatch::engine::{self, Engine, Housekeeping, Order, Steward};
use sqlx::{Connection, PgConnection};

use super::{Served, book};
use crate::market;
use crate::world::{Servers, World, on, request};

const NOW: &str = "2016-12-30T23:00:00Z";

fn steward(engine: &Engine, overdue_hours: u32) -> Steward {
    let steward = Steward::new(engine.clone(), WorkerId::fresh(), Duration::from_secs(5), 3);
    steward.keeping(Housekeeping {
        overdue_hours,
        ..Housekeeping::default()
    })
}

async fn alerts(served: &Served) -> Vec<Value> {
    let page = served.viewer.get("/api/v1/alerts").await.expect(200);
    page["alerts"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_without_a_finished_run_is_one_alert_when_its_hours_are_over() {
    let world = World::at(NOW, market::small()).await;
    let served = Served::new(&world).await;
    // Nobody waits for results while there is no portfolio.
    steward(&world.engine, 1).overdue().await.unwrap();
    assert!(alerts(&served).await.is_empty());
    let mine = book(&world, "book").await;
    world.worker().await;
    world.run(&request(on("2016-12-29"))).await;
    // It is 18:00 in New York: eight hours ago the newest session was the one that is computed.
    for hours in [0, 8] {
        steward(&world.engine, hours).overdue().await.unwrap();
        assert!(alerts(&served).await.is_empty(), "{hours} hours");
    }
    // An hour ago the closes of the 30th were final, and nobody has computed it since.
    for _ in 0..3 {
        steward(&world.engine, 1).overdue().await.unwrap();
    }
    let raised = alerts(&served).await;
    let alert = &raised[0];
    assert_eq!(raised.len(), 1, "{raised:?}");
    assert_eq!(
        (&alert["kind"], &alert["cause"], &alert["run_id"]),
        (&json!("run-overdue"), &json!("2016-12-30"), &Value::Null)
    );
    assert_eq!(
        alert["detail"],
        json!({ "as_of": "2016-12-30", "hours": 1 })
    );
    // It is about no run of an owner's.
    let owner = served.owner(&world, &[mine]).await;
    let told = owner.get("/api/v1/alerts").await.expect(200);
    assert_eq!(told["alerts"], json!([]));
    // The next session is another cause; one that was computed in time is none.
    world.run(&request(on("2016-12-30"))).await;
    let evening = world.another_engine("2017-01-03T23:00:00Z").await;
    steward(&evening, 8).overdue().await.unwrap();
    assert_eq!(alerts(&served).await.len(), 1);
    steward(&evening, 1).overdue().await.unwrap();
    let raised = alerts(&served).await;
    assert_eq!(raised[0]["cause"], "2017-01-03", "{raised:?}");
    assert_eq!(raised.len(), 2, "{raised:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overdue_session_whose_alert_could_not_be_stored_is_raised_the_next_time() {
    let world = World::at(NOW, market::small()).await;
    let served = Served::new(&world).await;
    book(&world, "book").await;
    let steward = steward(&world.engine, 1);
    sqlx::query("alter table alert add constraint closed check (false)")
        .execute(&world.db)
        .await
        .unwrap();
    assert!(steward.overdue().await.is_err());
    sqlx::query("alter table alert drop constraint closed")
        .execute(&world.db)
        .await
        .unwrap();
    steward.overdue().await.unwrap();
    let raised = alerts(&served).await;
    assert_eq!(raised.len(), 1, "{raised:?}");
    assert_eq!(raised[0]["cause"], "2016-12-30");
}

/// Low coverage is a matter of the run that made the results: not of one that was cancelled before, nor of one that found them.
#[tokio::test(flavor = "multi_thread")]
async fn low_coverage_is_an_alert_of_the_run_that_made_the_results() {
    let mut folder = market::Folder::new();
    folder.remove("AAA", |date| date < "2016-12-01");
    let world = World::at("2017-01-01T12:00:00-05:00", folder.path()).await;
    let served = Served::new(&world).await;
    book(&world, "book").await;
    let order = Order {
        who: "it",
        reason: "test",
    };
    // Nobody works yet: it has made nothing.
    let cancelled = world.begin(&request(on("2016-12-30"))).await.run;
    engine::cancel(&world.engine, cancelled, order)
        .await
        .unwrap();
    world.worker().await;
    assert_eq!(world.verdict(cancelled).await, "cancelled");
    let steward = Steward::new(
        world.engine.clone(),
        WorkerId::fresh(),
        Duration::from_secs(5),
        3,
    )
    .keeping(Housekeeping {
        coverage: 0.8,
        ..Housekeeping::default()
    });
    steward.alert().await.unwrap();
    assert!(alerts(&served).await.is_empty());
    let made = world.run(&request(on("2016-12-30"))).await.run;
    let found = world.run(&request(on("2016-12-30"))).await;
    assert_ne!(found.run, made);
    steward.alert().await.unwrap();
    let raised = alerts(&served).await;
    let causes: Vec<_> = raised
        .iter()
        .map(|alert| (&alert["kind"], &alert["cause"]))
        .collect();
    assert_eq!(causes, [(&json!("coverage-low"), &json!(made))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_nine_of_ten_connections_in_use_is_an_alert() {
    // A server of its own: others would find no connection.
    let options = Options {
        path: std::env::var_os("PATH"),
        durable: false,
        ..Options::default()
    };
    let services = Services::start(&options).await.unwrap();
    let servers = Servers {
        database_url: services.database_url(),
        redis_url: services.redis_url(),
    };
    {
        let world = World::on(servers, NOW, market::small()).await;
        let served = Served::new(&world).await;
        let steward = steward(&world.engine, 0);
        let used = "select count(*) from pg_stat_activity where backend_type = 'client backend'";
        let most = world
            .count("select current_setting('max_connections')::bigint")
            .await;
        let mut held = Vec::new();
        while world.count(used).await * 10 < most * 7 {
            held.push(PgConnection::connect(world.database_url()).await.unwrap());
        }
        steward.alert().await.unwrap();
        assert!(alerts(&served).await.is_empty(), "seven of ten is no cause");
        while world.count(used).await * 10 < most * 9 {
            held.push(PgConnection::connect(world.database_url()).await.unwrap());
        }
        steward.alert().await.unwrap();
        let raised = alerts(&served).await;
        let alert = &raised[0];
        assert_eq!(raised.len(), 1, "{raised:?}");
        assert_eq!(
            (&alert["kind"], &alert["run_id"], &alert["detail"]["most"]),
            (&json!("pool-saturated"), &Value::Null, &json!(most))
        );
        let told = alert["detail"]["connections"].as_i64().unwrap();
        assert!(told * 10 >= most * 9 && told <= most, "{alert}");
        let metrics = served.viewer.get("/metrics").await.text();
        let line = "sigmabatch_alerts{kind=\"pool-saturated\"} 1";
        assert!(metrics.contains(line), "{metrics}");
        drop(held);
        served.stopped().await;
    }
    services.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_whose_tasks_wait_for_connections_are_an_alert() {
    let world = World::at(NOW, market::small()).await;
    let served = Served::new(&world).await;
    let steward = steward(&world.engine, 0);
    // All of a pool in use for a moment is none, nor are waits that are over, nor what a dead process said.
    let beat = async |wait: f64, used: u32, lease: f64| {
        let counters = json!({ "pool_wait_p99_ms": wait, "pool_in_use": { "load": used, "commit": 0 },
                               "pool_size": { "load": 2, "commit": 1 } });
        sqlx::query("delete from worker")
            .execute(&world.db)
            .await
            .unwrap();
        let row = sqlx::query_scalar::<_, uuid::Uuid>(
            "insert into worker (id, host, pid, version, lease_until, counters)
             values (gen_random_uuid(), 'it', 1, '0', now() + make_interval(secs => $1), $2) returning id",
        );
        let id = row
            .bind(lease)
            .bind(counters)
            .fetch_one(&world.db)
            .await
            .unwrap();
        steward.alert().await.unwrap();
        (id, alerts(&served).await)
    };
    for (wait, used, lease) in [(5.0, 2, 60.0), (5000.0, 1, 60.0), (5000.0, 2, -1.0)] {
        let (_, raised) = beat(wait, used, lease).await;
        assert!(raised.is_empty(), "{wait} {used} {lease}: {raised:?}");
    }
    let (id, raised) = beat(5000.0, 2, 60.0).await;
    assert_eq!(raised.len(), 1, "{raised:?}");
    let detail = &raised[0]["detail"];
    assert_eq!(raised[0]["kind"], "pool-saturated");
    assert_eq!(
        (&detail["workers"], &detail["pools"]),
        (&json!([id]), &json!(["load"]))
    );
    let metrics = served.viewer.get("/metrics").await.text();
    let of = |name: &str, pool: &str| {
        let line = metrics.lines().find(|line| {
            line.starts_with(&format!("sigmabatch_worker_connections_{name}{{"))
                && line.contains(&format!("pool=\"{pool}\""))
        });
        line.and_then(|line| line.rsplit(' ').next())
            .map(ToOwned::to_owned)
    };
    let told = [
        of("in_use", "load"),
        of("most", "load"),
        of("most", "commit"),
    ];
    assert_eq!(told.map(Option::unwrap), ["2", "2", "1"], "{metrics}");
}
