//! The one planner. Entry points choose scope and dates, never phases: cron, API, onboarding and
//! command line all come through [`plan`], and the same choice gives the same tasks.

mod choice;
mod conventions;
mod preview;
mod repair;
mod scope;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::json;
use sha2::{Digest, Sha256};

pub use preview::{Preview, ProviderCalls, preview};
pub use repair::{LeftOut, Repair, Repairing, repair};

use super::{Engine, Error};
use crate::domain::{CalendarError, Lane, PhaseName, PortfolioId, RunId, TradingDate, Trigger};
use crate::phases::{self, MODEL_VERSION, Scope};
use crate::store::runs::NewRun;
use crate::store::tasks::NewTask;
use crate::store::{self, WriteTx, events, plans, runs, schedule, tasks};

/// Sessions before a nightly run's date that it repairs where something is missing.
const NIGHTLY_LOOKBACK: usize = 21;
/// Times that a run is planned while other transactions stand in its way.
const TRIES: u32 = 6;

/// Which portfolios.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Every portfolio that is not deleted when the run is planned.
    All,
    /// These.
    Only(Vec<PortfolioId>),
}

/// Which dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dates {
    /// The newest eligible session.
    Newest,
    /// One session.
    On(NaiveDate),
    /// Every session from the first to the last, both included.
    Range(NaiveDate, NaiveDate),
    /// From each portfolio's inception to the newest eligible session: onboarding.
    SinceInception,
}

/// What somebody asks for.
#[derive(Debug, Clone)]
pub struct Request {
    /// What started it.
    pub trigger: Trigger,
    /// Which portfolios.
    pub portfolios: Selection,
    /// Which dates.
    pub dates: Dates,
    /// Who waits; by default interactive for one date and for onboarding, backfill for more.
    pub lane: Option<Lane>,
    /// Recompute what is current.
    pub force: bool,
    /// Who asks.
    pub principal: String,
    /// The same key and the same request is the same run.
    pub idempotency_key: Option<String>,
}

impl Request {
    /// Digest of what was asked for, as it was: "all" and "newest" are what they are called.
    fn digest(&self, basis: &Basis) -> String {
        digest(&[
            &format!("{:?}", sorted(&self.portfolios)),
            &format!("{:?}", self.dates),
            self.lane.map_or("", Lane::as_str),
            if self.force { "force" } else { "" },
            &basis.pairs(),
        ])
    }
}

/// A planned run.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Its id.
    pub run: RunId,
    /// For people.
    pub label: String,
    /// The run was there already: the same key, or an equal request that still goes on.
    pub existing: bool,
    /// Its dates.
    pub dates: Vec<TradingDate>,
    /// Its portfolios.
    pub portfolios: usize,
    /// Its symbols, factor proxies included.
    pub symbols: usize,
    /// Tasks by phase, in the order of the pipeline; of an existing run all that it has.
    pub tasks: Vec<(PhaseName, usize)>,
    /// Results of portfolios that it makes, each for one date; nothing of an existing run.
    pub due: Option<usize>,
}

/// Why nothing was planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The session has not closed, or closed less than 30 minutes ago.
    #[error("{date} is not eligible yet: it is {now}, and its prices settle at {from}")]
    NotEligible {
        /// The date.
        date: TradingDate,
        /// The clock.
        now: DateTime<Utc>,
        /// When it becomes eligible.
        from: DateTime<Utc>,
    },
    /// The exchange is closed on that date.
    #[error("{0} is no session of the exchange")]
    NoSession(NaiveDate),
    /// No session in a range.
    #[error("there is no session from {0} to {1}")]
    EmptyRange(NaiveDate, NaiveDate),
    /// No portfolio of the selection existed then.
    #[error("no portfolio asked for existed on {last}: the first inception is {first}")]
    BeforeInception {
        /// The last session asked for.
        last: TradingDate,
        /// When the first portfolio begins.
        first: NaiveDate,
    },
    /// The range is upside down.
    #[error("the range ends on {1}, before it begins on {0}")]
    Reversed(NaiveDate, NaiveDate),
    /// Portfolios that are not there or deleted.
    #[error("unknown portfolio: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    UnknownPortfolio(Vec<PortfolioId>),
    /// Nothing was imported yet.
    #[error("there is no portfolio yet: import one with `sigmabatch import portfolio`")]
    NoPortfolio,
    /// Another request came under the same key.
    #[error("idempotency key \"{0}\" belongs to another request")]
    KeyReused(String),
    /// Every task that should be repaired has an input that cannot be read.
    #[error("{}", unreadable(.0))]
    Unreadable(Vec<LeftOut>),
    /// Beyond the calendar.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// Postgres or Redis.
    #[error(transparent)]
    Engine(#[from] Error),
}

