//! What phase 1 asks about crises of the past: both ends of each window, and the corporate actions between.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::{Gap, Touched, no_value};
use crate::domain::{Calendar, Replay, Symbol, TradingDate};
use crate::market_data::PriceAnswer;
use crate::phases::{Error, Result};
use crate::store::replay_paths::{self, Action, Answered};
use crate::store::universe::Wanted;
use crate::store::{ReadTx, WriteTx};

/// A window of the past that a series is asked about.
pub(super) type Window = (Replay, [TradingDate; 2]);

/// Whether books are sent through crises along this series: contracts are repriced, and what was sold is gone.
fn travels(wanted: &Wanted) -> bool {
    matches!(wanted.class.as_str(), "PUBLIC" | "PROXY")
}

/// The windows that are over by `until` and were not answered for each series; with `force` all of them.
pub(super) async fn missing(
    db: &mut ReadTx<'_>,
    calendar: Calendar,
    series: &[Wanted],
    until: TradingDate,
    force: bool,
) -> Result<BTreeMap<Symbol, Vec<Window>>> {
    let over = Replay::over(calendar, until);
    let over = over.map_err(|error| Error::Permanent(error.to_string()))?;
    let asked = series.iter().filter(|wanted| travels(wanted));
    if over.is_empty() {
        return Ok(BTreeMap::new());
    }
    if force {
        let all = asked.map(|wanted| (wanted.symbol.clone(), over.clone()));
        return Ok(all.collect());
    }
    let names: Vec<String> = asked.map(|wanted| wanted.symbol.to_string()).collect();
    let open = replay_paths::unanswered(db, &names, &over).await?;
    let windows = |ids: Vec<&str>| {
        let of = over.iter().filter(|(replay, _)| ids.contains(&replay.id));
        of.copied().collect()
    };
    Ok(open
        .into_iter()
        .map(|(symbol, ids)| (symbol, windows(ids)))
        .collect())
}

/// What an answer says of the windows of a gap.
pub(super) fn collect(gap: &Gap, answer: &PriceAnswer) -> Vec<Answered> {
    let value = |date: NaiveDate| {
        if gap.wanted.yields {
            let found = answer.yields.binary_search_by_key(&date, |(on, _)| *on);
            found.ok().map(|at| answer.yields[at].1)
        } else {
            let found = answer.bars.binary_search_by_key(&date, |bar| bar.date);
            found.ok().map(|at| answer.bars[at].close)
        }
    };
    let of = |&(replay, window): &Window| {
        let [first, last] = window.map(TradingDate::date);
        let gone = [first, last].into_iter().find(|on| value(*on).is_none());
        let why = gone.map(|date| (date, no_value(answer, date, gap.recent)));
        let within = answer.actions.iter();
        let within = within.filter(|action| action.ex_date > first && action.ex_date <= last);
        let actions = within.map(|action| Action {
            ex_date: action.ex_date,
            split_ratio: action.split_ratio,
            cash_dividend: action.cash_dividend,
        });
        let outcome = match &why {
            None => "priced",
            Some((_, ("failed", _))) => "failed",
            Some(_) => "no_data",
        };
        Answered {
            symbol: gap.wanted.symbol.clone(),
            replay: replay.id,
            window,
            ends: value(first).zip(value(last)).map(<[_; 2]>::from),
            actions: actions.collect(),
            outcome,
            reason: why.map(|(date, (_, reason))| format!("{date}: {reason}")),
        }
    };
    gap.windows.iter().map(of).collect()
}

/// Stores answers, brings the paths of series with new actions up to date, and notes which results that concerns: those of dates after the
/// window.
pub(super) async fn store(
    tx: &mut WriteTx,
    answers: &[Answered],
    acted: &[String],
    source: &str,
    proxies: &BTreeSet<String>,
    mut note: impl FnMut(Touched, NaiveDate),
) -> Result<()> {
    let mut touched = replay_paths::upsert(tx, answers, source).await?;
    let mut follow = acted.to_vec();
    follow.extend(touched.iter().map(|(symbol, _)| symbol.clone()));
    touched.extend(replay_paths::follow_actions(tx, &follow).await?);
    for (symbol, from) in touched {
        if proxies.contains(&symbol) {
            note(Touched::ProxyReplays, from);
        }
        note(Touched::Replays(symbol), from);
    }
    Ok(())
}
