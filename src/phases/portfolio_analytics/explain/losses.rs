//! Value at risk, expected shortfall, and the numbers of an option.

use serde_json::json;

use super::factors::COVERAGE;
use super::fields::{Field, amount, counted, field, names, statistic};
use super::{Explained, Metric, Number, Refusal, Sources, Told, line, money, not_stored};
use super::{told, volatility};
use crate::phases::portfolio_analytics::losses::{backtested, value_at_risk};
use crate::phases::portfolio_analytics::volatility::return_series;
use crate::store::portfolio_results::{BacktestRow, OptionRow, ValueAtRiskRow};
use crate::store::reports::{Contract as Stored, Report, ValueAtRisk};

pub(super) const VALUE_AT_RISK: Metric = Metric {
    name: "value_at_risk",
    argument: Some("CONFIDENCE:METHOD"),
    about: "loss that is exceeded once in twenty or a hundred times",
    formula: "historical: −q, q the quantile of type 7; parametric: z × √(Σ r² / n × sessions), mean zero",
    source: volatility::SOURCE,
    unit: LOSS,
    explain: |sources, argument| loss(sources, argument, 0),
    told: |report, argument| told::loss(report, argument, 0),
};

pub(super) const EXPECTED_SHORTFALL: Metric = Metric {
    name: "expected_shortfall",
    argument: Some("CONFIDENCE:METHOD"),
    about: "mean loss beyond the value at risk",
    formula: "historical: −mean(r | r ≤ q), q the quantile of type 7; parametric: φ(z) / tail × √(Σ r² / n × sessions), mean zero",
    source: volatility::SOURCE,
    unit: LOSS,
    explain: |sources, argument| loss(sources, argument, 1),
    told: |report, argument| told::loss(report, argument, 1),
};

pub(super) const SAMPLE: Metric = Metric {
    name: "value_at_risk_sample",
    argument: Some("CONFIDENCE:NUMBER"),
    about: "the returns that value at risk is estimated from, and how they were come by",
    formula: volatility::RETURN_SERIES.formula,
    source: volatility::SOURCE,
    unit: "a count",
    explain: sampled,
    told: sampled_told,
};

pub(super) const BACKTEST: Metric = Metric {
    name: "backtest",
    argument: Some("CONFIDENCE:NUMBER"),
    about: "how often the historical value at risk was exceeded, and the tests of it",
    formula: "Kupiec (1995), Christoffersen (1998): likelihood ratios of the exceptions",
    source: volatility::SOURCE,
    unit: "a count, a likelihood ratio, or its p-value",
    explain: tested,
    told: tested_told,
};

pub(super) const OPTION: Metric = Metric {
    name: "option",
    argument: Some("CONTRACT:NUMBER"),
    about: "price and Greeks of a contract, its market and what it counts for; CONTRACT@SPOT where a split of the underlying made several of one",
    formula: "Black–Scholes–Merton; volatility implied by the contract's price, else the underlying's of 63 sessions",
    source: "positions, position_values, market_data_cache, corporate_actions, profile_versions, definition_sets",
    unit: "currency, or per what the Greek is a change of",
    explain: option,
    told: told::option,
};

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
            "−q of the returns, q the quantile of type 7; 10 sessions are consecutive, overlapping and compounded"
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
        let why = stored.reasons.get(method).or(stored.reason.as_ref());
        let why = why.map_or_else(|| "not computed".to_owned(), Clone::clone);
        return Err(Refusal::NotStored(why));
    };
    let series = return_series(&sources.view, sources.loaded);
    let (made, outcome) = value_at_risk(&sources.view, sources.loaded, &series);
    let row = made.iter().find(|row| near(row.confidence));
    let Some((row, pair)) = row.and_then(|row| Some((row, estimate(row, method)?))) else {
        let why = outcome.reason().unwrap_or("too few returns");
        return Err(Refusal::NotMade(why.to_owned()));
    };
    let n = row.n.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    let series = series.map_err(Refusal::NotMade)?;
    let mut sorted = series.returns[series.returns.len().saturating_sub(n)..].to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut steps = vec![
        line("worst returns", sorted[..sorted.len().min(15)].to_vec()),
        line("value at risk", pair[0]),
        line("expected shortfall", pair[1]),
        line("coverage, modelled gross over gross", row.coverage),
        line("holes filled by the factor model", series.filled),
        line("sessions left out", series.dropped),
    ];
    if let Some(test) = &row.backtest {
        let value = json!({ "sessions": test.sessions, "exceptions": test.exceptions, "expected": test.expected,
                            "kupiec_p": test.kupiec[1] });
        steps.push(line("backtest", value));
    }
    Ok(Explained {
        formula: formula(method, of == 1),
        source: volatility::SOURCE,
        unit: LOSS,
        window: format!("the last {n} returns to {}", sources.loaded.as_of),
        n,
        inputs: volatility::inputs(sources, &series, n),
        steps,
        computed: Number::Statistic(pair[of]),
        stored: Number::Statistic(value),
    })
}

