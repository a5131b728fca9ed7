//! A world for each test: a database made from a migrated template, a random prefix of all Redis
//! keys, an engine with a clock of 2016, and workers. All of it is gone with the value, also when
//! the test panics.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sha2::Digest as _;
use sigmabatch::clock::Clock;
use sigmabatch::domain::{
    Calendar, Lot, Portfolio, PortfolioId, RunId, Symbol, TradingDate, Trigger,
};
use sigmabatch::engine::{
    self, Dates, Engine, Housekeeping, Planned, Request, Selection, WorkerOptions,
};
use sigmabatch::import::lines::Extent;
use sigmabatch::import::{factors_toml, flows_csv, marks_csv, portfolio_csv, scenarios_toml};
use sigmabatch::intake;
use sigmabatch::market_data::Provider;
use sigmabatch::process;
use sigmabatch::store::digest::Digest;
use sigmabatch::store::inputs::{self, Changed};
use sigmabatch::store::{self, ReadTx, Settings, WriteTx, definitions, portfolios};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, Executor, PgConnection, PgPool};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::market;

/// Of every worker here: short, so that a dead one is noticed soon.
pub(crate) const LEASE: Duration = Duration::from_secs(2);
/// No condition that a test waits for takes as long, unless something is broken.
const PATIENCE: Duration = Duration::from_secs(90);
/// After the close of the last session of 2016.
const NOW: &str = "2016-12-30T23:00:00Z";
/// Databases of tests that were killed are recognised by it.
const NAME: &str = "sigmabatch_it";
const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const HEADER: &str = "Symbol,Quantity,Entry Price Per Share,Entry Date,Investment Class,Investment Subtype,\
    Underlying Symbol,Strike Price,Expiration Date,Option Type,Exit Date,Exit Price Per Share";

/// Where the servers of a world are.
#[derive(Clone)]
pub(crate) struct Servers {
    /// A database that is always there.
    pub(crate) database_url: String,
    pub(crate) redis_url: String,
}

impl Servers {
    /// Those that `make test` or `sigmabatch services` has started for all tests.
    fn given() -> Self {
        let setting = |name| {
            let remedy = "run `make test`, or `sigmabatch services -- cargo test`";
            std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: {remedy}"))
        };
        Self {
            database_url: setting("DATABASE_URL"),
            redis_url: setting("REDIS_URL"),
        }
    }
}

/// Everything that a test needs, and nothing that another one sees.
pub(crate) struct World {
    /// Plans and starts runs; has no worker.
    pub(crate) engine: Engine,
    /// For the questions of the test itself.
    pub(crate) db: PgPool,
    servers: Servers,
    now: DateTime<Utc>,
    market: String,
    provider: Arc<Provider>,
    settings: Settings,
    prefix: String,
    database: String,
    stop: CancellationToken,
    workers: Mutex<Vec<JoinHandle<()>>>,
}

impl World {
    /// On the small synthetic market, at the end of 2016.
    pub(crate) async fn new() -> Self {
        Self::at(NOW, market::small()).await
    }

    /// On the shipped prices, at the end of 2016.
    pub(crate) async fn shipped() -> Self {
        Self::at(NOW, &shipped("market")).await
    }

    /// On the shipped prices, at another instant.
    pub(crate) async fn shipped_at(now: &str) -> Self {
        Self::at(now, &shipped("market")).await
    }

    /// At an instant, with the prices of a folder.
    pub(crate) async fn at(now: &str, market: &Path) -> Self {
        Self::on(Servers::given(), now, market).await
    }

    /// The same on other servers.
    pub(crate) async fn on(servers: Servers, now: &str, market: &Path) -> Self {
        Self::of(servers, now, format!("files:{}", market.display())).await
    }

    /// At an instant, with a folder's prices behind its script.
    pub(crate) async fn scripted(now: &str, market: &market::Folder) -> Self {
        let market = format!("script:{}", market.path().display());
        Self::of(Servers::given(), now, market).await
    }

