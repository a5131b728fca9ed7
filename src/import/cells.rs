//! Fields of a row as values: plain decimals, dates, symbols, each with the codes of its file.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::issues::{Issue, Issues, quoted};
use super::table::{Column, Row};
use crate::domain::{Calendar, Symbol, SymbolError, money};

/// Most decimals of quantities, prices and amounts.
const MAX_DECIMALS: u32 = 6;

/// A row being read: findings go to the file's list with the row's line and symbol.
pub(super) struct Cells<'a> {
    row: &'a Row,
    columns: &'static [Column],
    issues: &'a mut Issues,
    symbol: Option<String>,
}

/// What a number must be.
#[derive(Clone, Copy)]
pub(super) enum Range {
    /// Anything but zero.
    NotZero,
    /// Above zero.
    Positive,
    /// Zero or above.
    NotNegative,
}

/// The rule and codes of a column of numbers.
#[derive(Clone, Copy)]
pub(super) struct Number {
    pub(super) column: usize,
    /// What it is called in messages.
    pub(super) what: &'static str,
    pub(super) range: Range,
    /// First absolute value that is too large.
    pub(super) limit: Decimal,
    pub(super) missing: &'static str,
    pub(super) unreadable: &'static str,
    pub(super) out_of_range: &'static str,
    pub(super) decimals: &'static str,
    pub(super) too_large: &'static str,
}

/// The codes of a column of symbols.
#[derive(Clone, Copy)]
pub(super) struct SymbolCodes {
    pub(super) missing: &'static str,
    pub(super) too_long: &'static str,
    pub(super) character: &'static str,
}

/// The rule and codes of a column of dates.
#[derive(Clone, Copy)]
pub(super) struct Date {
    pub(super) column: usize,
    pub(super) missing: &'static str,
    pub(super) format: &'static str,
    /// Outside the years of the calendar.
    pub(super) horizon: &'static str,
}

impl<'a> Cells<'a> {
    /// Begins a row; its symbol is named with every finding.
    pub(super) fn new(
        row: &'a Row,
        columns: &'static [Column],
        symbol: Option<&str>,
        issues: &'a mut Issues,
    ) -> Self {
        let symbol = symbol.map(|text| text.chars().take(64).collect());
        Self {
            row,
            columns,
            issues,
            symbol,
        }
    }

    /// The text of a field that is not empty.
    pub(super) fn text(&self, column: usize) -> Option<&'a str> {
        self.row.get(column)
    }

    /// Notes a finding.
    pub(super) fn error(
        &mut self,
        column: usize,
        code: &'static str,
        message: String,
        remedy: &str,
    ) {
        let name = self
            .columns
            .get(column)
            .map(|column| column.name)
            .unwrap_or_default();
        self.issues.push(Issue {
            line: self.row.line,
            column: name.to_owned(),
            code,
            symbol: self.symbol.clone(),
            message,
            remedy: remedy.to_owned(),
        });
    }

    /// A symbol that must be there.
    pub(super) fn symbol(&mut self, column: usize, codes: SymbolCodes) -> Option<Symbol> {
        let Some(text) = self.text(column) else {
            self.error(column, codes.missing, "no symbol".into(), "give the symbol");
            return None;
        };
        self.parse_symbol(column, text, codes)
    }

    /// A symbol that may be left out.
    pub(super) fn optional_symbol(&mut self, column: usize, codes: SymbolCodes) -> Option<Symbol> {
        let text = self.text(column)?;
        self.parse_symbol(column, text, codes)
    }

    fn parse_symbol(&mut self, column: usize, text: &str, codes: SymbolCodes) -> Option<Symbol> {
        let error = match Symbol::parse(text) {
            Ok(symbol) => return Some(symbol),
            Err(error) => error,
        };
        let code = match error {
            SymbolError::Empty => codes.missing,
            SymbolError::TooLong(_) => codes.too_long,
            SymbolError::Character(_) => codes.character,
        };
        let message = format!("{} is no symbol", quoted(text));
        self.error(column, code, message, "use at most 32 of A-Z 0-9 . _ ^ = -");
        None
    }

    /// A number that must be there.
    pub(super) fn number(&mut self, rule: Number) -> Option<Decimal> {
        if self.text(rule.column).is_none() {
            let message = format!("no {}", rule.what);
            self.error(
                rule.column,
                rule.missing,
                message,
                "give a plain number such as 1234.56",
            );
            return None;
        }
        self.optional_number(rule)
    }

    /// A number that may be left out.
    pub(super) fn optional_number(&mut self, rule: Number) -> Option<Decimal> {
        let Number {
            column,
            what,
            range,
            ..
        } = rule;
        let text = self.text(column)?;
        let shown = quoted(text);
        let value = match money::parse(text) {
            Ok(value) => value,
            Err(error) => {
                let remedy = "write digits with at most one point, no exponent, no separators";
                self.error(
                    column,
                    rule.unreadable,
                    format!("{what} {shown} is {error}"),
                    remedy,
                );
                return None;
            }
        };
        let (right, needed) = match range {
            Range::NotZero => (!value.is_zero(), "not be zero"),
            Range::Positive => (value > Decimal::ZERO, "be above zero"),
            Range::NotNegative => (value >= Decimal::ZERO, "not be negative"),
        };
        let (code, message, remedy) = if !right {
            let remedy = "correct it, or remove the row";
            (
                rule.out_of_range,
                format!("{what} {shown} must {needed}"),
                remedy,
            )
        } else if money::decimals(value) > MAX_DECIMALS {
            let message = format!("{what} {shown} has more than {MAX_DECIMALS} decimals");
            (rule.decimals, message, "round it to six decimals")
        } else if value.abs() >= rule.limit {
            let message = format!("{what} {shown} is {} or more", rule.limit);
            (rule.too_large, message, "check the unit")
        } else {
            return Some(value);
        };
        self.error(column, code, message, remedy);
        None
    }

    /// A date that must be there.
    pub(super) fn date(&mut self, rule: Date) -> Option<NaiveDate> {
        if self.text(rule.column).is_none() {
            self.error(
                rule.column,
                rule.missing,
                "no date".into(),
                "give it as YYYY-MM-DD",
            );
            return None;
        }
        self.optional_date(rule)
    }

    /// A date that may be left out.
    pub(super) fn optional_date(&mut self, rule: Date) -> Option<NaiveDate> {
        let text = self.text(rule.column)?;
        let Some(date) = plain_date(text) else {
            let message = format!("{} is no date", quoted(text));
            self.error(rule.column, rule.format, message, "write it as YYYY-MM-DD");
            return None;
        };
        let (first, last) = Calendar::nyse().horizon();
        // The last days may have no session after them any more.
        if date < first || Calendar::nyse().on_or_after(date).is_err() {
            let message = format!("{date} is outside the calendar, {first} to {last}");
            self.error(rule.column, rule.horizon, message, "correct the year");
            return None;
        }
        Some(date)
    }
}

/// Exactly `YYYY-MM-DD`.
fn plain_date(text: &str) -> Option<NaiveDate> {
    let shape = |(index, byte): (usize, u8)| match index {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    let plain = text.len() == 10 && text.bytes().enumerate().all(shape);
    plain
        .then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_spelling_of_a_date_is_read() {
        assert_eq!(
            plain_date("2025-06-30"),
            NaiveDate::from_ymd_opt(2025, 6, 30)
        );
        for text in [
            "2025-6-30",
            "2025-02-30",
            "30.06.2025",
            "06/30/2025",
            "+025-06-30",
            "20250630",
        ] {
            assert_eq!(plain_date(text), None, "{text}");
        }
    }
}
