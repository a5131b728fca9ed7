//! Phase 1: prices, yields and corporate actions. Asks providers for the gaps only, and remembers
//! every answer, so that nobody asks twice and the reason for a hole is known.

mod actions;
mod replays;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::units::{PROVIDER_CHUNK, chunk_name, singles};
use super::{Cx, Done, Error, HISTORY_SESSIONS, Phase, Result, Scope, Subjects, TaskRef, Unit};
use crate::domain::{
    Calendar, CalendarError, PermitClass, PhaseName, Symbol, TaskEpoch, TradingDate,
};
use crate::market_data::{PriceAnswer, PriceRequest};
use crate::store::inputs::{self, Changed};
use crate::store::market::{self, Actions, Bars, Fresh, Outcomes};
use crate::store::universe::Wanted;
use crate::store::{ReadTx, WriteTx, plans, replay_paths};

/// A provider that has nothing for so many sessions at the end of a series will not have it later.
const RECENT_SESSIONS: usize = 5;

/// The phase.
pub struct MarketData;

/// Series to complete over a range of sessions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Input {
    series: Vec<Wanted>,
    from: NaiveDate,
    to: NaiveDate,
}

/// A series with the sessions that are missing.
pub struct Gap {
    wanted: Wanted,
    missing: Vec<NaiveDate>,
    windows: Vec<replays::Window>,
    proxy: bool,
    /// From here on a value that is missing at the end of a series may still come.
    recent: NaiveDate,
}

/// What a provider knows of a gap; `None` for a contract that it does not offer.
pub struct Answered {
    gap: Gap,
    answer: Option<PriceAnswer>,
}

/// Rows to store.
#[derive(Default)]
pub struct Output {
    source: &'static str,
    bars: Bars,
    actions: Actions,
    yields: (Vec<String>, Vec<NaiveDate>, Vec<Decimal>),
    outcomes: Outcomes,
    replays: Vec<replay_paths::Answered>,
    proxies: BTreeSet<String>,
}

/// The first session that results of the scope may look back to.
fn first_session(run: &Scope) -> Result<Option<TradingDate>> {
    let Some(first) = run.work_dates().first().copied() else {
        return Ok(None);
    };
    let back = run.calendar.back(first, HISTORY_SESSIONS);
    Ok(Some(
        back.map_err(|error| Error::Permanent(error.to_string()))?,
    ))
}

/// The dates of a series that are needed: statistics look back from the first of `span`, and the
/// ledger needs every split and dividend since the entry of the first lot. One that is held no more
/// is needed until it was closed.
fn needed(wanted: &Wanted, span: (NaiveDate, NaiveDate)) -> (NaiveDate, NaiveDate) {
    let entry = wanted.since.unwrap_or(span.0);
    match wanted.until {
        // Closed on a day without a session, it was there until the next one.
        Some(exit) => (entry, span.1.min(exit + chrono::Days::new(7))),
        None => (entry.min(span.0), span.1),
    }
}

/// All sessions that some series needs, and those that were not asked for yet.
async fn missing(
    db: &mut ReadTx<'_>,
    calendar: Calendar,
    series: &[Wanted],
    span: (NaiveDate, NaiveDate),
) -> Result<(Vec<NaiveDate>, BTreeMap<Symbol, Vec<NaiveDate>>)> {
    let symbols: Vec<String> = series
        .iter()
        .map(|wanted| wanted.symbol.to_string())
        .collect();
    let (since, until): (Vec<NaiveDate>, Vec<NaiveDate>) =
        series.iter().map(|wanted| needed(wanted, span)).unzip();
    let first = since.iter().min().copied().unwrap_or(span.0);
    let sessions = calendar
        .sessions(first, span.1)
        .map_err(|error| Error::Permanent(error.to_string()))?;
    let sessions: Vec<NaiveDate> = sessions.into_iter().map(TradingDate::date).collect();
    let gaps = plans::gaps(db, &symbols, (&since, &until), &sessions).await?;
    Ok((sessions, gaps))
}

/// The sessions of each series without an answer of a provider, of those that results of `span` look at.
pub(crate) async fn awaited(
    db: &mut ReadTx<'_>,
    calendar: Calendar,
    series: &[Wanted],
    (first, last): (TradingDate, TradingDate),
) -> Result<BTreeMap<Symbol, Vec<NaiveDate>>> {
    let from = calendar.back(first, HISTORY_SESSIONS);
    let from = from.map_err(|error| Error::Permanent(error.to_string()))?;
    let (_, gaps) = missing(db, calendar, series, (from.date(), last.date())).await?;
    Ok(gaps)
}

