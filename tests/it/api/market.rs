//! Symbols and the calendar, as callers see them.

use serde_json::{Value, json};

use super::{Served, book};
use crate::market::{Folder, close};
use crate::world::{World, on, request};

const NOW: &str = "2017-01-01T12:00:00-05:00";

#[tokio::test(flavor = "multi_thread")]
async fn a_symbol_tells_its_closes_its_gaps_and_why() {
    let mut folder = Folder::new();
    folder.remove("AAA", |date| date == "2016-12-22");
    let world = World::scripted(NOW, &folder).await;
    let served = Served::new(&world).await;
    let viewer = &served.viewer;
    book(&world, "book").await;
    viewer.get("/api/v1/symbols/AAA/prices").await.expect(404);
    world.worker().await;
    let run = world.run(&request(on("2016-12-30"))).await;

    let range = "from=2016-12-19&to=2016-12-30";
    let prices = viewer
        .get(&format!("/api/v1/symbols/AAA/prices?{range}"))
        .await
        .expect(200);
    let rows = prices["data"].as_array().unwrap();
    assert_eq!(rows.len(), 9, "sessions: {prices}");
    let of = |date: &str| rows.iter().find(|row| row["date"] == date).unwrap();
    let known: f64 = close("AAA", "2016-12-19").parse().unwrap();
    let told: f64 = of("2016-12-19")["close"].as_str().unwrap().parse().unwrap();
    assert!((told - known).abs() < 1e-9);
    let gap = of("2016-12-22");
    assert_eq!(gap["close"], Value::Null);
    assert!(
        gap["reason"].as_str().is_some_and(|why| !why.is_empty()),
        "{gap}"
    );
    assert_eq!(
        (&prices["gaps"], &prices["available"]),
        (&json!(1), &json!(true))
    );
    assert_eq!(prices["as_of"], "2016-12-30");
    assert_eq!(prices["run_id"], Value::Null);
    assert!(prices["run_id_reason"].is_string(), "{prices}");

    let first = viewer
        .get(&format!("/api/v1/symbols/AAA/prices?{range}&limit=4"))
        .await
        .expect(200);
    let next = first["next"].as_str().unwrap();
    let rest = viewer
        .get(&format!("/api/v1/symbols/AAA/prices?{range}&cursor={next}"))
        .await
        .expect(200);
    let both = [&first, &rest].map(|page| page["data"].as_array().unwrap().clone());
    assert_eq!(&both.concat(), rows);
    assert_eq!(rest["next"], Value::Null);

    let metrics = viewer.get("/api/v1/symbols/AAA/metrics").await.expect(200);
    assert_eq!(
        (&metrics["available"], &metrics["run_id"]),
        (&json!(true), &json!(run.run))
    );
    assert!(metrics["data"]["close"].is_string() && metrics["data"]["return_1d"].is_number());
    let returns = metrics["data"].as_object().unwrap().iter();
    let known = returns.filter(|(name, value)| name.starts_with("return_") && value.is_number());
    assert_eq!(
        (&metrics["covered"], &metrics["expected"]),
        (&json!(known.count()), &json!(6))
    );
    let factors = viewer.get("/api/v1/symbols/AAA/factors").await.expect(200);
    assert_eq!(factors["available"], true, "{factors}");
    let slopes = factors["data"]["exposures"].as_array().unwrap();
    assert!(slopes.iter().any(|slope| slope["model"] == "joint"));
    let none = viewer
        .get("/api/v1/symbols/AAA/factors?date=2016-12-28")
        .await
        .expect(200);
    assert_eq!(
        (&none["available"], &none["reason"]),
        (&json!(false), &json!("not_computed"))
    );

    // Who wants only what is complete has the sessions with a close, and hears how many have none.
    let strict = format!("/api/v1/symbols/AAA/prices?{range}&strict=true");
    let strict = viewer.get(&strict).await.expect(200);
    assert_eq!(strict["data"].as_array().unwrap().len(), 8, "{strict}");
    for page in [&prices, &strict] {
        assert_eq!(
            (&page["gaps"], &page["quality"]),
            (&json!(1), &json!({ "strict": false }))
        );
        assert_eq!(page["coverage"], json!(8.0 / 9.0));
        assert_eq!(page["calculation_date"], "2016-12-30");
    }

    let page = viewer.get("/api/v1/symbols?limit=1").await.expect(200);
    let aaa = &page["symbols"][0];
    assert_eq!(
        (&aaa["symbol"], &aaa["class"]),
        (&json!("AAA"), &json!("PUBLIC"))
    );
    assert!(
        aaa["outcomes"]["priced"].as_i64().unwrap() > 200 && aaa["outcomes"]["no_data"] == 1,
        "{aaa}"
    );
    let rest = viewer.get("/api/v1/symbols?cursor=AAA").await.expect(200);
    let classes = rest["symbols"].as_array().unwrap().iter();
    assert!(
        classes.clone().count() > 2 && classes.clone().all(|row| row["class"] == "PROXY"),
        "{rest}"
    );
}

