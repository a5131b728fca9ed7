//! Historical replay: today's book bought at the first close of a crisis and held to its low.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::book::{BookView, Modelled, coverage};
use super::risk::{amount, is_still};
use super::{Loaded, Outcome};
use crate::analytics::replay::{self as kernels, Held};
use crate::analytics::stress_pnl::{Move, instrument_move};
use crate::analytics::{Error as NumericError, returns::bond_return};
use crate::domain::{Factor, Replay, SeriesKind, Symbol, TradingDate, money};
use crate::store::portfolio_results::ReplayRow;
use crate::store::replay_paths::Paths;
use crate::store::symbol_results::CovarianceRow;

/// The windows that were over, and the paths of symbols and proxies through them.
pub(super) struct Past {
    pub(super) windows: Vec<(Replay, [TradingDate; 2])>,
    pub(super) paths: Paths,
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
            floored: None,
            coverage: None,
        };
        let held = one(view, loaded, replay, *window).and_then(|held| {
            let none = || Outcome::Failed("profit and loss is no amount".to_owned());
            let pnl = amount(held.profit).ok_or_else(none)?;
            Ok((pnl, amount(held.floored).ok_or_else(none)?, held))
        });
        match held {
            Ok((pnl, floored, held)) => {
                row.pnl = Some(pnl);
                row.fraction = view.nav.map(|nav| held.profit / nav);
                row.floored = Some(floored);
                row.approximated = held.approximated;
                row.coverage = held.coverage;
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

/// What a window did to the book.
struct Through {
    profit: f64,
    /// What the floor of −100 % took off the stock that moved by its betas.
    floored: f64,
    /// Symbols that moved by their betas.
    approximated: Vec<String>,
    coverage: Option<f64>,
}

fn one(
    view: &BookView<'_>,
    loaded: &Loaded,
    replay: &Replay,
    window: [TradingDate; 2],
) -> Result<Through, Outcome> {
    let ways = through(view, loaded, replay, window)?;
    let covered: Decimal = ways.iter().map(|way| way.gross).sum();
    if covered.is_zero()
        && let Some(nothing) = view.nothing_to_model()
    {
        return Err(nothing);
    }
    if ways.is_empty()
        && let Some(still) = view.modelled.iter().find(|one| is_still(one))
    {
        let why = format!(
            "{} has no closes of its own then, and its series stands still: its betas say nothing",
            still.symbol
        );
        return Err(Outcome::Insufficient(why));
    }
    let approximated = ways.iter().filter(|way| way.approximated);
    Ok(Through {
        profit: ways.iter().fold(0.0, |sum, way| sum + way.profit),
        floored: ways.iter().fold(0.0, |sum, way| sum + way.floored),
        approximated: approximated.map(|way| way.symbol.to_string()).collect(),
        coverage: coverage(covered, view.gross),
    })
}

/// What a window did to an underlying.
pub(super) struct Way<'a> {
    pub(super) symbol: &'a Symbol,
    /// Its returns, bought and held.
    pub(super) held: Held,
    /// Of the book's stock and options on it.
    pub(super) profit: f64,
    /// What the floor of −100 % took off the stock.
    floored: f64,
    /// Without a path of its own, it moved by its betas.
    pub(super) approximated: bool,
    gross: Decimal,
}

/// What the window of a crisis did to each underlying that has a way through it: its own path, or its betas. Where it has neither,
/// without a model or with one of a series that stood still, it is left out and lowers the coverage.
pub(super) fn ways<'a>(
    view: &'a BookView<'a>,
    loaded: &Loaded,
    id: &str,
) -> Result<Vec<Way<'a>>, Outcome> {
    let mut known = loaded.past.windows.iter();
    let Some((replay, window)) = known.find(|(replay, _)| replay.id == id) else {
        return Err(Outcome::Failed(format!("no crisis {id}")));
    };
    through(view, loaded, replay, *window)
}

fn through<'a>(
    view: &'a BookView<'a>,
    loaded: &Loaded,
    replay: &Replay,
    window: [TradingDate; 2],
) -> Result<Vec<Way<'a>>, Outcome> {
    let failed = |error: NumericError| Outcome::Failed(error.to_string());
    let mut ways = Vec::new();
    let mut moves = None;
    for one in &view.modelled {
        let own = path(loaded, one.symbol, replay).map_err(failed)?;
        let (held, floored) = if let Some(own) = own {
            (own, 0.0)
        } else if is_still(one) {
            continue;
        } else {
            let moves = match &moves {
                Some(known) => known,
                None => moves.insert(factor_moves(loaded, replay, window)?),
            };
            // Of dividends betas know nothing.
            let by = by_betas(one, moves)?;
            let held = Held {
                total: by.applied,
                price: by.applied,
            };
            (held, one.linear * (by.applied - by.raw))
        };
        ways.push(Way {
            symbol: one.symbol,
            held,
            profit: one.through(held).map_err(failed)?,
            floored,
            approximated: own.is_none(),
            gross: one.gross,
        });
    }
    // A path of its own needs no model.
    for one in &view.unmodelled {
        if let Some(held) = path(loaded, one.symbol, replay).map_err(failed)? {
            ways.push(Way {
                symbol: one.symbol,
                held,
                profit: one.through(held).map_err(failed)?,
                floored: 0.0,
                approximated: false,
                gross: one.gross,
            });
        }
    }
    Ok(ways)
}

/// Move of each factor over a window, or why it has none.
type Moves = Vec<Result<f64, String>>;

