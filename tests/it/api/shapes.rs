//! Answers are of the shapes that the document says: every key has one, and every key that must be there is.

use serde_json::Value;
use sigmabatch::api::shapes::SectionAnswer;

use super::Served;
use super::document::{Document, has_shape};
use super::roles::routes;
use crate::market::close;
use crate::world::{World, range, request};

/// The sections that the document knows.
pub(super) fn sections(document: &Document) -> Vec<String> {
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
    let document = Document::generated();
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
    let lots = ask("/positions", "").await;
    assert_eq!(lots["positions"].as_array().map(Vec::len), Some(5));
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
    let document = Document::generated();
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

#[test]
fn no_answer_is_without_a_shape() {
    let document = Document::generated();
    let mut answers = 0;
    for (method, path) in routes() {
        let responses = &document.0["paths"][&path][method.to_lowercase()]["responses"];
        for (status, response) in responses.as_object().unwrap() {
            let content = response["content"].as_object();
            for (kind, content) in content.into_iter().flatten() {
                let text = kind.starts_with("text/");
                assert!(
                    text || has_shape(&content["schema"]),
                    "{method} {path} {status}"
                );
                answers += 1;
            }
        }
    }
    assert!(answers > 40, "{answers}");
}