/// The dates whose results closes of these sessions make stale, as [`MarketData`] will record them: those before the first session that is
/// `known`, and those after it. A provider that had no close at all is not expected to have one now. `missing` ascends; without an end they
/// concern every later date.
pub(crate) fn concerned(
    calendar: Calendar,
    missing: &[NaiveDate],
    known: Option<NaiveDate>,
) -> Vec<(NaiveDate, Option<NaiveDate>)> {
    let older = missing.partition_point(|date| known.is_some_and(|known| *date < known));
    let (before, after) = missing.split_at(older);
    let mut spans = Vec::new();
    if let (Some(first), Some(last), Some(known)) = (before.first(), before.last(), known) {
        spans.push((*first, last_concerned(calendar, *last, known)));
    }
    spans.extend(after.first().map(|first| (*first, None)));
    spans
}

impl Phase for MarketData {
    const NAME: PhaseName = PhaseName::MarketData;
    const AFTER: &'static [PhaseName] = &[];
    const TIMEOUT: Duration = Duration::from_mins(10);
    const CLASS: PermitClass = PermitClass::Provider;
    type Input = Input;
    type Loaded = Vec<Gap>;
    type Fetched = Vec<Answered>;
    type Output = Output;

    async fn plan(&self, db: &mut ReadTx<'_>, run: &Scope) -> Result<Vec<Unit<Input>>> {
        let Some(first) = first_session(run)? else {
            return Ok(Vec::new());
        };
        let (from, to) = (first.date(), run.final_date.date());
        let asked = run.symbols.iter().filter(|wanted| wanted.is_asked_for());
        let mut series: Vec<Wanted> = asked.cloned().collect();
        let (_, gaps) = missing(db, run.calendar, &series, (from, to)).await?;
        let until = run.final_date;
        let windows = replays::missing(db, run.calendar, &series, until, false).await?;
        let lacks = |symbol: &Symbol| gaps.contains_key(symbol) || windows.contains_key(symbol);
        series.retain(|wanted| run.force || lacks(&wanted.symbol));
        let chunks = series.chunks(PROVIDER_CHUNK);
        Ok(chunks
            .map(|chunk| Unit {
                unit: chunk_name("symbol", chunk.iter().map(|wanted| wanted.symbol.as_str())),
                as_of: run.final_date,
                input: Input {
                    series: chunk.to_vec(),
                    from,
                    to,
                },
            })
            .collect())
    }

    async fn load(&self, db: &mut ReadTx<'_>, task: &TaskRef, input: &Input) -> Result<Vec<Gap>> {
        // Another run may have filled a gap since the planner looked.
        let span = (input.from, input.to);
        let (sessions, mut gaps) = missing(db, task.calendar, &input.series, span).await?;
        let permanent = |error: CalendarError| Error::Permanent(error.to_string());
        let last = task.calendar.on_or_before(input.to).map_err(permanent)?;
        let recent = task.calendar.back(last, RECENT_SESSIONS);
        let recent = recent.map_err(permanent)?.date();
        let mut windows =
            replays::missing(db, task.calendar, &input.series, last, task.force).await?;
        let definitions = crate::store::definitions::load(db).await?;
        let proxies: BTreeSet<&Symbol> = definitions.factors.iter().map(|f| &f.proxy).collect();
        let mut open = Vec::new();
        for wanted in &input.series {
            let missing = gaps.remove(&wanted.symbol).unwrap_or_default();
            let missing = if task.force {
                let (since, until) = needed(wanted, span);
                let within = |date: &NaiveDate| (since..=until).contains(date);
                sessions.iter().copied().filter(within).collect()
            } else {
                missing
            };
            let windows = windows.remove(&wanted.symbol).unwrap_or_default();
            if !missing.is_empty() || !windows.is_empty() {
                let proxy = proxies.contains(&wanted.symbol);
                open.push(Gap {
                    wanted: wanted.clone(),
                    missing,
                    windows,
                    proxy,
                    recent,
                });
            }
        }
        Ok(open)
    }

    async fn fetch(&self, cx: &Cx, gaps: Vec<Gap>) -> Result<Vec<Answered>> {
        let mut requests = Vec::new();
        let mut asked = Vec::new();
        for gap in &gaps {
            // A contract's own price comes only from a provider that says it has it.
            let ask =
                gap.wanted.class != "OPTIONS" || cx.provider.has_series(&gap.wanted.symbol).await?;
            asked.push(ask);
            if ask {
                let mut ranges = ranges(cx.calendar, &gap.missing)?;
                let whole = |(_, ends): &replays::Window| (ends[0].date(), ends[1].date());
                ranges.extend(gap.windows.iter().map(whole));
                requests.push(PriceRequest {
                    symbol: gap.wanted.symbol.clone(),
                    yields: gap.wanted.yields,
                    ranges,
                });
            }
        }
        let mut answers = cx.provider.prices(&requests).await?.into_iter();
        let answered = gaps.into_iter().zip(asked).map(|(gap, ask)| Answered {
            gap,
            answer: if ask { answers.next() } else { None },
        });
        Ok(answered.collect())
    }

