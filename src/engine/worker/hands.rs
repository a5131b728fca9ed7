//! What a worker has in its hands, and how to make it let go.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::domain::{Held, RunId, TaskEpoch};

/// Running tasks with their stop buttons, and what operators hold back.
#[derive(Debug, Default)]
pub(super) struct Hands {
    running: Mutex<BTreeMap<TaskEpoch, (RunId, CancellationToken)>>,
    held: Mutex<Vec<Held>>,
}

impl Hands {
    /// Takes a task in hand until the grip is dropped.
    pub(super) fn take(
        self: &Arc<Self>,
        at: TaskEpoch,
        run: RunId,
        stop: CancellationToken,
    ) -> Grip {
        lock(&self.running).insert(at, (run, stop.clone()));
        Grip {
            hands: Arc::clone(self),
            at,
            stop,
        }
    }

    /// Whether the task that a hint names was claimed by it, and is still in hand.
    pub(super) fn hold(&self, hint: TaskEpoch) -> bool {
        let epoch = hint.epoch + 1;
        lock(&self.running).contains_key(&TaskEpoch { epoch, ..hint })
    }

    /// Stops every task of these runs.
    pub(super) fn stop(&self, runs: &[RunId]) {
        for (run, stop) in lock(&self.running).values() {
            if runs.contains(run) {
                stop.cancel();
            }
        }
    }

    /// Remembers what operators hold back.
    pub(super) fn hold_back(&self, held: Vec<Held>) {
        *lock(&self.held) = held;
    }

    /// What operators hold back.
    pub(super) fn held_back(&self) -> Vec<Held> {
        lock(&self.held).clone()
    }
}

/// A task in hand.
#[derive(Debug)]
pub(super) struct Grip {
    hands: Arc<Hands>,
    at: TaskEpoch,
    stop: CancellationToken,
}

impl Grip {
    /// Its stop button.
    pub(super) fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}

impl Drop for Grip {
    fn drop(&mut self) {
        lock(&self.hands.running).remove(&self.at);
    }
}

/// Every change is one insertion or removal: what a panic leaves behind is sound.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
