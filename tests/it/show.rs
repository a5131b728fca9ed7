//! What people read comes from published rows only.

use sigmabatch::cli::{ShowArgs, StatusArgs, show, status};
use sigmabatch::clock::Clock;
use sigmabatch::store::Pools;

use super::harness::{database, sql};

const RESULTS: &str = include_str!("results.sql");

fn args(date: Option<&str>) -> ShowArgs {
    ShowArgs {
        portfolio: "sample".into(),
        date: date.map(|date| date.parse().unwrap()),
    }
}

async fn document(pools: &Pools) -> serde_json::Value {
    let output = show::run(pools, &args(None), true).await.unwrap();
    serde_json::from_str(&output.text).unwrap()
}

#[tokio::test]
async fn a_published_date_is_shown_with_its_reasons() {
    let (pools, _) = database().await;
    sql(&pools, RESULTS).await;
    let document = document(&pools).await;
    assert_eq!(document["nav"], "1015100");
    assert_eq!(document["as_of"], "2016-12-30");
    assert_eq!(document["run_id"], "01920000-0000-7000-8000-000000000001");
    assert_eq!(document["positions"].as_array().unwrap().len(), 3);
    assert_eq!(document["positions"][0]["betas"]["Market"], 1.21);
    assert_eq!(document["positions"][2]["reason"], "no data: no series");
    assert_eq!(document["factors"][0]["factor"], "Market");
    assert_eq!(document["factors"][1]["reason"], "IWF has no series");
    assert_eq!(
        document["correlation"]["matrix"][0][1],
        serde_json::Value::Null
    );
    let stress = document["stress"].as_array().unwrap();
    let rates = stress
        .iter()
        .find(|row| row["scenario"] == "rates_up_50bp")
        .unwrap();
    assert_eq!(rates["reason"], "Rates has no series");
    assert_eq!(rates["propagated"], serde_json::Value::Null);
    assert_eq!(
        document["completeness"]["entries"]["correlation"]["outcome"],
        "insufficient_data"
    );

    let page = show::run(&pools, &args(Some("2016-12-30")), false)
        .await
        .unwrap()
        .text;
    for part in [
        "1,015,100.00",
        "GGIPX        no data: no series",
        "-36.57 %",
        "1.03 ± 0.04",
    ] {
        assert!(page.contains(part), "{part} in\n{page}");
    }
}

/// The option of the book has no price of its own: its volatility is that of the closes of AAPL.
#[tokio::test]
async fn an_option_whose_volatility_rests_on_closes_with_a_step_is_flagged() {
    let (pools, _) = database().await;
    sql(&pools, RESULTS).await;
    let flags = async || document(&pools).await["options"][0]["flags"].clone();
    let page = async || show::run(&pools, &args(None), false).await.unwrap().text;
    // A gap moves no volatility.
    assert_eq!(flags().await, serde_json::json!([]));
    assert!(!page().await.contains("suspect"), "{}", page().await);
    for check in [
        "bad_tick",
        "outlier",
        "unconfirmed_jump",
        "split_missing",
        "split_doubled",
    ] {
        let found = format!(
            r#"update data_quality set evidence = jsonb_set(evidence, '{{0,check}}', '"{check}"')"#
        );
        sql(&pools, &found).await;
        assert_eq!(
            flags().await,
            serde_json::json!(["suspect_volatility"]),
            "{check}"
        );
    }
    let told = "suspect volatility, see data quality";
    assert!(page().await.contains(told), "{}", page().await);
    // The data quality looks further back than a realised volatility does.
    let on = |date: &str| {
        format!(
            r#"update data_quality set evidence = jsonb_set(evidence, '{{0,to}}', '"{date}"') where symbol = 'AAPL'"#
        )
    };
    sql(&pools, &on("2015-06-09")).await;
    assert_eq!(flags().await, serde_json::json!([]));
    sql(&pools, &on("2016-06-09")).await;
    assert_eq!(flags().await, serde_json::json!(["suspect_volatility"]));
    // A volatility that the contract's own price implied looks at no closes of the past.
    let implied = "update option_valuations set source = 'implied', note = null";
    sql(&pools, implied).await;
    assert_eq!(flags().await, serde_json::json!([]));
}

