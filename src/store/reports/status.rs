//! How runs are doing, beyond what [`super::super::runs`] knows: what is missing and why, who
//! works, and which dates nobody has computed.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::portfolio::texts;
use crate::domain::{PortfolioId, RunId, TradingDate, WorkerId};
use crate::store::{Attempt, ReadTx, Result};

/// What a portfolio of a run lacks at the run's final date.
#[derive(Debug, Clone)]
pub struct MissingRow {
    /// Whose.
    pub portfolio: PortfolioId,
    /// Its name.
    pub name: String,
    /// The final date of the run.
    pub as_of: NaiveDate,
    /// Whether readers see the date.
    pub published: bool,
    /// Symbol → why it is left out of market numbers.
    pub symbols: BTreeMap<String, String>,
    /// Entry of the completeness vector that is not done → why.
    pub entries: BTreeMap<String, String>,
}

/// A worker process with a lease.
#[derive(Debug, Clone)]
pub struct WorkerRow {
    /// Its id.
    pub id: WorkerId,
    /// Where it runs.
    pub host: String,
    /// Its process.
    pub pid: i32,
    /// Its program.
    pub version: String,
    /// Since when.
    pub started_at: DateTime<Utc>,
    /// Seconds left of its lease.
    pub lease_seconds: f64,
    /// Whether it takes no new tasks.
    pub draining: bool,
    /// Tasks in its hands.
    pub running: i64,
}

/// Dates of a portfolio that readers do not see.
#[derive(Debug, Clone)]
pub struct Gap {
    /// Whose.
    pub portfolio: PortfolioId,
    /// Its name.
    pub name: String,
    /// The earliest.
    pub oldest: NaiveDate,
    /// The latest.
    pub newest: NaiveDate,
    /// How many sessions.
    pub sessions: i64,
}

/// The run of this id, else the newest one of this label.
pub async fn find_run(
    db: &mut ReadTx<'_>,
    id: Option<RunId>,
    label: &str,
) -> Result<Option<RunId>> {
    let id = sqlx::query_scalar!(
        "select id from run where id = $1 or label = $2
         order by id = $1 desc nulls last, run_seq desc limit 1",
        id.map(|id| id.0),
        label
    )
    .fetch_optional(db.connection().await?)
    .await
    .attempt("looking for a run")?;
    Ok(id.map(RunId))
}

/// What the portfolios of a run lack at its final date; portfolios that lack nothing are left out.
pub async fn missing(db: &mut ReadTx<'_>, run: RunId) -> Result<Vec<MissingRow>> {
    let rows = sqlx::query!(
        r#"select p.id, p.name, r.final_date,
                  exists (select from published_dates d where d.portfolio_id = p.id and d.as_of = r.final_date)
                      as "published!",
                  coalesce(c.missing, '{}') as "symbols!",
                  coalesce(e.entries, '{}') as "entries!"
           from run r
           join run_portfolio rp on rp.run_id = r.id
           join portfolios p on p.id = rp.portfolio_id
           left join completeness c on c.portfolio_id = p.id and c.as_of = r.final_date
           left join lateral (
               select jsonb_object_agg(x.entry, coalesce(c.reasons ->> x.entry, x.outcome)) as entries
               from (values ('snapshot', c.snapshot), ('marks', c.marks), ('betas', c.betas), ('factors', c.factors),
                            ('volatility', c.volatility), ('correlation', c.correlation),
                            ('concentration', c.concentration), ('stress', c.stress)) as x(entry, outcome)
               where x.outcome <> 'done'
           ) e on true
           where r.id = $1 and r.final_date >= p.inception
           order by p.name collate "C", p.id"#,
        run.0
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading what a run lacks")?;
    let rows = rows.into_iter().map(|row| MissingRow {
        portfolio: PortfolioId(row.id),
        name: row.name,
        as_of: row.final_date,
        published: row.published,
        symbols: texts(&row.symbols),
        entries: texts(&row.entries),
    });
    Ok(rows
        .filter(|row| !row.published || !row.symbols.is_empty() || !row.entries.is_empty())
        .collect())
}

/// Workers that hold a lease, oldest first.
pub async fn workers(db: &mut ReadTx<'_>) -> Result<Vec<WorkerRow>> {
    let rows = sqlx::query!(
        r#"select w.id, w.host, w.pid, w.version, w.started_at, w.draining,
                  extract(epoch from w.lease_until - now())::float8 as "lease_seconds!",
                  (select count(*) from task t where t.worker_id = w.id and t.state = 'running'
                     and t.finished_at is null) as "running!"
           from worker w where w.lost_at is null and w.lease_until > now()
           order by w.started_at, w.id"#
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading workers")?;
    Ok(rows
        .into_iter()
        .map(|row| WorkerRow {
            id: WorkerId(row.id),
            host: row.host,
            pid: row.pid,
            version: row.version,
            started_at: row.started_at,
            lease_seconds: row.lease_seconds,
            draining: row.draining,
            running: row.running,
        })
        .collect())
}

/// Per portfolio which of `sessions` since its inception are not published; oldest gap first.
pub async fn gaps(db: &mut ReadTx<'_>, sessions: &[TradingDate]) -> Result<Vec<Gap>> {
    let sessions: Vec<NaiveDate> = sessions.iter().map(|date| date.date()).collect();
    let rows = sqlx::query!(
        r#"select p.id, p.name, min(s.date) as "oldest!", max(s.date) as "newest!", count(*) as "sessions!"
           from portfolios p
           join unnest($1::date[]) as s(date) on s.date >= p.inception
           left join published_dates d on d.portfolio_id = p.id and d.as_of = s.date
           where p.deleted_at is null and d.as_of is null
           group by p.id, p.name
           order by min(s.date), p.name collate "C", p.id"#,
        &sessions
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("looking for gaps")?;
    Ok(rows
        .into_iter()
        .map(|row| Gap {
            portfolio: PortfolioId(row.id),
            name: row.name,
            oldest: row.oldest,
            newest: row.newest,
            sessions: row.sessions,
        })
        .collect())
}
