//! Stress tests: every active scenario in both legs, within 90 seconds.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::book::BookView;
use super::risk::amount;
use super::{Loaded, Outcome};
use crate::analytics::linalg::Matrix;
use crate::analytics::stress::{self, Shock, ShockKind, StressModel};
use crate::analytics::stress_pnl::{instrument_move, profit_and_loss};
use crate::clock::Deadline;
use crate::domain::{self, FactorRole, INTEREST_RATE};
use crate::store::portfolio_results::StressRow;
use crate::store::symbol_results::CovarianceRow;

/// What one portfolio may take; scenarios that do not fit are recorded as timed out.
const LIMIT: Duration = Duration::from_secs(90);

/// A row for each active scenario, all those that fit into [`LIMIT`].
pub(super) fn stress(
    view: &BookView<'_>,
    loaded: &Loaded,
    cancel: &CancellationToken,
) -> (Vec<StressRow>, Outcome) {
    let until = Deadline::after(LIMIT);
    within(view, loaded, || until.passed() || cancel.is_cancelled())
}

/// The same with another limit: `late` is asked before each scenario whether there is no time left for it.
fn within(
    view: &BookView<'_>,
    loaded: &Loaded,
    late: impl Fn() -> bool,
) -> (Vec<StressRow>, Outcome) {
    let active = loaded
        .definitions
        .scenarios
        .iter()
        .filter(|scenario| scenario.active);
    if let Some(outcome) = view.nothing_to_model() {
        let rows = active
            .map(|scenario| left_out(scenario, &outcome))
            .collect();
        return (rows, outcome);
    }
    let (covariance, model) = match model(loaded) {
        Ok(found) => found,
        Err(outcome) => {
            let rows = active
                .map(|scenario| left_out(scenario, &outcome))
                .collect();
            return (rows, outcome);
        }
    };
    let mut rows = Vec::new();
    let mut outcome = Outcome::Done;
    for scenario in active {
        if late() {
            let left = Outcome::TimedOut(format!("not within {} seconds", LIMIT.as_secs()));
            rows.push(left_out(scenario, &left));
            outcome = left;
            continue;
        }
        let row = one(view, loaded, covariance, &model, scenario);
        if row.outcome == "failed" {
            outcome = Outcome::Failed(row.reason.clone().unwrap_or_default());
        }
        rows.push(row);
    }
    if rows.is_empty() {
        outcome = Outcome::NotApplicable("no active scenario".to_owned());
    } else if rows.iter().all(|row| row.outcome == "insufficient_data") {
        let why = rows.iter().find_map(|row| row.reason.clone());
        outcome = Outcome::Insufficient(why.unwrap_or_default());
    }
    (rows, outcome)
}

pub(super) fn model(loaded: &Loaded) -> Result<(&CovarianceRow, StressModel), Outcome> {
    let missing = "no factor covariance of this date";
    let row = loaded.covariance.as_ref();
    let row = row.ok_or_else(|| Outcome::Insufficient(missing.to_owned()))?;
    if let Some(why) = &row.reason {
        return Err(Outcome::Insufficient(why.clone()));
    }
    let failed = |error: crate::analytics::Error| Outcome::Failed(error.to_string());
    let market = row.roles.iter().position(|role| role == "market");
    let market = market.ok_or_else(|| Outcome::Insufficient("no market factor".to_owned()))?;
    let size = row.factors.len();
    let covariance = Matrix::new(size, size, row.proxy_covariance.clone()).map_err(failed)?;
    let model = StressModel::new(market, row.market_slopes.clone(), covariance).map_err(failed)?;
    Ok((row, model))
}

fn left_out(scenario: &domain::Scenario, outcome: &Outcome) -> StressRow {
    StressRow {
        scenario: scenario.id.clone(),
        outcome: outcome.word(),
        reason: outcome.reason().map(ToOwned::to_owned),
        pnl: None,
        fractions: [None; 2],
        floored: None,
        plausibility: None,
        implausible: None,
        coverage: None,
    }
}

