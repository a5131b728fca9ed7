//! The two transactions of a task: a short read before computing, a short write after it.

use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::pool::Lease;
use super::{Attempt, Error, Link, Pool, Result};

/// A read-only snapshot, opened when first used, that knows which version of the inputs it shows.
#[derive(Debug)]
pub struct ReadTx<'c> {
    source: Source<'c>,
    version: Option<i64>,
    limit: Option<i64>,
    opened: Option<Instant>,
}

#[derive(Debug)]
enum Source<'c> {
    Pool(&'c Pool),
    Open(Open),
    Within(&'c mut Link),
}

/// A connection with an open read transaction. Dropped, it ends behind whoever drops it, and the connection goes back: a request that is
/// refused costs no connection. What was in the middle of an exchange is closed.
#[derive(Debug)]
struct Open(Option<Lease>);

impl Open {
    fn link(&mut self) -> Result<&mut Lease> {
        self.0.as_mut().ok_or_else(|| Error::Row {
            table: "transaction",
            problem: "closed".into(),
        })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Some(mut lease) = self.0.take().filter(|lease| lease.answers()) else {
            return;
        };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                // It is closed instead.
                if let Err(error) = lease.end("rollback").await {
                    tracing::debug!(%error, "a read transaction was not closed");
                }
            });
        }
    }
}

impl<'c> ReadTx<'c> {
    /// A snapshot that begins with the first statement.
    pub fn lazy(pool: &'c Pool) -> Self {
        Self {
            source: Source::Pool(pool),
            version: None,
            limit: None,
            opened: None,
        }
    }

    /// Reads inside a transaction that somebody else began.
    pub fn within(link: &'c mut Link) -> Self {
        Self {
            source: Source::Within(link),
            version: None,
            limit: None,
            opened: None,
        }
    }

    pub(in crate::store) async fn connection(&mut self) -> Result<&mut Link> {
        if let Source::Pool(pool) = self.source {
            let attempt = "opening a read transaction";
            let mut lease = pool.acquire().await.attempt(attempt)?;
            let begin = "begin isolation level repeatable read read only";
            lease.begin(begin).await.attempt(attempt)?;
            self.opened = Some(Instant::now());
            self.source = Source::Open(Open(Some(lease)));
        }
        match &mut self.source {
            Source::Open(open) => Ok(&mut *open.link()?),
            Source::Within(link) => Ok(link),
            Source::Pool(_) => Err(Error::Row {
                table: "transaction",
                problem: "never opened".into(),
            }),
        }
    }

    /// The version of the inputs that this snapshot shows.
    pub async fn data_version(&mut self) -> Result<i64> {
        if let Some(version) = self.version {
            return Ok(version);
        }
        let connection = self.connection().await?;
        let version = sqlx::query_scalar!("select version from data_version")
            .fetch_one(connection)
            .await
            .attempt("reading the data version")?;
        self.version = Some(version);
        Ok(version)
    }

    /// Begins anew to remember what is read, for another task: its results do not rest on what others read.
    pub fn next_task(&mut self) {
        self.limit = None;
    }

    /// Says that what was read rests on older inputs: results must not claim to be newer than that.
    pub fn rests_on(&mut self, version: i64) {
        self.limit = Some(self.limit.map_or(version, |limit| limit.min(version)));
    }

    /// The version that results computed from this snapshot may claim.
    pub async fn claimable_version(&mut self) -> Result<i64> {
        let version = self.data_version().await?;
        Ok(self.limit.map_or(version, |limit| limit.min(version)))
    }

    /// Gives the connection back; says how long the transaction was open.
    pub async fn close(self) -> Result<Duration> {
        if let Source::Open(mut open) = self.source
            && let Some(mut lease) = open.0.take()
        {
            let end = lease.end("commit").await;
            end.attempt("closing a read transaction")?;
        }
        Ok(self
            .opened
            .map(|opened| opened.elapsed())
            .unwrap_or_default())
    }

    /// The same for somebody who has read all that is needed: the connection goes back when the server has agreed, and nobody waits.
    pub fn close_behind(self) {
        drop(self);
    }
}

/// The transaction that completes tasks and writes their results. Dropped, it is undone: its connection
/// is closed.
#[derive(Debug)]
pub struct WriteTx {
    lease: Lease,
    waited: Duration,
    opened: Instant,
}

impl WriteTx {
    /// Begins.
    pub async fn begin(pool: &Pool) -> Result<Self> {
        let attempt = "opening a write transaction";
        let asked = Instant::now();
        let mut lease = pool.acquire().await.attempt(attempt)?;
        let opened = Instant::now();
        lease.begin("begin").await.attempt(attempt)?;
        Ok(Self {
            lease,
            waited: opened - asked,
            opened,
        })
    }

    /// A connection for one statement that is a transaction by itself: it is committed with its answer.
    pub async fn alone(pool: &Pool) -> Result<Self> {
        let asked = Instant::now();
        let lease = pool
            .acquire()
            .await
            .attempt("opening a write transaction")?;
        let opened = Instant::now();
        Ok(Self {
            lease,
            waited: opened - asked,
            opened,
        })
    }

    /// How long a connection was waited for, and since when it is held.
    pub fn times(&self) -> (Duration, Instant) {
        (self.waited, self.opened)
    }

    pub(in crate::store) fn connection(&mut self) -> &mut Link {
        &mut self.lease
    }

    /// A reader inside this transaction: it sees what was written so far.
    pub fn reader(&mut self) -> ReadTx<'_> {
        ReadTx::within(&mut self.lease)
    }

    /// Makes everything visible at once.
    pub async fn commit(mut self) -> Result<()> {
        if self.lease.is_clean() {
            // It was alone, and is committed.
            return Ok(());
        }
        self.lease.end("commit").await.attempt("committing")
    }

    /// Undoes everything.
    pub async fn rollback(mut self) -> Result<()> {
        self.lease.end("rollback").await.attempt("rolling back")
    }
}
