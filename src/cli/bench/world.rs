//! A database, a key prefix and worker processes of the benchmark's own; all of it is gone afterwards.

use std::fs::File;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use chrono::NaiveDate;
use rust_decimal::Decimal;
use tokio::process::{Child, Command};

use super::LEASE;
use crate::cli::demo::Place;
use crate::cli::{Error, GlobalSettings, migrate};
use crate::clock::Clock;
use crate::domain::{Lane, Portfolio, PortfolioId, TradingDate, Trigger};
use crate::engine::{self, Dates, Engine, PlanError, Planned, Request, Selection};
use crate::process;
use crate::store::inputs::{self, Changed};
use crate::store::{self, WriteTx, databases, portfolios};

/// Portfolios of a run with many tasks; the rest are dates.
const PORTFOLIOS: usize = 400;
/// Between two looks at what is waited for.
const POLL: Duration = Duration::from_millis(5);
/// When it is: late enough for all dates.
const NOW: &str = "2024-01-10T23:00:00Z";
const INCEPTION: (i32, u32, u32) = (2000, 1, 3);
/// Nothing that is waited for takes as long, unless something is broken.
const PATIENCE: Duration = Duration::from_mins(5);
const PROVIDER: &str = "basis = \"total_return\"\n";

/// Where the servers are.
pub(super) struct Servers {
    pub(super) database_url: String,
    pub(super) redis_url: String,
    /// Of the private ones.
    pub(super) folder: Option<PathBuf>,
    /// Names and process ids of the private ones.
    pub(super) processes: Vec<(&'static str, u32)>,
}

/// One world.
pub(super) struct World {
    /// With the whole pipeline.
    pub(super) engine: Engine,
    /// With a phase that does nothing.
    pub(super) no_op: Engine,
    /// Of a large run.
    pub(super) tasks: usize,
    pub(super) portfolios: Vec<PortfolioId>,
    pub(super) processes: Vec<(&'static str, u32)>,
    dates: Vec<TradingDate>,
    used: std::sync::atomic::AtomicUsize,
    settings: store::Settings,
    server: String,
    database: String,
    redis_url: String,
    prefix: String,
    programs: PathBuf,
    scratch: Scratch,
}

impl World {
    /// With portfolios for runs of so many tasks.
    pub(super) async fn new(
        settings: &GlobalSettings,
        place: &Place,
        servers: &Servers,
        name: &str,
        tasks: usize,
    ) -> Result<Self, Error> {
        let pid = std::process::id();
        let database = format!("sigmabatch_bench_{pid}_{name}");
        let prefix = format!("bench-{pid}-{name}");
        databases::remove(&servers.database_url, &database).await?;
        let url = databases::create(&servers.database_url, &database).await?;
        let store = settings.postgres.settings_of(&url, "sigmabatch-bench");
        let pools = store::connect(&store).await?;
        migrate::run(&pools, false).await?;
        pools.close().await;
        let clock = Clock::starting_at(NOW.parse().unwrap_or_default());
        let engine = process::connect(&store, &servers.redis_url, &prefix, clock)
            .await
            .map_err(PlanError::from)?;
        let portfolios = books(&engine, tasks.min(PORTFOLIOS)).await?;
        let (y, m, d) = INCEPTION;
        let from = NaiveDate::from_ymd_opt(y, m, d).unwrap_or_default();
        let dates = engine.calendar.sessions(from, clock.now().date_naive())?;
        let scratch = Scratch::new(place.services.temp_dir.as_deref(), name)?;
        Ok(Self {
            no_op: engine.clone().without_work(Duration::ZERO),
            engine,
            tasks,
            portfolios,
            processes: servers.processes.clone(),
            dates,
            used: std::sync::atomic::AtomicUsize::new(0),
            settings: store,
            server: servers.database_url.clone(),
            database,
            redis_url: servers.redis_url.clone(),
            prefix,
            programs: place.programs.clone(),
            scratch,
        })
    }

    /// Drops the database and removes the keys.
    pub(super) async fn remove(self) -> Result<(), Error> {
        self.engine.queue.wipe().await?;
        self.engine.pools.close().await;
        Ok(databases::remove(&self.server, &self.database).await?)
    }

    /// Plans a run of at least so many tasks over dates that no run had before.
    pub(super) async fn plan(&self, engine: &Engine, tasks: usize) -> Result<Planned, Error> {
        let count = tasks.div_ceil(self.portfolios.len()).max(1);
        self.plan_for(engine, &self.portfolios, count).await
    }

    /// Plans a run of some portfolios over so many dates that no run had before.
    pub(super) async fn plan_for(
        &self,
        engine: &Engine,
        portfolios: &[PortfolioId],
        dates: usize,
    ) -> Result<Planned, Error> {
        let first = self
            .used
            .fetch_add(dates, std::sync::atomic::Ordering::Relaxed);
        let last = first + dates - 1;
        let (Some(from), Some(to)) = (self.dates.get(first), self.dates.get(last)) else {
            return Err(Error::misuse(
                "so many tasks and rounds need more dates than there are",
                "choose fewer --tasks or --rounds",
            ));
        };
        let request = Request {
            trigger: Trigger::Cli,
            portfolios: Selection::Only(portfolios.to_vec()),
            dates: Dates::Range(from.date(), to.date()),
            lane: Some(Lane::Nightly),
            force: false,
            principal: "bench".to_owned(),
            idempotency_key: None,
        };
        Ok(engine::plan(engine, &request).await?)
    }

