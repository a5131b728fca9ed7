//! What was found in the series behind the numbers.

use maud::{Markup, html};
use serde_json::Value;

use crate::dashboard::text::counted;
use crate::documents::portfolio as documents;
use crate::store::reports::Report;

pub(super) fn section(report: &Report) -> Markup {
    let found = report
        .quality
        .iter()
        .filter(|series| series.findings.unwrap_or(0) > 0);
    let found: Vec<_> = found.collect();
    let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    html! {
        h2 #quality { "Data quality" }
        @match documents::findings(report) {
            None => p.none { "No series was checked." },
            Some(0) => p { "Nothing was found in " (report.quality.len()) " series. Nothing is ever corrected or filled in." },
            Some(count) => p { (counted(count, "finding")) " in " (found.len()) " of " (report.quality.len()) " series. Nothing is corrected: look, then ask the provider." },
        }
        @if !found.is_empty() {
            div.scroll tabindex="0" { table {
                thead { tr { th scope="col" { "Series" } th scope="col" { "What" } th scope="col" { "From" } th scope="col" { "To" }
                    th scope="col" { "Evidence" } } }
                tbody { @for series in found {
                    @for one in series.evidence.as_ref().and_then(Value::as_array).into_iter().flatten() { tr {
                        th scope="row" { (series.symbol) @if !series.held { span.soft { " (proxy)" } } }
                        td { (text(one, "check").replace('_', " ")) }
                        td { (text(one, "from")) } td { (text(one, "to")) } td { (text(one, "text")) }
                    } } } }
            } }
        }
    }
}
