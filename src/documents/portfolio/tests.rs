//! Of the whole document.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{document, reasons, sample};

#[test]
fn the_document_has_the_keys_that_people_rely_on() {
    let document = document(&sample::report());
    for key in [
        "portfolio_id",
        "as_of",
        "run_id",
        "nav",
        "cash",
        "long_value",
        "short_value",
        "pnl_day",
        "pnl_total",
        "positions",
        "factors",
        "risk",
        "volatility",
        "correlation",
        "concentration",
        "sectors",
        "stress",
        "completeness",
    ] {
        assert!(!document[key].is_null(), "{key}");
    }
    let keys = |value: &Value, keys: &[&str]| {
        for key in keys {
            assert!(value.get(key).is_some(), "{key} in {value}");
        }
    };
    keys(
        &document["factors"][0],
        &["factor", "beta", "std_error", "dollar", "coverage"],
    );
    keys(
        &document["risk"],
        &["volatility", "systematic_share", "contributions"],
    );
    keys(
        &document["volatility"],
        &["realised_21", "realised_63", "forecast_21"],
    );
    keys(&document["correlation"], &["symbols", "matrix"]);
    keys(
        &document["concentration"],
        &["hhi", "effective_names", "top_3", "top_10"],
    );
    keys(
        &document["stress"][0],
        &["scenario", "direct", "propagated", "plausibility"],
    );
}

#[test]
fn money_is_text_statistics_are_numbers_and_missing_is_null_with_a_reason() {
    let document = document(&sample::report());
    assert_eq!(document["nav"], "1012345.67");
    assert_eq!(document["cash"], "-5000");
    assert_eq!(document["positions"][0]["weight"], 0.25);
    assert_eq!(document["factors"][1]["beta"], Value::Null);
    assert_eq!(document["factors"][1]["reason"], "IWF has no series");
    assert_eq!(
        document["completeness"]["missing"]["GGIPX"],
        "no data at the provider"
    );
    assert_eq!(
        document["positions"][1]["reason"],
        "no data at the provider"
    );
    let fit = &document["fits"]["AAPL"];
    assert_eq!(fit["alpha_t"], Value::Null);
    assert_eq!(fit["alpha_t_reason"], "the fit is exact: its errors are 0");
    assert_eq!(fit["slopes"]["Market"]["reason"], Value::Null);
    let redundant = "the factor is redundant in this window";
    assert_eq!(fit["slopes"]["Value"]["low_95"], Value::Null);
    assert_eq!(fit["slopes"]["Value"]["reason"], redundant);
    assert_eq!(document["positions"][0]["betas"]["Market"], 1.21);
    assert_eq!(document["positions"][0]["slopes"]["Market"]["low_95"], 1.11);
    assert_eq!(document["volatility"]["forecast_21"], Value::Null);
    assert_eq!(
        document["volatility"]["reasons"]["forecast_21"],
        "have 20, need 60"
    );
}

#[test]
fn correlations_of_less_than_four_fifths_of_the_book_are_flagged() {
    let mut report = sample::report();
    let of = |report: &crate::store::reports::Report| {
        let correlation = document(report)["correlation"].clone();
        (
            correlation["coverage"].clone(),
            correlation["flags"].clone(),
        )
    };
    assert_eq!(of(&report), (json!(0.965), json!([])));
    report.correlation.as_mut().unwrap().coverage = Some(0.5);
    assert_eq!(of(&report), (json!(0.5), json!(["low_coverage"])));
}

#[test]
fn an_option_with_a_volatility_of_suspect_closes_is_flagged() {
    let mut report = sample::report();
    assert_eq!(document(&report)["options"][0]["flags"], json!([]));
    report.losses.options[0].suspect = true;
    let flags = document(&report)["options"][0]["flags"].clone();
    assert_eq!(flags, json!(["suspect_volatility"]));
}

#[test]
fn an_analytic_that_is_missing_says_why() {
    let mut report = sample::report();
    report.correlation = None;
    report.completeness.entries[5].outcome = "insufficient_data".into();
    report.completeness.entries[5].reason = Some("fewer than two modelled symbols".into());
    let document = document(&report);
    assert_eq!(document["correlation"]["available"], false);
    assert_eq!(
        document["correlation"]["reason"],
        "fewer than two modelled symbols"
    );
    assert_eq!(document["correlation"]["matrix"], json!([]));
}

/// Every null of a document whose key has no reason beside it.
fn unexplained(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                unexplained(value, &format!("{path}[{index}]"), found);
            }
        }
        Value::Object(object) => {
            let reason = |key: &str| object.get(key).is_some_and(|reason| !reason.is_null());
            for (key, value) in object {
                let of_key = object.get("reasons").and_then(|reasons| reasons.get(key));
                let told = key.ends_with("reason")
                    || reason("reason")
                    || reason(&format!("{key}_reason"))
                    || of_key.is_some();
                // Only an option has an underlying.
                if value.is_null() && !told && key != "underlying" {
                    found.push(format!("{path}.{key}"));
                }
                // Null pairs are listed one by one under `unknown`.
                let by_pair = ["matrix", "low_95", "high_95"].contains(&key.as_str());
                if !(by_pair || key == "clusters" && told) {
                    unexplained(value, &format!("{path}.{key}"), found);
                }
            }
        }
        _ => {}
    }
}