    /// Starts a worker process and waits until it has registered.
    pub(super) async fn worker(
        &self,
        concurrency: NonZeroUsize,
        batch: NonZeroUsize,
        busy: Duration,
    ) -> Result<Worker, Error> {
        let program = "sigmabatch-worker";
        let child = self
            .program(program)?
            .env("MARKET_DATA", self.scratch.provider())
            .env("SIGMABATCH_LEASE_SECONDS", LEASE.as_secs().to_string())
            .env("SIGMABATCH_CONCURRENCY", concurrency.to_string())
            .args(["--no-op", &busy.as_millis().to_string()])
            .args(["--batch", &batch.to_string()])
            .spawn()
            .map_err(|source| Error::Start { program, source })?;
        let pid = child.id().unwrap_or(0);
        let worker = Worker { child, pid };
        let pool = &self.engine.pools.control;
        until("the worker does not start", async || {
            Ok(store::bench::counters(pool, pid).await?.map(|_| ()))
        })
        .await?;
        Ok(worker)
    }

    /// A program on this world's servers, with settings of ours only: what the environment says is about another installation. It ends
    /// when our end of its standard input closes, whatever becomes of us.
    pub(super) fn program(&self, program: &'static str) -> Result<Command, Error> {
        let log = self.scratch.folder.join("programs.log");
        let log = File::options().create(true).append(true).open(&log);
        let log = log.map_err(|source| Error::Start { program, source })?;
        let mut command = Command::new(self.programs.join(program));
        command
            .env("DATABASE_URL", &self.settings.url)
            .env("REDIS_URL", &self.redis_url)
            .env("SIGMABATCH_PREFIX", &self.prefix)
            .env("SIGMABATCH_NOW", NOW)
            .env_remove("SIGMABATCH_FAILPOINT")
            .stdin(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true);
        Ok(command)
    }

    /// What the worker counted, as of a heartbeat from now on.
    pub(super) async fn counters(&self, worker: &Worker) -> Result<serde_json::Value, Error> {
        tokio::time::sleep(LEASE / 2).await;
        let pool = &self.engine.pools.control;
        let counters = store::bench::counters(pool, worker.pid).await?;
        counters.ok_or_else(|| Error::not_there("the worker is gone", "its log says why"))
    }
}

/// A worker process, killed with the value.
pub(super) struct Worker {
    child: Child,
    pub(super) pid: u32,
}

impl Worker {
    /// Lets it drain.
    pub(super) async fn stop(mut self) {
        drop(self.child.stdin.take());
        let limit = Duration::from_secs(30);
        if tokio::time::timeout(limit, self.child.wait())
            .await
            .is_err()
        {
            self.kill().await;
        }
    }

    /// SIGKILL.
    pub(super) async fn kill(&mut self) {
        // Nothing to do when it is gone already.
        let _ = self.child.kill().await;
    }
}

/// A folder for the worker's log and for prices that nobody asks for; removed with the value.
pub(super) struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    pub(super) fn new(parent: Option<&Path>, name: &str) -> Result<Self, Error> {
        let parent = parent.unwrap_or_else(|| Path::new("/tmp"));
        let folder = parent.join(format!("sigmabatch-bench-{}-{name}", std::process::id()));
        let scratch = Self { folder };
        let made = std::fs::create_dir_all(scratch.folder.join("market").join("prices"))
            .and_then(|()| std::fs::write(scratch.folder.join("market/provider.toml"), PROVIDER));
        made.map_err(|source| Error::Read {
            file: scratch.folder.clone(),
            source,
        })?;
        Ok(scratch)
    }

    pub(super) fn provider(&self) -> String {
        format!("files:{}", self.folder.join("market").display())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed lies in a folder of temporary files.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn books(engine: &Engine, count: usize) -> Result<Vec<PortfolioId>, Error> {
    let (y, m, d) = INCEPTION;
    let inception = NaiveDate::from_ymd_opt(y, m, d).unwrap_or_default();
    let mut ids = Vec::new();
    let mut tx = WriteTx::begin(&engine.pools.control).await?;
    let mut changes = Vec::new();
    for number in 0..count.max(1) {
        let name = format!("Bench {number}");
        let portfolio = Portfolio {
            id: PortfolioId::of("bench", &name),
            name,
            owner: "bench".to_owned(),
            currency: "USD".to_owned(),
            opening_equity: Decimal::from(1_000_000),
            inception,
        };
        portfolios::insert(&mut tx, &portfolio).await?;
        changes.push((Changed::Book(portfolio.id), inception));
        ids.push(portfolio.id);
    }
    inputs::changed(&mut tx, &changes, "bench").await?;
    tx.commit().await?;
    Ok(ids)
}

/// Asks every few milliseconds until there is an answer.
pub(super) async fn until<T>(
    or_else: &'static str,
    mut ask: impl AsyncFnMut() -> Result<Option<T>, Error>,
) -> Result<T, Error> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        tokio::time::sleep(POLL).await;
    }
    Err(Error::not_there(
        or_else,
        "run it with --log=info to see more",
    ))
}
