//! Runs: their identity, their scope, their state over committed rows.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::{Attempt, Pool, Result, WriteTx, word};
use crate::domain::{
    Lane, PhaseName, PortfolioId, RunId, Symbol, TaskId, TradingDate, Trigger, Verdict,
};

/// A run to be inserted.
#[derive(Debug, Clone)]
pub struct NewRun<'a> {
    /// Its id.
    pub id: RunId,
    /// What started it.
    pub trigger: Trigger,
    /// Who waits for it.
    pub lane: Lane,
    /// For people: `nightly/2026-01-07`.
    pub label: &'a str,
    /// First date.
    pub from: TradingDate,
    /// Last date.
    pub to: TradingDate,
    /// Recompute what is current.
    pub force: bool,
    /// Whether the scope is every portfolio.
    pub all_portfolios: bool,
    /// Digest of the scope.
    pub scope_hash: &'a str,
    /// Digest of the request with the dates that it resolved to.
    pub request_hash: &'a str,
    /// Digest of the request as it was sent; its key is bound to it.
    pub asked_hash: &'a str,
    /// Who asked.
    pub principal: &'a str,
    /// The caller's key.
    pub idempotency_key: Option<&'a str>,
    /// The run that this one repairs.
    pub parent: Option<RunId>,
}

/// A run that an equal request found.
#[derive(Debug, Clone)]
pub struct Existing {
    /// Its id.
    pub id: RunId,
    /// Its label.
    pub label: String,
    /// Digest of its request as it was sent.
    pub asked_hash: String,
}

/// Makes equal requests wait for each other until the transaction ends.
pub async fn lock_requests(tx: &mut WriteTx, request_hash: &str) -> Result<()> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended($1, 0))",
        request_hash
    )
    .execute(tx.connection())
    .await
    .attempt("locking equal requests")?;
    Ok(())
}

/// The run of an idempotency key.
pub async fn by_key(tx: &mut WriteTx, principal: &str, key: &str) -> Result<Option<Existing>> {
    let row = sqlx::query!(
        "select id, label, asked_hash from run where principal = $1 and idempotency_key = $2",
        principal,
        key
    )
    .fetch_optional(tx.connection())
    .await
    .attempt("looking for the run of a key")?;
    Ok(row.map(|row| Existing {
        id: RunId(row.id),
        label: row.label,
        asked_hash: row.asked_hash,
    }))
}

/// The run of an equal request that still goes on and has all these portfolios in its scope: what "all"
/// stood for may lack one that was imported since.
pub async fn going(
    tx: &mut WriteTx,
    request_hash: &str,
    portfolios: &[PortfolioId],
) -> Result<Option<Existing>> {
    let portfolios: Vec<Uuid> = portfolios.iter().map(|id| id.0).collect();
    let row = sqlx::query!(
        "select id, label, asked_hash from run r
         where request_hash = $1 and verdict is null and cancelled_at is null
           and not exists (select unnest($2::uuid[])
                           except select portfolio_id from run_portfolio p where p.run_id = r.id)
         order by run_seq limit 1",
        request_hash,
        &portfolios
    )
    .fetch_optional(tx.connection())
    .await
    .attempt("looking for an equal run")?;
    Ok(row.map(|row| Existing {
        id: RunId(row.id),
        label: row.label,
        asked_hash: row.asked_hash,
    }))
}

/// Inserts a run.
pub async fn insert(tx: &mut WriteTx, run: &NewRun<'_>) -> Result<()> {
    sqlx::query!(
        "insert into run (id, trigger, lane, label, from_date, final_date, force, all_portfolios, scope_hash,
                          request_hash, asked_hash, principal, idempotency_key, parent_run)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        run.id.0,
        run.trigger.as_str(),
        run.lane.as_str(),
        run.label,
        run.from.date(),
        run.to.date(),
        run.force,
        run.all_portfolios,
        run.scope_hash,
        run.request_hash,
        run.asked_hash,
        run.principal,
        run.idempotency_key,
        run.parent.map(|id| id.0)
    )
    .execute(tx.connection())
    .await
    .attempt("inserting a run")?;
    Ok(())
}

