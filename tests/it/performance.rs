//! Performance of stored snapshots, through the command.

use rust_decimal::Decimal;
use serde_json::Value;
use sigmabatch::cli::{PerformanceArgs, performance};

use crate::market::close;
use crate::world::{World, day, dec, range, request};

async fn asked(world: &World, from: Option<&str>, to: Option<&str>) -> Value {
    let args = PerformanceArgs {
        portfolio: "book".into(),
        from: from.map(day),
        to: to.map(day),
        benchmark: Some("SP500".parse().unwrap()),
    };
    let output = performance::run(&world.engine.pools, &args, true)
        .await
        .unwrap();
    serde_json::from_str(&output.text).unwrap()
}

fn number(value: &Value) -> f64 {
    value["value"].as_f64().unwrap_or_else(|| panic!("{value}"))
}

fn amount(value: &Value) -> Decimal {
    dec(value.as_str().unwrap())
}

/// The stored returns of the book, and those of the market over the same sessions.
async fn returns(world: &World, before: &str) -> (Vec<f64>, Vec<f64>) {
    let stored: Vec<(String, f64)> =
        sqlx::query_as("select as_of::text, return_day from portfolio_snapshots order by as_of")
            .fetch_all(&world.db)
            .await
            .unwrap();
    let price = |date: &str| -> f64 { close("SP500", date).parse().unwrap() };
    let mut last = price(before);
    let market = stored.iter().map(|(date, _)| {
        let made = price(date) / last - 1.0;
        last = price(date);
        made
    });
    let market = market.collect();
    (stored.into_iter().map(|(_, own)| own).collect(), market)
}

/// The ratios from returns: a rate of a year, continuous, is the return of money; 252 sessions a year.
fn assert_by_hand(answer: &Value, own: &[f64], market: &[f64], rate: f64) {
    let n = own.len() as f64;
    let risk_free = (rate / 252.0).exp_m1();
    let excess = |of: &[f64]| of.iter().map(|r| r - risk_free).collect::<Vec<f64>>();
    let mean = |of: &[f64]| of.iter().sum::<f64>() / n;
    let (ours, theirs) = (excess(own), excess(market));
    let product = |a: &[f64], b: &[f64]| {
        let (x, y) = (mean(a), mean(b));
        let parts = a.iter().zip(b).map(|(a, b)| (a - x) * (b - y));
        parts.sum::<f64>() / (n - 1.0)
    };
    let volatility = (product(own, own) * 252.0).sqrt();
    let below: f64 = ours.iter().map(|e| e.min(0.0) * e.min(0.0)).sum();
    let beta = product(&ours, &theirs) / product(&theirs, &theirs);
    let sharpe = mean(&ours) * 252.0 / volatility;
    let sortino = mean(&ours) * 252.0 / (below / n * 252.0).sqrt();
    let alpha = (mean(&ours) - beta * mean(&theirs)) * 252.0;
    let benchmark = &answer["benchmark"];
    for (key, of, expected) in [
        ("volatility", answer, volatility),
        ("sharpe", answer, sharpe),
        ("sortino", answer, sortino),
        ("beta", benchmark, beta),
        ("alpha", benchmark, alpha),
    ] {
        let have = number(&of[key]);
        assert!((have - expected).abs() < 1e-9, "{key}: {have} {expected}");
    }
    assert_eq!(answer["conventions"]["risk_free_rate"], rate);
}

