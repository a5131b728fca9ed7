//! Options as exposure and in stress, books that hedge themselves, and losses without a cap.

use rust_decimal::Decimal;
use sigmabatch::analytics::options::{Right, Terms};
use sigmabatch::domain::{Lane, PortfolioId};
use sigmabatch::engine::{self, ExplainError, Request};

use crate::api::Served;
use crate::market::close;
use crate::world::{World, day, dec, on, range, request, shipped};

const DATE: &str = "2016-12-22";

async fn one<T>(world: &World, sql: &'static str, id: PortfolioId) -> T
where
    T: Send + Unpin + for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>,
{
    sqlx::query_as(sql)
        .bind(id.0)
        .fetch_one(&world.db)
        .await
        .unwrap()
}

fn number(text: Decimal) -> f64 {
    text.to_string().parse().unwrap()
}

/// Long and short of the same: everything that moves with the market is nothing, what is held is not.
#[tokio::test(flavor = "multi_thread")]
async fn long_and_short_of_one_symbol_have_no_exposure_and_twice_the_gross() {
    let world = World::new().await;
    let price = close("AAA", DATE);
    let rows = [
        format!("AAA,100,{price},{DATE},PUBLIC"),
        format!("AAA,-100,{price},{DATE},PUBLIC"),
    ];
    let id = world
        .book(
            "hedged",
            "10000",
            DATE,
            &rows.each_ref().map(String::as_str),
        )
        .await;
    world.worker().await;
    world.run(&request(on(DATE))).await;

    let factors: Vec<(f64, Decimal)> =
        sqlx::query_as("select beta, dollar from factor_exposures where reason is null")
            .fetch_all(&world.db)
            .await
            .unwrap();
    assert_eq!(factors.len(), 7);
    assert!(
        factors.iter().all(|f| f.0 == 0.0 && f.1.is_zero()),
        "{factors:?}"
    );
    let (gross,): (Decimal,) = one(
        &world,
        "select gross from concentration where portfolio_id = $1",
        id,
    )
    .await;
    assert_eq!(gross, dec(&price) * dec("200"));
    let stress: Vec<(Decimal, Decimal)> = sqlx::query_as(
        "select direct_pnl, propagated_pnl from stress_test_results where outcome = 'done'",
    )
    .fetch_all(&world.db)
    .await
    .unwrap();
    assert!(stress.len() >= 15);
    assert!(
        stress.iter().all(|row| row.0.is_zero() && row.1.is_zero()),
        "{stress:?}"
    );
    let (volatility, shared): (f64, f64) = one(
        &world,
        "select r.volatility, v.historical_1 from portfolio_risk r join value_at_risk v using (portfolio_id, as_of)
         where r.portfolio_id = $1 and v.confidence = 0.99",
        id,
    )
    .await;
    assert_eq!((volatility, shared), (0.0, 0.0));
    let (outcome, reason): (String, String) = one(
        &world,
        "select outcome, reason from reverse_stress where portfolio_id = $1 and loss = 0.1",
        id,
    )
    .await;
    assert_eq!(
        (outcome.as_str(), reason.as_str()),
        ("not_applicable", "no factor moves the book")
    );
}

/// A short of three times the net asset value loses more than all of it when the market doubles its gain.
#[tokio::test(flavor = "multi_thread")]
async fn a_net_short_book_loses_without_a_cap() {
    let world = World::new().await;
    sqlx::raw_sql(
        "update stress_test_scenarios set active = false;
         insert into stress_test_scenarios (id, name, category, severity, active, implied_vol_multiplier, sort_order)
         values ('up_60', 'Up 60', 'market', 'extreme', true, 1, 100);
         insert into stress_test_shocks (scenario_id, factor, value, kind, sort_order)
         values ('up_60', 'Market', 0.6, 'total_return', 1)",
    )
    .execute(&world.db)
    .await
    .unwrap();
    let price = close("SP500", DATE);
    // Equity of a third of what is sold short.
    let equity = (dec(&price) * dec("100") / dec("3"))
        .round_dp(2)
        .to_string();
    let row = format!("SP500,-100,{price},{DATE},PUBLIC");
    let id = world.book("short", &equity, DATE, &[&row]).await;
    world.worker().await;
    world.run(&request(on(DATE))).await;

    let (propagated, coverage, floored): (f64, f64, Decimal) = one(
        &world,
        "select propagated, coverage, propagated_floored from stress_test_results where portfolio_id = $1",
        id,
    )
    .await;
    assert!((propagated + 1.8).abs() < 1e-4, "{propagated}");
    assert_eq!((coverage, floored), (1.0, Decimal::ZERO));
}

/// Delta, volatility, spot, source, note, shares, exposure.
type Row = (f64, f64, f64, String, String, Decimal, Decimal);

/// Ten calls at the money without a price of their own, and the same book with stock beside them.
#[tokio::test(flavor = "multi_thread")]
async fn an_option_counts_with_its_delta_and_is_repriced_in_full() {
    let world = World::new().await;
    let spot: f64 = close("AAA", DATE).parse().unwrap();
    let strike = spot.round();
    let call = format!(",10,4.25,{DATE},OPTIONS,,AAA,{strike},2017-06-16,CALL");
    let put = format!(",-10,4.25,{DATE},OPTIONS,,AAA,{strike},2017-06-16,PUT");
    let long = world.book("long", "50000", DATE, &[&call]).await;
    let short = world.book("short", "50000", DATE, &[&put]).await;
    let synthetic = world.book("synthetic", "50000", DATE, &[&call, &put]).await;
    world.worker().await;
    world.run(&request(on(DATE))).await;

    let sql = "select delta, volatility, spot, source, note, shares, exposure from option_valuations where portfolio_id = $1";
    let (delta, volatility, stored, source, note, shares, exposure): Row =
        one(&world, sql, long).await;
    assert!(
        (stored - spot).abs() < 1e-12 && delta > 0.4 && delta < 0.7,
        "{delta}"
    );
    assert_eq!(
        (source.as_str(), note.as_str()),
        ("realised", "the contract has no price of its own")
    );
    assert_eq!(shares, dec("1000"));
    assert!((number(exposure) - delta * spot * 1000.0).abs() < 1e-6);
    // The realised volatility of 63 sessions, from the closes.
    let (realised,): (f64,) = sqlx::query_as(
        "with r as (select close / lag(close) over (order by date) - 1 as r, date from market_data_cache where symbol = 'AAA')
         select (stddev_samp(r) * sqrt(252))::float8 from (select r from r where date <= '2016-12-22' order by date desc limit 63) last",
    )
    .fetch_one(&world.db)
    .await
    .unwrap();
    assert!(
        (volatility - realised).abs() < 1e-9,
        "{volatility} {realised}"
    );
    let (beta, own): (f64, f64) = one(
        &world,
        "select f.beta, e.beta from factor_exposures f join symbol_factor_exposures e
            on e.symbol = 'AAA' and e.as_of = f.as_of and e.model = 'joint' and e.factor = f.factor
         where f.portfolio_id = $1 and f.factor = 'Market'",
        long,
    )
    .await;
    let (nav,): (Decimal,) = one(
        &world,
        "select nav from portfolio_snapshots where portfolio_id = $1",
        long,
    )
    .await;
    assert!((beta - own * number(exposure) / number(nav)).abs() < 1e-9);

    // A crash costs the buyer no more than the model's price, the writer far more; both together are stock.
    let crash = "select propagated_pnl, coverage from stress_test_results where portfolio_id = $1 and scenario_id = 'market_crash_35'";
    let loss = |row: (Decimal, f64)| number(row.0);
    let [bought, written, both] =
        [long, short, synthetic].map(|id| one::<(Decimal, f64)>(&world, crash, id));
    let (bought, written, both) = (loss(bought.await), loss(written.await), loss(both.await));
    let (price,): (f64,) = one(
        &world,
        "select price from option_valuations where portfolio_id = $1",
        long,
    )
    .await;
    assert!(bought < 0.0 && bought >= -1000.0 * price, "{bought}");
    assert!(written < 2.0 * bought, "{written}");
    assert!((both - bought - written).abs() < 1e-6, "{both}");
    // Parity: 1,000 shares long, the strike owed. AAA falls with its beta.
    let (by,): (f64,) = sqlx::query_as(
        "select -0.35 * beta from symbol_factor_exposures
         where symbol = 'AAA' and model = 'joint' and factor = 'Market' and as_of = '2016-12-22'",
    )
    .fetch_one(&world.db)
    .await
    .unwrap();
    assert!(
        (both - 1000.0 * spot * by).abs() < 1e-3 * both.abs(),
        "{both} {}",
        1000.0 * spot * by
    );
    // Volatility alone: vix_spike_150 multiplies it by 2.5.
    let vix = "select propagated_pnl, coverage from stress_test_results where portfolio_id = $1 and scenario_id = 'vix_spike_150'";
    let with_volatility = loss(one(&world, vix, long).await);
    assert!(with_volatility > bought, "{with_volatility}");
    // What loses a tenth loses exactly a tenth, and is found for the writer; the buyer cannot lose a fifth.
    let reverse = "select outcome, coalesce(reason, '') from reverse_stress where portfolio_id = $1 and loss = 0.2";
    let (outcome, _): (String, String) = one(&world, reverse, short).await;
    assert_eq!(outcome, "done");
    let (outcome, reason): (String, String) = one(&world, reverse, long).await;
    assert_eq!(outcome, "not_applicable", "{reason}");
}

/// A contract with a price of its own says what its volatility is.
#[tokio::test(flavor = "multi_thread")]
async fn the_price_of_a_contract_implies_its_volatility() {
    let world = World::new().await;
    let spot: f64 = close("AAA", DATE).parse().unwrap();
    let strike = spot.round();
    let row = format!(",2,4.25,{DATE},OPTIONS,,AAA,{strike},2017-06-16,PUT");
    let id = world.book("book", "50000", DATE, &[&row]).await;
    world.worker().await;
    world.run(&request(on(DATE))).await;
    let terms = Terms {
        right: Right::Put,
        spot,
        strike,
        years: 176.0 / 365.0, // from 22 December to 16 June
        rate: 0.04,
        dividend_yield: 0.0,
    };
    let put = terms.value(0.33).unwrap();
    sqlx::query(
        "insert into market_data_cache (symbol, date, close, source)
         select symbol, $1, $2, 'files' from positions",
    )
    .bind(day(DATE))
    .bind(dec(&format!("{:.10}", put.price)))
    .execute(&world.db)
    .await
    .unwrap();

    let again = Request {
        force: true,
        ..request(on(DATE))
    };
    world.run(&again).await;

    let (volatility, delta, price, source, exposure): (f64, f64, f64, String, Decimal) = one(
        &world,
        "select volatility, delta, price, source, exposure from option_valuations where portfolio_id = $1",
        id,
    )
    .await;
    assert_eq!(source, "implied");
    assert!((volatility - 0.33).abs() < 1e-9, "{volatility}");
    assert!((delta - put.delta).abs() < 1e-9 && (price - put.price).abs() < 1e-9);
    assert!((number(exposure) - 200.0 * spot * put.delta).abs() < 1e-6);
}

/// Date, strike, spot, volatility, model price, delta, shares, exposure.
type Split = (chrono::NaiveDate, f64, f64, f64, f64, f64, Decimal, Decimal);

/// AAPL split 7:1 on 2014-06-09. A contract keeps its strike and its hundred shares in units of its entry, as seven new contracts at a seventh
/// of the strike would be: nothing moves but the underlying, and at expiry seven new shares are worth what one old share is.
#[tokio::test(flavor = "multi_thread")]
async fn a_split_of_the_underlying_moves_no_value_of_a_contract() {
    let world = World::at("2014-06-24T23:00:00Z", &shipped("market-raw")).await;
    let before = ",1,60,2014-05-05,OPTIONS,,AAPL,600,2014-06-20,CALL";
    let id = world.book("old", "100000", "2014-05-05", &[before]).await;
    let after = ",7,8,2014-06-10,OPTIONS,,AAPL,90,2014-07-18,CALL";
    let new = world.book("new", "100000", "2014-06-10", &[after]).await;
    world.worker().await;
    world.run(&request(range("2014-06-05", "2014-06-23"))).await;

    let rows: Vec<Split> = sqlx::query_as(
        "select as_of, strike, spot, volatility, price, delta, shares, exposure from option_valuations
         where portfolio_id = $1 order by as_of",
    )
    .bind(id.0)
    .fetch_all(&world.db)
    .await
    .unwrap();
    // From 2014-06-05 to the session before the last.
    assert_eq!(rows.len(), 11);
    let of = |date: &str| *rows.iter().find(|row| row.0 == day(date)).unwrap();
    let (friday, monday) = (of("2014-06-06"), of("2014-06-09"));
    for row in &rows {
        assert_eq!((row.1, row.6), (600.0, dec("100")), "{row:?}");
        assert!((0.05..0.4).contains(&row.3), "no jump is a return: {row:?}");
        assert!((number(row.7) - row.5 * row.2 * 100.0).abs() < 1e-6);
    }
    assert!((friday.2 - 645.57).abs() < 1e-9 && (monday.2 - 7.0 * 93.70).abs() < 1e-9);
    // The model's price moves by delta times the move of the share, but for two days of time and the curvature.
    let moved = monday.4 - friday.4;
    let by_delta = friday.5 * (monday.2 - friday.2);
    assert!((moved - by_delta).abs() < 1.0, "{moved} {by_delta}");
    assert!((number(monday.7) / number(friday.7) - 1.0).abs() < 0.05);

    // It has no price of its own: it is worth what the model says, to a millionth, across the split; then its intrinsic value.
    let values: Vec<(chrono::NaiveDate, Decimal, Decimal, Decimal, Decimal)> = sqlx::query_as(
        "select as_of, s.nav, s.cash, s.pnl_day, coalesce(v.quantity, 0) from portfolio_snapshots s
         left join position_values v using (portfolio_id, as_of) where portfolio_id = $1 order by 1",
    )
    .bind(id.0)
    .fetch_all(&world.db)
    .await
    .unwrap();
    let mut before = None;
    for (row, model) in values.iter().zip(&rows) {
        let worth = dec(&format!("{:.6}", model.4)) * dec("100");
        assert_eq!((row.0, row.2, row.4), (model.0, dec("94000"), dec("1")));
        assert_eq!(row.1, row.2 + worth, "{row:?}");
        if let Some(before) = before {
            assert_eq!(row.3, row.1 - before, "{row:?}");
        }
        before = Some(row.1);
    }
    let (spot,): (Decimal,) = sqlx::query_as(
        "select close from market_data_cache where symbol = 'AAPL' and date = '2014-06-20'",
    )
    .fetch_one(&world.db)
    .await
    .unwrap();
    let paid = (dec("7") * spot - dec("600")) * dec("100");
    assert!(paid > Decimal::ZERO);
    let end = values
        .iter()
        .find(|row| row.0 == day("2014-06-20"))
        .unwrap();
    let worth = dec("94000") + paid;
    assert_eq!((end.1, Some(end.3)), (worth, before.map(|nav| worth - nav)));
    assert_eq!(end.4, Decimal::ZERO);

    // Whoever bought after the split has new shares and a new strike.
    let (strike, spot, shares): (f64, f64, Decimal) = one(
        &world,
        "select strike, spot, shares from option_valuations where portfolio_id = $1 and as_of = '2014-06-10'",
        new,
    )
    .await;
    assert_eq!((strike, shares), (90.0, dec("700")));
    assert!((spot - 94.25).abs() < 1e-9, "{spot}");
}

/// Spot, volatility, delta, source, shares, exposure; quantity and value of the lot.
type Counted = (f64, f64, f64, String, Decimal, Decimal, Decimal, Decimal);

/// A split of AAPL that is on file of the contract too: there are seven times as many contracts, each at a seventh of the price, and what they
/// are worth and count for is what it was in units of the entry.
#[tokio::test(flavor = "multi_thread")]
async fn a_split_of_the_contract_and_of_its_underlying_counts_once() {
    let world = World::at("2014-06-24T23:00:00Z", &shipped("market-raw")).await;
    let row = ",2,60,2014-05-05,OPTIONS,,AAPL,600,2014-07-18,CALL";
    let id = world.book("book", "100000", "2014-05-05", &[row]).await;
    world.worker().await;
    world.run(&request(on("2014-06-20"))).await;
    let (close,): (Decimal,) = sqlx::query_as(
        "select close from market_data_cache where symbol = 'AAPL' and date = '2014-06-20'",
    )
    .fetch_one(&world.db)
    .await
    .unwrap();
    let spot = 7.0 * number(close);
    let terms = Terms {
        right: Right::Call,
        spot,
        strike: 600.0,
        years: 28.0 / 365.0, // from 20 June to 18 July
        rate: 0.04,
        dividend_yield: 0.0,
    };
    let call = terms.value(0.33).unwrap();
    sqlx::query(
        "with split as (
             insert into corporate_actions (symbol, ex_date, split_ratio, source)
             select symbol, date '2014-06-09', 7, 'files' from positions)
         insert into market_data_cache (symbol, date, close, source)
         select symbol, $1, $2, 'files' from positions",
    )
    .bind(day("2014-06-20"))
    .bind(dec(&format!("{:.10}", call.price / 7.0)))
    .execute(&world.db)
    .await
    .unwrap();
    let again = Request {
        force: true,
        ..request(on("2014-06-20"))
    };
    world.run(&again).await;

    let sql = "select o.spot, o.volatility, o.delta, o.source, o.shares, o.exposure, v.quantity, v.market_value
               from option_valuations o join position_values v using (portfolio_id, as_of) where portfolio_id = $1";
    let (stored, volatility, delta, source, shares, exposure, quantity, value): Counted =
        one(&world, sql, id).await;
    assert_eq!((quantity, shares), (dec("14"), dec("200")));
    assert!((number(value) - 200.0 * call.price).abs() < 1e-6, "{value}");
    assert!((stored - spot).abs() < 1e-9, "{stored}");
    // The price is of the entry's share, as spot and strike are.
    assert_eq!(source, "implied");
    assert!((volatility - 0.33).abs() < 1e-6, "{volatility}");
    assert!((delta - call.delta).abs() < 1e-6, "{delta}");
    let worth = 200.0 * spot * call.delta;
    assert!((number(exposure) - worth).abs() < 1e-2, "{exposure}");
    for of in ["exposure", "shares", "volatility", "spot"] {
        let asked = format!("option:AAPL140718C00600000:{of}");
        let made = engine::explain(&world.engine.pools, id, None, &asked).await;
        assert!(made.unwrap().holds(), "{asked}");
    }
}

