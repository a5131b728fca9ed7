//! `retry`: dead or cancelled tasks, chosen by a filter, become a repair run.

use std::fmt::Write as _;

use super::text::count;
use super::{Error, GlobalSettings, Output, RetryArgs, find, run};
use crate::documents;
use crate::domain::TaskState;
use crate::engine::{self, Repair, Repairing};
use crate::store::ReadTx;
use crate::store::tasks_report::{self, Filter};

/// Plans the repair; with `--wait` its verdict decides the exit code.
pub async fn run(settings: &GlobalSettings, args: &RetryArgs, json: bool) -> Result<Output, Error> {
    let engine = super::engine(settings).await?;
    let (state, list) = if args.cancelled {
        let list = "`sigmabatch tasks --state cancelled` lists cancelled tasks";
        (TaskState::Cancelled, list)
    } else {
        (TaskState::Dead, "`sigmabatch dead` lists dead tasks")
    };
    let mut db = ReadTx::lazy(&engine.pools.control);
    let filter = Filter {
        run: match &args.run {
            Some(text) => Some(find::run(&mut db, text).await?),
            None => None,
        },
        phase: args.phase,
        state: Some(state),
        symbol: args.symbol.clone(),
        portfolio: match &args.portfolio {
            Some(text) => Some(find::portfolio(&mut db, text).await?),
            None => None,
        },
        error: args.error.clone(),
        only: None,
    };
    let tasks = tasks_report::matching(&mut db, &filter).await?;
    db.close().await?;
    let how = Repairing {
        dry: args.dry_run,
        again: args.again,
    };
    let repair = engine::repair(&engine, &tasks, args.order.order(), how).await;
    let Some(repair) = repair.map_err(run::explain)? else {
        let again = if tasks.is_empty() {
            ""
        } else {
            " that was not repaired before (see --again)"
        };
        return Err(Error::misuse(
            format!("no {state} task fits the filter{again}"),
            list,
        ));
    };
    let mut receipt = run::receipt(&repair.planned);
    receipt.page.insert_str(0, &page(&repair));
    receipt.document = documents::planned::repair(&repair, args.dry_run);
    if args.dry_run {
        receipt.page.push_str("Nothing was stored.\n");
        return Ok(Output::either(json, || receipt.document, || receipt.page));
    }
    run::follow(&engine, &repair.planned, receipt, args.wait, json).await
}

fn page(repair: &Repair) -> String {
    let mut page = String::new();
    let total = repair.tasks.iter().map(|(_, n)| n).sum();
    let phases: Vec<String> = repair
        .tasks
        .iter()
        .map(|(phase, n)| format!("{} {phase} {n}", phase.number()))
        .collect();
    let _ = writeln!(
        page,
        "{} of {}: {}",
        count(total, "task"),
        count(repair.runs.len(), "run"),
        phases.join(" · ")
    );
    let _ = writeln!(
        page,
        "they concern {} and {}",
        count(repair.planned.portfolios, "portfolio"),
        count(repair.planned.dates.len(), "session")
    );
    for one in &repair.left_out {
        let (task, phase, reason) = (one.task, one.phase, &one.reason);
        let _ = writeln!(page, "left out: task {task} of {phase}: {reason}");
    }
    page
}