const OF_SAMPLE: &[Field<ValueAtRisk, ValueAtRiskRow>] = &[
    Field {
        name: "n",
        formula: "returns looked at: the last 252, or all there are where these are fewer",
        unit: "returns",
        stored: |row| counted(row.n),
        made: |row| counted(row.n),
    },
    Field {
        name: "windows",
        formula: "number of runs of ten consecutive sessions among them",
        unit: "runs",
        stored: |row| counted(row.windows),
        made: |row| counted(row.windows),
    },
    Field {
        name: "filled",
        formula: "number of missing returns of the series that alpha + Σ beta × factor move stands for",
        unit: "returns of underlyings",
        stored: |row| counted(row.filled),
        made: |row| counted(row.filled),
    },
    Field {
        name: "dropped",
        formula: "number of sessions left out of the series for a missing return that nothing could stand for",
        unit: "sessions",
        stored: |row| counted(row.dropped),
        made: |row| counted(row.dropped),
    },
    Field {
        name: "coverage",
        formula: COVERAGE,
        unit: "a fraction of gross",
        stored: |row| statistic(row.coverage),
        made: |row| statistic(row.coverage),
    },
];

/// The row that is meant, and the number of its sample.
fn sample<'a>(
    report: &'a Report,
    argument: &str,
) -> Result<(&'a ValueAtRisk, &'static Field<ValueAtRisk, ValueAtRiskRow>), Refusal> {
    let usual = OF_SAMPLE[0].name;
    let (confidence, of) = argument.split_once(':').unwrap_or((argument, usual));
    let level = CONFIDENCES.iter().find(|(text, _)| *text == confidence);
    let Some((_, level)) = level else {
        let each = CONFIDENCES
            .iter()
            .flat_map(|(text, _)| names(OF_SAMPLE, &format!("{text}:")));
        return Err(Refusal::Argument(each.collect()));
    };
    let of = field(OF_SAMPLE, of, &format!("{confidence}:"))?;
    let mut rows = report.losses.value_at_risk.iter();
    let row = rows.find(|row| (row.confidence - level).abs() < 1e-9);
    Ok((row.ok_or_else(|| not_stored(report, "value_at_risk"))?, of))
}

fn sampled(sources: &Sources<'_>, argument: &str) -> Result<Explained, Refusal> {
    let (stored, of) = sample(sources.report, argument)?;
    let value = of.stored(stored, stored.reason.as_ref())?;
    let series = return_series(&sources.view, sources.loaded);
    let (made, outcome) = value_at_risk(&sources.view, sources.loaded, &series);
    let mut rows = made.iter();
    let row = rows.find(|row| row.confidence.to_bits() == stored.confidence.to_bits());
    let gone = || Refusal::NotMade(outcome.reason().unwrap_or("too few returns").to_owned());
    let row = row.ok_or_else(gone)?;
    let series = series.map_err(Refusal::NotMade)?;
    let n = row.n.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    let numbers = OF_SAMPLE.iter();
    let numbers = numbers.filter_map(|one| match (one.made)(row)? {
        Number::Statistic(value) => Some(line(one.name, value)),
        Number::Money(value) => Some(line(one.name, money(value))),
    });
    Ok(Explained {
        formula: of.formula,
        source: SAMPLE.source,
        unit: of.unit,
        window: format!("the last {n} returns to {}", sources.loaded.as_of),
        n,
        inputs: volatility::inputs(sources, &series, n),
        steps: numbers.collect(),
        computed: of.made(row)?,
        stored: value,
    })
}

