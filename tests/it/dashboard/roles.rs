//! Every route of the pages and every role: what belongs to others is not there, and what a role cannot do is refused.

use serde_json::json;
use sigmabatch::dashboard::ROUTES;

use super::send;
use crate::api::client::Client;
use crate::api::{Served, book};
use crate::world::World;

/// What a caller is answered.
type Answers = [u16; 4];

/// For those without a token, a viewer, an owner of another portfolio, and an operator. A route that is not here fails.
fn expected(method: &str, path: &str) -> Answers {
    match (method, path) {
        // Who is not known signs in.
        ("get", "/" | "/portfolios") => [303, 200, 200, 200],
        (
            "get",
            "/runs/{run_id}"
            | "/runs/{run_id}/events"
            | "/runs/{run_id}/tasks/{task_id}"
            | "/runs/{run_id}/diff"
            | "/portfolios/{portfolio_id}"
            | "/portfolios/{portfolio_id}/explain/{metric}"
            | "/data"
            | "/workers"
            | "/dead",
        ) => [303, 200, 404, 200],
        ("post", "/runs/{run_id}/cancel") => [303, 403, 404, 200],
        // Nothing is dead.
        ("post", "/actions/retry") => [303, 403, 404, 404],
        ("post", "/actions/pause" | "/actions/resume") => [303, 403, 403, 200],
        ("get", "/start") => [303, 403, 200, 200],
        // The operator sends a form of another kind, without a file.
        ("post", "/start/import") => [303, 403, 403, 415],
        ("post", "/start/run") => [303, 403, 404, 303],
        ("get", "/login") => [200; 4],
        ("post", "/login") => [401; 4],
        ("post", "/logout") => [303; 4],
        _ => panic!("{method} {path}: say who may"),
    }
}

async fn asked(client: &Client, method: &str, path: &str, form: &str) -> u16 {
    match method {
        "get" if path.ends_with("/events") => client.events_status(path).await,
        "get" => client.get(path).await.status,
        _ => send(client, path, form).await.status,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_the_pages_knows_its_roles() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let mine = book(&world, "mine").await;
    let other = book(&world, "other").await;
    let owner = served.owner(&world, &[mine]).await;
    let start = format!("/api/v1/admin/batch/run?portfolio_id={other}");
    let run = served.operator.post(&start, &json!({})).await.expect(202);
    let run = run["batch_run_id"].as_str().unwrap().to_owned();
    let tasks = format!("/api/v1/runs/{run}/tasks?limit=1");
    let tasks = served.viewer.get(&tasks).await.expect(200);
    let task = tasks["tasks"][0]["task_id"].to_string();
    let callers = [&served.nobody, &served.viewer, &owner, &served.operator];
    assert!(ROUTES.len() > 20, "{ROUTES:?}");
    for (method, route) in ROUTES {
        let path = route
            .replace("{run_id}", &run)
            .replace("{task_id}", &task)
            .replace("{portfolio_id}", &other.to_string())
            .replace("{metric}", "nav");
        let (path, form) = match *route {
            "/runs/{run_id}/diff" => (format!("{path}?other={run}"), String::new()),
            "/actions/retry" => (path, format!("run_id={run}")),
            "/actions/pause" | "/actions/resume" => (path, "kind=lane&name=backfill".to_owned()),
            "/start/run" => (path, format!("portfolio_id={other}")),
            "/login" => (path, "token=none".to_owned()),
            _ => (path, String::new()),
        };
        let mut answers = Answers::default();
        for (answer, client) in answers.iter_mut().zip(callers) {
            *answer = asked(client, method, &path, &form).await;
        }
        assert_eq!(answers, expected(method, route), "{method} {path}");
    }
}
