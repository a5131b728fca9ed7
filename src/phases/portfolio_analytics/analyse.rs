//! All analytics of a book, each with its own outcome and its own panic guard.

use std::collections::BTreeMap;

use serde_json::json;

use super::book::{self, BookView};
use super::sectors::{self, Sectors};
use super::{
    Cx, Loaded, NO_SNAPSHOT, NO_VALUES, Outcome, Result, contracts, losses, replay, reverse, risk,
    stress, volatility,
};
use crate::store::portfolio_results::{
    AnalyticsRows, ReplayRow, ReverseRow, StressRow, ValueAtRiskRow, VolatilityRow,
};

/// Runs an analytic; a panic is its failure alone.
fn guarded<T>(analytic: &str, run: impl FnOnce() -> T, failed: impl FnOnce(String) -> T) -> T {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)) {
        Ok(value) => value,
        Err(panic) => {
            let text = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_default();
            tracing::error!(analytic, panic = text, "an analytic panicked");
            failed(format!("{analytic} panicked: {text}"))
        }
    }
}

/// All analytics of the book.
pub(super) fn analyse(cx: &Cx, loaded: &Loaded) -> Result<AnalyticsRows> {
    cx.check()?;
    let mut view = BookView::new(loaded, cx.calendar);
    let left = |there: bool, what: &str| {
        if there {
            Outcome::Done
        } else {
            Outcome::Failed(what.to_owned())
        }
    };
    let snapshot = left(loaded.accounts.money.is_some(), NO_SNAPSHOT);
    let marks = left(loaded.accounts.valued, NO_VALUES);
    let betas = view.betas_outcome();
    let exposures = guarded(
        "factors",
        || risk::exposures(&view, loaded),
        risk::Exposures::failed,
    );
    cx.check()?;
    let of_returns = of_returns(&view, loaded);
    let (correlation, correlation_outcome) = guarded(
        "correlation",
        || volatility::correlation(&view, loaded),
        |why| (None, Outcome::Failed(why)),
    );
    let (concentration, concentration_outcome) = guarded(
        "concentration",
        || book::concentration(&view),
        |why| (None, Outcome::Failed(why)),
    );
    let sectors = guarded(
        "sectors",
        || sectors::sectors(&view, loaded),
        |_| Sectors::default(),
    );
    cx.check()?;
    let stressed = stressed(cx, &view, loaded);
    let options = view
        .contracts
        .iter()
        .map(contracts::Contract::row)
        .collect();
    cx.check()?;

    view.missing.extend(loaded.accounts.doubts.clone());
    let names = [
        "snapshot",
        "marks",
        "betas",
        "factors",
        "volatility",
        "correlation",
        "concentration",
        "stress",
        "value_at_risk",
        "replay",
        "reverse_stress",
    ];
    let outcomes = [
        snapshot,
        marks,
        betas,
        exposures.outcome,
        of_returns.volatility.1,
        correlation_outcome,
        concentration_outcome,
        stressed.scenarios.1,
        of_returns.value_at_risk.1,
        stressed.replays.1,
        stressed.reverse.1,
    ];
    let reasons: BTreeMap<&str, &str> = names
        .iter()
        .zip(&outcomes)
        .filter_map(|(name, outcome)| outcome.reason().map(|reason| (*name, reason)))
        .collect();
    Ok(AnalyticsRows {
        portfolio: loaded.portfolio,
        as_of: loaded.as_of,
        strict: outcomes.iter().all(Outcome::is_strict),
        reasons: json!(reasons),
        missing: json!(view.missing),
        coverage: view.coverage,
        factors: exposures.factors,
        position_factors: exposures.positions,
        risk: exposures.risk,
        contributions: exposures.contributions,
        volatility: of_returns.volatility.0,
        correlation,
        concentration,
        position_sectors: sectors.lots,
        sectors: sectors.buckets,
        active_weights: sectors.active,
        stress: stressed.scenarios.0,
        options,
        value_at_risk: of_returns.value_at_risk.0,
        replays: stressed.replays.0,
        reverse: stressed.reverse.0,
        outcomes: outcomes.map(|outcome| outcome.word().to_owned()),
    })
}

/// Everything that looks at the past returns of today's book.
struct OfReturns {
    volatility: (Option<VolatilityRow>, Outcome),
    value_at_risk: (Vec<ValueAtRiskRow>, Outcome),
}

