//! `sigmabatch-worker`: takes tasks from Redis streams, computes, commits to Postgres.

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use sigmabatch::config::{
    ClockConfig, HousekeepingConfig, LogConfig, MarketDataConfig, PostgresConfig, RedisConfig,
    WorkerConfig,
};
use sigmabatch::engine::{Failpoint, MAX_BATCH, WorkerOptions, run_worker};
use sigmabatch::{process, telemetry};

/// Takes tasks from Redis streams, computes, commits to Postgres. Start as many as you like.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    #[command(flatten)]
    postgres: PostgresConfig,
    #[command(flatten)]
    redis: RedisConfig,
    #[command(flatten)]
    market_data: MarketDataConfig,
    #[command(flatten)]
    clock: ClockConfig,
    #[command(flatten)]
    worker: WorkerConfig,
    #[command(flatten)]
    housekeeping: HousekeepingConfig,
    #[command(flatten)]
    log: LogConfig,
    /// For tests: die at this point (after-claim, mid-compute, before-commit, after-commit, each with :phase),
    /// or freeze (in-commit)
    #[arg(long, env = "SIGMABATCH_FAILPOINT", hide = true)]
    failpoint: Option<Failpoint>,
    /// For benchmarks: in place of the pipeline, a phase that does nothing for so long
    #[arg(long, hide = true, value_name = "MILLISECONDS")]
    no_op: Option<u64>,
    /// For benchmarks: most tasks of one transaction
    #[arg(long, hide = true, default_value_t = MAX_BATCH)]
    batch: NonZeroUsize,
    /// For parents: stop when standard input ends, so that nothing is left behind
    #[arg(long, hide = true)]
    until_stdin_closes: bool,
    /// Name of this host, for people; without it, the system's
    #[arg(long, env = "HOSTNAME")]
    host: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Err(error) = run().await else {
        return ExitCode::SUCCESS;
    };
    // A closed standard error is no reason for another exit code.
    let _ = writeln!(std::io::stderr(), "Error: {error:?}");
    ExitCode::from(process::exit_code(error.as_ref()))
}

async fn run() -> anyhow::Result<()> {
    let options = Options::parse();
    telemetry::start(&options.log, "info");
    let settings = options.postgres.settings("sigmabatch-worker")?;
    let provider = options.market_data.provider()?;
    let shutdown = process::shutdown().context("listening for signals")?;
    if options.until_stdin_closes {
        process::stop_with_stdin(shutdown.clone());
    }
    let mut engine = process::connect(
        &settings,
        options.redis.reveal()?,
        &options.redis.prefix,
        options.clock.clock(),
    )
    .await?;
    if let Some(busy_ms) = options.no_op {
        engine = engine.without_work(Duration::from_millis(busy_ms));
    }
    let worker = WorkerOptions {
        store: settings,
        provider: Arc::new(provider),
        lease: options.worker.lease(),
        max_crashes: options.worker.max_crashes,
        concurrency: options.worker.concurrency as usize,
        batch: options.batch,
        grace: options.worker.grace(),
        housekeeping: process::housekeeping(&options.housekeeping)?,
        host: options.host.unwrap_or_else(process::host_name),
        failpoint: options.failpoint,
        probe: None,
    };
    Box::pin(run_worker(engine, worker, shutdown)).await?;
    Ok(())
}
