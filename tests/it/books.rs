//! Books of every kind, and which lots are positions on which day.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use rust_decimal::Decimal;
use sigmabatch::domain::PortfolioId;

use crate::market::close;
use crate::world::{World, day, dec, on, range, request};

/// NAV, cash, and how each analytic ended with its reason.
struct Ended {
    nav: Decimal,
    cash: Decimal,
    outcomes: BTreeMap<&'static str, String>,
    reasons: serde_json::Value,
}

impl Ended {
    fn assert(&self, entries: &[&str], outcome: &str, why: &str) {
        for entry in entries {
            assert_eq!(self.outcomes[entry], outcome, "{entry}: {:?}", self.reasons);
            assert_eq!(self.reasons[entry].as_str().unwrap_or(""), why, "{entry}");
        }
    }
}

async fn ended(world: &World, id: PortfolioId, date: &str) -> Ended {
    let entries = [
        "snapshot",
        "marks",
        "betas",
        "factors",
        "volatility",
        "correlation",
        "concentration",
        "stress",
        "value_at_risk",
        "replay",
        "reverse_stress",
    ];
    let (nav, cash, outcomes, reasons): (Decimal, Decimal, Vec<String>, serde_json::Value) = sqlx::query_as(
        "select s.nav, s.cash, array[c.snapshot, c.marks, c.betas, c.factors, c.volatility, c.correlation,
                                     c.concentration, c.stress, c.value_at_risk, c.replay, c.reverse_stress], c.reasons
         from portfolio_snapshots s join completeness c using (portfolio_id, as_of)
         where portfolio_id = $1 and as_of = $2",
    )
    .bind(id.0)
    .bind(day(date))
    .fetch_one(&world.db)
    .await
    .unwrap();
    Ended {
        nav,
        cash,
        outcomes: entries.into_iter().zip(outcomes).collect(),
        reasons,
    }
}

