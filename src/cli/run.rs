//! `run`: plans a run through the one planner and, if asked, waits for its end.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::progress::Progress;
use super::text::count;
use super::{Error, GlobalSettings, Output, RunArgs, ScopeArgs, exit, find_portfolio};
use crate::documents::planned::document;
use crate::domain::{PhaseName, PortfolioId, RunId, Trigger, Verdict};
use crate::engine::{self, Dates, Engine, PlanError, Planned, Request, Selection};
use crate::store::tasks_report::{self, ErrorGroup, Filter};
use crate::store::{self, ReadTx};

/// Who asks, when a person does at the command line.
const PRINCIPAL: &str = "cli";
/// How often somebody who waits hears of failed attempts.
const LOOK: Duration = Duration::from_secs(1);

/// Plans the run; with `--wait` its verdict decides the exit code.
pub async fn run(settings: &GlobalSettings, args: &RunArgs, json: bool) -> Result<Output, Error> {
    let engine = super::engine(settings).await?;
    let request = request(&engine, &args.scope).await?;
    plan(&engine, &request, args.wait, json).await
}

/// What the arguments ask for.
pub(super) async fn request(engine: &Engine, args: &ScopeArgs) -> Result<Request, Error> {
    let mut portfolios = Vec::new();
    for text in &args.portfolios {
        let mut db = ReadTx::lazy(&engine.pools.control);
        portfolios.push(find_portfolio(&mut db, text).await?);
        db.close().await?;
    }
    let dates = match (args.date, args.from, args.to) {
        (Some(date), ..) => Dates::On(date),
        (None, Some(from), Some(to)) => Dates::Range(from, to),
        _ => Dates::Newest,
    };
    Ok(Request {
        trigger: Trigger::Cli,
        portfolios: if portfolios.is_empty() {
            Selection::All
        } else {
            Selection::Only(portfolios)
        },
        dates,
        lane: args.lane,
        force: args.force,
        principal: PRINCIPAL.to_owned(),
        idempotency_key: None,
    })
}

/// Plans all dates of a portfolio that was just imported.
pub async fn onboard(
    settings: &GlobalSettings,
    portfolio: PortfolioId,
    json: bool,
) -> Result<Output, Error> {
    let engine = super::engine(settings).await?;
    let request = Request {
        trigger: Trigger::Onboarding,
        portfolios: Selection::Only(vec![portfolio]),
        dates: Dates::SinceInception,
        lane: None,
        force: false,
        principal: PRINCIPAL.to_owned(),
        idempotency_key: None,
    };
    plan(&engine, &request, false, json).await
}

async fn plan(engine: &Engine, request: &Request, wait: bool, json: bool) -> Result<Output, Error> {
    let planned = engine::plan(engine, request).await.map_err(explain)?;
    follow(engine, &planned, receipt(&planned), wait, json).await
}

/// What is said of a run that was planned.
pub(super) struct Receipt {
    pub(super) document: Value,
    pub(super) page: String,
}

/// What is said of any.
pub(super) fn receipt(planned: &Planned) -> Receipt {
    Receipt {
        document: document(planned),
        page: page(planned),
    }
}

/// Starts a planned run; with `wait` its verdict decides the exit code.
pub(super) async fn follow(
    engine: &Engine,
    planned: &Planned,
    receipt: Receipt,
    wait: bool,
    json: bool,
) -> Result<Output, Error> {
    let Receipt { mut document, page } = receipt;
    engine::start(engine, planned.run).await;
    let living = store::workers::living(&engine.pools.control).await?;
    if wait && !json {
        say(page.trim_end());
    }
    let waiting = planned.existing || planned.tasks.iter().any(|(_, n)| *n > 0);
    if living == 0 && waiting {
        say(
            "no worker is alive: start one with `sigmabatch-worker` (it needs DATABASE_URL, REDIS_URL and MARKET_DATA)",
        );
    }
    document["workers"] = json!(living);
    if !wait {
        return Ok(Output::either(json, || document, || page));
    }
    let verdict = wait_for(engine, planned.run, !json).await?;
    let seconds = engine::progress(engine, planned.run)
        .await
        .map_err(PlanError::from)?
        .map(|p| p.elapsed_seconds);
    document["verdict"] = json!(verdict.as_str());
    document["seconds"] = json!(seconds);
    let text = format!(
        "{} {verdict} in {}\n",
        planned.label,
        super::duration(seconds.unwrap_or(0.0))
    );
    let mut output = Output::either(json, || document, || text);
    output.code = match verdict {
        Verdict::Succeeded => exit::SUCCEEDED,
        Verdict::Partial => exit::PARTIAL,
        Verdict::Failed | Verdict::Cancelled => exit::FAILED,
    };
    Ok(output)
}

