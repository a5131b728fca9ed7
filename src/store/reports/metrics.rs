//! Numbers for a monitoring system, of one snapshot.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::store::{Attempt, ReadTx, Result};

/// What is measured.
#[derive(Debug, Clone)]
pub struct Gauges {
    /// Runs by status (`running` or a verdict).
    pub runs: Vec<(String, i64)>,
    /// Tasks of the runs that go on and of the newest one, by phase and state.
    pub tasks: Vec<(String, String, i64)>,
    /// Dead tasks that no repair run was planned for.
    pub dead: i64,
    /// Seconds since the oldest task that may be claimed became ready.
    pub oldest_ready_seconds: Option<f64>,
    /// Seconds that the phases of the newest finished run with tasks took; a phase that was cancelled whole is left out, and so is a run that has
    /// tasks in no others.
    pub phase_seconds: Vec<(String, f64)>,
    /// Seconds of the longest transaction on the server.
    pub longest_transaction_seconds: Option<f64>,
    /// Mean coverage of the newest published date of each live portfolio, a fraction.
    pub coverage: Option<f64>,
    /// How many live portfolios have which date as their newest published one.
    pub published: BTreeMap<NaiveDate, i64>,
    /// How many live portfolios have nothing published, by inception.
    pub unpublished: BTreeMap<NaiveDate, i64>,
    /// Seconds that committed tasks of the newest finished run with some waited, from when they could be claimed until they were, for each of
    /// [`QUANTILES`]; nothing without such tasks.
    pub pickup: Vec<f64>,
    /// The same of the committed tasks of phase 6 of the newest finished run that has some, from their beginning to their commit.
    pub analytics: Vec<f64>,
}

impl Gauges {
    /// Live portfolios whose results of a session are not published, later ones neither; those that began after it are not
    /// late. Nothing without live portfolios.
    pub fn lagging(&self, session: NaiveDate) -> Option<i64> {
        let late = self.published.range(..session);
        let missing = self.unpublished.range(..=session);
        let some = !self.published.is_empty() || !self.unpublished.is_empty();
        some.then(|| late.chain(missing).map(|(_, n)| n).sum())
    }

    /// How far the live portfolio has come that is furthest behind. Nothing without live portfolios.
    pub fn furthest_behind(&self) -> Option<Reached> {
        let published = self.published.keys().next().copied();
        let inception = self.unpublished.keys().next().copied();
        match (published, inception) {
            // What was published on the inception of another one is missing there.
            (Some(date), Some(inception)) if date < inception => Some(Reached::Published(date)),
            (_, Some(inception)) => Some(Reached::Nothing { inception }),
            (date, None) => date.map(Reached::Published),
        }
    }
}

/// How far a live portfolio has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// Its newest published date.
    Published(NaiveDate),
    /// Nothing is published of it.
    Nothing {
        /// Since when there should be.
        inception: NaiveDate,
    },
}

/// Which durations are told: the one in the middle, the one that 99 of 100 do not exceed, the longest.
pub const QUANTILES: [f64; 3] = [0.5, 0.99, 1.0];
/// Tasks that are looked at.
const LOOKED_AT: i64 = 20_000;