/// The first ones by name.
fn unreadable(left_out: &[LeftOut]) -> String {
    const NAMED: usize = 5;
    let named = left_out.iter().take(NAMED);
    let named: Vec<String> = named
        .map(|one| format!("task {}: {}", one.task, one.reason))
        .collect();
    let more = left_out.len().saturating_sub(NAMED);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!(
        "what should be done again cannot be told: {}{more}",
        named.join("; ")
    )
}

impl PlanError {
    fn is_conflict(&self) -> bool {
        match self {
            Self::Engine(
                Error::Store(error)
                | Error::Plan {
                    source: phases::Error::Store(error),
                    ..
                },
            ) => error.is_conflict(),
            _ => false,
        }
    }
}

impl From<store::Error> for PlanError {
    fn from(error: store::Error) -> Self {
        Self::Engine(error.into())
    }
}

/// Plans a run in one transaction: the run, its frozen scope, its phases and all its tasks. Nothing
/// is published; that is for the caller or the steward.
pub async fn plan(engine: &Engine, request: &Request) -> Result<Planned, PlanError> {
    plan_for(engine, request, None).await
}

/// The same for somebody who has no other trace in the database: who asks over HTTP is remembered with what came of it. A
/// person at the command line has the database anyway.
pub async fn plan_audited(
    engine: &Engine,
    request: &Request,
    reason: &str,
) -> Result<Planned, PlanError> {
    plan_for(engine, request, Some(reason)).await
}

async fn plan_for(
    engine: &Engine,
    request: &Request,
    reason: Option<&str>,
) -> Result<Planned, PlanError> {
    let planned = patiently(|| async {
        let mut tx = WriteTx::begin(&engine.pools.control).await?;
        let planned = plan_within(engine, &mut tx, request, &Basis::Asked).await?;
        if let Some(reason) = reason
            && !planned.existing
        {
            asked(&mut tx, request, &planned, reason).await?;
        }
        tx.commit().await?;
        Ok(planned)
    });
    let planned = planned.await?;
    if planned.existing {
        tracing::info!(run_id = %planned.run, label = planned.label, "an equal run goes on already");
    } else {
        let tasks: usize = planned.tasks.iter().map(|(_, count)| count).sum();
        tracing::info!(run_id = %planned.run, label = planned.label, tasks, "run planned");
    }
    Ok(planned)
}

async fn asked(
    tx: &mut WriteTx,
    request: &Request,
    planned: &Planned,
    reason: &str,
) -> store::Result<()> {
    let detail = json!({ "label": planned.label, "key": request.idempotency_key });
    let (who, run) = (&request.principal, planned.run.to_string());
    events::audit(tx, who, "run", &run, reason, &detail).await
}

/// Plans a scheduler's run and records its decision, together. `None` if the date was decided on
/// by somebody else in the meantime.
pub(super) async fn plan_decided(
    engine: &Engine,
    request: &Request,
    decision: &str,
    dates: &[TradingDate],
) -> Result<Option<Planned>, PlanError> {
    patiently(|| decide(engine, request, decision, dates)).await
}

async fn decide(
    engine: &Engine,
    request: &Request,
    decision: &str,
    dates: &[TradingDate],
) -> Result<Option<Planned>, PlanError> {
    let mut tx = WriteTx::begin(&engine.pools.control).await?;
    let mut lookback = Vec::new();
    if request.trigger == Trigger::Nightly {
        for &date in dates {
            let first = engine.calendar.back(date, NIGHTLY_LOOKBACK)?;
            lookback.extend(engine.calendar.sessions(first.date(), date.date())?);
        }
    }
    let planned = plan_within(engine, &mut tx, request, &Basis::Nightly { lookback }).await?;
    let ours = schedule::decide(&mut tx, dates, decision, Some(planned.run)).await?;
    if ours.len() < dates.len() {
        tx.rollback().await?;
        return Ok(None);
    }
    tx.commit().await?;
    Ok(Some(planned))
}

/// Plans anew while other transactions stand in the way: planners register the same symbols, so that one
/// waits until another has planned a year of a thousand books, and may not wait for so long at a time.
async fn patiently<T, F>(attempt: impl Fn() -> F) -> Result<T, PlanError>
where
    F: Future<Output = Result<T, PlanError>>,
{
    let mut tries = 1;
    loop {
        match attempt().await {
            Err(error) if error.is_conflict() && tries < TRIES => {
                tracing::debug!(%error, tries, "another transaction stood in the way");
                tries += 1;
            }
            done => return done,
        }
    }
}

