//! The ways to start work, those over HTTP among them: whoever asks, the same tasks are made, and the same results.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde_json::json;
use sigmabatch::domain::RunId;
use sigmabatch::engine::{self, CatchUp};

use super::Served;
use crate::world::World;

/// A task: phase, unit, date, input.
type Task = (String, String, NaiveDate, serde_json::Value);

/// Incident I-01: a phase was missing on one of several paths.
#[tokio::test(flavor = "multi_thread")]
async fn i_01_who_starts_a_run_over_http_gets_the_tasks_and_results_of_any_other_way() {
    let mut all: Vec<(&str, Vec<Task>)> = Vec::new();
    let mut digests = BTreeSet::new();
    // Each in a world of its own, where the same book has the same id.
    for way in ["scheduler", "command line", "operator", "owner"] {
        let world = World::new().await;
        let served = Served::new(&world).await;
        let row = format!(
            "AAA,300,{},2016-12-28,PUBLIC",
            crate::market::close("AAA", "2016-12-28")
        );
        let id = world.book("book", "100000", "2016-12-28", &[&row]).await;
        let range = json!({ "start_date": "2016-12-28", "end_date": "2016-12-30" });
        let start = "/api/v1/admin/batch/run";
        let run: RunId = match way {
            "scheduler" => {
                let due = engine::plan_due(&world.engine, CatchUp::Latest);
                due.await.unwrap().remove(0).run
            }
            "command line" => {
                let words = ["run", "--from", "2016-12-28", "--to", "2016-12-30"];
                let (code, told) = world.command(&words).await;
                assert_eq!(code, 0, "{told}");
                told["run_id"].as_str().unwrap().parse().unwrap()
            }
            "operator" => {
                let planned = served.operator.post(start, &range).await.expect(202);
                planned["run_id"].as_str().unwrap().parse().unwrap()
            }
            _ => {
                let owner = served.owner(&world, &[id]).await;
                let planned = owner.post(start, &range).await.expect(202);
                planned["run_id"].as_str().unwrap().parse().unwrap()
            }
        };
        let tasks = sqlx::query_as(
            "select phase, unit, as_of, input from task where run_id = $1 order by phase, unit, as_of",
        );
        let tasks: Vec<Task> = tasks.bind(run.0).fetch_all(&world.db).await.unwrap();
        all.push((way, tasks));
        engine::start(&world.engine, run).await;
        world.worker().await;
        assert_eq!(
            world.verdict(run).await,
            "succeeded",
            "{way}: {}",
            world.troubles().await
        );
        digests.insert(world.digest().await.total);
    }
    let (_, first) = &all[0];
    let phases: BTreeSet<&str> = first.iter().map(|task| task.0.as_str()).collect();
    let known = sigmabatch::domain::PhaseName::ALL;
    assert_eq!(phases.len(), known.len(), "{phases:?}");
    for (way, tasks) in &all {
        assert_eq!(tasks, first, "{way}");
    }
    assert_eq!(digests.len(), 1, "{digests:?}");
}
