//! Every SQL statement of the program, one function per statement, named after the intent.
//!
//! Functions take an executor, a [`ReadTx`] or a [`WriteTx`], so that the caller decides what
//! belongs together. Row types stay private; what leaves are nouns of the domain and small structs.

mod connect;
mod link;
mod pool;
mod tx;

pub mod alerts;
pub mod bench;
pub mod benchmarks;
pub mod control;
pub mod data_quality;
pub mod databases;
pub mod definitions;
pub mod digest;
pub mod events;
pub mod gates;
pub mod health;
pub mod housekeeping;
pub mod inputs;
pub mod market;
pub mod plans;
pub mod portfolio_results;
pub mod portfolios;
pub mod replay_paths;
pub mod reports;
pub mod result_sets;
pub mod runs;
pub mod schedule;
pub mod steward;
pub mod symbol_results;
pub mod tasks;
pub mod tasks_report;
pub mod tokens;
pub mod universe;
pub mod workers;

pub use connect::{
    Connections, Pools, Settings, check_url, connect, connect_one, install_id, migrate, redact,
};
pub use link::Link;
pub use pool::Pool;
pub use tx::{ReadTx, WriteTx};

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

/// What can go wrong between us and Postgres.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Postgres said no, or did not answer.
    #[error("postgres: {attempt}")]
    Database {
        /// What was attempted.
        attempt: &'static str,
        /// The cause.
        #[source]
        source: sqlx::Error,
    },
    /// The schema could not be brought up to date.
    #[error("migrating the schema")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// The database is not ours, or of another version.
    #[error("the schema is not up to date: run `sigmabatch migrate`")]
    NotMigrated,
    /// A URL that is none.
    #[error("DATABASE_URL is not a Postgres URL (postgres://user:password@host/database)")]
    Url(#[source] sqlx::Error),
    /// A row that our own checks should have made impossible.
    #[error("unexpected row in {table}: {problem}")]
    Row {
        /// Where it stands.
        table: &'static str,
        /// What is odd about it.
        problem: String,
    },
}

/// Result of a statement.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    fn sqlstate(&self) -> Option<String> {
        match self {
            Self::Database { source, .. } => source
                .as_database_error()
                .and_then(|error| error.code().map(Into::into)),
            _ => None,
        }
    }

    /// Whether the data is at fault (SQLSTATE class 22 or 23), so that trying again cannot help.
    pub fn is_data(&self) -> bool {
        self.sqlstate()
            .is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
    }

    /// Whether the same statements may succeed later: the server is away or short of something, the link
    /// broke, or another transaction stood in the way.
    pub fn may_pass(&self) -> bool {
        match self.sqlstate() {
            Some(code) => {
                self.is_conflict()
                    || ["08", "53", "57", "58", "25"]
                        .iter()
                        .any(|class| code.starts_with(class))
            }
            // No answer of the server at all.
            None => matches!(self, Self::Database { .. }),
        }
    }

    /// Whether another transaction stood in the way (serialisation, deadlock, a lock waited for too long):
    /// the same transaction, repeated, may succeed.
    pub fn is_conflict(&self) -> bool {
        matches!(
            self.sqlstate().as_deref(),
            Some("40001" | "40P01" | "55P03")
        )
    }

    /// Whether the link broke or Postgres is away: nobody's fault, and the same again may succeed.
    pub fn is_outage(&self) -> bool {
        let Self::Database { source, .. } = self else {
            return false;
        };
        match source {
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::PoolTimedOut => true,
            // Connections lost, refused or ended; a transaction that was idle too long; a server that
            // reads only, because another one has taken over or is about to.
            sqlx::Error::Database(error) => error.code().is_some_and(|code| {
                let known = ["57P01", "57P02", "57P03", "57P05", "25P03", "25006"];
                code.starts_with("08") || code.starts_with("53") || known.contains(&&*code)
            }),
            _ => false,
        }
    }

    /// Whether Postgres did not answer in time.
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Database { source: sqlx::Error::Io(error), .. }
            if error.kind() == std::io::ErrorKind::TimedOut)
    }

    /// Whether the server is there and has no such database.
    pub fn is_no_database(&self) -> bool {
        self.sqlstate().as_deref() == Some("3D000")
    }

    /// Whether a unique key was hit.
    pub fn is_unique_violation(&self) -> bool {
        self.sqlstate().as_deref() == Some("23505")
    }
}

/// First and longest pause before something is asked again of a Postgres that went away.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Asks, and asks again while the link breaks or Postgres is away, for at most `limit`. For what may be
/// done twice.
pub async fn patiently<T, F>(limit: Duration, mut ask: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let until = Instant::now() + limit;
    let mut pause = PAUSE.0;
    loop {
        match ask().await {
            Err(error) if error.is_outage() && Instant::now() + pause < until => {
                tracing::debug!(%error, "postgres is away");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE.1);
            }
            answer => return answer,
        }
    }
}

/// Attaches to a driver's error what was attempted.
trait Attempt<T> {
    fn attempt(self, attempt: &'static str) -> Result<T>;
}

impl<T> Attempt<T> for std::result::Result<T, sqlx::Error> {
    fn attempt(self, attempt: &'static str) -> Result<T> {
        self.map_err(|source| Error::Database { attempt, source })
    }
}

/// A JSON object of texts; what is no text is shown as JSON.
fn texts(object: &Value) -> BTreeMap<String, String> {
    let pairs = object.as_object().into_iter().flatten();
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    pairs
        .map(|(key, value)| (key.clone(), text(value)))
        .collect()
}

/// A word from a column that a check constraint guards.
fn word<T: std::str::FromStr<Err = E>, E: std::fmt::Display>(
    table: &'static str,
    text: &str,
) -> Result<T> {
    text.parse().map_err(|error: E| Error::Row {
        table,
        problem: error.to_string(),
    })
}
