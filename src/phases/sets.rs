//! Headers of results: which sets of a commit are ours to write.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::{CONVENTION_ID, Done, MODEL_VERSION, Result};
use crate::domain::{TaskEpoch, TradingDate};
use crate::store::WriteTx;
use crate::store::result_sets::{self, NewSet};

/// The sets of a kind that a commit may write, and the tasks of which nothing may be written.
pub(super) struct Ours {
    sets: BTreeSet<(String, NaiveDate)>,
    pub(super) superseded: Vec<TaskEpoch>,
}

impl Ours {
    /// Whether the set of this owner and date is ours to replace.
    pub(super) fn has(&self, owner: &impl ToString, as_of: TradingDate) -> bool {
        self.sets.contains(&(owner.to_string(), as_of.date()))
    }
}

/// A set that a finished task wants to write: kind, owner, date, digest of the definitions.
pub(super) type Wish = (&'static str, String, TradingDate, String);

/// Writes the headers of all sets of a commit.
pub(super) async fn claim<O>(
    tx: &mut WriteTx,
    done: &[Done<'_, O>],
    wishes: impl Fn(&O) -> Vec<Wish>,
) -> Result<Ours> {
    let mut sets = Vec::new();
    let mut owners = Vec::new();
    for one in done {
        for (kind, owner, as_of, definitions) in wishes(one.output) {
            owners.push((one.task.at, owner.clone(), as_of.date()));
            sets.push(NewSet {
                kind,
                owner,
                as_of,
                run_id: one.task.run_id,
                run_seq: one.task.run_seq,
                at: one.task.at,
                data_version: one.data_version,
                definitions,
                provider_basis: one.task.basis.as_str(),
            });
        }
    }
    let ours = result_sets::replace(tx, &sets, MODEL_VERSION, CONVENTION_ID).await?;
    let mut superseded: BTreeSet<TaskEpoch> = owners.iter().map(|(at, ..)| *at).collect();
    for (at, owner, as_of) in owners {
        if ours.contains(&(owner, as_of)) {
            superseded.remove(&at);
        }
    }
    Ok(Ours {
        sets: ours,
        superseded: superseded.into_iter().collect(),
    })
}
