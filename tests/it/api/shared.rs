//! A run with portfolios of several owners, as each of them sees it: what is theirs, and of the rest only that there is one.

use serde_json::{Value, json};
use sigmabatch::domain::{PhaseName, PortfolioId};
use sigmabatch::engine::{self, CatchUp};

use super::client::Client;
use super::document::Document;
use super::{Served, book};
use crate::look::broken;
use crate::market::close;
use crate::world::World;

/// A night of which a phase dies, over a book of AAA, and one of BBB that another owner has.
struct Night {
    world: World,
    served: Served,
    ours: PortfolioId,
    theirs: PortfolioId,
    owner: Client,
    run: String,
}

impl Night {
    /// Without analytics.
    async fn new() -> Self {
        Self::without(PhaseName::PortfolioAnalytics).await
    }

    async fn without(phase: PhaseName) -> Self {
        let world = World::new().await;
        let served = Served::new(&world).await;
        let ours = book(&world, "ours").await;
        let row = format!("BBB,10,{},2016-12-19,PUBLIC", close("BBB", "2016-12-19"));
        let theirs = world.book("theirs", "100000", "2016-12-19", &[&row]).await;
        let owner = served.owner(&world, &[ours]).await;
        let planned = engine::plan_due(&world.engine, CatchUp::Latest);
        let planned = planned.await.unwrap().remove(0);
        engine::start(&world.engine, planned.run).await;
        let mut options = world.options();
        options.probe = Some(broken(phase).1);
        world.worker_with(options).await;
        world.verdict(planned.run).await;
        let run = planned.run.to_string();
        Self {
            world,
            served,
            ours,
            theirs,
            owner,
            run,
        }
    }

    /// Nothing of it is about the other owner.
    fn ours_only(&self, path: &str, text: &str) {
        for word in [self.theirs.to_string().as_str(), "theirs", "BBB"] {
            assert!(!text.contains(word), "{path} tells {word}: {text}");
        }
    }

    async fn ask(&self, path: &str) -> Value {
        let answer = self.owner.get(path).await;
        self.ours_only(path, &answer.text());
        answer.expect(200)
    }

