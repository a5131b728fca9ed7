//! The heartbeat: on its own thread, runtime and connection, so that neither a busy pool nor a busy
//! executor can make a healthy worker look dead.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Life;
use super::counters::Counters;
use super::hands::Hands;
use super::intake::chain;
use crate::domain::{PermitClass, WorkerId};
use crate::store::{self, Pools, control};

/// The thread, while it beats.
pub(super) struct Heart {
    stopped: oneshot::Receiver<()>,
}

impl Heart {
    /// Waits until the thread has ended.
    pub(super) async fn join(&mut self) {
        // An error means that the thread is gone already.
        let _ = (&mut self.stopped).await;
    }
}

/// Between two questions for operators' wishes: a cancelled computation ends within a second.
const ASK: Duration = Duration::from_millis(500);

/// Starts to beat, three times in a lease, and to ask for operators' wishes. A lost lease cancels
/// `abandon`, the wish that the worker leaves cancels `drain`.
pub(super) fn start(
    life: &Arc<Life>,
    drain: CancellationToken,
    over: CancellationToken,
) -> io::Result<Heart> {
    let (stopping, stopped) = oneshot::channel();
    let beat = Beat {
        settings: life.options.store.clone(),
        pools: life.engine.pools.clone(),
        counters: Arc::clone(&life.counters),
        permits: json!({
            PermitClass::Cpu.as_str(): life.options.concurrency.max(1),
            PermitClass::Provider.as_str(): life.options.provider_tasks(),
        }),
        hands: Arc::clone(&life.hands),
        id: life.id,
        lease: life.options.lease,
        abandon: life.abandon.clone(),
        drain,
        over,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("heartbeat".into())
        .spawn(move || {
            runtime.block_on(beat.keep_on());
            let _ = stopping.send(());
        })?;
    Ok(Heart { stopped })
}

struct Beat {
    settings: store::Settings,
    pools: Pools,
    counters: Arc<Counters>,
    /// Tasks that may be in hand at once, by class.
    permits: Value,
    hands: Arc<Hands>,
    id: WorkerId,
    lease: Duration,
    abandon: CancellationToken,
    drain: CancellationToken,
    over: CancellationToken,
}

impl Beat {
    async fn keep_on(self) {
        let mut connection = None;
        let period = self.lease / 3;
        let mut ticks = tokio::time::interval(ASK.min(period));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut due = Instant::now();
        loop {
            tokio::select! {
                () = self.over.cancelled() => return,
                _ = ticks.tick() => {}
            }
            // A link that neither answers nor breaks must not stop the heart.
            if connection.is_none() {
                connection = store::connect_one(&self.settings, period).await.ok();
            }
            let Some(open) = connection.as_mut() else {
                continue;
            };
            let beat = Instant::now() >= due;
            match self.ask(open, beat).await {
                Ok(true) => {
                    self.abandon.cancel();
                    return;
                }
                Ok(false) if beat => due = Instant::now() + period,
                Ok(false) => {}
                // Nobody is lost before the steward says so: reconnect, and beat again.
                Err(error) => {
                    tracing::debug!(error = %chain(&error), "heartbeat failed");
                    connection = None;
                }
            }
        }
    }

    /// Beats if it is time, and learns what operators want; says whether the lease is lost.
    async fn ask(&self, link: &mut store::Link, beat: bool) -> store::Result<bool> {
        if beat {
            let pools = &self.pools;
            let mut counters = self.counters.snapshot(pools.in_use(), pools.sizes());
            counters["permits"] = self.permits.clone();
            let lease_seconds = self.lease.as_secs_f64();
            if !store::workers::heartbeat(link, self.id, lease_seconds, &counters).await? {
                return Ok(true);
            }
        }
        let wishes = control::wishes(link, self.id).await?;
        if wishes.draining {
            self.drain.cancel();
        }
        self.hands.hold_back(wishes.held);
        self.hands.stop(&wishes.cancelled);
        Ok(false)
    }
}
