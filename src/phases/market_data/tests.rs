//! What phase 1 asks for, and what it makes of an answer.

use super::*;
use crate::domain::Replay;
use crate::market_data::CorporateAction;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Nothing for an empty text.
fn dec(text: &str) -> Option<Decimal> {
    text.parse().ok()
}

fn action(date: &str, split: &str, dividend: &str) -> CorporateAction {
    CorporateAction {
        ex_date: day(date),
        split_ratio: dec(split),
        cash_dividend: dec(dividend),
    }
}

fn gap(missing: &[&str], windows: Vec<replays::Window>) -> Gap {
    Gap {
        wanted: Wanted {
            symbol: Symbol::parse("AAA").unwrap(),
            class: "PUBLIC".to_owned(),
            yields: false,
            since: None,
            until: None,
        },
        missing: missing.iter().copied().map(day).collect(),
        windows,
        proxy: false,
        recent: day("2016-12-23"),
    }
}

fn collected(gap: &Gap, actions: &[CorporateAction]) -> Output {
    let mut output = Output::default();
    let answer = PriceAnswer {
        symbol: gap.wanted.symbol.clone(),
        bars: Vec::new(),
        refused: Vec::new(),
        actions: actions.to_vec(),
        yields: Vec::new(),
        known: true,
        first: None,
        last: None,
    };
    collect(&mut output, Calendar::nyse(), gap, answer).unwrap();
    output
}

#[test]
fn closes_concern_results_as_far_as_these_look_back() {
    let spans = |missing: &[&str], known: &str| {
        let missing: Vec<NaiveDate> = missing.iter().copied().map(day).collect();
        concerned(Calendar::nyse(), &missing, known.parse().ok())
    };
    assert_eq!(spans(&[], "2016-12-01"), []);
    // After what is known, or where nothing is, for ever.
    let later = ["2016-12-28", "2016-12-30"];
    assert_eq!(spans(&later, "2016-12-01"), [(day("2016-12-28"), None)]);
    assert_eq!(spans(&later, ""), [(day("2016-12-28"), None)]);
    // Before it, until a result looks back no further than to its oldest close.
    let older = ["2014-11-17", "2014-11-18"];
    let reach = Calendar::nyse().forward(day("2014-11-18"), HISTORY_SESSIONS);
    let reach = reach.unwrap().date();
    assert_eq!(
        spans(&older, "2014-11-19"),
        [(day("2014-11-17"), Some(reach))]
    );
    let both = [&older[..], &later].concat();
    assert_eq!(
        spans(&both, "2014-11-19"),
        [(day("2014-11-17"), Some(reach)), (day("2016-12-28"), None)]
    );
}

#[test]
fn a_range_begins_on_the_day_after_the_session_before_it() {
    let ranges = |dates: &[&str]| {
        let missing: Vec<NaiveDate> = dates.iter().copied().map(day).collect();
        ranges(Calendar::nyse(), &missing).unwrap()
    };
    // After Christmas, which the exchange kept on Monday the 26th.
    let (from, to) = (day("2016-12-24"), day("2016-12-28"));
    assert_eq!(ranges(&["2016-12-27", "2016-12-28"]), [(from, to)]);
    let whole = (day("2016-12-22"), day("2016-12-27"));
    let alone = (day("2016-12-30"), day("2016-12-30"));
    assert_eq!(
        ranges(&["2016-12-22", "2016-12-23", "2016-12-27", "2016-12-30"]),
        [whole, alone]
    );
}

#[test]
fn actions_are_stored_with_their_session_if_it_was_asked_for() {
    let asked = gap(&["2016-12-19", "2016-12-27"], Vec::new());
    let output = collected(
        &asked,
        &[
            action("2016-12-16", "", "9"),
            action("2016-12-17", "2", ""),
            action("2016-12-24", "", "0.5"),
            action("2016-12-27", "", "0.25"),
            // Of Tuesday the 3rd.
            action("2016-12-31", "", "9"),
        ],
    );
    let stored = output.actions;
    assert_eq!(stored.symbols, ["AAA", "AAA"]);
    assert_eq!(stored.ex_dates, [day("2016-12-19"), day("2016-12-27")]);
    assert_eq!(stored.splits, [dec("2"), None]);
    assert_eq!(stored.dividends, [None, dec("0.75")]);
}

#[test]
fn a_crisis_has_its_actions_on_sessions_too() {
    let calendar = Calendar::nyse();
    let today = calendar.on_or_before(day("2003-01-02")).unwrap();
    let windows = Replay::over(calendar, today).unwrap();
    let crisis = gap(&[], windows);
    // Good Friday of 2000 and the Monday after it, then a Sunday.
    let output = collected(
        &crisis,
        &[
            action("2000-04-21", "", "0.5"),
            action("2000-04-24", "", "0.25"),
            action("2000-06-18", "2", ""),
        ],
    );
    assert!(output.actions.symbols.is_empty());
    let within = output.replays[0].actions.iter();
    let within: Vec<_> = within
        .map(|one| (one.ex_date, one.split_ratio, one.cash_dividend))
        .collect();
    assert_eq!(
        within,
        [
            (day("2000-04-24"), None, dec("0.75")),
            (day("2000-06-19"), dec("2"), None),
        ]
    );
}
