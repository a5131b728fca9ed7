//! Worker processes and the steward, by their rows.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::domain::WorkerId;
use crate::store::{Attempt, ReadTx, Result};

/// A worker process.
#[derive(Debug, Clone)]
pub struct WorkerRow {
    /// Its id.
    pub id: WorkerId,
    /// Where it runs.
    pub host: String,
    /// Its process.
    pub pid: i32,
    /// Its program.
    pub version: String,
    /// Since when.
    pub started_at: DateTime<Utc>,
    /// Seconds left of its lease; negative once it ran out.
    pub lease_seconds: f64,
    /// When the steward gave it up.
    pub lost_at: Option<DateTime<Utc>>,
    /// Whether it takes no new tasks.
    pub draining: bool,
    /// Tasks in its hands.
    pub running: i64,
    /// What it counted, at its last heartbeat.
    pub counters: Value,
}

/// What a worker is to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It holds a lease and takes tasks.
    Living,
    /// It holds a lease, finishes what it has, and leaves.
    Draining,
    /// Its lease ran out; the steward has not given it up yet.
    Late,
    /// The steward gave it up: it can commit nothing.
    Lost,
}

impl Standing {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Living => "living",
            Self::Draining => "draining",
            Self::Late => "late",
            Self::Lost => "lost",
        }
    }
}

impl WorkerRow {
    /// What it is to the others.
    pub fn standing(&self) -> Standing {
        if self.lost_at.is_some() {
            Standing::Lost
        } else if self.lease_seconds <= 0.0 {
            Standing::Late
        } else if self.draining {
            Standing::Draining
        } else {
            Standing::Living
        }
    }

    /// Whether it holds a lease.
    pub fn has_lease(&self) -> bool {
        matches!(self.standing(), Standing::Living | Standing::Draining)
    }

    /// A counter of its last heartbeat, where it counts that.
    pub fn counter(&self, name: &str) -> Option<f64> {
        self.counters.get(name)?.as_f64()
    }
}

/// Every worker that is remembered, oldest first; lost ones last. They are forgotten after an hour.
pub async fn workers(db: &mut ReadTx<'_>) -> Result<Vec<WorkerRow>> {
    let rows = sqlx::query!(
        r#"with held as (select worker_id, count(*) as tasks from task
                         where state = 'running' and finished_at is null group by 1)
           select w.id, w.host, w.pid, w.version, w.started_at, w.draining, w.lost_at, w.counters,
                  extract(epoch from w.lease_until - now())::float8 as "lease_seconds!",
                  coalesce(held.tasks, 0) as "running!"
           from worker w left join held on held.worker_id = w.id
           order by w.lost_at nulls first, w.started_at, w.id"#
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading workers")?;
    Ok(rows
        .into_iter()
        .map(|row| WorkerRow {
            id: WorkerId(row.id),
            host: row.host,
            pid: row.pid,
            version: row.version,
            started_at: row.started_at,
            lease_seconds: row.lease_seconds,
            lost_at: row.lost_at,
            draining: row.draining,
            running: row.running,
            counters: row.counters,
        })
        .collect())
}

/// Who does what dead processes left, and what it saw in the streams.
#[derive(Debug, Clone)]
pub struct StewardRow {
    /// The worker that holds the lease, or held it last.
    pub holder: Option<WorkerId>,
    /// Grows with every new holder.
    pub term: i64,
    /// Whether the lease is held.
    pub held: bool,
    /// Work streams that are not empty.
    pub streams: Vec<StreamRow>,
    /// When it looked at the streams.
    pub seen_at: Option<DateTime<Utc>>,
    /// Seconds since it looked at the streams; `None` where no steward ever did.
    pub seen_seconds: Option<f64>,
}

/// A work stream, as the steward saw it last.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct StreamRow {
    /// The key.
    pub key: String,
    /// The lane.
    pub lane: String,
    /// The phase.
    pub phase: String,
    /// Entries: waiting and in workers' hands.
    pub length: u64,
    /// In workers' hands.
    pub pending: u64,
}

/// The steward's row.
pub async fn steward(db: &mut ReadTx<'_>) -> Result<StewardRow> {
    let row = sqlx::query!(
        r#"select holder, term, holder is not null and expires_at > now() as "held!",
                  coalesce(queues -> 'streams', '[]') as "streams!",
                  seen_at, extract(epoch from now() - seen_at)::float8 as seen_seconds
           from steward"#
    )
    .fetch_one(db.connection().await?)
    .await
    .attempt("reading the steward's row")?;
    Ok(StewardRow {
        holder: row.holder.map(WorkerId),
        term: row.term,
        held: row.held,
        // Written by another version of the program: no reason to show nothing else.
        streams: serde_json::from_value(row.streams).unwrap_or_default(),
        seen_at: row.seen_at,
        seen_seconds: row.seen_seconds,
    })
}