/// Lots of one contract from before and after a split of its underlying are two valuations: each has a name, and the plain one is neither's.
#[tokio::test(flavor = "multi_thread")]
async fn each_valuation_of_a_contract_held_across_a_split_is_explained() {
    let world = World::at("2014-06-24T23:00:00Z", &shipped("market-raw")).await;
    let rows = [
        ",1,510,2014-05-05,OPTIONS,,AAPL,90,2014-07-18,CALL",
        ",3,6,2014-06-10,OPTIONS,,AAPL,90,2014-07-18,CALL",
        ",1,3,2014-06-10,OPTIONS,,AAPL,95,2014-07-18,CALL",
    ];
    let id = world.book("book", "100000", "2014-05-05", &rows).await;
    world.worker().await;
    world.run(&request(on("2014-06-20"))).await;
    let twice = "AAPL140718C00090000";
    let rows: Vec<(f64, Decimal, Decimal)> = sqlx::query_as(
        "select spot, shares, exposure from option_valuations where symbol = $1 order by spot",
    )
    .bind(twice)
    .fetch_all(&world.db)
    .await
    .unwrap();
    let shares: Vec<Decimal> = rows.iter().map(|row| row.1).collect();
    assert_eq!(shares, [dec("300"), dec("100")]);

    let served = Served::new(&world).await;
    let page = served.viewer.get(&format!("/portfolios/{id}")).await.text();
    for (spot, _, exposure) in &rows {
        let asked = format!("option:{twice}@{spot:?}:exposure");
        let made = engine::explain(&world.engine.pools, id, None, &asked).await;
        let made = made.unwrap();
        assert!(made.holds(), "{asked}: {:?}", made.explained);
        let told = engine::told(&made.report, &asked).unwrap();
        assert!(told.value.same(made.explained.stored), "{asked}");
        let (code, document) = world.command(&["explain", "book", &asked]).await;
        assert_eq!(code, 0, "{document:#}");
        assert_eq!(dec(document["value"].as_str().unwrap()), *exposure);

        let link = format!("/portfolios/{id}/explain/{asked}?date=2014-06-20");
        assert!(page.contains(&format!("href=\"{link}\"")), "{link}: {page}");
        let answer = served.viewer.get(&link).await;
        assert_eq!(answer.status, 200, "{link}");
        let shown = exposure.normalize().to_string();
        assert!(answer.text().contains(&shown), "{shown}: {}", answer.text());
        let answer = served.viewer.get(&format!("/api/v1{link}")).await.json();
        assert_eq!(answer["data"]["value"], shown.as_str(), "{answer:#}");
    }
    assert!(!page.contains(&format!("option:{twice}:")), "{page}");
    assert!(page.contains("option:AAPL140718C00095000:exposure?"));

    let choices =
        async |asked: &str| match engine::explain(&world.engine.pools, id, None, asked).await {
            Err(ExplainError::Argument { choices, .. }) => choices,
            other => panic!("{asked}: {other:?}"),
        };
    let names = rows.iter().map(|row| format!("{twice}@{:?}:", row.0));
    let names: Vec<String> = names.collect();
    // Neither the plain name nor another spot says which is meant: both are listed, each number of them once.
    for asked in [
        format!("option:{twice}:exposure"),
        format!("option:{twice}@1:delta"),
    ] {
        let choices = choices(&asked).await;
        assert!(
            names
                .iter()
                .all(|name| choices.contains(&format!("{name}exposure")))
        );
        let others = choices
            .iter()
            .filter(|one| !names.iter().any(|name| one.starts_with(name)));
        assert_eq!(others.count(), 0, "{choices:?}");
    }
    let all = choices("option:?").await;
    let apart: std::collections::BTreeSet<&String> = all.iter().collect();
    assert_eq!(apart.len(), all.len(), "{all:?}");
    assert!(all.contains(&"AAPL140718C00095000:exposure".to_owned()));
    // A contract that there is once has its plain name.
    let plain = "option:AAPL140718C00095000:exposure";
    let made = engine::explain(&world.engine.pools, id, None, plain).await;
    assert!(made.unwrap().holds());
}

