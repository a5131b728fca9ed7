//! Numbers of the factor model: betas, risk and its parts.

use serde_json::json;

use super::fields::{Field, amount, counted, field, names, statistic};
use super::{Explained, Line, Metric, Refusal, Sources, line, money, not_stored, told};
use crate::domain::factor_window::CommonSessions;
use crate::phases::portfolio_analytics::risk::{Exposures, exposures};
use crate::store::portfolio_results::{ContributionRow, FactorRow, RiskRow};
use crate::store::reports::{Contribution, Factor, Report, Risk};
use crate::store::symbol_results::CovarianceRow;

pub(super) const BETA: Metric = Metric {
    name: "beta",
    argument: Some("FACTOR"),
    about: "slope of the portfolio on a factor; with :std_error, :low_95, :high_95, :dollar or :coverage another number of it",
    formula: "Σ weight × beta, weight = X / NAV, betas of the joint model",
    source: SOURCE,
    unit: "return of the portfolio per return of the factor",
    explain: beta,
    told: told::beta,
};

pub(super) const VOLATILITY: Metric = Metric {
    name: "volatility",
    argument: None,
    about: "σ of the risk model",
    formula: "√(b'Fb + Σ weight² × specific_variance), b = Σ weight × betas, F the factor covariance",
    source: SOURCE,
    unit: "a fraction of NAV per year",
    explain: |sources, _| of_risk(sources, "volatility"),
    told: |report, _| told::of_risk(report, &VOLATILITY, "volatility"),
};

pub(super) const SYSTEMATIC_SHARE: Metric = Metric {
    name: "systematic_share",
    argument: None,
    about: "part of the variance that comes from factors",
    formula: "b'Fb / σ²",
    source: SOURCE,
    unit: "a fraction of the variance",
    explain: |sources, _| of_risk(sources, "systematic_share"),
    told: |report, _| told::of_risk(report, &SYSTEMATIC_SHARE, "systematic_share"),
};

pub(super) const RISK: Metric = Metric {
    name: "risk",
    argument: Some("NUMBER"),
    about: "another number of the risk model",
    formula: "σ² = b'Fb + Σ weight² × specific_variance",
    source: SOURCE,
    unit: "a fraction",
    explain: of_risk,
    told: |report, name| told::of_risk(report, &RISK, name),
};

pub(super) const CONTRIBUTION: Metric = Metric {
    name: "contribution",
    argument: Some("POSITION or FACTOR"),
    about: "part of σ that a position or a factor has; with :exposure, :marginal or :share another number of it",
    formula: "of a factor: b × (Fb) / σ; of a position: weight × (betas'Fb + weight × specific_variance) / σ",
    source: SOURCE,
    unit: "a fraction of NAV per year; all of them and the specific part of factors add up to σ",
    explain: contribution,
    told: told::contribution,
};

const SOURCE: &str = "position_values, portfolio_snapshots, symbol_factor_exposures, symbol_factor_models, factor_covariance; options: \
                      positions, market_data_cache, corporate_actions, profile_versions, definition_sets";

fn covariance<'a>(sources: &Sources<'a>) -> Result<&'a CovarianceRow, Refusal> {
    let row = sources.loaded.covariance.as_ref();
    row.ok_or_else(|| Refusal::NotMade("no factor covariance of this date".to_owned()))
}

/// What of the window all factors share, to be said behind it.
fn shared(common: Option<&CommonSessions>) -> String {
    let told = common.map(|common| format!(" with {}", common.told()));
    told.unwrap_or_default()
}

/// The same of the covariance that was read.
pub(super) fn shared_of(sources: &Sources<'_>) -> String {
    let row = sources.loaded.covariance.as_ref();
    shared(row.and_then(|row| row.common.as_ref()))
}

/// The same of the date's covariance as it is stored.
pub(super) fn shared_in(report: &Report) -> String {
    shared(report.common.as_ref())
}

/// Of the fits that betas come from.
pub(super) fn window(as_of: impl std::fmt::Display, shared: &str) -> String {
    format!("252 sessions to {as_of}{shared}, weights halve every 126")
}

/// Of the covariance that they meet in the risk.
pub(super) fn window_of_risk(as_of: impl std::fmt::Display, shared: &str) -> String {
    format!(
        "252 sessions to {as_of}{shared}, weights halve every 63 for volatilities, every 126 for correlations and betas"
    )
}

/// Of the covariance alone.
pub(super) fn window_of_covariance(as_of: impl std::fmt::Display, shared: &str) -> String {
    format!("covariance of 252 sessions to {as_of}{shared}")
}