    fn compute(&self, cx: &Cx, answered: Vec<Answered>) -> Result<Output> {
        let mut output = Output {
            source: cx.provider.name(),
            ..Output::default()
        };
        for one in answered {
            if let Some(answer) = one.answer {
                collect(&mut output, cx.calendar, &one.gap, answer)?;
            }
        }
        Ok(output)
    }

    async fn commit(&self, tx: &mut WriteTx, done: &[Done<'_, Output>]) -> Result<Vec<TaskEpoch>> {
        let mut concerned: BTreeMap<(Touched, bool), (NaiveDate, Option<NaiveDate>)> =
            BTreeMap::new();
        let mut note = |what: Touched, from: NaiveDate, to: Option<NaiveDate>| {
            let span = concerned.entry((what, to.is_some())).or_insert((from, to));
            *span = (span.0.min(from), span.1.max(to));
        };
        for one in done {
            let output = one.output;
            let ours = one.task.basis.as_str();
            let known = market::pin_basis(tx, ours).await?;
            if known != ours {
                return Err(Error::Permanent(wrong_basis(&known, ours)));
            }
            let bars = market::upsert_bars(tx, &output.bars, output.source).await?;
            let (symbols, dates, yields) = &output.yields;
            let yields = market::upsert_yields(tx, symbols, dates, yields, output.source).await?;
            let fresh: Vec<Fresh> = bars.into_iter().chain(yields).collect();
            let settled = market::settled_without(tx, &fresh).await?;
            for fresh in fresh {
                let before = fresh.before;
                let to =
                    before.and_then(|known| last_concerned(one.task.calendar, fresh.last, known));
                if output.proxies.contains(&fresh.symbol) {
                    note(Touched::Proxy, fresh.first, to);
                }
                // What an option was settled at stays in cash for ever.
                let to = to.filter(|_| !settled.contains(&fresh.symbol));
                note(Touched::Prices(fresh.symbol), fresh.first, to);
            }
            let mut acted = Vec::new();
            for (symbol, from) in market::upsert_actions(tx, &output.actions, output.source).await?
            {
                acted.push(symbol.clone());
                if output.proxies.contains(&symbol) {
                    note(Touched::Proxy, from, None);
                }
                note(Touched::Actions(symbol), from, None);
            }
            replays::store(
                tx,
                &output.replays,
                &acted,
                output.source,
                &output.proxies,
                |what, from| note(what, from, None),
            )
            .await?;
            market::record_outcomes(tx, &output.outcomes).await?;
        }
        let mut changes = Vec::with_capacity(concerned.len());
        for ((what, _), (from, to)) in concerned {
            let parse =
                |text: &str| Symbol::parse(text).map_err(|error| Error::Bug(error.to_string()));
            let what = match what {
                Touched::Proxy => Changed::ProxyPrices,
                Touched::Prices(symbol) => Changed::Prices(parse(&symbol)?),
                Touched::Actions(symbol) => Changed::Actions(parse(&symbol)?),
                Touched::ProxyReplays => Changed::ProxyReplays,
                Touched::Replays(symbol) => Changed::Replays(parse(&symbol)?),
            };
            changes.push((what, from, to));
        }
        inputs::changed_between(tx, &changes, "market data").await?;
        Ok(Vec::new())
    }

    fn split(input: &Input, as_of: TradingDate) -> Vec<Unit<Input>> {
        let name = |wanted: &Wanted| wanted.symbol.to_string();
        singles("symbol", &input.series, as_of, name, |series| Input {
            series,
            from: input.from,
            to: input.to,
        })
    }

    /// A price concerns every date of the run: each looks back over it.
    fn subjects(input: &Input, _as_of: TradingDate) -> Subjects {
        let symbols = input.series.iter().map(|wanted| wanted.symbol.clone());
        Subjects {
            symbols: symbols.collect(),
            ..Subjects::default()
        }
    }

    fn outcome(output: &Output) -> String {
        if output.outcomes.symbols.is_empty() && output.replays.is_empty() {
            "nothing missing".into()
        } else {
            "done".into()
        }
    }
}

/// The last date whose results look at closes up to `last`, all of them older than the first one
/// that was `known`: a result looks back so many sessions, and to the last close of any age. A
/// backfill of older dates thus leaves the results of newer ones alone. `None`: beyond the calendar, for ever.
fn last_concerned(calendar: Calendar, last: NaiveDate, known: NaiveDate) -> Option<NaiveDate> {
    let reach = calendar.forward(last, HISTORY_SESSIONS).ok()?;
    Some(reach.date().max(known))
}

/// What to say of a provider whose closes mean something else than those that are there.
pub(crate) fn wrong_basis(known: &str, ours: &str) -> String {
    format!(
        "the prices of this database are {known}, those of the provider {ours}: \
         use a provider of the same basis, or a database of its own"
    )
}

/// Changes in the order in which they are recorded.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Touched {
    Proxy,
    Prices(String),
    Actions(String),
    ProxyReplays,
    Replays(String),
}

