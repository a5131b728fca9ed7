//! Which business dates are due, and their runs. The decision on a date and its run are one
//! transaction, so any number of schedulers makes one nightly run per date and skips none.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::planner::plan_decided;
use super::{Dates, Engine, PlanError, Planned, Request, Selection, start};
use crate::domain::{Lane, TradingDate, Trigger};
use crate::store::{self, WriteTx, schedule};

/// What happens to sessions older than the newest one that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CatchUp {
    /// The newest is the nightly run, older ones are a backfill.
    #[default]
    Latest,
    /// Each is a nightly run.
    All,
    /// Older ones are skipped.
    None,
}

impl std::str::FromStr for CatchUp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "latest" => Ok(Self::Latest),
            "all" => Ok(Self::All),
            "none" => Ok(Self::None),
            other => Err(format!(
                "\"{other}\" is no catch-up policy (latest, all, none)"
            )),
        }
    }
}

/// Plans what is due, and publishes the first hints. Before the first import there is nothing to plan.
pub async fn schedule_once(engine: &Engine, catch_up: CatchUp) -> Result<(), PlanError> {
    let planned = match plan_due(engine, catch_up).await {
        // Cron may begin before the first import.
        Err(PlanError::NoPortfolio) => {
            tracing::info!("there is no portfolio yet, so nothing is planned");
            return Ok(());
        }
        planned => planned?,
    };
    if planned.is_empty() {
        tracing::debug!("nothing is due");
    }
    for run in planned {
        start(engine, run.run).await;
    }
    Ok(())
}

/// Looks what is due every so often, until it is stopped.
pub async fn keep_schedule(
    engine: &Engine,
    catch_up: CatchUp,
    every: Duration,
    stop: CancellationToken,
) {
    let mut ticks = tokio::time::interval(every.max(Duration::from_secs(1)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = schedule_once(engine, catch_up).await {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, "planning failed; next look will repeat it");
        }
    }
}

/// Sessions that nobody decided on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The newest.
    pub newest: TradingDate,
    /// The others, ascending.
    pub older: Vec<TradingDate>,
}

/// Eligible sessions without a decision; at the first start only the newest.
pub async fn due(engine: &Engine) -> Result<Option<Due>, PlanError> {
    let newest = engine.calendar.newest_eligible(engine.clock.now())?;
    let candidates = match schedule::newest(&engine.pools.control).await? {
        None => vec![newest],
        Some(last) if last >= newest => return Ok(None),
        Some(last) => {
            let first = engine.calendar.next(last)?;
            engine.calendar.sessions(first.date(), newest.date())?
        }
    };
    let mut undecided = schedule::undecided(&engine.pools.control, &candidates).await?;
    let Some(newest) = undecided.pop() else {
        return Ok(None);
    };
    Ok(Some(Due {
        newest,
        older: undecided,
    }))
}

/// Plans what is due. Running it twice, or twice at once, changes nothing.
pub async fn plan_due(engine: &Engine, policy: CatchUp) -> Result<Vec<Planned>, PlanError> {
    let Some(due) = due(engine).await? else {
        return Ok(Vec::new());
    };
    let mut planned = Vec::new();
    match policy {
        CatchUp::Latest if !due.older.is_empty() => {
            let range = (due.older[0].date(), due.older[due.older.len() - 1].date());
            let request = request(Trigger::CatchUp, Dates::Range(range.0, range.1));
            planned.extend(plan_decided(engine, &request, "backfill", &due.older).await?);
        }
        CatchUp::All => {
            for &date in &due.older {
                let request = request(Trigger::Nightly, Dates::On(date.date()));
                planned.extend(plan_decided(engine, &request, "nightly", &[date]).await?);
            }
        }
        CatchUp::None if !due.older.is_empty() => skip(engine, &due.older).await?,
        CatchUp::Latest | CatchUp::None => {}
    }
    let request = request(Trigger::Nightly, Dates::On(due.newest.date()));
    planned.extend(plan_decided(engine, &request, "nightly", &[due.newest]).await?);
    for run in &planned {
        let tasks: usize = run.tasks.iter().map(|(_, count)| count).sum();
        tracing::info!(run_id = %run.run, label = run.label, tasks, "run planned");
    }
    Ok(planned)
}

async fn skip(engine: &Engine, dates: &[TradingDate]) -> Result<(), store::Error> {
    let mut tx = WriteTx::begin(&engine.pools.control).await?;
    schedule::decide(&mut tx, dates, "skipped", None).await?;
    tx.commit().await
}

fn request(trigger: Trigger, dates: Dates) -> Request {
    Request {
        trigger,
        portfolios: Selection::All,
        dates,
        lane: (trigger == Trigger::CatchUp).then_some(Lane::Backfill),
        force: false,
        principal: "scheduler".to_owned(),
        idempotency_key: None,
    }
}
