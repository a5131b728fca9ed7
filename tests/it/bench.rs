//! `bench engine` and `bench analytics`: what they measure is no matter of tests, that it measures everything is.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::world::{World, binary};

/// Every number that the document promises.
const NUMBERS: [&str; 23] = [
    "/batched/tasks_per_s",
    "/single/tasks_per_s",
    "/planning/tasks_per_s",
    "/pickup/p50_ms",
    "/pickup/p99_ms",
    "/hold/read_p50_ms",
    "/hold/read_p99_ms",
    "/hold/commit_p50_ms",
    "/hold/commit_p99_ms",
    "/hold/pool_wait_p99_ms",
    "/hold/batch_mean",
    "/killed_worker/seconds",
    "/flushall/seconds",
    "/connections/worker",
    "/ceilings/xadd_per_s",
    "/ceilings/read_ack_del_per_s",
    "/ceilings/fenced_rows_per_s",
    "/ratios/batched_to_xadd",
    "/ratios/batched_to_read_ack_del",
    "/ratios/batched_to_fenced_rows",
    "/ratios/single_to_fenced_rows",
    "/machine/cores",
    "/settings/tasks",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_benchmark_measures_everything_it_promises_and_leaves_nothing_behind() {
    let world = World::new().await;
    let bench = Command::new(binary("sigmabatch"))
        .args(["bench", "engine", "--json", "--given-services"])
        .args(["--tasks", "60", "--rounds", "1", "--concurrency", "16"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = bench.id();
    let output = tokio::task::spawn_blocking(|| bench.wait_with_output());
    let output = output.await.unwrap().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{errors}{said}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();

    for pointer in NUMBERS {
        let number = document.pointer(pointer).and_then(Value::as_f64);
        assert!(
            number.is_some_and(f64::is_finite),
            "{pointer} is no number: {document:#}"
        );
    }
    // Each is made when it is needed first.
    let connections = document["connections"]["worker"].as_i64().unwrap();
    assert!((3..=5).contains(&connections), "{document:#}");
    // It heals within the bound, which the design states and no machine is too slow for.
    let killed = &document["killed_worker"];
    assert!(
        killed["seconds"].as_f64() <= killed["bound_s"].as_f64(),
        "{document:#}"
    );
    let left: i64 = sqlx::query_scalar("select count(*) from pg_database where datname like $1")
        .bind(format!("sigmabatch_bench_{pid}_%"))
        .fetch_one(&world.db)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_benchmark_of_analytics_measures_everything_and_says_why_python_did_not() {
    let bench = tokio::process::Command::new(binary("sigmabatch"))
        .args(["bench", "analytics", "--json", "--rounds", "1"])
        .args(["--python", "/no/python/here"])
        .output();
    let output = bench.await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    for name in ["joint_fits", "correlations", "night", "ledger"] {
        let median = document[name]["median_ms"].as_f64();
        assert!(median.is_some_and(|ms| ms > 0.0), "{document:#}");
        assert!(document[name]["target_ms"].is_f64() && document[name]["reached"].is_boolean());
    }
    let statsmodels = &document["python"]["joint_fits_statsmodels"];
    assert!(statsmodels["median_ms"].is_null());
    let reason = statsmodels["reason"].as_str().unwrap();
    assert!(reason.contains("/no/python/here"), "{reason}");
}
