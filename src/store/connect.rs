//! Connections: few, each with a purpose, all with limits that a frozen process cannot outlive.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, PgConnection};

use super::{Attempt, Error, Result};
use crate::domain::InstallId;

/// The schema, in order.
static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// A worker frozen between fence and COMMIT would hold its row locks for ever without this.
const IDLE_IN_TRANSACTION_SECONDS: u32 = 5;
const LOCK_TIMEOUT_SECONDS: u32 = 5;
const TCP_USER_TIMEOUT_SECONDS: u32 = 15;

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
    pub control: PgPool,
    /// Short read transactions before computing.
    pub load: PgPool,
    /// Short write transactions after it.
    pub commit: PgPool,
}

impl Pools {
    /// Connections in use: control, load, commit.
    pub fn in_use(&self) -> [u32; 3] {
        [&self.control, &self.load, &self.commit].map(|pool| {
            pool.size()
                .saturating_sub(u32::try_from(pool.num_idle()).unwrap_or(0))
        })
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
            ("timezone", "UTC".to_owned()),
            // The plans of our statements are cheap and short; compiling them is not.
            ("jit", "off".to_owned()),
        ])
        .disable_statement_logging())
}

/// Opens the pools: 1 control, 1 load and 2 commit connections, made when first needed.
pub async fn connect(settings: &Settings) -> Result<Pools> {
    let options = options(settings)?;
    let pool = |connections: u32| {
        PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(settings.acquire_timeout)
            .test_before_acquire(false)
            .connect_lazy_with(options.clone())
    };
    let pools = Pools {
        control: pool(1),
        load: pool(1),
        commit: pool(2),
    };
    sqlx::query_scalar!("select 1 as \"one!\"")
        .fetch_one(&pools.control)
        .await
        .attempt("connecting")?;
    Ok(pools)
}

/// A connection outside the pools.
pub type Connection = PgConnection;

/// One connection of its own, for a heartbeat that must never wait for a pool.
pub async fn connect_one(settings: &Settings) -> Result<Connection> {
    options(settings)?.connect().await.attempt("connecting")
}

/// Brings the schema up to date.
pub async fn migrate(pools: &Pools) -> Result<()> {
    let mut connection = pools.control.acquire().await.attempt("connecting")?;
    MIGRATIONS
        .run(&mut *connection)
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
    use super::redact;

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
