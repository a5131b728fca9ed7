//! Value at risk, expected shortfall, and the numbers of an option.

use serde_json::json;

use super::fields::{Field, counted, field, names, statistic};
use super::{Explained, Metric, Number, Refusal, Sources, Told, line, money, not_stored, told};
use crate::phases::portfolio_analytics::contracts::Contract;
use crate::phases::portfolio_analytics::losses::value_at_risk;
use crate::phases::portfolio_analytics::volatility::return_series;
use crate::store::portfolio_results::{BacktestRow, OptionRow, ValueAtRiskRow};
use crate::store::reports::{Contract as Stored, Report, ValueAtRisk};

pub(super) const VALUE_AT_RISK: Metric = Metric {
    name: "value_at_risk",
    argument: Some("CONFIDENCE:METHOD"),
    about: "loss that is exceeded once in twenty or a hundred times",
    formula: "historical: −q, q the quantile of type 7; parametric: z × √(Σ r² / n × sessions), mean zero",
    source: RETURNS,
    unit: LOSS,
    explain: |sources, argument| loss(sources, argument, 0),
    told: |report, argument| told::loss(report, argument, 0),
};

pub(super) const EXPECTED_SHORTFALL: Metric = Metric {
    name: "expected_shortfall",
    argument: Some("CONFIDENCE:METHOD"),
    about: "mean loss beyond the value at risk",
    formula: "historical: −mean(r | r ≤ q), q the quantile of type 7; parametric: φ(z) / tail × √(Σ r² / n × sessions), mean zero",
    source: RETURNS,
    unit: LOSS,
    explain: |sources, argument| loss(sources, argument, 1),
    told: |report, argument| told::loss(report, argument, 1),
};

pub(super) const BACKTEST: Metric = Metric {
    name: "backtest",
    argument: Some("CONFIDENCE:NUMBER"),
    about: "how often the historical value at risk was exceeded, and the tests of it",
    formula: "Kupiec (1995), Christoffersen (1998): likelihood ratios of the exceptions",
    source: RETURNS,
    unit: "a count, a likelihood ratio, or its p-value",
    explain: tested,
    told: tested_told,
};

pub(super) const OPTION: Metric = Metric {
    name: "option",
    argument: Some("CONTRACT:GREEK"),
    about: "price and Greeks of a contract",
    formula: "Black–Scholes–Merton; volatility implied by the contract's price, else the underlying's of 63 sessions",
    source: "positions, market_data_cache, profile_versions",
    unit: "currency, or per what the Greek is a change of",
    explain: option,
    told: told::option,
};

const RETURNS: &str = "position_values, portfolio_snapshots, market_data_cache, corporate_actions, symbol_factor_exposures";
const LOSS: &str = "a fraction of NAV, a loss is positive";

pub(super) const METHODS: [&str; 4] = [
    "historical_1",
    "historical_10",
    "parametric_1",
    "parametric_10",
];
pub(super) const CONFIDENCES: [(&str, f64); 2] = [("95", 0.95), ("99", 0.99)];

/// How an estimate is made.
pub(super) fn formula(method: &str, shortfall: bool) -> &'static str {
    match (method.starts_with("historical"), shortfall) {
        (true, false) => {
            "−q of the returns, q the quantile of type 7; 10 sessions are overlapping and compounded"
        }
        (true, true) => "−mean(r | r ≤ q), q the quantile of type 7",
        (false, false) => "z × √(Σ r² / n × sessions), mean zero",
        (false, true) => "φ(z) / tail × √(Σ r² / n × sessions), mean zero",
    }
}

fn estimate(row: &ValueAtRiskRow, method: &str) -> Option<[f64; 2]> {
    match method {
        "historical_1" => row.historical_1,
        "historical_10" => row.historical_10,
        "parametric_1" => row.parametric_1,
        _ => row.parametric_10,
    }
}

