//! Factor exposures and the risk decomposition.

use rust_decimal::Decimal;

use super::book::{BookView, Modelled};
use super::{Loaded, Outcome};
use crate::analytics::linalg::Matrix;
use crate::analytics::risk::{PortfolioBeta, Underlying, decompose, portfolio_beta};
use crate::domain::{coverage, factor_window, money};
use crate::store::portfolio_results::{ContributionRow, FactorRow, PositionFactorRow, RiskRow};
use crate::store::symbol_results::CovarianceRow;

/// What the factor model says of a book.
pub(super) struct Exposures {
    pub(super) factors: Vec<FactorRow>,
    pub(super) positions: Vec<PositionFactorRow>,
    pub(super) risk: Option<RiskRow>,
    pub(super) contributions: Vec<ContributionRow>,
    pub(super) outcome: Outcome,
}

impl Exposures {
    fn none(outcome: Outcome) -> Self {
        Self {
            factors: Vec::new(),
            positions: Vec::new(),
            risk: None,
            contributions: Vec::new(),
            outcome,
        }
    }

    pub(super) fn failed(why: String) -> Self {
        Self::none(Outcome::Failed(why))
    }
}

/// An amount of money that came out of statistics; none for what is no amount: NaN, infinite, beyond a decimal.
pub(super) fn amount(value: f64) -> Option<Decimal> {
    money::from_f64(value)
}

/// Flags of a number that rests on part of the book (a book that is worth nothing has no part to rest on), or on a series that
/// stood still for the whole window: its zeros may be true, of a money-market fund, or a price that nobody renewed.
pub(super) fn flags(view: &BookView<'_>) -> Vec<String> {
    let mut flags = coverage::flags(view.coverage);
    if view.modelled.iter().any(is_still) {
        flags.push("motionless_series".to_owned());
    }
    flags
}

/// Whether the series stood still for the whole window: its slopes are zeros of nothing that was measured.
pub(super) fn is_still(one: &Modelled<'_>) -> bool {
    one.model.specific_variance <= 0.0 && one.betas.iter().all(|beta| *beta == 0.0)
}

pub(super) fn exposures(view: &BookView<'_>, loaded: &Loaded) -> Exposures {
    if let Some(outcome) = view.nothing_to_model() {
        return Exposures::none(outcome);
    }
    let covariance = match &loaded.covariance {
        None => {
            let why = "no factor covariance of this date".to_owned();
            return Exposures::none(Outcome::Insufficient(why));
        }
        Some(row) => match &row.reason {
            Some(why) => return Exposures::none(Outcome::Insufficient(why.clone())),
            None => row,
        },
    };
    let mut all = Exposures::none(Outcome::Done);
    let rows = factor_rows(view, loaded, covariance);
    match rows.and_then(|rows| Ok((rows, position_rows(view, covariance)?))) {
        Ok(rows) => (all.factors, all.positions) = rows,
        Err(why) => return Exposures::failed(why),
    }
    match &view.no_ratios {
        Some(outcome) => all.outcome = outcome.clone(),
        None => match risk(view, covariance) {
            Ok((risk, contributions)) => {
                all.risk = Some(risk);
                all.contributions = contributions;
            }
            Err(why) => all.outcome = Outcome::Failed(why),
        },
    }
    all
}