    async fn of(servers: Servers, now: &str, market: String) -> Self {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let mut admin = admin(&servers).await;
        let template = template(&servers, &mut admin).await;
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let database = format!("{NAME}_{}_{number}", std::process::id());
        run(
            &mut admin,
            &format!("drop database if exists {database} with (force)"),
        )
        .await;
        run(
            &mut admin,
            &format!("create database {database} template {template}"),
        )
        .await;

        let settings = settings(&servers, &database, "it-engine");
        let options = PgConnectOptions::from_str(&settings.url).unwrap();
        let db = PgPoolOptions::new()
            .max_connections(2)
            .connect_lazy_with(options.application_name("it-test"));
        // Each installation has its own identity, as in life.
        sqlx::query("update install set id = $1")
            .bind(&random()[..8])
            .execute(&db)
            .await
            .unwrap();
        let prefix = format!("it-{}", random());
        let now: DateTime<Utc> = now.parse().unwrap();
        let clock = Clock::starting_at(now);
        let engine = process::connect(&settings, &servers.redis_url, &prefix, clock)
            .await
            .unwrap();
        let provider = provider(&market);
        Self {
            engine,
            db,
            servers,
            now,
            market,
            provider,
            settings,
            prefix,
            database,
            stop: CancellationToken::new(),
            workers: Mutex::new(Vec::new()),
        }
    }

    /// Another process that plans, with connections of its own and a clock of its own.
    pub(crate) async fn another_engine(&self, now: &str) -> Engine {
        let clock = Clock::starting_at(now.parse().unwrap());
        process::connect(&self.settings, &self.servers.redis_url, &self.prefix, clock)
            .await
            .unwrap()
    }

    /// Imports a book of rows like `AAA,100,12.5,2016-12-19,PUBLIC`; what follows may be left out.
    pub(crate) async fn book(
        &self,
        name: &str,
        equity: &str,
        inception: &str,
        rows: &[&str],
    ) -> PortfolioId {
        let columns = HEADER.matches(',').count();
        let mut csv = HEADER.to_owned();
        for row in rows {
            let missing = columns - row.matches(',').count();
            csv.push('\n');
            csv.push_str(row);
            csv.push_str(&",".repeat(missing));
        }
        if rows.is_empty() {
            csv.clear();
        }
        self.import(name, equity, inception, csv.as_bytes()).await
    }

    /// Imports one of the shipped books, `diversified` with its flows.
    pub(crate) async fn shipped_book(&self, name: &str) -> PortfolioId {
        let equity = match name {
            "diversified" => "1000000",
            "long_short" => "500000",
            "testscotty" => "250000",
            other => panic!("no book {other}"),
        };
        let csv = std::fs::read(shipped(&format!("portfolios/{name}.csv"))).unwrap();
        let id = self.import(name, equity, "2016-01-04", &csv).await;
        if name == "diversified" {
            let flows = shipped("portfolios/diversified_flows.csv");
            self.flows(id, "2016-01-04", &std::fs::read(flows).unwrap())
                .await;
        }
        id
    }

    /// A book from a file.
    pub(crate) async fn import(
        &self,
        name: &str,
        equity: &str,
        inception: &str,
        csv: &[u8],
    ) -> PortfolioId {
        let portfolio = Portfolio {
            id: PortfolioId::of("it", name),
            name: name.to_owned(),
            owner: "it".to_owned(),
            currency: "USD".to_owned(),
            opening_equity: equity.parse().unwrap(),
            inception: day(inception),
        };
        let context = portfolio_csv::Context {
            portfolio: portfolio.id,
            inception: portfolio.inception,
            today: self.now.date_naive(),
        };
        let lots = match csv {
            // A file has rows; a book without any is cash.
            [] => Vec::new(),
            csv => portfolio_csv::parse(csv, &context).unwrap(),
        };
        let mut tx = WriteTx::begin(&self.engine.pools.control).await.unwrap();
        portfolios::insert(&mut tx, &portfolio).await.unwrap();
        portfolios::insert_lots(&mut tx, portfolio.id, &with_expiries(&lots))
            .await
            .unwrap();
        let change = (Changed::Book(portfolio.id), portfolio.inception);
        inputs::changed(&mut tx, &[change], "test").await.unwrap();
        tx.commit().await.unwrap();
        portfolio.id
    }

