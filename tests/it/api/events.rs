//! Events: in order, and resumed without loss.

use serde_json::{Value, json};
use sigmabatch::domain::{Access, PhaseName, Token};
use sigmabatch::engine::Order;

use super::{Served, book, serve};
use crate::look::{books, broken};
use crate::world::{World, eventually, on, request};

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

/// Whoever listens to the same run with another sight is told what a statement of theirs would tell.
#[tokio::test(flavor = "multi_thread")]
async fn listeners_of_different_sight_are_each_told_what_is_theirs() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let [first, second] = books(&world).await;
    let run = world.begin(&request(on("2016-12-30"))).await.run;
    let path = format!("/api/v1/runs/{run}/events");
    let sights = [None, Some(vec![first.0]), Some(vec![second.0])];
    let listeners = [
        served.viewer.clone(),
        served.owner(&world, &[first]).await,
        served.owner(&world, &[second]).await,
    ];
    let mut streams = Vec::new();
    for listener in &listeners {
        streams.push(listener.events(&path, None).await);
    }
    let mut options = world.options();
    options.probe = Some(broken(PhaseName::PortfolioAnalytics).1);
    world.worker_with(options).await;
    let mut dead = Vec::new();
    for (stream, only) in streams.iter_mut().zip(sights) {
        let mut told = Vec::new();
        loop {
            let (_, event) = stream.next().await.expect("the stream goes on");
            told.push(json!([event["kind"], event["detail"]]));
            if event["kind"] == "run-finished" {
                break;
            }
        }
        let stored: Vec<Value> = sqlx::query_scalar(
            "select jsonb_build_array(kind, told_detail(kind, detail, $2)) from event
             where run_id = $1 and told_detail(kind, detail, $2) is not null order by xid, id",
        )
        .bind(run.0)
        .bind(only)
        .fetch_all(&world.db)
        .await
        .unwrap();
        assert_eq!(told, stored);
        dead.push(told.iter().filter(|event| event[0] == "task-dead").count());
    }
    assert!(
        dead[1] > 0 && dead[1] == dead[2] && dead[0] == 2 * dead[1],
        "{dead:?}"
    );
}

/// Streams of one token, however many of them: the others have places still.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_does_not_take_the_places_of_others() {
    let world = World::new().await;
    book(&world, "book").await;
    let run = world.begin(&request(on("2016-12-30"))).await.run;
    let path = format!("/api/v1/runs/{run}/events");
    // In a process of its own: both ends of so many are more than one may have open.
    let (_process, said) = serve::process(&world, 2);
    let greedy = serve::client(&said, said[1].rsplit(' ').next());
    let mut open = Vec::new();
    while open.len() < 500 {
        let some = (0..50).map(|_| greedy.events(&path, None));
        open.extend(futures::future::join_all(some).await);
    }
    assert_eq!(greedy.events_status(&path).await, 503);
    let refused = greedy.get(&path).await;
    let problem = refused.expect(503);
    assert_eq!(problem["type"], "/docs#problem-busy");
    assert!(
        problem["detail"].as_str().unwrap().contains("this token"),
        "{problem}"
    );
    let seconds: u32 = refused.headers["retry-after"].parse().unwrap();
    assert!(seconds > 0);

    let modest = super::token(&world, &Access::Viewer).await;
    let modest = serve::client(&said, Some(&modest));
    assert_eq!(modest.events_status(&path).await, 200);
    // With the end of one there is a place again.
    open.pop();
    let again = eventually(async || {
        let status = greedy.events_status(&path).await;
        (status == 200).then_some(())
    });
    assert!(again.await.is_some());
}
