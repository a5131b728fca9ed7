//! What is sent is of the shapes that the document says: the server takes those fields, refuses any other, and names a field
//! whose value is of another type.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::client::Client;
use super::document::{Document, has_shape};
use super::roles::routes;
use super::{Served, book};
use crate::market::close;
use crate::world::World;

/// The lists that files are sent as.
const LISTS: [&str; 3] = ["positions", "flows", "marks"];

/// The fields of a body, with their shapes.
fn fields(document: &Document, body: &Value) -> BTreeMap<String, Value> {
    let (mut known, mut needed) = (Map::new(), std::collections::BTreeSet::new());
    document.keys(body, &mut known, &mut needed);
    known.into_iter().collect()
}

async fn send(client: &Client, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let kind = [("content-type", "application/json")];
    let body = body.to_string();
    let answer = client.ask(method, path, &kind, body.as_bytes()).await;
    (answer.status, answer.json())
}

/// What else has to be right for one field to be looked at.
fn base(path: &str, list: Option<&str>) -> Value {
    let mut body = json!({});
    if path == "/api/v1/portfolios" {
        body = json!({ "name": "z", "opening_equity": "1", "inception": "2016-12-19" });
    }
    if path.ends_with("/retry") {
        body = json!({ "all": true });
    }
    if path.ends_with("/pause") || path.ends_with("/resume") {
        body = json!({ "kind": "lane", "name": "backfill" });
    }
    if let Some(list) = list {
        body[list] = json!([]);
    }
    body
}

