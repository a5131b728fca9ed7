//! A private Postgres and a private Redis, started from the binaries that are installed, for the demo, the tests and
//! for trying things out. They listen on free ports of 127.0.0.1 only and never touch servers that happen to be running.
//!
//! [`Services::start`] makes a fresh folder (or uses a named one), starts both, and returns when both answer.
//! [`Services::stop`] stops them and removes the folder; dropping the value does the same, so a panic leaves nothing
//! behind. Neither does SIGKILL: a watchdog, a small shell process, holds the other end of a pipe and does the same work
//! when the pipe closes. In fact it always does: there is one way to stop, and it is the one for the worst case.
//!
//! Started by root, the servers run as the user `postgres` (or `nobody`), in a folder that this user can enter.
//!
//! [`run`] wraps a command in all this: `sigmabatch services -- COMMAND…`.
//!
//! ```no_run
//! # async fn example() -> Result<(), sigmabatch::embedded::Error> {
//! use sigmabatch::embedded::{Options, Services};
//!
//! let services = Services::start(&Options::default()).await?;
//! println!("{} {}", services.database_url(), services.redis_url());
//! services.stop().await
//! # }
//! ```

mod account;
mod binaries;
mod command;
mod error;
mod folder;
mod port;
mod postgres;
mod redis;
mod server;
mod watchdog;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use account::Account;
use binaries::Binaries;
pub use command::{Given, run};
pub use error::Error;
use folder::Folder;
use nix::sys::signal::Signal;
use server::{POLL, Server};
use watchdog::Watchdog;

/// A server answers after some tenths of a second; after a crash it first reads its log.
const START_LIMIT: Duration = Duration::from_secs(30);

/// One try of speaking to a server. On the loopback interface, so a longer silence means that nothing will come.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// Each try takes another port; losing a race for a random port this often does not happen by chance.
const PORT_TRIES: usize = 5;

/// Before a server that found its port or its memory still taken by its predecessor is started again.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// How to start. The module reads no environment variables: what it needs of them comes in here.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder for all data, made if it does not exist and kept between starts; none: a fresh one, removed at the end.
    pub data_dir: Option<PathBuf>,
    /// Where fresh folders go (the value of `TMPDIR`); `/var/tmp` and `/tmp` are tried as well.
    pub temp_dir: Option<PathBuf>,
    /// Where to look for the servers first (the value of `PATH`); the usual places are looked at as well.
    pub path: Option<OsString>,
    /// Whether Postgres waits for the disk. Off, commits survive the death of every process, but not of the machine:
    /// enough for tests, and much faster.
    pub durable: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            data_dir: None,
            temp_dir: None,
            path: None,
            durable: true,
        }
    }
}

/// How Postgres is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Sessions end, a checkpoint is written.
    Fast,
    /// Everything ends at once, as in a crash: the next start recovers from the log.
    Immediate,
}

/// A running Postgres and Redis. They end with this value, whichever way that ends.
pub struct Services {
    binaries: Binaries,
    account: Account,
    folder: Folder,
    watchdog: Watchdog,
    durable: bool,
    password: String,
    postgres: Option<Server>,
    postgres_port: u16,
    redis: Option<Server>,
    redis_port: u16,
    stopped: bool,
}

impl Services {
    /// Starts both servers and returns when both answer, usually after one to two seconds.
    pub async fn start(options: &Options) -> Result<Self, Error> {
        let started = Instant::now();
        let binaries = Binaries::find(options.path.as_deref())?;
        let account = Account::choose()?;
        let kept = options
            .data_dir
            .as_deref()
            .map(|path| Folder::kept(&account, path))
            .transpose()?;
        let lock = kept.as_ref().map(Folder::lock).transpose()?.flatten();
        let mut watchdog = Watchdog::start(lock)?;
        let folder = match kept {
            Some(folder) => folder,
            None => Folder::temporary(&account, options.temp_dir.as_deref(), &mut watchdog)?,
        };
        // From here on, an early return or a cancelled future drops this value, which stops what has been started.
        let mut services = Self {
            binaries,
            account,
            folder,
            watchdog,
            durable: options.durable,
            password: String::new(),
            postgres: None,
            postgres_port: 0,
            redis: None,
            redis_port: 0,
            stopped: false,
        };
        services.password = services.folder.password(&services.account)?;
        // Redis loads while initdb works.
        services.redis_port = port::free()?;
        services.spawn_redis()?;
        let Self {
            binaries,
            account,
            folder,
            watchdog,
            ..
        } = &mut services;
        postgres::init(binaries, account, folder, watchdog, options.durable).await?;
        services.first_postgres().await?;
        services.first_redis().await?;
        tracing::info!(
            elapsed_ms = started.elapsed().as_millis(),
            folder = %services.folder.path().display(),
            "private postgres and redis started"
        );
        Ok(services)
    }