/// Freezes the scope of a run.
pub async fn freeze_scope(
    tx: &mut WriteTx,
    run: RunId,
    portfolios: &[PortfolioId],
    dates: &[TradingDate],
    symbols: &[String],
) -> Result<()> {
    let portfolios: Vec<Uuid> = portfolios.iter().map(|id| id.0).collect();
    let dates: Vec<NaiveDate> = dates.iter().map(|date| date.date()).collect();
    sqlx::query!(
        "with p as (insert into run_portfolio (run_id, portfolio_id) select $1, unnest($2::uuid[])),
              d as (insert into run_date (run_id, as_of) select $1, unnest($3::date[]))
         insert into run_symbol (run_id, symbol) select $1, unnest($4::text[])",
        run.0,
        &portfolios,
        &dates,
        symbols
    )
    .execute(tx.connection())
    .await
    .attempt("freezing the scope of a run")?;
    Ok(())
}

/// The scope of a run as it was frozen.
#[derive(Debug, Clone)]
pub struct Frozen {
    /// Its portfolios.
    pub portfolios: Vec<PortfolioId>,
    /// Its dates, ascending.
    pub dates: Vec<TradingDate>,
}

/// Reads the frozen scope of a run.
pub async fn frozen(tx: &mut WriteTx, run: RunId) -> Result<Frozen> {
    let row = sqlx::query!(
        r#"select array(select portfolio_id from run_portfolio where run_id = $1 order by 1) as "portfolios!",
                  array(select as_of from run_date where run_id = $1 order by 1) as "dates!""#,
        run.0
    )
    .fetch_one(tx.connection())
    .await
    .attempt("reading the scope of a run")?;
    Ok(Frozen {
        portfolios: row.portfolios.into_iter().map(PortfolioId).collect(),
        dates: row.dates.into_iter().map(TradingDate::trusted).collect(),
    })
}

/// What a run is about, and how much of it there is.
#[derive(Debug, Clone)]
pub struct Size {
    /// Its dates, ascending; of a pruned run its first and its last one.
    pub dates: Vec<TradingDate>,
    /// Its portfolios; none of a pruned run.
    pub portfolios: usize,
    /// Its symbols; none of a pruned run.
    pub symbols: usize,
    /// Its tasks by phase, elements of split ones in their place; nothing of a pruned run.
    pub tasks: Vec<(PhaseName, usize)>,
}

/// Reads what a run is about.
pub async fn size(tx: &mut WriteTx, run: RunId) -> Result<Size> {
    let row = sqlx::query!(
        r#"select from_date, final_date,
                  array(select as_of from run_date where run_id = r.id order by 1) as "dates!",
                  (select count(*) from run_portfolio where run_id = r.id) as "portfolios!",
                  (select count(*) from run_symbol where run_id = r.id) as "symbols!",
                  array(select phase from run_phase where run_id = r.id order by sort_order) as "phases!",
                  array(select total from run_phase where run_id = r.id order by sort_order) as "totals!"
           from run r where id = $1"#,
        run.0
    )
    .fetch_one(tx.connection())
    .await
    .attempt("reading what a run is about")?;
    let mut dates = row.dates;
    if dates.is_empty() {
        dates = vec![row.from_date, row.final_date];
        dates.dedup();
    }
    let tasks = row.phases.iter().zip(row.totals).map(|(phase, total)| {
        let total = usize::try_from(total).unwrap_or(0);
        Ok((word("run_phase", phase)?, total))
    });
    Ok(Size {
        dates: dates.into_iter().map(TradingDate::trusted).collect(),
        portfolios: usize::try_from(row.portfolios).unwrap_or(0),
        symbols: usize::try_from(row.symbols).unwrap_or(0),
        tasks: tasks.collect::<Result<_>>()?,
    })
}

