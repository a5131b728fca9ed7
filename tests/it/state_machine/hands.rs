//! What a worker process remembers: its claims, also those that somebody took from it without its
//! knowledge, and what it asked without hearing the answer.

use std::collections::{BTreeMap, BTreeSet};

use sigmabatch::domain::TaskEpoch;
use sigmabatch::queue::Entry;

use super::ops::{Answer, Claimed, Commit, End, Got, Op};

/// A claim in hand.
#[derive(Debug, Clone)]
pub(super) struct Grip {
    pub(super) claimed: Claimed,
    /// A commit of it was not answered.
    pub(super) unsure: bool,
    entries: Vec<Entry>,
}

#[derive(Debug, Default)]
pub(super) struct Hands {
    pub(super) claims: BTreeMap<TaskEpoch, Grip>,
    /// Hints of a claim whose answer was lost.
    pub(super) doubtful: BTreeSet<TaskEpoch>,
    /// It asks at the moment; what it doubts it asks again only when the answer was heard.
    pub(super) asking: bool,
    /// Hints that were read and not claimed yet, with the entries that carry them.
    pub(super) read: BTreeMap<TaskEpoch, Vec<Entry>>,
    /// The process stands still: it is no longer asked to finish anything.
    pub(super) frozen: bool,
}

impl Hands {
    /// Hears an answer; says which entries are to be acknowledged.
    pub(super) fn hear(&mut self, op: &Op, answer: &Answer) -> Result<Vec<Entry>, String> {
        let mut done = Vec::new();
        match (op, answer) {
            (Op::Claim(ask), Answer::Claim { .. }) if ask.lost => {
                self.doubtful.extend(&ask.hints);
            }
            (Op::Claim(ask), Answer::Claim { got, claimed }) => {
                for (hint, got) in got {
                    if ask.doubtful.contains(hint) {
                        self.doubtful.remove(hint);
                    }
                    match got {
                        Got::Claimed(_) | Got::Suspect => {}
                        Got::Stale => done.extend(self.read.remove(hint).unwrap_or_default()),
                        Got::NotNow => drop(self.read.remove(hint)),
                    }
                }
                for one in claimed {
                    let hinted = got.iter().find(|(hint, got)| {
                        hint.task == one.at.task && *got == Got::Claimed(one.at.epoch)
                    });
                    let entries = hinted.and_then(|(hint, _)| self.read.remove(hint));
                    let grip = Grip {
                        claimed: one.clone(),
                        unsure: false,
                        entries: entries.unwrap_or_default(),
                    };
                    if self.claims.insert(one.at, grip).is_some() {
                        return Err(format!("{:?} was given to the same worker twice", one.at));
                    }
                }
            }
            (Op::Commit(Commit { work, end, .. }), _) => {
                for work in work {
                    if *end == End::Commit {
                        done.extend(self.let_go(work.at));
                    } else if let Some(grip) = self.claims.get_mut(&work.at) {
                        grip.unsure = true;
                    }
                }
            }
            (Op::Fail(failing), _) => done.extend(self.let_go(failing.at)),
            _ => {}
        }
        Ok(done)
    }

    /// A second hint of what is in hand is not in doubt: the task would be given to it once more.
    pub(super) fn settle_doubts(&mut self) {
        let next = |hint: &TaskEpoch| TaskEpoch {
            epoch: hint.epoch + 1,
            ..*hint
        };
        self.doubtful
            .retain(|hint| !self.claims.contains_key(&next(hint)));
    }

    fn let_go(&mut self, at: TaskEpoch) -> Vec<Entry> {
        let grip = self.claims.remove(&at);
        grip.map(|grip| grip.entries).unwrap_or_default()
    }

    /// Whether it knows of a task that runs.
    pub(super) fn know(&self, at: TaskEpoch) -> bool {
        let hint = TaskEpoch {
            epoch: at.epoch - 1,
            ..at
        };
        self.claims.contains_key(&at) || self.doubtful.contains(&hint)
    }
}
