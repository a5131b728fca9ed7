//! Runs, their phases, and who works on them.

use serde_json::{Value, json};

use crate::domain::{Verdict, WorkerId};
use crate::store::control::Pause;
use crate::store::reports::{Gap, MissingRow, StewardRow, StreamRow, WorkerRow};
use crate::store::runs::{PhaseRow, RunRow};

/// Tasks of a run, without split ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// All.
    pub total: i64,
    /// Committed.
    pub done: i64,
    /// Given up.
    pub dead: i64,
    /// Taken back.
    pub cancelled: i64,
    /// In workers' hands.
    pub running: i64,
}

impl Progress {
    /// The sum of the phases.
    pub fn of(phases: &[PhaseRow]) -> Self {
        let sum = |of: fn(&PhaseRow) -> i64| phases.iter().map(of).sum();
        Self {
            total: sum(|phase| phase.total),
            done: sum(|phase| phase.done),
            dead: sum(|phase| phase.dead),
            cancelled: sum(|phase| phase.cancelled),
            running: sum(PhaseRow::running),
        }
    }

    /// Tasks that were worked off: committed or given up.
    pub fn worked(self) -> i64 {
        self.done + self.dead
    }

    /// Tasks that are final.
    pub fn ended(self) -> i64 {
        self.worked() + self.cancelled
    }

    /// The part of the tasks that is final, from 0 to 1.
    pub fn fraction(self) -> f64 {
        self.part(self.ended())
    }

    /// The part of the tasks that was worked off, from 0 to 1: for people, what was taken back is no progress.
    pub fn worked_fraction(self) -> f64 {
        self.part(self.worked())
    }

    fn part(self, tasks: i64) -> f64 {
        if self.total == 0 {
            1.0
        } else {
            tasks as f64 / self.total as f64
        }
    }
}

/// How far a run is.
pub fn progress(progress: &Progress, eta_seconds: Option<f64>) -> Value {
    json!({
        "total": progress.total,
        "ended": progress.ended(),
        "done": progress.done,
        "dead": progress.dead,
        "cancelled": progress.cancelled,
        "running": progress.running,
        "fraction": progress.fraction(),
        "eta_seconds": eta_seconds,
    })
}

/// The steward's lease.
pub fn steward(steward: &StewardRow) -> Value {
    json!({
        "worker_id": steward.holder,
        "consumer": steward.holder.map(WorkerId::consumer),
        "term": steward.term,
        "held": steward.held,
    })
}

/// A run in a list.
pub fn run(run: &RunRow) -> Value {
    json!({
        "run_id": run.id,
        "label": run.label,
        "trigger": run.trigger.as_str(),
        "lane": run.lane.as_str(),
        "from": run.from,
        "to": run.to,
        "verdict": run.verdict.map(Verdict::as_str),
        "created_at": run.created_at,
        "finished_at": run.finished_at,
        "elapsed_seconds": run.elapsed_seconds,
    })
}

/// A phase of a run, with its tasks.
pub fn phase(phase: &PhaseRow) -> Value {
    json!({
        "phase": phase.phase.as_str(),
        "number": phase.phase.number(),
        "total": phase.total,
        "done": phase.done,
        "dead": phase.dead,
        "cancelled": phase.cancelled,
        "running": phase.running(),
        "opened_at": phase.opened_at,
        "finished_at": phase.finished_at,
        "elapsed_seconds": phase.elapsed_seconds,
    })
}

/// What is held back.
pub fn pause(pause: &Pause) -> Value {
    json!({
        "kind": pause.held.kind(),
        "name": pause.held.name(),
        "who": pause.who,
        "reason": pause.reason,
        "since": pause.since,
    })
}

/// A work stream, as the steward saw it.
pub fn stream(stream: &StreamRow) -> Value {
    json!({
        "key": stream.key,
        "lane": stream.lane,
        "phase": stream.phase,
        "length": stream.length,
        "pending": stream.pending,
    })
}

/// What a portfolio of a run lacks.
pub fn missing(row: &MissingRow) -> Value {
    json!({
        "portfolio_id": row.portfolio,
        "name": row.name,
        "as_of": row.as_of,
        "published": row.published,
        "symbols": row.symbols,
        "entries": row.entries,
    })
}

/// A worker that has a lease.
pub fn worker(worker: &WorkerRow) -> Value {
    json!({
        "worker_id": worker.id,
        "consumer": worker.id.consumer(),
        "host": worker.host,
        "pid": worker.pid,
        "version": worker.version,
        "started_at": worker.started_at,
        "lease_seconds": worker.lease_seconds,
        "draining": worker.draining,
        "running": worker.running,
    })
}

/// Sessions of a portfolio that nobody has computed.
pub fn gap(gap: &Gap) -> Value {
    json!({
        "portfolio_id": gap.portfolio,
        "name": gap.name,
        "oldest": gap.oldest,
        "newest": gap.newest,
        "sessions": gap.sessions,
    })
}