fn loss(sources: &Sources<'_>, argument: &str, of: usize) -> Result<Explained, Refusal> {
    let (confidence, method) = argument.split_once(':').unwrap_or((argument, METHODS[0]));
    let known = CONFIDENCES.iter().find(|(text, _)| *text == confidence);
    let (Some((_, level)), true) = (known, METHODS.contains(&method)) else {
        let all = CONFIDENCES
            .iter()
            .flat_map(|(confidence, _)| METHODS.map(|method| format!("{confidence}:{method}")));
        return Err(Refusal::Argument(all.collect()));
    };
    let near = |confidence: f64| (confidence - level).abs() < 1e-9;
    let rows = &sources.report.losses.value_at_risk;
    let Some(stored) = rows.iter().find(|row| near(row.confidence)) else {
        return Err(sources.not_stored("value_at_risk"));
    };
    let value = stored.estimates.get(method).and_then(|pair| pair[of]);
    let Some(value) = value else {
        let why = stored.reason.clone();
        return Err(Refusal::NotStored(
            why.unwrap_or_else(|| "not computed".to_owned()),
        ));
    };
    let series = return_series(&sources.view, sources.loaded);
    let (made, outcome) = value_at_risk(&sources.view, &series);
    let row = made.iter().find(|row| near(row.confidence));
    let Some((row, pair)) = row.and_then(|row| Some((row, estimate(row, method)?))) else {
        let why = outcome.reason().unwrap_or("too few returns");
        return Err(Refusal::NotMade(why.to_owned()));
    };
    let n = row.n.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    let returns = series.map_err(Refusal::NotMade)?.returns;
    let last = returns[returns.len().saturating_sub(n)..].to_vec();
    let mut sorted = last.clone();
    sorted.sort_by(f64::total_cmp);
    let mut steps = vec![
        line("worst returns", sorted[..sorted.len().min(15)].to_vec()),
        line("value at risk", pair[0]),
        line("expected shortfall", pair[1]),
        line("coverage, modelled gross over gross", row.coverage),
    ];
    if let Some(test) = &row.backtest {
        let value = json!({ "sessions": test.sessions, "exceptions": test.exceptions, "expected": test.expected,
                            "kupiec_p": test.kupiec[1] });
        steps.push(line("backtest", value));
    }
    Ok(Explained {
        formula: formula(method, of == 1),
        source: RETURNS,
        unit: LOSS,
        window: format!("the last {n} returns to {}", sources.loaded.as_of),
        n,
        inputs: vec![line("returns, Σ weight × return", last)],
        steps,
        computed: Number::Statistic(pair[of]),
        stored: Number::Statistic(value),
    })
}

const OF_BACKTEST: &[Field<ValueAtRisk, BacktestRow>] = &[
    Field {
        name: "exceptions",
        formula: "number of sessions whose return is below −VaR of the 252 returns before",
        unit: "sessions",
        stored: |row| counted(row.exceptions),
        made: |row| counted(row.exceptions),
    },
    Field {
        name: "expected",
        formula: "(1 − confidence) × sessions",
        unit: "sessions",
        stored: |row| statistic(row.expected),
        made: |row| statistic(row.expected),
    },
    Field {
        name: "kupiec",
        formula: "2 (ln L(x/n) − ln L(1 − confidence)), L(p) = pˣ (1 − p)ⁿ⁻ˣ",
        unit: RATIO,
        stored: |row| statistic(row.tests["kupiec"][0]),
        made: |row| statistic(row.kupiec[0]),
    },
    Field {
        name: "kupiec_p",
        formula: "P(χ² of one degree of freedom > likelihood ratio)",
        unit: P_VALUE,
        stored: |row| statistic(row.tests["kupiec"][1]),
        made: |row| statistic(row.kupiec[1]),
    },
    Field {
        name: "independence",
        formula: "2 (ln L of a Markov chain of exceptions − ln L of independent ones)",
        unit: RATIO,
        stored: |row| statistic(row.tests["independence"][0]),
        made: |row| statistic(row.independence[0]),
    },
    Field {
        name: "independence_p",
        formula: "P(χ² of one degree of freedom > likelihood ratio)",
        unit: P_VALUE,
        stored: |row| statistic(row.tests["independence"][1]),
        made: |row| statistic(row.independence[1]),
    },
    Field {
        name: "conditional",
        formula: "Kupiec's likelihood ratio + that of independence",
        unit: RATIO,
        stored: |row| statistic(row.tests["conditional"][0]),
        made: |row| statistic(row.conditional[0]),
    },
    Field {
        name: "conditional_p",
        formula: "P(χ² of two degrees of freedom > likelihood ratio)",
        unit: P_VALUE,
        stored: |row| statistic(row.tests["conditional"][1]),
        made: |row| statistic(row.conditional[1]),
    },
];

const RATIO: &str = "a likelihood ratio, zero or more";
const P_VALUE: &str = "a p-value, 0 to 1; a small one rejects the model";

/// The row that is meant, the number of it, and why it has none.
fn backtest<'a>(
    report: &'a Report,
    argument: &str,
) -> Result<(&'a ValueAtRisk, &'static Field<ValueAtRisk, BacktestRow>), Refusal> {
    let usual = OF_BACKTEST[0].name;
    let (confidence, of) = argument.split_once(':').unwrap_or((argument, usual));
    let level = CONFIDENCES.iter().find(|(text, _)| *text == confidence);
    let Some((_, level)) = level else {
        let each = CONFIDENCES
            .iter()
            .flat_map(|(text, _)| names(OF_BACKTEST, &format!("{text}:")));
        return Err(Refusal::Argument(each.collect()));
    };
    let of = field(OF_BACKTEST, of, &format!("{confidence}:"))?;
    let mut rows = report.losses.value_at_risk.iter();
    let row = rows.find(|row| (row.confidence - level).abs() < 1e-9);
    Ok((row.ok_or_else(|| not_stored(report, "value_at_risk"))?, of))
}

fn untested(row: &ValueAtRisk) -> Option<&String> {
    row.reasons.get("backtest").or(row.reason.as_ref())
}

