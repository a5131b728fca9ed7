//! Asks after every commit whether a phase is finished, and publishes what opened. Questions
//! coalesce: one in flight per run and phase, at most every 100 ms, always one that starts after
//! the last commit.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Engine, announce};
use crate::domain::{PhaseName, RunId};
use crate::store::gates;

/// The least time between two questions about one phase.
const INTERVAL: Duration = Duration::from_millis(100);
/// Phases remembered; more than a worker ever sees at once.
const REMEMBERED: usize = 1_000;

/// A task of this phase of this run left `running`.
pub(super) type Touched = (RunId, PhaseName);

/// Runs until every sender is gone.
pub(super) async fn keep(engine: Engine, mut touched: mpsc::UnboundedReceiver<Touched>) {
    let mut due: BTreeMap<Touched, Instant> = BTreeMap::new();
    let mut asked: BTreeMap<Touched, Instant> = BTreeMap::new();
    loop {
        let next = due.values().min().copied();
        let received = match next {
            None => touched.recv().await,
            Some(at) => match tokio::time::timeout_at(at, touched.recv()).await {
                Ok(received) => received,
                Err(_elapsed) => {
                    let now = Instant::now();
                    let ripe: Vec<Touched> = due
                        .iter()
                        .filter(|(_, at)| **at <= now)
                        .map(|(key, _)| *key)
                        .collect();
                    let runs: std::collections::BTreeSet<RunId> =
                        ripe.iter().map(|(run, _)| *run).collect();
                    for key in ripe {
                        due.remove(&key);
                        asked.insert(key, now);
                    }
                    for run in runs {
                        ask(&engine, run).await;
                    }
                    if asked.len() > REMEMBERED {
                        asked.retain(|_, at| now.duration_since(*at) < INTERVAL);
                    }
                    continue;
                }
            },
        };
        let Some(key) = received else { return };
        let earliest = asked
            .get(&key)
            .map_or_else(Instant::now, |at| *at + INTERVAL);
        due.entry(key).or_insert(earliest);
    }
}

/// One question. Errors are left to the steward, who asks again every second.
pub(super) async fn ask(engine: &Engine, run: RunId) {
    let progress = match gates::advance(&engine.pools.control, run).await {
        Ok(progress) => progress,
        Err(error) => {
            tracing::debug!(run_id = %run, %error, "gates left to the steward");
            return;
        }
    };
    if let Err(error) = announce(engine, run, &progress.opened).await {
        tracing::debug!(run_id = %run, %error, "publishing left to the steward");
    }
    if let Some(verdict) = progress.verdict {
        tracing::info!(run_id = %run, %verdict, "run finished");
    }
}
