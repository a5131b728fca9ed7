//! Splits and dividends by the session on which they count.

use rust_decimal::Decimal;

use crate::domain::Calendar;
use crate::market_data::CorporateAction;
use crate::phases::{Error, Result};

/// Decimals of a dividend that a later split divides: as many as are kept of one in a file, which leaves room for the ledger's products.
const DECIMALS: u32 = 12;

/// The actions of an answer with sessions as their ex-dates: a date that is no session moves to the next one, and what meets there is one
/// action, as it is stored by session.
pub(super) fn on_sessions(
    calendar: Calendar,
    actions: &[CorporateAction],
) -> Result<Vec<CorporateAction>> {
    let mut moved: Vec<CorporateAction> = Vec::with_capacity(actions.len());
    for action in actions {
        let session = calendar.on_or_after(action.ex_date);
        let session = session.map_err(|error| Error::Permanent(error.to_string()))?;
        let action = CorporateAction {
            ex_date: session.date(),
            ..*action
        };
        match moved.last_mut() {
            Some(last) if last.ex_date == action.ex_date => *last = joined(last, &action),
            _ => moved.push(action),
        }
    }
    Ok(moved)
}

/// One action for two that follow each other within the days of one session.
fn joined(earlier: &CorporateAction, later: &CorporateAction) -> CorporateAction {
    let splits = [earlier.split_ratio, later.split_ratio];
    // A dividend is told per share after the split of its session, and the later split came after the earlier dividend.
    let before = earlier.cash_dividend.map(|cash| match later.split_ratio {
        Some(ratio) => cash.checked_div(ratio).unwrap_or(Decimal::MAX),
        None => cash,
    });
    let before = before.map(|cash| cash.round_dp(DECIMALS));
    let dividends = [before, later.cash_dividend];
    let dividend = dividends.into_iter().flatten();
    let dividend = dividend.reduce(Decimal::saturating_add);
    let split = splits.into_iter().flatten();
    CorporateAction {
        ex_date: later.ex_date,
        split_ratio: split
            .reduce(Decimal::saturating_mul)
            .map(|ratio| ratio.normalize()),
        cash_dividend: dividend
            .map(|cash| cash.normalize())
            .filter(|cash| !cash.is_zero()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(date: &str, split: &str, dividend: &str) -> CorporateAction {
        CorporateAction {
            ex_date: date.parse().unwrap(),
            split_ratio: split.parse().ok(),
            cash_dividend: dividend.parse().ok(),
        }
    }

    fn moved(actions: &[CorporateAction]) -> Vec<CorporateAction> {
        on_sessions(Calendar::nyse(), actions).unwrap()
    }

    #[test]
    fn an_action_of_a_day_that_is_no_session_is_one_of_the_next_session() {
        let of_sessions = [
            action("2016-12-22", "", "0.1"),
            action("2016-12-23", "2", "0.3"),
        ];
        assert_eq!(moved(&of_sessions), of_sessions);
        // A Saturday, then Christmas, which the exchange kept on the Monday.
        let closed = [
            action("2016-12-17", "3", ""),
            action("2016-12-26", "", "0.4"),
        ];
        let next = [
            action("2016-12-19", "3", ""),
            action("2016-12-27", "", "0.4"),
        ];
        assert_eq!(moved(&closed), next);
    }

    #[test]
    fn actions_that_meet_on_a_session_are_one_that_loses_none() {
        let meet = |actions: [CorporateAction; 3]| moved(&actions);
        let split_first = meet([
            action("2016-12-24", "2", ""),
            action("2016-12-26", "", "0.5"),
            action("2016-12-27", "", "0.25"),
        ]);
        assert_eq!(split_first, [action("2016-12-27", "2", "0.75")]);
        // Eight for each share of Friday come to one for each of the eight shares of Tuesday.
        let split_last = meet([
            action("2016-12-24", "", "8"),
            action("2016-12-26", "2", ""),
            action("2016-12-27", "4", "0.25"),
        ]);
        assert_eq!(split_last, [action("2016-12-27", "8", "1.25")]);
        // A third is no decimal.
        let rounded = moved(&[action("2016-12-24", "", "1"), action("2016-12-27", "3", "")]);
        assert_eq!(rounded, [action("2016-12-27", "3", "0.333333333333")]);
    }
}