/// A value that a field of this shape never has, where there is one.
fn wrong(document: &Document, shape: &Value) -> Option<Value> {
    let shape = document.resolved(shape);
    let parts = ["oneOf", "anyOf"];
    let mut parts = parts.iter().filter_map(|part| shape[part].as_array());
    if let Some(choices) = parts.next() {
        return choices.iter().find_map(|choice| wrong(document, choice));
    }
    let typed = ["uuid", "date", "decimal"].contains(&shape["format"].as_str().unwrap_or(""));
    let kinds = shape["type"].to_string();
    if kinds.contains("array") {
        return wrong(document, &shape["items"]).map(|wrong| json!([wrong]));
    }
    (typed || kinds.contains("boolean") || shape["enum"].is_array()).then(|| json!("zz"))
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_of_the_shapes_that_the_document_says() {
    let document = Document::generated();
    let world = World::new().await;
    let served = Served::new(&world).await;
    let portfolio = book(&world, "book").await.to_string();
    let operator = &served.operator;
    let (mut bodies, mut typed) = (0, 0);
    for (method, route) in routes() {
        let body = &document.0["paths"][&route][method.to_lowercase()]["requestBody"];
        let Some(contents) = body["content"].as_object() else {
            assert!(
                ["GET", "DELETE"].contains(&method.as_str()),
                "{method} {route}: no body"
            );
            continue;
        };
        for (kind, content) in contents {
            assert!(has_shape(&content["schema"]), "{method} {route} {kind}");
        }
        let known = fields(&document, &contents["application/json"]["schema"]);
        let list = LISTS.into_iter().find(|list| known.contains_key(*list));
        // A form has the same fields, and a file in the place of the list.
        if let Some(form) = contents.get("multipart/form-data") {
            let of_form = fields(&document, &form["schema"]).into_keys();
            let of_form: Vec<String> = of_form.filter(|name| name != "file").collect();
            let others = known.keys().filter(|name| Some(name.as_str()) != list);
            assert!(others.eq(of_form.iter()), "{route}: {of_form:?}");
        }
        let run = if route.ends_with("/cancel") {
            let any = json!({});
            let start = operator.post("/api/v1/admin/batch/run", &any);
            start.await.expect(202)["run_id"]
                .as_str()
                .unwrap()
                .to_owned()
        } else {
            String::new()
        };
        let path = route
            .replace("{portfolio_id}", &portfolio)
            .replace("{run_id}", &run);
        let mut body = base(&path, list);
        body["zz"] = json!("1");
        let (status, problem) = send(operator, &method, &path, &body).await;
        assert_eq!(
            (status, &problem["field"]),
            (400, &json!("zz")),
            "{route}: {problem}"
        );
        let told = problem["detail"].as_str().unwrap();
        let told = told.rsplit(": ").next().unwrap().split(", ");
        let names = known.keys().filter(|name| Some(name.as_str()) != list);
        assert!(told.eq(names), "{route}: {problem}");
        for (name, shape) in &known {
            let Some(wrong) = wrong(&document, shape) else {
                continue;
            };
            let mut body = base(&path, list);
            body[name] = wrong;
            let (status, problem) = send(operator, &method, &path, &body).await;
            let at = (status, problem["field"].as_str());
            // Without both ends a range is none, whatever its one end says.
            let other = name == "start_date" || name == "end_date";
            assert!(
                at == (400, Some(name)) || other && status == 400,
                "{route} {name}: {problem}"
            );
            typed += 1;
        }
        bodies += 1;
    }
    assert!(bodies >= 9 && typed > 20, "{bodies} {typed}");
}

/// The fields of rows are those that the document has, each of its type.
#[tokio::test(flavor = "multi_thread")]
async fn rows_are_of_the_shapes_that_the_document_says() {
    let document = Document::generated();
    let world = World::new().await;
    let served = Served::new(&world).await;
    let portfolio = book(&world, "book").await;
    let own = format!("/api/v1/portfolios/{portfolio}");
    let lot = json!({ "symbol": "AAA", "quantity": "10", "entry_price_per_share": close("AAA", "2016-12-19"),
                      "entry_date": "2016-12-19", "investment_class": "PUBLIC" });
    let flow = json!({ "date": "2016-12-20", "type": "contribution", "amount": "100" });
    let fund = json!({ "symbol": "FUND", "quantity": 10, "entry_price_per_share": 100, "entry_date": "2016-12-19",
                       "investment_class": "PRIVATE" });
    let mark = json!({ "symbol": "FUND", "date": "2016-12-20", "price": "100" });
    for (method, rest, list, shape, rows) in [
        (
            "PUT",
            "positions",
            "positions",
            "LotRow",
            json!([lot, fund]),
        ),
        ("POST", "flows", "flows", "FlowRow", json!([flow])),
        ("POST", "marks", "marks", "MarkRow", json!([mark])),
    ] {
        let shape = &document.0["components"]["schemas"][shape];
        let path = format!("{own}/{rest}");
        let body = json!({ list: rows });
        let (status, answer) = send(&served.operator, method, &path, &body).await;
        assert_eq!(status, 200, "{list}: {answer}");
        let needed = shape["required"].as_array().unwrap();
        let known = fields(&document, shape);
        for name in known.keys() {
            let mut body = body.clone();
            let row = body[list][0].as_object_mut().unwrap();
            if needed.contains(&json!(name)) {
                row.remove(name);
            } else {
                row.insert(name.clone(), Value::Null);
            }
            let (status, answer) = send(&served.operator, method, &path, &body).await;
            let missing = if needed.contains(&json!(name)) {
                422
            } else {
                200
            };
            // A lot without a symbol is an option, whose contract its terms name.
            let may = name == "symbol" && list == "positions";
            assert!(status == missing || may, "{list} {name}: {answer}");
        }
        let mut body = body;
        body[list][0]["zz"] = json!("1");
        let (status, problem) = send(&served.operator, method, &path, &body).await;
        assert_eq!(
            (status, &problem["field"]),
            (400, &json!(format!("{list}[0].zz")))
        );
        let told = problem["detail"].as_str().unwrap();
        assert!(
            known.keys().all(|name| told.contains(name.as_str())),
            "{told}"
        );
    }
}

/// Programs are made of the document: what it calls an operation is that operation's alone.
#[test]
fn no_two_operations_have_one_name() {
    let document = Document::generated();
    let names = routes().into_iter().map(|(method, route)| {
        let operation = &document.0["paths"][&route][method.to_lowercase()];
        operation["operationId"].as_str().unwrap().to_owned()
    });
    let names: Vec<String> = names.collect();
    let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
    assert_eq!(distinct.len(), names.len(), "{names:?}");
}

/// What can be refused for its form is said to be, as a problem.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_in_the_document() {
    let document = Document::generated();
    let world = World::new().await;
    let served = Served::new(&world).await;
    let portfolio = book(&world, "book").await;
    let mut refused = 0;
    for (method, route) in routes() {
        let operation = &document.0["paths"][&route][method.to_lowercase()];
        let says = |status: &str| {
            let response = &operation["responses"][status];
            let shape = &response["content"]["application/problem+json"]["schema"];
            assert!(
                response.is_null() || has_shape(shape),
                "{method} {route} {status}"
            );
            !response.is_null()
        };
        let body = &operation["requestBody"]["content"];
        let files = body["text/csv"].is_object();
        for status in ["413", "415"] {
            assert_eq!(says(status), body.is_object(), "{method} {route} {status}");
        }
        if route.starts_with("/api/") {
            assert!(
                says("503") && says("504") && says("401"),
                "{method} {route}"
            );
        }
        if body.is_object() {
            // It is refused before anybody looks for the run.
            let id = portfolio.to_string();
            let path = route
                .replace("{portfolio_id}", &id)
                .replace("{run_id}", &id);
            let kinds: &[&str] = if files {
                &["text/plain", "application/x-www-form-urlencoded"]
            } else {
                &[
                    "application/x-www-form-urlencoded",
                    "Multipart/Form-Data; boundary=x",
                ]
            };
            for kind in kinds {
                let kind = [("content-type", *kind)];
                let problem = served.operator.ask(&method, &path, &kind, b"x=1").await;
                assert_eq!(problem.headers["content-type"], "application/problem+json");
                document.hold(&method.to_lowercase(), &route, 415, &problem.expect(415));
                refused += 1;
            }
        }
    }
    assert!(refused >= 18, "{refused}");
}
