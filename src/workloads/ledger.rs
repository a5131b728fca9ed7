//! A book of many lots over ten years of sessions.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::Error;
use crate::domain::{
    AssetClass, Book, Calendar, CashFlow, Exit, FlowKind, LedgerDay, LedgerError, Lot, PositionId,
    PriceHistory, Symbol, TradingDate, totals,
};

const CALENDAR: Calendar = Calendar::nyse();
/// The first session, of ten years with 252 each.
const INCEPTION: &str = "2012-01-03";
/// Books are built up in steps.
const LOTS_PER_SYMBOL: usize = 2;
/// Sessions between a split and the next, between a dividend and the next.
const SPLIT_EVERY: usize = 1500;
const DIVIDEND_EVERY: usize = 63;

/// A book and the prices of its symbols.
#[derive(Debug, Clone)]
pub struct LongBook {
    book: Book,
    histories: BTreeMap<Symbol, PriceHistory>,
    from: TradingDate,
    to: TradingDate,
}

impl LongBook {
    /// With this many lots, one in ten short and one in five closed on the way, and a contribution every quarter.
    pub fn new(lots: usize, sessions: usize) -> Result<Self, Error> {
        let inception: NaiveDate = INCEPTION.parse()?;
        let from = CALENDAR.on_or_after(inception)?;
        let to = CALENDAR.forward(inception, sessions - 1)?;
        let days = CALENDAR.sessions(from.date(), to.date())?;
        let mut histories = BTreeMap::new();
        for at in 0..lots.div_ceil(LOTS_PER_SYMBOL) {
            histories.insert(symbol(at)?, history(at, &days));
        }
        let mut book = Book {
            opening_equity: Decimal::from(100_000_000),
            inception,
            lots: Vec::with_capacity(lots),
            flows: Vec::new(),
            marks: BTreeMap::new(),
            models: BTreeMap::new(),
        };
        for at in 0..lots {
            let entry_date = from.date() + Days::new((at as u64 * 7) % 300);
            let exit = (at % 5 == 4).then(|| Exit {
                date: entry_date + Days::new(900 + at as u64),
                price: Decimal::new(12_345, 2),
            });
            let quantity = Decimal::from(100 + at);
            book.lots.push(Lot {
                id: PositionId(Uuid::from_u128(at as u128)),
                symbol: symbol(at / LOTS_PER_SYMBOL)?,
                class: AssetClass::Public,
                subtype: None,
                quantity: if at % 10 == 9 { -quantity } else { quantity },
                entry_price: Decimal::new(10_000 + i64::try_from(at)?, 2),
                entry_date,
                exit,
                option: None,
            });
        }
        for day in days.iter().step_by(DIVIDEND_EVERY) {
            book.flows.push(CashFlow {
                kind: FlowKind::Contribution,
                date: day.date(),
                amount: Decimal::from(10_000),
                symbol: None,
            });
        }
        Ok(Self {
            book,
            histories,
            from,
            to,
        })
    }

    /// Cash, value and profit of every session: what phase 3 computes.
    pub fn totals(&self) -> Result<Vec<LedgerDay>, LedgerError> {
        totals(&self.book, &self.histories, CALENDAR, self.from, self.to)
    }
}

fn symbol(at: usize) -> Result<Symbol, Error> {
    Ok(format!("S{at:03}").parse()?)
}

/// Closes that rise and fall, dividends and splits.
fn history(at: usize, days: &[TradingDate]) -> PriceHistory {
    let mut history = PriceHistory::default();
    for (session, day) in days.iter().enumerate() {
        let cents = 5_000 + (session * (3 + at % 5) + at * 31) % 7_919;
        history
            .closes
            .push((*day, Decimal::from(cents) / Decimal::ONE_HUNDRED));
        if session % SPLIT_EVERY == SPLIT_EVERY - 1 - at {
            history.splits.push((*day, Decimal::TWO));
        }
        if session % DIVIDEND_EVERY == at % DIVIDEND_EVERY {
            history.dividends.push((*day, Decimal::new(25, 2)));
        }
    }
    history
}
