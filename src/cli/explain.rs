//! `explain`: how a stored number is made, with everything that goes into it. It is made again from what is stored; one that
//! differs in a bit is an error that names both and what has changed since.

use std::fmt::Write as _;

use chrono::NaiveDate;
use clap::Args;
use serde_json::{Value, json};

use super::text::{count, indented, left, table};
use super::{Error, Output, find};
use crate::documents::explain::{lines, value};
use crate::engine::{self, ExplainError, Explanation, Number};
use crate::store::reports::why::Change;
use crate::store::{Pools, ReadTx};

/// Longer lists of numbers are shown by their ends; JSON has all.
const SHOWN: usize = 6;
/// Choices that an error lists.
const CHOICES: usize = 40;

/// `explain`.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// The portfolio, by id or by its name if only one has it.
    pub portfolio: String,
    /// The number: `nav`, `beta:Market`, `correlation:AAPL,MSFT`, …; a name that there is not lists all.
    pub metric: String,
    /// The session; without it, the newest that is published.
    #[arg(long, value_name = "DATE")]
    pub date: Option<NaiveDate>,
}

/// Reads, makes again, compares and renders.
pub async fn run(pools: &Pools, args: &ExplainArgs, json: bool) -> Result<Output, Error> {
    let mut db = ReadTx::lazy(&pools.control);
    let id = find::portfolio(&mut db, &args.portfolio).await?;
    db.close().await?;
    let explanation = engine::explain(pools, id, args.date, &args.metric).await;
    let again = |date: Option<NaiveDate>| {
        let date = date.map_or_else(String::new, |date| format!(" --date {date}"));
        format!("sigmabatch run{date} --portfolio {id} --wait")
    };
    let explanation = explanation.map_err(|error| {
        let date = match &error {
            ExplainError::Stale(newest) => Some(*newest),
            _ => args.date,
        };
        refused(error, &again(date))
    })?;
    if !explanation.holds() {
        let date = explanation.report.published.as_of;
        return Err(differs(&explanation, &again(Some(date))));
    }
    Ok(Output::either(
        json,
        || document(&explanation),
        || page(&explanation),
    ))
}

fn text(number: Number) -> String {
    match number {
        Number::Money(money) => money.normalize().to_string(),
        Number::Statistic(value) => value.to_string(),
    }
}

/// What has changed since, for a sentence.
fn changed(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "no input is known to have changed, so the program has".to_owned();
    }
    format!("changed since: {}", named(changes))
}

/// Each change: of what, from when on, and why.
fn named(changes: &[Change]) -> String {
    let changes = changes.iter().map(|change| {
        let owner = if change.owner.is_empty() {
            String::new()
        } else {
            format!(" of {}", change.owner)
        };
        format!(
            "{}{owner} from {} ({})",
            change.input, change.from, change.reason
        )
    });
    changes.collect::<Vec<_>>().join("; ")
}

fn differs(explanation: &Explanation, again: &str) -> Error {
    let explained = &explanation.explained;
    let message = format!(
        "{} of {} on {} is stored as {}, and made again it is {}; {}",
        explanation.metric,
        explanation.report.portfolio.name,
        explanation.report.published.as_of,
        text(explained.stored),
        text(explained.computed),
        changed(&explanation.changes),
    );
    Error::not_there(message, format!("compute it again: {again}"))
}

