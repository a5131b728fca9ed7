//! Malformed input at each route, with ids of nothing and of what there is: never an error of ours, never a word of SQL or a
//! path of a file.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use sigmabatch::api::openapi;
use sigmabatch::dashboard::ROUTES;

use super::client::{Answer, Client};
use super::fuzz::{runner, seeds};
use super::roles::routes;
use super::{Served, book};
use crate::market::close;
use crate::world::{World, on, request};

/// Inputs for each route.
const TIMES: usize = 12;

/// Text as nobody should send it, percent-encoded.
const STRANGE: [&str; 17] = [
    "%00",
    "'%20or%201=1--",
    "-1",
    "9223372036854775808",
    "2016-13-45",
    "-262143-01-01",
    "262142-12-31",
    "%2B262142-12-31",
    "-10000-01-01",
    "-4713-01-01",
    "0001-01-01",
    "9999-12-31",
    "00000000-0000-0000-0000-000000000000",
    "..%2f..%2fetc%2fpasswd",
    "%ff%fe",
    "NaN",
    "%E2%80%AE%F0%9F%92%A9",
];

/// Parameters that some page takes, and one that none does.
const OF_PAGES: [&str; 16] = [
    "date",
    "strict",
    "from",
    "to",
    "start_date",
    "end_date",
    "calculation_date",
    "state",
    "phase",
    "symbol",
    "error",
    "cursor",
    "other",
    "portfolio_id",
    "run_id",
    "zz",
];

fn text() -> impl Strategy<Value = String> {
    let strange = prop_oneof![
        3 => prop::sample::select(STRANGE.to_vec()).prop_map(ToOwned::to_owned),
        1 => "[a-zA-Z0-9%._~-]{0,40}",
    ];
    strange.prop_map(|text| text.replace("%%", "%25"))
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        Just(b"{}".to_vec()),
        Just(b"{\"reason\": \"\\u0000\", \"portfolio_id\": [[]]}".to_vec()),
        Just(b"{\"positions\": [{\"symbol\": \"\\u0000\"}], \"name\": \"x\"}".to_vec()),
        Just([b"[".repeat(5_000), b"]".repeat(5_000)].concat()),
        prop::collection::vec(any::<u8>(), 0..200),
    ]
}

/// Neither an error of ours nor what is none of the caller's business.
pub(super) fn sound(asked: &str, answer: &Answer) {
    let said = answer.text().to_lowercase();
    let about = format!("{asked}: {} {said}", answer.status);
    assert!(answer.status < 500, "{about}");
    // Pages have lists to choose from, and a page of workers.
    let kind = answer.headers.get("content-type");
    let page = kind.is_some_and(|kind| kind.starts_with("text/html"));
    for word in [
        "select ",
        "insert ",
        "postgres:",
        "sqlx",
        "syntax error",
        "/work",
        ".rs:",
        "panicked",
    ] {
        let ours = page && ["select ", "/work"].contains(&word);
        assert!(ours || !said.contains(word), "{word}: {about}");
    }
}

