//! What the demo says at its end: the numbers of the night, and how to look further.

use std::fmt::Write as _;
use std::path::Path;

use super::{Night, Place};
use crate::cli::{DemoArgs, Error, duration, left, money, percent, right, show, signed, table};
use crate::domain::{PhaseName, Verdict};
use crate::engine::Engine;
use crate::store::ReadTx;
use crate::store::digest::Digest;

/// The portfolios of the night, then what it took.
pub(super) async fn page(
    engine: &Engine,
    night: &Night,
    kept: Option<&Path>,
    place: &Place,
    args: &DemoArgs,
) -> Result<String, Error> {
    let mut rows = Vec::new();
    let mut notes = String::new();
    let mut as_of = String::new();
    for &id in &night.ids {
        let mut db = ReadTx::lazy(&engine.pools.load);
        let report = show::report(&mut db, id, None).await?;
        db.close().await?;
        as_of = report.published.as_of.to_string();
        let dash = || "–".to_owned();
        let worst = show::worst_stress(&report).map_or_else(dash, |(stress, value)| {
            format!("{} {}", signed(percent(value)), stress.name)
        });
        rows.push(vec![
            report.portfolio.name.clone(),
            money(report.snapshot.nav),
            signed(money(report.snapshot.pnl_day)),
            signed(money(report.snapshot.pnl_total)),
            show::market_beta(&report)
                .and_then(|factor| factor.beta)
                .map_or_else(dash, |beta| format!("{beta:.3}")),
            report
                .risk
                .as_ref()
                .map_or_else(dash, |risk| percent(risk.volatility)),
            worst,
            report.completeness.coverage.map_or_else(dash, percent),
        ]);
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
    }
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
         one portfolio, one date, recomputed: {:.2} s from planning to verdict\n",
        night.tasks,
        duration(night.seconds),
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        if memory.is_empty() {
            "not known on this system".to_owned()
        } else {
            memory.join(", ")
        },
        night.single_seconds,
    );
    page.push_str(&further(engine, kept, place, args));
    Ok(page)
}

/// Commands that work after the demo has ended.
fn further(engine: &Engine, kept: Option<&Path>, place: &Place, args: &DemoArgs) -> String {
    let program = place.programs.join("sigmabatch");
    let (program, data) = (program.display(), args.data.join("market"));
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
         export DATABASE_URL=\"${{DATABASE_URL%/*}}/{database}\" SIGMABATCH_PREFIX=demo MARKET_DATA=files:{data}\n    \
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
        data = data.display(),
    )
}

/// The killed night beside the quiet one.
pub(super) fn kill(verdict: Verdict, seconds: f64, quiet: &Digest, killed: &Digest) -> String {
    let same = if quiet.total == killed.total {
        "equal".to_owned()
    } else {
        let tables = quiet.tables.iter().zip(&killed.tables);
        let differ: Vec<&str> = tables
            .filter(|(a, b)| a.sha256 != b.sha256)
            .map(|(a, _)| a.table)
            .collect();
        format!("DIFFERENT in {}", differ.join(", "))
    };
    format!(
        "One of two workers killed in the middle\n  \
         the night {verdict} in {}; digests are {same}\n  \
         undisturbed {}\n  killed      {}\n",
        duration(seconds),
        quiet.total,
        killed.total,
    )
}
