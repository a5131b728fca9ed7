//! Horizontal bars from zero, to the right what is gained, to the left what is lost; several for each row, each with its
//! number at its end, over an axis.

use maud::{Markup, html};

use super::scale::Scale;
use super::{Frame, NAMES, NUMBERS, Numbers, ROW, SERIES, WIDTH, at, clipped, figure, nothing};

/// Height of one of several bars of a row.
const BAR: f64 = 13.0;
/// Room for the axis below.
const AXIS: f64 = 22.0;

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
    // Each bar is as high as its number.
    let thick = if series.len() > 1 { BAR } else { ROW - 6.0 };
    let row_height = thick * series.len().max(1) as f64 + 6.0;
    let bottom = rows.len() as f64 * row_height + 8.0;
    let height = bottom + AXIS;
    let marks = html! {
        @for tick in x.ticks(5) {
            line.rule x1=(at(x.at(tick))) x2=(at(x.at(tick))) y1="0" y2=(at(bottom)) {}
            text.axis x=(at(x.at(tick))) y=(at(height - 6.0)) text-anchor="middle" { (text(tick)) }
        }
        line.zero x1=(at(zero)) x2=(at(zero)) y1="0" y2=(at(bottom)) {}
        @for (place, row) in rows.iter().enumerate() {
            @let top = 4.0 + place as f64 * row_height;
            text.name x=(at(NAMES - 6.0)) y=(at(top + row_height / 2.0 + 4.0)) text-anchor="end" {
                (clipped(&row.name, 26)) title { (row.name) }
            }
            @for (number, value) in row.values.iter().enumerate() {
                @let y = top + 2.0 + number as f64 * thick;
                @let base = y + thick / 2.0 + 4.0;
                @if let Some(value) = value {
                    @let end = x.at(*value);
                    rect class=(class(series.len(), number, *value)) x=(at(end.min(zero))) y=(at(y))
                        width=(at((end - zero).abs().max(1.0))) height=(at(thick)) {
                        title { (row.name) ", " (series.get(number).unwrap_or(&"")) ": " (text(*value)) }
                    }
                    @let (place, anchor) = if *value < 0.0 { (end - 4.0, "end") } else { (end + 4.0, "start") };
                    text.number x=(at(place)) y=(at(base)) text-anchor=(anchor) { (text(*value)) }
                } @else {
                    text.none x=(at(zero + 4.0)) y=(at(base)) { "missing" }
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
    let names = series.iter().enumerate();
    let legend = names.map(|(number, name)| (format!("s{}", number % SERIES), *name));
    let frame = Frame {
        legend: legend.collect(),
        ..Frame::plain(label, height)
    };
    figure(&frame, &marks, &numbers)
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
        assert!(!text.contains("legend"), "{text}");
    }

    #[test]
    fn each_of_several_bars_has_its_number_and_its_name_in_the_legend() {
        let rows = [Bar {
            name: "crash".into(),
            values: vec![Some(-0.25), Some(-0.1)],
        }];
        let series = ["propagated", "direct"];
        let text = bars("stress", &series, &rows, |value| format!("{value:.2}")).into_string();
        for number in ["-0.25", "-0.10"] {
            let told = format!("text-anchor=\"end\">{number}</text>");
            assert!(text.contains(&told), "{told} in {text}");
        }
        for name in series {
            assert!(text.contains(&format!("</span>{name}</li>")), "{text}");
        }
        // Ticks at −0.25, −0.20 … 0.00, and both bars at places of their own.
        assert_eq!(text.matches("class=\"axis\"").count(), 6, "{text}");
        assert!(
            text.contains("class=\"bar s0\" x=\"270.0\" y=\"6.0\""),
            "{text}"
        );
        assert!(text.contains("y=\"19.0\""), "{text}");
    }
}
