//! What the book may lose by its own past: value at risk, with the tests of whether it was right.

use std::collections::BTreeMap;

use serde_json::json;

use super::book::BookView;
use super::risk::flags;
use super::volatility::longer_series;
use super::{Loaded, Outcome};
use crate::analytics::portfolio_returns::PortfolioReturns;
use crate::analytics::value_at_risk::{
    Confidence, Loss, WINDOW, compounded, historical, parametric,
};
use crate::analytics::var_backtest::{Backtest, SESSIONS, backtest};
use crate::analytics::{Error as NumericError, MINIMUM_OBSERVATIONS};
use crate::phases::symbol_factors::reason;
use crate::store::portfolio_results::{BacktestRow, ValueAtRiskRow};

/// Sessions of the longer horizon.
const LONG: usize = 10;

/// A row for each confidence, with numbers or the reason why there are none.
pub(super) fn value_at_risk(
    view: &BookView<'_>,
    loaded: &Loaded,
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
    let Some(first) = have.checked_sub(WINDOW) else {
        let outcome =
            Outcome::Insufficient(reason(&NumericError::Insufficient { have, need: WINDOW }));
        return (left_out(&outcome, Some(series)), outcome);
    };
    match rows(view, series, &backtested(view, loaded, series), first) {
        Ok(rows) => (rows, Outcome::Done),
        Err(error) => {
            let outcome = Outcome::Failed(error.to_string());
            (left_out(&outcome, Some(series)), outcome)
        }
    }
}

/// Both rows without a number; how many returns there are, if there is a series of them.
pub(super) fn left_out(
    outcome: &Outcome,
    series: Option<&PortfolioReturns>,
) -> Vec<ValueAtRiskRow> {
    let row = |confidence: Confidence| ValueAtRiskRow {
        confidence: 1.0 - confidence.tail(),
        outcome: outcome.word(),
        reason: outcome.reason().map(ToOwned::to_owned),
        n: series.map(|series| count(series.returns.len())),
        filled: series.map(|series| count(series.filled)),
        dropped: series.map(|series| count(series.dropped)),
        ..ValueAtRiskRow::default()
    };
    Confidence::ALL.into_iter().map(row).collect()
}

/// What the backtest looks at: the series, or one that reaches further back where sessions that are left out made it too short.
pub(super) fn backtested(
    view: &BookView<'_>,
    loaded: &Loaded,
    series: &PortfolioReturns,
) -> PortfolioReturns {
    if series.dropped == 0 || series.returns.len() >= WINDOW + SESSIONS {
        return series.clone();
    }
    // What cannot be made of so long ago takes nothing from what there is.
    longer_series(view, loaded).unwrap_or_else(|_| series.clone())
}

/// Of the returns from the `first` on; the backtest looks at the longer series.
fn rows(
    view: &BookView<'_>,
    series: &PortfolioReturns,
    longer: &PortfolioReturns,
    first: usize,
) -> Result<Vec<ValueAtRiskRow>, NumericError> {
    let last = &series.returns[first..];
    let long = compounded(last, &series.sessions[first..], LONG)?;
    let row = |confidence: Confidence| {
        let pair = |loss: Loss| Some([loss.value_at_risk, loss.expected_shortfall]);
        let mut reasons = BTreeMap::new();
        // A series in pieces has few runs, and the tail of a handful is no estimate.
        let historical_10 = if long.len() < MINIMUM_OBSERVATIONS {
            let why = format!(
                "{} of {MINIMUM_OBSERVATIONS} runs of {LONG} consecutive sessions",
                long.len()
            );
            reasons.insert("historical_10", why);
            None
        } else {
            pair(historical(&long, confidence)?)
        };
        let tests = match backtest(&longer.returns, confidence) {
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
            historical_10,
            parametric_1: pair(parametric(last, confidence, 1)?),
            parametric_10: pair(parametric(last, confidence, LONG)?),
            backtest: tests,
            n: Some(count(last.len())),
            windows: Some(count(long.len())),
            filled: Some(count(series.filled)),
            dropped: Some(count(series.dropped)),
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

#[cfg(test)]
mod tests {
    use super::super::made_up::of_the_market;
    use super::*;
    use crate::domain::Calendar;

    fn of(series: PortfolioReturns) -> Vec<ValueAtRiskRow> {
        let loaded = of_the_market(Vec::new());
        let view = BookView::new(&loaded, Calendar::nyse());
        let (rows, outcome) = value_at_risk(&view, &loaded, &Ok(series));
        assert_eq!(outcome, Outcome::Done);
        rows
    }

    /// 252 returns of −0.1 % each, without the sessions that are given.
    fn series(dropped: &[usize]) -> PortfolioReturns {
        let sessions = (0..).filter(|at| !dropped.contains(at));
        PortfolioReturns {
            sessions: sessions.take(WINDOW).collect(),
            returns: vec![-0.001; WINDOW],
            filled: 3,
            dropped: dropped.len(),
        }
    }

    #[test]
    fn ten_sessions_in_a_row_are_consecutive_in_the_calendar() {
        // A session is missing after the 120th; the returns on both sides of it are losses of 40 %.
        let mut series = series(&[120]);
        (series.returns[119], series.returns[120]) = (-0.4, -0.4);
        let rows = of(series);
        for row in &rows {
            let counts = [row.n, row.windows, row.filled, row.dropped].map(Option::unwrap);
            // 120 returns have 111 runs of ten, the 132 after the hole have 123.
            assert_eq!(counts, [252, 111 + 123, 3, 1]);
        }
        // One run ends with the first loss and one begins with the second: with 234 runs the quantile of 1 % lies between the third and the
        // fourth of them, which lose 1 − 0.999¹⁰. Nine runs across the hole would have lost two thirds.
        let [value_at_risk, shortfall] = rows[1].historical_10.unwrap();
        assert!(
            (value_at_risk - 0.009_955_119_790_251_7).abs() < 1e-12,
            "{value_at_risk}"
        );
        // Those two lose 1 − 0.6 × 0.999⁹. Every run is at the quantile or beyond it: (2 × 0.405378450324 + 232 × 0.009955119790) / 234.
        assert!((shortfall - 0.013_334_806_376).abs() < 1e-12, "{shortfall}");
        let whole = of(self::series(&[]));
        assert_eq!((whole[0].windows, whole[0].dropped), (Some(243), Some(0)));
    }

    #[test]
    fn a_series_in_pieces_has_no_estimate_of_ten_sessions_and_says_why() {
        // Every tenth session is missing: nine in a row, and never ten.
        let tenths: Vec<usize> = (1..40).map(|k| 10 * k - 1).collect();
        for row in of(series(&tenths)) {
            assert_eq!((row.windows, row.historical_10), (Some(0), None));
            let why = "0 of 60 runs of 10 consecutive sessions";
            assert_eq!(row.reasons["historical_10"], why);
            assert!(row.historical_1.is_some() && row.parametric_10.is_some());
        }
    }
}
