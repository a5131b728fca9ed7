//! What a new file changes in a book: lots are compared as multisets, so that order and position
//! in the file mean nothing and equal lots are counted, not merged.
//!
//! A lot is the same if all terms of its entry are ([`Lot::content`]); it keeps its id whatever
//! happens to its exit.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::NaiveDate;
use serde::Serialize;

use crate::domain::{Exit, Lot, PositionId};

/// The difference between a book and a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BookChange {
    /// Lots that are only in the file, with ids that no lot of the book has.
    pub added: Vec<Lot>,
    /// Lots of the book that have an exit in the file and had none, or another one.
    pub closed: Vec<(PositionId, Exit)>,
    /// Lots of the book whose exit is not in the file any more.
    pub reopened: Vec<PositionId>,
    /// Lots that are only in the book.
    pub removed: Vec<PositionId>,
    /// Lots that are the same in both.
    pub unchanged: Vec<PositionId>,
    /// The earliest day whose numbers change; none if nothing changes.
    pub from_date: Option<NaiveDate>,
}

impl BookChange {
    /// Whether the file is the book.
    pub fn is_empty(&self) -> bool {
        self.from_date.is_none()
    }
}

/// What turns the lots of a book into those of a file. `existing` are the lots that are not
/// deleted; `new` carries the ids that the file alone would give.
pub fn compare(existing: &[Lot], new: &[Lot]) -> BookChange {
    let mut groups = BTreeMap::<String, (VecDeque<&Lot>, Vec<&Lot>)>::new();
    for lot in existing {
        groups.entry(lot.content()).or_default().0.push_back(lot);
    }
    for lot in new {
        groups.entry(lot.content()).or_default().1.push(lot);
    }
    let mut change = BookChange::default();
    let mut dates = Vec::new();
    for (old, new) in groups.into_values() {
        pair(old, new, &mut change, &mut dates);
    }
    // The order of the two lists, not that of the comparison.
    let order = |lots: &[Lot]| -> BTreeMap<PositionId, usize> {
        lots.iter()
            .enumerate()
            .map(|(index, lot)| (lot.id, index))
            .collect()
    };
    let (place, place_new) = (order(existing), order(new));
    let at = |id: &PositionId| place.get(id).copied();
    change
        .added
        .sort_by_key(|lot| place_new.get(&lot.id).copied());
    change.closed.sort_by_key(|(id, _)| at(id));
    for ids in [
        &mut change.reopened,
        &mut change.removed,
        &mut change.unchanged,
    ] {
        ids.sort_by_key(at);
    }
    change.from_date = dates.into_iter().min();
    change
}

