//! A book comes in as a file: its errors stand beside the form, and after it the plan of its dates.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde_json::Value;

use super::{body, plan, word};
use crate::api::params::Params;
use crate::api::problem::{Kind, Problem};
use crate::api::upload::Upload;
use crate::api::{Api, import as handlers};
use crate::dashboard::actions::facts;
use crate::dashboard::frame;
use crate::dashboard::session::{Visitor, own};
use crate::domain::{Calendar, PortfolioId};
use crate::store::ReadTx;

/// Takes a book as the API does; its errors stand in the page, and after it the plan of its dates.
pub(in crate::dashboard) async fn import(
    visitor: Visitor,
    State(api): State<Api>,
    headers: HeaderMap,
    upload: Result<Upload, Problem>,
) -> Result<Response, Problem> {
    own(&headers)?;
    visitor.operator()?;
    let upload = upload?.filled();
    let (given, text) = (
        upload.params.clone(),
        String::from_utf8_lossy(&upload.bytes).into_owned(),
    );
    match handlers::create(visitor.0.clone(), State(api.clone()), Ok(upload)).await {
        Ok((_, receipt)) => {
            let told = taken(&visitor, &api, &receipt.0).await?;
            let body = html! { (told) p { a href="/start" { "Import another one" } } };
            let title = if receipt.0["dry_run"] == true {
                "Checked"
            } else {
                "Imported"
            };
            Ok(frame::page(&visitor, "/start", title, &body).into_response())
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
    let planned = match plan::preview(&visitor.0, api, params.clone()).await {
        Ok(planned) => planned,
        // A book that began after the newest session has nothing to compute yet.
        Err(problem) => return Ok(html! { (told) (frame::alert(&problem)) }),
    };
    Ok(html! { (told) (plan::confirm(&planned, &params)) })
}

fn changes(receipt: &Value) -> Markup {
    let lots = receipt["added"].as_array().map_or(0, Vec::len);
    let inactive = receipt["inactive_symbols"].as_array();
    let inactive: Vec<&str> = inactive
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    html! {
        p { (word(receipt, "name")) ": " (lots) " lots added" }
        @if !inactive.is_empty() {
            p #inactive { "Inactive, so that no provider is asked: " (inactive.join(", ")) ". "
                code { "sigmabatch universe activate SYMBOL" } " changes that." }
        }
        details { summary { "The whole receipt" } (facts(receipt)) }
    }
}
