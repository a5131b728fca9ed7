//! What `sigmabatch bench` does with Redis: the bare commands, as fast as they go, beside which our own
//! numbers are read.

use std::time::{Duration, Instant};

use redis::streams::StreamReadReply;

use super::publish::PIPELINE;
use super::{Attempt, GROUP, Queue, Result};
use crate::domain::{Hint, Lane, PhaseName};

/// Entries of one bare read: as many as a worker claims at once.
const READ: usize = 64;

/// What the bare commands take.
#[derive(Debug, Clone, Copy)]
pub struct Bare {
    /// Appending all entries.
    pub add: Duration,
    /// Reading, acknowledging and removing all entries.
    pub read: Duration,
}

impl Queue {
    /// The length of a work stream.
    pub async fn backlog(&self, lane: Lane, phase: PhaseName) -> Result<u64> {
        let mut connection = self.connection().await?;
        redis::cmd("XLEN")
            .arg(self.keys.stream(lane, phase))
            .query_async(&mut *connection)
            .await
            .attempt("measuring a stream")
    }

    /// The server's version.
    pub async fn version(&self) -> Result<String> {
        let mut connection = self.connection().await?;
        let info: String = redis::cmd("INFO")
            .arg("server")
            .query_async(&mut *connection)
            .await
            .attempt("asking for the server's version")?;
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("redis_version:"));
        Ok(line.unwrap_or("unknown").trim().to_owned())
    }

    /// Sends hints through a stream of its own by the bare commands, one connection after the other.
    pub async fn bare(&self, hints: &[Hint]) -> Result<Bare> {
        let stream = self.keys.stream(Lane::Backfill, PhaseName::CompanyProfiles);
        self.ensure().await?;
        let mut connection = self.connection().await?;
        let started = Instant::now();
        for chunk in hints.chunks(PIPELINE) {
            let mut pipeline = redis::pipe();
            for hint in chunk {
                self.add_to(&mut pipeline, &stream, hint);
            }
            pipeline
                .exec_async(&mut *connection)
                .await
                .attempt("adding entries")?;
        }
        let add = started.elapsed();

        let started = Instant::now();
        loop {
            let reply: Option<StreamReadReply> = redis::cmd("XREADGROUP")
                .arg("GROUP")
                .arg(GROUP)
                .arg("bench")
                .arg("COUNT")
                .arg(READ)
                .arg("STREAMS")
                .arg(&stream)
                .arg(">")
                .query_async(&mut *connection)
                .await
                .attempt("reading entries")?;
            let keys = reply.map(|reply| reply.keys).unwrap_or_default();
            let ids: Vec<String> = keys
                .into_iter()
                .flat_map(|key| key.ids)
                .map(|entry| entry.id)
                .collect();
            if ids.is_empty() {
                break;
            }
            redis::pipe()
                .atomic()
                .cmd("XACK")
                .arg(&stream)
                .arg(GROUP)
                .arg(&ids)
                .cmd("XDEL")
                .arg(&stream)
                .arg(&ids)
                .exec_async(&mut *connection)
                .await
                .attempt("removing entries")?;
        }
        let read = started.elapsed();
        drop(connection);
        self.wipe().await?;
        Ok(Bare { add, read })
    }
}
