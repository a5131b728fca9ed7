//! Checks of Redis and of the workers.

use super::{Check, skew};
use crate::clock::Clock;
use crate::engine::worker::chain;
use crate::queue::{self, Queue};
use crate::store::reports::{self, Standing, WorkerRow};
use crate::store::{self, Pools, ReadTx};

/// XADD NOMKSTREAM and XPENDING IDLE came with it.
const OLDEST: (u32, u32) = (6, 2);
/// The check that tells whose the streams are.
const INSTALL: &str = "redis.install";
/// For installations that meet in the same streams: each drops the hints of the other, and tasks wait until a steward
/// publishes them again.
pub(in crate::engine) const APART: &str =
    "give each installation its own --prefix, or its own Redis";

/// Version, clock, settings, and what of ours is there.
pub(super) async fn redis(queue: &Queue, install: bool) -> Vec<Check> {
    let clock = Clock::system();
    let before = clock.now();
    let health = match queue.health().await {
        Ok(health) => health,
        Err(error) => {
            let remedy = "is Redis running, and is REDIS_URL right? until then tasks are claimed from Postgres, more slowly";
            return vec![Check::fail("redis", chain(&error), remedy)];
        }
    };
    let after = clock.now();
    let mut checks = vec![
        version(&health),
        skew("redis.clock", before, health.now, after),
        eviction(&health),
        persistence(&health),
        groups(&health),
    ];
    if install {
        checks.push(identity(&health, queue));
    }
    checks
}

fn version(health: &queue::Health) -> Check {
    const NAME: &str = "redis.version";
    let mut parts = health
        .version
        .split('.')
        .map(|part| part.parse().unwrap_or(0));
    let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    let says = format!("version {}, {}", health.version, health.role);
    if version < OLDEST {
        Check::fail(NAME, says, "use version 6.2 or newer")
    } else if health.role != "master" {
        Check::fail(
            NAME,
            says,
            "REDIS_URL must name the primary: a replica refuses writes",
        )
    } else {
        Check::ok(NAME, says)
    }
}

/// Whether a full memory would drop hints. They come back, but only when the steward looks.
pub(super) fn eviction(health: &queue::Health) -> Check {
    const NAME: &str = "redis.eviction";
    let limit = match health.memory_limit {
        0 => String::from("no limit of memory"),
        bytes => format!("at most {} MiB", bytes >> 20),
    };
    let says = format!("maxmemory-policy {}, {limit}", health.eviction);
    if health.eviction == "noeviction" {
        Check::ok(NAME, says)
    } else {
        let remedy = "redis-cli config set maxmemory-policy noeviction, and the same in redis.conf";
        Check::warn(NAME, format!("{says}: a full memory drops hints"), remedy)
    }
}

fn persistence(health: &queue::Health) -> Check {
    const NAME: &str = "redis.persistence";
    if health.appendonly {
        Check::ok(NAME, "appendonly yes")
    } else {
        let remedy = "appendonly yes in redis.conf; without it a restart is healed by the steward within seconds";
        Check::warn(NAME, "appendonly no: a restart forgets the hints", remedy)
    }
}

fn groups(health: &queue::Health) -> Check {
    const NAME: &str = "redis.groups";
    match health.without_group.as_slice() {
        [] => Check::ok(NAME, "every stream has its group"),
        [first, ..] => Check::warn(
            NAME,
            format!(
                "{} streams lack their group, {first} among them",
                health.without_group.len()
            ),
            "a worker makes them when it starts, and the steward when it looks",
        ),
    }
}

fn identity(health: &queue::Health, queue: &Queue) -> Check {
    if health.install.is_none() {
        return Check::warn(
            INSTALL,
            "the meta key is missing: Redis is new or was wiped",
            "the steward rebuilds the streams within seconds, once a worker lives",
        );
    }
    stranger(health.install.as_deref(), queue)
        .unwrap_or_else(|| Check::ok(INSTALL, format!("installation {}", queue.install())))
}

