//! The overview: what goes on, how the last sessions went, what fails, who works.

mod health;
mod nights;
mod runs;

use axum::extract::State;
use axum::response::Html;
use maud::{Markup, html};

use super::frame;
use super::progress::may_end;
use super::session::Visitor;
use crate::api::Api;
use crate::api::params::Params;
use crate::api::problem::Problem;
use crate::documents::runs::Progress;
use crate::domain::TaskState;
use crate::engine;
use crate::store::ReadTx;
use crate::store::reports::{self, Past};
use crate::store::runs as stored;
use crate::store::tasks_report::{self, Filter};

/// Runs of the list.
const RUNS: i64 = 10;

/// The page; `part=live` is what changes of it.
pub(super) async fn page(
    visitor: Visitor,
    State(api): State<Api>,
    params: Params,
) -> Result<Html<String>, Problem> {
    let part = params.only(&["part"])?.one_of("part", &["live"])?;
    let body = body(&visitor, &api).await?;
    if part.is_some() {
        return Ok(Html(body.into_string()));
    }
    let body = html! { div data-live="/?part=live" data-every="10" aria-live="off" { (body) } };
    Ok(frame::page(&visitor, "/", "Overview", &body))
}

async fn body(visitor: &Visitor, api: &Api) -> Result<Markup, Problem> {
    let only = visitor.only();
    let mut db = ReadTx::lazy(&api.pools().load);
    let filter = Past {
        only: only.clone(),
        ..Past::default()
    };
    let past = reports::past(&mut db, &filter, None, RUNS).await?;
    let dates = nights::recent(api)?;
    let sessions = reports::sessions(&mut db, &dates, only.as_deref()).await?;
    let everybody = only.is_none();
    let dead = Filter {
        state: Some(TaskState::Dead),
        ..Filter::default()
    };
    // Errors of all runs are for those who see all runs.
    let errors = if everybody {
        tasks_report::errors(&mut db, &dead).await?
    } else {
        Vec::new()
    };
    let gauges = if everybody {
        Some(reports::gauges(&mut db).await?)
    } else {
        None
    };
    let workers = if everybody {
        reports::workers(&mut db).await?
    } else {
        Vec::new()
    };
    // It may be older than all that are listed.
    let tonight = match reports::tonight(&mut db, only.as_deref()).await? {
        Some(id) => {
            let filter = Past {
                id: Some(id),
                ..filter
            };
            reports::past(&mut db, &filter, None, 1).await?.pop()
        }
        None => None,
    };
    let pickup = match &tonight {
        Some(row) => reports::pickup(&mut db, row.run.id).await?,
        None => None,
    };
    let tonight = match tonight {
        Some(row) => {
            let only = only.as_deref().filter(|_| row.shared);
            let phases = stored::phases(&api.pools().load, row.run.id, only).await?;
            let pauses = reports::pauses(&mut db).await?;
            let eta = match row.run.verdict {
                None => engine::remaining(&mut db, &row.run, &phases, &pauses).await?,
                Some(_) => None,
            };
            let held = engine::held_back(&row.run, &phases, &pauses);
            Some((row, Progress::of(&phases), may_end(eta, &held)))
        }
        None => None,
    };
    db.close().await?;
    let living = workers.iter().filter(|worker| worker.has_lease()).count();
    Ok(html! {
        section aria-labelledby="tonight" {
            h2 #tonight { "Tonight" }
            @match &tonight {
                Some((row, progress, end)) => (runs::run(row, progress, end)),
                None => {
                    p.none { "No run was planned yet." }
                    pre.cli { "sigmabatch run --wait" }
                }
            }
        }
        section aria-labelledby="sessions" {
            h2 #sessions { "The last " (nights::SESSIONS) " sessions" }
            @if sessions.is_empty() { p.none { "None of them was computed." } }
            @else { (nights::nights(&dates, &sessions)) (nights::legend()) }
        }
        @if let Some(gauges) = &gauges {
            (health::health(gauges, living, pickup))
            (health::broken(&errors, visitor.operates()))
        }
        section aria-labelledby="runs" {
            h2 #runs { "Runs" }
            (runs::list(&past))
        }
    })
}
