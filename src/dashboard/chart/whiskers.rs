//! Estimates with their intervals: a dot between whiskers.

use maud::{Markup, html};

use super::scale::Scale;
use super::{Frame, NAMES, NUMBERS, Numbers, ROW, WIDTH, at, clipped, figure, nothing};

/// One estimate.
#[derive(Debug, Clone)]
pub struct Whisker {
    /// Its name.
    pub name: String,
    /// The estimate.
    pub value: Option<f64>,
    /// Lower and upper end of its interval, where one is known.
    pub interval: Option<(f64, f64)>,
}

/// Rows of estimates; `text` writes a value.
pub fn whiskers(label: &str, rows: &[Whisker], text: impl Fn(f64) -> String) -> Markup {
    let ends = rows.iter().flat_map(|row| {
        let (low, high) = row.interval.unzip();
        [row.value, low, high].into_iter().flatten()
    });
    if rows.iter().all(|row| row.value.is_none()) {
        return nothing(label);
    }
    let Some(x) = Scale::over(ends.chain([0.0]), NAMES + 8.0, WIDTH - NUMBERS) else {
        return nothing(label);
    };
    let zero = at(x.at(0.0));
    let height = rows.len() as f64 * ROW + 28.0;
    let told = |row: &Whisker| {
        let value = row.value.map_or_else(|| "missing".to_owned(), &text);
        match row.interval {
            Some((low, high)) => format!("{value} ({} to {})", text(low), text(high)),
            None => value,
        }
    };
    let marks = html! {
        @for tick in x.ticks(6) {
            line.rule x1=(at(x.at(tick))) x2=(at(x.at(tick))) y1="0" y2=(at(height - 22.0)) {}
            text.axis x=(at(x.at(tick))) y=(at(height - 6.0)) text-anchor="middle" { (text(tick)) }
        }
        line.zero x1=(zero) x2=(zero) y1="0" y2=(at(height - 22.0)) {}
        @for (place, row) in rows.iter().enumerate() {
            @let y = 4.0 + place as f64 * ROW + ROW / 2.0;
            text.name x=(at(NAMES - 6.0)) y=(at(y + 4.0)) text-anchor="end" {
                (clipped(&row.name, 26)) title { (row.name) }
            }
            g.whisker {
                title { (row.name) ": " (told(row)) }
                @if let Some((low, high)) = row.interval {
                    line x1=(at(x.at(low))) x2=(at(x.at(high))) y1=(at(y)) y2=(at(y)) {}
                    @for end in [low, high] {
                        line x1=(at(x.at(end))) x2=(at(x.at(end))) y1=(at(y - 4.0)) y2=(at(y + 4.0)) {}
                    }
                }
                @if let Some(value) = row.value {
                    circle cx=(at(x.at(value))) cy=(at(y)) r="4" {}
                }
            }
            @if let Some(value) = row.value {
                text.number x=(at(WIDTH - 4.0)) y=(at(y + 4.0)) text-anchor="end" { (text(value)) }
            } @else {
                text.none x=(at(WIDTH - 4.0)) y=(at(y + 4.0)) text-anchor="end" { "missing" }
            }
        }
    };
    let mut numbers = Numbers::new(["", "value", "from", "to"]);
    for row in rows {
        let (low, high) = row.interval.unzip();
        let cells =
            [row.value, low, high].map(|value| value.map_or_else(|| "missing".to_owned(), &text));
        numbers
            .rows
            .push(std::iter::once(row.name.clone()).chain(cells).collect());
    }
    figure(&Frame::plain(label, height), &marks, &numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_without_an_interval_has_no_whisker() {
        let rows = [
            Whisker {
                name: "Market".into(),
                value: Some(1.0),
                interval: Some((0.5, 1.5)),
            },
            Whisker {
                name: "Size".into(),
                value: Some(-0.2),
                interval: None,
            },
            Whisker {
                name: "Value".into(),
                value: None,
                interval: None,
            },
        ];
        let text = whiskers("exposures", &rows, |value| format!("{value:.2}")).into_string();
        assert_eq!(text.matches("<circle").count(), 2);
        assert!(
            text.contains("<title>Market: 1.00 (0.50 to 1.50)</title>"),
            "{text}"
        );
        assert!(text.contains("<title>Value: missing</title>"), "{text}");
        let none = whiskers("exposures", &rows[2..], |value| value.to_string()).into_string();
        assert!(none.contains("nothing to draw"), "{none}");
    }
}
