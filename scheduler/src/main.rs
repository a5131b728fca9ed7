//! `sigmabatch-scheduler`: plans the runs of the business dates that are due.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};
use sigmabatch::config::{ClockConfig, ConventionsConfig, LogConfig, PostgresConfig, RedisConfig};
use sigmabatch::engine::{self, CatchUp};
use sigmabatch::{process, telemetry};

/// Plans the runs of the business dates that are due. Running it twice, or twice at once, changes
/// nothing.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    #[command(flatten)]
    postgres: PostgresConfig,
    #[command(flatten)]
    redis: RedisConfig,
    #[command(flatten)]
    clock: ClockConfig,
    #[command(flatten)]
    conventions: ConventionsConfig,
    #[command(flatten)]
    log: LogConfig,
    /// Older dates that are due: latest (newest nightly, older as backfill), all, none
    #[arg(
        long,
        env = "SIGMABATCH_CATCH_UP",
        default_value = "latest",
        global = true
    )]
    catch_up: CatchUp,
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Mode {
    /// Plan what is due, publish the first hints, exit
    Once,
    /// Look every few seconds, until stopped
    Daemon {
        /// Seconds between two looks
        #[arg(
            long,
            env = "SIGMABATCH_SCHEDULER_SECONDS",
            default_value_t = 30,
            value_name = "N"
        )]
        every: u64,
    },
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
    let settings = options.postgres.settings("sigmabatch-scheduler")?;
    let shutdown = process::shutdown().context("listening for signals")?;
    let engine = process::connect(
        &settings,
        options.redis.reveal()?,
        &options.redis.prefix,
        options.clock.clock(),
    )
    .await?
    .with_risk_free_rate(options.conventions.risk_free_rate);
    match options.mode {
        Mode::Once => engine::schedule_once(&engine, options.catch_up).await?,
        Mode::Daemon { every } => {
            let every = Duration::from_secs(every);
            engine::keep_schedule(&engine, options.catch_up, every, shutdown).await;
        }
    }
    Ok(())
}
