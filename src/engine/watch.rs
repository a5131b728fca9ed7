//! Progress of a run, over committed rows: it never runs ahead of the truth.

use super::{Engine, Error, gatekeeper};
use crate::domain::{PhaseName, RunId, Verdict};
use crate::store::runs;

/// A phase of a run.
#[derive(Debug, Clone)]
pub struct PhaseProgress {
    /// The phase.
    pub phase: PhaseName,
    /// Tasks.
    pub total: u64,
    /// Final tasks.
    pub done: u64,
    /// Dead ones among them.
    pub dead: u64,
}

/// A run.
#[derive(Debug, Clone)]
pub struct RunProgress {
    /// Its phases, in the order of the pipeline.
    pub phases: Vec<PhaseProgress>,
    /// Once it has ended.
    pub verdict: Option<Verdict>,
    /// Since it was planned, or that it took.
    pub elapsed_seconds: f64,
}

/// Where a run stands.
pub async fn progress(engine: &Engine, run: RunId) -> Result<Option<RunProgress>, Error> {
    let pool = &engine.pools.control;
    let Some(row) = runs::list(pool, Some(run), 1).await?.pop() else {
        return Ok(None);
    };
    let count = |n: i64| u64::try_from(n).unwrap_or(0);
    let phases = runs::phases(pool, run, None)
        .await?
        .into_iter()
        .map(|phase| PhaseProgress {
            phase: phase.phase,
            total: count(phase.total),
            done: count(phase.done + phase.dead + phase.cancelled),
            dead: count(phase.dead),
        });
    Ok(Some(RunProgress {
        phases: phases.collect(),
        verdict: row.verdict,
        elapsed_seconds: row.elapsed_seconds,
    }))
}

/// Opens and publishes the first phases of runs that were just planned.
pub async fn start(engine: &Engine, run: RunId) {
    gatekeeper::ask(engine, run).await;
}
