//! The sections of the analytics: each has numbers, or the reason why there are none.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rust_decimal::Decimal;

use super::{coverage, more, section};
use crate::cli::text::{
    Column, count, counted, left, money, number, or_dash, percent, right, table,
};
use crate::domain::factor_window;
use crate::store::reports::{Correlation, NO_BENCHMARK, Report};

/// Contributions and groups that a page shows of each kind.
const FEW: usize = 10;

pub(super) fn factors(page: &mut String, report: &Report) {
    if report.factors.is_empty() {
        return absent(page, "Factor exposures", report, "factors");
    }
    let rows = report.factors.iter().map(|factor| {
        vec![
            factor.factor.clone(),
            or_dash(factor.beta, |beta| number(beta, 3)),
            or_dash(factor.std_error, |error| number(error, 3)),
            or_dash(factor.low_95.zip(factor.high_95), |(low, high)| {
                format!("{} to {}", number(low, 3), number(high, 3))
            }),
            or_dash(factor.dollar, money),
            or_dash(factor.coverage, coverage),
            factor.reason.clone().unwrap_or_default(),
        ]
    });
    let columns = [
        left("factor"),
        right("beta"),
        right("std. error"),
        right("95 % interval"),
        right("exposure"),
        right("coverage"),
        left(""),
    ];
    section(page, "Factor exposures", &table(&columns, rows));
}

pub(super) fn risk(page: &mut String, report: &Report) {
    let Some(risk) = &report.risk else {
        return absent(page, "Risk", report, "factors");
    };
    let mut text = format!(
        "volatility {} a year, {} of the variance from factors; {} effective bets\n",
        percent(risk.volatility),
        or_dash(risk.systematic_share, percent),
        or_dash(risk.effective_bets, |bets| number(bets, 1)),
    );
    if let Some(common) = &report.common {
        let _ = writeln!(text, "{}", common.told());
    }
    flags(&mut text, &risk.flags);
    if let Some((statistic, (low, high))) = report.bias.statistic.zip(report.bias.band()) {
        let _ = writeln!(
            text,
            "bias {} over {}, {} to {} for a right model",
            number(statistic, 2),
            count(report.bias.n, "session"),
            number(low, 2),
            number(high, 2),
        );
    }
    if let Some(why) = report.bias.missing() {
        let _ = writeln!(text, "no bias: {why}");
    } else if !report.bias.stale.is_empty() {
        let left_out = count(report.bias.stale.len(), "session");
        let _ = writeln!(text, "bias without {left_out}, inputs changed since");
    }
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

pub(super) fn flags(text: &mut String, flags: &[String]) {
    if !flags.is_empty() {
        let _ = writeln!(text, "note: {}", flags.join(", ").replace('_', " "));
    }
}

pub(super) fn volatility(page: &mut String, report: &Report) {
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
    let lacks = holes(row.filled, row.dropped);
    let _ = writeln!(text, "{}{lacks}", counted(row.n, "return"));
    section(page, "Volatility of the return series", &text);
}

/// What a series lacked: holes that were filled, and sessions left out.
pub(super) fn holes(filled: i32, dropped: i32) -> String {
    let mut text = String::new();
    if filled > 0 {
        let _ = write!(text, ", {} filled", counted(filled, "hole"));
    }
    if dropped > 0 {
        let _ = write!(text, ", {} left out", counted(dropped, "session"));
    }
    text
}

pub(super) fn correlation(page: &mut String, report: &Report) {
    let Some(row) = &report.correlation else {
        return absent(page, "Correlation", report, "correlation");
    };
    let mut text = format!(
        "{}, on average {}; coverage {}\n",
        count(row.symbols.len(), "symbol"),
        or_dash(row.average, two),
        or_dash(row.coverage, coverage)
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

pub(super) fn concentration(page: &mut String, report: &Report) {
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
    active_weights(page, report);
}

/// A table against each benchmark.
fn active_weights(page: &mut String, report: &Report) {
    let all = &report.active_weights;
    if all.is_empty() {
        return section(page, "Active weights", &format!("none: {NO_BENCHMARK}"));
    }
    for rows in all.chunk_by(|a, b| a.benchmark == b.benchmark) {
        let lines = rows.iter().map(|row| {
            vec![
                row.sector.clone(),
                or_dash(row.net_weight, percent),
                percent(row.benchmark_weight),
                or_dash(row.active_weight, percent),
            ]
        });
        let columns = [
            left("sector"),
            right("of NAV"),
            right("benchmark"),
            right("active"),
        ];
        let title = format!(
            "Active weights against {} of {}",
            rows[0].benchmark, rows[0].benchmark_as_of
        );
        section(page, &title, &table(&columns, lines));
    }
}

pub(super) fn stress(page: &mut String, report: &Report) {
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
            or_dash(stress.propagated_floored, floored),
            or_dash(stress.coverage, coverage),
            note,
        ]
    });
    let columns = [
        left("scenario"),
        right("P&L"),
        right("propagated"),
        right("direct"),
        right("plausibility"),
        right("floored"),
        right("coverage"),
        left(""),
    ];
    let mut text = table(&columns, rows);
    if report
        .stress
        .iter()
        .any(|row| row.propagated_floored.is_some_and(|by| !by.is_zero()))
    {
        text.push_str("floored: the part of the propagated P&L that is there because no instrument falls by more than all\n");
    }
    let mut rows = report.stress.iter();
    let short = rows.find_map(|row| factor_window::flag(row.n));
    flags(&mut text, short.as_slice());
    section(page, "Stress tests", &text);
}

/// The amount that the floor at −100 % took out of a scenario; nothing where it took none.
fn floored(amount: Decimal) -> String {
    if amount.is_zero() {
        String::new()
    } else {
        money(amount)
    }
}

/// A probability: `0.042`, and `2e-7` where that would be all zeros.
pub(super) fn probability(p: f64) -> String {
    if p >= 0.000_95 || p <= 0.0 {
        number(p, 3)
    } else {
        format!("{p:.0e}")
    }
}

/// A section whose numbers are not there: the reason.
fn absent(page: &mut String, title: &str, report: &Report, entry: &str) {
    let reason = report
        .completeness
        .reason(entry)
        .unwrap_or_else(|| "not computed".to_owned());
    section(page, title, &format!("none: {reason}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_never_look_like_zero() {
        assert_eq!(probability(0.25), "0.250");
        assert_eq!(probability(2.3e-7), "2e-7");
        assert_eq!(probability(0.0), "0.000");
    }
}
