//! What may happen in a case, before it is known to whom: numbers choose among what is there at that
//! moment, so that every part of a case can be left out and the rest still means something.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;

use super::ops::{End, Trouble};

/// A run that is planned first, and what happens then.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) first: Action,
    pub(super) steps: Vec<Step>,
}

impl fmt::Debug for Case {
    /// A line for each step, however it is asked for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.first)?;
        for step in &self.steps {
            write!(f, "\n{step:?}")?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    One(Action),
    /// At the same time, on connections of their own.
    Together(Vec<Action>),
    /// One transaction waits for its last word while the others come.
    Behind {
        held: Action,
        others: Vec<Action>,
    },
}

/// Chooses one of those that are there.
pub(super) type Pick = u8;

#[derive(Debug, Clone)]
pub(super) enum Action {
    Plan {
        lane: Pick,
        portfolios: u8,
        /// Per phase: what it comes after, as bits, and the sizes of its chunks.
        shape: Vec<(u8, Vec<u8>)>,
    },
    Night {
        date: Pick,
        force: bool,
    },
    Repair {
        again: bool,
    },
    Advance {
        run: Pick,
        publish: bool,
    },
    PublishLeft,
    Read {
        worker: Pick,
    },
    Claim {
        worker: Pick,
        hints: Hints,
        alone: bool,
        lost: bool,
    },
    AskAgain {
        worker: Pick,
        alone: bool,
        lost: bool,
    },
    Commit {
        worker: Pick,
        some: u8,
        end: End,
    },
    Fail {
        worker: Pick,
        which: Pick,
        kind: Trouble,
    },
    Release {
        worker: Pick,
    },
    Leave {
        worker: Pick,
    },
    Join,
    /// The process stops, its lease runs out; what it has in hand it may still try to commit.
    Freeze {
        worker: Pick,
    },
    Heartbeat {
        worker: Pick,
    },
    Drain {
        worker: Pick,
    },
    Reap {
        early: bool,
    },
    ReapOverdue,
    Deadline {
        task: Pick,
    },
    Delays,
    Parking {
        task: Pick,
    },
    Cancel {
        run: Pick,
    },
    Pause {
        what: Pick,
    },
    Resume {
        what: Pick,
    },
    Invalidate {
        target: Pick,
        date: Pick,
    },
    Hold {
        worker: Pick,
    },
    Resign {
        worker: Pick,
    },
    Stewardship,
    Reconcile,
    Ask,
    WipeRedis,
    DropConsumer {
        worker: Pick,
    },
    Forge {
        task: Pick,
        beside: i8,
    },
    Lock {
        some: u8,
    },
}

/// Where hints come from.
#[derive(Debug, Clone)]
pub(super) enum Hints {
    /// From the streams.
    Read,
    /// From Postgres.
    Direct,
    /// From nowhere: tasks, at their epoch or beside it.
    Made(Vec<(Pick, i8)>),
}

pub(super) fn cases() -> impl Strategy<Value = Case> {
    (plan(), vec(step(), 0..=100)).prop_map(|(first, steps)| Case { first, steps })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => any_action().prop_map(Step::One),
        4 => vec(rival(), 2..=3).prop_map(Step::Together),
        4 => (held(), vec(rival(), 1..=2)).prop_map(|(held, others)| Step::Behind { held, others }),
    ]
}

fn plan() -> impl Strategy<Value = Action> {
    let chunks = prop_oneof![1 => vec(1..=3_u8, 0..=1), 3 => vec(1..=3_u8, 1..=3)];
    let phase = (0..8_u8, chunks);
    (any::<Pick>(), 0..=2_u8, vec(phase, 1..=4)).prop_map(|(lane, portfolios, shape)| {
        Action::Plan {
            lane,
            portfolios,
            shape,
        }
    })
}

fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![20 => contender(), 12 => solitary(), 3 => plan()]
}

fn pick() -> impl Strategy<Value = Pick> {
    any::<Pick>()
}

