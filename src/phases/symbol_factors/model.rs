//! The factor model of a date, and the betas of a symbol under it. Phase 6 uses the same functions
//! for a held symbol that has no model.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::analytics::factors::{FactorModel, Role};
use crate::analytics::inference;
use crate::analytics::market_beta::{MarketBeta, market_beta};
use crate::analytics::spreads::{spread, spreads_fit};
use crate::analytics::{Error as NumericError, MINIMUM_OBSERVATIONS, joint_fit};
use crate::domain::factor_window::{self, CommonSessions};
use crate::domain::{Factor, FactorRole, ProfileFacts, Symbol, TradingDate};
use crate::phases::Result;
use crate::phases::series::{Prices, Window};
use crate::store::symbol_results::{
    CovarianceRow, DisplayRow, ExposureRow, FitQuality, INSUFFICIENT_DATA, Inference, MarketFit,
    ModelRow, Refused, UNAVAILABLE,
};

/// A series of returns, or why a model for display has none.
type Leg<T> = std::result::Result<T, Refused>;

/// A proxy whose newest return is more sessions old than this is out of date. A few days are a provider that is late; a model that kept a series
/// for longer would see the last session of every factor and symbol where that one ended.
const OUT_OF_DATE_AFTER: usize = 5;

/// Why there is no market.
const NO_MARKET: &str = "no factor is defined as the market";

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
    /// Where the sessions of the model lie.
    common: Option<CommonSessions>,
    market_name: String,
    market: Leg<Vec<f64>>,
    /// All that are configured.
    spreads: Vec<(&'static str, Leg<Vec<f64>>)>,
}

impl<'a> DateModel<'a> {
    /// From the proxies' returns in a window, restricted to the 252 sessions up to the date.
    pub(in crate::phases) fn new(
        factors: &'a [Factor],
        proxies: &[Vec<f64>],
        window: &Window,
        span: RangeInclusive<usize>,
    ) -> Self {
        let sessions = &window.sessions[span.clone()];
        let all = factors.iter().zip(proxies).map(|(factor, returns)| {
            let returns = &returns[span.clone()];
            Proxy {
                factor,
                returns,
                lack: lack(factor, returns, sessions),
            }
        });
        let all: Vec<Proxy<'_, '_>> = all.collect();
        let mut available = Vec::new();
        let mut unavailable = BTreeMap::new();
        let mut series: Vec<&[f64]> = Vec::new();
        for proxy in &all {
            if let Some(lack) = &proxy.lack {
                unavailable.insert(proxy.factor.name.clone(), lack.why.clone());
            } else {
                available.push(proxy.factor);
                series.push(proxy.returns);
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
                    None => NO_MARKET.to_owned(),
                },
            )
        };
        let at = factors
            .iter()
            .position(|factor| factor.role == FactorRole::Market);
        let market = leg(&all, at, || NO_MARKET.to_owned());
        let common = model.as_ref().ok();
        Self {
            available,
            unavailable,
            common: common.and_then(|model| common_sessions(model, &all, sessions)),
            model,
            market_name: at.map_or_else(|| "Market".to_owned(), |at| factors[at].name.clone()),
            spreads: legs_apart(&all, &market),
            market: market.map(<[f64]>::to_vec),
        }
    }
}

/// The returns of a factor's proxy over the window of a model.
struct Proxy<'a, 's> {
    factor: &'a Factor,
    returns: &'s [f64],
    /// Why no model has it.
    lack: Option<Lack>,
}

/// Why a series is in no model.
struct Lack {
    /// [`UNAVAILABLE`] or [`INSUFFICIENT_DATA`].
    status: &'static str,
    /// What the series is, in a word.
    is: &'static str,
    why: String,
}

fn lack(factor: &Factor, returns: &[f64], sessions: &[TradingDate]) -> Option<Lack> {
    let proxy = &factor.proxy;
    let newest = returns.iter().rposition(|value| !value.is_nan());
    if let Some(newest) = newest.filter(|newest| newest + OUT_OF_DATE_AFTER + 1 < returns.len()) {
        return Some(Lack {
            status: UNAVAILABLE,
            is: "out of date",
            why: format!("its proxy {proxy} has no return since {}", sessions[newest]),
        });
    }
    let have = observed(returns);
    let (status, is) = match have {
        0 => (UNAVAILABLE, "missing"),
        MINIMUM_OBSERVATIONS.. => return None,
        _ => (INSUFFICIENT_DATA, "too short"),
    };
    Some(Lack {
        status,
        is,
        why: format!("proxy {proxy} has {have} of {MINIMUM_OBSERVATIONS} returns"),
    })
}