fn one(
    view: &BookView<'_>,
    loaded: &Loaded,
    covariance: &CovarianceRow,
    model: &StressModel,
    scenario: &domain::Scenario,
) -> StressRow {
    let shocks = match shocks(loaded, covariance, scenario) {
        Ok(shocks) => shocks,
        Err(outcome) => return left_out(scenario, &outcome),
    };
    match legs(view, model, &shocks, scenario.implied_vol_multiplier) {
        Ok((legs, plausibility)) => {
            let money = |of: fn((f64, f64)) -> f64| {
                let [direct, propagated] = legs.map(|leg| amount(of(leg)));
                Some([direct?, propagated?])
            };
            let (pnl, floored) = (money(|leg| leg.0), money(|leg| leg.1));
            if pnl.is_none() || floored.is_none() {
                let why = "profit and loss is no amount".to_owned();
                return left_out(scenario, &Outcome::Failed(why));
            }
            let fraction = |pnl: f64| view.nav.map(|nav| pnl / nav);
            StressRow {
                scenario: scenario.id.clone(),
                outcome: "done",
                reason: None,
                pnl,
                fractions: legs.map(|leg| fraction(leg.0)),
                floored,
                plausibility: Some((plausibility.distance, plausibility.tail)),
                implausible: Some(plausibility.implausible),
                coverage: view.coverage,
            }
        }
        // Two proxies that are one, or one that stands still: how far out such shocks are cannot be said, however often it is tried.
        Err(crate::analytics::Error::NotPositiveDefinite { .. }) => {
            let why = "the covariance of the shocked factors is singular: one of them says nothing of its own";
            left_out(scenario, &Outcome::Insufficient(why.to_owned()))
        }
        Err(error) => left_out(scenario, &Outcome::Failed(error.to_string())),
    }
}

/// Shocks as rows over the factors that have a series.
pub(super) fn shocks(
    loaded: &Loaded,
    covariance: &CovarianceRow,
    scenario: &domain::Scenario,
) -> Result<Vec<Shock>, Outcome> {
    let mut rows = Vec::with_capacity(scenario.shocks.len());
    for shock in &scenario.shocks {
        let factor = loaded.definitions.factors.iter().find(|factor| {
            factor.name == shock.factor
                || (shock.factor == INTEREST_RATE && factor.role == FactorRole::Rates)
        });
        let Some(factor) = factor else {
            let why = format!("factor {} is not defined", shock.factor);
            return Err(Outcome::Insufficient(why));
        };
        let Some(at) = covariance
            .factors
            .iter()
            .position(|name| *name == factor.name)
        else {
            let (name, proxy) = (&factor.name, &factor.proxy);
            let why = covariance.unavailable.get(name);
            let why = why.and_then(|why| why.as_str()).map_or_else(
                || format!("factor {name} has no series ({proxy})"),
                |why| format!("factor {name} is not available: {why}"),
            );
            return Err(Outcome::Insufficient(why));
        };
        let kind = match shock.kind {
            domain::ShockKind::TotalReturn => ShockKind::TotalReturn,
            domain::ShockKind::MarketRelative => ShockKind::MarketRelative,
            domain::ShockKind::YieldChange => ShockKind::YieldChange {
                duration: factor.duration.unwrap_or(0.0),
                convexity: factor.convexity.unwrap_or(0.0),
            },
        };
        rows.push(Shock {
            factor: at,
            kind,
            size: shock.value,
        });
    }
    Ok(rows)
}

/// Profit and loss with the floored part: direct, then propagated.
type Legs = [(f64, f64); 2];

