//! The calendar of the New York Stock Exchange, from rules, for the years 1990 to 2050.
//!
//! Promises: every question about a date inside these years has an answer that agrees with the
//! published closures and early closes; outside them there is an error that names the date and
//! the horizon, never a guess. The sessions are computed once per process; afterwards a date
//! finds its session by index.

mod rules;

use std::sync::OnceLock;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::America::New_York;

use super::TradingDate;

/// The first date that the calendar knows: what concerns every date counts from here.
pub const FIRST_DATE: NaiveDate = match NaiveDate::from_ymd_opt(*YEARS.start(), 1, 1) {
    Some(date) => date,
    None => NaiveDate::MIN,
};
/// First and last year with sessions.
const YEARS: std::ops::RangeInclusive<i32> = 1990..=2050;
/// A close is final this long after the session's end: late prints have arrived.
const SETTLING: TimeDelta = TimeDelta::minutes(30);

/// The NYSE calendar: a handle that costs nothing to copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calendar(());

/// A question that the calendar cannot answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// The answer is not in the years 1990 to 2050.
    #[error("no session known for {date}: the calendar covers {first} to {last}")]
    BeyondHorizon {
        /// The date asked about.
        date: NaiveDate,
        /// First date of the horizon.
        first: NaiveDate,
        /// Last date of the horizon.
        last: NaiveDate,
    },
}

/// All sessions in order, and per day of the horizon the number of sessions before it.
struct Table {
    first: NaiveDate,
    last: NaiveDate,
    sessions: Vec<TradingDate>,
    before: Vec<usize>,
}

static TABLE: OnceLock<Table> = OnceLock::new();

impl Calendar {
    /// The one calendar of this system.
    pub const fn nyse() -> Self {
        Self(())
    }

    /// First and last date that the calendar knows.
    pub fn horizon(self) -> (NaiveDate, NaiveDate) {
        let table = table();
        (table.first, table.last)
    }

    /// The session of `date`, or nothing if the exchange is closed on it.
    pub fn session(self, date: NaiveDate) -> Result<Option<TradingDate>, CalendarError> {
        let table = table();
        let next = table.sessions.get(table.rank(date)?);
        Ok(next.copied().filter(|session| session.date() == date))
    }

    /// The first session on or after `date`.
    pub fn on_or_after(self, date: NaiveDate) -> Result<TradingDate, CalendarError> {
        let table = table();
        table
            .sessions
            .get(table.rank(date)?)
            .copied()
            .ok_or_else(|| table.beyond(date))
    }

    /// The last session on or before `date`.
    pub fn on_or_before(self, date: NaiveDate) -> Result<TradingDate, CalendarError> {
        let table = table();
        let rank = table.rank(date)?;
        match table.sessions.get(rank) {
            Some(session) if session.date() == date => Ok(*session),
            _ => table.at(rank.checked_sub(1), date),
        }
    }

    /// The session before `date`.
    pub fn previous(self, date: TradingDate) -> Result<TradingDate, CalendarError> {
        self.back(date, 1)
    }

    /// The session after `date`.
    pub fn next(self, date: TradingDate) -> Result<TradingDate, CalendarError> {
        let table = table();
        table.at(table.rank(date.date())?.checked_add(1), date.date())
    }

    /// The session `sessions` before `date`; zero is `date` itself.
    pub fn back(self, date: TradingDate, sessions: usize) -> Result<TradingDate, CalendarError> {
        let table = table();
        table.at(table.rank(date.date())?.checked_sub(sessions), date.date())
    }

    /// The session `sessions` after the first one on or after `date`.
    pub fn forward(self, date: NaiveDate, sessions: usize) -> Result<TradingDate, CalendarError> {
        let table = table();
        table.at(table.rank(date)?.checked_add(sessions), date)
    }

