//! How things are written on pages.

use std::fmt::Display;

use chrono::{DateTime, Utc};
use maud::{Markup, html};

pub(super) use crate::documents::command as cli;
use crate::domain::{Calendar, RunId, Verdict};

/// An instant, in New York's time with its zone.
pub(super) fn new_york(instant: DateTime<Utc>) -> String {
    Calendar::nyse().new_york_time(instant)
}

/// The same, for browsers.
pub(super) fn time(instant: DateTime<Utc>) -> Markup {
    let text = new_york(instant);
    html! { time datetime=(instant.to_rfc3339()) { (text) } }
}

/// An instant that may not have come.
pub(super) fn time_or_dash(instant: Option<DateTime<Utc>>) -> Markup {
    instant.map_or_else(|| html! { "–" }, time)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and no run takes ages"
)]
/// `2 h 05 m`, `3 m 12 s`, `4.2 s`.
pub(super) fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..10 => format!("{:.1} s", seconds.max(0.0)),
        10..60 => format!("{whole} s"),
        60..3_600 => format!("{} m {:02} s", whole / 60, whole % 60),
        3_600..86_400 => format!("{} h {:02} m", whole / 3_600, whole / 60 % 60),
        _ => format!("{} d {:02} h", whole / 86_400, whole / 3_600 % 24),
    }
}

/// `1 task`, `2 tasks`.
pub(super) fn counted<N: Copy + Display + PartialEq + From<u8>>(n: N, noun: &str) -> String {
    let plural = if n == N::from(1) { "" } else { "s" };
    format!("{n} {noun}{plural}")
}

/// A value that may be missing.
pub(super) fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| value.to_string())
}

/// The word of a run's state.
pub(super) fn status(verdict: Option<Verdict>) -> &'static str {
    verdict.map_or("running", Verdict::as_str)
}

/// A word with its colour.
pub(super) fn badge(word: &str) -> Markup {
    html! { span class=(format!("badge {word}")) { (word) } }
}

/// A run, by its label.
pub(super) fn run_link(run: RunId, label: &str) -> Markup {
    html! { a href=(format!("/runs/{run}")) { (label) } }
}

/// Facts side by side.
pub(super) fn facts(facts: &[(&str, Markup)]) -> Markup {
    html! { dl.facts { @for (name, value) in facts { div { dt { (name) } dd { (value) } } } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let texts = [0.04, 9.0, 75.4, 7_500.0, 200_000.0].map(duration);
        assert_eq!(
            texts,
            ["0.0 s", "9.0 s", "1 m 15 s", "2 h 05 m", "2 d 07 h"]
        );
    }

    #[test]
    fn times_are_new_yorks() {
        let instant = "2016-07-01T22:05:00Z".parse().unwrap();
        assert!(
            time(instant)
                .into_string()
                .ends_with(">2016-07-01 18:05:00 EDT</time>")
        );
    }
}
