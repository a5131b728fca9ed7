//! Alerts: a row per cause, a webhook that is told of each, and a page of them.

use std::time::Duration;

use serde_json::{Value, json};
use sigmabatch::domain::{PhaseName, WorkerId};
use sigmabatch::engine::{Engine, Housekeeping, Steward};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{Served, book};
use crate::look::broken;
use crate::world::{World, eventually, on, request};

fn steward(engine: &Engine, coverage: f64) -> Steward {
    let steward = Steward::new(engine.clone(), WorkerId::fresh(), Duration::from_secs(5), 3);
    steward.keeping(Housekeeping {
        coverage,
        ..Housekeeping::default()
    })
}

/// Reads a request whole and answers it: its head and the document that it brought.
pub(super) async fn take<S>(stream: &mut S, status: &str) -> (String, Value)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 1024];
        let n = stream.read(&mut piece).await.unwrap();
        assert!(n > 0, "it ends in the middle: {bytes:?}");
        bytes.extend(&piece[..n]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let mut lines = head.lines();
        let length = lines.find_map(|line| line.strip_prefix("content-length: "));
        if body.len() == length.unwrap().parse::<usize>().unwrap() {
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            return (head.to_owned(), serde_json::from_str(body).unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cause_is_one_alert_however_often_it_is_seen_and_the_webhook_is_told_until_it_takes_it() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let mine = book(&world, "mine").await;
    let other = book(&world, "other").await;
    let hook = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = hook.local_addr().unwrap();
    let mut options = world.options();
    options.housekeeping.webhook = Some(format!("http://{address}/alert?to=us").parse().unwrap());
    options.probe = Some(broken(PhaseName::PortfolioAnalytics).1);
    let told = tokio::spawn(async move {
        // Refused once, then taken.
        let mut bodies = Vec::new();
        for status in ["500 Oops", "200 OK", "200 OK"] {
            let (mut stream, _) = hook.accept().await.unwrap();
            let (head, body) = take(&mut stream, status).await;
            assert!(head.starts_with("POST /alert?to=us HTTP/1.1"), "{head}");
            bodies.push(body);
        }
        bodies
    });
    world.worker_with(options).await;
    let planned = world.begin(&request(on("2016-12-30"))).await;
    assert_eq!(world.verdict(planned.run).await, "failed");
    let steward = steward(&world.engine, 0.0);
    for _ in 0..3 {
        steward.alert().await.unwrap();
    }
    let bodies = told.await.unwrap();
    let kinds: std::collections::BTreeSet<_> = bodies
        .iter()
        .map(|body| body["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["run-failed", "tasks-dead"].into());
    assert!(
        bodies
            .iter()
            .all(|body| body["run_id"] == json!(planned.run))
    );
    let delivered = eventually(async || {
        let page = served.viewer.get("/api/v1/alerts").await.expect(200);
        let rows = page["alerts"].as_array().unwrap().clone();
        let done = rows.len() == 2
            && rows
                .iter()
                .all(|row| row["delivery"]["delivered_at"].is_string());
        done.then_some(rows)
    });
    let rows = delivered.await.expect("the webhook takes them");
    let attempts: i64 = rows
        .iter()
        .map(|row| row["delivery"]["attempts"].as_i64().unwrap())
        .sum();
    assert_eq!(attempts, 3, "one was refused once: {rows:?}");

    let first = served
        .viewer
        .get("/api/v1/alerts?limit=1")
        .await
        .expect(200);
    let next = &first["next"];
    let rest = served
        .viewer
        .get(&format!("/api/v1/alerts?cursor={next}"))
        .await
        .expect(200);
    assert_eq!(rest["alerts"].as_array().unwrap().len(), 1);
    let failed = served
        .viewer
        .get("/api/v1/alerts?kind=run-failed")
        .await
        .expect(200);
    assert_eq!(failed["alerts"][0]["cause"], json!(planned.run));
    // The run is of both portfolios: an owner of one is not told.
    let owner = served.owner(&world, &[mine]).await;
    assert_eq!(
        owner.get("/api/v1/alerts").await.expect(200)["alerts"],
        json!([])
    );
    let both = served.owner(&world, &[mine, other]).await;
    let seen = both.get("/api/v1/alerts").await.expect(200);
    assert_eq!(seen["alerts"].as_array().unwrap().len(), 2);
    let metrics = served.viewer.get("/metrics").await.text();
    assert!(
        metrics.contains("sigmabatch_alerts{kind=\"run-failed\"} 1"),
        "{metrics}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn coverage_below_the_bound_is_an_alert_of_its_run() {
    let mut folder = crate::market::Folder::new();
    folder.remove("AAA", |date| date < "2016-12-01");
    let world = World::at("2017-01-01T12:00:00-05:00", folder.path()).await;
    let served = Served::new(&world).await;
    book(&world, "book").await;
    world.worker().await;
    let planned = world.run(&request(on("2016-12-30"))).await;
    steward(&world.engine, 0.0).alert().await.unwrap();
    let none = served.viewer.get("/api/v1/alerts").await.expect(200);
    assert_eq!(none["alerts"], json!([]), "no bound, no alert");
    steward(&world.engine, 0.8).alert().await.unwrap();
    let page = served.viewer.get("/api/v1/alerts").await.expect(200);
    let alert = &page["alerts"][0];
    assert_eq!(
        (
            &alert["kind"],
            &alert["run_id"],
            &alert["detail"]["portfolios"]
        ),
        (&json!("coverage-low"), &json!(planned.run), &json!(1))
    );
}