pub(super) const OF_EXPOSURE: &[Field<Factor, FactorRow>] = &[
    Field {
        name: "beta",
        formula: "Σ weight × beta",
        unit: "return of the portfolio per return of the factor",
        stored: |row| statistic(row.beta),
        made: |row| statistic(row.beta),
    },
    Field {
        name: "std_error",
        formula: "√Σ (weight × std_error)²",
        unit: "of the beta",
        stored: |row| statistic(row.std_error),
        made: |row| statistic(row.std_error),
    },
    Field {
        name: "dollar",
        formula: "Σ exposure × beta, exposure the value of stock and the delta equivalent of options",
        unit: "currency of the portfolio",
        stored: |row| amount(row.dollar),
        made: |row| amount(row.dollar),
    },
    Field {
        name: "low_95",
        formula: "beta − 1.96 × std_error",
        unit: "return of the portfolio per return of the factor",
        stored: |row| statistic(row.low_95),
        made: |row| statistic(row.interval.map(|(low, _)| low)),
    },
    Field {
        name: "high_95",
        formula: "beta + 1.96 × std_error",
        unit: "return of the portfolio per return of the factor",
        stored: |row| statistic(row.high_95),
        made: |row| statistic(row.interval.map(|(_, high)| high)),
    },
    Field {
        name: "coverage",
        formula: COVERAGE,
        unit: "a fraction of gross",
        stored: |row| statistic(row.coverage),
        made: |row| statistic(row.coverage),
    },
];

pub(super) const COVERAGE: &str = "modelled gross / gross";

/// The exposure that is meant, and the number of it.
pub(super) fn exposure<'a>(
    report: &'a Report,
    argument: &str,
) -> Result<(&'a Factor, &'static Field<Factor, FactorRow>), Refusal> {
    let (name, of) = argument.split_once(':').unwrap_or((argument, "beta"));
    let Some(row) = report.factors.iter().find(|row| row.factor == name) else {
        if report.factors.is_empty() {
            return Err(not_stored(report, "factors"));
        }
        let usual = report.factors.iter().map(|row| row.factor.clone());
        let rows = report.factors.iter();
        let others = rows.flat_map(|row| names(OF_EXPOSURE, &format!("{}:", row.factor)));
        return Err(Refusal::Argument(usual.chain(others).collect()));
    };
    Ok((row, field(OF_EXPOSURE, of, &format!("{name}:"))?))
}

fn beta(sources: &Sources<'_>, argument: &str) -> Result<Explained, Refusal> {
    let (stored, of) = exposure(sources.report, argument)?;
    let factor = stored.factor.as_str();
    let value = of.stored(stored, stored.reason.as_ref())?;
    let rows = exposures(&sources.view, sources.loaded).factors;
    let made = rows.iter().find(|row| row.factor == factor);
    let row = made.ok_or_else(|| Refusal::NotMade("no slope".to_owned()))?;
    let computed = match (&row.reason, (of.made)(row)) {
        (_, Some(value)) => value,
        (Some(why), None) => return Err(Refusal::NotMade(why.clone())),
        (None, None) => return Err(Refusal::NotMade("no slope".to_owned())),
    };
    let covariance = covariance(sources)?;
    let at = covariance.factors.iter().position(|name| name == factor);
    let at = at.ok_or_else(|| Refusal::NotMade(format!("{factor} is not in the covariance")))?;
    let inputs = sources.view.modelled.iter().map(|one| {
        let weight = sources.view.nav.map(|_| one.weight);
        let value = json!({
            "exposure": one.exposure,
            "weight": weight,
            "beta": one.betas[at],
            "std_error": one.errors[at],
            "low_95": one.intervals[at].map(|ends| ends.0),
            "high_95": one.intervals[at].map(|ends| ends.1),
            "weight × beta": weight.map(|weight| weight * one.betas[at]),
        });
        line(one.symbol.to_string(), value)
    });
    let inputs: Vec<Line> = inputs.collect();
    let mut steps = vec![
        line("symbols with a factor model", inputs.len()),
        line("standard error, √Σ (weight × std_error)²", row.std_error),
        line(
            "95 % interval, ± 1.96 standard errors",
            json!(row.interval.map(|(low, high)| [low, high])),
        ),
        line(
            "stored standard error and interval",
            json!([stored.std_error, stored.low_95, stored.high_95]),
        ),
        line("coverage, modelled gross over gross", row.coverage),
    ];
    if let Some(dollar) = row.dollar {
        steps.push(line("exposure, Σ X × beta", money(dollar)));
    }
    Ok(Explained {
        formula: of.formula,
        source: BETA.source,
        unit: of.unit,
        window: window(covariance.as_of, &shared_of(sources)),
        n: stored.n.and_then(|n| usize::try_from(n).ok()).unwrap_or(0),
        inputs,
        steps,
        computed,
        stored: value,
    })
}

