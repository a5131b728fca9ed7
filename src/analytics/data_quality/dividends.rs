//! Dividends of a payer that is regular: what is missing in its rhythm, what is there twice.
//!
//! A dividend is smaller than a day's noise, so closes cannot show it; the rhythm can. On adjusted closes no dividend is on record,
//! and none of these checks says anything.

use super::{Check, Closes, Finding, YEAR};

/// An interval so many times the shortest one has room for a dividend that is missing. Quarters differ by 15 %.
pub const MISSING_INTERVAL: f64 = 1.6;
/// Fewest dividends that make a rhythm.
pub const REGULAR_DIVIDENDS: usize = 3;
/// Dividends within this part of their median are regular; a special dividend is not.
pub const REGULAR_AMOUNT: f64 = 0.3;
/// Two equal dividends so close to each other are one: nobody pays more often than twelve times a year, 21 sessions apart.
pub const DOUBLED_SESSIONS: usize = 12;
/// A dividend at least this many times both equal neighbours, and at most 2.1 times, is booked twice.
pub const DOUBLED_AMOUNT: (f64, f64) = (1.9, 2.1);
/// Neighbours that differ less than this are equal.
const EQUAL_AMOUNT: f64 = 0.1;

/// Session and amount per share of the last session, so that a split in between changes nothing.
fn paid(series: Closes<'_>) -> Vec<(usize, f64)> {
    let mut later = 1.0; // shares of the last session for one of this one
    let mut paid = Vec::new();
    for at in (0..series.dividends.len()).rev() {
        if series.dividends[at] > 0.0 {
            paid.push((at, series.dividends[at] / later));
        }
        later *= series.splits[at];
    }
    paid.reverse();
    paid
}

fn near(a: f64, b: f64, part: f64) -> bool {
    (a - b).abs() <= part * a.abs().min(b.abs())
}

/// Intervals between regular dividends with room for another one: `measured` is the interval in sessions, `threshold` the longest
/// that is regular, `values` the amounts before and after. At least [`REGULAR_DIVIDENDS`], or nothing is said.
///
/// The last year has its own rhythm; what begins before it is judged by the dividends up to its first one. A payer that stops is not
/// a finding: the absence of a future dividend is no evidence.
pub fn missing_dividends(series: Closes<'_>) -> Vec<Finding> {
    let all = paid(series);
    let year = series.dividends.len().saturating_sub(YEAR + 1);
    let newest = all.partition_point(|(at, _)| *at < year);
    let mut findings = too_far_apart(&all[..all.len().min(newest + 1)]);
    findings.extend(too_far_apart(&all[newest..]));
    findings
}

/// Intervals with room for another dividend.
fn too_far_apart(all: &[(usize, f64)]) -> Vec<Finding> {
    let mut amounts: Vec<f64> = all.iter().map(|(_, amount)| *amount).collect();
    amounts.sort_by(f64::total_cmp);
    let Some(&median) = amounts.get(amounts.len() / 2) else {
        return Vec::new();
    };
    // What is booked at twice its size is another finding, and part of the rhythm.
    let regular = all.iter().filter(|(_, amount)| {
        near(*amount, median, REGULAR_AMOUNT) || near(0.5 * amount, median, EQUAL_AMOUNT)
    });
    let regular: Vec<(usize, f64)> = regular.copied().collect();
    if regular.len() < REGULAR_DIVIDENDS {
        return Vec::new();
    }
    let intervals = regular.windows(2).map(|pair| pair[1].0 - pair[0].0);
    // What is booked twice is another finding and makes no rhythm.
    let rhythm = intervals.filter(|interval| *interval > DOUBLED_SESSIONS);
    let Some(shortest) = rhythm.min() else {
        return Vec::new();
    };
    let threshold = MISSING_INTERVAL * shortest as f64;
    let mut findings = Vec::new();
    for pair in regular.windows(2) {
        let interval = (pair[1].0 - pair[0].0) as f64;
        if interval > threshold {
            findings.push(Finding {
                check: Check::DividendMissing,
                first: pair[0].0,
                last: pair[1].0,
                measured: interval,
                threshold,
                values: vec![pair[0].1, pair[1].1],
            });
        }
    }
    findings
}

/// Dividends on record twice: two equal ones within [`DOUBLED_SESSIONS`], or one of twice the amount of both its neighbours, which are
/// equal. `measured` is the amount per share of the last session, `threshold` the amount expected (0 for a repetition).
pub fn doubled_dividends(series: Closes<'_>) -> Vec<Finding> {
    let all = paid(series);
    let mut findings = Vec::new();
    for pair in all.windows(2) {
        let [(first, one), (last, two)] = [pair[0], pair[1]];
        if last - first <= DOUBLED_SESSIONS && near(one, two, 1e-9) {
            findings.push(Finding {
                check: Check::DividendDoubled,
                first,
                last,
                measured: two,
                threshold: 0.0,
                values: vec![one, two],
            });
        }
    }
    for three in all.windows(3) {
        let [before, here, after] = [three[0].1, three[1].1, three[2].1];
        let ratio = here / before.max(after);
        if near(before, after, EQUAL_AMOUNT)
            && (DOUBLED_AMOUNT.0..=DOUBLED_AMOUNT.1).contains(&ratio)
        {
            findings.push(Finding {
                check: Check::DividendDoubled,
                first: three[1].0,
                last: three[1].0,
                measured: here,
                threshold: before.max(after),
                values: vec![before, here, after],
            });
        }
    }
    findings
}
