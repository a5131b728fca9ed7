//! `bench`: what this machine reaches, of the engine, of the API and of the numbers.
//!
//! `bench engine`: how fast the engine is on this machine, with tasks that do nothing: planned by the one
//! planner, published, claimed, loaded, committed with a header of results and an attempt, acknowledged,
//! all of it by the code of production and a real `sigmabatch-worker`. Beside the numbers stand the
//! targets, and the bare speed of both servers measured in the same minutes.

pub mod analytics;
pub mod api;
mod ceilings;
mod cpu;
mod faults;
mod pickup;
mod report;
mod throughput;
mod world;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Subcommand};

use super::demo::Place;
use super::{Error, GlobalSettings, Output, exit};
use crate::embedded::{Options, Services};
use crate::engine::MAX_BATCH;
use analytics::AnalyticsArgs;
use api::ApiArgs;
use report::{Machine, Report};
use world::{Servers, World};

/// `bench`.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// The engine around tasks that do nothing, on a private Postgres and Redis.
    Engine(BenchArgs),
    /// The HTTP API over many portfolios and dates, on a private Postgres and Redis.
    Api(ApiArgs),
    /// The numbers: fits, correlations, phase 6, the ledger, beside numpy and statsmodels.
    Analytics(AnalyticsArgs),
}

/// `bench engine`.
#[derive(Debug, Clone, Args)]
pub struct BenchArgs {
    /// Tasks of a round.
    #[arg(long, default_value = "100000", value_name = "N")]
    pub tasks: NonZeroUsize,
    /// Rounds of each throughput; the median counts.
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=20))]
    pub rounds: usize,
    /// Tasks in the worker's hands at once.
    #[arg(long, default_value = "256", value_name = "N")]
    pub concurrency: NonZeroUsize,
    /// Measure on the servers of `DATABASE_URL` and `REDIS_URL`, in databases and under keys of its own.
    #[arg(long)]
    pub given_services: bool,
    /// Where fresh folders go.
    #[arg(long, env = "TMPDIR", hide = true)]
    pub temp_dir: Option<PathBuf>,
    /// Where the servers are looked for.
    #[arg(long, env = "PATH", hide = true, hide_env_values = true)]
    pub path: Option<OsString>,
}

/// A worker that is not heard of for this long is lost.
const LEASE: Duration = Duration::from_secs(3);
/// Tasks of the rounds with one commit per task, and of the bare updates: a share of the others.
const SINGLE_SHARE: usize = 5;
/// Tasks that are picked up one at a time.
const PICKUPS: usize = 300;

/// Measures on private services, or on those that were given.
pub async fn engine(
    settings: &GlobalSettings,
    args: &BenchArgs,
    place: &Place,
    json: bool,
) -> Result<Output, Error> {
    let measure = async |servers: &Servers| measure(settings, args, place, servers).await;
    let report = on_servers(settings, place, args.given_services, measure).await?;
    let mut output = Output::either(json, || report.document(), || report.page());
    output.code = exit::SUCCEEDED;
    Ok(output)
}

/// Measures on private servers, which are gone afterwards, or on those that were given.
async fn on_servers<T>(
    settings: &GlobalSettings,
    place: &Place,
    given: bool,
    measure: impl AsyncFnOnce(&Servers) -> Result<T, Error>,
) -> Result<T, Error> {
    if given {
        let servers = Servers {
            database_url: settings.postgres.settings("sigmabatch-bench")?.url,
            redis_url: settings.redis.reveal()?.to_owned(),
            folder: None,
            processes: Vec::new(),
        };
        return Box::pin(interruptible(measure(&servers))).await;
    }
    let fresh = Options {
        data_dir: None,
        durable: true,
        ..place.services.clone()
    };
    let services = Services::start(&fresh).await?;
    let servers = Servers {
        database_url: services.database_url(),
        redis_url: services.redis_url(),
        folder: Some(services.data_dir().to_path_buf()),
        processes: vec![
            ("postgres", services.postgres_pid().unwrap_or(0)),
            ("redis", services.redis_pid().unwrap_or(0)),
        ],
    };
    let measured = Box::pin(interruptible(measure(&servers))).await;
    services.stop().await?;
    measured
}

async fn interruptible<T>(measure: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::select! {
        measured = measure => measured,
        _ = tokio::signal::ctrl_c() => {
            Err(Error::not_there("interrupted", "nothing is left running; start it again"))
        }
    }
}

async fn measure(
    settings: &GlobalSettings,
    args: &BenchArgs,
    place: &Place,
    servers: &Servers,
) -> Result<Report, Error> {
    let tasks = args.tasks.get();
    let singles = tasks.div_ceil(SINGLE_SHARE);
    let batch = MAX_BATCH;

    say("planning");
    let world = World::new(settings, place, servers, "plan", tasks).await?;
    let server = crate::store::bench::server(&world.engine.pools.control).await?;
    let redis = world.engine.queue.version().await?;
    let (planning, run) = throughput::planning(&world, args.rounds).await?;
    say("ceilings of the servers");
    let ceilings = ceilings::measure(&world, run, tasks.min(singles * 2)).await?;
    world.remove().await?;

    let world = World::new(settings, place, servers, "work", tasks).await?;
    say("batches of up to 64 tasks");
    let worker = world
        .worker(args.concurrency, batch, Duration::ZERO)
        .await?;
    let batched = throughput::rounds(&world, &worker, args.rounds, tasks).await?;
    say("one task at a time");
    let pickup = pickup::measure(&world, PICKUPS.min(tasks)).await?;
    let counters = world.counters(&worker).await?;
    let connections = batched.connections;
    worker.stop().await;
    say("one commit per task");
    let worker = world
        .worker(args.concurrency, NonZeroUsize::MIN, Duration::ZERO)
        .await?;
    let single = throughput::rounds(&world, &worker, args.rounds, singles).await?;
    worker.stop().await;
    say("SIGKILL");
    let taken_over = faults::kill(&world).await?;
    say("FLUSHALL");
    let refilled = faults::flush(&world, tasks).await?;
    world.remove().await?;

    Ok(Report {
        machine: Machine {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            private: servers.folder.is_some(),
            server,
            redis,
        },
        args: args.clone(),
        planning,
        batched,
        single,
        pickup,
        counters,
        connections,
        taken_over,
        refilled,
        ceilings,
    })
}

/// A line for people, beside the output.
fn say(line: &str) {
    use std::io::Write;
    // A closed standard error is no reason to stop.
    let _ = writeln!(std::io::stderr(), "{line}");
}
