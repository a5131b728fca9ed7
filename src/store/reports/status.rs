//! How runs are doing, beyond what [`super::super::runs`] knows: what is missing and why, and
//! which dates nobody has computed.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use uuid::Uuid;

use crate::domain::{PhaseName, PortfolioId, RunId, TradingDate};
use crate::store::control::{self, Pause};
use crate::store::{Attempt, ReadTx, Result, texts, word};

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

/// What the portfolios of a run lack at its final date; portfolios that lack nothing are left out, and with `only` others than
/// these.
pub async fn missing(
    db: &mut ReadTx<'_>,
    run: RunId,
    only: Option<&[Uuid]>,
) -> Result<Vec<MissingRow>> {
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
                            ('concentration', c.concentration), ('stress', c.stress),
                            ('value_at_risk', c.value_at_risk), ('replay', c.replay),
                            ('reverse_stress', c.reverse_stress)) as x(entry, outcome)
               where x.outcome <> 'done'
           ) e on true
           where r.id = $1 and p.deleted_at is null and r.final_date >= p.inception and ($2::uuid[] is null or p.id = any($2))
           order by p.name collate "C", p.id"#,
        run.0,
        only as Option<&[Uuid]>
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

/// What is known about the speed of a run's phase.
#[derive(Debug, Clone)]
pub struct Pace {
    /// The phase.
    pub phase: PhaseName,
    /// The phases that it waits for.
    pub after: Vec<PhaseName>,
    /// Seconds per task of the newest other run in which it was finished.
    pub past_seconds: Option<f64>,
}

/// How fast the phases of a run were before.
pub async fn paces(db: &mut ReadTx<'_>, run: RunId) -> Result<Vec<Pace>> {
    sqlx::query!(
        r#"select p.phase, p.after,
                  (select extract(epoch from q.finished_at - q.opened_at)::float8 / q.total
                   from run r join run_phase q on q.run_id = r.id and q.phase = p.phase
                   where q.finished_at is not null and q.total > 0 and r.id <> p.run_id and r.cancelled_at is null
                   order by r.run_seq desc limit 1) as past
           from run_phase p where p.run_id = $1 order by p.sort_order"#,
        run.0
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading the pace of phases")?
    .into_iter()
    .map(|row| {
        let after = row.after.iter().map(|phase| word("run_phase", phase));
        Ok(Pace {
            phase: word("run_phase", &row.phase)?,
            after: after.collect::<Result<_>>()?,
            past_seconds: row.past,
        })
    })
    .collect()
}

/// Attempts of a run that ended without a commit: how they ended → how many. With `only`, those at tasks about other portfolios
/// than these are not counted.
pub async fn retries(
    db: &mut ReadTx<'_>,
    run: RunId,
    only: Option<&[Uuid]>,
) -> Result<BTreeMap<String, i64>> {
    let rows = sqlx::query!(
        r#"select a.outcome, count(*) as "n!"
           from attempt a join task t on t.id = a.task_id
           where a.outcome <> 'committed' and t.run_id = $1 and counts_for(t.unit, t.input, $2)
           group by a.outcome"#,
        run.0,
        only as Option<&[Uuid]>
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("counting attempts")?;
    Ok(rows.into_iter().map(|row| (row.outcome, row.n)).collect())
}

/// What operators hold back.
pub async fn pauses(db: &mut ReadTx<'_>) -> Result<Vec<Pause>> {
    control::pauses(db.connection().await?).await
}