/// Waits until the run has a verdict, showing its progress on standard error.
pub async fn wait_for(engine: &Engine, run: RunId, show: bool) -> Result<Verdict, Error> {
    let mut bars = Progress::new(show, std::io::stderr().is_terminal());
    let mut said = BTreeSet::new();
    let mut looked = Instant::now();
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(50));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let progress = engine::progress(engine, run)
            .await
            .map_err(PlanError::from)?;
        let progress = progress.ok_or_else(|| {
            Error::not_there(
                format!("run {run} is gone"),
                "`sigmabatch status` lists the runs",
            )
        })?;
        bars.show(&progress);
        if show && (looked.elapsed() >= LOOK || progress.verdict.is_some()) {
            looked = Instant::now();
            for line in troubles(engine, run, &mut said).await? {
                bars.say(&line);
            }
        }
        if let Some(verdict) = progress.verdict {
            bars.finish();
            return Ok(verdict);
        }
    }
}

/// What went wrong since the last look, each mistake once.
async fn troubles(
    engine: &Engine,
    run: RunId,
    said: &mut BTreeSet<(PhaseName, String, bool)>,
) -> Result<Vec<String>, Error> {
    let filter = Filter {
        run: Some(run),
        ..Filter::default()
    };
    let mut db = ReadTx::lazy(&engine.pools.control);
    let groups = tasks_report::errors(&mut db, &filter).await?;
    db.close().await?;
    let new = groups.into_iter().filter(|group| {
        let died = group.dead > 0;
        (died || group.retrying > 0) && said.insert((group.phase, group.fingerprint.clone(), died))
    });
    let line = |group: ErrorGroup| {
        let what = if group.dead > 0 {
            "a task is dead"
        } else {
            "an attempt failed and will be repeated"
        };
        let phase = group.phase;
        format!(
            "  phase {} {phase}: {what}: {}",
            phase.number(),
            group.sample
        )
    };
    Ok(new.map(line).collect())
}

/// A line for people, beside the output.
fn say(line: &str) {
    use std::io::Write;
    // A closed standard error is no reason to stop.
    let _ = writeln!(std::io::stderr(), "{line}");
}

pub(super) fn explain(error: PlanError) -> Error {
    let remedy = match &error {
        PlanError::NotEligible { .. } => "choose an earlier date, or wait until then",
        PlanError::BeforeInception { .. } => "give a later date",
        PlanError::NoSession(_) | PlanError::EmptyRange(..) => {
            "choose a day on which the NYSE is open"
        }
        PlanError::Reversed(..) => "swap --from and --to",
        PlanError::UnknownPortfolio(_) => "`sigmabatch status` lists the portfolios",
        PlanError::NoPortfolio => "`sigmabatch import portfolio --help` says how",
        PlanError::Unreadable(_) => {
            "`sigmabatch run --force` computes the dates anew, whatever the task was"
        }
        PlanError::KeyReused(_) => "use another key",
        PlanError::Calendar(_) => "choose a date inside the calendar",
        PlanError::Engine(_) => return Error::Engine(error),
    };
    Error::misuse(error.to_string(), remedy)
}

fn page(planned: &Planned) -> String {
    let total: usize = planned.tasks.iter().map(|(_, n)| n).sum();
    if planned.existing {
        return format!("{} goes on already: run {}\n", planned.label, planned.run);
    }
    if total == 0 {
        return format!(
            "{}: everything is current, nothing to do (run {})\n",
            planned.label, planned.run
        );
    }
    let phases: Vec<String> = planned
        .tasks
        .iter()
        .filter(|(_, n)| *n > 0)
        .map(|(phase, n)| format!("{} {phase} {n}", phase.number()))
        .collect();
    format!(
        "{}: {} for {}, {}, {} (run {})\n  {}\n",
        planned.label,
        count(total, "task"),
        count(planned.portfolios, "portfolio"),
        count(planned.symbols, "symbol"),
        count(planned.dates.len(), "session"),
        planned.run,
        phases.join(" · ")
    )
}