/// Date, quality, session of the price, price and value of a lot; net asset value and profit of the day.
type Kept = (
    chrono::NaiveDate,
    String,
    Option<chrono::NaiveDate>,
    Decimal,
    Decimal,
    Decimal,
    Decimal,
);

/// A put on AAA, which has its last close on the 13th: the model has prices up to the 20th.
async fn put_on_what_ended(folder: &mut crate::market::Folder) -> (World, PortfolioId) {
    folder.remove("AAA", |date| date > "2016-12-13");
    let world = World::at("2016-12-31T12:00:00Z", folder.path()).await;
    let strike = close("AAA", "2016-12-12").parse::<f64>().unwrap().round();
    let put = format!(",2,2,2016-12-12,OPTIONS,,AAA,{strike},2017-06-16,PUT");
    let id = world.book("put", "50000", "2016-12-12", &[&put]).await;
    world.worker().await;
    (world, id)
}

/// Its value does not fall back to its cost when the model has no price any more: that would be a profit or a loss of nothing.
#[tokio::test(flavor = "multi_thread")]
async fn an_option_on_what_has_no_close_any_more_keeps_its_last_model_price() {
    let mut folder = crate::market::Folder::new();
    let (world, id) = put_on_what_ended(&mut folder).await;
    let rows = async || -> Vec<Kept> {
        let sql = "select as_of, v.quality, v.price_date, v.price, v.market_value, s.nav, s.pnl_day
                   from position_values v join portfolio_snapshots s using (portfolio_id, as_of)
                   where portfolio_id = $1 order by 1";
        let rows = sqlx::query_as(sql).bind(id.0);
        rows.fetch_all(&world.db).await.unwrap()
    };
    world.run(&request(on("2016-12-22"))).await;
    let alone = rows().await;
    let again = Request {
        force: true,
        ..request(range("2016-12-19", "2016-12-22"))
    };
    world.run(&again).await;
    let range = rows().await;
    assert_eq!((alone.len(), range.len()), (1, 4));
    assert_eq!(alone[0], range[3]);

    let qualities = range.iter().map(|row| row.1.as_str());
    let expected = ["model", "model", "carried", "carried"];
    assert_eq!(qualities.collect::<Vec<_>>(), expected);
    let last = &range[1];
    assert_ne!(last.3, dec("2"), "not the cost");
    for row in &range[2..] {
        assert_eq!(row.2, Some(day("2016-12-13")));
        assert_eq!((row.3, row.4, row.5), (last.3, last.4, last.5));
        assert_eq!(row.6, Decimal::ZERO, "{row:?}");
    }
    let missing = "select missing::text from completeness where as_of = '2016-12-22'";
    let why = "the last model price is kept, of the close of 2016-12-13";
    let missing = world.texts(missing).await;
    assert!(missing[0].contains(why), "{missing:?}");
}

