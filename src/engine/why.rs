//! Why readers do not see a result, or not all of it: the causal chain from the result to what holds it,
//! derived from rows of one snapshot. Redis is asked only whether a waiting task has its hint.

mod holds;
mod link;

use chrono::NaiveDate;

use self::holds::{Aim, Facts, task};
use super::{Error, PlanError};
use crate::clock::Clock;
use crate::domain::{Calendar, Portfolio, PortfolioId, TaskId, TaskState};
use crate::queue::Queue;
use crate::store::reports::{self, why};
use crate::store::runs::RunRow;
use crate::store::tasks_report::{self, TaskRow};
use crate::store::{Pools, ReadTx, portfolios};

pub use link::{Busy, Link, Task};

/// The answer.
#[derive(Debug, Clone)]
pub struct Why {
    /// Whose result.
    pub portfolio: Portfolio,
    /// Of which date.
    pub date: NaiveDate,
    /// From the result to what holds it.
    pub chain: Vec<Link>,
}

impl Why {
    /// Whether readers see it, and whether it is strictly complete.
    pub fn published(&self) -> Option<bool> {
        self.chain.iter().find_map(|link| match link {
            Link::Published { strict, .. } => Some(*strict),
            _ => None,
        })
    }

    /// What holds it: the last link that is in the way of a strictly complete result.
    pub fn blocked_by(&self) -> Option<&Link> {
        self.chain.iter().rev().find(|link| link.blocks())
    }
}

/// Follows the causes. Without a date: of the newest session whose closes are final. Without a queue
/// nothing is said about hints. `None` where there is no such portfolio.
pub async fn why(
    pools: &Pools,
    queue: Option<&Queue>,
    clock: &Clock,
    portfolio: PortfolioId,
    date: Option<NaiveDate>,
) -> Result<Option<Why>, PlanError> {
    let calendar = Calendar::nyse();
    let now = clock.now();
    let date = match date {
        Some(date) => date,
        None => calendar.newest_eligible(now)?.date(),
    };
    let mut db = ReadTx::lazy(&pools.control);
    let Some(portfolio) = portfolios::get(&mut db, portfolio).await? else {
        return Ok(None);
    };
    let mut chain = Vec::new();
    match calendar.session(date)? {
        None => chain.push(Link::NoSession {
            before: calendar.on_or_before(date)?.date(),
        }),
        Some(_) if date < portfolio.inception => chain.push(Link::BeforeInception {
            inception: portfolio.inception,
        }),
        Some(session) => {
            of_session(&mut db, queue, &portfolio, date, &mut chain).await?;
            if !calendar.is_eligible(session, now) {
                let from = calendar.eligible_from(session);
                chain.push(Link::NotEligible { from });
            }
        }
    }
    db.close().await?;
    Ok(Some(Why {
        portfolio,
        date,
        chain,
    }))
}

/// What a task of a run waits for, or how it ended: the chain from the task to what holds it.
pub async fn waits(
    pools: &Pools,
    queue: Option<&Queue>,
    run: &RunRow,
    task: TaskId,
) -> Result<Vec<Link>, Error> {
    let mut db = ReadTx::lazy(&pools.load);
    let aim = Aim {
        run: run.id,
        lane: run.lane,
        task,
    };
    let facts = Facts::read(&mut db, queue, aim).await?;
    db.close().await?;
    let mut chain = Vec::new();
    facts.follow(&mut chain);
    Ok(chain)
}

async fn of_session(
    db: &mut ReadTx<'_>,
    queue: Option<&Queue>,
    portfolio: &Portfolio,
    date: NaiveDate,
    chain: &mut Vec<Link>,
) -> Result<(), Error> {
    let id = portfolio.id;
    if let Some(published) = reports::published(db, id, date).await? {
        chain.push(Link::Published {
            run_id: published.run,
            strict: published.strict,
        });
        let (entries, symbols) = why::incomplete(db, id, date).await?;
        chain.extend(entries.into_iter().map(|entry| Link::Incomplete {
            entry: entry.entry,
            outcome: entry.outcome,
            reason: entry.reason,
        }));
        let left_out = symbols.into_iter();
        chain.extend(left_out.map(|(symbol, reason)| Link::LeftOut { symbol, reason }));
        if published.strict {
            return Ok(());
        }
    }
    let changes = why::changes(db, id, date).await?;
    chain.extend(changes.into_iter().map(|change| Link::Stale {
        input: change.input,
        scope: change.scope,
        owner: change.owner,
        from: change.from,
        reason: change.reason,
        at: change.at,
        version: change.version,
    }));
    let Some(run) = why::computing(db, id, date).await? else {
        if let Some(decided_at) = why::skipped(db, date).await? {
            chain.push(Link::Skipped { decided_at });
        }
        chain.push(Link::NotPlanned);
        return Ok(());
    };
    let stale = chain.iter().any(|link| matches!(link, Link::Stale { .. }));
    chain.push(Link::Run {
        run_id: run.run,
        label: run.label.clone(),
        lane: run.lane,
        verdict: run.verdict,
        created_at: run.created_at,
        cancelled_at: run.cancelled_at,
    });
    if run.verdict.is_none() {
        let aim = Aim {
            run: run.run,
            lane: run.lane,
            task: run.task,
        };
        let facts = Facts::read(db, queue, aim).await?;
        facts.follow(chain);
        return Ok(());
    }
    // What was computed explains itself where readers see it, or where it is outdated.
    let computed = stale || matches!(chain.first(), Some(Link::Published { .. }));
    ended(db, &run, portfolio, date, computed, chain).await?;
    if stale {
        // What the run wrote is outdated, and nobody does it again.
        chain.push(Link::NotPlanned);
    }
    Ok(())
}

/// What a run that has ended left behind: the portfolio's own task, and dead ones whose results it needed.
async fn ended(
    db: &mut ReadTx<'_>,
    run: &why::Computing,
    portfolio: &Portfolio,
    date: NaiveDate,
    computed: bool,
    chain: &mut Vec<Link>,
) -> Result<(), Error> {
    let mut ids = why::dead(db, run.run, portfolio.id, date).await?;
    ids.push(run.task);
    let mut rows = tasks_report::named(db, &ids).await?;
    rows.sort_by_key(|row| row.id != run.task);
    chain.extend(rows.iter().filter_map(|row| match row.state {
        TaskState::Dead => Some(dead(row)),
        TaskState::Cancelled => Some(Link::TaskCancelled { task: task(row) }),
        TaskState::Done if !computed => Some(Link::TaskDone {
            task: task(row),
            outcome: row.outcome.clone(),
        }),
        _ => None,
    }));
    Ok(())
}

fn dead(row: &TaskRow) -> Link {
    let error = row.error.clone();
    Link::TaskDead {
        task: task(row),
        class: error
            .as_ref()
            .map(|error| error.class.clone())
            .unwrap_or_default(),
        fingerprint: error
            .as_ref()
            .map(|error| error.fingerprint.clone())
            .unwrap_or_default(),
        error: error.map(|error| error.message).unwrap_or_default(),
        repair_run: row.repair_run,
    }
}
