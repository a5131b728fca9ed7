//! A database of its own for each test.

use std::time::Duration;

use sigmabatch::store::{self, Pools, Settings};
use sqlx::Connection as _;

/// A fresh database with the schema and the default definitions; its name.
pub(crate) async fn database() -> (Pools, String) {
    let url = std::env::var("DATABASE_URL")
        .expect("set DATABASE_URL: run the tests with `make test`, which starts a Postgres");
    let name = format!("it_{}", uuid::Uuid::new_v4().simple());
    let mut admin = sqlx::PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("create database {name}")))
        .execute(&mut admin)
        .await
        .unwrap();
    let (server, _) = url.rsplit_once('/').unwrap();
    let settings = Settings {
        url: format!("{server}/{name}"),
        application: "it".into(),
        acquire_timeout: Duration::from_secs(10),
        statement_timeout: Duration::from_secs(10),
        connections: store::Connections::default(),
    };
    let pools = store::connect(&settings).await.unwrap();
    store::migrate(&pools).await.unwrap();
    sigmabatch::cli::import::seed_defaults(&pools)
        .await
        .unwrap();
    (pools, name)
}

/// Runs statements of a test.
pub(crate) async fn sql(pools: &Pools, text: &str) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(text.to_owned()))
        .execute(&pools.commit)
        .await
        .unwrap();
}

/// One number.
pub(crate) async fn number(pools: &Pools, text: &str) -> i64 {
    sqlx::query_scalar(sqlx::AssertSqlSafe(text.to_owned()))
        .fetch_one(&pools.commit)
        .await
        .unwrap()
}

/// One text.
pub(crate) async fn text(pools: &Pools, text: &str) -> String {
    sqlx::query_scalar(sqlx::AssertSqlSafe(text.to_owned()))
        .fetch_one(&pools.commit)
        .await
        .unwrap()
}
