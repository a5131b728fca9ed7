//! Events: in order, and resumed without loss.

use serde_json::json;
use sigmabatch::domain::{Access, Token};
use sigmabatch::engine::Order;

use super::{Served, book};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_tells_a_run_to_its_end_and_is_resumed_without_loss() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    book(&world, "book").await;
    let date = json!({ "calculation_date": "2016-12-30" });
    let run = served
        .operator
        .post("/api/v1/admin/batch/run", &date)
        .await
        .expect(202);
    let path = format!(
        "/api/v1/runs/{}/events",
        run["batch_run_id"].as_str().unwrap()
    );
    let mut live = served.viewer.events(&path, None).await;
    world.worker().await;
    let mut seen = Vec::new();
    loop {
        let (id, event) = live.next().await.expect("the stream goes on");
        let kind = event["kind"].as_str().unwrap().to_owned();
        seen.push((id, kind.clone()));
        if kind == "run-finished" {
            assert_eq!(event["detail"]["verdict"], "succeeded");
            break;
        }
    }
    let stored = "select kind from event where run_id is not null order by xid, id";
    let stored = world.texts(stored).await;
    let kinds: Vec<String> = seen.iter().map(|(_, kind)| kind.clone()).collect();
    assert_eq!(
        kinds, stored,
        "each event once, in the order of the transactions"
    );

    // From any place on, the rest comes, and nothing else.
    for cut in [0, seen.len() / 2, seen.len() - 2] {
        let mut resumed = served.viewer.events(&path, Some(&seen[cut].0)).await;
        for expected in &seen[cut + 1..] {
            let (id, event) = resumed.next().await.expect("the rest");
            assert_eq!((id, event["kind"].as_str().unwrap().to_owned()), *expected);
        }
    }
    let forged = [("last-event-id", "x")];
    let problem = served
        .viewer
        .ask("GET", &path, &forged, b"")
        .await
        .expect(400);
    assert_eq!(problem["field"], "Last-Event-ID");
}

/// A token that is worth nothing any more hears nothing any more; others do.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_token() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    book(&world, "book").await;
    let start = "/api/v1/admin/batch/run";
    let run = served.operator.post(start, &json!({})).await.expect(202);
    let run: uuid::Uuid = run["batch_run_id"].as_str().unwrap().parse().unwrap();
    let insert = "insert into event (run_id, kind) values ($1, $2)";
    let tell = async |kind: &str| {
        let told = sqlx::query(insert).bind(run).bind(kind);
        told.execute(&world.db).await.unwrap();
    };
    tell("before").await;
    let token = super::token(&world, &Access::Viewer).await;
    let path = format!("/api/v1/runs/{run}/events");
    let mut live = served.nobody.with(&token).events(&path, None).await;
    let mut other = served.viewer.events(&path, None).await;
    live.next().await.expect("it begins");
    let token: Token = token.parse().unwrap();
    let order = Order {
        who: "it",
        reason: "lost",
    };
    let gone = sigmabatch::engine::revoke_token(&world.engine.pools, token.id, order).await;
    gone.unwrap();
    while live.next().await.is_some() {}
    tell("afterwards").await;
    loop {
        let (_, event) = other.next().await.expect("another token is another");
        if event["kind"] == "afterwards" {
            break;
        }
    }
}

/// A transaction that began first and ends last: its event is neither skipped nor out of order.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_slow_transaction_is_not_lost() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    book(&world, "book").await;
    let run = served
        .operator
        .post("/api/v1/admin/batch/run", &json!({}))
        .await
        .expect(202);
    let run: uuid::Uuid = run["batch_run_id"].as_str().unwrap().parse().unwrap();
    let insert = "insert into event (run_id, kind) values ($1, $2)";
    let mut slow = world.db.begin().await.unwrap();
    sqlx::query(insert)
        .bind(run)
        .bind("slow")
        .execute(&mut *slow)
        .await
        .unwrap();
    sqlx::query(insert)
        .bind(run)
        .bind("fast")
        .execute(&world.db)
        .await
        .unwrap();
    let mut live = served
        .viewer
        .events(&format!("/api/v1/runs/{run}/events"), None)
        .await;
    slow.commit().await.unwrap();
    let mut kinds = Vec::new();
    while kinds.len() < 2 {
        let (_, event) = live.next().await.expect("both come");
        let kind = event["kind"].as_str().unwrap().to_owned();
        if ["slow", "fast"].contains(&kind.as_str()) {
            kinds.push(kind);
        }
    }
    assert_eq!(kinds, ["slow", "fast"]);
    served.stopped().await;
    assert!(live.next().await.is_none(), "streams end with the server");
}
