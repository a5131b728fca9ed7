//! `why`: what holds a result, in each of the states that it can be in.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use nix::sys::signal::Signal;
use serde_json::Value;
use sigmabatch::api::shapes::WhyAnswer;
use sigmabatch::domain::PhaseName;
use sigmabatch::engine::{self, Request};

use super::{books, broken, rows};
use crate::api::document::Document;
use crate::control::{Door, Opener};
use crate::market::Folder;
use crate::world::{World, eventually, on, range, request};

const NOW: &str = "2016-12-30T23:00:00Z";

/// What the chain says of the first portfolio, in one word a link.
async fn why(world: &World, date: &str) -> (Vec<String>, Value) {
    let (code, document) = world.command(&["why", "first", date]).await;
    assert_eq!(code, 0, "{document:#}");
    // The API answers the same, in the shape that its document says.
    let route = "/api/v1/portfolios/{portfolio_id}/why";
    Document::generated().hold("get", route, 200, &document);
    let _: WhyAnswer = serde_json::from_value(document.clone()).unwrap();
    let chain = rows(&document, "chain").iter();
    let words = chain.map(|link| link["what"].as_str().unwrap().to_owned());
    (words.collect(), document)
}

/// Asks until the chain ends like this.
async fn until(world: &World, date: &str, blocked_by: &str) -> (Vec<String>, Value) {
    let mut last = None;
    let found = eventually(async || {
        let (words, document) = why(world, date).await;
        let found = document["blocked_by"] == blocked_by;
        last = Some(format!("{document:#}"));
        found.then_some((words, document))
    });
    match found.await {
        Some(found) => found,
        None => panic!("{blocked_by}: {}", last.unwrap_or_default()),
    }
}

/// The first link of this kind.
fn link<'a>(document: &'a Value, what: &str) -> &'a Value {
    let mut chain = rows(document, "chain").iter();
    chain
        .find(|link| link["what"] == what)
        .unwrap_or_else(|| panic!("no {what} in {document:#}"))
}