    fn of_run(&self, rest: &str) -> String {
        format!("/api/v1/runs/{}{rest}", self.run)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i_18_an_owner_sees_of_a_shared_run_what_is_theirs() {
    let night = Night::new().await;
    let document = Document::generated();
    let everything = night.served.viewer.get(&night.of_run("")).await.expect(200);
    assert_eq!(everything["shared"], false);
    let run = night.ask(&night.of_run("")).await;
    document.hold("get", "/api/v1/runs/{run_id}", 200, &run);
    assert_eq!(run["shared"], true);
    for name in [
        "status",
        "verdict",
        "from",
        "to",
        "created_at",
        "finished_at",
    ] {
        assert_eq!(run[name], everything[name], "{name}");
    }
    let phase = |run: &Value, name: &str| {
        let mut phases = run["phases"].as_array().unwrap().iter();
        phases.find(|phase| phase["phase"] == name).unwrap().clone()
    };
    // A task for each portfolio and date; those about symbols are counted for everybody.
    let analytics = [&run, &everything].map(|run| phase(run, "portfolio-analytics"));
    let dead = analytics.map(|phase| phase["dead"].as_i64().unwrap());
    assert!(dead[0] > 0 && dead[0] * 2 == dead[1], "{dead:?}");
    let prices = [&run, &everything].map(|run| phase(run, "market-data"));
    assert_eq!(prices[0], prices[1]);
    let missing = run["missing"].as_array().unwrap();
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert_eq!(missing[0]["portfolio_id"], json!(night.ours));
    assert_eq!(run["errors"][0]["dead"], json!(dead[0]), "{run:#}");

    let tasks = night.ask(&night.of_run("/tasks?limit=500")).await;
    document.hold("get", "/api/v1/runs/{run_id}/tasks", 200, &tasks);
    let rows = tasks["tasks"].as_array().unwrap();
    let own = format!("portfolio:{}", night.ours);
    let (alone, shared): (Vec<_>, Vec<_>) = rows.iter().partition(|task| task["unit"] == own);
    assert!(!alone.is_empty() && !shared.is_empty(), "{tasks:#}");
    for task in &shared {
        let unit = task["unit"].as_str().unwrap();
        assert!(
            unit.starts_with("portfolios:"),
            "tasks about symbols are not listed: {task}"
        );
    }
    for (rows, input) in [(&alone, true), (&shared, false)] {
        for task in rows {
            let path = night.of_run(&format!("/tasks/{}", task["task_id"]));
            let task = night.ask(&path).await;
            document.hold("get", "/api/v1/runs/{run_id}/tasks/{task_id}", 200, &task);
            assert_eq!(task["input"].is_object(), input, "{task:#}");
        }
    }
    // Neither a neighbour of a unit of several is found, nor a task of others.
    for query in [
        format!("portfolio_id={}", night.theirs),
        "symbol=BBB".to_owned(),
    ] {
        let none = night.ask(&night.of_run(&format!("/tasks?{query}"))).await;
        assert_eq!(none["tasks"], json!([]), "{query}");
    }
    let all = night.of_run("/tasks?limit=500");
    let all = night.served.viewer.get(&all).await.expect(200);
    let seen: Vec<&Value> = rows.iter().map(|task| &task["task_id"]).collect();
    let all = all["tasks"].as_array().unwrap().iter();
    let hidden: Vec<&Value> = all
        .filter(|task| !seen.contains(&&task["task_id"]))
        .collect();
    assert!(hidden.len() > 2, "{hidden:?}");
    for task in hidden {
        let path = night.of_run(&format!("/tasks/{}", task["task_id"]));
        assert_eq!(night.owner.get(&path).await.status, 404, "{task}");
        let page = format!("/runs/{}/tasks/{}", night.run, task["task_id"]);
        assert_eq!(night.owner.get(&page).await.status, 404, "{task}");
    }
    let both = night
        .ask(&night.of_run(&format!("/diff/{}", night.run)))
        .await;
    assert!(both["runs"][0]["wanted"].as_i64().unwrap() > 0, "{both:#}");
    night
        .ask(&format!(
            "/api/v1/portfolios/{}/why?date=2016-12-30",
            night.ours
        ))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i_18_an_owner_is_told_own_events_of_a_shared_run_and_none_of_others() {
    let night = Night::new().await;
    let mut kinds = Vec::new();
    let mut stream = night.owner.events(&night.of_run("/events"), None).await;
    loop {
        let (_, event) = stream.next().await.expect("the stream goes on");
        night.ours_only("events", &event.to_string());
        let kind = event["kind"].as_str().unwrap().to_owned();
        if kind == "task-dead" {
            assert_eq!(event["detail"]["unit"], format!("portfolio:{}", night.ours));
            assert!(event["detail"]["error"].is_string(), "{event}");
        }
        kinds.push(kind);
        if kinds.last().unwrap() == "run-finished" {
            break;
        }
    }
    let of = |kind: &str| kinds.iter().filter(|known| *known == kind).count();
    assert_eq!(of("phase-opened"), PhaseName::ALL.len(), "{kinds:?}");
    let emitted = "select count(*) from event where kind = 'task-dead'";
    let emitted = usize::try_from(night.world.count(emitted).await).unwrap();
    assert!(
        of("task-dead") > 0 && of("task-dead") * 2 == emitted,
        "{kinds:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_run_is_in_the_history_of_its_owners_and_steered_by_none() {
    let night = Night::new().await;
    let document = Document::generated();
    let path = "/api/v1/admin/batch/history";
    let history = night.ask(path).await;
    document.hold("get", path, 200, &history);
    let row = &history["runs"][0];
    assert_eq!(
        [
            &row["run_id"],
            &row["shared"],
            &row["portfolios"],
            &row["principal"]
        ],
        [&json!(night.run), &json!(true), &json!(1), &Value::Null]
    );
    let everything = night.served.viewer.get(path).await.expect(200);
    let whole = &everything["runs"][0];
    assert_eq!(
        (&whole["shared"], &whole["portfolios"]),
        (&json!(false), &json!(2))
    );
    for count in ["tasks", "dead"] {
        let counts = [row, whole].map(|row| row[count].as_i64().unwrap());
        assert!(
            0 < counts[0] && counts[0] < counts[1],
            "{count}: {counts:?}"
        );
    }
    let summary = night.ask("/api/v1/admin/batch/history/summary").await;
    assert_eq!(summary["runs"], 1);
    // Whether a portfolio of others was in it cannot be asked.
    let theirs = format!("{path}?portfolio_id={}", night.theirs);
    assert_eq!(night.ask(&theirs).await["runs"], json!([]));
    let ours = format!("{path}?portfolio_id={}", night.ours);
    assert_eq!(night.ask(&ours).await["runs"].as_array().unwrap().len(), 1);

    for (path, body) in [
        (night.of_run("/cancel"), json!({})),
        (
            "/api/v1/admin/retry".to_owned(),
            json!({ "run_id": night.run }),
        ),
    ] {
        let refused = night.owner.post(&path, &body).await.expect(403);
        // It is not the role that forbids it.
        assert!(!refused["title"].to_string().contains("role"), "{refused}");
    }
    assert_eq!(night.world.count("select count(*) from run").await, 1);
    // To whoever has no portfolio in it, it is not there.
    let stranger = book(&night.world, "stranger").await;
    let stranger = night.served.owner(&night.world, &[stranger]).await;
    for rest in ["", "/tasks", "/events"] {
        let path = night.of_run(rest);
        assert_eq!(stranger.get(&path).await.status, 404, "{path}");
    }
    let none = stranger.get(path).await.expect(200);
    assert_eq!(none["runs"], json!([]));
    let both = night
        .served
        .owner(&night.world, &[night.ours, night.theirs])
        .await;
    assert_eq!(
        both.get(&night.of_run("")).await.expect(200)["shared"],
        false
    );
}

/// A chunk that was split is no task beside its elements, in the history as in the run.
#[tokio::test(flavor = "multi_thread")]
async fn the_tasks_of_a_run_are_as_many_in_its_history() {
    let night = Night::without(PhaseName::PnlSnapshots).await;
    let split = "select count(*) from task where state = 'split'";
    assert!(night.world.count(split).await > 0);
    for client in [&night.owner, &night.served.viewer] {
        let run = client.get(&night.of_run("")).await.expect(200);
        let history = client.get("/api/v1/admin/batch/history").await.expect(200);
        assert!(run["progress"]["total"].as_i64().unwrap() > 0, "{run}");
        assert_eq!(history["runs"][0]["tasks"], run["progress"]["total"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_shared_run_show_an_owner_what_is_theirs() {
    let night = Night::new().await;
    let own = format!("/runs/{}", night.run);
    for path in [
        "/".to_owned(),
        own.clone(),
        format!("{own}?part=live"),
        format!("{own}?part=tasks&state=dead"),
        format!("{own}/diff?other={}", night.run),
    ] {
        let page = night.owner.get(&path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text());
        night.ours_only(&path, &page.text());
    }
    let page = night.owner.get(&own).await.text();
    assert!(page.contains("portfolios of others"), "{page}");
    for action in ["/actions/retry", "/cancel\""] {
        assert!(!page.contains(action), "{action}: {page}");
    }
    let dead = night.ask(&night.of_run("/tasks?state=dead")).await;
    let task = format!("{own}/tasks/{}", dead["tasks"][0]["task_id"]);
    let page = night.owner.get(&task).await.text();
    night.ours_only(&task, &page);
    assert!(page.contains(&night.ours.to_string()), "{page}");
    let viewer = night.served.viewer.get(&own).await.text();
    assert!(
        !viewer.contains("portfolios of others") && viewer.contains("theirs"),
        "{viewer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_tells_an_owner_of_no_run_of_others() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let [ours, theirs] = [book(&world, "ours").await, book(&world, "theirs").await];
    let owner = served.owner(&world, &[ours]).await;
    let start = format!("/api/v1/admin/batch/run?portfolio_id={theirs}");
    let run = served.operator.post(&start, &json!({})).await.expect(202);
    let run = run["batch_run_id"].as_str().unwrap().to_owned();
    for id in [run.as_str(), "00000000-0000-7000-8000-000000000000"] {
        let page = format!("/api/v1/admin/batch/history?cursor={id}");
        assert_eq!(owner.get(&page).await.expect(400)["field"], "cursor");
    }
    let page = format!("/api/v1/admin/batch/history?cursor={run}");
    served.operator.get(&page).await.expect(200);
    // What was deleted since is not named by its runs.
    let delete = format!("/api/v1/portfolios/{theirs}");
    served
        .operator
        .ask("DELETE", &delete, &[], b"")
        .await
        .expect(200);
    let told = served.operator.get(&format!("/api/v1/runs/{run}")).await;
    told.expect(200);
    assert!(!told.text().contains("theirs"), "{}", told.text());
}
