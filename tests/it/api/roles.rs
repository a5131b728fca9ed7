//! Every route and every role, walked from the document: nothing is open that should not be.

use std::path::Path;

use serde_json::{Value, json};
use sigmabatch::api::openapi;
use sigmabatch::domain::PortfolioId;

use super::client::{Answer, Client};
use super::{Served, book};
use crate::market::close;
use crate::world::World;

/// Routes for everybody.
const OPEN: [&str; 2] = ["/health/live", "/health/ready"];

/// Every path and method of the document.
pub(super) fn routes() -> Vec<(String, String)> {
    let document = serde_json::to_value(openapi()).unwrap();
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, _) in methods.as_object().unwrap() {
            routes.push((method.to_uppercase(), path.clone()));
        }
    }
    routes
}

async fn ask(client: &Client, method: &str, path: &str) -> Answer {
    let kind = [("content-type", "application/json")];
    let body: &[u8] = if method == "GET" { b"" } else { b"{}" };
    client.ask(method, path, &kind, body).await
}

/// As [`ask`], and of a stream only how it begins.
async fn status(client: &Client, method: &str, path: &str) -> u16 {
    if path.ends_with("/events") {
        client.events_status(path).await
    } else {
        ask(client, method, path).await.status
    }
}

/// What an operator is answered, and an owner about own ids, each with an empty object where there is a body. A route that is
/// not here fails.
fn allowed(method: &str, route: &str) -> [u16; 2] {
    match (method, route) {
        // What concerns everybody, books of others among it.
        ("GET", "/metrics") => [200, 404],
        ("GET", _)
        | ("POST", "/api/v1/runs/{run_id}/cancel")
        | ("DELETE", "/api/v1/portfolios/{portfolio_id}") => [200, 200],
        ("POST", "/api/v1/admin/batch/run") => [202, 202],
        // The body has no list, or does not say of what.
        ("POST", "/api/v1/portfolios" | "/api/v1/admin/pause" | "/api/v1/admin/resume") => {
            [400, 403]
        }
        ("PUT", "/api/v1/portfolios/{portfolio_id}/positions")
        | (
            "POST",
            "/api/v1/portfolios/{portfolio_id}/flows"
            | "/api/v1/portfolios/{portfolio_id}/marks"
            | "/api/v1/admin/retry",
        ) => [400, 400],
        _ => panic!("{method} {route}: say who may"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_knows_its_roles() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let mine = book(&world, "mine").await;
    let row = format!("BBB,10,{},2016-12-19,PUBLIC", close("BBB", "2016-12-19"));
    let other = world.book("other", "100000", "2016-12-19", &[&row]).await;
    let owner = served.owner(&world, &[mine]).await;
    let all = format!("/api/v1/admin/batch/run?portfolio_id={other}");
    let run = served.operator.post(&all, &json!({})).await.expect(202);
    let run = run["batch_run_id"].as_str().unwrap().to_owned();
    let start = "/api/v1/admin/batch/run";
    let own = owner.post(start, &json!({})).await.expect(202);
    let own = own["batch_run_id"].as_str().unwrap().to_owned();
    let mut tasks = Vec::new();
    for run in [&run, &own] {
        let newest = sqlx::query_scalar("select max(id)::text from task where run_id::text = $1");
        let newest: String = newest.bind(run).fetch_one(&world.db).await.unwrap();
        tasks.push(newest);
    }
    let forged = format!("sb_{}_{}", "0".repeat(32), "0".repeat(64));
    let forger = served.nobody.with(&forged);
    let mut routes = routes();
    assert!(routes.len() > 15, "{routes:?}");
    // A portfolio that is gone answers nothing any more.
    routes.sort_by_key(|(method, _)| method == "DELETE");
    for (method, route) in routes {
        let of_one = route.contains('{');
        let filled = |portfolio: PortfolioId, run: &str, symbol: &str| {
            let task = if run == own { &tasks[1] } else { &tasks[0] };
            route
                .replace("{portfolio_id}", &portfolio.to_string())
                .replace("{run_id}", run)
                .replace("{task_id}", task)
                .replace("{other}", run)
                .replace("{symbol}", symbol)
                .replace("{metric}", "nav")
                .replace("{section}", "overview")
        };
        let path = filled(other, &run, "BBB");
        if OPEN.contains(&path.as_str()) {
            assert_eq!(
                ask(&served.nobody, &method, &path).await.status,
                200,
                "{path}"
            );
            continue;
        }
        for client in [&served.nobody, &forger] {
            let refused = ask(client, &method, &path).await;
            assert_eq!(refused.status, 401, "{method} {path}: {}", refused.text());
        }
        let viewer = status(&served.viewer, &method, &path).await;
        let seen = if method == "GET" { 200 } else { 403 };
        assert_eq!(viewer, seen, "{method} {path}");
        if of_one {
            // What belongs to others is not there.
            let owner = ask(&owner, &method, &path).await;
            assert_eq!(owner.status, 404, "{method} {path}: {}", owner.text());
        }
        // What is theirs is answered, and everything to an operator.
        let answers = [
            status(&served.operator, &method, &path).await,
            status(&owner, &method, &filled(mine, &own, "AAA")).await,
        ];
        assert_eq!(answers, allowed(&method, &route), "{method} {route}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_starts_and_sees_what_is_theirs() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let (mine, other) = (book(&world, "mine").await, book(&world, "other").await);
    let owner = served.owner(&world, &[mine]).await;
    let start = "/api/v1/admin/batch/run";
    let foreign = format!("{start}?portfolio_id={other}");
    let refused = owner.post(&foreign, &json!({})).await.expect(404);
    assert_eq!(refused["field"], "portfolio_id");
    let run = owner.post(start, &json!({})).await.expect(202);
    assert_eq!(run["portfolios"], 1);
    served.operator.post(start, &json!({})).await.expect(202);
    let history = |answer: Value| answer["runs"].as_array().unwrap().len();
    let path = "/api/v1/admin/batch/history";
    // The one over all has a portfolio of theirs.
    assert_eq!(history(owner.get(path).await.expect(200)), 2);
    assert_eq!(history(served.viewer.get(path).await.expect(200)), 2);
    let paused = json!({ "kind": "lane", "name": "nightly" });
    owner.post("/api/v1/admin/pause", &paused).await.expect(403);
    owner.get("/metrics").await.expect(404);
}

#[tokio::test]
async fn the_document_is_the_one_that_was_agreed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/api/openapi.json");
    let document = serde_json::to_value(openapi()).unwrap();
    let text = format!("{document:#}\n");
    if std::env::var_os("SIGMABATCH_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let agreed = std::fs::read_to_string(&path).unwrap();
    assert!(
        agreed == text,
        "the API has changed: look at the difference after SIGMABATCH_BLESS=1 cargo test --test it the_document_is"
    );
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
}
