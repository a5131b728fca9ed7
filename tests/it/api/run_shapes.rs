//! Answers about runs, steering, imports and health are of the shapes that the document says, whatever state a run is in.

use serde_json::{Value, json};
use sigmabatch::api::shapes;
use sigmabatch::domain::{PhaseName, RunId};

use super::document::Document;
use super::{Served, book};
use crate::look::broken;
use crate::market::close;
use crate::world::World;

const START: &str = "/api/v1/admin/batch/run";
const RUN: &str = "/api/v1/runs/{run_id}";
const PORTFOLIO: &str = "/api/v1/portfolios/{portfolio_id}";

/// All that is asked about a run.
struct Looker<'a> {
    document: &'a Document,
    served: &'a Served,
}

impl Looker<'_> {
    async fn get(&self, route: &str, path: &str) -> Value {
        self.document.ask(&self.served.viewer, route, path).await
    }

    async fn post(&self, route: &str, path: &str, body: &Value, status: u16) -> Value {
        let operator = &self.served.operator;
        let asked = self
            .document
            .send(operator, ("post", route), path, body, status);
        asked.await
    }

    /// Asks everything there is about a run, and gives its page.
    async fn look(&self, run: &str, portfolio: &str) -> Value {
        for rest in ["run/current", "history", "history/summary"] {
            let path = format!("/api/v1/admin/batch/{rest}");
            self.get(&path, &path).await;
        }
        self.get("/api/v1/admin/pauses", "/api/v1/admin/pauses")
            .await;
        let own = format!("/api/v1/runs/{run}");
        let tasks = self
            .get(&format!("{RUN}/tasks"), &format!("{own}/tasks"))
            .await;
        assert!(tasks["tasks"][0].is_object(), "{tasks}");
        for task in tasks["tasks"].as_array().unwrap() {
            let id = &task["task_id"];
            let route = format!("{RUN}/tasks/{{task_id}}");
            let one = self.get(&route, &format!("{own}/tasks/{id}")).await;
            assert_eq!((&one["task_id"], &one["state"]), (id, &task["state"]));
        }
        let why = format!("/api/v1/portfolios/{portfolio}/why");
        let why = self.get(&format!("{PORTFOLIO}/why"), &why).await;
        assert!(why["chain"][0].is_object(), "{why}");
        let page = self.get(RUN, &own).await;
        // Programs in Rust read it too.
        let read: shapes::RunDetail = serde_json::from_value(page.clone()).unwrap();
        assert_eq!(read.state.head.run_id, read.state.batch_run_id);
        page
    }
}

