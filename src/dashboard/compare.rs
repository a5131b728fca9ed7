//! Two runs side by side.

use axum::extract::{Path, State};
use axum::response::Html;
use maud::{Markup, html};

use super::frame;
use super::session::Visitor;
use super::text::{badge, cli, duration, or_dash, run_link, status};
use crate::api::Api;
use crate::api::params::Params;
use crate::api::problem::Problem;
use crate::api::runs::{Seen, visible};
use crate::documents::diff::{self, Side};

/// The page.
pub(super) async fn page(
    visitor: Visitor,
    State(api): State<Api>,
    Path(run): Path<String>,
    params: Params,
) -> Result<Html<String>, Problem> {
    let other: Option<String> = params.only(&["other"])?.one("other")?;
    let other = other.ok_or_else(|| Problem::field("other", "is needed: the id of a run"))?;
    let mut sides = Vec::new();
    for text in [&run, other.trim()] {
        let Seen { run, only } = visible(&api, &visitor, text).await?;
        let side = diff::side(api.pools(), run.id, only.as_deref()).await?;
        sides.push(side.ok_or_else(|| Problem::not_found("run"))?);
    }
    let sides = <[Side; 2]>::try_from(sides).map_err(|_| Problem::not_found("run"))?;
    let body = html! {
        pre.cli { (cli(&["diff", &run, other.trim()])) }
        (runs(&sides))
        h2 { "Phases" } (phases(&sides))
        h2 { "Errors" } (errors(&sides))
        h2 { "Portfolios that differ" } (portfolios(&sides))
    };
    Ok(frame::page(&visitor, "", "Two runs", &body))
}

fn pair<T: ToString>(pair: [Option<T>; 2]) -> Markup {
    html! { @for value in pair { td.n { (or_dash(value)) } } }
}

fn runs(sides: &[Side; 2]) -> Markup {
    html! {
        div.scroll tabindex="0" { table {
            thead { tr { th scope="col" { "Run" } th scope="col" { "Is" } th scope="col" { "Of" } th.n scope="col" { "Took" }
                th.n scope="col" { "Tasks" } th.n scope="col" { "Wanted" } th.n scope="col" { "Published" } } }
            tbody { @for side in sides { tr {
                th scope="row" { (run_link(side.run.id, &side.run.label)) }
                td { (badge(status(side.run.verdict))) } td { (side.run.to) }
                td.n { (duration(side.run.elapsed_seconds)) }
                td.n { (side.phases.iter().map(|phase| phase.total).sum::<i64>()) }
                td.n { (side.scope.wanted) } td.n { (side.scope.published) }
            } } }
        } }
    }
}

fn phases(sides: &[Side; 2]) -> Markup {
    html! {
        div.scroll tabindex="0" { table {
            thead { tr { th scope="col" { "Phase" } th.n scope="col" { "Took, first" } th.n scope="col" { "second" }
                th.n scope="col" { "Tasks, first" } th.n scope="col" { "second" }
                th.n scope="col" { "Dead, first" } th.n scope="col" { "second" } } }
            tbody { @for (phase, rows) in diff::phases(sides) { tr {
                th scope="row" { (phase) }
                (pair(rows.map(|row| row?.elapsed_seconds.map(duration))))
                (pair(rows.map(|row| row.map(|row| row.total))))
                (pair(rows.map(|row| row.map(|row| row.dead))))
            } } }
        } }
    }
}

fn errors(sides: &[Side; 2]) -> Markup {
    let errors = diff::errors(sides);
    if errors.is_empty() {
        return html! { p.none { "Neither has any." } };
    }
    html! {
        div.scroll tabindex="0" { table {
            thead { tr { th scope="col" { "Error" } th scope="col" { "Phase" } th scope="col" { "Newest of them" }
                th.n scope="col" { "First" } th.n scope="col" { "Second" } } }
            tbody { @for ((phase, fingerprint), groups) in errors { tr {
                th scope="row" { code { (fingerprint) } } td { (phase) }
                td.message { (groups[1].or(groups[0]).map_or("", |group| group.sample.as_str())) }
                (pair(groups.map(|group| Some(group.map_or(0, |group| group.count)))))
            } } }
        } }
    }
}

fn portfolios(sides: &[Side; 2]) -> Markup {
    let changed = diff::changed(sides);
    if changed.is_empty() {
        return html! { p.none { "None." } };
    }
    html! {
        div.scroll tabindex="0" { table {
            thead { tr { th scope="col" { "Portfolio" } th.n scope="col" { "Coverage, first" } th.n scope="col" { "second" }
                th scope="col" { "Results that ended differently" } } }
            tbody { @for ((_, id), changed) in changed { tr {
                th scope="row" { a href=(format!("/portfolios/{id}")) { (changed.name) } }
                (pair(changed.coverage().map(|part| part.map(|part| format!("{:.1} %", part * 100.0)))))
                td { @for (entry, ends) in &changed.entries {
                    (entry) ": " (ends[0].unwrap_or("–")) " → " (ends[1].unwrap_or("–")) br;
                } }
            } } }
        } }
    }
}