/// Of a symbol's slopes, the one of a model.
fn slope<'a>(factors: &'a Value, model: &str, factor: &str) -> &'a Value {
    let mut slopes = factors["data"]["exposures"].as_array().unwrap().iter();
    let found = slopes.find(|slope| slope["model"] == model && slope["factor"] == factor);
    found.unwrap_or_else(|| panic!("no {model} {factor}: {factors}"))
}

/// A run over a book of AAA, of which a beta is known, and CCC, with a short series of SIZE.
async fn with_odd_series() -> (World, Folder) {
    let mut folder = Folder::new();
    folder.remove("SIZE", |date| date < "2016-12-01");
    // A close fifty times too high, where the market moved most: a slope that nobody believes.
    let right: f64 = close("CCC", "2016-06-27").parse().unwrap();
    folder.correct("CCC", "2016-06-27", 50.0 * right);
    folder.profiles("AAA,Energy,EQUITY,1.25,0.01\n");
    let world = World::scripted(NOW, &folder).await;
    let rows = ["AAA", "CCC"].map(|symbol| {
        format!(
            "{symbol},10,{},2016-12-19,PUBLIC",
            close(symbol, "2016-12-19")
        )
    });
    let rows = rows.each_ref().map(String::as_str);
    world.book("book", "100000", "2016-12-19", &rows).await;
    world.worker().await;
    world.run(&request(on("2016-12-30"))).await;
    (world, folder)
}

