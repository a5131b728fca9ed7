//! What went wrong in the system that came before, and the test that shows it cannot here: one for
//! each entry of the catalogue of incidents, named by its number. `tests/INCIDENTS.md` says where the
//! proof of each entry is, or why it does not apply to this design.

mod calendar;
mod content;
mod double_execution;
mod operations;
mod own_failures;
mod skipped_work;
mod status;
mod transactions;
pub(crate) mod wire;

use std::collections::BTreeSet;

use sigmabatch::domain::{PhaseName, PortfolioId, RunId, TaskEpoch, WorkerId};
use sigmabatch::engine::{self, CatchUp, Engine, Order, Planned, Request, Selection};
use sigmabatch::queue::GROUP;
use sigmabatch::store::tasks::{self, Answer, Capability, Completion, Timings};

use crate::market::close;
use crate::world::{World, request};

/// Who holds something back in a test, and why.
const ORDER: Order<'_> = Order {
    who: "it",
    reason: "incident",
};

/// A lot of so many shares, bought at the close of a session.
fn lot(symbol: &str, shares: i32, date: &str) -> String {
    format!("{symbol},{shares},{},{date},PUBLIC", close(symbol, date))
}

/// A book of one lot, that begins with it.
async fn book(world: &World, name: &str, symbol: &str, inception: &str) -> PortfolioId {
    let row = lot(symbol, 100, inception);
    world.book(name, "100000", inception, &[&row]).await
}

/// A request for some portfolios.
fn only(portfolios: &[PortfolioId], wanted: Request) -> Request {
    Request {
        portfolios: Selection::Only(portfolios.to_vec()),
        ..wanted
    }
}

/// The night that is due, planned.
async fn night(world: &World) -> Planned {
    let mut planned = engine::plan_due(&world.engine, CatchUp::Latest)
        .await
        .unwrap();
    assert_eq!(planned.len(), 1, "{planned:?}");
    planned.remove(0)
}

/// The results that a run owes: `name date`.
async fn owed(world: &World, run: RunId) -> Vec<String> {
    sqlx::query_scalar(
        "select p.name || ' ' || t.as_of from task t join portfolios p on t.unit = 'portfolio:' || p.id
         where t.run_id = $1 and t.phase = 'portfolio-analytics' order by 1",
    )
    .bind(run.0)
    .fetch_all(&world.db)
    .await
    .unwrap()
}

/// The portfolios that some task of a run is about.
async fn concerned(world: &World, run: RunId) -> BTreeSet<String> {
    let names: Vec<String> = sqlx::query_scalar(
        "select distinct p.name from task t join portfolios p on t.input::text like '%' || p.id || '%'
         where t.run_id = $1",
    )
    .bind(run.0)
    .fetch_all(&world.db)
    .await
    .unwrap();
    names.into_iter().collect()
}

/// The phases in which a run has tasks, with their number.
fn planned_tasks(planned: &Planned) -> Vec<(&'static str, usize)> {
    let some = planned.tasks.iter().filter(|(_, count)| *count > 0);
    some.map(|(phase, count)| (phase.as_str(), *count))
        .collect()
}

/// Starts a run that was planned, and waits for its end, which must be a success.
async fn finish(world: &World, run: RunId) {
    engine::start(&world.engine, run).await;
    let verdict = world.verdict(run).await;
    assert_eq!(verdict, "succeeded", "{}", world.troubles().await);
}

/// Lets an hour pass for every entry that somebody has read, and makes the steward look: what a dead
/// worker read and did not claim is otherwise found after half a minute.
async fn age_hints(world: &World) {
    let mut redis = world.redis().await;
    for (_, _, stream) in world.engine.queue.keys().streams() {
        let pending: Vec<(String, String, u64, u64)> = redis::cmd("XPENDING")
            .arg((&stream, GROUP, "-", "+", 1_000))
            .query_async(&mut redis)
            .await
            .unwrap_or_default();
        for (id, consumer, ..) in pending {
            redis::cmd("XCLAIM")
                .arg((&stream, GROUP, consumer, 0, id, "IDLE", 3_600_000, "JUSTID"))
                .exec_async(&mut redis)
                .await
                .unwrap();
        }
    }
    redis::cmd("DEL")
        .arg(world.engine.queue.keys().meta())
        .exec_async(&mut redis)
        .await
        .unwrap();
}

/// Claims tasks as a worker does, and says how each is completed.
async fn claim(
    engine: &Engine,
    worker: WorkerId,
    hints: &[TaskEpoch],
    phase: PhaseName,
) -> Vec<Completion> {
    let capability = Capability {
        phase,
        version: 1,
        timeout_seconds: 600.0,
    };
    let (pool, none_in_doubt) = (&engine.pools.control, BTreeSet::new());
    let answers = tasks::claim(pool, worker, hints, &none_in_doubt, &[capability], true)
        .await
        .unwrap();
    let completion = |(_, answer)| match answer {
        Answer::Claimed(claimed) => Completion {
            at: claimed.at,
            outcome: "done".to_owned(),
            timings: Timings::default(),
        },
        other => panic!("{other:?}"),
    };
    answers.into_iter().map(completion).collect()
}

/// All portfolios on the sessions of a range.
fn nights(from: &str, to: &str) -> Request {
    request(crate::world::range(from, to))
}
