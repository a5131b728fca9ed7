//! Markets that a model cannot tell apart: what has no number ends with a named reason, and nothing is not a number.

use crate::market::{Folder, close};
use crate::world::{World, on, request};

const NOW: &str = "2016-12-30T23:00:00Z";

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