/// Models for display are told of with their numbers, or with the reason why they have none.
#[tokio::test(flavor = "multi_thread")]
async fn models_for_display_have_their_numbers_or_their_reason() {
    let (world, _folder) = with_odd_series().await;
    let served = Served::new(&world).await;
    let path = "/api/v1/symbols/AAA/factors";
    let factors = served.viewer.get(path).await.expect(200);
    assert_eq!(
        [
            &factors["covered"],
            &factors["expected"],
            &factors["coverage"],
            &factors["coverage_reason"]
        ],
        [&json!(252), &json!(252), &json!(1.0), &Value::Null]
    );

    let market = slope(&factors, "market", "Market");
    assert_eq!(
        (&market["status"], &market["reason"], &market["n"]),
        (&json!("available"), &Value::Null, &json!(252))
    );
    let number = |of: &Value, name: &str| {
        of[name]
            .as_f64()
            .unwrap_or_else(|| panic!("no {name}: {of}"))
    };
    let [alpha, error, t, low, high] = [
        "alpha",
        "alpha_std_error",
        "alpha_t",
        "alpha_low_95",
        "alpha_high_95",
    ]
    .map(|name| number(market, name));
    assert!(
        (t - alpha / error).abs() < 1e-12 && low < alpha && alpha < high,
        "{market}"
    );
    assert!(number(market, "adjusted_r_squared") < number(market, "r_squared"));
    assert!(number(market, "n_eff") > 200.0 && number(market, "p") < 0.05);

    let null = |slope: &Value| {
        for name in ["beta", "std_error", "t", "p", "low_95", "shrunk", "alpha"] {
            assert_eq!(slope[name], Value::Null, "{slope}");
        }
    };
    for (name, status, reason) in [
        (
            "Growth-Value Spread",
            "unavailable",
            "the series of Growth is missing: proxy IWF has 0 of 60 returns",
        ),
        (
            "Size Spread",
            "insufficient_data",
            "the series of Size is too short: proxy SIZE has 20 of 60 returns",
        ),
    ] {
        let spread = slope(&factors, "spread", name);
        assert_eq!(
            (&spread["status"], &spread["reason"]),
            (&json!(status), &json!(reason))
        );
        null(spread);
    }
    for name in ["Momentum Spread", "Quality Spread"] {
        let spread = slope(&factors, "spread", name);
        assert_eq!(spread["status"], "available", "{spread}");
        assert!(spread["beta"].is_number() && spread["p"].is_number());
    }
    let provider = slope(&factors, "provider", "Market");
    assert_eq!(
        (&provider["status"], &provider["beta"]),
        (&json!("available"), &json!(1.25))
    );
    let source: String =
        sqlx::query_scalar("select source from company_profiles where symbol = 'AAA'")
            .fetch_one(&world.db)
            .await
            .unwrap();
    assert_eq!(provider["source"], source);
    let csv = [("accept", "text/csv")];
    let table = served.viewer.ask("GET", path, &csv, b"").await.text();
    assert!(
        table.lines().next().unwrap().contains("alpha_std_error")
            && table.contains("proxy IWF has 0 of 60 returns"),
        "{table}"
    );

    let path = "/api/v1/symbols/CCC/factors";
    let wild = served.viewer.get(path).await.expect(200);
    let market = slope(&wild, "market", "Market");
    assert!(number(market, "beta") > 50.0, "{market}");
    assert_eq!(market["flags"], json!(["extreme"]));
    let provider = slope(&wild, "provider", "Market");
    assert_eq!(
        (&provider["status"], &provider["reason"]),
        (
            &json!("unavailable"),
            &json!("no profile with a beta is known")
        )
    );
    null(provider);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_sees_the_symbols_of_own_portfolios_only() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let mine = book(&world, "mine").await;
    let row = format!("BBB,10,{},2016-12-19,PUBLIC", close("BBB", "2016-12-19"));
    world.book("other", "100000", "2016-12-19", &[&row]).await;
    world.begin(&request(on("2016-12-30"))).await;
    let owner = served.owner(&world, &[mine]).await;
    let page = owner.get("/api/v1/symbols").await.expect(200);
    let names = |page: &Value| {
        let rows = page["symbols"].as_array().unwrap().iter();
        rows.map(|row| row["symbol"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert!(names(&page).contains(&"AAA".to_owned()) && !names(&page).contains(&"BBB".to_owned()));
    let all = served.viewer.get("/api/v1/symbols").await.expect(200);
    assert!(names(&all).contains(&"BBB".to_owned()));
    for what in ["prices", "factors", "metrics"] {
        owner
            .get(&format!("/api/v1/symbols/BBB/{what}"))
            .await
            .expect(404);
        served
            .viewer
            .get(&format!("/api/v1/symbols/BBB/{what}"))
            .await
            .expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i_48_the_api_tells_how_many_returns_a_model_has_and_needs() {
    let mut folder = Folder::new();
    folder.remove("AAA", |date| date < "2016-12-01");
    let world = World::scripted(NOW, &folder).await;
    let served = Served::new(&world).await;
    book(&world, "book").await;
    world.worker().await;
    world.run(&request(on("2016-12-30"))).await;
    let factors = served
        .viewer
        .get("/api/v1/symbols/AAA/factors")
        .await
        .expect(200);
    assert_eq!(
        (&factors["available"], &factors["reason"]),
        (&json!(false), &json!("insufficient_data"))
    );
    // Twenty-one closes of December.
    assert_eq!(
        (&factors["data"]["have"], &factors["data"]["need"]),
        (&json!(20), &json!(60))
    );
    assert_eq!(factors["data"]["alpha"], Value::Null);
    assert!(
        factors["reason_text"]
            .as_str()
            .unwrap()
            .contains("20 of 60"),
        "{factors}"
    );
    let joint = factors["data"]["exposures"].as_array().unwrap().iter();
    assert_eq!(joint.filter(|slope| slope["model"] == "joint").count(), 0);
    let market = slope(&factors, "market", "Market");
    assert_eq!(
        (&market["status"], &market["beta"], &market["n"]),
        (&json!("insufficient_data"), &Value::Null, &json!(20))
    );
    assert!(market["reason"].as_str().unwrap().contains("20 of 60"));
    assert_eq!(
        [
            &factors["covered"],
            &factors["expected"],
            &factors["coverage"]
        ],
        [&json!(20), &json!(252), &json!(20.0 / 252.0)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_calendar_has_early_closes_and_holidays() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let ask = async |query: &str| {
        let path = format!("/api/v1/calendar?{query}");
        served.viewer.get(&path).await
    };
    let page = ask("from=2016-11-21&to=2016-11-27").await.expect(200);
    let days: Vec<&str> = page["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|session| session["date"].as_str().unwrap())
        .collect();
    assert_eq!(
        days,
        ["2016-11-21", "2016-11-22", "2016-11-23", "2016-11-25"]
    );
    assert_eq!(page["holidays"], json!(["2016-11-24"]));
    let friday = &page["sessions"][3];
    assert_eq!(
        (
            &friday["early_close"],
            &friday["close"],
            &friday["closes_at"]
        ),
        (
            &json!(true),
            &json!("13:00"),
            &json!("2016-11-25T18:00:00Z")
        )
    );
    let first = ask("from=2016-11-21&to=2016-11-27&limit=3")
        .await
        .expect(200);
    assert_eq!(first["holidays"], json!([]));
    let next = first["next"].as_str().unwrap();
    let rest = ask(&format!("from=2016-11-21&to=2016-11-27&cursor={next}"))
        .await
        .expect(200);
    assert_eq!(
        (&rest["holidays"], &rest["next"]),
        (&json!(["2016-11-24"]), &Value::Null)
    );
    let beyond = ask("from=1900-01-01").await.expect(400);
    assert_eq!(beyond["field"], "from");
    let whole = ask("from=2016-01-01&to=2016-12-31").await.expect(200);
    assert_eq!(whole["sessions"].as_array().unwrap().len(), 252);
}

/// Every answer about a symbol says of which date it is, which run made it, and how good it is; with `strict` only what is
/// current and complete.
#[tokio::test(flavor = "multi_thread")]
async fn results_of_symbols_say_what_they_are_and_how_good() {
    let mut folder = Folder::new();
    folder.remove("BBB", |date| date < "2016-12-15");
    let world = World::scripted(NOW, &folder).await;
    let served = Served::new(&world).await;
    let rows = ["AAA", "BBB"].map(|symbol| {
        format!(
            "{symbol},10,{},2016-12-19,PUBLIC",
            close(symbol, "2016-12-19")
        )
    });
    let rows = rows.each_ref().map(String::as_str);
    world.book("book", "100000", "2016-12-19", &rows).await;
    world.worker().await;
    let first = world.run(&request(on("2016-12-29"))).await.run;
    let second = world.run(&request(on("2016-12-30"))).await.run;
    let ask = async |path: &str| {
        let path = format!("/api/v1/symbols/{path}");
        served.viewer.get(&path).await.expect(200)
    };
    let said = |answer: &Value| {
        ["as_of", "run_id", "available", "reason"].map(|name| answer[name].clone())
    };
    for what in ["factors", "metrics"] {
        for (query, date, run) in [
            ("", "2016-12-30", second),
            ("?strict=true", "2016-12-30", second),
            ("?date=2016-12-29&strict=true", "2016-12-29", first),
        ] {
            let answer = ask(&format!("AAA/{what}{query}")).await;
            assert_eq!(
                said(&answer),
                [json!(date), json!(run), json!(true), Value::Null]
            );
            assert_eq!(
                answer["quality"],
                json!({ "strict": true }),
                "{what}{query}"
            );
            assert_eq!(answer["calculation_date"], date);
        }
        for (date, reason) in [
            ("2016-12-25", "no_session"),
            ("2017-01-03", "not_eligible"),
            ("2016-12-28", "not_computed"),
        ] {
            let answer = ask(&format!("AAA/{what}?date={date}")).await;
            assert_eq!(
                (&answer["available"], &answer["reason"]),
                (&json!(false), &json!(reason))
            );
            assert_eq!(
                (&answer["quality"], &answer["data"]),
                (&Value::Null, &Value::Null)
            );
            assert_eq!(
                (&answer["coverage"], &answer["coverage_reason"]),
                (&Value::Null, &json!(reason))
            );
        }
    }
    // A symbol with too few returns has no model: nothing strict is there of it.
    let loose = ask("BBB/factors").await;
    assert_eq!(loose["reason"], "insufficient_data");
    assert_eq!(loose["quality"], json!({ "strict": false }));
    let none = ask("BBB/factors?strict=true").await;
    assert_eq!(
        (&none["reason"], &none["data"]),
        (&json!("nothing_published"), &Value::Null)
    );
    let dated = ask("BBB/factors?strict=true&date=2016-12-30").await;
    assert_eq!(
        (&dated["reason"], &dated["data"]),
        (&json!("insufficient_data"), &Value::Null)
    );

    // A changed input makes both dates stale: they are shown to whoever names one, and not to the strict.
    let invalidate = [
        "invalidate",
        "AAA",
        "--from",
        "2016-12-29",
        "--reason",
        "it",
    ];
    assert_eq!(world.command(&invalidate).await.0, 0);

    for what in ["factors", "metrics"] {
        let dated = ask(&format!("AAA/{what}?date=2016-12-30")).await;
        assert_eq!(
            (&dated["available"], &dated["stale"]),
            (&json!(true), &json!(true))
        );
        let strict = ask(&format!("AAA/{what}?date=2016-12-30&strict=true")).await;
        assert_eq!(
            (&strict["available"], &strict["reason"]),
            (&json!(false), &json!("stale"))
        );
        assert_eq!(strict["data"], Value::Null);
        assert_eq!(
            ask(&format!("AAA/{what}")).await["reason"],
            "nothing_published"
        );
    }
}
