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
    /// Names of its rows, [`NAMES`] wide, that stay in sight while the rest is scrolled; its marks begin beside them.
    names: Option<Markup>,
    /// Whether it runs over time: where it is wider than the screen, its newest end is shown first.
    dated: bool,
    /// Whether marks of it lead somewhere: what stands in a picture is hidden from who cannot see it, links too.
    links: bool,
}

impl<'a> Frame<'a> {
    /// Of one series, without a direction.
    fn plain(label: &'a str, height: f64) -> Self {
        Self {
            label,
            height,
            legend: Vec::new(),
            names: None,
            dated: false,
            links: false,
        }
    }
}

/// The frame of every chart: a picture with a name, or a group where there are links in it, and its numbers.
fn figure(frame: &Frame<'_>, marks: &Markup, numbers: &Numbers) -> Markup {
    let (label, height) = (frame.label, frame.height);
    let left = if frame.names.is_some() { NAMES } else { 0.0 };
    let view = format!("{left} 0 {} {height:.0}", WIDTH - left);
    let role = if frame.links { "group" } else { "img" };
    let drawn = html! { svg viewBox=(view) role=(role) aria-label=(label) { (marks) } };
    html! {
        figure.chart {
            div.scroll.dated[frame.dated] tabindex="0" role="group" aria-label=(label) {
                @match &frame.names {
                    // Marks that lead somewhere say their row themselves, and the numbers below have it.
                    Some(names) => div.beside {
                        svg.names viewBox=(format!("0 0 {NAMES} {height:.0}")) aria-hidden="true" { (names) }
                        (drawn)
                    },
                    None => (drawn),
                }
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
    fn links_do_not_stand_in_a_picture() {
        let mut frame = Frame::plain("sessions", 40.0);
        frame.links = true;
        let text = figure(&frame, &html! {}, &Numbers::default()).into_string();
        assert!(!text.contains("role=\"img\""), "{text}");
        let group = "<svg viewBox=\"0 0 720 40\" role=\"group\" aria-label=\"sessions\">";
        assert!(text.contains(group), "{text}");
    }

    const STYLE: &str = include_str!("assets/style.css");

    /// What the style sheet says of a property for just this selector, in its order: of a colour first for light, then for dark.
    fn declared(selector: &str, property: &str) -> Vec<&'static str> {
        let rules = STYLE.split('}').filter_map(|rule| rule.rsplit_once('{'));
        let own = rules.filter(|(selectors, _)| {
            // What stands before is a comment or the condition of the block.
            let selectors = selectors.rsplit(['{', '/']).next().unwrap_or_default();
            selectors.split(',').any(|one| one.trim() == selector)
        });
        let pairs = own.flat_map(|(_, body)| body.split(';'));
        let pairs = pairs.filter_map(|pair| pair.split_once(':'));
        pairs
            .filter(|(name, _)| name.trim() == property)
            .map(|(_, value)| value.trim())
            .collect()
    }

    /// Red, green and blue of `var(--name)`.
    fn colour(value: &str, dark: bool) -> [f64; 3] {
        let name = value.trim_start_matches("var(").trim_end_matches(')');
        let both = declared(":root", name);
        assert_eq!(both.len(), 2, "{name}");
        let digits = both[usize::from(dark)].trim_start_matches('#');
        let part = |place: usize| {
            let wide = digits.len() / 3;
            let part = &digits[place * wide..(place + 1) * wide];
            let part = part.repeat(3 - wide);
            f64::from(u8::from_str_radix(&part, 16).unwrap()) / 255.0
        };
        [part(0), part(1), part(2)]
    }

    /// Of two colours, as WCAG 2 defines it.
    fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
        let luminance = |colour: [f64; 3]| {
            let [red, green, blue] = colour.map(|part| {
                if part <= 0.04045 {
                    part / 12.92
                } else {
                    ((part + 0.055) / 1.055).powf(2.4)
                }
            });
            0.2126 * red + 0.7152 * green + 0.0722 * blue
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn names_of_rows_are_drawn_to_the_scale_of_what_stands_beside_them() {
        let width = |wide: f64| [format!("calc(100% * {wide} / {WIDTH})")];
        assert_eq!(
            declared("figure.chart .beside svg", "width"),
            width(WIDTH - NAMES)
        );
        let names = "figure.chart .beside svg.names";
        assert_eq!(declared(names, "width"), width(NAMES));
        assert_eq!(declared(names, "position"), ["sticky", "static"]);
    }

    #[test]
    fn the_sign_in_a_cell_can_be_read_on_every_colour() {
        let states = "done succeeded warning partial failed dead missing ready stale running";
        let shades = "p0 p1 p2 p3 p4 p5 n0 n1 n2 n3 n4 n5";
        for class in states.split(' ').chain(shades.split(' ')) {
            let cell = format!("svg rect.{class}");
            let fill = declared(&cell, "fill");
            let fill = fill.last().expect(class);
            let opacity = declared(&cell, "opacity");
            let opacity: f64 = opacity.last().map_or(1.0, |part| part.parse().unwrap());
            let mut sign = declared("svg text.sign", "fill");
            sign.extend(declared(&format!("{cell} + text.sign"), "fill"));
            let sign = sign.last().expect(class);
            for dark in [false, true] {
                let (over, under) = (colour(fill, dark), colour("var(--ground)", dark));
                let seen = [0, 1, 2].map(|n| opacity * over[n] + (1.0 - opacity) * under[n]);
                let found = contrast(seen, colour(sign, dark));
                assert!(found >= 4.5, "{class}, dark {dark}: {found:.2}");
            }
        }
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
