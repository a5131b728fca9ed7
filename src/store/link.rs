//! A connection whose every statement has a limit.
//!
//! A link can be dead without anybody saying so: the other side, or a box in between, takes our bytes
//! and never answers. Postgres gives such a session up by its own timeouts; this is our half. A link
//! that broke, or whose answer somebody did not wait for, is not used again.

use std::io;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use sqlx::postgres::{PgDatabaseError, PgSeverity, PgTypeInfo};
use sqlx::{Database, Describe, Either, Execute, Executor, PgConnection, Postgres, SqlStr};

type Row = <Postgres as Database>::Row;
type Done = <Postgres as Database>::QueryResult;
type Statement = <Postgres as Database>::Statement;

/// One session with Postgres.
#[derive(Debug)]
pub struct Link {
    connection: PgConnection,
    /// Longest wait for the answer to one statement.
    limit: Duration,
    /// An answer is owed, or there will be none: the session is of no use any more.
    broken: bool,
    /// A transaction is.
    open: bool,
}

impl Link {
    pub(super) fn new(connection: PgConnection, limit: Duration) -> Self {
        Self {
            connection,
            limit,
            broken: false,
            open: false,
        }
    }

    /// The longest wait from now on.
    pub(super) fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// Whether somebody else may have it.
    pub(super) fn is_clean(&self) -> bool {
        !self.broken && !self.open
    }

    /// Whether it can be spoken to: nothing is owed, and it is not dead.
    pub(super) fn answers(&self) -> bool {
        !self.broken
    }

    /// Begins a transaction with this statement. Until [`Link::end`] the link is nobody else's.
    pub(super) async fn begin(&mut self, statement: &'static str) -> sqlx::Result<()> {
        self.execute(statement).await?;
        self.open = true;
        Ok(())
    }

    /// Ends a transaction with this statement.
    pub(super) async fn end(&mut self, statement: &'static str) -> sqlx::Result<()> {
        self.execute(statement).await?;
        self.open = false;
        Ok(())
    }

    /// Asks for a sign of life.
    pub(super) async fn ping(&mut self) -> sqlx::Result<()> {
        self.bounded(sqlx::Connection::ping).await
    }

    /// Without limits, for the migrations.
    pub(super) fn unbounded(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Runs one exchange. Dropped in the middle, it leaves the link broken.
    async fn bounded<'c, T, F>(
        &'c mut self,
        exchange: impl FnOnce(&'c mut PgConnection) -> F,
    ) -> sqlx::Result<T>
    where
        F: Future<Output = sqlx::Result<T>>,
    {
        if std::mem::replace(&mut self.broken, true) {
            return Err(sqlx::Error::Io(io::ErrorKind::NotConnected.into()));
        }
        let answer = tokio::time::timeout(self.limit, exchange(&mut self.connection)).await;
        let answer = answer.unwrap_or_else(|_elapsed| Err(silence(self.limit)));
        self.broken = answer.as_ref().is_err_and(ends_the_session);
        answer
    }
}

/// Says that nothing was said.
pub(super) fn silence(limit: Duration) -> sqlx::Error {
    let text = format!("no answer within {} ms", limit.as_millis());
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, text))
}

fn ends_the_session(error: &sqlx::Error) -> bool {
    match error {
        // Postgres refused the statement; a fatal refusal is its last word.
        sqlx::Error::Database(error) => error
            .try_downcast_ref::<PgDatabaseError>()
            .is_none_or(|error| matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic)),
        sqlx::Error::RowNotFound | sqlx::Error::Encode(_) => false,
        _ => true,
    }
}

impl<'c> Executor<'c> for &'c mut Link {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, sqlx::Result<Either<Done, Row>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let all = self.bounded(|connection| connection.fetch_many(query).try_collect::<Vec<_>>());
        stream::once(all)
            .map_ok(|steps| stream::iter(steps.into_iter().map(Ok)))
            .try_flatten()
            .boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<Row>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(self.bounded(|connection| connection.fetch_optional(query)))
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, sqlx::Result<Statement>>
    where
        'c: 'e,
    {
        Box::pin(self.bounded(move |connection| connection.prepare_with(sql, parameters)))
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<Describe<Postgres>>>
    where
        'c: 'e,
    {
        Box::pin(self.bounded(|connection| connection.describe(sql)))
    }
}
