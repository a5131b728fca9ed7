//! Acknowledgements: after COMMIT, beside the next one. What several commits have finished goes to Redis
//! together.

use tokio::sync::mpsc;

use crate::queue::{Entry, Queue};

/// Commits whose entries wait. More means that Redis is away: then they are left to the reconciler.
const WAITING: usize = 1_024;
/// Entries that are acknowledged together, about.
const TOGETHER: usize = 500;

/// Where finished entries go.
#[derive(Clone)]
pub(super) struct Acknowledge {
    finished: mpsc::Sender<Vec<Entry>>,
}

/// The other end.
pub(super) struct Finished {
    entries: mpsc::Receiver<Vec<Entry>>,
}

/// A queue between those who finish and the one who tells Redis.
pub(super) fn queue() -> (Acknowledge, Finished) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (
        Acknowledge { finished: sender },
        Finished { entries: receiver },
    )
}

impl Acknowledge {
    /// Has entries acknowledged soon. If that fails it is no harm: the reconciler finds them outdated.
    pub(super) fn soon(&self, entries: Vec<Entry>) {
        if !entries.is_empty() && self.finished.try_send(entries).is_err() {
            tracing::debug!("acknowledging left to the reconciler");
        }
    }
}

impl Finished {
    /// Acknowledges until nobody can finish anything any more.
    pub(super) async fn serve(mut self, queue: Queue) {
        while let Some(mut entries) = self.entries.recv().await {
            while entries.len() < TOGETHER
                && let Ok(more) = self.entries.try_recv()
            {
                entries.extend(more);
            }
            if let Err(error) = queue.acknowledge(&entries).await {
                tracing::debug!(%error, "acknowledging left to the reconciler");
                // What waits would wait for the same silence.
                while self.entries.try_recv().is_ok() {}
            }
        }
    }
}
