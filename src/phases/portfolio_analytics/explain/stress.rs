//! The result of a stress test, in both legs.

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Explained, Line, Metric, Number, Refusal, Sources, line, money, told};
use crate::analytics::stress_pnl::instrument_move;
use crate::domain::{Scenario, ShockKind};
use crate::phases::portfolio_analytics::stress::{model, shocks, stress};

pub(super) const STRESS: Metric = Metric {
    name: "stress",
    argument: Some("SCENARIO:direct or SCENARIO:propagated"),
    about: "profit or loss under a scenario",
    formula: "Σ stock × max(Σ beta × factor move, −1) / NAV, options repriced in full",
    source: "stress_test_scenarios, stress_test_shocks, factor_covariance, symbol_factor_exposures, position_values",
    unit: "a fraction of NAV, a loss is negative",
    explain: scenario,
    told: told::stress,
};

/// How a leg is made.
pub(super) fn formula(direct: bool) -> &'static str {
    if direct {
        "Σ stock × max(Σ beta × factor move, −1) / NAV, options repriced in full; shocked rows hold, every other factor stands still"
    } else {
        "Σ stock × max(Σ beta × factor move, −1) / NAV, options repriced in full; other factors move as they are expected to, given the shocks"
    }
}

fn scenario(sources: &Sources<'_>, argument: &str) -> Result<Explained, Refusal> {
    let (id, leg) = argument.split_once(':').unwrap_or((argument, "propagated"));
    let mut results = sources.report.stress.iter();
    let (Some(stored), true) = (
        results.find(|row| row.scenario == id),
        ["direct", "propagated"].contains(&leg),
    ) else {
        if sources.report.stress.is_empty() {
            return Err(sources.not_stored("stress"));
        }
        let rows = sources.report.stress.iter();
        let both = rows
            .flat_map(|row| ["direct", "propagated"].map(|leg| format!("{}:{leg}", row.scenario)));
        return Err(Refusal::Argument(both.collect()));
    };
    let direct = leg == "direct";
    let value = if direct {
        stored.direct
    } else {
        stored.propagated
    };
    let Some(value) = value else {
        let why = stored.reason.clone();
        return Err(Refusal::NotStored(
            why.unwrap_or_else(|| "nonpositive_nav".to_owned()),
        ));
    };
    let refuse = |why: String| Refusal::NotMade(why);
    let mut definitions = sources.loaded.definitions.scenarios.iter();
    let definition = definitions.find(|scenario| scenario.id == id);
    let definition =
        definition.ok_or_else(|| refuse("the scenario is no longer defined".into()))?;
    let (rows, _) = stress(&sources.view, sources.loaded, &CancellationToken::new());
    let row = rows.iter().find(|row| row.scenario == id);
    let row = row.ok_or_else(|| refuse("the scenario is not active any more".into()))?;
    let at = usize::from(!direct);
    let Some(computed) = row.fractions[at] else {
        return Err(refuse(
            row.reason
                .clone()
                .unwrap_or_else(|| "nonpositive_nav".into()),
        ));
    };
    let why = |outcome: crate::phases::portfolio_analytics::Outcome| {
        refuse(outcome.reason().unwrap_or("no model").to_owned())
    };
    let (covariance, model) = model(sources.loaded).map_err(why)?;
    let resolved = shocks(sources.loaded, covariance, definition).map_err(why)?;
    let moves = model
        .scenario(&resolved)
        .map_err(|error| refuse(error.to_string()))?;
    let moves = if direct {
        &moves.direct
    } else {
        &moves.propagated
    };
    let inputs = inputs(sources, definition, &covariance.factors, moves)
        .map_err(|error| refuse(error.to_string()))?;
    let mut steps = Vec::new();
    if let Some(pnl) = row.pnl {
        steps.push(line(
            "P&L, Σ exposure × move, options repriced in full",
            money(pnl[at]),
        ));
    }
    if let Some(floored) = row.floored {
        steps.push(line("what the floor took off", money(floored[at])));
    }
    steps.push(line("NAV", sources.view.nav));
    if let Some((distance, tail)) = row.plausibility {
        steps.push(line("Mahalanobis distance of the shocks", distance));
        steps.push(line("probability of shocks at least as far out", tail));
    }
    steps.push(line("coverage, modelled gross over gross", row.coverage));
    Ok(Explained {
        formula: formula(direct),
        source: STRESS.source,
        unit: STRESS.unit,
        window: format!("covariance of 252 sessions to {}", covariance.as_of),
        n: usize::try_from(covariance.n).unwrap_or(0),
        inputs,
        steps,
        computed: Number::Statistic(computed),
        stored: Number::Statistic(value),
    })
}

/// Shocks, moves of the factors, and what they do to each position.
fn inputs(
    sources: &Sources<'_>,
    definition: &Scenario,
    factors: &[String],
    moves: &[f64],
) -> Result<Vec<Line>, crate::analytics::Error> {
    let mut inputs: Vec<Line> = Vec::new();
    for shock in &definition.shocks {
        let kind = match shock.kind {
            ShockKind::TotalReturn => "total return",
            ShockKind::MarketRelative => "relative to the market",
            ShockKind::YieldChange => "change of the yield",
        };
        let value = json!({ "size": shock.value, "kind": kind });
        inputs.push(line(format!("shock of {}", shock.factor), value));
    }
    for (factor, by) in factors.iter().zip(moves) {
        inputs.push(line(format!("move of {factor}"), *by));
    }
    for one in &sources.view.modelled {
        let by = instrument_move(&one.betas, moves)?;
        let repriced = one.profit(by.applied, definition.implied_vol_multiplier)?;
        let value = json!({
            "exposure": one.exposure,
            "profit, options repriced": repriced,
            "betas": one.betas,
            "move": by.applied,
            "before the floor at −1": by.raw,
            "profit": one.profit(by.applied, definition.implied_vol_multiplier)?,
        });
        inputs.push(line(one.symbol.to_string(), value));
    }
    Ok(inputs)
}
