//! Performance, drawdowns and marks over HTTP, as the command line has them.

use serde_json::{Value, json};

use super::{Served, book};
use crate::world::{World, range, request};

#[tokio::test(flavor = "multi_thread")]
async fn performance_is_what_the_command_line_computes() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let id = book(&world, "book").await;
    let path = |what: &str| format!("/api/v1/portfolios/{id}/{what}");
    let none = served.viewer.get(&path("performance")).await.expect(200);
    assert_eq!(
        (&none["available"], &none["reason"]),
        (&json!(false), &json!("nothing_published"))
    );
    let other = world
        .book(
            "other",
            "100000",
            "2016-12-19",
            &["CCC,10,70,2016-12-19,PUBLIC"],
        )
        .await;
    world.worker().await;
    let planned = world.run(&request(range("2016-12-19", "2016-12-30"))).await;
    let (code, told) = world.command(&["performance", "book"]).await;
    assert_eq!(code, 0);
    let answer = served.viewer.get(&path("performance")).await.expect(200);
    assert_eq!(answer["data"], told);
    assert_eq!(
        (&answer["as_of"], &answer["run_id"], &answer["available"]),
        (&json!("2016-12-30"), &json!(planned.run), &json!(true))
    );
    let falls = served.viewer.get(&path("drawdowns")).await.expect(200);
    assert_eq!(falls["data"]["drawdowns"], told["drawdowns"]);
    assert_eq!(falls["data"]["max_drawdown"], told["max_drawdown"]);
    let query = "from=2016-12-22&to=2016-12-28&benchmark=BBB";
    let part = served
        .viewer
        .get(&path(&format!("performance?{query}")))
        .await
        .expect(200);
    assert_eq!(
        (&part["data"]["from"], &part["data"]["to"]),
        (&json!("2016-12-22"), &json!("2016-12-28"))
    );
    assert_eq!(part["data"]["benchmark"]["symbol"], "BBB");
    let before = served
        .viewer
        .get(&path("performance?to=2016-12-01"))
        .await
        .expect(200);
    assert_eq!(
        (&before["available"], &before["data"]),
        (&json!(false), &Value::Null)
    );
    let owner = served.owner(&world, &[other]).await;
    owner.get(&path("performance")).await.expect(404);
    // A symbol of somebody else is as unknown as one that nobody has; the market is everybody's.
    let own =
        |benchmark: &str| format!("/api/v1/portfolios/{other}/performance?benchmark={benchmark}");
    for benchmark in ["AAA", "ZZZZ"] {
        owner.get(&own(benchmark)).await.expect(404);
    }
    for benchmark in ["CCC", "SP500"] {
        owner.get(&own(benchmark)).await.expect(200);
    }
    let typo = served
        .viewer
        .get(&path("performance?benchmark=$"))
        .await
        .expect(400);
    assert_eq!(typo["field"], "benchmark");
}

