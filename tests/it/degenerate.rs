//! Markets that a model cannot tell apart, and books with nothing in them: what has no number ends with a named reason, and
//! nothing is not a number.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::market::{Folder, close, small};
use crate::world::{World, on, random, range, request};

const NOW: &str = "2016-12-30T23:00:00Z";
const HEADER: &str = "Symbol,Quantity,Entry Price Per Share,Entry Date,Investment Class,Investment Subtype,\
    Underlying Symbol,Strike Price,Expiration Date,Option Type,Exit Date,Exit Price Per Share";

/// Two proxies with equal prices: their covariance is singular.
#[tokio::test(flavor = "multi_thread")]
async fn two_proxies_that_are_one_end_with_a_named_reason_and_never_without_a_number() {
    let mut market = Folder::new();
    market.copy("VLUE", "MTUM");
    let world = World::at(NOW, market.path()).await;
    let lot = |symbol: &str, n: i32| {
        format!(
            "{symbol},{n},{},2016-12-20,PUBLIC",
            close(symbol, "2016-12-20")
        )
    };
    let lots = [lot("AAA", 100), lot("BBB", -50)];
    let lots = lots.each_ref().map(String::as_str);
    world.book("book", "100000", "2016-12-20", &lots).await;
    sqlx::raw_sql(
        "update stress_test_scenarios set active = false where id <> 'market_crash_35';
         insert into stress_test_scenarios (id, name, category, severity, active, implied_vol_multiplier, sort_order)
         values ('twins', 'Twins', 'market', 'extreme', true, 1, 100);
         insert into stress_test_shocks (scenario_id, factor, value, kind, sort_order)
         values ('twins', 'Value', 0.05, 'total_return', 1), ('twins', 'Momentum', -0.05, 'total_return', 2)",
    )
    .execute(&world.db)
    .await
    .unwrap();
    world.worker().await;
    world.run(&request(on("2016-12-22"))).await;

    let (code, show) = world.command(&["show", "book"]).await;
    assert_eq!(code, 0, "{show}");
    let outcome = |entry: &str| show["completeness"]["entries"][entry].clone();
    let reverse = outcome("reverse_stress");
    assert_eq!(reverse["outcome"], "insufficient_data");
    let why = reverse["reason"].as_str().unwrap();
    assert!(
        why.contains("covariance of the proxies is singular"),
        "{why}"
    );
    // What needs no inverse is there.
    for entry in [
        "betas",
        "factors",
        "volatility",
        "value_at_risk",
        "correlation",
        "stress",
    ] {
        assert_eq!(outcome(entry)["outcome"], "done", "{entry}");
    }
    assert!(show["risk"]["volatility"].as_f64().unwrap() > 0.0);
    // The ridge gives each twin a half; a test of one alone would be one of the other, so it has none.
    for (symbol, fit) in show["fits"].as_object().unwrap() {
        let twins = ["Value", "Momentum"].map(|name| &fit["slopes"][name]);
        let slopes = twins.map(|twin| twin["beta"].as_f64().unwrap());
        assert!(
            (slopes[0] - slopes[1]).abs() < 1e-12,
            "{symbol}: {slopes:?}"
        );
        let redundant = twins.iter().any(|twin| {
            let why = twin["reason"].as_str();
            twin["t"].is_null() && why == Some("the factor is redundant in this window")
        });
        assert!(redundant, "{symbol}: {twins:?}");
        assert!(fit["condition_number"].is_null(), "{symbol}");
        assert!(fit["condition_number_reason"].is_string(), "{symbol}");
    }
    let scenarios = show["stress"].as_array().unwrap();
    assert_eq!(scenarios.len(), 2);
    let of = |id: &str| scenarios.iter().find(|one| one["scenario"] == id).unwrap();
    assert_eq!(of("market_crash_35")["outcome"], "done");
    let twins = of("twins");
    assert_eq!(twins["outcome"], "insufficient_data", "{twins}");
    assert!(
        twins["reason"].as_str().unwrap().contains("singular"),
        "{twins}"
    );
    for leg in ["direct", "propagated", "mahalanobis", "tail_p"] {
        assert!(twins[leg].is_null(), "{twins}");
    }

    for not_a_number in [
        "select count(*) from factor_covariance t where t::text ~ 'NaN|Infinity'",
        "select count(*) from symbol_factor_models t where t::text ~ 'NaN|Infinity'",
        "select count(*) from symbol_factor_exposures t where t::text ~ 'NaN|Infinity'",
        "select count(*) from symbol_display_models t where t::text ~ 'NaN|Infinity'",
        "select count(*) from factor_exposures t where t::text ~ 'NaN|Infinity'",
        "select count(*) from position_factor_exposures t where t::text ~ 'NaN|Infinity'",
        "select count(*) from portfolio_risk t where t::text ~ 'NaN|Infinity'",
        "select count(*) from risk_contributions t where t::text ~ 'NaN|Infinity'",
        "select count(*) from stress_test_results t where t::text ~ 'NaN|Infinity'",
        "select count(*) from reverse_stress t where t::text ~ 'NaN|Infinity'",
        "select count(*) from correlation_calculations t where t::text ~ 'NaN|Infinity'",
        "select count(*) from value_at_risk t where t::text ~ 'NaN|Infinity'",
    ] {
        assert_eq!(world.count(not_a_number).await, 0, "{not_a_number}");
    }
}

