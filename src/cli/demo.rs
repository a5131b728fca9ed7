//! `demo`: a whole night on real prices, through a real scheduler, real streams and two real
//! worker processes; then the same night with one of them killed in the middle.

mod serving;
mod summary;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use chrono::NaiveDate;
use rust_decimal::Decimal;
use tokio::process::{Child, Command};

pub use self::serving::serve;
use self::summary::Summary;
use super::{DemoArgs, Error, GlobalSettings, Output, exit, run};
use crate::clock::Clock;
use crate::config::PostgresConfig;
use crate::domain::{Calendar, PortfolioId, RunId, Trigger, Verdict};
use crate::embedded::{self, Options, Services};
use crate::engine::{self, Dates, Engine, PlanError, Request, Selection};
use crate::process;
use crate::store::digest::Digest;
use crate::store::{self, ReadTx, databases, runs};

/// The night: half an hour and more after the close of 2016-12-30 in New York.
const NOW: &str = "2016-12-30T22:30:00Z";
const NIGHT: NaiveDate = date(2016, 12, 30);
const INCEPTION: NaiveDate = date(2016, 1, 4);
/// The first session after the books begin, and the last before the night.
const BACKFILL: (NaiveDate, NaiveDate) = (date(2016, 1, 5), date(2016, 12, 29));
/// A worker is there long before.
const START: Duration = Duration::from_secs(30);
const LEASE_SECONDS: &str = "3";
const DATABASE: &str = "sigmabatch_demo";
const KILLED_DATABASE: &str = "sigmabatch_demo_killed";
/// Where the kill strikes: so many of phase 6's tasks are done.
const KILL_AT: f64 = 0.3;

/// The books of the demo: file, name, equity, id, flows.
type Book = (
    &'static str,
    &'static str,
    u32,
    Option<&'static str>,
    Option<&'static str>,
);
const BOOKS: [Book; 3] = [
    (
        "diversified.csv",
        "Diversified",
        1_000_000,
        None,
        Some("diversified_flows.csv"),
    ),
    ("long_short.csv", "Long Short", 500_000, None, None),
    (
        "testscotty.csv",
        "Testscotty",
        250_000,
        Some("98518c7d-ea23-593b-aaed-9c0be7f3a66f"),
        None,
    ),
];
const OWNER: &str = "demo";

const fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    match NaiveDate::from_ymd_opt(year, month, day) {
        Some(date) => date,
        None => NaiveDate::MIN,
    }
}

/// Where the programs are and where the demo's servers keep their data.
#[derive(Debug, Clone)]
pub struct Place {
    /// The folder of the three programs.
    pub programs: PathBuf,
    /// Options of the private services.
    pub services: Options,
}

/// One world of the demo: a database, a key prefix.
struct World {
    /// First session of the backfill.
    from: NaiveDate,
    settings: store::Settings,
    redis_url: String,
    prefix: String,
    market_data: String,
    engine: Engine,
}

/// What an undisturbed night took.
struct Night {
    tasks: i64,
    seconds: f64,
    worker_mib: Vec<f64>,
    /// One portfolio, one date, in a database without prices.
    cold_seconds: f64,
    /// The same, when everything was there before.
    single_seconds: f64,
    digest: Digest,
    ids: Vec<PortfolioId>,
}

/// What came of the night in which a worker was killed.
struct Killed {
    verdict: Verdict,
    seconds: f64,
    digest: Digest,
}

