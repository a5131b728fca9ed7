//! What a worker counts, and shows with every heartbeat.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::histogram::Histogram;

/// Counters of one life.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) claimed: AtomicU64,
    pub(super) committed: AtomicU64,
    pub(super) batches: AtomicU64,
    /// Attempts of ours that ended without results; what others ended, as a cancel does, is none.
    pub(super) failed: AtomicU64,
    pub(super) stale_hints: AtomicU64,
    pub(super) stale_commits: AtomicU64,
    pub(super) foreign: AtomicU64,
    pub(super) garbage: AtomicU64,
    /// Tasks between claim and commit.
    pub(super) in_hand: AtomicU64,
    /// Longest a read or write transaction was open, in microseconds.
    pub(super) longest_read_us: AtomicU64,
    pub(super) longest_write_us: AtomicU64,
    /// Until a connection was there: for a load or a commit.
    pub(super) pool_wait: Histogram,
    /// How long transactions were open.
    pub(super) read_hold: Histogram,
    pub(super) commit_hold: Histogram,
    /// 1 while tasks are claimed straight from Postgres.
    pub(super) redis_down: AtomicU64,
}

impl Counters {
    /// Counts a read transaction.
    pub(super) fn read(&self, open: Duration) {
        self.longest_read_us
            .fetch_max(microseconds(open), Ordering::Relaxed);
        self.read_hold.record(open);
    }

    /// Counts a transaction that committed tasks.
    pub(super) fn commit(&self, waited: Duration, open: Duration) {
        count(&self.batches);
        self.longest_write_us
            .fetch_max(microseconds(open), Ordering::Relaxed);
        self.pool_wait.record(waited);
        self.commit_hold.record(open);
    }

    pub(super) fn snapshot(&self, pool_in_use: [usize; 3], pool_size: [usize; 3]) -> Value {
        let batches = self.batches.load(Ordering::Relaxed);
        let committed = self.committed.load(Ordering::Relaxed);
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        json!({
            "claimed": get(&self.claimed),
            "committed": get(&self.committed),
            "batches": get(&self.batches),
            "failed": get(&self.failed),
            "stale_hints": get(&self.stale_hints),
            "stale_commits": get(&self.stale_commits),
            "foreign": get(&self.foreign),
            "garbage": get(&self.garbage),
            "in_hand": get(&self.in_hand),
            "longest_read_ms": get(&self.longest_read_us) as f64 / 1e3,
            "longest_write_ms": get(&self.longest_write_us) as f64 / 1e3,
            "batch_mean": (batches > 0).then(|| committed as f64 / batches as f64),
            "pool_wait_p99_ms": self.pool_wait.percentile_ms(0.99),
            "read_hold_p50_ms": self.read_hold.percentile_ms(0.50),
            "read_hold_p99_ms": self.read_hold.percentile_ms(0.99),
            "commit_hold_p50_ms": self.commit_hold.percentile_ms(0.50),
            "commit_hold_p99_ms": self.commit_hold.percentile_ms(0.99),
            "redis_down": get(&self.redis_down) == 1,
            "pool_in_use": by_pool(pool_in_use),
            "pool_size": by_pool(pool_size),
        })
    }
}

fn by_pool([control, load, commit]: [usize; 3]) -> Value {
    json!({ "control": control, "load": load, "commit": commit })
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Adds one.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
