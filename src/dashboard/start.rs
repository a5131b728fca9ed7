//! Starting: a book comes in as a file, its errors are told in place, what would be computed is shown, and then it runs.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::Value;

use super::actions::{document, facts};
use super::frame;
use super::session::{Sent, Visitor, own};
use super::text::cli;
use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::params::Params;
use crate::api::problem::{Kind, Problem};
use crate::api::upload::Upload;
use crate::api::{import, start as handlers};
use crate::domain::{Calendar, PhaseName, PortfolioId};
use crate::store::{ReadTx, portfolios};

/// The page.
pub(super) async fn page(
    visitor: Visitor,
    State(api): State<Api>,
    params: Params,
) -> Result<Html<String>, Problem> {
    params.only(&[])?;
    visitor.changes()?;
    let body = body(&visitor, &api, &Params::default(), &html! {}).await?;
    Ok(frame::page(&visitor, "/start", "Start", &body))
}

async fn body(
    visitor: &Visitor,
    api: &Api,
    given: &Params,
    told: &Markup,
) -> Result<Markup, Problem> {
    let mut db = ReadTx::lazy(&api.pools().load);
    let all = portfolios::list(&mut db).await?;
    db.close().await?;
    let seen: Vec<_> = all
        .iter()
        .filter(|known| visitor.access.sees(known.id))
        .collect();
    let value = |name: &str| given.one::<String>(name).ok().flatten().unwrap_or_default();
    Ok(html! {
        (told)
        @if visitor.operates() {
            section aria-labelledby="import" {
                h2 #import { "Import a portfolio" }
                form method="post" action="/start/import" enctype="multipart/form-data" {
                    label { span { "File: CSV, one row per lot" } input type="file" name="file" accept=".csv,text/csv" required; }
                    label { span { "Name" } input name="name" required maxlength="200" value=(value("name")); }
                    label { span { "Opening equity" } input name="opening_equity" required inputmode="decimal" value=(value("opening_equity")); }
                    label { span { "Inception: first day of the book" } input type="date" name="inception" required value=(value("inception")); }
                    label { span { "Owner (may be empty)" } input name="owner" maxlength="200" value=(value("owner")); }
                    button type="submit" { "Import" } " "
                    button.plain type="submit" name="dry_run" value="true" { "Only check" }
                }
                pre.cli { "sigmabatch import portfolio book.csv --name … --equity … --inception …" }
            }
        }
        section aria-labelledby="run" {
            h2 #run { "Start a run" }
            @if seen.is_empty() { p.none { "There is no portfolio yet." } }
            form method="post" action="/start/run" {
                label { span { "Portfolio" } select.choice name="portfolio_id" {
                    option value="" { "every one" }
                    @for portfolio in seen { option value=(portfolio.id) { (portfolio.name) } }
                } }
                label { span { "Session (empty: the newest whose closes are final)" } input type="date" name="calculation_date"; }
                label { span { "Or from" } input type="date" name="start_date"; }
                label { span { "to" } input type="date" name="end_date"; }
                label { input type="checkbox" name="force" value="true"; " Compute also what is current" }
                button type="submit" name="dry_run" value="true" { "Preview" } " "
                button.plain type="submit" { "Start at once" }
            }
            pre.cli { "sigmabatch run --from … --to … --portfolio …" }
        }
    })
}

/// Takes a book as the API does; its errors stand in the page, and after it the plan of its dates.
pub(super) async fn import(
    visitor: Visitor,
    State(api): State<Api>,
    headers: HeaderMap,
    upload: Result<Upload, Problem>,
) -> Result<Response, Problem> {
    own(&headers)?;
    visitor.operator()?;
    let upload = upload?;
    let upload = Upload {
        params: upload.params.filled(),
        ..upload
    };
    let (given, text) = (
        upload.params.clone(),
        String::from_utf8_lossy(&upload.bytes).into_owned(),
    );
    match import::create(visitor.0.clone(), State(api.clone()), Ok(upload)).await {
        Ok((_, receipt)) => {
            let told = taken(&visitor, &api, &receipt.0).await?;
            let body = html! { (told) p { a href="/start" { "Import another one" } } };
            Ok(frame::page(&visitor, "/start", "Imported", &body).into_response())
        }
        // What the sender can repair stands beside the form.
        Err(problem) if [Kind::Rejected, Kind::Invalid, Kind::Conflict].contains(&problem.kind) => {
            let told = html! { (frame::alert(&problem)) (issues(&problem, &text)) };
            let body = body(&visitor, &api, &given, &told).await?;
            let status: StatusCode = problem.kind.status();
            Ok((status, frame::page(&visitor, "/start", "Start", &body)).into_response())
        }
        Err(problem) => Err(problem),
    }
}