/// Pairs the lots of one content: those with equal exits first, then open ones that are now
/// closed, then those whose exit changed or went; what is left was added or removed.
fn pair(
    mut old: VecDeque<&Lot>,
    mut new: Vec<&Lot>,
    change: &mut BookChange,
    dates: &mut Vec<NaiveDate>,
) {
    let taken: BTreeSet<_> = old.iter().map(|lot| lot.id).collect();
    let mut free: VecDeque<_> = new
        .iter()
        .map(|lot| lot.id)
        .filter(|id| !taken.contains(id))
        .collect();
    new.retain(|lot| {
        let same = old.iter().position(|old| old.exit == lot.exit);
        let same = same.and_then(|index| old.remove(index));
        change.unchanged.extend(same.map(|old| old.id));
        same.is_none()
    });
    // Open lots first: they are the ones that get an exit.
    old.make_contiguous().sort_by_key(|lot| lot.exit.is_some());
    new.sort_by_key(|lot| lot.exit.is_none());
    for lot in new {
        if let Some(before) = old.pop_front() {
            let exits = [before.exit, lot.exit];
            dates.extend(exits.into_iter().flatten().map(|exit| exit.date));
            match lot.exit {
                Some(exit) => change.closed.push((before.id, exit)),
                None => change.reopened.push(before.id),
            }
        } else {
            // As many ids are free as lots are added: a file gives each of its lots one.
            let id = free.pop_front().unwrap_or(lot.id);
            dates.push(lot.entry_date);
            change.added.push(Lot { id, ..lot.clone() });
        }
    }
    dates.extend(old.iter().map(|lot| lot.entry_date));
    change.removed.extend(old.iter().map(|lot| lot.id));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::PortfolioId;
    use crate::import::portfolio_csv::{self, Context};

    fn lots(rows: &str) -> Vec<Lot> {
        let header = "Symbol,Quantity,Entry Price Per Share,Entry Date,Investment Class,\
            Exit Date,Exit Price Per Share,Investment Subtype,Underlying Symbol,Strike Price,\
            Expiration Date,Option Type";
        let context = Context {
            portfolio: PortfolioId::of("demo", "book"),
            inception: "2016-01-04".parse().unwrap(),
            today: "2016-12-30".parse().unwrap(),
        };
        portfolio_csv::parse(format!("{header}\n{rows}").as_bytes(), &context).unwrap()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    const A: &str = "A,10,5,2016-01-04,PUBLIC,,\n";
    const A_SOLD: &str = "A,10,5,2016-01-04,PUBLIC,2016-03-01,7\n";
    const B: &str = "B,-3,5.50,2016-02-01,PUBLIC,,\n";
    const C: &str = "C,1,1,2016-05-02,PRIVATE,,\n";

    #[test]
    fn the_same_lots_in_another_order_are_no_change() {
        let book = lots(&[A, B, A_SOLD, C].concat());
        let change = compare(&book, &lots(&[C, A_SOLD, A, B].concat()));
        assert!(change.is_empty());
        assert_eq!(
            change.unchanged,
            book.iter().map(|lot| lot.id).collect::<Vec<_>>()
        );
        // Zeros at the end of a number are no change either.
        assert!(compare(&lots(B), &lots("B,-3.0,5.5,2016-02-01,PUBLIC,,\n")).is_empty());
    }

    #[test]
    fn one_of_two_equal_lots_is_closed_and_both_keep_their_ids() {
        let book = lots(&[A, A].concat());
        let change = compare(&book, &lots(&[A_SOLD, A].concat()));
        assert_eq!((change.added.len(), change.removed.len()), (0, 0));
        assert_eq!(change.unchanged.len(), 1);
        assert_eq!(change.closed.len(), 1);
        assert_ne!(change.closed[0].0, change.unchanged[0]);
        assert_eq!(change.from_date, Some(day("2016-03-01")));
    }

    #[test]
    fn added_and_removed_lots_are_counted() {
        let book = lots(&[A, B].concat());
        let change = compare(&book, &lots(&[A, C, A, A].concat()));
        assert_eq!(change.removed, [book[1].id]);
        assert_eq!(change.unchanged, [book[0].id]);
        assert_eq!(change.added.len(), 3);
        let ids: BTreeSet<_> = change
            .added
            .iter()
            .map(|lot| lot.id)
            .chain([book[0].id])
            .collect();
        assert_eq!(ids.len(), 4, "every added lot has an id of its own");
        assert_eq!(change.from_date, Some(day("2016-01-04")));
        // A book whose first lot of two was removed before keeps the id of the second.
        let second = &lots(&[A, A].concat())[1..];
        let change = compare(second, &lots(&[A, A].concat()));
        assert_eq!(change.unchanged, [second[0].id]);
        assert_ne!(change.added[0].id, second[0].id);
    }

    #[test]
    fn a_corrected_or_withdrawn_exit_is_named() {
        let book = lots(A_SOLD);
        let later = lots("A,10,5,2016-01-04,PUBLIC,2016-04-01,8\n");
        let change = compare(&book, &later);
        assert_eq!(change.closed, [(book[0].id, later[0].exit.unwrap())]);
        assert_eq!(change.from_date, Some(day("2016-03-01")));
        let change = compare(&book, &lots(A));
        assert_eq!(
            (change.reopened, change.from_date),
            (vec![book[0].id], Some(day("2016-03-01")))
        );
        assert_eq!(compare(&[], &[]), BookChange::default());
    }
}
