//! What pages show beyond documents: sessions side by side, the slowest tasks, how long tasks waited, how much is known of
//! the symbols.

use chrono::NaiveDate;
use uuid::Uuid;

use crate::domain::{PhaseName, RunId, TaskId};
use crate::store::events::{EventRow, Place};
use crate::store::{Attempt, ReadTx, Result, word};

/// A phase of the newest run of a session, with what died in the session and was not done again.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of its own")]
pub struct SessionPhase {
    /// The session.
    pub as_of: NaiveDate,
    /// The phase.
    pub phase: PhaseName,
    /// The run; where only earlier runs have dead tasks, the newest of those.
    pub run: RunId,
    /// Whether the newest run was cancelled.
    pub cancelled: bool,
    /// Whether the phase has begun in it.
    pub opened: bool,
    /// Whether it has ended in it.
    pub finished: bool,
    /// Dead tasks of the session: those of the newest run, and those of earlier ones that no repair was planned for and
    /// no later run did again.
    pub dead: i64,
    /// Those of them that no repair was planned for.
    pub unrepaired: i64,
    /// Where there are dead tasks, whether the session has others that are not.
    pub others: bool,
    /// Whether an input of one of its results changed later.
    pub stale: bool,
}

/// The phases of the newest run of each session, for those who may see it.
pub async fn sessions(
    db: &mut ReadTx<'_>,
    dates: &[NaiveDate],
    only: Option<&[Uuid]>,
) -> Result<Vec<SessionPhase>> {
    sqlx::query_file!("src/store/reports/sessions.sql", dates, only)
        .fetch_all(db.connection().await?)
        .await
        .attempt("reading sessions")?
        .into_iter()
        .map(|row| {
            Ok(SessionPhase {
                as_of: row.as_of,
                phase: word("run_phase", &row.phase)?,
                run: RunId(row.run),
                cancelled: row.cancelled,
                opened: row.opened,
                finished: row.finished,
                dead: row.dead,
                unrepaired: row.unrepaired,
                others: row.others,
                stale: row.stale,
            })
        })
        .collect()
}

/// A task, by the time that its last attempt took.
#[derive(Debug, Clone)]
pub struct SlowTask {
    /// The task.
    pub id: i64,
    /// Its phase.
    pub phase: PhaseName,
    /// Its unit.
    pub unit: String,
    /// Its state.
    pub state: String,
    /// Seconds from the beginning of the run to its claim.
    pub from: f64,
    /// To its end, or now.
    pub to: f64,
}

/// The slowest tasks of a run, those in workers' hands among them; with `only`, of those about these portfolios.
pub async fn slowest(
    db: &mut ReadTx<'_>,
    run: RunId,
    in_hand: &[TaskId],
    only: Option<&[Uuid]>,
    limit: i64,
) -> Result<Vec<SlowTask>> {
    let in_hand: Vec<i64> = in_hand.iter().map(|task| task.0).collect();
    sqlx::query!(
        // The few are found before anything is joined to them: else all are sorted.
        r#"with slowest as (
               (select id, run_id, phase, unit, state, started_at, took_seconds as took
                from task
                where run_id = $1 and took_seconds is not null and state in ('done', 'dead')
                  and ($3::uuid[] is null or is_about(unit, input, $3))
                order by took_seconds desc limit $2)
               union all
               select id, run_id, phase, unit, state, started_at, extract(epoch from now() - started_at)::real
               from task
               where id = any($4) and run_id = $1 and state = 'running'
                 and ($3::uuid[] is null or is_about(unit, input, $3))
           )
           select t.id as "id!", t.phase as "phase!", t.unit as "unit!", t.state as "state!",
                  extract(epoch from t.started_at - r.created_at)::float8 as "from!",
                  extract(epoch from t.started_at - r.created_at)::float8 + t.took as "to!"
           from slowest t join run r on r.id = t.run_id
           order by t.took desc, t.id limit $2"#,
        run.0,
        limit,
        only as Option<&[Uuid]>,
        &in_hand
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("looking for the slowest tasks")?
    .into_iter()
    .map(|row| {
        Ok(SlowTask {
            id: row.id,
            phase: word("task", &row.phase)?,
            unit: row.unit,
            state: row.state,
            from: row.from,
            to: row.to,
        })
    })
    .collect()
}

