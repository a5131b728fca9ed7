//! The book: sectors, concentration, lots.

use maud::{Markup, html};

use super::{How, money, percent};
use crate::dashboard::chart::{Bar, bars};
use crate::dashboard::text::{facts, or_dash};
use crate::documents::portfolio as documents;
use crate::domain::money as exact;
use crate::store::reports::{NO_BENCHMARK, Position, Report};

pub(super) fn sections(report: &Report, how: &How<'_>) -> Markup {
    let sectors = report.sectors.iter().map(|sector| Bar {
        name: sector.sector.clone(),
        values: vec![Some(exact::to_f64(sector.net_value))],
    });
    let sectors: Vec<Bar> = sectors.collect();
    let amount =
        |value: f64| rust_decimal::Decimal::try_from(value).map_or_else(|_| "–".to_owned(), money);
    html! {
        h2 #sectors { "Sectors" }
        (bars("Net value by sector", &["net value"], &sectors, amount))
        div.scroll tabindex="0" { table {
            thead { tr { th scope="col" { "Sector" } th.n scope="col" { "Net weight" } th.n scope="col" { "Net" } th.n scope="col" { "Long" }
                th.n scope="col" { "Short" } } }
            tbody { @for row in &report.sectors {
                @let of = |number: &str| format!("sector:{}:{number}", row.sector);
                tr {
                    th scope="row" { (row.sector) }
                    td.n { (how.of(&of("net_weight"), row.net_weight.map(percent))) }
                    td.n { (how.link(&of("net_value"), &money(row.net_value))) }
                    td.n { (how.link(&of("long_value"), &money(row.long_value))) }
                    td.n { (how.link(&of("short_value"), &money(row.short_value))) }
                } } }
        } }
        (active_weights(report, how))
        h2 #concentration { "Concentration" }
        @match &report.concentration {
            Some(row) => (facts(&[
                ("Gross", how.link("concentration:gross", &money(row.gross))),
                ("Herfindahl index", how.link("hhi", &format!("{:.3}", row.hhi))),
                ("Effective names", how.link("concentration:effective_names", &format!("{:.1}", row.effective_names))),
                ("Largest three", how.link("concentration:top_3", &percent(row.top_3))),
                ("Largest ten", how.link("concentration:top_10", &percent(row.top_10))),
            ])),
            None => p.none { (report.completeness.reason("concentration").unwrap_or_else(|| "not computed".to_owned())) },
        }
        h2 #positions { "Positions" }
        (positions(report, how))
    }
}

/// The sectors of the book and of each benchmark side by side.
fn active_weights(report: &Report, how: &How<'_>) -> Markup {
    let all = &report.active_weights;
    html! {
        h3 #active-weights { "Active weights" }
        @if all.is_empty() { p.none { (NO_BENCHMARK) } }
        @for rows in all.chunk_by(|a, b| a.benchmark == b.benchmark) {
            p.soft { "Against " (rows[0].benchmark) ", weights of " (rows[0].benchmark_as_of) "." }
            div.scroll tabindex="0" { table {
                thead { tr { th scope="col" { "Sector" } th.n scope="col" { "Net weight" } th.n scope="col" { "Benchmark" }
                    th.n scope="col" { "Active weight" } } }
                tbody { @for row in rows {
                    @let active = format!("active_weight:{}:{}", row.benchmark, row.sector);
                    // A sector that is not held has no row of its own: that it weighs nothing is told of the row of the difference.
                    @let held = report.sectors.iter().any(|own| own.sector == row.sector);
                    @let net = if held { format!("sector:{}:net_weight", row.sector) } else { format!("{active}:net_weight") };
                    tr {
                        th scope="row" { (row.sector) }
                        td.n { (how.of(&net, row.net_weight.map(percent))) }
                        td.n { (how.link(&format!("{active}:benchmark_weight"), &percent(row.benchmark_weight))) }
                        td.n { (how.of(&active, row.active_weight.map(percent))) }
                    } } }
            } }
        }
    }
}

