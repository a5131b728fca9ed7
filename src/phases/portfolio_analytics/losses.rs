//! What the book may lose by its own past: value at risk, with the tests of whether it was right.

use std::collections::BTreeMap;

use serde_json::json;

use super::Outcome;
use super::book::BookView;
use super::risk::flags;
use crate::analytics::Error as NumericError;
use crate::analytics::portfolio_returns::PortfolioReturns;
use crate::analytics::value_at_risk::{
    Confidence, Loss, WINDOW, compounded, historical, parametric,
};
use crate::analytics::var_backtest::{Backtest, backtest};
use crate::phases::symbol_factors::reason;
use crate::store::portfolio_results::{BacktestRow, ValueAtRiskRow};

/// Sessions of the longer horizon.
const LONG: usize = 10;

/// A row for each confidence, with numbers or the reason why there are none.
pub(super) fn value_at_risk(
    view: &BookView<'_>,
    series: &Result<PortfolioReturns, String>,
) -> (Vec<ValueAtRiskRow>, Outcome) {
    let none = view.nothing_to_model().or_else(|| view.no_ratios.clone());
    if let Some(outcome) = none {
        return (left_out(&outcome, None), outcome);
    }
    let series = match series {
        Ok(series) => series,
        Err(why) => {
            let outcome = Outcome::Failed(why.clone());
            return (left_out(&outcome, None), outcome);
        }
    };
    let have = series.returns.len();
    let Some(last) = have.checked_sub(WINDOW).map(|at| &series.returns[at..]) else {
        let outcome =
            Outcome::Insufficient(reason(&NumericError::Insufficient { have, need: WINDOW }));
        return (left_out(&outcome, Some(have)), outcome);
    };
    match rows(view, series, last) {
        Ok(rows) => (rows, Outcome::Done),
        Err(error) => {
            let outcome = Outcome::Failed(error.to_string());
            (left_out(&outcome, Some(have)), outcome)
        }
    }
}

/// Both rows without a number, of a series of this many returns if there is one.
pub(super) fn left_out(outcome: &Outcome, have: Option<usize>) -> Vec<ValueAtRiskRow> {
    let row = |confidence: Confidence| ValueAtRiskRow {
        confidence: 1.0 - confidence.tail(),
        outcome: outcome.word(),
        reason: outcome.reason().map(ToOwned::to_owned),
        n: have.map(count),
        ..ValueAtRiskRow::default()
    };
    Confidence::ALL.into_iter().map(row).collect()
}

fn rows(
    view: &BookView<'_>,
    series: &PortfolioReturns,
    last: &[f64],
) -> Result<Vec<ValueAtRiskRow>, NumericError> {
    let long = compounded(last, LONG)?;
    let row = |confidence: Confidence| {
        let pair = |loss: Loss| Some([loss.value_at_risk, loss.expected_shortfall]);
        let mut reasons = BTreeMap::new();
        let tests = match backtest(&series.returns, confidence) {
            Ok(tests) => Some(stored(&tests)),
            Err(error) => {
                reasons.insert("backtest", reason(&error));
                None
            }
        };
        Ok(ValueAtRiskRow {
            confidence: 1.0 - confidence.tail(),
            outcome: "done",
            reason: None,
            historical_1: pair(historical(last, confidence)?),
            historical_10: pair(historical(&long, confidence)?),
            parametric_1: pair(parametric(last, confidence, 1)?),
            parametric_10: pair(parametric(last, confidence, LONG)?),
            backtest: tests,
            n: Some(count(last.len())),
            coverage: view.coverage,
            flags: flags(view),
            reasons: json!(reasons),
        })
    };
    Confidence::ALL.into_iter().map(row).collect()
}

fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

fn stored(tests: &Backtest) -> BacktestRow {
    BacktestRow {
        sessions: count(tests.sessions),
        exceptions: count(tests.exceptions),
        expected: tests.expected,
        kupiec: [tests.kupiec.statistic, tests.kupiec.p],
        independence: [tests.independence.statistic, tests.independence.p],
        conditional: [tests.conditional.statistic, tests.conditional.p],
    }
}