    /// Every session from `from` to `to`, both included; none if `to` is earlier.
    pub fn sessions(
        self,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<TradingDate>, CalendarError> {
        let table = table();
        let start = table.rank(from)?;
        let end = table.rank(to)? + usize::from(self.session(to)?.is_some());
        Ok(table
            .sessions
            .get(start..end)
            .map(<[_]>::to_vec)
            .unwrap_or_default())
    }

    /// Every weekday from `from` to `to`, both included, on which the exchange is closed.
    pub fn holidays(self, from: NaiveDate, to: NaiveDate) -> Result<Vec<NaiveDate>, CalendarError> {
        let mut days = Vec::new();
        for day in from.iter_days().take_while(|day| *day <= to) {
            let weekday = day.weekday().number_from_monday() <= 5;
            if weekday && self.session(day)?.is_none() {
                days.push(day);
            }
        }
        Ok(days)
    }

    /// Whether the session ends before 16:00.
    pub fn closes_early(self, date: TradingDate) -> bool {
        rules::early_close_hour(date.date()).is_some()
    }

    /// How many sessions after `from` up to and including `to`: 0 for the same session and if
    /// `to` is earlier.
    pub fn count_between(self, from: TradingDate, to: TradingDate) -> Result<usize, CalendarError> {
        let table = table();
        Ok(table
            .rank(to.date())?
            .saturating_sub(table.rank(from.date())?))
    }

    /// When the session ends, New York time: 16:00, or the time of its early close.
    pub fn close_time(self, date: TradingDate) -> NaiveTime {
        let hour = rules::early_close_hour(date.date()).unwrap_or(16);
        NaiveTime::MIN + TimeDelta::hours(hour)
    }

    /// When the session ends, as an instant.
    pub fn close_instant(self, date: TradingDate) -> DateTime<Utc> {
        let local = date.date().and_time(self.close_time(date));
        // Clocks change at two in the night of a Sunday: an afternoon exists exactly once.
        let instant = New_York.from_local_datetime(&local).earliest();
        instant.map_or_else(|| local.and_utc(), |instant| instant.to_utc())
    }

    /// From when on the closes of `date` may be used: 30 minutes after its session has ended.
    pub fn eligible_from(self, date: TradingDate) -> DateTime<Utc> {
        self.close_instant(date) + SETTLING
    }

    /// Whether the closes of `date` may be used at `now`.
    pub fn is_eligible(self, date: TradingDate, now: DateTime<Utc>) -> bool {
        now >= self.eligible_from(date)
    }

    /// The newest session whose closes may be used at `now`.
    pub fn newest_eligible(self, now: DateTime<Utc>) -> Result<TradingDate, CalendarError> {
        let latest = self.on_or_before(self.new_york_date(now))?;
        if self.is_eligible(latest, now) {
            Ok(latest)
        } else {
            self.previous(latest)
        }
    }

    /// An instant as clocks in New York show it, with the zone's name: `2016-12-30 18:05:00 EST`.
    pub fn new_york_time(self, instant: DateTime<Utc>) -> String {
        let time = instant.with_timezone(&New_York);
        time.format("%Y-%m-%d %H:%M:%S %Z").to_string()
    }

    /// The business date of an instant: the date in New York.
    pub fn new_york_date(self, now: DateTime<Utc>) -> NaiveDate {
        now.with_timezone(&New_York).date_naive()
    }
}

impl Table {
    fn build() -> Self {
        let first = NaiveDate::from_ymd_opt(*YEARS.start(), 1, 1).unwrap_or_default();
        let last = NaiveDate::from_ymd_opt(*YEARS.end(), 12, 31).unwrap_or_default();
        let mut closed: Vec<_> = YEARS.flat_map(rules::closures).collect();
        closed.sort_unstable();
        let (mut sessions, mut before) = (Vec::new(), Vec::new());
        for date in first.iter_days().take_while(|date| *date <= last) {
            before.push(sessions.len());
            if date.weekday().number_from_monday() <= 5 && closed.binary_search(&date).is_err() {
                sessions.push(TradingDate::trusted(date));
            }
        }
        Self {
            first,
            last,
            sessions,
            before,
        }
    }

    /// The number of sessions before `date`.
    fn rank(&self, date: NaiveDate) -> Result<usize, CalendarError> {
        let day = usize::try_from((date - self.first).num_days()).ok();
        day.and_then(|day| self.before.get(day))
            .copied()
            .ok_or_else(|| self.beyond(date))
    }

    fn at(&self, index: Option<usize>, asked: NaiveDate) -> Result<TradingDate, CalendarError> {
        let session = index.and_then(|index| self.sessions.get(index));
        session.copied().ok_or_else(|| self.beyond(asked))
    }

    fn beyond(&self, date: NaiveDate) -> CalendarError {
        CalendarError::BeyondHorizon {
            date,
            first: self.first,
            last: self.last,
        }
    }
}

fn table() -> &'static Table {
    TABLE.get_or_init(Table::build)
}

/// `date` moved by whole days; the calendar's years are far from the ends of time.
fn shifted(date: NaiveDate, days: i64) -> NaiveDate {
    let distance = Days::new(days.unsigned_abs());
    let moved = if days < 0 {
        date.checked_sub_days(distance)
    } else {
        date.checked_add_days(distance)
    };
    moved.unwrap_or(date)
}

#[cfg(test)]
mod tests;
