//! Publishing the hints of phases that were opened.

use super::{Engine, Error};
use crate::domain::{PhaseName, RunId};
use crate::store::{gates, tasks};

/// Publishes the ready tasks of phases that were just opened, and remembers that it was done. If
/// the process dies in between, the steward publishes again: a hint twice is no harm.
pub async fn announce(engine: &Engine, run: RunId, phases: &[PhaseName]) -> Result<(), Error> {
    for &phase in phases {
        let hints = tasks::ready_of_phase(&engine.pools.control, run, phase).await?;
        engine.queue.publish(&hints).await?;
        gates::published(&engine.pools.control, run, phase).await?;
        tracing::debug!(run_id = %run, %phase, hints = hints.len(), "phase published");
    }
    Ok(())
}
