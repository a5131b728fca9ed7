//! Volatility of today's book over past returns, and the correlations of its instruments.

use serde_json::json;

use super::book::{BookView, coverage};
use super::risk::flags;
use super::{Loaded, Outcome};
use crate::analytics::clustering::clusters;
use crate::analytics::correlation::{correlations, mean_correlation};
use crate::analytics::ledoit_wolf::ledoit_wolf;
use crate::analytics::linalg::Matrix;
use crate::analytics::nearest_correlation::nearest_correlation;
use crate::analytics::portfolio_returns::{Holding, PortfolioReturns, portfolio_returns};
use crate::analytics::{
    Error as NumericError, MINIMUM_OBSERVATIONS, forecast, volatility as kernels,
};
use crate::domain::money;
use crate::phases::symbol_factors::WINDOW;
use crate::phases::{HISTORY_SESSIONS, LOOKBACK_SESSIONS};
use crate::store::portfolio_results::{CorrelationRow, VolatilityRow};

/// A smallest eigenvalue below this is repaired before clustering.
const INDEFINITE: f64 = -1e-10;

pub(super) fn volatility(
    view: &BookView<'_>,
    series: &Result<PortfolioReturns, String>,
) -> (Option<VolatilityRow>, Outcome) {
    if let Some(outcome) = view.nothing_to_model() {
        return (None, outcome);
    }
    if let Some(outcome) = &view.no_ratios {
        return (None, outcome.clone());
    }
    match series {
        Ok(series) => row(view, series),
        Err(error) => (None, Outcome::Failed(error.clone())),
    }
}

/// Past returns of today's book: what volatility and value at risk look at.
pub(super) fn return_series(
    view: &BookView<'_>,
    loaded: &Loaded,
) -> Result<PortfolioReturns, String> {
    newest_returns(view, loaded, LOOKBACK_SESSIONS)
}

/// The same, with the sessions before it that are kept for what is left out of it.
pub(super) fn longer_series(
    view: &BookView<'_>,
    loaded: &Loaded,
) -> Result<PortfolioReturns, String> {
    newest_returns(view, loaded, HISTORY_SESSIONS)
}

/// Of so many sessions at the end of the window; positions are those of the whole window.
fn newest_returns(
    view: &BookView<'_>,
    loaded: &Loaded,
    sessions: usize,
) -> Result<PortfolioReturns, String> {
    let before = loaded.window.sessions.len().saturating_sub(sessions);
    // The first of the sessions has no return.
    let first = before + 1;
    let mut returns = Vec::with_capacity(view.modelled.len());
    for one in &view.modelled {
        let all = loaded.window.returns(&loaded.prices, one.symbol);
        returns.push(all.map_err(|error| error.to_string())?);
    }
    let holdings: Vec<Holding<'_>> = view
        .modelled
        .iter()
        .zip(&returns)
        .map(|(one, returns)| Holding {
            weight: one.weight,
            returns: &returns[first..],
            alpha: one.model.alpha,
            betas: &one.betas,
        })
        .collect();
    let moves = factor_moves(loaded)?;
    let series = portfolio_returns(&holdings, &moves[first..]);
    let mut series = series.map_err(|error| error.to_string())?;
    for at in &mut series.sessions {
        *at += before;
    }
    Ok(series)
}

fn row(view: &BookView<'_>, series: &PortfolioReturns) -> (Option<VolatilityRow>, Outcome) {
    let values = &series.returns;
    let mut row = VolatilityRow {
        n: i32::try_from(values.len()).unwrap_or(i32::MAX),
        filled: i32::try_from(series.filled).unwrap_or(i32::MAX),
        dropped: i32::try_from(series.dropped).unwrap_or(i32::MAX),
        coverage: view.coverage,
        flags: flags(view),
        ..VolatilityRow::default()
    };
    let mut reasons = std::collections::BTreeMap::new();
    let mut keep = |name: &'static str, value: Result<f64, NumericError>| match value {
        Ok(value) => Some(value),
        Err(error) => {
            reasons.insert(name, crate::phases::symbol_factors::reason(&error));
            None
        }
    };
    row.realised_21 = keep("realised_21", kernels::realised(values, 21));
    row.realised_63 = keep("realised_63", kernels::realised(values, 63));
    let forecast = forecast::forecast(values);
    if let Ok(forecast) = &forecast
        && let Some((_, har)) = &forecast.har
    {
        let remarks = [
            (har.constant, "har_constant"),
            (har.floored, "har_floored"),
            (har.above_largest, "har_above_largest"),
        ];
        row.flags.extend(
            remarks
                .iter()
                .filter(|(is, _)| *is)
                .map(|(_, flag)| (*flag).to_owned()),
        );
    }
    row.forecast_21 = keep("forecast_21", forecast.map(|forecast| forecast.volatility));
    row.percentile = keep("percentile", kernels::percentile(values));
    match kernels::trend(values) {
        Ok(Some(trend)) => {
            row.trend_ratio = Some(trend.ratio);
            let word = match trend.direction {
                kernels::Direction::Rising => "rising",
                kernels::Direction::Falling => "falling",
                kernels::Direction::Steady => "steady",
            };
            row.trend = Some(word.to_owned());
        }
        Ok(None) => {
            reasons.insert("trend", "no movement".to_owned());
        }
        Err(error) => {
            reasons.insert("trend", crate::phases::symbol_factors::reason(&error));
        }
    }
    row.reasons = json!(reasons);
    let outcome = match reasons.get("realised_21") {
        Some(why) => Outcome::Insufficient(why.clone()),
        None => Outcome::Done,
    };
    (Some(row), outcome)
}

