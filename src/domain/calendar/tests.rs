//! The calendar against the published exceptions, day by day, and against hand-picked dates.

use std::collections::BTreeMap;

use super::*;

const NYSE: Calendar = Calendar::nyse();

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn session(text: &str) -> TradingDate {
    NYSE.session(day(text)).unwrap().unwrap()
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[test]
fn every_weekday_from_1990_to_2027_agrees_with_the_published_exceptions() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/data/nyse_exceptions_1990_2027.csv"
    );
    let text = std::fs::read_to_string(path).unwrap();
    let exceptions: BTreeMap<NaiveDate, (String, String)> = text
        .lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<_> = line.split(',').collect();
            (day(fields[0]), (fields[1].to_owned(), fields[2].to_owned()))
        })
        .collect();
    assert!(exceptions.len() > 400);
    let mut seen = 0;
    for date in day("1990-01-01")
        .iter_days()
        .take_while(|date| *date <= day("2027-10-31"))
    {
        let found = NYSE.session(date).unwrap();
        let weekend = date.weekday().number_from_monday() > 5;
        let exception = exceptions.get(&date);
        seen += usize::from(exception.is_some());
        let Some((kind, close)) = exception else {
            assert_eq!(found.is_none(), weekend, "{date}");
            if let Some(found) = found {
                assert_eq!(NYSE.close_time(found).to_string(), "16:00:00", "{date}");
            }
            continue;
        };
        match kind.as_str() {
            "closed" => assert_eq!(found, None, "{date} is closed"),
            "early_close" => {
                let time = NYSE.close_time(found.expect("an early close is a session"));
                assert_eq!(time.format("%H:%M").to_string(), *close, "{date}");
            }
            other => panic!("unknown kind {other}"),
        }
    }
    assert_eq!(seen, exceptions.len());
}

#[test]
fn the_golden_dates_hold() {
    for closed in [
        "2025-01-09",
        "2025-04-18",
        "2026-07-03",
        "2027-03-26",
        "2027-06-18",
        "2027-07-05",
        "2027-12-24",
    ] {
        assert_eq!(NYSE.session(day(closed)).unwrap(), None, "{closed}");
    }
    for open in ["2026-07-02", "2027-12-23"] {
        assert!(NYSE.session(day(open)).unwrap().is_some(), "{open}");
    }
    for (year, count) in [(2024, 252), (2025, 250), (2026, 251), (2027, 251)] {
        let sessions = NYSE.sessions(day(&format!("{year}-01-01")), day(&format!("{year}-12-31")));
        assert_eq!(sessions.unwrap().len(), count, "{year}");
    }
    for early in ["2025-07-03", "2025-11-28", "2025-12-24"] {
        assert_eq!(
            NYSE.close_time(session(early)).to_string(),
            "13:00:00",
            "{early}"
        );
    }
    assert_eq!(
        NYSE.new_york_date(instant("2026-01-14T02:05:00Z")),
        day("2026-01-13")
    );
    assert_eq!(
        NYSE.previous(session("2026-07-06")).unwrap(),
        session("2026-07-02")
    );
    // 21:00 in New York is 02:00Z in January and 01:00Z in July.
    assert_eq!(
        NYSE.new_york_date(instant("2026-01-14T04:59:59Z")),
        day("2026-01-13")
    );
    assert_eq!(
        NYSE.new_york_date(instant("2026-01-14T05:00:00Z")),
        day("2026-01-14")
    );
    assert_eq!(
        NYSE.new_york_date(instant("2026-07-14T03:59:59Z")),
        day("2026-07-13")
    );
    assert_eq!(
        NYSE.new_york_date(instant("2026-07-14T04:00:00Z")),
        day("2026-07-14")
    );
}

#[test]
fn a_close_is_the_same_hour_in_new_york_on_both_sides_of_a_clock_change() {
    for (date, close) in [
        ("2026-01-13", "2026-01-13T21:00:00Z"),
        ("2026-03-06", "2026-03-06T21:00:00Z"), // Friday before the clocks go forward
        ("2026-03-09", "2026-03-09T20:00:00Z"),
        ("2026-07-14", "2026-07-14T20:00:00Z"),
        ("2026-10-30", "2026-10-30T20:00:00Z"), // Friday before they go back
        ("2026-11-02", "2026-11-02T21:00:00Z"),
        ("2025-07-03", "2025-07-03T17:00:00Z"), // early close in summer
        ("2025-11-28", "2025-11-28T18:00:00Z"), // early close in winter
        ("1990-12-24", "1990-12-24T19:00:00Z"), // early closes were at 14:00 until 1992
    ] {
        assert_eq!(NYSE.close_instant(session(date)), instant(close), "{date}");
    }
}