/// A factor that the symbol does not move with may lack its path.
fn by_betas(one: &Modelled<'_>, moves: &Moves) -> Result<Move, Outcome> {
    let mut known = Vec::with_capacity(moves.len());
    for (beta, by) in one.betas.iter().zip(moves) {
        match by {
            Ok(by) => known.push(*by),
            Err(_) if *beta == 0.0 => known.push(0.0),
            Err(why) => {
                let why = format!("{} goes by its betas: {why}", one.symbol);
                return Err(Outcome::Insufficient(why));
            }
        }
    }
    let by = instrument_move(&one.betas, &known);
    by.map_err(|error| Outcome::Failed(error.to_string()))
}

/// Returns of a symbol over the window, if it has both closes.
fn path(loaded: &Loaded, symbol: &Symbol, replay: &Replay) -> Result<Option<Held>, NumericError> {
    let Some(path) = loaded.past.paths.get(&(symbol.clone(), replay.id)) else {
        return Ok(None);
    };
    let Some([bought, sold]) = path.ends else {
        return Ok(None);
    };
    let within = path.actions.iter().map(|action| kernels::Action {
        split: action.split_ratio.map_or(1.0, money::to_f64),
        dividend: action.cash_dividend.map_or(0.0, money::to_f64),
    });
    kernels::held(bought, sold, &within.collect::<Vec<_>>()).map(Some)
}

/// The same of a factor's proxy, which may be a yield.
fn proxy_path(
    loaded: &Loaded,
    factor: &Factor,
    replay: &Replay,
) -> Result<Option<f64>, NumericError> {
    if factor.kind == SeriesKind::Price {
        let own = path(loaded, &factor.proxy, replay)?;
        return Ok(own.map(|held| held.total));
    }
    let key = (factor.proxy.clone(), replay.id);
    let ends = loaded.past.paths.get(&key).and_then(|path| path.ends);
    let (duration, convexity) = (
        factor.duration.unwrap_or(0.0),
        factor.convexity.unwrap_or(0.0),
    );
    Ok(ends.map(|[first, last]| bond_return(last - first, duration, convexity)))
}

fn factor_moves(
    loaded: &Loaded,
    replay: &Replay,
    window: [TradingDate; 2],
) -> Result<Moves, Outcome> {
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
            Some(factor) => proxy_path(loaded, factor, replay).map_err(failed)?,
            None => None,
        });
    }
    let market = covariance.roles.iter().position(|role| role == "market");
    let market = market.ok_or_else(|| Outcome::Insufficient("no market factor".to_owned()))?;
    let moves = kernels::factor_moves(market, &covariance.market_slopes, &paths).map_err(failed)?;
    let [from, to] = window;
    let why = |k: usize| {
        // Without the market no factor is neutral to it.
        let lacking = if paths[k].is_none() { k } else { market };
        let Some(factor) = defined.get(covariance.factors[lacking].as_str()) else {
            return format!("{} is no longer defined", covariance.factors[lacking]);
        };
        let known = loaded.past.paths.get(&(factor.proxy.clone(), replay.id));
        let asked = known.and_then(|path| path.reason.as_deref());
        let asked = asked.unwrap_or("no provider was asked");
        format!("no closes of {} on {from} and {to} ({asked})", factor.proxy)
    };
    let moves = moves.into_iter().enumerate();
    Ok(moves.map(|(k, by)| by.ok_or_else(|| why(k))).collect())
}

#[cfg(test)]
mod tests {
    use super::super::made_up::of_the_market;
    use super::*;
    use crate::domain::Calendar;
    use crate::store::symbol_results::Slope;

    #[test]
    fn the_betas_of_a_series_that_stands_still_lead_through_no_crisis() {
        let mut loaded = of_the_market(Vec::new());
        let stock = loaded.values[0].symbol.clone();
        let all = |loaded: &Loaded| {
            let view = BookView::new(loaded, Calendar::nyse());
            let (rows, outcome) = replays(&view, loaded);
            assert_eq!(outcome, Outcome::Done);
            assert!(!rows.is_empty());
            rows
        };
        let with_paths = loaded.past.paths.clone();
        loaded.past.paths.retain(|(symbol, _), _| *symbol != stock);
        for row in all(&loaded) {
            assert_eq!(row.outcome, "done");
            assert_eq!(row.approximated, [stock.to_string()]);
            assert_eq!(row.coverage, Some(1.0));
        }

        // Another one of the same size that moves, and then the first stands still.
        let mut other = loaded.values[0].clone();
        other.symbol = "BBB".parse().unwrap();
        let moving = loaded.models[&stock].clone();
        let still = loaded.models.get_mut(&stock).unwrap();
        still.specific_variance = 0.0;
        for slope in still.betas.values_mut() {
            *slope = Slope::default();
        }
        for row in all(&loaded) {
            assert_eq!(row.outcome, "insufficient_data");
            let why = row.reason.unwrap();
            assert!(why.contains("AAA") && why.contains("stands still"), "{why}");
            assert_eq!((row.pnl, row.fraction, row.coverage), (None, None, None));
        }
        loaded.models.insert(other.symbol.clone(), moving);
        loaded.values.push(other);
        for row in all(&loaded) {
            assert_eq!(row.outcome, "done");
            assert_eq!(row.approximated, ["BBB"]);
            assert_eq!(row.coverage, Some(0.5));
        }

        // Closes of its own are what it did.
        loaded.past.paths = with_paths;
        for row in all(&loaded) {
            assert_eq!(row.approximated, ["BBB"]);
            assert_eq!(row.coverage, Some(1.0));
        }
    }
}
