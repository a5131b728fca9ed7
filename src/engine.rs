//! The engine: plans runs, opens gates, hands tasks to phases, commits their results. It knows
//! phases only through their trait, and phases know nothing of it.
//!
//! Postgres decides, Redis suggests, workers compute, one transaction commits.

mod alerts;
mod announce;
mod audit;
mod control;
pub mod doctor;
mod eta;
mod explain;
mod gatekeeper;
mod housekeeping;
mod invalidate;
pub mod performance;
mod planner;
mod scheduler;
mod steward;
mod tokens;
mod watch;
mod webhook;
mod why;
mod worker;

use std::sync::Arc;
use std::time::Duration;

pub use crate::phases::MINIMUM_OBSERVATIONS;
pub use announce::announce;
pub use audit::{Audit, audit};
pub use control::{Order, cancel, delete_portfolio, drain, pause, resume};
pub use eta::{Leg, eta, held_back, remaining};
pub use explain::{
    ExplainError, Explained, Explanation, Line, Metric, Number, Refusal, Told, explain, is_metric,
    metrics, registry, told,
};
pub use housekeeping::Housekeeping;
pub use invalidate::{Outdated, Target, invalidate};
pub use planner::{
    Dates, LeftOut, PlanError, Planned, Preview, ProviderCalls, Repair, Repairing, Request,
    Selection, plan, plan_audited, preview, repair,
};
pub use scheduler::{CatchUp, Due, due, keep_schedule, plan_due, schedule_once};
pub use steward::Steward;
pub use tokens::{create_token, first_token, revoke_token};
pub use watch::{PhaseProgress, RunProgress, progress, start};
pub use webhook::{BadWebhook, Webhook};
pub use why::{Busy, Link, Task, Why, waits, why};
pub use worker::{Failpoint, MAX_BATCH, Moment, Probe, WorkerOptions, run as run_worker};

use crate::clock::Clock;
use crate::domain::{Calendar, PhaseName};
use crate::phases::{self, AnyPhase};
use crate::queue::{self, Queue};
use crate::store::{self, Pools};

/// What every process of the system has at hand.
#[derive(Clone)]
pub struct Engine {
    /// Postgres.
    pub pools: Pools,
    /// Redis.
    pub queue: Queue,
    /// The pipeline.
    pub registry: Arc<Vec<Box<dyn AnyPhase>>>,
    /// The time of day.
    pub clock: Clock,
    /// The exchange's calendar.
    pub calendar: Calendar,
    /// What runs that are planned here set for the database; without it they leave what is there.
    pub risk_free_rate: Option<f64>,
}

impl Engine {
    /// Puts the parts together.
    pub fn new(pools: Pools, queue: Queue, clock: Clock) -> Self {
        Self {
            pools,
            queue,
            registry: Arc::new(phases::registry()),
            clock,
            calendar: Calendar::nyse(),
            risk_free_rate: None,
        }
    }

    /// With the risk-free rate that an operator has set, if any.
    #[must_use]
    pub fn with_risk_free_rate(mut self, rate: Option<f64>) -> Self {
        self.risk_free_rate = rate;
        self
    }

    /// With one phase in place of the pipeline that does nothing for so long: for measuring the engine.
    #[must_use]
    pub fn without_work(mut self, busy: Duration) -> Self {
        self.registry = Arc::new(phases::no_op(busy));
        self
    }

    /// The phase of that name.
    pub(crate) fn phase(&self, name: PhaseName) -> Result<&dyn AnyPhase, Error> {
        self.registry
            .iter()
            .find(|phase| phase.name() == name)
            .map(AsRef::as_ref)
            .ok_or(Error::UnknownPhase(name))
    }
}

/// What can go wrong inside the engine.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Postgres.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Redis.
    #[error(transparent)]
    Queue(#[from] queue::Error),
    /// A phase could not plan.
    #[error("planning {phase}")]
    Plan {
        /// Which.
        phase: PhaseName,
        /// Why.
        #[source]
        source: phases::Error,
    },
    /// A phase that this program does not have.
    #[error("phase {0} is not in the registry")]
    UnknownPhase(PhaseName),
    /// The provider's closes mean something else than those that are there.
    #[error("{0}")]
    Basis(String),
    /// Something is missing without which no task can succeed.
    #[error("not fit to work: {0}")]
    Unfit(String),
    /// The heartbeat's thread or another part of the worker could not be started.
    #[error("starting the {0}")]
    Start(&'static str, #[source] std::io::Error),
}

/// Own failures a task may have before it is dead.
pub(crate) const MAX_ATTEMPTS: i16 = 5;
/// Longest time between two attempts.
const MAX_RETRY_DELAY: Duration = Duration::from_mins(10);
const FIRST_RETRY_DELAY: Duration = Duration::from_secs(2);

/// Delay before the next attempt: doubling, with a spread of one half that depends on the task
/// alone, so that tasks which failed together do not come back together.
pub(crate) fn retry_delay(failures: i16, seed: i64) -> Duration {
    let doublings = u32::from(failures.clamp(1, 16).unsigned_abs()) - 1;
    let full = FIRST_RETRY_DELAY
        .saturating_mul(1 << doublings)
        .min(MAX_RETRY_DELAY);
    // A multiplicative hash: the top bits are well spread even for consecutive ids.
    let hash = seed.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let spread = 0.5 + 0.5 * (hash as f64 / f64::from(u32::MAX));
    full.mul_f64(spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_wait_longer_each_time_up_to_ten_minutes() {
        for seed in [1, 2, 90_211] {
            let delays: Vec<f64> = (1..=12)
                .map(|n| retry_delay(n, seed).as_secs_f64())
                .collect();
            assert!((1.0..=2.0).contains(&delays[0]), "{delays:?}");
            assert!(
                delays.windows(2).all(|pair| pair[0] <= pair[1]),
                "{delays:?}"
            );
            assert!((300.0..=600.0).contains(&delays[11]), "{delays:?}");
        }
        assert_ne!(retry_delay(1, 1), retry_delay(1, 2));
    }
}
