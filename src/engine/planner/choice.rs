//! What somebody asks for becomes portfolios and sessions, or a reason why not.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};

use super::{Dates, PlanError, Selection};
use crate::domain::{Calendar, PortfolioId, TradingDate};
use crate::engine::Engine;
use crate::store::{WriteTx, plans};

/// The portfolios of a selection, as they are now.
pub(super) async fn portfolios(
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

/// The sessions of a choice of dates, all of them eligible.
pub(super) fn dates(
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
    let from = calendar.eligible_from(date);
    Err(PlanError::NotEligible { date, now, from })
}
