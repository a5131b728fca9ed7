//! Runs of the past, for those who may see them.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::domain::{Lane, PortfolioId, RunId, TradingDate, Trigger};
use crate::store::runs::RunRow;
use crate::store::{Attempt, ReadTx, Result, word};

/// How much of a run somebody sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// All of it.
    Whole,
    /// What is about own portfolios: it has others too.
    Part,
}

/// How much of a run somebody sees: with `only`, it is there when its scope has one of these portfolios.
pub async fn sight(
    db: &mut ReadTx<'_>,
    run: RunId,
    only: Option<&[Uuid]>,
) -> Result<Option<Sight>> {
    let row = sqlx::query!(
        r#"select $2::uuid[] is null
                  or exists (select from run_portfolio where run_id = $1 and portfolio_id = any($2)) as "seen!",
                  $2::uuid[] is not null
                  and exists (select from run_portfolio where run_id = $1 and portfolio_id <> all($2)) as "shared!"
           from run where id = $1"#,
        run.0,
        only as Option<&[Uuid]>
    )
    .fetch_optional(db.connection().await?)
    .await
    .attempt("looking for a run")?;
    let sight = |shared| if shared { Sight::Part } else { Sight::Whole };
    Ok(row.filter(|row| row.seen).map(|row| sight(row.shared)))
}

/// Which runs: all conditions that are given must hold.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// This one.
    pub id: Option<RunId>,
    /// Whose scope has one of these portfolios; what is counted is then theirs, and what is about symbols.
    pub only: Option<Vec<Uuid>>,
    /// `running` or a verdict.
    pub status: Option<String>,
    /// In this lane.
    pub lane: Option<Lane>,
    /// Started so.
    pub trigger: Option<Trigger>,
    /// Whose final date is not before.
    pub from: Option<NaiveDate>,
    /// Whose final date is not after.
    pub to: Option<NaiveDate>,
    /// Whose scope has this portfolio.
    pub portfolio: Option<PortfolioId>,
}

/// A run with its counts.
#[derive(Debug, Clone)]
pub struct PastRun {
    /// The run.
    pub run: RunRow,
    /// Whether its scope has others than the filter's portfolios.
    pub shared: bool,
    /// Who asked.
    pub principal: String,
    /// In its scope.
    pub portfolios: i64,
    /// Planned tasks, elements of split ones in their place.
    pub tasks: i64,
    /// Not final.
    pub unfinished: i64,
    /// Given up.
    pub dead: i64,
}

