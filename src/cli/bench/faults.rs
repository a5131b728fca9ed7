//! How long healing takes: after a killed worker, and after a wiped Redis.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use super::world::{World, until};
use crate::cli::Error;
use crate::domain::{Lane, PhaseName};
use crate::engine::{self, MAX_BATCH};
use crate::store::bench;

/// Tasks that the victim holds.
const HELD: usize = 16;
/// Longer than everything here.
const BUSY: Duration = Duration::from_mins(5);

/// Kills a worker with tasks in its hands; seconds until another one has done them all.
pub(super) async fn kill(world: &World) -> Result<f64, Error> {
    let pool = &world.engine.pools.control;
    let concurrency = NonZeroUsize::MIN.saturating_add(HELD - 1);
    let planned = world
        .plan_for(
            &world.no_op,
            &world.portfolios[..HELD.min(world.portfolios.len())],
            1,
        )
        .await?;
    let tasks: usize = planned.tasks.iter().map(|(_, count)| count).sum();
    let tasks = i64::try_from(tasks).unwrap_or(i64::MAX);
    let mut victim = world.worker(concurrency, MAX_BATCH, BUSY).await?;
    engine::start(&world.no_op, planned.run).await;
    until("the victim takes no tasks", async || {
        Ok((bench::running(pool, victim.pid).await? == tasks).then_some(()))
    })
    .await?;
    let survivor = world.worker(concurrency, MAX_BATCH, Duration::ZERO).await?;
    let killed = Instant::now();
    victim.kill().await;
    let seconds = until("nobody takes the tasks over", async || {
        let rows = bench::rows(pool, planned.run).await?;
        Ok((rows.done == tasks).then(|| killed.elapsed().as_secs_f64()))
    })
    .await?;
    survivor.stop().await;
    Ok(seconds)
}

/// Wipes Redis while so many tasks are ready; seconds from the moment when the steward has noticed until
/// every one has its hint again.
pub(super) async fn flush(world: &World, tasks: usize) -> Result<f64, Error> {
    let (lane, phase) = (Lane::Nightly, PhaseName::PortfolioAnalytics);
    let (pool, queue) = (&world.engine.pools.control, &world.engine.queue);
    let planned = world.plan(&world.no_op, tasks).await?;
    // It has one task in its hands, takes no other, and is the steward.
    let mut steward = world.worker(NonZeroUsize::MIN, MAX_BATCH, BUSY).await?;
    engine::start(&world.no_op, planned.run).await;
    until("the worker takes no task", async || {
        Ok((bench::running(pool, steward.pid).await? == 1).then_some(()))
    })
    .await?;
    let ready: usize = planned.tasks.iter().map(|(_, count)| count).sum();
    let ready = ready as u64 - 1;
    queue.wipe().await?;
    let noticed = until("the steward does not notice", async || {
        Ok(queue.has_meta().await?.then(Instant::now))
    })
    .await?;
    let seconds = until("the streams stay empty", async || {
        let full = queue.backlog(lane, phase).await? >= ready;
        Ok(full.then(|| noticed.elapsed().as_secs_f64()))
    })
    .await?;
    steward.kill().await;
    Ok(seconds)
}
