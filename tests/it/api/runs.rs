//! Starting, watching and steering runs.

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sigmabatch::domain::PhaseName;

use super::serve::{client, process};
use super::{Served, book};
use crate::look::broken;
use crate::world::{World, eventually};

const START: &str = "/api/v1/admin/batch/run";

#[tokio::test(flavor = "multi_thread")]
async fn twenty_equal_requests_at_once_are_one_run() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    book(&world, "book").await;
    let asked = (0..20).map(|_| {
        let operator = served.operator.clone();
        tokio::spawn(async move { operator.post(START, &json!({})).await })
    });
    let answers = futures::future::join_all(asked.collect::<Vec<_>>()).await;
    let mut runs = std::collections::BTreeSet::new();
    for answer in answers {
        let answer = answer.unwrap();
        let document = answer.expect(202);
        let run = document["batch_run_id"].as_str().unwrap().to_owned();
        assert_eq!(answer.headers["location"], format!("/api/v1/runs/{run}"));
        runs.insert(run);
    }
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_eq!(world.count("select count(*) from run").await, 1);
    let audited = "select count(*) from audit where action = 'run' and who like 'token %'";
    assert_eq!(world.count(audited).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_one_run_for_ever_and_for_one_request() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    book(&world, "book").await;
    world.worker().await;
    let key = [("idempotency-key", "night 7")];
    let ask = async |body: Value| {
        let body = body.to_string();
        served
            .operator
            .ask("POST", START, &key, body.as_bytes())
            .await
    };
    let wanted = json!({ "calculation_date": "2016-12-29" });
    let first = ask(wanted.clone()).await.expect(202);
    let run: sigmabatch::domain::RunId = first["batch_run_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(world.verdict(run).await, "succeeded");
    let again = ask(wanted).await.expect(202);
    assert_eq!(again["batch_run_id"], first["batch_run_id"]);
    assert_eq!(again["existing"], true);
    let other = ask(json!({ "calculation_date": "2016-12-28" }))
        .await
        .expect(422);
    assert_eq!(other["field"], "Idempotency-Key");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_planned_names_its_field() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let operator = &served.operator;
    operator.post(START, &json!({})).await.expect(409);
    let id = book(&world, "book").await;
    for (body, field) in [
        (
            json!({ "calculation_date": "2016-12-25" }),
            "calculation_date",
        ),
        (
            json!({ "calculation_date": "2015-01-05" }),
            "calculation_date",
        ),
        (json!({ "calculation_date": "soon" }), "calculation_date"),
        (json!({ "start_date": "2016-12-20" }), "end_date"),
        (
            json!({ "start_date": "2016-12-29", "end_date": "2016-12-20" }),
            "start_date",
        ),
        (json!({ "lane": "fast" }), "lane"),
        (json!({ "force": "maybe" }), "force"),
        (json!({ "portfolio": id }), "portfolio"),
        (json!({ "portfolio_id": { "a": 1 } }), "portfolio_id"),
        // Nothing chosen is not everything, and a name without a value is one that nobody knows all the same.
        (json!({ "portfolio_id": [], "force": true }), "portfolio_id"),
        (json!({ "portfolio_id": [null] }), "portfolio_id"),
        (json!({ "portfolios": [], "dry_run": true }), "portfolios"),
        (json!({ "nonsense": null, "dry_run": true }), "nonsense"),
    ] {
        let problem = operator.post(START, &body).await.expect(400);
        assert_eq!(problem["field"], field, "{body}: {problem}");
    }
    let broken = operator.ask("POST", START, &[], b"{").await.expect(400);
    assert_eq!(broken["field"], "body");
    assert_eq!(world.count("select count(*) from run").await, 0);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let refused = operator.ask("POST", START, &form, b"dry_run=true").await;
    let refused = refused.expect(415)["detail"].to_string();
    assert!(refused.contains("application/json"), "{refused}");
    // Without a body, its type means nothing.
    let path = format!("{START}?dry_run=true");
    operator.ask("POST", &path, &form, b"").await.expect(200);
    let dry = json!({ "calculation_date": "2016-12-29", "dry_run": true, "portfolio_id": [id], "lane": null });
    let plan = operator.post(START, &dry).await.expect(200);
    assert_eq!(plan["portfolio_dates"], 1);
    assert_eq!(world.count("select count(*) from run").await, 0);
}

/// What the page of a task shows is there for programs too.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_told_with_its_attempts_its_error_and_what_it_belongs_to() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let viewer = &served.viewer;
    let id = book(&world, "book").await;
    let mut options = world.options();
    options.probe = Some(broken(PhaseName::PortfolioAnalytics).1);
    world.worker_with(options).await;
    let run = served.operator.post(START, &json!({})).await.expect(202);
    let run = run["batch_run_id"].as_str().unwrap();
    assert_eq!(world.verdict(run.parse().unwrap()).await, "failed");
    let own = format!("/api/v1/runs/{run}");
    let dead = viewer.get(&format!("{own}/tasks?state=dead")).await;
    let dead = dead.expect(200)["tasks"][0].clone();
    let path = format!("{own}/tasks/{}", dead["task_id"]);
    let task = viewer.get(&path).await.expect(200);
    for (name, value) in dead.as_object().unwrap() {
        assert_eq!(&task[name], value, "{name} is that of the list");
    }
    let attempts = task["attempt_rows"].as_array().unwrap();
    assert_eq!(json!(attempts.len()), task["attempts"], "{task:#}");
    let last = attempts.last().unwrap();
    assert_eq!(last["outcome"], "failed");
    assert_eq!(
        (&last["error_class"], &last["error"]),
        (&task["error_class"], &task["error"])
    );
    assert!(
        last["error"].is_string() && last["consumer"].is_string(),
        "{last}"
    );
    assert_eq!(task["input"]["portfolio"], json!(id), "{task:#}");
    assert_eq!(
        task["links"]["portfolio"],
        format!("/api/v1/portfolios/{id}")
    );
    assert_eq!(task["links"]["run"], own);
    // It is of this run only, and what is no number is none.
    let other = json!({ "calculation_date": "2016-12-29" });
    let other = served.operator.post(START, &other).await.expect(202);
    let other = other["batch_run_id"].as_str().unwrap();
    let path = format!("/api/v1/runs/{other}/tasks/{}", dead["task_id"]);
    viewer.get(&path).await.expect(404);
    viewer.get(&format!("{own}/tasks/zz")).await.expect(404);
    let typo = format!("{own}/tasks/{}?zz=1", dead["task_id"]);
    assert_eq!(viewer.get(&typo).await.expect(400)["field"], "zz");
}

