//! Tags of every answer, and tables of what is not a section: performance, drawdowns, symbols and the calendar.

use serde_json::json;

use super::document::Document;
use super::malformed::There;
use super::roles::routes;
use super::{Served, book};
use crate::world::{World, on, range, request};

#[tokio::test(flavor = "multi_thread")]
async fn performance_symbols_and_calendar_are_tagged_and_tabled() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let viewer = &served.viewer;
    let id = book(&world, "book").await;
    world.worker().await;
    world.run(&request(range("2016-12-19", "2016-12-29"))).await;
    let own = format!("/api/v1/portfolios/{id}");
    let (performance, drawdowns) = (format!("{own}/performance"), format!("{own}/drawdowns"));
    let of = |what: &str| format!("/api/v1/symbols/AAA/{what}");
    let (prices, factors, metrics) = (of("prices"), of("factors"), of("metrics"));
    let known = async |path: &str, tag: &str, form: &str| {
        let heads = [("if-none-match", tag), ("accept", form)];
        viewer.ask("GET", path, &heads, b"").await
    };
    for (path, column) in [
        (performance.as_str(), "figure"),
        (&drawdowns, "trough"),
        (&prices, "close"),
        (&factors, "beta"),
        (&metrics, "return_1d"),
        ("/api/v1/symbols", "symbol"),
        ("/api/v1/calendar", "closes_at"),
    ] {
        let first = viewer.get(path).await;
        first.expect(200);
        let tag = first.headers["etag"].clone();
        let again = known(path, &tag, "application/json").await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(again.headers["etag"], tag, "{path}");
        let table = known(path, &tag, "text/csv").await;
        assert_eq!(table.status, 200, "{path}: another form is another answer");
        let text = table.text();
        assert!(
            text.lines()
                .next()
                .unwrap()
                .split(',')
                .any(|one| one == column)
                && text.lines().count() > 1,
            "{path}: {text}"
        );
        assert!(table.headers["content-type"].starts_with("text/csv"));
        let again = known(path, &table.headers["etag"], "text/csv").await;
        assert_eq!(again.status, 304, "{path}");
    }

    // One more session is another answer, and the calendar does not care.
    let tag = async |path: &str| viewer.get(path).await.headers["etag"].clone();
    let before = (tag(&performance).await, tag("/api/v1/calendar").await);
    world.run(&request(on("2016-12-30"))).await;
    let renewed = known(&performance, &before.0, "application/json").await;
    assert_eq!(renewed.expect(200)["as_of"], "2016-12-30");
    assert_eq!(tag("/api/v1/calendar").await, before.1);
}

/// Whoever has an answer already is told so, of whatever there is; what has changed is told again.
#[tokio::test(flavor = "multi_thread")]
async fn every_answer_of_data_has_a_tag() {
    let document = Document::generated();
    let world = World::new().await;
    let served = Served::new(&world).await;
    let there = There::new(&world).await;
    let viewer = &served.viewer;
    let mut tagged = 0;
    for (method, route) in routes() {
        let responses = &document.0["paths"][&route]["get"]["responses"];
        if method != "GET" || !route.starts_with("/api/") || route.ends_with("/events") {
            continue;
        }
        assert!(
            responses["304"].is_object() && responses["200"]["headers"]["etag"].is_object(),
            "{route}"
        );
        for path in there.paths(&route) {
            let first = viewer.get(&path).await;
            first.expect(200);
            let tag = first
                .headers
                .get("etag")
                .unwrap_or_else(|| panic!("{path} has no tag"));
            assert!(
                first.headers["vary"]
                    .split(", ")
                    .any(|name| name == "accept"),
                "{path}"
            );
            assert_eq!(
                first.headers["cache-control"], "private, no-cache",
                "{path}"
            );
            let known = [("if-none-match", tag.as_str())];
            let again = viewer.ask("GET", &path, &known, b"").await;
            assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
            assert_eq!(&again.headers["etag"], tag, "{path}");
            let varies = again.headers.get("vary").map(String::as_str);
            assert!(
                varies.is_some_and(|names| names.split(", ").any(|name| name == "accept")),
                "{path}: {again:?}"
            );
            let other = viewer
                .ask("GET", &path, &[("if-none-match", "W/\"zz\"")], b"")
                .await;
            assert_eq!((other.status, &other.body), (200, &first.body), "{path}");
            tagged += 1;
        }
    }
    assert!(tagged > 25, "{tagged}");
    for path in ["/health/live", "/health/ready", "/metrics"] {
        let answer = viewer.get(path).await;
        assert!(!answer.headers.contains_key("etag"), "{path}");
    }
    // Another flow, another mark, another answer.
    let flows = there
        .paths("/api/v1/portfolios/{portfolio_id}/flows")
        .remove(0);
    let tag = viewer.get(&flows).await.headers["etag"].clone();
    let flow =
        json!({ "flows": [{ "date": "2016-12-28", "type": "contribution", "amount": "1000" }] });
    served.operator.post(&flows, &flow).await.expect(200);
    let changed = viewer
        .ask("GET", &flows, &[("if-none-match", &tag)], b"")
        .await;
    assert_eq!(changed.expect(200)["flows"][0]["amount"], "1000");
}

/// Who takes tables only gets one, or hears that there is none: never another form than was asked for.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_takes_tables_only_is_given_json() {
    let document = Document::generated();
    let world = World::new().await;
    let served = Served::new(&world).await;
    let there = There::new(&world).await;
    let (mut tables, mut others) = (0, 0);
    for (method, route) in routes() {
        if method != "GET" || !route.starts_with("/api/") || route.ends_with("/events") {
            continue;
        }
        let responses = &document.0["paths"][&route]["get"]["responses"];
        let table = responses["200"]["content"]["text/csv"].is_object();
        assert_ne!(table, responses["406"].is_object(), "{route}");
        for path in there.paths(&route) {
            let ask = async |accept: &str| {
                let accept = [("accept", accept)];
                served.viewer.ask("GET", &path, &accept, b"").await
            };
            let only = ask("text/csv").await;
            if table {
                assert_eq!(only.status, 200, "{path}");
                assert!(
                    only.headers["content-type"].starts_with("text/csv"),
                    "{path}"
                );
                let rather = ask("*/*, text/csv;q=0.1").await;
                rather.expect(200);
                assert_eq!(rather.headers["content-type"], "application/json", "{path}");
                tables += 1;
            } else {
                let problem = only.expect(406);
                document.hold("get", &route, 406, &problem);
                // A list that has no table is a list all the same.
                let detail = problem["detail"].as_str().unwrap();
                assert!(detail.starts_with("there is no table"), "{detail}");
                let rather = ask("text/csv, application/json;q=0.5").await;
                rather.expect(200);
                assert_eq!(rather.headers["content-type"], "application/json", "{path}");
                others += 1;
            }
        }
    }
    assert!(tables > 10 && others > 10, "{tables} {others}");
}