fn refused(error: ExplainError, again: &str) -> Error {
    let message = error.to_string();
    match error {
        ExplainError::Unknown(_) => {
            let all = engine::metrics().into_iter();
            let all = all.map(|(typed, about)| format!("{typed} ({about})"));
            let all: Vec<String> = all.collect();
            Error::misuse(message, format!("there are: {}", all.join(", ")))
        }
        ExplainError::Argument { choices, metric } if choices.is_empty() => {
            let name = metric.split(':').next().unwrap_or_default();
            let remedy = format!(
                "the date has nothing that {name} could be asked of; `show` says what it has"
            );
            Error::misuse(message, remedy)
        }
        ExplainError::Argument { choices, metric } => {
            let name = metric.split(':').next().unwrap_or_default().to_owned();
            let listed = choices.iter().take(CHOICES);
            let listed: Vec<String> = listed.map(|one| format!("{name}:{one}")).collect();
            let more = choices.len().saturating_sub(CHOICES);
            let more = if more > 0 {
                format!(", … and {more} more")
            } else {
                String::new()
            };
            Error::misuse(message, format!("there are: {}{more}", listed.join(", ")))
        }
        ExplainError::NothingStored => Error::not_there(message, format!("compute it: {again}")),
        ExplainError::Stale(_) => Error::not_there(message, format!("compute it again: {again}")),
        ExplainError::NotStored { .. } => {
            let remedy =
                "the reason stands in its place; `sigmabatch why` says what a date waits for";
            Error::not_there(message, remedy)
        }
        ExplainError::NotMade { changes, .. } => {
            let message = format!("{message}; {}", changed(&changes));
            Error::not_there(message, format!("compute it again: {again}"))
        }
        ExplainError::Store(error) => error.into(),
        ExplainError::Phase(error) => Error::not_there(
            format!("the inputs cannot be read: {error}"),
            "`sigmabatch doctor` says what is wrong",
        ),
    }
}

/// The document.
pub fn document(explanation: &Explanation) -> Value {
    let (report, explained) = (&explanation.report, &explanation.explained);
    let changes = explanation.changes.iter().map(|change| {
        json!({
            "input": change.input,
            "scope": change.scope,
            "owner": change.owner,
            "from": change.from,
            "reason": change.reason,
            "at": change.at,
        })
    });
    json!({
        "portfolio_id": report.portfolio.id,
        "name": report.portfolio.name,
        "as_of": report.published.as_of,
        "run_id": report.published.run,
        "metric": explanation.metric,
        "value": value(explained.stored),
        "recomputed": value(explained.computed),
        "equal": explanation.holds(),
        "unit": explained.unit,
        "formula": explained.formula,
        "source": explained.source,
        "window": explained.window,
        "n": explained.n,
        "convention_id": report.provenance.convention_id,
        "model_version": report.provenance.model_version,
        "provider_basis": report.provenance.provider_basis,
        "definitions": report.provenance.definitions,
        "inputs": lines(&explained.inputs),
        "steps": lines(&explained.steps),
        "changed_since": changes.collect::<Vec<_>>(),
    })
}

/// The page.
pub fn page(explanation: &Explanation) -> String {
    let (report, explained) = (&explanation.report, &explanation.explained);
    let mut page = format!(
        "{} of {} on {}: {}\n\n",
        explanation.metric,
        report.portfolio.name,
        report.published.as_of,
        text(explained.stored),
    );
    let provenance = &report.provenance;
    let facts = [
        ("formula", explained.formula.to_owned()),
        ("unit", explained.unit.to_owned()),
        ("window", explained.window.clone()),
        ("n", explained.n.to_string()),
        (
            "convention",
            format!(
                "{}, model {}, {} prices",
                provenance.convention_id, provenance.model_version, provenance.provider_basis
            ),
        ),
        ("source", explained.source.to_owned()),
    ];
    let rows = facts.map(|(name, fact)| vec![name.to_owned(), fact]);
    page.push_str(&indented(&table(&[left(""), left("")], rows)));
    for (title, lines) in [
        ("Inputs", &explained.inputs),
        ("On the way", &explained.steps),
    ] {
        if lines.is_empty() {
            continue;
        }
        let rows = lines
            .iter()
            .map(|line| vec![line.name.clone(), short(&line.value)]);
        let text = table(&[left(""), left("")], rows);
        let _ = write!(page, "\n{title}\n{}", indented(&text));
    }
    let _ = writeln!(
        page,
        "\nMade again from what is stored: {}, the same to the last {}",
        text(explained.computed),
        match explained.computed {
            Number::Money(_) => "digit",
            Number::Statistic(_) => "bit",
        },
    );
    if !explanation.changes.is_empty() {
        let n = count(explanation.changes.len(), "change");
        let _ = writeln!(page, "{n} since: {}", named(&explanation.changes));
    }
    page
}

