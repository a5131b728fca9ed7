//! Events: what happened, in rows that can be read again. Written by the transaction that did it.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::{Attempt, Pool, Result, WriteTx};
use crate::domain::RunId;

/// Records that something happened, with the transaction that makes it true.
pub async fn record(
    tx: &mut WriteTx,
    run: Option<RunId>,
    kind: &str,
    detail: &Value,
) -> Result<()> {
    sqlx::query!(
        "insert into event (run_id, kind, detail) values ($1, $2, $3)",
        run.map(|run| run.0),
        kind,
        detail
    )
    .execute(tx.connection())
    .await
    .attempt("recording an event")?;
    Ok(())
}

/// Records what an operator did, with the transaction that did it.
pub async fn audit(
    tx: &mut WriteTx,
    who: &str,
    action: &str,
    target: &str,
    reason: &str,
    detail: &Value,
) -> Result<()> {
    sqlx::query!(
        "insert into audit (who, action, target, reason, detail) values ($1, $2, $3, $4, $5)",
        who,
        action,
        target,
        reason,
        detail
    )
    .execute(tx.connection())
    .await
    .attempt("recording an action")?;
    Ok(())
}

/// Where an event stands in the order in which readers see them: by transaction, then by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// Its transaction.
    pub transaction: i64,
    /// Its number.
    pub id: i64,
}

/// Something that happened.
#[derive(Debug, Clone)]
pub struct EventRow {
    /// Where it stands.
    pub place: Place,
    /// When.
    pub at: DateTime<Utc>,
    /// To which run.
    pub run: Option<RunId>,
    /// What.
    pub kind: String,
    /// Its particulars.
    pub detail: Value,
}

/// Events after a place, of one run or of all, in order; with `only`, what those are told who see only these portfolios. Only those whose transaction is older than every one in
/// flight: none can appear later before one that was read, so that whoever goes on from a place misses nothing.
pub async fn after(
    pool: &Pool,
    place: Place,
    run: Option<RunId>,
    only: Option<&[Uuid]>,
    limit: i64,
) -> Result<Vec<EventRow>> {
    let rows = sqlx::query!(
        r#"select e.xid::text::bigint as "xid!", e.id, e.at, e.run_id, e.kind, told.detail as "detail!"
           from event e cross join lateral (select told_detail(e.kind, e.detail, $5) as detail) told
           where e.xid < pg_snapshot_xmin(pg_current_snapshot())
             and (e.xid, e.id) > ($1::bigint::text::xid8, $2::bigint)
             and ($3::uuid is null or e.run_id = $3) and told.detail is not null
           order by e.xid, e.id limit $4"#,
        place.transaction,
        place.id,
        run.map(|run| run.0),
        limit,
        only as Option<&[Uuid]>
    )
    .fetch_all(pool)
    .await
    .attempt("reading events")?;
    let rows = rows.into_iter().map(|row| EventRow {
        place: Place {
            transaction: row.xid,
            id: row.id,
        },
        at: row.at,
        run: row.run_id.map(RunId),
        kind: row.kind,
        detail: row.detail,
    });
    Ok(rows.collect())
}

/// What those are told of an event who see only these portfolios; `None` where it is nothing of theirs.
pub async fn told(pool: &Pool, event: &EventRow, only: &[Uuid]) -> Result<Option<EventRow>> {
    let detail = sqlx::query_scalar!(
        r#"select told_detail($1, $2, $3) as detail"#,
        event.kind,
        event.detail,
        only
    )
    .fetch_one(pool)
    .await
    .attempt("looking whose an event is")?;
    Ok(detail.map(|detail| EventRow {
        detail,
        ..event.clone()
    }))
}

/// The place after everything that readers see now.
pub async fn now(pool: &Pool) -> Result<Place> {
    let transaction = sqlx::query_scalar!(
        r#"select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as "xmin!""#
    )
    .fetch_one(pool)
    .await
    .attempt("looking where events stand")?;
    Ok(Place {
        transaction: transaction - 1,
        id: i64::MAX,
    })
}
