//! Grids of cells: states by word, correlations by shade.

use maud::{Markup, html};

use super::{Frame, NAMES, Numbers, WIDTH, at, clipped, figure, nothing};

/// One cell: the class that colours it, what is said on hover and in the table, and where it leads.
#[derive(Debug, Clone)]
pub struct Cell {
    /// A word of the style sheet.
    pub class: String,
    /// What it says.
    pub text: String,
    /// A letter or number in it: colours alone tell nothing to some.
    pub sign: String,
    /// Where it leads.
    pub link: Option<String>,
}

/// One row of cells.
#[derive(Debug, Clone)]
pub struct HeatRow {
    /// Its name.
    pub name: String,
    /// One for each column.
    pub cells: Vec<Cell>,
}

const CELL: f64 = 20.0;
const HEAD: f64 = 70.0;
/// Room at the right for the last name, which leans over.
const LEAN: f64 = 24.0;

/// A grid of cells over time, oldest first, with the names of columns above.
pub fn grid(label: &str, columns: &[String], rows: &[HeatRow]) -> Markup {
    cells(label, columns, rows, true)
}

fn cells(label: &str, columns: &[String], rows: &[HeatRow], dated: bool) -> Markup {
    if columns.is_empty() || rows.is_empty() {
        return nothing(label);
    }
    let wide = (WIDTH - NAMES - LEAN) / columns.len() as f64;
    let high = CELL.max(wide.min(28.0));
    let height = HEAD + rows.len() as f64 * high + 4.0;
    let middle = |number: usize| HEAD + number as f64 * high + high * 0.65;
    let names = html! {
        @for (number, row) in rows.iter().enumerate() {
            text.name x=(at(NAMES - 6.0)) y=(at(middle(number))) text-anchor="end" {
                (clipped(&row.name, 26)) title { (row.name) }
            }
        }
    };
    let marks = html! {
        @for (place, name) in columns.iter().enumerate() {
            @let x = NAMES + (place as f64 + 0.6) * wide;
            text.axis x=(at(x)) y=(at(HEAD - 6.0)) transform=(format!("rotate(-60 {} {})", at(x), at(HEAD - 6.0))) {
                (clipped(name, 11)) title { (name) }
            }
        }
        @for (number, row) in rows.iter().enumerate() {
            @let y = HEAD + number as f64 * high;
            @for (place, cell) in row.cells.iter().enumerate() {
                @let x = NAMES + place as f64 * wide;
                @match &cell.link {
                    Some(link) => a href=(link) aria-label=(format!("{}, {}", row.name, cell.text)) {
                        (square(cell, x, y, wide, high))
                    },
                    None => g role="img" aria-label=(format!("{}, {}", row.name, cell.text)) {
                        (square(cell, x, y, wide, high))
                    },
                }
            }
        }
    };
    let mut numbers = Numbers::new(std::iter::once("").chain(columns.iter().map(String::as_str)));
    for row in rows {
        let cells = row.cells.iter().map(|cell| cell.text.clone());
        numbers
            .rows
            .push(std::iter::once(row.name.clone()).chain(cells).collect());
    }
    let mut all = rows.iter().flat_map(|row| &row.cells);
    let frame = Frame {
        names: Some(names),
        dated,
        links: all.any(|cell| cell.link.is_some()),
        ..Frame::plain(label, height)
    };
    figure(&frame, &marks, &numbers)
}

fn square(cell: &Cell, x: f64, y: f64, wide: f64, high: f64) -> Markup {
    html! {
        g.cell {
            title { (cell.text) }
            rect class=(cell.class) x=(at(x + 0.5)) y=(at(y + 0.5)) width=(at(wide - 1.0)) height=(at(high - 1.0)) rx="2" {}
            text.sign x=(at(x + wide / 2.0)) y=(at(y + high * 0.68)) text-anchor="middle" { (cell.sign) }
        }
    }
}

/// A matrix of correlations in the order that is given; names stand for rows and columns. Values of `None` are missing.
pub fn correlation(label: &str, names: &[String], values: &[Vec<Option<f64>>]) -> Markup {
    let rows = names.iter().zip(values).map(|(name, row)| {
        let cells = names.iter().zip(row).map(|(other, value)| Cell {
            class: shade(*value),
            text: match value {
                Some(value) => format!("{name}, {other}: {value:+.2}"),
                None => format!("{name}, {other}: missing"),
            },
            sign: if names.len() > 16 {
                String::new()
            } else {
                value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1}"))
            },
            link: None,
        });
        HeatRow {
            name: name.clone(),
            cells: cells.collect(),
        }
    });
    cells(label, names, &rows.collect::<Vec<_>>(), false)
}

/// One of eleven shades from −1 to 1, as a class.
fn shade(value: Option<f64>) -> String {
    let Some(value) = value.filter(|value| value.is_finite()) else {
        return "missing".to_owned();
    };
    let step = (value.clamp(-1.0, 1.0) * 5.0).round();
    let sign = if step < 0.0 { "n" } else { "p" };
    format!("{sign}{:.0}", step.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_are_symmetric_and_missing_is_none() {
        assert_eq!(
            [-1.0, -0.3, 0.05, 0.31, 2.0].map(|v| shade(Some(v))),
            ["n5", "n2", "p0", "p2", "p5"]
        );
        assert_eq!(shade(None), "missing");
        assert_eq!(shade(Some(f64::NAN)), "missing");
    }

    #[test]
    fn cells_say_what_they_are_and_lead_somewhere() {
        let cell = Cell {
            class: "done".into(),
            text: "2016-12-30: done".into(),
            sign: "✓".into(),
            link: Some("/runs/1".into()),
        };
        let rows = [HeatRow {
            name: "market-data".into(),
            cells: vec![cell],
        }];
        let text = grid("sessions", &["12-30".into()], &rows).into_string();
        assert!(
            text.contains(
                "<a href=\"/runs/1\" aria-label=\"market-data, 2016-12-30: done\"><g class=\"cell\">\
                 <title>2016-12-30: done</title>"
            ),
            "{text}"
        );
        // The names stay where they are while the cells are scrolled.
        let (names, cells) = text.split_once("</svg>").unwrap();
        assert!(
            names.contains("<svg class=\"names\" viewBox=\"0 0 190 "),
            "{text}"
        );
        assert!(names.contains(">market-data<title>"), "{text}");
        assert!(cells.contains("<svg viewBox=\"190 0 530 "), "{text}");
        // What is in a picture cannot be followed by who hears it.
        assert!(!text.contains("role=\"img\""), "{text}");
        let names = ["A".to_owned(), "B".to_owned()];
        let values = [vec![Some(1.0), None], vec![None, Some(1.0)]];
        let text = correlation("correlation", &names, &values).into_string();
        assert!(text.contains("role=\"img\""), "{text}");
        assert_eq!(text.matches("class=\"p5\"").count(), 2, "{text}");
        assert_eq!(text.matches("class=\"missing\"").count(), 2, "{text}");
    }
}
