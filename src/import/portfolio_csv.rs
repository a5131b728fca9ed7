//! Portfolios: one row per lot.
//!
//! Two equal rows are two lots. An option without a contract symbol gets its OCC symbol, never
//! that of its underlying, whose price is not the contract's.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::cells::{Cells, Date, Number, Range, SymbolCodes};
use super::issues::{Issues, Rejected, quoted};
use super::table::{self, Column, optional, required};
use crate::domain::{
    AssetClass, Calendar, Exit, Lot, OptionRight, OptionTerms, PortfolioId, PositionId, Symbol,
};

const COLUMNS: &[Column] = &[
    required("Symbol"),
    required("Quantity"),
    required("Entry Price Per Share"),
    required("Entry Date"),
    required("Investment Class"),
    optional("Investment Subtype"),
    optional("Underlying Symbol"),
    optional("Strike Price"),
    optional("Expiration Date"),
    optional("Option Type"),
    optional("Exit Date"),
    optional("Exit Price Per Share"),
];
const SYMBOL: usize = 0;
const CLASS: usize = 4;
const SUBTYPE: usize = 5;
const UNDERLYING: usize = 6;
const STRIKE: usize = 7;
const EXPIRATION: usize = 8;
const RIGHT: usize = 9;
const EXIT_DATE: usize = 10;
const EXIT_PRICE: usize = 11;
const ENTRY_DATE: usize = 3;

const FUTURE: &str = "ERR_POS_014";
const BAD_CLASS: &str = "ERR_POS_016";
const BAD_SUBTYPE: &str = "ERR_POS_017";
const EXIT_BEFORE_ENTRY: &str = "ERR_POS_018";
const BAD_UNDERLYING: &str = "ERR_POS_019";
const BAD_STRIKE: &str = "ERR_POS_020";
const BAD_EXPIRATION: &str = "ERR_POS_021";
const BAD_RIGHT: &str = "ERR_POS_022";
// ERR_POS_023 was "duplicate" in the earlier system: two equal rows are two lots here.
const BEFORE_INCEPTION: &str = "ERR_POS_024";
const PRICE_WITHOUT_EXIT: &str = "ERR_POS_025";
const EXIT_WITHOUT_PRICE: &str = "ERR_POS_026";
const BAD_EXIT_PRICE: &str = "ERR_POS_027";
const TOO_LARGE: &str = "ERR_POS_028";
const NOT_AN_OPTION: &str = "ERR_POS_029";
const SUBTYPE_AGAINST_RIGHT: &str = "ERR_POS_030";
const AFTER_EXPIRATION: &str = "ERR_POS_031";
const BAD_CONTRACT: &str = "ERR_POS_032";

/// Above these a lot is a slip of the unit, and the ledger would not be exact any more.
const MAX_QUANTITY: Decimal = Decimal::from_parts(3_567_587_328, 232, 0, false, 0); // 10^12
const MAX_PRICE: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0); // 10^9
const MAX_COST: Decimal = Decimal::from_parts(1_316_134_912, 2_328, 0, false, 0); // 10^13

const QUANTITY: Number = Number {
    column: 1,
    what: "quantity",
    range: Range::NotZero,
    limit: MAX_QUANTITY,
    missing: "ERR_POS_004",
    not_a_number: "ERR_POS_005",
    out_of_range: "ERR_POS_006",
    decimals: "ERR_POS_007",
    too_large: TOO_LARGE,
};
const ENTRY_PRICE: Number = Number {
    column: 2,
    what: "entry price",
    range: Range::Positive,
    limit: MAX_PRICE,
    missing: "ERR_POS_008",
    not_a_number: "ERR_POS_009",
    out_of_range: "ERR_POS_010",
    decimals: "ERR_POS_011",
    too_large: TOO_LARGE,
};
const SYMBOLS: SymbolCodes = SymbolCodes {
    missing: "ERR_POS_001",
    too_long: "ERR_POS_002",
    character: "ERR_POS_003",
};
const ENTRY: Date = Date {
    column: ENTRY_DATE,
    missing: "ERR_POS_012",
    format: "ERR_POS_013",
    horizon: "ERR_POS_015",
};

