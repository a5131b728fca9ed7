//! Writing hints and acknowledging them.

use std::collections::BTreeMap;

use redis::Pipeline;

use super::connection::ENTRY_VERSION;
use super::{Attempt, Entry, EntryId, GROUP, Queue, Result};
use crate::domain::Hint;

/// Commands of one pipeline: some 100 kB, so that no reply is waited for long.
pub(super) const PIPELINE: usize = 500;
/// Entries that the mirror of dead tasks keeps, about.
const DEAD_ENTRIES: usize = 10_000;

impl Queue {
    /// Appends hints to their streams. A stream that is missing is made anew, with its group.
    pub async fn publish(&self, hints: &[Hint]) -> Result<()> {
        for chunk in hints.chunks(PIPELINE) {
            let refused = self.append(chunk).await?;
            if !refused.is_empty() {
                // XADD alone would make the stream without its group, and nobody would read it.
                self.ensure().await?;
                self.append(&refused).await?;
            }
        }
        Ok(())
    }

    async fn append(&self, hints: &[Hint]) -> Result<Vec<Hint>> {
        let mut pipeline = redis::pipe();
        for hint in hints {
            self.add(&mut pipeline, hint);
        }
        let mut connection = self.connection().await?;
        let ids: Vec<Option<String>> = pipeline
            .query_async(&mut *connection)
            .await
            .attempt("publishing hints")?;
        let refused = hints.iter().zip(ids).filter(|(_, id)| id.is_none());
        Ok(refused.map(|(hint, _)| hint.clone()).collect())
    }

    fn add(&self, pipeline: &mut Pipeline, hint: &Hint) {
        self.add_to(pipeline, &self.keys.stream(hint.lane, hint.phase), hint);
    }

    pub(super) fn add_to(&self, pipeline: &mut Pipeline, stream: &str, hint: &Hint) {
        pipeline
            .cmd("XADD")
            .arg(stream)
            .arg("NOMKSTREAM")
            .arg("*")
            .arg("v")
            .arg(ENTRY_VERSION)
            .arg("install")
            .arg(&self.install.0)
            .arg("task")
            .arg(hint.at.task.0)
            .arg("epoch")
            .arg(hint.at.epoch)
            .arg("run")
            .arg(&hint.run)
            .arg("phase")
            .arg(hint.phase.number())
            .arg("unit")
            .arg(&hint.unit)
            .arg("attempt")
            .arg(hint.attempt);
    }

    /// Acknowledges entries and removes them, so that the length of a stream is its backlog. Those of a
    /// stream together: both happen to all of them, or nothing does.
    pub async fn acknowledge(&self, entries: &[Entry]) -> Result<()> {
        for chunk in entries.chunks(PIPELINE) {
            let mut by_stream: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for entry in chunk {
                by_stream.entry(&entry.stream).or_default().push(&entry.id);
            }
            let mut pipeline = redis::pipe();
            pipeline.atomic();
            for (stream, ids) in &by_stream {
                pipeline.cmd("XACK").arg(*stream).arg(GROUP).arg(ids);
                pipeline.cmd("XDEL").arg(*stream).arg(ids);
            }
            let mut connection = self.connection().await?;
            pipeline
                .exec_async(&mut *connection)
                .await
                .attempt("acknowledging")?;
        }
        Ok(())
    }

    /// Acknowledges what is not in its stream any more.
    pub async fn forget(&self, ghosts: &[(String, EntryId)]) -> Result<()> {
        for chunk in ghosts.chunks(PIPELINE) {
            let mut pipeline = redis::pipe();
            for (stream, id) in chunk {
                pipeline.cmd("XACK").arg(stream).arg(GROUP).arg(id).ignore();
            }
            let mut connection = self.connection().await?;
            let () = pipeline
                .query_async(&mut *connection)
                .await
                .attempt("acknowledging what was deleted")?;
        }
        Ok(())
    }

    /// Puts hints that have no deliverable entry at the end of their streams, in place of old ones.
    pub async fn replace(&self, old: &[Entry], hints: &[Hint]) -> Result<()> {
        self.publish(hints).await?;
        self.acknowledge(old).await
    }

    /// Mirrors something dead for the eyes of an operator.
    pub async fn bury(&self, fields: &[(&str, String)]) -> Result<()> {
        let mut command = redis::cmd("XADD");
        command
            .arg(self.keys.dead())
            .arg("MAXLEN")
            .arg("~")
            .arg(DEAD_ENTRIES)
            .arg("*");
        for (name, value) in fields {
            command.arg(name).arg(value);
        }
        let mut connection = self.connection().await?;
        command
            .exec_async(&mut *connection)
            .await
            .attempt("mirroring a dead task")
    }
}
