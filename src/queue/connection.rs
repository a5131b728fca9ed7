//! Connections to Redis: a small pool for commands that answer at once, and one connection of its
//! own for the blocking read.

use std::time::Duration;

use deadpool_redis::{Manager, Pool, Runtime};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client};

use super::{Attempt, Error, GROUP, Keys, Reader, Result};
use crate::domain::InstallId;

/// Longer than any command of ours takes; a dead link shows within it.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A pooled connection says so fast that it lives: a dead line costs this for each of them.
const RECYCLE_TIMEOUT: Duration = Duration::from_millis(500);
/// Commands are pipelined: a few connections serve a worker.
const POOL_SIZE: usize = 4;
/// Of the entries, in the field `v`, and of the meta key.
pub(super) const ENTRY_VERSION: &str = "1";

/// Whether this is a URL of a Redis; nothing is asked of the server.
pub fn check_url(url: &str) -> Result<()> {
    Client::open(url).map(drop).map_err(Error::Url)
}

/// Redis, as we use it.
#[derive(Clone)]
pub struct Queue {
    redis: Option<(Pool, Client)>,
    pub(super) keys: Keys,
    pub(super) install: InstallId,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue")
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

impl Queue {
    /// Prepares connections without opening one: Redis may be away.
    pub fn open(url: &str, prefix: &str, install: InstallId) -> Result<Self> {
        let keys = Keys::new(prefix)?;
        let client = Client::open(url).map_err(Error::Url)?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let manager = Manager::new_with_config(url, config).map_err(Error::Url)?;
        let pool = Pool::builder(manager)
            .max_size(POOL_SIZE)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(RESPONSE_TIMEOUT))
            .create_timeout(Some(CONNECT_TIMEOUT))
            .recycle_timeout(Some(RECYCLE_TIMEOUT))
            .build()
            .map_err(|error| Error::Connect(Box::new(error)))?;
        Ok(Self {
            redis: Some((pool, client)),
            keys,
            install,
        })
    }

    /// For a process that does without Redis: every command is an error, and what it would publish is
    /// left to the steward.
    pub fn absent(install: InstallId) -> Result<Self> {
        let keys = Keys::new(super::DEFAULT_PREFIX)?;
        Ok(Self {
            redis: None,
            keys,
            install,
        })
    }

    /// The installation whose hints are ours.
    pub fn install(&self) -> &InstallId {
        &self.install
    }

    /// The key names.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    pub(super) async fn connection(&self) -> Result<deadpool_redis::Connection> {
        let (pool, _) = self.redis.as_ref().ok_or(Error::Absent)?;
        pool.get()
            .await
            .map_err(|error| Error::Connect(Box::new(error)))
    }

    /// Whether Redis answers.
    pub async fn ping(&self) -> Result<()> {
        let mut connection = self.connection().await?;
        redis::cmd("PING")
            .exec_async(&mut *connection)
            .await
            .attempt("pinging")
    }

    /// Makes sure that every stream has its group and the meta key stands; says whether the meta
    /// key was missing, which means that Redis was wiped.
    pub async fn ensure(&self) -> Result<bool> {
        let mut connection = self.connection().await?;
        let mut pipeline = redis::pipe();
        for (_, _, stream) in self.keys.streams() {
            pipeline
                .cmd("XGROUP")
                .arg("CREATE")
                .arg(stream)
                .arg(GROUP)
                .arg("0")
                .arg("MKSTREAM")
                .ignore();
        }
        pipeline.ignore_errors();
        let _: redis::Value = pipeline
            .query_async(&mut *connection)
            .await
            .attempt("creating the consumer groups")?;
        let made: bool = redis::cmd("HSETNX")
            .arg(self.keys.meta())
            .arg("install")
            .arg(&self.install.0)
            .query_async(&mut *connection)
            .await
            .attempt("writing the meta key")?;
        redis::cmd("HSET")
            .arg(self.keys.meta())
            .arg("schema")
            .arg(ENTRY_VERSION)
            .exec_async(&mut *connection)
            .await
            .attempt("writing the meta key")?;
        Ok(made)
    }

    /// Whether the meta key stands.
    pub async fn has_meta(&self) -> Result<bool> {
        let mut connection = self.connection().await?;
        redis::cmd("EXISTS")
            .arg(self.keys.meta())
            .query_async(&mut *connection)
            .await
            .attempt("looking for the meta key")
    }

    /// The installation that the meta key names: that of whoever made the streams. `None` where there is none.
    pub async fn owner(&self) -> Result<Option<String>> {
        let mut connection = self.connection().await?;
        redis::cmd("HGET")
            .arg(self.keys.meta())
            .arg("install")
            .query_async(&mut *connection)
            .await
            .attempt("reading the meta key")
    }

    /// A reader with a connection of its own. Its response timeout exceeds the block time: Redis
    /// would still hand an entry to us after we stopped listening, and nobody would work on it.
    pub async fn reader(&self, consumer: &str) -> Result<Reader> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(super::read::BLOCK + Duration::from_secs(2)));
        let (_, client) = self.redis.as_ref().ok_or(Error::Absent)?;
        let connection: MultiplexedConnection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .attempt("connecting a reader")?;
        Ok(Reader::new(
            connection,
            self.keys.clone(),
            self.install.clone(),
            consumer.to_owned(),
        ))
    }

    /// Removes every key of ours; for tests and for trying out a wiped Redis.
    pub async fn wipe(&self) -> Result<()> {
        let mut connection = self.connection().await?;
        let mut keys: Vec<String> = self
            .keys
            .streams()
            .into_iter()
            .map(|(_, _, key)| key)
            .collect();
        keys.extend([self.keys.dead(), self.keys.meta(), self.keys.rate("files")]);
        redis::cmd("DEL")
            .arg(keys)
            .exec_async(&mut *connection)
            .await
            .attempt("removing our keys")
    }
}