/// Labels of a class; [`Lot::subtype`] is one of them or none.
const fn subtypes(class: AssetClass) -> &'static [&'static str] {
    match class {
        AssetClass::Public => &["STOCK", "ETF", "MUTUAL_FUND", "BOND", "CASH"],
        AssetClass::Options => &["CALL", "PUT"],
        AssetClass::Private => &[
            "PRIVATE_EQUITY",
            "VENTURE_CAPITAL",
            "HEDGE_FUND",
            "PRIVATE_REIT",
            "REAL_ESTATE",
            "CRYPTOCURRENCY",
            "CRYPTO",
            "ART",
            "MONEY_MARKET",
            "TREASURY_BILLS",
            "CASH",
            "COMMODITY",
            "OTHER",
        ],
    }
}

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

/// The lots of a file, in its order, or every error of it.
pub fn parse(bytes: &[u8], context: &Context) -> Result<Vec<Lot>, Rejected> {
    let mut issues = Issues::default();
    let rows = table::read(bytes, COLUMNS, &mut issues);
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
    issues.or(lots)
}

/// One lot, its id still to be given. Every field is looked at before the row is given up.
fn lot(cells: &mut Cells<'_>, context: &Context) -> Option<Lot> {
    let class = class(cells);
    let quantity = cells.number(QUANTITY);
    let entry_price = cells.number(ENTRY_PRICE);
    let entry_date = entry_date(cells, context);
    let subtype = class.and_then(|class| subtype(cells, class));
    let option = match class {
        Some(AssetClass::Options) => Some(option(cells, entry_date)),
        Some(AssetClass::Public | AssetClass::Private) => {
            refuse_option_fields(cells);
            None
        }
        None => None,
    };
    let symbol = match &option {
        None => cells.symbol(SYMBOL, SYMBOLS),
        Some(terms) => contract_symbol(cells, terms.as_ref()),
    };
    let expiry = option.as_ref().and_then(|terms| terms.as_ref().map(|terms| terms.expiry));
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
    if lot.cost().abs() >= MAX_COST {
        let message = format!("the lot cost {}, {MAX_COST} or more", lot.cost().normalize());
        cells.error(QUANTITY.column, TOO_LARGE, message, "check quantity and price");
    }
    Some(lot)
}

fn class(cells: &mut Cells<'_>) -> Option<AssetClass> {
    let text = cells.text(CLASS);
    let class = text.and_then(|text| text.to_ascii_uppercase().parse().ok());
    if class.is_none() {
        let message = text.map_or("no class".into(), |text| format!("{} is no class", quoted(text)));
        cells.error(CLASS, BAD_CLASS, message, "write PUBLIC, OPTIONS or PRIVATE");
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
        cells.error(ENTRY_DATE, FUTURE, message, "import the lot when it is booked");
    } else if date < context.inception {
        let message = format!("entry date {date} is before the inception, {}", context.inception);
        let remedy = "give the portfolio an earlier inception and its equity of that day";
        cells.error(ENTRY_DATE, BEFORE_INCEPTION, message, remedy);
    }
    Some(date)
}

fn option(cells: &mut Cells<'_>, entry_date: Option<NaiveDate>) -> Option<OptionTerms> {
    let (missing, too_long, character) = (BAD_UNDERLYING, BAD_UNDERLYING, BAD_UNDERLYING);
    let underlying = cells.symbol(UNDERLYING, SymbolCodes { missing, too_long, character });
    let strike = cells.number(Number {
        column: STRIKE,
        what: "strike price",
        missing: BAD_STRIKE,
        not_a_number: BAD_STRIKE,
        out_of_range: BAD_STRIKE,
        decimals: BAD_STRIKE,
        too_large: BAD_STRIKE,
        ..ENTRY_PRICE
    });
    let (format, horizon) = (BAD_EXPIRATION, BAD_EXPIRATION);
    let rule = Date { column: EXPIRATION, missing: BAD_EXPIRATION, format, horizon };
    let mut expiry = cells.date(rule);
    if let Some(date) = expiry
        && Calendar::nyse().on_or_before(date).is_err()
    {
        let message = format!("no session on or before {date} is known");
        cells.error(EXPIRATION, BAD_EXPIRATION, message, "correct the year");
        expiry = None;
    }
    if let (Some(entry), Some(expiry)) = (entry_date, expiry)
        && entry > expiry
    {
        let message = format!("entry date {entry} is after the expiration, {expiry}");
        cells.error(ENTRY_DATE, AFTER_EXPIRATION, message, "correct one of the two");
    }
    let text = cells.text(RIGHT);
    let right: Option<OptionRight> = text.and_then(|text| text.to_ascii_uppercase().parse().ok());
    if right.is_none() {
        let unknown = |text| format!("{} is no option type", quoted(text));
        let message = text.map_or("no option type".into(), unknown);
        cells.error(RIGHT, BAD_RIGHT, message, "write CALL or PUT");
    }
    Some(OptionTerms { underlying: underlying?, strike: strike?, expiry: expiry?, right: right? })
}

