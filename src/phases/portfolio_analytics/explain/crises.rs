//! What a crisis of the past would cost, and the move that costs a given part.

use serde_json::json;

use super::factors::{COVERAGE, shared_in, shared_of, window_of_covariance};
use super::fields::{Field, amount, field, names, statistic};
use super::{Explained, Line, Metric, Number, Refusal, Sources, Told, line, money};
use crate::phases::portfolio_analytics::replay::{Way, replays, ways};
use crate::phases::portfolio_analytics::reverse::reverse;
use crate::store::portfolio_results::{ReplayRow, ReverseRow};
use crate::store::reports::{Replay, Report, Reverse};

pub(super) const REPLAY: Metric = Metric {
    name: "replay",
    argument: Some("CRISIS"),
    about: "profit or loss of today's book in a crisis of the past; with :pnl, :floored or :coverage another number of it",
    formula: FRACTION,
    source: "replay_paths, position_values, portfolio_snapshots; without a path of its own symbol_factor_exposures, factor_covariance, \
             factor_definitions; options: positions, market_data_cache, corporate_actions, profile_versions, definition_sets",
    unit: "a fraction of NAV, a loss is negative",
    explain: replay,
    told: replay_told,
};

pub(super) const REVERSE: Metric = Metric {
    name: "reverse_stress",
    argument: Some("PERCENT"),
    about: "how far out the most plausible move is that loses so much of NAV; with :tail_p, :pnl, :floored, :coverage or \
            :FACTOR another number of it",
    formula: DISTANCE,
    source: "factor_covariance, symbol_factor_exposures, position_values, portfolio_snapshots; options: positions, market_data_cache, \
             corporate_actions, profile_versions, definition_sets",
    unit: "annual standard deviations",
    explain: reverse_stress,
    told: reverse_told,
};

const FRACTION: &str = "Σ value × total return over the window, bought and held, options repriced in full, / NAV; a symbol without \
                        a path moves by its betas";
const DISTANCE: &str = "min √(p'Σ⁻¹p) over returns p of the proxies with profit(p) = −loss × NAV, Σ their annual covariance";

const OF_REPLAY: &[Field<Replay, ReplayRow>] = &[
    Field {
        name: "fraction",
        formula: FRACTION,
        unit: REPLAY.unit,
        stored: |row| statistic(row.fraction),
        made: |row| statistic(row.fraction),
    },
    Field {
        name: "pnl",
        formula: "Σ value × total return over the window, bought and held, options repriced in full",
        unit: "currency of the portfolio, a loss is negative",
        stored: |row| amount(row.pnl),
        made: |row| amount(row.pnl),
    },
    Field {
        name: "floored",
        formula: "Σ stock × (max(Σ beta × factor move, −1) − Σ beta × factor move) over the symbols that move by their betas",
        unit: "currency of the portfolio",
        stored: |row| amount(row.floored),
        made: |row| amount(row.floored),
    },
    Field {
        name: "coverage",
        formula: "gross of what has a way through the window / gross",
        unit: "a fraction of gross",
        stored: |row| statistic(row.coverage),
        made: |row| statistic(row.coverage),
    },
];

/// The crisis that is meant, and the number of it.
fn crisis<'a>(
    report: &'a Report,
    argument: &str,
) -> Result<(&'a Replay, &'static Field<Replay, ReplayRow>), Refusal> {
    let usual = OF_REPLAY[0].name;
    let (id, of) = argument.split_once(':').unwrap_or((argument, usual));
    let rows = &report.losses.replays;
    let Some(row) = rows.iter().find(|row| row.replay == id) else {
        if rows.is_empty() {
            return Err(super::not_stored(report, "replay"));
        }
        let each = rows
            .iter()
            .flat_map(|row| names(OF_REPLAY, &format!("{}:", row.replay)));
        return Err(Refusal::Argument(each.collect()));
    };
    Ok((row, field(OF_REPLAY, of, &format!("{id}:"))?))
}