#[test]
fn a_session_is_eligible_half_an_hour_after_its_own_close() {
    for (now, newest) in [
        ("2026-01-13T21:29:59Z", "2026-01-12"),
        ("2026-01-13T21:30:00Z", "2026-01-13"),
        ("2026-01-14T02:05:00Z", "2026-01-13"), // past midnight in UTC, evening in New York
        ("2026-07-14T20:30:00Z", "2026-07-14"), // summer time
        ("2025-11-28T18:29:59Z", "2025-11-26"), // the day after Thanksgiving closes at 13:00
        ("2025-11-28T18:30:00Z", "2025-11-28"),
        ("2026-07-05T12:00:00Z", "2026-07-02"), // Sunday of a long weekend
        ("2026-03-09T20:29:59Z", "2026-03-06"),
        ("2026-03-09T20:30:00Z", "2026-03-09"),
    ] {
        let found = NYSE.newest_eligible(instant(now)).unwrap();
        assert_eq!(found, session(newest), "{now}");
        assert!(NYSE.is_eligible(found, instant(now)));
        assert!(!NYSE.is_eligible(NYSE.next(found).unwrap(), instant(now)));
    }
}

#[test]
fn beyond_the_horizon_is_an_error_that_names_date_and_horizon() {
    let error = NYSE.session(day("1989-12-29")).unwrap_err();
    let text = "no session known for 1989-12-29: the calendar covers 1990-01-01 to 2050-12-31";
    assert_eq!(error.to_string(), text);
    assert!(NYSE.session(day("2051-01-02")).is_err());
    assert!(NYSE.on_or_before(day("1990-01-01")).is_err());
    assert_eq!(
        NYSE.on_or_after(day("1990-01-01")).unwrap(),
        session("1990-01-02")
    );
    assert!(NYSE.on_or_after(day("2050-12-31")).is_err(), "a Saturday");
    assert!(NYSE.next(session("2050-12-30")).is_err());
    assert!(NYSE.previous(session("1990-01-02")).is_err());
    assert!(NYSE.back(session("1990-01-31"), 506).is_err());
    assert!(NYSE.sessions(day("1989-01-01"), day("1991-01-01")).is_err());
    assert!(
        NYSE.newest_eligible(instant("2060-01-01T00:00:00Z"))
            .is_err()
    );
}

#[test]
fn steps_ranges_and_counts_agree_with_each_other() {
    let all = NYSE.sessions(day("1990-01-01"), day("2050-12-31")).unwrap();
    assert_eq!(NYSE.horizon(), (day("1990-01-01"), day("2050-12-31")));
    assert_eq!(NYSE.horizon().0, FIRST_DATE);
    let origin = all[0];
    for (index, &date) in all.iter().enumerate() {
        assert_eq!(NYSE.session(date.date()).unwrap(), Some(date));
        assert_eq!(NYSE.on_or_after(date.date()).unwrap(), date);
        assert_eq!(NYSE.on_or_before(date.date()).unwrap(), date);
        assert_eq!(NYSE.count_between(origin, date).unwrap(), index);
        assert_eq!(NYSE.back(date, index).unwrap(), origin);
        if index > 0 {
            assert_eq!(NYSE.previous(date).unwrap(), all[index - 1]);
            assert_eq!(NYSE.next(all[index - 1]).unwrap(), date);
        }
    }
    assert_eq!(NYSE.count_between(all[9], all[3]).unwrap(), 0);
    let long_weekend = NYSE.sessions(day("2026-07-03"), day("2026-07-05")).unwrap();
    assert_eq!(long_weekend, []);
    assert_eq!(
        NYSE.sessions(day("2026-07-06"), day("2026-07-02")).unwrap(),
        []
    );
    assert_eq!(
        NYSE.sessions(day("2026-07-02"), day("2026-07-06"))
            .unwrap()
            .len(),
        2
    );
}
