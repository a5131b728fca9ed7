//! Hints: what a stream entry says about a task. Losing, repeating, reordering or forging one
//! changes latency, never results.

use super::{Lane, PhaseName, TaskId};

/// A task at an epoch: what a hint names, and what a fence checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskEpoch {
    /// The task.
    pub task: TaskId,
    /// The epoch.
    pub epoch: i64,
}

/// A hint with what a person at `redis-cli` wants to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The task, at the epoch at which it is ready.
    pub at: TaskEpoch,
    /// The lane of its run.
    pub lane: Lane,
    /// Its phase.
    pub phase: PhaseName,
    /// The run's label: `nightly/2026-01-07`.
    pub run: String,
    /// The unit: `portfolio:98518c7d-…`.
    pub unit: String,
    /// The attempt that comes next, from 1.
    pub attempt: i32,
}