/// How long tasks waited between being ready in an open phase and being claimed, in seconds: the median and the slowest
/// hundredth of the newest tasks of a run.
pub async fn pickup(db: &mut ReadTx<'_>, run: RunId) -> Result<Option<[f64; 2]>> {
    let row = sqlx::query!(
        r#"select percentile_cont(0.5) within group (order by wait) as median,
                  percentile_cont(0.99) within group (order by wait) as slow
           from (select extract(epoch from t.started_at - greatest(t.ready_at, p.opened_at))::float8 as wait
                 from task t join run_phase p on p.run_id = t.run_id and p.phase = t.phase
                 where t.run_id = $1 and t.started_at is not null and p.opened_at is not null
                   and t.started_at >= greatest(t.ready_at, p.opened_at)
                 order by t.id desc limit 5000) waits"#,
        run.0
    )
    .fetch_one(db.connection().await?)
    .await
    .attempt("measuring how long tasks waited")?;
    Ok(row
        .median
        .zip(row.slow)
        .map(|(median, slow)| [median, slow]))
}

/// The newest events of a run, newest first; with `only`, those of the run as such and of these portfolios.
pub async fn newest_events(
    db: &mut ReadTx<'_>,
    run: RunId,
    only: Option<&[Uuid]>,
    limit: i64,
) -> Result<Vec<EventRow>> {
    let rows = sqlx::query!(
        r#"select e.xid::text::bigint as "xid!", e.id, e.at, e.run_id, e.kind, told.detail as "detail!"
           from event e cross join lateral (select told_detail(e.kind, e.detail, $3) as detail) told
           where e.run_id = $1 and told.detail is not null order by e.id desc limit $2"#,
        run.0,
        limit,
        only as Option<&[Uuid]>
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading the newest events")?;
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

/// What is known of a symbol.
#[derive(Debug, Clone)]
pub struct SymbolRow {
    /// The symbol.
    pub symbol: String,
    /// `PUBLIC`, `OPTIONS` or `PROXY`.
    pub class: String,
    /// Whether prices are asked for: an operator may say no.
    pub active: bool,
    /// First date of a scope with it.
    pub first_seen: NaiveDate,
    /// Last date of a scope with it.
    pub last_seen: NaiveDate,
    /// Its last close.
    pub last_close: Option<NaiveDate>,
    /// What phase 1 said of it last, and why.
    pub outcome: Option<String>,
    /// The reason, where it has no price.
    pub reason: Option<String>,
}

/// Every symbol that was ever part of a scope, a page of them after a symbol.
pub async fn universe(
    db: &mut ReadTx<'_>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<SymbolRow>> {
    sqlx::query_as!(
        SymbolRow,
        r#"select u.symbol, u.class, u.active, u.first_seen, u.last_seen,
                  greatest((select max(m.date) from market_data_cache m where m.symbol = u.symbol),
                           (select max(y.date) from yields y where y.symbol = u.symbol)) as last_close,
                  o.outcome as "outcome?", o.reason
           from symbol_universe u
           left join lateral (select outcome, reason from symbol_outcomes o
                              where o.symbol = u.symbol order by o.date desc limit 1) o on true
           where $1::text is null or u.symbol > $1
           order by u.symbol limit $2"#,
        after,
        limit
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading the universe")
}

/// Closes of a symbol in a month, or the values of a yield.
#[derive(Debug, Clone)]
pub struct MonthCloses {
    /// The symbol.
    pub symbol: String,
    /// The first day of the month.
    pub month: NaiveDate,
    /// How many.
    pub closes: i64,
}

/// How many closes symbols have in each month since a date.
pub async fn month_closes(
    db: &mut ReadTx<'_>,
    symbols: &[String],
    since: NaiveDate,
) -> Result<Vec<MonthCloses>> {
    sqlx::query_as!(
        MonthCloses,
        r#"select symbol as "symbol!", date_trunc('month', date::timestamp)::date as "month!", count(*) as "closes!"
           from (select symbol, date from market_data_cache where symbol = any($1) and date >= $2
                 union all
                 select symbol, date from yields where symbol = any($1) and date >= $2) known
           group by 1, 2 order by 1, 2"#,
        symbols,
        since
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("counting closes")
}

/// Symbols by what phase 1 said of them on their newest date.
#[derive(Debug, Clone)]
pub struct OutcomeCount {
    /// `priced`, `no_data`, `delisted` or `failed`.
    pub outcome: String,
    /// Why.
    pub reason: Option<String>,
    /// How many symbols.
    pub symbols: i64,
    /// Some of them.
    pub some: Vec<String>,
}

/// Counts them.
pub async fn outcomes(db: &mut ReadTx<'_>) -> Result<Vec<OutcomeCount>> {
    sqlx::query_as!(
        OutcomeCount,
        r#"select outcome as "outcome!", reason, count(*) as "symbols!",
                  (array_agg(symbol order by symbol))[1:8] as "some!"
           from (select distinct on (symbol) symbol, outcome, reason from symbol_outcomes
                 order by symbol, date desc) newest
           group by outcome, reason order by count(*) desc, outcome, reason"#
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("counting outcomes")
}