fn night() -> Request {
    request(on("2016-12-29"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_waits_for_a_plan_a_worker_a_permit_and_then_it_is_there() {
    let world = World::new().await;
    books(&world).await;

    let (words, document) = why(&world, "2016-12-29").await;
    assert_eq!(words, ["not_planned"]);
    assert_eq!(document["published"], false);
    let remedy = document["remedy"].as_str().unwrap();
    assert!(remedy.starts_with("sigmabatch run --date 2016-12-29 --portfolio "));

    let planned = world.begin(&night()).await;
    let (words, document) = why(&world, "2016-12-29").await;
    assert_eq!(words[..2], ["run", "phase_waits"]);
    assert_eq!(words.last().unwrap(), "no_worker");
    assert_eq!(link(&document, "run")["label"], planned.label.as_str());
    let waits = link(&document, "phase_waits");
    assert_eq!(waits["number"], "6");
    assert_eq!(
        waits["after"],
        serde_json::json!([
            "symbol-factors",
            "symbol-metrics",
            "pnl-snapshots",
            "position-updates",
            "sector-tags"
        ])
    );
    // Only what is open can be worked on: profiles and prices.
    let open: Vec<&Value> = rows(&document, "chain")
        .iter()
        .filter(|link| link["what"] == "phase_unfinished")
        .map(|link| &link["number"])
        .collect();
    assert_eq!(open, ["0", "1"]);
    let ready = link(&document, "task_ready");
    let state = sqlx::query_scalar::<_, String>("select state from task where id = $1");
    let state = state.bind(ready["task_id"].as_i64().unwrap());
    assert_eq!(state.fetch_one(&world.db).await.unwrap(), "ready");

    // One permit, and the other portfolio's task has it: newest first, so it is the second one's.
    let door = Arc::new(Door::default());
    let opener = Opener(Arc::clone(&door));
    let mut options = world.options();
    options.concurrency = 1;
    options.probe = Some(door.probe(PhaseName::PortfolioAnalytics));
    world.worker_with(options).await;
    door.reached().await;
    let running = world
        .texts("select p.name from task t join portfolios p on t.unit = 'portfolio:' || p.id where t.state = 'running'")
        .await;
    let waiting = if running == ["first"] {
        "second"
    } else {
        "first"
    };
    let (_, document) = world.command(&["why", &running[0], "2016-12-29"]).await;
    assert_eq!(document["blocked_by"], "task_running");
    let task = link(&document, "task_running");
    let worker = world
        .texts("select 'w-' || left(replace(worker_id::text, '-', ''), 8) from task where state = 'running'")
        .await;
    assert_eq!(task["worker"], worker[0].as_str());
    assert!(task["deadline_at"].as_str() > task["since"].as_str());
    let (_, document) = world.command(&["why", waiting, "2016-12-29"]).await;
    assert_eq!(document["blocked_by"], "permits_busy", "{document:#}");
    let busy = link(&document, "permits_busy");
    assert_eq!(
        (&busy["class"], &busy["permits"]),
        (&"cpu".into(), &1.into())
    );
    assert_eq!(busy["workers"][0]["worker"], worker[0].as_str());

    drop(opener);
    assert_eq!(world.verdict(planned.run).await, "succeeded");
    let (words, document) = why(&world, "2016-12-29").await;
    assert_eq!(words[0], "published");
    assert_eq!(
        (&document["strict"], &document["blocked_by"]),
        (&true.into(), &Value::Null)
    );
    let (_, page) = world.page(&["why", "first", "2016-12-29"]).await;
    assert!(
        page.starts_with("first 2016-12-29 is published and strictly complete\n"),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_holds_back_names_him_and_his_reason() {
    let world = World::new().await;
    books(&world).await;
    world.worker().await;
    for (kind, name) in [("lane", "interactive"), ("phase", "2.5")] {
        let pause = ["pause", kind, name, "--reason", "the disk is full"];
        assert_eq!(world.command(&pause).await.0, 0);
    }
    let planned = world.begin(&night()).await;

    let (_, document) = until(&world, "2016-12-29", "paused").await;

    let paused = link(&document, "paused");
    assert_eq!(paused["reason"], "the disk is full");
    assert_eq!(paused["who"], "it");
    assert_eq!(
        (&paused["kind"], &paused["name"]),
        (&"lane".into(), &"interactive".into())
    );
    let (_, page) = world.page(&["why", "first", "2016-12-29"]).await;
    assert!(
        page.contains("lane interactive is paused by it since"),
        "{page}"
    );
    assert!(
        page.contains("what to do: sigmabatch resume lane interactive"),
        "{page}"
    );

    let resume = ["resume", "lane", "interactive", "--reason", "there is room"];
    assert_eq!(world.command(&resume).await.0, 0);
    // Now the phase alone holds it, once those before it are finished.
    let name = eventually(async || {
        let (_, document) = why(&world, "2016-12-29").await;
        let held = rows(&document, "chain")
            .iter()
            .find(|link| link["what"] == "paused")?;
        (held["kind"] == "phase").then(|| held["name"].clone())
    });
    assert_eq!(name.await.unwrap(), "position-values");
    let resume = ["resume", "phase", "2.5", "--reason", "there is room"];
    assert_eq!(world.command(&resume).await.0, 0);
    assert_eq!(world.verdict(planned.run).await, "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_that_is_gone_is_named_with_its_stream() {
    let world = World::new().await;
    books(&world).await;
    world.begin(&night()).await;
    let (words, _) = why(&world, "2016-12-29").await;
    assert!(!words.contains(&"hint_missing".to_owned()), "{words:?}");

    // Nobody works, so nobody brings it back.
    let mut redis = world.redis().await;
    let stream = world
        .engine
        .queue
        .keys()
        .stream(sigmabatch::domain::Lane::Interactive, PhaseName::MarketData);
    redis::cmd("XTRIM")
        .arg(&stream)
        .arg("MAXLEN")
        .arg(0)
        .exec_async(&mut redis)
        .await
        .unwrap();

    let (_, document) = until(&world, "2016-12-29", "hint_missing").await;
    let missing = link(&document, "hint_missing");
    assert_eq!(missing["stream"], stream.as_str());
    assert_eq!(missing["phase"], "market-data");
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_say_when_they_are_tried_again_and_rate_limits_until_when_they_park() {
    let market = Folder::new();
    let world = World::scripted(NOW, &market).await;
    books(&world).await;
    world.worker().await;
    market.script("[[rule]]\ndoes = \"refuse\"\nafter_ms = 600000\nsymbols = [\"AAA\"]\n");
    let planned = world.begin(&night()).await;

    let (_, document) = until(&world, "2016-12-29", "task_parked").await;
    let parked = link(&document, "task_parked");
    assert_eq!(parked["error"], "script limits our rate");
    let due = world
        .count("select count(*) from task where parked_since is not null and ready_at > now() + interval '500 s'")
        .await;
    assert!(due > 0);
    assert!(parked["until"].as_str() > parked["since"].as_str());

    // The same task, before its next attempt of five.
    market.script("[[rule]]\ndoes = \"fail\"\n");
    sqlx::query(
        "update task set ready_at = now() where state = 'ready' and parked_since is not null",
    )
    .execute(&world.db)
    .await
    .unwrap();
    world.engine.queue.wipe().await.unwrap();
    let (_, document) = until(&world, "2016-12-29", "task_retries").await;
    let retries = link(&document, "task_retries");
    assert_eq!(
        (&retries["class"], &retries["budget"]),
        (&"transient".into(), &5.into())
    );
    assert!(
        retries["error"]
            .as_str()
            .unwrap()
            .contains("the script says so")
    );
    assert_eq!(retries["fingerprint"].as_str().unwrap().len(), 8);

    market.script("");
    sqlx::query("update task set ready_at = now() where state = 'ready' and ready_at > now()")
        .execute(&world.db)
        .await
        .unwrap();
    world.engine.queue.wipe().await.unwrap();
    assert_eq!(world.verdict(planned.run).await, "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_task_is_the_reason_also_when_it_is_one_that_the_portfolio_needed() {
    let world = World::new().await;
    books(&world).await;
    for (phase, kind) in [
        (PhaseName::PnlSnapshots, "pnl-snapshots"),
        (PhaseName::PortfolioAnalytics, "portfolio-analytics"),
    ] {
        let (flag, probe) = broken(phase);
        let mut options = world.options();
        options.probe = Some(probe);
        world.worker_with(options).await;
        let planned = world
            .begin(&Request {
                force: true,
                ..night()
            })
            .await;
        assert_ne!(world.verdict(planned.run).await, "succeeded");

        let (_, document) = why(&world, "2016-12-29").await;

        let dead = link(&document, "task_dead");
        assert_eq!(dead["phase"], kind, "{document:#}");
        assert_eq!(dead["error"], format!("panicked: a bug in {kind}"));
        assert_eq!(dead["repair_run"], Value::Null);
        assert_eq!(document["blocked_by"], "task_dead");
        if phase == PhaseName::PortfolioAnalytics {
            // The snapshot is there now; what was computed without it is no complete result.
            assert_eq!(document["strict"], false);
            let snapshot = link(&document, "incomplete");
            assert_eq!(
                (&snapshot["entry"], &snapshot["outcome"]),
                (&"snapshot".into(), &"failed".into())
            );
        }
        let fingerprint = dead["fingerprint"].as_str().unwrap();
        let remedy = document["remedy"].as_str().unwrap();
        assert!(
            remedy.contains(&format!("retry --error {fingerprint} --phase {kind} ")),
            "{remedy}"
        );
        flag.store(false, Ordering::SeqCst);
        return_workers(&world).await;
    }
}

/// Lets every worker go.
async fn return_workers(world: &World) {
    for worker in world
        .texts("select id::text from worker where lost_at is null")
        .await
    {
        let drain = ["drain", &worker, "--reason", "test"];
        assert_eq!(world.command(&drain).await.0, 0);
    }
    let gone = eventually(async || {
        let living = "select count(*) from worker where lost_at is null";
        (world.count(living).await == 0).then_some(())
    });
    assert!(gone.await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_gone_is_named_and_so_is_the_lack_of_another() {
    let world = World::new().await;
    books(&world).await;
    world.begin(&night()).await;
    let mut victim = world.worker_process(&["--failpoint", "mid-compute:position-values"]);
    victim.ended().await;

    let (words, document) = until(&world, "2016-12-29", "no_worker").await;

    assert!(words.contains(&"task_running".to_owned()), "{words:?}");
    let late = link(&document, "worker_late");
    assert_eq!(late["worker"], link(&document, "task_running")["worker"]);
    assert!(late["seconds"].as_f64() > Some(0.0));
    let (_, page) = world.page(&["why", "first", "2016-12-29"]).await;
    assert!(page.contains("what to do: start a worker"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_result_names_the_change_and_every_stale_set_has_a_reason() {
    let mut prices = Folder::new();
    let world = World::at(NOW, prices.path()).await;
    let [first, _] = books(&world).await;
    world.worker().await;
    world.run(&request(range("2016-12-21", "2016-12-29"))).await;
    let (words, document) = why(&world, "2016-12-28").await;
    assert_eq!(
        (words[0].as_str(), &document["strict"]),
        ("published", &true.into())
    );

    // A price of the 22nd was corrected, and one session computed with it.
    prices.correct("AAA", "2016-12-22", 123.45);
    let asked = Request {
        portfolios: engine::Selection::Only(vec![first]),
        force: true,
        ..request(on("2016-12-22"))
    };
    world.run(&asked).await;

    let (words, document) = why(&world, "2016-12-28").await;
    assert_eq!(words, ["stale", "run", "not_planned"]);
    let stale = link(&document, "stale");
    assert_eq!(
        (&stale["input"], &stale["scope"]),
        (&"prices".into(), &"symbol".into())
    );
    assert_eq!(
        (&stale["owner"], &stale["from"]),
        (&"AAA".into(), &"2016-12-22".into())
    );
    let version = world.count("select version from data_version").await;
    assert!(stale["version"].as_i64() <= Some(version));
    let (_, page) = world.page(&["why", "first", "2016-12-28"]).await;
    assert!(
        page.contains("is not published because it is stale"),
        "{page}"
    );
    assert!(
        page.contains("prices of AAA changed for results from 2016-12-22 on"),
        "{page}"
    );

    for order in [
        [
            "invalidate",
            "first",
            "--from",
            "2016-12-27",
            "--reason",
            "test",
        ],
        [
            "invalidate",
            "SP500",
            "--from",
            "2016-12-28",
            "--reason",
            "test",
        ],
    ] {
        assert_eq!(world.command(&order).await.0, 0);
    }
    let (_, document) = why(&world, "2016-12-29").await;
    let inputs: Vec<&str> = rows(&document, "chain")
        .iter()
        .filter_map(|link| link["input"].as_str())
        .collect();
    assert!(
        inputs.contains(&"book") && inputs.contains(&"prices"),
        "{inputs:?}"
    );

    // Both views say the same.
    let sets = world.count("select count(*) from stale_result_sets").await;
    let distinct =
        "select count(*) from (select distinct kind, owner, as_of from stale_reasons) reasons";
    assert_eq!(world.count(distinct).await, sets);
    let odd = "select count(*) from (
                   (select kind, owner, as_of from stale_result_sets except select kind, owner, as_of from stale_reasons)
                   union all
                   (select kind, owner, as_of from stale_reasons except select kind, owner, as_of from stale_result_sets)
               ) odd";
    assert_eq!(world.count(odd).await, 0);
    assert!(sets > 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_that_cannot_be_computed_say_so() {
    let world = World::new().await;
    books(&world).await;
    for (date, what) in [
        ("2016-12-24", "no_session"),
        ("2016-12-16", "before_inception"),
        ("2017-01-03", "not_eligible"),
    ] {
        let (_, document) = why(&world, date).await;
        assert_eq!(document["blocked_by"], what);
        let (code, page) = world.page(&["why", "first", date]).await;
        assert_eq!(code, 0);
        assert!(page.contains("  1. "), "{page}");
    }
    // Without a date, the newest session whose closes are final.
    let (_, document) = world.command(&["why", "first"]).await;
    assert_eq!(document["date"], "2016-12-30");
    let (code, _) = world.page(&["why", "third"]).await;
    assert_eq!(code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_worker_shows_as_running_until_its_lease_is_over() {
    let world = World::new().await;
    books(&world).await;
    world.begin(&night()).await;
    let worker = world.worker_process(&[]);
    let pid = worker.pid().as_raw();
    let busy = eventually(async || {
        let sql = "select count(*) from task t join worker w on w.id = t.worker_id where t.state = 'running' and w.pid = $1";
        let held: i64 = sqlx::query_scalar(sql)
            .bind(pid)
            .fetch_one(&world.db)
            .await
            .unwrap();
        if held == 0 {
            return None;
        }
        worker.signal(Signal::SIGSTOP);
        let held: i64 = sqlx::query_scalar(sql)
            .bind(pid)
            .fetch_one(&world.db)
            .await
            .unwrap();
        if held == 0 {
            worker.signal(Signal::SIGCONT);
        }
        (held > 0).then_some(())
    });
    assert!(busy.await.is_some());

    let (words, document) = until(&world, "2016-12-29", "no_worker").await;

    assert!(words.contains(&"worker_late".to_owned()), "{document:#}");
    worker.signal(Signal::SIGCONT);
}
