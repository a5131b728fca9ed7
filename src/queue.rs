//! Every Redis command and key name of the program.
//!
//! Streams carry hints; nothing here is needed for results to be right. Each function may fail at
//! any moment without losing anything: the steward rebuilds streams from Postgres.

mod bench;
mod connection;
mod explain;
mod health;
mod keys;
mod publish;
mod rate;
mod read;
mod survey;
mod turns;

pub use bench::Bare;
pub use connection::{Queue, check_url};
pub use explain::explain;
pub use health::Health;
pub use keys::{DEFAULT_PREFIX, GROUP, Keys};
pub use read::{Entry, EntryId, Read, Reader, Says, Wanted};
pub use survey::{Found, StreamState, Survey};

/// What can go wrong between us and Redis.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A URL that is none.
    #[error("REDIS_URL is not a Redis URL (redis://:password@host:port/0)")]
    Url(#[source] redis::RedisError),
    /// A prefix that would break the key scheme.
    #[error("the key prefix \"{0}\" has a character outside a-z 0-9 - _")]
    Prefix(String),
    /// Redis said no, or did not answer.
    #[error("redis: {attempt}")]
    Command {
        /// What was attempted.
        attempt: &'static str,
        /// The cause.
        #[source]
        source: redis::RedisError,
    },
    /// This process was not told where Redis is.
    #[error("redis: not used by this process")]
    Absent,
    /// No connection.
    #[error("redis: connecting")]
    Connect(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Result of a command.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Whether a stream or its group is gone (deleted, flushed, or never made).
    pub fn is_missing_group(&self) -> bool {
        match self {
            Self::Command { source, .. } => {
                matches!(source.code(), Some("NOGROUP" | "UNBLOCKED"))
            }
            _ => false,
        }
    }
}

trait Attempt<T> {
    fn attempt(self, attempt: &'static str) -> Result<T>;
}

impl<T> Attempt<T> for std::result::Result<T, redis::RedisError> {
    fn attempt(self, attempt: &'static str) -> Result<T> {
        self.map_err(|source| Error::Command { attempt, source })
    }
}