/// Runs the demo on private services, or on those that were given.
pub async fn demo(
    settings: &GlobalSettings,
    args: &DemoArgs,
    place: &Place,
    json: bool,
) -> Result<Output, Error> {
    for needed in ["market", "portfolios", "factors.toml", "scenarios.toml"] {
        if !args.data.join(needed).exists() {
            return Err(Error::not_there(
                format!("{} is missing", args.data.join(needed).display()),
                "run the demo in the project's folder, or point --data at its data folder",
            ));
        }
    }
    let (first, last) = BACKFILL;
    if !(first..=last).contains(&args.from) {
        return Err(Error::misuse(
            format!("--from {} is outside of the demo's prices", args.from),
            format!("a date from {first} to {last}"),
        ));
    }
    let given = (&settings.postgres.database_url, &settings.redis.redis_url);
    if let (Some(database), Some(_)) = given {
        settings.postgres.settings("sigmabatch-demo")?;
        let redis = settings.redis.reveal()?;
        say(
            "using the Postgres and Redis of DATABASE_URL and REDIS_URL, in databases of the demo's own",
        );
        let database = database.reveal();
        let shown = two_nights(settings, args, place, database, redis, None, json).await?;
        let output = serving::shown(shown, args).await?;
        databases::remove(database, DATABASE).await?;
        return Ok(output);
    }
    let started = Instant::now();
    let (services, kept) = start(&place.services).await?;
    say(&format!(
        "services up in {:.1} s: a private Postgres and Redis",
        started.elapsed().as_secs_f64()
    ));
    let (database, redis) = (services.database_url(), services.redis_url());
    let folder = services.data_dir().to_path_buf();
    let kept = kept.then_some(folder.as_path());
    let shown = tokio::select! {
        shown = two_nights(settings, args, place, &database, &redis, kept, json) => shown,
        _ = tokio::signal::ctrl_c() => {
            Err(Error::not_there("interrupted", "nothing is left running; start the demo again"))
        }
    };
    let output = match shown {
        Ok(shown) => serving::shown(shown, args).await,
        Err(error) => Err(error),
    };
    services.stop().await?;
    output
}

/// Starts the services in the folder that is kept; in a fresh one where the unprivileged user that
/// Postgres runs as cannot enter it.
async fn start(options: &Options) -> Result<(Services, bool), Error> {
    match Services::start(options).await {
        Ok(services) => Ok((services, true)),
        Err(error @ embedded::Error::NotEnterable { .. }) => {
            say(&format!("{error}: the night's data will not be kept"));
            let fresh = Options {
                data_dir: None,
                ..options.clone()
            };
            Ok((Services::start(&fresh).await?, false))
        }
        Err(error) => Err(error.into()),
    }
}

async fn two_nights(
    settings: &GlobalSettings,
    args: &DemoArgs,
    place: &Place,
    database: &str,
    redis: &str,
    kept: Option<&Path>,
    json: bool,
) -> Result<serving::Shown, Error> {
    let data = args
        .data
        .canonicalize()
        .unwrap_or_else(|_| args.data.clone());
    let world = |name: &'static str, prefix: &'static str| {
        World::new(
            &settings.postgres,
            database,
            redis,
            name,
            prefix,
            &data,
            args.from,
        )
    };
    let quiet = world(DATABASE, "demo").await?;
    say("\nAn undisturbed night");
    let night = quiet.undisturbed(&data, place).await?;
    say("\nThe same night, with one of two workers killed in the middle");
    let killed = world(KILLED_DATABASE, "demo-killed").await?;
    let outcome = killed.disturbed(&data, place).await?;
    killed.remove(database, KILLED_DATABASE).await?;

    let reports = summary::reports(&quiet.engine, &night).await?;
    let summary = Summary {
        night: &night,
        reports: &reports,
        killed: &outcome,
        kept,
    };
    let mut output = Output::either(
        json,
        || summary::document(&summary),
        || summary::page(&summary, &quiet.engine, place, &data),
    );
    if outcome.digest.total != night.digest.total || outcome.verdict != Verdict::Succeeded {
        output.code = exit::FAILED;
    }
    let api = quiet.program(place, "sigmabatch");
    if kept.is_none() && !args.serve {
        quiet.remove(database, DATABASE).await?;
    } else {
        quiet.engine.pools.close().await;
    }
    Ok(serving::Shown { output, api })
}

impl World {
    async fn new(
        config: &PostgresConfig,
        database: &str,
        redis: &str,
        name: &str,
        prefix: &str,
        data: &Path,
        from: NaiveDate,
    ) -> Result<Self, Error> {
        databases::remove(database, name).await?;
        let url = databases::create(database, name).await?;
        let settings = config.settings_of(&url, "sigmabatch-demo");
        let pools = store::connect(&settings).await?;
        super::migrate::run(&pools, false).await?;
        pools.close().await;
        let clock = Clock::starting_at(NOW.parse().unwrap_or_default());
        let engine = process::connect(&settings, redis, prefix, clock)
            .await
            .map_err(PlanError::from)?;
        engine.queue.wipe().await?;
        let market_data = format!("files:{}", data.join("market").display());
        let (redis_url, prefix) = (redis.to_owned(), prefix.to_owned());
        Ok(Self {
            from,
            settings,
            redis_url,
            prefix,
            market_data,
            engine,
        })
    }

