//! `audit`: what should be there against what is, with an exit code.

use serde_json::{Value, json};

use super::{books, column, rows};
use crate::world::{World, range, request};

const RANGE: [&str; 5] = ["audit", "--from", "2016-12-21", "--to", "2016-12-23"];

/// Expected, current, missing, stale and not strict results of a kind.
fn counts(document: &Value, kind: &str) -> [i64; 5] {
    let mut kinds = rows(document, "kinds").iter();
    let row = kinds.find(|row| row["kind"] == kind).unwrap();
    ["expected", "current", "missing", "stale", "not_strict"]
        .map(|field| row[field].as_i64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_should_be_there_is_counted_and_the_exit_code_says_whether_it_is() {
    let world = World::new().await;
    let [first, _] = books(&world).await;
    world.worker().await;

    // Two books and three sessions, one stock each.
    let (code, before) = world.command(&RANGE).await;
    assert_eq!(code, 3);
    assert_eq!(before["sessions"], 3);
    for (kind, expected) in [
        ("position-values", 6),
        ("pnl-snapshots", 6),
        ("portfolio-analytics", 6),
        ("symbol-factors", 6),
        ("symbol-metrics", 6),
        ("data-quality", 6),
        ("factor-covariance", 3),
    ] {
        assert_eq!(
            counts(&before, kind),
            [expected, 0, expected, 0, 0],
            "{kind}"
        );
    }

    world.run(&request(range("2016-12-21", "2016-12-23"))).await;
    let (code, after) = world.command(&RANGE).await;
    assert_eq!((code, &after["complete"]), (0, &json!(true)), "{after:#}");
    assert_eq!(counts(&after, "portfolio-analytics"), [6, 6, 0, 0, 0]);
    let (_, page) = world.page(&RANGE).await;
    assert!(
        page.starts_with("3 sessions from 2016-12-21 to 2016-12-23: everything is there"),
        "{page}"
    );

    // One book is stale from the second session on; of the other, an analytic failed.
    let stale = [
        "invalidate",
        "first",
        "--from",
        "2016-12-22",
        "--reason",
        "test",
    ];
    assert_eq!(world.command(&stale).await.0, 0);
    sqlx::query(
        "update completeness c set strict = false, failed_runs = 1, stress = 'failed'
         from portfolios p where p.id = c.portfolio_id and p.name = 'second' and c.as_of = '2016-12-21'",
    )
    .execute(&world.db)
    .await
    .unwrap();
    let (code, document) = world.command(&RANGE).await;
    assert_eq!(code, 3);
    assert_eq!(counts(&document, "pnl-snapshots"), [6, 4, 0, 2, 0]);
    assert_eq!(counts(&document, "portfolio-analytics"), [6, 3, 0, 2, 1]);
    assert_eq!(counts(&document, "symbol-factors"), [6, 6, 0, 0, 0]);
    let lacking = rows(&document, "lacking");
    let values = lacking
        .iter()
        .find(|row| row["kind"] == "position-values")
        .unwrap();
    assert_eq!(values["owner"], first.to_string());
    assert_eq!(values["name"], "first");
    assert_eq!(values["dates"], json!(["2016-12-22", "2016-12-23"]));
    let (_, page) = world.page(&RANGE).await;
    for part in ["something lacks", "not strict", "2016-12-22..2016-12-23"] {
        assert!(page.contains(part), "{part} in\n{page}");
    }

    // One portfolio and the symbol that it holds.
    let (code, document) = world
        .command(&[&RANGE[..], &["--portfolio", "second"]].concat())
        .await;
    assert_eq!(code, 3);
    assert_eq!(counts(&document, "portfolio-analytics"), [3, 2, 0, 0, 1]);
    assert_eq!(counts(&document, "symbol-metrics"), [3, 3, 0, 0, 0]);
    assert_eq!(column(&document, "lacking", "name"), ["second"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_expected_before_inception_nor_of_sessions_that_are_not_over() {
    let world = World::new().await;
    books(&world).await;
    let future = ["audit", "--from", "2016-12-15", "--to", "2017-01-10"];
    let (code, document) = world.command(&future).await;
    assert_eq!(code, 3);
    // From 12-19 to 12-30: nine sessions of two books; the covariance of those dates alone.
    assert_eq!(document["to"], "2016-12-30");
    assert_eq!(counts(&document, "pnl-snapshots")[0], 18);
    assert_eq!(counts(&document, "factor-covariance")[0], 9);
    for wrong in [["2016-12-23", "2016-12-21"], ["2016-12-24", "2016-12-25"]] {
        let (code, _) = world
            .page(&["audit", "--from", wrong[0], "--to", wrong[1]])
            .await;
        assert_eq!(code, 2);
    }
}
