//! What a stored report tells of a number: inputs and intermediate values as they are stored. Formula, source and unit are
//! those of the registry.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::fields::field;
use super::{Metric, Number, Refusal, Told, book, correlation as pairs, factors, line, losses};
use super::{money, not_stored, stress as scenarios, volatility};
use crate::domain::Quality;
use crate::store::reports::{Report, Risk, Volatility};

type Result = std::result::Result<Told, Refusal>;

fn of(metric: &Metric, window: String, value: Number) -> Told {
    Told {
        formula: metric.formula,
        source: metric.source,
        unit: metric.unit,
        window,
        n: None,
        inputs: Vec::new(),
        steps: Vec::new(),
        value,
    }
}

fn count(n: i32) -> Option<usize> {
    usize::try_from(n).ok()
}

fn unknown(reason: Option<&String>, otherwise: &str) -> Refusal {
    Refusal::NotStored(reason.map_or_else(|| otherwise.to_owned(), Clone::clone))
}

#[expect(clippy::unnecessary_wraps, reason = "an entry of the registry")]
pub(super) fn nav(report: &Report, _: &str) -> Result {
    let inputs = report.positions.iter().map(|lot| {
        let value = json!({
            "quantity": money(lot.quantity),
            "price": money(lot.price),
            "price_date": lot.price_date,
            "quality": lot.quality.as_str(),
            "value": money(lot.market_value),
        });
        line(lot.symbol.to_string(), value)
    });
    let snapshot = &report.snapshot;
    let window = format!("all bookings since {}", report.portfolio.inception);
    Ok(Told {
        n: Some(report.positions.len()),
        inputs: inputs.collect(),
        steps: vec![
            line("cash", money(snapshot.cash)),
            line("long value", money(snapshot.long_value)),
            line("short value", money(snapshot.short_value)),
        ],
        ..of(&book::NAV, window, Number::Money(snapshot.nav))
    })
}

#[expect(clippy::unnecessary_wraps, reason = "an entry of the registry")]
pub(super) fn pnl_day(report: &Report, _: &str) -> Result {
    let snapshot = &report.snapshot;
    let before = snapshot.nav - snapshot.external_flows - snapshot.pnl_day;
    Ok(Told {
        n: Some(report.positions.len()),
        inputs: vec![
            line("NAV before", money(before)),
            line("NAV", money(snapshot.nav)),
            line(
                "contributions less withdrawals",
                money(snapshot.external_flows),
            ),
        ],
        steps: vec![
            line("realised", money(snapshot.realised)),
            line("change of unrealised", money(snapshot.unrealised_change)),
            line("income", money(snapshot.income)),
        ],
        ..of(
            &book::PNL_DAY,
            "the session".to_owned(),
            Number::Money(snapshot.pnl_day),
        )
    })
}

/// A number of the concentration.
pub(super) fn concentrated(report: &Report, metric: &Metric, name: &str) -> Result {
    let of_row = field(book::OF_CONCENTRATION, name, "")?;
    let row = report.concentration.as_ref();
    let row = row.ok_or_else(|| not_stored(report, "concentration"))?;
    let inputs = report
        .positions
        .iter()
        .map(|lot| line(lot.symbol.to_string(), money(lot.market_value)));
    Ok(Told {
        formula: of_row.formula,
        unit: of_row.unit,
        n: count(row.instruments),
        inputs: inputs.collect(),
        steps: vec![
            line("gross", money(row.gross)),
            line("HHI", row.hhi),
            line("effective names, 10,000 / HHI", row.effective_names),
            line("top 3", row.top_3),
            line("top 10", row.top_10),
        ],
        ..of(metric, "the date".to_owned(), of_row.stored(row, None)?)
    })
}

fn window(report: &Report) -> String {
    factors::window(report.published.as_of, &factors::shared_in(report))
}

fn window_of_risk(report: &Report) -> String {
    factors::window_of_risk(report.published.as_of, &factors::shared_in(report))
}

/// Exposures of the book as they are stored.
fn slopes(report: &Report) -> Vec<super::Line> {
    let one = |row: &crate::store::reports::Factor| {
        let value = json!({ "beta": row.beta, "std_error": row.std_error, "reason": row.reason });
        line(format!("factor {}", row.factor), value)
    };
    report.factors.iter().map(one).collect()
}

