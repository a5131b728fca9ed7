//! Money, to the last digit: what the ledger says adds up, on adjusted and on raw prices.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sigmabatch::domain::PortfolioId;
use sigmabatch::engine::Request;

use crate::api::Served;
use crate::market::{Folder, close};
use crate::world::{World, day, dec, on, range, request, shipped};

/// A session of a book.
#[derive(Debug, sqlx::FromRow)]
#[expect(clippy::struct_field_names, reason = "the names of the columns")]
struct Day {
    as_of: NaiveDate,
    nav: Decimal,
    cash: Decimal,
    external_flows: Decimal,
    realised: Decimal,
    unrealised_change: Decimal,
    income: Decimal,
    pnl_day: Decimal,
    pnl_total: Decimal,
    /// Sum over its positions.
    values: Decimal,
    unrealised: Decimal,
}

async fn days(world: &World, portfolio: PortfolioId) -> Vec<Day> {
    sqlx::query_as(
        "select s.*, coalesce(v.values, 0) as values, coalesce(v.unrealised, 0) as unrealised
         from portfolio_snapshots s
         left join (select portfolio_id, as_of, sum(market_value) as values, sum(unrealised) as unrealised
                    from position_values group by 1, 2) v using (portfolio_id, as_of)
         where s.portfolio_id = $1 order by s.as_of",
    )
    .bind(portfolio.0)
    .fetch_all(&world.db)
    .await
    .unwrap()
}

/// From the day before a lot of RRC is closed (2016-08-15) to the days of a withdrawal
/// (2016-09-12) and of a new lot of AMD (2016-09-13).
#[tokio::test(flavor = "multi_thread")]
async fn value_and_profit_of_every_day_add_up_exactly() {
    let world = World::shipped().await;
    let mut books = Vec::new();
    for name in ["diversified", "long_short", "testscotty"] {
        books.push((name, world.shipped_book(name).await));
    }
    world.worker().await;

    let planned = world.run(&request(range("2016-08-12", "2016-09-14"))).await;

    assert_eq!(planned.dates.len(), 23);
    for (name, id) in books {
        let days = days(&world, id).await;
        assert_eq!(days.len(), 23, "{name}");
        for day in &days {
            assert_eq!(day.nav, day.cash + day.values, "{name} {day:?}");
            assert_eq!(
                day.pnl_day,
                day.realised + day.unrealised_change + day.income,
                "{name} {day:?}"
            );
        }
        for pair in days.windows(2) {
            let [before, after] = pair else {
                unreachable!()
            };
            assert_eq!(
                after.nav - before.nav,
                after.pnl_day + after.external_flows,
                "{name} {pair:?}"
            );
            assert_eq!(
                after.pnl_total - before.pnl_total,
                after.pnl_day,
                "{name} {pair:?}"
            );
            assert_eq!(
                after.unrealised - before.unrealised,
                after.unrealised_change,
                "{name} {pair:?}"
            );
        }
        let of = |date: &str| days.iter().find(|one| one.as_of == day(date)).unwrap();
        let flows: Decimal = days.iter().map(|day| day.external_flows).sum();
        if name == "diversified" {
            assert_eq!(of("2016-09-12").external_flows, dec("-25000"));
            assert_eq!(flows, dec("-25000"));
            // 600 RRC, bought at 24.808 and sold at 37.751.
            assert_eq!(of("2016-08-15").realised, dec("7765.80"));
            assert_eq!(
                of("2016-08-15").cash - of("2016-08-12").cash,
                dec("22650.60")
            );
            // 1,500 AMD at 5.74.
            assert_eq!(of("2016-09-13").cash - of("2016-09-12").cash, dec("-8610"));
        } else {
            assert_eq!(flows, Decimal::ZERO);
            assert!(
                days.windows(2).all(|pair| pair[0].cash == pair[1].cash),
                "{name}"
            );
        }
    }
}

