//! Headers of results: which sets of a commit are ours to write.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::{CONVENTION_ID, Done, MODEL_VERSION, Result};
use crate::domain::{TaskEpoch, TradingDate};
use crate::store::WriteTx;
use crate::store::result_sets::{self, NewSet};

/// How long a set stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// One set for each owner and date.
    Dated,
    /// One set for each owner, of the newest date that was asked for: an older one never replaces it.
    Live,
}

/// The sets of a kind that a commit may write, each by one task, and the tasks of which nothing may
/// be written.
pub(super) struct Ours {
    sets: BTreeMap<(String, NaiveDate), TaskEpoch>,
    pub(super) superseded: Vec<TaskEpoch>,
}

impl Ours {
    /// The sets of a kind that the fence gave to these tasks.
    pub(super) fn of<O>(done: &[Done<'_, O>], kind: &str) -> Self {
        let sets = |one: &Done<'_, O>| {
            let at = one.task.at;
            let of_kind = one.sets.iter().filter(|(of, ..)| of == kind);
            of_kind
                .map(|(_, owner, as_of)| ((owner.clone(), *as_of), at))
                .collect::<Vec<_>>()
        };
        Self {
            sets: done.iter().flat_map(sets).collect(),
            superseded: Vec::new(),
        }
    }

    /// Whether the set of this owner and date is this task's to replace.
    pub(super) fn has(&self, at: TaskEpoch, owner: &impl ToString, as_of: TradingDate) -> bool {
        self.sets.get(&(owner.to_string(), as_of.date())) == Some(&at)
    }

    /// The rows of tasks that are theirs to write.
    pub(super) fn rows<'a, O, R: 'a>(
        &self,
        done: &[Done<'a, O>],
        rows: impl Fn(&'a O) -> &'a [R],
        key: impl Fn(&R) -> (String, TradingDate),
    ) -> Vec<&'a R> {
        let mut kept = Vec::new();
        for one in done {
            kept.extend(rows(one.output).iter().filter(|row| {
                let (owner, as_of) = key(row);
                self.has(one.task.at, &owner, as_of)
            }));
        }
        kept
    }
}

/// A set that a finished task wants to write: kind, owner, date, digest of the definitions.
pub type Wish = (&'static str, String, TradingDate, String);

/// Writes the headers of all sets of a commit. Tasks of several runs may meet in it and want the same set:
/// the one that saw the newest inputs, then the newest run, gets it.
pub(super) async fn claim<O>(
    tx: &mut WriteTx,
    done: &[Done<'_, O>],
    keep: Keep,
    wishes: impl Fn(&O) -> Vec<Wish>,
) -> Result<Ours> {
    let mut best: BTreeMap<(String, Option<NaiveDate>), NewSet> = BTreeMap::new();
    let mut tasks: BTreeSet<TaskEpoch> = BTreeSet::new();
    for one in done {
        for (kind, owner, as_of, definitions) in wishes(one.output) {
            tasks.insert(one.task.at);
            let set = NewSet {
                kind,
                owner,
                as_of,
                run_id: one.task.run_id,
                run_seq: one.task.run_seq,
                at: one.task.at,
                data_version: one.data_version,
                definitions,
                provider_basis: one.task.basis.as_str(),
            };
            let date = (keep == Keep::Dated).then(|| as_of.date());
            let rank = |set: &NewSet| (set.as_of, set.data_version, set.run_seq, set.at);
            let key = (set.owner.clone(), date);
            if best.get(&key).is_none_or(|other| rank(other) < rank(&set)) {
                best.insert(key, set);
            }
        }
    }
    let sets: Vec<NewSet> = best.into_values().collect();
    let written = match keep {
        Keep::Dated => result_sets::replace(tx, &sets, MODEL_VERSION, CONVENTION_ID).await?,
        Keep::Live => result_sets::replace_live(tx, &sets, MODEL_VERSION, CONVENTION_ID).await?,
    };
    let sets: BTreeMap<_, _> = sets
        .into_iter()
        .map(|set| ((set.owner, set.as_of.date()), set.at))
        .filter(|(key, _)| written.contains(key))
        .collect();
    for at in sets.values() {
        tasks.remove(at);
    }
    Ok(Ours {
        sets,
        superseded: tasks.into_iter().collect(),
    })
}
