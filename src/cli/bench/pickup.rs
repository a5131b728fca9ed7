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
        p50_ms: percentile(&waits_ms, 0.50),
        p99_ms: percentile(&waits_ms, 0.99),
        tasks: waits_ms.len(),
    })
}

/// The smallest value that so many of the others do not exceed.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted
        .get(rank.min(sorted.len()) - 1)
        .copied()
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<f64> = (1..=300).map(f64::from).collect();
        assert_eq!(percentile(&values, 0.50), 150.0);
        assert_eq!(percentile(&values, 0.99), 297.0);
        assert_eq!(percentile(&[7.0], 0.99), 7.0);
    }
}
