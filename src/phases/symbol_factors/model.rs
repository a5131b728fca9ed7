//! The factor model of a date, and the betas of a symbol under it. Phase 6 uses the same functions
//! for a held symbol that has no model.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::analytics::factors::{FactorModel, Role};
use crate::analytics::inference;
use crate::analytics::market_beta::market_beta;
use crate::analytics::spreads::{spread, spreads_fit};
use crate::analytics::{Error as NumericError, MINIMUM_OBSERVATIONS, joint_fit};
use crate::domain::{Factor, FactorRole, ProfileFacts, Symbol, TradingDate};
use crate::phases::Result;
use crate::phases::series::{Prices, Window};
use crate::store::symbol_results::{CovarianceRow, ExposureRow, FitQuality, Inference, ModelRow};

/// Display spreads: name, long leg, short leg (`None` is the market).
const SPREADS: [(&str, &str, Option<&str>); 4] = [
    ("Growth-Value Spread", "Growth", Some("Value")),
    ("Momentum Spread", "Momentum", None),
    ("Size Spread", "Size", None),
    ("Quality Spread", "Quality", None),
];

/// Returns of every factor's proxy over a window, in definition order.
pub(in crate::phases) fn proxies(
    window: &Window,
    prices: &Prices,
    factors: &[Factor],
) -> Result<Vec<Vec<f64>>> {
    factors
        .iter()
        .map(|factor| window.proxy_returns(prices, factor))
        .collect()
}

/// What all symbols of a date share.
pub(in crate::phases) struct DateModel<'a> {
    /// Factors with a series, in definition order.
    pub(in crate::phases) available: Vec<&'a Factor>,
    /// Factor → why it has none.
    pub(in crate::phases) unavailable: BTreeMap<String, String>,
    pub(in crate::phases) model: std::result::Result<FactorModel, String>,
    market: Option<Vec<f64>>,
    spreads: Vec<(&'static str, Vec<f64>)>,
}

impl<'a> DateModel<'a> {
    /// From the proxies' returns, restricted to the 252 sessions up to the date.
    pub(in crate::phases) fn new(
        factors: &'a [Factor],
        proxies: &[Vec<f64>],
        span: RangeInclusive<usize>,
    ) -> Self {
        let mut available = Vec::new();
        let mut unavailable = BTreeMap::new();
        let mut series: Vec<&[f64]> = Vec::new();
        for (factor, returns) in factors.iter().zip(proxies) {
            let returns = &returns[span.clone()];
            let have = returns.iter().filter(|value| !value.is_nan()).count();
            if have >= MINIMUM_OBSERVATIONS {
                available.push(factor);
                series.push(returns);
            } else {
                let reason = format!(
                    "proxy {} has {have} of {MINIMUM_OBSERVATIONS} returns",
                    factor.proxy
                );
                unavailable.insert(factor.name.clone(), reason);
            }
        }
        let roles: Vec<Role> = available.iter().map(|factor| role(factor.role)).collect();
        let model = if roles.contains(&Role::Market) {
            FactorModel::new(&roles, &series).map_err(|error| reason(&error))
        } else {
            let market = factors
                .iter()
                .find(|factor| role(factor.role) == Role::Market);
            Err(
                match market.and_then(|market| unavailable.get(&market.name)) {
                    Some(why) => format!("the market factor is not available: {why}"),
                    None => "no factor is defined as the market".to_owned(),
                },
            )
        };
        let of = |name: &str| {
            let at = available.iter().position(|factor| factor.name == name)?;
            Some(series[at])
        };
        let market_at = roles.iter().position(|role| *role == Role::Market);
        let market = market_at.map(|at| series[at].to_vec());
        let mut spreads = Vec::new();
        for (name, long, short) in SPREADS {
            let short = match short {
                Some(short) => of(short),
                None => market.as_deref(),
            };
            if let (Some(long), Some(short)) = (of(long), short)
                && let Ok(returns) = spread(long, short)
            {
                spreads.push((name, returns));
            }
        }
        Self {
            available,
            unavailable,
            model,
            market,
            spreads,
        }
    }
}

fn role(role: FactorRole) -> Role {
    match role {
        FactorRole::Market => Role::Market,
        FactorRole::Style => Role::Style,
        FactorRole::Rates => Role::Rates,
    }
}

/// A kernel's refusal as a reason for people.
pub(in crate::phases) fn reason(error: &NumericError) -> String {
    match error {
        NumericError::Insufficient { have, need } => {
            format!("insufficient history: {have} of {need} returns")
        }
        other => other.to_string(),
    }
}

/// The factor covariance of a date, as a row.
pub(in crate::phases) fn covariance_row(
    dated: &DateModel<'_>,
    as_of: TradingDate,
) -> CovarianceRow {
    let factors: Vec<String> = dated.available.iter().map(|f| f.name.clone()).collect();
    let roles = dated
        .available
        .iter()
        .map(|factor| factor.role.to_string())
        .collect();
    let unavailable = serde_json::json!(dated.unavailable);
    let matrices = dated
        .model
        .as_ref()
        .map_err(Clone::clone)
        .and_then(|model| {
            let covariance = model.factor_covariance().map_err(|error| reason(&error))?;
            let proxies = model.proxy_covariance().map_err(|error| reason(&error))?;
            Ok((
                model.slopes().to_vec(),
                covariance,
                proxies,
                model.sessions().len(),
            ))
        });
    match matrices {
        Ok((slopes, covariance, proxies, n)) => CovarianceRow {
            as_of,
            reason: None,
            factors,
            roles,
            market_slopes: slopes,
            covariance: covariance.data().to_vec(),
            proxy_covariance: proxies.data().to_vec(),
            n: i32::try_from(n).unwrap_or(i32::MAX),
            unavailable,
        },
        Err(reason) => CovarianceRow {
            as_of,
            reason: Some(reason),
            factors,
            roles,
            market_slopes: Vec::new(),
            covariance: Vec::new(),
            proxy_covariance: Vec::new(),
            n: 0,
            unavailable,
        },
    }
}

