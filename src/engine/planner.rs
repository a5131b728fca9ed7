//! The one planner. Entry points choose scope and dates, never phases: cron, API, onboarding and
//! command line all come through [`plan`], and the same choice gives the same tasks.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use sha2::{Digest, Sha256};

use super::{Engine, Error};
use crate::domain::{
    Calendar, CalendarError, Lane, PhaseName, PortfolioId, RunId, TradingDate, Trigger,
};
use crate::phases::{MODEL_VERSION, Scope};
use crate::store::runs::NewRun;
use crate::store::tasks::NewTask;
use crate::store::universe::Wanted;
use crate::store::{self, WriteTx, definitions, plans, runs, schedule, tasks, universe};

/// Sessions before a nightly run's date that it repairs where something is missing.
const NIGHTLY_LOOKBACK: usize = 21;

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
    /// Tasks by phase, in the order of the pipeline; empty for an existing run.
    pub tasks: Vec<(PhaseName, usize)>,
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
    /// Beyond the calendar.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// Postgres or Redis.
    #[error(transparent)]
    Engine(#[from] Error),
}

impl From<store::Error> for PlanError {
    fn from(error: store::Error) -> Self {
        Self::Engine(error.into())
    }
}

/// Plans a run in one transaction: the run, its frozen scope, its phases and all its tasks. Nothing
/// is published; that is for the caller or the steward.
pub async fn plan(engine: &Engine, request: &Request) -> Result<Planned, PlanError> {
    let mut tx = WriteTx::begin(&engine.pools.control).await?;
    let planned = plan_within(engine, &mut tx, request, &[]).await?;
    tx.commit().await?;
    if planned.existing {
        tracing::info!(run_id = %planned.run, label = planned.label, "an equal run goes on already");
    } else {
        let tasks: usize = planned.tasks.iter().map(|(_, count)| count).sum();
        tracing::info!(run_id = %planned.run, label = planned.label, tasks, "run planned");
    }
    Ok(planned)
}

/// Plans a scheduler's run and records its decision, together. `None` if the date was decided on
/// by somebody else in the meantime.
pub(super) async fn plan_decided(
    engine: &Engine,
    request: &Request,
    decision: &str,
    dates: &[TradingDate],
) -> Result<Option<Planned>, PlanError> {
    let mut tx = WriteTx::begin(&engine.pools.control).await?;
    let repair = if request.trigger == Trigger::Nightly {
        let mut repair = Vec::new();
        for &date in dates {
            let first = engine.calendar.back(date, NIGHTLY_LOOKBACK)?;
            repair.extend(engine.calendar.sessions(first.date(), date.date())?);
        }
        repair
    } else {
        Vec::new()
    };
    let planned = plan_within(engine, &mut tx, request, &repair).await?;
    let ours = schedule::decide(&mut tx, dates, decision, Some(planned.run)).await?;
    if ours.len() < dates.len() {
        tx.rollback().await?;
        return Ok(None);
    }
    tx.commit().await?;
    Ok(Some(planned))
}

async fn plan_within(
    engine: &Engine,
    tx: &mut WriteTx,
    request: &Request,
    repair: &[TradingDate],
) -> Result<Planned, PlanError> {
    let active = portfolios(tx, &request.portfolios).await?;
    let inceptions = active.iter().map(|portfolio| portfolio.inception);
    let mut dates = dates(engine, request.dates, inceptions)?;
    let ids: Vec<PortfolioId> = active.iter().map(|portfolio| portfolio.id).collect();
    let lane = request
        .lane
        .unwrap_or(match (request.trigger, dates.len()) {
            (Trigger::Nightly, _) => Lane::Nightly,
            (Trigger::Onboarding, _) | (_, 1) => Lane::Interactive,
            _ => Lane::Backfill,
        });

    // An equal request means equal choices, whatever "all" or "newest" stand for at the moment.
    let request_hash = digest(&[
        &format!("{:?}", sorted(&request.portfolios)),
        &format!("{dates:?}"),
        lane.as_str(),
        if request.force { "force" } else { "" },
    ]);
    runs::lock_requests(tx, &request_hash).await?;
    if let Some(key) = &request.idempotency_key {
        // Different requests under one key wait, too: the second one shall see the first.
        runs::lock_requests(tx, &format!("{}\n{key}", request.principal)).await?;
    }
    let existing = match &request.idempotency_key {
        Some(key) => match runs::by_key(tx, &request.principal, key).await? {
            Some(run) if run.request_hash != request_hash => {
                return Err(PlanError::KeyReused(key.clone()));
            }
            found => found,
        },
        None => runs::going(tx, &request_hash).await?,
    };
    if let Some(run) = existing {
        return Ok(Planned {
            run: run.id,
            label: run.label,
            existing: true,
            dates,
            portfolios: ids.len(),
            symbols: 0,
            tasks: Vec::new(),
        });
    }

    let scope = scope(engine, tx, request.force, ids, &mut dates, repair).await?;
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
        request_hash: &request_hash,
        principal: &request.principal,
        idempotency_key: request.idempotency_key.as_deref(),
        parent: None,
    };
    runs::insert(tx, &new_run).await?;
    let names: Vec<String> = scope
        .symbols
        .iter()
        .map(|wanted| wanted.symbol.to_string())
        .collect();
    runs::freeze_scope(tx, run, &scope.portfolios, &scope.dates, &names).await?;

    let tasks = insert_tasks(engine, tx, run, &scope).await?;
    Ok(Planned {
        run,
        label,
        existing: false,
        portfolios: scope.portfolios.len(),
        symbols: scope.symbols.len(),
        dates: scope.dates,
        tasks,
    })
}

