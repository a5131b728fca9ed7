//! Volatility of the return series of today's book.

use serde_json::{Value, json};

use super::factors::COVERAGE;
use super::fields::{Field, counted, field, statistic};
use super::{Explained, Line, Metric, Number, Refusal, Sources, line, money, told};
use crate::analytics::portfolio_returns::PortfolioReturns;
use crate::analytics::{SESSIONS_PER_YEAR, forecast, volatility as kernels};
use crate::phases::portfolio_analytics::volatility::{return_series, volatility};
use crate::store::portfolio_results::VolatilityRow;
use crate::store::reports::Volatility;

pub(super) const REALISED_21: Metric = Metric {
    name: "realised_21",
    argument: None,
    about: "volatility of the last 21 sessions",
    formula: REALISED,
    source: SOURCE,
    unit: UNIT,
    told: |report, _| {
        told::series(report, &REALISED_21, "realised_21", 21, |row| {
            row.realised_21
        })
    },
    explain: |sources, _| realised(sources, 21, |row| row.realised_21, |row| row.realised_21),
};

pub(super) const REALISED_63: Metric = Metric {
    name: "realised_63",
    argument: None,
    about: "volatility of the last 63 sessions",
    formula: REALISED,
    source: SOURCE,
    unit: UNIT,
    told: |report, _| {
        told::series(report, &REALISED_63, "realised_63", 63, |row| {
            row.realised_63
        })
    },
    explain: |sources, _| realised(sources, 63, |row| row.realised_63, |row| row.realised_63),
};

pub(super) const FORECAST_21: Metric = Metric {
    name: "forecast_21",
    argument: None,
    about: "forecast of the volatility of the next 21 sessions",
    formula: "√ of the mean of two annual variances: HAR (regression of the mean of the next 21 r² on the means of the last \
              1, 5, 22) and the exponentially weighted one; the latter alone below 126 returns",
    source: SOURCE,
    unit: UNIT,
    explain: forecast_21,
    told: |report, _| {
        told::series(report, &FORECAST_21, "forecast_21", 504, |row| {
            row.forecast_21
        })
    },
};

pub(super) const PERCENTILE: Metric = Metric {
    name: "volatility_percentile",
    argument: None,
    about: "where the volatility of 21 sessions stands among its last 251 values",
    formula: "share of the previous 251 realised volatilities of 21 sessions that are below today's",
    source: SOURCE,
    unit: "0 to 1",
    told: |report, _| told::series(report, &PERCENTILE, "percentile", 272, |row| row.percentile),
    explain: |sources, _| {
        let picks = Picks {
            key: "percentile",
            stored: |row| row.percentile,
            made: |row| row.percentile,
        };
        of_series(sources, &PERCENTILE, 272, &picks)
    },
};

pub(super) const TREND: Metric = Metric {
    name: "volatility_trend",
    argument: None,
    about: "short volatility over long",
    formula: "zero-mean exponentially weighted volatility of half-life 21 / the same of half-life 126, both over at most 504 returns",
    source: SOURCE,
    unit: "a ratio: above 1.1 rising, below 0.9 falling",
    told: |report, _| told::series(report, &TREND, "trend", 504, |row| row.trend_ratio),
    explain: |sources, _| {
        let picks = Picks {
            key: "trend",
            stored: |row| row.trend_ratio,
            made: |row| row.trend_ratio,
        };
        of_series(sources, &TREND, 504, &picks)
    },
};

pub(super) const RETURN_SERIES: Metric = Metric {
    name: "return_series",
    argument: Some("NUMBER"),
    about: "how many returns volatility and value at risk look at, and how they were come by",
    formula: "Σ weight × return, today's weights on past returns, cash 0",
    source: SOURCE,
    unit: "a count",
    told: told::return_series,
    explain: return_series_of,
};

pub(super) const OF_SERIES: &[Field<Volatility, VolatilityRow>] = &[
    Field {
        name: "n",
        formula: "sessions on which every underlying has a return, or one of the factor model",
        unit: "returns",
        stored: |row| counted(row.n),
        made: |row| counted(row.n),
    },
    Field {
        name: "filled",
        formula: "number of missing returns that alpha + Σ beta × factor move stands for",
        unit: "returns of underlyings",
        stored: |row| counted(row.filled),
        made: |row| counted(row.filled),
    },
    Field {
        name: "dropped",
        formula: "number of sessions with a missing return that nothing could stand for",
        unit: "sessions",
        stored: |row| counted(row.dropped),
        made: |row| counted(row.dropped),
    },
    Field {
        name: "coverage",
        formula: COVERAGE,
        unit: "a fraction of gross",
        stored: |row| statistic(row.coverage),
        made: |row| statistic(row.coverage),
    },
];

