//! G4, G5, G24: returns with holes, splits and dividends, and over periods.
#![expect(clippy::unreadable_literal, reason = "golden numbers as printed")]

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};

use super::books::{book, closes, decimal, ledger_days, lot, session};
use super::{Error, Section, golden, yes};
use crate::analytics::covariance::common_sessions;
use crate::analytics::period::{PeriodReturns, period_returns};
use crate::analytics::returns::total_returns;
use crate::domain::{LedgerDay, money};

fn plain(closes: &[f64]) -> Result<Vec<f64>, Error> {
    let n = closes.len();
    Ok(total_returns(closes, &vec![1.0; n], &vec![0.0; n])?)
}

fn holed() -> Result<Vec<f64>, Error> {
    plain(&[100.0, 101.0, f64::NAN, 103.0, 104.0])
}

/// Where stock and factor both have a return, counted from 1 like the sessions of the golden.
fn both() -> Result<Vec<usize>, Error> {
    let factor = plain(&[50.0, 50.5, 51.0, 51.5, 52.0])?;
    let sessions = common_sessions(&[&holed()?, &factor])?;
    Ok(sessions.into_iter().map(|at| at + 1).collect())
}

pub(super) const G4: Section = Section {
    name: "G4",
    about: "a hole is missing, never a return of several sessions",
    goldens: &[
        golden("session 2", 0.01, 1e-12, |_| Ok(holed()?[1])),
        golden("session 3 is missing", 1.0, 0.0, |_| {
            Ok(yes(holed()?[2].is_nan()))
        }),
        golden("session 4 is missing", 1.0, 0.0, |_| {
            Ok(yes(holed()?[3].is_nan()))
        }),
        golden("session 5", 0.0097087379, 1e-10, |_| Ok(holed()?[4])),
        golden("rows of a regression", 2.0, 0.0, |_| {
            Ok(both()?.len() as f64)
        }),
        golden("its first session", 2.0, 0.0, |_| Ok(both()?[0] as f64)),
        golden("its second session", 5.0, 0.0, |_| Ok(both()?[1] as f64)),
        golden("returns of 103/101 − 1", 0.0, 0.0, |_| {
            let all = holed()?;
            let over_the_hole = |value: &&f64| (**value - 0.0198).abs() < 1e-3;
            Ok(all.iter().filter(over_the_hole).count() as f64)
        }),
    ],
};

/// The second day of 7 shares, by the ledger.
fn second_day(
    prices: [&str; 2],
    split: Option<&str>,
    dividend: Option<&str>,
) -> Result<LedgerDay, Error> {
    let (first, second) = ("2026-01-05", "2026-01-06");
    let mut history = closes(&[(first, prices[0]), (second, prices[1])])?;
    for (actions, action) in [
        (&mut history.splits, split),
        (&mut history.dividends, dividend),
    ] {
        if let Some(action) = action {
            actions.push((session(second)?, decimal(action)?));
        }
    }
    let lots = vec![lot("S", "7", prices[0], first)?];
    let book = book("1000", first, lots, Vec::new())?;
    let histories = BTreeMap::from([("S".parse().map_err(Error::other)?, history)]);
    let days = ledger_days(&book, &histories, second, second)?;
    days.into_iter()
        .next()
        .ok_or_else(|| Error::missing("the second day"))
}

fn split_day() -> Result<LedgerDay, Error> {
    second_day(["100", "10.2"], Some("10"), None)
}

fn dividend_day() -> Result<LedgerDay, Error> {
    second_day(["50", "49.6"], None, Some("0.50"))
}

pub(super) const G5: Section = Section {
    name: "G5",
    about: "split and dividend",
    goldens: &[
        golden("10:1 split, total return", 0.02, 1e-12, |_| {
            Ok(total_returns(&[100.0, 10.2], &[1.0, 10.0], &[0.0; 2])?[1])
        }),
        golden("10:1 split, shares of 7", 70.0, 0.0, |_| {
            let day = split_day()?;
            let (_, value) = day
                .positions
                .first()
                .ok_or_else(|| Error::missing("the lot"))?;
            Ok(money::to_f64(value.quantity))
        }),
        golden("10:1 split, P&L of 7 shares", 14.0, 0.0, |_| {
            Ok(money::to_f64(split_day()?.pnl_day))
        }),
        // 7 × (49.60 + 0.50 − 50)
        golden("dividend, P&L of 7 shares", 0.7, 0.0, |_| {
            Ok(money::to_f64(dividend_day()?.pnl_day))
        }),
        golden("dividend, total return", 0.002, 1e-12, |_| {
            Ok(total_returns(&[50.0, 49.6], &[1.0; 2], &[0.0, 0.5])?[1])
        }),
        golden("dividend, price return", -0.008, 1e-12, |_| {
            Ok(plain(&[50.0, 49.6])?[1])
        }),
    ],
};

/// Day number of 1970-01-01 counted from the year 1.
const EPOCH_DAYS: i32 = 719_163;

fn periods() -> Result<PeriodReturns, Error> {
    let mut days = Vec::new();
    for date in ["2025-12-31", "2026-01-30", "2026-02-13", "2026-02-17"] {
        let date: NaiveDate = date.parse().map_err(Error::other)?;
        days.push(date.num_days_from_ce() - EPOCH_DAYS);
    }
    Ok(period_returns(&days, &[80.0, 88.0, 92.0, 94.0])?)
}

fn some(value: Option<f64>) -> Result<f64, Error> {
    value.ok_or_else(|| Error::missing("the return"))
}

pub(super) const G24: Section = Section {
    name: "G24",
    about: "returns over periods, after Presidents' Day",
    goldens: &[
        golden("1 day", 0.021739130, 1e-9, |_| some(periods()?.one_day)),
        golden("month to date", 0.068181818, 1e-9, |_| {
            some(periods()?.month_to_date)
        }),
        golden("year to date", 0.175, 1e-12, |_| {
            some(periods()?.year_to_date)
        }),
    ],
};