fn sampled_told(report: &Report, argument: &str) -> Result<Told, Refusal> {
    let (row, of) = sample(report, argument)?;
    let numbers = OF_SAMPLE.iter();
    let numbers = numbers.filter_map(|one| match (one.stored)(row)? {
        Number::Statistic(value) => Some(line(one.name, value)),
        Number::Money(value) => Some(line(one.name, money(value))),
    });
    let n = row.n.unwrap_or_default();
    Ok(Told {
        formula: of.formula,
        source: SAMPLE.source,
        unit: of.unit,
        window: format!("the last {n} returns to {}", report.published.as_of),
        n: usize::try_from(n).ok(),
        inputs: told::book_of(report),
        steps: numbers.collect(),
        value: of.stored(row, row.reason.as_ref())?,
    })
}

const OF_BACKTEST: &[Field<ValueAtRisk, BacktestRow>] = &[
    Field {
        name: "sessions",
        formula: "returns with 252 returns before them",
        unit: "sessions",
        stored: |row| counted(row.sessions),
        made: |row| counted(row.sessions),
    },
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
    let (confidence, of) = argument.split_once(':').unwrap_or((argument, "exceptions"));
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
    let (made, outcome) = value_at_risk(&sources.view, sources.loaded, &series);
    let mut rows = made.iter();
    let row = rows.find(|row| row.confidence.to_bits() == stored.confidence.to_bits());
    let Some(test) = row.and_then(|row| row.backtest.as_ref()) else {
        let why = outcome.reason().unwrap_or("too few returns");
        return Err(Refusal::NotMade(why.to_owned()));
    };
    let series = series.map_err(Refusal::NotMade)?;
    let series = backtested(&sources.view, sources.loaded, &series);
    let numbers = OF_BACKTEST.iter();
    let numbers = numbers.filter_map(|one| match (one.made)(test)? {
        Number::Statistic(value) => Some(line(one.name, value)),
        Number::Money(value) => Some(line(one.name, money(value))),
    });
    let n = usize::try_from(test.sessions).unwrap_or(0);
    Ok(Explained {
        formula: of.formula,
        source: volatility::SOURCE,
        unit: of.unit,
        window: format!(
            "the last {n} returns to {}, each against the 252 before",
            sources.loaded.as_of
        ),
        n,
        inputs: volatility::inputs(sources, &series, series.returns.len()),
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
        source: volatility::SOURCE,
        unit: of.unit,
        window: format!(
            "the last {n} returns to {}, each against the 252 before",
            report.published.as_of
        ),
        n: usize::try_from(n).ok(),
        inputs: told::book_of(report),
        steps: numbers.collect(),
        value,
    })
}

/// Numbers of a contract.
pub(super) const OF_OPTION: &[Field<Stored, OptionRow>] = &[
    Field {
        name: "price",
        formula: "Black–Scholes–Merton",
        unit: "currency per share",
        stored: |row| statistic(row.price),
        made: |row| statistic(row.price),
    },
    Field {
        name: "delta",
        formula: "change of the price with the spot",
        unit: "per unit of spot",
        stored: |row| statistic(row.delta),
        made: |row| statistic(row.delta),
    },
    Field {
        name: "gamma",
        formula: "change of delta with the spot",
        unit: "of delta, per unit of spot",
        stored: |row| statistic(row.gamma),
        made: |row| statistic(row.gamma),
    },
    Field {
        name: "vega",
        formula: "change of the price with the volatility",
        unit: "per percentage point of volatility",
        stored: |row| statistic(row.vega),
        made: |row| statistic(row.vega),
    },
    Field {
        name: "theta",
        formula: "change of the price with time",
        unit: "per calendar day",
        stored: |row| statistic(row.theta),
        made: |row| statistic(row.theta),
    },
    Field {
        name: "rho",
        formula: "change of the price with the rate",
        unit: "per percentage point of the rate",
        stored: |row| statistic(row.rho),
        made: |row| statistic(row.rho),
    },
    Field {
        name: "volatility",
        formula: "implied by the contract's price, else the underlying's of 63 sessions",
        unit: "a fraction per year",
        stored: |row| statistic(row.volatility),
        made: |row| statistic(row.volatility),
    },
    Field {
        name: "spot",
        formula: "newest close of the underlying, at most five sessions old, × Π split ratios since the entry",
        unit: "currency per share of the entry",
        stored: |row| statistic(row.spot),
        made: |row| statistic(row.spot),
    },
    Field {
        name: "strike",
        formula: "as it was agreed",
        unit: "currency per share of the entry",
        stored: |row| statistic(row.strike),
        made: |row| statistic(row.strike),
    },
    Field {
        name: "years",
        formula: "calendar days to expiry / 365",
        unit: "years",
        stored: |row| statistic(row.years),
        made: |row| statistic(row.years),
    },
    Field {
        name: "rate",
        formula: "the risk-free rate that is set, else 0.04",
        unit: "a fraction per year, continuous",
        stored: |row| statistic(row.rate),
        made: |row| statistic(row.rate),
    },
    Field {
        name: "dividend_yield",
        formula: "of the underlying's profile, 0 where it tells none",
        unit: "a fraction per year, continuous",
        stored: |row| statistic(row.dividend_yield),
        made: |row| statistic(row.dividend_yield),
    },
    Field {
        name: "shares",
        formula: "Σ contracts at the entry × 100 of its lots, splits since in the spot",
        unit: "shares of the entry, written ones negative",
        stored: |row| amount(row.shares),
        made: |row| amount(row.shares),
    },
    Field {
        name: "exposure",
        formula: "delta × spot × shares, those bought and those written each rounded",
        unit: "currency of the portfolio",
        stored: |row| amount(row.exposure),
        made: |row| amount(row.exposure),
    },
];