/// What nobody may see at its date is in no range either: a range ends before it, and has a gap where it lies in between.
#[tokio::test(flavor = "multi_thread")]
async fn performance_rests_on_published_sessions_only() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let id = book(&world, "book").await;
    world.worker().await;
    world.run(&request(range("2016-12-27", "2016-12-30"))).await;
    let take_away = async |date: &str| {
        let stale = "update result_set set stale = true where kind = 'portfolio-analytics' and as_of = $1::text::date";
        sqlx::query(stale)
            .bind(date)
            .execute(&world.db)
            .await
            .unwrap();
    };
    let ask = async |what: &str| {
        let path = format!("/api/v1/portfolios/{id}/{what}");
        served.viewer.get(&path).await.expect(200)
    };
    take_away("2016-12-29").await;
    for what in ["performance", "drawdowns"] {
        let whole = ask(what).await;
        assert_eq!(
            (&whole["available"], &whole["as_of"]),
            (&json!(true), &json!("2016-12-30"))
        );
        assert_eq!(whole["data"]["sessions"], 3, "{whole:#}");
        let text = whole.to_string();
        assert!(text.contains("2016-12-29 is not published"), "{whole:#}");
        let alone = ask(&format!("{what}?from=2016-12-29&to=2016-12-29")).await;
        assert_eq!(
            (&alone["available"], &alone["reason"]),
            (&json!(false), &json!("no_snapshot_in_range"))
        );
        let later = ask(&format!("{what}?from=2016-12-31")).await;
        assert_eq!(later["reason"], "no_snapshot_in_range");
    }
    take_away("2016-12-30").await;
    let shorter = ask("performance?to=2016-12-30").await;
    assert_eq!(
        (&shorter["as_of"], &shorter["data"]["to"]),
        (&json!("2016-12-28"), &json!("2016-12-28"))
    );
    assert_eq!(shorter["data"]["sessions"], 2);

    // A page that ends with the last row has no page after it.
    let page = ask("snapshots?limit=1").await;
    assert_eq!(page["next"], "2016-12-27");
    let last = ask("snapshots?limit=1&cursor=2016-12-27").await;
    assert_eq!(
        (&last["as_of"], &last["next"]),
        (&json!("2016-12-28"), &Value::Null)
    );
    assert_eq!(
        ask("snapshots?start_date=2016-12-31").await["reason"],
        "no_snapshot_in_range"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_are_imported_listed_and_corrected() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let row = "FUND,100,50,2016-12-19,PRIVATE";
    let id = world.book("book", "100000", "2016-12-19", &[row]).await;
    let path = format!("/api/v1/portfolios/{id}/marks");
    let send = async |body: Value| served.operator.post(&path, &body).await;
    let mark = |price: &str| json!({ "marks": [{ "symbol": "FUND", "date": "2016-12-28", "price": price }] });
    let dry = served
        .operator
        .post(&format!("{path}?dry_run=true"), &mark("55"))
        .await
        .expect(200);
    assert_eq!(dry["status"], "dry_run");
    let empty = served.viewer.get(&path).await.expect(200);
    assert_eq!(empty["marks"], json!([]));
    let receipt = send(mark("55")).await.expect(200);
    assert_eq!(receipt["from_date"], "2016-12-28", "{receipt}");
    assert_eq!(send(mark("55")).await.expect(200)["status"], "unchanged");
    let corrected = send(mark("56.5")).await.expect(200);
    assert_eq!(corrected["corrected"][0]["price"], "56.5", "{corrected}");
    let list = served.viewer.get(&path).await.expect(200);
    assert_eq!(
        list["marks"],
        json!([{ "symbol": "FUND", "date": "2016-12-28", "price": "56.5" }])
    );
    let wrong = json!({ "marks": [{ "symbol": "AAA", "date": "2016-12-28", "price": "1" }] });
    let problem = send(wrong).await.expect(422);
    assert_eq!(problem["errors"][0]["code"], "ERR_MARK_003", "{problem}");
    served.viewer.post(&path, &mark("1")).await.expect(403);
    let audited = "select count(*) from audit where action = 'import-marks'";
    assert_eq!(world.count(audited).await, 2);
}

/// Who wants only what is complete gets no number over a session of which something failed, and hears which.
#[tokio::test(flavor = "multi_thread")]
async fn a_range_with_an_incomplete_session_is_refused_to_the_strict() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let id = book(&world, "book").await;
    world.worker().await;
    world.run(&request(range("2016-12-27", "2016-12-30"))).await;
    let ask = async |query: &str| {
        let mut both = Vec::new();
        for what in ["performance", "drawdowns"] {
            let path = format!("/api/v1/portfolios/{id}/{what}?{query}");
            both.push(served.viewer.get(&path).await.expect(200));
        }
        both
    };
    for answer in ask("from=2016-12-27&strict=true").await {
        assert_eq!(
            (&answer["available"], &answer["as_of"]),
            (&json!(true), &json!("2016-12-30"))
        );
        assert_eq!(answer["quality"], json!({ "strict": true }));
    }
    for date in ["2016-12-28", "2016-12-30"] {
        let fail = "update completeness set strict = false, failed_runs = 1, stress = 'failed' where as_of = $1::date";
        let failed = sqlx::query(fail).bind(date.parse::<chrono::NaiveDate>().unwrap());
        failed.execute(&world.db).await.unwrap();
    }
    for answer in ask("from=2016-12-27").await {
        assert_eq!(
            (&answer["available"], &answer["quality"]),
            (&json!(true), &json!({ "strict": false }))
        );
    }
    for query in [
        "from=2016-12-27&strict=true",
        "from=2016-12-27&to=2016-12-28&strict=true",
    ] {
        for answer in ask(query).await {
            assert_eq!(
                (&answer["available"], &answer["reason"]),
                (&json!(false), &json!("not_strict"))
            );
            assert_eq!(
                (&answer["data"], &answer["as_of"]),
                (&Value::Null, &Value::Null)
            );
            assert!(
                answer["reason_text"]
                    .as_str()
                    .unwrap()
                    .contains("2016-12-28"),
                "{answer}"
            );
        }
    }
    // Without an end it is the newest that is complete.
    for answer in ask("from=2016-12-29&strict=true").await {
        assert_eq!(
            (&answer["available"], &answer["as_of"]),
            (&json!(true), &json!("2016-12-29"))
        );
    }
}
