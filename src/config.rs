//! Settings as flags with environment names, in groups that each binary flattens into its own
//! command line: `--help` is the reference. Nothing else of the program reads the environment.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Args;
use clap::builder::RangedU64ValueParser;

use crate::clock::Clock;
use crate::domain::InstallId;
use crate::market_data::{self, Provider};
use crate::queue::{self, DEFAULT_PREFIX, Keys, Queue};
use crate::store;

/// A setting that is missing or wrong, with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting without a default that this command needs.
    #[error("{name} is not set; {remedy}")]
    NotSet {
        /// Its environment name.
        name: &'static str,
        /// How to set it.
        remedy: &'static str,
    },
    /// A Postgres setting that cannot be used.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A Redis setting that cannot be used.
    #[error(transparent)]
    Queue(#[from] queue::Error),
    /// A provider that cannot be opened.
    #[error(transparent)]
    MarketData(#[from] market_data::Error),
}

/// The URL of a service, whose passwords are never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceUrl(String);

impl ServiceUrl {
    /// The URL with its passwords: for connecting and for the environment of child processes.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServiceUrl {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&store::redact(&self.0))
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How to reach Postgres.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Postgres")]
pub struct PostgresConfig {
    /// Where Postgres is: `postgres://user:password@host:5432/database`.
    #[arg(
        long,
        global = true,
        env = "DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub database_url: Option<ServiceUrl>,
    /// How long to wait for a connection before a visible error that is tried again.
    #[arg(
        long,
        global = true,
        env = "SIGMABATCH_ACQUIRE_TIMEOUT_SECONDS",
        default_value_t = 120,
        value_name = "SECONDS",
        value_parser = whole(1, 3_600),
    )]
    pub acquire_timeout_seconds: u32,
    /// How long one statement may take.
    #[arg(
        long,
        global = true,
        env = "SIGMABATCH_STATEMENT_TIMEOUT_SECONDS",
        default_value_t = 60,
        value_name = "SECONDS",
        value_parser = whole(1, 3_600),
    )]
    pub statement_timeout_seconds: u32,
    /// Connections for planning, claims and the steward.
    #[arg(
        long,
        global = true,
        env = "SIGMABATCH_CONTROL_CONNECTIONS",
        default_value_t = 1,
        value_name = "N",
        value_parser = whole(1, 64),
    )]
    pub control_connections: u32,
    /// Connections for reading before computing: so many snapshots are open at once.
    #[arg(
        long,
        global = true,
        env = "SIGMABATCH_LOAD_CONNECTIONS",
        default_value_t = 1,
        value_name = "N",
        value_parser = whole(1, 64),
    )]
    pub load_connections: u32,
    /// Connections for committing results: so many commits go on at once. A worker has one more
    /// connection, for its heartbeat.
    #[arg(
        long,
        global = true,
        env = "SIGMABATCH_COMMIT_CONNECTIONS",
        default_value_t = 2,
        value_name = "N",
        value_parser = whole(1, 64),
    )]
    pub commit_connections: u32,
}

impl PostgresConfig {
    /// The settings of a process that calls itself `application`.
    pub fn settings(&self, application: &str) -> Result<store::Settings, Error> {
        let url = self.database_url.as_ref().ok_or(Error::NotSet {
            name: "DATABASE_URL",
            remedy: "set it to postgres://user:password@host:5432/database, \
                     or put `sigmabatch services --` before the command to try it on private servers",
        })?;
        store::check_url(url.reveal())?;
        Ok(self.settings_of(url.reveal(), application))
    }

    /// The same settings for another database.
    pub fn settings_of(&self, url: &str, application: &str) -> store::Settings {
        store::Settings {
            url: url.to_owned(),
            application: application.to_owned(),
            acquire_timeout: seconds(self.acquire_timeout_seconds),
            statement_timeout: seconds(self.statement_timeout_seconds),
            connections: store::Connections {
                control: self.control_connections as usize,
                load: self.load_connections as usize,
                commit: self.commit_connections as usize,
            },
        }
    }
}

/// How to reach Redis.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Redis")]
pub struct RedisConfig {
    /// Where Redis is: `redis://:password@host:6379/0`.
    #[arg(
        long,
        global = true,
        env = "REDIS_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub redis_url: Option<ServiceUrl>,
    /// Prefix of every key, so that installations can share a Redis.
    #[arg(
        long,
        global = true,
        env = "SIGMABATCH_PREFIX",
        default_value = DEFAULT_PREFIX,
        value_name = "NAME",
        value_parser = prefix,
    )]
    pub prefix: String,
}

impl RedisConfig {
    /// The key names.
    pub fn keys(&self) -> Result<Keys, Error> {
        Ok(Keys::new(&self.prefix)?)
    }

    /// The URL with its passwords, for connecting.
    pub fn reveal(&self) -> Result<&str, Error> {
        let url = self.redis_url.as_ref().ok_or(Error::NotSet {
            name: "REDIS_URL",
            remedy: "set it to redis://:password@host:6379/0, \
                     or put `sigmabatch services --` before the command to try it on private servers",
        })?;
        queue::check_url(url.reveal())?;
        Ok(url.reveal())
    }

