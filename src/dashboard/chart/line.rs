//! Lines over time, with their area if wanted. A missing value is a gap, never a zero.

use maud::{Markup, html};

use super::scale::Scale;
use super::{Frame, NUMBERS, Numbers, SERIES, WIDTH, at, figure, nothing};

/// One line.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// One value for each place of the axis.
    pub values: Vec<Option<f64>>,
    /// How it is drawn.
    pub shape: Shape,
}

/// How values over time are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A line.
    Line,
    /// A line, and the area between it and zero (or the lowest value).
    Area,
    /// Marks at single places; elsewhere nothing is missing.
    Marks,
}

const HEIGHT: f64 = 240.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 212.0;
const RIGHT: f64 = WIDTH - 12.0;

/// Lines over the same axis; `text` writes a value.
pub fn line(label: &str, axis: &[String], lines: &[Line], text: impl Fn(f64) -> String) -> Markup {
    let values = || {
        lines
            .iter()
            .flat_map(|line| line.values.iter().flatten().copied())
    };
    let Some(y) = Scale::over(values(), BOTTOM, TOP) else {
        return nothing(label);
    };
    let last = axis.len().saturating_sub(1).max(1) as f64;
    let x = |place: usize| NUMBERS + place as f64 / last * (RIGHT - NUMBERS);
    let floor = y.at(0.0);
    let every = (axis.len() / 6).max(1);
    let marks = html! {
        @for tick in y.ticks(5) {
            line.rule x1=(at(NUMBERS)) x2=(at(RIGHT)) y1=(at(y.at(tick))) y2=(at(y.at(tick))) {}
            text.axis x=(at(NUMBERS - 6.0)) y=(at(y.at(tick) + 4.0)) text-anchor="end" { (text(tick)) }
        }
        @for (place, name) in axis.iter().enumerate().step_by(every) {
            // The last one ends where the chart does.
            @let anchor = if place > 0 && place + 1 == axis.len() { "end" } else { "middle" };
            text.axis x=(at(x(place))) y=(at(BOTTOM + 20.0)) text-anchor=(anchor) { (name) }
        }
        @for (number, line) in lines.iter().enumerate() {
            @for part in parts(&line.values).iter().filter(|_| line.shape != Shape::Marks) {
                @let points = part.iter().map(|(place, value)| (x(*place), y.at(*value)));
                @let points: Vec<(f64, f64)> = points.collect();
                @if line.shape == Shape::Area { path class=(class("area", number)) d=(area(&points, floor)) {} }
                path class=(class("line", number)) d=(path(&points)) fill="none" {}
            }
            @for (place, value) in line.values.iter().enumerate() {
                @if let Some(value) = value {
                    circle class=(dot(line, number, place)) cx=(at(x(place))) cy=(at(y.at(*value))) r=(if line.shape == Shape::Marks { "4" } else { "3" }) {
                        title { (line.name) ", " (axis.get(place).map_or("", String::as_str)) ": " (text(*value)) }
                    }
                }
            }
        }
    };
    let mut numbers =
        Numbers::new(std::iter::once("").chain(lines.iter().map(|line| line.name.as_str())));
    for (place, name) in axis.iter().enumerate() {
        let cells = lines.iter().map(|line| {
            let value = line.values.get(place).copied().flatten();
            let none = if line.shape == Shape::Marks {
                "–"
            } else {
                "missing"
            };
            value.map_or_else(|| none.to_owned(), &text)
        });
        numbers
            .rows
            .push(std::iter::once(name.clone()).chain(cells).collect());
    }
    let legend = lines.iter().enumerate().map(|(number, line)| {
        let colour = match line.shape {
            Shape::Marks => "mark".to_owned(),
            Shape::Line | Shape::Area => format!("s{}", number % SERIES),
        };
        (colour, line.name.as_str())
    });
    let frame = Frame {
        legend: legend.collect(),
        dated: true,
        ..Frame::plain(label, HEIGHT)
    };
    figure(&frame, &marks, &numbers)
}

