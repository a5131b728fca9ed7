//! The ledger: cash, value and profit of a book for every session of a range, in exact decimals.
//!
//! A closed form of the inputs: no day needs another day's result, so any range gives the same
//! numbers. Everything dated t is booked at the close of t. Promises, to the last digit:
//! NAV = cash + values, and P&L = NAV − NAV of the session before − external flows
//! = realised + change of unrealised + income.

mod bookings;
mod contributions;
mod quotes;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::valuation::{Holding, Known, SharesSince};
use super::{
    Calendar, CalendarError, CashFlow, Life, Lot, LotValue, ModelPrice, PositionId, PriceHistory,
    Settlement, Symbol, TradingDate, money,
};
use bookings::{Booking, Bookings};
pub use contributions::{Contributions, contributions};
use quotes::Quotes;

/// Amounts are exact below this; a book beyond it is refused.
const MAX_AMOUNT: Decimal = Decimal::from_parts(276_447_232, 23_283, 0, false, 0);
/// External flows above one part in this many of the NAV before make a day's return doubtful.
const LARGE_FLOW: Decimal = Decimal::TEN;

/// All that a portfolio's numbers follow from, besides prices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Book {
    /// Net asset value before the first booking of the inception session.
    pub opening_equity: Decimal,
    /// First day; a date without a session means the next session.
    pub inception: NaiveDate,
    /// Every lot that is not deleted, closed and expired ones included.
    pub lots: Vec<Lot>,
    /// Every cash flow.
    pub flows: Vec<CashFlow>,
    /// Manual marks of private assets, each list sorted by date.
    pub marks: BTreeMap<Symbol, Vec<(NaiveDate, Decimal)>>,
    /// What a model says of options, by lot, each list sorted by session. A session without one has none, not even one that is kept.
    pub models: BTreeMap<PositionId, Vec<ModelPrice>>,
}

/// One session of a book. Amounts in the portfolio's currency; a loss is negative.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerDay {
    /// The session.
    pub date: TradingDate,
    /// Net asset value at the close: cash + long value + short value.
    pub nav: Decimal,
    /// Cash at the close; may be negative.
    pub cash: Decimal,
    /// Value of the lots with positive quantity.
    pub long_value: Decimal,
    /// Value of the lots with negative quantity: negative.
    pub short_value: Decimal,
    /// Contributions less withdrawals of the session.
    pub external_flows: Decimal,
    /// Proceeds less cost of the lots that ended in the session.
    pub realised: Decimal,
    /// Change of value less cost of the live lots since the session before.
    pub unrealised_change: Decimal,
    /// Dividends, interest and fees.
    pub income: Decimal,
    /// Profit of the session.
    pub pnl_day: Decimal,
    /// Profit since inception.
    pub pnl_total: Decimal,
    /// Profit over the NAV of the session before, a fraction; none if that NAV is not positive.
    pub return_day: Option<f64>,
    /// External flows of more than a tenth of the NAV before.
    pub large_flow: bool,
    /// Flows of this session or before that are not booked; nothing of theirs is in any number.
    pub unbooked: Vec<UnbookedDividend>,
    /// Expiries of this session or before that were settled without a close of their session.
    pub unpriced: Vec<UnpricedExpiry>,
    /// Every lot that ended in the session, in the order of the book.
    pub ended: Vec<EndedLot>,
    /// Every live lot with its value, in the order of the book.
    pub positions: Vec<(PositionId, LotValue)>,
}

/// A dividend as cash flow for a symbol whose dividends the book gets from corporate actions: booked
/// as well, it would be counted twice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnbookedDividend {
    /// The flow's date.
    pub date: NaiveDate,
    /// The symbol.
    pub symbol: Symbol,
    /// What the flow says.
    pub amount: Decimal,
    /// The first dividend that the book got from a corporate action of the symbol.
    pub ex_date: TradingDate,
}

/// An expiry in a session of which the underlying has no close: its amount stays in every later number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnpricedExpiry {
    /// The session in which the contract was settled.
    pub session: TradingDate,
    /// The contract.
    pub contract: Symbol,
    /// What it was a right on.
    pub underlying: Symbol,
    /// The session of the close that stood in; none where the cost was given back.
    pub close: Option<TradingDate>,
}

