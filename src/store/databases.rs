//! Databases beside ours, for demos and benchmarks that must not touch anybody's data.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::{Attempt, Error, Result};

/// Creates an empty database on the server of `url` and returns its URL. `name` is made of lower-case
/// letters, digits and underscores.
pub async fn create(url: &str, name: &str) -> Result<String> {
    execute(url, format!("create database {}", checked(name)?)).await?;
    beside(url, name)
}

/// Drops a database and ends its connections.
pub async fn remove(url: &str, name: &str) -> Result<()> {
    execute(
        url,
        format!("drop database if exists {} with (force)", checked(name)?),
    )
    .await
}

fn checked(name: &str) -> Result<&str> {
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.is_empty() && name.chars().all(fine) && !name.starts_with(|c: char| c.is_ascii_digit())
    {
        return Ok(name);
    }
    Err(Error::Row {
        table: "pg_database",
        problem: format!("\"{name}\" is no name for a database"),
    })
}

fn beside(url: &str, name: &str) -> Result<String> {
    let options = PgConnectOptions::from_str(url).map_err(Error::Url)?;
    Ok(options.database(name).to_url_lossy().to_string())
}

async fn execute(url: &str, statement: String) -> Result<()> {
    // To drop a database takes its time, and nobody can make it faster: no warning.
    let options = PgConnectOptions::from_str(url)
        .map_err(Error::Url)?
        .disable_statement_logging();
    let mut connection = options.connect().await.attempt("connecting")?;
    sqlx::query(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .attempt("creating or dropping a database")?;
    connection.close().await.attempt("disconnecting")
}
