//! Whether Redis is as the program likes it: version, settings, time, and what of ours is there.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use redis::Value;

use super::{Attempt, GROUP, Queue, Result};

/// The server and our keys.
#[derive(Debug, Clone)]
pub struct Health {
    /// `7.0.15`
    pub version: String,
    /// What it does when its memory is full: `noeviction`.
    pub eviction: String,
    /// The limit of its memory in bytes; 0 is none.
    pub memory_limit: u64,
    /// Whether it writes an append-only file.
    pub appendonly: bool,
    /// `master`; `slave` refuses writes.
    pub role: String,
    /// Its clock.
    pub now: DateTime<Utc>,
    /// The installation that its streams belong to; `None` where it is empty.
    pub install: Option<String>,
    /// Streams without our group.
    pub without_group: Vec<String>,
}

impl Queue {
    /// Looks at the server, by what every server tells: managed ones refuse CONFIG.
    pub async fn health(&self) -> Result<Health> {
        let mut connection = self.connection().await?;
        let info: String = redis::cmd("INFO")
            .query_async(&mut *connection)
            .await
            .attempt("asking for information")?;
        let info: BTreeMap<&str, &str> = info
            .lines()
            .filter_map(|line| line.trim().split_once(':'))
            .collect();
        let field = |name: &str| (*info.get(name).unwrap_or(&"")).to_owned();
        let (seconds, micros): (i64, u32) = redis::cmd("TIME")
            .query_async(&mut *connection)
            .await
            .attempt("reading the time")?;
        Ok(Health {
            version: field("redis_version"),
            eviction: field("maxmemory_policy"),
            memory_limit: field("maxmemory").parse().unwrap_or(0),
            appendonly: field("aof_enabled") == "1",
            role: field("role"),
            now: DateTime::from_timestamp(seconds, micros.saturating_mul(1_000))
                .unwrap_or_default(),
            install: self.owner().await?,
            without_group: self.without_group().await?,
        })
    }

    async fn without_group(&self) -> Result<Vec<String>> {
        let streams = self.keys.streams();
        let mut pipeline = redis::pipe();
        for (_, _, key) in &streams {
            pipeline.cmd("XPENDING").arg(key).arg(GROUP);
        }
        // A stream that is not there has no group either.
        pipeline.ignore_errors();
        let mut connection = self.connection().await?;
        let answers: Vec<Value> = pipeline
            .query_async(&mut *connection)
            .await
            .attempt("looking for the groups")?;
        let lacking = streams.into_iter().zip(answers);
        let lacking = lacking.filter(|(_, answer)| !matches!(answer, Value::Array(_)));
        Ok(lacking.map(|((.., key), _)| key).collect())
    }
}
