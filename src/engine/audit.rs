//! Whether everything is there: expected results against existing ones, per portfolio, date and kind.

use chrono::NaiveDate;

use super::PlanError;
use crate::clock::Clock;
use crate::domain::{Calendar, PortfolioId, TradingDate};
use crate::phases::MODEL_VERSION;
use crate::store::reports::{self, Expected};
use crate::store::{Pools, ReadTx};

/// The answer.
#[derive(Debug, Clone)]
pub struct Audit {
    /// The sessions that were looked at, ascending.
    pub sessions: Vec<TradingDate>,
    /// What should be there, with what is not.
    pub expected: Vec<Expected>,
}

impl Audit {
    /// Whether nothing lacks.
    pub fn complete(&self) -> bool {
        self.expected.iter().all(|row| {
            [&row.missing, &row.stale, &row.outdated, &row.not_strict]
                .iter()
                .all(|dates| dates.is_empty())
        })
    }
}

/// Compares, for the sessions of a range whose closes are final.
pub async fn audit(
    pools: &Pools,
    clock: &Clock,
    (from, to): (NaiveDate, NaiveDate),
    portfolio: Option<PortfolioId>,
) -> Result<Audit, PlanError> {
    if from > to {
        return Err(PlanError::Reversed(from, to));
    }
    let calendar = Calendar::nyse();
    let newest = calendar.newest_eligible(clock.now())?;
    let to = to.min(newest.date());
    let sessions = if from > to {
        Vec::new()
    } else {
        calendar.sessions(from, to)?
    };
    if sessions.is_empty() {
        return Err(PlanError::EmptyRange(from, to));
    }
    let mut db = ReadTx::lazy(&pools.control);
    let expected = reports::expected(&mut db, &sessions, portfolio, MODEL_VERSION).await?;
    db.close().await?;
    Ok(Audit { sessions, expected })
}
