//! Steering, and the health of the process.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A run that was cancelled.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CancelReceipt {
    /// Which.
    pub run_id: Uuid,
    /// Tasks that will not be done.
    pub tasks: u64,
    /// Those of them that were in workers' hands: nothing of them is committed either.
    pub running: u64,
}

/// What is held back.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Pauses {
    /// Lanes and phases.
    pub paused: Vec<Pause>,
}

/// A lane or phase that is held back.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Pause {
    /// `lane` or `phase`.
    pub kind: String,
    /// Which.
    pub name: String,
    /// Who did it; null for those who see only some portfolios.
    pub who: Option<String>,
    /// Why; null for them, too.
    pub reason: Option<String>,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// What became of a lane or phase.
#[derive(Debug, Deserialize, ToSchema)]
pub struct HoldReceipt {
    /// `lane` or `phase`.
    pub kind: String,
    /// Which.
    pub name: String,
    /// `paused` or `resumed`.
    pub state: String,
    /// Whether it was otherwise before.
    pub changed: bool,
}

/// The process lives.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Live {
    /// `live`.
    pub status: String,
}

/// Whether the process can answer.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Ready {
    /// `ready` or `not ready`.
    pub status: String,
    /// What was looked at.
    pub checks: ReadyChecks,
}

/// What was looked at, each in a word; null where it was not come to.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ReadyChecks {
    /// `ok` or what is wrong.
    pub postgres: String,
    /// `ok` or what is wrong.
    pub migrations: Option<String>,
    /// `ok` or what is missing.
    pub reference_data: Option<String>,
    /// `ok`, `not used`, or that it is away: everything is only slower.
    pub redis: Option<String>,
    /// Workers with a lease; none is no fault of the API.
    pub workers: Option<i64>,
}
