//! What processes ask of the store, with everything named, and what they are answered.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde_json::Value;
use sigmabatch::domain::{Held, Lane, PhaseName, RunId, TaskEpoch, TradingDate, Verdict, WorkerId};
use sigmabatch::engine::Target;
use sigmabatch::phases;
use sigmabatch::store::control::Cancelled;
use sigmabatch::store::tasks::NewTask;

use super::facts::{Seq, SetKey};

/// One thing that is asked.
#[derive(Debug, Clone)]
pub(super) enum Op {
    /// Inserts a small run.
    Plan(SmallRun),
    /// Asks the planner for a date of a portfolio.
    Night {
        date: NaiveDate,
        force: bool,
    },
    /// Plans again what these tasks left undone.
    Repair {
        tasks: Vec<i64>,
        again: bool,
    },
    /// Asks the gates of a run.
    Advance {
        run: RunId,
    },
    /// Publishes what was opened.
    Announce {
        run: RunId,
        phases: Vec<PhaseName>,
    },
    Claim(Claim),
    Commit(Commit),
    Fail(Failing),
    Release {
        worker: WorkerId,
    },
    Register {
        worker: WorkerId,
    },
    Deregister {
        worker: WorkerId,
    },
    Heartbeat {
        worker: WorkerId,
    },
    /// The steward looks for lost workers; `early`: shortly after Postgres was started.
    Reap {
        early: bool,
    },
    ReapOverdue,
    Cancel {
        run: RunId,
    },
    Pause {
        held: Held,
    },
    Resume {
        held: Held,
    },
    Drain {
        worker: WorkerId,
    },
    Invalidate {
        target: Target,
        from: NaiveDate,
    },
    Hold {
        worker: WorkerId,
    },
    Resign {
        worker: WorkerId,
    },
    /// All questions that change nothing.
    Ask,
    /// Somebody holds these rows, and does nothing with them.
    Lock {
        tasks: Vec<i64>,
    },
    /// What only time can do.
    Time(Passing),
}

#[derive(Debug, Clone)]
pub(super) struct SmallRun {
    pub(super) id: RunId,
    pub(super) lane: Lane,
    pub(super) phases: Vec<(PhaseName, Vec<PhaseName>, Vec<NewTask>)>,
    pub(super) portfolios: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) worker: WorkerId,
    pub(super) hints: BTreeSet<TaskEpoch>,
    /// Those of an earlier claim whose answer was lost.
    pub(super) doubtful: BTreeSet<TaskEpoch>,
    pub(super) alone: bool,
    /// The worker will not get the answer.
    pub(super) lost: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Commit {
    pub(super) worker: WorkerId,
    pub(super) work: Vec<Work>,
    pub(super) end: End,
    /// The answer to an earlier commit was lost.
    pub(super) repeated: bool,
}

/// A computed task.
#[derive(Debug, Clone)]
pub(super) struct Work {
    pub(super) at: TaskEpoch,
    pub(super) run: RunId,
    pub(super) seq: Seq,
    /// Of the inputs, when it was loaded.
    pub(super) version: i64,
    pub(super) sets: Vec<SetKey>,
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Commit,
    /// It is committed, and the worker does not know.
    CommitUnheard,
    /// The worker dies before the COMMIT.
    Rollback,
}

#[derive(Debug, Clone)]
pub(super) struct Failing {
    pub(super) worker: WorkerId,
    pub(super) at: TaskEpoch,
    pub(super) kind: Trouble,
    /// Failures before this one, as the claim said.
    pub(super) attempts: i16,
    /// What it is split into where it has no further chance.
    pub(super) elements: Vec<NewTask>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    Transient,
    RateLimited,
    Permanent,
    Deadline,
}

#[derive(Debug, Clone)]
pub(super) enum Passing {
    /// The lease of a worker runs out.
    Lease { worker: WorkerId },
    /// The deadline of a task passes.
    Deadline { task: i64 },
    /// Every delay is over.
    Delays,
    /// A task that was parked has been so for hours.
    Parking { task: i64 },
    /// The lease of the steward runs out.
    Stewardship,
}

/// What became of a hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Got {
    /// At this epoch.
    Claimed(i64),
    Stale,
    NotNow,
    Suspect,
}

/// A task that was claimed, as the worker knows it.
#[derive(Debug, Clone)]
pub(super) struct Claimed {
    pub(super) at: TaskEpoch,
    pub(super) run: RunId,
    pub(super) seq: Seq,
    pub(super) phase: PhaseName,
    pub(super) as_of: TradingDate,
    pub(super) input: Value,
    pub(super) attempts: i16,
    /// Of the inputs, when it was loaded.
    pub(super) version: i64,
}

