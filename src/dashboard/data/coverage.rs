//! Which closes are known of each symbol, month by month.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use maud::{Markup, html};

use crate::dashboard::chart::{Cell, HeatRow, grid};
use crate::store::reports::{MonthCloses, SymbolRow};

/// Months of the grid.
const MONTHS: u32 = 24;

/// The month of a date, as its first day.
pub(super) fn month_of(date: NaiveDate) -> NaiveDate {
    date.with_day(1).unwrap_or(date)
}

/// The first days of the last months, oldest first.
pub(super) fn months(newest: NaiveDate) -> Vec<NaiveDate> {
    let first = month_of(newest);
    let back = (0..MONTHS).rev();
    back.filter_map(|n| first.checked_sub_months(chrono::Months::new(n)))
        .collect()
}

/// A cell for each symbol and month.
pub(super) fn table(
    symbols: &[SymbolRow],
    closes: &[MonthCloses],
    months: &[NaiveDate],
    wanted: &BTreeMap<NaiveDate, i64>,
) -> Markup {
    let known: BTreeMap<(&str, NaiveDate), i64> = closes
        .iter()
        .map(|row| ((row.symbol.as_str(), row.month), row.closes))
        .collect();
    let rows = symbols.iter().map(|row| {
        let cells = months.iter().map(|month| {
            let closes = known
                .get(&(row.symbol.as_str(), *month))
                .copied()
                .unwrap_or(0);
            let sessions = wanted.get(month).copied().unwrap_or(0);
            let (class, sign) = filled(closes, sessions);
            Cell {
                class: class.to_owned(),
                text: format!(
                    "{} {}: {closes} of {sessions} closes",
                    row.symbol,
                    month.format("%Y-%m")
                ),
                sign: sign.to_owned(),
                link: None,
            }
        });
        HeatRow {
            name: row.symbol.clone(),
            cells: cells.collect(),
        }
    });
    let columns: Vec<String> = months
        .iter()
        .map(|month| month.format("%Y-%m").to_string())
        .collect();
    html! {
        (grid("Closes by symbol and month", &columns, &rows.collect::<Vec<_>>()))
        p.soft { "✓ every session  ! gaps  · none" }
    }
}

fn filled(closes: i64, sessions: i64) -> (&'static str, &'static str) {
    match closes {
        0 => ("missing", "·"),
        n if n < sessions => ("warning", "!"),
        _ => ("done", "✓"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_go_back_from_the_newest_session() {
        let months = months("2017-01-31".parse().unwrap());
        assert_eq!(months.len(), 24);
        assert_eq!(months[0].to_string(), "2015-02-01");
        assert_eq!(months[23].to_string(), "2017-01-01");
        assert_eq!(
            [filled(0, 20).0, filled(19, 20).0, filled(20, 20).0],
            ["missing", "warning", "done"]
        );
    }
}
