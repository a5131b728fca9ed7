//! Headers of sets of results: who may write them, and what they rest on.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::{Attempt, ReadTx, Result, WriteTx};
use crate::domain::{RunId, TaskEpoch, TradingDate};

/// A set that a task wants to write.
#[derive(Debug, Clone)]
pub struct NewSet {
    /// `symbol-factors`, `portfolio-analytics`, …
    pub kind: &'static str,
    /// A portfolio id, a symbol, or `factors`.
    pub owner: String,
    /// The date.
    pub as_of: TradingDate,
    /// The run.
    pub run_id: RunId,
    /// Its order among runs.
    pub run_seq: i64,
    /// The attempt.
    pub at: TaskEpoch,
    /// The version of the inputs that were seen.
    pub data_version: i64,
    /// Digest of the definitions; empty where none are used.
    pub definitions: String,
    /// `raw` or `total_return`.
    pub provider_basis: &'static str,
}

/// What makes results what they are, besides inputs and definitions.
#[derive(Debug, Clone, Copy)]
pub struct Making<'a> {
    /// Of the kernels.
    pub model_version: &'a str,
    /// Of the definitions behind all numbers.
    pub convention_id: &'a str,
}

/// Headers by column, as statements take them.
struct Columns {
    kinds: Vec<String>,
    owners: Vec<String>,
    dates: Vec<NaiveDate>,
    runs: Vec<uuid::Uuid>,
    sequence: Vec<i64>,
    tasks: Vec<i64>,
    epochs: Vec<i64>,
    versions: Vec<i64>,
    definitions: Vec<String>,
    bases: Vec<String>,
}

impl Columns {
    fn of(sets: &[NewSet]) -> Self {
        let all = sets.iter();
        Self {
            kinds: all.clone().map(|set| set.kind.to_owned()).collect(),
            owners: all.clone().map(|set| set.owner.clone()).collect(),
            dates: all.clone().map(|set| set.as_of.date()).collect(),
            runs: all.clone().map(|set| set.run_id.0).collect(),
            sequence: all.clone().map(|set| set.run_seq).collect(),
            tasks: all.clone().map(|set| set.at.task.0).collect(),
            epochs: all.clone().map(|set| set.at.epoch).collect(),
            versions: all.clone().map(|set| set.data_version).collect(),
            definitions: all.clone().map(|set| set.definitions.clone()).collect(),
            bases: all.map(|set| set.provider_basis.to_owned()).collect(),
        }
    }
}

/// Writes headers, in key order; says which sets are ours to replace. The others are newer: results
/// of an older run or of older inputs never overwrite them.
pub async fn replace(
    tx: &mut WriteTx,
    sets: &[NewSet],
    model_version: &str,
    convention_id: &str,
) -> Result<BTreeSet<(String, NaiveDate)>> {
    let columns = Columns::of(sets);
    let rows = sqlx::query!(
        r#"insert into result_set (kind, owner, as_of, run_id, run_seq, task_id, epoch, data_version,
                                   definitions, provider_basis, model_version, convention_id)
           select kind, owner, as_of, run_id, run_seq, task_id, epoch, data_version, definitions, basis, $11, $12
           from unnest($1::text[], $2::text[], $3::date[], $4::uuid[], $5::bigint[], $6::bigint[], $7::bigint[],
                       $8::bigint[], $9::text[], $10::text[])
                as s(kind, owner, as_of, run_id, run_seq, task_id, epoch, data_version, definitions, basis)
           order by kind, owner, as_of
           on conflict (kind, owner, as_of) do update
           set run_id = excluded.run_id, run_seq = excluded.run_seq, task_id = excluded.task_id,
               epoch = excluded.epoch, data_version = excluded.data_version, definitions = excluded.definitions,
               provider_basis = excluded.provider_basis, model_version = excluded.model_version,
               convention_id = excluded.convention_id, computed_at = now()
           where (excluded.data_version, excluded.run_seq) >= (result_set.data_version, result_set.run_seq)
           returning owner, as_of"#,
        &columns.kinds,
        &columns.owners,
        &columns.dates,
        &columns.runs,
        &columns.sequence,
        &columns.tasks,
        &columns.epochs,
        &columns.versions,
        &columns.definitions,
        &columns.bases,
        model_version,
        convention_id
    )
    .fetch_all(tx.connection())
    .await
    .attempt("writing the headers of results")?;
    Ok(rows.into_iter().map(|row| (row.owner, row.as_of)).collect())
}

/// The same for sets of which each owner has one: the newest date wins, then inputs and run as elsewhere.
pub async fn replace_live(
    tx: &mut WriteTx,
    sets: &[NewSet],
    model_version: &str,
    convention_id: &str,
) -> Result<BTreeSet<(String, NaiveDate)>> {
    let columns = Columns::of(sets);
    let rows = sqlx::query!(
        r#"insert into result_set (kind, owner, as_of, run_id, run_seq, task_id, epoch, data_version,
                                   definitions, provider_basis, model_version, convention_id)
           select kind, owner, as_of, run_id, run_seq, task_id, epoch, data_version, definitions, basis, $11, $12
           from unnest($1::text[], $2::text[], $3::date[], $4::uuid[], $5::bigint[], $6::bigint[], $7::bigint[],
                       $8::bigint[], $9::text[], $10::text[])
                as s(kind, owner, as_of, run_id, run_seq, task_id, epoch, data_version, definitions, basis)
           order by kind, owner, as_of
           on conflict (kind, owner) where kind in ('position-updates', 'sector-tags') do update
           set as_of = excluded.as_of, run_id = excluded.run_id, run_seq = excluded.run_seq, task_id = excluded.task_id,
               epoch = excluded.epoch, data_version = excluded.data_version, definitions = excluded.definitions,
               provider_basis = excluded.provider_basis, model_version = excluded.model_version,
               convention_id = excluded.convention_id, computed_at = now()
           where (excluded.as_of, excluded.data_version, excluded.run_seq)
                 >= (result_set.as_of, result_set.data_version, result_set.run_seq)
           returning owner, as_of"#,
        &columns.kinds,
        &columns.owners,
        &columns.dates,
        &columns.runs,
        &columns.sequence,
        &columns.tasks,
        &columns.epochs,
        &columns.versions,
        &columns.definitions,
        &columns.bases,
        model_version,
        convention_id
    )
    .fetch_all(tx.connection())
    .await
    .attempt("writing the headers of results")?;
    Ok(rows.into_iter().map(|row| (row.owner, row.as_of)).collect())
}

/// The lowest version among sets of a date that are stale in this snapshot: results that use them
/// must not claim to be newer. `None` when all are current. `used` names sets by kind and owner.
pub async fn stale_version(
    db: &mut ReadTx<'_>,
    used: &[(&str, &str)],
    as_of: NaiveDate,
) -> Result<Option<i64>> {
    let kinds: Vec<String> = used.iter().map(|(kind, _)| (*kind).to_owned()).collect();
    let owners: Vec<String> = used.iter().map(|(_, owner)| (*owner).to_owned()).collect();
    sqlx::query_scalar!(
        r#"select min(rs.data_version)
           from unnest($1::text[], $2::text[]) as used(kind, owner)
           join result_set rs on rs.kind = used.kind and rs.owner = used.owner and rs.as_of = $3
           where exists (select from stale_result_sets s
                         where s.kind = rs.kind and s.owner = rs.owner and s.as_of = rs.as_of)"#,
        &kinds,
        &owners,
        as_of
    )
    .fetch_one(db.connection().await?)
    .await
    .attempt("looking for stale inputs")
}
