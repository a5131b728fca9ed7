//! `status`: the newest runs, one of them in detail, who works, and what nobody has computed. With
//! `--watch` it goes on until the run ends.

mod json;
mod page;
#[cfg(test)]
mod sample;
mod watch;

use std::collections::BTreeMap;

use clap::Args;

use super::{Error, Output, find};
use crate::clock::Clock;
use crate::documents::runs::Progress;
use crate::domain::{Calendar, RunId, Verdict};
use crate::engine::remaining;
use crate::store::control::Pause;
use crate::store::reports::{self, Gap, MissingRow, StewardRow, WorkerRow};
use crate::store::runs::{self, PhaseRow, RunRow};
use crate::store::tasks_report::{self, ErrorGroup, Filter, TaskRow};
use crate::store::{Pools, ReadTx, portfolios};

/// Runs that are listed when none is named.
const LISTED: i64 = 10;
/// Running tasks that are listed; all are counted.
const RUNNING: i64 = 20;

/// `status`.
#[derive(Debug, Clone, Default, Args)]
pub struct StatusArgs {
    /// A run, by id or label; without it, the newest one in detail.
    pub run: Option<String>,
    /// Go on until the run ends: redrawn on a terminal, a line for each change elsewhere. Ctrl-C stops watching, not
    /// the run.
    #[arg(long)]
    pub watch: bool,
}

/// Everything that `status` shows.
#[derive(Debug, Clone)]
pub struct Status {
    /// The newest runs, or the one that was named; newest first.
    pub runs: Vec<RunRow>,
    /// Of the first run.
    pub phases: Vec<PhaseRow>,
    /// Of the first run: tasks in workers' hands, newest first, the first twenty.
    pub running: Vec<TaskRow>,
    /// Of the first run: seconds until it ends, where its phases' paces are known.
    pub eta_seconds: Option<f64>,
    /// Of the first run: attempts that did not commit, by outcome.
    pub retries: BTreeMap<String, i64>,
    /// Of the first run.
    pub errors: Vec<ErrorGroup>,
    /// Of the first run, at its final date.
    pub missing: Vec<MissingRow>,
    /// What operators hold back.
    pub pauses: Vec<Pause>,
    /// Workers with a lease.
    pub workers: Vec<WorkerRow>,
    /// Who is steward, and what it saw in the streams.
    pub steward: StewardRow,
    /// Sessions since inception that are not published, per portfolio.
    pub gaps: Vec<Gap>,
}

impl Status {
    /// The run in detail.
    fn run(&self) -> Option<&RunRow> {
        self.runs.first()
    }

    /// How its tasks stand.
    fn progress(&self) -> Progress {
        Progress::of(&self.phases)
    }

    /// Attempts that did not commit.
    fn retries(&self) -> i64 {
        self.retries.values().sum()
    }
}

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// What changes while a run goes on.
    Live,
    /// Also what is missing, and where.
    Whole,
}

/// Reads and renders; with `--watch` until the run ends.
pub async fn run(
    pools: &Pools,
    clock: &Clock,
    args: &StatusArgs,
    json: bool,
) -> Result<Output, Error> {
    if args.watch {
        return watch::watch(pools, clock, args, json).await;
    }
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
            Some(id)
        }
    };
    read(pools, clock, named, Depth::Whole).await
}

async fn read(
    pools: &Pools,
    clock: &Clock,
    named: Option<RunId>,
    depth: Depth,
) -> Result<Status, Error> {
    let runs = runs::list(&pools.control, named, LISTED).await?;
    let phases = match runs.first() {
        Some(run) => runs::phases(&pools.control, run.id, None).await?,
        None => Vec::new(),
    };
    // One snapshot for what belongs together; the statements above have given the connection back.
    let mut db = ReadTx::lazy(&pools.control);
    let mut status = Status {
        phases,
        running: Vec::new(),
        eta_seconds: None,
        retries: BTreeMap::new(),
        errors: Vec::new(),
        missing: Vec::new(),
        pauses: reports::pauses(&mut db).await?,
        workers: reports::workers(&mut db).await?,
        steward: reports::steward(&mut db).await?,
        gaps: Vec::new(),
        runs,
    };
    status.workers.retain(WorkerRow::has_lease);
    if let Some(run) = status.runs.first().cloned() {
        of_run(&mut db, &mut status, &run).await?;
        if depth == Depth::Whole || run.verdict.is_some() {
            status.missing = reports::missing(&mut db, run.id, None).await?;
        }
    }
    if depth == Depth::Whole {
        status.gaps = gaps(&mut db, clock).await?;
    }
    db.close().await?;
    Ok(status)
}

async fn of_run(db: &mut ReadTx<'_>, status: &mut Status, run: &RunRow) -> Result<(), Error> {
    let of_run = Filter {
        run: Some(run.id),
        ..Filter::default()
    };
    status.errors = tasks_report::errors(db, &of_run).await?;
    status.retries = reports::retries(db, run.id, None).await?;
    if run.verdict.is_none() {
        let in_hand = runs::in_hand(&status.phases);
        status.running = tasks_report::in_hand(db, &in_hand, None, RUNNING).await?;
        status.eta_seconds = remaining(db, run, &status.phases, &status.pauses).await?;
    }
    Ok(())
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

/// The state of a run in words: `going on for 12 s`, `partial after 3 min 05 s`.
fn state(run: &RunRow) -> String {
    let time = super::duration(run.elapsed_seconds);
    match run.verdict {
        None => format!("going on for {time}"),
        Some(verdict) => format!("{} after {time}", Verdict::as_str(verdict)),
    }
}
