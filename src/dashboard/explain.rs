//! How a number of a portfolio was made, as it is stored; the command line makes it again.

use axum::extract::{Path, State};
use axum::response::Html;
use maud::{Markup, html};
use serde_json::Value;

use super::actions::plain;
use super::frame;
use super::portfolio as book;
use super::session::Visitor;
use super::text::{cli, facts};
use crate::api::params::Params;
use crate::api::problem::Problem;
use crate::api::{Api, explain};

/// The page of a metric.
pub(super) async fn page(
    visitor: Visitor,
    State(api): State<Api>,
    Path((portfolio, metric)): Path<(String, String)>,
    params: Params,
) -> Result<Html<String>, Problem> {
    let asked = Path((portfolio.clone(), metric.clone()));
    let answer = explain::one(visitor.0.clone(), State(api), asked, params).await?;
    let body = told(&answer.0, &portfolio, &metric);
    let title = format!("How {metric} was computed");
    Ok(frame::page(&visitor, "/portfolios", &title, &body))
}

fn told(document: &Value, portfolio: &str, metric: &str) -> Markup {
    let data = &document["data"];
    // Without a number it is the date that was asked for, if one was.
    let date = document["as_of"].as_str();
    let date = date.or(document["calculation_date"].as_str());
    let reason = document["reason"].as_str().unwrap_or("not computed");
    let why = document["reason_text"].as_str();
    let why = why.unwrap_or_else(|| book::why(reason, date.is_some()));
    let fact = |name: &str| html! { (plain(&data[name])) };
    let head = |name: &str| html! { (plain(&document[name])) };
    let mut words = vec!["explain", portfolio, metric];
    if let Some(date) = date {
        words.extend(["--date", date]);
    }
    html! {
        @if let Some(date) = date {
            p { a href=(format!("/portfolios/{portfolio}?date={date}")) { "The portfolio on " (date) } }
        } @else {
            p { a href=(format!("/portfolios/{portfolio}")) { "The portfolio" } }
        }
        @if data.is_null() {
            div.alert role="status" data-reason=(reason) { (why) }
        } @else {
            (facts(&[
                ("Value", html! { span #value { (plain(&data["value"])) } }),
                ("Unit", fact("unit")),
                ("Window", fact("window")),
                ("n", fact("n")),
                ("As of", head("as_of")),
                ("Conventions", head("convention_id")),
                ("Prices", head("provider_basis")),
                ("Model", head("model_version")),
            ]))
            h2 { "Formula" }
            p #formula { (plain(&data["formula"])) }
            p.soft { "Its inputs are stored in " (plain(&data["source"])) "; definitions " (plain(&document["definitions"])) "." }
            (lines("Inputs", &data["inputs"]))
            (lines("On the way", &data["steps"]))
        }
        h2 { "Make it again" }
        p.soft { "The command line computes the number from its stored inputs and compares it to the last bit:" }
        pre.cli { (cli(&words)) }
    }
}

fn lines(title: &str, lines: &Value) -> Markup {
    let lines = lines.as_array().map_or(&[][..], Vec::as_slice);
    html! {
        @if !lines.is_empty() {
            h2 { (title) }
            div.scroll tabindex="0" { table {
                thead { tr { th scope="col" { "What" } th scope="col" { "Value" } } }
                tbody { @for line in lines { tr {
                    th scope="row" { (plain(&line["name"])) }
                    td { (named(&line["value"])) }
                } } }
            } }
        }
    }
}

/// A number, or several of them by name.
fn named(value: &Value) -> Markup {
    match value {
        Value::Object(pairs) => html! {
            @for (place, (name, value)) in pairs.iter().enumerate() {
                @if place > 0 { ", " } (name.replace('_', " ")) " " (plain(value))
            }
        },
        Value::Array(values) => html! {
            @for (place, value) in values.iter().enumerate() { @if place > 0 { ", " } (plain(value)) }
        },
        value => html! { (plain(value)) },
    }
}
