//! `show`: everything that is published of a portfolio at a date.

mod page;

use chrono::NaiveDate;

use super::{Error, Output, ShowArgs, find};
use crate::domain::{Calendar, Portfolio, PortfolioId};
use crate::store::reports::{self, Published, Report, Stress, Unpublished};
use crate::store::{Pools, ReadTx, portfolios};

pub use crate::documents::portfolio::document;
pub use page::page;

/// Reads and renders.
pub async fn run(pools: &Pools, args: &ShowArgs, json: bool) -> Result<Output, Error> {
    let mut db = ReadTx::lazy(&pools.control);
    let id = find::portfolio(&mut db, &args.portfolio).await?;
    let report = report(&mut db, id, args.date).await?;
    db.close().await?;
    Ok(Output::either(json, || document(&report), || page(&report)))
}

/// The report of a date, or of the newest published one.
pub async fn report(
    db: &mut ReadTx<'_>,
    id: PortfolioId,
    date: Option<NaiveDate>,
) -> Result<Report, Error> {
    let gone = || Error::misuse(format!("no portfolio {id}"), "it was deleted just now");
    let portfolio = portfolios::get(db, id).await?.ok_or_else(gone)?;
    let published = match date {
        None => reports::newest_published(db, id).await?,
        Some(date) => reports::published(db, id, date).await?,
    };
    let Some(published) = published else {
        return Err(unpublished(db, &portfolio, date).await?);
    };
    reports::portfolio(db, id, published)
        .await?
        .ok_or_else(gone)
}

/// Why there is nothing to show, and how to get it.
pub(super) async fn unpublished(
    db: &mut ReadTx<'_>,
    portfolio: &Portfolio,
    date: Option<NaiveDate>,
) -> Result<Error, Error> {
    let Portfolio {
        id,
        name,
        inception,
        ..
    } = portfolio;
    let Some(date) = date else {
        let message = format!("nothing is published of portfolio {name:?}");
        let Some(newest) = reports::newest::computed(db, *id).await? else {
            let message = format!("{message}: nothing of it was computed");
            let remedy =
                format!("compute its newest session: sigmabatch run --portfolio {id} --wait");
            return Ok(Error::not_there(message, remedy));
        };
        let message = format!(
            "{message}: its newest computed date {newest} is stale, an input changed after it"
        );
        let remedy = format!(
            "compute it again: sigmabatch run --date {newest} --portfolio {id} --wait; \
             sigmabatch why {id} {newest} says what changed"
        );
        return Ok(Error::not_there(message, remedy));
    };
    let calendar = Calendar::nyse();
    if calendar.session(date)?.is_none() {
        let before = calendar.on_or_before(date)?;
        let message = format!("the exchange was closed on {date}");
        return Ok(Error::misuse(
            message,
            format!("the session before was {before}"),
        ));
    }
    if date < *inception {
        let message = format!("{date} is before the inception of portfolio {name:?}, {inception}");
        return Ok(Error::misuse(message, "give a later date"));
    }
    let why = match reports::why_unpublished(db, *id, date).await? {
        Unpublished::Stale => "it was computed, but an input has changed since",
        Unpublished::NotComputed => "it was not computed, or not completely",
    };
    let newest = match reports::newest_published(db, *id).await? {
        Some(Published { as_of, .. }) => format!("; the newest published date is {as_of}"),
        None => String::new(),
    };
    let message = format!("{date} is not published of portfolio {name:?}: {why}");
    let remedy = format!(
        "compute it: sigmabatch run --date {date} --portfolio {id} --wait; if that was tried, \
         sigmabatch why {id} {date} says what it waits for{newest}"
    );
    Ok(Error::not_there(message, remedy))
}

/// The largest loss among plausible scenarios, with its scenario; nothing for a book that loses in none of them.
pub fn worst_stress(report: &Report) -> Option<(&Stress, f64)> {
    let plausible = report
        .stress
        .iter()
        .filter(|stress| stress.implausible != Some(true));
    plausible
        .filter_map(|stress| stress.propagated.map(|value| (stress, value)))
        .filter(|(_, value)| *value < 0.0)
        .min_by(|(_, a), (_, b)| a.total_cmp(b))
}

/// The slope on the market factor.
pub fn market_beta(report: &Report) -> Option<&reports::Factor> {
    report
        .factors
        .iter()
        .find(|factor| factor.role.as_deref() == Some("market"))
}
