//! A few connections that a process shares.
//!
//! Not the driver's pool, for three reasons that an outage shows. It asks a connection that comes back
//! whether it lives, without a limit: on a dead link the place is taken for ever, and each of ours
//! has one or two. It pauses up to a fifth of the acquire timeout between two tries to connect, 24
//! seconds by default: twice a lease's worth of idling after Postgres is back. And that question
//! costs each statement a round trip more.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use sqlx::postgres::{PgConnectOptions, PgTypeInfo};
use sqlx::{
    ConnectOptions, Database, Describe, Either, Execute, Executor, PgConnection, Postgres, SqlStr,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tokio::time::Instant;

use super::link::{Link, silence};

type Row = <Postgres as Database>::Row;
type Done = <Postgres as Database>::QueryResult;
type Statement = <Postgres as Database>::Statement;

/// A server that takes longer to greet is not there.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// First and longest pause between two tries to connect.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// A connection that nobody used for so long is asked whether it lives…
const ASK_AFTER: Duration = Duration::from_secs(5);
/// …and has so long to say so.
const ALIVE_LIMIT: Duration = Duration::from_secs(2);

/// Longest waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// For a connection: for one that others have, or for the server to be there.
    pub(super) acquire: Duration,
    /// For the answer to one statement outside of a transaction.
    pub(super) answer: Duration,
    /// For the answer to one statement inside of one.
    pub(super) within: Duration,
}

/// Connections for one purpose; a clone is the same pool.
#[derive(Debug, Clone)]
pub struct Pool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: PgConnectOptions,
    limits: Limits,
    size: usize,
    places: Arc<Semaphore>,
    idle: Mutex<Vec<Idle>>,
    /// How often a connection was asked for, and how long they were waited for together, in microseconds.
    taken: AtomicU64,
    waited_us: AtomicU64,
}

#[derive(Debug)]
struct Idle {
    link: Link,
    since: Instant,
}

impl Pool {
    pub(super) fn new(options: PgConnectOptions, size: usize, limits: Limits) -> Self {
        Self(Arc::new(Inner {
            options,
            limits,
            size,
            places: Arc::new(Semaphore::new(size)),
            idle: Mutex::default(),
            taken: AtomicU64::new(0),
            waited_us: AtomicU64::new(0),
        }))
    }

    /// Connections in use.
    pub fn in_use(&self) -> usize {
        self.0
            .size
            .saturating_sub(self.0.places.available_permits())
    }

    /// How many there may be.
    pub fn size(&self) -> usize {
        self.0.size
    }

    /// How often somebody took a connection, and how long they waited for others to give one back, together.
    pub fn waits(&self) -> (u64, Duration) {
        let waited = self.0.waited_us.load(Ordering::Relaxed);
        let taken = self.0.taken.load(Ordering::Relaxed);
        (taken, Duration::from_micros(waited))
    }

    /// Waits until every connection has come back, and closes them. What asks later fails.
    pub async fn close(&self) {
        let all = u32::try_from(self.0.size).unwrap_or(u32::MAX);
        // An error means that it is closed already.
        let _all = self.0.places.acquire_many(all).await;
        self.0.places.close();
        self.0.idle().clear();
    }

    /// Takes a connection; waits for one within the limit.
    pub(super) async fn acquire(&self) -> sqlx::Result<Lease> {
        let until = Instant::now() + self.0.limits.acquire;
        let place = match Arc::clone(&self.0.places).try_acquire_owned() {
            Ok(place) => place,
            Err(TryAcquireError::Closed) => return Err(sqlx::Error::PoolClosed),
            Err(TryAcquireError::NoPermits) => self.wait(until).await?,
        };
        self.0.taken.fetch_add(1, Ordering::Relaxed);
        let link = match self.0.take_idle().await {
            Some(link) => link,
            None => Link::new(connect(&self.0.options, until).await?, self.0.limits.within),
        };
        Ok(Lease {
            link: Some(link),
            pool: Arc::clone(&self.0),
            _place: place,
        })
    }