fn class(what: &str, series: usize) -> String {
    format!("{what} s{}", series % SERIES)
}

/// Of the mark at a value: without a neighbour no line leads to it, so that it must be seen itself.
fn dot(line: &Line, number: usize, place: usize) -> String {
    let known = |place: Option<usize>| {
        let value = place.and_then(|place| line.values.get(place));
        value.is_some_and(Option::is_some)
    };
    if line.shape == Shape::Marks {
        "mark".to_owned()
    } else if known(place.checked_sub(1)) || known(place.checked_add(1)) {
        class("dot", number)
    } else {
        class("dot lone", number)
    }
}

/// The parts of a line between its gaps.
fn parts(values: &[Option<f64>]) -> Vec<Vec<(usize, f64)>> {
    let mut parts = vec![Vec::new()];
    for (place, value) in values.iter().enumerate() {
        match (value, parts.last_mut()) {
            (Some(value), Some(part)) => part.push((place, *value)),
            _ => parts.push(Vec::new()),
        }
    }
    parts.retain(|part: &Vec<_>| !part.is_empty());
    parts
}

fn path(points: &[(f64, f64)]) -> String {
    let steps = points.iter().enumerate().map(|(place, (x, y))| {
        let letter = if place == 0 { 'M' } else { 'L' };
        format!("{letter}{x:.1} {y:.1}")
    });
    steps.collect()
}

fn area(points: &[(f64, f64)], floor: f64) -> String {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return String::new();
    };
    format!(
        "{}L{:.1} {floor:.1}L{:.1} {floor:.1}Z",
        path(points),
        last.0,
        first.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_breaks_the_line_and_is_named() {
        let axis: Vec<String> = ["a", "b", "c", "d"].map(String::from).to_vec();
        let values = vec![Some(1.0), Some(2.0), None, Some(4.0)];
        let nav = Line {
            name: "NAV".into(),
            values,
            shape: Shape::Area,
        };
        let text = line("value", &axis, &[nav], |value| format!("{value:.0} $")).into_string();
        assert_eq!(text.matches("class=\"line s0\"").count(), 2, "{text}");
        assert_eq!(text.matches("<circle").count(), 3);
        assert!(text.contains("<title>NAV, d: 4 $</title>"), "{text}");
        // The last one has no neighbour.
        assert_eq!(text.matches("class=\"dot s0\"").count(), 2, "{text}");
        assert_eq!(text.matches("class=\"dot lone s0\"").count(), 1, "{text}");
        assert!(text.contains("<td>missing</td>"), "{text}");
        assert!(text.contains("d=\"M80.0 212.0L289.3 145.3\""), "{text}");
    }

    #[test]
    fn marks_stand_alone_and_are_told_in_the_legend() {
        let axis: Vec<String> = ["a", "b", "c"].map(String::from).to_vec();
        let returns = Line {
            name: "return".into(),
            values: vec![Some(1.0), Some(-3.0), Some(2.0)],
            shape: Shape::Line,
        };
        let breaches = Line {
            name: "breach".into(),
            values: vec![None, Some(-3.0), None],
            shape: Shape::Marks,
        };
        let text = line("returns", &axis, &[returns, breaches], |v| v.to_string()).into_string();
        assert_eq!(text.matches("class=\"mark\"").count(), 1, "{text}");
        assert!(!text.contains("class=\"line s1\""), "{text}");
        assert!(text.contains("<title>breach, b: -3</title>"), "{text}");
        assert!(
            text.contains("class=\"key mark\" aria-hidden=\"true\"></span>breach"),
            "{text}"
        );
        assert!(!text.contains("missing"), "{text}");
        // On a narrow screen its newest end is seen first.
        assert!(text.contains("class=\"scroll dated\""), "{text}");
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let text = line("value", &[], &[], |value| value.to_string()).into_string();
        assert!(text.contains("nothing to draw"), "{text}");
    }
}
