//! Tasks per second: planned, and done from publish to acknowledge.

use std::time::{Duration, Instant};

use super::cpu::{self, Seconds};
use super::world::{Worker, World, until};
use crate::cli::Error;
use crate::domain::{Lane, PhaseName, RunId};
use crate::engine;
use crate::store::bench;

/// One measurement of several.
#[derive(Debug, Clone)]
pub(super) struct Round {
    pub(super) tasks: usize,
    pub(super) seconds: f64,
    pub(super) cpu: Seconds,
}

impl Round {
    pub(super) fn tasks_per_s(&self) -> f64 {
        self.tasks as f64 / self.seconds
    }
}

/// All measurements of one kind.
#[derive(Debug, Clone)]
pub(super) struct Rounds {
    pub(super) rounds: Vec<Round>,
    /// The most that the worker had.
    pub(super) connections: i64,
}

impl Rounds {
    fn sorted(&self) -> Vec<&Round> {
        let mut sorted: Vec<&Round> = self.rounds.iter().collect();
        sorted.sort_by(|a, b| a.tasks_per_s().total_cmp(&b.tasks_per_s()));
        sorted
    }

    /// The one in the middle.
    pub(super) fn median(&self) -> Option<&Round> {
        let sorted = self.sorted();
        sorted.get(sorted.len() / 2).copied()
    }

    /// The fastest.
    pub(super) fn best(&self) -> Option<&Round> {
        self.sorted().pop()
    }
}

/// Plans runs of the whole pipeline; says which the last one was.
pub(super) async fn planning(world: &World, rounds: usize) -> Result<(Rounds, RunId), Error> {
    let mut measured = Vec::new();
    let mut last = None;
    for _ in 0..rounds.max(1) {
        let before = cpu::used(&processes(world, None));
        let started = Instant::now();
        let planned = world.plan(&world.engine, world.tasks).await?;
        measured.push(Round {
            tasks: planned.tasks.iter().map(|(_, count)| count).sum(),
            seconds: started.elapsed().as_secs_f64(),
            cpu: cpu::between(&before, &cpu::used(&processes(world, None))),
        });
        last = Some(planned.run);
    }
    let last = last.ok_or_else(|| Error::not_there("nothing was planned", "choose --rounds 1"))?;
    let rounds = Rounds {
        rounds: measured,
        connections: 0,
    };
    Ok((rounds, last))
}

/// Runs of tasks that do nothing, from before the first is published until the last is acknowledged.
pub(super) async fn rounds(
    world: &World,
    worker: &Worker,
    rounds: usize,
    tasks: usize,
) -> Result<Rounds, Error> {
    let mut measured = Vec::new();
    let mut connections = 0;
    for _ in 0..rounds.max(1) {
        let planned = world.plan(&world.no_op, tasks).await?;
        let tasks: usize = planned.tasks.iter().map(|(_, count)| count).sum();
        let before = cpu::used(&processes(world, Some(worker)));
        let started = Instant::now();
        engine::start(&world.no_op, planned.run).await;
        let expected = i64::try_from(tasks).unwrap_or(i64::MAX);
        let seconds = acknowledged(world, planned.run, expected, started).await?;
        measured.push(Round {
            tasks,
            seconds: seconds.as_secs_f64(),
            cpu: cpu::between(&before, &cpu::used(&processes(world, Some(worker)))),
        });
        let pool = &world.engine.pools.control;
        connections = connections.max(bench::connections(pool, "sigmabatch-worker").await?);
        let rows = bench::rows(pool, planned.run).await?;
        if [rows.done, rows.attempts, rows.results] != [expected; 3] {
            return Err(Error::not_there(
                format!("{tasks} tasks were acknowledged, and left {rows:?}"),
                "this is a bug: please report it",
            ));
        }
    }
    Ok(Rounds {
        rounds: measured,
        connections,
    })
}

/// Waits until the stream is empty.
async fn acknowledged(
    world: &World,
    run: RunId,
    tasks: i64,
    started: Instant,
) -> Result<Duration, Error> {
    let (lane, phase) = (Lane::Nightly, PhaseName::PortfolioAnalytics);
    until("the tasks are not finished", async || {
        if world.no_op.queue.backlog(lane, phase).await? > 0 {
            return Ok(None);
        }
        let seconds = started.elapsed();
        // Nothing may have been published yet: the worker's steward can be the one who opens the phase.
        let rows = bench::rows(&world.engine.pools.control, run).await?;
        Ok((rows.done == tasks).then_some(seconds))
    })
    .await
}

fn processes(world: &World, worker: Option<&Worker>) -> Vec<(&'static str, u32)> {
    let mut all = world.processes.clone();
    all.push(("bench", std::process::id()));
    all.extend(worker.map(|worker| ("worker", worker.pid)));
    all
}
