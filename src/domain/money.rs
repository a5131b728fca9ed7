//! Money is exact decimals; statistics are floating point. This file is the one crossing between
//! the two, and the one reader of decimals from files.

use rust_decimal::Decimal;

/// Powers of ten that a floating-point number holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Why a text is not a plain decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Nothing but white space.
    #[error("empty")]
    Empty,
    /// Something else than digits with at most one point and a sign in front: an exponent, a
    /// thousands separator, a currency sign, NaN.
    #[error("not a plain decimal number such as 1234.56")]
    NotPlain,
    /// More digits than an exact decimal holds (28).
    #[error("more digits than can be kept exactly")]
    TooLong,
}

/// The nearest floating-point number: the way of money into statistics, and the only one.
///
/// Correctly rounded, so the same bits on every machine: one exact division where mantissa and
/// power of ten are exact, else through the decimal text.
pub fn to_f64(value: Decimal) -> f64 {
    let mantissa = value.mantissa();
    match POWERS.get(value.scale() as usize) {
        Some(power) if mantissa.unsigned_abs() < 1 << 53 => mantissa as f64 / power,
        // A decimal's text is always a number.
        _ => value.to_string().parse().unwrap_or(f64::NAN),
    }
}

/// The shortest decimal that reads back as `value`: the way of statistics into money, and the
/// only one. Nothing for NaN, infinities and numbers of more than 28 digits before the point.
pub fn from_f64(value: f64) -> Option<Decimal> {
    if !value.is_finite() {
        return None;
    }
    // `Display` of a float never writes an exponent; digits beyond the 28th are rounded away.
    value.to_string().parse().ok()
}

/// Reads a plain decimal: an optional sign, digits, at most one point with a digit on one side.
/// Surrounding white space goes; `1e5`, `1,000`, `1_000`, `$5` and `NaN` are errors.
pub fn parse(text: &str) -> Result<Decimal, DecimalError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(DecimalError::Empty);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || whole.len() + fraction.len() == 0 {
        return Err(DecimalError::NotPlain);
    }
    let (whole, fraction) = (
        whole.trim_start_matches('0'),
        fraction.trim_end_matches('0'),
    );
    let sign = if text.starts_with('-') { "-" } else { "" };
    let number = Decimal::from_str_exact(&format!("{sign}0{whole}.{fraction}0"));
    number
        .map(|value| value.normalize())
        .map_err(|_| DecimalError::TooLong)
}

/// Digits after the point, trailing zeros not counted.
pub fn decimals(value: Decimal) -> u32 {
    value.normalize().scale()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_crosses_to_the_nearest_float() {
        for text in [
            "0",
            "0.1",
            "-0.1",
            "123456789.123456789",
            "79228162514264337593543950335",
            "0.0000000000000000000000000001",
            "9007199254740993",
            "0.30000000000000004",
            "12345678901234567890.12345678",
        ] {
            let value: Decimal = text.parse().unwrap();
            assert_eq!(
                to_f64(value).to_bits(),
                text.parse::<f64>().unwrap().to_bits(),
                "{text}"
            );
        }
    }

    #[test]
    fn floats_cross_to_the_shortest_decimal() {
        let text = |value| from_f64(value).map(|decimal| decimal.to_string());
        assert_eq!(text(0.1).as_deref(), Some("0.1"));
        assert_eq!(text(-101.37).as_deref(), Some("-101.37"));
        assert_eq!(text(1e20).as_deref(), Some("100000000000000000000"));
        for none in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
            assert_eq!(text(none), None);
        }
    }

    #[test]
    fn only_plain_decimals_are_read() {
        for (text, value) in [
            ("150", "150"),
            (" -12.50 ", "-12.5"),
            ("+3", "3"),
            (".5", "0.5"),
            ("5.", "5"),
            ("000001.100000", "1.1"),
            ("0.000", "0"),
            ("-0", "0"),
            ("1.0000000000000000000000000000000000000000", "1"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), value, "{text}");
        }
        for text in [
            "1e5", "1E-5", "NaN", "inf", "1,000", "1_000", "$5", "--1", "1.2.3", ".", "-", "١٢",
            "1 000", "0x10",
        ] {
            assert_eq!(parse(text), Err(DecimalError::NotPlain), "{text}");
        }
        assert_eq!(parse("  "), Err(DecimalError::Empty));
        assert_eq!(parse(&"9".repeat(40)), Err(DecimalError::TooLong));
        assert_eq!(
            parse("0.12345678901234567890123456789012"),
            Err(DecimalError::TooLong)
        );
    }

    #[test]
    fn trailing_zeros_are_no_decimals() {
        assert_eq!(decimals("1.250000".parse().unwrap()), 2);
        assert_eq!(decimals("100".parse().unwrap()), 0);
    }
}
