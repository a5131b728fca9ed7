//! What two runs have different: durations, tasks, errors, and how complete their final dates are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::domain::{PhaseName, PortfolioId, RunId, Verdict};
use crate::store::reports::{self, CompleteRow, ScopeRow};
use crate::store::runs::{self, PhaseRow, RunRow};
use crate::store::tasks_report::{self, ErrorGroup, Filter};
use crate::store::{self, Pools, ReadTx};

/// What is known of one run.
#[derive(Debug, Clone)]
pub struct Side {
    pub(crate) run: RunRow,
    pub(crate) phases: Vec<PhaseRow>,
    pub(crate) attempts: BTreeMap<String, i64>,
    pub(crate) errors: Vec<ErrorGroup>,
    pub(crate) scope: ScopeRow,
    pub(crate) completeness: Vec<CompleteRow>,
}

/// Reads one run, with `only` what is about these portfolios; `None` where there is no such run.
pub async fn side(pools: &Pools, id: RunId, only: Option<&[Uuid]>) -> store::Result<Option<Side>> {
    let mut db = ReadTx::lazy(&pools.load);
    let filter = Filter {
        run: Some(id),
        only: only.map(ToOwned::to_owned),
        ..Filter::default()
    };
    let attempts = reports::retries(&mut db, id, only).await?;
    let errors = tasks_report::errors(&mut db, &filter).await?;
    let scope = reports::scope(&mut db, id, only).await?;
    let completeness = reports::completeness(&mut db, id, only).await?;
    db.close().await?;
    let Some(run) = runs::list(&pools.load, Some(id), 1).await?.pop() else {
        return Ok(None);
    };
    Ok(Some(Side {
        run,
        phases: runs::phases(&pools.load, id, only).await?,
        attempts,
        errors,
        scope,
        completeness,
    }))
}

/// A value of either run.
pub(crate) type Pair<T> = [Option<T>; 2];

/// Values of both runs under their common keys, in the order of the keys.
fn paired<'a, K: Ord, T>(
    sides: &'a [Side; 2],
    of: impl Fn(&'a Side) -> Vec<(K, T)>,
) -> BTreeMap<K, Pair<T>> {
    let mut pairs: BTreeMap<K, Pair<T>> = BTreeMap::new();
    for (place, side) in sides.iter().enumerate() {
        for (key, value) in of(side) {
            pairs.entry(key).or_insert([None, None])[place] = Some(value);
        }
    }
    pairs
}

pub(crate) fn phases(sides: &[Side; 2]) -> BTreeMap<PhaseName, Pair<&PhaseRow>> {
    paired(sides, |side| {
        side.phases.iter().map(|row| (row.phase, row)).collect()
    })
}

pub(crate) fn attempts(sides: &[Side; 2]) -> BTreeMap<&str, Pair<i64>> {
    paired(sides, |side| {
        let outcomes = side.attempts.iter();
        outcomes.map(|(how, n)| (how.as_str(), *n)).collect()
    })
}

pub(crate) fn errors(sides: &[Side; 2]) -> BTreeMap<(PhaseName, &str), Pair<&ErrorGroup>> {
    paired(sides, |side| {
        let groups = side.errors.iter();
        groups
            .map(|group| ((group.phase, group.fingerprint.as_str()), group))
            .collect()
    })
}

/// What differs of a portfolio between the final dates of the runs.
pub(crate) struct Changed<'a> {
    pub(crate) name: &'a str,
    pub(crate) sides: Pair<&'a CompleteRow>,
    /// Entries that ended differently, or for another reason.
    pub(crate) entries: Vec<(&'a str, Pair<&'a str>)>,
}

impl Changed<'_> {
    pub(crate) fn coverage(&self) -> Pair<f64> {
        self.sides.map(|side| side.and_then(|row| row.coverage))
    }

    pub(crate) fn strict(&self) -> Pair<bool> {
        self.sides.map(|side| side.and_then(|row| row.strict))
    }

    fn differs(&self) -> bool {
        let [first, second] = self.coverage();
        let [strict_before, strict_after] = self.strict();
        !self.entries.is_empty() || first != second || strict_before != strict_after
    }
}