/// What a run computes, besides what was asked for.
enum Basis {
    /// Nothing.
    Asked,
    /// What the portfolios lack of these earlier sessions.
    Nightly { lookback: Vec<TradingDate> },
    /// Exactly these results, be there others or not.
    Repair {
        parent: RunId,
        pairs: BTreeMap<PortfolioId, Vec<TradingDate>>,
    },
}

impl Basis {
    /// What of it belongs to the request: the results that a repair names.
    fn pairs(&self) -> String {
        match self {
            Self::Repair { pairs, .. } => format!("{pairs:?}"),
            Self::Asked | Self::Nightly { .. } => String::new(),
        }
    }
}

async fn plan_within(
    engine: &Engine,
    tx: &mut WriteTx,
    request: &Request,
    basis: &Basis,
) -> Result<Planned, PlanError> {
    let asked_hash = request.digest(basis);
    if let Some(run) = keyed(tx, request, &asked_hash).await? {
        return joined(tx, run).await;
    }
    let active = choice::portfolios(tx, &request.portfolios).await?;
    let inceptions = active.iter().map(|portfolio| portfolio.inception);
    let first = inceptions.clone().min();
    let dates = choice::dates(engine, request.dates, inceptions)?;
    // A night without books is a night all the same; whoever names a date wants something of it.
    if let (Some(first), Some(&last)) = (first, dates.last())
        && matches!(basis, Basis::Asked)
        && last.date() < first
    {
        return Err(PlanError::BeforeInception { last, first });
    }
    let ids: Vec<PortfolioId> = active.iter().map(|portfolio| portfolio.id).collect();
    let lane = request
        .lane
        .unwrap_or(match (request.trigger, dates.len()) {
            (Trigger::Nightly, _) => Lane::Nightly,
            (Trigger::Onboarding, _) | (_, 1) => Lane::Interactive,
            _ => Lane::Backfill,
        });

    // An equal request means the same dates, however they were named.
    let request_hash = digest(&[
        &format!("{:?}", sorted(&request.portfolios)),
        &format!("{dates:?}"),
        lane.as_str(),
        if request.force { "force" } else { "" },
        &basis.pairs(),
    ]);
    runs::lock_requests(tx, &request_hash).await?;
    // Whoever brings a key wants a run of it, be there an equal one or not.
    if request.idempotency_key.is_none()
        && let Some(run) = runs::going(tx, &request_hash, &ids).await?
    {
        return joined(tx, run).await;
    }

    // What another rate makes stale is work of this run already.
    conventions::settle(engine, tx).await?;
    let (dates, work) = work(tx, &ids, dates, request.force, basis).await?;
    let again = request.force || matches!(basis, Basis::Repair { .. });
    let force = (request.force, again);
    let scope = scope::freeze(engine, tx, force, ids, dates, work).await?;
    let hashes = (request_hash.as_str(), asked_hash.as_str());
    let run = insert_run(engine, tx, request, lane, &scope, basis, hashes).await?;
    let tasks = insert_tasks(engine, tx, run.0, &scope).await?;
    Ok(Planned {
        run: run.0,
        label: run.1,
        existing: false,
        portfolios: scope.portfolios.len(),
        symbols: scope.symbols.len(),
        due: Some(scope.work.values().map(Vec::len).sum()),
        dates: scope.dates,
        tasks,
    })
}

/// The run of the request's key. What the request stands for by now is not looked at: it may be another
/// session, and the run is the same.
async fn keyed(
    tx: &mut WriteTx,
    request: &Request,
    asked_hash: &str,
) -> Result<Option<runs::Existing>, PlanError> {
    let Some(key) = &request.idempotency_key else {
        return Ok(None);
    };
    // Requests under one key wait for each other: the second one shall see the first.
    runs::lock_requests(tx, &format!("{}\n{key}", request.principal)).await?;
    match runs::by_key(tx, &request.principal, key).await? {
        Some(run) if run.asked_hash != asked_hash => Err(PlanError::KeyReused(key.clone())),
        found => Ok(found),
    }
}