/// The profile of the session behind a price that is kept counts for as long as it is kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_profile_concerns_the_model_prices_that_are_kept_after_it() {
    let mut folder = crate::market::Folder::new();
    folder.dividend_yield("AAA", "0.01");
    let (world, id) = put_on_what_ended(&mut folder).await;
    // Planned before anything was told, and held back until the newer dates are done.
    let lane = async |order: &str| {
        let order = [order, "lane", "backfill", "--reason", "late"];
        assert_eq!(world.command(&order).await.0, 0);
    };
    lane("pause").await;
    let late = Request {
        lane: Some(Lane::Backfill),
        ..request(on("2016-12-15"))
    };
    let late = world.begin(&late).await;
    world.run(&request(on("2016-12-28"))).await;
    world.run(&request(on("2016-12-30"))).await;
    let sql = "select market_value from position_values where portfolio_id = $1 order by as_of";
    let values = async || -> Vec<Decimal> {
        let rows = sqlx::query_scalar(sql).bind(id.0);
        rows.fetch_all(&world.db).await.unwrap()
    };
    let before = values().await;
    assert_eq!(before.len(), 2);
    assert_eq!(before[0], before[1]);

    // It is told of the 15th, and that of the 28th stays: on the 20th it is the newest.
    folder.dividend_yield("AAA", "0.05");
    lane("resume").await;
    assert_eq!(world.verdict(late.run).await, "succeeded");
    world.run(&request(range("2016-12-28", "2016-12-30"))).await;
    let after = values().await;
    let after = &after[1..]; // without the 15th
    assert_eq!(after.len(), 3);
    assert!(after[0] > before[0], "dividends go to the put: {after:?}");
    assert!(after.iter().all(|value| *value == after[0]), "{after:?}");
}

