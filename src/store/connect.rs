//! Connections: few, each with a purpose, all with limits that a frozen process cannot outlive.

use std::str::FromStr;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

use super::link::silence;
use super::pool::Limits;
use super::{Attempt, Error, Link, Pool, Result};
use crate::domain::InstallId;

/// The schema, in order.
pub(super) static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// A worker frozen between fence and COMMIT would hold its row locks for ever without this.
const IDLE_IN_TRANSACTION_SECONDS: u32 = 5;
const LOCK_TIMEOUT_SECONDS: u32 = 5;
const TCP_USER_TIMEOUT_SECONDS: u32 = 15;
/// Before the first question whether an idle client lives, and between the next ones.
const KEEPALIVE_SECONDS: (u32, u32) = (30, 5);
/// What a worker asks is answered in milliseconds. After so long the link is dead, whatever it says;
/// planning and imports may wait longer for a statement.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);

/// How to reach Postgres.
#[derive(Clone)]
pub struct Settings {
    /// `postgres://…`
    pub url: String,
    /// Shown in `pg_stat_activity`.
    pub application: String,
    /// How long to wait for a connection before a visible, retryable error.
    pub acquire_timeout: Duration,
    /// How long one statement may take.
    pub statement_timeout: Duration,
    /// How many connections there may be.
    pub connections: Connections,
}

/// The sizes of the pools of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Of [`Pools::control`].
    pub control: usize,
    /// Of [`Pools::load`].
    pub load: usize,
    /// Of [`Pools::commit`].
    pub commit: usize,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            control: 1,
            load: 1,
            commit: 2,
        }
    }
}

impl std::fmt::Debug for Settings {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("url", &redact(&self.url))
            .field("application", &self.application)
            .finish_non_exhaustive()
    }
}

/// The pools of a process, one for each purpose, so that none can starve another.
#[derive(Debug, Clone)]
pub struct Pools {
    /// Planning, claims, the steward, the CLI.
    pub control: Pool,
    /// Short read transactions before computing.
    pub load: Pool,
    /// Short write transactions after it.
    pub commit: Pool,
}

impl Pools {
    /// Connections in use: control, load, commit.
    pub fn in_use(&self) -> [usize; 3] {
        [&self.control, &self.load, &self.commit].map(Pool::in_use)
    }

    /// Connections that there may be: control, load, commit.
    pub fn sizes(&self) -> [usize; 3] {
        [&self.control, &self.load, &self.commit].map(Pool::size)
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.control.close().await;
        self.load.close().await;
        self.commit.close().await;
    }
}

fn options(settings: &Settings) -> Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(&settings.url).map_err(Error::Url)?;
    let statement_ms = settings.statement_timeout.as_millis();
    Ok(options
        .application_name(&settings.application)
        .options([
            ("statement_timeout", format!("{statement_ms}ms")),
            ("lock_timeout", format!("{LOCK_TIMEOUT_SECONDS}s")),
            (
                "idle_in_transaction_session_timeout",
                format!("{IDLE_IN_TRANSACTION_SECONDS}s"),
            ),
            ("tcp_user_timeout", format!("{TCP_USER_TIMEOUT_SECONDS}s")),
            // The server's half of the same: it asks an idle session whether its client lives.
            ("tcp_keepalives_idle", KEEPALIVE_SECONDS.0.to_string()),
            ("tcp_keepalives_interval", KEEPALIVE_SECONDS.1.to_string()),
            ("tcp_keepalives_count", "3".to_owned()),
            ("timezone", "UTC".to_owned()),
            // The plans of our statements are cheap and short; compiling them is not.
            ("jit", "off".to_owned()),
        ])
        .disable_statement_logging())
}

/// Whether this is a URL of a Postgres; nothing is asked of the server.
pub fn check_url(url: &str) -> Result<()> {
    // The driver takes any scheme.
    let known = ["postgres://", "postgresql://"];
    if !known.iter().any(|scheme| url.starts_with(scheme)) {
        let problem = "the URL does not begin with postgres://".into();
        return Err(Error::Url(sqlx::Error::Configuration(problem)));
    }
    PgConnectOptions::from_str(url).map_err(Error::Url)?;
    Ok(())
}

