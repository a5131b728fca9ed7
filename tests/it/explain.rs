//! `explain` on stored numbers: every metric is made again to the last bit, and one whose inputs changed says so.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sigmabatch::analytics::options::{Right, Terms};
use sigmabatch::domain::PortfolioId;
use sigmabatch::engine::{self, ExplainError, Metric, Request};

use crate::market::{Folder, close};
use crate::world::{World, day, dec, on, range, request};

/// What is explained of a book, as it is typed, with what `show` has for it.
pub(crate) fn metrics(show: &Value) -> Vec<(String, Value)> {
    let mut all = vec![
        ("nav".to_owned(), show["nav"].clone()),
        ("pnl_day".to_owned(), show["pnl_day"].clone()),
        ("hhi".to_owned(), show["concentration"]["hhi"].clone()),
        ("volatility".to_owned(), show["risk"]["volatility"].clone()),
        (
            "systematic_share".to_owned(),
            show["risk"]["systematic_share"].clone(),
        ),
    ];
    for key in ["realised_21", "realised_63", "forecast_21"] {
        all.push((key.to_owned(), show["volatility"][key].clone()));
    }
    let array = |value: &Value| value.as_array().unwrap().clone();
    for factor in array(&show["factors"]) {
        if !factor["beta"].is_null() {
            let name = format!("beta:{}", factor["factor"].as_str().unwrap());
            for end in ["low_95", "high_95"] {
                all.push((format!("{name}:{end}"), factor[end].clone()));
            }
            all.push((name, factor["beta"].clone()));
        }
    }
    for part in array(&show["risk"]["contributions"]) {
        let name = format!("contribution:{}", part["name"].as_str().unwrap());
        all.push((name, part["contribution"].clone()));
    }
    for row in array(&show["value_at_risk"]) {
        let confidence = (100.0 * row["confidence"].as_f64().unwrap()).round();
        for (method, estimate) in row["estimates"].as_object().unwrap() {
            for metric in ["value_at_risk", "expected_shortfall"] {
                let name = format!("{metric}:{confidence}:{method}");
                all.push((name, estimate[metric].clone()));
            }
        }
    }
    for (metric, section, key) in [
        ("replay", "historical_replays", "replay"),
        ("reverse_stress", "reverse_stress", "loss"),
    ] {
        for row in array(&show[section]) {
            let which = match &row[key] {
                Value::String(id) => id.clone(),
                loss => format!("{:.0}", 100.0 * loss.as_f64().unwrap()),
            };
            for number in ["pnl", "floored"] {
                if !row[number].is_null() {
                    all.push((format!("{metric}:{which}:{number}"), row[number].clone()));
                }
            }
        }
    }
    let symbols = array(&show["correlation"]["symbols"]);
    let pair = format!(
        "correlation:{},{}",
        symbols[0].as_str().unwrap(),
        symbols[2].as_str().unwrap()
    );
    all.push((pair, show["correlation"]["matrix"][0][2].clone()));
    for stress in array(&show["stress"]) {
        for leg in ["direct", "propagated"] {
            if !stress[leg].is_null() {
                let name = format!("stress:{}:{leg}", stress["scenario"].as_str().unwrap());
                all.push((name, stress[leg].clone()));
            }
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_that_can_be_explained_is_made_again_to_the_last_bit() {
    let world = World::shipped().await;
    world.shipped_book("long_short").await;
    world.worker().await;
    world.run(&request(on("2016-12-30"))).await;

    let (_, show) = world.command(&["show", "long_short"]).await;
    let all = metrics(&show);
    // 8 of the book, 7 betas, 7 + 14 contributions, 16 losses, a pair, and both legs of the scenarios.
    assert!(all.len() > 76, "{}", all.len());
    for (metric, stored) in all {
        let (code, document) = world.command(&["explain", "long_short", &metric]).await;
        assert_eq!(code, 0, "{metric}: {document:#}");
        assert_eq!(document["equal"], true, "{metric}");
        // Where `show` has it under a name of its own.
        if !stored.is_null() {
            assert_eq!(document["value"], stored, "{metric}");
        }
        assert_eq!(document["value"], document["recomputed"], "{metric}");
        for key in ["formula", "source", "unit", "window", "convention_id"] {
            assert!(
                !document[key].as_str().unwrap().is_empty(),
                "{metric} {key}"
            );
        }
        assert!(document["n"].as_i64().unwrap() > 0, "{metric}");
        assert!(
            !document["inputs"].as_array().unwrap().is_empty(),
            "{metric}"
        );
        assert!(
            !document["steps"].as_array().unwrap().is_empty(),
            "{metric}"
        );
    }
    let (code, page) = world.page(&["explain", "long_short", "beta:Market"]).await;
    assert_eq!(code, 0);
    assert!(page.contains("the same to the last bit"), "{page}");
}

/// Choices of a metric that are looked at, spread over all of them; the first and the last of each number in any case.
const LOOKED_AT: usize = 16;

/// The number that is asked for, of whatever it is: `fit:beta` of `fit:AAPL:Market:beta`.
fn number(asked: &str) -> String {
    let (metric, rest) = asked.split_once(':').unwrap_or((asked, ""));
    let last = rest.rsplit(':').next().unwrap_or_default();
    // Pairs are many, and their correlations one number.
    let last = if last.contains(',') { "" } else { last };
    format!("{metric}:{last}")
}

/// Whatever the registry holds: made again to the last bit, and told alike without making it again. A number that it lists and that no
/// book has is not tested, and fails.
#[tokio::test(flavor = "multi_thread")]
async fn every_choice_of_every_metric_is_made_again_and_told_alike() {
    let world = World::shipped_at("2023-01-03T22:30:00Z").await;
    let stocks = world.shipped_book("long_short").await;
    let rows = [
        "AAPL,100,116.52,2022-12-19,PUBLIC",
        "XOM,-50,90.42,2022-12-19,PUBLIC",
        "MSFT,80,63.62,2022-12-19,PUBLIC",
        "MSFT,20,63.62,2022-12-20,PUBLIC",
        ",-2,4.25,2022-12-19,OPTIONS,,AAPL,120,2023-06-16,CALL",
        "HOUSE,1,20000,2022-12-19,PRIVATE",
    ];
    let mixed = world.book("mixed", "60000", "2022-12-19", &rows).await;
    // It has lost more than there was: amounts, and no risk as a fraction of NAV.
    let rows = ["AAPL,-100,90.42,2022-12-19,PUBLIC"];
    let broke = world.book("broke", "1000", "2022-12-19", &rows).await;
    let weights =
        "as_of,sector,weight\n2022-06-30,Information Technology,0.7\n2022-06-30,Utilities,0.3\n";
    world.benchmark("SP500", weights).await.unwrap();
    world.worker().await;
    world.run(&request(on("2022-12-28"))).await;

    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut refused: BTreeMap<String, String> = BTreeMap::new();
    for book in [stocks, mixed, broke] {
        for metric in engine::registry() {
            for asked in choices(&world, book, metric).await {
                let made = engine::explain(&world.engine.pools, book, None, &asked).await;
                let made = match made {
                    Ok(made) => made,
                    Err(ExplainError::NotStored { reason, .. }) => {
                        assert!(!reason.is_empty(), "{asked}");
                        refused.insert(number(&asked), reason);
                        continue;
                    }
                    Err(error) => panic!("{asked}: {error}"),
                };
                let explained = &made.explained;
                assert!(made.holds(), "{asked}: {explained:?}");
                let told = engine::told(&made.report, &asked).unwrap();
                assert!(told.value.same(explained.stored), "{asked}");
                assert_eq!(
                    (told.formula, told.unit, told.source, &told.window),
                    (
                        explained.formula,
                        explained.unit,
                        explained.source,
                        &explained.window
                    ),
                    "{asked}"
                );
                assert!(told.n.is_none_or(|n| n == explained.n), "{asked}");
                assert!(
                    !explained.inputs.is_empty() && !explained.steps.is_empty(),
                    "{asked}"
                );
                seen.insert(number(&asked));
            }
        }
    }
    for number in ["lot_beta:dollar", "correlation_coverage:"] {
        assert!(seen.contains(number), "{number} in {seen:?}");
    }
    let of_metric = |name: &str| {
        let mut numbers = seen.iter();
        numbers.any(|number| number.split(':').next() == Some(name))
    };
    let unseen = engine::registry().iter().map(|metric| metric.name);
    let unseen: Vec<&str> = unseen.filter(|name| !of_metric(name)).collect();
    // One date has no returns after its forecast: `the_bias_statistic_is_made_of_returns_and_volatilities_and_not_of_itself` explains it.
    assert_eq!(unseen, ["bias"], "{seen:?}");
    refused.retain(|number, reason| !seen.contains(number) && !reason.starts_with("unavailable"));
    let untested: Vec<&String> = refused.keys().collect();
    assert_eq!(untested, ["bias:"], "{refused:?}");
}

/// The report reads the statistic from a view; `explain` makes it without the view, so a view that is wrong is found out.
#[tokio::test(flavor = "multi_thread")]
async fn the_bias_statistic_is_made_of_returns_and_volatilities_and_not_of_itself() {
    let world = World::shipped().await;
    world.shipped_book("long_short").await;
    world.worker().await;
    world.run(&request(range("2016-11-28", "2016-12-30"))).await;
    let explain = ["explain", "long_short", "bias"];
    let (code, made) = world.command(&explain).await;
    assert_eq!((code, &made["equal"]), (0, &Value::from(true)), "{made:#}");
    assert_eq!(made["n"], 23);
    let first = &made["inputs"][0];
    let part = |name: &str| first["value"][name].as_f64().unwrap();
    let z = part("return") / (part("σ of the session before") / 252_f64.sqrt());
    assert_eq!(part("z").to_bits(), z.to_bits(), "{first}");
    assert_eq!(first["name"], "z 2016-11-29");

    sqlx::raw_sql(
        "create or replace view risk_forecasts as
         select s.portfolio_id, s.as_of, model.as_of as forecast_of, model.coverage,
                2 * s.return_day / (model.volatility / sqrt(252)) as z
         from portfolio_snapshots s
         cross join lateral (
             select r.as_of, r.volatility, r.coverage from portfolio_risk r
             where r.portfolio_id = s.portfolio_id and r.as_of < s.as_of
             order by r.as_of desc limit 1
         ) model
         where s.return_day is not null and model.volatility > 0",
    )
    .execute(&world.db)
    .await
    .unwrap();
    let (code, page) = world.page(&explain).await;
    assert_eq!(code, 1, "{page}");
    let true_one = made["value"].as_f64().unwrap();
    let told = format!("made again it is {true_one}");
    assert!(page.contains(&told), "{page}");
}

/// What can be asked of a metric of a book; a wrong argument lists it.
async fn choices(world: &World, book: PortfolioId, metric: &Metric) -> Vec<String> {
    if metric.argument.is_none() {
        return vec![metric.name.to_owned()];
    }
    let wrong = format!("{}:?", metric.name);
    match engine::explain(&world.engine.pools, book, None, &wrong).await {
        Err(ExplainError::Argument { choices, .. }) => {
            let step = choices.len().div_ceil(LOOKED_AT).max(1);
            let all = choices.iter();
            let all: Vec<String> = all.map(|it| format!("{}:{it}", metric.name)).collect();
            let mut ends: BTreeMap<String, (usize, usize)> = BTreeMap::new();
            for (at, asked) in all.iter().enumerate() {
                ends.entry(number(asked)).or_insert((at, at)).1 = at;
            }
            let some = all.into_iter().enumerate().filter(|(at, asked)| {
                let (first, last) = ends[&number(asked)];
                [first, last].contains(at) || at.is_multiple_of(step)
            });
            some.map(|(_, asked)| asked).collect()
        }
        Err(ExplainError::NotStored { .. }) => Vec::new(),
        other => panic!("{wrong}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_explained_says_what_could_be() {
    let world = World::new().await;
    let row = format!("AAA,100,{},2016-12-28,PUBLIC", close("AAA", "2016-12-28"));
    world.book("book", "100000", "2016-12-28", &[&row]).await;
    world.book("cash", "100000", "2016-12-28", &[]).await;
    let (code, page) = world.page(&["explain", "book", "nav"]).await;
    assert_eq!(code, 1);
    assert!(
        page.contains("nothing is stored") && page.contains("sigmabatch run"),
        "{page}"
    );
    world.worker().await;
    world.run(&request(on("2016-12-29"))).await;

    let (code, page) = world.page(&["explain", "book", "sharpe-ish"]).await;
    assert_eq!(code, 2);
    for metric in ["nav", "beta:FACTOR", "realised_63", "stress:SCENARIO"] {
        assert!(page.contains(metric), "{metric} in {page}");
    }
    let (code, page) = world.page(&["explain", "book", "beta:Luck"]).await;
    assert_eq!(code, 2);
    assert!(page.contains("beta:Market"), "{page}");
    // A number that is not there for a reason is no number.
    let (code, page) = world.page(&["explain", "cash", "volatility"]).await;
    assert_eq!(code, 1);
    assert!(page.contains("no positions"), "{page}");
    let (code, document) = world.command(&["explain", "cash", "nav"]).await;
    assert_eq!((code, &document["value"]), (0, &Value::from("100000")));
}

/// A book without variance has no shares of it, one that is worth less than nothing no weights: reasons, and no defects.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_rightly_null_is_no_fault_of_the_program() {
    let world = World::new().await;
    let paid = close("AAA", "2016-12-19");
    let long = format!("AAA,100,{paid},2016-12-19,PUBLIC");
    let short = format!("AAA,-100,{paid},2016-12-19,PUBLIC");
    let dear = format!(
        "AAA,100,{},2016-12-19,PUBLIC",
        2.0 * paid.parse::<f64>().unwrap()
    );
    let private = "HOUSE,1,20000,2016-12-19,PRIVATE";
    let hedged = [long.as_str(), short.as_str()];
    world.book("hedge", "100000", "2016-12-19", &hedged).await;
    world.book("ruin", "1000", "2016-12-19", &[&dear]).await;
    world
        .book("houses", "30000", "2016-12-19", &[private])
        .await;
    world.worker().await;
    world.run(&request(range("2016-12-20", "2016-12-22"))).await;

    for (book, metric, reason) in [
        ("hedge", "systematic_share", "no_variance"),
        ("hedge", "risk:effective_bets", "no_variance"),
        ("hedge", "contribution:AAA:share", "no_variance"),
        ("ruin", "sector:Cash:net_weight", "nonpositive_nav"),
        ("ruin", "beta:Market", "nonpositive_nav"),
    ] {
        let (code, page) = world.page(&["explain", book, metric]).await;
        assert_eq!(code, 1, "{metric}: {page}");
        assert!(page.contains(reason), "{metric}: {page}");
        assert!(!page.contains("the program has"), "{metric}: {page}");
    }
    // Without net asset value there are exposures, and no weights.
    let (_, document) = world
        .command(&["explain", "ruin", "beta:Market:dollar"])
        .await;
    let input = &document["inputs"][0]["value"];
    assert_eq!(
        (document["equal"].as_bool(), &input["weight"]),
        (Some(true), &Value::Null)
    );
    assert!(input["exposure"].as_f64().unwrap() > 0.0);

    // A book that moves with nothing has no worst scenario.
    let (_, page) = world.page(&["show", "hedge"]).await;
    assert!(page.contains("no scenario loses"), "{page}");
    // Values that nobody prices move no return: the answer says so.
    let (_, document) = world.command(&["performance", "houses"]).await;
    assert_eq!(
        (&document["coverage"], &document["low_coverage_sessions"]),
        (&Value::from(0.0), &Value::from(3))
    );
    let (code, page) = world
        .page(&[
            "performance",
            "hedge",
            "--from",
            "2016-12-22",
            "--to",
            "2016-12-20",
        ])
        .await;
    assert_eq!(code, 2);
    assert!(page.contains("is after --to 2016-12-20"), "{page}");
}

/// A close is corrected after the night: the stored number stands on the old one, and explain names both and the change.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_whose_inputs_changed_is_an_error_that_names_the_change() {
    let mut folder = Folder::new();
    let world = World::at("2016-12-30T23:00:00Z", folder.path()).await;
    let row = format!("AAA,100,{},2016-12-28,PUBLIC", close("AAA", "2016-12-28"));
    world.book("book", "100000", "2016-12-28", &[&row]).await;
    world.worker().await;
    world.run(&request(on("2016-12-29"))).await;
    let explain = ["explain", "book", "nav", "--date", "2016-12-29"];
    let (code, before) = world.command(&explain).await;
    assert_eq!(code, 0);

    // Another book's run brings the corrected close of the 29th.
    folder.correct("AAA", "2016-12-29", 80.0);
    let other = format!("AAA,1,{},2016-12-28,PUBLIC", close("AAA", "2016-12-28"));
    let other = world.book("other", "1000", "2016-12-28", &[&other]).await;
    world
        .run(&sigmabatch::engine::Request {
            force: true,
            portfolios: sigmabatch::engine::Selection::Only(vec![other]),
            ..request(on("2016-12-29"))
        })
        .await;

    let (code, page) = world.page(&explain).await;
    assert_eq!(code, 1, "{page}");
    let stored = before["value"].as_str().unwrap();
    assert!(page.contains(&format!("is stored as {stored}")), "{page}");
    assert!(page.contains("prices of AAA"), "{page}");
    assert!(page.contains("sigmabatch run --date 2016-12-29"), "{page}");

    // Without a date there is none to show: the newest one is named, and how to have it again.
    for asked in [&["explain", "book", "nav"][..], &["show", "book"]] {
        let (code, page) = world.page(asked).await;
        assert_eq!(code, 1, "{page}");
        let stale = "newest computed date 2016-12-29 is stale";
        assert!(page.contains(stale), "{page}");
        let again = "sigmabatch run --date 2016-12-29 --portfolio";
        assert!(page.contains(again), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_numbers_of_an_option_are_made_again_to_the_last_bit() {
    let world = World::new().await;
    let rows = [
        format!("AAA,100,{},2016-12-19,PUBLIC", close("AAA", "2016-12-19")),
        ",3,4.25,2016-12-19,OPTIONS,,AAA,150,2017-06-16,CALL".to_owned(),
    ];
    let rows = rows.each_ref().map(String::as_str);
    world.book("book", "50000", "2016-12-19", &rows).await;
    world.worker().await;
    world.run(&request(on("2016-12-22"))).await;
    let contract = "option:AAA170616C00150000";
    for greek in [
        "price",
        "delta",
        "gamma",
        "vega",
        "theta",
        "rho",
        "volatility",
        "spot",
        "strike",
        "years",
        "rate",
    ] {
        let metric = format!("{contract}:{greek}");
        let (code, document) = world.command(&["explain", "book", &metric]).await;
        assert_eq!(
            (code, &document["equal"]),
            (0, &Value::from(true)),
            "{metric}: {document:#}"
        );
        assert!(document["value"].as_f64().unwrap() != 0.0, "{metric}");
    }
    let exposure = format!("{contract}:exposure");
    for metric in [
        exposure.as_str(),
        "stress:market_crash_35:direct",
        "beta:Market",
        "volatility",
    ] {
        let (code, document) = world.command(&["explain", "book", metric]).await;
        assert_eq!(
            (code, &document["equal"]),
            (0, &Value::from(true)),
            "{metric}: {document:#}"
        );
    }
    let (code, page) = world.page(&["explain", "book", "option:AAPL"]).await;
    assert_eq!(code, 2);
    assert!(page.contains(&format!("{contract}:delta")), "{page}");
}

/// The newest price of a contract is two sessions old: its volatility is explained by that price and by the underlying of that day, not by
/// the market of the date.
#[tokio::test(flavor = "multi_thread")]
async fn an_implied_volatility_is_explained_by_the_price_that_implied_it() {
    let world = World::new().await;
    let spot: f64 = close("AAA", "2016-12-20").parse().unwrap();
    let strike = spot.round();
    let row = format!(",2,4.25,2016-12-19,OPTIONS,,AAA,{strike},2017-06-16,PUT");
    let book = world.book("book", "50000", "2016-12-19", &[&row]).await;
    world.worker().await;
    world.run(&request(on("2016-12-22"))).await;
    let terms = Terms {
        right: Right::Put,
        spot,
        strike,
        years: 178.0 / 365.0, // from 20 December to 16 June
        rate: 0.04,
        dividend_yield: 0.0,
    };
    let price = terms.value(0.33).unwrap().price;
    let contract: String = sqlx::query_scalar(
        "insert into market_data_cache (symbol, date, close, source)
         select symbol, $1, $2, 'files' from positions returning symbol",
    )
    .bind(day("2016-12-20"))
    .bind(dec(&format!("{price:.10}")))
    .fetch_one(&world.db)
    .await
    .unwrap();
    let again = Request {
        force: true,
        ..request(on("2016-12-22"))
    };
    world.run(&again).await;

    let asked = format!("option:{contract}:volatility");
    let (code, document) = world.command(&["explain", "book", &asked]).await;
    assert_eq!(code, 0, "{document:#}");
    assert!((document["value"].as_f64().unwrap() - 0.33).abs() < 1e-6);
    assert_eq!(document["window"], "the closes of 2016-12-20");
    let input = |name: &str| {
        let mut inputs = document["inputs"].as_array().unwrap().iter();
        let line = inputs.find(|line| line["name"] == name);
        line.unwrap_or_else(|| panic!("{name} in {document:#}"))["value"].clone()
    };
    assert_eq!(input("date of the price"), "2016-12-20");
    for (name, value) in [
        ("price of the contract", price),
        ("spot of that date", spot),
        ("strike", strike),
        ("years from that date, calendar days / 365", terms.years),
    ] {
        assert!(
            (input(name).as_f64().unwrap() - value).abs() < 1e-6,
            "{name}"
        );
    }
    // The price of the model is of the date, as its spot is.
    let of_date = format!("option:{contract}:price");
    let (_, document) = world.command(&["explain", "book", &of_date]).await;
    assert_eq!(document["window"], "the closes of 2016-12-22");

    // Told without making it again, it names the same price.
    let made = engine::explain(&world.engine.pools, book, None, &asked).await;
    let told = engine::told(&made.unwrap().report, &asked).unwrap();
    assert_eq!(told.window, "the closes of 2016-12-20");
    assert_eq!(told.inputs[0].name, "price of the contract");
    assert_eq!(told.inputs[1].value, "2016-12-20");
}
