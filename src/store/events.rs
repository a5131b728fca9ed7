//! Events: what happened, in rows that can be read again. Written by the transaction that did it.

use std::borrow::Cow;

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

/// An event as it is read for many: with the portfolios that decide who is told of it.
#[derive(Debug, Clone)]
pub struct Heard {
    /// The event.
    pub event: EventRow,
    /// The portfolios of the task that it is about; none where it is about no task, or about one of symbols.
    pub about: Vec<Uuid>,
}

impl Heard {
    /// The particulars that those are told who see only these portfolios, `None` being all; nothing where it is nothing of
    /// theirs. The same as `told_detail` says in statements.
    pub fn told(&self, only: Option<&[Uuid]>) -> Option<Cow<'_, Value>> {
        let EventRow { kind, detail, .. } = &self.event;
        let Some(only) = only else {
            return Some(Cow::Borrowed(detail));
        };
        if kind.starts_with("run-") || kind.starts_with("phase-") {
            return Some(Cow::Borrowed(detail));
        }
        if kind != "task-dead" || !self.about.iter().any(|id| only.contains(id)) {
            return None;
        }
        if self.about.len() == 1 {
            return Some(Cow::Borrowed(detail));
        }
        // An error of several portfolios may be about another one.
        let mut detail = detail.clone();
        if let Some(fields) = detail.as_object_mut() {
            fields.remove("error");
        }
        Some(Cow::Owned(detail))
    }
}

/// Events after a place, of one run or of all, in order. Only those whose transaction is older than every one in flight: none
/// can appear later before one that was read, so that whoever goes on from a place misses nothing.
pub async fn after(
    pool: &Pool,
    place: Place,
    run: Option<RunId>,
    limit: i64,
) -> Result<Vec<Heard>> {
    let rows = sqlx::query!(
        // Tasks are looked up one by one, for the few events that are about one.
        r#"select e.xid::text::bigint as "xid!", e.id, e.at, e.run_id, e.kind, e.detail,
                  case when e.kind = 'task-dead' then
                      (select case when t.unit like 'portfolio:%' then array[substr(t.unit, 11)]
                                   else array(select distinct it #>> '{}'
                                              from jsonb_path_query(t.input, '$.**.portfolios[*]') it) end
                       from task t where t.id = (e.detail ->> 'task')::bigint)
                  end as about
           from event e
           where e.xid < pg_snapshot_xmin(pg_current_snapshot())
             and (e.xid, e.id) > ($1::bigint::text::xid8, $2::bigint)
             and ($3::uuid is null or e.run_id = $3)
           order by e.xid, e.id limit $4"#,
        place.transaction,
        place.id,
        run.map(|run| run.0),
        limit
    )
    .fetch_all(pool)
    .await
    .attempt("reading events")?;
    let rows = rows.into_iter().map(|row| Heard {
        about: row
            .about
            .iter()
            .flatten()
            .filter_map(|id| id.parse().ok())
            .collect(),
        event: EventRow {
            place: Place {
                transaction: row.xid,
                id: row.id,
            },
            at: row.at,
            run: row.run_id.map(RunId),
            kind: row.kind,
            detail: row.detail,
        },
    });
    Ok(rows.collect())
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_owner_is_told_of_runs_and_of_own_tasks() {
        let [ours, theirs] = [1, 2].map(Uuid::from_u128);
        let heard = |kind: &str, about: &[Uuid]| Heard {
            event: EventRow {
                place: Place::default(),
                at: DateTime::default(),
                run: None,
                kind: kind.to_owned(),
                detail: json!({ "task": 1, "error": "words" }),
            },
            about: about.to_vec(),
        };
        let told = |kind: &str, about: &[Uuid]| {
            let heard = heard(kind, about);
            heard.told(Some(&[ours])).map(Cow::into_owned)
        };
        let all = json!({ "task": 1, "error": "words" });
        for kind in ["run-finished", "phase-opened"] {
            assert_eq!(told(kind, &[]), Some(all.clone()), "{kind}");
        }
        assert_eq!(told("task-dead", &[ours]), Some(all.clone()));
        let shared = Some(json!({ "task": 1 }));
        assert_eq!(told("task-dead", &[ours, theirs]), shared);
        assert_eq!(told("task-dead", &[theirs]), None);
        assert_eq!(told("task-dead", &[]), None);
        assert_eq!(told("worker-lost", &[ours]), None);
        let everybody = heard("worker-lost", &[]);
        assert_eq!(everybody.told(None).map(Cow::into_owned), Some(all));
    }
}
