//! What the result of a portfolio and session waits for.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    DeadTaskLink, DoneTaskLink, NewerTaskLink, ParkedTaskLink, ReadyTaskLink, RetriedTaskLink,
    RunningTaskLink, SuspectTaskLink, UnheardTaskLink, WhyTask,
};

/// The causal chain from a result to what holds it.
#[derive(Debug, Deserialize, ToSchema)]
pub struct WhyAnswer {
    /// Whose.
    pub portfolio_id: Uuid,
    /// Its name.
    pub name: String,
    /// The session.
    pub date: NaiveDate,
    /// Whether readers see it.
    pub published: bool,
    /// Whether nothing of it failed; null where readers do not see it.
    pub strict: Option<bool>,
    /// `what` of the link that holds it; null where nothing does.
    pub blocked_by: Option<String>,
    /// What to do about it, where there is something to do.
    pub remedy: Option<String>,
    /// From the result to what holds it.
    pub chain: Vec<WhyLink>,
}

/// A link of the chain: `what` says which, and so which fields it has.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum WhyLink {
    /// Readers see the date.
    Published {
        /// The run that wrote it.
        run_id: Uuid,
        /// Whether every entry is done, not applicable or short of data.
        strict: bool,
    },
    /// An entry of the completeness vector that is not done.
    Incomplete {
        /// Which.
        entry: String,
        /// How it ended instead.
        outcome: String,
        /// Why.
        reason: String,
    },
    /// A symbol that is left out of market numbers.
    LeftOut {
        /// Which.
        symbol: String,
        /// Why.
        reason: String,
    },
    /// The exchange was closed.
    NoSession {
        /// The session before.
        before: NaiveDate,
    },
    /// The portfolio did not exist yet.
    BeforeInception {
        /// Since when it does.
        inception: NaiveDate,
    },
    /// The session's closes are not final yet.
    NotEligible {
        /// When they will be.
        from: DateTime<Utc>,
    },
    /// An input changed after the result was computed.
    Stale {
        /// `prices`, `actions`, `book`, `profile`, `definitions`.
        input: String,
        /// `portfolio`, `symbol`, `all`.
        scope: String,
        /// What changed.
        owner: String,
        /// The first date whose results look at it.
        from: NaiveDate,
        /// What changed it.
        reason: String,
        /// When.
        at: DateTime<Utc>,
        /// The version of the change.
        version: i64,
    },
    /// The scheduler left the date out.
    Skipped {
        /// When it decided so.
        decided_at: DateTime<Utc>,
    },
    /// No run computes it.
    NotPlanned,
    /// The run that computes it, or did so last.
    Run {
        /// Which.
        run_id: Uuid,
        /// Its label.
        label: String,
        /// Its lane.
        lane: String,
        /// How it ended.
        verdict: Option<String>,
        /// When it was planned.
        created_at: DateTime<Utc>,
        /// When it was cancelled.
        cancelled_at: Option<DateTime<Utc>>,
    },
    /// A phase that others have to finish before.
    PhaseWaits {
        /// Which.
        phase: String,
        /// Its number.
        number: String,
        /// Those that are not finished.
        after: Vec<String>,
        /// Those that all of them wait for in the end.
        until: Vec<String>,
    },
    /// A phase that could be opened and is not.
    PhaseNotOpened {
        /// Which.
        phase: String,
        /// Its number.
        number: String,
    },
    /// An open phase with tasks that are not final.
    PhaseUnfinished {
        /// Which.
        phase: String,
        /// Its number.
        number: String,
        /// Tasks that are not final.
        left: i64,
        /// Those in workers' hands among them.
        running: i64,
    },
    /// A task in a worker's hands.
    TaskRunning(RunningTaskLink),
    /// A task that failed and is tried again.
    TaskRetries(RetriedTaskLink),
    /// A task that waits because a provider limits our rate.
    TaskParked(ParkedTaskLink),
    /// A task that waits for a worker.
    TaskReady(ReadyTaskLink),
    /// A task that cost workers their lives: it waits for one that has nothing else in hand.
    TaskSuspect(SuspectTaskLink),
    /// A task whose budget is used up.
    TaskDead(DeadTaskLink),
    /// A task of a cancelled run.
    TaskCancelled(WhyTask),
    /// A task that is done, and readers see nothing of it.
    TaskDone(DoneTaskLink),
    /// The lease of a worker ran out.
    WorkerLate {
        /// The worker, as in Redis.
        worker: String,
        /// Seconds since then.
        seconds: f64,
    },
    /// An operator holds a lane or phase back.
    Paused {
        /// `lane` or `phase`.
        kind: String,
        /// Which.
        name: String,
        /// Who.
        who: String,
        /// Why.
        reason: String,
        /// Since when.
        since: DateTime<Utc>,
    },
    /// The input of a task is newer than this program.
    VersionUnknown(NewerTaskLink),
    /// Nobody takes tasks.
    NoWorker {
        /// Workers that finish what they have and leave.
        draining: u64,
    },
    /// Nobody does what dead processes left.
    NoSteward,
    /// The hints of a phase were not written yet.
    NotPublished {
        /// Which.
        phase: String,
        /// Its number.
        number: String,
    },
    /// No worker will hear of a task: its stream has no entry that can be delivered.
    HintMissing(UnheardTaskLink),
    /// Workers cannot reach Redis and claim straight from Postgres.
    RedisDown {
        /// These.
        workers: Vec<String>,
    },
    /// Every permit of a class is taken.
    PermitsBusy {
        /// The class.
        class: String,
        /// Its permits at the living workers.
        permits: u64,
        /// Tasks that hold them, by worker.
        workers: Vec<WhyBusy>,
    },
}

/// A worker whose permits of a class are taken.
#[derive(Debug, Deserialize, ToSchema)]
pub struct WhyBusy {
    /// The worker, as in Redis.
    pub worker: String,
    /// Tasks of the class in its hands.
    pub running: u64,
    /// Its permits.
    pub permits: u64,
}
