//! The option columns of a portfolio file, and the symbol of the contract they describe.

use chrono::NaiveDate;

use super::columns::{
    AFTER_EXPIRATION, BAD_CONTRACT, BAD_EXPIRATION, BAD_RIGHT, BAD_STRIKE, BAD_UNDERLYING,
    ENTRY_DATE, ENTRY_PRICE, EXPIRATION, NOT_AN_OPTION, RIGHT, STRIKE, SYMBOL, SYMBOLS, UNDERLYING,
};
use crate::domain::{Calendar, OptionRight, OptionTerms, Symbol};
use crate::import::cells::{Cells, Date, Number, SymbolCodes};
use crate::import::issues::quoted;

/// The terms of an option, if all of them could be read.
pub(super) fn terms(cells: &mut Cells<'_>, entry_date: Option<NaiveDate>) -> Option<OptionTerms> {
    let (missing, too_long, character) = (BAD_UNDERLYING, BAD_UNDERLYING, BAD_UNDERLYING);
    let underlying = cells.symbol(
        UNDERLYING,
        SymbolCodes {
            missing,
            too_long,
            character,
        },
    );
    let strike = cells.number(Number {
        column: STRIKE,
        what: "strike price",
        missing: BAD_STRIKE,
        unreadable: BAD_STRIKE,
        out_of_range: BAD_STRIKE,
        decimals: BAD_STRIKE,
        too_large: BAD_STRIKE,
        ..ENTRY_PRICE
    });
    let (format, horizon) = (BAD_EXPIRATION, BAD_EXPIRATION);
    let rule = Date {
        column: EXPIRATION,
        missing: BAD_EXPIRATION,
        format,
        horizon,
    };
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
        cells.error(
            ENTRY_DATE,
            AFTER_EXPIRATION,
            message,
            "correct one of the two",
        );
    }
    let text = cells.text(RIGHT);
    let right: Option<OptionRight> = text.and_then(|text| text.to_ascii_uppercase().parse().ok());
    if right.is_none() {
        let unknown = |text| format!("{} is no option type", quoted(text));
        let message = text.map_or("no option type".into(), unknown);
        cells.error(RIGHT, BAD_RIGHT, message, "write CALL or PUT");
    }
    Some(OptionTerms {
        underlying: underlying?,
        strike: strike?,
        expiry: expiry?,
        right: right?,
    })
}

/// A stock with a strike is a row in the wrong class: dropping its terms would lose data.
pub(super) fn refuse(cells: &mut Cells<'_>) {
    for column in [UNDERLYING, STRIKE, EXPIRATION, RIGHT] {
        if let Some(text) = cells.text(column) {
            let message = format!("{} on a row that is no option", quoted(text));
            let remedy = "make its class OPTIONS, or empty the field";
            cells.error(column, NOT_AN_OPTION, message, remedy);
        }
    }
}

/// The contract's own symbol: the one given, else the one its terms make.
pub(super) fn contract_symbol(
    cells: &mut Cells<'_>,
    terms: Option<&OptionTerms>,
) -> Option<Symbol> {
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
    let Some((root, rest)) = symbol
        .as_str()
        .len()
        .checked_sub(15)
        .and_then(|at| symbol.as_str().split_at_checked(at))
    else {
        return false;
    };
    let digit = |(index, byte): (usize, u8)| match index {
        6 => matches!(byte, b'C' | b'P'),
        _ => byte.is_ascii_digit(),
    };
    !root.is_empty() && rest.bytes().enumerate().all(digit)
}