    /// Imports flows: Date, Type, Amount, Symbol.
    pub(crate) async fn flows(&self, portfolio: PortfolioId, inception: &str, csv: &[u8]) {
        let context = flows_csv::Context {
            inception: day(inception),
            today: self.now.date_naive(),
            with_dividends: &std::collections::BTreeSet::new(),
            extent: Extent::Addition,
        };
        let flows = flows_csv::parse(csv, &context).unwrap();
        let mut tx = WriteTx::begin(&self.engine.pools.control).await.unwrap();
        let dates = portfolios::insert_flows(&mut tx, portfolio, &flows)
            .await
            .unwrap();
        let first = dates.into_iter().min().unwrap();
        inputs::changed(&mut tx, &[(Changed::Book(portfolio), first)], "test")
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// Imports marks of one private asset: date and price.
    pub(crate) async fn marks(&self, portfolio: PortfolioId, symbol: &str, marks: &[(&str, &str)]) {
        let mut csv = "Symbol,Date,Price".to_owned();
        for (date, price) in marks {
            write!(csv, "\n{symbol},{date},{price}").unwrap();
        }
        let private = [(symbol.parse::<Symbol>().unwrap(), Decimal::ONE)].into();
        let context = marks_csv::Context {
            today: self.now.date_naive(),
            private: &private,
            extent: Extent::Addition,
        };
        let marks: Vec<_> = marks_csv::parse(csv.as_bytes(), &context)
            .unwrap()
            .into_iter()
            .map(|mark| (mark.symbol, mark.date, mark.price))
            .collect();
        let mut tx = WriteTx::begin(&self.engine.pools.control).await.unwrap();
        let dates = portfolios::upsert_marks(&mut tx, portfolio, &marks)
            .await
            .unwrap();
        let first = dates.into_iter().min().unwrap();
        inputs::changed(&mut tx, &[(Changed::Book(portfolio), first)], "test")
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// Imports weights of a benchmark: `as_of`, sector, weight.
    pub(crate) async fn benchmark(
        &self,
        name: &str,
        csv: &str,
    ) -> Result<intake::BenchmarkReceipt, intake::Error> {
        let order = intake::BenchmarkOrder {
            file: "weights.csv".into(),
            name: name.to_owned(),
            who: intake::Who {
                who: "it".to_owned(),
                reason: "test".to_owned(),
            },
        };
        let clock = Clock::starting_at(self.now);
        intake::benchmark(&self.engine.pools, &clock, &order, csv.as_bytes()).await
    }

    /// Options of a worker of this world, to be changed at will.
    pub(crate) fn options(&self) -> WorkerOptions {
        WorkerOptions {
            store: Settings {
                application: "it-worker".to_owned(),
                ..self.settings.clone()
            },
            provider: Arc::clone(&self.provider),
            lease: LEASE,
            max_crashes: 3,
            concurrency: 8,
            batch: engine::MAX_BATCH,
            grace: Duration::from_secs(10),
            housekeeping: Housekeeping::default(),
            host: "it".to_owned(),
            failpoint: None,
            probe: None,
        }
    }

    /// Starts a worker inside this process, with connections of its own.
    pub(crate) async fn worker(&self) {
        self.worker_with(self.options()).await;
    }

    /// Starts a worker inside this process.
    pub(crate) async fn worker_with(&self, options: WorkerOptions) {
        self.worker_by(options, &self.servers.redis_url).await;
    }

    /// Starts a worker inside this process that reaches Redis another way.
    pub(crate) async fn worker_by(&self, options: WorkerOptions, redis_url: &str) {
        let clock = Clock::starting_at(self.now);
        let engine = process::connect(&options.store, redis_url, &self.prefix, clock)
            .await
            .unwrap();
        let stop = self.stop.child_token();
        let worker = tokio::spawn(async move {
            Box::pin(engine::run_worker(engine, options, stop))
                .await
                .unwrap();
        });
        self.workers.lock().unwrap().push(worker);
    }

    /// Starts `sigmabatch-worker` as a process of its own.
    pub(crate) fn worker_process(&self, arguments: &[&str]) -> Process {
        let mut command = self.program("sigmabatch-worker");
        command.args(arguments);
        // Deaths and lost leases are loud; whoever looks for something sets the level.
        if std::env::var_os("SIGMABATCH_LOG").is_none() {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        Process::start(&mut command)
    }

    /// One of the programs, with this world as its environment.
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(binary(name));
        command
            .env("DATABASE_URL", &self.settings.url)
            .env("REDIS_URL", &self.servers.redis_url)
            .env("MARKET_DATA", &self.market)
            .env("SIGMABATCH_PREFIX", &self.prefix)
            .env("SIGMABATCH_NOW", self.now.to_rfc3339())
            .env("SIGMABATCH_LEASE_SECONDS", LEASE.as_secs().to_string())
            .env("SIGMABATCH_CONCURRENCY", "4")
            .env_remove("SIGMABATCH_FAILPOINT")
            .stdin(Stdio::null());
        command
    }

    /// Runs `sigmabatch` as a process of its own, with `--json`: its exit code and its document.
    pub(crate) async fn command(&self, arguments: &[&str]) -> (i32, serde_json::Value) {
        let output = tokio::process::Command::from(self.program("sigmabatch"))
            .args(arguments)
            .arg("--json")
            .env("USER", "it")
            .output();
        let output = output.await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let document = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text:?} {errors:?}"));
        (output.status.code().unwrap(), document)
    }

    /// Runs `sigmabatch` as a process of its own: its exit code and all that it prints.
    pub(crate) async fn page(&self, arguments: &[&str]) -> (i32, String) {
        let output = tokio::process::Command::from(self.program("sigmabatch"))
            .args(arguments)
            .env("USER", "it")
            .output();
        let output = output.await.unwrap();
        let mut text = String::from_utf8(output.stdout).unwrap();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        (output.status.code().unwrap(), text)
    }

    /// Plans, opens the first phases, and publishes them.
    pub(crate) async fn begin(&self, request: &Request) -> Planned {
        let planned = engine::plan(&self.engine, request).await.unwrap();
        engine::start(&self.engine, planned.run).await;
        planned
    }

    /// Plans a run and waits for its end, which must be a success.
    pub(crate) async fn run(&self, request: &Request) -> Planned {
        let planned = self.begin(request).await;
        assert_eq!(
            self.verdict(planned.run).await,
            "succeeded",
            "{}",
            self.troubles().await
        );
        planned
    }

    /// Waits for the verdict of a run.
    pub(crate) async fn verdict(&self, run: RunId) -> String {
        self.verdict_within(PATIENCE, run).await
    }

    /// The same for a run that takes longer.
    pub(crate) async fn verdict_within(&self, limit: Duration, run: RunId) -> String {
        let ended = within(limit, async || {
            sqlx::query_scalar::<_, Option<String>>("select verdict from run where id = $1")
                .bind(run.0)
                .fetch_one(&self.db)
                .await
                .unwrap()
        });
        match ended.await {
            Some(verdict) => verdict,
            None => panic!("run {run} does not end: {}", self.troubles().await),
        }
    }

    /// What a run that went wrong has to say.
    pub(crate) async fn troubles(&self) -> String {
        let tasks: Vec<(String, String, String, i64)> = sqlx::query_as(
            "select phase, state, coalesce(min(error), ''), count(*) from task
             group by phase, state order by min(id)",
        )
        .fetch_all(&self.db)
        .await
        .unwrap();
        let outcomes: Vec<(String, NaiveDate, serde_json::Value)> = sqlx::query_as(
            "select p.name, as_of, reasons from completeness join portfolios p on p.id = portfolio_id
             where not strict",
        )
        .fetch_all(&self.db)
        .await
        .unwrap();
        format!("tasks {tasks:?}; not strict: {outcomes:?}")
    }

    /// One number for all results.
    pub(crate) async fn digest(&self) -> Digest {
        let mut db = ReadTx::lazy(&self.engine.pools.load);
        let digest = store::digest::digest(&mut db, None, None).await.unwrap();
        db.close().await.unwrap();
        digest
    }

    /// Its database.
    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    /// Where its servers are.
    pub(crate) fn servers(&self) -> &Servers {
        &self.servers
    }

    /// Its database.
    pub(crate) fn database_url(&self) -> &str {
        &self.settings.url
    }

    /// The prices of this world.
    pub(crate) fn provider(&self) -> &Provider {
        &self.provider
    }

    /// A number.
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.db).await.unwrap()
    }

    /// Rows, each as text.
    pub(crate) async fn texts(&self, sql: &'static str) -> Vec<String> {
        sqlx::query_scalar(sql).fetch_all(&self.db).await.unwrap()
    }

    /// What Redis says to a command, an error included.
    pub(crate) async fn redis_says(&self, words: &[&str]) -> redis::Value {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        let said: redis::RedisResult<_> = command.query_async(&mut self.redis().await).await;
        said.unwrap_or_else(|error| redis::Value::SimpleString(error.to_string()))
    }

    /// A connection for commands that no worker would send.
    pub(crate) async fn redis(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.servers.redis_url.as_str()).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }
}

