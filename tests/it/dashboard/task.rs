//! The page of one task, while it waits, and after it has died.

use serde_json::{Value, json};
use sigmabatch::domain::{PhaseName, RunId, WorkerId};
use sigmabatch::engine;

use crate::api::{Served, book};
use crate::look::broken;
use crate::world::World;

/// The tasks of a run.
async fn tasks(served: &Served, run: &str, filter: &str) -> Vec<Value> {
    let path = format!("/api/v1/runs/{run}/tasks?{filter}");
    let page = served.viewer.get(&path).await.expect(200);
    page["tasks"].as_array().unwrap().clone()
}

async fn text(served: &Served, path: &str) -> String {
    let answer = served.viewer.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_tells_what_it_waits_for_and_what_became_of_every_attempt() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let portfolio = book(&world, "book").await;
    let start = "/api/v1/admin/batch/run";
    let planned = served.operator.post(start, &json!({})).await.expect(202);
    let run = planned["batch_run_id"].as_str().unwrap().to_owned();
    let place = |task: &Value| format!("/runs/{run}/tasks/{}", task["task_id"]);

    let id: RunId = run.parse().unwrap();
    engine::start(&world.engine, id).await;
    // Nobody works: a task of an open phase waits for a worker, and one of the last phase for those before it.
    let last = &tasks(&served, &run, "phase=portfolio-analytics").await[0];
    let page = text(&served, &place(last)).await;
    for told in [
        "What it waits for",
        "phase 6 portfolio-analytics waits for",
        "waits for a worker",
        "no worker is alive",
        "No attempt has ended yet.",
        "2016-12-30",
        &format!("href=\"/portfolios/{portfolio}\""),
        &format!("href=\"/runs/{run}\""),
        &format!("sigmabatch tasks --id {}", last["task_id"]),
        "data-every=\"5\"",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    assert!(page.contains(" EST") && !page.contains("UTC"), "{page}");

    let mut options = world.options();
    options.probe = Some(broken(PhaseName::PortfolioAnalytics).1);
    world.worker_with(options).await;
    assert_eq!(world.verdict(id).await, "failed");
    let dead = &tasks(&served, &run, "state=dead").await[0];
    let tried = "select a.worker_id::text from attempt a join task t on t.id = a.task_id where t.state = 'dead'";
    let tried = world.texts(tried).await;
    let worker = WorkerId(tried[0].parse().unwrap()).consumer();
    let page = text(&served, &place(dead)).await;
    for told in [
        "a bug in portfolio-analytics",
        &worker,
        dead["fingerprint"].as_str().unwrap(),
        "<table id=\"attempts\">",
        "data-ended=\"true\"",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    assert!(!page.contains("What it waits for"), "{page}");
    assert!(
        !page.contains("data-live"),
        "what is final does not change: {page}"
    );
    let rows = page.split("<table id=\"attempts\">").nth(1).unwrap();
    let rows = rows.matches("<tr>").count() - 1;
    assert_eq!(rows, tried.len(), "{page}");
    let part = text(&served, &format!("{}?part=live", place(dead))).await;
    assert!(
        part.contains("<table id=\"attempts\">") && !part.contains("<html"),
        "{part}"
    );

    // Lists lead to it.
    let link = format!("href=\"{}\"", place(dead));
    for list in [format!("/runs/{run}?state=dead"), "/dead".to_owned()] {
        let page = text(&served, &list).await;
        assert!(page.contains(&link), "{list}: {page}");
    }
    // A task is found under its own run only.
    let again = json!({ "force": true });
    let other = served.operator.post(start, &again).await.expect(202);
    let other = other["batch_run_id"].as_str().unwrap();
    assert_ne!(other, run);
    let id = &dead["task_id"];
    for wrong in [
        format!("/runs/{other}/tasks/{id}"),
        format!("/runs/{run}/tasks/none"),
        format!("/runs/{run}/tasks/0"),
    ] {
        assert_eq!(served.viewer.get(&wrong).await.status, 404, "{wrong}");
    }
}