/// Where the returns of the book come from, whoever looks at them.
pub(super) const SOURCE: &str = "position_values, portfolio_snapshots, market_data_cache, corporate_actions; holes: symbol_factor_models, \
                                 symbol_factor_exposures, factor_covariance, factor_definitions, yields; options: positions, \
                                 profile_versions, definition_sets";
const REALISED: &str = "√(Σ (r − mean)² / (n − 1)) × √252, today's weights on past returns, cash 0";
const UNIT: &str = "a fraction of NAV per year";

/// Weights of the book, then its returns with their sessions.
pub(super) fn inputs(sources: &Sources<'_>, series: &PortfolioReturns, last: usize) -> Vec<Line> {
    let weights = sources.view.modelled.iter().map(|one| {
        let value = json!({ "weight": one.weight });
        line(one.symbol.to_string(), value)
    });
    let mut inputs: Vec<Line> = weights.collect();
    // A contract weighs what its delta is worth.
    inputs.extend(sources.view.contracts.iter().map(|one| {
        let row = one.row();
        let value = json!({ "delta": row.delta, "shares": money(row.shares), "spot": row.spot, "volatility": row.volatility,
                            "rate": row.rate, "dividend yield": row.dividend_yield });
        line(row.symbol, value)
    }));
    let from = series.returns.len().saturating_sub(last);
    // The first session of the window has no return.
    let session = |at: &usize| sources.loaded.window.sessions[at + 1].to_string();
    let sessions: Vec<String> = series.sessions[from..].iter().map(session).collect();
    inputs.push(line("sessions", Value::from(sessions)));
    inputs.push(line(
        "returns, Σ weight × return",
        series.returns[from..].to_vec(),
    ));
    inputs
}

fn series(sources: &Sources<'_>) -> Result<PortfolioReturns, Refusal> {
    return_series(&sources.view, sources.loaded).map_err(Refusal::NotMade)
}

fn stored(
    sources: &Sources<'_>,
    key: &str,
    pick: fn(&Volatility) -> Option<f64>,
) -> Result<f64, Refusal> {
    let Some(row) = &sources.report.volatility else {
        return Err(sources.not_stored("volatility"));
    };
    pick(row).ok_or_else(|| {
        let why = row.reasons.get(key).cloned();
        Refusal::NotStored(why.unwrap_or_else(|| "not computed".to_owned()))
    })
}

fn made(
    sources: &Sources<'_>,
    series: &PortfolioReturns,
    pick: fn(&VolatilityRow) -> Option<f64>,
) -> Result<f64, Refusal> {
    let (row, outcome) = volatility(&sources.view, &Ok(series.clone()));
    let value = row.as_ref().and_then(pick);
    value.ok_or_else(|| {
        let why = outcome.reason().unwrap_or("too few returns");
        Refusal::NotMade(why.to_owned())
    })
}

fn realised(
    sources: &Sources<'_>,
    sessions: usize,
    of_report: fn(&Volatility) -> Option<f64>,
    of_row: fn(&VolatilityRow) -> Option<f64>,
) -> Result<Explained, Refusal> {
    let key = if sessions == 21 {
        "realised_21"
    } else {
        "realised_63"
    };
    let stored = stored(sources, key, of_report)?;
    let series = series(sources)?;
    let computed = made(sources, &series, of_row)?;
    let last = &series.returns[series.returns.len().saturating_sub(sessions)..];
    let mean = last.iter().sum::<f64>() / last.len() as f64;
    let squares: f64 = last
        .iter()
        .map(|value| (value - mean) * (value - mean))
        .sum();
    let variance = squares / (last.len() as f64 - 1.0);
    Ok(Explained {
        formula: REALISED,
        source: SOURCE,
        unit: UNIT,
        window: format!("the last {sessions} returns to {}", sources.loaded.as_of),
        n: last.len(),
        inputs: inputs(sources, &series, sessions),
        steps: vec![
            line("mean", mean),
            line("sample variance of a session", variance),
            line("sample variance of a year", SESSIONS_PER_YEAR * variance),
            line("holes filled by the factor model", series.filled),
            line("sessions left out", series.dropped),
        ],
        computed: Number::Statistic(computed),
        stored: Number::Statistic(stored),
    })
}

