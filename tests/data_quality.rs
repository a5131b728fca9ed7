//! Data quality on the real closes that are shipped: one fault is put into each series, and it alone is found; the untouched series
//! have what was looked at, and no more.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use sigmabatch::analytics::data_quality::{Check, Closes, Finding, check_closes, check_yields};
use sigmabatch::verify::quality;
use sigmabatch::verify::shipped::{STOCKS, Shipped};

/// The window of 253 sessions to a date, in calm times and in March 2020.
const ENDS: [&str; 3] = ["2016-12-30", "2020-06-30", "2022-12-28"];

fn check(closes: &[f64]) -> Vec<Finding> {
    let (ones, zeros) = (vec![1.0; closes.len()], vec![0.0; closes.len()]);
    with(closes, &ones, &zeros)
}

fn with(closes: &[f64], splits: &[f64], dividends: &[f64]) -> Vec<Finding> {
    check_closes(Closes {
        closes,
        splits,
        dividends,
    })
    .unwrap()
}

/// The fault is found where it is, once, and as nothing else.
fn only(findings: &[Finding], check: Check, at: usize, what: &str) {
    let found: Vec<_> = findings.iter().map(|f| (f.check, f.first)).collect();
    assert_eq!(found, [(check, at)], "{what}: {findings:?}");
}

/// Series of all stocks in all windows.
fn windows() -> Vec<(String, Vec<f64>)> {
    let shipped = Shipped::read().unwrap();
    let mut all = Vec::new();
    for end in ENDS {
        let end = shipped.closes.at(end).unwrap();
        for stock in STOCKS {
            let closes = &shipped.closes.column(stock).unwrap()[end - 252..=end];
            all.push((
                format!("{stock} {}", shipped.closes.dates[end]),
                closes.to_vec(),
            ));
        }
    }
    all
}

#[test]
fn the_untouched_windows_have_no_finding() {
    for (what, closes) in windows() {
        assert_eq!(check(&closes), [], "{what}");
    }
}

/// What is found in eleven years and 26 series: SIZE, a young fund, was not traded in the week to 17 June 2014. And of the monthly windows
/// two end on a day of news of Merck, which nothing confirms before the next close.
#[test]
fn all_that_is_found_in_the_shipped_data_was_looked_at() {
    let shipped = Shipped::read().unwrap();
    let found: Vec<String> = quality::of_stocks(&shipped)
        .unwrap()
        .into_iter()
        .map(|(series, check, from, to)| format!("{series} {} {from} {to}", check.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            "MRK unconfirmed_jump 2016-08-05 2016-08-05",
            "MRK unconfirmed_jump 2021-11-05 2021-11-05",
            "SIZE stale 2014-06-11 2014-06-17",
        ]
    );
    assert!(quality::of_raw(&shipped).unwrap().is_empty());
    assert!(quality::of_yields(&shipped).unwrap().is_empty());
}

#[test]
fn one_fault_in_a_real_series_is_one_finding() {
    let at = 130;
    for (what, real) in windows() {
        let with = |change: &dyn Fn(&mut Vec<f64>)| {
            let mut closes = real.clone();
            change(&mut closes);
            check(&closes)
        };
        only(&with(&|c| c[at] = f64::NAN), Check::Gap, at, &what);
        only(&with(&|c| c[at] = 0.0), Check::NonPositive, at, &what);
        only(&with(&|c| c[at] = -c[at]), Check::NonPositive, at, &what);
        // A digit too many, a digit too few, another share's price.
        for factor in [10.0, 0.1, 3.3] {
            only(&with(&|c| c[at] *= factor), Check::BadTick, at, &what);
        }
        let stale = |c: &mut Vec<f64>| {
            let close = 1.001 * c[at];
            c[at..at + 6].fill(close);
        };
        only(&with(&stale), Check::Stale, at + 1, &what);
        for ratio in [2.0, 3.0, 7.0, 20.0, 0.1] {
            let split = |c: &mut Vec<f64>| c[at..].iter_mut().for_each(|close| *close /= ratio);
            let mut closes = real.clone();
            split(&mut closes);
            only(&check(&closes), Check::SplitMissing, at, &what);
            // On record, it is none; on record and adjusted already, it is applied twice.
            let mut splits = vec![1.0; closes.len()];
            splits[at] = ratio;
            let none = vec![0.0; closes.len()];
            assert_eq!(self::with(&closes, &splits, &none), [], "{what}");
            only(
                &self::with(&real, &splits, &none),
                Check::SplitDoubled,
                at,
                &what,
            );
        }
    }
}

/// Closes as traded of 2014, with the real splits and dividends: what is taken off the record is missed.
#[test]
fn actions_taken_off_the_record_are_missed() {
    let shipped = Shipped::read().unwrap();
    let apple = shipped.raw("AAPL").unwrap();
    let at = |date: &str| apple.dates.binary_search(&date.parse().unwrap()).unwrap();
    let (split, second) = (at("2014-06-09"), at("2014-05-08"));
    let ones = vec![1.0; apple.closes.len()];
    // Without the split, dividends before it are seven times too large as well: the rhythm is not judged on two of four.
    let findings = with(&apple.closes, &ones, &apple.dividends);
    only(&findings, Check::SplitMissing, split, "AAPL");
    assert!((findings[0].threshold - 7.0).abs() < 1e-12);
    let mut dividends = apple.dividends.clone();
    dividends[second] = 0.0;
    let findings = with(&apple.closes, &apple.splits, &dividends);
    only(&findings, Check::DividendMissing, at("2014-02-06"), "AAPL");
    let mut dividends = apple.dividends.clone();
    dividends[second + 1] = dividends[second];
    let findings = with(&apple.closes, &apple.splits, &dividends);
    only(&findings, Check::DividendDoubled, second, "AAPL");
    dividends = apple.dividends.clone();
    dividends[second] *= 2.0;
    let findings = with(&apple.closes, &apple.splits, &dividends);
    only(&findings, Check::DividendDoubled, second, "AAPL");
}

#[test]
fn a_percentage_written_as_a_fraction_is_found_in_the_real_yield() {
    let shipped = Shipped::read().unwrap();
    let real = &shipped.yields.column("UST10Y").unwrap()[..253];
    assert_eq!(check_yields(real).unwrap(), []);
    let mut yields = real.to_vec();
    yields[100] *= 100.0;
    only(
        &check_yields(&yields).unwrap(),
        Check::BadTick,
        100,
        "UST10Y",
    );
}
