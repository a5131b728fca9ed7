//! Sector weights of benchmarks: imported whole or not at all, and what a book holds more or less than they do.

use serde_json::{Value, json};
use sigmabatch::intake::{BenchmarkReceipt, Error, Status};

use crate::api::Served;
use crate::market::close;
use crate::world::{World, day, on, range, request};

/// Of an index of stocks that has no funds and no cash.
const INDEX: &str = "as_of,sector,weight
2016-06-30,Information Technology,0.2
2016-06-30,Financials,0.8
2016-09-30,Information Technology,0.2123
2016-09-30,Financials,0.1281
2016-09-30,Health Care,0.1468
2016-09-30,Consumer Discretionary,0.1251
2016-09-30,Consumer Staples,0.0993
2016-09-30,Industrials,0.0972
2016-09-30,Energy,0.0727
2016-09-30,Utilities,0.0330
2016-09-30,Real Estate,0.0307
2016-09-30,Materials,0.0289
2016-09-30,Telecommunication Services,0.0259
2016-12-30,Information Technology,1
";

fn status(receipt: Result<BenchmarkReceipt, Error>) -> (Status, Option<String>) {
    let receipt = receipt.unwrap();
    (
        receipt.status,
        receipt.from_date.map(|date| date.to_string()),
    )
}