/// A run that was there already, with its own numbers.
async fn joined(tx: &mut WriteTx, run: runs::Existing) -> Result<Planned, PlanError> {
    let size = runs::size(tx, run.id).await?;
    Ok(Planned {
        run: run.id,
        label: run.label,
        existing: true,
        dates: size.dates,
        portfolios: size.portfolios,
        symbols: size.symbols,
        tasks: size.tasks,
        due: None,
    })
}

/// The dates of the run, and per portfolio those that need work.
async fn work(
    tx: &mut WriteTx,
    portfolios: &[PortfolioId],
    mut dates: Vec<TradingDate>,
    force: bool,
    basis: &Basis,
) -> Result<(Vec<TradingDate>, BTreeMap<PortfolioId, Vec<TradingDate>>), PlanError> {
    let mut db = tx.reader();
    match basis {
        Basis::Repair { pairs, .. } => {
            let all: BTreeSet<TradingDate> = pairs.values().flatten().copied().collect();
            return Ok((all.into_iter().collect(), pairs.clone()));
        }
        Basis::Nightly { lookback } => {
            let lacking = plans::lacking(&mut db, portfolios, lookback, MODEL_VERSION, false);
            let lacking = lacking.await?.into_values().flatten();
            let all: BTreeSet<TradingDate> = lacking.chain(dates).collect();
            dates = all.into_iter().collect();
        }
        Basis::Asked => {}
    }
    let work = plans::lacking(&mut db, portfolios, &dates, MODEL_VERSION, force).await?;
    Ok((dates, work))
}

async fn insert_run(
    engine: &Engine,
    tx: &mut WriteTx,
    request: &Request,
    lane: Lane,
    scope: &Scope,
    basis: &Basis,
    (request_hash, asked_hash): (&str, &str),
) -> Result<(RunId, String), Error> {
    let (from, to) = (scope.dates[0], scope.final_date);
    let run = RunId::at(engine.clock.now().timestamp_millis().unsigned_abs());
    let label = label(request.trigger, lane, from, to);
    let owners: Vec<String> = scope.portfolios.iter().map(ToString::to_string).collect();
    let scope_hash = digest(&owners.iter().map(String::as_str).collect::<Vec<_>>());
    let new_run = NewRun {
        id: run,
        trigger: request.trigger,
        lane,
        label: &label,
        from,
        to,
        force: request.force,
        all_portfolios: request.portfolios == Selection::All,
        scope_hash: &scope_hash,
        request_hash,
        asked_hash,
        principal: &request.principal,
        idempotency_key: request.idempotency_key.as_deref(),
        parent: match basis {
            Basis::Repair { parent, .. } => Some(*parent),
            Basis::Asked | Basis::Nightly { .. } => None,
        },
    };
    runs::insert(tx, &new_run).await?;
    let names: Vec<String> = scope
        .symbols
        .iter()
        .map(|wanted| wanted.symbol.to_string())
        .collect();
    runs::freeze_scope(tx, run, &scope.portfolios, &scope.dates, &names).await?;
    Ok((run, label))
}

async fn insert_tasks(
    engine: &Engine,
    tx: &mut WriteTx,
    run: RunId,
    scope: &Scope,
) -> Result<Vec<(PhaseName, usize)>, Error> {
    let mut planned = Vec::new();
    for phase in engine.registry.iter() {
        let name = phase.name();
        let units = phase
            .plan(&mut tx.reader(), scope)
            .await
            .map_err(|source| Error::Plan {
                phase: name,
                source,
            })?;
        runs::insert_phase(tx, run, name, phase.after(), units.len()).await?;
        let new: Vec<NewTask> = units
            .into_iter()
            .map(|unit| NewTask {
                unit: unit.unit,
                as_of: unit.as_of,
                input: unit.input,
            })
            .collect();
        tasks::insert(tx, run, name.as_str(), phase.version(), &new).await?;
        planned.push((name, new.len()));
    }
    Ok(planned)
}

fn sorted(selection: &Selection) -> Selection {
    match selection {
        Selection::All => Selection::All,
        Selection::Only(ids) => {
            let unique: BTreeSet<PortfolioId> = ids.iter().copied().collect();
            Selection::Only(unique.into_iter().collect())
        }
    }
}

fn label(trigger: Trigger, lane: Lane, from: TradingDate, to: TradingDate) -> String {
    let what = match trigger {
        Trigger::Nightly => return format!("nightly/{to}"),
        Trigger::Repair => trigger.as_str(),
        _ => lane.as_str(),
    };
    if from == to {
        format!("{what}/{to}")
    } else {
        format!("{what}/{from}..{to}")
    }
}

fn digest(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    format!("{:x}", digest.finalize())
}
