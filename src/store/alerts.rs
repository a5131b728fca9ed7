//! Alerts: one row per cause, however often it is looked at, and whether the webhook was told.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::{Attempt, Pool, ReadTx, Result};
use crate::domain::TradingDate;

/// An alert.
#[derive(Debug, Clone)]
pub struct AlertRow {
    /// Grows with time.
    pub id: i64,
    /// When it was raised.
    pub at: DateTime<Utc>,
    /// `run-failed`, `run-partial`, `run-overdue`, `tasks-dead`, `coverage-low` or `pool-saturated`.
    pub kind: String,
    /// What it is about: a run, a session, an hour. There is one alert of a kind for it.
    pub cause: String,
    /// The run, where there is one.
    pub run_id: Option<Uuid>,
    /// Numbers.
    pub detail: Value,
    /// When the webhook took it.
    pub delivered_at: Option<DateTime<Utc>>,
    /// How often that was tried.
    pub attempts: i16,
    /// What it answered last.
    pub delivery_error: Option<String>,
}

/// Bounds beyond which an alert is raised.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Of the coverage of a portfolio, a fraction; 0 is none.
    pub coverage: f64,
    /// Of the server's connections that are in use, a fraction.
    pub connections: f64,
    /// Milliseconds that the slowest hundredth of a worker's waits for a connection takes, while none of a pool is left.
    pub wait_ms: f64,
}

/// Raises what there is a cause for now and was none before. Runs of the last week only, so that an upgrade is no alarm.
pub async fn raise(pool: &Pool, bounds: Bounds) -> Result<Vec<AlertRow>> {
    sqlx::query_as!(
        AlertRow,
        r#"with ended as (
               select id, label, verdict, final_date from run
               where finished_at > now() - interval '7 days' and verdict is not null
           ), caused as (
               select 'run-' || verdict as kind, id::text as cause, id as run_id,
                      jsonb_build_object('label', label, 'calculation_date', final_date) as detail
               from ended where verdict in ('failed', 'partial')
               union all
               select 'tasks-dead', t.run_id::text, t.run_id,
                      jsonb_build_object('tasks', count(*), 'phases', jsonb_agg(distinct t.phase))
               from task t join run r on r.id = t.run_id
               where t.state = 'dead' and t.error_class is not null and t.repair_run is null
                 and t.finished_at > now() - interval '7 days'
               group by t.run_id
               union all
               select 'coverage-low', e.id::text, e.id,
                      jsonb_build_object('portfolios', count(*), 'lowest', min(c.coverage), 'bound', $1::float8,
                                         'calculation_date', e.final_date)
               from ended e
               join run_portfolio p on p.run_id = e.id
               join completeness c on c.portfolio_id = p.portfolio_id and c.as_of = e.final_date and c.coverage < $1
               -- What another run made is that run's.
               join result_set rs on rs.kind = 'portfolio-analytics' and rs.owner = c.portfolio_id::text
                                     and rs.as_of = c.as_of and rs.run_id = e.id
               group by e.id, e.final_date
               union all
               select 'pool-saturated', date_trunc('hour', now())::text, null,
                      jsonb_build_object('connections', used, 'most', most)
               from (select count(*) as used, current_setting('max_connections')::integer as most
                     from pg_stat_activity where backend_type = 'client backend') s
               where used >= most * $2::float8
               union all
               select 'pool-saturated', date_trunc('hour', now())::text || ' workers', null,
                      jsonb_build_object('workers', jsonb_agg(distinct s.id), 'pools', jsonb_agg(distinct s.pool),
                                         'longest_wait_ms', max(s.wait), 'bound_ms', $3::float8)
               from (select w.id, used.key as pool, (w.counters ->> 'pool_wait_p99_ms')::float8 as wait
                     from worker w, jsonb_each_text(w.counters -> 'pool_in_use') used
                     where w.lost_at is null and w.lease_until > now()
                       and used.value::integer >= (w.counters -> 'pool_size' ->> used.key)::integer
                       and (w.counters ->> 'pool_wait_p99_ms')::float8 >= $3) s
               having count(*) > 0
           )
           insert into alert (kind, cause, run_id, detail) select kind, cause, run_id, detail from caused
           on conflict (kind, cause) do nothing
           returning id, at, kind, cause, run_id, detail, delivered_at, attempts, delivery_error"#,
        bounds.coverage,
        bounds.connections,
        bounds.wait_ms
    )
    .fetch_all(pool)
    .await
    .attempt("raising alerts")
}

