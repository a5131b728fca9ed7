//! Checks of everything that the engine rests on. `doctor` shows all of them; a worker that starts asks for
//! those without which no task can succeed, and refuses.

mod postgres;
mod reference;
mod services;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

pub(super) use services::{APART, stranger};

use super::worker::chain;
use super::{Engine, Error};
use crate::clock::Clock;
use crate::queue::Queue;
use crate::store::{self, Pools};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// As it should be.
    Ok,
    /// It works, and somebody should look.
    Warn,
    /// Something cannot work.
    Fail,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at; stable.
    pub check: &'static str,
    /// How it came out.
    pub health: Health,
    /// What was found.
    pub says: String,
    /// What to do, where there is something to do.
    pub remedy: Option<String>,
}

impl Check {
    /// All is well.
    pub fn ok(check: &'static str, says: impl Into<String>) -> Self {
        Self {
            check,
            health: Health::Ok,
            says: says.into(),
            remedy: None,
        }
    }

    /// Somebody should look.
    pub fn warn(check: &'static str, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            check,
            health: Health::Warn,
            says: says.into(),
            remedy: Some(remedy.into()),
        }
    }

    /// Something cannot work.
    pub fn fail(check: &'static str, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            check,
            health: Health::Fail,
            says: says.into(),
            remedy: Some(remedy.into()),
        }
    }

    /// Says in the log that somebody should look.
    pub(super) fn log(&self) {
        let remedy = self.remedy.as_deref().unwrap_or_default();
        tracing::warn!(check = self.check, remedy, "{}", self.says);
    }
}

/// Everything that Postgres tells.
pub async fn examine_postgres(pools: &Pools) -> Vec<Check> {
    let mut checks = postgres::server(pools).await;
    match of_schema(pools).await {
        Ok(more) => checks.extend(more),
        Err(error) => {
            let remedy = "is this our database?";
            checks.push(Check::fail("postgres.schema", chain(&error), remedy));
        }
    }
    checks
}

async fn of_schema(pools: &Pools) -> store::Result<Vec<Check>> {
    let mut checks = essential(pools).await?;
    if usable(&checks) {
        checks.push(postgres::sequences(pools).await?);
        checks.push(services::workers(pools).await?);
    }
    Ok(checks)
}

/// Whether there are tables to look at.
fn usable(checks: &[Check]) -> bool {
    checks
        .first()
        .is_some_and(|schema| schema.health != Health::Fail)
}

/// What no task can do without: the schema, its indexes, factors and scenarios.
async fn essential(pools: &Pools) -> store::Result<Vec<Check>> {
    let mut checks = vec![postgres::migrations(pools).await?];
    if usable(&checks) {
        checks.push(postgres::indexes(pools).await?);
        checks.extend(reference::definitions(pools).await?);
    }
    Ok(checks)
}

/// Everything that Redis tells. `install` says whether the queue knows our installation.
pub async fn examine_redis(queue: &Queue, install: bool) -> Vec<Check> {
    services::redis(queue, install).await
}

/// How long the calendar reaches.
pub fn examine_calendar(clock: &Clock) -> Check {
    reference::calendar(clock)
}

/// Refuses where something essential is missing; waits for Postgres as long as for a connection. Redis may be
/// away, for the night goes on without it; how it forgets is worth a word, and so is whose streams it has. Those of another
/// installation are no reason to refuse: they may be all that is left of an earlier database.
pub(super) async fn fit(engine: &Engine, patience: Duration) -> Result<(), Error> {
    let checks = store::patiently(patience, || essential(&engine.pools)).await?;
    let (failed, rest): (Vec<Check>, Vec<Check>) = checks
        .into_iter()
        .partition(|check| check.health == Health::Fail);
    let mut redis = Vec::new();
    match engine.queue.health().await {
        Ok(health) => {
            redis.push(services::eviction(&health));
            redis.extend(stranger(health.install.as_deref(), &engine.queue));
        }
        Err(error) => redis.push(Check::warn("redis", chain(&error), "start it")),
    }
    let checks = rest.iter().chain(&redis);
    for check in checks.filter(|check| check.health != Health::Ok) {
        check.log();
    }
    if failed.is_empty() {
        return Ok(());
    }
    let says = failed.iter().map(|check| {
        let remedy = check.remedy.as_deref().unwrap_or_default();
        format!("{}: {} ({remedy})", check.check, check.says)
    });
    Err(Error::Unfit(says.collect::<Vec<_>>().join("; ")))
}

/// Between two readings of our clock; leases and due times are judged by that of Postgres alone, but
/// business dates become eligible by ours.
fn skew(
    check: &'static str,
    before: DateTime<Utc>,
    there: DateTime<Utc>,
    after: DateTime<Utc>,
) -> Check {
    const WARN: TimeDelta = TimeDelta::seconds(2);
    const FAIL: TimeDelta = TimeDelta::seconds(60);
    // Anywhere between the two readings is right.
    let skew = if there < before {
        before - there
    } else if there > after {
        there - after
    } else {
        TimeDelta::zero()
    };
    let says = format!("clocks differ by {} ms", skew.num_milliseconds());
    let remedy = "synchronise the clocks of all hosts (chrony, systemd-timesyncd)";
    if skew >= FAIL {
        Check::fail(check, says, remedy)
    } else if skew >= WARN {
        Check::warn(check, says, remedy)
    } else {
        Check::ok(check, says)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_differ_by_the_time_that_the_question_took() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let (before, after) = (at("2016-12-30T22:00:00Z"), at("2016-12-30T22:00:05Z"));
        for (there, health) in [
            ("2016-12-30T22:00:03Z", Health::Ok),
            ("2016-12-30T21:59:59Z", Health::Ok),
            ("2016-12-30T21:59:58Z", Health::Warn),
            ("2016-12-30T22:00:08Z", Health::Warn),
            ("2016-12-30T22:02:00Z", Health::Fail),
        ] {
            let check = skew("postgres.clock", before, at(there), after);
            assert_eq!(check.health, health, "{there}: {}", check.says);
        }
    }
}
