//! Manual marks of private assets: one row per symbol and day, with the columns Symbol, Date and
//! Price (per share).

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::MAX_TOTAL;
use super::cells::{Cells, Date, Number, Range, SymbolCodes};
use super::issues::{Issues, Rejected};
use super::lines::Extent;
use super::table::{self, Column, required};
use crate::domain::Symbol;

const COLUMNS: &[Column] = &[required("Symbol"), required("Date"), required("Price")];
const SYMBOL: usize = 0;
const DATE: usize = 1;

const NOT_PRIVATE: &str = "ERR_MARK_003";
const FUTURE: &str = "ERR_MARK_007";
const TWICE: &str = "ERR_MARK_008";
const LARGE_VALUE: &str = "ERR_MARK_014";

const SYMBOLS: SymbolCodes = SymbolCodes {
    missing: "ERR_MARK_001",
    too_long: "ERR_MARK_002",
    character: "ERR_MARK_002",
};
const DATES: Date = Date {
    column: DATE,
    missing: "ERR_MARK_004",
    format: "ERR_MARK_005",
    horizon: "ERR_MARK_006",
};
const PRICES: Number = Number {
    column: 2,
    what: "price",
    range: Range::NotNegative, // what was written off is worth zero
    limit: Decimal::from_parts(1_000_000_000, 0, 0, false, 0),
    missing: "ERR_MARK_009",
    unreadable: "ERR_MARK_010",
    out_of_range: "ERR_MARK_011",
    decimals: "ERR_MARK_012",
    too_large: "ERR_MARK_013",
};

/// One manual mark.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Mark {
    /// The private asset.
    pub symbol: Symbol,
    /// From when the price holds.
    pub date: NaiveDate,
    /// Price per share, zero for what was written off.
    pub price: Decimal,
}

/// What a file is read for.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The business date: no mark is younger.
    pub today: NaiveDate,
    /// The symbols of the portfolio's PRIVATE lots, with the sum of their absolute quantities: only
    /// they have marks.
    pub private: &'a BTreeMap<Symbol, Decimal>,
    /// How the file is meant: only the whole list may be empty.
    pub extent: Extent,
}

/// The headers of the columns that every file has.
pub fn columns() -> impl Iterator<Item = &'static str> {
    COLUMNS.iter().map(|column| column.name)
}

/// The marks of a file, in its order, or every error of it.
pub fn parse(bytes: &[u8], context: &Context<'_>) -> Result<Vec<Mark>, Rejected> {
    let mut issues = Issues::default();
    let rows = match context.extent {
        Extent::Addition => table::read(bytes, COLUMNS, &mut issues),
        Extent::Whole => table::read_any(bytes, COLUMNS, &mut issues),
    };
    let mut lines = BTreeMap::new();
    let mut marks = Vec::with_capacity(rows.len());
    for row in &rows {
        let mut cells = Cells::new(row, COLUMNS, row.get(SYMBOL), &mut issues);
        let Some(mark) = mark(&mut cells, context) else {
            continue;
        };
        if let Some(line) = lines.insert((mark.symbol.clone(), mark.date), row.line) {
            let message = format!("{} has a mark of {} on line {line}", mark.symbol, mark.date);
            cells.error(DATE, TWICE, message, "keep one of the two");
        }
        marks.push(mark);
    }
    issues.or(marks)
}

fn mark(cells: &mut Cells<'_>, context: &Context<'_>) -> Option<Mark> {
    let symbol = cells.symbol(SYMBOL, SYMBOLS);
    if let Some(symbol) = symbol
        .as_ref()
        .filter(|symbol| !context.private.contains_key(symbol))
    {
        let message = format!("the portfolio has no PRIVATE lot of {symbol}");
        cells.error(
            SYMBOL,
            NOT_PRIVATE,
            message,
            "import the lot first, or correct the symbol",
        );
    }
    let date = cells.date(DATES);
    if let Some(date) = date.filter(|date| *date > context.today) {
        let message = format!("{date} is after today, {}", context.today);
        cells.error(DATE, FUTURE, message, "import the mark when it holds");
    }
    let price = cells.number(PRICES);
    let held = symbol
        .as_ref()
        .and_then(|symbol| context.private.get(symbol));
    if let (Some(price), Some(quantity)) = (price, held)
        && quantity.saturating_mul(price) >= MAX_TOTAL
    {
        let value = quantity.saturating_mul(price).normalize();
        let message = format!("{quantity} at {price} are worth {value}, {MAX_TOTAL} or more");
        cells.error(
            PRICES.column,
            LARGE_VALUE,
            message,
            "give the price per share",
        );
    }
    Some(Mark {
        symbol: symbol?,
        date: date?,
        price: price?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Mark>, Vec<(u64, &'static str)>> {
        let private = BTreeMap::from([
            ("TWO_SIGMA".parse().unwrap(), Decimal::ONE),
            ("HOME".parse().unwrap(), Decimal::from(20_000)),
        ]);
        let context = Context {
            today: "2026-06-30".parse().unwrap(),
            private: &private,
            extent: Extent::Addition,
        };
        let seen = |rejected: Rejected| rejected.errors.iter().map(|e| (e.line, e.code)).collect();
        parse(text.as_bytes(), &context).map_err(seen)
    }

    #[test]
    fn marks_are_read() {
        let marks = read("Symbol,Date,Price\nhome,2026-01-31,450000\nTWO_SIGMA,2026-01-31,0\n");
        let marks: Vec<_> = marks
            .unwrap()
            .into_iter()
            .map(|mark| format!("{} {} {}", mark.symbol, mark.date, mark.price))
            .collect();
        assert_eq!(marks, ["HOME 2026-01-31 450000", "TWO_SIGMA 2026-01-31 0"]);
    }

    #[test]
    fn every_fault_of_a_mark_has_its_line_and_code() {
        let text = "Symbol,Date,Price\n,2026-01-31,1\nA B,2026-01-31,1\nAAPL,2026-01-31,1\n\
            HOME,,1\nHOME,31.01.2026,1\nHOME,2051-01-31,1\nHOME,2026-07-01,1\n\
            HOME,2026-01-31,1\nhome,2026-01-31,2\nHOME,2026-02-01,\nHOME,2026-02-02,x\n\
            HOME,2026-02-03,-1\nHOME,2026-02-04,0.0000001\nHOME,2026-02-05,1000000000\n\
            HOME,2026-02-06,500000000\nHOME,2026-02-07,499999999\n";
        let expected = [
            (2, "ERR_MARK_001"),
            (3, "ERR_MARK_002"),
            (4, NOT_PRIVATE),
            (5, "ERR_MARK_004"),
            (6, "ERR_MARK_005"),
            (7, "ERR_MARK_006"),
            (8, FUTURE),
            (10, TWICE),
            (11, "ERR_MARK_009"),
            (12, "ERR_MARK_010"),
            (13, "ERR_MARK_011"),
            (14, "ERR_MARK_012"),
            (15, "ERR_MARK_013"),
            (16, LARGE_VALUE),
        ];
        assert_eq!(read(text).unwrap_err(), expected);
    }
}
