//! The cores: so many computations at once, the others in a queue. A thread that has finished one takes
//! the next without going to sleep, so that thousands of small computations a second cost no wake-ups.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::phases::Error;

type Job = Box<dyn FnOnce() + Send>;

/// The computations of a worker.
pub(super) struct Cores {
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    /// Threads at work.
    busy: usize,
}

impl Cores {
    /// For so many computations at once.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            state: Mutex::default(),
        }
    }

    /// Computes on one of the cores. A panic is an error; who stops waiting leaves a computation behind,
    /// which has to notice by itself.
    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        compute: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        self.add(Box::new(move || {
            let result = catch_unwind(AssertUnwindSafe(compute));
            // Nobody may wait any more.
            let _ = answer.send(result.unwrap_or_else(|panic| Err(panicked(&*panic))));
        }));
        let lost = |_| Err(Error::Interrupted("cancelled"));
        answered.await.unwrap_or_else(lost)
    }

    fn add(self: &Arc<Self>, job: Job) {
        let mut state = self.lock();
        state.waiting.push_back(job);
        if state.busy < self.most {
            state.busy += 1;
            let cores = Arc::clone(self);
            tokio::task::spawn_blocking(move || cores.work());
        }
    }

    /// Until nothing waits.
    fn work(&self) {
        loop {
            let mut state = self.lock();
            let Some(job) = state.waiting.pop_front() else {
                state.busy -= 1;
                return;
            };
            drop(state);
            job();
        }
    }

    /// No job runs under the lock: it cannot be poisoned half-way.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A panic as an error of class `bug`.
pub(super) fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    Error::Bug(format!("panicked: {}", text.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn all_is_computed_and_never_more_at_once_than_there_are_cores() {
        let cores = Arc::new(Cores::new(2));
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let jobs = (0..500_usize).map(|number| {
            let (cores, now, most) = (Arc::clone(&cores), Arc::clone(&now), Arc::clone(&most));
            tokio::spawn(async move {
                cores
                    .run(move || {
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        now.fetch_sub(1, Ordering::SeqCst);
                        Ok(number)
                    })
                    .await
            })
        });
        for (number, job) in jobs.collect::<Vec<_>>().into_iter().enumerate() {
            assert_eq!(job.await.unwrap().unwrap(), number);
        }
        assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
    }

    #[tokio::test]
    async fn a_panic_is_a_bug_of_its_task_alone() {
        let cores = Arc::new(Cores::new(1));
        let failed = cores.run(|| -> Result<(), Error> { panic!("no such factor") });
        let error = failed.await.unwrap_err();
        assert_eq!(
            (error.class(), error.to_string()),
            ("bug", "panicked: no such factor".into())
        );
        assert_eq!(cores.run(|| Ok(1)).await.unwrap(), 1);
    }
}
