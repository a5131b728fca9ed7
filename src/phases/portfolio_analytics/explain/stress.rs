//! The result of a stress test, in both legs.

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::factors::{COVERAGE, shared_of, window_of_covariance};
use super::fields::{Field, amount, names, statistic};
use super::{Explained, Line, Metric, Refusal, Sources, line, money, not_stored, told};
use crate::analytics::stress_pnl::instrument_move;
use crate::domain::{Scenario, ShockKind};
use crate::phases::portfolio_analytics::stress::{model, shocks, stress};
use crate::store::portfolio_results::StressRow;
use crate::store::reports::{Report, Stress};

pub(super) const STRESS: Metric = Metric {
    name: "stress",
    argument: Some("SCENARIO:direct or SCENARIO:propagated"),
    about: "profit or loss under a scenario; with _pnl or _floored the amounts; with :mahalanobis, :tail_p or :coverage another number of it",
    formula: "Σ stock × max(Σ beta × factor move, −1) / NAV, options repriced in full",
    source: "stress_test_scenarios, stress_test_shocks, factor_covariance, factor_definitions, symbol_factor_exposures, position_values, \
             portfolio_snapshots; options: positions, market_data_cache, corporate_actions, profile_versions, definition_sets",
    unit: "a fraction of NAV, a loss is negative",
    explain: scenario,
    told: told::stress,
};

/// How a leg is made.
const fn formula(direct: bool) -> &'static str {
    if direct {
        "Σ stock × max(Σ beta × factor move, −1) / NAV, options repriced in full; shocked rows hold, every other factor stands still"
    } else {
        "Σ stock × max(Σ beta × factor move, −1) / NAV, options repriced in full; other factors move as they are expected to, given the shocks"
    }
}

pub(super) const OF_STRESS: &[Field<Stress, StressRow>] = &[
    Field {
        name: "direct",
        formula: formula(true),
        unit: STRESS.unit,
        stored: |row| statistic(row.direct),
        made: |row| statistic(row.fractions[0]),
    },
    Field {
        name: "propagated",
        formula: formula(false),
        unit: STRESS.unit,
        stored: |row| statistic(row.propagated),
        made: |row| statistic(row.fractions[1]),
    },
    Field {
        name: "direct_pnl",
        formula: PNL,
        unit: MONEY,
        stored: |row| amount(row.direct_pnl),
        made: |row| amount(row.pnl.map(|each| each[0])),
    },
    Field {
        name: "propagated_pnl",
        formula: PNL,
        unit: MONEY,
        stored: |row| amount(row.propagated_pnl),
        made: |row| amount(row.pnl.map(|each| each[1])),
    },
    Field {
        name: "direct_floored",
        formula: FLOORED,
        unit: MONEY,
        stored: |row| amount(row.direct_floored),
        made: |row| amount(row.floored.map(|each| each[0])),
    },
    Field {
        name: "propagated_floored",
        formula: FLOORED,
        unit: MONEY,
        stored: |row| amount(row.propagated_floored),
        made: |row| amount(row.floored.map(|each| each[1])),
    },
    Field {
        name: "mahalanobis",
        formula: "√(s'(L 252 Σ L')⁻¹ s), s the shocks, L the rows of the proxies that they are of",
        unit: "annual standard deviations",
        stored: |row| statistic(row.mahalanobis),
        made: |row| statistic(row.plausibility.map(|(distance, _)| distance)),
    },
    Field {
        name: "tail_p",
        formula: "P(χ² > distance²), as many degrees of freedom as shocks",
        unit: "a probability",
        stored: |row| statistic(row.tail_p),
        made: |row| statistic(row.plausibility.map(|(_, tail)| tail)),
    },
    Field {
        name: "coverage",
        formula: COVERAGE,
        unit: "a fraction of gross",
        stored: |row| statistic(row.coverage),
        made: |row| statistic(row.coverage),
    },
];

const PNL: &str = "Σ stock × max(Σ beta × factor move, −1), options repriced in full";
const FLOORED: &str = "Σ stock × (max(Σ beta × factor move, −1) − Σ beta × factor move)";
const MONEY: &str = "currency of the portfolio, a loss is negative";

/// The scenario that is meant, and the number of it.
pub(super) fn of_scenario<'a>(
    report: &'a Report,
    argument: &str,
) -> Result<(&'a Stress, &'static Field<Stress, StressRow>), Refusal> {
    let (id, of) = argument.split_once(':').unwrap_or((argument, "propagated"));
    let mut rows = report.stress.iter();
    let known = OF_STRESS.iter().find(|field| field.name == of);
    if let (Some(row), Some(of)) = (rows.find(|row| row.scenario == id), known) {
        return Ok((row, of));
    }
    if report.stress.is_empty() {
        return Err(not_stored(report, "stress"));
    }
    let rows = report.stress.iter();
    let each = rows.flat_map(|row| names(OF_STRESS, &format!("{}:", row.scenario)));
    Err(Refusal::Argument(each.collect()))
}

/// Why a number of a scenario is missing.
pub(super) fn missing(row: &Stress) -> String {
    let reason = row.reason.clone();
    reason.unwrap_or_else(|| "nonpositive_nav".to_owned())
}

fn scenario(sources: &Sources<'_>, argument: &str) -> Result<Explained, Refusal> {
    let (stored, of) = of_scenario(sources.report, argument)?;
    let value = of.stored(stored, Some(&missing(stored)))?;
    let id = stored.scenario.as_str();
    let direct = of.name.starts_with("direct");
    let refuse = |why: String| Refusal::NotMade(why);
    let mut definitions = sources.loaded.definitions.scenarios.iter();
    let definition = definitions.find(|scenario| scenario.id == id);
    let definition =
        definition.ok_or_else(|| refuse("the scenario is no longer defined".into()))?;
    let (rows, _) = stress(&sources.view, sources.loaded, &CancellationToken::new());
    let row = rows.iter().find(|row| row.scenario == id);
    let row = row.ok_or_else(|| refuse("the scenario is not active any more".into()))?;
    let at = usize::from(!direct);
    let computed = match (&row.reason, (of.made)(row)) {
        (_, Some(computed)) => computed,
        (why, None) => {
            return Err(refuse(
                why.clone().unwrap_or_else(|| "nonpositive_nav".into()),
            ));
        }
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
        formula: of.formula,
        source: STRESS.source,
        unit: of.unit,
        window: window_of_covariance(covariance.as_of, &shared_of(sources)),
        n: usize::try_from(covariance.n).unwrap_or(0),
        inputs,
        steps,
        computed,
        stored: value,
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
            "betas": one.betas,
            "move": by.applied,
            "before the floor at −1": by.raw,
            "profit, options repriced": repriced,
        });
        inputs.push(line(one.symbol.to_string(), value));
    }
    Ok(inputs)
}
