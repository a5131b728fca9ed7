//! Whether Postgres is as the program needs it: version, schema, indexes, sequences, connections, time.

mod indexes;

use std::collections::{BTreeMap, BTreeSet};

use super::connect::MIGRATIONS;
use super::{Attempt, Pools, Result};
use chrono::{DateTime, Utc};

/// The server, and who is connected to it.
#[derive(Debug, Clone)]
pub struct Server {
    /// `15.13`
    pub version: String,
    /// 150013
    pub version_number: i32,
    /// Its clock.
    pub now: DateTime<Utc>,
    /// Connections that it accepts from ordinary users.
    pub connections: i64,
    /// Those that are not a worker's.
    pub others: i64,
}

/// Looks at the server; needs no schema. `worker` is the name that workers give themselves.
pub async fn server(pools: &Pools, worker: &str) -> Result<Server> {
    sqlx::query_as!(
        Server,
        r#"select current_setting('server_version') as "version!",
                  current_setting('server_version_num')::integer as "version_number!",
                  clock_timestamp() as "now!",
                  current_setting('max_connections')::bigint
                      - current_setting('superuser_reserved_connections')::bigint
                      - coalesce(current_setting('reserved_connections', true), '0')::bigint as "connections!",
                  (select count(*) from pg_stat_activity
                   where backend_type = 'client backend' and application_name is distinct from $1) as "others!""#,
        worker
    )
    .fetch_one(&pools.control)
    .await
    .attempt("looking at the server")
}

/// Migrations of this program against those of the database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Migrations {
    /// The newest of this program.
    pub newest: i64,
    /// Not applied yet.
    pub pending: Vec<i64>,
    /// Applied by a newer program.
    pub unknown: Vec<i64>,
    /// Applied in another form than this program has them.
    pub changed: Vec<i64>,
    /// Broke off in the middle.
    pub dirty: Option<i64>,
}

impl Migrations {
    /// Whether the schema is that of this program.
    pub fn up_to_date(&self) -> bool {
        self.pending.is_empty()
            && self.unknown.is_empty()
            && self.changed.is_empty()
            && self.dirty.is_none()
    }
}

/// Compares the migrations.
pub async fn migrations(pools: &Pools) -> Result<Migrations> {
    let table =
        sqlx::query_scalar!(r#"select to_regclass('_sqlx_migrations') is not null as "there!""#)
            .fetch_one(&pools.control)
            .await
            .attempt("looking for the schema")?;
    let mut migrations = Migrations::default();
    let mut applied = BTreeMap::new();
    if table {
        // The driver's own table is not in the database that queries are checked against.
        let rows: Vec<(i64, Vec<u8>, bool)> =
            sqlx::query_as("select version, checksum, success from _sqlx_migrations")
                .fetch_all(&pools.control)
                .await
                .attempt("reading the migrations")?;
        for (version, checksum, success) in rows {
            if !success {
                migrations.dirty = Some(version);
            }
            applied.insert(version, checksum);
        }
    }
    for migration in MIGRATIONS.iter() {
        migrations.newest = migrations.newest.max(migration.version);
        match applied.remove(&migration.version) {
            None => migrations.pending.push(migration.version),
            Some(checksum) if checksum != *migration.checksum => {
                migrations.changed.push(migration.version);
            }
            Some(_) => {}
        }
    }
    migrations.unknown = applied.into_keys().collect();
    Ok(migrations)
}

/// Indexes that the migrations make and the database lacks, or has in an invalid form.
pub async fn lacking_indexes(pools: &Pools) -> Result<Vec<String>> {
    let rows = sqlx::query!(
        r#"select c.relname as "name!", t.relname as "table!", i.indisvalid and i.indisready as "valid!"
           from pg_index i
           join pg_class c on c.oid = i.indexrelid
           join pg_class t on t.oid = i.indrelid
           where t.relnamespace = current_schema()::regnamespace"#
    )
    .fetch_all(&pools.control)
    .await
    .attempt("reading the indexes")?;
    let there: BTreeMap<(String, String), bool> = rows
        .into_iter()
        .map(|row| ((row.table, row.name), row.valid))
        .collect();
    let required = required_indexes();
    Ok(required
        .into_iter()
        .filter_map(|(table, name)| {
            let text = format!("{name} on {table}");
            match there.get(&(table, name)) {
                Some(true) => None,
                Some(false) => Some(format!("{text} (invalid)")),
                None => Some(text),
            }
        })
        .collect())
}

/// Table and name of every index that the migrations make.
pub fn required_indexes() -> BTreeSet<(String, String)> {
    indexes::of(MIGRATIONS.iter().map(|migration| migration.sql.as_str()))
}

/// The sequence of a column that numbers itself.
#[derive(Debug, Clone)]
pub struct Sequence {
    /// `table.column`
    pub column: String,
    /// The largest number in the column; 0 where there is none.
    pub largest: i64,
    /// The last number that the sequence gave; `None` where it gave none or is gone.
    pub last: Option<i64>,
}

/// Sequences against the columns that they number: after a restore one may be behind.
pub async fn sequences(pools: &Pools) -> Result<Vec<Sequence>> {
    sqlx::query_as!(
        Sequence,
        r#"select s.name as "column!", coalesce(s.largest, 0) as "largest!",
                  pg_sequence_last_value(pg_get_serial_sequence(split_part(s.name, '.', 1), split_part(s.name, '.', 2))) as last
           from (select 'run.run_seq' as name, max(run_seq) as largest from run
                 union all select 'task.id', max(id) from task
                 union all select 'event.id', max(id) from event
                 union all select 'audit.id', max(id) from audit
                 union all select 'alert.id', max(id) from alert) s"#
    )
    .fetch_all(&pools.control)
    .await
    .attempt("reading the sequences")
}