/// Factors with their slopes and variances, then underlyings with weights and specific variances.
fn parts(sources: &Sources<'_>, all: &Exposures, covariance: &CovarianceRow) -> Vec<Line> {
    let size = covariance.factors.len();
    let slope = |factor: &String| {
        let mut rows = all.contributions.iter();
        let row = rows.find(|row| row.kind == "factor" && row.name == *factor);
        row.map(|row| row.exposure)
    };
    let factors = covariance.factors.iter().enumerate().map(|(at, factor)| {
        let row = &covariance.covariance[at * size..(at + 1) * size];
        let value = json!({ "b": slope(factor), "covariances": row });
        line(format!("factor {factor}"), value)
    });
    let underlyings = sources.view.modelled.iter().map(|one| {
        let value = json!({
            "weight": one.weight,
            "betas": one.betas,
            "specific_variance": one.model.specific_variance,
        });
        line(one.symbol.to_string(), value)
    });
    factors.chain(underlyings).collect()
}

/// What the stored risk is compared with, made again.
fn risk<'a>(sources: &Sources<'a>) -> Result<(Exposures, &'a CovarianceRow), Refusal> {
    if sources.report.risk.is_none() {
        return Err(sources.not_stored("factors"));
    }
    let all = exposures(&sources.view, sources.loaded);
    if all.risk.is_none() {
        let why = all.outcome.reason().unwrap_or("no risk").to_owned();
        return Err(Refusal::NotMade(why));
    }
    Ok((all, covariance(sources)?))
}

/// Numbers of the risk model's view, other than σ and the systematic share.
pub(super) const OF_RISK: &[Field<Risk, RiskRow>] = &[
    Field {
        name: "volatility",
        formula: VOLATILITY.formula,
        unit: VOLATILITY.unit,
        stored: |row| statistic(row.volatility),
        made: |row| statistic(row.volatility),
    },
    Field {
        name: "systematic_share",
        formula: SYSTEMATIC_SHARE.formula,
        unit: SYSTEMATIC_SHARE.unit,
        stored: |row| statistic(row.systematic_share),
        made: |row| statistic(row.systematic_share),
    },
    Field {
        name: "factor_variance",
        formula: "b'Fb",
        unit: VARIANCE,
        stored: |row| statistic(row.factor_variance),
        made: |row| statistic(row.factor_variance),
    },
    Field {
        name: "specific_variance",
        formula: "Σ weight² × specific_variance",
        unit: VARIANCE,
        stored: |row| statistic(row.specific_variance),
        made: |row| statistic(row.specific_variance),
    },
    Field {
        name: "diversification_ratio",
        formula: "Σ |weight| × σ of the underlying / σ",
        unit: "1 or more",
        stored: |row| statistic(row.diversification_ratio),
        made: |row| statistic(row.diversification_ratio),
    },
    Field {
        name: "effective_bets",
        formula: "1 / Σ (share of σ)² over underlyings",
        unit: "a number of bets of equal size",
        stored: |row| statistic(row.effective_bets),
        made: |row| statistic(row.effective_bets),
    },
    Field {
        name: "coverage",
        formula: COVERAGE,
        unit: "a fraction of gross",
        stored: |row| statistic(row.coverage),
        made: |row| statistic(row.coverage),
    },
    Field {
        name: "n",
        formula: "sessions on which every factor has a return",
        unit: "sessions",
        stored: |row| counted(row.n),
        made: |row| counted(row.n),
    },
];

const VARIANCE: &str = "a fraction of NAV, squared, per year";

fn of_risk(sources: &Sources<'_>, name: &str) -> Result<Explained, Refusal> {
    let of = field(OF_RISK, name, "")?;
    let (all, covariance) = risk(sources)?;
    let gone = || Refusal::NotMade("no risk".to_owned());
    let made = all.risk.as_ref().ok_or_else(gone)?;
    let stored = sources.report.risk.as_ref().ok_or_else(gone)?;
    let stored = of.stored(stored, Some(&"no_variance".to_owned()))?;
    let variance = made.factor_variance + made.specific_variance;
    Ok(Explained {
        formula: of.formula,
        source: SOURCE,
        unit: of.unit,
        window: window_of_risk(covariance.as_of, &shared_of(sources)),
        n: usize::try_from(covariance.n).unwrap_or(0),
        inputs: parts(sources, &all, covariance),
        steps: vec![
            line("factor variance, b'Fb", made.factor_variance),
            line(
                "specific variance, Σ weight² × specific_variance",
                made.specific_variance,
            ),
            line("variance", variance),
            line("σ", made.volatility),
            line("coverage, modelled gross over gross", made.coverage),
        ],
        computed: of.made(made)?,
        stored,
    })
}