/// What happens at the same time as something else.
fn contender() -> impl Strategy<Value = Action> {
    let often = prop_oneof![
        9 => claim(),
        6 => commit(),
        5 => fail(),
        2 => (pick(), any::<bool>(), rarely()).prop_map(|(worker, alone, lost)| {
            Action::AskAgain { worker, alone, lost }
        }),
        5 => (pick(), any::<bool>()).prop_map(|(run, publish)| Action::Advance { run, publish }),
        3 => Just(Action::Reap { early: false }),
    ];
    let seldom = prop_oneof![
        1 => pick().prop_map(|run| Action::Cancel { run }),
        1 => Just(Action::ReapOverdue),
        1 => pick().prop_map(|worker| Action::Release { worker }),
        1 => pick().prop_map(|worker| Action::Leave { worker }),
        2 => pick().prop_map(|worker| Action::Heartbeat { worker }),
        1 => pick().prop_map(|worker| Action::Drain { worker }),
        1 => pick().prop_map(|what| Action::Pause { what }),
        3 => pick().prop_map(|what| Action::Resume { what }),
        2 => (pick(), pick()).prop_map(|(target, date)| Action::Invalidate { target, date }),
        1 => pick().prop_map(|worker| Action::Hold { worker }),
        1 => (pick(), any::<bool>()).prop_map(|(date, force)| Action::Night { date, force }),
        1 => any::<bool>().prop_map(|again| Action::Repair { again }),
    ];
    prop_oneof![6 => often, 1 => seldom]
}

/// The same, with more of those that take something away from somebody.
fn rival() -> impl Strategy<Value = Action> {
    let takes = prop_oneof![
        3 => pick().prop_map(|run| Action::Cancel { run }),
        2 => Just(Action::Reap { early: false }),
        1 => Just(Action::ReapOverdue),
        1 => pick().prop_map(|worker| Action::Release { worker }),
        1 => pick().prop_map(|worker| Action::Leave { worker }),
        2 => (pick(), any::<bool>(), rarely()).prop_map(|(worker, alone, lost)| {
            Action::AskAgain { worker, alone, lost }
        }),
    ];
    prop_oneof![4 => contender(), 1 => takes]
}

/// What waits for its last word while others come.
fn held() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => commit(),
        4 => fail(),
        1 => pick().prop_map(|run| Action::Cancel { run }),
        3 => any::<u8>().prop_map(|some| Action::Lock { some }),
    ]
}

/// What happens on its own.
fn solitary() -> impl Strategy<Value = Action> {
    let of_time = prop_oneof![
        4 => pick().prop_map(|worker| Action::Freeze { worker }),
        2 => pick().prop_map(|task| Action::Deadline { task }),
        4 => Just(Action::Delays),
        1 => pick().prop_map(|task| Action::Parking { task }),
        1 => Just(Action::Stewardship),
    ];
    let of_redis = prop_oneof![
        3 => pick().prop_map(|worker| Action::Read { worker }),
        2 => Just(Action::Reconcile),
        1 => Just(Action::PublishLeft),
        1 => Just(Action::WipeRedis),
        1 => pick().prop_map(|worker| Action::DropConsumer { worker }),
        1 => (pick(), -2..=2_i8).prop_map(|(task, beside)| Action::Forge { task, beside }),
    ];
    let others = prop_oneof![
        3 => Just(Action::Join),
        2 => Just(Action::Ask),
        1 => Just(Action::Reap { early: true }),
        1 => pick().prop_map(|worker| Action::Resign { worker }),
    ];
    prop_oneof![2 => of_time, 2 => of_redis, 1 => others]
}

fn rarely() -> impl Strategy<Value = bool> {
    prop_oneof![4 => Just(false), 1 => Just(true)]
}

fn claim() -> impl Strategy<Value = Action> {
    let beside = prop_oneof![6 => Just(0_i8), 1 => Just(-1), 1 => Just(1)];
    let hints = prop_oneof![
        1 => Just(Hints::Read),
        1 => Just(Hints::Direct),
        3 => vec((pick(), beside), 1..=4).prop_map(Hints::Made),
    ];
    (pick(), hints, any::<bool>(), rarely()).prop_map(|(worker, hints, alone, lost)| {
        Action::Claim {
            worker,
            hints,
            alone,
            lost,
        }
    })
}

fn commit() -> impl Strategy<Value = Action> {
    let end = prop_oneof![
        6 => Just(End::Commit),
        1 => Just(End::CommitUnheard),
        1 => Just(End::Rollback),
    ];
    (pick(), any::<u8>(), end).prop_map(|(worker, some, end)| Action::Commit { worker, some, end })
}

fn fail() -> impl Strategy<Value = Action> {
    let kind = prop_oneof![
        3 => Just(Trouble::Transient),
        1 => Just(Trouble::RateLimited),
        2 => Just(Trouble::Permanent),
        1 => Just(Trouble::Deadline),
    ];
    (pick(), pick(), kind).prop_map(|(worker, which, kind)| Action::Fail {
        worker,
        which,
        kind,
    })
}
