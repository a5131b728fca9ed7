//! Results: from one published date, with reasons for what is missing, and never zero for it.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Value, json};
use sigmabatch::domain::PortfolioId;

use super::client::{Answer, Client};
use super::{Served, book};
use crate::market::{Folder, close};
use crate::world::{World, on, range, request};

/// Every null beside a reason, no number that is none.
fn sound(value: &Value) {
    let text = value.to_string();
    assert!(
        !text.contains("NaN") && !text.contains("Infinity"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_published_date_is_shown_and_what_is_missing_says_why() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let viewer = &served.viewer;
    let id = book(&world, "book").await;
    let path = |section: &str| format!("/api/v1/portfolios/{id}/results/{section}");
    let none = viewer.get(&path("overview")).await.expect(200);
    assert_eq!(none["available"], false);
    assert_eq!(none["reason"], "nothing_published");
    assert_eq!(none["data"], Value::Null);

    world.worker().await;
    let older = world.run(&request(on("2016-12-29"))).await;
    let newest = world.run(&request(on("2016-12-30"))).await;
    let (_, shown) = world.command(&["show", "book"]).await;
    let overview = viewer.get(&path("overview")).await.expect(200);
    assert_eq!(overview["available"], true);
    assert_eq!(overview["as_of"], "2016-12-30");
    assert_eq!(overview["run_id"], json!(newest.run));
    assert_eq!(
        overview["data"]["nav"], shown["nav"],
        "as the command line says"
    );
    assert!(overview["data"]["nav"].is_string(), "money is decimal text");
    for (section, key) in [
        ("positions", "positions"),
        ("risk", "risk"),
        ("volatility", "volatility"),
        ("correlation", "correlation"),
        ("concentration", "concentration"),
        ("sectors", "sectors"),
        ("stress", "stress"),
        ("fits", "fits"),
        ("options", "options"),
        ("value-at-risk", "value_at_risk"),
        ("replays", "historical_replays"),
        ("reverse-stress", "reverse_stress"),
        ("data-quality", "data_quality"),
        ("completeness", "completeness"),
    ] {
        let answer = viewer.get(&path(section)).await.expect(200);
        assert_eq!(answer["data"], shown[key], "{section}");
        assert_eq!(answer["as_of"], "2016-12-30");
        assert!(
            answer["available"] == true || answer["reason"].is_string(),
            "{answer}"
        );
        sound(&answer);
    }
    let exposures = viewer.get(&path("exposures")).await.expect(200);
    assert_eq!(exposures["data"]["factors"], shown["factors"]);
    let position = &exposures["data"]["positions"][0];
    assert_eq!(position["slopes"], shown["positions"][0]["slopes"]);
    assert!(
        position["slopes"]["Market"]["low_95"].is_number(),
        "{position}"
    );
    // A year and a half of prices ends before any crisis has: the first one's reason is the section's.
    let replays = viewer.get(&path("replays")).await.expect(200);
    assert_eq!(
        (&replays["available"], &replays["reason"]),
        (&json!(false), &json!("insufficient_data"))
    );
    assert!(
        replays["reason_text"]
            .as_str()
            .unwrap()
            .contains("no closes of SP500 on "),
        "{replays}"
    );

    let dated = viewer
        .get(&format!("{}?date=2016-12-29", path("overview")))
        .await
        .expect(200);
    assert_eq!(dated["run_id"], json!(older.run));
    for (query, reason) in [
        ("date=2016-12-28", "not_computed"),
        ("date=2016-12-26", "no_session"),
        ("date=2016-12-01", "before_inception"),
        ("date=2017-01-05", "not_eligible"),
    ] {
        let answer = viewer
            .get(&format!("{}?{query}", path("risk")))
            .await
            .expect(200);
        assert_eq!(
            (&answer["available"], &answer["reason"]),
            (&json!(false), &json!(reason))
        );
        assert_eq!(answer["as_of"], Value::Null, "never another date's numbers");
    }
    viewer.get(&path("magic")).await.expect(404);
    viewer
        .get("/api/v1/portfolios/none/results/risk")
        .await
        .expect(404);
    let wrong = viewer
        .get(&format!("{}?date=today", path("risk")))
        .await
        .expect(400);
    assert_eq!(wrong["field"], "date");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_tagged_packed_and_tabled() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let viewer = &served.viewer;
    let id = book(&world, "book").await;
    world.worker().await;
    world.run(&request(on("2016-12-29"))).await;
    let path = format!("/api/v1/portfolios/{id}/results/positions");
    let first = viewer.get(&path).await;
    let tag = first.headers["etag"].clone();
    let again = viewer
        .ask("GET", &path, &[("if-none-match", &tag)], b"")
        .await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let packed = viewer
        .ask("GET", &path, &[("accept-encoding", "gzip")], b"")
        .await;
    assert_eq!(packed.headers["content-encoding"], "gzip");
    assert!(packed.body.len() < first.body.len());
    let table = viewer
        .ask("GET", &path, &[("accept", "text/csv")], b"")
        .await;
    assert!(table.headers["content-type"].starts_with("text/csv"));
    assert!(
        table.text().lines().count() == 2 && table.text().contains("AAA"),
        "{}",
        table.text()
    );
    assert_ne!(table.headers["etag"], tag, "another form is another answer");
    // Tags are live, the sectors of an answer are those of its date.
    for change in [
        "insert into tags (name, kind) values ('Utilities', 'sector') on conflict do nothing",
        "update position_tags set tag = 'Utilities' where kind = 'sector'",
    ] {
        sqlx::query(change).execute(&world.db).await.unwrap();
    }
    let retagged = viewer.get(&path).await;
    assert_eq!(retagged.headers["etag"], tag);
    assert_eq!(retagged.expect(200)["data"][0]["sector"], "Energy");
    // After another run of the date it is another answer.
    let again = sigmabatch::engine::Request {
        force: true,
        ..request(on("2016-12-29"))
    };
    world.run(&again).await;
    let renewed = viewer
        .ask("GET", &path, &[("if-none-match", &tag)], b"")
        .await;
    assert_eq!(renewed.status, 200);

    world.run(&request(on("2016-12-30"))).await;
    let series = format!("/api/v1/portfolios/{id}/snapshots");
    let page = viewer.get(&format!("{series}?limit=1")).await.expect(200);
    assert_eq!(page["data"][0]["as_of"], "2016-12-29");
    assert!(page["data"][0]["nav"].is_string());
    let next = page["next"].as_str().unwrap();
    let rest = viewer
        .get(&format!("{series}?cursor={next}"))
        .await
        .expect(200);
    assert_eq!(rest["as_of"], "2016-12-30");
    assert_eq!(
        (rest["data"].as_array().unwrap().len(), &rest["next"]),
        (1, &Value::Null)
    );
}

/// The lots of a date by their sectors, with what they are worth together, and the buckets of the date without cash.
async fn by_sector(viewer: &Client, id: PortfolioId, date: &str) -> [BTreeMap<String, Decimal>; 2] {
    let rows = async |section: &str, sector: &str, value: &str| {
        let path = format!("/api/v1/portfolios/{id}/results/{section}?date={date}");
        let answer = viewer.get(&path).await.expect(200);
        let mut sums: BTreeMap<String, Decimal> = BTreeMap::new();
        for row in answer["data"].as_array().unwrap() {
            let value: Decimal = row[value].as_str().unwrap().parse().unwrap();
            *sums
                .entry(row[sector].as_str().unwrap().to_owned())
                .or_default() += value;
        }
        sums.remove("Cash");
        sums
    };
    [
        rows("positions", "sector", "market_value").await,
        rows("sectors", "sector", "net_value").await,
    ]
}

/// AAA changes its sector between the dates, BBB is sold between them, and a private asset has none.
#[tokio::test(flavor = "multi_thread")]
async fn lots_and_buckets_of_a_date_are_of_the_same_sectors() {
    let folder = Folder::new();
    folder.profiles("AAA,Energy,EQUITY,,\nBBB,Utilities,EQUITY,,\nDDD,,ETF,,\n");
    let world = World::at("2016-12-30T23:00:00Z", folder.path()).await;
    let served = Served::new(&world).await;
    let lot = |symbol: &str, rest: &str| {
        let price = close(symbol, "2016-12-20");
        format!("{symbol},10,{price},2016-12-20,PUBLIC{rest}")
    };
    let lots = [
        lot("AAA", ""),
        lot("BBB", ",,,,,,2016-12-29,60"),
        lot("CCC", ""),
        lot("DDD", ""),
        "HOUSE,1,20000,2016-12-20,PRIVATE".to_owned(),
    ];
    let lots: Vec<&str> = lots.iter().map(String::as_str).collect();
    let id = world.book("book", "100000", "2016-12-20", &lots).await;
    world.worker().await;
    world.run(&request(on("2016-12-28"))).await;
    let [positions, buckets] = by_sector(&served.viewer, id, "2016-12-28").await;
    assert_eq!(positions, buckets);
    let names: Vec<&str> = positions.keys().map(String::as_str).collect();
    assert_eq!(names, ["ETF", "Energy", "Unclassified", "Utilities"]);

    folder.profiles("AAA,Materials,EQUITY,,\nDDD,,ETF,,\n");
    world.run(&request(on("2016-12-30"))).await;
    let again = by_sector(&served.viewer, id, "2016-12-28").await;
    assert_eq!(again, [positions.clone(), positions]);
    let [positions, buckets] = by_sector(&served.viewer, id, "2016-12-30").await;
    assert_eq!(positions, buckets);
    let names: Vec<&str> = positions.keys().map(String::as_str).collect();
    assert_eq!(names, ["ETF", "Materials", "Unclassified"]);
}

/// The cells of a table, its header first.
fn cells(table: &Answer) -> Vec<Vec<String>> {
    assert_eq!(table.status, 200, "{}", table.text());
    assert!(table.headers["content-type"].starts_with("text/csv"));
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(table.body.as_slice());
    let rows = reader.records();
    rows.map(|row| row.unwrap().iter().map(ToOwned::to_owned).collect())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_says_where_it_goes_on() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let viewer = &served.viewer;
    let id = book(&world, "book").await;
    world.worker().await;
    world.run(&request(range("2016-12-27", "2016-12-30"))).await;
    let table = async |path: &str| {
        let csv = [("accept", "text/csv")];
        viewer.ask("GET", path, &csv, b"").await
    };
    let first = format!("/api/v1/portfolios/{id}/snapshots?limit=3&strict=false");
    let prices = "/api/v1/symbols/AAA/prices?from=2016-12-27&limit=3".to_owned();
    for (first, column) in [(first, "as_of"), (prices, "date")] {
        let (mut path, mut dates) = (Some(first.clone()), Vec::new());
        while let Some(here) = path {
            let page = table(&here).await;
            let rows = cells(&page);
            let place = rows
                .first()
                .and_then(|head| head.iter().position(|name| name == column));
            dates.extend(rows.iter().skip(1).map(|row| row[place.unwrap()].clone()));
            let link = page.headers.get("link");
            path = link.map(|link| {
                let (target, rest) = link.trim_start_matches('<').split_once('>').unwrap();
                assert_eq!(rest, "; rel=\"next\"");
                target.to_owned()
            });
            assert!(dates.len() <= 4, "{dates:?}");
        }
        assert_eq!(
            dates,
            ["2016-12-27", "2016-12-28", "2016-12-29", "2016-12-30"],
            "{first}"
        );
        assert!(
            viewer.get(&first).await.headers.contains_key("link"),
            "JSON says it too"
        );
    }
    for path in ["snapshots", "positions", "explain/nav"] {
        let path = format!("/api/v1/portfolios/{id}/{path}");
        let tag = viewer.get(&path).await.headers["etag"].clone();
        let known = [("if-none-match", tag.as_str())];
        let again = viewer.ask("GET", &path, &known, b"").await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
    }
}

/// Whoever reads tables gets one also of what is not there: with the same columns, and the reason in headers.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_what_is_missing_has_its_columns_and_says_why() {
    let document = super::document::Document::generated();
    let world = World::new().await;
    let served = Served::new(&world).await;
    let id = book(&world, "book").await;
    let own = format!("/api/v1/portfolios/{id}");
    let csv = [("accept", "text/csv")];
    let ask = async |path: &str| served.viewer.ask("GET", path, &csv, b"").await;
    let sections = super::shapes::sections(&document);
    let mut paths: Vec<String> = sections
        .iter()
        .map(|name| format!("{own}/results/{name}"))
        .collect();
    for rest in ["performance", "drawdowns", "snapshots"] {
        paths.push(format!("{own}/{rest}"));
    }
    let mut heads = std::collections::BTreeMap::new();
    for path in &paths {
        let table = ask(path).await;
        assert_eq!(table.status, 200, "{path}");
        assert!(
            table.headers["content-type"].starts_with("text/csv"),
            "{path}"
        );
        let rows = cells(&table);
        assert!(rows.len() == 1 && rows[0].len() > 1, "{path}: {rows:?}");
        let told = ["available", "reason"]
            .map(|name| table.headers[&format!("sigmabatch-{name}")].clone());
        assert_eq!(told, ["false", "nothing_published"], "{path}");
        assert!(!table.headers.contains_key("sigmabatch-run-id"), "{path}");
        heads.insert(path.clone(), rows[0].clone());
    }
    world.worker().await;
    let run = world.run(&request(on("2016-12-30"))).await.run.to_string();
    let mut there = 0;
    for (path, head) in &heads {
        let table = ask(path).await;
        let rows = cells(&table);
        assert_eq!(&rows[0], head, "{path}: the columns are the same");
        // As JSON says it: a book of one stock has no correlation and no contract.
        let told = served.viewer.get(path).await.expect(200);
        let available = told["available"].to_string();
        assert_eq!(table.headers["sigmabatch-available"], available, "{path}");
        there += usize::from(available == "true" && rows.len() > 1);
        assert_eq!(table.headers["sigmabatch-as-of"], "2016-12-30", "{path}");
        assert_eq!(table.headers["sigmabatch-run-id"], run, "{path}");
    }
    assert!(there > 10, "{there}");
    // Two reasons are two answers.
    let risk = format!("{own}/results/risk");
    let of = async |date: &str| ask(&format!("{risk}?date={date}")).await;
    let (sunday, early) = (of("2016-12-25").await, of("2016-12-16").await);
    assert_eq!(sunday.body, early.body);
    assert_eq!(
        [&sunday, &early].map(|table| table.headers["sigmabatch-reason"].as_str()),
        ["no_session", "before_inception"]
    );
    assert_ne!(sunday.headers["etag"], early.headers["etag"]);
    let route = "/api/v1/portfolios/{portfolio_id}/results/{section}";
    let said = &document.0["paths"][route]["get"]["responses"]["200"];
    assert!(said["content"]["text/csv"].is_object(), "{said:#}");
    for name in table_headers(&sunday) {
        assert!(said["headers"][&name].is_object(), "{name}: {said:#}");
    }
}

/// The headers in which a table says what stands around its rows.
fn table_headers(answer: &Answer) -> Vec<String> {
    let names = answer
        .headers
        .keys()
        .filter(|name| name.starts_with("sigmabatch-"));
    names.cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sections_are_tables_where_that_makes_sense() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let rows = ["AAA", "BBB", "CCC"].map(|symbol| {
        format!(
            "{symbol},100,{},2016-12-19,PUBLIC",
            close(symbol, "2016-12-19")
        )
    });
    let rows = rows.each_ref().map(String::as_str);
    let id = world.book("book", "100000", "2016-12-19", &rows).await;
    world.worker().await;
    world.run(&request(on("2016-12-30"))).await;
    let own = format!("/api/v1/portfolios/{id}");
    let csv = [("accept", "text/csv")];
    let ask = async |path: &str| {
        served
            .viewer
            .ask("GET", &format!("{own}/{path}"), &csv, b"")
            .await
    };
    for (section, column) in [
        ("overview", "nav"),
        ("volatility", "realised_21"),
        ("concentration", "hhi"),
        ("exposures", "beta"),
        ("fits", "factor"),
        ("risk", "contribution"),
        ("correlation", "correlation"),
        ("completeness", "outcome"),
        ("data-quality", "symbol"),
        ("positions", "quantity"),
    ] {
        let path = format!("results/{section}");
        let rows = cells(&ask(&path).await);
        assert!(
            rows.len() > 1 && rows[0].iter().any(|name| name == column),
            "{section}: {rows:?}"
        );
    }
    // One row for each pair, with the number of the document.
    let rows = cells(&ask("results/correlation").await);
    let document = served
        .viewer
        .get(&format!("{own}/results/correlation"))
        .await
        .expect(200);
    let data = &document["data"];
    let of = |name: &str| rows[0].iter().position(|known| known == name).unwrap();
    assert_eq!(rows.len(), 4, "three symbols have three pairs");
    for row in &rows[1..] {
        let place = |name: &str| {
            let symbols = data["symbols"].as_array().unwrap();
            symbols
                .iter()
                .position(|symbol| symbol == row[of(name)].as_str())
                .unwrap()
        };
        let value = &data["matrix"][place("symbol")][place("other")];
        assert_eq!(row[of("correlation")], value.to_string());
        // Fisher's z over the 252 sessions of the window, whose smallest pair has as many common returns.
        let (rho, deviation) = (value.as_f64().unwrap(), 1.0 / 249_f64.sqrt());
        for (end, z) in [
            ("low_95", -1.959_963_984_540_054),
            ("high_95", 1.959_963_984_540_054),
        ] {
            let have: f64 = row[of(end)].parse().unwrap();
            let want = (rho.atanh() + z * deviation).tanh();
            assert!((have - want).abs() < 1e-12, "{end}: {have}, not {want}");
        }
    }
    let refused = ask("explain/nav").await;
    assert_eq!(refused.expect(406)["type"], "/docs#problem-not-acceptable");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tag_of_risk_knows_that_its_bias_is_of_other_dates() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let viewer = &served.viewer;
    let id = book(&world, "book").await;
    world.worker().await;
    world.run(&request(on("2016-12-30"))).await;
    let path = format!("/api/v1/portfolios/{id}/results/risk?date=2016-12-30");
    let first = viewer.get(&path).await;
    assert_eq!(first.expect(200)["data"]["bias"]["n"], 0);
    let tag = first.headers["etag"].clone();
    let known = async || {
        viewer
            .ask("GET", &path, &[("if-none-match", &tag)], b"")
            .await
    };
    assert_eq!(known().await.status, 304);

    // The day before is computed later: the run of the date is as it was, its bias is not.
    world.run(&request(on("2016-12-29"))).await;
    let second = known().await;
    let document = second.expect(200);
    assert_eq!(document["run_id"], first.json()["run_id"]);
    assert_eq!(document["data"]["bias"]["n"], 1, "{document}");
    assert_ne!(second.headers["etag"], tag);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portfolio_that_is_taken_away_is_not_there_any_more() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let (gone, kept) = (book(&world, "gone").await, book(&world, "kept").await);
    let path = format!("/api/v1/portfolios/{gone}");
    assert_eq!(served.viewer.get(&path).await.expect(200)["name"], "gone");
    let page = served
        .viewer
        .get("/api/v1/portfolios?limit=1")
        .await
        .expect(200);
    assert_eq!(
        (&page["portfolios"][0]["name"], &page["next"]),
        (&json!("gone"), &json!(gone))
    );
    let delete = async || served.operator.ask("DELETE", &path, &[], b"").await;
    assert_eq!(delete().await.expect(200)["deleted"], true);
    delete().await.expect(404);
    served.viewer.get(&path).await.expect(404);
    let owner = served.owner(&world, &[gone]).await;
    let page = owner.get("/api/v1/symbols").await;
    let symbols = page.expect(200);
    let mut symbols = symbols["symbols"].as_array().unwrap().iter();
    assert!(symbols.all(|row| row["symbol"] != "AAA"), "{}", page.text());
    let rest = served.viewer.get("/api/v1/portfolios").await.expect(200);
    let ids: Vec<&Value> = rest["portfolios"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["portfolio_id"])
        .collect();
    assert_eq!(ids, [&json!(kept)]);
    let audited = world
        .texts("select target from audit where action = 'delete-portfolio'")
        .await;
    assert_eq!(audited, [gone.to_string()]);
    // Nobody computes it either.
    let planned = served
        .operator
        .post("/api/v1/admin/batch/run", &json!({}))
        .await
        .expect(202);
    assert_eq!(planned["portfolios"], 1);
}

/// Whoever turns the pages while a portfolio is taken away goes on behind its place; what is no place, or none of the caller's, is
/// refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_goes_on_behind_a_portfolio_that_is_deleted_meanwhile() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let mut ids = Vec::new();
    for name in ["a", "b", "c", "d"] {
        ids.push(book(&world, name).await);
    }
    let owner = served.owner(&world, &[ids[0], ids[1], ids[3]]).await;
    let [first, second] = [ids[0], ids[1]];
    let of = |cursor: PortfolioId| format!("/api/v1/portfolios?limit=1&cursor={cursor}");
    let page = served.viewer.get(&of(first)).await.expect(200);
    assert_eq!(page["next"], json!(second));
    for gone in [second, ids[2]] {
        let path = format!("/api/v1/portfolios/{gone}");
        let answer = served.operator.ask("DELETE", &path, &[], b"").await;
        answer.expect(200);
    }
    for client in [&served.viewer, &owner] {
        let page = client.get(&of(second)).await.expect(200);
        assert_eq!(page["portfolios"][0]["portfolio_id"], json!(ids[3]));
        assert_eq!(page["portfolios"].as_array().unwrap().len(), 1);
        assert_eq!(page["next"], Value::Null);
    }
    let page = format!("/portfolios?cursor={second}");
    assert_eq!(served.viewer.get(&page).await.status, 200);
    // Of others, it is no place, be it deleted or not.
    let stranger = served.owner(&world, &[first]).await;
    let never = PortfolioId::of("nobody", "nothing");
    for (client, cursor) in [
        (&owner, ids[2]),
        (&stranger, second),
        (&stranger, ids[3]),
        (&served.viewer, never),
    ] {
        let refused = client.get(&of(cursor)).await.expect(400);
        assert_eq!(refused["field"], "cursor", "{cursor}");
    }
}