/// Freezes what the run is about, and registers its symbols.
async fn scope(
    engine: &Engine,
    tx: &mut WriteTx,
    force: bool,
    portfolios: Vec<PortfolioId>,
    dates: &mut Vec<TradingDate>,
    repair: &[TradingDate],
) -> Result<Scope, PlanError> {
    let ids = &portfolios;
    // A nightly run also repairs what the last sessions lack.
    let mut db = tx.reader();
    if !repair.is_empty() {
        let lacking = plans::lacking(&mut db, ids, repair, MODEL_VERSION, false).await?;
        let all: BTreeSet<TradingDate> = lacking
            .into_values()
            .flatten()
            .chain(dates.iter().copied())
            .collect();
        *dates = all.into_iter().collect();
    }
    let Some(&to) = dates.last() else {
        return Err(PlanError::NoPortfolio);
    };
    let work = plans::lacking(&mut db, ids, dates, MODEL_VERSION, force).await?;
    let definitions = definitions::load(&mut db).await?;
    let mut symbols: Vec<Wanted> = Vec::new();
    let first_work = work.values().flatten().min().copied();
    if let Some(first) = first_work {
        let owners: Vec<PortfolioId> = work.keys().copied().collect();
        symbols = universe::held(&mut db, &owners, first.date(), to.date()).await?;
        for factor in &definitions.factors {
            let yields = factor.kind == crate::domain::SeriesKind::Yield;
            let held = symbols
                .iter_mut()
                .find(|wanted| wanted.symbol == factor.proxy);
            match held {
                // Held no more, but looked at like every proxy.
                Some(wanted) if wanted.class == "CLOSED" => {
                    wanted.class = "PROXY".into();
                    wanted.until = None;
                }
                Some(_) => {}
                None => symbols.push(Wanted {
                    symbol: factor.proxy.clone(),
                    class: "PROXY".into(),
                    yields,
                    since: None,
                    until: None,
                }),
            }
        }
        symbols.sort();
        universe::ensure(tx, &symbols, first.date(), to.date()).await?;
    }
    Ok(Scope {
        final_date: to,
        dates: std::mem::take(dates),
        force,
        portfolios,
        work,
        symbols,
        definitions: Arc::new(definitions),
        calendar: engine.calendar,
    })
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
        tasks::insert(tx, run, name, phase.version(), &new).await?;
        planned.push((name, new.len()));
    }
    Ok(planned)
}

async fn portfolios(
    tx: &mut WriteTx,
    selection: &Selection,
) -> Result<Vec<plans::Active>, PlanError> {
    let only = match selection {
        Selection::All => None,
        Selection::Only(ids) => Some(ids.as_slice()),
    };
    let active = plans::active(&mut tx.reader(), only).await?;
    if let Some(ids) = only {
        let known: BTreeSet<PortfolioId> = active.iter().map(|portfolio| portfolio.id).collect();
        let mut unknown: Vec<PortfolioId> = ids
            .iter()
            .copied()
            .filter(|id| !known.contains(id))
            .collect();
        unknown.sort();
        unknown.dedup();
        if !unknown.is_empty() {
            return Err(PlanError::UnknownPortfolio(unknown));
        }
    }
    if active.is_empty() {
        return Err(PlanError::NoPortfolio);
    }
    Ok(active)
}

fn dates(
    engine: &Engine,
    dates: Dates,
    inceptions: impl Iterator<Item = NaiveDate>,
) -> Result<Vec<TradingDate>, PlanError> {
    let calendar = engine.calendar;
    let now = engine.clock.now();
    let newest = calendar.newest_eligible(now)?;
    match dates {
        Dates::Newest => Ok(vec![newest]),
        Dates::On(date) => {
            let session = calendar.session(date)?.ok_or(PlanError::NoSession(date))?;
            Ok(vec![eligible(calendar, session, now)?])
        }
        Dates::Range(from, to) => {
            if from > to {
                return Err(PlanError::Reversed(from, to));
            }
            let sessions = calendar.sessions(from, to)?;
            let last = sessions
                .last()
                .copied()
                .ok_or(PlanError::EmptyRange(from, to))?;
            eligible(calendar, last, now)?;
            Ok(sessions)
        }
        Dates::SinceInception => {
            let first = inceptions.min().unwrap_or(newest.date());
            let sessions = calendar.sessions(first.min(newest.date()), newest.date())?;
            Ok(sessions)
        }
    }
}

fn eligible(
    calendar: Calendar,
    date: TradingDate,
    now: DateTime<Utc>,
) -> Result<TradingDate, PlanError> {
    if calendar.is_eligible(date, now) {
        return Ok(date);
    }
    let from = calendar.close_instant(date) + chrono::Duration::minutes(30);
    Err(PlanError::NotEligible { date, now, from })
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
    if trigger == Trigger::Nightly {
        return format!("nightly/{to}");
    }
    if from == to {
        format!("{lane}/{to}")
    } else {
        format!("{lane}/{from}..{to}")
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
