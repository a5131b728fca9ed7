//! Wide tables: a date, then one column per series. An empty cell is no value.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::report::Report;
use super::table::Table;
use super::{instrument, values};
use crate::domain::Symbol;

/// One cell that has a text.
pub(super) struct Cell<'c> {
    /// Position in what [`series`] gave.
    pub(super) series: usize,
    pub(super) date: NaiveDate,
    pub(super) text: &'c str,
    pub(super) line: u64,
}

/// The series that the header names, in the order of the columns.
///
/// Two spellings of one share class are the same series and not accepted side by side.
pub(super) fn series(table: &Table<'_>, report: &mut Report) -> Option<Vec<Symbol>> {
    let mut sound = true;
    let mut problem = |text: String| {
        report.add(table.file(), table.line(), text);
        sound = false;
    };
    if !table
        .header()
        .first()
        .is_some_and(|name| name.eq_ignore_ascii_case("date"))
    {
        problem(
            "neither a wide table (first column date) nor a tidy one (symbol, date, close)"
                .to_owned(),
        );
    }
    let mut seen = BTreeMap::new();
    let mut symbols = Vec::new();
    for name in table.header().iter().skip(1) {
        match values::symbol(name) {
            Ok(symbol) => {
                let symbol = instrument(&symbol);
                if let Some(earlier) = seen.insert(symbol.clone(), name) {
                    problem(format!(
                        "columns {earlier} and {name} are the same instrument"
                    ));
                }
                symbols.push(symbol);
            }
            Err(text) => problem(format!("column: {text}")),
        }
    }
    sound.then_some(symbols)
}

/// Calls `each` with every cell that has a text, row by row.
pub(super) fn each_cell(
    table: &mut Table<'_>,
    report: &mut Report,
    mut each: impl FnMut(Cell<'_>, &mut Report),
) {
    let file = table.file();
    let columns = table.header().len();
    while let Some(row) = table.next_row(report) {
        let date = match values::date(row.cell(0).unwrap_or_default()) {
            Ok(date) => date,
            Err(problem) => {
                report.add(file, row.line, problem);
                continue;
            }
        };
        for column in 1..columns {
            if let Some(text) = row.cell(column) {
                each(
                    Cell {
                        series: column - 1,
                        date,
                        text,
                        line: row.line,
                    },
                    report,
                );
            }
        }
    }
}
