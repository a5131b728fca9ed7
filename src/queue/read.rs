//! Reading hints, in two steps: what is there now, within the free permits and by weight of the
//! lanes; and only if nothing is there, a short blocking read.
//!
//! The future of a blocking read is never dropped: Redis would hand the entry to a reader that is
//! gone. Blocks are short instead, and the caller looks at its flags in between.

use std::collections::BTreeMap;
use std::time::Duration;

use redis::Value;
use redis::aio::MultiplexedConnection;
use redis::streams::StreamReadReply;

use super::connection::ENTRY_VERSION;
use super::turns::{Turns, WEIGHTS};
use super::{Attempt, Error, GROUP, Keys, Result};
use crate::domain::{Held, InstallId, Lane, PermitClass, PhaseName, TaskEpoch, TaskId};

/// How long one blocking read waits.
pub(super) const BLOCK: Duration = Duration::from_secs(2);

/// Name of an entry inside its stream.
pub type EntryId = String;

/// An entry in our hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its stream.
    pub stream: String,
    /// Its id there.
    pub id: EntryId,
    /// What it says, where it is a hint of ours.
    pub says: Says,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// A task may be ready.
    Task(TaskEpoch),
    /// It belongs to another installation.
    Foreign(String),
    /// It cannot be read; the fields as text.
    Garbage(String),
}

/// Free permits of a class and the phases that need it.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The class.
    pub class: PermitClass,
    /// Phases of the class.
    pub phases: Vec<PhaseName>,
    /// Free permits.
    pub free: usize,
    /// What operators hold back: no use in reading it.
    pub held: Vec<Held>,
}

impl Wanted {
    fn streams(&self, lane: Lane) -> impl DoubleEndedIterator<Item = PhaseName> {
        let held = move |phase| self.held.iter().any(|held| held.covers(lane, phase));
        self.phases
            .iter()
            .copied()
            .filter(move |&phase| !held(phase))
    }
}

/// The answer to a read.
#[derive(Debug, Default)]
pub struct Read {
    /// What was read.
    pub entries: Vec<Entry>,
    /// A stream or a group was missing: make them, then reconcile.
    pub missing_group: bool,
}

/// The blocking reader of one worker.
pub struct Reader {
    connection: MultiplexedConnection,
    keys: Keys,
    install: InstallId,
    consumer: String,
    script: redis::Script,
    turns: Turns,
}

impl Reader {
    pub(super) fn new(
        connection: MultiplexedConnection,
        keys: Keys,
        install: InstallId,
        consumer: String,
    ) -> Self {
        let script = redis::Script::new(include_str!("read.lua"));
        Self {
            connection,
            keys,
            install,
            consumer,
            script,
            turns: Turns::default(),
        }
    }

    /// Reads what is there now, at most the free permits of each class.
    pub async fn take(&mut self, wanted: &[Wanted]) -> Result<Read> {
        let mut keys = Vec::new();
        let mut places = Vec::new();
        let mut shares = BTreeMap::new();
        let mut lanes = BTreeMap::new();
        let total: usize = WEIGHTS.iter().map(|(_, weight)| weight).sum();
        for (pool, want) in wanted.iter().enumerate() {
            for (lane, weight) in self.turns.order(want.class) {
                let share = format!("{lane}/{}", want.class);
                shares.insert(share.clone(), (want.free * weight).div_ceil(total));
                // Later phases first: what is nearly finished is finished before more is begun.
                for phase in want.streams(lane).rev() {
                    let key = self.keys.stream(lane, phase);
                    lanes.insert(key.clone(), (want.class, lane));
                    keys.push(key);
                    places.push((pool + 1, share.clone()));
                }
            }
        }
        let mut call = self.script.prepare_invoke();
        for key in &keys {
            call.key(key);
        }
        call.arg(GROUP).arg(&self.consumer);
        for (pool, share) in &places {
            call.arg(*pool).arg(share);
        }
        call.arg(wanted.len());
        for want in wanted {
            call.arg(want.free);
        }
        call.arg(shares.len());
        for (share, size) in &shares {
            call.arg(share).arg(*size);
        }
        let (missing, found): (usize, Vec<(String, String, Vec<String>)>) = call
            .invoke_async(&mut self.connection)
            .await
            .attempt("reading hints")?;
        for (stream, ..) in &found {
            if let Some((class, lane)) = lanes.get(stream) {
                self.turns.served(*class, *lane);
            }
        }
        let entries = found.into_iter().map(|(stream, id, fields)| {
            let fields: BTreeMap<String, String> = fields
                .as_chunks()
                .0
                .iter()
                .map(|[k, v]| (k.clone(), v.clone()))
                .collect();
            Entry {
                says: parse(&fields, &self.install),
                stream,
                id,
            }
        });
        Ok(Read {
            entries: entries.collect(),
            missing_group: missing > 0,
        })
    }

