//! What can go wrong while servers are started, kept and stopped: each names what to do about it.

use std::path::PathBuf;
use std::process::ExitStatus;

/// Why the private services could not be started or stopped, with what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A server is not installed.
    #[error(
        "found no {program} on this machine; install it with one of\n  \
         apt-get install {apt}\n  dnf install {dnf}\n  brew install {brew}\n\
         or set DATABASE_URL and REDIS_URL to servers of your own"
    )]
    Missing {
        /// What was looked for.
        program: &'static str,
        /// Its package in Debian and Ubuntu.
        apt: &'static str,
        /// Its package in Fedora and its relatives.
        dnf: &'static str,
        /// Its formula in Homebrew.
        brew: &'static str,
    },
    /// Root may not run Postgres, and there is nobody else to run it.
    #[error(
        "running as root, and found neither a user postgres nor a user nobody to run the servers; \
         add one with: useradd --system postgres"
    )]
    NoAccount,
    /// The user of the servers cannot work in the data folder.
    #[error(
        "user {user} cannot enter {folder} and write there; \
         choose another data folder, for example below /var/tmp"
    )]
    NotEnterable {
        /// The user whom the servers run as.
        user: String,
        /// The folder that was asked for.
        folder: PathBuf,
    },
    /// None of the places for temporary folders can be used.
    #[error(
        "user {user} can create a folder in none of {tried:?}; \
         set TMPDIR to a folder that this user can enter, or pass a data folder"
    )]
    NoPlace {
        /// The user whom the servers run as.
        user: String,
        /// The folders that were tried.
        tried: Vec<PathBuf>,
    },
    /// The folder holds other things, which must not be mixed with a database.
    #[error(
        "{folder} has files that are not of these services ({found}); \
         choose an empty folder, or one that an earlier start made"
    )]
    NotOurs {
        /// The folder that was asked for.
        folder: PathBuf,
        /// The first foreign entry.
        found: String,
    },
    /// Another start is using the folder at the moment.
    #[error("{folder} is in use by other running services; stop them, or choose another folder")]
    InUse {
        /// The folder that was asked for.
        folder: PathBuf,
    },
    /// A program ended before it had done its work.
    #[error("{program} ended early ({status}); it wrote:\n{log}")]
    Exited {
        /// The program: `initdb`, `postgres` or `redis-server`.
        program: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// The last lines of its log.
        log: String,
    },
    /// A server runs but does not answer.
    #[error("{program} did not answer within {seconds} s; it wrote:\n{log}")]
    Silent {
        /// The program: `postgres` or `redis-server`.
        program: &'static str,
        /// How long it was waited for.
        seconds: u64,
        /// The last lines of its log.
        log: String,
    },
    /// A server would not end, even when killed.
    #[error(
        "{program} with process id {pid} did not end within {seconds} s; end it with: kill -9 {pid}"
    )]
    Unstoppable {
        /// The program: `postgres` or `redis-server`.
        program: &'static str,
        /// Its process id.
        pid: u32,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The operating system refused something.
    #[error("could not {attempt}")]
    System {
        /// What was attempted, with its object.
        attempt: String,
        /// The answer of the operating system.
        source: std::io::Error,
    },
}

impl Error {
    /// For `map_err`: wraps the answer of the operating system, saying what was attempted.
    pub(super) fn system<E: Into<std::io::Error>>(
        attempt: impl Into<String>,
    ) -> impl FnOnce(E) -> Self {
        let attempt = attempt.into();
        move |source| Self::System {
            attempt,
            source: source.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_server_is_named_with_the_commands_that_install_it() {
        let error = Error::Missing {
            program: "redis-server",
            apt: "redis-server",
            dnf: "redis",
            brew: "redis",
        };

        let message = error.to_string();

        for command in [
            "apt-get install redis-server",
            "dnf install redis",
            "brew install redis",
        ] {
            assert!(message.contains(command), "{message}");
        }
    }
}
