//! Portfolios: one row per lot.
//!
//! Two equal rows are two lots. An option without a contract symbol gets its OCC symbol, never
//! that of its underlying, whose price is not the contract's.

mod columns;
mod option;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::cells::{Cells, Date, Number, Range};
use super::issues::{Issues, Rejected, quoted};
use super::{MAX_TOTAL, table};
use crate::domain::{AssetClass, Exit, Lot, PortfolioId, PositionId};
use columns::{
    AFTER_EXPIRATION, BAD_CLASS, BAD_EXIT_PRICE, BAD_SUBTYPE, BEFORE_INCEPTION, CLASS, COLUMNS,
    ENTRY, ENTRY_DATE, ENTRY_PRICE, EXIT_BEFORE_ENTRY, EXIT_DATE, EXIT_PRICE, EXIT_WITHOUT_PRICE,
    FUTURE, LARGE_TOTAL, NOT_EMPTY, PRICE_WITHOUT_EXIT, QUANTITY, SUBTYPE, SUBTYPE_AGAINST_RIGHT,
    SYMBOL, SYMBOLS, TOO_LARGE, UNDERLYING, subtypes,
};

/// What a file is read for.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// Whose lots they are.
    pub portfolio: PortfolioId,
    /// First day of the book: no lot is older.
    pub inception: NaiveDate,
    /// The business date: no lot is younger.
    pub today: NaiveDate,
}

/// The headers of the columns that every file has.
pub fn columns() -> impl Iterator<Item = &'static str> {
    COLUMNS.iter().map(|column| column.name)
}

/// The lots of a file, in its order, or every error of it. That it has none is one of them: a file that was cut off
/// looks like that, and would empty a book. Who means it says so, and the file is read by [`parse_empty`].
pub fn parse(bytes: &[u8], context: &Context) -> Result<Vec<Lot>, Rejected> {
    let mut issues = Issues::default();
    let rows = table::read_any(bytes, COLUMNS, &mut issues);
    if rows.is_empty() && issues.is_empty() {
        let remedy = "add one row per lot; of a book that is cash alone say that it is: --empty, or empty=true over HTTP";
        issues.file(0, table::NO_ROWS, "the file has no rows".into(), remedy);
    }
    let mut equal_lots = BTreeMap::<String, usize>::new();
    let mut lots = Vec::with_capacity(rows.len());
    for row in &rows {
        let name = row.get(SYMBOL).or(row.get(UNDERLYING));
        let mut cells = Cells::new(row, COLUMNS, name, &mut issues);
        if let Some(mut lot) = lot(&mut cells, context) {
            let content = lot.content();
            let seen = equal_lots.entry(content.clone()).or_default();
            lot.id = PositionId::of(context.portfolio, &content, *seen);
            *seen += 1;
            lots.push(lot);
        }
    }
    check_totals(&lots, &mut issues);
    issues.or(lots)
}

/// The lots of a book that is said to have none: no lot, from a file that is its header alone, or every error of it. A
/// row is one, for one of the two is a mistake.
pub fn parse_empty(bytes: &[u8]) -> Result<Vec<Lot>, Rejected> {
    let mut issues = Issues::default();
    let rows = table::read_any(bytes, COLUMNS, &mut issues);
    if let Some(first) = rows.first() {
        let message = format!(
            "the book is said to be empty, and its file has rows: {}",
            rows.len()
        );
        let remedy = "remove the rows, or do not say that the book is empty";
        issues.file(first.line, NOT_EMPTY, message, remedy);
    }
    issues.or(Vec::new())
}

/// Lots that are small enough each may be too many.
fn check_totals(lots: &[Lot], issues: &mut Issues) {
    if !issues.is_empty() {
        return; // one of them said so already, or the list is not whole
    }
    let cost: Decimal = lots.iter().map(|lot| lot.cost().abs()).sum();
    let proceeds: Decimal = lots.iter().map(proceeds).sum();
    for (what, total) in [("cost", cost), ("were sold for", proceeds)] {
        if total >= MAX_TOTAL {
            let total = total.normalize();
            let message = format!("the lots {what} {total} in sum, {MAX_TOTAL} or more");
            let remedy = "check the unit of quantities and prices";
            issues.file(0, LARGE_TOTAL, message, remedy);
        }
    }
}

/// What a lot was sold for, without a sign, in shares of its entry; nothing for an open one.
fn proceeds(lot: &Lot) -> Decimal {
    let shares = lot.quantity.saturating_mul(lot.multiplier()).abs();
    lot.exit
        .map_or(Decimal::ZERO, |exit| shares.saturating_mul(exit.price))
}