/// A value in one line.
fn short(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "–".to_owned(),
        Value::Array(all) if all.len() > SHOWN => {
            let end = |value: Option<&Value>| value.map(short).unwrap_or_default();
            let (first, last) = (end(all.first()), end(all.last()));
            format!("{} values, from {first} to {last}", all.len())
        }
        Value::Array(all) => all.iter().map(short).collect::<Vec<_>>().join(" "),
        Value::Object(all) => {
            let parts = all
                .iter()
                .map(|(name, value)| format!("{name} {}", short(value)));
            parts.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Explained, Line};

    fn explanation(computed: f64) -> Explanation {
        Explanation {
            report: crate::documents::portfolio::sample::report(),
            metric: "volatility".into(),
            explained: Explained {
                formula: "√(b'Fb + Σ weight² × specific_variance)",
                source: "factor_covariance",
                unit: "a fraction of NAV per year",
                window: "252 sessions".into(),
                n: 248,
                inputs: vec![Line {
                    name: "AAPL".into(),
                    value: json!({ "weight": 0.25, "betas": [1, 2, 3, 4, 5, 6, 7] }),
                }],
                steps: vec![Line {
                    name: "coverage".into(),
                    value: Value::Null,
                }],
                computed: Number::Statistic(computed),
                stored: Number::Statistic(0.142),
            },
            changes: Vec::new(),
        }
    }

    #[test]
    fn the_page_has_what_goes_in_and_what_comes_out() {
        let page = page(&explanation(0.142));
        for part in [
            "volatility of sample on 2016-12-30: 0.142",
            "√(b'Fb",
            "weight 0.25",
            "betas 7 values, from 1 to 7",
            "coverage",
            "the same to the last bit",
        ] {
            assert!(page.contains(part), "{part} in\n{page}");
        }
        let document = document(&explanation(0.142));
        assert_eq!(
            (&document["equal"], &document["n"]),
            (&json!(true), &json!(248))
        );
        assert_eq!(document["inputs"][0]["value"]["weight"], 0.25);
    }

    #[test]
    fn one_bit_is_a_difference_that_names_both_numbers_and_what_has_changed() {
        let next = f64::from_bits(0.142_f64.to_bits() + 1);
        let mut explanation = explanation(next);
        assert!(!explanation.holds());
        let error = differs(&explanation, "sigmabatch run").render(false);
        assert!(
            error.contains("0.142,") && error.contains(&next.to_string()),
            "{error}"
        );
        assert!(
            error.contains("no input is known to have changed"),
            "{error}"
        );
        explanation.changes.push(Change {
            input: "prices".into(),
            scope: "symbol".into(),
            owner: "AAPL".into(),
            from: "2016-12-01".parse().unwrap(),
            reason: "market data".into(),
            at: chrono::DateTime::UNIX_EPOCH,
            version: 7,
        });
        let error = differs(&explanation, "sigmabatch run").render(false);
        assert!(
            error.contains("prices of AAPL from 2016-12-01 (market data)"),
            "{error}"
        );
        assert!(error.contains("sigmabatch run"), "{error}");
        // One that still holds says the same of its inputs, once.
        explanation.explained.computed = explanation.explained.stored;
        let page = page(&explanation);
        let told = "\n1 change since: prices of AAPL from 2016-12-01 (market data)\n";
        assert!(page.ends_with(told), "{page}");
    }

    #[test]
    fn an_unknown_metric_lists_all_of_them() {
        let error = refused(ExplainError::Unknown("betta".into()), "run").render(false);
        for name in [
            "nav",
            "beta:FACTOR",
            "forecast_21",
            "stress:SCENARIO",
            "hhi",
        ] {
            assert!(error.contains(name), "{name} in {error}");
        }
    }
}
