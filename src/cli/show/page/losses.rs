//! The sections of options and of losses.

use std::fmt::Write as _;

use super::analytics::{flags, holes, probability};
use super::{coverage, section};
use crate::cli::text::{counted, left, money, number, or_dash, percent, right, table};
use crate::store::reports::{Report, ValueAtRisk};

pub(super) fn options(page: &mut String, report: &Report) {
    let options = &report.losses.options;
    if options.is_empty() {
        return;
    }
    let rows = options.iter().map(|row| {
        vec![
            row.symbol.clone(),
            money(row.exposure),
            number(row.delta, 3),
            number(row.gamma, 4),
            number(row.vega, 3),
            number(row.theta, 3),
            number(row.rho, 3),
            percent(row.volatility),
            row.note
                .as_ref()
                .map(|why| {
                    let suspect = if row.suspect {
                        "suspect volatility, see data quality; "
                    } else {
                        ""
                    };
                    format!("{suspect}realised volatility: {why}")
                })
                .unwrap_or_default(),
        ]
    });
    let columns = [
        left("option"),
        right("exposure"),
        right("delta"),
        right("gamma"),
        right("vega/pt"),
        right("theta/day"),
        right("rho/pt"),
        right("volatility"),
        left(""),
    ];
    section(page, "Options, Greeks per share", &table(&columns, rows));
}

pub(super) fn value_at_risk(page: &mut String, report: &Report) {
    let all = &report.losses.value_at_risk;
    let Some(first) = all.first() else {
        return section(page, "Value at risk", "none: not computed");
    };
    if let Some(reason) = &first.reason {
        return section(page, "Value at risk", &format!("none: {reason}"));
    }
    let lines = [
        ("historical_1", "historical, 1 session"),
        ("historical_10", "historical, 10 sessions"),
        ("parametric_1", "normal, 1 session"),
        ("parametric_10", "normal, 10 sessions"),
    ];
    let rows = lines.iter().map(|(key, name)| {
        let mut cells = vec![(*name).to_owned()];
        for row in all {
            let pair = row.estimates.get(key).copied().unwrap_or_default();
            cells.extend(pair.map(|value| or_dash(value, percent)));
        }
        cells
    });
    // The lower confidence comes first.
    let columns = [
        left(""),
        right("VaR 95 %"),
        right("ES 95 %"),
        right("VaR 99 %"),
        right("ES 99 %"),
    ];
    let mut text = table(&columns, rows);
    flags(&mut text, &first.flags);
    if let (Some(n), Some(windows)) = (first.n, first.windows) {
        let lacks = holes(
            first.filled.unwrap_or_default(),
            first.dropped.unwrap_or_default(),
        );
        let _ = writeln!(
            text,
            "{} with {} of 10 sessions{lacks}",
            counted(n, "return"),
            counted(windows, "run")
        );
    }
    if let Some(why) = first.reasons.get("historical_10") {
        let _ = writeln!(text, "no historical estimate of 10 sessions: {why}");
    }
    for row in all {
        let _ = writeln!(text, "{}", backtest(row));
    }
    section(page, "Value at risk", &text);
}

fn backtest(row: &ValueAtRisk) -> String {
    let title = format!("VaR {} %", number(row.confidence * 100.0, 0));
    let (Some(sessions), Some(exceptions), Some(expected)) =
        (row.sessions, row.exceptions, row.expected)
    else {
        let why = row.reasons.get("backtest").map_or("-", String::as_str);
        return format!("{title} was not tested: {why}");
    };
    let p = |test: &str| or_dash(row.tests.get(test).and_then(|test| test[1]), probability);
    format!(
        "{title} was exceeded on {exceptions} of {}, expected {}; p {} (Kupiec), {} (Christoffersen)",
        counted(sessions, "session"),
        number(expected, 1),
        p("kupiec"),
        p("independence")
    )
}

pub(super) fn replays(page: &mut String, report: &Report) {
    let replays = &report.losses.replays;
    if replays.is_empty() {
        return;
    }
    let rows = replays.iter().map(|row| {
        let note = match &row.reason {
            Some(reason) => format!("{}: {reason}", row.outcome.replace('_', " ")),
            None if row.approximated.is_empty() => String::new(),
            None => format!("by betas: {}", row.approximated.join(" ")),
        };
        vec![
            row.name.clone(),
            format!("{} to {}", row.from, row.to),
            or_dash(row.pnl, money),
            or_dash(row.fraction, percent),
            or_dash(row.floored, money),
            or_dash(row.coverage, coverage),
            note,
        ]
    });
    let columns = [
        left("crisis"),
        left("closes"),
        right("P&L"),
        right("of NAV"),
        right("floored"),
        right("coverage"),
        left(""),
    ];
    section(page, "Historical replay", &table(&columns, rows));
}

pub(super) fn reverse(page: &mut String, report: &Report) {
    let rows = report.losses.reverse.iter().map(|row| {
        let mut moves: Vec<(&String, f64)> = row.moves.iter().map(|(k, v)| (k, *v)).collect();
        moves.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        let moves = moves.iter().take(4);
        let moves: Vec<String> = moves
            .map(|(f, by)| format!("{f} {}", percent(*by)))
            .collect();
        let note = match &row.reason {
            Some(reason) => format!("{}: {reason}", row.outcome.replace('_', " ")),
            None => moves.join(", "),
        };
        vec![
            percent(row.loss),
            or_dash(row.pnl, money),
            or_dash(row.floored, money),
            or_dash(row.tail_p, probability),
            or_dash(row.coverage, coverage),
            note,
        ]
    });
    let columns = [
        left("loss"),
        right("P&L"),
        right("floored"),
        right("plausibility"),
        right("coverage"),
        left("most plausible move"),
    ];
    section(page, "Reverse stress", &table(&columns, rows));
}
