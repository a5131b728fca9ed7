//! Looking at all streams at once: what the reconciler compares with Postgres, and what people see.

use std::collections::{BTreeMap, BTreeSet};

use redis::Value;
use redis::streams::StreamRangeReply;

use super::read::{EntryId, Says, parse};
use super::{Attempt, Entry, GROUP, Queue, Result};
use crate::domain::{Lane, PhaseName, TaskEpoch};

/// Entries of one page.
const PAGE: usize = 1_000;

/// An entry with its place in the delivery.
#[derive(Debug, Clone)]
pub struct Found {
    /// The entry.
    pub entry: Entry,
    /// Whether some worker will still get it, or has just got it.
    pub deliverable: bool,
}

/// One work stream in numbers.
#[derive(Debug, Clone, serde::Serialize)]
pub struct StreamState {
    /// The key.
    pub key: String,
    /// The lane.
    pub lane: Lane,
    /// The phase.
    pub phase: PhaseName,
    /// Entries: waiting and in workers' hands.
    pub length: u64,
    /// In workers' hands.
    pub pending: u64,
}

/// Everything in the work streams.
#[derive(Debug, Default)]
pub struct Survey {
    /// Every entry.
    pub found: Vec<Found>,
    /// Entries that were deleted while somebody had them: stream and id. Nobody will acknowledge them.
    pub ghosts: Vec<(String, EntryId)>,
    /// Every stream.
    pub streams: Vec<StreamState>,
}

impl Queue {
    /// Reads every work stream, entry by entry, and its pending list. `in_hand` says of a consumer and
    /// the milliseconds since it got an entry whether it is about to claim the task.
    pub async fn survey(&self, in_hand: impl Fn(&str, u64) -> bool) -> Result<Survey> {
        let mut survey = Survey::default();
        for state in self.states().await? {
            if state.length > 0 || state.pending > 0 {
                self.look(&state.key, &in_hand, &mut survey).await?;
            }
            survey.streams.push(state);
        }
        Ok(survey)
    }

    /// The hints of one stream that some worker will get, or has just got.
    pub async fn deliverable(
        &self,
        lane: Lane,
        phase: PhaseName,
        pending_ms: u64,
    ) -> Result<BTreeSet<TaskEpoch>> {
        let key = self.keys.stream(lane, phase);
        let mut survey = Survey::default();
        let in_hand = |_: &str, idle_ms| idle_ms < pending_ms;
        self.look(&key, &in_hand, &mut survey).await?;
        let hints = survey.found.into_iter().filter(|found| found.deliverable);
        Ok(hints
            .filter_map(|found| match found.entry.says {
                Says::Task(at) => Some(at),
                Says::Foreign(_) | Says::Garbage(_) => None,
            })
            .collect())
    }

    async fn look(
        &self,
        key: &str,
        in_hand: &impl Fn(&str, u64) -> bool,
        survey: &mut Survey,
    ) -> Result<()> {
        let last_delivered = self.last_delivered(key).await?;
        let pending = self.pending(key).await?;
        let deliverable = |entry: &str| match pending.get(entry) {
            Some((consumer, idle_ms)) => in_hand(consumer, *idle_ms),
            // An entry whose consumer was deleted is in no pending list and behind the
            // group's cursor: nobody would ever get it.
            None => order(entry) > last_delivered,
        };
        let mut found = Vec::new();
        self.scan(key, deliverable, &mut found).await?;
        let there: BTreeSet<&str> = found.iter().map(|found| &*found.entry.id).collect();
        let ghosts = pending.keys().filter(|id| !there.contains(id.as_str()));
        let ghosts = ghosts.map(|id| (key.to_owned(), id.clone()));
        survey.ghosts.extend(ghosts);
        survey.found.append(&mut found);
        Ok(())
    }

    /// Lengths and pending counts of all work streams.
    pub async fn states(&self) -> Result<Vec<StreamState>> {
        let streams = self.keys.streams();
        let mut pipeline = redis::pipe();
        for (_, _, key) in &streams {
            pipeline.cmd("XLEN").arg(key);
        }
        let mut connection = self.connection().await?;
        let lengths: Vec<u64> = pipeline
            .query_async(&mut *connection)
            .await
            .attempt("measuring the streams")?;
        let mut pipeline = redis::pipe();
        for (_, _, key) in &streams {
            pipeline.cmd("XPENDING").arg(key).arg(GROUP);
        }
        pipeline.ignore_errors();
        let pending: Vec<Value> = pipeline
            .query_async(&mut *connection)
            .await
            .attempt("counting pending entries")?;
        let count = |value: &Value| match value {
            Value::Array(parts) => match parts.first() {
                Some(Value::Int(n)) => u64::try_from(*n).unwrap_or(0),
                _ => 0,
            },
            _ => 0,
        };
        let states = streams.into_iter().zip(lengths).zip(&pending);
        Ok(states
            .map(|(((lane, phase, key), length), pending)| StreamState {
                key,
                lane,
                phase,
                length,
                pending: count(pending),
            })
            .collect())
    }

