//! Reverse stress: the most plausible move of the factors that costs a part of the net asset value.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::book::BookView;
use super::risk::amount;
use super::{Loaded, Outcome};
use crate::analytics::linalg::dot;
use crate::analytics::reverse_stress::{Instrument, Reverse, most_plausible};
use crate::analytics::stress::StressModel;
use crate::analytics::stress_pnl::{instrument_move, profit_and_loss};
use crate::analytics::{Error as NumericError, reverse_stress::Found};
use crate::store::portfolio_results::ReverseRow;

/// Losses that are asked for, parts of the net asset value.
const LOSSES: [f64; 3] = [0.05, 0.10, 0.20];

/// A row for each loss.
pub(super) fn reverse(view: &BookView<'_>, loaded: &Loaded) -> (Vec<ReverseRow>, Outcome) {
    let none = view.nothing_to_model().or_else(|| view.no_ratios.clone());
    let ready = match none {
        Some(outcome) => Err(outcome),
        None => super::stress::model(loaded),
    };
    let mut rows = Vec::new();
    let mut failed = None;
    for loss in LOSSES {
        let found = match &ready {
            Ok((covariance, model)) => {
                let found = search(view, model, loss);
                let found = found.and_then(|found| Ok((floored(view, model, &found)?, found)));
                found.map(|found| (found, &covariance.factors))
            }
            Err(outcome) => Err(outcome.clone()),
        };
        rows.push(match found {
            Ok(((floored, found), factors)) => ReverseRow {
                floored,
                ..done(view, loss, &found, factors)
            },
            Err(outcome) => {
                let row = left_out(loss, &outcome);
                if !outcome.is_strict() {
                    failed = Some(outcome);
                }
                row
            }
        });
    }
    (rows, failed.unwrap_or(Outcome::Done))
}

fn left_out(loss: f64, outcome: &Outcome) -> ReverseRow {
    ReverseRow {
        loss,
        outcome: outcome.word(),
        reason: outcome.reason().map(ToOwned::to_owned),
        pnl: None,
        distance: None,
        tail: None,
        moves: json!({}),
        floored: None,
        coverage: None,
    }
}

fn done(view: &BookView<'_>, loss: f64, found: &Found, factors: &[String]) -> ReverseRow {
    let moves: Map<String, Value> = factors
        .iter()
        .zip(&found.proxies)
        .map(|(name, by)| (name.clone(), json!(by)))
        .collect();
    ReverseRow {
        loss,
        outcome: "done",
        reason: None,
        pnl: view.nav.and_then(|nav| amount(-loss * nav)),
        distance: Some(found.distance),
        tail: Some(found.tail),
        moves: Value::Object(moves),
        floored: None,
        coverage: view.coverage,
    }
}

/// What the floor of −100 % took off the stock of the book in the move that was found.
fn floored(
    view: &BookView<'_>,
    model: &StressModel,
    found: &Found,
) -> Result<Option<Decimal>, Outcome> {
    let failed = |error: NumericError| Outcome::Failed(error.to_string());
    let moves = model.factor_moves(&found.proxies).map_err(failed)?;
    let mut stock = Vec::with_capacity(view.modelled.len());
    for one in &view.modelled {
        let by = instrument_move(&one.betas, &moves).map_err(failed)?;
        stock.push((one.linear, by));
    }
    Ok(amount(profit_and_loss(&stock).floored))
}

/// Each underlying with its slopes on the proxies: betas are on factors, which are proxies less their part of the market.
fn instruments(view: &BookView<'_>, model: &StressModel) -> Result<Vec<Instrument>, Outcome> {
    let size = model.covariance().rows();
    let failed = |error: NumericError| Outcome::Failed(error.to_string());
    let mut factors = Vec::with_capacity(size);
    for proxy in 0..size {
        let mut alone = vec![0.0; size];
        alone[proxy] = 1.0;
        factors.push(model.factor_moves(&alone).map_err(failed)?);
    }
    let slopes = |betas: &[f64]| factors.iter().map(|moves| dot(betas, moves)).collect();
    let instruments = view.modelled.iter().map(|one| Instrument {
        slopes: slopes(&one.betas),
        options: !one.options.is_empty(),
    });
    Ok(instruments.collect())
}

fn search(view: &BookView<'_>, model: &StressModel, loss: f64) -> Result<Found, Outcome> {
    let nav = view.nav.unwrap_or(1.0);
    let pnl = |proxies: &[f64]| -> Result<f64, NumericError> {
        let moves = model.factor_moves(proxies)?;
        let mut profit = 0.0;
        for one in &view.modelled {
            profit += one.profit(instrument_move(&one.betas, &moves)?.applied, 1.0)?;
        }
        Ok(profit / nav)
    };
    let instruments = instruments(view, model)?;
    match most_plausible(model.covariance(), loss, &instruments, pnl) {
        Ok(Reverse::Found(found)) => Ok(found),
        Ok(Reverse::NoExposure) => Err(Outcome::NotApplicable(
            "no factor moves the book".to_owned(),
        )),
        Ok(Reverse::OutOfReach) => Err(Outcome::NotApplicable(
            "no move of the factors was found that loses so much".to_owned(),
        )),
        // Two proxies that are one, or one that stands still: what moves the book is not told apart.
        Err(NumericError::NotPositiveDefinite { .. }) => Err(Outcome::Insufficient(
            "the covariance of the proxies is singular: one of them says nothing of its own"
                .to_owned(),
        )),
        Err(error) => Err(Outcome::Failed(error.to_string())),
    }
}