/// Reads them.
pub async fn gauges(db: &mut ReadTx<'_>) -> Result<Gauges> {
    let runs = sqlx::query!(
        r#"select coalesce(verdict, 'running') as "status!", count(*) as "n!" from run group by 1 order by 1"#
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("counting runs")?;
    let tasks = sqlx::query!(
        // Not of all runs that ever were: they are many.
        r#"select c.phase as "phase!", s.state as "state!", sum(s.n)::bigint as "n!"
           from phase_counts c
           cross join lateral (values ('ready', c.ready), ('running', c.running), ('done', c.done), ('dead', c.dead),
                                      ('cancelled', c.cancelled)) as s(state, n)
           where c.run_id in (select id from run where verdict is null
                              union (select id from run order by run_seq desc limit 1))
             and s.n > 0
           group by 1, 2 order by 1, 2"#
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("counting tasks")?;
    let phases = sqlx::query!(
        // A phase that was cancelled whole is over at once: it took no time, and says nothing of the next one.
        r#"select phase, extract(epoch from finished_at - opened_at)::float8 as "seconds!" from run_phase
           where run_id = (select id from run r
                           where verdict is not null
                             and exists (select from run_phase p where p.run_id = r.id and p.total > p.cancelled)
                           order by run_seq desc limit 1)
             and finished_at is not null and (total = 0 or total > cancelled)
           order by sort_order"#
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("measuring phases")?;
    let one = sqlx::query!(
        r#"select (select count(*) from task
                   where state = 'dead' and error_class is not null and repair_run is null) as "dead!",
                  (select extract(epoch from now() - min(t.ready_at))::float8 from task t
                   join run_phase p on p.run_id = t.run_id and p.phase = t.phase and p.opened_at is not null
                   where t.finished_at is null and t.state = 'ready' and t.ready_at <= now()) as oldest_ready,
                  (select extract(epoch from now() - min(xact_start))::float8 from pg_stat_activity
                   where datname = current_database() and pid <> pg_backend_pid()) as longest"#
    )
    .fetch_one(db.connection().await?)
    .await
    .attempt("measuring")?;
    let pickup = pickup(db).await?;
    let analytics = analytics(db).await?;
    let newest = newest(db).await?;
    Ok(Gauges {
        pickup,
        analytics,
        runs: runs.into_iter().map(|row| (row.status, row.n)).collect(),
        tasks: tasks
            .into_iter()
            .map(|row| (row.phase, row.state, row.n))
            .collect(),
        dead: one.dead,
        oldest_ready_seconds: one.oldest_ready,
        phase_seconds: phases
            .into_iter()
            .map(|row| (row.phase, row.seconds))
            .collect(),
        longest_transaction_seconds: one.longest,
        coverage: newest.coverage,
        published: newest.published,
        unpublished: newest.unpublished,
    })
}

/// How far the live portfolios have come.
struct Newest {
    coverage: Option<f64>,
    published: BTreeMap<NaiveDate, i64>,
    unpublished: BTreeMap<NaiveDate, i64>,
}

async fn newest(db: &mut ReadTx<'_>) -> Result<Newest> {
    let rows = sqlx::query!(
        // Dates are looked at from the newest on, and the first published one ends it, as in `newest_of_each`.
        r#"select d.as_of as "as_of?", case when d.as_of is null then p.inception end as "inception?", count(*) as "n!",
                  sum(d.coverage) as "coverage?", count(d.coverage)::float8 as "covered!"
           from portfolios p
           left join lateral (
               select n.as_of, n.coverage
               from (select as_of from portfolio_snapshots where portfolio_id = p.id order by as_of desc) s
               cross join lateral (
                   select v.as_of, c.coverage
                   from published_dates v
                   join completeness c on c.portfolio_id = v.portfolio_id and c.as_of = v.as_of
                   where v.portfolio_id = p.id and v.as_of = s.as_of
                   offset 0
               ) n
               order by s.as_of desc limit 1
           ) d on true
           where p.deleted_at is null
           group by 1, 2"#
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("measuring how far the portfolios have come")?;
    let sum: f64 = rows.iter().filter_map(|row| row.coverage).sum();
    let covered: f64 = rows.iter().map(|row| row.covered).sum();
    Ok(Newest {
        coverage: (covered > 0.0).then(|| sum / covered),
        published: rows
            .iter()
            .filter_map(|row| Some((row.as_of?, row.n)))
            .collect(),
        unpublished: rows
            .iter()
            .filter_map(|row| Some((row.inception?, row.n)))
            .collect(),
    })
}

async fn pickup(db: &mut ReadTx<'_>) -> Result<Vec<f64>> {
    let seconds = sqlx::query_scalar!(
        r#"select percentile_cont($1::float8[]) within group (order by s)
           from (
               select greatest(extract(epoch from a.started_at - greatest(t.ready_at, p.opened_at)), 0)::float8 as s
               from task t
               join run_phase p on p.run_id = t.run_id and p.phase = t.phase
               join attempt a on a.task_id = t.id and a.outcome = 'committed'
               where t.run_id = (select id from run r
                                 where verdict is not null and pruned_at is null
                                   and exists (select from run_phase p
                                               where p.run_id = r.id and p.total > p.dead + p.cancelled)
                                 order by run_seq desc limit 1)
               limit $2
           ) took"#,
        &QUANTILES[..],
        LOOKED_AT
    )
    .fetch_one(db.connection().await?)
    .await
    .attempt("measuring how soon tasks were claimed")?;
    Ok(seconds.unwrap_or_default())
}

async fn analytics(db: &mut ReadTx<'_>) -> Result<Vec<f64>> {
    let seconds = sqlx::query_scalar!(
        r#"select percentile_cont($1::float8[]) within group (order by s)
           from (
               select (coalesce(a.load_ms, 0) + coalesce(a.fetch_ms, 0) + coalesce(a.compute_ms, 0)
                       + coalesce(a.commit_ms, 0))::float8 / 1000 as s
               from task t join attempt a on a.task_id = t.id and a.outcome = 'committed'
               where t.run_id = (select id from run r
                                 where verdict is not null and pruned_at is null
                                   and exists (select from run_phase p
                                               where p.run_id = r.id and p.phase = 'portfolio-analytics'
                                                 and p.total > p.dead + p.cancelled)
                                 order by run_seq desc limit 1)
                 and t.phase = 'portfolio-analytics'
               limit $2
           ) took"#,
        &QUANTILES[..],
        LOOKED_AT
    )
    .fetch_one(db.connection().await?)
    .await
    .attempt("measuring phase 6")?;
    Ok(seconds.unwrap_or_default())
}