    async fn remove(self, database: &str, name: &str) -> Result<(), Error> {
        self.engine.queue.wipe().await?;
        self.engine.pools.close().await;
        Ok(databases::remove(database, name).await?)
    }

    async fn import(&self, data: &Path) -> Result<Vec<PortfolioId>, Error> {
        use super::import::{self, DefinitionsArgs, FactorsArgs, LinesArgs, PortfolioArgs};
        let (pools, clock) = (&self.engine.pools, &self.engine.clock);
        let factors = FactorsArgs {
            file: data.join("factors.toml"),
            scenarios: Some(data.join("scenarios.toml")),
        };
        import::factors(pools, &factors).await?;
        import::scenarios(
            pools,
            &DefinitionsArgs {
                file: data.join("scenarios.toml"),
            },
        )
        .await?;
        let mut ids = Vec::new();
        for (file, name, equity, id, flows) in BOOKS {
            let book = PortfolioArgs {
                file: data.join("portfolios").join(file),
                name: Some(name.to_owned()),
                equity: Some(Decimal::from(equity)),
                inception: Some(INCEPTION),
                id: id.and_then(|id| id.parse().ok()),
                owner: OWNER.to_owned(),
                currency: "USD".to_owned(),
                update: false,
                empty: false,
                dry_run: false,
                run: false,
            };
            let receipt = import::portfolio(pools, clock, &book).await?;
            let id = receipt.portfolio.id;
            ids.push(id);
            if let Some(flows) = flows {
                let flows = LinesArgs {
                    file: data.join("portfolios").join(flows),
                    portfolio: id.to_string(),
                    update: false,
                    dry_run: false,
                };
                import::flows(pools, clock, &flows).await?;
            }
            say(&format!("  imported {name}: {} lots", receipt.added.len()));
        }
        Ok(ids)
    }

    fn program(&self, place: &Place, name: &str) -> Command {
        let mut command = Command::new(place.programs.join(name));
        command
            .env("DATABASE_URL", &self.settings.url)
            .env("REDIS_URL", &self.redis_url)
            .env("MARKET_DATA", &self.market_data)
            .env("SIGMABATCH_PREFIX", &self.prefix)
            .env("SIGMABATCH_NOW", NOW)
            .env("SIGMABATCH_LEASE_SECONDS", LEASE_SECONDS)
            .env("SIGMABATCH_LOG", "error")
            .kill_on_drop(true);
        command
    }

    fn start_worker(&self, place: &Place) -> Result<Child, Error> {
        let mut command = self.program(place, "sigmabatch-worker");
        // It stops when our end of the pipe closes, whatever becomes of us.
        let child = command
            .arg("--until-stdin-closes")
            .stdin(Stdio::piped())
            .spawn();
        child.map_err(|source| Error::Start {
            program: "sigmabatch-worker",
            source,
        })
    }

    async fn plan(&self, portfolios: Selection, dates: Dates, force: bool) -> Result<RunId, Error> {
        let request = Request {
            trigger: Trigger::Cli,
            portfolios,
            dates,
            lane: None,
            force,
            principal: "demo".to_owned(),
            idempotency_key: None,
        };
        let planned = engine::plan(&self.engine, &request).await?;
        engine::start(&self.engine, planned.run).await;
        Ok(planned.run)
    }

    async fn backfill(&self) -> Result<RunId, Error> {
        let dates = Dates::Range(self.from, BACKFILL.1);
        self.plan(Selection::All, dates, false).await
    }

    /// The scheduler finds the newest session, whose closes are final, and plans its night.
    async fn nightly(&self, place: &Place) -> Result<RunId, Error> {
        let mut command = self.program(place, "sigmabatch-scheduler");
        let status = command.arg("once").status().await;
        let status = status.map_err(|source| Error::Start {
            program: "sigmabatch-scheduler",
            source,
        })?;
        let newest = runs::list(&self.engine.pools.control, None, 1).await?.pop();
        match newest {
            Some(run) if status.success() && run.trigger == Trigger::Nightly => Ok(run.id),
            _ => Err(Error::not_there(
                format!("the scheduler planned no night ({status})"),
                "its messages are above",
            )),
        }
    }

