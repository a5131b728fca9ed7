//! What is not there: closes within a series, and sessions of portfolios.

use maud::{Markup, html};

use crate::store::reports::{Gap, SeriesGap};

/// Gaps in series of closes.
pub(super) fn series(gaps: &[SeriesGap], most: usize) -> Markup {
    if gaps.is_empty() {
        return html! { p.none { "None." } };
    }
    html! {
        div.scroll tabindex="0" { table #gaps {
            thead { tr {
                th scope="col" { "Symbol" } th scope="col" { "From" } th scope="col" { "To" }
                th.n scope="col" { "Sessions missing" } th scope="col" { "Reason" }
            } }
            tbody { @for gap in gaps { tr {
                th scope="row" { (gap.symbol) } td { (gap.from) } td { (gap.to) } td.n { (gap.sessions) }
                td.message { @if gap.reasons.is_empty() { "nobody was asked" } @else { (gap.reasons.join("; ")) } }
            } } }
        } }
        @if gaps.len() >= most { p.soft { "The " (most) " newest of them." } }
    }
}

/// Sessions that readers do not see.
pub(super) fn sessions(gaps: &[Gap]) -> Markup {
    if gaps.is_empty() {
        return html! { p.none { "None." } };
    }
    html! {
        div.scroll tabindex="0" { table {
            thead { tr { th scope="col" { "Portfolio" } th.n scope="col" { "Sessions" } th scope="col" { "Oldest" } th scope="col" { "Newest" } } }
            tbody { @for gap in gaps { tr {
                th scope="row" { a href=(format!("/portfolios/{}", gap.portfolio)) { (gap.name) } }
                td.n { (gap.sessions) } td { (gap.oldest) } td { (gap.newest) }
            } } }
        } }
    }
}
