//! What each lot and each flow of income added to the profit of a range.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::{Book, LedgerError, totals};
use crate::domain::{Calendar, FlowKind, Lot, PositionId, PriceHistory, Symbol, TradingDate};

/// Profit of a range, lot by lot. The parts add up to the ledger's profit of the same sessions, to the last digit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contributions {
    /// Profit of each lot, in the order of the book: price, proceeds and its dividends from corporate actions.
    pub lots: Vec<(PositionId, Symbol, Decimal)>,
    /// Interest, fees and dividends that were booked as flows.
    pub income: Decimal,
}

impl Contributions {
    /// The profit of the range.
    pub fn total(&self) -> Decimal {
        self.lots
            .iter()
            .map(|(_, _, profit)| *profit)
            .sum::<Decimal>()
            + self.income
    }
}

/// Attributes the profit of the sessions from `from` to `to`, both included. Inputs as for [`super::ledger`]; the histories begin before the session
/// before `from`.
///
/// The ledger is a closed form and a sum over lots: a book of one lot alone has that lot's part.
pub fn contributions(
    book: &Book,
    histories: &BTreeMap<Symbol, PriceHistory>,
    calendar: Calendar,
    from: TradingDate,
    to: TradingDate,
) -> Result<Contributions, LedgerError> {
    let inception = calendar.on_or_after(book.inception)?;
    let before = (from > inception)
        .then(|| calendar.previous(from))
        .transpose()?;
    let profit = |book: &Book, on: TradingDate| -> Result<Decimal, LedgerError> {
        let days = totals(book, histories, calendar, on, on)?;
        Ok(days.last().map_or(Decimal::ZERO, |day| day.pnl_total))
    };
    let mut lots = Vec::with_capacity(book.lots.len());
    for lot in &book.lots {
        let alone = alone(book, lot);
        let mut made = profit(&alone, to)?;
        if let Some(before) = before {
            made -= profit(&alone, before)?;
        }
        lots.push((lot.id, lot.symbol.clone(), made));
    }
    let unbooked = totals(book, histories, calendar, to, to)?;
    let mut unbooked = unbooked
        .into_iter()
        .next_back()
        .map_or_else(Vec::new, |day| day.unbooked);
    let mut income = Decimal::ZERO;
    for flow in book.flows.iter().filter(|flow| !flow.is_external()) {
        let date = calendar.on_or_after(flow.date)?;
        if date > to {
            continue;
        }
        let left_out = unbooked.iter().position(|known| {
            flow.kind == FlowKind::Dividend
                && known.date == flow.date
                && known.amount == flow.amount
                && Some(&known.symbol) == flow.symbol.as_ref()
        });
        if let Some(left_out) = left_out {
            unbooked.remove(left_out);
        } else if before.is_none_or(|before| date > before) {
            income += flow.signed();
        }
    }
    Ok(Contributions { lots, income })
}

fn alone(book: &Book, lot: &Lot) -> Book {
    let marks = book.marks.get_key_value(&lot.symbol);
    let models = book.models.get_key_value(&lot.id);
    Book {
        opening_equity: Decimal::ZERO,
        inception: book.inception,
        lots: vec![lot.clone()],
        flows: Vec::new(),
        marks: marks
            .map(|(symbol, marks)| (symbol.clone(), marks.clone()))
            .into_iter()
            .collect(),
        models: models
            .map(|(id, models)| (*id, models.clone()))
            .into_iter()
            .collect(),
    }
}
