//! All analytics of a book, each with its own outcome and its own panic guard.

use std::collections::BTreeMap;

use serde_json::json;

use super::book::{self, BookView};
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
    let (volatility, value_at_risk, volatility_outcome) = of_returns(&view, loaded);
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
    let sectors = guarded("sectors", || book::sectors(&view, loaded), |_| Vec::new());
    cx.check()?;
    let (stressed, stress_outcome) = stressed(cx, &view, loaded);
    let options = view
        .contracts
        .iter()
        .map(contracts::Contract::row)
        .collect();
    cx.check()?;

    view.missing.extend(loaded.accounts.unbooked.clone());
    let names = [
        "snapshot",
        "marks",
        "betas",
        "factors",
        "volatility",
        "correlation",
        "concentration",
        "stress",
    ];
    let outcomes = [
        snapshot,
        marks,
        betas,
        exposures.outcome,
        volatility_outcome,
        correlation_outcome,
        concentration_outcome,
        stress_outcome,
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
        volatility,
        correlation,
        concentration,
        sectors,
        stress: stressed.scenarios,
        options,
        value_at_risk,
        replays: stressed.replays,
        reverse: stressed.reverse,
        outcomes: outcomes.map(|outcome| outcome.word().to_owned()),
    })
}

/// Everything that looks at the past returns of today's book, under the entry `volatility`.
fn of_returns(
    view: &BookView<'_>,
    loaded: &Loaded,
) -> (Option<VolatilityRow>, Vec<ValueAtRiskRow>, Outcome) {
    let series = guarded(
        "return series",
        || volatility::return_series(view, loaded),
        Err,
    );
    let (volatility, mut outcome) = guarded(
        "volatility",
        || volatility::volatility(view, &series),
        |why| (None, Outcome::Failed(why)),
    );
    let (value_at_risk, of_losses) = guarded(
        "value at risk",
        || losses::value_at_risk(view, &series),
        |why| {
            let outcome = Outcome::Failed(why);
            (losses::left_out(&outcome), outcome)
        },
    );
    outcome.worsened_by(of_losses);
    (volatility, value_at_risk, outcome)
}

/// Scenarios, crises of the past, and moves that lose a given part.
struct Stressed {
    scenarios: Vec<StressRow>,
    replays: Vec<ReplayRow>,
    reverse: Vec<ReverseRow>,
}

/// Everything that stands under the entry `stress`.
fn stressed(cx: &Cx, view: &BookView<'_>, loaded: &Loaded) -> (Stressed, Outcome) {
    let (scenarios, mut outcome) = guarded(
        "stress",
        || stress::stress(view, loaded, &cx.cancel),
        |why| (Vec::new(), Outcome::Failed(why)),
    );
    let (replays, of_replays) = guarded(
        "historical replay",
        || replay::replays(view, loaded),
        |why| (Vec::new(), Outcome::Failed(why)),
    );
    outcome.worsened_by(of_replays);
    let (reverse, of_reverse) = guarded(
        "reverse stress",
        || reverse::reverse(view, loaded),
        |why| (Vec::new(), Outcome::Failed(why)),
    );
    outcome.worsened_by(of_reverse);
    let stressed = Stressed {
        scenarios,
        replays,
        reverse,
    };
    (stressed, outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

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