/// Missing sessions as ranges: sessions that follow each other are one range. It begins on the day after the session before them, for a
/// split or a dividend of a day that is no session is one of the next session.
fn ranges(calendar: Calendar, missing: &[NaiveDate]) -> Result<Vec<(NaiveDate, NaiveDate)>> {
    let mut ranges: Vec<(NaiveDate, NaiveDate)> = Vec::new();
    for &date in missing {
        let previous = calendar.previous(TradingDate::trusted(date));
        let previous = previous
            .map_err(|error| Error::Permanent(error.to_string()))?
            .date();
        match ranges.last_mut() {
            Some(range) if range.1 == previous => range.1 = date,
            _ => ranges.push((previous + chrono::Days::new(1), date)),
        }
    }
    Ok(ranges)
}

fn collect(output: &mut Output, calendar: Calendar, gap: &Gap, answer: PriceAnswer) -> Result<()> {
    let answer = PriceAnswer {
        actions: actions::on_sessions(calendar, &answer.actions)?,
        ..answer
    };
    let symbol = gap.wanted.symbol.to_string();
    if gap.proxy {
        output.proxies.insert(symbol.clone());
    }
    let missing: BTreeSet<NaiveDate> = gap.missing.iter().copied().collect();
    let mut priced = BTreeSet::new();
    for bar in answer.bars.iter().filter(|bar| missing.contains(&bar.date)) {
        priced.insert(bar.date);
        output.bars.symbols.push(symbol.clone());
        output.bars.dates.push(bar.date);
        output.bars.closes.push(bar.close);
        output.bars.opens.push(bar.open);
        output.bars.highs.push(bar.high);
        output.bars.lows.push(bar.low);
        output.bars.volumes.push(bar.volume);
    }
    for (date, value) in answer
        .yields
        .iter()
        .filter(|(date, _)| missing.contains(date))
    {
        priced.insert(*date);
        output.yields.0.push(symbol.clone());
        output.yields.1.push(*date);
        output.yields.2.push(*value);
    }
    for action in answer
        .actions
        .iter()
        .filter(|action| missing.contains(&action.ex_date))
    {
        output.actions.symbols.push(symbol.clone());
        output.actions.ex_dates.push(action.ex_date);
        output.actions.splits.push(action.split_ratio);
        output.actions.dividends.push(action.cash_dividend);
    }
    for &date in &missing {
        let (outcome, reason) = if priced.contains(&date) {
            ("priced", None)
        } else {
            let (outcome, reason) = no_value(&answer, date, gap.recent);
            (outcome, Some(reason))
        };
        output.outcomes.symbols.push(symbol.clone());
        output.outcomes.dates.push(date);
        output.outcomes.outcomes.push(outcome.to_owned());
        output.outcomes.reasons.push(reason);
        let refused = refused(&answer, date).filter(|_| outcome == "refused");
        output.outcomes.refused.push(refused);
    }
    output.replays.extend(replays::collect(gap, &answer));
    Ok(())
}

/// The close of a session that is no price.
fn refused(answer: &PriceAnswer, date: NaiveDate) -> Option<Decimal> {
    let found = answer.refused.iter().find(|(on, _)| *on == date);
    found.map(|(_, close)| *close)
}

/// The outcome of a session without a value, and why there is none.
fn no_value(answer: &PriceAnswer, date: NaiveDate, recent: NaiveDate) -> (&'static str, String) {
    if let Some(close) = refused(answer, date) {
        let reason = format!("the provider's close of {date} is {close}, which is no price");
        return ("refused", reason);
    }
    let (outcome, reason) = if !answer.known {
        ("no_data", "the provider does not know the symbol")
    } else if answer.first.is_some_and(|first| date < first) {
        ("no_data", "before the provider's first value")
    } else if answer.last.is_some_and(|last| date > last) && date > recent {
        // Asked again by the next run.
        ("failed", "the provider has no value yet")
    } else if answer.last.is_some_and(|last| date > last) {
        ("no_data", "after the provider's last value")
    } else {
        ("no_data", "no value for this session")
    };
    (outcome, reason.to_owned())
}