#[tokio::test(flavor = "multi_thread")]
#[expect(
    clippy::too_many_lines,
    reason = "four books, each with what it must show"
)]
async fn books_without_market_prices_are_valued_and_say_why_they_have_no_statistics() {
    const MARKET: [&str; 8] = [
        "betas",
        "factors",
        "volatility",
        "correlation",
        "stress",
        "value_at_risk",
        "replay",
        "reverse_stress",
    ];
    let world = World::new().await;
    let private = world
        .book(
            "private",
            "100000",
            "2016-12-19",
            &["HOUSE,2,30000,2016-12-19,PRIVATE,REAL_ESTATE"],
        )
        .await;
    world
        .marks(
            private,
            "HOUSE",
            &[("2016-12-21", "31000"), ("2016-12-29", "31500")],
        )
        .await;
    let empty = world.book("empty", "5000", "2016-12-19", &[]).await;
    let option = world
        .book(
            "option",
            "10000",
            "2016-12-19",
            &[",3,4.25,2016-12-19,OPTIONS,,AAA,150,2017-06-16,CALL"],
        )
        .await;
    let nameless = world
        .book(
            "nameless",
            "10000",
            "2016-12-19",
            &[",3,4.25,2016-12-19,OPTIONS,,NOPE,150,2017-06-16,CALL"],
        )
        .await;
    let stock = format!("AAA,100,{},2016-12-19,PUBLIC", close("AAA", "2016-12-19"));
    let mixed = world
        .book(
            "mixed",
            "50000",
            "2016-12-19",
            &[
                &stock,
                ",3,4.25,2016-12-19,OPTIONS,,AAA,150,2017-06-16,CALL",
                "HOUSE,1,20000,2016-12-19,PRIVATE",
            ],
        )
        .await;
    world.worker().await;

    world.run(&request(range("2016-12-20", "2016-12-22"))).await;

    // At cost, then at the mark of the 21st; the mark of the 29th is not known yet.
    for (date, nav) in [
        ("2016-12-20", "100000"),
        ("2016-12-21", "102000"),
        ("2016-12-22", "102000"),
    ] {
        let ended = ended(&world, private, date).await;
        assert_eq!((ended.nav, ended.cash), (dec(nav), dec("40000")));
        ended.assert(&["snapshot", "marks", "concentration"], "done", "");
        ended.assert(&MARKET, "not_applicable", "private assets only");
    }
    let cash = ended(&world, empty, "2016-12-22").await;
    assert_eq!((cash.nav, cash.cash), (dec("5000"), dec("5000")));
    cash.assert(&["snapshot", "marks"], "done", "");
    cash.assert(&MARKET, "not_applicable", "no positions");
    cash.assert(&["concentration"], "not_applicable", "no positions");

    // 3 contracts of 100: at the model's price, to a millionth, never at the price of the underlying.
    let modelled: Decimal = sqlx::query_scalar(
        "select round(price::numeric, 6) * 300 from option_valuations where portfolio_id = $1 and as_of = '2016-12-22'",
    )
    .bind(option.0)
    .fetch_one(&world.db)
    .await
    .unwrap();
    let contracts = ended(&world, option, "2016-12-22").await;
    assert_eq!(
        (contracts.nav, contracts.cash),
        (dec("8725") + modelled, dec("8725"))
    );
    contracts.assert(&["betas", "factors", "volatility", "stress"], "done", "");
    // What its underlying costs is all that a model needs; of one without closes nothing is known: it is carried at its cost.
    let unknown = ended(&world, nameless, "2016-12-22").await;
    assert_eq!((unknown.nav, unknown.cash), (dec("10000"), dec("8725")));
    let why = "no symbol is modelled; NOPE170616C00150000: underlying NOPE: the provider does not know the symbol";
    unknown.assert(
        &["betas", "factors", "volatility", "stress"],
        "insufficient_data",
        why,
    );
    unknown.assert(&["snapshot", "marks", "concentration"], "done", "");
    for (id, outcome, reason) in [
        (private, "not_applicable", "private assets only"),
        (empty, "not_applicable", "no positions"),
        (nameless, "insufficient_data", why),
    ] {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "select outcome, reason from value_at_risk where portfolio_id = $1 and as_of = '2016-12-22'
             union all
             select outcome, reason from reverse_stress where portfolio_id = $1 and as_of = '2016-12-22'
             union all
             select outcome, reason from historical_replays where portfolio_id = $1 and as_of = '2016-12-22'",
        )
        .bind(id.0)
        .fetch_all(&world.db)
        .await
        .unwrap();
        // Two confidences, three losses, two crises before 2016.
        assert_eq!(rows, vec![(outcome.to_owned(), reason.to_owned()); 7]);
    }
    let valued: Vec<(String, String, Decimal)> = sqlx::query_as(
        "select p.symbol, v.quality, v.market_value from position_values v join positions p on p.id = v.position_id
         where v.portfolio_id = any($1) and v.as_of = '2016-12-22' order by 1",
    )
    .bind([option.0, nameless.0])
    .fetch_all(&world.db)
    .await
    .unwrap();
    let row = |name: &str, quality: &str, value| (name.to_owned(), quality.to_owned(), value);
    assert_eq!(
        valued,
        [
            row("AAA170616C00150000", "model", modelled),
            row("NOPE170616C00150000", "carried", dec("1275"))
        ]
    );

    let all = ended(&world, mixed, "2016-12-22").await;
    all.assert(
        &["betas", "factors", "volatility", "stress", "concentration"],
        "done",
        "",
    );
    let value = dec(&close("AAA", "2016-12-22")) * dec("100");
    assert_eq!(all.nav, all.cash + value + modelled + dec("20000"));
    let (missing, coverage): (serde_json::Value, f64) =
        sqlx::query_as("select missing, coverage from completeness where portfolio_id = $1 and as_of = '2016-12-22'")
            .bind(mixed.0)
            .fetch_one(&world.db)
            .await
            .unwrap();
    let left_out: BTreeSet<&str> = missing
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(left_out, ["HOUSE"].into());
    let delta: Decimal = sqlx::query_scalar(
        "select exposure from option_valuations where portfolio_id = $1 and as_of = '2016-12-22'",
    )
    .bind(mixed.0)
    .fetch_one(&world.db)
    .await
    .unwrap();
    let modelled = value + delta;
    let expected: f64 = (modelled / (modelled + dec("20000")))
        .to_string()
        .parse()
        .unwrap();
    assert!(
        (coverage - expected).abs() < 1e-12,
        "{coverage}, not {expected}"
    );
}