/// Moves of the market-neutral factors per session, with the slopes of the date.
fn factor_moves(loaded: &Loaded) -> Result<Vec<Option<Vec<f64>>>, String> {
    let sessions = loaded.window.sessions.len();
    let Some(covariance) = loaded
        .covariance
        .as_ref()
        .filter(|row| row.reason.is_none())
    else {
        return Ok(vec![None; sessions]);
    };
    let mut proxies = Vec::with_capacity(covariance.factors.len());
    for name in &covariance.factors {
        let factor = loaded
            .definitions
            .factors
            .iter()
            .find(|factor| factor.name == *name);
        let factor = factor.ok_or_else(|| format!("factor {name} is no longer defined"))?;
        let returns = loaded.window.proxy_returns(&loaded.prices, factor);
        proxies.push(returns.map_err(|error| error.to_string())?);
    }
    let market = covariance.roles.iter().position(|role| role == "market");
    let market = market.ok_or_else(|| "no market factor".to_owned())?;
    let moves = (0..sessions).map(|at| {
        if proxies.iter().any(|returns| returns[at].is_nan()) {
            return None;
        }
        let slopes = covariance.market_slopes.iter().enumerate();
        let neutral = |(k, slope): (usize, &f64)| {
            if k == market {
                proxies[k][at]
            } else {
                proxies[k][at] - slope * proxies[market][at]
            }
        };
        Some(slopes.map(neutral).collect())
    });
    Ok(moves.collect())
}

pub(super) fn correlation(
    view: &BookView<'_>,
    loaded: &Loaded,
) -> (Option<CorrelationRow>, Outcome) {
    if view.priced.len() < 2 {
        let why = match view.nothing_to_model() {
            Some(outcome) => return (None, outcome),
            None => "fewer than two instruments with prices",
        };
        return (None, Outcome::NotApplicable(why.to_owned()));
    }
    match pairs(view, loaded) {
        // A matrix of holes is no correlation.
        Ok(row) if row.correlations.iter().all(Option::is_none) => {
            let why = format!("no pair has {MINIMUM_OBSERVATIONS} common returns");
            (None, Outcome::Insufficient(why))
        }
        Ok(row) => (Some(row), Outcome::Done),
        Err(why) => (None, Outcome::Failed(why)),
    }
}

/// Whether the smallest eigenvalue is below [`INDEFINITE`]: lifted by as much, the matrix has no Cholesky factor.
fn is_indefinite(correlation: &Matrix) -> bool {
    let size = correlation.rows();
    let mut lifted = correlation.data().to_vec();
    for own in lifted.iter_mut().step_by(size + 1) {
        *own -= INDEFINITE;
    }
    Matrix::new(size, size, lifted)
        .and_then(|lifted| lifted.cholesky())
        .is_err()
}

fn pairs(view: &BookView<'_>, loaded: &Loaded) -> Result<CorrelationRow, String> {
    let mut returns = Vec::with_capacity(view.priced.len());
    for (symbol, _) in &view.priced {
        let all = loaded.window.returns(&loaded.prices, symbol);
        let all = all.map_err(|error| error.to_string())?;
        returns.push(all[all.len() - WINDOW..].to_vec());
    }
    let series: Vec<&[f64]> = returns.iter().map(Vec::as_slice).collect();
    let found = correlations(&series).map_err(|error| error.to_string())?;
    let kept = found.complete();
    let mut groups = vec![None; view.priced.len()];
    if let Some(matrix) = found.matrix(&kept) {
        let matrix = if is_indefinite(&matrix) {
            nearest_correlation(&matrix).map_err(|error| error.to_string())?
        } else {
            matrix
        };
        let numbers = clusters(&matrix).map_err(|error| error.to_string())?;
        for (&at, number) in kept.iter().zip(numbers) {
            groups[at] = i32::try_from(number).ok();
        }
    }
    let complete: Vec<&[f64]> = series
        .iter()
        .copied()
        .filter(|values| values.iter().all(|v| !v.is_nan()))
        .collect();
    let shrinkage = ledoit_wolf(&complete)
        .ok()
        .map(|estimate| estimate.shrinkage);
    let gross = money::to_f64(view.gross);
    let weights: Vec<f64> = view
        .priced
        .iter()
        .map(|(_, sides)| money::to_f64(sides.net()) / gross)
        .collect();
    // A symbol of which no pair is known is not among them.
    let size = view.priced.len();
    let paired = |i: usize| (0..size).any(|j| found.pair(i, j).is_some());
    let covered = view.priced.iter().enumerate();
    let covered = covered
        .filter(|(at, _)| paired(*at))
        .map(|(_, (_, sides))| sides.gross());
    Ok(CorrelationRow {
        symbols: view
            .priced
            .iter()
            .map(|(symbol, _)| symbol.to_string())
            .collect(),
        correlations: found
            .pairs
            .iter()
            .map(|pair| pair.map(|pair| pair.rho))
            .collect(),
        lower: found
            .pairs
            .iter()
            .map(|pair| pair.map(|pair| pair.low))
            .collect(),
        upper: found
            .pairs
            .iter()
            .map(|pair| pair.map(|pair| pair.high))
            .collect(),
        n: found
            .common
            .iter()
            .map(|n| i32::try_from(*n).unwrap_or(i32::MAX))
            .collect(),
        clusters: groups,
        average: mean_correlation(&found, &weights).map(|mean| mean.signed),
        shrinkage,
        coverage: coverage(covered.sum(), view.gross),
    })
}
