//! How a number is made, over HTTP: the same words and numbers as the command line that makes it again.

use serde_json::{Value, json};

use super::Served;
use super::document::Document;
use crate::market::close;
use crate::world::{World, on, range, request};

#[tokio::test(flavor = "multi_thread")]
async fn every_number_tells_its_formula_and_what_is_stored_of_it() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let rows = ["AAA", "BBB", "CCC"].map(|symbol| {
        let price = close(symbol, "2016-12-19");
        format!("{symbol},300,{price},2016-12-19,PUBLIC")
    });
    let rows = [rows[0].as_str(), rows[1].as_str(), rows[2].as_str()];
    let id = world.book("book", "100000", "2016-12-19", &rows).await;
    let path = |metric: &str| format!("/api/v1/portfolios/{id}/explain/{metric}");
    let none = served.viewer.get(&path("nav")).await.expect(200);
    assert_eq!(
        (&none["available"], &none["reason"]),
        (&json!(false), &json!("nothing_published"))
    );
    world.worker().await;
    let planned = world.run(&request(on("2016-12-30"))).await;
    let (_, show) = world.command(&["show", "book"]).await;
    let all = crate::explain::metrics(&show);
    assert!(all.len() > 15, "{all:?}");
    let mut compared = 0;
    for (metric, expected) in &all {
        let told = served
            .viewer
            .get(&path(&metric.replace(' ', "%20")))
            .await
            .expect(200);
        if told["available"] == false {
            assert!(expected.is_null(), "{metric}");
            assert_eq!(
                (&told["available"], &told["data"]),
                (&json!(false), &Value::Null),
                "{metric}"
            );
            assert!(told["reason_text"].is_string(), "{told}");
            continue;
        }
        let data = &told["data"];
        assert!(expected.is_null() || data["value"] == *expected, "{metric}");
        assert!(!data["value"].is_null(), "{metric}");
        assert_eq!(
            (&told["run_id"], &told["as_of"]),
            (&json!(planned.run), &json!("2016-12-30"))
        );
        for key in ["formula", "source", "unit", "window"] {
            assert!(
                data[key].as_str().is_some_and(|text| !text.is_empty()),
                "{metric}: {told}"
            );
        }
        assert!(
            !data["inputs"].as_array().unwrap().is_empty(),
            "{metric}: {told}"
        );
        // One of each name by the program that makes it again.
        let name = metric.split(':').next().unwrap();
        let first = all
            .iter()
            .find(|(known, value)| known.split(':').next() == Some(name) && !value.is_null());
        if first.is_some_and(|(known, _)| known == metric) {
            let (code, made) = world.command(&["explain", "book", metric]).await;
            assert_eq!(code, 0, "{metric}: {made}");
            for key in ["formula", "source", "unit", "window", "value", "n"] {
                assert_eq!(data[key], made[key], "{metric} {key}");
            }
            assert_eq!(told["convention_id"], made["convention_id"]);
            compared += 1;
        }
    }
    assert!(compared > 8, "{compared}");
    let list = served.viewer.get("/api/v1/explain").await.expect(200);
    let list = list["metrics"].as_array().unwrap();
    assert!(
        list.iter()
            .any(|metric| metric["typed"] == "beta:FACTOR" && metric["unit"].is_string())
    );
    served.viewer.get(&path("betta")).await.expect(404);
    let which = served.viewer.get(&path("beta:Nothing")).await.expect(400);
    let route = "/api/v1/portfolios/{portfolio_id}/explain/{metric}";
    Document::generated().hold("get", route, 400, &which);
    assert_eq!(which["field"], "metric");
    assert!(
        which["errors"]
            .as_array()
            .unwrap()
            .contains(&json!("beta:Market")),
        "{which}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_explanation_is_of_its_date_and_counts_what_its_section_counts() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let rows = ["AAA", "BBB"].map(|symbol| {
        let price = close(symbol, "2016-12-19");
        format!("{symbol},100,{price},2016-12-19,PUBLIC")
    });
    let rows = rows.each_ref().map(String::as_str);
    let id = world.book("book", "100000", "2016-12-19", &rows).await;
    let ask = async |asked: &str| {
        let path = format!("/api/v1/portfolios/{id}/explain/{asked}");
        served.viewer.get(&path).await
    };
    // No date is needed to know that nothing is called so.
    for unknown in ["nonsense", "nav:nonsense"] {
        ask(unknown).await.expect(404);
    }
    let command = |date: &str| json!(format!("sigmabatch explain {id} beta:Market{date}"));
    let none = ask("beta:Market").await.expect(200);
    assert_eq!(
        (&none["reason"], &none["recompute"]),
        (&json!("nothing_published"), &command(""))
    );

    world.worker().await;
    world.run(&request(range("2016-12-29", "2016-12-30"))).await;
    for (query, date) in [
        ("", "2016-12-30"),
        ("?date=2016-12-29", "2016-12-29"),
        // No session, so no number.
        ("?date=2016-12-26", "2016-12-26"),
    ] {
        let told = ask(&format!("beta:Market{query}")).await.expect(200);
        assert_eq!(told["recompute"], command(&format!(" --date {date}")));
    }
    let told = ask("beta:Market?date=2016-12-29").await.expect(200);
    let words = told["recompute"].as_str().unwrap().split(' ').skip(1);
    let words: Vec<&str> = words.collect();
    let (code, made) = world.command(&words).await;
    let data = &told["data"];
    assert_eq!(
        (code, &made["value"], &made["n"]),
        (0, &data["value"], &data["n"])
    );

    let path = format!("/api/v1/portfolios/{id}/results/exposures?date=2016-12-29");
    let exposures = served.viewer.get(&path).await.expect(200);
    let mut factors = exposures["data"]["factors"].as_array().unwrap().iter();
    let market = factors.find(|factor| factor["factor"] == "Market").unwrap();
    assert!(market["n"].as_u64().unwrap() > 60, "{market}");
    assert_eq!(data["n"], market["n"]);
    for explained in [data, &made] {
        let mut steps = explained["steps"].as_array().unwrap().iter();
        let symbols = steps.find(|step| step["name"] == "symbols with a factor model");
        assert_eq!(symbols.unwrap()["value"], 2, "{explained}");
    }
}
