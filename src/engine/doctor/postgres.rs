//! Checks of Postgres.

use super::{Check, skew};
use crate::clock::Clock;
use crate::engine::worker::chain;
use crate::store::{self, Pools, health};

/// The oldest version that we test with.
const OLDEST: i32 = 140_000;
/// What workers call themselves.
const WORKER: &str = "sigmabatch-worker";
/// Connections of one worker: heartbeat, claims and steward, loads, two for commits.
const PER_WORKER: i64 = 5;

/// Version, clock, connections.
pub(super) async fn server(pools: &Pools) -> Vec<Check> {
    let clock = Clock::system();
    let before = clock.now();
    let server = match health::server(pools, WORKER).await {
        Ok(server) => server,
        Err(error) => {
            let remedy = "is Postgres running, and is DATABASE_URL right?";
            return vec![Check::fail("postgres", chain(&error), remedy)];
        }
    };
    let after = clock.now();
    let version = format!("version {}", server.version);
    let mut checks = vec![
        if server.version_number < OLDEST {
            Check::fail("postgres.version", version, "use version 14 or newer")
        } else {
            Check::ok("postgres.version", version)
        },
        skew("postgres.clock", before, server.now, after),
    ];
    // Before the first migration there is nobody to count.
    let living = store::workers::living(&pools.control).await.unwrap_or(0);
    checks.push(connections(living, server.others, server.connections));
    checks
}

/// The budget: five for each living worker, and what others have open.
fn connections(workers: i64, others: i64, limit: i64) -> Check {
    const NAME: &str = "postgres.connections";
    let wanted = PER_WORKER * workers + others;
    let says = format!(
        "{wanted} of {limit}: {PER_WORKER} for each of {workers} living workers, {others} of others"
    );
    let remedy = "raise max_connections, start fewer workers, or see in pg_stat_activity who else is connected";
    if wanted > limit {
        Check::fail(NAME, says, remedy)
    } else if wanted * 5 > limit * 4 {
        Check::warn(NAME, says, remedy)
    } else {
        Check::ok(NAME, says)
    }
}

/// Whether the schema is that of this program.
pub(super) async fn migrations(pools: &Pools) -> store::Result<Check> {
    Ok(schema(&health::migrations(pools).await?))
}

fn schema(migrations: &health::Migrations) -> Check {
    const NAME: &str = "postgres.migrations";
    let listed = |versions: &[i64]| {
        let versions: Vec<String> = versions.iter().map(ToString::to_string).collect();
        versions.join(", ")
    };
    if migrations.up_to_date() {
        return Check::ok(NAME, format!("up to date at {}", migrations.newest));
    }
    if let Some(version) = migrations.dirty {
        let remedy = "repair it by hand: it was applied only in part";
        return Check::fail(NAME, format!("migration {version} broke off"), remedy);
    }
    if !migrations.changed.is_empty() {
        let says = format!(
            "migrations {} were applied in another form than this program has them",
            listed(&migrations.changed)
        );
        return Check::fail(NAME, says, "use the program that made the database");
    }
    if !migrations.unknown.is_empty() {
        let says = format!(
            "migrations {} are newer than this program",
            listed(&migrations.unknown)
        );
        return Check::fail(NAME, says, "use the newer program");
    }
    let says = format!("migrations {} are not applied", listed(&migrations.pending));
    Check::fail(NAME, says, "sigmabatch migrate")
}

/// Whether every index of the migrations is there and valid.
pub(super) async fn indexes(pools: &Pools) -> store::Result<Check> {
    const NAME: &str = "postgres.indexes";
    let lacking = health::lacking_indexes(pools).await?;
    Ok(if lacking.is_empty() {
        let required = health::required_indexes().len();
        Check::ok(NAME, format!("{required} there and valid"))
    } else {
        Check::fail(
            NAME,
            format!("missing or invalid: {}", lacking.join(", ")),
            "make them again as in migrations/, an invalid one with `reindex index concurrently`",
        )
    })
}

/// Whether a sequence would give a number that is taken.
pub(super) async fn sequences(pools: &Pools) -> store::Result<Check> {
    const NAME: &str = "postgres.sequences";
    let sequences = health::sequences(pools).await?;
    let behind = sequences
        .iter()
        .filter(|sequence| sequence.last.unwrap_or(0) < sequence.largest);
    let behind: Vec<String> = behind
        .map(|sequence| {
            let last = sequence.last.unwrap_or(0);
            format!(
                "{} at {last}, largest {}",
                sequence.column, sequence.largest
            )
        })
        .collect();
    Ok(if behind.is_empty() {
        Check::ok(NAME, format!("{} ahead of their columns", sequences.len()))
    } else {
        let remedy =
            "after a restore: call setval(pg_get_serial_sequence(TABLE, COLUMN), LARGEST) in psql";
        Check::fail(NAME, format!("behind: {}", behind.join("; ")), remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::Health;

    #[test]
    fn five_connections_for_each_worker_have_to_fit() {
        assert_eq!(connections(4, 3, 97).health, Health::Ok);
        assert_eq!(connections(15, 4, 97).health, Health::Warn);
        let full = connections(20, 3, 97);
        assert_eq!(full.health, Health::Fail);
        assert_eq!(
            full.says,
            "103 of 97: 5 for each of 20 living workers, 3 of others"
        );
    }
}