/// 100 AAPL bought at 600.96 on 2014-05-05; 7:1 on 2014-06-09, 3.29 a share on 2014-05-08. 200 MSFT
/// short at 39.43; 0.28 a share on 2014-05-13.
#[tokio::test(flavor = "multi_thread")]
async fn on_raw_prices_a_split_moves_no_value_and_dividends_are_income() {
    let world = World::at("2014-06-20T23:00:00Z", &shipped("market-raw")).await;
    let id = world
        .book(
            "raw",
            "100000",
            "2014-05-05",
            &[
                "AAPL,100,600.96,2014-05-05,PUBLIC",
                "MSFT,-200,39.43,2014-05-05,PUBLIC",
            ],
        )
        .await;
    world.worker().await;

    world.run(&request(range("2014-05-05", "2014-06-10"))).await;

    let days = days(&world, id).await;
    assert_eq!(days.len(), 26);
    for pair in days.windows(2) {
        let [before, after] = pair else {
            unreachable!()
        };
        assert_eq!(after.nav, after.cash + after.values);
        assert_eq!(after.nav - before.nav, after.pnl_day);
    }
    let of = |date: &str| days.iter().find(|one| one.as_of == day(date)).unwrap();
    assert_eq!(of("2014-05-05").nav, dec("100000"));
    // The long receives 100 x 3.29, the short pays 200 x 0.28.
    assert_eq!(of("2014-05-08").income, dec("329"));
    assert_eq!(of("2014-05-13").income, dec("-56"));
    let income: Decimal = days.iter().map(|day| day.income).sum();
    assert_eq!(income, dec("273"));

    let apple: Vec<(NaiveDate, Decimal, Decimal, Decimal)> = sqlx::query_as(
        "select v.as_of, v.quantity, v.price, v.market_value from position_values v
         join positions p on p.id = v.position_id where p.symbol = 'AAPL' and v.as_of >= '2014-06-06' order by 1",
    )
    .fetch_all(&world.db)
    .await
    .unwrap();
    assert_eq!(
        apple,
        [
            (day("2014-06-06"), dec("100"), dec("645.57"), dec("64557")),
            (day("2014-06-09"), dec("700"), dec("93.70"), dec("65590")),
            (day("2014-06-10"), dec("700"), dec("94.25"), dec("65975")),
        ]
    );
    // 700 x 93.70 - 100 x 645.57 = 1,033, and 200 short from 41.48 to 41.27: 42.
    assert_eq!(of("2014-06-09").pnl_day, dec("1075"));
    let metrics: f64 = sqlx::query_scalar(
        "select return_1d from symbol_daily_metrics where symbol = 'AAPL' and as_of = '2014-06-09'",
    )
    .fetch_one(&world.db)
    .await
    .unwrap();
    // 7 x 93.70 / 645.57 - 1
    assert!((metrics - 0.016_001_363_136_453).abs() < 1e-12, "{metrics}");
}