/// One lot, its id still to be given. Every field is looked at before the row is given up.
fn lot(cells: &mut Cells<'_>, context: &Context) -> Option<Lot> {
    let class = class(cells);
    let quantity = cells.number(QUANTITY);
    let entry_price = cells.number(ENTRY_PRICE);
    let entry_date = entry_date(cells, context);
    let subtype = class.and_then(|class| subtype(cells, class));
    let option = match class {
        Some(AssetClass::Options) => Some(option::terms(cells, entry_date)),
        Some(AssetClass::Public | AssetClass::Private) => {
            option::refuse(cells);
            None
        }
        None => None,
    };
    let symbol = match &option {
        None => cells.symbol(SYMBOL, SYMBOLS),
        Some(terms) => option::contract_symbol(cells, terms.as_ref()),
    };
    let expiry = option
        .as_ref()
        .and_then(|terms| terms.as_ref().map(|terms| terms.expiry));
    let exit = exit(cells, context, entry_date, expiry);
    if let (Some(terms), Some(subtype)) = (option.as_ref().and_then(Option::as_ref), &subtype)
        && terms.right.as_str() != subtype
    {
        let message = format!("subtype {subtype} of an option of type {}", terms.right);
        let remedy = "make both the same, or leave the subtype empty";
        cells.error(SUBTYPE, SUBTYPE_AGAINST_RIGHT, message, remedy);
    }
    let lot = Lot {
        id: PositionId(uuid::Uuid::nil()),
        symbol: symbol?,
        class: class?,
        subtype,
        quantity: quantity?,
        entry_price: entry_price?,
        entry_date: entry_date?,
        exit,
        option: match option {
            Some(terms) => Some(terms?),
            None => None,
        },
    };
    let amounts = [
        (QUANTITY.column, "cost", lot.cost().abs()),
        (EXIT_PRICE, "was sold for", proceeds(&lot)),
    ];
    for (column, what, amount) in amounts {
        if amount >= MAX_TOTAL {
            let amount = amount.normalize();
            let message = format!("the lot {what} {amount}, {MAX_TOTAL} or more");
            cells.error(column, TOO_LARGE, message, "check quantity and price");
        }
    }
    Some(lot)
}

fn class(cells: &mut Cells<'_>) -> Option<AssetClass> {
    let text = cells.text(CLASS);
    let class = text.and_then(|text| text.to_ascii_uppercase().parse().ok());
    if class.is_none() {
        let message = text.map_or("no class".into(), |text| {
            format!("{} is no class", quoted(text))
        });
        cells.error(
            CLASS,
            BAD_CLASS,
            message,
            "write PUBLIC, OPTIONS or PRIVATE",
        );
    }
    class
}

fn subtype(cells: &mut Cells<'_>, class: AssetClass) -> Option<String> {
    let text = cells.text(SUBTYPE)?;
    let subtype = text.to_ascii_uppercase();
    let known = subtypes(class);
    if !known.contains(&subtype.as_str()) {
        let message = format!("{} is no subtype of {class}", quoted(text));
        let remedy = format!("leave it empty or use one of {}", known.join(", "));
        cells.error(SUBTYPE, BAD_SUBTYPE, message, &remedy);
        return None;
    }
    Some(subtype)
}

fn entry_date(cells: &mut Cells<'_>, context: &Context) -> Option<NaiveDate> {
    let date = cells.date(ENTRY)?;
    if date > context.today {
        let message = format!("entry date {date} is after today, {}", context.today);
        cells.error(
            ENTRY_DATE,
            FUTURE,
            message,
            "import the lot when it is booked",
        );
    } else if date < context.inception {
        let message = format!(
            "entry date {date} is before the inception, {}",
            context.inception
        );
        let remedy = "give the portfolio an earlier inception and its equity of that day";
        cells.error(ENTRY_DATE, BEFORE_INCEPTION, message, remedy);
    }
    Some(date)
}

fn exit(
    cells: &mut Cells<'_>,
    context: &Context,
    entry_date: Option<NaiveDate>,
    expiry: Option<NaiveDate>,
) -> Option<Exit> {
    let date = cells.optional_date(Date {
        column: EXIT_DATE,
        ..ENTRY
    });
    let price = cells.optional_number(Number {
        column: EXIT_PRICE,
        what: "exit price",
        range: Range::NotNegative, // a worthless end has the price zero
        unreadable: BAD_EXIT_PRICE,
        out_of_range: BAD_EXIT_PRICE,
        decimals: BAD_EXIT_PRICE,
        ..ENTRY_PRICE
    });
    match (cells.text(EXIT_DATE), cells.text(EXIT_PRICE)) {
        (Some(date), None) => {
            let message = format!("exit date {} without exit price", quoted(date));
            let remedy = "give the price per share, zero for a worthless end";
            cells.error(EXIT_PRICE, EXIT_WITHOUT_PRICE, message, remedy);
        }
        (None, Some(price)) => {
            let message = format!("exit price {} without exit date", quoted(price));
            cells.error(
                EXIT_DATE,
                PRICE_WITHOUT_EXIT,
                message,
                "give the date, or empty the price",
            );
        }
        _ => {}
    }
    let date = date?;
    if date > context.today {
        let message = format!("exit date {date} is after today, {}", context.today);
        cells.error(
            EXIT_DATE,
            FUTURE,
            message,
            "import the exit when it is booked",
        );
    }
    if let Some(entry) = entry_date.filter(|entry| date < *entry) {
        let message = format!("exit date {date} is before the entry, {entry}");
        cells.error(
            EXIT_DATE,
            EXIT_BEFORE_ENTRY,
            message,
            "correct one of the two",
        );
    }
    if let Some(expiry) = expiry.filter(|expiry| date > *expiry) {
        let message = format!("exit date {date} is after the expiration, {expiry}");
        let remedy = "leave exit date and price empty: an expired option settles by itself";
        cells.error(EXIT_DATE, AFTER_EXPIRATION, message, remedy);
    }
    Some(Exit {
        date,
        price: price?,
    })
}

#[cfg(test)]
mod tests;