/// Where the sessions of a model lie. Of proxies with equally few returns the first is named.
fn common_sessions(
    model: &FactorModel,
    all: &[Proxy<'_, '_>],
    sessions: &[TradingDate],
) -> Option<CommonSessions> {
    let (first, last) = (model.sessions().first()?, model.sessions().last()?);
    let used = all.iter().filter(|proxy| proxy.lack.is_none());
    let counts = used.map(|proxy| (observed(proxy.returns), &proxy.factor.proxy));
    let (have, fewest) = counts.min_by_key(|(have, _)| *have)?;
    Some(CommonSessions {
        n: i32::try_from(model.sessions().len()).unwrap_or(i32::MAX),
        first: sessions[*first].date(),
        last: sessions[*last].date(),
        limiting: (have < sessions.len()).then(|| fewest.to_string()),
    })
}

fn observed(returns: &[f64]) -> usize {
    returns.iter().filter(|value| !value.is_nan()).count()
}

/// The returns of the factor at a place as a leg of a model for display; `nobody` is the reason where there is no such factor.
fn leg<'s>(
    all: &[Proxy<'_, 's>],
    at: Option<usize>,
    nobody: impl FnOnce() -> String,
) -> Leg<&'s [f64]> {
    let Some(at) = at else {
        return Err(Refused {
            status: UNAVAILABLE,
            reason: nobody(),
        });
    };
    let proxy = &all[at];
    let Some(lack) = &proxy.lack else {
        return Ok(proxy.returns);
    };
    let (name, Lack { is, why, .. }) = (&proxy.factor.name, lack);
    Err(Refused {
        status: lack.status,
        reason: format!("the series of {name} is {is}: {why}"),
    })
}

/// The returns of each configured spread, or which leg it lacks.
fn legs_apart<'s>(
    all: &[Proxy<'_, 's>],
    market: &Leg<&'s [f64]>,
) -> Vec<(&'static str, Leg<Vec<f64>>)> {
    let of = |name: &str| {
        let at = all.iter().position(|proxy| proxy.factor.name == name);
        leg(all, at, || format!("no factor is named {name}"))
    };
    let spreads = SPREADS.map(|(name, long, short)| {
        let legs = (of(long), short.map_or_else(|| market.clone(), of));
        let returns = match legs {
            (Ok(long), Ok(short)) => spread(long, short).map_err(|error| refused(&error)),
            (Err(why), Ok(_)) | (Ok(_), Err(why)) => Err(why),
            (Err(one), Err(other)) => Err(Refused {
                status: if one.status == other.status {
                    one.status
                } else {
                    UNAVAILABLE
                },
                reason: format!("{}; {}", one.reason, other.reason),
            }),
        };
        (name, returns)
    });
    spreads.into()
}

