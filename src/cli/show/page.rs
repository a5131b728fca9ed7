//! The page of `show`: what matters first, then one section for each analytic.

mod analytics;
mod losses;
mod quality;

use std::fmt::Write as _;

use rust_decimal::Decimal;

use super::{market_beta, worst_stress};
use crate::cli::text::{
    count, indented, left, money, number, or_dash, percent, plain, right, signed, table,
};
use crate::documents::portfolio::{slope_flags, weight};
use crate::domain::{Quality, coverage as covered};
use crate::store::reports::Report;

/// Rows of a section that a page shows; JSON has all.
const LISTED: usize = 30;

/// The page.
pub fn page(report: &Report) -> String {
    let mut page = String::new();
    title(&mut page, report);
    headline(&mut page, report);
    missing(&mut page, report);
    positions(&mut page, report);
    analytics::factors(&mut page, report);
    analytics::risk(&mut page, report);
    analytics::volatility(&mut page, report);
    analytics::correlation(&mut page, report);
    analytics::concentration(&mut page, report);
    losses::options(&mut page, report);
    losses::value_at_risk(&mut page, report);
    analytics::stress(&mut page, report);
    section(&mut page, "Data quality", &quality::section(report));
    losses::reverse(&mut page, report);
    losses::replays(&mut page, report);
    page
}

fn title(page: &mut String, report: &Report) {
    let Report {
        portfolio,
        published,
        provenance,
        ..
    } = report;
    let strict = if published.strict {
        "complete"
    } else {
        "not complete"
    };
    let _ = writeln!(
        page,
        "{} on {} in {}",
        portfolio.name, published.as_of, portfolio.currency
    );
    let _ = writeln!(
        page,
        "  {} · owner {} · run {} · {} prices · {strict}\n",
        portfolio.id, portfolio.owner, published.run, provenance.provider_basis
    );
}

/// Two columns: the ledger on the left, the analytics on the right.
fn headline(page: &mut String, report: &Report) {
    let snapshot = &report.snapshot;
    let day = signed(money(snapshot.pnl_day));
    let day = match snapshot.return_day {
        Some(value) => format!("{day} ({})", signed(percent(value))),
        None => day,
    };
    let ledger = [
        ("NAV", money(snapshot.nav)),
        ("P&L of the day", day),
        ("P&L since inception", signed(money(snapshot.pnl_total))),
        ("long", money(snapshot.long_value)),
        ("short", money(snapshot.short_value)),
        ("cash", money(snapshot.cash)),
    ];
    let beta = market_beta(report).and_then(|factor| {
        let error = factor
            .std_error
            .map(|error| format!(" ± {}", number(error, 2)));
        factor
            .beta
            .map(|beta| format!("{}{}", number(beta, 2), error.unwrap_or_default()))
    });
    let series = report.volatility.as_ref();
    let worst = worst_stress(report);
    let analytics = [
        ("beta", or_dash(beta, |text| text)),
        (
            "volatility, risk model",
            or_dash(report.risk.as_ref(), |risk| percent(risk.volatility)),
        ),
        (
            "volatility, next 21 sessions",
            or_dash(series.and_then(|row| row.forecast_21), percent),
        ),
        (
            "worst plausible stress",
            worst.map_or_else(|| no_worst(report), |(_, value)| percent(value)),
        ),
        (
            "  which is",
            or_dash(worst, |(stress, _)| stress.name.clone()),
        ),
        ("coverage", or_dash(report.completeness.coverage, coverage)),
    ];
    let rows = ledger
        .into_iter()
        .zip(analytics)
        .map(|((left, money), (right, number))| {
            vec![
                left.to_owned(),
                money,
                "  ".to_owned(),
                right.to_owned(),
                number,
            ]
        });
    let columns = [left(""), right(""), left(""), left(""), right("")];
    page.push_str(&indented(&table(&columns, rows)));
    if snapshot.large_flow {
        page.push_str("  a flow of the day is above 10 % of the net asset value\n");
    }
    if snapshot.external_flows != Decimal::ZERO {
        let flows = signed(money(snapshot.external_flows));
        let _ = writeln!(page, "  contributions less withdrawals of the day: {flows}");
    }
}

