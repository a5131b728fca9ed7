//! The overview: what goes on, how the last sessions went, what fails, who works.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Html;
use chrono::NaiveDate;
use maud::{Markup, html};

use super::action::Action;
use super::chart::{Cell, HeatRow, grid};
use super::frame;
use super::groups;
use super::session::Visitor;
use super::text::{badge, duration, facts, or_dash, run_link, status, time, time_or_dash};
use crate::api::Api;
use crate::api::params::Params;
use crate::api::problem::Problem;
use crate::documents::runs::Progress;
use crate::domain::{Calendar, PhaseName, TaskState};
use crate::engine;
use crate::store::reports::{self, Gauges, Past, PastRun, SessionPhase};
use crate::store::tasks_report::{self, ErrorGroup, Filter};
use crate::store::{ReadTx, runs};

/// Sessions of the grid.
const SESSIONS: usize = 30;
/// Runs of the list.
const RUNS: i64 = 10;

/// The page; `part=live` is what changes of it.
pub(super) async fn page(
    visitor: Visitor,
    State(api): State<Api>,
    params: Params,
) -> Result<Html<String>, Problem> {
    let part: Option<String> = params.only(&["part"])?.one("part")?;
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
    let dates = recent(api)?;
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
    let pickup = match past.first() {
        Some(row) => reports::pickup(&mut db, row.run.id).await?,
        None => None,
    };
    // Tonight's run is the one that goes on; when none does, the newest.
    let tonight = past
        .iter()
        .find(|row| row.run.verdict.is_none())
        .or(past.first());
    let tonight = match tonight {
        Some(row) => {
            let phases = runs::phases(&api.pools().load, row.run.id).await?;
            let eta = match row.run.verdict {
                None => engine::remaining(&mut db, row.run.id, &phases).await?,
                Some(_) => None,
            };
            Some((row, Progress::of(&phases), eta))
        }
        None => None,
    };
    db.close().await?;
    let living = workers.iter().filter(|worker| worker.has_lease()).count();
    Ok(html! {
        section aria-labelledby="tonight" {
            h2 #tonight { "Tonight" }
            @match &tonight {
                Some((row, progress, eta)) => (run(row, progress, *eta)),
                None => {
                    p.none { "No run was planned yet." }
                    pre.cli { "sigmabatch run --wait" }
                }
            }
        }
        section aria-labelledby="sessions" {
            h2 #sessions { "The last " (SESSIONS) " sessions" }
            @if sessions.is_empty() { p.none { "None of them was computed." } }
            @else { (nights(&dates, &sessions)) (legend()) }
        }
        @if let Some(gauges) = &gauges {
            (health(gauges, living, pickup))
            (broken(&errors, visitor.operates()))
        }
        section aria-labelledby="runs" {
            h2 #runs { "Runs" }
            (list(&past))
        }
    })
}

fn health(gauges: &Gauges, living: usize, pickup: Option<[f64; 2]>) -> Markup {
    html! {
            section aria-labelledby="health" {
                h2 #health { "Workers and queues" }
                (facts(&[
                    ("Workers alive", html! { a href="/workers" { (living) } }),
                    ("Dead tasks to repair", html! { a href="/dead" { (gauges.dead) } }),
                    ("Oldest ready task waits", html! { (gauges.oldest_ready_seconds.map_or_else(|| "–".into(), duration)) }),
                    ("Tasks waited: median", html! { (pickup.map_or_else(|| "–".into(), |waits| milliseconds(waits[0]))) }),
                    ("Tasks waited: 99 of 100 at most", html! { (pickup.map_or_else(|| "–".into(), |waits| milliseconds(waits[1]))) }),
                    ("Newest results", html! { (or_dash(gauges.newest_date)) }),
                ]))
                @if living == 0 { div.alert role="status" { "No worker is alive. " code { "sigmabatch-worker" } " starts one." } }
            }
    }
}

fn broken(errors: &[ErrorGroup], may: bool) -> Markup {
    html! {
    section aria-labelledby="errors" {
        h2 #errors { "Errors" }
        @if errors.is_empty() { p.none { "No task is dead." } }
        @else {
            (groups::table(errors, None, may))
            (Action {
                name: "Retry all",
                path: "/actions/retry",
                fields: &[("all", "true".into())],
                cli: "sigmabatch retry --all --reason '…'".into(),
                danger: false,
            }.markup(may))
        }
    }
    }
}

fn milliseconds(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1000.0)
    } else {
        duration(seconds)
    }
}

/// The newest sessions whose closes are final, oldest first.
fn recent(api: &Api) -> Result<Vec<NaiveDate>, Problem> {
    let calendar = Calendar::nyse();
    let beyond = |error: crate::domain::CalendarError| Problem::field("date", error.to_string());
    let newest = calendar
        .newest_eligible(api.clock().now())
        .map_err(beyond)?;
    let first = calendar.back(newest, SESSIONS - 1).map_err(beyond)?;
    let sessions = calendar
        .sessions(first.date(), newest.date())
        .map_err(beyond)?;
    Ok(sessions.iter().map(|session| session.date()).collect())
}