/// Of a book with a symbol that nobody knows: the fits of the others are there, and its own has its reason.
#[tokio::test(flavor = "multi_thread")]
async fn fits_are_available_where_one_of_them_is() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let known = format!("AAA,100,{},2016-12-19,PUBLIC", close("AAA", "2016-12-19"));
    let unknown = "ZZZ,10,10,2016-12-19,PUBLIC";
    let lots = [known.as_str(), unknown];
    let some = world.book("some", "100000", "2016-12-19", &lots).await;
    let none = world.book("none", "100000", "2016-12-19", &[unknown]).await;
    world.worker().await;
    world.run(&request(on("2016-12-30"))).await;
    let ask = async |id: PortfolioId, kind: &str| {
        let path = format!("/api/v1/portfolios/{id}/results/fits");
        let accept = [("accept", kind)];
        served.viewer.ask("GET", &path, &accept, b"").await
    };
    let fits = ask(some, "application/json").await.expect(200);
    assert_eq!(
        (&fits["available"], &fits["reason"], &fits["reason_text"]),
        (&json!(true), &Value::Null, &Value::Null)
    );
    let there = |symbol: &str| {
        let fit = &fits["data"][symbol];
        (fit["available"].clone(), fit["reason"].is_string())
    };
    assert_eq!(there("AAA"), (json!(true), false));
    assert_eq!(there("ZZZ"), (json!(false), true));
    let table = ask(some, "text/csv").await;
    assert_eq!(table.headers["sigmabatch-available"], "true");
    assert!(cells(&table).len() > 1, "{}", table.text());

    let fits = ask(none, "application/json").await.expect(200);
    assert_eq!(
        (&fits["available"], &fits["reason"]),
        (&json!(false), &json!("insufficient_data"))
    );
    assert_eq!(fits["data"]["ZZZ"]["available"], false, "{fits}");
}
