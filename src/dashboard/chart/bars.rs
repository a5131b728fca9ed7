//! Horizontal bars from zero, to the right what is gained, to the left what is lost; several for each row.

use maud::{Markup, html};

use super::scale::Scale;
use super::{NAMES, NUMBERS, Numbers, ROW, SERIES, WIDTH, at, clipped, figure, nothing};

/// One row of bars.
#[derive(Debug, Clone)]
pub struct Bar {
    /// Its name.
    pub name: String,
    /// One value for each series.
    pub values: Vec<Option<f64>>,
}

/// Rows of bars; `series` names their values, `text` writes them.
pub fn bars(label: &str, series: &[&str], rows: &[Bar], text: impl Fn(f64) -> String) -> Markup {
    let values = rows
        .iter()
        .flat_map(|row| row.values.iter().flatten().copied());
    let right = WIDTH - NUMBERS;
    let Some(x) = Scale::over(values.chain([0.0]), NAMES + NUMBERS, right) else {
        return nothing(label);
    };
    if rows.is_empty() {
        return nothing(label);
    }
    let zero = x.at(0.0);
    let thick = (ROW - 6.0) / series.len().max(1) as f64;
    let height = rows.len() as f64 * ROW + 8.0;
    let marks = html! {
        line.zero x1=(at(zero)) x2=(at(zero)) y1="0" y2=(at(height)) {}
        @for (place, row) in rows.iter().enumerate() {
            @let top = 4.0 + place as f64 * ROW;
            text.name x=(at(NAMES - 6.0)) y=(at(top + ROW * 0.65)) text-anchor="end" {
                (clipped(&row.name, 26)) title { (row.name) }
            }
            @for (number, value) in row.values.iter().enumerate() {
                @let y = top + 2.0 + number as f64 * thick;
                @if let Some(value) = value {
                    @let end = x.at(*value);
                    rect class=(class(series.len(), number, *value)) x=(at(end.min(zero))) y=(at(y))
                        width=(at((end - zero).abs().max(1.0))) height=(at(thick)) {
                        title { (row.name) ", " (series.get(number).unwrap_or(&"")) ": " (text(*value)) }
                    }
                    @if series.len() == 1 {
                        @let (place, anchor) = if *value < 0.0 { (end - 4.0, "end") } else { (end + 4.0, "start") };
                        text.number x=(at(place)) y=(at(top + ROW * 0.65)) text-anchor=(anchor) { (text(*value)) }
                    }
                } @else {
                    text.none x=(at(zero + 4.0)) y=(at(top + ROW * 0.65)) { "missing" }
                }
            }
        }
    };
    let mut numbers = Numbers::new(std::iter::once("").chain(series.iter().copied()));
    for row in rows {
        let cells = row.values.iter();
        let cells = cells.map(|value| value.map_or_else(|| "missing".to_owned(), &text));
        numbers
            .rows
            .push(std::iter::once(row.name.clone()).chain(cells).collect());
    }
    figure(label, height, &marks, &numbers)
}

/// One series is coloured by sign, several by their number.
fn class(series: usize, number: usize, value: f64) -> String {
    if series > 1 {
        format!("bar s{}", number % SERIES)
    } else if value < 0.0 {
        "bar minus".to_owned()
    } else {
        "bar plus".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_go_left_of_zero_and_what_is_missing_is_no_bar() {
        let row = |name: &str, value| Bar {
            name: name.into(),
            values: vec![value],
        };
        let rows = [
            row("gain", Some(1.0)),
            row("loss", Some(-1.0)),
            row("gone", None),
        ];
        let text = bars("stress", &["P&L"], &rows, |value| format!("{value:+.1}")).into_string();
        assert_eq!(text.matches("<rect").count(), 2);
        assert!(text.contains("class=\"bar minus\" x=\"270.0\""), "{text}");
        assert!(text.contains("class=\"bar plus\" x=\"455.0\""), "{text}");
        assert!(
            text.contains("<title>loss, P&amp;L: -1.0</title>"),
            "{text}"
        );
        assert_eq!(text.matches("missing").count(), 2);
    }
}