/// A slope that is no number is the failure of all of them: whatever else the book holds, its sum is none either.
fn factor_rows(
    view: &BookView<'_>,
    loaded: &Loaded,
    covariance: &CovarianceRow,
) -> Result<Vec<FactorRow>, String> {
    let mut rows = Vec::new();
    for factor in &loaded.definitions.factors {
        let Some(at) = covariance
            .factors
            .iter()
            .position(|name| *name == factor.name)
        else {
            let why = covariance
                .unavailable
                .get(&factor.name)
                .and_then(|why| why.as_str());
            rows.push(FactorRow {
                factor: factor.name.clone(),
                beta: None,
                std_error: None,
                interval: None,
                dollar: None,
                coverage: None,
                reason: Some(format!("unavailable: {}", why.unwrap_or("no series"))),
            });
            continue;
        };
        let slopes: Vec<(f64, Option<(f64, f64)>)> = view
            .modelled
            .iter()
            .map(|one| (one.weight, Some((one.betas[at], one.errors[at]))))
            .collect();
        let dollar: f64 = view
            .modelled
            .iter()
            .map(|one| one.exposure * one.betas[at])
            .sum();
        let of_book = portfolio_beta(&slopes)
            .map_err(|error| format!("exposure to {}: {error}", factor.name))?;
        let of_book = view.nav.is_some().then_some(of_book);
        let dollar = amount(dollar)
            .ok_or_else(|| format!("exposure to {}: {dollar} is no amount", factor.name))?;
        rows.push(FactorRow {
            factor: factor.name.clone(),
            beta: of_book.as_ref().map(|book| book.beta),
            std_error: of_book.as_ref().map(|book| book.standard_error),
            interval: of_book.as_ref().map(PortfolioBeta::interval),
            dollar: Some(dollar),
            coverage: view.coverage,
            reason: view
                .no_ratios
                .as_ref()
                .filter(|_| of_book.is_none())
                .and_then(Outcome::reason)
                .map(ToOwned::to_owned),
        });
    }
    Ok(rows)
}

fn position_rows(
    view: &BookView<'_>,
    covariance: &CovarianceRow,
) -> Result<Vec<PositionFactorRow>, String> {
    let mut rows = Vec::new();
    for &(position, underlying, exposure) in &view.lots {
        let at = view
            .modelled
            .binary_search_by(|one| one.symbol.cmp(underlying));
        let Ok(at) = at else { continue };
        let one = &view.modelled[at];
        for (k, factor) in covariance.factors.iter().enumerate() {
            let dollar = exposure * one.betas[k];
            rows.push(PositionFactorRow {
                position,
                factor: factor.clone(),
                beta: one.betas[k],
                std_error: one.errors[k],
                interval: one.intervals[k],
                dollar: amount(dollar)
                    .ok_or_else(|| format!("{underlying} to {factor}: {dollar} is no amount"))?,
            });
        }
    }
    Ok(rows)
}

fn risk(
    view: &BookView<'_>,
    covariance: &CovarianceRow,
) -> Result<(RiskRow, Vec<ContributionRow>), String> {
    let size = covariance.factors.len();
    let f = Matrix::new(size, size, covariance.covariance.clone()).map_err(|e| e.to_string())?;
    let underlyings: Vec<Underlying<'_>> = view
        .modelled
        .iter()
        .map(|one| Underlying {
            weight: one.weight,
            betas: &one.betas,
            specific_variance: one.model.specific_variance,
        })
        .collect();
    let risk = decompose(&underlyings, &f).map_err(|error| error.to_string())?;
    let mut flags = flags(view);
    flags.extend(factor_window::flag(Some(covariance.n)));
    let row = RiskRow {
        volatility: risk.sigma,
        factor_variance: risk.factor_variance,
        specific_variance: risk.specific_variance,
        systematic_share: risk.systematic_share,
        diversification_ratio: risk.diversification_ratio_squared.map(f64::sqrt),
        effective_bets: risk.effective_bets,
        coverage: view.coverage,
        n: covariance.n,
        flags,
    };
    let share = |contribution: f64| (risk.sigma > 0.0).then(|| contribution / risk.sigma);
    let slopes = f
        .multiply_vector(&risk.betas)
        .map_err(|error| error.to_string())?;
    let mut rows = Vec::new();
    for (at, factor) in covariance.factors.iter().enumerate() {
        let contribution = risk.factor_contributions[at];
        rows.push(ContributionRow {
            kind: "factor",
            name: factor.clone(),
            exposure: risk.betas[at],
            marginal: if risk.sigma > 0.0 {
                slopes[at] / risk.sigma
            } else {
                0.0
            },
            contribution,
            share: share(contribution),
        });
    }
    for (at, one) in view.modelled.iter().enumerate() {
        let contribution = risk.contributions[at];
        rows.push(ContributionRow {
            kind: "underlying",
            name: one.symbol.to_string(),
            exposure: one.weight,
            marginal: risk.marginals[at],
            contribution,
            share: share(contribution),
        });
    }
    Ok((row, rows))
}