fn coverage(fraction: f64) -> String {
    let low = if covered::is_low(Some(fraction)) {
        " (low)"
    } else {
        ""
    };
    format!("{}{low}", percent(fraction))
}

fn section(page: &mut String, title: &str, content: &str) {
    let _ = write!(page, "\n{title}\n{}", indented(content));
}

fn missing(page: &mut String, report: &Report) {
    let symbols = report.completeness.missing.iter();
    let symbols = symbols.map(|(symbol, reason)| vec![symbol.clone(), reason.clone()]);
    let entries = report
        .completeness
        .entries
        .iter()
        .filter(|entry| entry.outcome != "done");
    let entries = entries.map(|entry| {
        let reason = entry.reason.clone().unwrap_or_default();
        vec![
            entry.name.to_owned(),
            format!("{}: {reason}", entry.outcome.replace('_', " ")),
        ]
    });
    let rows: Vec<_> = symbols.chain(entries).collect();
    if !rows.is_empty() {
        section(
            page,
            "Missing, and why",
            &table(&[left(""), left("")], rows),
        );
    }
}

fn positions(page: &mut String, report: &Report) {
    let market = market_beta(report).map(|factor| factor.factor.as_str());
    let mut order: Vec<_> = report.positions.iter().collect();
    order.sort_by_key(|position| std::cmp::Reverse(position.market_value.abs()));
    let rows = order.iter().take(LISTED).map(|position| {
        let quality = match position.quality {
            Quality::Close => String::new(),
            other => other.to_string(),
        };
        let beta = market.and_then(|market| position.betas.get(market));
        vec![
            position.symbol.to_string(),
            position.position_type.clone(),
            plain(position.quantity, 0),
            plain(position.price, 2),
            money(position.market_value),
            or_dash(weight(position.market_value, report.snapshot.nav), percent),
            money(position.unrealised),
            or_dash(beta, |slope| {
                let shown = format!("{} ± {}", number(slope.beta, 2), number(slope.std_error, 2));
                let flags = market.map_or(&[][..], |market| slope_flags(position, market, report));
                if flags.is_empty() {
                    shown
                } else {
                    format!("{shown} ({})", flags.join(", "))
                }
            }),
            or_dash(position.sector.as_ref(), ToString::to_string),
            quality,
        ]
    });
    let columns = [
        left("symbol"),
        left("type"),
        right("quantity"),
        right("price"),
        right("value"),
        right("weight"),
        right("unrealised"),
        right("beta"),
        left("sector"),
        left("price is"),
    ];
    let mut text = table(&columns, rows);
    more(&mut text, order.len(), LISTED);
    let extreme = extreme_betas(report);
    if !extreme.is_empty() {
        let _ = writeln!(
            text,
            "betas beyond ±5 (extreme): {}",
            extreme
                .iter()
                .take(LISTED)
                .cloned()
                .collect::<Vec<_>>()
                .join("; ")
        );
        more(&mut text, extreme.len(), LISTED);
    }
    section(
        page,
        &format!("Positions: {}", count(order.len(), "lot")),
        &text,
    );
}

/// Every beta of a fit that is flagged as extreme, of the joint model or of one for display.
fn extreme_betas(report: &Report) -> Vec<String> {
    let is_extreme = |flags: &[String]| flags.iter().any(|flag| flag == "extreme");
    let mut all = Vec::new();
    for fit in &report.fits {
        let joint = fit.slopes.iter().filter(|(_, own)| is_extreme(&own.flags));
        all.extend(
            joint
                .map(|(factor, own)| format!("{} to {factor} {}", fit.symbol, number(own.beta, 2))),
        );
        let displays = fit.displays.iter().filter(|own| is_extreme(&own.flags));
        all.extend(displays.map(|own| {
            let beta = or_dash(own.beta, |beta| number(beta, 2));
            format!(
                "{} to {} {beta} ({} model)",
                fit.symbol, own.factor, own.model
            )
        }));
    }
    all
}