impl Drop for World {
    /// Stops the workers and removes what the world had. In a thread, for no future can be awaited
    /// here; the workers go on meanwhile on the runtime's threads.
    fn drop(&mut self) {
        self.stop.cancel();
        let workers = std::mem::take(&mut *self.workers.lock().unwrap());
        let queue = self.engine.queue.clone();
        let (servers, database) = (self.servers.clone(), self.database.clone());
        let keep = std::env::var_os("SIGMABATCH_KEEP").is_some();
        let cleaning = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                // A blocking read ends when its stream goes away.
                let _ = queue.wipe().await;
                let _ = within(Duration::from_secs(5), async || {
                    let _ = queue.wipe().await;
                    workers.iter().all(JoinHandle::is_finished).then_some(())
                })
                .await;
                let _ = queue.wipe().await;
                if !keep {
                    let drop = format!("drop database if exists {database} with (force)");
                    run(&mut admin(&servers).await, &drop).await;
                }
            });
        });
        let cleaned = cleaning.join().is_ok();
        assert!(
            cleaned || std::thread::panicking(),
            "cleaning up after the test failed"
        );
    }
}

/// A worker process; killed with the value.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts a program.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self {
            child: command.spawn().unwrap(),
        }
    }

    /// What it prints, where that is piped; once.
    pub(crate) fn stdout(&mut self) -> std::process::ChildStdout {
        self.child.stdout.take().expect("its output is piped")
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(self.pid(), signal).unwrap();
    }

    /// How it ended, if it has.
    pub(crate) fn try_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        eventually(async || self.try_ended())
            .await
            .expect("the worker ends")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request as the command line makes it.