/// The portfolios of a run that symbols concern: they hold one, or one is a factor's proxy, which
/// concerns everybody.
pub async fn concerned_by(
    tx: &mut WriteTx,
    run: RunId,
    symbols: &[Symbol],
) -> Result<Vec<PortfolioId>> {
    let symbols: Vec<String> = symbols.iter().map(ToString::to_string).collect();
    let rows = sqlx::query_scalar!(
        "select rp.portfolio_id from run_portfolio rp
         where rp.run_id = $1
           and (exists (select from factor_definitions f where f.proxy_symbol = any($2))
                or exists (select from portfolio_symbols s
                           where s.portfolio_id = rp.portfolio_id and s.symbol = any($2)))
         order by 1",
        run.0,
        &symbols
    )
    .fetch_all(tx.connection())
    .await
    .attempt("looking for the holders of symbols")?;
    Ok(rows.into_iter().map(PortfolioId).collect())
}

/// Inserts a phase of a run, with the number of its tasks.
pub async fn insert_phase(
    tx: &mut WriteTx,
    run: RunId,
    phase: PhaseName,
    after: &[PhaseName],
    total: usize,
) -> Result<()> {
    let after: Vec<String> = after.iter().map(ToString::to_string).collect();
    sqlx::query!(
        "insert into run_phase (run_id, phase, sort_order, after, total) values ($1, $2, $3, $4, $5)",
        run.0,
        phase.as_str(),
        i32::try_from(phase.order()).unwrap_or(i32::MAX),
        &after,
        i32::try_from(total).unwrap_or(i32::MAX)
    )
    .execute(tx.connection())
    .await
    .attempt("inserting a phase")?;
    Ok(())
}

/// A run as `status` lists it.
#[derive(Debug, Clone)]
pub struct RunRow {
    /// Its id.
    pub id: RunId,
    /// For people.
    pub label: String,
    /// What started it.
    pub trigger: Trigger,
    /// Its lane.
    pub lane: Lane,
    /// First date.
    pub from: TradingDate,
    /// Last date.
    pub to: TradingDate,
    /// How it ended.
    pub verdict: Option<Verdict>,
    /// When it was planned.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Seconds since it was planned, or that it took.
    pub elapsed_seconds: f64,
}

/// One run, or the newest ones.
pub async fn list(pool: &Pool, id: Option<RunId>, limit: i64) -> Result<Vec<RunRow>> {
    sqlx::query!(
        r#"select id, label, trigger, lane, from_date, final_date, verdict, created_at, finished_at,
                  extract(epoch from coalesce(finished_at, now()) - created_at)::float8 as "elapsed!"
           from run where $1::uuid is null or id = $1
           order by run_seq desc limit $2"#,
        id.map(|id| id.0),
        limit
    )
    .fetch_all(pool)
    .await
    .attempt("reading runs")?
    .into_iter()
    .map(|row| {
        Ok(RunRow {
            id: RunId(row.id),
            label: row.label,
            trigger: word("run", &row.trigger)?,
            lane: word("run", &row.lane)?,
            from: TradingDate::trusted(row.from_date),
            to: TradingDate::trusted(row.final_date),
            verdict: row.verdict.as_deref().map(|text| word("run", text)).transpose()?,
            created_at: row.created_at,
            finished_at: row.finished_at,
            elapsed_seconds: row.elapsed,
        })
    })
    .collect()
}

/// The states of a phase's tasks.
#[derive(Debug, Clone)]
pub struct PhaseRow {
    /// The phase.
    pub phase: PhaseName,
    /// Tasks, without split ones.
    pub total: i64,
    /// Committed.
    pub done: i64,
    /// Dead.
    pub dead: i64,
    /// Cancelled.
    pub cancelled: i64,
    /// In workers' hands: which.
    pub in_hand: Vec<TaskId>,
    /// Whether it was opened.
    pub opened_at: Option<DateTime<Utc>>,
    /// When its last task ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// From opening to its end, or until now.
    pub elapsed_seconds: Option<f64>,
}

