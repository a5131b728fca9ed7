//! Everything that moves cash or ends a lot, added up by session.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::{Book, EndedLot, LedgerError, UnbookedDividend, UnpricedExpiry};
use crate::domain::lot::End;
use crate::domain::valuation::{amount, settlement};
use crate::domain::{AssetClass, Calendar, FlowKind, Life, Lot, PriceHistory, Symbol, TradingDate};

/// What happens at the close of a session.
#[derive(Clone, Default)]
pub(super) struct Booking {
    /// Change of cash.
    pub(super) cash: Decimal,
    /// Change of the cost of the live lots.
    pub(super) cost: Decimal,
    /// Proceeds less cost.
    pub(super) realised: Decimal,
    /// Dividends, interest, fees.
    pub(super) income: Decimal,
    /// Contributions less withdrawals.
    pub(super) external: Decimal,
    /// Contributions plus withdrawals.
    pub(super) external_gross: Decimal,
    /// Sum of the absolute amounts, to see that nothing grew beyond exactness in between.
    pub(super) gross: Decimal,
}

impl Booking {
    fn income(income: Decimal) -> Self {
        Self {
            cash: income,
            income,
            gross: income.abs(),
            ..Self::default()
        }
    }

    /// Adds another booking of the same session.
    fn add(&mut self, other: &Self) {
        for (sum, more) in [
            (&mut self.cash, other.cash),
            (&mut self.cost, other.cost),
            (&mut self.realised, other.realised),
            (&mut self.income, other.income),
            (&mut self.external, other.external),
            (&mut self.external_gross, other.external_gross),
            (&mut self.gross, other.gross),
        ] {
            if !more.is_zero() {
                *sum = sum.saturating_add(more);
            }
        }
    }
}

/// The life of every lot of the book, in its order.
pub(super) fn lives(book: &Book, calendar: Calendar) -> Result<Vec<Life>, LedgerError> {
    let life = |lot: &Lot| {
        if lot.entry_date < book.inception {
            let (what, date) = (lot.symbol.to_string(), lot.entry_date);
            return Err(LedgerError::BeforeInception {
                what,
                date,
                inception: book.inception,
            });
        }
        Ok(lot.life(calendar)?)
    };
    book.lots.iter().map(life).collect()
}

/// What moves cash, and what does not although it says so.
pub(super) struct Bookings {
    /// Of each session.
    pub(super) totals: Vec<Booking>,
    /// Flows that are left out, with the session that they would belong to.
    pub(super) unbooked: Vec<(TradingDate, UnbookedDividend)>,
    /// Expiries that were settled without a close of their session, up to the last session. Lots of
    /// one contract are one.
    pub(super) unpriced: BTreeSet<UnpricedExpiry>,
    /// The lots that ended in each session.
    pub(super) ended: BTreeMap<TradingDate, Vec<EndedLot>>,
}

/// The bookings of each of `sessions`; those of earlier sessions are in the first.
///
/// A dividend flow is left out once the book got a dividend of its symbol from a corporate action:
/// dividends are paid on their ex-date or later. What is known of later sessions decides nothing, so
/// that a range and its days alone give the same numbers.
pub(super) fn by_session<'a>(
    book: &'a Book,
    lives: &[Life],
    histories: &BTreeMap<Symbol, PriceHistory>,
    calendar: Calendar,
    sessions: &'a [TradingDate],
) -> Result<Bookings, LedgerError> {
    let mut totals = Totals {
        sessions,
        bookings: vec![Booking::default(); sessions.len()],
        dividends: BTreeMap::new(),
        unpriced: BTreeSet::new(),
        ended: BTreeMap::new(),
    };
    let mut unbooked = Vec::new();
    for (lot, life) in book.lots.iter().zip(lives) {
        totals.add_lot(lot, life, histories, calendar);
    }
    for flow in &book.flows {
        if flow.date < book.inception {
            let (what, date) = (flow.kind.to_string(), flow.date);
            return Err(LedgerError::BeforeInception {
                what,
                date,
                inception: book.inception,
            });
        }
        let (date, cash) = (calendar.on_or_after(flow.date)?, flow.signed());
        if let (FlowKind::Dividend, Some(symbol)) = (flow.kind, &flow.symbol)
            && let Some(&ex_date) = totals.dividends.get(symbol)
            && ex_date <= date
        {
            let flow = UnbookedDividend {
                date: flow.date,
                symbol: symbol.clone(),
                amount: flow.amount,
                ex_date,
            };
            unbooked.push((date, flow));
            continue;
        }
        let booking = if flow.is_external() {
            let gross = cash.abs();
            Booking {
                cash,
                external: cash,
                external_gross: gross,
                gross,
                ..Booking::default()
            }
        } else {
            Booking::income(cash)
        };
        totals.add(date, &booking);
    }
    unbooked.sort_unstable();
    Ok(Bookings {
        totals: totals.bookings,
        unbooked,
        unpriced: totals.unpriced,
        ended: totals.ended,
    })
}

