//! How a number is made, over HTTP: the same words and numbers as the command line that makes it again.

use serde_json::{Value, json};

use super::Served;
use crate::market::close;
use crate::world::{World, on, request};

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
    assert_eq!(which["field"], "metric");
    assert!(
        which["errors"]
            .as_array()
            .unwrap()
            .contains(&json!("beta:Market")),
        "{which}"
    );
}