pub(super) fn beta(report: &Report, argument: &str) -> Result {
    let (row, of_row) = factors::exposure(report, argument)?;
    let value = of_row.stored(row, row.reason.as_ref())?;
    let inputs = report.positions.iter().map(|lot| {
        let slope = lot.betas.get(&row.factor);
        let value = json!({
            "value": money(lot.market_value),
            "beta": slope.map(|slope| slope.beta),
            "std_error": slope.map(|slope| slope.std_error),
        });
        line(lot.symbol.to_string(), value)
    });
    let lots = report.positions.iter().filter(|lot| !lot.betas.is_empty());
    let modelled: BTreeSet<&str> = lots
        .map(|lot| lot.underlying.as_deref().unwrap_or(lot.symbol.as_str()))
        .collect();
    let mut steps = vec![
        line("NAV", money(report.snapshot.nav)),
        line("symbols with a factor model", modelled.len()),
        line("beta, Σ weight × beta", row.beta),
        line("standard error, √Σ (weight × std_error)²", row.std_error),
        line("coverage, modelled gross over gross", row.coverage),
    ];
    if let Some(dollar) = row.dollar {
        steps.push(line("exposure, Σ X × beta", money(dollar)));
    }
    Ok(Told {
        formula: of_row.formula,
        unit: of_row.unit,
        n: row.n.and_then(count),
        inputs: inputs.collect(),
        steps,
        ..of(&factors::BETA, window(report), value)
    })
}

fn risk(report: &Report) -> std::result::Result<&Risk, Refusal> {
    let row = report.risk.as_ref();
    row.ok_or_else(|| not_stored(report, "factors"))
}

fn variances(row: &Risk) -> Vec<super::Line> {
    vec![
        line("factor variance, b'Fb", row.factor_variance),
        line(
            "specific variance, Σ weight² × specific_variance",
            row.specific_variance,
        ),
        line("variance", row.factor_variance + row.specific_variance),
        line("σ", row.volatility),
        line("coverage, modelled gross over gross", row.coverage),
    ]
}

/// A number of the risk model.
pub(super) fn of_risk(report: &Report, metric: &Metric, name: &str) -> Result {
    let of_row = field(factors::OF_RISK, name, "")?;
    let row = risk(report)?;
    let value = of_row.stored(row, Some(&"no_variance".to_owned()))?;
    Ok(Told {
        formula: of_row.formula,
        unit: of_row.unit,
        n: count(row.n),
        inputs: slopes(report),
        steps: variances(row),
        ..of(metric, window_of_risk(report), value)
    })
}

pub(super) fn contribution(report: &Report, argument: &str) -> Result {
    let risk = risk(report)?;
    let (row, of_row) = factors::part_of(report, argument)?;
    let value = of_row.stored(row, Some(&"no_variance".to_owned()))?;
    Ok(Told {
        formula: factors::formula_of(of_row, &row.kind),
        unit: of_row.unit,
        n: count(risk.n),
        inputs: slopes(report),
        steps: vec![
            line("exposure", row.exposure),
            line("marginal, change of σ with the exposure", row.marginal),
            line("contribution, exposure × marginal", row.contribution),
            line("σ", risk.volatility),
            line("share of σ", row.share),
        ],
        ..of(&factors::CONTRIBUTION, window_of_risk(report), value)
    })
}

/// A volatility of the return series of so many sessions at most.
pub(super) fn series(
    report: &Report,
    metric: &Metric,
    key: &str,
    sessions: usize,
    pick: fn(&Volatility) -> Option<f64>,
) -> Result {
    let row = report.volatility.as_ref();
    let row = row.ok_or_else(|| not_stored(report, "volatility"))?;
    let value = pick(row);
    let value = value.ok_or_else(|| unknown(row.reasons.get(key), "not computed"))?;
    let n = count(row.n).map_or(sessions, |n| n.min(sessions));
    Ok(Told {
        n: Some(n),
        inputs: book_of(report),
        steps: vec![
            line("returns in the series", row.n),
            line("holes filled by the factor model", row.filled),
            line("sessions left out", row.dropped),
            line("coverage, modelled gross over gross", row.coverage),
            line("realised, 21 sessions", row.realised_21),
            line("realised, 63 sessions", row.realised_63),
        ],
        ..of(
            metric,
            format!("the last {n} returns to {}", report.published.as_of),
            Number::Statistic(value),
        )
    })
}

