//! A worker process: reads hints, claims tasks, runs them, commits, acknowledges.
//!
//! One life is one worker id. A worker that finds itself given up cancels everything and begins
//! another life under a new id; what it still computes cannot pass the fence.

mod acknowledge;
mod commit;
mod cores;
mod counters;
mod hands;
mod heartbeat;
mod histogram;
mod intake;
mod load;
mod rate;
mod task;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(in crate::engine) use self::intake::chain;

use self::acknowledge::Acknowledge;
use self::cores::Cores;
use self::counters::Counters;
use self::hands::Hands;
use self::load::Loads;
use super::{Engine, Error, Housekeeping, doctor, gatekeeper, steward};
use crate::domain::{PermitClass, PhaseName, WorkerId};
use crate::market_data::Provider;
use crate::phases::market_data::wrong_basis;
use crate::store;

/// How a worker behaves.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// How to reach Postgres, for the heartbeat's own connection.
    pub store: store::Settings,
    /// Where prices come from.
    pub provider: Arc<Provider>,
    /// A worker without heartbeat for so long is lost; it beats three times as often.
    pub lease: Duration,
    /// Lost workers that one task may cost.
    pub max_crashes: i16,
    /// Tasks in hand at once.
    pub concurrency: usize,
    /// Most tasks of one commit.
    pub batch: NonZeroUsize,
    /// How long running tasks may finish after SIGTERM.
    pub grace: Duration,
    /// What it does once in a while when it is steward.
    pub housekeeping: Housekeeping,
    /// For people.
    pub host: String,
    /// For tests: the process dies here.
    pub failpoint: Option<Failpoint>,
    /// For tests: called at the beginning of every computation, on its thread.
    pub probe: Option<Probe>,
}

impl WorkerOptions {
    /// Tasks in hand at once that need this.
    fn permits(&self, class: PermitClass) -> usize {
        match class {
            PermitClass::Cpu => self.concurrency.max(1),
            PermitClass::Provider => self.provider_tasks(),
        }
    }

    /// Tasks at once that wait for providers, not for our cores.
    fn provider_tasks(&self) -> usize {
        self.concurrency.clamp(1, PROVIDER_TASKS)
    }
}

/// Looks at the world while a task computes.
#[derive(Clone)]
pub struct Probe(pub Arc<dyn Fn(PhaseName) + Send + Sync>);

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Probe")
    }
}

/// A point at which a worker under test kills or freezes itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failpoint {
    /// Where.
    pub at: Moment,
    /// Only in tasks of this phase.
    pub phase: Option<PhaseName>,
}

/// The points that a crash is tested at, and the one at which a worker freezes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The task is ours, nothing is done.
    AfterClaim,
    /// Inside the computation.
    MidCompute,
    /// The results are known.
    BeforeCommit,
    /// Inside the transaction, with the locks of the fence in hand: the process stops (SIGSTOP) until
    /// somebody continues it.
    InCommit,
    /// The results are committed; Redis does not know.
    AfterCommit,
}

impl std::str::FromStr for Failpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (at, phase) = match text.split_once(':') {
            Some((at, phase)) => (
                at,
                Some(
                    phase
                        .parse::<PhaseName>()
                        .map_err(|error| error.to_string())?,
                ),
            ),
            None => (text, None),
        };
        let at = match at {
            "after-claim" => Moment::AfterClaim,
            "mid-compute" => Moment::MidCompute,
            "before-commit" => Moment::BeforeCommit,
            "in-commit" => Moment::InCommit,
            "after-commit" => Moment::AfterCommit,
            other => return Err(format!("\"{other}\" is no failpoint")),
        };
        Ok(Self { at, phase })
    }
}

/// What the parts of a worker share during one life.
struct Life {
    engine: Engine,
    options: WorkerOptions,
    id: WorkerId,
    counters: Arc<Counters>,
    hands: Arc<Hands>,
    /// Tasks in hand, by class.
    cpu: Arc<Semaphore>,
    provider: Arc<Semaphore>,
    /// Computations at once: the cores.
    cores: Arc<Cores>,
    /// Where tasks load.
    loads: Loads,
    /// Where finished entries go.
    acknowledge: Acknowledge,
    touched: mpsc::UnboundedSender<gatekeeper::Touched>,
    /// Ends every computation: the lease is lost.
    abandon: CancellationToken,
}

impl Life {
    fn permits(&self, class: PermitClass) -> &Arc<Semaphore> {
        match class {
            PermitClass::Cpu => &self.cpu,
            PermitClass::Provider => &self.provider,
        }
    }

    /// Every permit that is free, of both classes.
    fn all_free_permits(&self) -> Vec<OwnedSemaphorePermit> {
        let mut taken = Vec::new();
        for semaphore in [&self.cpu, &self.provider] {
            while let Ok(permit) = Arc::clone(semaphore).try_acquire_owned() {
                taken.push(permit);
            }
        }
        taken
    }

    /// Dies or stops, if that is what the test wants.
    fn failpoint(&self, at: Moment, phase: PhaseName) {
        if let Some(failpoint) = self.options.failpoint
            && failpoint.at == at
            && failpoint.phase.is_none_or(|wanted| wanted == phase)
        {
            if at == Moment::InCommit {
                // Once: another commit may have come as far as this when everything stopped.
                static STOPPED: AtomicBool = AtomicBool::new(false);
                if STOPPED.swap(true, Ordering::Relaxed) {
                    return;
                }
                // Nothing follows from an error: the test waits for a process that stops.
                let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGSTOP);
                return;
            }
            std::process::abort();
        }
    }
}

enum End {
    Drained,
    Lost,
}

