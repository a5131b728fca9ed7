//! Data quality through a whole night: faults of the provider's series are found, shown and counted, and no number hides them.

use serde_json::{Value, json};

use crate::market::{Folder, close};
use crate::world::{World, on, request};

/// Sessions of the year before 2016-12-29.
const TICK: &str = "2016-09-15";
const HOLE: [&str; 2] = ["2016-11-17", "2016-11-18"];

fn findings(document: &Value, symbol: &str) -> Vec<(String, String, String)> {
    let series = document["data_quality"]["series"].as_array().unwrap();
    let own = series.iter().find(|one| one["symbol"] == symbol).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let evidence = own["evidence"].as_array().unwrap().iter();
    evidence
        .map(|one| (text(&one["check"]), text(&one["from"]), text(&one["to"])))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_series_are_found_counted_and_shown_and_never_filled() {
    let mut folder = Folder::new();
    let tick: f64 = close("AAA", TICK).parse().unwrap();
    folder.correct("AAA", TICK, 1.4 * tick);
    folder.remove("BBB", |date| HOLE.contains(&date));
    // No price at all: it stops neither the night nor the others.
    folder.correct("DDD", "2016-10-05", -3.0);
    folder.correct("DDD", "2016-10-12", 0.0);
    let world = World::at("2016-12-30T23:00:00Z", folder.path()).await;
    let rows = ["AAA", "BBB", "CCC", "DDD"].map(|symbol| {
        format!(
            "{symbol},100,{},2016-12-28,PUBLIC",
            close(symbol, "2016-12-28")
        )
    });
    let rows = rows.each_ref().map(String::as_str);
    world.book("book", "100000", "2016-12-28", &rows).await;
    world.worker().await;

    world.run(&request(on("2016-12-29"))).await;

    let (code, document) = world.command(&["show", "book"]).await;
    assert_eq!(code, 0);
    let found = |check: &str, from: &str, to: &str| vec![(check.into(), from.into(), to.into())];
    assert_eq!(findings(&document, "AAA"), found("bad_tick", TICK, TICK));
    assert_eq!(findings(&document, "BBB"), found("gap", HOLE[0], HOLE[1]));
    assert_eq!(findings(&document, "CCC"), []);
    let refused =
        ["2016-10-05", "2016-10-12"].map(|on| ("non_positive".into(), on.into(), on.into()));
    assert_eq!(findings(&document, "DDD"), refused);
    assert_eq!(document["completeness"]["findings"], 4);
    assert_eq!(document["data_quality"]["findings"], 4);
    let told = "select reason from symbol_outcomes where outcome = 'refused' order by date";
    assert_eq!(
        world.texts(told).await,
        [
            "the provider's close of 2016-10-05 is -3, which is no price",
            "the provider's close of 2016-10-12 is 0, which is no price"
        ]
    );
    let kept = "select count(*) from market_data_cache where symbol = 'DDD' and date in ('2016-10-05', '2016-10-12')";
    assert_eq!(world.count(kept).await, 0);
    let tick = &document["data_quality"]["series"][0]["evidence"][0];
    assert_eq!(tick["values"].as_array().unwrap().len(), 3);
    let (_, page) = world.page(&["show", "book"]).await;
    assert!(page.contains("data quality: 4 findings in"), "{page}");
    assert!(
        page.contains("bad tick") && page.contains("and taken back"),
        "{page}"
    );

    // Two sessions without a close are three returns that are not there: nothing is filled in.
    let n: Vec<i32> = sqlx::query_scalar("select n from symbol_factor_models order by symbol")
        .fetch_all(&world.db)
        .await
        .unwrap();
    assert_eq!(n[1], n[2] - 3, "{n:?}");
    // The close as the provider has it is what stands in the cache.
    let kept: f64 = sqlx::query_scalar(
        "select close::float8 from market_data_cache where symbol = 'AAA' and date = '2016-09-15'",
    )
    .fetch_one(&world.db)
    .await
    .unwrap();
    assert!((kept / close("AAA", TICK).parse::<f64>().unwrap() - 1.4).abs() < 1e-3);
}

/// 300 sessions before the date: no model looks at it, and the forecast of volatility does.
#[tokio::test(flavor = "multi_thread")]
async fn a_fault_before_the_year_of_the_models_is_found_where_volatility_looks() {
    let tick = "2015-10-21";
    let mut folder = Folder::new();
    let right: f64 = close("AAA", tick).parse().unwrap();
    folder.correct("AAA", tick, 10.0 * right);
    let world = World::at("2016-12-30T23:00:00Z", folder.path()).await;
    let row = format!("AAA,100,{},2016-12-28,PUBLIC", close("AAA", "2016-12-28"));
    world.book("book", "100000", "2016-12-28", &[&row]).await;
    world.worker().await;

    world.run(&request(on("2016-12-29"))).await;

    let (code, document) = world.command(&["show", "book"]).await;
    assert_eq!(code, 0, "{document}");
    let found = [("bad_tick".to_owned(), tick.to_owned(), tick.to_owned())];
    assert_eq!(findings(&document, "AAA"), found);
    assert_eq!(document["completeness"]["findings"], 1);
    let looked = "select sessions::bigint from data_quality where symbol = 'AAA'";
    assert_eq!(world.count(looked).await, 531);
}

/// The shipped data in the window of a night: nothing to report, in any series, proxies and yield included.
#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_data_raises_no_alarm() {
    let world = World::shipped().await;
    for book in ["diversified", "testscotty"] {
        world.shipped_book(book).await;
    }
    world.worker().await;

    world.run(&request(on("2016-12-30"))).await;

    let found = world
        .texts("select symbol || evidence from data_quality where findings > 0")
        .await;
    assert_eq!(found, Vec::<String>::new());
    // 20 stocks, 10 ETFs, 3 funds without data, and 8 proxies.
    let series = world
        .texts("select symbol from data_quality order by symbol")
        .await;
    assert_eq!(series.len(), 41, "{series:?}");
    let empty = world
        .texts("select symbol from data_quality where observed = 0 order by symbol")
        .await;
    assert_eq!(empty, ["GGIPX", "GINDX", "IWF", "NEAIX"]);
    let (_, document) = world.command(&["show", "diversified"]).await;
    assert_eq!(document["completeness"]["findings"], json!(0));
}

