//! How long a task waits at low load: from its hint to its claim.

use super::world::{World, until};
use crate::cli::Error;
use crate::domain::PhaseName;
use crate::store::{bench, gates, tasks};

/// Percentiles, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pickup {
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) tasks: usize,
}

/// Runs of one task each, the next when the last is done.
pub(super) async fn measure(world: &World, count: usize) -> Result<Pickup, Error> {
    let (pool, phase) = (&world.no_op.pools.control, PhaseName::PortfolioAnalytics);
    let mut waits_ms = Vec::new();
    for number in 0..count.max(1) {
        let portfolio = world.portfolios[number % world.portfolios.len()];
        let planned = world.plan_for(&world.no_op, &[portfolio], 1).await?;
        gates::advance(pool, planned.run).await?;
        let hints = tasks::ready_of_phase(pool, planned.run, phase).await?;
        // By the clock that stamps the claim. What it takes to ask counts as waiting.
        let published = bench::clock(pool).await?;
        world.no_op.queue.publish(&hints).await?;
        let started = until("a task is not picked up", async || {
            Ok(bench::starts(pool, planned.run).await?.pop())
        })
        .await?;
        let wait = (started - published).as_seconds_f64();
        waits_ms.push(wait.max(0.0) * 1e3);
    }
    waits_ms.sort_by(f64::total_cmp);
    Ok(Pickup {
        p50_ms: percentile(&waits_ms, 50),
        p99_ms: percentile(&waits_ms, 99),
        tasks: waits_ms.len(),
    })
}

/// The smallest value that so many of the others do not exceed.
pub(super) fn percentile<T: Copy + Default>(sorted: &[T], percent: usize) -> T {
    let rank = (percent * sorted.len()).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<u32> = (1..=300).collect();
        assert_eq!(percentile(&values, 50), 150);
        assert_eq!(percentile(&values, 99), 297);
        assert_eq!((percentile(&[7], 99), percentile::<u32>(&[], 99)), (7, 0));
    }
}