/// A lot that was closed or expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedLot {
    /// The lot.
    pub id: PositionId,
    /// Its symbol.
    pub symbol: Symbol,
    /// What it cost; negative for a short.
    pub cost: Decimal,
    /// What it brought; negative for a short.
    pub proceeds: Decimal,
    /// How an option was settled that expired.
    pub settlement: Option<Settlement>,
}

/// Why a book has no ledger. Each is an error of the inputs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// A date of the book is outside the calendar.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// A lot or flow from before the book began.
    #[error("{what} of {date} is before the inception {inception}")]
    BeforeInception {
        /// The lot's symbol or the flow's kind.
        what: String,
        /// Its date.
        date: NaiveDate,
        /// First day of the book.
        inception: NaiveDate,
    },
    /// An amount too large to be exact.
    #[error("an amount of the book reaches 10^14 at {date}")]
    TooLarge {
        /// The session.
        date: TradingDate,
    },
}

/// A lot, ready to be valued session by session.
struct Held<'a> {
    id: PositionId,
    life: Life,
    holding: Holding<'a>,
    quotes: usize,
    history: Option<&'a PriceHistory>,
    marks: &'a [(NaiveDate, Decimal)],
    models: &'a [ModelPrice],
}

impl<'a> Held<'a> {
    fn known(&self, on: TradingDate) -> Known<'a> {
        let model = self
            .models
            .binary_search_by_key(&on, |model| model.session)
            .ok()
            .and_then(|at| self.models.get(at));
        Known {
            history: self.history,
            marks: self.marks,
            model,
        }
    }
}

/// What is kept of the values of a day.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Detail {
    Totals,
    Positions,
}

/// The values of the live lots of a session.
#[derive(Default)]
struct Values {
    long: Decimal,
    short: Decimal,
    positions: Vec<(PositionId, LotValue)>,
}

/// The running totals at the close of a session.
#[derive(Clone, Copy)]
struct State {
    cash: Decimal,
    cost: Decimal,
    external: Decimal,
    nav: Decimal,
    unrealised: Decimal,
}

/// The ledger of the sessions from `from` to `to`, both included. Sessions before the inception
/// are not in it. `histories` holds the symbols of the lots and of options' underlyings; a missing
/// one means no prices. Model prices of the book begin with the session before `from`.
pub fn ledger(
    book: &Book,
    histories: &BTreeMap<Symbol, PriceHistory>,
    calendar: Calendar,
    from: TradingDate,
    to: TradingDate,
) -> Result<Vec<LedgerDay>, LedgerError> {
    days(book, histories, calendar, (from, to), Detail::Positions)
}

/// [`ledger`] without the positions of each day: half the time, a hundredth of the memory.
pub fn totals(
    book: &Book,
    histories: &BTreeMap<Symbol, PriceHistory>,
    calendar: Calendar,
    from: TradingDate,
    to: TradingDate,
) -> Result<Vec<LedgerDay>, LedgerError> {
    days(book, histories, calendar, (from, to), Detail::Totals)
}

fn days(
    book: &Book,
    histories: &BTreeMap<Symbol, PriceHistory>,
    calendar: Calendar,
    (from, to): (TradingDate, TradingDate),
    detail: Detail,
) -> Result<Vec<LedgerDay>, LedgerError> {
    let inception = calendar.on_or_after(book.inception)?;
    let lives = bookings::lives(book, calendar)?;
    let first = from.max(inception);
    // The session before the first is computed too: its NAV is the base of the first P&L.
    let base = if first > inception {
        calendar.previous(first)?
    } else {
        first
    };
    let sessions = calendar.sessions(base.date(), to.date())?;
    let Bookings {
        totals,
        unbooked,
        unpriced,
        mut ended,
    } = bookings::by_session(book, &lives, histories, calendar, &sessions)?;
    let mut quotes = Quotes::default();
    let held: Vec<_> = book
        .lots
        .iter()
        .zip(lives)
        .filter(|(_, life)| life.end.is_none_or(|(end, _)| end > base))
        .map(|(lot, life)| {
            let history = histories.get(&lot.symbol);
            let quotes = quotes.index(&lot.symbol, history, &sessions, calendar);
            let marks = book
                .marks
                .get(&lot.symbol)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let models = book.models.get(&lot.id);
            let holding = Holding::new(lot, life.entry);
            Held {
                id: lot.id,
                life,
                holding,
                quotes,
                history,
                marks,
                models: models.map(Vec::as_slice).unwrap_or_default(),
            }
        })
        .collect();

    let opening = book.opening_equity;
    let mut state = State {
        cash: opening,
        cost: Decimal::ZERO,
        external: Decimal::ZERO,
        nav: opening,
        unrealised: Decimal::ZERO,
    };
    let mut days = Vec::with_capacity(sessions.len());
    let values = value_all(&held, &quotes, &sessions, detail);
    for ((&date, today), values) in sessions.iter().zip(&totals).zip(values) {
        let mut day = close(&mut state, opening, today, date, values)?;
        if date >= first {
            let known = unbooked.iter().filter(|(session, _)| *session <= date);
            day.unbooked = known.map(|(_, flow)| flow.clone()).collect();
            let known = unpriced.iter().filter(|expiry| expiry.session <= date);
            day.unpriced = known.cloned().collect();
            day.ended = ended.remove(&date).unwrap_or_default();
            days.push(day);
        }
    }
    Ok(days)
}

