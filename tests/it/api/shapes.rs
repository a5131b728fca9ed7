//! Answers are of the shapes that the document says: every key has one, and every key that must be there is.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate};
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use sigmabatch::api::openapi;
use sigmabatch::api::shapes::SectionAnswer;

use super::Served;
use super::client::Client;
use crate::market::close;
use crate::world::{World, range, request};

/// The generated document.
struct Document(Value);

impl Document {
    /// Asks, and holds the answer against the shape that the document has for the route.
    async fn ask(&self, client: &Client, route: &str, path: &str) -> Value {
        let answer = client.get(path).await.expect(200);
        let operation = &self.0["paths"][route]["get"];
        let shape = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        assert!(
            shape.is_object() && shape != &Value::Object(Map::new()),
            "{route} has no shape"
        );
        let mut wrong = Vec::new();
        self.check(shape, &answer, "", &mut wrong);
        assert!(wrong.is_empty(), "{path}: {wrong:#?}\n{answer:#}");
        answer
    }

    fn resolved<'a>(&'a self, shape: &'a Value) -> &'a Value {
        match shape["$ref"].as_str() {
            Some(place) => {
                let found = self.0.pointer(place.trim_start_matches('#'));
                self.resolved(found.unwrap_or_else(|| panic!("{place} is not there")))
            }
            None => shape,
        }
    }

    /// The keys that an object of this shape may have, and those that it must have.
    fn keys<'a>(
        &'a self,
        shape: &'a Value,
        known: &mut Map<String, Value>,
        needed: &mut BTreeSet<&'a str>,
    ) {
        let shape = self.resolved(shape);
        for part in shape["allOf"].as_array().into_iter().flatten() {
            self.keys(part, known, needed);
        }
        for (key, of) in shape["properties"].as_object().into_iter().flatten() {
            known.insert(key.clone(), of.clone());
        }
        let required = shape["required"].as_array().into_iter().flatten();
        needed.extend(required.filter_map(Value::as_str));
    }

    fn check(&self, shape: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
        let shape = self.resolved(shape);
        if let Some(choices) = shape["oneOf"].as_array() {
            let mut reasons = Vec::new();
            for choice in choices {
                let mut found = Vec::new();
                self.check(choice, value, at, &mut found);
                if found.is_empty() {
                    return;
                }
                reasons.push(found);
            }
            // What the nearest one has against it.
            let nearest = reasons.into_iter().min_by_key(Vec::len);
            return wrong.extend(nearest.unwrap_or_default());
        }
        let kinds: Vec<&str> = match &shape["type"] {
            Value::String(kind) => vec![kind],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ if shape["allOf"].is_array() => vec!["object"],
            _ => return,
        };
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) if kinds.contains(&"number") => "number",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        if !kinds.contains(&kind) {
            return wrong.push(format!("{at}: {value} is no {kinds:?}"));
        }
        match value {
            Value::String(text) => check_text(shape, text, at, wrong),
            Value::Array(values) => {
                for (place, value) in values.iter().enumerate() {
                    self.check(&shape["items"], value, &format!("{at}[{place}]"), wrong);
                }
            }
            Value::Object(object) => self.check_object(shape, object, at, wrong),
            _ => {}
        }
    }

    fn check_object(
        &self,
        shape: &Value,
        object: &Map<String, Value>,
        at: &str,
        wrong: &mut Vec<String>,
    ) {
        let (mut known, mut needed) = (Map::new(), BTreeSet::new());
        self.keys(shape, &mut known, &mut needed);
        for key in needed {
            if !object.contains_key(key) {
                wrong.push(format!("{at}.{key} is missing"));
            }
        }
        for (key, value) in object {
            let place = format!("{at}.{key}");
            match known.get(key) {
                Some(of) => self.check(of, value, &place, wrong),
                None if shape["additionalProperties"].is_object() => {
                    self.check(&shape["additionalProperties"], value, &place, wrong);
                }
                None => wrong.push(format!("{place} is not in the document")),
            }
        }
    }
}

fn check_text(shape: &Value, text: &str, at: &str, wrong: &mut Vec<String>) {
    let fits = match shape["format"].as_str() {
        Some("decimal") => text.parse::<Decimal>().is_ok(),
        Some("uuid") => text.parse::<uuid::Uuid>().is_ok(),
        Some("date") => text.parse::<NaiveDate>().is_ok(),
        Some("date-time") => DateTime::parse_from_rfc3339(text).is_ok(),
        _ => true,
    };
    let listed = shape["enum"].as_array();
    if !fits || listed.is_some_and(|listed| !listed.iter().any(|one| one == text)) {
        wrong.push(format!("{at}: {text:?} does not fit {shape}"));
    }
}

/// The sections that the document knows.
fn sections(document: &Document) -> Vec<String> {
    let shape = &document.0["components"]["schemas"]["SectionAnswer"]["oneOf"];
    let name = |choice: &Value| {
        let parts = choice["allOf"].as_array()?;
        let section = parts
            .iter()
            .find_map(|part| part["properties"]["section"]["enum"][0].as_str());
        section.map(ToOwned::to_owned)
    };
    shape.as_array().unwrap().iter().filter_map(name).collect()
}