fn more(text: &mut String, all: usize, shown: usize) {
    if all > shown {
        let _ = writeln!(text, "… and {} more; --json has all", all - shown);
    }
}

/// Why no scenario is the worst.
fn no_worst(report: &Report) -> String {
    let known = report.stress.iter().any(|row| row.propagated.is_some());
    let reason = || report.completeness.reason("stress");
    if known {
        "no scenario loses".to_owned()
    } else if report.stress.iter().any(|row| row.propagated_pnl.is_some()) {
        "amounts only: NAV is not positive".to_owned()
    } else {
        reason().unwrap_or_else(|| "–".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::portfolio::sample;

    #[test]
    fn the_first_lines_say_what_matters() {
        let text = page(&sample::report());
        let head: Vec<&str> = text.lines().take(12).collect();
        let head = head.join("\n");
        for part in [
            "sample on 2016-12-30 in USD",
            "1,012,345.67",
            "-1,204.00 (-0.12 %)",
            "+12,345.67",
            "1.03 ± 0.03",
            "14.20 %",
            "-36.80 %",
            "Market Crash 35%",
            "96.50 %",
        ] {
            assert!(head.contains(part), "{part} in\n{head}");
        }
        assert!(text.contains("GGIPX  no data at the provider"), "{text}");
        assert!(text.contains("1.21 ± 0.05"), "{text}");
        assert!(text.contains("0.963 to 1.097"), "{text}");
    }

    #[test]
    fn an_implausible_scenario_is_shown_and_is_not_the_worst() {
        let report = sample::report();
        assert_eq!(worst_stress(&report).unwrap().0.scenario, "market_down_35");
        let text = page(&report);
        let mut crash = text
            .lines()
            .filter(|line| line.contains("Market Crash 35%"));
        let crash: Vec<&str> = crash.next_back().unwrap().split_whitespace().collect();
        assert_eq!(
            crash[crash.len() - 3..],
            ["4e-4", "96.50", "%"],
            "nothing is floored: {text}"
        );
        let line = text
            .lines()
            .find(|line| line.contains("Dot-com Bust"))
            .unwrap();
        assert!(
            line.contains("-51.20 %")
                && line.contains("1e-9")
                && line.ends_with("4,321.00   96.50 %  implausible"),
            "{line}"
        );
    }

    #[test]
    fn the_flags_of_a_beta_stand_beside_it() {
        let mut report = sample::report();
        assert!(!page(&report).contains("extreme"), "{}", page(&report));
        let slope = report.fits[0].slopes.get_mut("Market").unwrap();
        slope.beta = 6.21;
        slope.flags = vec!["extreme".to_owned()];
        let position = &mut report.positions[0];
        position.betas.get_mut("Market").unwrap().beta = 6.21;
        let text = page(&report);
        assert!(text.contains("6.21 ± 0.05 (extreme)"), "{text}");
        let told = "betas beyond ±5 (extreme): AAPL to Market 6.21";
        assert!(text.contains(told), "{text}");
    }

    #[test]
    fn a_section_without_numbers_says_why() {
        let mut report = sample::report();
        report.risk = None;
        report.completeness.entries[3].outcome = "insufficient_data".into();
        report.completeness.entries[3].reason = Some("have 20, need 60".into());
        let text = page(&report);
        assert!(text.contains("Risk\n  none: have 20, need 60\n"), "{text}");
        assert!(
            text.contains("factors  insufficient data: have 20, need 60"),
            "{text}"
        );
    }
}