/// BBB pays 0.30 ex Saturday 2016-12-17. AAA splits 2:1 on Saturday 2016-12-24, pays 0.50 on the Monday on which the exchange kept
/// Christmas and 0.25 on Tuesday the 27th, the first session of the second run.
#[tokio::test(flavor = "multi_thread")]
async fn splits_and_dividends_of_closed_days_are_booked_on_the_next_session() {
    let mut market = Folder::new();
    market.raw(
        "BBB,2016-12-17,,0.30\nAAA,2016-12-24,2,\nAAA,2016-12-26,,0.50\nAAA,2016-12-27,,0.25\n",
    );
    for date in ["2016-12-27", "2016-12-28"] {
        let whole: f64 = close("AAA", date).parse().unwrap();
        market.correct("AAA", date, whole / 2.0);
    }
    let (aaa, bbb) = (close("AAA", "2016-12-15"), close("BBB", "2016-12-15"));
    let lots = [
        format!("AAA,100,{aaa},2016-12-15,PUBLIC"),
        format!("BBB,50,{bbb},2016-12-15,PUBLIC"),
    ];
    let lots = lots.each_ref().map(String::as_str);
    let at_once = [("2016-12-15", "2016-12-28")];
    let in_parts = [("2016-12-15", "2016-12-23"), ("2016-12-27", "2016-12-28")];
    for runs in [&at_once[..], &in_parts] {
        let world = World::at("2016-12-28T23:00:00Z", market.path()).await;
        let id = world.book("book", "100000", "2016-12-15", &lots).await;
        world.worker().await;
        for (from, to) in runs {
            world.run(&request(range(from, to))).await;
        }

        let stored = "select concat_ws(' ', symbol, ex_date, trim_scale(split_ratio), trim_scale(cash_dividend))
                      from corporate_actions order by symbol";
        assert_eq!(
            world.texts(stored).await,
            ["AAA 2016-12-27 2 0.75", "BBB 2016-12-19 0.3"],
            "{runs:?}"
        );
        // 50 x 0.30, then 200 x 0.75: both dividends of AAA are per share after the split.
        let bought = dec("100000") - dec(&aaa) * dec("100") - dec(&bbb) * dec("50");
        let cash: Vec<(NaiveDate, Decimal)> = days(&world, id)
            .await
            .iter()
            .map(|one| (one.as_of, one.cash - bought))
            .collect();
        let expected = [
            ("2016-12-15", "0"),
            ("2016-12-16", "0"),
            ("2016-12-19", "15"),
            ("2016-12-20", "15"),
            ("2016-12-21", "15"),
            ("2016-12-22", "15"),
            ("2016-12-23", "15"),
            ("2016-12-27", "165"),
            ("2016-12-28", "165"),
        ];
        let expected = expected.map(|(date, paid)| (day(date), dec(paid)));
        assert_eq!(cash, expected, "{runs:?}");
        let held = "select concat_ws(' ', v.as_of, trim_scale(v.quantity)) from position_values v
                    join positions p on p.id = v.position_id
                    where p.symbol = 'AAA' and v.as_of >= '2016-12-22' order by v.as_of";
        assert_eq!(
            world.texts(held).await,
            [
                "2016-12-22 100",
                "2016-12-23 100",
                "2016-12-27 200",
                "2016-12-28 200"
            ],
            "{runs:?}"
        );
    }
}

/// The first night of an old book: its split and three of its dividends are further back than any
/// statistic looks.
#[tokio::test(flavor = "multi_thread")]
async fn a_split_before_the_lookback_of_the_first_run_is_not_forgotten() {
    let world = World::at("2016-12-30T23:00:00Z", &shipped("market-raw")).await;
    let id = world
        .book(
            "old",
            "100000",
            "2014-05-05",
            &["AAPL,100,600.96,2014-05-05,PUBLIC"],
        )
        .await;
    world.worker().await;

    world.run(&request(on("2016-12-30"))).await;

    let (quantity, price): (Decimal, Decimal) =
        sqlx::query_as("select quantity, price from position_values")
            .fetch_one(&world.db)
            .await
            .unwrap();
    assert_eq!((quantity, price), (dec("700"), dec("110.38")));
    // 100 x 3.29, then twice 700 x 0.47.
    let cash = days(&world, id).await[0].cash;
    assert_eq!(cash, dec("100000") - dec("60096") + dec("329") + dec("658"));
}

/// 100 AAPL, seven times as many from 2014-06-09, sold before anything that the run looks at.
#[tokio::test(flavor = "multi_thread")]
async fn splits_and_dividends_of_a_lot_closed_before_the_first_run_are_booked() {
    let world = World::at("2016-12-30T23:00:00Z", &shipped("market-raw")).await;
    let id = world
        .book(
            "closed",
            "100000",
            "2014-05-05",
            &["AAPL,100,600.96,2014-05-05,PUBLIC,,,,,,2014-08-15,97.98"],
        )
        .await;
    world.worker().await;

    world.run(&request(on("2016-12-30"))).await;

    // - 100 x 600.96 + 700 x 97.98 + 100 x 3.29 + 700 x 0.47
    let cash = days(&world, id).await[0].cash;
    assert_eq!(
        cash,
        dec("100000") - dec("60096") + dec("68586") + dec("329") + dec("329")
    );
}