fn return_series_of(sources: &Sources<'_>, name: &str) -> Result<Explained, Refusal> {
    let of = field(OF_SERIES, name, "")?;
    let Some(row) = &sources.report.volatility else {
        return Err(sources.not_stored("volatility"));
    };
    let stored = of.stored(row, None)?;
    let series = series(sources)?;
    let (row, outcome) = volatility(&sources.view, &Ok(series.clone()));
    let gone = || Refusal::NotMade(outcome.reason().unwrap_or("no returns").to_owned());
    let row = row.ok_or_else(gone)?;
    let n = series.returns.len();
    Ok(Explained {
        formula: of.formula,
        source: SOURCE,
        unit: of.unit,
        window: format!("the last {n} returns to {}", sources.loaded.as_of),
        n,
        inputs: inputs(sources, &series, n),
        steps: vec![
            line("returns in the series", row.n),
            line("holes filled by the factor model", row.filled),
            line("sessions left out", row.dropped),
            line("coverage, modelled gross over gross", row.coverage),
        ],
        computed: of.made(&row)?,
        stored,
    })
}

fn forecast_21(sources: &Sources<'_>, _: &str) -> Result<Explained, Refusal> {
    let stored = stored(sources, "forecast_21", |row| row.forecast_21)?;
    let series = series(sources)?;
    let computed = made(sources, &series, |row| row.forecast_21)?;
    let parts = forecast::forecast(&series.returns);
    let parts = parts.map_err(|error| Refusal::NotMade(error.to_string()))?;
    let mut steps = vec![line("exponentially weighted, half-life 21", parts.ewma)];
    if let Some((annual, har)) = &parts.har {
        steps.push(line("HAR", *annual));
        steps.push(line("HAR, variance of a session", har.variance));
        steps.push(line("HAR, training rows", har.rows));
        steps.push(line("HAR, raised to the smallest target", har.floored));
        steps.push(line("HAR, above the largest target", har.above_largest));
        steps.push(line("HAR, a regressor is constant", har.constant));
    }
    let n = series.returns.len().min(504);
    Ok(Explained {
        formula: FORECAST_21.formula,
        source: SOURCE,
        unit: UNIT,
        window: format!("the last {n} returns to {}", sources.loaded.as_of),
        n,
        inputs: inputs(sources, &series, n),
        steps,
        computed: Number::Statistic(computed),
        stored: Number::Statistic(stored),
    })
}

/// A number of the row, as it is stored and as it is made.
struct Picks {
    /// Of its reason where it is missing.
    key: &'static str,
    stored: fn(&Volatility) -> Option<f64>,
    made: fn(&VolatilityRow) -> Option<f64>,
}

/// A number of so many of the last returns at most.
fn of_series(
    sources: &Sources<'_>,
    metric: &Metric,
    sessions: usize,
    picks: &Picks,
) -> Result<Explained, Refusal> {
    let stored = stored(sources, picks.key, picks.stored)?;
    let series = series(sources)?;
    let computed = made(sources, &series, picks.made)?;
    let n = series.returns.len().min(sessions);
    let last = &series.returns[series.returns.len() - n..];
    let why = |error: crate::analytics::Error| Refusal::NotMade(error.to_string());
    let today = kernels::realised(last, 21).map_err(why)?;
    let weighted = |half_life| kernels::ewma(last, half_life).map_err(why);
    Ok(Explained {
        formula: metric.formula,
        source: metric.source,
        unit: metric.unit,
        window: format!("the last {n} returns to {}", sources.loaded.as_of),
        n,
        inputs: inputs(sources, &series, n),
        steps: vec![
            line("realised, 21 sessions", today),
            line("exponentially weighted, half-life 21", weighted(21.0)?),
            line("exponentially weighted, half-life 126", weighted(126.0)?),
            line("holes filled by the factor model", series.filled),
            line("sessions left out", series.dropped),
        ],
        computed: Number::Statistic(computed),
        stored: Number::Statistic(stored),
    })
}
