//! Settings of the processes: flags with environment names, read once in `main`. `--help` is the
//! reference.

use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Args;

use crate::clock::Clock;
use crate::store;

/// How to reach Postgres.
#[derive(Args, Clone)]
pub struct PostgresConfig {
    /// Postgres: postgres://user:password@host:5432/database
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL", global = true)]
    pub database_url: Option<String>,
    /// Longest wait for a connection; then a visible error that is retried
    #[arg(long, env = "SIGMABATCH_ACQUIRE_TIMEOUT_SECONDS", default_value_t = 120, value_name = "N", global = true)]
    pub acquire_timeout_seconds: u64,
    /// Longest time of one statement
    #[arg(long, env = "SIGMABATCH_STATEMENT_TIMEOUT_SECONDS", default_value_t = 60, value_name = "N", global = true)]
    pub statement_timeout_seconds: u64,
}

impl std::fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresConfig")
            .field("database_url", &self.database_url.as_deref().map(store::redact))
            .field("acquire_timeout_seconds", &self.acquire_timeout_seconds)
            .field("statement_timeout_seconds", &self.statement_timeout_seconds)
            .finish()
    }
}

impl PostgresConfig {
    /// The settings, under the name that `pg_stat_activity` shows; an error where no URL is given.
    pub fn settings(&self, application: &str) -> Result<store::Settings, Missing> {
        let url = self.database_url.clone().ok_or(Missing("DATABASE_URL"))?;
        Ok(store::Settings {
            url,
            application: application.to_owned(),
            acquire_timeout: Duration::from_secs(self.acquire_timeout_seconds),
            statement_timeout: Duration::from_secs(self.statement_timeout_seconds),
        })
    }
}

/// How to reach Redis.
#[derive(Args, Clone)]
pub struct RedisConfig {
    /// Redis: redis://:password@host:6379/0
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "URL", global = true)]
    pub redis_url: Option<String>,
    /// Prefix of all keys: {prefix}:nightly:phase-6
    #[arg(long, env = "SIGMABATCH_PREFIX", default_value = crate::queue::DEFAULT_PREFIX, value_name = "PREFIX", global = true)]
    pub prefix: String,
}

impl std::fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisConfig")
            .field("redis_url", &self.redis_url.as_deref().map(store::redact))
            .field("prefix", &self.prefix)
            .finish()
    }
}

impl RedisConfig {
    /// The URL; an error where none is given.
    pub fn url(&self) -> Result<&str, Missing> {
        self.redis_url.as_deref().ok_or(Missing("REDIS_URL"))
    }
}

/// Where prices come from.
#[derive(Debug, Clone, Args)]
pub struct MarketDataConfig {
    /// Provider of prices: files:DIR
    #[arg(long, env = "MARKET_DATA", value_name = "PROVIDER", global = true)]
    pub market_data: Option<String>,
}

impl MarketDataConfig {
    /// The provider's name and place; an error where none is given.
    pub fn spec(&self) -> Result<&str, Missing> {
        self.market_data.as_deref().ok_or(Missing("MARKET_DATA"))
    }
}

/// What time it is.
#[derive(Debug, Clone, Args)]
pub struct ClockConfig {
    /// Instant at which this process's clock starts (RFC 3339); moves business dates and "not in the future" only
    #[arg(long, env = "SIGMABATCH_NOW", value_name = "INSTANT", global = true)]
    pub now: Option<DateTime<Utc>>,
}

impl ClockConfig {
    /// The clock.
    pub fn clock(&self) -> Clock {
        self.now.map_or_else(Clock::system, Clock::starting_at)
    }
}

/// How a worker behaves.
#[derive(Debug, Clone, Args)]
pub struct WorkerConfig {
    /// A worker without heartbeat for so long is lost; it beats three times as often
    #[arg(long, env = "SIGMABATCH_LEASE_SECONDS", default_value_t = 30.0, value_name = "N")]
    pub lease_seconds: f64,
    /// Lost workers that one task may cost before it is dead as poison
    #[arg(long, env = "SIGMABATCH_MAX_CRASHES", default_value_t = 3, value_name = "N")]
    pub max_crashes: i16,
    /// Tasks in hand at once
    #[arg(long, env = "SIGMABATCH_CONCURRENCY", default_value_t = 16, value_name = "N")]
    pub concurrency: usize,
    /// How long running tasks may finish after SIGTERM
    #[arg(long, env = "SIGMABATCH_GRACE_SECONDS", default_value_t = 25, value_name = "N")]
    pub grace_seconds: u64,
}

impl WorkerConfig {
    /// The lease; an error where it is shorter than a heartbeat can be.
    pub fn lease(&self) -> Result<Duration, Unusable> {
        if self.lease_seconds.is_finite() && (0.3..=86_400.0).contains(&self.lease_seconds) {
            Ok(Duration::from_secs_f64(self.lease_seconds))
        } else {
            Err(Unusable(format!("a lease of {} seconds: use 0.3 to 86400", self.lease_seconds)))
        }
    }
}

/// What is logged.
#[derive(Debug, Clone, Args)]
pub struct LogConfig {
    /// Level or filter: error, warn, info, debug, sigmabatch=trace
    #[arg(long, env = "SIGMABATCH_LOG", default_value = "info", value_name = "FILTER", global = true)]
    pub log: String,
    /// Log lines as JSON
    #[arg(long, env = "SIGMABATCH_LOG_JSON", global = true)]
    pub log_json: bool,
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(String);

/// A setting without which the command cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not set: give the flag or the environment variable, or run the command under `sigmabatch services --`")]
pub struct Missing(pub &'static str);
