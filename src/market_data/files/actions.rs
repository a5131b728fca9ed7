//! `corporate_actions.csv`: splits and cash dividends by ex-date.
//!
//! A split and a dividend of one date may stand in one row or in two. Two of a kind are
//! refused: they may be a repetition or two payments, and only the operator knows which.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::report::Report;
use super::table::{Others, Row, Table};
use super::{instrument, values};
use crate::domain::Symbol;
use crate::market_data::CorporateAction;

const REQUIRED: [&str; 4] = ["symbol", "ex_date", "split_ratio", "cash_dividend"];

/// Corporate actions by instrument and rising ex-date.
pub(super) fn read(
    file: &str,
    text: &str,
    report: &mut Report,
) -> BTreeMap<Symbol, Vec<CorporateAction>> {
    let mut actions: BTreeMap<Symbol, BTreeMap<NaiveDate, CorporateAction>> = BTreeMap::new();
    let Some(mut table) = Table::open(file, text, report) else {
        return BTreeMap::new();
    };
    let columns = table.columns(REQUIRED, [], Others::Refused, report);
    let Some((columns, [])) = columns else {
        return BTreeMap::new();
    };
    while let Some(row) = table.next_row(report) {
        let (symbol, action) = match parse(&row, columns) {
            Ok(parsed) => parsed,
            Err(problem) => {
                report.add(file, row.line, problem);
                continue;
            }
        };
        if action.split_ratio.is_none() && action.cash_dividend.is_none() {
            continue;
        }
        let ex_date = action.ex_date;
        let none = CorporateAction {
            ex_date,
            split_ratio: None,
            cash_dividend: None,
        };
        let known = actions
            .entry(symbol.clone())
            .or_default()
            .entry(ex_date)
            .or_insert(none);
        let twice =
            |what| format!("a second {what} of {symbol} on {ex_date}; write their total once");
        merge(&mut known.split_ratio, action.split_ratio)
            .unwrap_or_else(|()| report.add(file, row.line, twice("split")));
        merge(&mut known.cash_dividend, action.cash_dividend)
            .unwrap_or_else(|()| report.add(file, row.line, twice("dividend")));
    }
    let sorted = |by_date: BTreeMap<_, _>| by_date.into_values().collect();
    actions
        .into_iter()
        .map(|(symbol, by_date)| (symbol, sorted(by_date)))
        .collect()
}

fn parse(
    row: &Row<'_>,
    [symbol, ex_date, split_ratio, cash_dividend]: [usize; 4],
) -> Result<(Symbol, CorporateAction), String> {
    let symbol = instrument(&values::symbol(row.cell(symbol).unwrap_or_default())?);
    let ex_date = values::date(row.cell(ex_date).unwrap_or_default())?;
    let ratio = row
        .cell(split_ratio)
        .map(|text| values::positive("split_ratio", text));
    let cash = row
        .cell(cash_dividend)
        .map(|text| values::not_negative("cash_dividend", text));
    // A ratio of 1 and a dividend of 0 say that nothing happened.
    let split_ratio = ratio.transpose()?.filter(|ratio| *ratio != Decimal::ONE);
    let cash_dividend = cash.transpose()?.filter(|cash| !cash.is_zero());
    Ok((
        symbol,
        CorporateAction {
            ex_date,
            split_ratio,
            cash_dividend,
        },
    ))
}

/// Puts `new` into `known`, unless both are there.
fn merge(known: &mut Option<Decimal>, new: Option<Decimal>) -> Result<(), ()> {
    match (&known, new) {
        (Some(_), Some(_)) => Err(()),
        (None, Some(_)) => {
            *known = new;
            Ok(())
        }
        (_, None) => Ok(()),
    }
}
