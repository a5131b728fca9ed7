//! Value, drawdown and daily profit over the published dates.

use chrono::NaiveDate;
use maud::{Markup, html};

use super::{How, money, percent, signed};
use crate::api::problem::Problem;
use crate::dashboard::chart::{Line, Shape, line};
use crate::domain::{PortfolioId, money as exact};
use crate::store::ReadTx;
use crate::store::reports::{self, Days, PublishedDay};

/// Sessions that are drawn: about two years.
const SESSIONS: i64 = 504;

/// The published dates up to the one of the page, with the value at risk of each.
pub(super) struct History {
    pub(super) days: Vec<PublishedDay>,
    /// Historical, 95 %, one session, a positive fraction; as stored with the date.
    pub(super) value_at_risk: Vec<Option<f64>>,
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
    let value_at_risk = days.iter().map(|day| losses.get(&day.as_of).copied());
    let value_at_risk = value_at_risk.collect();
    Ok(History {
        days,
        value_at_risk,
    })
}

impl History {
    pub(super) fn axis(&self) -> Vec<String> {
        self.days.iter().map(|day| day.as_of.to_string()).collect()
    }

    /// How far the chained daily returns are below their highest level so far, as drawn: a fraction, at most 0. A day without a
    /// return is a gap.
    fn drawdowns(&self) -> Vec<Option<f64>> {
        let (mut level, mut peak) = (1.0_f64, 1.0_f64);
        let each = self.days.iter().map(|day| {
            level *= 1.0 + day.return_day?;
            peak = peak.max(level);
            Some(level / peak - 1.0)
        });
        each.collect()
    }
}

pub(super) fn charts(history: &History, how: &How<'_>) -> Markup {
    let axis = history.axis();
    let days = &history.days;
    let nav = Line {
        name: "net asset value".to_owned(),
        values: days
            .iter()
            .map(|day| Some(exact::to_f64(day.nav)))
            .collect(),
        shape: Shape::Line,
    };
    let profit = Line {
        name: "P&L of the day".to_owned(),
        values: days
            .iter()
            .map(|day| Some(exact::to_f64(day.pnl_day)))
            .collect(),
        shape: Shape::Area,
    };
    let below = Line {
        name: "drawdown".to_owned(),
        values: history.drawdowns(),
        shape: Shape::Area,
    };
    let amount =
        |value: f64| rust_decimal::Decimal::try_from(value).map_or_else(|_| "–".to_owned(), money);
    let total = days.last().map(|day| day.pnl_total);
    let flows = days
        .iter()
        .filter(|day| !day.external_flows.is_zero())
        .count();
    html! {
        h2 { "Value" }
        p.soft { (days.len()) " published dates"
            @if let Some(total) = total { ", P&L since inception " (how.link("snapshot:pnl_total", &money(total))) }
            @if flows > 0 { ", flows on " (flows) " of them" } "." }
        (line("Net asset value", &axis, &[nav], amount))
        h2 { "Drawdown" }
        (line("Drawdown of the chained daily returns", &axis, &[below], percent))
        h2 { "Daily P&L" }
        (line("Profit and loss of each day", &axis, &[profit], amount))
    }
}

/// Daily returns beside the loss that the date before expected to be exceeded once in twenty sessions.
pub(super) fn breaches(history: &History) -> Markup {
    let days = &history.days;
    // What the session before said of this one.
    let limits: Vec<Option<f64>> = std::iter::once(None)
        .chain(
            history
                .value_at_risk
                .iter()
                .map(|loss| loss.map(|loss| -loss)),
        )
        .take(days.len())
        .collect();
    let pairs = days.iter().zip(&limits);
    let beyond: Vec<_> = pairs
        .filter_map(|(day, limit)| {
            let (made, limit) = (day.return_day?, (*limit)?);
            (made < limit).then_some((day.as_of, made, limit))
        })
        .collect();
    let compared = days.iter().zip(&limits);
    let compared = compared.filter(|(day, limit)| day.return_day.is_some() && limit.is_some());
    let returns = Line {
        name: "return".to_owned(),
        values: days.iter().map(|day| day.return_day).collect(),
        shape: Shape::Line,
    };
    let breach = |day: &PublishedDay| beyond.iter().find(|(date, ..)| *date == day.as_of);
    let marks = Line {
        name: "breach: a loss beyond it".to_owned(),
        values: days
            .iter()
            .map(|day| breach(day).map(|found| found.1))
            .collect(),
        shape: Shape::Marks,
    };
    let limit = Line {
        name: "−VaR 95 % of the date before".to_owned(),
        values: limits.clone(),
        shape: Shape::Line,
    };
    html! {
        (line("Daily returns and value at risk", &history.axis(), &[returns, limit, marks], signed))
        p { (beyond.len()) " of " (compared.count()) " returns lie beyond the value at risk (95 %) of the published date before." }
        @if !beyond.is_empty() {
            details { summary { "Breaches" }
                div.scroll tabindex="0" { table {
                    thead { tr { th scope="col" { "Date" } th.n scope="col" { "Return" } th.n scope="col" { "−VaR" } } }
                    tbody { @for (date, made, limit) in &beyond { tr {
                        th scope="row" { (date) } td.n { (signed(*made)) } td.n { (signed(*limit)) } } } }
                } } }
        }
    }
}
