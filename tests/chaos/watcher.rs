//! Looks at the database while a scenario plays, for the invariants that must hold all the time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::crew::Crew;
use crate::world::World;

/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(100);
/// A look that takes longer is given up: the server is away.
const LIMIT: Duration = Duration::from_secs(1);
/// A task whose worker was marked lost is taken from it at once, or, where its row is locked by a commit,
/// when Postgres has ended that session.
const REAPING: Duration = Duration::from_secs(10);

/// The task that looks.
pub(crate) struct Watcher {
    stop: CancellationToken,
    looking: JoinHandle<Seen>,
}

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Looks that saw something.
    pub(crate) looks: usize,
    /// Most connections of workers at once.
    pub(crate) connections: usize,
    violations: BTreeSet<String>,
    /// The last state and epoch of each task.
    tasks: BTreeMap<i64, (String, i64)>,
    /// Attempts that were going on.
    running: BTreeSet<(i64, i64)>,
    /// Since when a task runs under a lost worker.
    lost: BTreeMap<(i64, i64), Instant>,
}

impl Watcher {
    /// Begins to look. Connections are not counted where workers reach the server through a proxy,
    /// which may keep what a worker has given up.
    pub(crate) fn start(world: &World, crew: Arc<Crew>, direct: bool) -> Self {
        let stop = CancellationToken::new();
        let (url, over) = (world.database_url().to_owned(), stop.clone());
        let looking = tokio::spawn(async move {
            let mut seen = Seen::default();
            let mut connection = None;
            let mut ticks = tokio::time::interval(INTERVAL);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            while over.run_until_cancelled(ticks.tick()).await.is_some() {
                let look = async {
                    if connection.is_none() {
                        connection = Some(PgConnection::connect(&url).await?);
                    }
                    let Some(open) = connection.as_mut() else {
                        return Ok(());
                    };
                    let budget = direct.then(|| crew.budget());
                    seen.look(open, budget).await
                };
                match tokio::time::timeout(LIMIT, look).await {
                    Ok(Ok(())) => seen.looks += 1,
                    // The server is away, as it should be now and then.
                    Ok(Err(_)) | Err(_) => connection = None,
                }
            }
            seen
        });
        Self { stop, looking }
    }

    /// Ends, and says what was seen.
    pub(crate) async fn stop(self) -> Seen {
        self.stop.cancel();
        self.looking.await.unwrap()
    }
}

impl Seen {
    async fn look(&mut self, open: &mut PgConnection, budget: Option<usize>) -> sqlx::Result<()> {
        let tasks: Vec<(i64, String, i64, bool)> = sqlx::query_as(
            "select t.id, t.state, t.epoch, w.lost_at is not null
             from task t left join worker w on w.id = t.worker_id",
        )
        .fetch_all(&mut *open)
        .await?;
        for (id, state, epoch, lost) in tasks {
            self.task(id, state, epoch, lost);
        }
        if let Some(before) = budget {
            let connections: i64 = sqlx::query_scalar(
                "select count(*) from pg_stat_activity
                 where application_name = 'sigmabatch-worker' and datname = current_database()",
            )
            .fetch_one(open)
            .await?;
            let connections = usize::try_from(connections).unwrap();
            self.connections = self.connections.max(connections);
            if connections > before {
                self.violations.insert(format!(
                    "15: connections never exceed the stated budget: {connections} of {before}"
                ));
            }
        }
        Ok(())
    }

    fn task(&mut self, id: i64, state: String, epoch: i64, lost: bool) {
        if let Some((was, before)) = self.tasks.get(&id) {
            if epoch < *before {
                self.violations.insert(format!(
                    "4: epochs strictly grow: task {id} fell from {before} to {epoch}"
                ));
            }
            let is_final = !["ready", "running"].contains(&was.as_str());
            if is_final && (*was != state || *before != epoch) {
                self.violations.insert(format!(
                    "1: final states are final: task {id} was {was} at {before} and is {state} at {epoch}"
                ));
            }
        }
        if state == "running" {
            self.running.insert((id, epoch));
            if lost {
                let since = self.lost.entry((id, epoch)).or_insert_with(Instant::now);
                if since.elapsed() > REAPING {
                    self.violations.insert(format!(
                        "5: no task runs under a worker marked lost: {id} does since {:?}",
                        since.elapsed()
                    ));
                }
            }
        }
        self.tasks.insert(id, (state, epoch));
    }

    /// Everything that must not have been seen was not, and what was seen running has an attempt.
    pub(crate) async fn assert_sound(&self, world: &World) {
        assert!(self.looks > 0, "nobody looked");
        assert!(self.violations.is_empty(), "{:#?}", self.violations);
        let attempts: BTreeSet<(i64, i64)> = sqlx::query_as("select task_id, epoch from attempt")
            .fetch_all(&world.db)
            .await
            .unwrap()
            .into_iter()
            .collect();
        let missing: Vec<_> = self.running.difference(&attempts).collect();
        assert!(
            missing.is_empty(),
            "17: executions that left no attempt: {missing:?}"
        );
    }
}