/// Opens the pools, whose connections are made when first needed.
pub async fn connect(settings: &Settings) -> Result<Pools> {
    let options = options(settings)?;
    // A little more than Postgres gives itself, so that its own word comes first where there is one.
    let patient = settings.statement_timeout + Duration::from_secs(1);
    let short = patient.min(ANSWER_LIMIT);
    // Statements of a commit are few and always the same: to plan them anew for the very number of rows
    // costs more than it saves.
    let planned_once = options
        .clone()
        .options([("plan_cache_mode", "force_generic_plan")]);
    let pool = |options: &PgConnectOptions, size, within| {
        let limits = Limits {
            acquire: settings.acquire_timeout,
            answer: short,
            within,
        };
        Pool::new(options.clone(), size, limits)
    };
    let pools = Pools {
        control: pool(&options, settings.connections.control, patient),
        load: pool(&options, settings.connections.load, short),
        commit: pool(&planned_once, settings.connections.commit, short),
    };
    sqlx::query_scalar!("select 1 as \"one!\"")
        .fetch_one(&pools.control)
        .await
        .attempt("connecting")?;
    Ok(pools)
}

/// One connection of its own, for a heartbeat that must never wait for a pool. `limit` holds for
/// connecting and for every answer.
pub async fn connect_one(settings: &Settings, limit: Duration) -> Result<Link> {
    let connected = tokio::time::timeout(limit, options(settings)?.connect()).await;
    let connection = connected.unwrap_or_else(|_elapsed| Err(silence(limit)));
    Ok(Link::new(connection.attempt("connecting")?, limit))
}

/// Brings the schema up to date.
pub async fn migrate(pools: &Pools) -> Result<()> {
    let mut connection = pools.control.acquire().await.attempt("connecting")?;
    MIGRATIONS
        .run(connection.unbounded())
        .await
        .map_err(Error::Migrate)
}

/// The identity of this installation; [`Error::NotMigrated`] where there is none yet.
pub async fn install_id(pools: &Pools) -> Result<InstallId> {
    let newest = MIGRATIONS
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0);
    let ready = sqlx::query_scalar!(r#"select to_regclass('install') is not null as "ready!""#)
        .fetch_one(&pools.control)
        .await
        .attempt("looking for the schema")?;
    if !ready {
        return Err(Error::NotMigrated);
    }
    let row = sqlx::query!("select id, schema_version from install")
        .fetch_one(&pools.control)
        .await
        .attempt("reading the install id")?;
    if row.schema_version != newest {
        return Err(Error::NotMigrated);
    }
    Ok(InstallId(row.id))
}

/// The URL with its passwords replaced: the one of the user, and the one of a parameter.
pub fn redact(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return "(no URL)".to_owned();
    };
    let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let place = match place.rsplit_once('@') {
        Some((user, host)) => {
            let name = user.split(':').next().unwrap_or("");
            let mask = if user.contains(':') { ":***" } else { "" };
            format!("{name}{mask}@{host}")
        }
        None => place.to_owned(),
    };
    let parameters: Vec<String> = parameters
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((key, _)) if key.contains("password") => format!("{key}=***"),
            _ => pair.to_owned(),
        })
        .collect();
    let mark = if rest.contains('?') { "?" } else { "" };
    format!("{scheme}://{place}{mark}{}", parameters.join("&"))
}

#[cfg(test)]
mod tests {
    use super::{check_url, redact};

    #[test]
    fn only_a_url_of_postgres_is_one() {
        for url in [
            "postgres://me:pw@host:5432/db",
            "postgresql://host/db?sslmode=disable",
        ] {
            assert!(check_url(url).is_ok(), "{url}");
        }
        for url in [
            "mysql://u:p@h/x",
            "notaurl:p@",
            "",
            "host=localhost",
            "postgres://h:port/x",
        ] {
            assert!(check_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn passwords_are_never_printed() {
        assert_eq!(
            redact("postgres://me:s3cr@t@host:5432/db"),
            "postgres://me:***@host:5432/db"
        );
        assert_eq!(redact("redis://:pw@host/0"), "redis://:***@host/0");
        assert_eq!(redact("redis://host/0"), "redis://host/0");
        assert_eq!(
            redact("postgres://me@host/db?sslmode=disable&password=s3c&application_name=a@b"),
            "postgres://me@host/db?sslmode=disable&password=***&application_name=a@b"
        );
        assert_eq!(redact("me:s3cret"), "(no URL)");
    }
}