/// A number of the return series itself.
pub(super) fn return_series(report: &Report, name: &str) -> Result {
    let of_row = field(volatility::OF_SERIES, name, "")?;
    let row = report.volatility.as_ref();
    let row = row.ok_or_else(|| not_stored(report, "volatility"))?;
    let value = of_row.stored(row, None)?;
    Ok(Told {
        formula: of_row.formula,
        unit: of_row.unit,
        n: count(row.n),
        inputs: book_of(report),
        steps: vec![
            line("returns in the series", row.n),
            line("holes filled by the factor model", row.filled),
            line("sessions left out", row.dropped),
            line("coverage, modelled gross over gross", row.coverage),
        ],
        ..of(
            &volatility::RETURN_SERIES,
            format!("the last {} returns to {}", row.n, report.published.as_of),
            value,
        )
    })
}

pub(super) fn correlation(report: &Report, argument: &str) -> Result {
    let row = report.correlation.as_ref();
    let row = row.ok_or_else(|| not_stored(report, "correlation"))?;
    let Some((a, b, of_pair)) = pairs::meant(&row.symbols, argument) else {
        return Err(Refusal::Argument(pairs::pairs(row)));
    };
    let at = pairs::place(row.symbols.len(), a, b);
    let value = of_pair.stored(row, at)?;
    let inputs = [a, b].map(|at| {
        let value = json!({ "cluster": row.clusters.get(at).copied().flatten() });
        line(row.symbols[at].clone(), value)
    });
    Ok(Told {
        formula: of_pair.formula,
        unit: of_pair.unit,
        n: row.n.get(at).copied().and_then(count),
        inputs: inputs.into(),
        steps: vec![
            line("correlation", row.upper[at]),
            line("95 % interval by Fisher's z, from", row.low[at]),
            line("95 % interval by Fisher's z, to", row.high[at]),
        ],
        ..of(
            &pairs::CORRELATION,
            format!("252 sessions to {}", report.published.as_of),
            Number::Statistic(value),
        )
    })
}

pub(super) fn stress(report: &Report, argument: &str) -> Result {
    let (row, of_row) = scenarios::of_scenario(report, argument)?;
    let value = of_row.stored(row, Some(&scenarios::missing(row)))?;
    let direct = of_row.name.starts_with("direct");
    let (pnl, floored) = if direct {
        (row.direct_pnl, row.direct_floored)
    } else {
        (row.propagated_pnl, row.propagated_floored)
    };
    let amount = |value: Option<rust_decimal::Decimal>| value.map_or(Value::Null, money);
    Ok(Told {
        formula: of_row.formula,
        unit: of_row.unit,
        n: report.common.as_ref().and_then(|common| count(common.n)),
        inputs: slopes(report),
        steps: vec![
            line(
                "P&L, Σ exposure × move, options repriced in full",
                amount(pnl),
            ),
            line("what the floor took off", amount(floored)),
            line("NAV", money(report.snapshot.nav)),
            line("Mahalanobis distance of the shocks", row.mahalanobis),
            line("probability of shocks at least as far out", row.tail_p),
            line("coverage, modelled gross over gross", row.coverage),
        ],
        ..of(
            &scenarios::STRESS,
            factors::window_of_covariance(report.published.as_of, &factors::shared_in(report)),
            value,
        )
    })
}

/// Lots with their values, and contracts with what prices them.
pub(super) fn book_of(report: &Report) -> Vec<super::Line> {
    let lots = report.positions.iter();
    let lots = lots.map(|lot| line(lot.symbol.to_string(), money(lot.market_value)));
    let contracts = report.losses.options.iter().map(|row| {
        let value = json!({ "delta": row.delta, "shares": money(row.shares), "spot": row.spot, "volatility": row.volatility,
                            "rate": row.rate, "dividend yield": row.dividend_yield });
        line(row.symbol.clone(), value)
    });
    lots.chain(contracts).collect()
}

