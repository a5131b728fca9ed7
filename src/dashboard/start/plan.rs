//! What a run would compute, and the button that starts it.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::Value;

use super::word;
use crate::api::auth::Caller;
use crate::api::params::Params;
use crate::api::problem::Problem;
use crate::api::{Api, start as handlers};
use crate::dashboard::actions::document;
use crate::dashboard::frame;
use crate::dashboard::session::{Sent, Visitor};
use crate::dashboard::text::{cli, counted};
use crate::domain::PhaseName;

/// Fields of the form that chooses a run.
const CHOICE: [(&str, &str); 5] = [
    ("portfolio_id", "--portfolio"),
    ("calculation_date", "--date"),
    ("start_date", "--from"),
    ("end_date", "--to"),
    ("force", "--force"),
];

/// Starts a run as the API does and shows it, or only says what it would be.
pub(in crate::dashboard) async fn run(
    visitor: Visitor,
    State(api): State<Api>,
    sent: Sent,
) -> Result<Response, Problem> {
    let params = sent.0;
    if params.flag("dry_run")? {
        let mut chosen = Params::default();
        for (name, _) in CHOICE {
            let values = params.all::<String>(name)?;
            chosen.add(values.into_iter().map(|value| (name.to_owned(), value)));
        }
        let plan = preview(&visitor.0, &api, chosen.clone()).await?;
        let body = confirm(&plan, &chosen);
        return Ok(frame::page(&visitor, "/start", "Preview", &body).into_response());
    }
    let response = handlers::start(
        visitor.0.clone(),
        State(api),
        HeaderMap::new(),
        params.into(),
    )
    .await?;
    let planned = document(response).await?;
    let run = word(&planned, "batch_run_id").to_owned();
    Ok(Redirect::to(&format!("/runs/{run}")).into_response())
}

pub(super) async fn preview(
    caller: &Caller,
    api: &Api,
    mut params: Params,
) -> Result<Value, Problem> {
    params.add([("dry_run".to_owned(), "true".to_owned())]);
    let response = handlers::start(
        caller.clone(),
        State(api.clone()),
        HeaderMap::new(),
        params.into(),
    )
    .await?;
    document(response).await
}

/// What would be computed, and the button that does it.
pub(super) fn confirm(plan: &Value, params: &Params) -> Markup {
    let calls = plan["provider"].as_array();
    let calls: u64 = calls
        .into_iter()
        .flatten()
        .filter_map(|asked| asked["calls"].as_u64())
        .sum();
    let tasks = plan["tasks"].as_object();
    let total: u64 = tasks
        .into_iter()
        .flat_map(|tasks| tasks.values())
        .filter_map(Value::as_u64)
        .sum();
    let dates = plan["dates"].as_array().map_or(0, Vec::len);
    let given = CHOICE.iter().flat_map(|(name, option)| {
        let values = params.all::<String>(name).unwrap_or_default();
        values.into_iter().map(move |value| (*name, *option, value))
    });
    let given: Vec<(&str, &str, String)> = given.collect();
    let mut words = vec!["run"];
    for (name, option, value) in &given {
        words.push(option);
        if *name != "force" {
            words.push(value);
        }
    }
    html! {
        section aria-labelledby="plan" {
            h2 #plan { "The plan" }
            p { strong { (dates) " dates, " (total) " tasks, " (calls) " calls of providers" } }
            (steps(plan))
            form method="post" action="/start/run" {
                @for (name, _, value) in &given { input type="hidden" name=(name) value=(value); }
                button type="submit" { "Start" }
            }
            pre.cli { (cli(&words)) }
        }
    }
}

/// The texts of a list.
fn texts<'a>(plan: &'a Value, key: &str) -> Vec<&'a str> {
    let all = plan[key].as_array().into_iter().flatten();
    all.filter_map(Value::as_str).collect()
}

/// The symbols without a close, and whether this plan asks for them. What the run asks for that goes on is not said here.
fn unpriced(plan: &Value) -> Markup {
    let asked_for = texts(plan, "closes_asked_for");
    let mut known = texts(plan, "without_closes");
    let why = if plan["existing_run_id"].is_null() {
        known.retain(|symbol| !asked_for.contains(symbol));
        ": providers were asked before and had none."
    } else {
        "."
    };
    html! {
        @if !asked_for.is_empty() {
            p #unpriced { "No close is stored of " (asked_for.join(", ")) ": providers will be asked, and may have none." }
        }
        @if !known.is_empty() {
            p #unknown { "No close is stored of " (known.join(", ")) (why) }
        }
    }
}

/// Tasks and questions to providers by phase, in the order of the pipeline.
fn steps(plan: &Value) -> Markup {
    let asked = |phase: &str, what: &str| {
        let rows = plan["provider"].as_array().into_iter().flatten();
        let mut rows = rows.filter(|row| row["phase"] == phase);
        rows.next()
            .map_or_else(|| "–".to_owned(), |row| row[what].to_string())
    };
    let dates = texts(plan, "dates");
    let number = |key: &str, noun: &str| {
        let n = plan[key].as_u64().and_then(|n| usize::try_from(n).ok());
        counted(n.unwrap_or_default(), noun)
    };
    let phases = PhaseName::ALL
        .iter()
        .filter(|phase| !plan["tasks"][phase.as_str()].is_null());
    html! {
        @if let Some(run) = plan["existing_run_id"].as_str() {
            p { "A run that goes on does all this already: " a href=(format!("/runs/{run}")) { (run) } }
        }
        p {
            (word(plan, "label")) ": " (dates.first().unwrap_or(&"–")) " to " (dates.last().unwrap_or(&"–")) ", "
            (number("portfolios", "portfolio")) ", " (number("symbols", "symbol")) ". "
            (plan["reused"]) " of " (number("portfolio_dates", "result")) " stay, being current."
        }
        (unpriced(plan))
        div.scroll tabindex="0" { table {
            thead { tr { th scope="col" { "Phase" } th.n scope="col" { "Tasks" } th.n scope="col" { "Calls of providers" }
                th.n scope="col" { "Symbols asked for" } } }
            tbody { @for phase in phases { tr {
                th scope="row" { (phase.number()) " " (phase) } td.n { (plan["tasks"][phase.as_str()]) }
                td.n { (asked(phase.as_str(), "calls")) } td.n { (asked(phase.as_str(), "symbols")) }
            } } }
        } }
    }
}
