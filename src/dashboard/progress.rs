//! How far a run is, as a bar, and when it may end.

use maud::{Markup, html};

use super::text::duration;
use crate::documents::runs::Progress;
use crate::domain::Held;

/// How far a run is.
pub(super) fn bar(progress: &Progress) -> Markup {
    let fraction = progress.worked_fraction();
    let percent = format!("{:.1} %", (fraction * 1000.0).floor() / 10.0);
    html! {
        label { span { "Progress: " strong { (percent) } }
            progress max="1" value=(format!("{fraction:.4}")) { (percent) }
        }
    }
}

/// When a run may end, or what holds it back.
pub(super) fn may_end(eta: Option<f64>, held: &[Held]) -> String {
    if let Some(seconds) = eta {
        return duration(seconds);
    }
    if held.is_empty() {
        return "–".to_owned();
    }
    let held: Vec<String> = held.iter().map(ToString::to_string).collect();
    format!("held back: {}", held.join(", "))
}
