//! Explains the bias statistic. It is no result of its own: the report reads it from a view, and here it is made from the returns and the
//! volatilities that are stored, without the view.

use chrono::NaiveDate;
use serde_json::json;

use super::{Explained, Line, Metric, Number, Refusal, Sources, Told, line};
use crate::analytics::SESSIONS_PER_YEAR;
use crate::store::reports::{BIAS_MINIMUM, BIAS_SESSIONS, Report, bias_of};

pub(super) const BIAS: Metric = Metric {
    name: "bias",
    argument: None,
    about: "whether the risk model forecasts too little risk or too much",
    formula: "standard deviation (n − 1) of z, z = return of a session / (σ of the session before / √252)",
    source: "portfolio_snapshots, portfolio_risk",
    unit: "1 for a right model, above 1 where it forecasts too little risk",
    explain: |sources, _| explain(sources),
    told: |report, _| told(report),
};

/// The statistic as the report says it, or why it says none.
fn stored(report: &Report) -> Result<f64, Refusal> {
    let bias = &report.bias;
    let none = || Refusal::NotStored(bias.missing().unwrap_or_default());
    bias.statistic.ok_or_else(none)
}

fn told(report: &Report) -> Result<Told, Refusal> {
    let value = stored(report)?;
    let z = report.bias.z.iter();
    Ok(Told {
        formula: BIAS.formula,
        source: BIAS.source,
        unit: BIAS.unit,
        window: window(report),
        n: Some(report.bias.n),
        inputs: z.map(|(day, z)| line(format!("z {day}"), *z)).collect(),
        steps: steps(report, &report.bias.z),
        value: Number::Statistic(value),
    })
}

fn explain(sources: &Sources<'_>) -> Result<Explained, Refusal> {
    let stored = stored(sources.report)?;
    let parts = sources.forecasts.iter();
    let parts = parts.map(|&(day, return_day, sigma)| {
        let z = return_day / (sigma / SESSIONS_PER_YEAR.sqrt());
        let value = json!({ "return": return_day, "σ of the session before": sigma, "z": z });
        ((day, z), line(format!("z {day}"), value))
    });
    let (z, inputs): (Vec<(NaiveDate, f64)>, Vec<Line>) = parts.unzip();
    let n = z.len();
    let short = || Refusal::NotMade(format!("{n} of {BIAS_MINIMUM} returns have a forecast"));
    let (.., statistic) = bias_of(&z).ok_or_else(short)?;
    Ok(Explained {
        formula: BIAS.formula,
        source: BIAS.source,
        unit: BIAS.unit,
        window: window(sources.report),
        n,
        inputs,
        steps: steps(sources.report, &z),
        computed: Number::Statistic(statistic),
        stored: Number::Statistic(stored),
    })
}

/// What is made of z on the way, nothing of too few; and how many are left out because their inputs changed since.
fn steps(report: &Report, z: &[(NaiveDate, f64)]) -> Vec<Line> {
    let on_the_way = bias_of(z).map(|(mean, squares, _)| {
        [
            line("mean of z", mean),
            line("sum of squared differences from it", squares),
        ]
    });
    let mut steps: Vec<Line> = on_the_way.into_iter().flatten().collect();
    let stale = report.bias.stale.len();
    if stale > 0 {
        steps.push(line("left out, their inputs changed since", stale));
    }
    steps
}

fn window(report: &Report) -> String {
    let to = report.published.as_of;
    format!("{BIAS_SESSIONS} sessions to {to}, those with a return and a forecast")
}