    /// Waits for the first entry of any stream of the classes, at most two seconds. May return one
    /// entry for each stream: the surplus is the caller's to keep or give back.
    pub async fn wait(&mut self, wanted: &[Wanted]) -> Result<Read> {
        let mut keys = Vec::new();
        for (lane, _) in WEIGHTS {
            for want in wanted.iter().filter(|want| want.free > 0) {
                let streams = want.streams(lane);
                keys.extend(streams.map(|phase| self.keys.stream(lane, phase)));
            }
        }
        if keys.is_empty() {
            tokio::time::sleep(BLOCK / 4).await;
            return Ok(Read::default());
        }
        let block_ms = u64::try_from(BLOCK.as_millis()).unwrap_or(2_000);
        let mut command = redis::cmd("XREADGROUP");
        command.arg("GROUP").arg(GROUP).arg(&self.consumer);
        command
            .arg("COUNT")
            .arg(1)
            .arg("BLOCK")
            .arg(block_ms)
            .arg("STREAMS")
            .arg(&keys);
        for _ in &keys {
            command.arg(">");
        }
        let reply: std::result::Result<Option<StreamReadReply>, _> =
            command.query_async(&mut self.connection).await;
        match reply.attempt("waiting for hints") {
            Ok(reply) => Ok(Read {
                entries: self.entries(reply),
                missing_group: false,
            }),
            Err(error @ Error::Command { .. }) if error.is_missing_group() => Ok(Read {
                entries: Vec::new(),
                missing_group: true,
            }),
            Err(error) => Err(error),
        }
    }

    fn entries(&self, reply: Option<StreamReadReply>) -> Vec<Entry> {
        let keys = reply.map(|reply| reply.keys).unwrap_or_default();
        let mut entries = Vec::new();
        for stream in keys {
            for entry in stream.ids {
                let fields = entry
                    .map
                    .into_iter()
                    .map(|(name, value)| (name, text(&value)));
                entries.push(Entry {
                    stream: stream.key.clone(),
                    id: entry.id,
                    says: parse(&fields.collect(), &self.install),
                });
            }
        }
        entries
    }
}

fn text(value: &Value) -> String {
    redis::from_redis_value_ref::<String>(value).unwrap_or_default()
}

/// Reads the fields of an entry; anybody may have written it.
pub(super) fn parse(fields: &BTreeMap<String, String>, install: &InstallId) -> Says {
    let field = |name: &str| fields.get(name).map(String::as_str);
    match field("install") {
        Some(other) if other != install.0 => return Says::Foreign(other.to_owned()),
        _ => {}
    }
    let number = |name: &str| field(name).and_then(|text| text.parse::<i64>().ok());
    if let (Some(ENTRY_VERSION), Some(_), Some(task), Some(epoch)) = (
        field("v"),
        field("install"),
        number("task"),
        number("epoch"),
    ) {
        Says::Task(TaskEpoch {
            task: TaskId(task),
            epoch,
        })
    } else {
        let text: Vec<String> = fields.iter().map(|(k, v)| format!("{k}={v}")).collect();
        Says::Garbage(text.join(" ").chars().take(500).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> BTreeMap<String, String> {
        let mut words = text.split(' ').map(str::to_owned);
        let mut map = BTreeMap::new();
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            map.insert(name, value);
        }
        map
    }

    #[test]
    fn an_entry_is_a_hint_foreign_or_garbage() {
        let ours = InstallId("5f2c91aa".into());
        let hint = "v 1 install 5f2c91aa task 90211 epoch 3 run nightly/2026-01-07 phase 6";
        let at = TaskEpoch {
            task: TaskId(90211),
            epoch: 3,
        };
        assert_eq!(parse(&fields(hint), &ours), Says::Task(at));
        assert_eq!(
            parse(&fields("v 1 install 00000000 task 1 epoch 0"), &ours),
            Says::Foreign("00000000".into())
        );
        for garbage in [
            "v 9 install 5f2c91aa task 1 epoch 0",
            "task 1 epoch 0",
            "a b",
        ] {
            assert!(
                matches!(parse(&fields(garbage), &ours), Says::Garbage(_)),
                "{garbage}"
            );
        }
    }
}
