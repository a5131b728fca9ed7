//! The page of `show`: what matters first, then one section for each analytic.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rust_decimal::Decimal;

use super::json::weight;
use super::{market_beta, worst_stress};
use crate::cli::text::{
    Column, count, indented, left, money, number, or_dash, percent, plain, right, signed, table,
};
use crate::domain::Quality;
use crate::store::reports::{Correlation, Report};

/// Rows of a section that a page shows; JSON has all.
const LISTED: usize = 30;
/// Contributions and pairs that a page shows of each kind.
const FEW: usize = 10;
/// Below this, numbers rest on too little of the book.
const LOW_COVERAGE: f64 = 0.8;

/// The page.
pub fn page(report: &Report) -> String {
    let mut page = String::new();
    title(&mut page, report);
    headline(&mut page, report);
    missing(&mut page, report);
    positions(&mut page, report);
    factors(&mut page, report);
    risk(&mut page, report);
    volatility(&mut page, report);
    correlation(&mut page, report);
    concentration(&mut page, report);
    stress(&mut page, report);
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
            or_dash(worst.map(|(_, value)| value), percent),
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
    let low = if fraction < LOW_COVERAGE {
        " (low)"
    } else {
        ""
    };
    format!("{}{low}", percent(fraction))
}

fn section(page: &mut String, title: &str, content: &str) {
    let _ = write!(page, "\n{title}\n{}", indented(content));
}

