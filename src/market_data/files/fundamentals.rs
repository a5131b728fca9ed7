//! `fundamentals.csv`: statements, estimates and dates of earnings, one item per row.
//!
//! `kind` is one of the [`StatementKind`] texts, or `estimate`, or `earnings`: then `period_end`
//! is the date of the report, and `item` and `value` stay empty.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::report::Report;
use super::table::{Others, Row, Table};
use super::{instrument, values};
use crate::domain::Symbol;
use crate::market_data::{Estimate, Fundamentals, Statement, StatementKind};

const REQUIRED: [&str; 5] = ["symbol", "kind", "period_end", "item", "value"];

/// Statements first, so that they come before estimates in the order of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Statement(StatementKind),
    Estimate,
    Earnings,
}

/// What tells one row of a symbol from another, in the order of the answer.
type Key = (NaiveDate, Kind, String);

/// Fundamentals by instrument.
pub(super) fn read(file: &str, text: &str, report: &mut Report) -> BTreeMap<Symbol, Fundamentals> {
    let mut rows: BTreeMap<Symbol, BTreeMap<Key, (Decimal, u64)>> = BTreeMap::new();
    let Some(mut table) = Table::open(file, text, report) else {
        return BTreeMap::new();
    };
    let columns = table.columns(REQUIRED, [], Others::Refused, report);
    let Some((columns, [])) = columns else {
        return BTreeMap::new();
    };
    while let Some(row) = table.next_row(report) {
        let (symbol, key, value) = match parse(&row, columns) {
            Ok(parsed) => parsed,
            Err(problem) => {
                report.add(file, row.line, problem);
                continue;
            }
        };
        let entry = rows.entry(symbol).or_default().entry(key);
        let (known, line) = *entry.or_insert((value, row.line));
        if known != value {
            let problem = format!("{value} contradicts {known} in line {line}");
            report.add(file, row.line, problem);
        }
    }
    rows.into_iter()
        .map(|(symbol, rows)| (symbol.clone(), collect(symbol, rows)))
        .collect()
}

fn parse(
    row: &Row<'_>,
    [symbol, kind, period_end, item, value]: [usize; 5],
) -> Result<(Symbol, Key, Decimal), String> {
    let symbol = instrument(&values::symbol(row.cell(symbol).unwrap_or_default())?);
    let kind = parse_kind(row.cell(kind).unwrap_or_default())?;
    let period_end = values::date(row.cell(period_end).unwrap_or_default())?;
    if kind == Kind::Earnings {
        return Ok((symbol, (period_end, kind, String::new()), Decimal::ZERO));
    }
    let item = row.cell(item).ok_or("item is empty")?;
    let value = values::number("value", row.cell(value).ok_or("value is empty")?)?;
    Ok((symbol, (period_end, kind, item.to_owned()), value))
}

fn parse_kind(text: &str) -> Result<Kind, String> {
    match text {
        "estimate" => return Ok(Kind::Estimate),
        "earnings" => return Ok(Kind::Earnings),
        _ => {}
    }
    let statement = StatementKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == text);
    statement.map(Kind::Statement).ok_or_else(|| {
        let known = StatementKind::ALL.map(StatementKind::as_str).join(", ");
        format!("kind \"{text}\" is none of {known}, estimate, earnings")
    })
}

fn collect(symbol: Symbol, rows: BTreeMap<Key, (Decimal, u64)>) -> Fundamentals {
    let mut found = Fundamentals {
        symbol,
        statements: Vec::new(),
        estimates: Vec::new(),
        last_earnings: None,
    };
    for ((period_end, kind, item), (value, _)) in rows {
        match kind {
            Kind::Statement(kind) => {
                found.statements.push(Statement {
                    period_end,
                    kind,
                    item,
                    value,
                });
            }
            Kind::Estimate => found.estimates.push(Estimate {
                period_end,
                item,
                value,
            }),
            // Keys rise, so the last one seen is the latest.
            Kind::Earnings => found.last_earnings = Some(period_end),
        }
    }
    found
}