    async fn last_delivered(&self, key: &str) -> Result<(u64, u64)> {
        let mut connection = self.connection().await?;
        let groups: redis::RedisResult<redis::streams::StreamInfoGroupsReply> = redis::cmd("XINFO")
            .arg("GROUPS")
            .arg(key)
            .query_async(&mut *connection)
            .await;
        let groups = match groups {
            Ok(reply) => reply.groups,
            // The stream went away between two commands.
            Err(error) if error.code() == Some("ERR") => Vec::new(),
            Err(error) => return Err(error).attempt("reading a group"),
        };
        let ours = groups.iter().find(|group| group.name == GROUP);
        Ok(ours.map_or((0, 0), |group| order(&group.last_delivered_id)))
    }

    /// Pending entries: id → consumer and idle time in milliseconds.
    async fn pending(&self, key: &str) -> Result<BTreeMap<String, (String, u64)>> {
        let mut all = BTreeMap::new();
        let mut from = "-".to_owned();
        loop {
            let mut connection = self.connection().await?;
            let page: redis::RedisResult<Vec<(String, String, u64, u64)>> = redis::cmd("XPENDING")
                .arg(key)
                .arg(GROUP)
                .arg(&from)
                .arg("+")
                .arg(PAGE)
                .query_async(&mut *connection)
                .await;
            let page = match page {
                Ok(page) => page,
                Err(error) if error.code() == Some("NOGROUP") => return Ok(all),
                Err(error) => return Err(error).attempt("paging pending entries"),
            };
            let full = page.len() == PAGE;
            if let Some((last, ..)) = page.last() {
                from = format!("({last}");
            }
            let entries = page.into_iter();
            all.extend(entries.map(|(id, consumer, idle, _)| (id, (consumer, idle))));
            if !full {
                return Ok(all);
            }
        }
    }

    async fn scan(
        &self,
        key: &str,
        deliverable: impl Fn(&str) -> bool,
        found: &mut Vec<Found>,
    ) -> Result<()> {
        let mut from = "-".to_owned();
        loop {
            let mut connection = self.connection().await?;
            let page: StreamRangeReply = redis::cmd("XRANGE")
                .arg(key)
                .arg(&from)
                .arg("+")
                .arg("COUNT")
                .arg(PAGE)
                .query_async(&mut *connection)
                .await
                .attempt("paging a stream")?;
            let full = page.ids.len() == PAGE;
            if let Some(last) = page.ids.last() {
                from = format!("({}", last.id);
            }
            for entry in page.ids {
                let fields = entry.map.iter().map(|(name, value)| {
                    let text = redis::from_redis_value_ref::<String>(value).unwrap_or_default();
                    (name.clone(), text)
                });
                let says = parse(&fields.collect(), &self.install);
                let deliverable = deliverable(&entry.id);
                let entry = Entry {
                    stream: key.to_owned(),
                    id: entry.id,
                    says,
                };
                found.push(Found { entry, deliverable });
            }
            if !full {
                return Ok(());
            }
        }
    }

    /// Removes consumers that hold nothing and were idle for long.
    pub async fn forget_consumers(&self, idle_ms: u64) -> Result<usize> {
        let mut removed = 0;
        for (_, _, key) in self.keys.streams() {
            let mut connection = self.connection().await?;
            let consumers: redis::RedisResult<redis::streams::StreamInfoConsumersReply> =
                redis::cmd("XINFO")
                    .arg("CONSUMERS")
                    .arg(&key)
                    .arg(GROUP)
                    .query_async(&mut *connection)
                    .await;
            let Ok(consumers) = consumers else { continue };
            for consumer in consumers.consumers {
                if consumer.pending == 0 && u64::try_from(consumer.idle).unwrap_or(0) > idle_ms {
                    redis::cmd("XGROUP")
                        .arg("DELCONSUMER")
                        .arg(&key)
                        .arg(GROUP)
                        .arg(&consumer.name)
                        .exec_async(&mut *connection)
                        .await
                        .attempt("forgetting a consumer")?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }
}

impl Survey {
    /// Entries that say nothing useful: garbage, and hints of other installations.
    pub fn useless(&self) -> impl Iterator<Item = &Entry> {
        self.found
            .iter()
            .map(|found| &found.entry)
            .filter(|e| !matches!(e.says, Says::Task(_)))
    }
}

/// Ids order by milliseconds, then by sequence number.
fn order(id: &str) -> (u64, u64) {
    let (ms, sequence) = id.split_once('-').unwrap_or((id, "0"));
    (ms.parse().unwrap_or(0), sequence.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_order_as_numbers() {
        assert!(super::order("999-10") < super::order("1000-2"));
        assert!(super::order("1000-2") < super::order("1000-10"));
    }
}