/// Books without lots, imported as people do: one keeps its cash, of the other one all of it was taken away on its first day.
/// Their night ends well, nothing of it is an error, and what has no number says why.
#[tokio::test(flavor = "multi_thread")]
async fn books_without_lots_are_imported_and_run_and_every_number_that_they_lack_has_a_reason() {
    let world = World::at(NOW, small()).await;
    let folder = tempfile();
    let (header, flows) = (folder.join("header.csv"), folder.join("flows.csv"));
    std::fs::write(&header, format!("{HEADER}\n")).unwrap();
    std::fs::write(
        &flows,
        "Date,Type,Amount,Symbol\n2016-12-20,withdrawal,5000,\n",
    )
    .unwrap();
    let header = header.to_str().unwrap();
    let words = |name: &'static str| {
        [
            "import",
            "portfolio",
            header,
            "--name",
            name,
            "--equity",
            "5000",
            "--inception",
            "2016-12-20",
            "--empty",
        ]
    };
    for name in ["cash", "emptied"] {
        let (code, refused) = world.command(&words(name)[..9]).await;
        assert_eq!(
            (code, &refused["error"]["issues"][0]["code"]),
            (1, &json!("ERR_CSV_011"))
        );
        let (code, made) = world.command(&words(name)).await;
        assert_eq!(
            (code, &made["status"], &made["added"]),
            (0, &json!("created"), &json!([]))
        );
    }
    let taken = [
        "import",
        "flows",
        flows.to_str().unwrap(),
        "--id",
        "emptied",
    ];
    let (code, taken) = world.command(&taken).await;
    assert_eq!(code, 0, "{taken}");
    std::fs::remove_dir_all(&folder).unwrap();
    let (code, plan) = world.command(&["plan", "--date", "2016-12-22"]).await;
    assert_eq!(
        (code, &plan["tasks"]["portfolio-analytics"]),
        (0, &json!(2)),
        "{plan}"
    );
    world.worker().await;
    world.run(&request(on("2016-12-22"))).await;

    for (name, nav) in [("cash", "5000"), ("emptied", "0")] {
        let (code, show) = world.command(&["show", name]).await;
        assert_eq!((code, &show["nav"]), (0, &json!(nav)), "{show}");
        let completeness = &show["completeness"];
        assert_eq!(
            (&completeness["strict"], &completeness["missing"]),
            (&json!(true), &json!({}))
        );
        let entries = completeness["entries"].as_object().unwrap();
        assert!(entries.len() >= 11, "{entries:?}");
        for (entry, told) in entries {
            if ["snapshot", "marks"].contains(&entry.as_str()) {
                assert_eq!(told["outcome"], "done", "{name} {entry}");
            } else {
                assert_eq!(told["outcome"], "not_applicable", "{name} {entry}");
                assert_eq!(told["reason"], "no positions", "{name} {entry}");
            }
        }
        let risk = &show["risk"];
        assert_eq!(
            (&risk["available"], &risk["volatility"]),
            (&json!(false), &json!(null))
        );
        assert_eq!(show["factors"], json!([]));
        for row in show["stress"].as_array().into_iter().flatten() {
            assert_ne!(row["outcome"], "done", "{row}");
            assert!(
                row["direct"].is_null() && row["propagated"].is_null(),
                "{row}"
            );
        }
    }
    // Whoever has nothing has no return either: 5,000 on the day before would be one of zero.
    let returns = "select p.name || ' ' || coalesce(s.return_day::text, 'none') from portfolio_snapshots s
                   join portfolios p on p.id = s.portfolio_id where s.as_of = '2016-12-22' order by 1";
    assert_eq!(world.texts(returns).await, ["cash 0", "emptied none"]);
    let errors = "select count(*) from task where error is not null";
    assert_eq!(world.count(errors).await, 0);
}

