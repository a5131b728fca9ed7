//! Value, drawdown and daily profit over the published dates.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use maud::{Markup, html};

use super::{How, money, percent, signed};
use crate::api::problem::Problem;
use crate::dashboard::chart::{Line, Shape, line};
use crate::domain::{Calendar, CalendarError, PortfolioId, TradingDate, money as exact};
use crate::store::ReadTx;
use crate::store::reports::{self, Days, PublishedDay};

/// Sessions that are drawn: about two years.
const SESSIONS: i64 = 504;

/// The sessions from the first published date that is drawn to the one of the page.
pub(super) struct History {
    /// Each with what is published of it, if anything is.
    sessions: Vec<(NaiveDate, Option<PublishedDay>)>,
    /// Of each: historical, 95 %, one session, a positive fraction; as stored with the date.
    value_at_risk: Vec<Option<f64>>,
}

pub(super) async fn read(
    db: &mut ReadTx<'_>,
    portfolio: PortfolioId,
    to: NaiveDate,
) -> Result<History, Problem> {
    let from = to - chrono::TimeDelta::days(SESSIONS * 7 / 5);
    let days = Days {
        from: Some(from),
        to: Some(to),
        ..Days::default()
    };
    let days = reports::published_days(db, portfolio, days, 2 * SESSIONS).await?;
    let losses = reports::values_at_risk(db, portfolio, (from, to), 0.95).await?;
    let history = History::new(days, &losses);
    history.map_err(|error| Problem::field("date", error.to_string()))
}

impl History {
    /// Of published dates, oldest first, with the value at risk of dates.
    fn new(
        days: Vec<PublishedDay>,
        losses: &BTreeMap<NaiveDate, f64>,
    ) -> Result<Self, CalendarError> {
        let ends = days.first().zip(days.last());
        let sessions = match ends.map(|(first, last)| (first.as_of, last.as_of)) {
            Some((first, last)) => Calendar::nyse().sessions(first, last)?,
            None => Vec::new(),
        };
        let days = days.into_iter().map(|day| (day.as_of, day));
        let mut known: BTreeMap<NaiveDate, PublishedDay> = days.collect();
        let sessions = sessions.into_iter().map(TradingDate::date);
        let sessions = sessions.map(|date| (date, known.remove(&date)));
        let sessions: Vec<(NaiveDate, Option<PublishedDay>)> = sessions.collect();
        let published = sessions.iter().map(|(_, day)| day.as_ref());
        let value_at_risk = published.map(|day| losses.get(&day?.as_of).copied());
        Ok(Self {
            value_at_risk: value_at_risk.collect(),
            sessions,
        })
    }

    fn axis(&self) -> Vec<String> {
        let dates = self.sessions.iter().map(|(date, _)| date.to_string());
        dates.collect()
    }

    /// What is published, oldest first.
    fn days(&self) -> impl Iterator<Item = &PublishedDay> {
        self.sessions.iter().filter_map(|(_, day)| day.as_ref())
    }

    /// A number of each session; one that is not published is a gap.
    fn values(&self, of: impl Fn(&PublishedDay) -> Option<f64>) -> Vec<Option<f64>> {
        let days = self.sessions.iter().map(|(_, day)| day.as_ref());
        days.map(|day| of(day?)).collect()
    }

    /// How far the chained daily returns are below their highest level so far, as drawn: a fraction, at most 0. A return that is not
    /// there may have been any, so that nothing is known from its session on; the chain may begin after the first session, though.
    fn drawdowns(&self) -> (Vec<Option<f64>>, Option<Hole>) {
        let (mut level, mut peak) = (1.0_f64, 1.0_f64);
        let mut hole = None;
        let mut drawdowns = Vec::with_capacity(self.sessions.len());
        for (place, (date, day)) in self.sessions.iter().enumerate() {
            let made = day.as_ref().and_then(|day| day.return_day);
            if made.is_none() && place > 0 {
                hole = Some(Hole {
                    date: *date,
                    published: day.is_some(),
                });
                break;
            }
            drawdowns.push(made.map(|made| {
                level *= 1.0 + made;
                peak = peak.max(level);
                level / peak - 1.0
            }));
        }
        drawdowns.resize(self.sessions.len(), None);
        (drawdowns, hole)
    }
}