impl PhaseRow {
    /// How many are in workers' hands.
    pub fn running(&self) -> i64 {
        i64::try_from(self.in_hand.len()).unwrap_or(i64::MAX)
    }
}

/// The tasks in workers' hands of all phases.
pub fn in_hand(phases: &[PhaseRow]) -> Vec<TaskId> {
    let ids = phases.iter().flat_map(|phase| &phase.in_hand);
    ids.copied().collect()
}

/// Of a phase, as it is read.
struct PhaseCounts {
    phase: String,
    opened_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    elapsed: Option<f64>,
    total: i64,
    done: i64,
    dead: i64,
    cancelled: i64,
    in_hand: Vec<i64>,
}

/// The phases of a run, over committed rows. With `only`, tasks about other portfolios than these are not counted; those about
/// symbols are.
pub async fn phases(pool: &Pool, run: RunId, only: Option<&[Uuid]>) -> Result<Vec<PhaseRow>> {
    let rows = match only {
        None => phases_of_all(pool, run).await?,
        Some(portfolios) => phases_of(pool, run, portfolios).await?,
    };
    rows.into_iter()
        .map(|row| {
            Ok(PhaseRow {
                phase: word("run_phase", &row.phase)?,
                total: row.total,
                done: row.done,
                dead: row.dead,
                cancelled: row.cancelled,
                in_hand: row.in_hand.into_iter().map(TaskId).collect(),
                opened_at: row.opened_at,
                finished_at: row.finished_at,
                elapsed_seconds: row.elapsed,
            })
        })
        .collect()
}

async fn phases_of_all(pool: &Pool, run: RunId) -> Result<Vec<PhaseCounts>> {
    sqlx::query_as!(
        PhaseCounts,
        r#"select p.phase, p.opened_at, p.finished_at,
                  extract(epoch from coalesce(p.finished_at, now()) - p.opened_at)::float8 as elapsed,
                  c.total as "total!", c.done as "done!", c.dead as "dead!", c.cancelled as "cancelled!", c.in_hand as "in_hand!"
           from run_phase p join phase_counts c on c.run_id = p.run_id and c.phase = p.phase
           where p.run_id = $1
           order by p.sort_order"#,
        run.0
    )
    .fetch_all(pool)
    .await
    .attempt("reading the phases of a run")
}

/// Tasks are counted by state before anything is joined to them.
async fn phases_of(pool: &Pool, run: RunId, portfolios: &[Uuid]) -> Result<Vec<PhaseCounts>> {
    sqlx::query_as!(
        PhaseCounts,
        r#"with counted as (
               select phase, state, count(*) as n, array_agg(id) filter (where state = 'running') as ids
               from task
               where run_id = $1 and counts_for(unit, input, $2) group by phase, state
           ), summed as (
               select phase,
                      sum(n) filter (where state <> 'split') as total, sum(n) filter (where state = 'done') as done,
                      sum(n) filter (where state = 'dead') as dead, sum(n) filter (where state = 'cancelled') as cancelled,
                      max(ids) as in_hand
               from counted group by phase
           )
           select p.phase, p.opened_at, p.finished_at,
                  extract(epoch from coalesce(p.finished_at, now()) - p.opened_at)::float8 as elapsed,
                  coalesce(s.total, 0)::bigint as "total!", coalesce(s.done, 0)::bigint as "done!",
                  coalesce(s.dead, 0)::bigint as "dead!", coalesce(s.cancelled, 0)::bigint as "cancelled!",
                  coalesce(s.in_hand, '{}') as "in_hand!"
           from run_phase p left join summed s on s.phase = p.phase
           where p.run_id = $1
           order by p.sort_order"#,
        run.0,
        portfolios
    )
    .fetch_all(pool)
    .await
    .attempt("reading the phases of a run for an owner")
}
