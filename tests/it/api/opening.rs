//! A result is opened with one statement for who asks, of what and of which date: it decides as asking one by one does.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sigmabatch::domain::Token;
use sigmabatch::engine::{self, Order, Target};
use sigmabatch::store::Settings;

use super::{Served, book};
use crate::market::close;
use crate::world::{World, day, on, range, request};

const ORDER: Order<'static> = Order {
    who: "it",
    reason: "test",
};

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_be_refused_is_the_same_with_a_result_as_without_one() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let mine = book(&world, "mine").await;
    let row = format!("BBB,10,{},2016-12-19,PUBLIC", close("BBB", "2016-12-19"));
    let other = world.book("other", "100000", "2016-12-19", &[&row]).await;
    let owner = served.owner(&world, &[mine]).await;
    let gone = super::token(&world, &sigmabatch::domain::Access::Viewer).await;
    let known: Token = gone.parse().unwrap();
    let forged = format!("{}_{}", gone.rsplit_once('_').unwrap().0, "0".repeat(64));
    world.worker().await;
    world.run(&request(range("2016-12-29", "2016-12-30"))).await;

    let path = |id, section: &str, query: &str| {
        format!("/api/v1/portfolios/{id}/results/{section}{query}")
    };
    for query in [
        "",
        "?strict=true",
        "?date=2016-12-30",
        "?date=2016-12-30&strict=true",
        // Computed never, and no session.
        "?date=2016-12-21",
        "?date=2016-12-25",
    ] {
        let of_mine = path(mine, "overview", query);
        let of_other = path(other, "overview", query);
        owner.get(&of_mine).await.expect(200);
        served.viewer.get(&of_other).await.expect(200);
        owner.get(&of_other).await.expect(404);
        owner.get(&path(other, "zz", query)).await.expect(404);
        let unknown = owner.get(&path(mine, "zz", query)).await;
        assert!(
            unknown.expect(404)["detail"]
                .to_string()
                .contains("section")
        );
        served.nobody.get(&of_mine).await.expect(401);
        served.nobody.with(&forged).get(&of_mine).await.expect(401);
        served.nobody.with(&gone).get(&of_mine).await.expect(200);
    }
    engine::revoke_token(&world.engine.pools, known.id, ORDER)
        .await
        .unwrap();
    let of_mine = path(mine, "overview", "");
    served.nobody.with(&gone).get(&of_mine).await.expect(401);
    // What is wrong with the question is told to those who may ask.
    let wrong = path(mine, "overview", "?date=zz");
    served.nobody.with(&gone).get(&wrong).await.expect(401);
    assert_eq!(owner.get(&wrong).await.expect(400)["field"], "date");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_date_is_shown_as_strictly_as_it_is_asked_for() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let id = book(&world, "book").await;
    world.worker().await;
    world.run(&request(range("2016-12-28", "2016-12-30"))).await;
    let ask = async |query: &str| {
        let path = format!("/api/v1/portfolios/{id}/results/overview{query}");
        let shown = served.viewer.get(&path).await.expect(200);
        (shown["as_of"].clone(), shown["reason"].clone())
    };
    let failed =
        "update completeness set strict = false, failed_runs = 1 where as_of = '2016-12-30'";
    sqlx::query(failed).execute(&world.db).await.unwrap();
    let nothing = (Value::Null, json!("not_strict"));
    let of = |date: &str| (json!(date), Value::Null);
    assert_eq!(ask("").await, of("2016-12-30"));
    assert_eq!(ask("?strict=true").await, of("2016-12-29"));
    assert_eq!(ask("?date=2016-12-30").await, of("2016-12-30"));
    assert_eq!(ask("?date=2016-12-30&strict=true").await, nothing);
    assert_eq!(ask("?date=2016-12-28&strict=true").await, of("2016-12-28"));
    // Snapshots and explanations are asked for in the same way.
    let path = format!("/api/v1/portfolios/{id}/snapshots?strict=true");
    let days = served.viewer.get(&path).await.expect(200);
    let days: Vec<&Value> = days["data"].as_array().unwrap().iter().collect();
    assert!(
        days.iter().all(|day| day["as_of"] != "2016-12-30") && days.len() == 2,
        "{days:?}"
    );
    let path = format!("/api/v1/portfolios/{id}/explain/nav?strict=true");
    assert_eq!(
        served.viewer.get(&path).await.expect(200)["as_of"],
        "2016-12-29"
    );

    let target = Target::Portfolio(id);
    engine::invalidate(&world.engine, &target, day("2016-12-29"), ORDER, false)
        .await
        .unwrap();
    let stale = (Value::Null, json!("stale"));
    assert_eq!(ask("").await, of("2016-12-28"));
    assert_eq!(ask("?date=2016-12-29").await, stale);
    assert_eq!(ask("?date=2016-12-30&strict=true").await, stale);
    assert_eq!(ask("?date=2016-12-28").await, of("2016-12-28"));
}

