//! What a file of flows or of marks changes in a portfolio: the lists are compared as multisets.
//!
//! A file is either an addition, so that what it does not name stays, or the whole list, so that
//! what it does not name goes.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::marks_csv::Mark;
use crate::domain::{CashFlow, FlowKind, Symbol};

/// How a file is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Its lines come to those that there are.
    Addition,
    /// Its lines are all that there are.
    Whole,
}

/// The difference between the flows of a portfolio and those of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlowChange {
    /// Flows that only the file has.
    pub added: Vec<CashFlow>,
    /// Flows that only the portfolio has.
    pub removed: Vec<CashFlow>,
}

impl FlowChange {
    /// The earliest day whose numbers change; none if nothing changes.
    pub fn from_date(&self) -> Option<NaiveDate> {
        let flows = self.added.iter().chain(&self.removed);
        flows.map(|flow| flow.date).min()
    }
}

/// The difference between the marks of a portfolio and those of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MarkChange {
    /// Marks of a symbol and day that had none.
    pub added: Vec<Mark>,
    /// Marks with another price than before, and that price.
    pub corrected: Vec<(Mark, Decimal)>,
    /// Marks that only the portfolio has.
    pub removed: Vec<Mark>,
}

impl MarkChange {
    /// The earliest day whose numbers change; none if nothing changes.
    pub fn from_date(&self) -> Option<NaiveDate> {
        let corrected = self.corrected.iter().map(|(mark, _)| mark);
        let marks = self.added.iter().chain(corrected).chain(&self.removed);
        marks.map(|mark| mark.date).min()
    }
}

/// What a file does to the flows that there are. Equal flows are counted, not merged.
pub fn compare_flows(existing: &[CashFlow], file: &[CashFlow], extent: Extent) -> FlowChange {
    FlowChange {
        added: only_in(file, existing),
        removed: match extent {
            Extent::Addition => Vec::new(),
            Extent::Whole => only_in(existing, file),
        },
    }
}

/// The flows that `others` has not, or not as often.
fn only_in(flows: &[CashFlow], others: &[CashFlow]) -> Vec<CashFlow> {
    fn key(flow: &CashFlow) -> (NaiveDate, FlowKind, Option<&Symbol>, Decimal) {
        (flow.date, flow.kind, flow.symbol.as_ref(), flow.amount)
    }
    let mut left = BTreeMap::new();
    for flow in others {
        *left.entry(key(flow)).or_insert(0_usize) += 1;
    }
    let mut only = Vec::new();
    for flow in flows {
        match left.get_mut(&key(flow)) {
            Some(count) if *count > 0 => *count -= 1,
            _ => only.push(flow.clone()),
        }
    }
    only
}

/// What a file does to the marks that there are; a symbol has one mark a day.
pub fn compare_marks(existing: &[Mark], file: &[Mark], extent: Extent) -> MarkChange {
    fn by_day(marks: &[Mark]) -> BTreeMap<(&Symbol, NaiveDate), &Mark> {
        let days = marks.iter().map(|mark| ((&mark.symbol, mark.date), mark));
        days.collect()
    }
    let (known, wanted) = (by_day(existing), by_day(file));
    let mut change = MarkChange::default();
    for mark in file {
        match known.get(&(&mark.symbol, mark.date)) {
            None => change.added.push(mark.clone()),
            Some(before) if before.price != mark.price => {
                change.corrected.push((mark.clone(), before.price));
            }
            Some(_) => {}
        }
    }
    if extent == Extent::Whole {
        let gone = |mark: &&Mark| !wanted.contains_key(&(&mark.symbol, mark.date));
        change.removed = existing.iter().filter(gone).cloned().collect();
    }
    change
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn flow(kind: FlowKind, date: &str, amount: &str, symbol: Option<&str>) -> CashFlow {
        CashFlow {
            kind,
            date: day(date),
            amount: amount.parse().unwrap(),
            symbol: symbol.map(|symbol| symbol.parse().unwrap()),
        }
    }

    #[test]
    fn equal_flows_are_counted_and_zeros_at_the_end_mean_nothing() {
        let fee = |amount| flow(FlowKind::Fee, "2016-05-02", amount, None);
        let dividend = flow(FlowKind::Dividend, "2016-04-01", "5", Some("KO"));
        let other = CashFlow {
            symbol: Some("PEP".parse().unwrap()),
            ..dividend.clone()
        };
        let existing = [fee("5"), fee("5.0"), dividend.clone()];
        let file = [other.clone(), fee("5.00"), fee("6")];
        let added = compare_flows(&existing, &file, Extent::Addition);
        assert_eq!(added.added, [other.clone(), fee("6")]);
        assert_eq!(added.removed, []);
        let whole = compare_flows(&existing, &file, Extent::Whole);
        assert_eq!(whole.added, added.added);
        assert_eq!(whole.removed, [fee("5.0"), dividend.clone()]);
        assert_eq!(whole.from_date(), Some(day("2016-04-01")));
        let reversed = [dividend, fee("5"), fee("5")];
        let same = compare_flows(&existing, &reversed, Extent::Whole);
        assert_eq!((same.from_date(), same), (None, FlowChange::default()));
        assert_eq!(
            compare_flows(&existing, &[], Extent::Whole).removed,
            existing
        );
    }

    #[test]
    fn marks_are_added_corrected_and_removed_by_symbol_and_day() {
        let mark = |symbol: &str, date: &str, price: &str| Mark {
            symbol: symbol.parse().unwrap(),
            date: day(date),
            price: price.parse().unwrap(),
        };
        let existing = [
            mark("FUND", "2016-03-31", "100"),
            mark("FUND", "2016-06-30", "104"),
            mark("HOME", "2016-06-30", "450000"),
        ];
        let file = [
            mark("HOME", "2016-06-30", "450000.00"),
            mark("FUND", "2016-06-30", "98.5"),
            mark("FUND", "2016-09-30", "99"),
        ];
        let corrected = vec![(file[1].clone(), "104".parse().unwrap())];
        let addition = MarkChange {
            added: vec![file[2].clone()],
            corrected,
            removed: Vec::new(),
        };
        assert_eq!(compare_marks(&existing, &file, Extent::Addition), addition);
        assert_eq!(addition.from_date(), Some(day("2016-06-30")));
        let whole = compare_marks(&existing, &file, Extent::Whole);
        assert_eq!(whole.removed, [existing[0].clone()]);
        assert_eq!(whole.from_date(), Some(day("2016-03-31")));
        let same = compare_marks(&existing, &existing, Extent::Whole);
        assert_eq!(same, MarkChange::default());
    }
}