pub(crate) fn request(dates: Dates) -> Request {
    Request {
        trigger: Trigger::Cli,
        portfolios: Selection::All,
        dates,
        lane: None,
        force: false,
        principal: "it".to_owned(),
        idempotency_key: None,
    }
}

/// One session.
pub(crate) fn on(date: &str) -> Dates {
    Dates::On(day(date))
}

/// Sessions from the first to the last.
pub(crate) fn range(from: &str, to: &str) -> Dates {
    Dates::Range(day(from), day(to))
}

/// A date.
pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// An amount.
pub(crate) fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// A file or folder of `data/`.
pub(crate) fn shipped(path: &str) -> PathBuf {
    Path::new(ROOT).join("data").join(path)
}

/// The one place in which time passes: asks until there is an answer, for at most ninety seconds.
/// Nothing tells a test that a row has changed, so it looks, fifty times a second.
pub(crate) async fn eventually<T>(ask: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    within(PATIENCE, ask).await
}

/// The same with another limit.
pub(crate) async fn within<T>(
    limit: Duration,
    mut ask: impl AsyncFnMut() -> Option<T>,
) -> Option<T> {
    let deadline = tokio::time::Instant::now() + limit;
    loop {
        if let Some(answer) = ask().await {
            return Some(answer);
        }
        if tokio::time::Instant::now() > deadline {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Text that no other test has.
pub(crate) fn random() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

fn with_expiries(lots: &[Lot]) -> Vec<(Lot, Option<TradingDate>)> {
    let calendar = Calendar::nyse();
    let expiry = |lot: &Lot| {
        lot.option
            .as_ref()
            .map(|terms| calendar.on_or_before(terms.expiry).unwrap())
    };
    lots.iter().map(|lot| (lot.clone(), expiry(lot))).collect()
}

/// Beside the test's own program: another package's binary has no variable.
pub(crate) fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    let binary = folder.join(name);
    let path = binary.display();
    assert!(
        binary.exists(),
        "{path} is not there: run `cargo build --workspace` first"
    );
    binary
}

/// One provider for each folder, so that a folder is parsed once and not by every test.
fn provider(spec: &str) -> Arc<Provider> {
    static OPEN: Mutex<Vec<(String, Arc<Provider>)>> = Mutex::new(Vec::new());
    let mut open = OPEN.lock().unwrap();
    if let Some((_, provider)) = open.iter().find(|(known, _)| known == spec) {
        return Arc::clone(provider);
    }
    let provider = Arc::new(Provider::open(spec).unwrap());
    open.push((spec.to_owned(), Arc::clone(&provider)));
    provider
}

fn settings(servers: &Servers, database: &str, application: &str) -> Settings {
    let url = &servers.database_url;
    let (address, parameters) = match url.split_once('?') {
        Some((address, parameters)) => (address, format!("?{parameters}")),
        None => (url.as_str(), String::new()),
    };
    let server = match address.rsplit_once('/') {
        Some((server, _)) if server.contains("//") && !server.ends_with('/') => server,
        _ => address,
    };
    Settings {
        url: format!("{server}/{database}{parameters}"),
        application: application.to_owned(),
        acquire_timeout: Duration::from_mins(2),
        statement_timeout: Duration::from_mins(1),
        connections: store::Connections::default(),
    }
}

async fn admin(servers: &Servers) -> PgConnection {
    PgConnection::connect(&servers.database_url)
        .await
        .expect("Postgres answers")
}

async fn run(connection: &mut PgConnection, sql: &str) {
    connection
        .execute(sqlx::AssertSqlSafe(sql.to_owned()))
        .await
        .unwrap();
}

/// A migrated database with the shipped definitions, named by what it holds: made once, and used by
/// later test runs on the same server, too.
async fn template(servers: &Servers, admin: &mut PgConnection) -> String {
    let mut files: Vec<PathBuf> = std::fs::read_dir(Path::new(ROOT).join("migrations"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.extend([shipped("factors.toml"), shipped("scenarios.toml")]);
    let mut hash = sha2::Sha256::new();
    for file in &files {
        hash.update(std::fs::read(file).unwrap());
    }
    let hash = format!("{:x}", hash.finalize())[..12].to_owned();
    let name = format!("{NAME}_template_{hash}");
    run(admin, "select pg_advisory_lock(7369676)").await;
    let known: bool =
        sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(&name)
            .fetch_one(&mut *admin)
            .await
            .unwrap();
    if !known {
        let raw = format!("{name}_raw");
        run(
            admin,
            &format!("drop database if exists {raw} with (force)"),
        )
        .await;
        run(admin, &format!("create database {raw}")).await;
        let pools = store::connect(&settings(servers, &raw, "it-template"))
            .await
            .unwrap();
        store::migrate(&pools).await.unwrap();
        let factors = std::fs::read_to_string(shipped("factors.toml")).unwrap();
        let factors = factors_toml::parse(&factors).unwrap();
        let scenarios = std::fs::read_to_string(shipped("scenarios.toml")).unwrap();
        let scenarios = scenarios_toml::parse(&scenarios, &factors).unwrap();
        let mut tx = WriteTx::begin(&pools.control).await.unwrap();
        definitions::replace_factors(&mut tx, &factors)
            .await
            .unwrap();
        definitions::replace_scenarios(&mut tx, &scenarios)
            .await
            .unwrap();
        inputs::changed(
            &mut tx,
            &[(Changed::Definitions, day("1990-01-01"))],
            "test",
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        pools.close().await;
        run(admin, &format!("alter database {raw} rename to {name}")).await;
    }
    run(admin, "select pg_advisory_unlock(7369676)").await;
    name
}
