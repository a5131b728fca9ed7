//! The injected clock: the only place where the time of day enters.
//!
//! It decides business dates and "not in the future". Leases, deadlines and retries are judged by
//! Postgres' `now()`, never by a host.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

/// Tells the time, from the system or from an instant that was chosen at the start.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Ahead of the system's clock by this much. Not a start and a stopwatch: a machine that sleeps or
    /// has its clock set would leave a daemon behind.
    ahead: TimeDelta,
}

impl Clock {
    /// The time of the system.
    pub fn system() -> Self {
        Self {
            ahead: TimeDelta::zero(),
        }
    }

    /// A clock that shows `start` now and runs on from there.
    pub fn starting_at(start: DateTime<Utc>) -> Self {
        Self {
            ahead: start - Utc::now(),
        }
    }

    /// The current instant.
    pub fn now(&self) -> DateTime<Utc> {
        Utc::now() + self.ahead
    }
}

/// A moment after which something is too late, measured without a calendar.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// The moment `limit` from now.
    pub fn after(limit: Duration) -> Self {
        Self(Instant::now() + limit)
    }

    /// Whether the moment has passed.
    pub fn passed(&self) -> bool {
        Instant::now() >= self.0
    }

    /// What is left, zero when nothing is.
    pub fn remaining(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}