    /// Redis for an installation; connects when first needed.
    pub fn queue(&self, install: InstallId) -> Result<Queue, Error> {
        Ok(Queue::open(self.reveal()?, &self.prefix, install)?)
    }
}

/// Where prices come from.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Market data")]
pub struct MarketDataConfig {
    /// The provider: `files:DIR`, a folder with prices/, provider.toml and more (see README).
    #[arg(long, global = true, env = "MARKET_DATA", value_name = "PROVIDER")]
    pub market_data: Option<String>,
}

impl MarketDataConfig {
    /// Opens the provider.
    pub fn provider(&self) -> Result<Provider, Error> {
        let text = self.market_data.as_deref().ok_or(Error::NotSet {
            name: "MARKET_DATA",
            remedy: "set it to files:DIR, for example files:data/market",
        })?;
        Ok(Provider::open(text)?)
    }
}

/// How a worker works.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Worker")]
pub struct WorkerConfig {
    /// A worker that is not heard of for this long has lost its tasks.
    #[arg(
        long,
        env = "SIGMABATCH_LEASE_SECONDS",
        default_value_t = 30,
        value_name = "SECONDS",
        value_parser = whole(1, 3_600),
    )]
    pub lease_seconds: u32,
    /// Workers that a task may take down before it is dead.
    #[arg(
        long,
        env = "SIGMABATCH_MAX_CRASHES",
        default_value_t = 3,
        value_name = "N",
        value_parser = clap::value_parser!(i16).range(1..=100),
    )]
    pub max_crashes: i16,
    /// Tasks in hand at once; those that compute are limited by the cores.
    #[arg(
        long,
        env = "SIGMABATCH_CONCURRENCY",
        default_value_t = 16,
        value_name = "N",
        value_parser = whole(1, 1_024),
    )]
    pub concurrency: u32,
    /// How long tasks may go on after SIGTERM before they are given back.
    #[arg(
        long,
        env = "SIGMABATCH_GRACE_SECONDS",
        default_value_t = 25,
        value_name = "SECONDS",
        value_parser = whole(0, 3_600),
    )]
    pub grace_seconds: u32,
}

/// What workers do once in a while.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Housekeeping")]
pub struct HousekeepingConfig {
    /// Report a session that has no finished run so long after its prices settled; 0 is never.
    #[arg(
        long,
        env = "SIGMABATCH_OVERDUE_HOURS",
        default_value_t = 6,
        value_name = "HOURS",
        value_parser = whole(0, 8_760),
    )]
    pub overdue_hours: u32,
    /// Tasks, attempts and events of runs are kept so long after their end; 0 is for ever.
    #[arg(
        long,
        env = "SIGMABATCH_RETENTION_DAYS",
        default_value_t = 90,
        value_name = "DAYS",
        value_parser = whole(0, 36_500),
    )]
    pub retention_days: u32,
    /// Raise an alert where the coverage of a portfolio is below this percentage of its gross; 0 is never.
    #[arg(
        long,
        env = "SIGMABATCH_ALERT_COVERAGE",
        default_value_t = 80,
        value_name = "PERCENT",
        value_parser = whole(0, 100),
    )]
    pub alert_coverage: u32,
    /// POST each alert as JSON to this address of http:// or https://.
    #[arg(
        long,
        env = "SIGMABATCH_ALERT_WEBHOOK",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub alert_webhook: Option<String>,
}

impl WorkerConfig {
    /// The lease of the process.
    pub fn lease(&self) -> Duration {
        seconds(self.lease_seconds)
    }

    /// The time between SIGTERM and giving tasks back.
    pub fn grace(&self) -> Duration {
        seconds(self.grace_seconds)
    }
}

/// What an installation may choose of the conventions behind its numbers.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Conventions")]
pub struct ConventionsConfig {
    /// Risk-free rate a year, continuous: 0.04 is 4 %. The next run that is planned sets it for the database, and what rests on
    /// another rate is stale. Without it the rate of the database stays, at first 0.04.
    #[arg(
        long,
        global = true,
        env = "RISK_FREE_RATE",
        value_name = "RATE",
        value_parser = rate,
    )]
    pub risk_free_rate: Option<f64>,
}

/// What time it is.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Time")]
pub struct ClockConfig {
    /// Instant at which the clock starts and runs on (RFC 3339): it moves business dates and "not in
    /// the future" only; leases and retries stay on the time of Postgres.
    #[arg(
        long,
        global = true,
        env = "SIGMABATCH_NOW",
        value_name = "INSTANT",
        value_parser = instant,
    )]
    pub now: Option<DateTime<Utc>>,
}

impl ClockConfig {
    /// Starts the clock.
    pub fn clock(&self) -> Clock {
        self.now.map_or_else(Clock::system, Clock::starting_at)
    }
}