    async fn undisturbed(&self, data: &Path, place: &Place) -> Result<Night, Error> {
        let ids = self.import(data).await?;
        let mut workers = [self.start_worker(place)?, self.start_worker(place)?];
        self.both_started().await?;
        say("  a first run: one portfolio, one session");
        let cold_seconds = self.single(ids[2], self.from, false).await?;
        let started = Instant::now();
        let backfill = self.backfill().await?;
        let (from, to) = (self.from, BACKFILL.1);
        let sessions = Calendar::nyse().sessions(from, to);
        let sessions = sessions.map_or(0, |sessions| sessions.len());
        say(&format!(
            "  backfill of the {sessions} sessions from {from} to {to}"
        ));
        run::wait_for(&self.engine, backfill, true).await?;
        say("  nightly run of 2016-12-30, planned by sigmabatch-scheduler");
        let nightly = self.nightly(place).await?;
        run::wait_for(&self.engine, nightly, true).await?;
        let seconds = started.elapsed().as_secs_f64();
        let worker_mib = workers
            .iter()
            .filter_map(|child| peak_mib(child.id()?))
            .collect();

        let single_seconds = self.single(ids[2], NIGHT, true).await?;

        let mut tasks = 0;
        for run in [backfill, nightly] {
            let phases = runs::phases(&self.engine.pools.control, run, None).await?;
            tasks += phases.iter().map(|phase| phase.done).sum::<i64>();
        }
        for worker in &mut workers {
            stop(worker).await;
        }
        let digest = self.digest().await?;
        Ok(Night {
            tasks,
            seconds,
            worker_mib,
            cold_seconds,
            single_seconds,
            digest,
            ids,
        })
    }

    /// Waits until both workers are there.
    async fn both_started(&self) -> Result<(), Error> {
        let started = Instant::now();
        while store::workers::living(&self.engine.pools.control).await? < 2 {
            if started.elapsed() > START {
                return Err(Error::not_there(
                    "the workers do not start",
                    "their messages are above",
                ));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Seconds from planning a run of one portfolio and one date to its verdict.
    async fn single(&self, id: PortfolioId, date: NaiveDate, force: bool) -> Result<f64, Error> {
        let started = Instant::now();
        let (portfolio, date) = (Selection::Only(vec![id]), Dates::On(date));
        let run = self.plan(portfolio, date, force).await?;
        run::wait_for(&self.engine, run, false).await?;
        Ok(started.elapsed().as_secs_f64())
    }

    async fn disturbed(&self, data: &Path, place: &Place) -> Result<Killed, Error> {
        self.import(data).await?;
        let (mut victim, mut survivor) = (self.start_worker(place)?, self.start_worker(place)?);
        let started = Instant::now();
        let backfill = self.backfill().await?;
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let progress = engine::progress(&self.engine, backfill)
                .await
                .map_err(PlanError::from)?;
            let Some(progress) = progress else { continue };
            let last = progress.phases.last();
            let share = last.map_or(0.0, |phase| phase.done as f64 / phase.total.max(1) as f64);
            if share >= KILL_AT || progress.verdict.is_some() {
                say(&format!(
                    "  SIGKILL to worker {} with {:.0} % of phase 6 done",
                    victim.id().unwrap_or(0),
                    share * 100.0
                ));
                break;
            }
        }
        // Nothing to do when it is gone already.
        let _ = victim.kill().await;
        let first = run::wait_for(&self.engine, backfill, true).await?;
        let nightly = self.nightly(place).await?;
        let second = run::wait_for(&self.engine, nightly, true).await?;
        let seconds = started.elapsed().as_secs_f64();
        stop(&mut survivor).await;
        let verdict = if first == Verdict::Succeeded {
            second
        } else {
            first
        };
        Ok(Killed {
            verdict,
            seconds,
            digest: self.digest().await?,
        })
    }

    async fn digest(&self) -> Result<Digest, Error> {
        let mut db = ReadTx::lazy(&self.engine.pools.load);
        let digest = store::digest::digest(&mut db, None, None).await?;
        db.close().await?;
        Ok(digest)
    }
}

/// Lets a worker drain: it sees the end of its standard input.
async fn stop(worker: &mut Child) {
    drop(worker.stdin.take());
    if tokio::time::timeout(Duration::from_secs(30), worker.wait())
        .await
        .is_err()
    {
        let _ = worker.kill().await;
    }
}

/// The most memory that a process had, in MiB, where the system tells.
pub(super) fn peak_mib(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

/// A line for people, beside the output.
fn say(line: &str) {
    use std::io::Write;
    // A closed standard error is no reason to stop.
    let _ = writeln!(std::io::stderr(), "{line}");
}
