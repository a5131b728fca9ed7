//! Historical replay: today's book bought at the first close of a crisis and held to its low.

use std::collections::BTreeMap;

use super::book::{BookView, Modelled};
use super::risk::amount;
use super::{Loaded, Outcome};
use crate::analytics::stress_pnl::instrument_move;
use crate::analytics::{Error as NumericError, replay as kernels, returns::bond_return};
use crate::domain::{Factor, Replay, SeriesKind, Symbol, TradingDate, money};
use crate::store::market::Points;
use crate::store::portfolio_results::ReplayRow;
use crate::store::symbol_results::CovarianceRow;

/// Both ends of the windows that were over.
pub(super) struct Past {
    pub(super) windows: Vec<(Replay, [TradingDate; 2])>,
    pub(super) closes: Points,
    pub(super) yields: Points,
}

/// A row for each window that was over.
pub(super) fn replays(view: &BookView<'_>, loaded: &Loaded) -> (Vec<ReplayRow>, Outcome) {
    let mut rows = Vec::new();
    let mut failed = None;
    for (replay, window) in &loaded.past.windows {
        let mut row = ReplayRow {
            replay: replay.id.to_owned(),
            from: window[0],
            to: window[1],
            outcome: "done",
            reason: None,
            pnl: None,
            fraction: None,
            approximated: Vec::new(),
            coverage: None,
        };
        let nothing = view.nothing_to_model();
        match nothing.map_or_else(|| one(view, loaded, *window), Err) {
            Ok((pnl, approximated)) => {
                row.pnl = Some(amount(pnl));
                row.fraction = view.nav.map(|nav| pnl / nav);
                row.approximated = approximated;
                row.coverage = view.coverage;
            }
            Err(outcome) => {
                row.outcome = outcome.word();
                row.reason = outcome.reason().map(ToOwned::to_owned);
                if !outcome.is_strict() {
                    failed = Some(outcome);
                }
            }
        }
        rows.push(row);
    }
    (rows, failed.unwrap_or(Outcome::Done))
}

/// Profit of the window and the symbols that moved by their betas.
fn one(
    view: &BookView<'_>,
    loaded: &Loaded,
    window: [TradingDate; 2],
) -> Result<(f64, Vec<String>), Outcome> {
    let failed = |error: NumericError| Outcome::Failed(error.to_string());
    let mut profit = 0.0;
    let mut approximated = Vec::new();
    let mut moves = None;
    for one in &view.modelled {
        let by = if let Some(own) = path(loaded, one.symbol, window).map_err(failed)? {
            own
        } else {
            if moves.is_none() {
                moves = Some(factor_moves(loaded, window)?);
            }
            approximated.push(one.symbol.to_string());
            by_betas(one, moves.as_deref().unwrap_or_default()).map_err(failed)?
        };
        profit += one.profit(by, 1.0).map_err(failed)?;
    }
    Ok((profit, approximated))
}

fn by_betas(one: &Modelled<'_>, moves: &[f64]) -> Result<f64, NumericError> {
    Ok(instrument_move(&one.betas, moves)?.applied)
}

/// Return of a symbol over the window, if it has both closes.
fn path(
    loaded: &Loaded,
    symbol: &Symbol,
    [first, last]: [TradingDate; 2],
) -> Result<Option<f64>, NumericError> {
    let close = |on: TradingDate| {
        loaded
            .past
            .closes
            .get(&(symbol.clone(), on.date()))
            .copied()
    };
    let Some((bought, sold)) = close(first).zip(close(last)) else {
        return Ok(None);
    };
    let within = loaded.prices.actions(symbol).iter();
    let within = within.filter(|action| action.ex_date > first && action.ex_date <= last);
    let actions: Vec<kernels::Action> = within
        .map(|action| kernels::Action {
            split: action.split.map_or(1.0, money::to_f64),
            dividend: action.dividend.map_or(0.0, money::to_f64),
        })
        .collect();
    kernels::held(bought, sold, &actions).map(Some)
}

/// The same of a factor's proxy, which may be a yield.
fn proxy_path(
    loaded: &Loaded,
    factor: &Factor,
    window: [TradingDate; 2],
) -> Result<Option<f64>, NumericError> {
    if factor.kind == SeriesKind::Price {
        return path(loaded, &factor.proxy, window);
    }
    let level = |on: TradingDate| {
        let key = (factor.proxy.clone(), on.date());
        loaded.past.yields.get(&key).copied()
    };
    let change = level(window[0]).zip(level(window[1])).map(|(a, b)| b - a);
    let (duration, convexity) = (
        factor.duration.unwrap_or(0.0),
        factor.convexity.unwrap_or(0.0),
    );
    Ok(change.map(|change| bond_return(change, duration, convexity)))
}

fn factor_moves(loaded: &Loaded, window: [TradingDate; 2]) -> Result<Vec<f64>, Outcome> {
    let failed = |error: NumericError| Outcome::Failed(error.to_string());
    let covariance: &CovarianceRow = super::stress::model(loaded)?.0;
    let defined: BTreeMap<&str, &Factor> = loaded
        .definitions
        .factors
        .iter()
        .map(|factor| (factor.name.as_str(), factor))
        .collect();
    let mut paths = Vec::with_capacity(covariance.factors.len());
    for name in &covariance.factors {
        paths.push(match defined.get(name.as_str()) {
            Some(factor) => proxy_path(loaded, factor, window).map_err(failed)?,
            None => None,
        });
    }
    let market = covariance.roles.iter().position(|role| role == "market");
    let market = market.ok_or_else(|| Outcome::Insufficient("no market factor".to_owned()))?;
    if paths[market].is_none() {
        let proxy = defined.get(covariance.factors[market].as_str());
        let proxy = proxy.map_or("the market", |factor| factor.proxy.as_str());
        let [from, to] = window;
        return Err(Outcome::Insufficient(format!(
            "no closes of {proxy} on {from} and {to}"
        )));
    }
    kernels::factor_moves(market, &covariance.market_slopes, &paths).map_err(failed)
}