/// A book of stocks, a short, a fund without a market, and a contract.
async fn mixed(world: &World) -> sigmabatch::domain::PortfolioId {
    let spot: f64 = close("AAA", "2016-12-19").parse().unwrap();
    let rows = [
        format!("AAA,300,{},2016-12-19,PUBLIC", close("AAA", "2016-12-19")),
        format!("BBB,-50,{},2016-12-19,PUBLIC", close("BBB", "2016-12-19")),
        format!("CCC,100,{},2016-12-19,PUBLIC", close("CCC", "2016-12-19")),
        "FUND,10,100,2016-12-19,PRIVATE".to_owned(),
        format!(
            ",2,4.25,2016-12-19,OPTIONS,,AAA,{},2017-06-16,PUT",
            spot.round()
        ),
    ];
    let rows = rows.each_ref().map(String::as_str);
    world.book("book", "100000", "2016-12-19", &rows).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_of_the_shape_that_the_document_says() {
    let document = Document(serde_json::to_value(openapi()).unwrap());
    let world = World::new().await;
    let served = Served::new(&world).await;
    let viewer = &served.viewer;
    let id = mixed(&world).await;
    let one = "/api/v1/portfolios/{portfolio_id}";
    let own = format!("/api/v1/portfolios/{id}");
    let section_route = format!("{one}/results/{{section}}");
    let sections = sections(&document);
    assert_eq!(sections.len(), 16);
    let ask = async |rest: &str, query: &str| {
        let (route, path) = (format!("{one}{rest}"), format!("{own}{rest}{query}"));
        document.ask(viewer, &route, &path).await
    };
    let section = async |name: &str, query: &str| {
        let path = format!("{own}/results/{name}{query}");
        let answer = document.ask(viewer, &section_route, &path).await;
        // Programs in Rust read it too, as the section that it is.
        let read: SectionAnswer = serde_json::from_value(answer.clone()).unwrap();
        let variant = format!("{read:?}").replace('_', "").to_lowercase();
        assert!(variant.starts_with(&name.replace('-', "")), "{variant}");
        answer
    };
    for name in &sections {
        assert_eq!(section(name, "").await["available"], false, "{name}");
    }
    for name in ["/performance", "/drawdowns", "/snapshots"] {
        assert_eq!(ask(name, "").await["available"], false, "{name}");
    }
    let explain = format!("{one}/explain/{{metric}}");
    let none = format!("{own}/explain/nav");
    document.ask(viewer, &explain, &none).await;

    let mark = serde_json::json!({ "marks": [{ "symbol": "FUND", "date": "2016-12-28", "price": "101.5" }] });
    let marked = served.operator.post(&format!("{own}/marks"), &mark).await;
    marked.expect(200);
    let flow = serde_json::json!({ "flows": [{ "date": "2016-12-28", "type": "contribution", "amount": "1000" }] });
    let flowed = served.operator.post(&format!("{own}/flows"), &flow).await;
    flowed.expect(200);
    world.worker().await;
    world.run(&request(range("2016-12-27", "2016-12-30"))).await;
    for name in &sections {
        let answer = section(name, "").await;
        assert!(!answer["data"].is_null(), "{name}");
    }
    for name in ["positions", "options", "stress", "value-at-risk", "sectors"] {
        let answer = section(name, "?date=2016-12-29").await;
        let rows = answer["data"].as_array().map(Vec::len);
        assert!(rows > Some(0), "{name}: {answer}");
    }
    ask("/performance", "?benchmark=BBB").await;
    for name in ["", "/performance", "/drawdowns", "/snapshots"] {
        ask(name, "").await;
    }
    for (name, key) in [("/flows", "flows"), ("/marks", "marks")] {
        assert_eq!(ask(name, "").await[key].as_array().map(Vec::len), Some(1));
    }
    let (_, show) = world.command(&["show", "book"]).await;
    for (metric, _) in crate::explain::metrics(&show) {
        let path = format!("{own}/explain/{}", metric.replace(' ', "%20"));
        document.ask(viewer, &explain, &path).await;
    }
    let symbol = "/api/v1/symbols/{symbol}";
    for rest in ["prices", "factors", "metrics"] {
        let (route, path) = (
            format!("{symbol}/{rest}"),
            format!("/api/v1/symbols/AAA/{rest}"),
        );
        document.ask(viewer, &route, &path).await;
    }
    for route in ["portfolios", "symbols", "calendar", "explain", "alerts"] {
        let path = format!("/api/v1/{route}");
        document.ask(viewer, &path, &path).await;
    }
}

#[test]
fn a_key_without_a_shape_and_a_shape_without_a_key_are_found() {
    let document = Document(serde_json::to_value(openapi()).unwrap());
    let check = |value: Value| {
        let shape = &document.0["components"]["schemas"]["RiskContribution"];
        let mut wrong = Vec::new();
        document.check(shape, &value, "", &mut wrong);
        wrong.len()
    };
    let mut value = serde_json::json!({
        "kind": "factor", "name": "Market", "exposure": 1, "marginal": 0.5, "contribution": 0.5, "share": null,
        "reason": "no_variance",
    });
    assert_eq!(check(value.clone()), 0);
    value["more"] = Value::from(1);
    assert_eq!(check(value.clone()), 1);
    value.as_object_mut().unwrap().remove("share");
    assert_eq!(check(value.clone()), 2);
    value["marginal"] = Value::from("0.5");
    assert_eq!(check(value), 3);
}