fn of_returns(view: &BookView<'_>, loaded: &Loaded) -> OfReturns {
    let series = guarded(
        "return series",
        || volatility::return_series(view, loaded),
        Err,
    );
    OfReturns {
        volatility: guarded(
            "volatility",
            || volatility::volatility(view, &series),
            |why| (None, Outcome::Failed(why)),
        ),
        value_at_risk: guarded(
            "value at risk",
            || losses::value_at_risk(view, loaded, &series),
            |why| {
                let outcome = Outcome::Failed(why);
                (losses::left_out(&outcome, None), outcome)
            },
        ),
    }
}

/// Scenarios, crises of the past, and moves that lose a given part.
struct Stressed {
    scenarios: (Vec<StressRow>, Outcome),
    replays: (Vec<ReplayRow>, Outcome),
    reverse: (Vec<ReverseRow>, Outcome),
}

fn stressed(cx: &Cx, view: &BookView<'_>, loaded: &Loaded) -> Stressed {
    let scenarios = guarded(
        "stress",
        || stress::stress(view, loaded, &cx.cancel),
        |why| (Vec::new(), Outcome::Failed(why)),
    );
    let (replays, outcome) = guarded(
        "historical replay",
        || replay::replays(view, loaded),
        |why| (Vec::new(), Outcome::Failed(why)),
    );
    let of_rows = replays
        .iter()
        .map(|row| (row.outcome, row.reason.as_deref()));
    let outcome = of_all(outcome, of_rows, "no crisis is over at this date");
    let replays = (replays, outcome);
    let (reverse, outcome) = guarded(
        "reverse stress",
        || reverse::reverse(view, loaded),
        |why| (Vec::new(), Outcome::Failed(why)),
    );
    let of_rows = reverse
        .iter()
        .map(|row| (row.outcome, row.reason.as_deref()));
    let outcome = of_all(outcome, of_rows, "no loss to look for");
    Stressed {
        scenarios,
        replays,
        reverse: (reverse, outcome),
    }
}

/// The outcome of an analytic with rows of their own outcomes: done where one of them is, else that of the first.
fn of_all<'a>(
    outcome: Outcome,
    mut rows: impl Iterator<Item = (&'a str, Option<&'a str>)> + Clone,
    without: &str,
) -> Outcome {
    if outcome != Outcome::Done || rows.clone().any(|(word, _)| word == "done") {
        return outcome;
    }
    match rows.next() {
        None => Outcome::NotApplicable(without.to_owned()),
        Some((word, reason)) => {
            let reason = reason.unwrap_or(word).to_owned();
            if word == Outcome::NotApplicable(String::new()).word() {
                Outcome::NotApplicable(reason)
            } else {
                Outcome::Insufficient(reason)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_analytic_of_several_rows_is_done_where_one_of_them_is() {
        let all = |rows: &[(&'static str, Option<&'static str>)]| {
            of_all(Outcome::Done, rows.iter().copied(), "none")
        };
        let short = ("insufficient_data", Some("no closes"));
        assert_eq!(all(&[short, ("done", None)]), Outcome::Done);
        assert_eq!(all(&[short]), Outcome::Insufficient("no closes".into()));
        let apart = ("not_applicable", Some("private assets only"));
        assert_eq!(
            all(&[apart, short]),
            Outcome::NotApplicable("private assets only".into())
        );
        assert_eq!(all(&[]), Outcome::NotApplicable("none".into()));
        let failed = Outcome::Failed("NaN".into());
        assert_eq!(of_all(failed.clone(), [short].into_iter(), "none"), failed);
    }

    #[test]
    fn a_panic_is_the_failure_of_its_analytic_alone() {
        let failed = |why| (None::<f64>, Outcome::Failed(why));
        let outcomes = [
            guarded("stress", || panic!("index out of bounds"), failed),
            guarded("stress", || panic!("{} of {}", 3, 2), failed),
            guarded("stress", || (Some(1.0), Outcome::Done), failed),
        ];
        assert_eq!(
            outcomes,
            [
                failed("stress panicked: index out of bounds".to_owned()),
                failed("stress panicked: 3 of 2".to_owned()),
                (Some(1.0), Outcome::Done)
            ]
        );
    }
}