/// Runs, newest first, after the run of the page before.
pub async fn past(
    db: &mut ReadTx<'_>,
    filter: &Past,
    after: Option<RunId>,
    limit: i64,
) -> Result<Vec<PastRun>> {
    sqlx::query!(
        r#"select r.id, r.label, r.trigger, r.lane, r.from_date, r.final_date, r.verdict, r.created_at, r.finished_at,
                  r.principal,
                  extract(epoch from coalesce(r.finished_at, now()) - r.created_at)::float8 as "elapsed!",
                  s.shared as "shared!",
                  (select count(*) from run_portfolio p
                   where p.run_id = r.id and ($2::uuid[] is null or p.portfolio_id = any($2))) as "portfolios!",
                  case when s.shared
                       then (select count(*) from task t where t.run_id = r.id and t.state <> 'split'
                                                           and counts_for(t.unit, t.input, $2))
                       else (select coalesce(sum(p.total), 0) from run_phase p where p.run_id = r.id) end as "tasks!",
                  (select count(*) from task t where t.run_id = r.id and t.finished_at is null
                                                 and counts_for(t.unit, t.input, $2)) as "unfinished!",
                  (select count(*) from task t where t.run_id = r.id and t.state = 'dead' and t.error_class is not null
                                                 and counts_for(t.unit, t.input, $2)) as "dead!"
           from run r
           cross join lateral (select $2::uuid[] is not null
                                      and exists (select from run_portfolio p
                                                  where p.run_id = r.id and p.portfolio_id <> all($2)) as shared) s
           where ($1::uuid is null or r.run_seq < (select run_seq from run where id = $1))
             and ($2::uuid[] is null
                  or exists (select from run_portfolio p where p.run_id = r.id and p.portfolio_id = any($2)))
             and ($3::text is null or coalesce(r.verdict, 'running') = $3)
             and ($4::text is null or r.lane = $4)
             and ($5::text is null or r.trigger = $5)
             and ($6::date is null or r.final_date >= $6)
             and ($7::date is null or r.final_date <= $7)
             and ($8::uuid is null
                  or ($2::uuid[] is null or $8 = any($2))
                     and exists (select from run_portfolio p where p.run_id = r.id and p.portfolio_id = $8))
             and ($10::uuid is null or r.id = $10)
           order by r.run_seq desc limit $9"#,
        after.map(|run| run.0),
        filter.only.as_deref(),
        filter.status,
        filter.lane.map(Lane::as_str),
        filter.trigger.map(Trigger::as_str),
        filter.from,
        filter.to,
        filter.portfolio.map(|id| id.0),
        limit,
        filter.id.map(|run| run.0)
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading past runs")?
    .into_iter()
    .map(|row| {
        let verdict = row.verdict.as_deref().map(|text| word("run", text));
        let run = RunRow {
            id: RunId(row.id),
            label: row.label,
            trigger: word("run", &row.trigger)?,
            lane: word("run", &row.lane)?,
            from: TradingDate::trusted(row.from_date),
            to: TradingDate::trusted(row.final_date),
            verdict: verdict.transpose()?,
            created_at: row.created_at,
            finished_at: row.finished_at,
            elapsed_seconds: row.elapsed,
        };
        Ok(PastRun {
            run,
            shared: row.shared,
            principal: row.principal,
            portfolios: row.portfolios,
            tasks: row.tasks,
            unfinished: row.unfinished,
            dead: row.dead,
        })
    })
    .collect()
}

/// The run of the night: the nightly one that goes on, else any that goes on, else the newest that had
/// something to do, else the newest. With `only`, of those whose scope has one of these portfolios.
pub async fn tonight(db: &mut ReadTx<'_>, only: Option<&[Uuid]>) -> Result<Option<RunId>> {
    let id = sqlx::query_scalar!(
        r#"select r.id from run r
           where $1::uuid[] is null
              or exists (select from run_portfolio p where p.run_id = r.id and p.portfolio_id = any($1))
           order by r.verdict is null and r.trigger = 'nightly' desc, r.verdict is null desc,
                    exists (select from run_phase p where p.run_id = r.id and p.total > 0) desc, r.run_seq desc
           limit 1"#,
        only
    )
    .fetch_optional(db.connection().await?)
    .await
    .attempt("looking for the run of the night")?;
    Ok(id.map(RunId))
}

/// Runs of one status, together.
#[derive(Debug, Clone)]
pub struct Ended {
    /// `running` or a verdict.
    pub status: String,
    /// How many.
    pub runs: i64,
    /// Their mean time in seconds.
    pub mean_seconds: Option<f64>,
    /// The longest.
    pub longest_seconds: Option<f64>,
    /// When the newest was planned.
    pub newest: Option<DateTime<Utc>>,
}

/// Runs planned within some days, by their status.
pub async fn summary(db: &mut ReadTx<'_>, only: Option<&[Uuid]>, days: i32) -> Result<Vec<Ended>> {
    let rows = sqlx::query_as!(
        Ended,
        r#"select coalesce(r.verdict, 'running') as "status!", count(*) as "runs!",
                  avg(extract(epoch from r.finished_at - r.created_at))::float8 as mean_seconds,
                  max(extract(epoch from r.finished_at - r.created_at))::float8 as longest_seconds,
                  max(r.created_at) as newest
           from run r
           where r.created_at > now() - make_interval(days => $2)
             and ($1::uuid[] is null
                  or exists (select from run_portfolio p where p.run_id = r.id and p.portfolio_id = any($1)))
           group by 1 order by 1"#,
        only,
        days
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("summing up runs")?;
    Ok(rows)
}
