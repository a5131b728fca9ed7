//! Explains a stored number, and says whether it is still what the stored inputs make.

use chrono::NaiveDate;

use crate::domain::{PortfolioId, TradingDate};
use crate::phases;
use crate::phases::portfolio_analytics::explain as numbers;
use crate::store::reports::{self, Report, why::Change};
use crate::store::{self, Pools, ReadTx};

pub use crate::phases::portfolio_analytics::explain::{
    Explained, Line, Metric, Number, Refusal, Told,
};

/// Every metric that can be explained, in the order of the list that people see.
pub fn registry() -> &'static [Metric] {
    numbers::METRICS
}

/// Whether a metric is called so. Whether it has the argument is known on a date.
pub fn is_metric(metric: &str) -> bool {
    numbers::find(metric).is_some()
}

/// What a stored report tells of a metric, without making it again.
pub fn told(report: &Report, metric: &str) -> Result<Told, ExplainError> {
    let unknown = || ExplainError::Unknown(metric.to_owned());
    let (found, argument) = numbers::find(metric).ok_or_else(unknown)?;
    let told = numbers::told(report, found, argument);
    told.map_err(|refusal| refused(metric, refusal, Vec::new()))
}

/// The metrics that can be explained: as they are typed, and what they are.
pub fn metrics() -> Vec<(String, &'static str)> {
    let all = numbers::METRICS.iter();
    all.map(|metric| (metric.typed(), metric.about)).collect()
}

/// An explained number.
#[derive(Debug)]
pub struct Explanation {
    /// What is stored of the date.
    pub report: Report,
    /// The metric, as it was typed.
    pub metric: String,
    /// How the number is made.
    pub explained: Explained,
    /// Changes of inputs since the number was stored, newest first.
    pub changes: Vec<Change>,
}

impl Explanation {
    /// Whether the stored inputs still make the stored number, to the last bit.
    pub fn holds(&self) -> bool {
        self.explained.computed.same(self.explained.stored)
    }
}

/// Why there is no explanation.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// Nothing is called so.
    #[error("no metric {0:?}")]
    Unknown(String),
    /// The metric has other arguments.
    #[error("{metric:?} is of nothing that is stored")]
    Argument {
        /// What was typed.
        metric: String,
        /// What could be.
        choices: Vec<String>,
    },
    /// Nothing of the date is stored.
    #[error("nothing is stored of this date")]
    NothingStored,
    /// No date is published: an input changed after the newest one that was computed.
    #[error(
        "nothing is published: the newest computed date {0} is stale, an input changed after it"
    )]
    Stale(NaiveDate),
    /// The number is not stored, for a reason.
    #[error("{metric} is not stored: {reason}")]
    NotStored {
        /// What was typed.
        metric: String,
        /// The reason that stands in its place.
        reason: String,
    },
    /// The number is stored, but what is stored of its inputs makes none any more.
    #[error("{metric} cannot be made again: {reason}")]
    NotMade {
        /// What was typed.
        metric: String,
        /// Why.
        reason: String,
        /// Changes of inputs since, newest first.
        changes: Vec<Change>,
    },
    /// Reading what the phase reads.
    #[error(transparent)]
    Phase(#[from] phases::Error),
    /// Postgres.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Explains a metric at a date, or at the newest published one. One snapshot of the database.
pub async fn explain(
    pools: &Pools,
    portfolio: PortfolioId,
    date: Option<NaiveDate>,
    metric: &str,
) -> Result<Explanation, ExplainError> {
    let unknown = || ExplainError::Unknown(metric.to_owned());
    let (found, argument) = numbers::find(metric).ok_or_else(unknown)?;
    let mut db = ReadTx::lazy(&pools.control);
    let stored = match date {
        None => reports::newest_published(&mut db, portfolio).await?,
        Some(date) => reports::computed(&mut db, portfolio, date).await?,
    };
    let Some(stored) = stored else {
        return Err(match date {
            None => unpublished(&mut db, portfolio).await?,
            Some(_) => ExplainError::NothingStored,
        });
    };
    let report = reports::portfolio(&mut db, portfolio, stored).await?;
    let report = report.ok_or(ExplainError::NothingStored)?;
    let as_of = TradingDate::trusted(stored.as_of);
    let read = numbers::load(&mut db, portfolio, as_of).await?;
    let changes = reports::why::changes(&mut db, portfolio, stored.as_of).await?;
    db.close().await?;
    match numbers::explain(read, &report, found, argument)? {
        Ok(explained) => Ok(Explanation {
            report,
            metric: metric.to_owned(),
            explained,
            changes,
        }),
        Err(refusal) => Err(refused(metric, refusal, changes)),
    }
}

/// Why no date of a portfolio is published.
async fn unpublished(
    db: &mut ReadTx<'_>,
    portfolio: PortfolioId,
) -> Result<ExplainError, store::Error> {
    let newest = reports::newest::computed(db, portfolio).await?;
    Ok(newest.map_or(ExplainError::NothingStored, ExplainError::Stale))
}

fn refused(metric: &str, refusal: Refusal, changes: Vec<Change>) -> ExplainError {
    let metric = metric.to_owned();
    match refusal {
        Refusal::Argument(choices) => ExplainError::Argument { metric, choices },
        Refusal::NotStored(reason) => ExplainError::NotStored { metric, reason },
        Refusal::NotMade(reason) => ExplainError::NotMade {
            metric,
            reason,
            changes,
        },
    }
}
