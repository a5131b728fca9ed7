//! When a run may end: each phase goes on at the pace it has, or had in the last run, after those that
//! it waits for.

use std::collections::BTreeMap;

use crate::domain::{Held, PhaseName};
use crate::store::control::Pause;
use crate::store::runs::{PhaseRow, RunRow};
use crate::store::{self, ReadTx, reports};

/// What is known about the speed of a phase of a run.
#[derive(Debug, Clone)]
pub struct Leg {
    /// The phase.
    pub phase: PhaseName,
    /// The phases that it waits for.
    pub after: Vec<PhaseName>,
    /// Tasks that are final.
    pub done: i64,
    /// Tasks that are not.
    pub left: i64,
    /// Seconds since it was opened.
    pub elapsed_seconds: Option<f64>,
    /// Seconds that one of its tasks took in the last run that had some: of the phase's whole time.
    pub past_seconds: Option<f64>,
}

impl Leg {
    /// Seconds until its last task ends, once it is open; `None` where nobody knows its pace.
    fn rest(&self) -> Option<f64> {
        if self.left == 0 {
            return Some(0.0);
        }
        let pace = match self.elapsed_seconds {
            Some(elapsed) if self.done > 0 => Some(elapsed / self.done as f64),
            _ => self.past_seconds,
        };
        Some(pace? * self.left as f64)
    }
}

/// Seconds until the last phase ends, over the longest way through the pipeline. `legs` come in the
/// order of the pipeline: each after those that it waits for.
pub fn eta(legs: &[Leg]) -> Option<f64> {
    let mut ends: BTreeMap<PhaseName, f64> = BTreeMap::new();
    for leg in legs {
        let begins = leg
            .after
            .iter()
            .filter_map(|phase| ends.get(phase).copied());
        let end = begins.fold(0.0, f64::max) + leg.rest()?;
        ends.insert(leg.phase, end);
    }
    ends.into_values().reduce(f64::max)
}

/// What holds a run back: the paused lanes and phases that cover a task of it that nobody has in hand.
pub fn held_back(run: &RunRow, phases: &[PhaseRow], pauses: &[Pause]) -> Vec<Held> {
    let waits = |phase: &PhaseRow| {
        phase.total - phase.done - phase.dead - phase.cancelled > phase.running()
    };
    let holds = |held: &Held| {
        let mut covered = phases
            .iter()
            .filter(|phase| held.covers(run.lane, phase.phase));
        covered.any(waits)
    };
    let held = pauses.iter().map(|pause| pause.held);
    held.filter(holds).collect()
}

/// Seconds until a run that goes on ends, by the paces of its phases; nobody knows while something holds it back.
pub async fn remaining(
    db: &mut ReadTx<'_>,
    run: &RunRow,
    phases: &[PhaseRow],
    pauses: &[Pause],
) -> store::Result<Option<f64>> {
    if !held_back(run, phases, pauses).is_empty() {
        return Ok(None);
    }
    let paces = reports::paces(db, run.id).await?;
    let legs = paces.into_iter().filter_map(|pace| {
        let row = phases.iter().find(|row| row.phase == pace.phase)?;
        let done = row.done + row.dead + row.cancelled;
        Some(Leg {
            phase: pace.phase,
            after: pace.after,
            done,
            left: row.total - done,
            elapsed_seconds: row.elapsed_seconds,
            past_seconds: pace.past_seconds,
        })
    });
    Ok(eta(&legs.collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Lane, RunId, TaskId, TradingDate, Trigger};

    fn leg(phase: PhaseName, after: &[PhaseName], (done, left): (i64, i64)) -> Leg {
        Leg {
            phase,
            after: after.to_vec(),
            done,
            left,
            elapsed_seconds: None,
            past_seconds: None,
        }
    }

    #[test]
    fn a_run_ends_when_its_longest_way_does() {
        use PhaseName::{CompanyProfiles, Fundamentals, MarketData, SymbolFactors};
        let legs = [
            // 10 tasks in 5 s: 4 more take 2 s.
            Leg {
                elapsed_seconds: Some(5.0),
                ..leg(CompanyProfiles, &[], (10, 4))
            },
            // Just opened: 3 tasks of 2 s, as yesterday.
            Leg {
                elapsed_seconds: Some(0.1),
                past_seconds: Some(2.0),
                ..leg(MarketData, &[], (0, 3))
            },
            Leg {
                past_seconds: Some(0.5),
                ..leg(SymbolFactors, &[MarketData, CompanyProfiles], (0, 8))
            },
            Leg {
                past_seconds: Some(1.0),
                ..leg(Fundamentals, &[CompanyProfiles], (0, 1))
            },
        ];
        assert_eq!(eta(&legs), Some(6.0 + 4.0));
    }

    #[test]
    fn nobody_guesses_at_a_pace_that_was_never_seen() {
        let unknown = leg(PhaseName::MarketData, &[], (0, 3));
        assert_eq!(eta(&[unknown]), None);
        let finished = leg(PhaseName::MarketData, &[], (3, 0));
        assert_eq!(eta(&[finished]), Some(0.0));
        assert_eq!(eta(&[]), None);
    }

    #[test]
    fn a_run_is_held_back_by_what_covers_a_task_that_waits() {
        let date = TradingDate::trusted(chrono::NaiveDate::default());
        let run = RunRow {
            id: RunId(uuid::Uuid::nil()),
            label: String::new(),
            trigger: Trigger::Cli,
            lane: Lane::Interactive,
            from: date,
            to: date,
            verdict: None,
            created_at: chrono::DateTime::default(),
            finished_at: None,
            elapsed_seconds: 1.0,
        };
        let phase = |phase, done, in_hand: &[i64]| PhaseRow {
            phase,
            total: 2,
            done,
            dead: 0,
            cancelled: 0,
            in_hand: in_hand.iter().copied().map(TaskId).collect(),
            opened_at: None,
            finished_at: None,
            elapsed_seconds: None,
        };
        // One is done, one has its last task in hand, one waits.
        let phases = [
            phase(PhaseName::CompanyProfiles, 2, &[]),
            phase(PhaseName::MarketData, 1, &[7]),
            phase(PhaseName::SymbolFactors, 0, &[]),
        ];
        let pauses = [
            Held::Lane(Lane::Nightly),
            Held::Lane(Lane::Interactive),
            Held::Phase(PhaseName::CompanyProfiles),
            Held::Phase(PhaseName::MarketData),
            Held::Phase(PhaseName::SymbolFactors),
        ];
        let pauses = pauses.map(|held| Pause {
            held,
            who: String::new(),
            reason: String::new(),
            since: chrono::DateTime::default(),
        });
        let held = [
            Held::Lane(Lane::Interactive),
            Held::Phase(PhaseName::SymbolFactors),
        ];
        assert_eq!(held_back(&run, &phases, &pauses), held);
        assert!(held_back(&run, &phases[..2], &pauses).is_empty());
    }
}
