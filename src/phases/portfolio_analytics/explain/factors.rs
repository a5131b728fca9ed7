//! Numbers of the factor model: betas, risk and its parts.

use serde_json::json;

use super::{Explained, Line, Metric, Number, Refusal, Sources, line, money, told};
use crate::phases::portfolio_analytics::risk::{Exposures, exposures};
use crate::store::symbol_results::CovarianceRow;

pub(super) const BETA: Metric = Metric {
    name: "beta",
    argument: Some("FACTOR"),
    about: "slope of the portfolio on a factor",
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
    explain: volatility,
    told: told::volatility,
};

pub(super) const SYSTEMATIC_SHARE: Metric = Metric {
    name: "systematic_share",
    argument: None,
    about: "part of the variance that comes from factors",
    formula: "b'Fb / σ²",
    source: SOURCE,
    unit: "a fraction of the variance",
    explain: systematic_share,
    told: told::systematic_share,
};

pub(super) const CONTRIBUTION: Metric = Metric {
    name: "contribution",
    argument: Some("POSITION or FACTOR"),
    about: "part of σ that a position or a factor has",
    formula: "of a factor: b × (Fb) / σ; of a position: weight × (betas'Fb + weight × specific_variance) / σ",
    source: SOURCE,
    unit: "a fraction of NAV per year; all of them and the specific part of factors add up to σ",
    explain: contribution,
    told: told::contribution,
};

const SOURCE: &str = "position_values, portfolio_snapshots, symbol_factor_exposures, symbol_factor_models, factor_covariance";

fn covariance<'a>(sources: &Sources<'a>) -> Result<&'a CovarianceRow, Refusal> {
    let row = sources.loaded.covariance.as_ref();
    row.ok_or_else(|| Refusal::NotMade("no factor covariance of this date".to_owned()))
}

/// Of the fits that betas come from.
fn window(covariance: &CovarianceRow) -> String {
    format!(
        "252 sessions to {}, weights halve every 126",
        covariance.as_of
    )
}

/// Of the covariance that they meet in the risk.
pub(super) fn window_of_risk(as_of: impl std::fmt::Display) -> String {
    format!(
        "252 sessions to {as_of}, weights halve every 63 for volatilities, every 126 for correlations and betas"
    )
}

fn beta(sources: &Sources<'_>, factor: &str) -> Result<Explained, Refusal> {
    let report = sources.report;
    let Some(stored) = report.factors.iter().find(|row| row.factor == factor) else {
        if report.factors.is_empty() {
            return Err(sources.not_stored("factors"));
        }
        let names = report.factors.iter().map(|row| row.factor.clone());
        return Err(Refusal::Argument(names.collect()));
    };
    let Some(beta) = stored.beta else {
        let reason = stored.reason.clone();
        return Err(Refusal::NotStored(
            reason.unwrap_or_else(|| "no slope".to_owned()),
        ));
    };
    let rows = exposures(&sources.view, sources.loaded).factors;
    let made = rows.iter().find(|row| row.factor == factor);
    let (Some(row), Some(computed)) = (made, made.and_then(|row| row.beta)) else {
        let why = made.and_then(|row| row.reason.clone());
        return Err(Refusal::NotMade(
            why.unwrap_or_else(|| "no slope".to_owned()),
        ));
    };
    let covariance = covariance(sources)?;
    let at = covariance.factors.iter().position(|name| name == factor);
    let at = at.ok_or_else(|| Refusal::NotMade(format!("{factor} is not in the covariance")))?;
    let inputs = sources.view.modelled.iter().map(|one| {
        let value = json!({
            "weight": one.weight,
            "beta": one.betas[at],
            "std_error": one.errors[at],
            "low_95": one.intervals[at].map(|ends| ends.0),
            "high_95": one.intervals[at].map(|ends| ends.1),
            "weight × beta": one.weight * one.betas[at],
        });
        line(one.symbol.to_string(), value)
    });
    let inputs: Vec<Line> = inputs.collect();
    let mut steps = vec![
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
        formula: BETA.formula,
        source: BETA.source,
        unit: BETA.unit,
        window: window(covariance),
        n: inputs.len(),
        inputs,
        steps,
        computed: Number::Statistic(computed),
        stored: Number::Statistic(beta),
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

fn of_risk(
    sources: &Sources<'_>,
    metric: &Metric,
    pick: fn(f64, Option<f64>) -> Option<f64>,
) -> Result<Explained, Refusal> {
    let (all, covariance) = risk(sources)?;
    let gone = || Refusal::NotMade("no risk".to_owned());
    let made = all.risk.as_ref().ok_or_else(gone)?;
    let stored = sources.report.risk.as_ref().ok_or_else(gone)?;
    let none = || Refusal::NotStored("no_variance".to_owned());
    let number = |volatility, share| {
        let value = pick(volatility, share);
        value.map(Number::Statistic).ok_or_else(none)
    };
    let variance = made.factor_variance + made.specific_variance;
    Ok(Explained {
        formula: metric.formula,
        source: metric.source,
        unit: metric.unit,
        window: window_of_risk(covariance.as_of),
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
        computed: number(made.volatility, made.systematic_share)?,
        stored: number(stored.volatility, stored.systematic_share)?,
    })
}

fn volatility(sources: &Sources<'_>, _: &str) -> Result<Explained, Refusal> {
    of_risk(sources, &VOLATILITY, |sigma, _| Some(sigma))
}

fn systematic_share(sources: &Sources<'_>, _: &str) -> Result<Explained, Refusal> {
    of_risk(sources, &SYSTEMATIC_SHARE, |_, share| share)
}

/// How a part of the risk is made.
pub(super) fn part(kind: &str) -> &'static str {
    if kind == "factor" {
        "b × (Fb) / σ"
    } else {
        "weight × (betas'Fb + weight × specific_variance) / σ"
    }
}

fn contribution(sources: &Sources<'_>, name: &str) -> Result<Explained, Refusal> {
    let (all, covariance) = risk(sources)?;
    let mut stored = sources.report.contributions.iter();
    let Some(stored) = stored.find(|row| row.name == name) else {
        let names = sources
            .report
            .contributions
            .iter()
            .map(|row| row.name.clone());
        return Err(Refusal::Argument(names.collect()));
    };
    let mut made = all.contributions.iter();
    let made = made.find(|row| row.name == name && row.kind == stored.kind);
    let made = made.ok_or_else(|| Refusal::NotMade(format!("{name} is not modelled")))?;
    let sigma = all.risk.as_ref().map(|risk| risk.volatility);
    Ok(Explained {
        formula: part(made.kind),
        source: CONTRIBUTION.source,
        unit: CONTRIBUTION.unit,
        window: window_of_risk(covariance.as_of),
        n: usize::try_from(covariance.n).unwrap_or(0),
        inputs: parts(sources, &all, covariance),
        steps: vec![
            line("exposure", made.exposure),
            line("marginal, change of σ with the exposure", made.marginal),
            line("σ", sigma),
            line("share of σ", made.share),
        ],
        computed: Number::Statistic(made.contribution),
        stored: Number::Statistic(stored.contribution),
    })
}