fn replay(sources: &Sources<'_>, argument: &str) -> Result<Explained, Refusal> {
    let (stored, of) = crisis(sources.report, argument)?;
    let value = of.stored(stored, stored.reason.as_ref())?;
    let (rows, _) = replays(&sources.view, sources.loaded);
    let row = rows.iter().find(|row| row.replay == stored.replay);
    let row = row.ok_or_else(|| Refusal::NotMade("the crisis is no longer defined".to_owned()))?;
    if let Some(why) = &row.reason {
        return Err(Refusal::NotMade(why.clone()));
    }
    let through = ways(&sources.view, sources.loaded, &stored.replay);
    let through = through
        .map_err(|outcome| Refusal::NotMade(outcome.reason().unwrap_or("no path").to_owned()))?;
    let inputs: Vec<Line> = through.iter().map(way).collect();
    Ok(Explained {
        formula: of.formula,
        source: REPLAY.source,
        unit: of.unit,
        window: format!("{} to {}", row.from, row.to),
        n: inputs.len(),
        inputs,
        steps: vec![
            line("P&L", json!(row.pnl.map(money))),
            line("NAV", sources.view.nav),
            line("moved by their betas", json!(row.approximated)),
            line("what the floor took off", json!(row.floored.map(money))),
            line("coverage, modelled gross over gross", row.coverage),
        ],
        computed: of.made(row)?,
        stored: value,
    })
}

fn way(way: &Way<'_>) -> Line {
    let value = json!({
        "total return": way.held.total,
        "return of the price": way.held.price,
        "profit": way.profit,
        "by its betas": way.approximated,
    });
    line(way.symbol.to_string(), value)
}

fn replay_told(report: &Report, argument: &str) -> Result<Told, Refusal> {
    let (row, of) = crisis(report, argument)?;
    let lots = report.positions.iter();
    let lots = lots.map(|lot| line(lot.symbol.to_string(), money(lot.market_value)));
    Ok(Told {
        formula: of.formula,
        source: REPLAY.source,
        unit: of.unit,
        window: format!("{} to {}", row.from, row.to),
        n: None,
        inputs: lots.collect(),
        steps: vec![
            line("P&L", json!(row.pnl.map(money))),
            line("NAV", money(report.snapshot.nav)),
            line("moved by their betas", json!(row.approximated)),
            line("what the floor took off", json!(row.floored.map(money))),
            line("coverage, modelled gross over gross", row.coverage),
        ],
        value: of.stored(row, row.reason.as_ref())?,
    })
}

/// Numbers of a reverse stress beside the moves of the proxies.
const OF_REVERSE: &[Field<Reverse, ReverseRow>] = &[
    Field {
        name: "distance",
        formula: DISTANCE,
        unit: REVERSE.unit,
        stored: |row| statistic(row.mahalanobis),
        made: |row| statistic(row.distance),
    },
    Field {
        name: "tail_p",
        formula: "P(χ² of one degree of freedom > distance²)",
        unit: "a probability",
        stored: |row| statistic(row.tail_p),
        made: |row| statistic(row.tail),
    },
    Field {
        name: "pnl",
        formula: "−loss × NAV, which the move was sought for",
        unit: "currency of the portfolio, a loss is negative",
        stored: |row| amount(row.pnl),
        made: |row| amount(row.pnl),
    },
    Field {
        name: "floored",
        formula: "Σ stock × (max(Σ beta × factor move, −1) − Σ beta × factor move) in the move that was found",
        unit: "currency of the portfolio",
        stored: |row| amount(row.floored),
        made: |row| amount(row.floored),
    },
    Field {
        name: "coverage",
        formula: COVERAGE,
        unit: "a fraction of gross",
        stored: |row| statistic(row.coverage),
        made: |row| statistic(row.coverage),
    },
];

/// What is asked of a reverse stress.
enum Asked<'a> {
    Of(&'static Field<Reverse, ReverseRow>),
    /// Move of the proxy of a factor.
    Move(&'a str),
}

fn percent(loss: f64) -> String {
    // Losses are whole percents.
    format!("{:.0}", 100.0 * loss)
}

fn asked<'a>(report: &'a Report, argument: &'a str) -> Result<(&'a Reverse, Asked<'a>), Refusal> {
    let (loss, of) = argument.split_once(':').unwrap_or((argument, "distance"));
    let rows = &report.losses.reverse;
    if rows.is_empty() {
        return Err(super::not_stored(report, "reverse_stress"));
    }
    let found = rows.iter().find(|row| percent(row.loss) == loss);
    let known = found.and_then(|row| {
        let mut numbers = OF_REVERSE.iter();
        let number = numbers.find(|one| one.name == of).map(Asked::Of);
        let moved = || row.moves.contains_key(of).then_some(Asked::Move(of));
        Some((row, number.or_else(moved)?))
    });
    known.ok_or_else(|| {
        let each = rows.iter().flat_map(|row| {
            let loss = percent(row.loss);
            let moves = row.moves.keys().map(|name| format!("{loss}:{name}"));
            let own = names(OF_REVERSE, &format!("{loss}:"));
            own.into_iter().chain(moves.collect::<Vec<_>>())
        });
        Refusal::Argument(each.collect())
    })
}

