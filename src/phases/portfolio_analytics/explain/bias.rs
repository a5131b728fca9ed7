//! Explains the bias statistic. It is a view of what is stored, of no result of its own: told and made from the same rows.

use chrono::NaiveDate;

use super::{Explained, Line, Metric, Number, Refusal, Told, line};
use crate::store::reports::{BIAS_MINIMUM, BIAS_SESSIONS, Report, bias_of};

pub(super) const BIAS: Metric = Metric {
    name: "bias",
    argument: None,
    about: "whether the risk model forecasts too little risk or too much",
    formula: "standard deviation (n − 1) of z, z = return of a session / (σ of the session before / √252)",
    source: "risk_forecasts, a view of portfolio_snapshots and portfolio_risk",
    unit: "1 for a right model, above 1 where it forecasts too little risk",
    explain: |sources, _| explain(sources.report),
    told: |report, _| told(report),
};

fn told(report: &Report) -> Result<Told, Refusal> {
    let (steps, statistic) = made(&report.bias.z)?;
    Ok(Told {
        formula: BIAS.formula,
        source: BIAS.source,
        unit: BIAS.unit,
        window: window(report),
        n: Some(report.bias.n),
        inputs: inputs(report),
        steps,
        value: Number::Statistic(report.bias.statistic.unwrap_or(statistic)),
    })
}

fn explain(report: &Report) -> Result<Explained, Refusal> {
    let (steps, statistic) = made(&report.bias.z)?;
    Ok(Explained {
        formula: BIAS.formula,
        source: BIAS.source,
        unit: BIAS.unit,
        window: window(report),
        n: report.bias.n,
        inputs: inputs(report),
        steps,
        computed: Number::Statistic(statistic),
        stored: Number::Statistic(report.bias.statistic.unwrap_or(statistic)),
    })
}

fn made(z: &[(NaiveDate, f64)]) -> Result<(Vec<Line>, f64), Refusal> {
    let short = || {
        let n = z.len();
        let reason = format!("insufficient history: {n} of {BIAS_MINIMUM} returns with a forecast");
        Refusal::NotStored(reason)
    };
    let (mean, squares, statistic) = bias_of(z).ok_or_else(short)?;
    let steps = vec![
        line("mean of z", mean),
        line("sum of squared differences from it", squares),
    ];
    Ok((steps, statistic))
}

fn window(report: &Report) -> String {
    let to = report.published.as_of;
    format!("{BIAS_SESSIONS} sessions to {to}, those with a return and a forecast")
}

fn inputs(report: &Report) -> Vec<Line> {
    let z = report.bias.z.iter();
    z.map(|(day, z)| line(format!("z {day}"), *z)).collect()
}