/// Raises that no run has ended for a session; `None` where that is known.
pub async fn raise_overdue(
    pool: &Pool,
    as_of: TradingDate,
    detail: &Value,
) -> Result<Option<AlertRow>> {
    sqlx::query_as!(
        AlertRow,
        "insert into alert (kind, cause, detail) values ('run-overdue', $1::text, $2)
         on conflict (kind, cause) do nothing
         returning id, at, kind, cause, run_id, detail, delivered_at, attempts, delivery_error",
        as_of.to_string(),
        detail
    )
    .fetch_optional(pool)
    .await
    .attempt("raising an alert")
}

/// The oldest alert that the webhook should be told now, if there is one: each try waits twice as long as the one before.
pub async fn to_deliver(pool: &Pool, most: i16) -> Result<Option<AlertRow>> {
    sqlx::query_as!(
        AlertRow,
        "select id, at, kind, cause, run_id, detail, delivered_at, attempts, delivery_error from alert
         where delivered_at is null and attempts < $1
           and (tried_at is null or tried_at < now() - make_interval(secs => power(2, attempts)))
         order by id limit 1",
        most
    )
    .fetch_optional(pool)
    .await
    .attempt("looking for alerts to deliver")
}

/// Notes what came of a delivery.
pub async fn delivered(pool: &Pool, id: i64, error: Option<&str>) -> Result<()> {
    sqlx::query!(
        "update alert set attempts = attempts + 1, tried_at = now(), delivery_error = $2,
                          delivered_at = case when $2::text is null then now() end
         where id = $1",
        id,
        error
    )
    .execute(pool)
    .await
    .attempt("noting a delivery")?;
    Ok(())
}

/// A page of alerts, newest first. `only` limits it to those about runs that have these portfolios and no other.
pub async fn list(
    db: &mut ReadTx<'_>,
    only: Option<&[Uuid]>,
    kind: Option<&str>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<AlertRow>> {
    sqlx::query_as!(
        AlertRow,
        "select id, at, kind, cause, run_id, detail, delivered_at, attempts, delivery_error from alert a
         where ($1::uuid[] is null or (
                   exists (select from run_portfolio p where p.run_id = a.run_id)
                   and not exists (select from run_portfolio p where p.run_id = a.run_id and p.portfolio_id <> all($1))))
           and ($2::text is null or kind = $2) and ($3::bigint is null or id < $3)
         order by id desc limit $4",
        only as Option<&[Uuid]>,
        kind,
        before,
        limit
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading alerts")
}

/// How many alerts of each kind there are.
pub async fn counts(db: &mut ReadTx<'_>) -> Result<Vec<(String, i64)>> {
    let rows =
        sqlx::query!(r#"select kind, count(*) as "n!" from alert group by kind order by kind"#)
            .fetch_all(db.connection().await?)
            .await
            .attempt("counting alerts")?;
    Ok(rows.into_iter().map(|row| (row.kind, row.n)).collect())
}

/// Forgets those that are older than so many days.
pub async fn forget(pool: &Pool, days: i32) -> Result<()> {
    sqlx::query!(
        "delete from alert where at < now() - make_interval(days => $1)",
        days
    )
    .execute(pool)
    .await
    .attempt("forgetting old alerts")?;
    Ok(())
}
