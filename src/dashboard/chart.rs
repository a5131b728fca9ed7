//! Charts as SVG, drawn here on the server: pure functions from numbers to markup. No style and no script stands in them:
//! classes and presentation attributes only, so that the strictest content policy lets them through and the
//! style sheet colours them for light and dark.
//!
//! Every mark has a `<title>` with its number; below each chart the same numbers stand as a table.

mod bars;
mod gantt;
mod heat;
mod line;
mod scale;
mod whiskers;

use maud::{Markup, html};

pub use bars::{Bar, bars};
pub use gantt::{Span, gantt};
pub use heat::{Cell, HeatRow, correlation, grid};
pub use line::{Line, Shape, line};
pub use whiskers::{Whisker, whiskers};

/// Width of the coordinates of every chart; the page scales it.
const WIDTH: f64 = 720.0;
/// Width of the names at the left of rows.
const NAMES: f64 = 190.0;
/// Height of a row.
const ROW: f64 = 22.0;
/// Room at the right for numbers.
const NUMBERS: f64 = 80.0;
/// Colours of series in the style sheet: `s0` to `s5`.
const SERIES: usize = 6;

/// The numbers of a chart, for who cannot see it.
#[derive(Debug, Default)]
struct Numbers {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Numbers {
    fn new(head: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            head: head.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }
}

/// What stands around a chart.
struct Frame<'a> {
    /// Its name.
    label: &'a str,
    /// Height of its coordinates.
    height: f64,
    /// Colour and name of each series; told where there are several.
    legend: Vec<(String, &'a str)>,
    /// Whether it runs over time: where it is wider than the screen, its newest end is shown first.
    dated: bool,
}

impl<'a> Frame<'a> {
    /// Of one series, without a direction.
    fn plain(label: &'a str, height: f64) -> Self {
        Self {
            label,
            height,
            legend: Vec::new(),
            dated: false,
        }
    }
}

/// The frame of every chart: a picture with a name, and its numbers.
fn figure(frame: &Frame<'_>, marks: &Markup, numbers: &Numbers) -> Markup {
    let (label, height) = (frame.label, frame.height);
    let view = format!("0 0 {WIDTH} {height:.0}");
    html! {
        figure.chart {
            div.scroll.dated[frame.dated] tabindex="0" role="group" aria-label=(label) {
                svg viewBox=(view) role="img" aria-label=(label) { (marks) }
            }
            @if frame.legend.len() > 1 {
                ul.legend { @for (colour, name) in &frame.legend {
                    li { span class=(format!("key {colour}")) aria-hidden="true" {} (name) }
                } }
            }
            details {
                summary { "Numbers: " (label) }
                div.scroll tabindex="0" {
                    table {
                        thead { tr { @for cell in &numbers.head { th scope="col" { (cell) } } } }
                        tbody {
                            @for row in &numbers.rows {
                                tr { @for (place, cell) in row.iter().enumerate() {
                                    @if place == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                                } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A coordinate.
fn at(value: f64) -> String {
    format!("{value:.1}")
}

/// A name that fits its column.
fn clipped(name: &str, characters: usize) -> String {
    if name.chars().count() <= characters {
        return name.to_owned();
    }
    let mut text: String = name.chars().take(characters - 1).collect();
    text.push('…');
    text
}

/// What stands in place of a chart without a number.
fn nothing(label: &str) -> Markup {
    html! { p.none { (label) ": there is nothing to draw yet" } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_a_name_its_numbers_and_no_style() {
        let mut numbers = Numbers::new(["name", "value"]);
        numbers.rows.push(vec!["<b>".into(), "1".into()]);
        let frame = Frame::plain("NAV & more", 40.0);
        let text = figure(&frame, &html! {}, &numbers).into_string();
        assert!(
            text.contains("role=\"img\" aria-label=\"NAV &amp; more\""),
            "{text}"
        );
        assert!(text.contains("<th scope=\"row\">&lt;b&gt;</th>"), "{text}");
        assert!(!text.contains("style"), "{text}");
    }

    #[test]
    fn several_series_are_told_apart_beside_the_chart() {
        let mut frame = Frame::plain("stress", 40.0);
        frame.legend = vec![("s0".to_owned(), "propagated"), ("s1".to_owned(), "direct")];
        let text = figure(&frame, &html! {}, &Numbers::default()).into_string();
        for (colour, name) in &frame.legend {
            let key = format!("<span class=\"key {colour}\" aria-hidden=\"true\"></span>{name}");
            assert!(text.contains(&key), "{text}");
        }
        frame.legend.pop();
        let text = figure(&frame, &html! {}, &Numbers::default()).into_string();
        assert!(!text.contains("legend"), "{text}");
    }

    #[test]
    fn long_names_are_clipped_by_characters() {
        assert_eq!(clipped("ÄÖÜäöü", 4), "ÄÖÜ…");
        assert_eq!(clipped("ÄÖÜ", 4), "ÄÖÜ");
    }
}
