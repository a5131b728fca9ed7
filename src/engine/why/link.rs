//! The links of a causal chain. Their names and fields are stable: programs read them.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::domain::{Lane, PermitClass, PhaseName, RunId, TaskId, Verdict};

/// One link: what is, or what holds it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Link {
    /// Readers see the date.
    Published {
        /// The run that wrote it.
        run_id: RunId,
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
        run_id: RunId,
        /// Its label.
        label: String,
        /// Its lane.
        lane: Lane,
        /// How it ended.
        verdict: Option<Verdict>,
        /// When it was planned.
        created_at: DateTime<Utc>,
        /// When it was cancelled.
        cancelled_at: Option<DateTime<Utc>>,
    },
    /// A phase that others have to finish before.
    PhaseWaits {
        /// Which.
        phase: PhaseName,
        /// Its number.
        number: &'static str,
        /// Those that are not finished.
        after: Vec<PhaseName>,
        /// Those that all of them wait for in the end.
        until: Vec<PhaseName>,
    },
    /// A phase that could be opened and is not.
    PhaseNotOpened {
        /// Which.
        phase: PhaseName,
        /// Its number.
        number: &'static str,
    },
    /// An open phase with tasks that are not final.
    PhaseUnfinished {
        /// Which.
        phase: PhaseName,
        /// Its number.
        number: &'static str,
        /// Tasks that are not final.
        left: i64,
        /// Those in workers' hands among them.
        running: i64,
    },
    /// A task in a worker's hands.
    TaskRunning {
        /// Which.
        #[serde(flatten)]
        task: Task,
        /// The worker, as in Redis.
        worker: Option<String>,
        /// Since when.
        since: Option<DateTime<Utc>>,
        /// It must end until then.
        deadline_at: Option<DateTime<Utc>>,
    },
    /// A task that failed and is tried again.
    TaskRetries {
        /// Which.
        #[serde(flatten)]
        task: Task,
        /// When.
        due_at: DateTime<Utc>,
        /// Failures so far, of those that it may have.
        attempts: i16,
        /// How many it may have.
        budget: i16,
        /// Class of the last error.
        class: String,
        /// Its message.
        error: String,
        /// Its fingerprint.
        fingerprint: String,
    },
    /// A task that waits because a provider limits our rate.
    TaskParked {
        /// Which.
        #[serde(flatten)]
        task: Task,
        /// Until when.
        until: DateTime<Utc>,
        /// Since when.
        since: DateTime<Utc>,
        /// What the provider said.
        error: String,
    },
    /// A task that waits for a worker.
    TaskReady {
        /// Which.
        #[serde(flatten)]
        task: Task,
        /// Since when.
        since: DateTime<Utc>,
    },
    /// A task that cost workers their lives: it waits for one that has nothing else in hand.
    TaskSuspect {
        /// Which.
        #[serde(flatten)]
        task: Task,
        /// How many workers.
        crashes: i16,
    },
    /// A task whose budget is used up.
    TaskDead {
        /// Which.
        #[serde(flatten)]
        task: Task,
        /// Class of the last error.
        class: String,
        /// Its message.
        error: String,
        /// Its fingerprint.
        fingerprint: String,
        /// The run that was planned to do it again.
        repair_run: Option<RunId>,
    },
    /// A task of a cancelled run.
    TaskCancelled {
        /// Which.
        #[serde(flatten)]
        task: Task,
    },
    /// A task that is done, and readers see nothing of it.
    TaskDone {
        /// Which.
        #[serde(flatten)]
        task: Task,
        /// `superseded`: newer results were there already.
        outcome: Option<String>,
    },
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
        kind: &'static str,
        /// Which.
        name: &'static str,
        /// Who.
        who: String,
        /// Why.
        reason: String,
        /// Since when.
        since: DateTime<Utc>,
    },
    /// The input of a task is newer than this program.
    VersionUnknown {
        /// Which.
        #[serde(flatten)]
        task: Task,
        /// The version of its input.
        version: i16,
        /// The newest that this program knows.
        known: i16,
    },
    /// Nobody takes tasks.
    NoWorker {
        /// Workers that finish what they have and leave.
        draining: usize,
    },
    /// Nobody does what dead processes left.
    NoSteward,
    /// The hints of a phase were not written yet.
    NotPublished {
        /// Which.
        phase: PhaseName,
        /// Its number.
        number: &'static str,
    },
    /// No worker will hear of a task: its stream has no entry that can be delivered.
    HintMissing {
        /// Which.
        #[serde(flatten)]
        task: Task,
        /// The stream.
        stream: String,
    },
    /// Workers cannot reach Redis and claim straight from Postgres.
    RedisDown {
        /// These.
        workers: Vec<String>,
    },
    /// Every permit of a class is taken.
    PermitsBusy {
        /// The class.
        class: PermitClass,
        /// Its permits at the living workers.
        permits: u64,
        /// Tasks that hold them, by worker.
        workers: Vec<Busy>,
    },
}

/// Which task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Task {
    /// Its id.
    pub task_id: TaskId,
    /// Its phase.
    pub phase: PhaseName,
    /// The number of the phase.
    pub number: &'static str,
    /// Its unit.
    pub unit: String,
    /// The date of its results, or the last of them.
    pub as_of: NaiveDate,
}

/// A worker whose permits of a class are taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Busy {
    /// The worker, as in Redis.
    pub worker: String,
    /// Tasks of the class in its hands.
    pub running: u64,
    /// Its permits.
    pub permits: u64,
}

impl Link {
    /// Whether it stands between the portfolio and a strictly complete result.
    pub fn blocks(&self) -> bool {
        match self {
            Self::Published { .. } | Self::LeftOut { .. } => false,
            Self::Incomplete { outcome, .. } => {
                !matches!(outcome.as_str(), "not_applicable" | "insufficient_data")
            }
            _ => true,
        }
    }
}