/// The number of a contract that rests on a price of its own where it has one, and on the market of the day of that price.
pub(super) const IMPLIED: &str = "volatility";

/// The contract that is meant, and the number of it. A symbol that stands for several is refused, and each of them named.
pub(super) fn of_contract<'a>(
    report: &'a Report,
    argument: &str,
) -> Result<(&'a Stored, &'static Field<Stored, OptionRow>), Refusal> {
    let (contract, of) = argument.split_once(':').unwrap_or((argument, "delta"));
    let losses = &report.losses;
    let symbol = contract.split('@').next().unwrap_or(contract);
    let alike = losses.options.iter().filter(|row| row.symbol == symbol);
    let alike: Vec<&Stored> = alike.collect();
    let mut rows = alike.iter().copied();
    let Some(row) = rows.find(|row| losses.name_of(row) == contract) else {
        let meant: Vec<&Stored> = if alike.is_empty() {
            losses.options.iter().collect()
        } else {
            alike
        };
        let each = meant.into_iter();
        let each = each.flat_map(|row| names(OF_OPTION, &format!("{}:", losses.name_of(row))));
        return Err(Refusal::Argument(each.collect()));
    };
    Ok((row, field(OF_OPTION, of, &format!("{contract}:"))?))
}

fn option(sources: &Sources<'_>, argument: &str) -> Result<Explained, Refusal> {
    let (stored, of) = of_contract(sources.report, argument)?;
    let value = of.stored(stored, None)?;
    let contracts = sources.view.contracts.iter();
    let mut alike = contracts.filter(|one| one.symbol.as_str() == stored.symbol);
    let mut unchanged = alike.clone();
    let unchanged = unchanged.find(|one| one.spot().to_bits() == stored.spot.to_bits());
    // Another close moves every spot of a symbol alike: their order, which is that of the splits, stays.
    let rows = sources.report.losses.options.iter();
    let below = rows.filter(|row| row.symbol == stored.symbol && row.spot < stored.spot);
    let contract = unchanged.or_else(|| alike.nth(below.count()));
    let gone = || Refusal::NotMade(format!("{} is not modelled any more", stored.symbol));
    let contract = contract.ok_or_else(gone)?;
    let made = contract.row();
    let inputs = [
        ("spot", made.spot),
        ("strike", made.strike),
        ("years, calendar days / 365", made.years),
        ("rate, continuous", made.rate),
        ("dividend yield, continuous", made.dividend_yield),
        ("volatility", made.volatility),
    ];
    let source = made.note.clone().unwrap_or_else(|| made.source.to_owned());
    let mut explained = Explained {
        formula: of.formula,
        source: OPTION.source,
        unit: of.unit,
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
        computed: of.made(&made)?,
        stored: value,
    };
    if let Some(implied) = contract.implied.filter(|_| of.name == IMPLIED) {
        let market = implied.terms;
        let again = market.value(made.volatility).ok();
        explained.window = format!("the closes of {}", implied.date);
        explained.inputs = vec![
            line("price of the contract", implied.price),
            line("date of the price", implied.date.to_string()),
            line("spot of that date", market.spot),
            line("strike", market.strike),
            line("years from that date, calendar days / 365", market.years),
            line("rate, continuous", market.rate),
            line("dividend yield, continuous", market.dividend_yield),
        ];
        explained.steps = vec![
            line("volatility is", made.source),
            line(
                "price of the model on that date",
                again.map(|valuation| valuation.price),
            ),
        ];
    }
    Ok(explained)
}
