//! What the servers can do at most, measured in the same minutes: ours is read beside it.

use std::time::Instant;

use super::world::World;
use crate::cli::Error;
use crate::domain::{PhaseName, RunId, WorkerId};
use crate::store::{bench, tasks};

/// Rows of one bare fenced update.
const ROWS: usize = 100;

/// Per second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ceilings {
    /// Entries added by pipelined XADD.
    pub(super) xadd: f64,
    /// Entries read, acknowledged and removed.
    pub(super) read_ack_del: f64,
    /// Rows of a fenced update, a hundred in a transaction, on one connection.
    pub(super) fenced_rows: f64,
}

/// With tasks of a run that nobody works on.
pub(super) async fn measure(world: &World, run: RunId, tasks: usize) -> Result<Ceilings, Error> {
    let (pool, phase) = (&world.engine.pools.control, PhaseName::PortfolioAnalytics);
    let mut hints = tasks::ready_of_phase(pool, run, phase).await?;
    hints.truncate(tasks);
    let bare = world.engine.queue.bare(&hints).await?;

    let worker = WorkerId::fresh();
    let limit = i64::try_from(tasks).unwrap_or(i64::MAX);
    let ids = bench::hold(pool, run, phase, worker, limit).await?;
    let started = Instant::now();
    let mut rows = 0;
    for some in ids.chunks(ROWS) {
        rows += bench::fence(pool, worker, some).await?;
    }
    let fenced = started.elapsed();
    let entries = hints.len() as f64;
    Ok(Ceilings {
        xadd: entries / bare.add.as_secs_f64(),
        read_ack_del: entries / bare.read.as_secs_f64(),
        fenced_rows: rows as f64 / fenced.as_secs_f64(),
    })
}
