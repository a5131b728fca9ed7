//! The quality of the series behind a date, as rows: findings with dates, numbers and a sentence. Nothing is corrected here, and
//! no result looks at it.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use crate::analytics::data_quality::{Check, Closes, Finding, check_closes, check_yields};
use crate::domain::{Factor, SeriesKind, Symbol, TradingDate};
use crate::phases::series::{Prices, Window};
use crate::phases::{Error, HISTORY_SESSIONS, Result};
use crate::store::data_quality::QualityRow;

/// Findings of a series and date that are kept, the newest ones. A series with more of them is beyond reading one by one.
const KEPT: usize = 25;

/// The sessions that a number of the one at `at` may look at: value at risk and its backtest look back furthest.
fn looked_at(at: usize) -> RangeInclusive<usize> {
    at + 1 - HISTORY_SESSIONS..=at
}

/// Of an instrument.
pub(super) fn of_symbol(
    window: &Window,
    prices: &Prices,
    symbol: &Symbol,
    at: usize,
) -> Result<QualityRow> {
    let (closes, splits, dividends) = window.observed(prices, symbol);
    let span = looked_at(at);
    let series = Closes {
        closes: &closes[span.clone()],
        splits: &splits[span.clone()],
        dividends: &dividends[span.clone()],
    };
    let findings = check_closes(series)
        .map_err(|error| Error::Permanent(format!("data quality of {symbol}: {error}")))?;
    let sessions = &window.sessions[span];
    Ok(row(symbol, sessions, series.closes, &findings, false))
}

/// Of a factor's proxy, which may be a series of yields.
pub(super) fn of_proxy(
    window: &Window,
    prices: &Prices,
    factor: &Factor,
    at: usize,
) -> Result<QualityRow> {
    let symbol = &factor.proxy;
    if factor.kind == SeriesKind::Price {
        return of_symbol(window, prices, symbol, at);
    }
    let span = looked_at(at);
    let yields = window.yields(prices, symbol);
    let yields = &yields[span.clone()];
    let findings = check_yields(yields)
        .map_err(|error| Error::Permanent(format!("data quality of {symbol}: {error}")))?;
    Ok(row(symbol, &window.sessions[span], yields, &findings, true))
}

fn row(
    symbol: &Symbol,
    sessions: &[TradingDate],
    values: &[f64],
    findings: &[Finding],
    yields: bool,
) -> QualityRow {
    let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    let newest = &findings[findings.len().saturating_sub(KEPT)..];
    QualityRow {
        symbol: symbol.clone(),
        as_of: sessions[sessions.len() - 1],
        sessions: count(sessions.len()),
        observed: count(
            values
                .iter()
                .filter(|value| yields || **value > 0.0)
                .filter(|value| !value.is_nan())
                .count(),
        ),
        findings: count(findings.len()),
        evidence: newest
            .iter()
            .map(|finding| evidence(finding, sessions, yields))
            .collect(),
    }
}

fn evidence(finding: &Finding, sessions: &[TradingDate], yields: bool) -> Value {
    json!({
        "check": finding.check.as_str(),
        "from": sessions[finding.first].date(),
        "to": sessions[finding.last].date(),
        "measured": finding.measured,
        "threshold": finding.threshold,
        "values": finding.values,
        "text": sentence(finding, yields),
    })
}

/// What was seen, for people.
fn sentence(finding: &Finding, yields: bool) -> String {
    let Finding {
        measured,
        threshold,
        values,
        ..
    } = finding;
    let path = values
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" → ");
    let size = |value: &f64| {
        if yields {
            format!("{:+.0} basis points", 10_000.0 * value)
        } else {
            format!("{:+.1} %", 100.0 * value)
        }
    };
    match finding.check {
        Check::Gap if (measured - 1.0).abs() < 0.5 => "1 session without a value".to_owned(),
        Check::Gap => format!("{measured} sessions without a value"),
        Check::Stale => format!("{path}, repeated {measured} times"),
        Check::NonPositive => format!("a close of {measured}"),
        Check::BadTick => format!("{path}: {}, and taken back", size(measured)),
        Check::SplitMissing => {
            let ratio = split(*threshold);
            let reverse = if *threshold < 1.0 {
                ", or an earlier split is adjusted twice"
            } else {
                ""
            };
            format!("{path}, like a split {ratio} that is not on record{reverse}")
        }
        Check::SplitDoubled => format!(
            "{path}, though a split {} is on record: the closes are adjusted already",
            split(*threshold)
        ),
        Check::DividendMissing => {
            format!("{measured} sessions between dividends, at most {threshold:.0} are regular")
        }
        Check::DividendDoubled if *threshold > 0.0 => {
            format!("a dividend of {measured} between dividends of {threshold}")
        }
        Check::DividendDoubled => format!("a dividend of {measured}, twice"),
        Check::Outlier => format!("{path}: {}, beyond {}", size(measured), size(threshold)),
        Check::UnconfirmedJump => format!(
            "{path}: {}, beyond {}, and no later close confirms it",
            size(measured),
            size(threshold)
        ),
    }
}