/// The betas of a symbol at a date. Only a success is stored as values; anything else as a reason.
pub(in crate::phases) fn fit(
    dated: &DateModel<'_>,
    symbol: &Symbol,
    as_of: TradingDate,
    returns: &[f64],
    profile: Option<&ProfileFacts>,
) -> ModelRow {
    let have = returns.iter().filter(|value| !value.is_nan()).count();
    let mut row = ModelRow {
        symbol: symbol.clone(),
        as_of,
        reason: None,
        alpha: None,
        r_squared: None,
        n: i32::try_from(have).unwrap_or(i32::MAX),
        n_eff: None,
        edf: None,
        specific_variance: None,
        flags: Vec::new(),
        quality: FitQuality::default(),
        exposures: Vec::new(),
    };
    let joint = match &dated.model {
        Err(why) => Err(why.clone()),
        Ok(model) => model.joint_fit(returns).map_err(|error| reason(&error)),
    };
    match joint {
        Err(why) => row.reason = Some(why),
        Ok(joint) => {
            row.alpha = Some(joint.alpha);
            row.r_squared = joint.r_squared;
            row.n = i32::try_from(joint.n).unwrap_or(i32::MAX);
            row.n_eff = Some(joint.n_eff);
            row.edf = Some(joint.edf);
            row.specific_variance = Some(joint.specific_variance);
            row.quality = FitQuality {
                alpha_error: Some(joint.alpha_error),
                alpha: stored(joint.alpha_inference),
                adjusted_r_squared: joint.adjusted_r_squared,
                durbin_watson: joint.durbin_watson,
                condition_number: joint.condition,
            };
            row.exposures.extend(joint_rows(dated, &joint));
        }
    }
    if let Some(market) = &dated.market
        && let Ok(beta) = market_beta(market, returns)
    {
        row.exposures.push(ExposureRow {
            model: "market",
            factor: market_name(dated),
            beta: beta.beta,
            std_error: Some(beta.standard_error),
            inference: stored(beta.inference),
            shrunk: Some(beta.adjusted),
            vif: None,
            n: i32::try_from(beta.n).ok(),
            flags: if beta.extreme {
                vec!["extreme".to_owned()]
            } else {
                Vec::new()
            },
        });
        row.exposures.extend(spread_rows(dated, market, returns));
    }
    if let Some(beta) = profile.and_then(|profile| profile.beta) {
        row.exposures.push(ExposureRow {
            model: "provider",
            factor: market_name(dated),
            beta,
            std_error: None,
            inference: Inference::default(),
            shrunk: None,
            vif: None,
            n: None,
            flags: Vec::new(),
        });
    }
    row
}

/// As it is stored.
fn stored(inference: inference::Inference) -> Inference {
    Inference {
        t: inference.t,
        p: inference.p,
        interval: inference.interval,
    }
}

fn market_name(dated: &DateModel<'_>) -> String {
    let market = dated
        .available
        .iter()
        .find(|factor| factor.role == FactorRole::Market);
    market.map_or_else(|| "Market".to_owned(), |factor| factor.name.clone())
}

fn joint_rows(dated: &DateModel<'_>, joint: &joint_fit::JointFit) -> Vec<ExposureRow> {
    let mut rows = Vec::with_capacity(dated.available.len());
    for (at, factor) in dated.available.iter().enumerate() {
        let mut flags = Vec::new();
        if joint.flags[at].extreme {
            flags.push("extreme".to_owned());
        }
        if joint.flags[at].collinear {
            flags.push("collinear".to_owned());
        }
        // Without movement there is nothing to be explained: the zero is no finding.
        if joint.r_squared.is_none() {
            flags.push("motionless".to_owned());
        }
        rows.push(ExposureRow {
            model: "joint",
            factor: factor.name.clone(),
            beta: joint.betas[at],
            std_error: Some(joint.standard_errors[at]),
            inference: stored(joint.inference[at]),
            shrunk: None,
            vif: joint.variance_inflation[at],
            n: i32::try_from(joint.n).ok(),
            flags,
        });
    }
    rows
}

fn spread_rows(dated: &DateModel<'_>, market: &[f64], returns: &[f64]) -> Vec<ExposureRow> {
    let series: Vec<&[f64]> = dated
        .spreads
        .iter()
        .map(|(_, values)| values.as_slice())
        .collect();
    if series.is_empty() {
        return Vec::new();
    }
    let Ok(fit) = spreads_fit(market, &series, returns) else {
        return Vec::new();
    };
    let rows = dated
        .spreads
        .iter()
        .enumerate()
        .map(|(at, (name, _))| ExposureRow {
            model: "spread",
            factor: (*name).to_owned(),
            beta: fit.betas[at],
            std_error: Some(fit.standard_errors[at]),
            inference: stored(fit.inference[at]),
            shrunk: None,
            vif: fit.variance_inflation[at],
            n: i32::try_from(fit.n).ok(),
            flags: if fit.collinear {
                vec!["collinear".to_owned()]
            } else {
                Vec::new()
            },
        });
    rows.collect()
}
