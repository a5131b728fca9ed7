//! Splits and dividends of 2014: closes as traded against the adjusted closes of the same source.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::books::{book, ledger_days, lot};
use super::shipped::Raw;
use super::{Error, Section, Shipped, golden};
use crate::analytics::returns::{total_return_index, total_returns};
use crate::domain::{LedgerDay, PriceHistory, TradingDate, money};

/// The largest difference between a total return and that of the adjusted closes.
fn identity(shipped: &Shipped, symbol: &str) -> Result<f64, Error> {
    let raw = shipped.raw(symbol)?;
    let returns = total_returns(&raw.closes, &raw.splits, &raw.dividends)?;
    let mut worst: f64 = 0.0;
    for (t, pair) in raw.adjusted.windows(2).enumerate() {
        worst = worst.max((returns[t + 1] - (pair[1] / pair[0] - 1.0)).abs());
    }
    Ok(worst)
}

/// Total return of the year, less that of the adjusted closes.
fn year(shipped: &Shipped, symbol: &str) -> Result<f64, Error> {
    let raw = shipped.raw(symbol)?;
    let index = total_return_index(&raw.closes, &raw.splits, &raw.dividends)?;
    let last = raw.closes.len() - 1;
    Ok(index[last] - raw.adjusted[last] / raw.adjusted[0])
}

fn decimal(value: f64) -> Result<Decimal, Error> {
    money::from_f64(value).ok_or_else(|| Error::missing("a decimal"))
}

fn history(raw: &Raw) -> Result<PriceHistory, Error> {
    let mut history = PriceHistory::default();
    for (t, &date) in raw.dates.iter().enumerate() {
        let date = TradingDate::trusted(date);
        history.closes.push((date, decimal(raw.closes[t])?));
        if raw.splits[t] > 1.0 {
            history.splits.push((date, decimal(raw.splits[t])?));
        }
        if raw.dividends[t] > 0.0 {
            history.dividends.push((date, decimal(raw.dividends[t])?));
        }
    }
    Ok(history)
}

/// 100 AAPL from the close of 2014-05-05 on, 600.96 each, in a book of 100,000: the days around the split of 2014-06-09.
fn around_the_split(shipped: &Shipped) -> Result<Vec<LedgerDay>, Error> {
    let prices = history(shipped.raw("AAPL")?)?;
    let lots = vec![lot("AAPL", "100", "600.96", "2014-05-05")?];
    let book = book("100000", "2014-05-05", lots, Vec::new())?;
    let histories = BTreeMap::from([("AAPL".parse().map_err(Error::other)?, prices)]);
    ledger_days(&book, &histories, "2014-06-06", "2014-06-09")
}

/// The value of a day, or the size of its only lot.
fn lot_of(shipped: &Shipped, at: usize) -> Result<(f64, f64), Error> {
    let days = around_the_split(shipped)?;
    let (_, value) = days[at]
        .positions
        .first()
        .ok_or_else(|| Error::missing("the lot"))?;
    let (quantity, value) = (value.quantity, value.market_value);
    Ok((money::to_f64(quantity), money::to_f64(value)))
}

pub(super) const ACTIONS: Section = Section {
    name: "actions",
    about: "closes of 2014 as traded, AAPL 7:1 and its four dividends, against adjusted closes",
    goldens: &[
        golden("AAPL, largest difference of a day", 0.0, 1e-6, |s| {
            identity(s, "AAPL")
        }),
        golden("MSFT, largest difference of a day", 0.0, 1e-6, |s| {
            identity(s, "MSFT")
        }),
        golden("BRK_A, largest difference of a day", 0.0, 1e-6, |s| {
            identity(s, "BRK_A")
        }),
        golden("ZEN, largest difference of a day", 0.0, 1e-6, |s| {
            identity(s, "ZEN")
        }),
        golden("AAPL, difference over the year", 0.0, 1e-6, |s| {
            year(s, "AAPL")
        }),
        golden("MSFT, difference over the year", 0.0, 1e-6, |s| {
            year(s, "MSFT")
        }),
        golden("AAPL, dividends", 4.0, 0.0, |s| {
            let paid = s.raw("AAPL")?.dividends.iter().filter(|cash| **cash > 0.0);
            Ok(paid.count() as f64)
        }),
        golden("shares before the split", 100.0, 0.0, |s| {
            Ok(lot_of(s, 0)?.0)
        }),
        golden("shares after it", 700.0, 0.0, |s| Ok(lot_of(s, 1)?.0)),
        // 100 × 645.57, and 700 × 93.70: what is between is the market's return of the day.
        golden("value before the split", 64_557.0, 0.0, |s| {
            Ok(lot_of(s, 0)?.1)
        }),
        golden("value after it", 65_590.0, 0.0, |s| Ok(lot_of(s, 1)?.1)),
        golden("P&L of the day of the split", 1_033.0, 0.0, |s| {
            Ok(money::to_f64(around_the_split(s)?[1].pnl_day))
        }),
    ],
};