/// AAPL pays 3.05 a share, ex 2014-02-06. The flow was imported before anybody had asked the provider, so
/// that nobody could know that it would count twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_dividend_flow_beside_its_corporate_action_is_left_out_and_named() {
    let world = World::at("2014-02-28T23:00:00Z", &shipped("market-raw")).await;
    let lot = ["AAPL,100,543.93,2014-01-06,PUBLIC"];
    let plain = world.book("plain", "100000", "2014-01-06", &lot).await;
    let twice = world.book("twice", "100000", "2014-01-06", &lot).await;
    let flows =
        b"Date,Type,Amount,Symbol\n2014-01-08,dividend,50,AAPL\n2014-02-06,dividend,305,AAPL\n";
    world.flows(twice, "2014-01-06", flows).await;
    world.worker().await;

    world.run(&request(range("2014-02-05", "2014-02-07"))).await;

    let (plain, days) = (days(&world, plain).await, days(&world, twice).await);
    assert_eq!(plain[1].income, dec("305"));
    for (plain, day) in plain.iter().zip(&days) {
        // The flow of January is of a time without corporate actions: it is all that there is.
        assert_eq!(day.nav, plain.nav + dec("50"), "{day:?}");
        assert_eq!(day.pnl_day, plain.pnl_day, "{day:?}");
    }
    let (name, why) = (
        "dividend flow of 305 for AAPL on 2014-02-06",
        "not booked: the dividends of AAPL come from its corporate actions, since 2014-02-06",
    );
    let of = |date| ["show", "twice", "--date", date];
    let (_, before) = world.command(&of("2014-02-05")).await;
    assert!(before["completeness"]["missing"].get(name).is_none());
    let (_, after) = world.command(&of("2014-02-07")).await;
    assert_eq!(after["completeness"]["missing"][name], why);
    let (_, status) = world.command(&["status"]).await;
    let missing = status["missing"].as_array().unwrap();
    let twice = missing.iter().find(|book| book["name"] == "twice").unwrap();
    assert_eq!(twice["symbols"][name], why);
}

/// Closes from before anything was known of a series change what a contract was settled at, and that stays in cash for ever: no result is
/// too new to be concerned, though none looks back so far.
#[tokio::test(flavor = "multi_thread")]
async fn older_closes_concern_every_date_after_a_contract_that_was_settled_without_them() {
    let mut market = Folder::new();
    market.remove("CCC", |date| date < "2014-12-01");
    let world = World::at("2016-12-30T23:00:00Z", market.path()).await;
    let bought = close("CCC", "2016-12-19");
    let rows = [
        ",2,4.25,2014-11-05,OPTIONS,,CCC,1,2014-11-14,CALL".to_owned(),
        format!("CCC,10,{bought},2016-12-19,PUBLIC"),
    ];
    let rows = rows.each_ref().map(String::as_str);
    let id = world.book("book", "100000", "2014-11-05", &rows).await;
    world.worker().await;
    let dates = range("2016-12-29", "2016-12-30");
    world.run(&request(dates)).await;
    let cash = |days: Vec<Day>| days.into_iter().map(|day| day.cash).collect::<Vec<_>>();
    let at_cost = dec("100000") - dec(&bought) * dec("10");
    assert_eq!(cash(days(&world, id).await), [at_cost; 2]);
    let first = "select min(date)::text from market_data_cache where symbol = 'CCC'";
    assert_eq!(world.texts(first).await, ["2014-12-01"]);

    let known = ["2014-11-11", "2014-11-12"];
    for date in known {
        let close: f64 = close("CCC", date).parse().unwrap();
        market.correct("CCC", date, close);
    }
    let forced = Request {
        force: true,
        ..request(on("2016-12-29"))
    };
    world.run(&forced).await;

    let stale = "select count(*) from stale_result_sets where kind = 'pnl-snapshots' and as_of = '2016-12-30'";
    assert_eq!(world.count(stale).await, 1);
    world.run(&request(on("2016-12-30"))).await;
    let made = (dec(&close("CCC", known[1])) - dec("1")) * dec("200") - dec("850");
    assert_eq!(cash(days(&world, id).await), [at_cost + made; 2]);
}