/// Value at risk, or expected shortfall.
pub(super) fn loss(report: &Report, argument: &str, at: usize) -> Result {
    let usual = losses::METHODS[0];
    let (confidence, method) = argument.split_once(':').unwrap_or((argument, usual));
    let mut levels = losses::CONFIDENCES.iter();
    let level = levels.find(|(text, _)| *text == confidence);
    let (Some((_, level)), true) = (level, losses::METHODS.contains(&method)) else {
        let all = losses::CONFIDENCES.iter();
        let all = all.flat_map(|(level, _)| losses::METHODS.map(|name| format!("{level}:{name}")));
        return Err(Refusal::Argument(all.collect()));
    };
    let mut rows = report.losses.value_at_risk.iter();
    let row = rows.find(|row| (row.confidence - level).abs() < 1e-9);
    let row = row.ok_or_else(|| not_stored(report, "value_at_risk"))?;
    let pair = row.estimates.get(method).copied().unwrap_or_default();
    let why = || row.reasons.get(method).or(row.reason.as_ref());
    let value = pair[at].ok_or_else(|| unknown(why(), "not computed"))?;
    let series = report.volatility.as_ref();
    let filled = series.map(|series| series.filled);
    let dropped = series.map(|series| series.dropped);
    let metric = [&losses::VALUE_AT_RISK, &losses::EXPECTED_SHORTFALL][at];
    let n = row.n.unwrap_or_default();
    Ok(Told {
        formula: losses::formula(method, at == 1),
        n: count(n),
        inputs: book_of(report),
        steps: vec![
            line("value at risk", pair[0]),
            line("expected shortfall", pair[1]),
            line("coverage, modelled gross over gross", row.coverage),
            line("holes filled by the factor model", filled),
            line("sessions left out", dropped),
            line(
                "backtest",
                json!({ "sessions": row.sessions, "exceptions": row.exceptions, "expected": row.expected }),
            ),
        ],
        ..of(
            metric,
            format!("the last {n} returns to {}", report.published.as_of),
            Number::Statistic(value),
        )
    })
}

/// Whether a price is of the last sessions: others imply no volatility.
fn is_recent(quality: Quality) -> bool {
    matches!(quality, Quality::Close | Quality::Stale)
}

pub(super) fn option(report: &Report, argument: &str) -> Result {
    let (row, of_row) = losses::of_contract(report, argument)?;
    let value = of_row.stored(row, None)?;
    let inputs = [
        ("spot", row.spot),
        ("strike", row.strike),
        ("years, calendar days / 365", row.years),
        ("rate, continuous", row.rate),
        ("dividend yield, continuous", row.dividend_yield),
        ("volatility", row.volatility),
    ];
    let source = row.note.clone().unwrap_or_else(|| row.source.clone());
    // Which price implied a volatility is stored with the lots, the market of its day is not.
    let implied = row.source == "implied" && of_row.name == losses::IMPLIED;
    let mut lots = report.positions.iter().filter(|_| implied);
    let lot = lots.find(|lot| lot.symbol.as_str() == row.symbol && is_recent(lot.quality));
    if let Some((lot, date)) = lot.and_then(|lot| Some((lot, lot.price_date?))) {
        return Ok(Told {
            formula: of_row.formula,
            unit: of_row.unit,
            n: Some(1),
            inputs: vec![
                line("price of the contract", money(lot.price)),
                line("date of the price", date.to_string()),
                line("strike", row.strike),
                line("rate, continuous", row.rate),
                line("dividend yield, continuous", row.dividend_yield),
            ],
            steps: vec![line("volatility is", source)],
            ..of(&losses::OPTION, format!("the closes of {date}"), value)
        });
    }
    Ok(Told {
        formula: of_row.formula,
        unit: of_row.unit,
        n: Some(1),
        inputs: inputs.map(|(name, value)| line(name, value)).into(),
        steps: vec![
            line("volatility is", source),
            line("price of the model", row.price),
            line("delta", row.delta),
            line("shares", money(row.shares)),
            line("delta equivalent", money(row.exposure)),
        ],
        ..of(
            &losses::OPTION,
            format!("the closes of {}", report.published.as_of),
            value,
        )
    })
}