/// The first session whose return is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hole {
    date: NaiveDate,
    /// Whether anything else of it is there.
    published: bool,
}

impl Hole {
    /// Why there is no drawdown any more.
    fn note(self) -> String {
        let date = self.date;
        let why = if self.published {
            format!("{date} has no return, as the net asset value before it was not positive")
        } else {
            format!("{date} is not published, nor what was gained or lost on it")
        };
        format!("{why}: the drawdown is unknown from that session on.")
    }
}

pub(super) fn charts(history: &History, how: &How<'_>) -> Markup {
    let axis = history.axis();
    let nav = Line {
        name: "net asset value".to_owned(),
        values: history.values(|day| Some(exact::to_f64(day.nav))),
        shape: Shape::Line,
    };
    let profit = Line {
        name: "P&L of the day".to_owned(),
        values: history.values(|day| Some(exact::to_f64(day.pnl_day))),
        shape: Shape::Area,
    };
    let (drawdowns, hole) = history.drawdowns();
    let below = Line {
        name: "drawdown".to_owned(),
        values: drawdowns,
        shape: Shape::Area,
    };
    let amount =
        |value: f64| rust_decimal::Decimal::try_from(value).map_or_else(|_| "–".to_owned(), money);
    let published = history.days().count();
    let holes = history.sessions.len() - published;
    let total = history.days().last().map(|day| day.pnl_total);
    let flows = history.days();
    let flows = flows.filter(|day| !day.external_flows.is_zero()).count();
    html! {
        h2 { "Value" }
        p.soft { (published) " published dates"
            @if holes > 0 { ", gaps at " (holes) " sessions between them" }
            @if let Some(total) = total { ", P&L since inception " (how.link("snapshot:pnl_total", &money(total))) }
            @if flows > 0 { ", flows on " (flows) " of them" } "." }
        (line("Net asset value", &axis, &[nav], amount))
        h2 { "Drawdown" }
        (line("Drawdown of the chained daily returns", &axis, &[below], percent))
        @if let Some(hole) = hole { p.soft #drawdown-ends { (hole.note()) } }
        h2 { "Daily P&L" }
        (line("Profit and loss of each day", &axis, &[profit], amount))
    }
}

/// Daily returns beside the loss that the session before expected to be exceeded once in twenty sessions.
pub(super) fn breaches(history: &History, how: &How<'_>) -> Markup {
    let sessions = &history.sessions;
    // What the session before said of this one.
    let before = history.value_at_risk.iter();
    let before = before.map(|loss| loss.map(|loss| -loss));
    let limits: Vec<Option<f64>> = std::iter::once(None)
        .chain(before)
        .take(sessions.len())
        .collect();
    let returns = history.values(|day| day.return_day);
    let compared = returns.iter().zip(&limits);
    let compared = compared.filter(|(made, limit)| made.is_some() && limit.is_some());
    let compared = compared.count();
    let beyond = returns.iter().zip(&limits);
    let beyond =
        beyond.map(|(made, limit)| made.filter(|made| limit.is_some_and(|limit| *made < limit)));
    let beyond: Vec<Option<f64>> = beyond.collect();
    // The session before, the session, its return, the limit.
    let rows = (1..sessions.len()).filter_map(|at| {
        let (made, limit) = (beyond[at]?, limits[at]?);
        Some((sessions[at - 1].0, sessions[at].0, made, limit))
    });
    let rows: Vec<(NaiveDate, NaiveDate, f64, f64)> = rows.collect();
    let returns = Line {
        name: "return".to_owned(),
        values: returns,
        shape: Shape::Line,
    };
    let marks = Line {
        name: "breach: a loss beyond it".to_owned(),
        values: beyond,
        shape: Shape::Marks,
    };
    let limit = Line {
        name: "−VaR 95 % of the date before".to_owned(),
        values: limits,
        shape: Shape::Line,
    };
    html! {
        (line("Daily returns and value at risk", &history.axis(), &[returns, limit, marks], signed))
        p { (rows.len()) " of " (compared) " returns lie beyond the value at risk (95 %) of the session before." }
        @if !rows.is_empty() {
            details { summary { "Breaches" }
                div.scroll tabindex="0" { table {
                    thead { tr { th scope="col" { "Date" } th.n scope="col" { "Return" } th.n scope="col" { "−VaR" } } }
                    tbody { @for (before, date, made, limit) in &rows { tr {
                        th scope="row" { (date) }
                        td.n { (how.link_on(*date, "snapshot:return_day", &signed(*made))) }
                        td.n { (how.link_on(*before, "value_at_risk:95:historical_1", &signed(*limit))) } } } }
                } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;
    use crate::domain::RunId;

    fn day(date: &str, return_day: Option<f64>) -> PublishedDay {
        PublishedDay {
            as_of: date.parse().unwrap(),
            run: RunId(uuid::Uuid::nil()),
            strict: true,
            coverage: None,
            nav: Decimal::ONE_HUNDRED,
            cash: Decimal::ZERO,
            long_value: Decimal::ONE_HUNDRED,
            short_value: Decimal::ZERO,
            external_flows: Decimal::ZERO,
            pnl_day: Decimal::ZERO,
            pnl_total: Decimal::ZERO,
            return_day,
        }
    }

    fn history(days: &[(&str, Option<f64>)]) -> History {
        let days = days.iter().map(|(date, made)| day(date, *made));
        let loss = ("2016-12-27".parse().unwrap(), 0.1);
        History::new(days.collect(), &BTreeMap::from([loss])).unwrap()
    }

    #[test]
    fn a_drawdown_goes_on_while_every_return_is_known() {
        // The 24th to the 26th are no sessions; the first one may be without a return.
        let days = [
            ("2016-12-22", None),
            ("2016-12-23", Some(0.25)),
            ("2016-12-27", Some(-0.5)),
        ];
        let (drawdowns, hole) = history(&days).drawdowns();
        assert_eq!(drawdowns, [None, Some(0.0), Some(-0.5)]);
        assert_eq!(hole, None);
    }

    #[test]
    fn after_a_hole_the_drawdown_is_unknown() {
        let days = [
            ("2016-12-23", Some(-0.5)),
            ("2016-12-28", Some(0.1)),
            ("2016-12-29", Some(0.1)),
        ];
        let missing = history(&days);
        assert_eq!(missing.axis().len(), 4);
        let (drawdowns, hole) = missing.drawdowns();
        assert_eq!(drawdowns, [Some(-0.5), None, None, None]);
        let note = hole.unwrap().note();
        assert!(note.starts_with("2016-12-27 is not published"), "{note}");
        let navs = missing.values(|day| Some(exact::to_f64(day.nav)));
        assert_eq!(navs, [Some(100.0), None, Some(100.0), Some(100.0)]);

        let days = [
            ("2016-12-27", Some(-0.5)),
            ("2016-12-28", None),
            ("2016-12-29", Some(0.1)),
        ];
        let (drawdowns, hole) = history(&days).drawdowns();
        assert_eq!(drawdowns, [Some(-0.5), None, None]);
        let note = hole.unwrap().note();
        assert!(note.starts_with("2016-12-28 has no return"), "{note}");
    }

    #[test]
    fn a_breach_leads_to_its_return_and_to_the_loss_expected_the_session_before() {
        let report = crate::documents::portfolio::sample::report();
        let days = [
            ("2016-12-27", Some(0.0)),
            ("2016-12-28", Some(-0.2)),
            ("2016-12-29", Some(-0.2)),
        ];
        let text = breaches(&history(&days), &How(&report)).into_string();
        assert!(text.contains("1 of 1 returns lie beyond"), "{text}");
        for link in [
            "explain/snapshot:return_day?date=2016-12-28\"",
            "explain/value_at_risk:95:historical_1?date=2016-12-27\"",
        ] {
            assert!(text.contains(link), "{link} in {text}");
        }
        // Without the session before there is nothing to compare with.
        let days = [("2016-12-27", Some(0.0)), ("2016-12-29", Some(-0.2))];
        let text = breaches(&history(&days), &How(&report)).into_string();
        assert!(text.contains("0 of 0 returns lie beyond"), "{text}");
    }
}
