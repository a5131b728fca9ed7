//! `yields.csv`: a date, then one column per series; fractions per year, negative ones included.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::report::Report;
use super::table::Table;
use super::{values, wide};
use crate::domain::Symbol;

/// Yields by series and rising date. A series without any value is there too.
pub(super) fn read(
    file: &str,
    text: &str,
    report: &mut Report,
) -> BTreeMap<Symbol, Vec<(NaiveDate, Decimal)>> {
    let Some(mut table) = Table::open(file, text, report) else {
        return BTreeMap::new();
    };
    let Some(names) = wide::series(&table, report) else {
        return BTreeMap::new();
    };
    let mut columns: Vec<BTreeMap<NaiveDate, (Decimal, u64)>> = vec![BTreeMap::new(); names.len()];
    wide::each_cell(&mut table, report, |cell, report| {
        let name = &names[cell.series];
        let value = match values::fraction(&format!("yield {name}"), cell.text) {
            Ok(value) => value,
            Err(problem) => return report.add(file, cell.line, problem),
        };
        let (known, line) = *columns[cell.series]
            .entry(cell.date)
            .or_insert((value, cell.line));
        if known != value {
            let problem = format!(
                "{name} is {value} on {}, but {known} in line {line}",
                cell.date
            );
            report.add(file, cell.line, problem);
        }
    });
    let plain = |column: BTreeMap<NaiveDate, (Decimal, u64)>| {
        column
            .into_iter()
            .map(|(date, (value, _))| (date, value))
            .collect()
    };
    names
        .into_iter()
        .zip(columns.into_iter().map(plain))
        .collect()
}