/// What is answered.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// There is nothing to say.
    Done,
    Yes(bool),
    Planned {
        run: RunId,
        existing: bool,
    },
    /// The run that does it, if any.
    Repaired(Option<RunId>),
    Progress {
        opened: BTreeSet<PhaseName>,
        verdict: Option<Verdict>,
    },
    Claim {
        got: Vec<(TaskEpoch, Got)>,
        claimed: Vec<Claimed>,
    },
    Commit {
        fenced: BTreeSet<TaskEpoch>,
        superseded: BTreeSet<TaskEpoch>,
        /// Of those that were not fenced, with a repeated commit.
        before: BTreeSet<TaskEpoch>,
    },
    /// Whether it was ours.
    Failed(bool),
    Released(BTreeSet<i64>),
    Cancelled(Cancelled),
    Outdated(BTreeSet<SetKey>),
    Term(Option<i64>),
    Asked(Box<Asked>),
}

/// Answers to the questions that change nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) should_have_hints: BTreeSet<TaskEpoch>,
    pub(super) due_since_ever: BTreeSet<TaskEpoch>,
    pub(super) claimable: Vec<TaskEpoch>,
    pub(super) outdated: BTreeSet<TaskEpoch>,
    pub(super) unpublished: BTreeSet<(RunId, PhaseName)>,
    pub(super) unfinished: i64,
}

/// A chunk as its elements; empty where it has fewer than two.
pub(super) fn elements(phase: PhaseName, input: &Value, as_of: TradingDate) -> Vec<NewTask> {
    let registry = phases::registry();
    let phase = registry.iter().find(|known| known.name() == phase);
    let units = phase.unwrap().split(input, as_of).unwrap();
    if units.len() < 2 {
        return Vec::new();
    }
    let units = units.into_iter().map(|unit| NewTask {
        unit: unit.unit,
        as_of: unit.as_of,
        input: unit.input,
    });
    units.collect()
}

/// The sets of results that a task writes, as far as the model knows their kinds.
pub(super) fn sets(phase: PhaseName, input: &Value, as_of: TradingDate) -> Vec<SetKey> {
    let texts = |name: &str| -> Vec<String> {
        let all = input[name].as_array().into_iter().flatten();
        all.map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let kind = || phase.to_string();
    match phase {
        PhaseName::PortfolioAnalytics => {
            let owner = input["portfolio"].as_str().unwrap().to_owned();
            vec![(kind(), owner, as_of.date())]
        }
        PhaseName::PositionValues | PhaseName::PnlSnapshots => {
            let (owners, dates) = (texts("portfolios"), texts("dates"));
            let of = |owner: String| {
                let dates = dates.iter();
                dates.map(move |date| (kind(), owner.clone(), date.parse().unwrap()))
            };
            owners.into_iter().flat_map(of).collect()
        }
        _ => Vec::new(),
    }
}

impl Trouble {
    /// Class and outcome of the attempt, and whether it counts.
    pub(super) fn words(self) -> (&'static str, &'static str, bool) {
        match self {
            Self::Transient => ("transient", "failed", true),
            Self::RateLimited => ("rate_limited", "parked", false),
            Self::Permanent => ("permanent", "failed", true),
            Self::Deadline => ("deadline", "deadline", true),
        }
    }

    /// Whether the task has another chance, after so many failures before this one.
    pub(super) fn passes(self, attempts: i16, parked_too_long: bool) -> bool {
        match self {
            Self::Transient | Self::Deadline => attempts + 1 < MAX_ATTEMPTS,
            Self::RateLimited => !parked_too_long,
            Self::Permanent => false,
        }
    }
}

/// Own failures a task may have.
pub(super) const MAX_ATTEMPTS: i16 = 5;
/// Lost workers a task may cost.
pub(super) const MAX_CRASHES: i16 = 3;

impl Op {
    /// The process that hears the answer.
    pub(super) fn worker(&self) -> Option<WorkerId> {
        match self {
            Self::Claim(Claim { worker, .. })
            | Self::Commit(Commit { worker, .. })
            | Self::Fail(Failing { worker, .. }) => Some(*worker),
            _ => None,
        }
    }
}

impl Work {
    pub(super) fn of(claimed: &Claimed) -> Self {
        Self {
            at: claimed.at,
            run: claimed.run,
            seq: claimed.seq,
            version: claimed.version,
            sets: sets(claimed.phase, &claimed.input, claimed.as_of),
        }
    }
}
