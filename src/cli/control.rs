//! `cancel`, `pause`, `resume`, `drain`: what operators do to the engine while it runs.

use serde_json::json;

use super::text::count;
use super::{CancelArgs, DrainArgs, Error, GlobalSettings, HoldArgs, OrderArgs, Output, find};
use crate::domain::Held;
use crate::engine::{self, Order, PlanError};
use crate::store::control::Cancelled;
use crate::store::{self, ReadTx};

impl OrderArgs {
    /// Who orders, and why.
    pub(super) fn order(&self) -> Order<'_> {
        Order {
            who: &self.who,
            reason: &self.reason,
        }
    }
}

/// Cancels a run: nothing of it is committed after this.
pub async fn cancel(
    settings: &GlobalSettings,
    args: &CancelArgs,
    json: bool,
) -> Result<Output, Error> {
    let engine = super::engine(settings).await?;
    let mut db = ReadTx::lazy(&engine.pools.control);
    let run = find::run(&mut db, &args.run).await?;
    db.close().await?;
    let cancelled = engine::cancel(&engine, run, args.order.order()).await;
    match cancelled.map_err(PlanError::from)? {
        Cancelled::Unknown => Err(find::unknown_run(&args.run)),
        Cancelled::Ended => Err(Error::misuse(
            format!("run {} has ended already; nothing was changed", args.run),
            "`sigmabatch status` lists the runs that go on",
        )),
        Cancelled::Tasks { tasks, running } => Ok(Output::either(
            json,
            || json!({ "run_id": run, "tasks": tasks, "running": running }),
            || {
                let tasks = count(usize::try_from(tasks).unwrap_or(usize::MAX), "task");
                format!("run {run} cancelled: {tasks}, {running} of them running\n")
            },
        )),
    }
}

/// Holds lanes and phases back.
pub async fn pause(
    settings: &GlobalSettings,
    args: &HoldArgs,
    json: bool,
) -> Result<Output, Error> {
    let engine = super::engine(settings).await?;
    let held = held(args)?;
    let order = args.order.order();
    let changed = engine::pause(&engine, held, order).await;
    answer(json, held, "paused", changed.map_err(PlanError::from)?)
}

/// Lets lanes and phases go on.
pub async fn resume(
    settings: &GlobalSettings,
    args: &HoldArgs,
    json: bool,
) -> Result<Output, Error> {
    let engine = super::engine(settings).await?;
    let held = held(args)?;
    let order = args.order.order();
    let changed = engine::resume(&engine, held, order).await;
    answer(json, held, "resumed", changed.map_err(PlanError::from)?)
}

fn held(args: &HoldArgs) -> Result<Held, Error> {
    format!("{} {}", args.kind, args.name)
        .parse()
        .map_err(|_| {
            Error::misuse(
                format!("there is no {} {:?}", args.kind, args.name),
                "lanes are interactive, nightly and backfill; phases go by name or number, as `sigmabatch redis explain` lists them",
            )
        })
}

// A result like its callers', which end with it.
#[expect(clippy::unnecessary_wraps, reason = "see above")]
fn answer(json: bool, held: Held, done: &str, changed: bool) -> Result<Output, Error> {
    Ok(Output::either(
        json,
        || json!({ "kind": held.kind(), "name": held.name(), "state": done, "changed": changed }),
        || {
            let before = if changed { "" } else { " already" };
            format!("{held} is {done}{before}\n")
        },
    ))
}

/// Asks a worker to finish what it has and to leave.
pub async fn drain(
    settings: &GlobalSettings,
    args: &DrainArgs,
    json: bool,
) -> Result<Output, Error> {
    let engine = super::engine(settings).await?;
    let workers = store::workers::named(&engine.pools.control, &args.worker).await?;
    let none = || {
        Error::misuse(
            format!("no living worker {:?}", args.worker),
            "`sigmabatch workers` lists them; name one like w-1a2b3c4d",
        )
    };
    let [worker] = workers.as_slice() else {
        return Err(none());
    };
    let there = engine::drain(&engine, *worker, args.order.order()).await;
    if !there.map_err(PlanError::from)? {
        return Err(none());
    }
    let name = worker.consumer();
    Ok(Output::either(
        json,
        || json!({ "worker": name, "worker_id": worker, "draining": true }),
        || format!("{name} finishes what it has, then leaves\n"),
    ))
}