/// A ratio as people write it: 7:1, 1:10, 3:2.
#[expect(clippy::float_cmp, reason = "the ratios of the kernel's own list")]
fn split(ratio: f64) -> String {
    if ratio == 1.5 {
        "3:2".to_owned()
    } else if ratio >= 1.0 {
        format!("{ratio}:1")
    } else {
        format!("1:{:.0}", 1.0 / ratio)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::NaiveDate;

    use super::*;
    use crate::domain::Calendar;
    use crate::store::market::Series;

    fn finding(check: Check, measured: f64, threshold: f64, values: &[f64]) -> Finding {
        Finding {
            check,
            first: 0,
            last: 0,
            measured,
            threshold,
            values: values.to_vec(),
        }
    }

    /// The forecast of volatility and the backtest look at closes that no model of the date looks at.
    #[test]
    fn a_bad_tick_is_found_as_far_back_as_numbers_look() {
        let calendar = Calendar::nyse();
        let end = NaiveDate::from_ymd_opt(2016, 12, 30).unwrap();
        let as_of = calendar.on_or_before(end).unwrap();
        let first = calendar.back(as_of, HISTORY_SESSIONS + 9).unwrap();
        let sessions = calendar.sessions(first.date(), as_of.date()).unwrap();
        let at = sessions.len() - 1;
        let calm = (0_u32..).map(|t| 50.0 + 0.1 * f64::from(7 * t % 11));
        let calm: Vec<f64> = calm.take(sessions.len()).collect();
        let symbol = Symbol::parse("A").unwrap();
        let window = Window { sessions };
        let of = |ago: usize| {
            let mut values = calm.clone();
            values[at - ago] *= 10.0;
            let dates = window.sessions.iter().map(|session| session.date());
            let dates = dates.collect();
            let closes = BTreeMap::from([(symbol.clone(), Series { dates, values })]);
            let prices = Prices::of(closes, BTreeMap::new());
            of_symbol(&window, &prices, &symbol, at).unwrap()
        };
        for ago in [100, 252, 300, HISTORY_SESSIONS - 2] {
            let row = of(ago);
            let on = serde_json::to_value(window.sessions[at - ago].date()).unwrap();
            assert_eq!((row.sessions, row.findings), (531, 1), "{}", row.evidence);
            let found = &row.evidence[0];
            assert_eq!(found["check"], "bad_tick");
            assert_eq!([&found["from"], &found["to"]], [&on, &on]);
        }
        assert_eq!(of(HISTORY_SESSIONS).findings, 0, "nothing looks at it");
    }

    #[test]
    fn a_finding_is_a_sentence_with_its_numbers() {
        for (finding, text) in [
            (
                finding(Check::SplitMissing, 6.89, 7.0, &[645.57, 93.7]),
                "645.57 → 93.7, like a split 7:1 that is not on record",
            ),
            (
                finding(Check::SplitMissing, 0.1, 0.1, &[1.0, 10.0]),
                "1 → 10, like a split 1:10 that is not on record, or an earlier split is adjusted twice",
            ),
            (
                finding(Check::BadTick, 0.2, 0.08, &[50.0, 60.0, 50.1]),
                "50 → 60 → 50.1: +20.0 %, and taken back",
            ),
            (
                finding(Check::UnconfirmedJump, -0.2, -0.08, &[50.0, 40.0]),
                "50 → 40: -20.0 %, beyond -8.0 %, and no later close confirms it",
            ),
            (
                finding(Check::DividendDoubled, 0.5, 0.0, &[0.5, 0.5]),
                "a dividend of 0.5, twice",
            ),
        ] {
            assert_eq!(sentence(&finding, false), text);
        }
        let jump = finding(Check::Outlier, 0.02, 0.005, &[0.01, 0.03]);
        let text = sentence(&jump, true);
        assert_eq!(
            text,
            "0.01 → 0.03: +200 basis points, beyond +50 basis points"
        );
    }
}