fn legs(
    view: &BookView<'_>,
    model: &StressModel,
    shocks: &[Shock],
    volatility: f64,
) -> Result<(Legs, stress::Plausibility), crate::analytics::Error> {
    let moves = model.scenario(shocks)?;
    let leg = |factor_moves: &[f64]| {
        let (mut profit, mut linear) = (0.0, Vec::with_capacity(view.modelled.len()));
        for one in &view.modelled {
            let by = instrument_move(&one.betas, factor_moves)?;
            profit += one.profit(by.applied, volatility)?;
            linear.push((one.linear, by));
        }
        // The price of an option is never below zero: only stock meets the floor.
        Ok::<_, crate::analytics::Error>((profit, profit_and_loss(&linear).floored))
    };
    Ok((
        [leg(&moves.direct)?, leg(&moves.propagated)?],
        moves.plausibility,
    ))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use rust_decimal::Decimal;

    use super::super::made_up::of_the_market;
    use super::*;
    use crate::domain::Calendar;

    fn scenario(id: &str, market: f64) -> domain::Scenario {
        domain::Scenario {
            id: id.to_owned(),
            name: id.to_owned(),
            category: "market".to_owned(),
            severity: "severe".to_owned(),
            active: true,
            implied_vol_multiplier: 1.0,
            shocks: vec![domain::Shock {
                factor: "Market".to_owned(),
                value: market,
                kind: domain::ShockKind::TotalReturn,
            }],
        }
    }

    #[test]
    fn what_does_not_fit_is_timed_out_and_what_came_before_it_is_kept() {
        let shocks = [("a", -0.1), ("b", -0.2), ("c", -0.3), ("d", -0.4)];
        let loaded = of_the_market(shocks.map(|(id, by)| scenario(id, by)).to_vec());
        let view = BookView::new(&loaded, Calendar::nyse());
        let (whole, outcome) = within(&view, &loaded, || false);
        assert_eq!(outcome, Outcome::Done);
        // The time is over when the third is about to begin.
        let asked = Cell::new(0);
        let late = || {
            asked.set(asked.get() + 1);
            asked.get() > 2
        };
        let (rows, outcome) = within(&view, &loaded, late);
        let why = "not within 90 seconds";
        assert_eq!(outcome, Outcome::TimedOut(why.to_owned()));
        assert_eq!(asked.get(), 4, "once for each scenario");
        for ((row, whole), (id, by)) in rows.iter().zip(&whole).zip(shocks).take(2) {
            assert_eq!((row.scenario.as_str(), row.outcome), (id, "done"));
            assert_eq!((row.pnl, row.fractions), (whole.pnl, whole.fractions));
            let propagated = row.fractions[1].unwrap();
            assert!((propagated - by).abs() < 1e-9, "{id}: {propagated}");
        }
        assert_eq!(rows.len(), 4);
        for row in &rows[2..] {
            let told = (row.outcome, row.reason.as_deref(), row.pnl);
            assert_eq!(told, ("timed_out", Some(why), None), "{}", row.scenario);
        }
    }

    #[test]
    fn a_run_that_is_cancelled_begins_no_scenario() {
        let loaded = of_the_market(vec![scenario("a", -0.1)]);
        let view = BookView::new(&loaded, Calendar::nyse());
        let cancel = CancellationToken::new();
        assert_eq!(stress(&view, &loaded, &cancel).1, Outcome::Done);
        cancel.cancel();
        let (rows, outcome) = stress(&view, &loaded, &cancel);
        assert_eq!(
            (rows[0].outcome, outcome.word()),
            ("timed_out", "timed_out")
        );
    }

    #[test]
    fn the_floor_stops_a_loss_at_all_there_is_and_says_how_much_it_took_off() {
        // A move of −120 % of 100,000 would lose 120,000: all of it is lost, and 20,000 are floored.
        let loaded = of_the_market(vec![scenario("a", -1.2)]);
        let view = BookView::new(&loaded, Calendar::nyse());
        let (rows, outcome) = within(&view, &loaded, || false);
        assert_eq!(outcome, Outcome::Done);
        for leg in 0..2 {
            let [pnl, floored] = [rows[0].pnl, rows[0].floored].map(|of| of.unwrap()[leg]);
            let told = [pnl, floored].map(|amount| amount.round_dp(4));
            assert_eq!(told, [-100_000, 20_000].map(Decimal::from));
        }
    }
}