/// Adds the bookings of `today` and the values of the live lots: the state at the close, and the
/// day that led to it.
fn close(
    state: &mut State,
    opening: Decimal,
    today: &Booking,
    date: TradingDate,
    values: Values,
) -> Result<LedgerDay, LedgerError> {
    let before = *state;
    let (long_value, short_value) = (values.long, values.short);
    state.cash = before.cash.saturating_add(today.cash);
    state.cost = before.cost.saturating_add(today.cost);
    state.external = before.external.saturating_add(today.external);
    let amounts = [
        state.cash,
        state.cost,
        state.external,
        long_value,
        short_value,
        today.gross,
    ];
    if amounts.iter().any(|amount| amount.abs() >= MAX_AMOUNT) {
        return Err(LedgerError::TooLarge { date });
    }
    let value = long_value + short_value;
    state.nav = state.cash + value;
    state.unrealised = value - state.cost;
    let pnl_day = state.nav - before.nav - today.external;
    let flows = today.external_gross;
    Ok(LedgerDay {
        date,
        nav: state.nav,
        cash: state.cash,
        long_value,
        short_value,
        external_flows: today.external,
        realised: today.realised,
        unrealised_change: state.unrealised - before.unrealised,
        income: today.income,
        pnl_day,
        pnl_total: state.nav - opening - state.external,
        return_day: (before.nav > Decimal::ZERO)
            .then(|| money::to_f64(pnl_day) / money::to_f64(before.nav)),
        large_flow: !flows.is_zero() && flows * LARGE_FLOW > before.nav,
        unbooked: Vec::new(),
        unpriced: Vec::new(),
        ended: Vec::new(),
        positions: values.positions,
    })
}

/// The values of every session, lot by lot along its life: what one session needs of the one before is at hand.
fn value_all(
    held: &[Held<'_>],
    quotes: &Quotes<'_>,
    sessions: &[TradingDate],
    detail: Detail,
) -> Vec<Values> {
    let mut days: Vec<Values> = sessions.iter().map(|_| Values::default()).collect();
    if detail == Detail::Positions {
        for (&date, values) in sessions.iter().zip(&mut days) {
            let live = held.iter().filter(|lot| lot.life.is_live(date));
            values.positions.reserve_exact(live.count());
        }
    }
    for lot in held {
        let entered = sessions.partition_point(|&day| day < lot.life.entry);
        let series = quotes.series(lot.quotes);
        let days = sessions.iter().zip(series).zip(&mut days).skip(entered);
        let live = days.take_while(|((date, _), _)| lot.life.is_live(**date));
        let mut since = lot
            .history
            .map(|history| SharesSince::new(history, lot.life.entry));
        let short = lot.holding.is_short();
        for ((&date, quote), values) in live {
            let known = lot.known(date);
            let market_value = match detail {
                Detail::Totals => lot
                    .holding
                    .market_value(known, *quote, date, since.as_mut()),
                Detail::Positions => {
                    let value = lot.holding.value(known, *quote, date);
                    values.positions.push((lot.id, value));
                    value.market_value
                }
            };
            let side = if short {
                &mut values.short
            } else {
                &mut values.long
            };
            *side = side.saturating_add(market_value);
        }
    }
    days
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;