/// The findings of a file, each with the line that it is about.
fn issues(problem: &Problem, text: &str) -> Markup {
    let lines: Vec<&str> = text.lines().collect();
    let of = |issue: &Value| {
        let number = usize::try_from(issue["line"].as_u64().unwrap_or(0)).unwrap_or(0);
        number
            .checked_sub(1)
            .and_then(|place| lines.get(place))
            .copied()
            .unwrap_or("")
    };
    html! {
        @if !problem.errors.is_empty() { div.scroll tabindex="0" { table {
            caption.soft { "Nothing was imported. All errors of the file:" }
            thead { tr { th.n scope="col" { "Line" } th scope="col" { "Column" } th scope="col" { "What is wrong" }
                th scope="col" { "What to do" } th scope="col" { "The line" } } }
            tbody { @for issue in &problem.errors { tr {
                th.n scope="row" { (issue["line"]) }
                td { (word(issue, "column")) }
                td.message { (word(issue, "message")) " " code { (word(issue, "code")) } }
                td.message { (word(issue, "remedy")) }
                td { code { (of(issue)) } }
            } } }
        } } }
    }
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or("")
}

/// A book is there: what came in, and what its dates would cost.
async fn taken(visitor: &Visitor, api: &Api, receipt: &Value) -> Result<Markup, Problem> {
    if receipt["dry_run"] == true {
        return Ok(
            html! { div.alert.good role="status" { "The file has no errors. Nothing was changed: this was a check." } (changes(receipt)) },
        );
    }
    let told = html! { div.alert.good role="status" { "The portfolio is there: " (word(receipt, "status")) "." } (changes(receipt)) };
    let id = receipt["portfolio_id"]
        .as_str()
        .and_then(|text| text.parse::<PortfolioId>().ok());
    let Some(id) = id else { return Ok(told) };
    let mut db = ReadTx::lazy(&api.pools().load);
    let portfolio = visitor.portfolio(&mut db, id).await?;
    db.close().await?;
    let beyond =
        |error: crate::domain::CalendarError| Problem::field("inception", error.to_string());
    let newest = Calendar::nyse()
        .newest_eligible(api.clock().now())
        .map_err(beyond)?;
    let fields = [
        ("portfolio_id", id.to_string()),
        ("start_date", portfolio.inception.to_string()),
        ("end_date", newest.to_string()),
    ];
    let mut params = Params::default();
    params.add(fields.map(|(name, value)| (name.to_owned(), value)));
    let plan = match preview(&visitor.0, api, params.clone()).await {
        Ok(plan) => plan,
        // A book that began after the newest session has nothing to compute yet.
        Err(problem) => return Ok(html! { (told) (frame::alert(&problem)) }),
    };
    Ok(html! { (told) (confirm(&plan, &params)) })
}

fn changes(receipt: &Value) -> Markup {
    let lots = receipt["added"].as_array().map_or(0, Vec::len);
    html! {
        p { (word(receipt, "name")) ": " (lots) " lots added" }
        details { summary { "The whole receipt" } (facts(receipt)) }
    }
}

async fn preview(caller: &Caller, api: &Api, mut params: Params) -> Result<Value, Problem> {
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

/// Fields of the form that chooses a run.
const CHOICE: [(&str, &str); 5] = [
    ("portfolio_id", "--portfolio"),
    ("calculation_date", "--date"),
    ("start_date", "--from"),
    ("end_date", "--to"),
    ("force", "--force"),
];

/// What would be computed, and the button that does it.
fn confirm(plan: &Value, params: &Params) -> Markup {
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
    let given = CHOICE.iter().filter_map(|(name, option)| {
        let value = params.one::<String>(name).ok().flatten()?;
        Some((*name, *option, value))
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

/// Tasks and questions to providers by phase, in the order of the pipeline.
fn steps(plan: &Value) -> Markup {
    let asked = |phase: &str, what: &str| {
        let rows = plan["provider"].as_array().into_iter().flatten();
        let mut rows = rows.filter(|row| row["phase"] == phase);
        rows.next()
            .map_or_else(|| "–".to_owned(), |row| row[what].to_string())
    };
    let dates: Vec<&str> = plan["dates"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let phases = PhaseName::ALL
        .iter()
        .filter(|phase| !plan["tasks"][phase.as_str()].is_null());
    html! {
        @if let Some(run) = plan["existing_run_id"].as_str() {
            p { "A run that goes on does all this already: " a href=(format!("/runs/{run}")) { (run) } }
        }
        p {
            (word(plan, "label")) ": " (dates.first().unwrap_or(&"–")) " to " (dates.last().unwrap_or(&"–")) ", "
            (plan["portfolios"]) " portfolios, " (plan["symbols"]) " symbols; of " (plan["portfolio_dates"])
            " results " (plan["reused"]) " are current and stay."
        }
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

/// Starts a run as the API does and shows it, or only says what it would be.
pub(super) async fn run(
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
