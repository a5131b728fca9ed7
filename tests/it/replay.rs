//! Today's book through the crises of the past, on the shipped prices.

use std::collections::BTreeMap;

use sigmabatch::domain::PortfolioId;
use sigmabatch::engine::Request;
use sigmabatch::market_data::PriceRequest;

use crate::world::{World, day, dec, on, request};

const STOCKS: [&str; 20] = [
    "AAPL", "AMD", "BAC", "BBY", "CVX", "GE", "HD", "JNJ", "JPM", "KO", "LLY", "MRK", "MSFT",
    "PEP", "PFE", "PG", "RRC", "UNH", "WMT", "XOM",
];
const TODAY: &str = "2022-12-28";
const BEFORE: &str = "2020-03-23";

/// The same amount of each stock at the closes of a date, everything invested.
async fn equal(world: &World, name: &str, date: &str) -> PortfolioId {
    let on = day(date);
    let requests: Vec<PriceRequest> = STOCKS
        .iter()
        .map(|symbol| PriceRequest {
            symbol: symbol.parse().unwrap(),
            yields: false,
            ranges: vec![(on, on)],
        })
        .collect();
    let answers = world.provider().prices(&requests).await.unwrap();
    let rows: Vec<String> = answers
        .iter()
        .map(|answer| {
            let close = answer.bars[0].close;
            let quantity = (dec("5000") / close).round_dp(6);
            format!("{},{quantity},{close},{date},PUBLIC", answer.symbol)
        })
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    world.book(name, "100000", date, &rows).await
}

async fn replays(world: &World, id: PortfolioId) -> BTreeMap<String, (Option<f64>, String)> {
    let rows: Vec<(String, Option<f64>, String)> = sqlx::query_as(
        "select replay, fraction, coalesce(reason, '') from historical_replays where portfolio_id = $1 and as_of = $2",
    )
    .bind(id.0)
    .bind(day(TODAY))
    .fetch_all(&world.db)
    .await
    .unwrap();
    rows.into_iter()
        .map(|(replay, fraction, reason)| (replay, (fraction, reason)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_equally_weighted_book_goes_through_the_crises_whose_prices_are_there() {
    let world = World::shipped_at("2023-01-03T22:30:00Z").await;
    let id = equal(&world, "equal", TODAY).await;
    equal(&world, "older", BEFORE).await;
    world.worker().await;

    // Two years of prices reach one crisis.
    world.run(&request(on(TODAY))).await;
    let first = replays(&world, id).await;
    assert_eq!(first.len(), 5);
    let (held, _) = &first["rates_2022"];
    assert!((held.unwrap() + 0.0788).abs() < 1e-4, "{first:?}");
    for gone in [
        "dot_com_2000",
        "financial_crisis_2008",
        "q4_2018",
        "covid_2020",
    ] {
        let (none, why) = &first[gone];
        assert!(
            none.is_none() && why.starts_with("no closes of SP500 on "),
            "{first:?}"
        );
    }

    // What an older date brings concerns the newer one, which says so and is computed again.
    world.run(&request(on(BEFORE))).await;
    let stale = world
        .texts("select distinct kind from stale_result_sets where kind = 'portfolio-analytics'")
        .await;
    assert_eq!(stale, ["portfolio-analytics"]);
    world.run(&request(on(TODAY))).await;
    let found = replays(&world, id).await;
    for (replay, expected) in [
        ("q4_2018", -0.1902),
        ("covid_2020", -0.3124),
        ("rates_2022", -0.0788),
    ] {
        let (held, why) = &found[replay];
        assert!(
            (held.unwrap() - expected).abs() < 1e-4,
            "{replay}: {held:?} {why}"
        );
    }
    assert!(found["financial_crisis_2008"].0.is_none());
    let approximated = world
        .count("select count(*) from historical_replays where approximated <> '[]'")
        .await;
    assert_eq!(approximated, 0);

    // Without a close on its first day a stock goes through a crisis with its betas.
    sqlx::query("delete from market_data_cache where symbol = 'AAPL' and date = '2020-02-19'")
        .execute(&world.db)
        .await
        .unwrap();
    let again = Request {
        force: true,
        ..request(on(TODAY))
    };
    world.run(&again).await;
    let (held, flagged): (f64, serde_json::Value) = sqlx::query_as(
        "select fraction, approximated from historical_replays
         where portfolio_id = $1 and as_of = '2022-12-28' and replay = 'covid_2020'",
    )
    .bind(id.0)
    .fetch_one(&world.db)
    .await
    .unwrap();
    assert_eq!(flagged, serde_json::json!(["AAPL"]));
    let exact = found["covid_2020"].0.unwrap();
    // One stock of twenty, whose beta is above one.
    assert!(
        held.total_cmp(&exact).is_ne() && (held - exact).abs() < 0.02,
        "{held} {exact}"
    );
}