/// Three contracts expire on 2016-12-23: AAA has its close, the last of CCC is of 2016-12-20, NOPE has none.
#[tokio::test(flavor = "multi_thread")]
async fn an_expiry_without_a_close_of_its_session_is_named_wherever_the_book_is_shown() {
    let mut market = Folder::new();
    market.remove("CCC", |date| date > "2016-12-20");
    let world = World::at("2016-12-30T23:00:00Z", market.path()).await;
    let served = Served::new(&world).await;
    let rows = [
        format!("AAA,100,{},2016-12-19,PUBLIC", close("AAA", "2016-12-19")),
        ",1,4.25,2016-12-19,OPTIONS,,AAA,1,2016-12-23,CALL".to_owned(),
        ",2,4.25,2016-12-19,OPTIONS,,CCC,1,2016-12-23,CALL".to_owned(),
        ",-3,1.50,2016-12-19,OPTIONS,,NOPE,150,2016-12-23,PUT".to_owned(),
    ];
    let rows = rows.each_ref().map(String::as_str);
    let id = world.book("book", "100000", "2016-12-19", &rows).await;
    world.worker().await;

    world.run(&request(range("2016-12-22", "2016-12-27"))).await;

    // A written contract gives its premium back: nothing is realised of it.
    let ccc = (dec(&close("CCC", "2016-12-20")) - dec("1")) * dec("200");
    let aaa = (dec(&close("AAA", "2016-12-23")) - dec("1")) * dec("100");
    let days = days(&world, id).await;
    let realised: Vec<Decimal> = days.iter().map(|day| day.realised).collect();
    let none = Decimal::ZERO;
    let on_expiry = ccc - dec("850") + aaa - dec("425");
    assert_eq!(realised, [none, on_expiry, none]);
    let named = json!({
        "settlement close of CCC161223C00001000 on 2016-12-23":
            "settled at the close of 2016-12-20, the newest of CCC then",
        "settlement close of NOPE161223P00150000 on 2016-12-23":
            "settled at cost: NOPE had no close",
    });
    let expiries = |missing: &Value| -> Value {
        let all = missing.as_object().unwrap().iter();
        let all = all.filter(|(name, _)| name.starts_with("settlement close"));
        all.map(|(name, why)| (name.clone(), why.clone())).collect()
    };
    for (date, expected) in [
        ("2016-12-22", json!({})),
        ("2016-12-23", named.clone()),
        ("2016-12-27", named.clone()),
    ] {
        let (_, shown) = world.command(&["show", "book", "--date", date]).await;
        assert_eq!(
            expiries(&shown["completeness"]["missing"]),
            expected,
            "{date}"
        );
        let path = format!("/api/v1/portfolios/{id}/results/completeness?date={date}");
        let told = served.viewer.get(&path).await.expect(200);
        assert_eq!(expiries(&told["data"]["missing"]), expected, "{date}");
        let path = format!("/portfolios/{id}?date={date}");
        let page = served.viewer.get(&path).await.text();
        let (_, text) = world.page(&["show", "book", "--date", date]).await;
        for (name, why) in named.as_object().unwrap() {
            let there = date != "2016-12-22";
            for shown in [&page, &text] {
                assert_eq!(shown.contains(name), there, "{name} in {shown}");
                assert_eq!(shown.contains(why.as_str().unwrap()), there, "{why}");
            }
        }
    }

    let explain = [
        "explain",
        "book",
        "snapshot:realised",
        "--date",
        "2016-12-23",
    ];
    let (code, made) = world.command(&explain).await;
    assert_eq!((code, &made["equal"]), (0, &json!(true)), "{made:#}");
    let inputs = made["inputs"].as_array().unwrap();
    let ended = |contract: &str| {
        let name = format!("{contract}, ended");
        let found = inputs.iter().find(|input| input["name"] == name);
        found.unwrap()["value"].clone()
    };
    let text = |amount: Decimal| amount.normalize().to_string();
    let settled = |cost: &str, proceeds: Decimal, of: Option<(&str, &str)>| {
        json!({
            "cost": cost,
            "proceeds": text(proceeds),
            "settlement_close": of.map(|(symbol, date)| text(dec(&close(symbol, date)))),
            "settlement_date": of.map(|(_, date)| date),
        })
    };
    for (contract, expected) in [
        (
            "AAA161223C00001000",
            settled("425", aaa, Some(("AAA", "2016-12-23"))),
        ),
        (
            "CCC161223C00001000",
            settled("850", ccc, Some(("CCC", "2016-12-20"))),
        ),
        ("NOPE161223P00150000", settled("-450", dec("-450"), None)),
    ] {
        assert_eq!(ended(contract), expected, "{contract}");
    }
}