/// What is logged.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logs")]
pub struct LogConfig {
    /// Level or filter: error, warn, info, debug, sigmabatch=trace. Services log at info, commands at warn.
    #[arg(long, global = true, env = "SIGMABATCH_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// Log lines as JSON.
    #[arg(long, global = true, env = "SIGMABATCH_LOG_JSON")]
    pub log_json: bool,
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(u64::from(seconds))
}

fn whole(least: u64, most: u64) -> RangedU64ValueParser<u32> {
    RangedU64ValueParser::new().range(least..=most)
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text
        .parse()
        .map_err(|_| "not a number such as 0.04".to_owned())?;
    if (-0.1..=0.5).contains(&rate) {
        Ok(rate)
    } else {
        Err("not from -0.1 to 0.5; 4 % is 0.04".to_owned())
    }
}

fn prefix(text: &str) -> Result<String, queue::Error> {
    Keys::new(text).map(|_| text.to_owned())
}

fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|instant| instant.to_utc())
        .map_err(|_| "not an instant such as 2016-12-30T22:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct All {
        #[command(flatten)]
        postgres: PostgresConfig,
        #[command(flatten)]
        redis: RedisConfig,
        #[command(flatten)]
        market_data: MarketDataConfig,
        #[command(flatten)]
        worker: WorkerConfig,
        #[command(flatten)]
        clock: ClockConfig,
        #[command(flatten)]
        conventions: ConventionsConfig,
    }

    fn parse(arguments: &[&str]) -> Result<All, clap::Error> {
        All::try_parse_from(std::iter::once(&"test").chain(arguments))
    }

    #[test]
    fn passwords_are_not_in_debug_output() {
        let all = parse(&[
            "--database-url=postgres://me:s3cret@host/db",
            "--redis-url=redis://:s3cret@host/0",
        ])
        .unwrap();
        let settings = all.postgres.settings("test").unwrap();
        let text = format!("{all:?} {all:#?} {settings:?}");
        assert!(!text.contains("s3cret"), "{text}");
        assert!(text.contains("postgres://me:***@host/db"), "{text}");
        assert_eq!(settings.url, "postgres://me:s3cret@host/db");
    }

    #[test]
    fn defaults_are_those_of_the_reference() {
        let all = parse(&["--database-url=postgres://h/x", "--redis-url=x"]).unwrap();
        assert_eq!(all.worker.lease(), Duration::from_secs(30));
        assert_eq!(all.worker.grace(), Duration::from_secs(25));
        assert_eq!((all.worker.max_crashes, all.worker.concurrency), (3, 16));
        assert_eq!(all.redis.prefix, "sigmabatch");
        assert_eq!(all.conventions.risk_free_rate, None);
        let low = parse(&["--risk-free-rate=-0.005"]).unwrap();
        assert_eq!(low.conventions.risk_free_rate, Some(-0.005));
        assert_eq!(all.postgres.acquire_timeout_seconds, 120);
        assert_eq!(all.postgres.statement_timeout_seconds, 60);
        let settings = all.postgres.settings("test").unwrap();
        assert_eq!(settings.connections, store::Connections::default());
    }

    #[test]
    fn every_pool_has_its_size() {
        let all = parse(&[
            "--database-url=postgres://h/x",
            "--control-connections=2",
            "--load-connections=3",
            "--commit-connections=4",
        ]);
        let expected = store::Connections {
            control: 2,
            load: 3,
            commit: 4,
        };
        let settings = all.unwrap().postgres.settings("test").unwrap();
        assert_eq!(settings.connections, expected);
        assert!(parse(&["--load-connections=0"]).is_err());
    }

    #[test]
    fn a_wrong_url_is_refused_by_its_setting_with_a_remedy_and_without_its_password() {
        let all = parse(&[
            "--database-url=mysql://me:s3cret@h/x",
            "--redis-url=http://:s3cret@h",
        ]);
        let all = all.unwrap();
        let postgres = all.postgres.settings("test").unwrap_err();
        let redis = all.redis.reveal().unwrap_err();
        for (error, name, scheme) in [
            (&postgres, "DATABASE_URL", "postgres://"),
            (&redis, "REDIS_URL", "redis://"),
        ] {
            let text = error.to_string();
            assert!(text.contains(name) && text.contains(scheme), "{text}");
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }

    #[test]
    fn wrong_values_are_refused_with_the_reason() {
        for (argument, reason) in [
            ("--lease-seconds=0", "0 is not in 1..=3600"),
            ("--prefix=a b", "has a character outside"),
            ("--now=yesterday", "2016-12-30T22:00:00Z"),
            ("--risk-free-rate=4", "4 % is 0.04"),
            ("--risk-free-rate=NaN", "4 % is 0.04"),
            ("--risk-free-rate=4%", "not a number such as 0.04"),
        ] {
            let error = parse(&[argument]).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        let clock = parse(&["--now=2016-12-30T17:00:00-05:00"]).unwrap().clock;
        assert_eq!(clock.now.unwrap().to_rfc3339(), "2016-12-30T22:00:00+00:00");
    }
}
