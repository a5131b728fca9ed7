//! How far a run is, as a bar.

use maud::{Markup, html};

use crate::documents::runs::Progress;

/// How far a run is.
pub(super) fn bar(progress: &Progress) -> Markup {
    let percent = format!("{:.1} %", (progress.fraction() * 1000.0).floor() / 10.0);
    html! {
        label { span { "Progress: " strong { (percent) } }
            progress max="1" value=(format!("{:.4}", progress.fraction())) { (percent) }
        }
    }
}
