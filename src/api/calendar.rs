//! The calendar: sessions with their closes, and the weekdays on which the exchange is closed.

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::params::Params;
use super::problem::Problem;
use super::shapes::keys;
use super::tagged::{Asked, formed};
use crate::domain::{Calendar, CalendarError, TradingDate};

/// Sessions of a page: a year.
const YEAR: u16 = 252;

/// Sessions and closures of a range, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CalendarPage {
    /// The exchange.
    exchange: &'static str,
    /// Of `close`.
    zone: &'static str,
    sessions: Vec<Session>,
    /// Weekdays without a session, in the part of the range that this page covers.
    holidays: Vec<NaiveDate>,
    /// Ask for the next page with it; null on the last.
    next: Option<NaiveDate>,
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Session {
    date: NaiveDate,
    /// Local time, as `13:00`.
    close: String,
    closes_at: DateTime<Utc>,
    /// From when on its closes may be used.
    eligible_from: DateTime<Utc>,
    early_close: bool,
}

/// Sessions with their closes, early ones marked, and holidays. Without a range, the year up to the newest session
/// whose closes may be used.
#[utoipa::path(get, path = "/api/v1/calendar", tag = "calendar",
    params(("from" = Option<NaiveDate>, Query, description = "Not before"),
           ("to" = Option<NaiveDate>, Query, description = "Not after"),
           ("limit" = Option<u16>, Query, description = "Sessions of a page, 1 to 500"),
           ("cursor" = Option<NaiveDate>, Query, description = "`next` of the page before"),
           ("If-None-Match" = Option<String>, Header, description = "The ETag of an earlier answer"),
           ("Accept" = Option<String>, Header, description = "text/csv for a table")),
    responses((status = 200, description = "A page of sessions", body = CalendarPage),
              (status = 304, description = "As it was"),
              (status = 400, description = "A date beyond the years that the calendar knows")))]
pub(super) async fn sessions(
    _caller: Caller,
    State(api): State<Api>,
    asked: Asked,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["from", "to", "limit", "cursor"])?;
    let range = Range::of(params, &api, None)?;
    let calendar = Calendar::nyse();
    let (page, next) = range.page(params.limit(YEAR)?)?;
    let sessions = page.iter().map(|session| {
        let close = calendar.close_time(*session);
        Session {
            date: session.date(),
            close: close.format("%H:%M").to_string(),
            closes_at: calendar.close_instant(*session),
            eligible_from: calendar.eligible_from(*session),
            early_close: calendar.closes_early(*session),
        }
    });
    let sessions: Vec<Session> = sessions.collect();
    // The next page begins after its cursor, with the days that are closed before its first session.
    let end = next.unwrap_or(range.to);
    let holidays = calendar.holidays(range.from, end);
    let holidays = holidays.map_err(|error| Problem::field("to", error.to_string()))?;
    let page = CalendarPage {
        exchange: "NYSE",
        zone: "America/New_York",
        sessions,
        holidays,
        next,
    };
    let columns = Some(keys::<Session>());
    formed(&asked, &page, columns, |page| page["sessions"].clone())
}

/// A range of dates of a request; a cursor moves its beginning.
pub(super) struct Range {
    from: NaiveDate,
    pub(super) to: NaiveDate,
}

impl Range {
    /// `first` is where a range begins that nobody named a beginning of; without one, a year before its end.
    pub(super) fn of(
        params: &Params,
        api: &Api,
        first: Option<NaiveDate>,
    ) -> Result<Self, Problem> {
        let calendar = Calendar::nyse();
        let field = |name: &'static str| {
            move |error: CalendarError| Problem::field(name, error.to_string())
        };
        let newest = || calendar.newest_eligible(api.clock().now());
        let (begin, end) = params.range("from", "to")?;
        let to = match end {
            Some(to) => to,
            None => newest().map_err(field("to"))?.date(),
        };
        let last = calendar.on_or_before(to).map_err(field("to"))?;
        let from = match begin.or(first) {
            Some(from) => from,
            None => calendar
                .back(last, usize::from(YEAR) - 1)
                .map_err(field("to"))?
                .date(),
        };
        calendar.on_or_after(from).map_err(field("from"))?;
        let cursor = params.one::<NaiveDate>("cursor")?;
        let after = cursor.map(|cursor| calendar.on_or_after(cursor).map(|_| cursor));
        let after = after.transpose().map_err(field("cursor"))?;
        let from = after.map_or(from, |after| after.succ_opt().unwrap_or(after).max(from));
        Ok(Self { from, to })
    }

    /// The first sessions, and the cursor of the page after them.
    pub(super) fn page(
        &self,
        limit: u16,
    ) -> Result<(Vec<TradingDate>, Option<NaiveDate>), Problem> {
        let sessions = Calendar::nyse().sessions(self.from, self.to);
        let mut sessions = sessions.map_err(|error| Problem::field("to", error.to_string()))?;
        let more = sessions.len() > usize::from(limit);
        sessions.truncate(usize::from(limit));
        let next = sessions.last().filter(|_| more).map(|last| last.date());
        Ok((sessions, next))
    }
}
