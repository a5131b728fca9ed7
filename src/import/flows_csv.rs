//! Cash flows: one row per flow, with the columns Date, Type, Amount and Symbol.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::MAX_TOTAL;
use super::cells::{Cells, Date, Number, Range, SymbolCodes};
use super::issues::{Issues, Rejected, quoted};
use super::lines::{Extent, FlowChange};
use super::table::{self, Column, Row, optional, required};
use crate::domain::{CashFlow, FlowKind, Symbol};

const COLUMNS: &[Column] = &[
    required("Date"),
    required("Type"),
    required("Amount"),
    optional("Symbol"),
];
const DATE: usize = 0;
const TYPE: usize = 1;
const AMOUNT: usize = 2;
const SYMBOL: usize = 3;

const BEFORE_INCEPTION: &str = "ERR_FLOW_004";
const FUTURE: &str = "ERR_FLOW_005";
const BAD_TYPE: &str = "ERR_FLOW_006";
const NO_SYMBOL: &str = "ERR_FLOW_012";
const BAD_SYMBOL: &str = "ERR_FLOW_013";
const DIVIDEND_TWICE: &str = "ERR_FLOW_014";
const LARGE_TOTAL: &str = "ERR_FLOW_015";

const DATES: Date = Date {
    column: DATE,
    missing: "ERR_FLOW_001",
    format: "ERR_FLOW_002",
    horizon: "ERR_FLOW_003",
};
const AMOUNTS: Number = Number {
    column: AMOUNT,
    what: "amount",
    range: Range::Positive,
    limit: MAX_TOTAL,
    missing: "ERR_FLOW_007",
    unreadable: "ERR_FLOW_008",
    out_of_range: "ERR_FLOW_009",
    decimals: "ERR_FLOW_010",
    too_large: "ERR_FLOW_011",
};
const SYMBOLS: SymbolCodes = SymbolCodes {
    missing: NO_SYMBOL,
    too_long: BAD_SYMBOL,
    character: BAD_SYMBOL,
};

/// What a file is read for.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// First day of the book: no flow is older.
    pub inception: NaiveDate,
    /// The business date: no flow is younger.
    pub today: NaiveDate,
    /// The symbols whose corporate actions have dividends: they are booked from there.
    pub with_dividends: &'a BTreeSet<Symbol>,
    /// How the file is meant: only the whole list may be empty.
    pub extent: Extent,
}

/// The headers of the columns that every file has.
pub fn columns() -> impl Iterator<Item = &'static str> {
    COLUMNS.iter().map(|column| column.name)
}

/// The flows of a file, in its order, or every error of it. Two equal rows are two flows.
pub fn parse(bytes: &[u8], context: &Context<'_>) -> Result<Vec<CashFlow>, Rejected> {
    let mut issues = Issues::default();
    let rows = match context.extent {
        Extent::Addition => table::read(bytes, COLUMNS, &mut issues),
        Extent::Whole => table::read_any(bytes, COLUMNS, &mut issues),
    };
    let flows = rows
        .iter()
        .filter_map(|row| flow(row, context, &mut issues))
        .collect();
    issues.or(flows)
}

/// Refuses flows that are too large in sum for an exact ledger.
pub fn check_total(existing: &[CashFlow], change: &FlowChange) -> Result<(), Rejected> {
    let sum = |flows: &[CashFlow]| flows.iter().map(|flow| flow.amount.abs()).sum::<Decimal>();
    let total = sum(existing) + sum(&change.added) - sum(&change.removed);
    let mut issues = Issues::default();
    if total >= MAX_TOTAL {
        let message = format!(
            "the flows of the portfolio come to {} in sum, {MAX_TOTAL} or more",
            total.normalize()
        );
        issues.file(0, LARGE_TOTAL, message, "check the unit of the amounts");
    }
    issues.or(())
}

fn flow(row: &Row, context: &Context<'_>, issues: &mut Issues) -> Option<CashFlow> {
    let mut cells = Cells::new(row, COLUMNS, row.get(SYMBOL), issues);
    let date = cells.date(DATES);
    if let Some(date) = date {
        if date > context.today {
            let message = format!("{date} is after today, {}", context.today);
            cells.error(DATE, FUTURE, message, "import the flow when it is booked");
        } else if date < context.inception {
            let message = format!("{date} is before the inception, {}", context.inception);
            let remedy = "what came before is part of the opening equity: remove the row";
            cells.error(DATE, BEFORE_INCEPTION, message, remedy);
        }
    }
    let kind = kind(&mut cells);
    let range = match kind {
        Some(FlowKind::Interest) => Range::NotZero,
        _ => Range::Positive,
    };
    let amount = cells.number(Number { range, ..AMOUNTS });
    let symbol = if kind == Some(FlowKind::Dividend) {
        cells.symbol(SYMBOL, SYMBOLS)
    } else {
        cells.optional_symbol(SYMBOL, SYMBOLS)
    };
    if let (Some(FlowKind::Dividend), Some(symbol)) = (kind, &symbol)
        && context.with_dividends.contains(symbol)
    {
        let message = format!("the dividends of {symbol} come from its corporate actions");
        cells.error(
            SYMBOL,
            DIVIDEND_TWICE,
            message,
            "remove the row: it would count twice",
        );
    }
    Some(CashFlow {
        kind: kind?,
        date: date?,
        amount: amount?,
        symbol,
    })
}