    /// Where Postgres is, with the password: `postgres://sigmabatch:…@127.0.0.1:…/sigmabatch`, a superuser.
    pub fn database_url(&self) -> String {
        let name = postgres::NAME;
        format!(
            "postgres://{name}:{}@127.0.0.1:{}/{name}",
            self.password, self.postgres_port
        )
    }

    /// Where Redis is: `redis://127.0.0.1:…/0`.
    pub fn redis_url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.redis_port)
    }

    /// The folder with the data and the logs of both servers.
    pub fn data_dir(&self) -> &Path {
        self.folder.path()
    }

    /// The process id of Postgres (of its postmaster), if it was started and has not been stopped through this value.
    pub fn postgres_pid(&self) -> Option<u32> {
        self.postgres.as_ref().map(Server::pid)
    }

    /// The process id of Redis, if it was started and has not been stopped through this value.
    pub fn redis_pid(&self) -> Option<u32> {
        self.redis.as_ref().map(Server::pid)
    }

    /// Stops Postgres alone and waits for its end.
    pub async fn stop_postgres(&mut self, mode: Stop) -> Result<(), Error> {
        if let Some(server) = &mut self.postgres {
            postgres::stop(server, mode).await?;
            self.postgres = None;
            self.watchdog.note("postgres");
        }
        Ok(())
    }

    /// Starts Postgres again on the same port and waits until it answers. Nothing happens if it is running.
    pub async fn start_postgres(&mut self) -> Result<(), Error> {
        if self
            .postgres
            .as_mut()
            .is_some_and(|server| server.ended().is_none())
        {
            return Ok(());
        }
        let deadline = Instant::now() + START_LIMIT;
        loop {
            self.spawn_postgres()?;
            match self.postgres_answers().await {
                Err(error) if is_taken(&error) && Instant::now() < deadline => {
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                answer => return answer,
            }
        }
    }

    /// Stops Redis alone and waits for its end; its append-only file is complete.
    pub async fn stop_redis(&mut self) -> Result<(), Error> {
        if let Some(server) = &mut self.redis {
            redis::stop(server).await?;
            self.redis = None;
            self.watchdog.note("redis");
        }
        Ok(())
    }

    /// Starts Redis again on the same port, with its data or (`empty`) without, and waits until it answers. Nothing
    /// happens if it is running.
    pub async fn start_redis(&mut self, empty: bool) -> Result<(), Error> {
        if self
            .redis
            .as_mut()
            .is_some_and(|server| server.ended().is_none())
        {
            return Ok(());
        }
        if empty {
            self.folder.remove("redis")?;
        }
        let deadline = Instant::now() + START_LIMIT;
        loop {
            self.spawn_redis()?;
            match self.redis_answers().await {
                Err(error) if is_taken(&error) && Instant::now() < deadline => {
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                answer => return answer,
            }
        }
    }

    /// Stops both, waits for their end and removes the folder if it was a fresh one.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.watchdog.release();
        let deadline = Instant::now() + watchdog::STOP_LIMIT;
        while !self.all_ended() && Instant::now() < deadline {
            tokio::time::sleep(POLL).await;
        }
        self.finish()
    }

    async fn first_postgres(&mut self) -> Result<(), Error> {
        for _ in 1..PORT_TRIES {
            self.postgres_port = port::free()?;
            self.spawn_postgres()?;
            match self.postgres_answers().await {
                Err(error) if is_taken(&error) => {
                    tracing::debug!(%error, "port was taken, trying another one");
                }
                answer => return answer,
            }
        }
        self.postgres_port = port::free()?;
        self.spawn_postgres()?;
        self.postgres_answers().await
    }

    /// Redis was started already.
    async fn first_redis(&mut self) -> Result<(), Error> {
        for _ in 1..PORT_TRIES {
            match self.redis_answers().await {
                Err(error) if is_taken(&error) => {
                    tracing::debug!(%error, "port was taken, trying another one");
                }
                answer => return answer,
            }
            self.redis_port = port::free()?;
            self.spawn_redis()?;
        }
        self.redis_answers().await
    }

    fn spawn_postgres(&mut self) -> Result<(), Error> {
        let Self {
            binaries,
            account,
            folder,
            watchdog,
            durable,
            postgres_port,
            ..
        } = self;
        self.postgres = Some(postgres::spawn(
            binaries,
            account,
            folder,
            watchdog,
            *postgres_port,
            *durable,
        )?);
        Ok(())
    }

    fn spawn_redis(&mut self) -> Result<(), Error> {
        let Self {
            binaries,
            account,
            folder,
            watchdog,
            redis_port,
            ..
        } = self;
        self.redis = Some(redis::spawn(
            binaries,
            account,
            folder,
            watchdog,
            *redis_port,
        )?);
        Ok(())
    }

    async fn postgres_answers(&mut self) -> Result<(), Error> {
        let Some(server) = &mut self.postgres else {
            return Ok(());
        };
        let deadline = Instant::now() + START_LIMIT;
        while !in_time(postgres::is_ready(
            &self.folder,
            server.pid(),
            self.postgres_port,
        ))
        .await
        {
            still_starting(server, deadline)?;
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    async fn redis_answers(&mut self) -> Result<(), Error> {
        let Some(server) = &mut self.redis else {
            return Ok(());
        };
        let deadline = Instant::now() + START_LIMIT;
        while !in_time(redis::is_ready(server.pid(), self.redis_port)).await {
            still_starting(server, deadline)?;
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Whether the watchdog has done its work. Looking also takes our children off the process table, without which the
    /// watchdog would wait for them.
    fn all_ended(&mut self) -> bool {
        for server in [&mut self.postgres, &mut self.redis].into_iter().flatten() {
            server.ended();
        }
        self.watchdog.has_ended()
    }

    /// After the watchdog: what it has left, because it was killed itself, is ended here.
    fn finish(&mut self) -> Result<(), Error> {
        self.stopped = true;
        for (server, signal) in [
            (&mut self.postgres, Signal::SIGQUIT),
            (&mut self.redis, Signal::SIGTERM),
        ] {
            if let Some(server) = server {
                server.end(signal);
            }
        }
        self.folder.clear()
    }
}

impl fmt::Debug for Services {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services")
            .field("folder", &self.folder.path())
            .field("postgres_port", &self.postgres_port)
            .field("redis_port", &self.redis_port)
            .finish_non_exhaustive()
    }
}

impl Drop for Services {
    /// Stops both servers. Blocks for some tenths of a second; [`Services::stop`] does not.
    fn drop(&mut self) {
        if self.stopped {
            return;
        }
        self.watchdog.release();
        let deadline = Instant::now() + watchdog::STOP_LIMIT;
        while !self.all_ended() && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
        if let Err(error) = self.finish() {
            tracing::warn!(%error, "could not clean up after the private services");
        }
    }
}

async fn in_time(ready: impl Future<Output = bool>) -> bool {
    tokio::time::timeout(ANSWER_LIMIT, ready)
        .await
        .unwrap_or(false)
}

/// Fails if the server has ended, or has had its time.
fn still_starting(server: &mut Server, deadline: Instant) -> Result<(), Error> {
    if let Some(status) = server.ended() {
        return Err(server.exited(status));
    }
    if Instant::now() >= deadline {
        return Err(server.silent(START_LIMIT));
    }
    Ok(())
}

/// Whether a server ended because its port, or the memory of a predecessor that was killed, is not free (yet).
fn is_taken(error: &Error) -> bool {
    matches!(error, Error::Exited { log, .. } if log.contains("already in use") || log.contains("still in use"))
}