/// Before anything came in there is nothing that a return could be of: the first day has none, and the next one is of what came.
#[tokio::test(flavor = "multi_thread")]
async fn a_book_may_begin_with_nothing_and_be_funded_by_its_first_flow() {
    let world = World::at(NOW, small()).await;
    let folder = tempfile();
    let (book, flows) = (folder.join("book.csv"), folder.join("flows.csv"));
    let bought = close("AAA", "2016-12-21");
    std::fs::write(
        &book,
        format!("{HEADER}\nAAA,10,{bought},2016-12-21,PUBLIC,,,,,,,\n"),
    )
    .unwrap();
    std::fs::write(
        &flows,
        "Date,Type,Amount,Symbol\n2016-12-20,contribution,10000,\n",
    )
    .unwrap();
    let words = [
        "import",
        "portfolio",
        book.to_str().unwrap(),
        "--name",
        "fund",
        "--inception",
        "2016-12-20",
        "--equity",
        "0",
    ];
    let (code, made) = world.command(&words).await;
    assert_eq!(code, 0, "{made}");
    let words = ["import", "flows", flows.to_str().unwrap(), "--id", "fund"];
    let (code, flowed) = world.command(&words).await;
    assert_eq!(code, 0, "{flowed}");
    std::fs::remove_dir_all(&folder).unwrap();
    world.worker().await;
    world.run(&request(range("2016-12-20", "2016-12-22"))).await;

    let (_, show) = world.command(&["show", "fund"]).await;
    let price = |date: &str| -> f64 { close("AAA", date).parse().unwrap() };
    let made = 10.0 * (price("2016-12-22") - price("2016-12-21"));
    let days = "select as_of || ' ' || nav::float8 || ' ' || coalesce(return_day::text, 'none')
                from portfolio_snapshots order by as_of";
    let days = world.texts(days).await;
    let days: Vec<Vec<&str>> = days.iter().map(|day| day.split(' ').collect()).collect();
    assert_eq!(days[0], ["2016-12-20", "10000", "none"]);
    assert_eq!(days[1], ["2016-12-21", "10000", "0"]);
    let (nav, part): (f64, f64) = (days[2][1].parse().unwrap(), days[2][2].parse().unwrap());
    assert!((nav - 10_000.0 - made).abs() < 1e-6, "{days:?}");
    assert!((part - made / 10_000.0).abs() < 1e-12, "{days:?}");
    let entries = show["completeness"]["entries"].as_object().unwrap();
    assert!(
        entries.values().all(|entry| entry["outcome"] != "failed"),
        "{entries:?}"
    );
}

fn tempfile() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(random());
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
