//! Gates: when a phase is finished and the next may start. Asked after the commit, in fresh
//! statements: inside it two last finishers would miss each other.

use super::{Attempt, Pool, Result, word};
use crate::domain::{PhaseName, RunId, Verdict};

/// Phases that were opened now, and the verdict if the run ended.
#[derive(Debug, Default)]
pub struct Progress {
    /// Opened by this call: their hints are ours to publish.
    pub opened: Vec<PhaseName>,
    /// Set by this call.
    pub verdict: Option<Verdict>,
}

/// Finishes and opens what can be, until nothing changes. Safe to call at any time, by anybody.
pub async fn advance(pool: &Pool, run: RunId) -> Result<Progress> {
    let mut progress = Progress::default();
    loop {
        let finished = finish_phases(pool, run).await?;
        let opened = open_phases(pool, run).await?;
        if finished == 0 && opened.is_empty() {
            break;
        }
        progress.opened.extend(opened);
    }
    progress.verdict = finish_run(pool, run).await?;
    Ok(progress)
}

async fn finish_phases(pool: &Pool, run: RunId) -> Result<u64> {
    let done = sqlx::query!(
        r#"with finished as (
               update run_phase p
               set finished_at = now(),
                   (dead, cancelled) = (select c.dead, c.cancelled from phase_counts c
                                        where c.run_id = p.run_id and c.phase = p.phase)
               where p.run_id = $1 and p.opened_at is not null and p.finished_at is null
                 and not exists (select from task t where t.run_id = $1 and t.phase = p.phase
                                 and t.finished_at is null)
               returning p.phase
           )
           insert into event (run_id, kind, detail)
           select $1, 'phase-finished', jsonb_build_object('phase', phase) from finished"#,
        run.0
    )
    .execute(pool)
    .await
    .attempt("finishing phases")?;
    Ok(done.rows_affected())
}

/// `now()` is when the statement came, its snapshot is later: by the clock, a phase is opened after those
/// before it were finished, and its tasks start after that.
async fn open_phases(pool: &Pool, run: RunId) -> Result<Vec<PhaseName>> {
    let rows = sqlx::query_scalar!(
        r#"with opened as (
               update run_phase p set opened_at = clock_timestamp()
               where p.run_id = $1 and p.opened_at is null
                 and exists (select from run r where r.id = $1 and r.verdict is null)
                 and not exists (select from run_phase q where q.run_id = $1 and q.phase = any(p.after)
                                 and q.finished_at is null)
               returning p.phase, p.total
           ), said as (
               insert into event (run_id, kind, detail)
               select $1, 'phase-opened', jsonb_build_object('phase', phase, 'tasks', total) from opened
           )
           select phase from opened"#,
        run.0
    )
    .fetch_all(pool)
    .await
    .attempt("opening phases")?;
    Ok(known(rows.iter()))
}

/// Phases that this program knows; those of a newer one are published by its own workers.
fn known<'a>(phases: impl Iterator<Item = &'a String>) -> Vec<PhaseName> {
    phases.filter_map(|phase| phase.parse().ok()).collect()
}

async fn finish_run(pool: &Pool, run: RunId) -> Result<Option<Verdict>> {
    let verdict = sqlx::query_file_scalar!("src/store/gates/finish_run.sql", run.0)
        .fetch_optional(pool)
        .await
        .attempt("finishing a run")?;
    verdict.map(|verdict| word("run", &verdict)).transpose()
}

/// Remembers that the hints of a phase are in their streams.
pub async fn published(pool: &Pool, run: RunId, phase: PhaseName) -> Result<()> {
    sqlx::query!(
        "update run_phase set published_at = now() where run_id = $1 and phase = $2 and published_at is null",
        run.0,
        phase.as_str()
    )
    .execute(pool)
    .await
    .attempt("marking a phase published")?;
    Ok(())
}

/// Open phases whose opener did not publish them within `seconds`.
pub async fn unpublished(pool: &Pool, seconds: f64) -> Result<Vec<(RunId, PhaseName)>> {
    let rows = sqlx::query!(
        r#"select p.run_id, p.phase from run_phase p join run r on r.id = p.run_id
           where p.opened_at < now() - make_interval(secs => $1) and p.published_at is null
             and p.finished_at is null and r.verdict is null
           order by r.run_seq, p.sort_order"#,
        seconds
    )
    .fetch_all(pool)
    .await
    .attempt("reading unpublished phases")?;
    let known = rows
        .iter()
        .filter_map(|row| Some((RunId(row.run_id), row.phase.parse().ok()?)));
    Ok(known.collect())
}
