//! What the demo says at its end: the numbers of the night, and how to look further.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::{Killed, Night, Place};
use crate::cli::{Error, duration, left, money, percent, right, show, signed, table};
use crate::domain::PhaseName;
use crate::engine::Engine;
use crate::store::ReadTx;
use crate::store::digest::Digest;
use crate::store::reports::Report;

/// Everything that the demo found out.
pub(super) struct Summary<'a> {
    pub(super) night: &'a Night,
    pub(super) reports: &'a [Report],
    pub(super) killed: &'a Killed,
    /// Where the night's data stay.
    pub(super) kept: Option<&'a Path>,
}

/// The published numbers of the night.
pub(super) async fn reports(engine: &Engine, night: &Night) -> Result<Vec<Report>, Error> {
    let mut reports = Vec::new();
    for &id in &night.ids {
        let mut db = ReadTx::lazy(&engine.pools.load);
        reports.push(show::report(&mut db, id, None).await?);
        db.close().await?;
    }
    Ok(reports)
}

/// The same as the page, for programs.
pub(super) fn document(summary: &Summary<'_>) -> Value {
    let Summary {
        night,
        reports,
        killed,
        kept,
    } = summary;
    let portfolios: Vec<Value> = reports.iter().map(show::document).collect();
    json!({
        "as_of": reports.first().map(|report| report.published.as_of),
        "portfolios": portfolios,
        "tasks": night.tasks,
        "seconds": night.seconds,
        "cold_single_seconds": night.cold_seconds,
        "single_seconds": night.single_seconds,
        "cores": cores(),
        "worker_peak_mib": night.worker_mib,
        "digest": night.digest.total,
        "killed": {
            "verdict": killed.verdict.as_str(),
            "seconds": killed.seconds,
            "digest": killed.digest.total,
            "differs_in": differing(&night.digest, &killed.digest),
        },
        "kept_in": kept,
    })
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The portfolios of the night, then what it took.
pub(super) fn page(summary: &Summary<'_>, engine: &Engine, place: &Place, data: &Path) -> String {
    let (night, kept) = (summary.night, summary.kept);
    let as_of = summary.reports.first().map(|report| report.published.as_of);
    let as_of = as_of.map_or_else(String::new, |date| date.to_string());
    let rows: Vec<Vec<String>> = summary.reports.iter().map(row).collect();
    let notes: String = summary.reports.iter().map(notes).collect();
    let columns = [
        left("portfolio"),
        right("NAV"),
        right("P&L of the day"),
        right("P&L in all"),
        right("beta"),
        right("volatility"),
        left("worst plausible stress"),
        right("coverage"),
    ];
    let mut page = format!("\nThe night of {as_of}\n\n{}\n", table(&columns, rows));
    let _ = writeln!(page, "What is missing, and why\n{notes}");
    let memory: Vec<String> = night
        .worker_mib
        .iter()
        .map(|mib| format!("{mib:.0} MiB"))
        .collect();
    let _ = writeln!(
        page,
        "What it took (a measurement, not a promise)\n  \
         251 sessions of 3 portfolios, {} tasks: {} with two workers on {} cores\n  \
         peak memory of the workers: {}\n  \
         one portfolio, one date, from planning to verdict: {:.2} s with nothing in the database, {:.2} s recomputed\n",
        night.tasks,
        duration(night.seconds),
        cores(),
        if memory.is_empty() {
            "not known on this system".to_owned()
        } else {
            memory.join(", ")
        },
        night.cold_seconds,
        night.single_seconds,
    );
    page.push_str(&further(engine, kept, place, data));
    page.push_str(&kill(summary.killed, &night.digest));
    page
}

fn row(report: &Report) -> Vec<String> {
    let dash = || "–".to_owned();
    let worst = show::worst_stress(report).map_or_else(dash, |(stress, value)| {
        format!("{} {}", signed(percent(value)), stress.name)
    });
    vec![
        report.portfolio.name.clone(),
        money(report.snapshot.nav),
        signed(money(report.snapshot.pnl_day)),
        signed(money(report.snapshot.pnl_total)),
        show::market_beta(report)
            .and_then(|factor| factor.beta)
            .map_or_else(dash, |beta| format!("{beta:.3}")),
        report
            .risk
            .as_ref()
            .map_or_else(dash, |risk| percent(risk.volatility)),
        worst,
        report.completeness.coverage.map_or_else(dash, percent),
    ]
}

/// What is missing in a portfolio, and why.
fn notes(report: &Report) -> String {
    let mut notes = String::new();
    let name = &report.portfolio.name;
    for (symbol, why) in &report.completeness.missing {
        let _ = writeln!(notes, "  {name}: {symbol} is left out: {why}");
    }
    for factor in report.factors.iter().filter(|factor| factor.beta.is_none()) {
        let why = factor.reason.as_deref().unwrap_or("no reason given");
        let _ = writeln!(notes, "  {name}: no exposure to {}: {why}", factor.factor);
    }
    let short: Vec<&str> = report
        .stress
        .iter()
        .filter(|stress| stress.outcome != "done")
        .map(|stress| stress.scenario.as_str())
        .collect();
    if !short.is_empty() {
        let _ = writeln!(
            notes,
            "  {name}: scenarios without data: {}",
            short.join(", ")
        );
    }
    notes
}

/// Commands that work after the demo has ended.
fn further(engine: &Engine, kept: Option<&Path>, place: &Place, data: &Path) -> String {
    let program = place.programs.join("sigmabatch");
    let (program, data) = (program.display(), data.join("market"));
    let Some(folder) = kept else {
        return "Look further: run the demo with --keep DIR, a folder that the user `postgres` can enter.\n\n".to_owned();
    };
    let stream = engine
        .queue
        .keys()
        .stream(crate::domain::Lane::Nightly, PhaseName::PortfolioAnalytics);
    let meta = engine.queue.keys().meta();
    format!(
        "Look further (the night's data are kept in {folder})\n  \
         {program} services --data {folder} -- sh\n  \
         and in that shell:\n    \
         export DATABASE_URL=\"${{DATABASE_URL%/*}}/{database}\" SIGMABATCH_PREFIX=demo\n    \
         export MARKET_DATA=files:{data} SIGMABATCH_NOW={now}\n    \
         {program} show Diversified\n    \
         {program} show Testscotty --date 2016-06-30\n    \
         {program} status\n    \
         {program} digest\n    \
         {program} redis explain\n    \
         redis-cli -u \"$REDIS_URL\" HGETALL '{meta}'\n    \
         redis-cli -u \"$REDIS_URL\" XLEN '{stream}'\n    \
         redis-cli -u \"$REDIS_URL\" XINFO GROUPS '{stream}'\n\n",
        folder = folder.display(),
        database = super::DATABASE,
        now = super::NOW,
        data = data.display(),
    )
}

/// The killed night beside the quiet one.
fn kill(killed: &Killed, quiet: &Digest) -> String {
    let differ = differing(quiet, &killed.digest);
    let same = if differ.is_empty() {
        "equal".to_owned()
    } else {
        format!("DIFFERENT in {}", differ.join(", "))
    };
    format!(
        "One of two workers killed in the middle\n  \
         the night {} in {}; digests are {same}\n  \
         undisturbed {}\n  killed      {}\n",
        killed.verdict,
        duration(killed.seconds),
        quiet.total,
        killed.digest.total,
    )
}

/// Tables whose contents differ.
fn differing(a: &Digest, b: &Digest) -> Vec<&'static str> {
    let tables = a.tables.iter().zip(&b.tables);
    let differ = tables.filter(|(a, b)| a.sha256 != b.sha256);
    differ.map(|(a, _)| a.table).collect()
}