/// Of a book: quality, price, value; net asset value and profit of the day.
type Worth = (String, Decimal, Decimal, Decimal, Decimal);

/// Rate and dividend yields are inputs of what options are worth: new ones make values and ledger stale where there are options, and nothing
/// where there are none. What the analytics say is what the ledger says.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_rate_or_dividend_yield_values_options_again_and_nothing_else() {
    let folder = crate::market::Folder::new();
    folder.dividend_yield("AAA", "0.01");
    let world = World::at("2016-12-31T12:00:00Z", folder.path()).await;
    let strike = close("AAA", DATE).parse::<f64>().unwrap().round();
    let call = format!(",-2,4.25,{DATE},OPTIONS,,AAA,{strike},2017-06-16,CALL");
    let written = world.book("written", "50000", DATE, &[&call]).await;
    let stock = format!("AAA,10,50,{DATE},PUBLIC");
    world.book("stock", "50000", DATE, &[&stock]).await;
    world.worker().await;
    let asked = request(on(DATE));
    world.run(&asked).await;
    let worth = async |carry: (f64, f64)| -> f64 {
        let sql = "select v.quality, v.price, v.market_value, s.nav, s.pnl_day
                   from position_values v join portfolio_snapshots s using (portfolio_id, as_of) where portfolio_id = $1";
        let (quality, price, value, nav, profit): Worth = one(&world, sql, written).await;
        assert_eq!((quality.as_str(), value), ("model", price * dec("-200")));
        assert_eq!(nav, dec("50000") + profit);
        assert_eq!(profit, dec("850") + value);
        let (model, rate, dividend_yield, source): (f64, f64, f64, String) = one(
            &world,
            "select price, rate, dividend_yield, source from option_valuations where portfolio_id = $1",
            written,
        )
        .await;
        assert_eq!(
            (rate, dividend_yield, source.as_str()),
            (carry.0, carry.1, "realised")
        );
        assert!((number(price) - model).abs() <= 5e-7, "{price} {model}");
        model
    };
    let first = worth((0.04, 0.01)).await;
    let stale = async || {
        let sql = "select s.kind || ' ' || p.name from stale_result_sets s join portfolios p on p.id::text = s.owner
                   where s.kind <> 'portfolio-analytics' order by 1";
        world.texts(sql).await
    };
    assert_eq!(stale().await, Vec::<String>::new());

    // The plan is looked at before anybody takes its tasks.
    let hold = world.command(&[
        "pause",
        "lane",
        "interactive",
        "--reason",
        "to look at the plan",
    ]);
    assert_eq!(hold.await.0, 0);
    let dearer = world.engine.clone().with_risk_free_rate(Some(0.06));
    let planned = sigmabatch::engine::plan(&dearer, &asked).await.unwrap();
    let of_options = [
        "pnl-snapshots written",
        "position-updates written",
        "position-values written",
    ];
    assert_eq!(stale().await, of_options);
    let go_on = world.command(&["resume", "lane", "interactive", "--reason", "looked at"]);
    assert_eq!(go_on.await.0, 0);
    sigmabatch::engine::start(&dearer, planned.run).await;
    assert_eq!(world.verdict(planned.run).await, "succeeded");
    assert_eq!(stale().await, Vec::<String>::new());
    let second = worth((0.06, 0.01)).await;
    assert!(second > first, "a call gains by the rate: {second} {first}");

    folder.dividend_yield("AAA", "0.05");
    // A forced run of somebody else asks for the profile again.
    let share = format!("AAA,1,50,{DATE},PUBLIC");
    let other = world.book("other", "50000", DATE, &[&share]).await;
    let forced = Request {
        portfolios: sigmabatch::engine::Selection::Only(vec![other]),
        force: true,
        ..asked.clone()
    };
    world.run(&forced).await;
    let stale_now = stale().await;
    assert!(
        of_options
            .iter()
            .all(|one| stale_now.contains(&(*one).to_owned())),
        "{stale_now:?}"
    );
    assert!(
        !stale_now.contains(&"position-values stock".to_owned()),
        "{stale_now:?}"
    );
    world.run(&asked).await;
    let third = worth((0.06, 0.05)).await;
    assert!(
        third < second,
        "dividends go to the stock: {third} {second}"
    );
    assert_eq!(stale().await, Vec::<String>::new());
}
