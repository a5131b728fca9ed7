//! Every route of the pages and every role: what belongs to others is not there, and what a role cannot do is refused.

use serde_json::json;
use sigmabatch::dashboard::ROUTES;
use sigmabatch::domain::PortfolioId;

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

/// What an owner is answered where the run and the portfolio are own ones.
fn own(method: &str, path: &str) -> u16 {
    match (method, path) {
        // Of everybody; and nothing is dead.
        ("get", "/data" | "/workers" | "/dead") | ("post", "/actions/retry") => 404,
        ("post", "/actions/pause" | "/actions/resume" | "/start/import") => 403,
        ("post", "/start/run" | "/logout") => 303,
        ("post", "/login") => 401,
        _ => 200,
    }
}

/// The path of a route about a run, its task and a portfolio, and the form that goes with it.
fn filled(route: &str, run: &str, task: &str, portfolio: PortfolioId) -> (String, String) {
    let path = route
        .replace("{run_id}", run)
        .replace("{task_id}", task)
        .replace("{portfolio_id}", &portfolio.to_string())
        .replace("{metric}", "nav");
    match route {
        "/runs/{run_id}/diff" => (format!("{path}?other={run}"), String::new()),
        "/actions/retry" => (path, format!("run_id={run}")),
        "/actions/pause" | "/actions/resume" => (path, "kind=lane&name=backfill".to_owned()),
        "/start/run" => (path, format!("portfolio_id={portfolio}")),
        "/login" => (path, "token=none".to_owned()),
        _ => (path, String::new()),
    }
}

/// A run of one portfolio, and one of its tasks.
async fn planned(served: &Served, portfolio: PortfolioId) -> (String, String) {
    let start = format!("/api/v1/admin/batch/run?portfolio_id={portfolio}");
    let run = served.operator.post(&start, &json!({})).await.expect(202);
    let run = run["batch_run_id"].as_str().unwrap().to_owned();
    let tasks = format!("/api/v1/runs/{run}/tasks?limit=1");
    let tasks = served.viewer.get(&tasks).await.expect(200);
    let task = tasks["tasks"][0]["task_id"].to_string();
    (run, task)
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
    let (run, task) = planned(&served, other).await;
    let callers = [&served.nobody, &served.viewer, &owner, &served.operator];
    assert!(ROUTES.len() > 20, "{ROUTES:?}");
    for (method, route) in ROUTES {
        let (path, form) = filled(route, &run, &task, other);
        let mut answers = Answers::default();
        for (answer, client) in answers.iter_mut().zip(callers) {
            *answer = asked(client, method, &path, &form).await;
        }
        assert_eq!(answers, expected(method, route), "{method} {path}");
    }
}

/// Of the own an owner sees and does on every page what pages are for, and nothing of others beside it.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_succeeds_with_the_own_and_sees_nothing_else() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let mine = book(&world, "mine").await;
    let other = book(&world, "other").await;
    let owner = served.owner(&world, &[mine]).await;
    let (theirs, _) = planned(&served, other).await;
    // A task that names the portfolio, as others are everybody's.
    let (run, _) = planned(&served, mine).await;
    let tasks = format!("/api/v1/runs/{run}/tasks?portfolio_id={mine}");
    let tasks = owner.get(&tasks).await.expect(200);
    let task = tasks["tasks"][0]["task_id"].to_string();
    let hidden = [other.to_string(), theirs.clone(), ">other<".to_owned()];
    for (method, route) in ROUTES {
        let (path, form) = filled(route, &run, &task, mine);
        if *method == "get" && !path.ends_with("/events") {
            let page = owner.get(&path).await;
            let text = page.text();
            assert_eq!(page.status, own(method, route), "{method} {path}: {text}");
            for word in &hidden {
                assert!(!text.contains(word), "{path} tells {word}: {text}");
            }
        } else {
            let status = asked(&owner, method, &path, &form).await;
            assert_eq!(status, own(method, route), "{method} {path}");
        }
    }
    for (path, named) in [
        ("/", &run),
        ("/portfolios", &mine.to_string()),
        ("/start", &mine.to_string()),
    ] {
        let text = owner.get(path).await.text();
        assert!(text.contains(named.as_str()), "{path}: {text}");
    }
    // What goes on of others was not touched.
    let still = format!("/api/v1/runs/{theirs}");
    let still = served.viewer.get(&still).await.expect(200);
    assert_eq!(still["status"], "running");
}
