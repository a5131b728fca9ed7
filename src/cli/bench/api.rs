//! `bench api`: how fast the HTTP API answers when there is much to answer from: many portfolios with a year of results, a run with many
//! tasks, many who listen to its events. A real `sigmabatch serve` is asked, in a process of its own, over real connections.

mod client;
mod listeners;
mod machine;
mod rate;
mod report;
mod seed;
mod served;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use clap::builder::RangedU64ValueParser;

use super::world::{Servers, World};
use super::{on_servers, say};
use crate::cli::demo::{Place, peak_mib};
use crate::cli::{Error, GlobalSettings, Output, run as runs};
use crate::domain::RunId;
use crate::engine::{self, MAX_BATCH};
use crate::store::bench;
use client::Client;
use report::{Pages, Report};
use seed::Seed;
use served::Served;

/// Bare round trips to Postgres, and of each page of a run.
const ROUND_TRIPS: usize = 500;
const PAGES: usize = 20;
/// Seeding takes longer than any statement of production may.
const STATEMENT_SECONDS: u32 = 1_800;
/// Tasks in the hands of the worker that makes a run that is over.
const CONCURRENCY: NonZeroUsize = NonZeroUsize::new(256).expect("above zero");

/// `bench api`.
#[derive(Debug, Clone, Args)]
pub struct ApiArgs {
    /// Portfolios with results.
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    pub portfolios: usize,
    /// Sessions of each.
    #[arg(long, default_value_t = 252, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000))]
    pub sessions: usize,
    /// Requests a second.
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = RangedU64ValueParser::<u32>::new().range(1..=100_000))]
    pub rate: u32,
    /// Seconds of requests.
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = RangedU64ValueParser::<u32>::new().range(1..=3_600))]
    pub seconds: u32,
    /// Tasks of the runs.
    #[arg(long, default_value = "100000", value_name = "N")]
    pub tasks: NonZeroUsize,
    /// Who listens to a run's events at once.
    #[arg(long, default_value_t = 500, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=500))]
    pub subscribers: usize,
    /// The folder with market/, portfolios/, factors.toml and scenarios.toml.
    #[arg(long, default_value = "data", value_name = "DIR")]
    pub data: PathBuf,
    /// Measure on the servers of `DATABASE_URL` and `REDIS_URL`, in a database and under keys of its own.
    #[arg(long)]
    pub given_services: bool,
    /// Where fresh folders go.
    #[arg(long, env = "TMPDIR", hide = true)]
    pub temp_dir: Option<PathBuf>,
    /// Where the servers are looked for.
    #[arg(long, env = "PATH", hide = true, hide_env_values = true)]
    pub path: Option<OsString>,
}

/// Measures on private services, or on those that were given.
pub async fn run(
    settings: &GlobalSettings,
    args: &ApiArgs,
    place: &Place,
    json: bool,
) -> Result<Output, Error> {
    let mut settings = settings.clone();
    settings.postgres.statement_timeout_seconds = STATEMENT_SECONDS;
    let measure = async |servers: &Servers| {
        let tasks = args.tasks.get();
        let world = World::new(&settings, place, servers, "api", tasks).await?;
        let report = measure(args, &world).await;
        world.remove().await?;
        report
    };
    let report = on_servers(&settings, place, args.given_services, measure).await?;
    Ok(Output::either(json, || report.document(), || report.page()))
}

async fn measure(args: &ApiArgs, world: &World) -> Result<Report, Error> {
    say("computing one portfolio");
    let seed = Seed::compute(world, &args.data).await?;
    say("copying its results");
    let seeded = Instant::now();
    let stored = seed.copy(world, args.portfolios, args.sessions).await?;
    let seed_seconds = seeded.elapsed().as_secs_f64();
    say("runs with many tasks");
    let over = finished(world, args.tasks.get()).await?;
    let going = world.plan(&world.engine, args.tasks.get()).await?;
    let pool = &world.engine.pools.control;
    let bytes = bench::tidy(pool).await?;

    let served = Served::start(world).await?;
    let client = Client::new(served.address, served.token.clone());
    let mut round_trips_ms = Vec::with_capacity(ROUND_TRIPS);
    for _ in 0..ROUND_TRIPS {
        let asked = Instant::now();
        bench::ping(pool).await?;
        round_trips_ms.push(asked.elapsed().as_secs_f64() * 1e3);
    }
    round_trips_ms.sort_by(f64::total_cmp);
    say("requests at a constant rate");
    let rate = rate::measure(&client, &stored, args.rate, args.seconds).await?;
    say("pages of a run");
    let pages = pages(&client, over, going.run).await?;
    say("listeners");
    let events = listeners::measure(world, &client, going.run, args.subscribers).await?;
    let peak = served.pid.and_then(peak_mib);
    served.stop().await;
    Ok(Report {
        args: args.clone(),
        server: bench::server(pool).await?,
        seed_seconds,
        megabytes: bytes as f64 / f64::from(1 << 20),
        round_trips_ms,
        rate,
        tasks: going.tasks.iter().map(|(_, count)| count).sum(),
        pages,
        events,
        peak_mib: peak,
    })
}

/// A run of tasks that did nothing, and are done.
async fn finished(world: &World, tasks: usize) -> Result<RunId, Error> {
    let worker = world
        .worker(CONCURRENCY, MAX_BATCH, std::time::Duration::ZERO)
        .await?;
    let planned = world.plan(&world.no_op, tasks).await?;
    engine::start(&world.no_op, planned.run).await;
    runs::wait_for(&world.no_op, planned.run, false).await?;
    worker.stop().await;
    Ok(planned.run)
}

/// What people and programs look at of a run: while it waits for workers, and when it is over.
async fn pages(client: &Client, over: RunId, going: RunId) -> Result<Vec<Pages>, Error> {
    let mut all = Vec::new();
    for (state, run) in [("over", over), ("going", going)] {
        for (name, path) in [
            ("run", format!("/api/v1/runs/{run}")),
            ("tasks", format!("/api/v1/runs/{run}/tasks")),
            ("page", format!("/runs/{run}")),
        ] {
            client.get(&path).await?;
            let mut times_ms = Vec::with_capacity(PAGES);
            for _ in 0..PAGES {
                let asked = Instant::now();
                client.get(&path).await?;
                times_ms.push(asked.elapsed().as_secs_f64() * 1e3);
            }
            times_ms.sort_by(f64::total_cmp);
            all.push(Pages {
                state,
                name,
                times_ms,
            });
        }
    }
    Ok(all)
}
