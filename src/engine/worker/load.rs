//! Loads: tasks that wait for a connection share a snapshot, as small commits share a transaction.
//! Nobody goes on to fetch or compute before the snapshot is closed.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use tokio::sync::{Mutex, mpsc, oneshot};
use tracing::Instrument as _;

use super::cores::panicked;
use super::counters::Counters;
use crate::engine::Engine;
use crate::phases::{AnySend, Error, TaskRef};
use crate::store::ReadTx;
use crate::store::tasks::Claimed;

/// Most tasks of one snapshot.
const SHARED: usize = 64;
/// No task begins in a snapshot that is older: one that reads much has its own.
const LONGEST: Duration = Duration::from_millis(8);

/// What a task needs to compute.
pub(super) struct Loaded {
    pub(super) value: AnySend,
    /// The version of the inputs that its results may claim.
    pub(super) data_version: i64,
}

/// A task that waits.
struct Request {
    claimed: Arc<Claimed>,
    task: TaskRef,
    since: Instant,
    span: tracing::Span,
    answer: oneshot::Sender<Result<Loaded, Error>>,
}

/// Where tasks load.
#[derive(Clone)]
pub(super) struct Loads {
    requests: mpsc::Sender<Request>,
}

/// The other end; each clone serves with a connection of its own.
#[derive(Clone)]
pub(super) struct Waiting {
    requests: Arc<Mutex<mpsc::Receiver<Request>>>,
}

/// A queue for so many tasks.
pub(super) fn queue(tasks: usize) -> (Loads, Waiting) {
    let (sender, receiver) = mpsc::channel(tasks.max(1));
    let requests = Arc::new(Mutex::new(receiver));
    (Loads { requests: sender }, Waiting { requests })
}

impl Loads {
    /// Loads a task. Whoever stops waiting ends the load.
    pub(super) async fn load(
        &self,
        claimed: &Arc<Claimed>,
        task: &TaskRef,
    ) -> Result<Loaded, Error> {
        let (answer, answered) = oneshot::channel();
        let request = Request {
            claimed: Arc::clone(claimed),
            task: task.clone(),
            since: Instant::now(),
            span: tracing::Span::current(),
            answer,
        };
        let over = || Error::Interrupted("cancelled");
        self.requests.send(request).await.map_err(|_| over())?;
        answered.await.unwrap_or_else(|_| Err(over()))
    }
}

impl Waiting {
    /// Loads until no task can come any more.
    pub(super) async fn serve(self, engine: Engine, counters: Arc<Counters>) {
        while let Some(first) = self.first().await {
            self.snapshot(&engine, &counters, first).await;
        }
    }

    async fn first(&self) -> Option<Request> {
        self.requests.lock().await.recv().await
    }

    /// One that waits already. Who holds the lock waits itself, so that there is none.
    fn another(&self) -> Option<Request> {
        self.requests.try_lock().ok()?.try_recv().ok()
    }

    async fn snapshot(&self, engine: &Engine, counters: &Counters, first: Request) {
        let begun = Instant::now();
        let mut db = ReadTx::lazy(&engine.pools.load);
        let mut answers = Vec::new();
        let mut next = Some(first);
        while let Some(mut request) = next {
            counters.pool_wait.record(request.since.elapsed());
            let span = request.span.clone();
            let loading = AssertUnwindSafe(load(engine, &mut db, &request.claimed, &request.task));
            let loaded = tokio::select! {
                biased;
                () = request.answer.closed() => None,
                loaded = loading.catch_unwind().instrument(span) => Some(loaded),
            };
            let loaded = loaded.map(|done| done.unwrap_or_else(|panic| Err(panicked(&*panic))));
            // After an error, or in the middle of a statement, the transaction is of no more use.
            let fit = matches!(loaded, Some(Ok(_)));
            answers.extend(loaded.map(|loaded| (request.answer, loaded)));
            let full = answers.len() >= SHARED || begun.elapsed() >= LONGEST;
            next = if fit && !full { self.another() } else { None };
        }
        match db.close().await {
            Ok(open) => counters.read(open),
            // What was read was read.
            Err(error) => tracing::debug!(%error, "a snapshot was not closed"),
        }
        for (answer, loaded) in answers {
            // Nobody may wait any more.
            let _ = answer.send(loaded);
        }
    }
}

async fn load(
    engine: &Engine,
    db: &mut ReadTx<'_>,
    claimed: &Claimed,
    task: &TaskRef,
) -> Result<Loaded, Error> {
    let phase = engine
        .phase(claimed.phase)
        .map_err(|error| Error::Bug(error.to_string()))?;
    db.next_task();
    let value = phase.load(db, task, &claimed.input).await?;
    let data_version = db.claimable_version().await?;
    Ok(Loaded {
        value,
        data_version,
    })
}