/// A section whose numbers are not there: the reason.
fn absent(page: &mut String, title: &str, report: &Report, entry: &str) {
    let reason = report
        .completeness
        .reason(entry)
        .unwrap_or_else(|| "not computed".to_owned());
    section(page, title, &format!("none: {reason}"));
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
        let beta = market.and_then(|market| position.betas.get(market).copied());
        vec![
            position.symbol.to_string(),
            position.position_type.clone(),
            plain(position.quantity, 0),
            plain(position.price, 2),
            money(position.market_value),
            or_dash(weight(position.market_value, report.snapshot.nav), percent),
            money(position.unrealised),
            or_dash(beta, |beta| number(beta, 2)),
            position.sector.clone().unwrap_or_default(),
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
    section(
        page,
        &format!("Positions: {}", count(order.len(), "lot")),
        &text,
    );
}

fn more(text: &mut String, all: usize, shown: usize) {
    if all > shown {
        let _ = writeln!(text, "… and {} more; --json has all", all - shown);
    }
}

fn factors(page: &mut String, report: &Report) {
    if report.factors.is_empty() {
        return absent(page, "Factor exposures", report, "factors");
    }
    let rows = report.factors.iter().map(|factor| {
        vec![
            factor.factor.clone(),
            or_dash(factor.beta, |beta| number(beta, 3)),
            or_dash(factor.std_error, |error| number(error, 3)),
            or_dash(factor.dollar, money),
            or_dash(factor.coverage, coverage),
            factor.reason.clone().unwrap_or_default(),
        ]
    });
    let columns = [
        left("factor"),
        right("beta"),
        right("std. error"),
        right("exposure"),
        right("coverage"),
        left(""),
    ];
    section(page, "Factor exposures", &table(&columns, rows));
}

fn risk(page: &mut String, report: &Report) {
    let Some(risk) = &report.risk else {
        return absent(page, "Risk", report, "factors");
    };
    let mut text = format!(
        "volatility {} a year, {} of the variance from factors; {} effective bets\n",
        percent(risk.volatility),
        or_dash(risk.systematic_share, percent),
        or_dash(risk.effective_bets, |bets| number(bets, 1)),
    );
    flags(&mut text, &risk.flags);
    for (kind, name) in [("factor", "factor"), ("underlying", "position")] {
        let parts: Vec<_> = report
            .contributions
            .iter()
            .filter(|part| part.kind == kind)
            .collect();
        if parts.is_empty() {
            continue;
        }
        let rows = parts.iter().take(FEW).map(|part| {
            vec![
                part.name.clone(),
                number(part.exposure, 3),
                percent(part.contribution),
                or_dash(part.share, percent),
            ]
        });
        let columns: [Column; 4] = [
            left(name),
            right("exposure"),
            right("contribution"),
            right("share"),
        ];
        text.push('\n');
        text.push_str(&table(&columns, rows));
        more(&mut text, parts.len(), FEW);
    }
    section(page, "Risk", &text);
}

fn flags(text: &mut String, flags: &[String]) {
    if !flags.is_empty() {
        let _ = writeln!(text, "note: {}", flags.join(", ").replace('_', " "));
    }
}

fn volatility(page: &mut String, report: &Report) {
    let Some(row) = &report.volatility else {
        return absent(
            page,
            "Volatility of the return series",
            report,
            "volatility",
        );
    };
    let line = |name: &str, key: &str, value: Option<f64>| {
        let reason = row.reasons.get(key).cloned().unwrap_or_default();
        vec![name.to_owned(), or_dash(value, percent), reason]
    };
    let mut rows = vec![
        line("last 21 sessions", "realised_21", row.realised_21),
        line("last 63 sessions", "realised_63", row.realised_63),
        line("next 21 sessions, forecast", "forecast_21", row.forecast_21),
        line("percentile in the past year", "percentile", row.percentile),
    ];
    rows.push(vec![
        "trend".to_owned(),
        row.trend
            .clone()
            .unwrap_or_else(|| or_dash(None::<f64>, percent)),
        row.reasons.get("trend").cloned().unwrap_or_default(),
    ]);
    let mut text = table(&[left(""), right(""), left("")], rows);
    flags(&mut text, &row.flags);
    let filled = if row.filled > 0 {
        format!(", {} of them filled", row.filled)
    } else {
        String::new()
    };
    let _ = writeln!(text, "{} returns{filled}", row.n);
    section(page, "Volatility of the return series", &text);
}

fn correlation(page: &mut String, report: &Report) {
    let Some(row) = &report.correlation else {
        return absent(page, "Correlation", report, "correlation");
    };
    let mut text = format!(
        "{}, on average {}\n",
        count(row.symbols.len(), "symbol"),
        or_dash(row.average, two)
    );
    let mut pairs = pairs(row);
    let unknown = row.upper.iter().filter(|value| value.is_none()).count();
    pairs.sort_by(|a, b| b.2.total_cmp(&a.2));
    if let (Some(most), Some(least)) = (pairs.first(), pairs.last()) {
        let named = |(a, b, value): &(&str, &str, f64)| format!("{a} and {b} {}", two(*value));
        let _ = writeln!(text, "most: {}; least: {}", named(most), named(least));
    }
    if unknown > 0 {
        let _ = writeln!(
            text,
            "{} with too few common returns",
            count(unknown, "pair")
        );
    }
    let mut clusters: BTreeMap<i32, Vec<&str>> = BTreeMap::new();
    for (symbol, cluster) in row.symbols.iter().zip(&row.clusters) {
        if let Some(cluster) = cluster {
            clusters.entry(*cluster).or_default().push(symbol);
        }
    }
    for together in clusters
        .values()
        .filter(|symbols| symbols.len() > 1)
        .take(FEW)
    {
        let _ = writeln!(text, "move together: {}", together.join(" "));
    }
    section(page, "Correlation", &text);
}

fn two(value: f64) -> String {
    number(value, 2)
}

fn pairs(row: &Correlation) -> Vec<(&str, &str, f64)> {
    let size = row.symbols.len();
    let indices = (0..size).flat_map(|i| (i + 1..size).map(move |j| (i, j)));
    let known = indices.zip(&row.upper).filter_map(|((i, j), value)| {
        value.map(|value| (row.symbols[i].as_str(), row.symbols[j].as_str(), value))
    });
    known.collect()
}

fn concentration(page: &mut String, report: &Report) {
    match &report.concentration {
        None => absent(page, "Concentration", report, "concentration"),
        Some(row) => {
            let text = format!(
                "{}, as concentrated as {} of equal size (HHI {}); top 3 {}, top 10 {}",
                count(usize::try_from(row.instruments).unwrap_or(0), "instrument"),
                number(row.effective_names, 1),
                number(row.hhi, 0),
                percent(row.top_3),
                percent(row.top_10),
            );
            section(page, "Concentration", &text);
        }
    }
    if report.sectors.is_empty() {
        return;
    }
    let rows = report.sectors.iter().map(|sector| {
        vec![
            sector.sector.clone(),
            money(sector.long_value),
            money(sector.short_value),
            money(sector.net_value),
            or_dash(sector.net_weight, percent),
        ]
    });
    let columns = [
        left("sector"),
        right("long"),
        right("short"),
        right("net"),
        right("of NAV"),
    ];
    section(page, "Sectors", &table(&columns, rows));
}

fn stress(page: &mut String, report: &Report) {
    if report.stress.is_empty() {
        return absent(page, "Stress tests", report, "stress");
    }
    let rows = report.stress.iter().map(|stress| {
        let note = match (&stress.reason, stress.implausible) {
            (Some(reason), _) => format!("{}: {reason}", stress.outcome.replace('_', " ")),
            (None, Some(true)) => "implausible".to_owned(),
            (None, _) => String::new(),
        };
        vec![
            stress.name.clone(),
            or_dash(stress.propagated_pnl, money),
            or_dash(stress.propagated, percent),
            or_dash(stress.direct, percent),
            or_dash(stress.tail_p, probability),
            note,
        ]
    });
    let columns = [
        left("scenario"),
        right("P&L"),
        right("propagated"),
        right("direct"),
        right("plausibility"),
        left(""),
    ];
    section(page, "Stress tests", &table(&columns, rows));
}

/// A probability: `0.042`, and `2e-7` where that would be all zeros.
fn probability(p: f64) -> String {
    if p >= 0.000_95 || p <= 0.0 {
        number(p, 3)
    } else {
        format!("{p:.0e}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

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
    }

    #[test]
    fn an_implausible_scenario_is_shown_and_is_not_the_worst() {
        let report = sample::report();
        assert_eq!(worst_stress(&report).unwrap().0.scenario, "market_down_35");
        let text = page(&report);
        let line = text
            .lines()
            .find(|line| line.contains("Dot-com Bust"))
            .unwrap();
        assert!(
            line.contains("-51.20 %") && line.contains("1e-9") && line.ends_with("implausible"),
            "{line}"
        );
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

    #[test]
    fn probabilities_never_look_like_zero() {
        assert_eq!(probability(0.25), "0.250");
        assert_eq!(probability(2.3e-7), "2e-7");
        assert_eq!(probability(0.0), "0.000");
    }
}
