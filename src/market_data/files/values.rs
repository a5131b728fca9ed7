//! Cells of a CSV file as values. A problem is told with the cell's text, ready for a report.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::domain::Symbol;

/// Most decimals that are kept: what is behind the twelfth is noise of binary fractions, and
/// fewer digits leave room in the 28 of a decimal for the ledger's products.
const MAX_DECIMALS: u32 = 12;

pub(super) fn symbol(text: &str) -> Result<Symbol, String> {
    Symbol::parse(text).map_err(|error| error.to_string())
}

/// A date as `2016-12-30`, and nothing else: 12/30/16 and 30/12/16 cannot be told apart.
pub(super) fn date(text: &str) -> Result<NaiveDate, String> {
    // The parser alone would take signs and single digits too.
    let shape = |(at, byte): (usize, u8)| {
        if at == 4 || at == 7 {
            byte == b'-'
        } else {
            byte.is_ascii_digit()
        }
    };
    let shaped = text.len() == 10 && text.bytes().enumerate().all(shape);
    let parsed = if shaped { text.parse().ok() } else { None };
    parsed.ok_or_else(|| format!("\"{text}\" is no date, write it as 2016-12-30"))
}

/// A number, plain or as `1.5e-5`; `what` names the cell.
pub(super) fn number(what: &str, text: &str) -> Result<Decimal, String> {
    let no_number = || format!("{what} \"{text}\" is no number");
    let allowed = |b: u8| b.is_ascii_digit() || b"+-.eE".contains(&b);
    if !text.bytes().all(allowed) {
        return Err(no_number());
    }
    let parsed = if text.contains(['e', 'E']) {
        Decimal::from_scientific(text)
    } else {
        text.parse()
    };
    let value = parsed.map_err(|_| no_number())?;
    // Without trailing zeros 1.50 and 1.5 are the same text wherever they are printed.
    Ok(value.round_dp(MAX_DECIMALS).normalize())
}

/// A number above zero.
pub(super) fn positive(what: &str, text: &str) -> Result<Decimal, String> {
    let value = number(what, text)?;
    if value > Decimal::ZERO {
        Ok(value)
    } else {
        Err(format!(
            "{what} {text} is not above zero; leave the cell empty if there is none"
        ))
    }
}

/// Zero or more.
pub(super) fn not_negative(what: &str, text: &str) -> Result<Decimal, String> {
    let value = number(what, text)?;
    if value >= Decimal::ZERO {
        Ok(value)
    } else {
        Err(format!("{what} {text} is below zero"))
    }
}

/// A fraction between −1 and 1: whoever writes 2.45 for 2.45 % is told so.
pub(super) fn fraction(what: &str, text: &str) -> Result<Decimal, String> {
    let value = number(what, text)?;
    if value.abs() <= Decimal::ONE {
        Ok(value)
    } else {
        Err(format!(
            "{what} {text} is no fraction, write 0.0245 for 2.45 %"
        ))
    }
}

/// A statistic of the provider, for cross-checks only.
pub(super) fn statistic(what: &str, text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(format!("{what} \"{text}\" is no number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_twelve_decimals_and_no_trailing_zeros() {
        let text = |cell| number("close", cell).unwrap().to_string();
        assert_eq!(text("12.500"), "12.5");
        assert_eq!(text("8381600.0"), "8381600");
        assert_eq!(text("12.483000000000001"), "12.483");
        assert_eq!(text("1.5e-05"), "0.000015");
    }

    #[test]
    fn other_texts_are_no_numbers() {
        for cell in ["NaN", "inf", "abc", "1,5", "1_000", "-", "$5", "1e", "1e99"] {
            let problem = number("close", cell).unwrap_err();
            assert_eq!(problem, format!("close \"{cell}\" is no number"));
        }
        assert!(positive("close", "0.0").is_err());
        assert!(positive("close", "1e-20").is_err(), "rounds to zero");
        assert!(positive("close", "-1").is_err());
    }

    #[test]
    fn a_percentage_is_no_fraction() {
        assert_eq!(fraction("DE10", "-0.005").unwrap().to_string(), "-0.005");
        assert!(
            fraction("DE10", "2.45")
                .unwrap_err()
                .contains("write 0.0245 for 2.45 %")
        );
    }

    #[test]
    fn dates_have_one_spelling() {
        assert!(date("2016-12-30").is_ok());
        for text in [
            "2016-2-30",
            "2016-02-30",
            "12/30/2016",
            "2016-1-4",
            "+2016-01-4",
            "",
        ] {
            assert!(date(text).is_err(), "{text}");
        }
    }
}