pub(crate) fn changed(sides: &[Side; 2]) -> BTreeMap<(&str, PortfolioId), Changed<'_>> {
    let portfolios = paired(sides, |side| {
        let rows = side.completeness.iter();
        rows.map(|row| ((row.name.as_str(), row.portfolio), row))
            .collect()
    });
    let portfolios = portfolios
        .into_iter()
        .map(|((name, id), sides): (_, Pair<&CompleteRow>)| {
            let keys: BTreeSet<&str> = sides
                .iter()
                .flatten()
                .flat_map(|row| row.entries.keys().map(String::as_str))
                .collect();
            let entries = keys.into_iter().filter_map(|key| {
                let pair = sides.map(|side| side?.entries.get(key).map(String::as_str));
                (pair[0] != pair[1]).then_some((key, pair))
            });
            let entries = entries.collect();
            (
                (name, id),
                Changed {
                    name,
                    sides,
                    entries,
                },
            )
        });
    portfolios
        .filter(|(_, changed)| changed.differs())
        .collect()
}

/// The document.
pub fn document(sides: &[Side; 2]) -> Value {
    let phases = phases(sides).into_iter().map(|(phase, pair)| {
        json!({
            "phase": phase.as_str(),
            "number": phase.number(),
            "seconds": pair.map(|row| row?.elapsed_seconds),
            "total": pair.map(|row| row.map(|row| row.total)),
            "done": pair.map(|row| row.map(|row| row.done)),
            "dead": pair.map(|row| row.map(|row| row.dead)),
            "cancelled": pair.map(|row| row.map(|row| row.cancelled)),
        })
    });
    let errors = errors(sides)
        .into_iter()
        .map(|((phase, fingerprint), pair)| {
            let any = pair[1].or(pair[0]);
            json!({
                "phase": phase.as_str(),
                "fingerprint": fingerprint,
                "class": any.map(|group| &group.class),
                "sample": any.map(|group| &group.sample),
                "count": pair.map(|group| group.map_or(0, |group| group.count)),
                "dead": pair.map(|group| group.map_or(0, |group| group.dead)),
            })
        });
    let attempts = attempts(sides)
        .into_iter()
        .map(|(how, pair)| (how.to_owned(), json!(pair.map(|n| n.unwrap_or(0)))));
    let portfolios = changed(sides).into_iter().map(|((name, id), changed)| {
        let entries = changed.entries.iter();
        let entries = entries.map(|(entry, pair)| ((*entry).to_owned(), json!(pair)));
        json!({
            "portfolio_id": id,
            "name": name,
            "coverage": changed.coverage(),
            "strict": changed.strict(),
            "entries": entries.collect::<serde_json::Map<_, _>>(),
        })
    });
    json!({
        "runs": sides.each_ref().map(side_document),
        "phases": phases.collect::<Vec<_>>(),
        "attempts": attempts.collect::<serde_json::Map<_, _>>(),
        "errors": errors.collect::<Vec<_>>(),
        "portfolios": portfolios.collect::<Vec<_>>(),
    })
}

fn side_document(side: &Side) -> Value {
    json!({
        "run_id": side.run.id,
        "label": side.run.label,
        "from": side.run.from,
        "to": side.run.to,
        "verdict": side.run.verdict.map(Verdict::as_str),
        "elapsed_seconds": side.run.elapsed_seconds,
        "tasks": side.phases.iter().map(|phase| phase.total).sum::<i64>(),
        "wanted": side.scope.wanted,
        "published": side.scope.published,
        "strict": side.scope.strict,
        "mean_coverage": mean_coverage(side),
    })
}

/// The mean coverage of the portfolios at the final date, where it is known.
pub(crate) fn mean_coverage(side: &Side) -> Option<f64> {
    let known: Vec<f64> = side
        .completeness
        .iter()
        .filter_map(|row| row.coverage)
        .collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}