/// A process that planned a run is not needed for it to be done.
#[tokio::test(flavor = "multi_thread")]
async fn killing_the_server_after_its_answer_loses_nothing() {
    let world = World::new().await;
    book(&world, "book").await;
    let (killed, said) = process(&world, 2);
    let token = said[1].rsplit(' ').next().unwrap();
    let operator = client(&said, Some(token));
    let date = json!({ "calculation_date": "2016-12-30" });
    let run = operator.post(START, &date).await.expect(202);
    killed.signal(Signal::SIGKILL);
    world.worker().await;
    let run = run["batch_run_id"].as_str().unwrap();
    assert_eq!(world.verdict(run.parse().unwrap()).await, "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_seen_from_its_start_to_its_end() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let (operator, viewer) = (&served.operator, &served.viewer);
    book(&world, "book").await;
    let date = json!({ "calculation_date": "2016-12-29" });
    let first = operator.post(START, &date).await.expect(202);
    let first = first["batch_run_id"].as_str().unwrap().to_owned();
    let current = viewer
        .get("/api/v1/admin/batch/run/current")
        .await
        .expect(200);
    assert_eq!(current["runs"][0]["run_id"], first.as_str());
    assert_eq!(current["runs"][0]["percent"], 0.0);
    world.worker().await;
    world.verdict(first.parse().unwrap()).await;
    let path = format!("/api/v1/runs/{first}");
    let run = viewer.get(&path).await.expect(200);
    assert_eq!(run["status"], "succeeded");
    assert_eq!(run["percent"], 100.0);
    assert!(
        run["phases"].as_array().unwrap().len() > 5 && run["errors"] == json!([]),
        "{run}"
    );

    let page = viewer
        .get(&format!("{path}/tasks?limit=2&phase=market-data"))
        .await
        .expect(200);
    assert!(page["tasks"].as_array().unwrap().len() <= 2, "{page}");
    let wrong = viewer
        .get(&format!("{path}/tasks?phase=nine"))
        .await
        .expect(400);
    assert_eq!(wrong["field"], "phase");

    let date = json!({ "calculation_date": "2016-12-30" });
    let second = operator.post(START, &date).await.expect(202);
    let second = second["batch_run_id"].as_str().unwrap().to_owned();
    world.verdict(second.parse().unwrap()).await;
    let diff = viewer
        .get(&format!("{path}/diff/{second}"))
        .await
        .expect(200);
    assert_eq!(diff["runs"].as_array().unwrap().len(), 2);
    let newest = viewer
        .get("/api/v1/admin/batch/history?limit=1")
        .await
        .expect(200);
    assert_eq!(newest["runs"][0]["run_id"], second.as_str());
    let cursor = newest["next"].as_str().unwrap();
    let older = format!("/api/v1/admin/batch/history?limit=1&cursor={cursor}&status=succeeded");
    let older = viewer.get(&older).await.expect(200);
    assert_eq!(older["runs"][0]["run_id"], first.as_str());
    let summary = viewer
        .get("/api/v1/admin/batch/history/summary")
        .await
        .expect(200);
    assert_eq!(summary["runs"], 2);
    let nobody = format!(
        "/api/v1/admin/batch/history?cursor={}",
        uuid::Uuid::from_u128(7)
    );
    assert_eq!(viewer.get(&nobody).await.expect(400)["field"], "cursor");
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_cancelled_held_back_and_repaired() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let operator = &served.operator;
    book(&world, "book").await;
    let lane = json!({ "kind": "lane", "name": "interactive", "reason": "a look" });
    let held = operator
        .post("/api/v1/admin/pause", &lane)
        .await
        .expect(200);
    assert_eq!(held["changed"], true);
    let pauses = served.viewer.get("/api/v1/admin/pauses").await.expect(200);
    assert_eq!(pauses["paused"][0]["reason"], "a look");
    // Words may be about anybody's book: an owner hears that, not why nor by whom.
    let owner = served.owner(&world, &[book(&world, "own").await]).await;
    let told = owner.get("/api/v1/admin/pauses").await.expect(200);
    let told = &told["paused"][0];
    assert_eq!(
        (&told["name"], &told["who"], &told["reason"]),
        (&json!("interactive"), &json!(null), &json!(null))
    );
    let date = json!({ "calculation_date": "2016-12-30" });
    let run = operator.post(START, &date).await.expect(202);
    let run = run["batch_run_id"].as_str().unwrap().to_owned();
    let cancelled = operator
        .post(&format!("/api/v1/runs/{run}/cancel"), &json!({}))
        .await
        .expect(200);
    assert!(cancelled["tasks"].as_u64().unwrap() > 0, "{cancelled}");
    world.worker().await;
    assert_eq!(world.verdict(run.parse().unwrap()).await, "cancelled");
    operator
        .post(&format!("/api/v1/runs/{run}/cancel"), &json!({}))
        .await
        .expect(409);
    operator
        .post("/api/v1/admin/resume", &lane)
        .await
        .expect(200);

    let which = operator
        .post("/api/v1/admin/retry", &json!({}))
        .await
        .expect(400);
    assert_eq!(which["field"], "all");
    let filter = json!({ "run_id": run, "cancelled": true, "reason": "after all" });
    let repair = operator
        .post("/api/v1/admin/retry", &filter)
        .await
        .expect(202);
    assert_eq!(repair["repairs"], json!([run]));
    // None of them is dead.
    assert!(repair["repaired"]["market-data"].is_u64(), "{repair}");
    assert_eq!(repair.get("dead"), None, "{repair}");
    let repair = repair["batch_run_id"].as_str().unwrap();
    assert_eq!(world.verdict(repair.parse().unwrap()).await, "succeeded");
    operator
        .post("/api/v1/admin/retry", &filter)
        .await
        .expect(404);
    let audited = eventually(async || {
        let rows = world
            .texts("select action from audit where who like 'token %' order by id")
            .await;
        (rows == ["pause", "run", "cancel", "resume", "retry"]).then_some(())
    });
    assert!(audited.await.is_some());
}