/// Where the streams belong to another installation than the database: to one that lives beside it, or to an earlier database.
pub(in crate::engine) fn stranger(owner: Option<&str>, queue: &Queue) -> Option<Check> {
    let ours = queue.install();
    let other = owner.filter(|owner| *owner != ours.0)?;
    let says = format!(
        "the streams belong to installation {other}, the database is {ours}: each drops the hints of the other"
    );
    let meta = queue.keys().meta();
    let remedy = format!("{APART}; if {other} is no more: redis-cli DEL '{meta}'");
    Some(Check::fail(INSTALL, says, remedy))
}

/// Who works, and with which version.
pub(super) async fn workers(pools: &Pools) -> store::Result<Check> {
    let mut db = ReadTx::lazy(&pools.control);
    let workers = reports::workers(&mut db).await?;
    db.close().await?;
    Ok(of_workers(&workers))
}

fn of_workers(workers: &[WorkerRow]) -> Check {
    const NAME: &str = "workers";
    let living: Vec<&WorkerRow> = workers.iter().filter(|worker| worker.has_lease()).collect();
    let ours = env!("CARGO_PKG_VERSION");
    let others: Vec<String> = living
        .iter()
        .filter(|worker| worker.version != ours)
        .map(|worker| format!("{} {}", worker.id.consumer(), worker.version))
        .collect();
    let late = workers
        .iter()
        .filter(|worker| worker.standing() == Standing::Late);
    let late = late.count();
    let dropped = |worker: &&WorkerRow| worker.counter("foreign");
    let foreign: f64 = living.iter().filter_map(dropped).sum();
    if living.is_empty() {
        Check::warn(
            NAME,
            format!("none is alive; we are {ours}"),
            "start one: sigmabatch-worker",
        )
    } else if !others.is_empty() {
        let says = format!("we are {ours}, and others are not: {}", others.join(", "));
        Check::warn(
            NAME,
            says,
            "finish the deployment: old workers leave new phases alone",
        )
    } else if late > 0 {
        let says = format!("{} are alive, the lease of {late} ran out", living.len());
        Check::warn(NAME, says, "sigmabatch workers")
    } else if foreign > 0.0 {
        // Last: the count never falls while a worker lives.
        let says = format!(
            "{} are alive, and dropped {foreign} hints of another installation",
            living.len()
        );
        let remedy = format!("{APART}; hints that an earlier database left are no harm");
        Check::warn(NAME, says, remedy)
    } else {
        Check::ok(NAME, format!("{} are alive, all {ours}", living.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::Health;

    fn health() -> queue::Health {
        queue::Health {
            version: "7.0.15".into(),
            eviction: "noeviction".into(),
            memory_limit: 0,
            appendonly: true,
            role: "master".into(),
            now: chrono::DateTime::UNIX_EPOCH,
            install: None,
            without_group: Vec::new(),
        }
    }

    #[test]
    fn a_redis_that_forgets_hints_is_worth_a_warning_and_an_old_one_is_refused() {
        let well = health();
        for check in [
            version(&well),
            eviction(&well),
            persistence(&well),
            groups(&well),
        ] {
            assert_eq!(check.health, Health::Ok, "{check:?}");
        }
        let lru = queue::Health {
            eviction: "allkeys-lru".into(),
            memory_limit: 1 << 30,
            appendonly: false,
            without_group: vec!["{sigmabatch}:nightly:phase-6".into()],
            ..health()
        };
        for check in [eviction(&lru), persistence(&lru), groups(&lru)] {
            assert_eq!(check.health, Health::Warn, "{check:?}");
            assert!(check.remedy.is_some());
        }
        assert!(
            eviction(&lru).says.contains("at most 1024 MiB"),
            "{:?}",
            eviction(&lru)
        );
        for (number, role) in [("6.0.16", "master"), ("7.0.15", "slave")] {
            let odd = queue::Health {
                version: number.into(),
                role: role.into(),
                ..health()
            };
            assert_eq!(version(&odd).health, Health::Fail, "{number} {role}");
        }
    }
}
