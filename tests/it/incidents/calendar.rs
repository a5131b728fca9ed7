//! 5.6: time and calendar.

use chrono::{DateTime, TimeDelta, Utc};
use sigmabatch::clock::Clock;
use sigmabatch::domain::{Calendar, PhaseName};
use sigmabatch::engine::{self, CatchUp, Dates, Engine};

use super::{book, finish, night, nights, planned_tasks};
use crate::market::{Folder, close};
use crate::world::{World, day, on, request};

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The same processes at another time.
fn at(world: &World, now: DateTime<Utc>) -> Engine {
    Engine {
        clock: Clock::starting_at(now),
        ..world.engine.clone()
    }
}

/// The date of a run that is asked for without one.
async fn target(world: &World, now: &str) -> String {
    let engine = at(world, instant(now));
    let preview = engine::preview(&engine, &request(Dates::Newest))
        .await
        .unwrap();
    assert_eq!(preview.planned.dates.len(), 1);
    preview.planned.dates[0].to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn i_52_on_a_closed_day_the_session_before_it_is_meant_and_nobody_is_asked() {
    let world = World::new().await;
    book(&world, "book", "AAA", "2016-12-20").await;
    for (what, now, session) in [
        ("Good Friday", "2024-03-30T00:00:00Z", "2024-03-28"),
        ("Juneteenth", "2024-06-20T00:00:00Z", "2024-06-18"),
        ("Thanksgiving", "2024-11-29T01:00:00Z", "2024-11-27"),
        (
            "13:29 of an early close at 13:00",
            "2024-11-29T18:29:00Z",
            "2024-11-27",
        ),
        ("13:30 of it", "2024-11-29T18:30:00Z", "2024-11-29"),
        ("Saturday", "2024-11-30T17:00:00Z", "2024-11-29"),
        ("Sunday", "2024-12-01T17:00:00Z", "2024-11-29"),
        ("New Year's Eve", "2025-01-01T01:00:00Z", "2024-12-31"),
        ("New Year's Day", "2025-01-02T01:00:00Z", "2024-12-31"),
        ("a day of mourning", "2025-01-10T01:00:00Z", "2025-01-08"),
    ] {
        assert_eq!(target(&world, now).await, session, "{what}");
    }

    // From Friday evening over Christmas to Tuesday evening.
    let market = Folder::new();
    let world = World::scripted("2016-12-23T23:00:00Z", &market).await;
    book(&world, "book", "AAA", "2016-12-20").await;
    world.worker().await;
    let friday = night(&world).await;
    finish(&world, friday.run).await;
    let asked = market.asked();
    for closed in [
        "2016-12-24T23:00:00Z",
        "2016-12-25T23:00:00Z",
        "2016-12-26T23:00:00Z",
    ] {
        let engine = at(&world, instant(closed));
        assert!(
            engine::plan_due(&engine, CatchUp::Latest)
                .await
                .unwrap()
                .is_empty()
        );
        let wanted = engine::plan(&engine, &request(Dates::Newest))
            .await
            .unwrap();
        assert_eq!(wanted.label, "interactive/2016-12-23");
        finish(&world, wanted.run).await;
    }
    assert_eq!(market.asked(), asked);
    let tuesday = at(&world, instant("2016-12-27T23:00:00Z"));
    let planned = engine::plan_due(&tuesday, CatchUp::Latest).await.unwrap();
    assert_eq!(planned.len(), 1);
    finish(&world, planned[0].run).await;
    let new = market.asked().split_off(asked.len());
    let prices: Vec<_> = new.iter().filter(|one| one.kind == "prices").collect();
    assert!(!prices.is_empty());
    // From Saturday on: what is dated on a closed day counts on Tuesday.
    for (symbol, dates) in prices.iter().flat_map(|one| &one.about) {
        assert_eq!(dates, "2016-12-24..2016-12-27", "{symbol}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i_53_the_date_is_new_yorks_wherever_the_server_is() {
    let world = World::new().await;
    book(&world, "book", "AAA", "2016-12-20").await;
    // Each hour of the Sundays on which clocks change, and of the days around them.
    for (sunday, before, sessions) in [
        ("2025-03-09", "2025-03-06", ["2025-03-07", "2025-03-10"]),
        ("2025-11-02", "2025-10-30", ["2025-10-31", "2025-11-03"]),
    ] {
        // Half past four in New York on Friday and on Monday, on either side of the change.
        let due = if sunday == "2025-03-09" {
            ["2025-03-07T21:30:00Z", "2025-03-10T20:30:00Z"]
        } else {
            ["2025-10-31T20:30:00Z", "2025-11-03T21:30:00Z"]
        };
        let start = day(sunday).and_hms_opt(0, 0, 0).unwrap().and_utc() - TimeDelta::days(2);
        for hour in 0..4 * 24 {
            let now = start + TimeDelta::hours(hour);
            let expected = match due.iter().filter(|due| now >= instant(due)).count() {
                0 => before,
                passed => sessions[passed - 1],
            };
            let found = Calendar::nyse().newest_eligible(now).unwrap();
            assert_eq!(found.to_string(), expected, "{now}");
        }
    }

    // A process has a time zone of its own. Half past seven in the evening is tomorrow in UTC and Tokyo.
    for (now, session) in [
        ("2025-01-14T00:30:00Z", "2025-01-13"),
        ("2025-03-09T06:59:59Z", "2025-03-07"),
        ("2025-03-10T20:29:00Z", "2025-03-07"),
        ("2025-03-10T20:30:00Z", "2025-03-10"),
        ("2025-11-02T05:30:00Z", "2025-10-31"),
        ("2025-11-03T21:29:00Z", "2025-10-31"),
        ("2025-11-03T21:30:00Z", "2025-11-03"),
    ] {
        for zone in ["UTC", "Asia/Tokyo", "America/Los_Angeles"] {
            let output = tokio::process::Command::from(world.program("sigmabatch"))
                .args(["plan", "--json"])
                .env("SIGMABATCH_NOW", now)
                .env("TZ", zone)
                .env("PGTZ", zone)
                .output();
            let text = output.await.unwrap().stdout;
            let document: serde_json::Value = serde_json::from_slice(&text).unwrap();
            assert_eq!(
                document["dates"],
                serde_json::json!([session]),
                "{now} in {zone}"
            );
        }
    }

    // The final date of a run is its last one, be it long ago: profiles, fundamentals and tags are of it.
    let historical = engine::plan(&world.engine, &nights("2016-12-21", "2016-12-22"))
        .await
        .unwrap();
    let planned: Vec<&str> = planned_tasks(&historical)
        .iter()
        .map(|(phase, _)| *phase)
        .collect();
    let all: Vec<&str> = PhaseName::ALL.iter().map(|phase| phase.as_str()).collect();
    assert_eq!(planned, all);
    let dates = world
        .texts("select distinct as_of::text from task where phase in ('company-profiles', 'fundamentals', 'sector-tags')")
        .await;
    assert_eq!(dates, ["2016-12-22"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_54_beyond_the_calendar_planning_fails_and_says_so() {
    let world = World::new().await;
    book(&world, "book", "AAA", "2016-12-20").await;
    let horizon = "the calendar covers 1990-01-01 to 2050-12-31";
    let late = at(&world, instant("2051-01-03T23:00:00Z"));
    let early = request(on("1989-12-29"));
    for refused in [
        engine::plan(&late, &request(Dates::Newest))
            .await
            .map(|planned| planned.label),
        engine::plan(&world.engine, &early)
            .await
            .map(|planned| planned.label),
        engine::plan(&world.engine, &request(on("2051-01-03")))
            .await
            .map(|planned| planned.label),
        engine::plan_due(&late, CatchUp::Latest)
            .await
            .map(|planned| format!("{planned:?}")),
    ] {
        let error = refused.unwrap_err().to_string();
        assert!(error.contains(horizon), "{error}");
    }
    assert_eq!(world.count("select count(*) from run").await, 0);
    assert_eq!(world.count("select count(*) from business_date").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_55_nights_are_planned_at_the_same_hour_of_new_york_when_clocks_change() {
    for (from, to, change) in [
        ("2025-03-05", "2025-03-12", "2025-03-09"),
        ("2025-10-29", "2025-11-05", "2025-11-02"),
    ] {
        let world = World::new().await;
        world.book("book", "100000", from, &[]).await;
        let last = day(to).and_hms_opt(23, 45, 0).unwrap().and_utc();
        let mut now = day(from).and_hms_opt(12, 0, 0).unwrap().and_utc();
        let mut planned = Vec::new();
        // A scheduler that looks every quarter of an hour; the first night that it finds is an old one.
        while now < last {
            let engine = at(&world, now);
            for night in engine::plan_due(&engine, CatchUp::Latest).await.unwrap() {
                planned.push((now, night.label));
            }
            now += TimeDelta::minutes(15);
        }

        let sessions = Calendar::nyse().sessions(day(from), day(to)).unwrap();
        let expected: Vec<_> = sessions
            .iter()
            .map(|session| {
                let summer = (session.date() >= day(change)) == (change == "2025-03-09");
                let hour = if summer { 20 } else { 21 };
                let at = session.date().and_hms_opt(hour, 30, 0).unwrap().and_utc();
                (at, format!("nightly/{session}"))
            })
            .collect();
        assert_eq!(planned.split_off(1), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i_56_returns_are_anchored_at_the_last_close_on_or_before_the_day() {
    let world = World::new().await;
    book(&world, "book", "AAA", "2016-05-02").await;
    world.worker().await;
    let price = |date: &str| close("AAA", date).parse::<f64>().unwrap();
    for (date, column, anchor) in [
        // May began on a Sunday, the year on a Friday that was a holiday.
        ("2016-05-10", "return_mtd", "2016-04-29"),
        ("2016-05-10", "return_ytd", "2015-12-31"),
        // A month before is Memorial Day.
        ("2016-06-30", "return_1m", "2016-05-27"),
        // A day with a close is its own anchor.
        ("2016-06-30", "return_3m", "2016-03-30"),
        // Three months before is Memorial Day, too.
        ("2016-08-30", "return_3m", "2016-05-27"),
    ] {
        world.run(&request(on(date))).await;
        let found: f64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "select {column} from symbol_daily_metrics where symbol = 'AAA' and as_of = '{date}'"
        )))
        .fetch_one(&world.db)
        .await
        .unwrap();
        let expected = price(date) / price(anchor) - 1.0;
        assert!(
            (found - expected).abs() < 1e-12,
            "{date} {column}: {found}, not {expected}"
        );
    }
}