fn run(row: &PastRun, progress: &Progress, eta: Option<f64>) -> Markup {
    html! {
        p { (run_link(row.run.id, &row.run.label)) " " (badge(status(row.run.verdict))) " for " (row.run.to) }
        (bar(progress))
        (facts(&[
            ("Tasks", html! { (progress.ended()) " of " (progress.total) }),
            ("Dead", html! { (progress.dead) }),
            ("In hand", html! { (progress.running) }),
            ("Takes", html! { (duration(row.run.elapsed_seconds)) }),
            ("May end in", html! { (eta.map_or_else(|| "–".into(), duration)) }),
            ("Ended", time_or_dash(row.run.finished_at)),
        ]))
    }
}

/// How far a run is.
pub(super) fn bar(progress: &Progress) -> Markup {
    let percent = format!("{:.1} %", (progress.fraction() * 1000.0).floor() / 10.0);
    html! {
        label { span { "Progress: " strong { (percent) } }
            progress max="1" value=(format!("{:.4}", progress.fraction())) { (percent) }
        }
    }
}

fn nights(dates: &[NaiveDate], sessions: &[SessionPhase]) -> Markup {
    let known: BTreeMap<(PhaseName, NaiveDate), &SessionPhase> = sessions
        .iter()
        .map(|cell| ((cell.phase, cell.as_of), cell))
        .collect();
    let rows = PhaseName::ALL.iter().map(|phase| {
        let cells = dates
            .iter()
            .map(|date| cell(*date, known.get(&(*phase, *date)).copied()));
        HeatRow {
            name: format!("{} {phase}", phase.number()),
            cells: cells.collect(),
        }
    });
    let columns: Vec<String> = dates
        .iter()
        .map(|date| date.format("%m-%d").to_string())
        .collect();
    grid(
        "Phases of the last sessions",
        &columns,
        &rows.collect::<Vec<_>>(),
    )
}

/// The state of a phase in a session, as a word and a sign.
fn state(cell: Option<&SessionPhase>) -> (&'static str, &'static str) {
    match cell {
        None => ("missing", "·"),
        Some(cell) if cell.cancelled && !cell.finished => ("missing", "–"),
        Some(cell) if !cell.finished && cell.opened => ("running", "▸"),
        Some(cell) if !cell.finished => ("ready", "…"),
        Some(cell) if cell.unrepaired > 0 && cell.dead >= cell.total => ("failed", "✕"),
        Some(cell) if cell.dead > 0 || cell.cancelled => ("warning", "!"),
        Some(cell) if cell.stale => ("stale", "~"),
        Some(_) => ("done", "✓"),
    }
}

fn cell(date: NaiveDate, cell: Option<&SessionPhase>) -> Cell {
    let (word, sign) = state(cell);
    let dead = cell.map_or(0, |cell| cell.dead);
    let text = match dead {
        0 => format!("{date}: {word}"),
        n => format!("{date}: {word}, {n} dead"),
    };
    Cell {
        class: word.to_owned(),
        text,
        sign: sign.to_owned(),
        link: cell.map(|cell| format!("/runs/{}", cell.run)),
    }
}

fn legend() -> Markup {
    let words = [
        "✓ done",
        "! warning: some tasks dead",
        "✕ failed: all tasks dead",
        "· missing",
        "~ stale: inputs changed later",
        "▸ running",
        "… waits",
    ];
    html! { p.soft { (words.join("  ")) } }
}

fn list(past: &[PastRun]) -> Markup {
    if past.is_empty() {
        return html! { p.none { "None." } };
    }
    html! {
        div.scroll tabindex="0" { table {
            thead { tr {
                th scope="col" { "Run" } th scope="col" { "Is" } th scope="col" { "Of" } th scope="col" { "Planned" }
                th.n scope="col" { "Portfolios" } th.n scope="col" { "Tasks" } th.n scope="col" { "Dead" } th.n scope="col" { "Took" }
            } }
            tbody { @for row in past { tr {
                th scope="row" { (run_link(row.run.id, &row.run.label)) }
                td { (badge(status(row.run.verdict))) }
                td { (row.run.to) }
                td { (time(row.run.created_at)) }
                td.n { (row.portfolios) } td.n { (row.tasks) } td.n { (row.dead) }
                td.n { (duration(row.run.elapsed_seconds)) }
            } } }
        } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RunId;

    #[test]
    fn a_session_has_one_of_seven_states() {
        let base = SessionPhase {
            as_of: NaiveDate::default(),
            phase: PhaseName::MarketData,
            run: RunId(uuid::Uuid::nil()),
            cancelled: false,
            opened: true,
            finished: true,
            total: 2,
            dead: 0,
            unrepaired: 0,
            stale: false,
        };
        let of = |change: fn(&mut SessionPhase)| {
            let mut cell = base.clone();
            change(&mut cell);
            state(Some(&cell)).0
        };
        assert_eq!(state(None).0, "missing");
        assert_eq!(of(|_| {}), "done");
        assert_eq!(of(|cell| cell.stale = true), "stale");
        assert_eq!(of(|cell| cell.dead = 1), "warning");
        assert_eq!(of(|cell| (cell.dead, cell.unrepaired) = (2, 1)), "failed");
        assert_eq!(of(|cell| (cell.dead, cell.unrepaired) = (2, 0)), "warning");
        assert_eq!(of(|cell| cell.finished = false), "running");
        assert_eq!(
            of(|cell| (cell.finished, cell.opened) = (false, false)),
            "ready"
        );
        assert_eq!(
            of(|cell| (cell.finished, cell.cancelled) = (false, true)),
            "missing"
        );
    }
}
