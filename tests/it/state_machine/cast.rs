//! Who and what there is in every case: three books, two dates, a few workers.

use chrono::NaiveDate;
use serde_json::{Value, json};
use sigmabatch::domain::{
    Held, Lane, PhaseName, PortfolioId, RunId, TaskId, TradingDate, WorkerId,
};
use sigmabatch::store::tasks::NewTask;
use uuid::Uuid;

use super::ops::SmallRun;
use crate::world::{World, day};

/// Name, symbol, and whether its analytics are complete.
const BOOKS: [(&str, &str, bool); 3] = [
    ("first", "AAA", true),
    ("second", "BBB", false),
    ("third", "AAA", true),
];
/// The proxy of a factor.
pub(super) const PROXY: &str = "SP500";
/// A task that is not there.
pub(super) const NO_TASK: TaskId = TaskId(1_000_000);
/// Phases of small runs: of symbols and of portfolios, with chunks and without.
pub(super) const PHASES: [PhaseName; 4] = [
    PhaseName::CompanyProfiles,
    PhaseName::PositionValues,
    PhaseName::PnlSnapshots,
    PhaseName::PortfolioAnalytics,
];

pub(super) fn dates() -> [NaiveDate; 3] {
    ["2016-12-27", "2016-12-28", "2016-12-29"].map(day)
}

pub(super) fn portfolios() -> [PortfolioId; 3] {
    BOOKS.map(|(name, ..)| PortfolioId::of("it", name))
}

pub(super) fn symbols() -> [&'static str; 3] {
    ["AAA", "BBB", PROXY]
}

/// What an operator may hold back.
pub(super) fn held() -> Vec<Held> {
    let lanes = Lane::ALL.iter().map(|lane| Held::Lane(*lane));
    lanes.chain(PHASES.map(Held::Phase)).collect()
}

/// Who does the duties of a steward, beside all workers.
pub(super) fn steward() -> WorkerId {
    worker(0)
}

/// The worker of that number, the same in every case.
pub(super) fn worker(number: u32) -> WorkerId {
    let high = u128::from(number) << 96;
    WorkerId(Uuid::from_u128(high | u128::from(number)))
}

pub(super) fn is_strict(owner: &str) -> bool {
    of(owner).is_some_and(|(_, _, strict)| strict)
}

pub(super) fn holds(owner: &str, symbol: &str) -> bool {
    of(owner).is_some_and(|(_, held, _)| held == symbol)
}

fn of(owner: &str) -> Option<(&'static str, &'static str, bool)> {
    let mut books = BOOKS.into_iter();
    books.find(|(name, ..)| PortfolioId::of("it", name).to_string() == owner)
}

/// A run of up to four phases. Each has what it comes after, as bits, and the sizes of its chunks.
pub(super) fn small_run(
    number: usize,
    lane: Lane,
    portfolios: usize,
    shape: &[(u8, Vec<u8>)],
) -> SmallRun {
    let phases = PHASES
        .iter()
        .zip(shape)
        .enumerate()
        .map(|(i, (&phase, (after, chunks)))| {
            let before = PHASES[..i].iter().enumerate();
            let after = before
                .filter(|(j, _)| after & (1 << j) != 0)
                .map(|(_, phase)| *phase);
            let chunks = chunks.iter().zip(dates());
            let tasks = chunks.map(|(size, date)| chunk(phase, usize::from(*size), date));
            (phase, after.collect(), tasks.collect())
        });
    SmallRun {
        id: RunId(Uuid::from_u128(number as u128 + 1)),
        lane,
        phases: phases.collect(),
        portfolios,
    }
}

fn chunk(phase: PhaseName, size: usize, date: NaiveDate) -> NewTask {
    let books = &portfolios()[..size];
    let input: Value = match phase {
        PhaseName::CompanyProfiles => json!({ "symbols": symbols()[..size] }),
        PhaseName::PortfolioAnalytics => json!({ "portfolio": books[size - 1] }),
        _ => json!({ "portfolios": books, "dates": [date] }),
    };
    NewTask {
        unit: format!("chunk:{size}"),
        as_of: TradingDate::trusted(date),
        input,
    }
}

/// The books, with analytics that are there already: only their headers come and go.
pub(super) async fn enter(world: &World) {
    // Nobody pulls the plug here: what is committed need not be on the disk.
    let name = world.database();
    for setting in ["synchronous_commit", "jit"] {
        run(world, &format!("alter database {name} set {setting} = off")).await;
    }
    for (name, symbol, strict) in BOOKS {
        let row = format!("{symbol},100,10,2016-12-19,PUBLIC");
        let id = world.book(name, "100000", "2016-12-19", &[&row]).await;
        for date in dates() {
            let statements = format!(
                "insert into portfolio_snapshots values
                     ('{id}', '{date}', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, null, false);
                 insert into completeness (portfolio_id, as_of, snapshot, marks, betas, factors, volatility,
                                           correlation, concentration, stress, value_at_risk, replay,
                                           reverse_stress, strict, failed_runs)
                 values ('{id}', '{date}', 'done', 'done', 'done', 'done', 'done', 'done', 'done', 'done', 'done',
                         'done', 'done', {strict}, {})",
                i32::from(!strict)
            );
            run(world, &statements).await;
        }
    }
}

/// What a case leaves behind, in an order in which it can be removed.
const LEFT: [&str; 14] = [
    "business_date",
    "result_set",
    "event",
    "attempt",
    "task",
    "run_phase",
    "run_portfolio",
    "run_date",
    "run_symbol",
    "run",
    "worker",
    "audit",
    "pause",
    "input_change",
];

/// Begins anew: no run was ever planned.
pub(super) async fn reset(world: &World) {
    let removed = LEFT.map(|table| format!("delete from {table};")).concat();
    let counted = ["task.id", "run.run_seq", "event.id", "audit.id"].map(|column| {
        let (table, column) = column.split_once('.').unwrap();
        format!("select setval(pg_get_serial_sequence('{table}', '{column}'), 1, false);")
    });
    let rest = "update data_version set version = 0;
                update steward set holder = null, term = 0, expires_at = '-infinity', queues = '{}'";
    // Whose duties are asked for. Its heart has always beaten and always will: it may judge others.
    let steward = format!(
        ";insert into worker (id, host, pid, version, lease_until, beating_since)
         values ('{}', 'it', 0, 'it', 'infinity', '-infinity')",
        steward().0
    );
    run(
        world,
        &[&removed, &counted.concat(), rest, &steward].concat(),
    )
    .await;
    world.engine.queue.wipe().await.unwrap();
    world.engine.queue.ensure().await.unwrap();
}

async fn run(world: &World, statements: &str) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements.to_owned()))
        .execute(&world.db)
        .await
        .unwrap();
}