/// A stock with a strike is a row in the wrong class: dropping its terms would lose data.
fn refuse_option_fields(cells: &mut Cells<'_>) {
    for column in [UNDERLYING, STRIKE, EXPIRATION, RIGHT] {
        if let Some(text) = cells.text(column) {
            let message = format!("{} on a row that is no option", quoted(text));
            let remedy = "make its class OPTIONS, or empty the field";
            cells.error(column, NOT_AN_OPTION, message, remedy);
        }
    }
}

/// The contract's own symbol: the one given, else the one its terms make.
fn contract_symbol(cells: &mut Cells<'_>, terms: Option<&OptionTerms>) -> Option<Symbol> {
    let given = match cells.text(SYMBOL) {
        Some(_) => Some(cells.symbol(SYMBOL, SYMBOLS)?),
        None => None,
    };
    let terms = terms?;
    let made = terms.occ_symbol();
    let (message, remedy) = match (given, made) {
        (Some(given), _) if given == terms.underlying => (
            format!("{given} is the underlying, not the contract"),
            "leave the symbol empty, or give the contract's own",
        ),
        (Some(given), made) if is_occ(&given) && made.as_ref() != Some(&given) => (
            format!("{given} is not the contract of the row's terms"),
            "leave the symbol empty, or correct the terms",
        ),
        (Some(symbol), _) | (None, Some(symbol)) => return Some(symbol),
        (None, None) => (
            "these terms have no OCC symbol".to_owned(),
            "give the contract's own symbol",
        ),
    };
    cells.error(SYMBOL, BAD_CONTRACT, message, remedy);
    None
}

/// Whether a symbol is written like a contract: root, six digits, C or P, eight digits.
fn is_occ(symbol: &Symbol) -> bool {
    let Some((root, rest)) = symbol.as_str().len().checked_sub(15).and_then(|at| {
        symbol.as_str().split_at_checked(at)
    }) else {
        return false;
    };
    let digit = |(index, byte): (usize, u8)| match index {
        6 => matches!(byte, b'C' | b'P'),
        _ => byte.is_ascii_digit(),
    };
    !root.is_empty() && rest.bytes().enumerate().all(digit)
}

fn exit(
    cells: &mut Cells<'_>,
    context: &Context,
    entry_date: Option<NaiveDate>,
    expiry: Option<NaiveDate>,
) -> Option<Exit> {
    let date = cells.optional_date(Date { column: EXIT_DATE, ..ENTRY });
    let price = cells.optional_number(Number {
        column: EXIT_PRICE,
        what: "exit price",
        range: Range::NotNegative, // a worthless end has the price zero
        not_a_number: BAD_EXIT_PRICE,
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
            cells.error(EXIT_DATE, PRICE_WITHOUT_EXIT, message, "give the date, or empty the price");
        }
        _ => {}
    }
    let date = date?;
    if date > context.today {
        let message = format!("exit date {date} is after today, {}", context.today);
        cells.error(EXIT_DATE, FUTURE, message, "import the exit when it is booked");
    }
    if let Some(entry) = entry_date.filter(|entry| date < *entry) {
        let message = format!("exit date {date} is before the entry, {entry}");
        cells.error(EXIT_DATE, EXIT_BEFORE_ENTRY, message, "correct one of the two");
    }
    if let Some(expiry) = expiry.filter(|expiry| date > *expiry) {
        let message = format!("exit date {date} is after the expiration, {expiry}");
        let remedy = "leave exit date and price empty: an expired option settles by itself";
        cells.error(EXIT_DATE, AFTER_EXPIRATION, message, remedy);
    }
    Some(Exit { date, price: price? })
}

#[cfg(test)]
mod tests;