#[tokio::test]
async fn what_rests_on_fits_and_covariances_says_on_how_many_returns() {
    let (pools, _) = database().await;
    sql(&pools, RESULTS).await;
    let fewer = "update factor_covariance set n = 249;
                 insert into symbol_factor_models (symbol, as_of, available, n, specific_variance)
                 values ('AMD', '2016-12-30', true, 188, 0.2) on conflict do nothing;";
    sql(&pools, fewer).await;
    let document = document(&pools).await;
    // The smaller of both fits, AAPL's 251 and AMD's 188.
    assert_eq!(document["factors"][0]["n"], 188);
    assert_eq!(document["factors"][1]["n"], serde_json::Value::Null);
    assert_eq!(document["stress"][0]["n"], 249);
    assert_eq!(document["reverse_stress"][0]["n"], 249);
    let without = document["stress"].as_array().unwrap().iter();
    let without = without.filter(|row| row["outcome"] != "done");
    let n: Vec<&serde_json::Value> = without.map(|row| &row["n"]).collect();
    assert_eq!(n, [&serde_json::Value::Null]);
    // A model of fewer than 200 sessions is flagged, also where the fits have what they need.
    let short = "update factor_covariance set n = 199;
                 update symbol_factor_models set n = 252;";
    sql(&pools, short).await;
    let document = self::document(&pools).await;
    for section in ["factors", "stress", "reverse_stress"] {
        let flags = &document[section][0]["flags"];
        assert_eq!(flags[0], "short_factor_window", "{section}: {flags}");
    }
}

#[tokio::test]
async fn a_stale_or_missing_date_is_not_shown_and_the_error_says_why() {
    let (pools, _) = database().await;
    sql(&pools, RESULTS).await;
    let error = show::run(&pools, &args(Some("2016-12-29")), false)
        .await
        .unwrap_err();
    assert!(error.message().contains("it was not computed"), "{error:?}");
    assert!(
        error
            .remedy()
            .unwrap()
            .contains("newest published date is 2016-12-30")
    );
    sql(
        &pools,
        "update data_version set version = version + 1;
         insert into input_change (version, scope, owner, input, from_date, reason)
         select version, 'portfolio', 'aaaaaaaa-0000-5000-8000-000000000001', 'book', '2016-12-30', 'test' from data_version",
    )
    .await;
    let error = show::run(&pools, &args(Some("2016-12-30")), false)
        .await
        .unwrap_err();
    assert!(
        error.message().contains("an input has changed since"),
        "{error:?}"
    );
    let error = show::run(&pools, &args(None), false).await.unwrap_err();
    assert_eq!(error.exit_code(), 1);
    assert!(
        error.message().contains("nothing is published")
            && error
                .message()
                .contains("its newest computed date 2016-12-30 is stale"),
        "{error:?}"
    );
    let again =
        "sigmabatch run --date 2016-12-30 --portfolio aaaaaaaa-0000-5000-8000-000000000001 --wait";
    assert!(error.remedy().unwrap().contains(again), "{error:?}");
    // What was never computed is not stale.
    sql(
        &pools,
        "delete from completeness; delete from portfolio_snapshots;",
    )
    .await;
    let error = show::run(&pools, &args(None), false).await.unwrap_err();
    assert!(
        error.message().contains("nothing of it was computed"),
        "{error:?}"
    );
}

#[tokio::test]
async fn status_names_what_is_missing_and_why() {
    let (pools, _) = database().await;
    sql(&pools, RESULTS).await;
    let clock = Clock::starting_at("2017-01-03T23:00:00Z".parse().unwrap());
    for run in [
        None,
        Some("nightly/2016-12-30"),
        Some("01920000-0000-7000-8000-000000000001"),
    ] {
        let args = StatusArgs {
            run: run.map(String::from),
            ..StatusArgs::default()
        };
        let text = status::run(&pools, &clock, &args, true).await.unwrap().text;
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["runs"][0]["verdict"], "succeeded");
        assert_eq!(document["phases"][0]["done"], 1);
        assert_eq!(document["errors"][0]["sample"], "a row is odd");
        let missing = &document["missing"][0];
        assert_eq!(missing["symbols"]["GGIPX"], "no data: no series");
        assert_eq!(
            missing["entries"]["correlation"],
            "one pair has 20 of 60 common returns"
        );
        assert_eq!(missing["published"], true);
        // 2016-12-29 and 2017-01-03 lack results.
        assert_eq!(document["gaps"][0]["sessions"], 2);
        assert_eq!(document["gaps"][0]["oldest"], "2016-12-29");
    }
    let unknown = StatusArgs {
        run: Some("nightly/2016-12-31".into()),
        ..StatusArgs::default()
    };
    let error = status::run(&pools, &clock, &unknown, false)
        .await
        .unwrap_err();
    assert_eq!(error.exit_code(), 2);
}
