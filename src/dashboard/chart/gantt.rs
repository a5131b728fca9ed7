//! Spans of time in rows, from one beginning.

use maud::{Markup, html};

use super::scale::Scale;
use super::{Frame, NAMES, NUMBERS, Numbers, ROW, WIDTH, at, clipped, figure, nothing};

/// One span, in seconds since the beginning.
#[derive(Debug, Clone)]
pub struct Span {
    /// Its name.
    pub name: String,
    /// A word of the style sheet.
    pub class: String,
    /// When it begins.
    pub from: f64,
    /// When it ends, or now.
    pub to: f64,
    /// What it says.
    pub text: String,
    /// Where it leads.
    pub link: Option<String>,
}

/// Spans in their rows; `text` writes seconds.
pub fn gantt(label: &str, spans: &[Span], text: impl Fn(f64) -> String) -> Markup {
    let ends = spans.iter().flat_map(|span| [span.from, span.to]);
    let Some(x) = Scale::over(ends.chain([0.0]), NAMES, WIDTH - NUMBERS) else {
        return nothing(label);
    };
    if spans.is_empty() {
        return nothing(label);
    }
    let height = spans.len() as f64 * ROW + 28.0;
    let marks = html! {
        @for tick in x.ticks(6) {
            line.rule x1=(at(x.at(tick))) x2=(at(x.at(tick))) y1="0" y2=(at(height - 22.0)) {}
            text.axis x=(at(x.at(tick))) y=(at(height - 6.0)) text-anchor="middle" { (text(tick)) }
        }
        @for (place, span) in spans.iter().enumerate() {
            @let y = 4.0 + place as f64 * ROW;
            text.name x=(at(NAMES - 6.0)) y=(at(y + ROW * 0.65)) text-anchor="end" {
                (clipped(&span.name, 26)) title { (span.name) }
            }
            @match &span.link {
                Some(link) => a href=(link) aria-label=(format!("{}: {}", span.name, span.text)) { (mark(span, x, y)) },
                None => (mark(span, x, y)),
            }
            text.number x=(at(x.at(span.to) + 4.0)) y=(at(y + ROW * 0.65)) { (text(span.to - span.from)) }
        }
    };
    let mut numbers = Numbers::new(["", "begins after", "takes", ""]);
    for span in spans {
        let cells = [
            span.name.clone(),
            text(span.from),
            text(span.to - span.from),
            span.text.clone(),
        ];
        numbers.rows.push(cells.into());
    }
    let frame = Frame {
        links: spans.iter().any(|span| span.link.is_some()),
        ..Frame::plain(label, height)
    };
    figure(&frame, &marks, &numbers)
}

fn mark(span: &Span, x: Scale, y: f64) -> Markup {
    let (from, to) = (x.at(span.from), x.at(span.to));
    html! {
        rect class=(format!("span {}", span.class)) x=(at(from)) y=(at(y + 3.0)) width=(at((to - from).max(2.0)))
            height=(at(ROW - 6.0)) rx="2" { title { (span.name) ": " (span.text) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_lies_between_its_ends() {
        let span = |name: &str, from, to| Span {
            name: name.into(),
            class: "done".into(),
            from,
            to,
            text: "10 tasks".into(),
            link: None,
        };
        let spans = [span("market-data", 0.0, 5.0), span("analytics", 5.0, 10.0)];
        let text = gantt("phases", &spans, |seconds| format!("{seconds:.0} s")).into_string();
        assert!(
            text.contains("class=\"span done\" x=\"415.0\" y=\"29.0\" width=\"225.0\""),
            "{text}"
        );
        assert!(
            text.contains("<title>analytics: 10 tasks</title>"),
            "{text}"
        );
        assert!(text.contains("role=\"img\""), "{text}");
        let mut led = span("market-data", 0.0, 5.0);
        led.link = Some("/runs/1".into());
        let led = gantt("phases", &[led], |seconds| format!("{seconds:.0} s")).into_string();
        assert!(
            led.contains("<a href=\"/runs/1\" aria-label=\"market-data: 10 tasks\">"),
            "{led}"
        );
        assert!(!led.contains("role=\"img\""), "{led}");
        assert!(
            gantt("phases", &[], |s| s.to_string())
                .into_string()
                .contains("nothing to draw")
        );
    }
}
