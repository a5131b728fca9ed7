//! The date of a session of the exchange.

use std::fmt;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// A New York date on which the exchange has a session.
///
/// The calendar makes them ([`super::Calendar`]); [`TradingDate::trusted`] is for dates that
/// come back from where only the calendar's dates were stored.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type,
)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct TradingDate(NaiveDate);

impl TradingDate {
    /// Takes `date` for a session without looking at the calendar.
    pub const fn trusted(date: NaiveDate) -> Self {
        Self(date)
    }

    /// The date itself.
    pub const fn date(self) -> NaiveDate {
        self.0
    }
}

impl fmt::Display for TradingDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<TradingDate> for NaiveDate {
    fn from(date: TradingDate) -> Self {
        date.0
    }
}