#[test]
fn no_null_is_without_a_reason() {
    let ruined = {
        let mut report = sample::report();
        report.snapshot.nav = Decimal::from(-5);
        report.snapshot.return_day = None;
        report.completeness.coverage = None;
        report.risk.as_mut().unwrap().systematic_share = None;
        report.risk.as_mut().unwrap().diversification_ratio = None;
        report.risk.as_mut().unwrap().effective_bets = None;
        report.contributions[0].share = None;
        report.sectors[0].net_weight = None;
        for row in &mut report.active_weights {
            (row.net_weight, row.active_weight) = (None, None);
        }
        report.stress[0].direct = None;
        report.stress[0].propagated = None;
        let volatility = report.volatility.as_mut().unwrap();
        (volatility.trend, volatility.trend_ratio) = (None, None);
        volatility
            .reasons
            .insert("trend".into(), "no movement".into());
        let correlation = report.correlation.as_mut().unwrap();
        (correlation.upper, correlation.n) = (vec![None], vec![0]);
        (correlation.low, correlation.high) = (vec![None], vec![None]);
        correlation.clusters = vec![None, None];
        (correlation.average, correlation.shrinkage) = (None, None);
        correlation.coverage = None;
        report
    };
    let mut empty = ruined.clone();
    empty.positions.clear();
    empty.risk = None;
    empty.volatility = None;
    empty.correlation = None;
    empty.concentration = None;
    for report in [sample::report(), ruined.clone(), empty.clone()] {
        let mut found = Vec::new();
        unexplained(&document(&report), "", &mut found);
        assert_eq!(found, Vec::<String>::new());
    }
    let ruined = document(&ruined);
    assert_eq!(ruined["return_day_reason"], "nonpositive_nav_before");
    assert_eq!(ruined["positions"][0]["weight_reason"], "nonpositive_nav");
    assert_eq!(ruined["stress"][0]["reason"], "nonpositive_nav");
    assert_eq!(ruined["risk"]["reasons"]["effective_bets"], "no_variance");
    let pair = &ruined["correlation"]["unknown"][0];
    assert_eq!(pair["symbols"], json!(["AAPL", "MSFT"]));
    assert_eq!(pair["reason"], reasons::UNKNOWN_PAIR);
    let empty = document(&empty);
    assert_eq!(empty["coverage_reason"], "no positions");
    assert_eq!(empty["completeness"]["coverage_reason"], "no positions");
}

#[test]
fn sectors_stand_beside_those_of_the_benchmarks() {
    let mut report = sample::report();
    let sectors = document(&report)["sectors"].clone();
    let names = |sectors: &Value| -> Vec<Value> {
        let rows = sectors.as_array().unwrap().iter();
        rows.map(|row| row["sector"].clone()).collect()
    };
    assert_eq!(names(&sectors), ["Technology", "Cash", "Energy"]);
    let held = &sectors[0]["active"][0];
    assert_eq!(held["benchmark"], "S&P 500");
    assert_eq!(held["benchmark_as_of"], "2016-09-30");
    assert_eq!(held["benchmark_weight"], 0.6);
    assert!((held["active_weight"].as_f64().unwrap() - 0.404_939).abs() < 1e-12);
    // What only the benchmark has is a bucket of nothing.
    assert_eq!(sectors[2]["net_value"], "0");
    assert_eq!(sectors[2]["net_weight"], 0.0);
    assert_eq!(sectors[2]["active"][0]["active_weight"], -0.4);
    assert_eq!(sectors[0]["active_reason"], Value::Null);

    for row in &mut report.active_weights {
        (row.net_weight, row.active_weight) = (None, None);
    }
    let worthless = &document(&report)["sectors"][2];
    assert_eq!(worthless["reason"], "nonpositive_nav");
    assert_eq!(worthless["active"][0]["reason"], "nonpositive_nav");
    assert_eq!(worthless["active"][0]["benchmark_weight"], 0.4);

    report.active_weights.clear();
    let alone = document(&report)["sectors"].clone();
    assert_eq!(names(&alone), ["Technology", "Cash"]);
    assert_eq!(alone[0]["active"], json!([]));
    let why = "no weights of a benchmark are loaded for this date or one before it";
    assert_eq!(alone[0]["active_reason"], why);
}

#[test]
fn no_number_is_ever_nan() {
    let mut report = sample::report();
    report.factors[0].beta = Some(f64::NAN);
    report.snapshot.return_day = Some(f64::INFINITY);
    let text = document(&report).to_string();
    assert!(!text.contains("NaN") && !text.contains("inf,"), "{text}");
}