/// Monday to Friday, and the lots that are positions at each close. Every lot has a quantity of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_lot_is_a_position_from_the_session_of_its_entry_until_the_one_before_its_end() {
    const DATES: [&str; 5] = [
        "2016-12-19",
        "2016-12-20",
        "2016-12-21",
        "2016-12-22",
        "2016-12-23",
    ];
    let lots: [(&str, &str, [bool; 5]); 11] = [
        ("held", "AAA,1,50,2016-12-12,PUBLIC", [true; 5]),
        (
            "closed before",
            "AAA,2,50,2016-12-12,PUBLIC,,,,,,2016-12-16,51",
            [false; 5],
        ),
        (
            "closed on Wednesday",
            "AAA,3,50,2016-12-12,PUBLIC,,,,,,2016-12-21,51",
            [true, true, false, false, false],
        ),
        (
            "closed after",
            "AAA,4,50,2016-12-12,PUBLIC,,,,,,2016-12-28,51",
            [true; 5],
        ),
        (
            "entered on Thursday",
            "AAA,5,50,2016-12-22,PUBLIC",
            [false, false, false, true, true],
        ),
        ("entered after", "AAA,6,50,2016-12-27,PUBLIC", [false; 5]),
        (
            "expires on Wednesday",
            ",7,1,2016-12-12,OPTIONS,,AAA,50,2016-12-21,PUT",
            [true, true, false, false, false],
        ),
        (
            "expires on Saturday",
            ",8,1,2016-12-12,OPTIONS,,AAA,50,2016-12-24,PUT",
            [true, true, true, true, false],
        ),
        (
            "closed on a Sunday: Monday",
            "AAA,9,50,2016-12-12,PUBLIC,,,,,,2016-12-18,51",
            [false; 5],
        ),
        (
            "entered on a Sunday: Monday",
            "AAA,10,50,2016-12-18,PUBLIC",
            [true; 5],
        ),
        ("deleted", "AAA,11,50,2016-12-12,PUBLIC", [false; 5]),
    ];
    let world = World::new().await;
    let rows: Vec<&str> = lots.iter().map(|(_, row, _)| *row).collect();
    world.book("book", "100000", "2016-12-12", &rows).await;
    sqlx::query("update positions set deleted_at = now() where quantity = 11")
        .execute(&world.db)
        .await
        .unwrap();
    world.worker().await;

    world.run(&request(range(DATES[0], DATES[4]))).await;

    let valued: BTreeSet<(NaiveDate, Decimal)> = sqlx::query_as(
        "select v.as_of, p.quantity from position_values v join positions p on p.id = v.position_id",
    )
    .fetch_all(&world.db)
    .await
    .unwrap()
    .into_iter()
    .collect();
    for (number, (what, _, live)) in (1..).zip(lots) {
        for (date, expected) in DATES.iter().zip(live) {
            let found = valued.contains(&(day(date), Decimal::from(number)));
            assert_eq!(found, expected, "a lot {what}, at the close of {date}");
        }
    }
    // The last date's positions are the live marks.
    let marks: i64 = world
        .count("select count(*) from position_marks where as_of = '2016-12-23'")
        .await;
    let last = world
        .count("select count(*) from position_values where as_of = '2016-12-23'")
        .await;
    assert_eq!(marks, last);
    assert_eq!(
        world.count("select count(*) from position_marks").await,
        last
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lot_bought_today_makes_no_earlier_date_stale() {
    let world = World::new().await;
    let rows = [
        format!("AAA,100,{},2016-12-19,PUBLIC", close("AAA", "2016-12-19")),
        format!("BBB,100,{},2016-12-22,PUBLIC", close("BBB", "2016-12-22")),
    ];
    world
        .book(
            "book",
            "100000",
            "2016-12-19",
            &rows.each_ref().map(String::as_str),
        )
        .await;
    world.worker().await;
    world.run(&request(on("2016-12-21"))).await;

    // The first night with BBB asks for two years of its prices.
    world.run(&request(on("2016-12-22"))).await;

    let stale = world
        .texts("select kind || ' ' || as_of from stale_result_sets order by 1")
        .await;
    assert!(stale.is_empty(), "{stale:?}");
    assert_eq!(world.count("select count(*) from published_dates").await, 2);
}

/// No import lets such an equity in; a database that has one shows what becomes of a ledger that fails.
#[tokio::test(flavor = "multi_thread")]
async fn a_book_whose_ledger_failed_does_not_look_like_an_empty_one() {
    let world = World::new().await;
    let lot = ["AAA,100,50,2016-12-19,PUBLIC"];
    world.book("vast", "1000000", "2016-12-19", &lot).await;
    sqlx::query("update portfolios set opening_equity = 1e26")
        .execute(&world.db)
        .await
        .unwrap();
    world.worker().await;

    let planned = world.begin(&request(on("2016-12-29"))).await;

    assert_eq!(world.verdict(planned.run).await, "failed");
    let wrong = "select x.key || ': ' || x.value from completeness c cross join jsonb_each_text(c.reasons) x
                 where not c.strict order by 1";
    let values = "no values of this date: the valuation of the positions failed";
    let mut expected = vec!["snapshot: no snapshot of this date: the ledger failed".to_owned()];
    for entry in [
        "marks",
        "betas",
        "factors",
        "volatility",
        "correlation",
        "concentration",
        "stress",
        "value_at_risk",
        "replay",
        "reverse_stress",
    ] {
        expected.push(format!("{entry}: {values}"));
    }
    expected.sort();
    assert_eq!(world.texts(wrong).await, expected);
    let left = world.count("select count(*) from sector_exposures").await;
    assert_eq!(left, 0, "a bucket of nothing would be all of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_on_its_first_day_has_the_numbers_of_its_symbols_and_says_what_takes_time() {
    let world = World::new().await;
    let lots = ["AAA", "BBB"].map(|symbol| {
        let price = close(symbol, "2016-12-22");
        format!("{symbol},100,{price},2016-12-22,PUBLIC")
    });
    let lots = lots.each_ref().map(String::as_str);
    let id = world.book("young", "100000", "2016-12-22", &lots).await;
    world.worker().await;
    world.run(&request(on("2016-12-22"))).await;

    let young = ended(&world, id, "2016-12-22").await;
    for (entry, outcome) in &young.outcomes {
        // The crises of the past lie before the prices of the test's market.
        let expected = if *entry == "replay" {
            "insufficient_data"
        } else {
            "done"
        };
        assert_eq!(outcome, expected, "{entry}: {:?}", young.reasons);
        let why = young.reasons[entry].as_str().unwrap_or("");
        assert_eq!(why.is_empty(), outcome == "done", "{entry}: {why}");
    }
    assert_eq!(young.nav, dec("100000"));
    let (code, shown) = world.command(&["show", "young"]).await;
    assert_eq!(code, 0, "{shown}");
    let bias = &shown["risk"]["bias"];
    assert!(bias["statistic"].is_null(), "{bias}");
    let why = bias["reason"].as_str().unwrap();
    assert!(why.starts_with("insufficient history: 0 of "), "{why}");
    let (_, performance) = world.command(&["performance", &id.to_string()]).await;
    for ratio in ["sharpe", "sortino", "annual_return", "volatility"] {
        let why = performance[ratio]["reason"].as_str();
        assert!(
            performance[ratio]["value"].is_null() && why.is_some(),
            "{performance}"
        );
    }
}