fn run_of(receipt: &Value) -> String {
    receipt["batch_run_id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_about_a_run_is_of_the_shape_that_the_document_says() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let document = Document::generated();
    let look = Looker {
        document: &document,
        served: &served,
    };
    let portfolio = book(&world, "book").await.to_string();
    for path in ["/health/live", "/health/ready"] {
        look.get(path, path).await;
    }
    let dry = look
        .post(START, START, &json!({ "dry_run": true }), 200)
        .await;
    assert!(dry["provider"][0].is_object(), "{dry}");

    // Nobody works: it waits, is held back, and is cancelled.
    let waits = run_of(&look.post(START, START, &json!({}), 202).await);
    let lane = json!({ "kind": "lane", "name": "interactive" });
    look.post("/api/v1/admin/pause", "/api/v1/admin/pause", &lane, 200)
        .await;
    let page = look.look(&waits, &portfolio).await;
    assert_eq!(
        (&page["status"], &page["paused"][0]["kind"]),
        (&json!("running"), &json!("lane"))
    );
    look.post("/api/v1/admin/resume", "/api/v1/admin/resume", &lane, 200)
        .await;
    let cancel = format!("/api/v1/runs/{waits}/cancel");
    look.post(&format!("{RUN}/cancel"), &cancel, &json!({}), 200)
        .await;
    let page = look.look(&waits, &portfolio).await;
    assert_eq!(page["status"], "cancelled");

    // One whose tasks die.
    let mut options = world.options();
    options.probe = Some(broken(PhaseName::PortfolioAnalytics).1);
    world.worker_with(options).await;
    let fails = run_of(&look.post(START, START, &json!({}), 202).await);
    let id: RunId = fails.parse().unwrap();
    assert_eq!(world.verdict(id).await, "failed");
    let page = look.look(&fails, &portfolio).await;
    for list in ["errors", "missing", "phases"] {
        assert!(page[list][0].is_object(), "{list}: {page:#}");
    }
    assert!(page["retries"]["failed"].is_number(), "{page:#}");
    let diff = format!("/api/v1/runs/{waits}/diff/{fails}");
    let diff = look.get(&format!("{RUN}/diff/{{other}}"), &diff).await;
    assert!(diff["errors"][0].is_object(), "{diff:#}");
    let retry = "/api/v1/admin/retry";
    let which = json!({ "run_id": fails, "dry_run": true });
    look.post(retry, retry, &which, 200).await;
    let which = json!({ "run_id": fails });
    let repair = look.post(retry, retry, &which, 202).await;
    assert_eq!(repair["repairs"], json!([fails]), "{repair}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_receipt_of_an_import_is_of_the_shape_that_the_document_says() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let document = Document::generated();
    let send = async |method: &str, route: &str, path: &str, body: &Value, status: u16| {
        let sent = document.send(&served.operator, (method, route), path, body, status);
        sent.await
    };
    let lot = |symbol: &str, quantity: &str, class: &str| {
        let price = if symbol == "FUND" {
            "100".to_owned()
        } else {
            close(symbol, "2016-12-19")
        };
        json!({ "symbol": symbol, "quantity": quantity, "entry_price_per_share": price,
                "entry_date": "2016-12-19", "investment_class": class })
    };
    let mut book = json!({
        "name": "book", "opening_equity": "100000", "inception": "2016-12-19", "dry_run": true,
        "positions": [lot("AAA", "100", "PUBLIC"), lot("BBB", "-5", "PUBLIC"), lot("FUND", "10", "PRIVATE")],
    });
    let create = "/api/v1/portfolios";
    let dry = send("post", create, create, &book, 200).await;
    assert_eq!((&dry["dry_run"], &dry["run"]), (&json!(true), &Value::Null));
    book["dry_run"] = json!(false);
    book["run"] = json!(true);
    let made = send("post", create, create, &book, 201).await;
    let read: shapes::ImportReceipt = serde_json::from_value(made.clone()).unwrap();
    assert_eq!((read.added.len(), read.run.is_some()), (3, true));
    let own = format!("{create}/{}", made["portfolio_id"].as_str().unwrap());

    let mut closed = lot("AAA", "100", "PUBLIC");
    closed["exit_date"] = json!("2016-12-28");
    closed["exit_price_per_share"] = json!(close("AAA", "2016-12-28"));
    let changed = json!({ "positions": [closed, lot("FUND", "10", "PRIVATE")] });
    let (route, path) = (format!("{PORTFOLIO}/positions"), format!("{own}/positions"));
    let receipt = send("put", &route, &path, &changed, 200).await;
    for list in ["closed", "removed"] {
        assert!(receipt[list][0].is_object(), "{list}: {receipt:#}");
    }
    let flow =
        |amount: &str| json!({ "date": "2016-12-28", "type": "contribution", "amount": amount });
    let (route, path) = (format!("{PORTFOLIO}/flows"), format!("{own}/flows"));
    let flows = json!({ "flows": [flow("1000")] });
    send("post", &route, &path, &flows, 200).await;
    let flows = json!({ "flows": [flow("2000")], "whole": true });
    let receipt = send("post", &route, &path, &flows, 200).await;
    for list in ["added", "removed"] {
        assert!(receipt[list][0].is_object(), "{list}: {receipt:#}");
    }
    let mark = |price: &str| json!({ "marks": [{ "symbol": "FUND", "date": "2016-12-28", "price": price }] });
    let (route, path) = (format!("{PORTFOLIO}/marks"), format!("{own}/marks"));
    send("post", &route, &path, &mark("101"), 200).await;
    let receipt = send("post", &route, &path, &mark("102.5"), 200).await;
    assert_eq!(receipt["corrected"][0]["before"], "101", "{receipt:#}");
    send("delete", PORTFOLIO, &own, &json!({}), 200).await;
}