/// The slope of a lot on the market with its interval. It is that of the fit of what it moves with, and leads there.
fn slope(lot: &Position, market: &str, report: &Report, how: &How<'_>) -> Markup {
    let Some(slope) = lot.betas.get(market) else {
        return html! { "–" };
    };
    let shown = match slope.interval {
        Some((low, high)) => format!("{:.2} ({low:.2} to {high:.2})", slope.beta),
        None => format!("{:.2}", slope.beta),
    };
    let symbol = lot.underlying.as_deref().unwrap_or(lot.symbol.as_str());
    let mut fits = report.fits.iter();
    let fit = fits.find(|fit| fit.symbol.as_str() == symbol && fit.reason.is_none());
    // A factor that the fit left out has no slope there.
    let fitted = fit.and_then(|fit| fit.slopes.get(market));
    if fitted.is_some_and(|own| own.beta.to_bits() == slope.beta.to_bits()) {
        how.link(&format!("fit:{symbol}:{market}:beta"), &shown)
    } else {
        how.link(&format!("lot_beta:{}:{market}", lot.id), &shown)
    }
}

fn positions(report: &Report, how: &How<'_>) -> Markup {
    let nav = report.snapshot.nav;
    let market = report
        .factors
        .iter()
        .find(|one| one.role.as_deref() == Some("market"));
    let market = market.map_or("", |factor| factor.factor.as_str());
    html! {
        p.soft { "Cash " (how.link("snapshot:cash", &money(report.snapshot.cash))) " " (report.portfolio.currency) ", " (report.positions.len()) " lots." }
        div.scroll tabindex="0" { table {
            thead { tr { th scope="col" { "Symbol" } th scope="col" { "Type" } th.n scope="col" { "Quantity" } th.n scope="col" { "Price" }
                th scope="col" { "Quality" } th.n scope="col" { "Value" } th.n scope="col" { "Weight" } th.n scope="col" { "Unrealised" }
                th scope="col" { "Sector" } th.n scope="col" { "Market beta" } th scope="col" { "Note" } } }
            tbody { @for lot in &report.positions {
                @let of = |number: &str| format!("lot:{}:{number}", lot.id);
                tr {
                    th scope="row" { (lot.symbol) }
                    td { (lot.position_type) }
                    td.n { (how.link(&of("quantity"), &lot.quantity.normalize().to_string())) }
                    td.n { (how.link(&of("price"), &lot.price.normalize().to_string())) }
                    td { (lot.quality.as_str()) }
                    td.n { (how.link(&of("value"), &money(lot.market_value))) }
                    td.n { (how.of(&of("weight"), documents::weight(lot.market_value, nav).map(percent))) }
                    td.n { (how.link(&of("unrealised"), &money(lot.unrealised))) }
                    td { (or_dash(lot.sector.as_deref())) }
                    @let flags = documents::slope_flags(lot, market, report);
                    td.n { (slope(lot, market, report, how))
                        @if lot.betas.contains_key(market) && !flags.is_empty() { " " span.soft { (flags.join(", ")) } } }
                    td { (documents::left_out(lot, report).map_or("", String::as_str)) }
                } } }
        } }
        @if !report.losses.options.is_empty() {
            h3 { "Options" }
            div.scroll tabindex="0" { table {
                thead { tr { th scope="col" { "Contract" } th.n scope="col" { "Spot" } th.n scope="col" { "Volatility" } th.n scope="col" { "Model price" }
                    th.n scope="col" { "Delta" } th.n scope="col" { "Gamma" } th.n scope="col" { "Vega, per point" } th.n scope="col" { "Theta, per day" }
                    th.n scope="col" { "Exposure" } } }
                tbody { @for one in &report.losses.options {
                    @let name = report.losses.name_of(one);
                    @let of = |greek: &str, shown: String| how.link(&format!("option:{name}:{greek}"), &shown);
                    tr {
                        th scope="row" { (one.symbol) }
                        td.n { (of("spot", format!("{:.2}", one.spot))) }
                        td.n { (of("volatility", percent(one.volatility))) " " span.soft { (one.source) @if one.suspect { ", " a href="#quality" { "suspect" } } } }
                        td.n { (of("price", format!("{:.4}", one.price))) }
                        td.n { (of("delta", format!("{:.3}", one.delta))) }
                        td.n { (of("gamma", format!("{:.4}", one.gamma))) }
                        td.n { (of("vega", format!("{:.4}", one.vega))) }
                        td.n { (of("theta", format!("{:.4}", one.theta))) }
                        td.n { (of("exposure", money(one.exposure))) }
                    } } }
            } }
        }
    }
}