async fn ask(client: &Client, method: &str, target: &str, kind: &str, body: &[u8]) {
    let asked = format!(
        "{method} {target} {kind} {:?}",
        String::from_utf8_lossy(body)
    );
    let own = [("content-type", kind), ("sec-fetch-site", "same-origin")];
    sound(&asked, &client.ask(method, target, &own, body).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_input_makes_the_server_fail_or_talk() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    book(&world, "book").await;
    let names = [
        "date",
        "strict",
        "limit",
        "cursor",
        "status",
        "lane",
        "start_date",
        "end_date",
        "calculation_date",
        "portfolio_id",
        "phase",
        "state",
        "symbol",
        "from",
        "to",
        "benchmark",
        "error",
        "days",
        "kind",
        "name",
        "reason",
        "run_id",
        "force",
    ];
    let kinds = [
        "application/json",
        "text/csv",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/x-www-form-urlencoded",
    ];
    let query = prop::collection::vec((prop::sample::select(names.to_vec()), text()), 0..3);
    let case = (
        prop::collection::vec(text(), 3),
        query,
        prop::sample::select(kinds.to_vec()),
        body(),
    );
    let mut runners: Vec<TestRunner> = seeds().into_iter().map(runner).collect();
    let pages = ROUTES.iter();
    let pages = pages.map(|(method, path)| (method.to_uppercase(), (*path).to_owned()));
    for (method, path) in routes().into_iter().chain(pages) {
        for turn in 0..TIMES {
            let known = runners.len();
            let runner = &mut runners[turn % known];
            let (parts, query, kind, body) = case.new_tree(runner).unwrap().current();
            let mut parts = parts.into_iter();
            let segments: Vec<String> = path
                .split('/')
                .map(|part| {
                    if part.starts_with('{') {
                        parts.next().unwrap()
                    } else {
                        part.to_owned()
                    }
                })
                .collect();
            let query: Vec<String> = query
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let target = format!("{}?{}", segments.join("/"), query.join("&"));
            ask(&served.operator, &method, &target, kind, &body).await;
        }
    }
}

/// Query parameters of a route.
fn parameters(document: &Value, method: &str, path: &str) -> Vec<String> {
    let route = &document["paths"][path][method.to_lowercase()];
    let all = route["parameters"].as_array().into_iter().flatten();
    let query = all.filter(|parameter| parameter["in"] == "query");
    query
        .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
        .collect()
}

/// What there is, in every place of a path that it fits in.
pub(super) struct There(Vec<(&'static str, String)>);

impl There {
    pub(super) async fn new(world: &World) -> Self {
        let portfolio = book(world, "book").await;
        world.worker().await;
        let run = world.run(&request(on("2016-12-30"))).await.run.to_string();
        let task = world
            .texts("select max(id)::text from task")
            .await
            .remove(0);
        Self(vec![
            ("{portfolio_id}", portfolio.to_string()),
            ("{run_id}", run.clone()),
            ("{other}", run),
            ("{task_id}", task),
            ("{symbol}", "AAA".to_owned()),
            ("{metric}", "nav".to_owned()),
        ])
    }

    pub(super) fn paths(&self, path: &str) -> Vec<String> {
        let known = self.0.iter();
        let path = known.fold(path.to_owned(), |path, (place, value)| {
            path.replace(place, value)
        });
        let sections = ["overview", "positions", "risk", "completeness"];
        if path.contains("{section}") {
            sections
                .map(|section| path.replace("{section}", section))
                .into()
        } else {
            vec![path]
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_any_parameter_of_what_there_is() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let there = There::new(&world).await;
    let document = serde_json::to_value(openapi()).unwrap();
    let mut asked = 0;
    for (method, route) in routes() {
        // A portfolio that is gone answers nothing any more; a stream has no end.
        if method == "DELETE" || route.ends_with("/events") {
            continue;
        }
        for path in there.paths(&route) {
            for name in parameters(&document, &method, &route) {
                for value in STRANGE {
                    let target = format!("{path}?{name}={value}");
                    let body: &[u8] = if method == "GET" { b"" } else { b"{}" };
                    ask(&served.operator, &method, &target, "application/json", body).await;
                    asked += 1;
                }
            }
        }
    }
    assert!(asked > 1_000, "{asked}");
    let form = "application/x-www-form-urlencoded";
    for (method, route) in ROUTES
        .iter()
        .filter(|(_, route)| !route.ends_with("/events"))
    {
        for path in there.paths(route) {
            for name in OF_PAGES {
                for value in STRANGE {
                    let pair = format!("{name}={value}");
                    if *method == "get" {
                        ask(
                            &served.operator,
                            "GET",
                            &format!("{path}?{pair}"),
                            form,
                            b"",
                        )
                        .await;
                    } else {
                        ask(&served.operator, "POST", &path, form, pair.as_bytes()).await;
                    }
                }
            }
        }
    }
}

/// A date beyond both ends of the calendar is told by its name, wherever there is a date.
#[tokio::test(flavor = "multi_thread")]
async fn dates_that_nobody_knows_are_named() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let there = There::new(&world).await;
    let document = serde_json::to_value(openapi()).unwrap();
    let mut dates = 0;
    for (method, route) in routes() {
        let all = document["paths"][&route][method.to_lowercase()]["parameters"].as_array();
        let of_dates = all.into_iter().flatten().filter(|parameter| {
            parameter["in"] == "query" && parameter["schema"].to_string().contains("\"date\"")
        });
        for name in of_dates.map(|parameter| parameter["name"].as_str().unwrap()) {
            for path in there.paths(&route) {
                for date in ["-10000-01-01", "1989-12-31", "2051-01-01", "9999-12-31"] {
                    // What else the route needs.
                    let range = match name {
                        "end_date" if method == "POST" => "&start_date=2016-12-30",
                        "start_date" if method == "POST" => "&end_date=2016-12-30",
                        "inception" => "&name=x&opening_equity=1",
                        _ => "",
                    };
                    let target = format!("{path}?{name}={date}{range}");
                    let kind = [("content-type", "application/json")];
                    let body: &[u8] = if route.ends_with("/portfolios") && method == "POST" {
                        b"{\"positions\": []}"
                    } else {
                        b""
                    };
                    let answer = served.operator.ask(&method, &target, &kind, body).await;
                    assert_eq!(answer.expect(400)["field"], name, "{method} {target}");
                }
                dates += 1;
            }
        }
    }
    assert!(dates > 20, "{dates}");
    for path in there
        .paths("/portfolios/{portfolio_id}")
        .into_iter()
        .chain(there.paths("/portfolios/{portfolio_id}/explain/{metric}"))
    {
        for date in ["-10000-01-01", "9999-12-31"] {
            let page = served.operator.get(&format!("{path}?date={date}")).await;
            assert_eq!(page.status, 400, "{path}");
            assert!(page.text().contains("<code>date</code>"), "{path}");
        }
    }
}

/// A word that a parameter does not know is refused with those that it knows: nobody takes an empty answer for the truth.
#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_a_parameter_does_not_know_is_refused_with_those_that_it_knows() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let there = There::new(&world).await;
    let tasks = &there.paths("/api/v1/runs/{run_id}/tasks")[0];
    let run = &there.paths("/runs/{run_id}")[0];
    let task = &there.paths("/runs/{run_id}/tasks/{task_id}")[0];
    for (method, path, name, word) in [
        ("GET", "/api/v1/alerts", "kind", "coverage-low"),
        ("GET", "/api/v1/admin/batch/history", "status", "running"),
        ("GET", "/api/v1/admin/batch/history", "status", "partial"),
        ("GET", "/api/v1/admin/batch/history", "lane", "backfill"),
        (
            "GET",
            "/api/v1/admin/batch/history",
            "trigger",
            "onboarding",
        ),
        ("GET", tasks, "state", "split"),
        ("GET", tasks, "phase", "sector-tags"),
        ("POST", "/api/v1/admin/batch/run", "lane", "interactive"),
        ("POST", "/api/v1/admin/retry", "phase", "fundamentals"),
        ("GET", "/", "part", "live"),
        ("GET", "/workers", "part", "live"),
        ("GET", run, "part", "tasks"),
        ("GET", task, "part", "live"),
    ] {
        let target = format!("{path}?{name}=zz");
        let answer = served.operator.ask(method, &target, &[], b"").await;
        let text = answer.text();
        assert_eq!(answer.status, 400, "{path} {name}: {text}");
        assert!(
            text.contains(word) && text.contains(name),
            "{path} {name}: {text}"
        );
        if method == "GET" {
            let right = served.operator.get(&format!("{path}?{name}={word}")).await;
            assert_eq!(right.status, 200, "{path} {name}={word}");
        }
    }
}

/// A typing error is no default: a parameter that a route does not know is refused by its name, before anything is done.
#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_that_a_route_does_not_know_is_refused() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let there = There::new(&world).await;
    let document = serde_json::to_value(openapi()).unwrap();
    let mut refused = 0;
    for (method, route) in routes() {
        // Those who watch the process take what they need.
        if !route.starts_with("/api/") {
            continue;
        }
        let said = &document["paths"][&route][method.to_lowercase()]["responses"]["400"];
        assert!(said.is_object(), "{method} {route}");
        let lists = ["positions", "flows", "marks"];
        let list = lists.into_iter().find(|list| route.ends_with(list));
        let list = if route == "/api/v1/portfolios" {
            Some("positions")
        } else {
            list
        };
        let body = match (method.as_str(), list) {
            ("GET" | "DELETE", _) => String::new(),
            (_, Some(list)) => json!({ list: [] }).to_string(),
            (_, None) => "{}".to_owned(),
        };
        let path = there.paths(&route).remove(0);
        let kind = [("content-type", "application/json")];
        let target = format!("{path}?zz=1");
        let answer = served
            .operator
            .ask(&method, &target, &kind, body.as_bytes());
        assert_eq!(answer.await.expect(400)["field"], "zz", "{method} {route}");
        refused += 1;
    }
    assert!(refused > 35, "{refused}");
    assert_eq!(world.count("select count(*) from run").await, 1);
    let gone = "select count(*) from portfolios where deleted_at is not null";
    assert_eq!(world.count(gone).await, 0);
}

/// Lists with one wrong field each, the rest being right.
#[tokio::test(flavor = "multi_thread")]
async fn no_field_of_a_list_makes_the_server_fail() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let there = There::new(&world).await;
    let lot = json!({ "symbol": "AAA", "quantity": "10", "entry_price_per_share": close("AAA", "2016-12-19"),
                      "entry_date": "2016-12-19", "investment_class": "PUBLIC", "exit_date": "2016-12-28", "exit_price_per_share": "100",
                      "underlying_symbol": "AAA", "strike_price": "100", "expiration_date": "2017-01-20", "option_type": "CALL" });
    let flow = json!({ "date": "2016-12-20", "type": "deposit", "amount": "100", "symbol": null });
    let mark = json!({ "symbol": "AAA", "date": "2016-12-20", "price": "100" });
    let own = &there.paths("/api/v1/portfolios/{portfolio_id}")[0];
    let terms = "name=y&opening_equity=100000&inception=2016-12-19&dry_run=true";
    let lists = [
        (
            "POST",
            format!("/api/v1/portfolios?{terms}"),
            "positions",
            &lot,
        ),
        (
            "PUT",
            format!("{own}/positions?dry_run=true"),
            "positions",
            &lot,
        ),
        ("POST", format!("{own}/flows?dry_run=true"), "flows", &flow),
        ("POST", format!("{own}/marks?dry_run=true"), "marks", &mark),
    ];
    let strange = [
        json!("\0"),
        json!("-10000-01-01"),
        json!("9999-12-31"),
        json!("+262142-12-31"),
        json!("1e400"),
        json!("9".repeat(60)),
        json!(-1),
        json!(1e300),
        json!("x".repeat(100_000)),
        json!("\u{202e}"),
        json!([]),
        Value::Null,
    ];
    for (method, path, list, row) in lists {
        for name in row.as_object().unwrap().keys() {
            for value in &strange {
                let mut row = row.clone();
                row[name] = value.clone();
                let body = json!({ list: [row] }).to_string();
                ask(
                    &served.operator,
                    method,
                    &path,
                    "application/json",
                    body.as_bytes(),
                )
                .await;
            }
        }
    }
}
