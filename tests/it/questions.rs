//! Nobody asks a provider twice. Counted are the questions that it got, not the rows that were made of its answers.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use sigmabatch::engine::{Request, Selection};

use crate::market::{Folder, close};
use crate::world::{World, day, range, request};

const NOW: &str = "2016-12-30T23:00:00Z";

/// The ranges that prices of each symbol were asked for.
fn asked(folder: &Folder) -> BTreeMap<String, Vec<(NaiveDate, NaiveDate)>> {
    let mut all: BTreeMap<String, Vec<(NaiveDate, NaiveDate)>> = BTreeMap::new();
    for (symbol, ranges) in folder.asked_for() {
        for one in ranges.split(',') {
            let (from, to) = one.split_once("..").unwrap();
            all.entry(symbol.clone())
                .or_default()
                .push((day(from), day(to)));
        }
    }
    all
}

/// No day is in two ranges of one symbol.
fn assert_once(folder: &Folder) {
    for (symbol, mut ranges) in asked(folder) {
        ranges.sort_unstable();
        for pair in ranges.windows(2) {
            assert!(pair[0].1 < pair[1].0, "{symbol}: {pair:?}");
        }
    }
}

/// Books that share symbols, two workers, one symbol that nobody knows and one whose first answers fail on the way: each session of
/// a symbol is asked for once, whoever needs it, and a later run asks for what is new.
#[tokio::test(flavor = "multi_thread")]
async fn each_session_of_a_symbol_is_asked_for_once_however_many_books_and_runs_need_it() {
    let market = Folder::new();
    let world = World::scripted(NOW, &market).await;
    let lot = |symbol: &str| {
        format!(
            "{symbol},10,{},2016-12-20,PUBLIC",
            close(symbol, "2016-12-20")
        )
    };
    let unknown = "ZZZ,10,10,2016-12-20,PUBLIC".to_owned();
    let mut books = Vec::new();
    for (name, lots) in [
        ("one", vec![lot("AAA"), lot("BBB")]),
        ("two", vec![lot("BBB"), lot("AAA"), unknown.clone()]),
        ("three", vec![lot("AAA"), lot("CCC"), unknown]),
    ] {
        let lots: Vec<&str> = lots.iter().map(String::as_str).collect();
        books.push(world.book(name, "100000", "2016-12-20", &lots).await);
    }
    world.worker().await;
    world.worker().await;
    let dates = || range("2016-12-20", "2016-12-22");
    world.run(&request(dates())).await;
    assert_once(&market);
    let first = asked(&market);
    for symbol in ["AAA", "BBB", "CCC", "ZZZ", "SP500"] {
        let ranges = &first[symbol];
        let needed = ["2016-12-20", "2016-12-21", "2016-12-22"].map(day);
        for date in needed {
            let within = ranges
                .iter()
                .filter(|(from, to)| (*from..=*to).contains(&date));
            assert_eq!(within.count(), 1, "{symbol} {date}: {ranges:?}");
        }
    }
    let profiles = |folder: &Folder| -> Vec<String> {
        let all = folder
            .asked()
            .into_iter()
            .filter(|one| one.kind == "profiles");
        all.flat_map(|one| one.about)
            .map(|(symbol, _)| symbol)
            .collect()
    };
    let once = profiles(&market);
    let distinct: BTreeSet<&String> = once.iter().collect();
    assert_eq!(once.len(), distinct.len(), "{once:?}");

    // The same dates again, also of one book alone: no question at all.
    let questions = market.asked().len();
    world.run(&request(dates())).await;
    let alone = Request {
        portfolios: Selection::Only(vec![books[0]]),
        ..request(dates())
    };
    world.run(&alone).await;
    assert_eq!(market.asked().len(), questions);

    // A new book of a symbol that is known asks for nothing of the dates that are known; the next session is asked for once.
    world
        .book("four", "100000", "2016-12-20", &[&lot("AAA")])
        .await;
    world.run(&request(dates())).await;
    assert_eq!(asked(&market), first);
    world.run(&request(range("2016-12-20", "2016-12-23"))).await;
    assert_once(&market);
    for (symbol, ranges) in asked(&market) {
        let new: Vec<_> = ranges
            .iter()
            .filter(|own| !first[&symbol].contains(own))
            .collect();
        let next = day("2016-12-23");
        assert!(
            new.iter().all(|own| **own == (next, next)),
            "{symbol}: {new:?}"
        );
    }
}