/// The rate of a run is the setting of who plans it; from then on every answer is made with it, also one about dates before.
#[tokio::test(flavor = "multi_thread")]
async fn another_risk_free_rate_changes_the_ratios_as_their_formulas_say() {
    let world = World::new().await;
    let rows = [
        format!("AAA,300,{},2016-06-01,PUBLIC", close("AAA", "2016-06-01")),
        format!("BBB,-100,{},2016-06-01,PUBLIC", close("BBB", "2016-06-01")),
    ];
    let rows = rows.each_ref().map(String::as_str);
    world.book("book", "60000", "2016-06-01", &rows).await;
    world.worker().await;
    let ask = async || {
        let question = ["performance", "book", "--benchmark", "SP500"];
        let (code, answer) = world.command(&question).await;
        assert_eq!(code, 0, "{answer}");
        answer
    };
    let mut answers = Vec::new();
    for rate in [0.04, 0.015, -0.005] {
        let mut command = world.program("sigmabatch");
        command.args([
            "run",
            "--from",
            "2016-06-01",
            "--to",
            "2016-12-30",
            "--wait",
        ]);
        command.env("RISK_FREE_RATE", rate.to_string());
        let output = tokio::process::Command::from(command).output().await;
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
        let (own, market) = returns(&world, "2016-05-31").await;
        assert_eq!(own.len(), 149);
        let answer = ask().await;
        assert_by_hand(&answer, &own, &market, rate);
        answers.push(answer);
    }
    let [first, second, third] = [0, 1, 2].map(|n| &answers[n]);
    for (a, b) in [(first, second), (second, third)] {
        // Less for the money is more for the risk; what does not rest on the rate is the same to the last bit.
        assert!(number(&a["sharpe"]) < number(&b["sharpe"]));
        assert!(number(&a["sortino"]) < number(&b["sortino"]));
        for key in [
            "total_return",
            "annual_return",
            "xirr",
            "volatility",
            "calmar",
            "max_drawdown",
        ] {
            assert_eq!(a[key], b[key], "{key}");
        }
        for key in ["total_return", "tracking_error", "information_ratio"] {
            assert_eq!(a["benchmark"][key], b["benchmark"][key], "{key}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[expect(
    clippy::too_many_lines,
    reason = "one run, everything that is asked of it"
)]
async fn performance_is_what_the_snapshots_say_to_the_last_cent() {
    let world = World::new().await;
    let rows = [
        format!("AAA,300,{},2016-06-01,PUBLIC", close("AAA", "2016-06-01")),
        format!("BBB,-100,{},2016-06-06,PUBLIC", close("BBB", "2016-06-06")),
        format!(
            "CCC,50,{},2016-06-01,PUBLIC,,,,,,2016-09-01,{}",
            close("CCC", "2016-06-01"),
            close("CCC", "2016-09-01")
        ),
    ];
    let id = world
        .book(
            "book",
            "60000",
            "2016-06-01",
            &rows.each_ref().map(String::as_str),
        )
        .await;
    world
        .flows(
            id,
            "2016-06-01",
            b"Date,Type,Amount,Symbol\n2016-08-01,contribution,5000,\n2016-07-01,fee,12.5,\n",
        )
        .await;
    world.worker().await;
    world.run(&request(range("2016-06-01", "2016-12-30"))).await;

    let all = asked(&world, None, None).await;

    let stored: Vec<(Decimal, Decimal, Decimal, Option<f64>)> = sqlx::query_as(
        "select nav, external_flows, pnl_day, return_day from portfolio_snapshots order by as_of",
    )
    .fetch_all(&world.db)
    .await
    .unwrap();
    assert_eq!(all["sessions"], stored.len());
    let profit: Decimal = stored.iter().map(|day| day.2).sum();
    assert_eq!(amount(&all["profit"]), profit);
    assert_eq!(amount(&all["external_flows"]), dec("5000"));
    assert_eq!(amount(&all["opening_nav"]), dec("60000"));
    assert_eq!(amount(&all["closing_nav"]), dec("65000") + profit);
    let chained = stored
        .iter()
        .fold(1.0, |level, day| level * (1.0 + day.3.unwrap()));
    assert!((number(&all["total_return"]) - (chained - 1.0)).abs() < 1e-12);
    let parts = all["contributions"].as_array().unwrap();
    let names: Vec<&str> = parts
        .iter()
        .map(|part| part["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), 4);
    let sum: Decimal = parts.iter().map(|part| amount(&part["profit"])).sum();
    assert_eq!(sum, profit, "{names:?}");
    // Every lot by itself: each of the book once, and those of a symbol are its profit.
    let lots = |part: &Value| part["lots"].as_array().unwrap().clone();
    let own: Vec<Value> = parts.iter().flat_map(lots).collect();
    let ids: std::collections::BTreeSet<&str> = own
        .iter()
        .map(|lot| lot["position_id"].as_str().unwrap())
        .collect();
    assert_eq!((own.len(), ids.len()), (rows.len(), rows.len()));
    for part in parts.iter().filter(|part| part["name"] != "income") {
        let sum: Decimal = lots(part).iter().map(|lot| amount(&lot["profit"])).sum();
        assert_eq!(sum, amount(&part["profit"]), "{part}");
    }
    let fee = parts.iter().find(|part| part["name"] == "income").unwrap();
    assert!(lots(fee).is_empty());
    assert_eq!(amount(&fee["profit"]), dec("-12.5"));
    // Seven months are enough for everything, and everything names its convention.
    for key in [
        "annual_return",
        "xirr",
        "volatility",
        "sharpe",
        "sortino",
        "calmar",
        "max_drawdown",
    ] {
        assert!(number(&all[key]).is_finite());
        assert_eq!(all[key]["convention_id"], "simple-252-v1");
    }
    assert_eq!(all["conventions"]["risk_free_rate"], 0.04);
    let benchmark = &all["benchmark"];
    assert!(number(&benchmark["beta"]) > 0.0 && number(&benchmark["tracking_error"]) > 0.0);
    let closes: [f64; 2] =
        ["2016-05-31", "2016-12-30"].map(|date| close("SP500", date).parse().unwrap());
    let total = number(&benchmark["total_return"]);
    assert!(
        (total - (closes[1] / closes[0] - 1.0)).abs() < 1e-9,
        "{total}"
    );

    let (own, market) = returns(&world, "2016-05-31").await;
    assert_by_hand(&all, &own, &market, 0.04);

    // Two parts of a range are the range; a short one is never made annual.
    let first = asked(&world, None, Some("2016-07-29")).await;
    let second = asked(&world, Some("2016-08-01"), None).await;
    let whole = (1.0 + number(&first["total_return"])) * (1.0 + number(&second["total_return"]));
    assert!((whole - chained).abs() < 1e-12);
    assert_eq!(amount(&first["profit"]) + amount(&second["profit"]), profit);
    for key in [
        "annual_return",
        "xirr",
        "volatility",
        "sharpe",
        "sortino",
        "calmar",
    ] {
        let why = first[key]["reason"].as_str().unwrap();
        assert!(
            first[key]["value"].is_null() && why.contains("below 90"),
            "{why}"
        );
    }
    let day_one = asked(&world, None, Some("2016-06-01")).await;
    assert!(number(&day_one["total_return"]).is_finite());
    let why = day_one["benchmark"]["beta"]["reason"].as_str().unwrap();
    assert!(why.contains("have 1"), "{why}");

    // A hole is no return of zero.
    sqlx::query("delete from portfolio_snapshots where as_of = '2016-10-03'")
        .execute(&world.db)
        .await
        .unwrap();
    let holed = asked(&world, None, None).await;
    for key in ["total_return", "xirr", "volatility", "max_drawdown"] {
        let why = holed[key]["reason"].as_str().unwrap();
        assert!(why.contains("2016-10-03 is not published"), "{why}");
    }
    assert!(holed["contributions"].as_array().unwrap().is_empty());
}
