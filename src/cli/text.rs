//! Numbers and tables as people read them.

use chrono::{DateTime, NaiveDate, Utc};
use comfy_table::{
    Cell, CellAlignment, ColumnConstraint, ContentArrangement, ContentLineStyle, LineStyle, Table,
    TableStyle, Width,
};
use rust_decimal::{Decimal, RoundingStrategy};

/// Shown where there is no value; the reason stands elsewhere on the page.
pub(super) const NONE: &str = "–";
/// Longest line of a cell: reasons wrap.
const WIDEST: u16 = 60;

/// One line under the header, no borders: two spaces between columns.
const STYLE: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none())
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .content_lines(ContentLineStyle::none());

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    name: &'static str,
    right: bool,
}

/// A column of texts.
pub const fn left(name: &'static str) -> Column {
    Column { name, right: false }
}

/// A column of numbers.
pub const fn right(name: &'static str) -> Column {
    Column { name, right: true }
}

/// A table as text; each line ends with a line end and has no spaces before it.
pub fn table(columns: &[Column], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(STYLE)
        .set_content_arrangement(ContentArrangement::Disabled);
    let alignment = |column: &Column| {
        if column.right {
            CellAlignment::Right
        } else {
            CellAlignment::Left
        }
    };
    if columns.iter().any(|column| !column.name.is_empty()) {
        let header = columns
            .iter()
            .map(|column| Cell::new(column.name).set_alignment(alignment(column)));
        table.set_header(header.collect::<Vec<_>>());
    }
    for row in rows {
        let cells = row.into_iter().zip(columns);
        let cells = cells.map(|(text, column)| Cell::new(text).set_alignment(alignment(column)));
        table.add_row(cells.collect::<Vec<_>>());
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
        column.set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(WIDEST + 1)));
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Money with thousands separators and cents: `-1,234,567.89`.
pub fn money(value: Decimal) -> String {
    fixed(value, 2)
}

/// A decimal with thousands separators and so many digits after the point.
pub fn fixed(value: Decimal, digits: u32) -> String {
    let rounded = value.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero);
    let text = rounded.abs().to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if rounded.is_sign_negative() && !rounded.is_zero() {
        "-"
    } else {
        ""
    };
    let point = if digits == 0 { "" } else { "." };
    format!(
        "{sign}{grouped}{point}{fraction:0<width$}",
        width = digits as usize
    )
}

/// A quantity or a price: thousands separators, no zeros at the end beyond `least` digits.
pub(super) fn plain(value: Decimal, least: u32) -> String {
    let scale = value.normalize().scale();
    fixed(value, scale.clamp(least, 6))
}

/// A number with a sign in front, also when positive. One that is shown as zero has none: it may have been a small loss.
pub fn signed(text: String) -> String {
    let zero = !text.chars().any(|digit| ('1'..='9').contains(&digit));
    if zero || text.starts_with('-') {
        text
    } else {
        format!("+{text}")
    }
}

/// A fraction as percent with two decimals: 0.1234 is `12.34 %`.
pub fn percent(fraction: f64) -> String {
    format!("{} %", number(fraction * 100.0, 2))
}

/// A statistic with so many digits after the point; no negative zero.
pub(super) fn number(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let zero = text
        .trim_start_matches('-')
        .chars()
        .all(|c| c == '0' || c == '.');
    if zero {
        text.trim_start_matches('-').to_owned()
    } else {
        text
    }
}

/// The text of a value, or a dash.
pub(super) fn or_dash<T>(value: Option<T>, text: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| NONE.to_owned(), text)
}

/// A date, or a dash.
pub fn date(date: Option<NaiveDate>) -> String {
    or_dash(date, |date| date.to_string())
}

/// An instant in UTC, to the second; what the heading says.
pub(super) fn instant(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// A duration: `0.8 s`, `12 s`, `3 min 05 s`, `2 h 07 min`.
pub fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = std::time::Duration::from_secs_f64(seconds.min(1e12).round()).as_secs();
    match whole {
        0..60 => format!("{whole} s"),
        60..3_600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3_600, whole % 3_600 / 60),
    }
}

/// [`count`] of a stored number; a negative one counts as none.
pub(super) fn counted(n: i32, noun: &str) -> String {
    count(usize::try_from(n).unwrap_or(0), noun)
}

/// `1 lot`, `2 lots`.
pub(super) fn count(n: usize, noun: &str) -> String {
    let number = fixed(Decimal::from(n), 0);
    if n == 1 {
        format!("{number} {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

/// Indents every line that is not empty.
pub(super) fn indented(text: &str) -> String {
    let mut page = String::with_capacity(text.len());
    for line in text.lines() {
        if !line.is_empty() {
            page.push_str("  ");
        }
        page.push_str(line);
        page.push('\n');
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn money_has_cents_and_thousands() {
        for (value, text) in [
            ("0", "0.00"),
            ("-0.001", "0.00"),
            ("1.005", "1.01"),
            ("-1.005", "-1.01"),
            ("999.999", "1,000.00"),
            ("1234567.8", "1,234,567.80"),
            ("-123456", "-123,456.00"),
            (
                "79228162514264337593543950335",
                "79,228,162,514,264,337,593,543,950,335.00",
            ),
        ] {
            assert_eq!(money(decimal(value)), text);
        }
        assert_eq!(signed(money(decimal("5"))), "+5.00");
        assert_eq!(fixed(decimal("1234.5"), 0), "1,235");
        assert_eq!(signed(money(decimal("-0.004"))), "0.00");
        assert_eq!(signed(percent(-0.000_001)), "0.00 %");
        assert_eq!(signed(percent(0.0001)), "+0.01 %");
        assert_eq!(signed(percent(-0.0001)), "-0.01 %");
    }

    #[test]
    fn quantities_keep_the_digits_they_have() {
        assert_eq!(plain(decimal("1500.000"), 0), "1,500");
        assert_eq!(plain(decimal("0.125"), 0), "0.125");
        assert_eq!(plain(decimal("24.1"), 2), "24.10");
        assert_eq!(plain(decimal("24.041"), 2), "24.041");
    }

    #[test]
    fn fractions_are_shown_as_percent() {
        assert_eq!(percent(-0.35), "-35.00 %");
        assert_eq!(percent(0.123_45), "12.35 %");
        assert_eq!(percent(-0.000_001), "0.00 %");
    }

    #[test]
    fn durations_are_short() {
        for (seconds, text) in [
            (0.04, "0.0 s"),
            (9.94, "9.9 s"),
            (59.4, "59 s"),
            (185.0, "3 min 05 s"),
            (7_620.0, "2 h 07 min"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn numbers_are_aligned_to_the_right() {
        let rows = [
            vec!["AAPL".into(), "1.00".into()],
            vec!["X".into(), "100.00".into()],
        ];
        let text = table(&[left("symbol"), right("value")], rows);
        assert_eq!(
            text,
            "symbol   value\n───────────────\nAAPL      1.00\nX       100.00\n"
        );
    }

    #[test]
    fn counts_agree_with_their_noun() {
        assert_eq!(count(1, "lot"), "1 lot");
        assert_eq!(count(1_250, "lot"), "1,250 lots");
        assert_eq!(counted(1, "session"), "1 session");
        assert_eq!(counted(0, "session"), "0 sessions");
    }
}