fn tested(sources: &Sources<'_>, argument: &str) -> Result<Explained, Refusal> {
    let (stored, of) = backtest(sources.report, argument)?;
    let value = of.stored(stored, untested(stored))?;
    let series = return_series(&sources.view, sources.loaded);
    let (made, outcome) = value_at_risk(&sources.view, &series);
    let mut rows = made.iter();
    let row = rows.find(|row| row.confidence.to_bits() == stored.confidence.to_bits());
    let Some(test) = row.and_then(|row| row.backtest.as_ref()) else {
        let why = outcome.reason().unwrap_or("too few returns");
        return Err(Refusal::NotMade(why.to_owned()));
    };
    let returns = series.map_err(Refusal::NotMade)?.returns;
    let numbers = OF_BACKTEST.iter();
    let numbers = numbers.filter_map(|one| match (one.made)(test)? {
        Number::Statistic(value) => Some(line(one.name, value)),
        Number::Money(value) => Some(line(one.name, money(value))),
    });
    let n = usize::try_from(test.sessions).unwrap_or(0);
    Ok(Explained {
        formula: of.formula,
        source: RETURNS,
        unit: of.unit,
        window: format!(
            "the last {n} returns to {}, each against the 252 before",
            sources.loaded.as_of
        ),
        n,
        inputs: vec![line("returns, Σ weight × return", returns)],
        steps: numbers.collect(),
        computed: of.made(test)?,
        stored: value,
    })
}

fn tested_told(report: &Report, argument: &str) -> Result<Told, Refusal> {
    let (row, of) = backtest(report, argument)?;
    let value = of.stored(row, untested(row))?;
    let numbers = OF_BACKTEST.iter();
    let numbers = numbers.filter_map(|one| match (one.stored)(row)? {
        Number::Statistic(value) => Some(line(one.name, value)),
        Number::Money(value) => Some(line(one.name, money(value))),
    });
    let n = row.sessions.unwrap_or_default();
    Ok(Told {
        formula: of.formula,
        source: RETURNS,
        unit: of.unit,
        window: format!(
            "the last {n} returns to {}, each against the 252 before",
            report.published.as_of
        ),
        n: usize::try_from(n).ok(),
        inputs: vec![line("confidence", row.confidence)],
        steps: numbers.collect(),
        value,
    })
}

pub(super) const GREEKS: [&str; 7] = [
    "price",
    "delta",
    "gamma",
    "vega",
    "theta",
    "rho",
    "volatility",
];

/// The unit of a number of a contract.
pub(super) fn unit(name: &str) -> &'static str {
    match name {
        "delta" => "per unit of spot",
        "gamma" => "of delta, per unit of spot",
        "vega" => "per percentage point of volatility",
        "theta" => "per calendar day",
        "rho" => "per percentage point of the rate",
        "volatility" => "a fraction per year",
        _ => "currency per share",
    }
}

/// The number of a contract as it is stored.
pub(super) fn greek(name: &str, row: &Stored) -> Option<f64> {
    Some(match name {
        "price" => row.price,
        "delta" => row.delta,
        "gamma" => row.gamma,
        "vega" => row.vega,
        "theta" => row.theta,
        "rho" => row.rho,
        "volatility" => row.volatility,
        _ => return None,
    })
}

/// The number of a contract as it is made.
fn made_greek(name: &str, row: &OptionRow) -> Option<f64> {
    Some(match name {
        "price" => row.price,
        "delta" => row.delta,
        "gamma" => row.gamma,
        "vega" => row.vega,
        "theta" => row.theta,
        "rho" => row.rho,
        "volatility" => row.volatility,
        _ => return None,
    })
}

fn option(sources: &Sources<'_>, argument: &str) -> Result<Explained, Refusal> {
    let (contract, name) = argument.split_once(':').unwrap_or((argument, "delta"));
    let all = &sources.report.losses.options;
    let choices = || {
        let each = all
            .iter()
            .flat_map(|own| GREEKS.map(|greek| format!("{}:{greek}", own.symbol)));
        Refusal::Argument(each.collect())
    };
    let stored = all
        .iter()
        .find(|own| own.symbol == contract)
        .ok_or_else(choices)?;
    let made = sources.view.contracts.iter().map(Contract::row);
    let made = made.into_iter().find(|row| row.symbol == contract);
    let made =
        made.ok_or_else(|| Refusal::NotMade(format!("{contract} is not modelled any more")))?;
    let value = greek(name, stored).ok_or_else(choices)?;
    let computed = made_greek(name, &made).ok_or_else(choices)?;
    let inputs = [
        ("spot", made.spot),
        ("strike", made.strike),
        ("years, calendar days / 365", made.years),
        ("rate, continuous", made.rate),
        ("dividend yield, continuous", made.dividend_yield),
        ("volatility", made.volatility),
    ];
    let source = made.note.clone().unwrap_or_else(|| made.source.to_owned());
    Ok(Explained {
        formula: OPTION.formula,
        source: OPTION.source,
        unit: unit(name),
        window: format!("the closes of {}", sources.loaded.as_of),
        n: 1,
        inputs: inputs.map(|(name, value)| line(name, value)).into(),
        steps: vec![
            line("volatility is", source),
            line("price of the model", made.price),
            line("delta", made.delta),
            line("shares", money(made.shares)),
            line("delta equivalent", money(made.exposure)),
        ],
        computed: Number::Statistic(computed),
        stored: Number::Statistic(value),
    })
}