/// Works until `shutdown`, then drains.
pub async fn run(
    engine: Engine,
    options: WorkerOptions,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let patience = options.store.acquire_timeout;
    let ready = async {
        doctor::fit(&engine, patience).await?;
        let pool = &engine.pools.control;
        Ok::<_, Error>(store::patiently(patience, || store::market::basis(pool)).await?)
    };
    let known = match shutdown.run_until_cancelled(ready).await {
        Some(known) => known?,
        None => return Ok(()),
    };
    let ours = options.provider.basis().as_str();
    if let Some(known) = known.filter(|known| known != ours) {
        return Err(Error::Basis(wrong_basis(&known, ours)));
    }
    // It starts all the same: files may be replaced while it runs, and Postgres may have what is needed.
    if let Err(error) = options.provider.check().await {
        tracing::error!(error = %chain(&error), "market data cannot be used as they are: correct the files");
    }
    loop {
        match Box::pin(live(&engine, &options, &shutdown)).await? {
            End::Drained => return Ok(()),
            End::Lost if shutdown.is_cancelled() => return Ok(()),
            End::Lost => tracing::warn!("the lease was lost: starting over under a new id"),
        }
    }
}

async fn live(
    engine: &Engine,
    options: &WorkerOptions,
    shutdown: &CancellationToken,
) -> Result<End, Error> {
    let id = WorkerId::fresh();
    let lease_seconds = options.lease.as_secs_f64();
    let pool = &engine.pools.control;
    let pid = std::process::id();
    let registered = store::patiently(options.store.acquire_timeout, || {
        store::workers::register(pool, id, &options.host, pid, lease_seconds)
    });
    match shutdown.run_until_cancelled(registered).await {
        Some(registered) => registered?,
        None => return Ok(End::Drained),
    }
    tracing::info!(worker = %id.consumer(), version = env!("CARGO_PKG_VERSION"), "worker started");

    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let (finished, commits) = mpsc::channel(options.concurrency.max(1) * 2);
    let (acknowledge, acknowledged) = acknowledge::queue();
    let (loads, waiting) = load::queue(options.concurrency);
    let (touched, touches) = mpsc::unbounded_channel();
    let abandon = CancellationToken::new();
    let life = Arc::new(Life {
        engine: engine.clone(),
        options: options.clone(),
        id,
        counters: Arc::default(),
        hands: Arc::default(),
        cpu: Arc::new(Semaphore::new(options.permits(PermitClass::Cpu))),
        provider: Arc::new(Semaphore::new(options.permits(PermitClass::Provider))),
        cores: Arc::new(Cores::new(cores)),
        loads,
        acknowledge,
        touched,
        abandon: abandon.clone(),
    });

    // Parts that end with this life.
    let over = CancellationToken::new();
    let drain = shutdown.child_token();
    let mut heart = heartbeat::start(&life, drain.clone(), over.clone())
        .map_err(|e| Error::Start("heartbeat", e))?;
    let parts = TaskTracker::new();
    parts.spawn(gatekeeper::keep(engine.clone(), touches));
    parts.spawn(acknowledged.serve(engine.queue.clone()));
    let connections = options.store.connections;
    for _ in 0..connections.load {
        let counters = Arc::clone(&life.counters);
        parts.spawn(waiting.clone().serve(engine.clone(), counters));
    }
    let commits = Arc::new(tokio::sync::Mutex::new(commits));
    // With two, one writes while the other waits for the disk.
    for _ in 0..connections.commit {
        parts.spawn(commit::commit_all(Arc::clone(&life), Arc::clone(&commits)));
    }
    let reconcile = Arc::new(tokio::sync::Notify::new());
    let steward = steward::Steward {
        engine: engine.clone(),
        worker: id,
        lease: options.lease,
        max_crashes: options.max_crashes,
        housekeeping: options.housekeeping.clone(),
        reconcile: Arc::clone(&reconcile),
    };
    parts.spawn(over.clone().run_until_cancelled_owned(steward.serve()));

    let tasks = TaskTracker::new();
    let take_in =
        |class, finished| intake::take_in(&life, class, finished, &tasks, &drain, &reconcile);
    let (end, _) = tokio::join!(
        take_in(PermitClass::Cpu, finished.clone()),
        take_in(PermitClass::Provider, finished)
    );
    tasks.close();
    if matches!(end, End::Drained) {
        tracing::info!(running = tasks.len(), "draining");
        if tokio::time::timeout(options.grace, tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                running = tasks.len(),
                "grace is over: giving running tasks back"
            );
        }
    }
    abandon.cancel();
    tasks.wait().await;
    over.cancel();
    let done = life.counters.committed.load(Ordering::Relaxed);
    drop(life);
    parts.close();
    parts.wait().await;
    heart.join().await;
    if matches!(end, End::Drained) {
        leave(engine, id).await;
        tracing::info!(worker = %id.consumer(), committed = done, "worker stopped");
    }
    Ok(end)
}

/// Gives back what is left. If Postgres is away, the steward will find out.
async fn leave(engine: &Engine, id: WorkerId) {
    let pool = &engine.pools.control;
    let left = async {
        let released = store::tasks::release(pool, id).await?;
        let hints = store::tasks::hints_of(pool, &released).await?;
        engine.queue.publish(&hints).await?;
        store::steward::resign(pool, id).await?;
        store::workers::deregister(pool, id).await?;
        Ok::<_, Error>(())
    };
    if let Err(error) = left.await {
        tracing::warn!(%error, "could not say goodbye: the steward will notice");
    }
}

/// Most tasks of one commit: enough that the disk is not waited for too often, few enough that locks are
/// short.
pub const MAX_BATCH: NonZeroUsize = NonZeroUsize::new(64).unwrap();
/// Most provider tasks at once.
const PROVIDER_TASKS: usize = 8;