fn kind(cells: &mut Cells<'_>) -> Option<FlowKind> {
    let text = cells.text(TYPE);
    let kind = text.and_then(|text| text.to_ascii_lowercase().parse().ok());
    if kind.is_none() {
        let unknown = |text| format!("{} is no type of cash flow", quoted(text));
        let message = text.map_or("no type".into(), unknown);
        let kinds: Vec<_> = FlowKind::ALL.iter().map(|kind| kind.as_str()).collect();
        cells.error(
            TYPE,
            BAD_TYPE,
            message,
            &format!("write one of {}", kinds.join(", ")),
        );
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<CashFlow>, Vec<(u64, &'static str)>> {
        let with_dividends = BTreeSet::from(["AAPL".parse().unwrap()]);
        let context = Context {
            inception: "2016-01-04".parse().unwrap(),
            today: "2016-12-30".parse().unwrap(),
            with_dividends: &with_dividends,
            extent: Extent::Addition,
        };
        let seen = |rejected: Rejected| rejected.errors.iter().map(|e| (e.line, e.code)).collect();
        parse(text.as_bytes(), &context).map_err(seen)
    }

    #[test]
    fn flows_are_read_with_their_signs() {
        let text = "Type,Date,Amount,Symbol\n\
            contribution,2016-01-04,1000.50,\nWithdrawal,2016-02-06,20,\n\
            dividend,2016-03-01,3,xom\ninterest,2016-03-01,-2,\nfee,2016-03-01,1.25,XOM\n";
        let flows = read(text).unwrap();
        let signed: Vec<_> = flows.iter().map(|flow| flow.signed().to_string()).collect();
        assert_eq!(signed, ["1000.5", "-20", "3", "-2", "-1.25"]);
        assert_eq!(flows[2].symbol.as_ref().unwrap().as_str(), "XOM");
        let plain = read("Date,Type,Amount\n2016-01-04,fee,1\n2016-01-04,fee,1\n").unwrap();
        assert_eq!(plain.len(), 2);
    }

    #[test]
    fn flows_are_exact_in_sum_too() {
        let flows = |count| {
            let large = "2016-02-01,contribution,4000000000000,\n".repeat(count);
            read(&format!("Date,Type,Amount,Symbol\n{large}")).unwrap()
        };
        let change = |count| FlowChange {
            added: flows(count),
            removed: Vec::new(),
        };
        assert_eq!(check_total(&flows(1), &change(1)), Ok(()));
        let rejected = check_total(&flows(1), &change(2)).unwrap_err();
        assert_eq!(rejected.errors[0].code, LARGE_TOTAL);
        let replaced = FlowChange {
            added: flows(2),
            removed: flows(1),
        };
        assert_eq!(check_total(&flows(1), &replaced), Ok(()));
    }

    #[test]
    fn every_fault_of_a_flow_has_its_line_and_code() {
        let text = "Date,Type,Amount,Symbol\n\
            2016-01-01,fee,1,\n2016-12-31,fee,1,\n2016-13-01,fee,1,\n,fee,1,\n1989-12-29,fee,1,\n\
            2016-02-01,gift,1,\n2016-02-01,,,\n2016-02-01,fee,-1,\n2016-02-01,interest,0,\n\
            2016-02-01,fee,1e3,\n2016-02-01,fee,0.1234567,\n2016-02-01,fee,10000000000000,\n\
            2016-02-01,dividend,1,\n2016-02-01,dividend,1,A B\n2016-02-01,dividend,1,aapl\n";
        let expected = [
            (2, BEFORE_INCEPTION),
            (3, FUTURE),
            (4, "ERR_FLOW_002"),
            (5, "ERR_FLOW_001"),
            (6, "ERR_FLOW_003"),
            (7, BAD_TYPE),
            (8, BAD_TYPE),
            (8, "ERR_FLOW_007"),
            (9, "ERR_FLOW_009"),
            (10, "ERR_FLOW_009"),
            (11, "ERR_FLOW_008"),
            (12, "ERR_FLOW_010"),
            (13, "ERR_FLOW_011"),
            (14, NO_SYMBOL),
            (15, BAD_SYMBOL),
            (16, DIVIDEND_TWICE),
        ];
        assert_eq!(read(text).unwrap_err(), expected);
    }
}
