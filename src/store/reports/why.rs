//! What the result of one portfolio and date waits for: facts from rows of one snapshot, a constant number
//! of statements. What follows from them is for the engine to say.

use chrono::{DateTime, NaiveDate, Utc};

use crate::domain::{Lane, PhaseName, PortfolioId, RunId, TaskId, Verdict, WorkerId};
use crate::store::{Attempt, ReadTx, Result, word};

/// Changes and entries that are named at most.
const NAMED: i64 = 5;

/// A change of an input after a result was computed.
#[derive(Debug, Clone)]
pub struct Change {
    /// `prices`, `actions`, `book`, `profile`, `definitions`.
    pub input: String,
    /// `portfolio`, `symbol`, `all`.
    pub scope: String,
    /// The portfolio or symbol that changed; empty for `all`.
    pub owner: String,
    /// The first date whose results look at it.
    pub from: NaiveDate,
    /// What changed it.
    pub reason: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Its version.
    pub version: i64,
}

/// Changes that made what readers see of a portfolio and date stale, newest first.
pub async fn changes(
    db: &mut ReadTx<'_>,
    portfolio: PortfolioId,
    as_of: NaiveDate,
) -> Result<Vec<Change>> {
    let rows = sqlx::query!(
        r#"select distinct version as "version!", scope as "scope!", changed as "owner!", input as "input!",
                  from_date as "from!", reason as "reason!", at as "at!"
           from stale_reasons
           where owner = $1 and as_of = $2 and kind in ('position-values', 'pnl-snapshots', 'portfolio-analytics')
           order by 1 desc, 2, 3, 4 limit $3"#,
        portfolio.to_string(),
        as_of,
        NAMED
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("looking for changes of inputs")?;
    let rows = rows.into_iter().map(|row| Change {
        input: row.input,
        scope: row.scope,
        owner: row.owner,
        from: row.from,
        reason: row.reason,
        at: row.at,
        version: row.version,
    });
    Ok(rows.collect())
}

/// What a completeness vector says of one of its entries.
#[derive(Debug, Clone)]
pub struct Incomplete {
    /// The entry: `stress`, …
    pub entry: String,
    /// `failed`, `timed_out`, `insufficient_data`, `not_applicable`.
    pub outcome: String,
    /// Why.
    pub reason: String,
}

/// Entries of a completeness vector that are not done, and symbols left out of market numbers with
/// their reasons.
pub async fn incomplete(
    db: &mut ReadTx<'_>,
    portfolio: PortfolioId,
    as_of: NaiveDate,
) -> Result<(Vec<Incomplete>, Vec<(String, String)>)> {
    let rows = sqlx::query!(
        r#"select x.entry as "entry!", x.outcome as "outcome!", coalesce(c.reasons ->> x.entry, '') as "reason!"
           from completeness c
           cross join lateral (
               values (1, 'snapshot', c.snapshot), (2, 'marks', c.marks), (3, 'betas', c.betas), (4, 'factors', c.factors),
                      (5, 'volatility', c.volatility), (6, 'correlation', c.correlation),
                      (7, 'concentration', c.concentration), (8, 'stress', c.stress),
                      (9, 'value_at_risk', c.value_at_risk), (10, 'replay', c.replay),
                      (11, 'reverse_stress', c.reverse_stress)
           ) as x(place, entry, outcome)
           where c.portfolio_id = $1 and c.as_of = $2 and x.outcome <> 'done'
           order by x.place"#,
        portfolio.0,
        as_of
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading what is incomplete")?;
    let entries = rows.into_iter().map(|row| Incomplete {
        entry: row.entry,
        outcome: row.outcome,
        reason: row.reason,
    });
    let symbols = sqlx::query!(
        r#"select m.key as "symbol!", m.value as "reason!"
           from completeness c cross join lateral jsonb_each_text(c.missing) m
           where c.portfolio_id = $1 and c.as_of = $2 order by 1"#,
        portfolio.0,
        as_of
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading what is left out")?;
    let symbols = symbols.into_iter().map(|row| (row.symbol, row.reason));
    Ok((entries.collect(), symbols.collect()))
}

/// The run that computes a result, or did so last.
#[derive(Debug, Clone)]
pub struct Computing {
    /// The run.
    pub run: RunId,
    /// Its label.
    pub label: String,
    /// Its lane.
    pub lane: Lane,
    /// How it ended.
    pub verdict: Option<Verdict>,
    /// When it was planned.
    pub created_at: DateTime<Utc>,
    /// When somebody cancelled it.
    pub cancelled_at: Option<DateTime<Utc>>,
    /// The task of the portfolio's analytics.
    pub task: TaskId,
}

/// The run with a task for the portfolio's analytics of that date: one that goes on, else the newest.
pub async fn computing(
    db: &mut ReadTx<'_>,
    portfolio: PortfolioId,
    as_of: NaiveDate,
) -> Result<Option<Computing>> {
    let row = sqlx::query!(
        r#"select r.id, r.label, r.lane, r.verdict, r.created_at, r.cancelled_at, t.id as task
           from run_portfolio p
           join run r on r.id = p.run_id and r.final_date >= $2 and r.from_date <= $2
           join task t on t.run_id = r.id and t.phase = 'portfolio-analytics' and t.unit = 'portfolio:' || $1::uuid
                          and t.as_of = $2
           where p.portfolio_id = $1
           order by r.verdict is null desc, r.run_seq desc limit 1"#,
        portfolio.0,
        as_of
    )
    .fetch_optional(db.connection().await?)
    .await
    .attempt("looking for the run of a result")?;
    row.map(|row| {
        Ok(Computing {
            run: RunId(row.id),
            label: row.label,
            lane: word("run", &row.lane)?,
            verdict: row
                .verdict
                .map(|verdict| word("run", &verdict))
                .transpose()?,
            created_at: row.created_at,
            cancelled_at: row.cancelled_at,
            task: TaskId(row.task),
        })
    })
    .transpose()
}

/// How far a phase of a run is.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The phase.
    pub phase: PhaseName,
    /// The phases that it waits for.
    pub after: Vec<PhaseName>,
    /// Tasks that are not final.
    pub left: i64,
    /// Those in workers' hands among them.
    pub running: i64,
    /// When it was opened.
    pub opened_at: Option<DateTime<Utc>>,
    /// When its hints were written.
    pub published_at: Option<DateTime<Utc>>,
    /// When its last task ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// The phases of a run, in the order of the pipeline.
pub async fn stages(db: &mut ReadTx<'_>, run: RunId) -> Result<Vec<Stage>> {
    sqlx::query!(
        r#"select p.phase, p.after, p.opened_at, p.published_at, p.finished_at,
                  count(t.id) as "left!", count(*) filter (where t.state = 'running') as "running!"
           from run_phase p
           left join task t on t.run_id = p.run_id and t.phase = p.phase and t.finished_at is null
           where p.run_id = $1
           group by p.run_id, p.phase order by p.sort_order"#,
        run.0
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading how far a run is")?
    .into_iter()
    .map(|row| {
        let after = row.after.iter().map(|phase| word("run_phase", phase));
        Ok(Stage {
            phase: word("run_phase", &row.phase)?,
            after: after.collect::<Result<_>>()?,
            left: row.left,
            running: row.running,
            opened_at: row.opened_at,
            published_at: row.published_at,
            finished_at: row.finished_at,
        })
    })
    .collect()
}

/// Some tasks of each open phase of a run that are not final, running ones first.
pub async fn unfinished(db: &mut ReadTx<'_>, run: RunId) -> Result<Vec<TaskId>> {
    let ids = sqlx::query_scalar!(
        r#"select id as "id!" from (
               select t.id, row_number() over (partition by t.phase order by t.state desc, t.id) as place
               from run_phase p
               join task t on t.run_id = p.run_id and t.phase = p.phase and t.finished_at is null
               where p.run_id = $1 and p.opened_at is not null
           ) numbered where place <= $2 order by id"#,
        run.0,
        NAMED
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading unfinished tasks")?;
    Ok(ids.into_iter().map(TaskId).collect())
}

/// Dead tasks of a run whose results a portfolio needs at a date: its own, and those of its symbols.
pub async fn dead(
    db: &mut ReadTx<'_>,
    run: RunId,
    portfolio: PortfolioId,
    as_of: NaiveDate,
) -> Result<Vec<TaskId>> {
    let ids = sqlx::query_scalar!(
        r#"with subject as (
               select to_jsonb($2::uuid) as name
               union all
               select to_jsonb(symbol) from portfolio_symbols where portfolio_id = $2
           )
           select t.id from task t
           where t.run_id = $1 and t.state = 'dead' and t.error_class is not null and t.as_of >= $3
             and (t.as_of = $3
                  or jsonb_path_exists(t.input, '$.**.dates[*] ? (@ == $it)', jsonb_build_object('it', $3))
                  -- Without dates of its own it is about every date of its run.
                  or (t.phase <> 'portfolio-analytics' and not jsonb_path_exists(t.input, '$.**.dates')))
             and exists (select from subject s
                         where jsonb_path_exists(t.input, '$.** ? (@ == $it)', jsonb_build_object('it', s.name)))
           order by t.id limit $4"#,
        run.0,
        portfolio.0,
        as_of,
        NAMED
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("looking for dead tasks")?;
    Ok(ids.into_iter().map(TaskId).collect())
}

/// Running tasks by worker and phase.
pub async fn in_hand(db: &mut ReadTx<'_>) -> Result<Vec<(WorkerId, PhaseName, i64)>> {
    sqlx::query!(
        r#"select worker_id as "worker!", phase, count(*) as "tasks!" from task
           where state = 'running' and finished_at is null and worker_id is not null group by 1, 2 order by 1, 2"#
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("counting tasks in hand")?
    .into_iter()
    .map(|row| Ok((WorkerId(row.worker), word("task", &row.phase)?, row.tasks)))
    .collect()
}

/// When the scheduler decided to leave a date out, if it did.
pub async fn skipped(db: &mut ReadTx<'_>, as_of: NaiveDate) -> Result<Option<DateTime<Utc>>> {
    sqlx::query_scalar!(
        "select decided_at from business_date where as_of = $1 and decision = 'skipped'",
        as_of
    )
    .fetch_optional(db.connection().await?)
    .await
    .attempt("reading a business date")
}

/// The time of Postgres: leases and due times are judged by it.
pub async fn now(db: &mut ReadTx<'_>) -> Result<DateTime<Utc>> {
    sqlx::query_scalar!(r#"select now() as "now!""#)
        .fetch_one(db.connection().await?)
        .await
        .attempt("reading the time")
}
