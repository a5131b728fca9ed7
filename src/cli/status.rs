//! `status`: the newest runs, one of them in detail, who works, and what nobody has computed.

mod json;
mod page;

use crate::clock::Clock;
use crate::domain::Calendar;
use crate::store::reports::{self, Gap, MissingRow, WorkerRow};
use crate::store::runs::{self, ErrorGroup, PhaseRow, RunRow};
use crate::store::{Pools, ReadTx, portfolios};

use super::{Error, Output, StatusArgs, find};

/// Runs that are listed when none is named.
const LISTED: i64 = 10;

/// Everything that `status` shows.
#[derive(Debug, Clone)]
pub struct Status {
    /// The newest runs, or the one that was named; newest first.
    pub runs: Vec<RunRow>,
    /// Of the first run.
    pub phases: Vec<PhaseRow>,
    /// Of the first run.
    pub errors: Vec<ErrorGroup>,
    /// Of the first run, at its final date.
    pub missing: Vec<MissingRow>,
    /// Workers with a lease.
    pub workers: Vec<WorkerRow>,
    /// Sessions since inception that are not published, per portfolio.
    pub gaps: Vec<Gap>,
}

/// Reads and renders.
pub async fn run(
    pools: &Pools,
    clock: &Clock,
    args: &StatusArgs,
    json: bool,
) -> Result<Output, Error> {
    let status = gather(pools, clock, args).await?;
    Ok(Output::either(
        json,
        || json::document(&status),
        || page::page(&status),
    ))
}

/// Reads everything that `status` shows.
pub async fn gather(pools: &Pools, clock: &Clock, args: &StatusArgs) -> Result<Status, Error> {
    let named = match &args.run {
        None => None,
        Some(text) => {
            let mut db = ReadTx::lazy(&pools.control);
            let id = find::run(&mut db, text).await?;
            db.close().await?;
            Some((text, id))
        }
    };
    let id = named.map(|(_, id)| id);
    let runs = runs::list(&pools.control, id, LISTED).await?;
    let (mut phases, mut errors) = (Vec::new(), Vec::new());
    match (runs.first(), named) {
        (Some(run), _) => {
            phases = runs::phases(&pools.control, run.id).await?;
            errors = runs::errors(&pools.control, run.id).await?;
        }
        (None, Some((text, _))) => return Err(find::unknown_run(text)),
        (None, None) => {}
    }
    // One snapshot for what belongs together; the statements above have given the connection back.
    let mut db = ReadTx::lazy(&pools.control);
    let missing = match runs.first() {
        Some(run) => reports::missing(&mut db, run.id).await?,
        None => Vec::new(),
    };
    let workers = reports::workers(&mut db).await?;
    let gaps = gaps(&mut db, clock).await?;
    db.close().await?;
    Ok(Status {
        runs,
        phases,
        errors,
        missing,
        workers,
        gaps,
    })
}

async fn gaps(db: &mut ReadTx<'_>, clock: &Clock) -> Result<Vec<Gap>, Error> {
    let calendar = Calendar::nyse();
    let inceptions = portfolios::list(db)
        .await?
        .into_iter()
        .map(|portfolio| portfolio.inception);
    let Some(first) = inceptions.min() else {
        return Ok(Vec::new());
    };
    let newest = calendar.newest_eligible(clock.now())?;
    if first > newest.date() {
        return Ok(Vec::new());
    }
    let sessions = calendar.sessions(first, newest.date())?;
    Ok(reports::gaps(db, &sessions).await?)
}