/// What is stored of all benchmarks.
async fn stored(world: &World) -> Vec<String> {
    let sql = "select benchmark || ' ' || as_of || ' ' || sector || ' ' || weight from benchmark_weights order by 1";
    world.texts(sql).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_errors_changes_nothing_and_names_them_all() {
    let world = World::new().await;
    let text = "as_of,sector,weight\n2016-06-30,Energy,0.4\n2016-06-30,Cash,0.4\n2016-09-30,Energy,60%\n,Energy,1\n2016-12-29,Energy,1\n";
    let Err(Error::Rejected(rejected)) = world.benchmark("SP500", text).await else {
        panic!("it was taken");
    };
    let found = rejected.errors.iter();
    let found: Vec<_> = found.map(|e| (e.line, e.column.as_str(), e.code)).collect();
    assert_eq!(
        found,
        [
            (4, "weight", "ERR_BENCH_009"),
            (5, "as_of", "ERR_BENCH_001")
        ]
    );
    // What rows add up to is told when all of them could be read.
    let text = text.replace("60%", "0.6").replace("\n,Energy,1", "");
    let Err(Error::Rejected(rejected)) = world.benchmark("SP500", &text).await else {
        panic!("it was taken");
    };
    let found = rejected.errors.iter().map(|e| (e.line, e.code));
    assert_eq!(
        found.collect::<Vec<_>>(),
        [(2, "ERR_BENCH_012"), (4, "ERR_BENCH_012")]
    );
    assert_eq!(stored(&world).await, [""; 0]);
    let traces = "select (select count(*) from audit) + (select count(*) from input_change where input = 'benchmark')";
    assert_eq!(world.count(traces).await, 0);

    // The command line says the same, with its exit code.
    let path = std::env::temp_dir().join(format!("sigmabatch-it-{}.csv", uuid::Uuid::new_v4()));
    let file = path.to_str().unwrap();
    std::fs::write(&path, &text).unwrap();
    let (code, refused) = world.page(&["import", "benchmark", "SP500", file]).await;
    assert_eq!(code, 1, "{refused}");
    assert!(refused.contains("ERR_BENCH_012"), "{refused}");
    std::fs::write(&path, INDEX).unwrap();
    let (code, done) = world.command(&["import", "benchmark", "SP500", file]).await;
    let expected = ["2016-06-30", "2016-09-30", "2016-12-30"];
    assert_eq!((code, &done["added"]), (0, &json!(expected)), "{done}");
    let (code, page) = world.page(&["import", "benchmark", "SP500", file]).await;
    assert_eq!(code, 0);
    assert!(page.contains("nothing was changed"), "{page}");
    let (code, _) = world.page(&["import", "benchmark", "a:b", file]).await;
    assert_eq!(code, 2);
    std::fs::remove_file(&path).unwrap();
    let told =
        "select who || ' ' || action || ' ' || target || ' ' || (detail ->> 'from') from audit";
    assert_eq!(
        world.texts(told).await,
        ["it import-benchmark SP500 2016-06-30"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_new_or_different_makes_results_stale() {
    let world = World::new().await;
    let lot = format!("AAA,100,{},2016-12-20,PUBLIC", close("AAA", "2016-12-20"));
    world.book("book", "100000", "2016-12-20", &[&lot]).await;
    world.worker().await;
    world.run(&request(range("2016-12-21", "2016-12-23"))).await;
    let stale = async || {
        let sql = "select kind || ' ' || as_of from stale_result_sets order by 1";
        world.texts(sql).await
    };
    let weights = |date: &str, energy: &str, cash: &str| {
        format!("as_of,sector,weight\n{date},Energy,{energy}\n{date},Cash,{cash}\n")
    };
    let first = weights("2016-12-22", "0.60", "0.4");
    let told = world.benchmark("SP500", &first).await;
    assert_eq!(status(told), (Status::Updated, Some("2016-12-22".into())));
    let later = [
        "portfolio-analytics 2016-12-22",
        "portfolio-analytics 2016-12-23",
    ];
    assert_eq!(stale().await, later);
    world.run(&request(range("2016-12-21", "2016-12-23"))).await;
    assert_eq!(stale().await, [""; 0]);

    // The same in other words; other weights of a date replace them all; those of another date are added.
    let again = world
        .benchmark("SP500", &first.replace("0.60", "0.6"))
        .await;
    assert_eq!(status(again), (Status::Unchanged, None));
    assert_eq!(stale().await, [""; 0]);
    let other = "as_of,sector,weight\n2016-12-22,Energy,0.60\n2016-12-22,Cash,0.4\n2016-12-23,Utilities,1\n";
    let receipt = world.benchmark("SP500", other).await.unwrap();
    assert_eq!(receipt.added, [day("2016-12-23")]);
    assert_eq!(receipt.unchanged, [day("2016-12-22")]);
    assert_eq!(stale().await, later[1..]);
    let receipt = world
        .benchmark("SP500", &weights("2016-12-23", "0.5", "0.5"))
        .await
        .unwrap();
    assert_eq!(receipt.replaced, [day("2016-12-23")]);
    assert_eq!(
        stored(&world).await,
        [
            "SP500 2016-12-22 Cash 0.4",
            "SP500 2016-12-22 Energy 0.6",
            "SP500 2016-12-23 Cash 0.5",
            "SP500 2016-12-23 Energy 0.5"
        ]
    );
    world.run(&request(range("2016-12-21", "2016-12-23"))).await;
    let used = "select as_of || ' ' || benchmark_as_of || ' ' || string_agg(sector || ' ' || benchmark_weight, ',' order by sector)
                from active_weights group by as_of, benchmark_as_of order by 1";
    assert_eq!(
        world.texts(used).await,
        [
            "2016-12-22 2016-12-22 Cash 0.4,Energy 0.6",
            "2016-12-23 2016-12-23 Cash 0.5,Energy 0.5"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_book_against_an_index() {
    let world = World::shipped().await;
    let id = world.shipped_book("diversified").await;
    let ruin = world
        .book(
            "ruin",
            "1000",
            "2016-12-19",
            &[
                "AAPL,-500,27,2016-12-19,PUBLIC",
                "AAPL,600,60,2016-12-19,PUBLIC",
            ],
        )
        .await;
    world.worker().await;
    world.run(&request(on("2016-12-29"))).await;
    let (_, alone) = world.command(&["show", "diversified"]).await;
    let none = "no weights of a benchmark are loaded for this date or one before it";
    assert_eq!(alone["sectors"][0]["active"], json!([]));
    assert_eq!(alone["sectors"][0]["active_reason"], none);
    assert_eq!(world.count("select count(*) from active_weights").await, 0);
    let (code, page) = world
        .page(&["explain", "diversified", "active_weight:SP500:Energy"])
        .await;
    assert_eq!(code, 1);
    assert!(page.contains(none), "{page}");

    world.benchmark("SP500", INDEX).await.unwrap();
    let funds = "as_of,sector,weight\n2016-01-04,ETF,0.6\n2016-01-04,Cash,0.4\n";
    world.benchmark("Balanced funds", funds).await.unwrap();
    world.run(&request(on("2016-12-29"))).await;

    // The newest weights that are not younger; the sum is that of the book less that of the benchmark.
    let served = Served::new(&world).await;
    let path = format!("/api/v1/portfolios/{id}/results/sectors");
    let answer = served.viewer.get(&path).await.expect(200);
    let (_, shown) = world.command(&["show", "diversified"]).await;
    assert_eq!(answer["data"], shown["sectors"]);
    let rows = answer["data"].as_array().unwrap();
    let number = |value: &Value| value.as_f64().unwrap();
    let net: f64 = rows.iter().map(|row| number(&row["net_weight"])).sum();
    assert!((net - 1.0).abs() < 1e-12, "{net}");
    for (benchmark, as_of) in [("SP500", "2016-09-30"), ("Balanced funds", "2016-01-04")] {
        let (mut sum, mut weights) = (0.0, 0.0);
        for row in rows {
            let against = row["active"].as_array().unwrap().iter();
            let mut against = against.filter(|one| one["benchmark"] == benchmark);
            let Some(one) = against.next() else { continue };
            assert_eq!(one["benchmark_as_of"], as_of);
            let active = number(&one["active_weight"]);
            let expected = number(&row["net_weight"]) - number(&one["benchmark_weight"]);
            assert_eq!(active.to_bits(), expected.to_bits(), "{row}");
            sum += active;
            weights += number(&one["benchmark_weight"]);
        }
        assert!((weights - 1.0).abs() < 1e-12, "{benchmark} {weights}");
        assert!(sum.abs() < 1e-12, "{benchmark} {sum}");
    }
    let bucket = |sector: &str| rows.iter().find(|row| row["sector"] == sector).unwrap();
    // The book has no utilities, the index no cash.
    let utilities = bucket("Utilities");
    assert_eq!(
        (&utilities["net_value"], number(&utilities["net_weight"])),
        (&json!("0"), 0.0)
    );
    let names = |row: &Value| -> Vec<String> {
        let against = row["active"].as_array().unwrap().iter();
        against
            .map(|one| one["benchmark"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(utilities), ["SP500"]);
    assert_eq!(names(bucket("Cash")), ["Balanced funds", "SP500"]);
    assert_eq!(bucket("Cash")["active"][1]["benchmark_weight"], 0.0);

    let (code, made) = world
        .command(&["explain", "diversified", "active_weight:SP500:Energy"])
        .await;
    assert_eq!((code, &made["equal"]), (0, &json!(true)), "{made}");
    let energy = &bucket("Energy")["active"][1];
    assert_eq!(made["value"], energy["active_weight"]);
    let (_, page) = world.page(&["show", "diversified"]).await;
    assert!(
        page.contains("Active weights against SP500 of 2016-09-30"),
        "{page}"
    );
    let page = served.viewer.get(&format!("/portfolios/{id}")).await;
    assert!(
        page.text()
            .contains("Against SP500, weights of 2016-09-30.")
    );

    // A book that is worth less than nothing has no weights, and the reason that its sectors have.
    let path = format!("/api/v1/portfolios/{ruin}/results/sectors");
    let answer = served.viewer.get(&path).await.expect(200);
    for row in answer["data"].as_array().unwrap() {
        assert_eq!(row["reason"], "nonpositive_nav", "{row}");
        for one in row["active"].as_array().unwrap() {
            assert_eq!(one["active_weight"], Value::Null);
            assert_eq!(one["reason"], "nonpositive_nav");
        }
    }
}
