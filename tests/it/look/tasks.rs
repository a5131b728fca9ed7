//! `tasks` and `dead`.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use sigmabatch::domain::PhaseName;

use super::{books, broken, column, rows};
use crate::world::{World, on, range, request};

/// The ids that a filter lists, newest first.
async fn ids(world: &World, filter: &[&str]) -> Vec<i64> {
    let arguments = [&["tasks", "--limit", "1000"], filter].concat();
    let (code, document) = world.command(&arguments).await;
    assert_eq!(code, 0, "{document:#}");
    column(&document, "tasks", "task_id")
        .into_iter()
        .map(|id| id.as_i64().unwrap())
        .collect()
}

async fn expected(world: &World, condition: &'static str) -> Vec<i64> {
    let sql = format!("select id from task where {condition} order by id desc");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .fetch_all(&world.db)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_found_by_what_is_known_of_them() {
    let world = World::new().await;
    let [first, _] = books(&world).await;
    let (_, probe) = broken(PhaseName::PnlSnapshots);
    let mut options = world.options();
    options.probe = Some(probe);
    world.worker_with(options).await;
    let planned = world
        .begin(&request(range("2016-12-28", "2016-12-29")))
        .await;
    assert_eq!(world.verdict(planned.run).await, "failed");

    let portfolio = first.to_string();
    let run = planned.run.to_string();
    let fingerprint = world
        .texts("select fingerprint from task where state = 'dead' limit 1")
        .await
        .remove(0);
    let of_first =
        "input::text like '%' || (select id from portfolios where name = 'first') || '%'";
    for (filter, condition) in [
        (vec![], "true"),
        (vec!["--run", &run], "true"),
        (vec!["--run", &planned.label], "true"),
        (vec!["--phase", "1.5"], "phase = 'symbol-factors'"),
        (
            vec!["--phase", "symbol-factors"],
            "phase = 'symbol-factors'",
        ),
        (vec!["--state", "dead"], "state = 'dead'"),
        (vec!["--state", "split"], "state = 'split'"),
        (vec!["--symbol", "AAA"], "input::text like '%\"AAA\"%'"),
        (
            vec!["--symbol", "aaa", "--phase", "1"],
            "input::text like '%\"AAA\"%' and phase = 'market-data'",
        ),
        (vec!["--symbol", "AA"], "false"),
        (vec!["--portfolio", &portfolio], of_first),
        (vec!["--portfolio", "first"], of_first),
        (
            vec!["--error", "A BUG in pnl"],
            "error like '%a bug in pnl%'",
        ),
        (
            vec!["--error", "bug", "--state", "dead"],
            "state = 'dead' and error_class = 'bug'",
        ),
        (vec!["--error", &fingerprint], "error is not null"),
    ] {
        let found = ids(&world, &filter).await;
        assert_eq!(found, expected(&world, condition).await, "{filter:?}");
        let empty = condition == "false";
        assert_eq!(found.is_empty(), empty, "{filter:?}");
    }

    // The chunk of both books was split: its elements are counted in its place.
    let (_, document) = world.command(&["tasks", "--run", &run]).await;
    let [group] = rows(&document, "errors") else {
        panic!("{document:#}");
    };
    let told = ["count", "dead", "retrying"].map(|key| &group[key]);
    assert_eq!(told, [&json!(2), &json!(2), &json!(0)]);

    // Pages follow each other without a gap.
    let mut paged = Vec::new();
    let mut after = None;
    loop {
        let from = after.map(|id: i64| id.to_string());
        let mut arguments = vec!["tasks", "--limit", "7"];
        arguments.extend(from.iter().flat_map(|id| ["--after", id.as_str()]));
        let (_, document) = world.command(&arguments).await;
        paged.extend(column(&document, "tasks", "task_id").into_iter().cloned());
        after = document["next"].as_i64();
        if after.is_none() {
            break;
        }
    }
    let all = ids(&world, &[]).await;
    assert!(all.len() > 7);
    assert_eq!(paged, all.into_iter().map(Value::from).collect::<Vec<_>>());

    let (code, page) = world.page(&["tasks", "--state", "dead"]).await;
    assert_eq!(code, 0);
    assert!(
        page.contains("3 pnl-snapshots") && page.contains(&fingerprint),
        "{page}"
    );
    for (wrong, says) in [
        (["--phase", "7"], "is no phase"),
        (["--run", "nightly/1999-12-31"], "no run"),
        (["--portfolio", "third"], "no portfolio"),
    ] {
        let (code, page) = world.page(&[&["tasks"], &wrong[..]].concat()).await;
        assert_eq!(code, 2);
        assert!(page.contains(says), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_task_shows_its_attempts_and_the_time_of_their_parts() {
    let world = World::new().await;
    books(&world).await;
    world.worker().await;
    world.run(&request(on("2016-12-29"))).await;
    let id = world
        .count("select max(id) from task where phase = 'symbol-factors'")
        .await;

    let (code, task) = world.command(&["tasks", "--id", &id.to_string()]).await;

    assert_eq!(code, 0);
    assert_eq!(task["state"], "done");
    assert!(task["input"].is_object(), "{task:#}");
    let [attempt] = rows(&task, "attempt_rows") else {
        panic!("{task:#}");
    };
    assert_eq!(attempt["outcome"], "committed");
    assert_eq!(attempt["epoch"], task["epoch"]);
    for part in ["load_ms", "fetch_ms", "compute_ms"] {
        assert!(attempt[part].as_f64().unwrap() >= 0.0, "{part}: {attempt}");
    }
    let (_, page) = world.page(&["tasks", "--id", &id.to_string()]).await;
    assert!(
        page.contains("phase 1.5 symbol-factors") && page.contains("committed"),
        "{page}"
    );
    let (code, _) = world.page(&["tasks", "--id", "999999999"]).await;
    assert_eq!(code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_mistakes_stand_together_and_are_done_again_by_the_command_that_is_shown() {
    let world = World::new().await;
    books(&world).await;
    let (flag, probe) = broken(PhaseName::PortfolioAnalytics);
    let mut options = world.options();
    options.probe = Some(probe);
    world.worker_with(options).await;
    let planned = world
        .begin(&request(range("2016-12-28", "2016-12-29")))
        .await;
    assert_eq!(world.verdict(planned.run).await, "failed");
    flag.store(false, Ordering::SeqCst);

    let (code, dead) = world.command(&["dead"]).await;

    assert_eq!(code, 0);
    // Two books and two dates, one mistake.
    assert_eq!(dead["dead"], 4);
    let [group] = rows(&dead, "groups") else {
        panic!("{dead:#}");
    };
    assert_eq!(
        (&group["dead"], &group["class"]),
        (&json!(4), &json!("bug"))
    );
    assert_eq!(group["phase"], "portfolio-analytics");
    assert_eq!(group["sample"], "panicked: a bug in portfolio-analytics");
    let died = column(&dead, "tasks", "task_id");
    assert!(died.is_sorted_by(|a, b| a.as_i64() > b.as_i64()));
    let (_, page) = world.page(&["dead", &planned.label]).await;
    assert!(
        page.starts_with("4 dead tasks, 1 kind of error, newest first"),
        "{page}"
    );

    // What the page tells to type works, with a reason in place of the dots.
    let command = group["retry"].as_str().unwrap();
    assert!(
        command.contains(" --phase portfolio-analytics "),
        "{command}"
    );
    assert!(
        page.contains(&command.replace("retry", &format!("retry --run {}", planned.label))),
        "{page}"
    );
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    let (code, retried) = world
        .command(&[&words[..words.len() - 1], &["mended"]].concat())
        .await;
    assert_eq!(code, 0, "{retried:#}");
    let repair = world
        .texts("select id::text from run where trigger = 'repair'")
        .await
        .remove(0);
    assert_eq!(world.verdict(repair.parse().unwrap()).await, "succeeded");
    let (_, dead) = world.command(&["dead"]).await;
    assert_eq!(dead["groups"][0]["repaired"], 4);
    assert_eq!(dead["tasks"][0]["repair_run"], repair.as_str());

    let (_, nothing) = world.page(&["dead", &repair]).await;
    assert_eq!(nothing, "no task is dead\n");
}
