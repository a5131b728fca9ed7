//! Proxies that have ended, and one that has only begun: no series that is over cuts the model of every symbol, and one that is short is
//! named beside every number that rests on it.

use serde_json::{Value, json};
use sigmabatch::domain::{Calendar, PortfolioId};

use crate::api::Served;
use crate::market::{Folder, close};
use crate::world::{World, day, on, range, request};

const NOW: &str = "2016-12-30T23:00:00Z";

/// Two stocks, held since 19 December.
async fn book(world: &World) -> PortfolioId {
    let rows = ["AAA", "BBB"].map(|symbol| {
        let price = close(symbol, "2016-12-19");
        format!("{symbol},300,{price},2016-12-19,PUBLIC")
    });
    let rows = rows.each_ref().map(String::as_str);
    world.book("book", "100000", "2016-12-19", &rows).await
}

/// The entry of a list that has this value under this key.
fn entry<'a>(list: &'a Value, key: &str, value: &str) -> &'a Value {
    let mut entries = list.as_array().unwrap().iter();
    let found = entries.find(|entry| entry[key] == value);
    found.unwrap_or_else(|| panic!("no {value} in {list:#}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_in_the_model_for_five_sessions_after_its_end_and_not_on_the_sixth() {
    let folder = Folder::new();
    // The 22nd, 23rd, 27th, 28th and 29th are five sessions, the 30th is the sixth.
    folder.keep_yields(|date| date <= "2016-12-21");
    let world = World::at(NOW, folder.path()).await;
    book(&world).await;
    world.worker().await;
    world.run(&request(range("2016-12-29", "2016-12-30"))).await;

    let over = "its proxy UST10Y has no return since 2016-12-21";
    let models =
        "select concat_ws(' ', as_of, n, last_session, limiting_proxy, unavailable->>'Rates')
                  from factor_covariance where as_of >= '2016-12-29' order by as_of";
    assert_eq!(
        world.texts(models).await,
        [
            "2016-12-29 247 2016-12-21 UST10Y".to_owned(),
            format!("2016-12-30 252 2016-12-30 {over}"),
        ]
    );

    let (_, fifth) = world
        .command(&["show", "book", "--date", "2016-12-29"])
        .await;
    let risk = &fifth["risk"];
    assert_eq!(
        (&risk["n"], &risk["last_session"], &risk["limiting_proxy"]),
        (&json!(247), &json!("2016-12-21"), &json!("UST10Y"))
    );
    // 247 sessions are enough.
    assert_eq!(risk["flags"], json!([]));
    assert!(entry(&fifth["factors"], "factor", "Rates")["beta"].is_number());
    let rates = entry(&fifth["stress"], "scenario", "rates_up_50bp");
    assert_eq!(rates["outcome"], "done", "{rates}");

    let (_, sixth) = world.command(&["show", "book"]).await;
    let risk = &sixth["risk"];
    assert_eq!(
        (&risk["n"], &risk["last_session"], &risk["limiting_proxy"]),
        (&json!(252), &json!("2016-12-30"), &Value::Null)
    );
    assert!(risk["reasons"]["limiting_proxy"].is_string(), "{risk}");
    let rates = entry(&sixth["factors"], "factor", "Rates");
    assert_eq!(
        (&rates["beta"], &rates["reason"]),
        (&Value::Null, &json!(format!("unavailable: {over}")))
    );
    let rates = entry(&sixth["stress"], "scenario", "rates_up_50bp");
    assert_eq!(
        rates["reason"],
        format!("factor Rates is not available: {over}")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_market_a_date_has_no_model_and_says_when_the_market_ended() {
    let mut folder = Folder::new();
    folder.remove("SP500", |date| date > "2016-12-21");
    let world = World::at(NOW, folder.path()).await;
    book(&world).await;
    world.worker().await;
    world.run(&request(on("2016-12-30"))).await;

    let over = "its proxy SP500 has no return since 2016-12-21";
    let model = "select reason from factor_covariance where first_session is null";
    assert_eq!(
        world.texts(model).await,
        [format!("the market factor is not available: {over}")]
    );
    let displays = "select distinct status || ': ' || reason from symbol_display_models where model = 'market'";
    assert_eq!(
        world.texts(displays).await,
        [format!(
            "unavailable: the series of Market is out of date: {over}"
        )]
    );
    let (_, show) = world.command(&["show", "book"]).await;
    let why = show["risk"]["reason"].as_str().unwrap();
    assert!(why.contains(over), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_has_only_begun_is_named_beside_every_number_that_rests_on_it() {
    let calendar = Calendar::nyse();
    let last = calendar.on_or_before(day("2016-12-30")).unwrap();
    // A hundred closes have 99 returns, the first of them on the second day.
    let [begins, first] = [99, 98].map(|back| calendar.back(last, back).unwrap().to_string());
    let mut folder = Folder::new();
    folder.remove("MTUM", |date| date < begins.as_str());
    let world = World::at(NOW, folder.path()).await;
    let id = book(&world).await;
    world.worker().await;
    world.run(&request(on("2016-12-30"))).await;

    let (_, show) = world.command(&["show", "book"]).await;
    let risk = &show["risk"];
    assert_eq!(
        [
            &risk["n"],
            &risk["first_session"],
            &risk["last_session"],
            &risk["limiting_proxy"]
        ],
        [
            &json!(99),
            &json!(first),
            &json!("2016-12-30"),
            &json!("MTUM")
        ]
    );
    let short = json!(["short_factor_window"]);
    assert_eq!(risk["flags"], short);
    for (section, number, at_least) in [
        ("factors", "beta", 7),
        ("stress", "propagated", 1),
        ("reverse_stress", "mahalanobis", 1),
    ] {
        let rows = show[section].as_array().unwrap().iter();
        let there: Vec<&Value> = rows.filter(|row| !row[number].is_null()).collect();
        assert!(there.len() >= at_least, "{section}: {there:?}");
        for row in there {
            assert_eq!(row["flags"], short, "{section}: {row}");
        }
    }
    let fits = "select symbol || ' ' || array_to_string(flags, ' ') from symbol_factor_models order by symbol";
    assert_eq!(
        world.texts(fits).await,
        ["AAA short_factor_window", "BBB short_factor_window"]
    );

    let told = format!(
        "99 sessions common to all factors, {first} to 2016-12-30 (MTUM has the fewest returns)"
    );
    let (_, page) = world.page(&["show", "book"]).await;
    assert!(page.contains(&told), "{page}");
    // Of the risk and of the stress tests.
    let notes = page.matches("note: short factor window").count();
    assert_eq!(notes, 2, "{page}");
    let served = Served::new(&world).await;
    for metric in [
        "beta:Market",
        "volatility",
        "contribution:AAA",
        "fit:AAA:alpha",
        "lot_beta:AAA:Market",
        "stress:market_crash_35",
        "reverse_stress:5",
    ] {
        let (code, made) = world.command(&["explain", "book", metric]).await;
        assert_eq!(code, 0, "{metric}: {made}");
        let window = made["window"].as_str().unwrap();
        assert!(window.contains(&told), "{metric}: {window}");
        let path = format!("/api/v1/portfolios/{id}/explain/{metric}");
        let over_http = served.viewer.get(&path).await.expect(200);
        assert_eq!(over_http["data"]["window"], window, "{metric}");
    }
}
