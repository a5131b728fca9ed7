//! Starting: a book comes in as a file, its errors are told in place, what would be computed is shown, and then it runs.

mod import;
mod plan;

use axum::extract::State;
use axum::response::Html;
use maud::{Markup, html};
use serde_json::Value;

use super::frame;
use super::session::Visitor;
use crate::api::Api;
use crate::api::params::Params;
use crate::api::problem::Problem;
use crate::store::{ReadTx, portfolios};

pub(super) use import::import;
pub(super) use plan::run;

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
                    label { input type="checkbox" name="empty" value="true" checked[value("empty") == "true"]; " The book has no lots: the file is its header alone" }
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

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or("")
}