/// Fits belong to symbols: the run of another book replaces those that this one is shown with.
#[tokio::test(flavor = "multi_thread")]
async fn the_tag_of_fits_knows_that_other_books_have_the_same_symbols() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let [ours, others] = [book(&world, "ours").await, book(&world, "others").await];
    world.worker().await;
    world.run(&request(on("2016-12-30"))).await;
    let lost = "delete from symbol_factor_models where symbol = 'AAA' and as_of = '2016-12-30'";
    sqlx::query(lost).execute(&world.db).await.unwrap();
    let path = format!("/api/v1/portfolios/{ours}/results/fits");
    let first = served.viewer.get(&path).await;
    assert_eq!(first.expect(200)["data"], json!({}));
    let tag = first.headers["etag"].clone();
    let known = [("if-none-match", tag.as_str())];
    let again = served.viewer.ask("GET", &path, &known, b"").await;
    assert_eq!(again.status, 304);
    assert!(
        again.headers["vary"].contains("accept"),
        "{:?}",
        again.headers
    );

    let forced = engine::Request {
        portfolios: engine::Selection::Only(vec![others]),
        force: true,
        ..request(on("2016-12-30"))
    };
    world.run(&forced).await;
    let second = served.viewer.ask("GET", &path, &known, b"").await;
    let document = second.expect(200);
    assert!(document["data"]["AAA"].is_object(), "{document}");
    assert_ne!(second.headers["etag"], tag);
}

/// Whoever is refused in the middle of a transaction must not cost the server a connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_costs_no_connection() {
    let world = World::new().await;
    let store = Settings {
        application: "refusals".to_owned(),
        ..world.options().store
    };
    let served = Served::on(&world, &store).await;
    let mine = book(&world, "mine").await;
    let other = book(&world, "other").await;
    let owner = served.owner(&world, &[mine]).await;
    world.worker().await;
    world.run(&request(on("2016-12-30"))).await;
    let backends = async || {
        let question = "select pid::text from pg_stat_activity where application_name = 'refusals' and datname = current_database()";
        let all = world.texts(question).await;
        all.into_iter().collect::<BTreeSet<String>>()
    };
    let path = |id, section: &str| format!("/api/v1/portfolios/{id}/results/{section}");
    let (good, of_other, none) = (
        path(mine, "stress"),
        path(other, "stress"),
        path(mine, "zz"),
    );
    // All connections that there may be.
    let asked = (0..32).map(|_| owner.get(&good));
    futures::future::join_all(asked).await;
    let run = format!("/api/v1/runs/{}", uuid::Uuid::nil());
    let before = backends().await;
    for path in [&of_other, &none, &run] {
        for _ in 0..10 {
            owner.get(path).await.expect(404);
        }
    }
    owner.get(&good).await.expect(200);
    let after = backends().await;
    assert!(before.len() >= 4, "{before:?}");
    assert!(before.is_subset(&after), "{before:?} became {after:?}");
}

/// Where no date can be shown, whatever is asked without one says the same of why: never computed, never complete, or changed since.
#[tokio::test(flavor = "multi_thread")]
async fn all_answers_agree_on_why_no_date_is_shown() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let id = book(&world, "book").await;
    let page = async |rest: &str| {
        let path = format!("/portfolios/{id}{rest}");
        served.viewer.get(&path).await.text()
    };
    let reasons = async |strict: bool| {
        let mut reasons = BTreeSet::new();
        for what in [
            "results/overview?",
            "explain/nav?",
            "snapshots?",
            "snapshots?start_date=2016-12-29&",
            "performance?",
            "performance?from=2016-12-29&",
            "drawdowns?",
        ] {
            let path = format!("/api/v1/portfolios/{id}/{what}strict={strict}");
            let answer = served.viewer.get(&path).await.expect(200);
            assert_eq!(answer["available"], false, "{path}");
            reasons.insert(answer["reason"].as_str().unwrap().to_owned());
        }
        for rest in ["", "/explain/nav"] {
            let page = page(&format!("{rest}?strict={strict}")).await;
            let reason = page.split("data-reason=\"").nth(1).unwrap();
            reasons.insert(reason.split('"').next().unwrap().to_owned());
        }
        reasons.into_iter().collect::<Vec<String>>()
    };
    let listed = async || {
        let list = served.viewer.get("/api/v1/portfolios").await.expect(200);
        let row = &list["portfolios"][0];
        (row["newest_published"].clone(), row["reason"].clone())
    };
    let performance = async || world.command(&["performance", &id.to_string()]).await;
    for strict in [false, true] {
        assert_eq!(reasons(strict).await, ["nothing_published"], "{strict}");
    }
    assert_eq!(listed().await, (Value::Null, json!("nothing_published")));
    let (code, told) = performance().await;
    assert_eq!(code, 1, "{told}");
    let message = told["error"]["message"].as_str().unwrap();
    assert!(message.ends_with("nothing of it was computed"), "{message}");
    world.worker().await;
    world.run(&request(range("2016-12-28", "2016-12-30"))).await;
    let failed = "update completeness set strict = false, failed_runs = 1";
    sqlx::query(failed).execute(&world.db).await.unwrap();
    assert_eq!(reasons(true).await, ["not_strict"]);
    assert_eq!(listed().await, (json!("2016-12-30"), Value::Null));
    let told = page("?strict=true").await;
    let words = "Something of every published date failed.";
    assert!(told.contains(words), "{told}");

    let target = Target::Portfolio(id);
    engine::invalidate(&world.engine, &target, day("2016-12-19"), ORDER, false)
        .await
        .unwrap();
    for strict in [false, true] {
        assert_eq!(reasons(strict).await, ["stale"], "{strict}");
    }
    assert_eq!(listed().await, (Value::Null, json!("stale")));
    let (_, told) = performance().await;
    let message = told["error"]["message"].as_str().unwrap();
    assert!(message.contains("2016-12-30 is stale"), "{message}");
    let told = page("").await;
    let words = "Inputs of all its dates have changed";
    assert!(told.contains(words), "{told}");
}