/// A kernel's refusal of a model for display.
fn refused(error: &NumericError) -> Refused {
    let short = matches!(error, NumericError::Insufficient { .. });
    Refused {
        status: if short {
            INSUFFICIENT_DATA
        } else {
            UNAVAILABLE
        },
        reason: reason(error),
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
            common: dated.common.clone(),
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
            common: None,
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
    let mut row = ModelRow {
        symbol: symbol.clone(),
        as_of,
        reason: None,
        alpha: None,
        r_squared: None,
        n: count(observed(returns)),
        n_eff: None,
        edf: None,
        specific_variance: None,
        flags: Vec::new(),
        quality: FitQuality::default(),
        exposures: Vec::new(),
        displays: Vec::new(),
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
            let model = dated.model.as_ref().ok();
            let shared = model.map(|model| count(model.sessions().len()));
            row.flags.extend(factor_window::flag(shared));
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
    show_market(&mut row, dated, returns);
    show_spreads(&mut row, dated, returns);
    show_provider(&mut row, dated, profile);
    row
}

fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

/// Adds the market beta, or why there is none.
fn show_market(row: &mut ModelRow, dated: &DateModel<'_>, returns: &[f64]) {
    let beta = match &dated.market {
        Ok(market) => market_beta(market, returns).map_err(|error| refused(&error)),
        Err(why) => Err(why.clone()),
    };
    row.displays.push(DisplayRow {
        model: "market",
        factor: dated.market_name.clone(),
        n: Some(count(
            beta.as_ref().map_or_else(|_| observed(returns), |b| b.n),
        )),
        fit: beta.as_ref().ok().map(market_fit),
        refused: beta.as_ref().err().cloned(),
    });
    let Ok(beta) = beta else { return };
    let mut flags = Vec::new();
    if beta.extreme {
        flags.push("extreme".to_owned());
    }
    // As in the joint model: the zero of returns that stand still is no finding.
    if beta.r_squared.is_none() {
        flags.push("motionless".to_owned());
    }
    row.exposures.push(ExposureRow {
        model: "market",
        factor: dated.market_name.clone(),
        beta: beta.beta,
        std_error: Some(beta.standard_error),
        inference: stored(beta.inference),
        shrunk: Some(beta.adjusted),
        vif: None,
        n: Some(count(beta.n)),
        flags,
    });
}

fn market_fit(beta: &MarketBeta) -> MarketFit {
    MarketFit {
        alpha: beta.alpha,
        alpha_error: beta.alpha_error,
        inference: stored(beta.alpha_inference),
        r_squared: beta.r_squared,
        adjusted_r_squared: beta.adjusted_r_squared,
        n_eff: beta.n_eff,
    }
}

/// Adds the beta of the provider, or that there is none.
fn show_provider(row: &mut ModelRow, dated: &DateModel<'_>, profile: Option<&ProfileFacts>) {
    let beta = profile.and_then(|profile| profile.beta);
    row.displays.push(DisplayRow {
        model: "provider",
        factor: dated.market_name.clone(),
        refused: beta.is_none().then(|| Refused {
            status: UNAVAILABLE,
            reason: "no profile with a beta is known".to_owned(),
        }),
        n: None,
        fit: None,
    });
    let Some(beta) = beta else { return };
    row.exposures.push(ExposureRow {
        model: "provider",
        factor: dated.market_name.clone(),
        beta,
        std_error: None,
        inference: Inference::default(),
        shrunk: None,
        vif: None,
        n: None,
        flags: Vec::new(),
    });
}

/// As it is stored.
fn stored(inference: inference::Inference) -> Inference {
    Inference {
        t: inference.t,
        p: inference.p,
        interval: inference.interval,
    }
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

/// Adds the spreads, fitted jointly as far as they have series; the others with the leg that they lack.
fn show_spreads(row: &mut ModelRow, dated: &DateModel<'_>, returns: &[f64]) {
    let own = dated
        .spreads
        .iter()
        .filter_map(|(_, own)| own.as_ref().ok());
    let series: Vec<&[f64]> = own.map(Vec::as_slice).collect();
    let fit = match &dated.market {
        Ok(market) => spreads_fit(market, &series, returns).map_err(|error| refused(&error)),
        Err(why) => Err(why.clone()),
    };
    let mut fitted = 0;
    for (name, own) in &dated.spreads {
        let told = own.as_ref().map_err(Clone::clone);
        let told = told.and_then(|_| fit.as_ref().map_err(Clone::clone));
        row.displays.push(DisplayRow {
            model: "spread",
            factor: (*name).to_owned(),
            n: Some(count(
                told.as_ref()
                    .map_or_else(|_| observed(returns), |fit| fit.n),
            )),
            fit: None,
            refused: told.as_ref().err().cloned(),
        });
        let Ok(fit) = told else { continue };
        row.exposures.push(ExposureRow {
            model: "spread",
            factor: (*name).to_owned(),
            beta: fit.betas[fitted],
            std_error: Some(fit.standard_errors[fitted]),
            inference: stored(fit.inference[fitted]),
            shrunk: None,
            vif: fit.variance_inflation[fitted],
            n: Some(count(fit.n)),
            flags: if fit.collinear {
                vec!["collinear".to_owned()]
            } else {
                Vec::new()
            },
        });
        fitted += 1;
    }
}
