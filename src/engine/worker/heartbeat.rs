//! The heartbeat: on its own thread, runtime and connection, so that neither a busy pool nor a busy
//! executor can make a healthy worker look dead.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::Life;
use super::counters::Counters;
use crate::domain::WorkerId;
use crate::store::{self, Pools};

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

/// Starts to beat, three times in a lease. A lost lease cancels `abandon`; an operator's wish
/// cancels `drain`.
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
    id: WorkerId,
    lease: Duration,
    abandon: CancellationToken,
    drain: CancellationToken,
    over: CancellationToken,
}

impl Beat {
    async fn keep_on(self) {
        let mut connection = None;
        let mut ticks = tokio::time::interval(self.lease / 3);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.over.cancelled() => return,
                _ = ticks.tick() => {}
            }
            // A link that neither answers nor breaks must not stop the heart.
            let limit = self.lease / 3;
            if connection.is_none() {
                let opened = tokio::time::timeout(limit, store::connect_one(&self.settings)).await;
                connection = opened.ok().and_then(Result::ok);
            }
            let Some(open) = connection.as_mut() else {
                continue;
            };
            let counters = self.counters.snapshot(self.pools.in_use());
            let lease_seconds = self.lease.as_secs_f64();
            let beat = store::workers::heartbeat(open, self.id, lease_seconds, &counters);
            match tokio::time::timeout(limit, beat).await {
                Ok(Ok(pulse)) if pulse.lost => {
                    self.abandon.cancel();
                    return;
                }
                Ok(Ok(pulse)) => {
                    if pulse.draining {
                        self.drain.cancel();
                    }
                }
                // Nobody is lost before the steward says so: reconnect, and beat again.
                Ok(Err(error)) => {
                    tracing::debug!(%error, "heartbeat failed");
                    connection = None;
                }
                Err(_elapsed) => connection = None,
            }
        }
    }
}