/// How a part of the risk is made.
pub(super) fn part(kind: &str) -> &'static str {
    if kind == "factor" {
        "b × (Fb) / σ"
    } else {
        "weight × (betas'Fb + weight × specific_variance) / σ"
    }
}

pub(super) const OF_CONTRIBUTION: &[Field<Contribution, ContributionRow>] = &[
    Field {
        name: "contribution",
        formula: CONTRIBUTION.formula,
        unit: CONTRIBUTION.unit,
        stored: |row| statistic(row.contribution),
        made: |row| statistic(row.contribution),
    },
    Field {
        name: "exposure",
        formula: "of a factor: b = Σ weight × beta; of a position: its weight, exposure / NAV",
        unit: "a slope, or a fraction of NAV",
        stored: |row| statistic(row.exposure),
        made: |row| statistic(row.exposure),
    },
    Field {
        name: "marginal",
        formula: "contribution / exposure: of a factor (Fb) / σ; of a position (betas'Fb + weight × specific_variance) / σ",
        unit: "change of σ per exposure",
        stored: |row| statistic(row.marginal),
        made: |row| statistic(row.marginal),
    },
    Field {
        name: "share",
        formula: "contribution / σ",
        unit: "a fraction of σ",
        stored: |row| statistic(row.share),
        made: |row| statistic(row.share),
    },
];

/// The part that is meant, and the number of it.
pub(super) fn part_of<'a>(
    report: &'a Report,
    argument: &str,
) -> Result<
    (
        &'a Contribution,
        &'static Field<Contribution, ContributionRow>,
    ),
    Refusal,
> {
    let (name, of) = argument
        .split_once(':')
        .unwrap_or((argument, "contribution"));
    // A fund may be called like a factor: then the kind says which.
    let full = |row: &Contribution| format!("{} {}", row.kind, row.name);
    let rows = report.contributions.iter();
    let mut called = rows.filter(|row| row.name == name || full(row) == name);
    let (Some(row), None) = (called.next(), called.next()) else {
        let alone = |own: &Contribution| {
            let rows = report.contributions.iter();
            rows.filter(|row| row.name == own.name).count() == 1
        };
        let rows = report.contributions.iter();
        let known = rows.map(|row| {
            if alone(row) {
                row.name.clone()
            } else {
                full(row)
            }
        });
        let known: Vec<String> = known.collect();
        let others = known.iter();
        let others = others.flat_map(|name| names(OF_CONTRIBUTION, &format!("{name}:")));
        let others: Vec<String> = others.collect();
        return Err(Refusal::Argument(known.into_iter().chain(others).collect()));
    };
    Ok((row, field(OF_CONTRIBUTION, of, &format!("{name}:"))?))
}

fn contribution(sources: &Sources<'_>, argument: &str) -> Result<Explained, Refusal> {
    let (all, covariance) = risk(sources)?;
    let (stored, of) = part_of(sources.report, argument)?;
    let value = of.stored(stored, Some(&"no_variance".to_owned()))?;
    let mut made = all.contributions.iter();
    let made = made.find(|row| row.name == stored.name && row.kind == stored.kind);
    let gone = || Refusal::NotMade(format!("{} is not modelled", stored.name));
    let made = made.ok_or_else(gone)?;
    let sigma = all.risk.as_ref().map(|risk| risk.volatility);
    Ok(Explained {
        formula: formula_of(of, made.kind),
        source: CONTRIBUTION.source,
        unit: of.unit,
        window: window_of_risk(covariance.as_of, &shared_of(sources)),
        n: usize::try_from(covariance.n).unwrap_or(0),
        inputs: parts(sources, &all, covariance),
        steps: vec![
            line("exposure", made.exposure),
            line("marginal, change of σ with the exposure", made.marginal),
            line("contribution, exposure × marginal", made.contribution),
            line("σ", sigma),
            line("share of σ", made.share),
        ],
        computed: of.made(made)?,
        stored: value,
    })
}

/// A contribution has a formula of its own for each kind.
pub(super) fn formula_of(of: &Field<Contribution, ContributionRow>, kind: &str) -> &'static str {
    if of.name == "contribution" {
        part(kind)
    } else {
        of.formula
    }
}