struct Totals<'a> {
    sessions: &'a [TradingDate],
    bookings: Vec<Booking>,
    /// The first dividend of each symbol that a lot of the book got from a corporate action.
    dividends: BTreeMap<&'a Symbol, TradingDate>,
    unpriced: BTreeSet<UnpricedExpiry>,
    ended: BTreeMap<TradingDate, Vec<EndedLot>>,
}

impl<'a> Totals<'a> {
    /// Adds a booking to its session; what comes after the last one is not asked for.
    fn add(&mut self, date: TradingDate, booking: &Booking) {
        let index = self.sessions.partition_point(|session| *session < date);
        if let Some(total) = self.bookings.get_mut(index) {
            total.add(booking);
        }
    }

    /// Keeps how a lot ended; what comes after the last session is not asked for.
    fn end(&mut self, date: TradingDate, lot: &Lot, ended: EndedLot) {
        if self.sessions.last().is_none_or(|last| *last < date) {
            return;
        }
        if let (Some(terms), Some(paid)) = (&lot.option, ended.settlement)
            && paid.close.is_none_or(|(of, _)| of != date)
        {
            self.unpriced.insert(UnpricedExpiry {
                session: date,
                contract: lot.symbol.clone(),
                underlying: terms.underlying.clone(),
                close: paid.close.map(|(of, _)| of),
            });
        }
        if self.sessions.binary_search(&date).is_ok() {
            self.ended.entry(date).or_default().push(ended);
        }
    }

    /// Entry, end and dividends of a lot. It earns the dividends with entry < ex-date ≤ end.
    fn add_lot(
        &mut self,
        lot: &'a Lot,
        life: &Life,
        histories: &BTreeMap<Symbol, PriceHistory>,
        calendar: Calendar,
    ) {
        let (cost, entry) = (lot.cost(), life.entry);
        let gross = cost.abs();
        self.add(
            entry,
            &Booking {
                cash: -cost,
                cost,
                gross,
                ..Booking::default()
            },
        );
        // A private asset has neither splits nor dividends of its own.
        let history = histories
            .get(&lot.symbol)
            .filter(|_| lot.class != AssetClass::Private);
        let factor = |on| history.map_or(Decimal::ONE, |known| known.split_factor(entry, on));
        if let Some((date, end)) = life.end {
            let (proceeds, settled) = match (end, &lot.option) {
                (End::Expiry, Some(terms)) => {
                    let underlying = histories.get(&terms.underlying);
                    let paid = settlement(lot, terms, entry, underlying, date, calendar);
                    (paid.amount, Some(paid))
                }
                (End::Expiry, None) => (cost, None), // not constructed: only options expire
                (End::Exit(price), _) => (amount(lot, factor(date).saturating_mul(price)), None),
            };
            let (realised, gross) = (proceeds.saturating_sub(cost), proceeds.abs());
            let ended = Booking {
                cash: proceeds,
                cost: -cost,
                realised,
                gross,
                ..Booking::default()
            };
            self.add(date, &ended);
            let ended = EndedLot {
                id: lot.id,
                symbol: lot.symbol.clone(),
                cost,
                proceeds,
                settlement: settled,
            };
            self.end(date, lot, ended);
        }
        if lot.class != AssetClass::Public {
            return;
        }
        for &(ex, dividend) in history.map_or(&[][..], |known| &known.dividends) {
            if entry < ex && life.end.is_none_or(|(end, _)| ex <= end) {
                let paid = amount(lot, factor(ex).saturating_mul(dividend));
                self.add(ex, &Booking::income(paid));
                let first = self.dividends.entry(&lot.symbol).or_insert(ex);
                *first = ex.min(*first);
            }
        }
    }
}