impl Asked<'_> {
    fn formula(&self) -> &'static str {
        match self {
            Self::Of(of) => of.formula,
            Self::Move(_) => "the return of the factor's proxy in the move of smallest distance",
        }
    }

    fn unit(&self) -> &'static str {
        match self {
            Self::Of(of) => of.unit,
            Self::Move(_) => "a return",
        }
    }

    fn stored(&self, row: &Reverse) -> Result<Number, Refusal> {
        match self {
            Self::Of(of) => of.stored(row, row.reason.as_ref()),
            Self::Move(factor) => {
                let none = || {
                    let why = row.reason.clone();
                    Refusal::NotStored(why.unwrap_or_else(|| "not computed".to_owned()))
                };
                let by = row.moves.get(*factor).copied();
                by.map(Number::Statistic).ok_or_else(none)
            }
        }
    }

    fn made(&self, row: &ReverseRow) -> Result<Number, Refusal> {
        if let Some(why) = &row.reason {
            return Err(Refusal::NotMade(why.clone()));
        }
        match self {
            Self::Of(of) => of.made(row),
            Self::Move(factor) => {
                let none = || Refusal::NotMade(format!("{factor} does not move any more"));
                let by = row.moves.get(*factor).and_then(serde_json::Value::as_f64);
                by.map(Number::Statistic).ok_or_else(none)
            }
        }
    }
}

fn reverse_stress(sources: &Sources<'_>, argument: &str) -> Result<Explained, Refusal> {
    let (stored, asked) = asked(sources.report, argument)?;
    let value = asked.stored(stored)?;
    let (rows, _) = reverse(&sources.view, sources.loaded);
    let row = rows
        .iter()
        .find(|row| row.loss.to_bits() == stored.loss.to_bits());
    let row = row.ok_or_else(|| Refusal::NotMade("the loss is not asked for any more".into()))?;
    let covariance = sources.loaded.covariance.as_ref();
    let covariance = covariance.ok_or_else(|| Refusal::NotMade("no factor covariance".into()))?;
    let size = covariance.factors.len();
    let factors = covariance.factors.iter().enumerate().map(|(at, factor)| {
        let own = &covariance.proxy_covariance[at * size..(at + 1) * size];
        line(
            format!("covariances of the proxy of {factor}"),
            own.to_vec(),
        )
    });
    let underlyings = sources.view.modelled.iter().map(|one| {
        let value = json!({ "exposure": one.exposure, "betas": one.betas });
        line(one.symbol.to_string(), value)
    });
    Ok(Explained {
        formula: asked.formula(),
        source: REVERSE.source,
        unit: asked.unit(),
        window: window_of_covariance(covariance.as_of, &shared_of(sources)),
        n: usize::try_from(covariance.n).unwrap_or(0),
        inputs: factors.chain(underlyings).collect(),
        steps: vec![
            line("loss, a fraction of NAV", row.loss),
            line("P&L", json!(row.pnl.map(money))),
            line("what the floor took off", json!(row.floored.map(money))),
            line("NAV", sources.view.nav),
            line("returns of the proxies", row.moves.clone()),
            line("Mahalanobis distance", row.distance),
            line("probability of a move at least as far out", row.tail),
            line("coverage, modelled gross over gross", row.coverage),
        ],
        computed: asked.made(row)?,
        stored: value,
    })
}

fn reverse_told(report: &Report, argument: &str) -> Result<Told, Refusal> {
    let (row, asked) = asked(report, argument)?;
    let lots = report.positions.iter();
    let lots = lots.map(|lot| line(lot.symbol.to_string(), money(lot.market_value)));
    let n = report.common.as_ref().map(|common| common.n);
    Ok(Told {
        formula: asked.formula(),
        source: REVERSE.source,
        unit: asked.unit(),
        window: window_of_covariance(report.published.as_of, &shared_in(report)),
        n: n.and_then(|n| usize::try_from(n).ok()),
        inputs: lots.collect(),
        steps: vec![
            line("loss, a fraction of NAV", row.loss),
            line("P&L", json!(row.pnl.map(money))),
            line("what the floor took off", json!(row.floored.map(money))),
            line("NAV", money(report.snapshot.nav)),
            line("returns of the proxies", json!(row.moves)),
            line("Mahalanobis distance", row.mahalanobis),
            line("probability of a move at least as far out", row.tail_p),
            line("coverage, modelled gross over gross", row.coverage),
        ],
        value: asked.stored(row)?,
    })
}
