//! Malformed input at every route: never an error of ours, never a word of SQL or a path of a file.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::roles::routes;
use super::{Served, book};
use crate::world::World;

/// Inputs for each route.
const TIMES: usize = 12;

/// Text as nobody should send it, percent-encoded.
fn text() -> impl Strategy<Value = String> {
    let strange = prop_oneof![
        Just("%00".to_owned()),
        Just("'%20or%201=1--".to_owned()),
        Just("-1".to_owned()),
        Just("9223372036854775808".to_owned()),
        Just("2016-13-45".to_owned()),
        Just("-262143-01-01".to_owned()),
        Just("262142-12-31".to_owned()),
        Just("0001-01-01".to_owned()),
        Just("9999-12-31".to_owned()),
        Just("00000000-0000-0000-0000-000000000000".to_owned()),
        Just("..%2f..%2fetc%2fpasswd".to_owned()),
        Just("%ff%fe".to_owned()),
        Just("NaN".to_owned()),
        "[a-zA-Z0-9%._~-]{0,40}",
    ];
    strange.prop_map(|text| text.replace("%%", "%25"))
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        Just(b"{}".to_vec()),
        Just(b"{\"reason\": \"\\u0000\", \"portfolio_id\": [[]]}".to_vec()),
        Just(b"{\"positions\": [{\"symbol\": \"\\u0000\"}], \"name\": \"x\"}".to_vec()),
        Just([b"[".repeat(5_000), b"]".repeat(5_000)].concat()),
        prop::collection::vec(any::<u8>(), 0..200),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_input_makes_the_server_fail_or_talk() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    book(&world, "book").await;
    let names = [
        "date",
        "strict",
        "limit",
        "cursor",
        "status",
        "lane",
        "start_date",
        "end_date",
        "calculation_date",
        "portfolio_id",
        "phase",
        "state",
        "symbol",
        "from",
        "to",
        "benchmark",
        "error",
        "days",
        "kind",
        "name",
        "reason",
        "run_id",
        "force",
    ];
    let kinds = [
        "application/json",
        "text/csv",
        "multipart/form-data; boundary=x",
        "text/plain",
    ];
    let query = prop::collection::vec((prop::sample::select(names.to_vec()), text()), 0..3);
    let case = (
        prop::collection::vec(text(), 3),
        query,
        prop::sample::select(kinds.to_vec()),
        body(),
    );
    let mut runner = TestRunner::deterministic();
    for (method, path) in routes() {
        for _ in 0..TIMES {
            let (parts, query, kind, body) = case.new_tree(&mut runner).unwrap().current();
            let mut parts = parts.into_iter();
            let segments: Vec<String> = path
                .split('/')
                .map(|part| {
                    if part.starts_with('{') {
                        parts.next().unwrap()
                    } else {
                        part.to_owned()
                    }
                })
                .collect();
            let query: Vec<String> = query
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let target = format!("{}?{}", segments.join("/"), query.join("&"));
            let answer = served
                .operator
                .ask(&method, &target, &[("content-type", kind)], &body)
                .await;
            let said = answer.text().to_lowercase();
            let about = format!(
                "{method} {target} {kind} {:?}: {} {said}",
                String::from_utf8_lossy(&body),
                answer.status
            );
            assert!(answer.status < 500 || path == "/health/ready", "{about}");
            for word in [
                "select ",
                "insert ",
                "postgres:",
                "sqlx",
                "syntax error",
                "/work",
                ".rs:",
                "panicked",
            ] {
                assert!(!said.contains(word), "{word}: {about}");
            }
        }
    }
}
