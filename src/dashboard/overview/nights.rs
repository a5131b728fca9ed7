//! How the last sessions went: a cell for each phase and session.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use maud::{Markup, html};

use crate::api::Api;
use crate::api::problem::Problem;
use crate::dashboard::chart::{Cell, HeatRow, grid};
use crate::domain::{Calendar, PhaseName};
use crate::store::reports::SessionPhase;

/// Sessions of the grid.
pub(super) const SESSIONS: usize = 30;

/// The newest sessions whose closes are final, oldest first.
pub(super) fn recent(api: &Api) -> Result<Vec<NaiveDate>, Problem> {
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

pub(super) fn nights(dates: &[NaiveDate], sessions: &[SessionPhase]) -> Markup {
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
        Some(cell) if !cell.finished && !cell.cancelled && cell.opened => ("running", "▸"),
        // What died and is not being done again is not hidden by a run that waits or was cancelled.
        Some(cell) if !cell.finished && cell.unrepaired == 0 && cell.cancelled => ("missing", "–"),
        Some(cell) if !cell.finished && cell.unrepaired == 0 => ("ready", "…"),
        Some(cell) if cell.unrepaired > 0 && !cell.others => ("failed", "✕"),
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

pub(super) fn legend() -> Markup {
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
            dead: 0,
            unrepaired: 0,
            others: false,
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
        assert_eq!(
            of(|cell| (cell.dead, cell.unrepaired, cell.others) = (1, 1, true)),
            "warning"
        );
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
        // The dead of an earlier run are there until they are done again.
        let dead = |opened, cancelled| SessionPhase {
            finished: false,
            dead: 2,
            unrepaired: 2,
            opened,
            cancelled,
            ..base.clone()
        };
        let word = |opened, cancelled| state(Some(&dead(opened, cancelled))).0;
        assert_eq!(word(true, false), "running");
        assert_eq!(word(false, false), "failed");
        assert_eq!(word(true, true), "failed");
    }
}