    /// Waits for a place that somebody else has.
    async fn wait(&self, until: Instant) -> sqlx::Result<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.0.places).acquire_owned();
        let place = tokio::time::timeout_at(until, place)
            .await
            .map_err(|_elapsed| sqlx::Error::PoolTimedOut)?
            .map_err(|_closed| sqlx::Error::PoolClosed)?;
        let left = until.saturating_duration_since(Instant::now());
        let waited = self.0.limits.acquire.saturating_sub(left).as_micros();
        let waited = u64::try_from(waited).unwrap_or(u64::MAX);
        self.0.waited_us.fetch_add(waited, Ordering::Relaxed);
        Ok(place)
    }

    /// Takes a connection for one statement.
    async fn acquire_shortly(&self) -> sqlx::Result<Lease> {
        let mut lease = self.acquire().await?;
        lease.set_limit(self.0.limits.answer);
        Ok(lease)
    }
}

impl Inner {
    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        // Every change is one push or pop: what a panic leaves behind is sound.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that was used last, unless it died meanwhile.
    async fn take_idle(&self) -> Option<Link> {
        loop {
            let Idle { mut link, since } = self.idle().pop()?;
            if since.elapsed() > ASK_AFTER {
                link.set_limit(ALIVE_LIMIT);
                if let Err(error) = link.ping().await {
                    tracing::debug!(%error, "an idle connection was dead");
                    continue;
                }
            }
            link.set_limit(self.limits.within);
            return Some(link);
        }
    }
}

/// Connects; waits for a server that is not there yet, or not any more.
async fn connect(options: &PgConnectOptions, until: Instant) -> sqlx::Result<PgConnection> {
    let mut pause = PAUSE.0;
    loop {
        let error = match tokio::time::timeout(CONNECT_LIMIT, options.connect()).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => error,
            Err(_elapsed) => silence(CONNECT_LIMIT),
        };
        if !passes(&error) || Instant::now() + pause > until {
            return Err(error);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}

/// Whether the next try may succeed.
fn passes(error: &sqlx::Error) -> bool {
    use std::io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, TimedOut, UnexpectedEof,
    };
    match error {
        sqlx::Error::Io(error) => matches!(
            error.kind(),
            ConnectionAborted | ConnectionRefused | ConnectionReset | TimedOut | UnexpectedEof
        ),
        // The line broke while the two were still introducing themselves.
        sqlx::Error::Protocol(_) => true,
        // Too many connections, going down, going down after a crash, starting up.
        sqlx::Error::Database(error) => matches!(
            error.code().as_deref(),
            Some("53300" | "57P01" | "57P02" | "57P03")
        ),
        _ => false,
    }
}

/// A connection in somebody's hands. It goes back with the value, if it is clean.
#[derive(Debug)]
pub(super) struct Lease {
    /// Always there until the drop.
    link: Option<Link>,
    pool: Arc<Inner>,
    _place: OwnedSemaphorePermit,
}

const THERE: &str = "a lease has its link until it is dropped";

impl Deref for Lease {
    type Target = Link;

    fn deref(&self) -> &Link {
        self.link.as_ref().expect(THERE)
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Link {
        self.link.as_mut().expect(THERE)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // One that is not clean is closed by its own drop; the server then undoes what was open.
        if let Some(link) = self.link.take_if(|link| link.is_clean())
            && !self.pool.places.is_closed()
        {
            let since = Instant::now();
            self.pool.idle().push(Idle { link, since });
        }
    }
}

impl<'p> Executor<'p> for &'_ Pool {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, sqlx::Result<Either<Done, Row>>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let pool = self.clone();
        let all = async move {
            let mut lease = pool.acquire_shortly().await?;
            lease.fetch_many(query).try_collect::<Vec<_>>().await
        };
        stream::once(all)
            .map_ok(|steps| stream::iter(steps.into_iter().map(Ok)))
            .try_flatten()
            .boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<Row>>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let pool = self.clone();
        Box::pin(async move {
            let mut lease = pool.acquire_shortly().await?;
            lease.fetch_optional(query).await
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, sqlx::Result<Statement>>
    where
        'p: 'e,
    {
        let pool = self.clone();
        Box::pin(async move {
            let mut lease = pool.acquire_shortly().await?;
            lease.prepare_with(sql, parameters).await
        })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<Describe<Postgres>>>
    where
        'p: 'e,
    {
        let pool = self.clone();
        Box::pin(async move {
            let mut lease = pool.acquire_shortly().await?;
            lease.describe(sql).await
        })
    }
}
