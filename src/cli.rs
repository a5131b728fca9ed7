//! The operator's command line: the tree of commands, and one module for each that reads the
//! arguments, does the work and says what happened.
//!
//! Modules return an [`Output`] or an [`Error`]; `main` prints it and exits with its code. Every
//! command has a page for people and, with `--json`, a document with stable keys.

mod arguments;
mod error;
mod errors;
mod filter;
mod find;
mod output;
mod progress;
mod text;

pub mod audit;
pub mod bench;
pub mod control;
pub mod dead;
pub mod demo;
pub mod diff;
pub mod digest;
pub mod doctor;
pub mod explain;
pub mod import;
pub mod invalidate;
pub mod migrate;
pub mod performance;
pub mod plan;
pub mod redis;
pub mod retry;
pub mod run;
pub mod services;
pub mod show;
pub mod status;
pub mod tasks;
pub mod token;
pub mod universe;
pub mod verify;
pub mod why;
pub mod workers;

use std::time::Duration;

pub use arguments::{
    CancelArgs, Cli, Command, DemoArgs, DigestArgs, DrainArgs, GlobalSettings, HoldArgs,
    ImportCommand, InvalidateArgs, OrderArgs, PerformanceArgs, PlanArgs, RedisCommand, RetryArgs,
    RunArgs, ScopeArgs, ServeArgs, ServicesArgs, ShowArgs, UpArgs,
};
pub use error::Error;
pub use filter::FilterArgs;
pub use find::portfolio as find_portfolio;
pub use output::{Output, exit};
pub use status::StatusArgs;
pub use text::{Column, date, duration, fixed, left, money, percent, right, signed, table};

use crate::config::PostgresConfig;
use crate::engine::Engine;
use crate::store::{self, Pools};

/// A person waits at the terminal: a database that does not answer within this is said to be away.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// Connects to Postgres, without the patience that a worker has.
pub async fn connect(config: &PostgresConfig, application: &str) -> Result<Pools, Error> {
    let settings = config.settings(application)?;
    let first = store::connect_one(&settings, FIRST_ANSWER).await;
    first.map_err(|error| match error {
        error if error.is_silence() => Error::Away {
            url: store::redact(&settings.url),
        },
        error => error.into(),
    })?;
    Ok(store::connect(&settings).await?)
}

/// Connects to a Postgres whose schema is up to date.
pub async fn connect_migrated(config: &PostgresConfig, application: &str) -> Result<Pools, Error> {
    let pools = connect(config, application).await?;
    store::install_id(&pools).await?;
    Ok(pools)
}

/// Connects to a migrated Postgres and prepares Redis, to plan.
pub async fn engine(settings: &GlobalSettings) -> Result<Engine, Error> {
    let pools = connect_migrated(&settings.postgres, "sigmabatch-cli").await?;
    let install = store::install_id(&pools).await?;
    let queue = settings.redis.queue(install)?;
    let engine = Engine::new(pools, queue, settings.clock.clock());
    Ok(engine.with_risk_free_rate(settings.conventions.risk_free_rate))
}
