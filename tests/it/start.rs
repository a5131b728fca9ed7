//! The ways to start a run: all of them choose scope and dates, never phases, and none can start the
//! same night twice.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use sigmabatch::domain::{Lane, PhaseName, PortfolioId, Trigger};
use sigmabatch::engine::{self, CatchUp, Dates, PlanError, Planned, Request, Selection};

use crate::market::close;
use crate::world::{World, eventually, on, range, request};

/// A task: phase, unit, date, input.
type Task = (String, String, NaiveDate, serde_json::Value);

async fn book(world: &World, inception: &str) -> PortfolioId {
    let row = format!("AAA,300,{},2016-12-28,PUBLIC", close("AAA", "2016-12-28"));
    let option = "IWM C,2,3.10,2016-12-28,OPTIONS,,BBB,90,2017-06-16,CALL";
    world
        .book(
            "book",
            "100000",
            inception,
            &[&row, &option.replace("IWM C", "")],
        )
        .await
}

async fn tasks(world: &World, planned: &Planned) -> Vec<Task> {
    sqlx::query_as(
        "select phase, unit, as_of, input from task where run_id = $1 order by phase, unit, as_of",
    )
    .bind(planned.run.0)
    .fetch_all(&world.db)
    .await
    .unwrap()
}

/// Incident I-01: a phase was missing on one of several paths.
#[tokio::test(flavor = "multi_thread")]
async fn the_four_ways_to_start_make_the_same_tasks_and_results() {
    let mut all: Vec<(&str, Vec<Task>)> = Vec::new();
    let mut digests = BTreeSet::new();
    for way in ["scheduler", "command line", "onboarding", "interface"] {
        // The scheduler takes the due session and what the last 21 lack: three since inception.
        let world = World::new().await;
        let id = book(&world, "2016-12-28").await;
        let planned = match way {
            "scheduler" => engine::plan_due(&world.engine, CatchUp::Latest)
                .await
                .unwrap()
                .remove(0),
            "command line" => {
                let wanted = request(range("2016-12-28", "2016-12-30"));
                engine::plan(&world.engine, &wanted).await.unwrap()
            }
            "onboarding" => {
                let wanted = Request {
                    trigger: Trigger::Onboarding,
                    portfolios: Selection::Only(vec![id]),
                    ..request(Dates::SinceInception)
                };
                engine::plan(&world.engine, &wanted).await.unwrap()
            }
            _ => {
                let wanted = Request {
                    trigger: Trigger::Api,
                    portfolios: Selection::Only(vec![id, id]),
                    principal: "dashboard".to_owned(),
                    idempotency_key: Some("night".to_owned()),
                    lane: Some(Lane::Interactive),
                    ..request(range("2016-12-27", "2016-12-30"))
                };
                engine::plan(&world.engine, &wanted).await.unwrap()
            }
        };
        all.push((way, tasks(&world, &planned).await));
        engine::start(&world.engine, planned.run).await;
        world.worker().await;
        let verdict = world.verdict(planned.run).await;
        assert_eq!(verdict, "succeeded", "{way}: {}", world.troubles().await);
        digests.insert(world.digest().await.total);
    }

    let (_, first) = &all[0];
    let phases: BTreeSet<&str> = first.iter().map(|task| task.0.as_str()).collect();
    assert_eq!(phases.len(), PhaseName::ALL.len(), "{phases:?}");
    for (way, tasks) in &all {
        assert_eq!(tasks, first, "{way}");
    }
    assert_eq!(digests.len(), 1, "{digests:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nightly_run_of_one_date_makes_the_tasks_of_a_request_for_that_date() {
    let (night, person) = (World::new().await, World::new().await);
    for world in [&night, &person] {
        let row = format!("AAA,300,{},2016-12-30,PUBLIC", close("AAA", "2016-12-30"));
        world.book("book", "100000", "2016-12-30", &[&row]).await;
    }

    let nightly = engine::plan_due(&night.engine, CatchUp::Latest)
        .await
        .unwrap()
        .remove(0);
    let newest = engine::plan(&person.engine, &request(Dates::Newest))
        .await
        .unwrap();

    assert_eq!(tasks(&night, &nightly).await, tasks(&person, &newest).await);
    assert_eq!(nightly.label, "nightly/2016-12-30");
    assert_eq!(newest.label, "interactive/2016-12-30");
}

/// Incident I-13: two identities of one run.
#[tokio::test(flavor = "multi_thread")]
async fn twenty_equal_requests_with_one_key_make_one_run_and_another_request_is_refused() {
    let world = World::new().await;
    book(&world, "2016-12-28").await;
    let keyed = |dates| Request {
        trigger: Trigger::Api,
        idempotency_key: Some("key 1".to_owned()),
        ..request(dates)
    };
    let mut engines = Vec::new();
    for _ in 0..5 {
        engines.push(world.another_engine("2016-12-30T23:00:00Z").await);
    }

    let starts = (0..20).map(|n| {
        let (engine, wanted) = (engines[n % 5].clone(), keyed(on("2016-12-30")));
        tokio::spawn(async move { engine::plan(&engine, &wanted).await.unwrap() })
    });
    let planned = futures::future::join_all(starts).await;

    let runs: BTreeSet<_> = planned
        .iter()
        .map(|run| run.as_ref().unwrap().run)
        .collect();
    assert_eq!(runs.len(), 1);
    let fresh = planned
        .iter()
        .filter(|run| !run.as_ref().unwrap().existing)
        .count();
    assert_eq!(fresh, 1);
    assert_eq!(world.count("select count(*) from run").await, 1);

    let other = engine::plan(&world.engine, &keyed(on("2016-12-29"))).await;
    assert!(
        matches!(&other, Err(PlanError::KeyReused(key)) if key == "key 1"),
        "{other:?}"
    );
    let somebody_else = Request {
        principal: "another".to_owned(),
        ..keyed(on("2016-12-29"))
    };
    assert!(
        !engine::plan(&world.engine, &somebody_else)
            .await
            .unwrap()
            .existing
    );
    assert_eq!(world.count("select count(*) from run").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn different_requests_that_race_for_one_key_end_with_one_run_and_clear_refusals() {
    let world = World::new().await;
    book(&world, "2016-12-28").await;
    let dates = ["2016-12-28", "2016-12-29", "2016-12-30"];
    let mut starts = Vec::new();
    for date in dates.iter().cycle().take(6) {
        let engine = world.another_engine("2016-12-30T23:00:00Z").await;
        let wanted = Request {
            idempotency_key: Some("key".to_owned()),
            ..request(on(date))
        };
        starts.push(tokio::spawn(
            async move { engine::plan(&engine, &wanted).await },
        ));
    }

    let mut runs = BTreeSet::new();
    for start in starts {
        match start.await.unwrap() {
            Ok(planned) => {
                runs.insert(planned.run);
            }
            Err(PlanError::KeyReused(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    assert_eq!(runs.len(), 1);
    assert_eq!(world.count("select count(*) from run").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_equal_request_without_a_key_joins_the_run_that_goes_on() {
    let world = World::new().await;
    book(&world, "2016-12-28").await;

    let first = engine::plan(&world.engine, &request(on("2016-12-30")))
        .await
        .unwrap();
    let again = engine::plan(&world.engine, &request(on("2016-12-30")))
        .await
        .unwrap();
    let forced = Request {
        force: true,
        ..request(on("2016-12-30"))
    };
    let forced = engine::plan(&world.engine, &forced).await.unwrap();

    assert!(again.existing && again.run == first.run);
    assert!(!forced.existing && forced.run != first.run);
}

/// What a run that is there already says of itself is what it was planned with, not what the request would mean now.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_joined_tells_its_own_numbers_and_has_every_portfolio_of_all() {
    let world = World::new().await;
    book(&world, "2016-12-28").await;
    let all = request(on("2016-12-30"));
    let keyed = Request {
        idempotency_key: Some("night".to_owned()),
        ..request(on("2016-12-29"))
    };
    let told = |planned: &Planned| {
        let tasks = planned.tasks.clone();
        (
            planned.run,
            planned.dates.clone(),
            planned.portfolios,
            planned.symbols,
            tasks,
        )
    };
    let first = engine::plan(&world.engine, &all).await.unwrap();
    let of_key = engine::plan(&world.engine, &keyed).await.unwrap();
    assert!(
        first.portfolios == 1 && first.symbols > 2 && first.tasks.len() == PhaseName::ALL.len()
    );

    let joined = engine::plan(&world.engine, &all).await.unwrap();
    assert!(joined.existing);
    assert_eq!(told(&joined), told(&first));

    let row = format!("BBB,10,{},2016-12-28,PUBLIC", close("BBB", "2016-12-28"));
    world.book("another", "100000", "2016-12-28", &[&row]).await;
    let later = engine::plan(&world.engine, &all).await.unwrap();
    assert!(
        !later.existing && later.run != first.run,
        "the other book is not in the first run"
    );
    assert_eq!(later.portfolios, 2);
    let again = engine::plan(&world.engine, &all).await.unwrap();
    assert!(again.existing && again.run == later.run);
    let same = engine::plan(&world.engine, &keyed).await.unwrap();
    assert!(same.existing);
    assert_eq!(told(&same), told(&of_key));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_bound_to_what_was_sent_and_not_to_the_session_that_it_meant() {
    let world = World::new().await;
    book(&world, "2016-12-28").await;
    let keyed = |dates| Request {
        trigger: Trigger::Api,
        idempotency_key: Some("newest".to_owned()),
        ..request(dates)
    };
    let (before, after) = (
        world.another_engine("2016-12-29T23:00:00Z").await,
        world.another_engine("2016-12-30T23:00:00Z").await,
    );
    let first = engine::plan(&before, &keyed(Dates::Newest)).await.unwrap();
    let again = engine::plan(&after, &keyed(Dates::Newest)).await.unwrap();
    assert!(again.existing && again.run == first.run);
    assert_eq!(again.dates, first.dates);
    assert_eq!(first.dates[0].to_string(), "2016-12-29");
    // The session by its name is another request, although it was the newest one.
    let named = engine::plan(&after, &keyed(on("2016-12-29"))).await;
    assert!(matches!(&named, Err(PlanError::KeyReused(_))), "{named:?}");
    // Without a key they are equal while the run goes on.
    let unkeyed = engine::plan(&after, &request(on("2016-12-29")))
        .await
        .unwrap();
    assert!(unkeyed.existing && unkeyed.run == first.run);
}

/// Somebody holds a symbol that the planner needs, and wants one that the planner has: Postgres ends the
/// planner, who waited first.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_another_transaction_stands_in_the_way_of_is_made_all_the_same() {
    let world = World::new().await;
    book(&world, "2016-12-28").await;
    sqlx::query(
        "insert into symbol_universe (symbol, class, first_seen, last_seen)
         select symbol, 'PUBLIC', '2016-12-30', '2016-12-30' from unnest(array['AAA', 'BBB']) as s(symbol)",
    )
    .execute(&world.db)
    .await
    .unwrap();
    let mut other = world.db.begin().await.unwrap();
    let widen = "update symbol_universe set last_seen = '2016-12-31' where symbol = $1";
    sqlx::query(widen)
        .bind("BBB")
        .execute(&mut *other)
        .await
        .unwrap();
    let engine = world.engine.clone();
    let planning = tokio::spawn(async move {
        let wanted = request(range("2016-12-28", "2016-12-30"));
        engine::plan(&engine, &wanted).await
    });
    let waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    let waiting = eventually(async || (world.count(waits).await == 1).then_some(()));
    assert!(waiting.await.is_some());
    sqlx::query(widen)
        .bind("AAA")
        .execute(&mut *other)
        .await
        .unwrap();
    other.commit().await.unwrap();

    let planned = planning.await.unwrap().unwrap();

    assert!(!planned.existing);
    assert_eq!(world.count("select count(*) from run").await, 1);
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    let ended = eventually(async || (world.count(deadlocks).await == 1).then_some(()));
    assert!(ended.await.is_some(), "the planner was never ended");
}

/// Incident I-29: several schedulers.
#[tokio::test(flavor = "multi_thread")]
async fn many_schedulers_at_once_make_one_nightly_run_for_each_date() {
    let world = World::new().await;
    book(&world, "2016-12-28").await;
    for now in [
        "2016-12-28T23:00:00Z",
        "2016-12-29T23:00:00Z",
        "2016-12-30T23:00:00Z",
    ] {
        let mut schedulers = Vec::new();
        for _ in 0..4 {
            let engine = world.another_engine(now).await;
            schedulers.push(tokio::spawn(async move {
                engine::plan_due(&engine, CatchUp::Latest)
                    .await
                    .unwrap()
                    .len()
            }));
        }
        let mut planned = 0;
        for scheduler in schedulers {
            planned += scheduler.await.unwrap();
        }
        assert_eq!(planned, 1, "at {now}");
        let again = world.another_engine(now).await;
        assert!(
            engine::plan_due(&again, CatchUp::Latest)
                .await
                .unwrap()
                .is_empty()
        );
    }

    let nights = world
        .texts("select as_of || ' ' || decision || ' ' || label from business_date b join run on id = run_id order by 1")
        .await;
    assert_eq!(
        nights,
        [
            "2016-12-28 nightly nightly/2016-12-28",
            "2016-12-29 nightly nightly/2016-12-29",
            "2016-12-30 nightly nightly/2016-12-30",
        ]
    );
    assert_eq!(world.count("select count(*) from run").await, 3);
}

/// The decisions that a scheduler makes on Friday when the last one was made on Monday.
async fn decisions(policy: CatchUp) -> (Vec<String>, BTreeMap<String, String>) {
    let world = World::new().await;
    book(&world, "2016-12-20").await;
    // Monday 2016-12-26 is a holiday: the newest session is that of Friday the 23rd.
    let monday = world.another_engine("2016-12-26T23:00:00Z").await;
    let first = engine::plan_due(&monday, policy).await.unwrap();
    assert_eq!(
        first.len(),
        1,
        "the first start takes the newest session only"
    );
    assert_eq!(first[0].label, "nightly/2016-12-23");

    let planned = engine::plan_due(&world.engine, policy).await.unwrap();

    let labels = planned.into_iter().map(|run| run.label).collect();
    let decided: Vec<(String, String)> =
        sqlx::query_as("select as_of::text, decision from business_date order by 1")
            .fetch_all(&world.db)
            .await
            .unwrap();
    (labels, decided.into_iter().collect())
}

fn decided(decisions: [&str; 5]) -> BTreeMap<String, String> {
    let dates = [
        "2016-12-23",
        "2016-12-27",
        "2016-12-28",
        "2016-12-29",
        "2016-12-30",
    ];
    dates
        .iter()
        .zip(decisions)
        .map(|(date, what)| (date.to_string(), what.to_owned()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn catching_up_with_the_latest_makes_older_dates_a_backfill() {
    let (labels, dates) = decisions(CatchUp::Latest).await;
    assert_eq!(
        labels,
        ["backfill/2016-12-27..2016-12-29", "nightly/2016-12-30"]
    );
    assert_eq!(
        dates,
        decided(["nightly", "backfill", "backfill", "backfill", "nightly"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn catching_up_with_all_makes_a_nightly_run_for_each_date() {
    let (labels, dates) = decisions(CatchUp::All).await;
    let nights = [
        "nightly/2016-12-27",
        "nightly/2016-12-28",
        "nightly/2016-12-29",
        "nightly/2016-12-30",
    ];
    assert_eq!(labels, nights);
    assert_eq!(dates, decided(["nightly"; 5]));
}

#[tokio::test(flavor = "multi_thread")]
async fn catching_up_with_none_skips_older_dates() {
    let (labels, dates) = decisions(CatchUp::None).await;
    assert_eq!(labels, ["nightly/2016-12-30"]);
    assert_eq!(
        dates,
        decided(["nightly", "skipped", "skipped", "skipped", "nightly"])
    );
}

/// Incidents I-03 and I-05: whatever is asked for that is not there or not yet.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_planned_is_refused_with_the_reason_and_leaves_nothing() {
    let world = World::new().await;
    let nobody = engine::plan(&world.engine, &request(Dates::Newest))
        .await
        .unwrap_err();
    assert!(
        nobody.to_string().contains("sigmabatch import portfolio"),
        "{nobody}"
    );
    book(&world, "2016-12-28").await;
    // Ten o'clock in New York: the session of Friday is going on.
    let morning = world.another_engine("2016-12-30T15:00:00Z").await;
    let stranger = PortfolioId::of("it", "nobody's");
    let of_a_stranger = Request {
        portfolios: Selection::Only(vec![stranger]),
        ..request(on("2016-12-29"))
    };
    for (wanted, says) in [
        (
            request(on("2016-12-26")),
            "2016-12-26 is no session of the exchange".to_owned(),
        ),
        (
            request(on("2016-12-30")),
            "2016-12-30 is not eligible yet: it is 2016-12-30 15:00".to_owned(),
        ),
        (
            request(range("2016-12-28", "2016-12-30")),
            "2016-12-30 is not eligible yet".to_owned(),
        ),
        (
            request(on("2017-01-03")),
            "2017-01-03 is not eligible yet".to_owned(),
        ),
        (
            request(range("2016-12-29", "2016-12-28")),
            "the range ends on 2016-12-28".to_owned(),
        ),
        (
            request(range("2016-12-24", "2016-12-26")),
            "there is no session from 2016-12-24 to 2016-12-26".to_owned(),
        ),
        (request(on("2051-01-03")), "2051".to_owned()),
        (of_a_stranger, format!("unknown portfolio: {stranger}")),
    ] {
        let error = engine::plan(&morning, &wanted).await.unwrap_err();
        assert!(
            error.to_string().starts_with(&says) || error.to_string().contains("2051"),
            "{error}"
        );
    }

    for table in [
        "run",
        "run_phase",
        "task",
        "run_portfolio",
        "symbol_universe",
        "event",
    ] {
        let count = format!("select count(*) from {table}");
        let rows: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count))
            .fetch_one(&world.db)
            .await
            .unwrap();
        assert_eq!(rows, 0, "{table}");
    }
    // The newest eligible session in the morning is that of the day before.
    let newest = engine::plan(&morning, &request(Dates::Newest))
        .await
        .unwrap();
    assert_eq!(newest.label, "interactive/2016-12-29");
}

#[tokio::test(flavor = "multi_thread")]
async fn catching_up_never_goes_before_the_night() {
    let world = World::new().await;
    book(&world, "2016-12-20").await;
    let wednesday = world.another_engine("2016-12-28T23:00:00Z").await;
    engine::plan_due(&wednesday, CatchUp::Latest).await.unwrap();

    // One older date: alone it would be an interactive run.
    engine::plan_due(&world.engine, CatchUp::Latest)
        .await
        .unwrap();

    let lanes = world
        .texts("select label || ' ' || lane from run order by run_seq")
        .await;
    assert_eq!(
        lanes,
        [
            "nightly/2016-12-28 nightly",
            "backfill/2016-12-29 backfill",
            "nightly/2016-12-30 nightly"
        ]
    );
}