/// A close that is mended is checked again: the set of the series is stale, the next run replaces it.
#[tokio::test(flavor = "multi_thread")]
async fn a_mended_series_is_checked_again() {
    let mut folder = Folder::new();
    let good: f64 = close("AAA", TICK).parse().unwrap();
    folder.correct("AAA", TICK, 1.4 * good);
    let world = World::at("2016-12-30T23:00:00Z", folder.path()).await;
    let row = format!("AAA,100,{},2016-12-28,PUBLIC", close("AAA", "2016-12-28"));
    world.book("book", "100000", "2016-12-28", &[&row]).await;
    world.worker().await;
    world.run(&request(on("2016-12-29"))).await;
    let count = "select findings::bigint from data_quality where symbol = 'AAA'";
    assert_eq!(world.count(count).await, 1);

    folder.correct("AAA", TICK, good);
    world
        .run(&sigmabatch::engine::Request {
            force: true,
            ..request(on("2016-12-29"))
        })
        .await;

    assert_eq!(world.count(count).await, 0);
    let stale = "select count(*) from stale_result_sets where kind = 'data-quality'";
    assert_eq!(world.count(stale).await, 0);
}

/// A wrong close on the date itself: nothing says yet that it is one, and the next session does. What was said of the date stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_jump_of_the_date_is_unconfirmed_and_the_next_session_tells_what_it_was() {
    let mut folder = Folder::new();
    let date = "2016-12-29";
    let wrong: f64 = close("AAA", date).parse().unwrap();
    folder.correct("AAA", date, 1.489 * wrong);
    let world = World::at("2016-12-30T23:00:00Z", folder.path()).await;
    let row = format!("AAA,100,{},2016-12-28,PUBLIC", close("AAA", "2016-12-28"));
    world.book("book", "100000", "2016-12-28", &[&row]).await;
    world.worker().await;

    world.run(&request(on(date))).await;
    world.run(&request(on("2016-12-30"))).await;

    let found = |check: &str| vec![(check.to_owned(), date.to_owned(), date.to_owned())];
    let (code, then) = world.command(&["show", "book", "--date", date]).await;
    assert_eq!(code, 0, "{then}");
    assert_eq!(findings(&then, "AAA"), found("unconfirmed_jump"));
    let (_, page) = world.page(&["show", "book", "--date", date]).await;
    assert!(
        page.contains("unconfirmed jump") && page.contains("close confirms it"),
        "{page}"
    );
    let (code, now) = world.command(&["show", "book"]).await;
    assert_eq!(code, 0, "{now}");
    assert_eq!(findings(&now, "AAA"), found("bad_tick"));
}
