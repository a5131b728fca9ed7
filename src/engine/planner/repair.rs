//! Repair: dead and cancelled tasks become a new run over the portfolios and dates that they concern.
//! Final states stay final.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{Basis, Dates, Planned, Request, Selection, plan_within};
use crate::domain::{PermitClass, PhaseName, PortfolioId, RunId, TaskId, TradingDate, Trigger};
use crate::engine::{Engine, Order, PlanError};
use crate::phases::Subjects;
use crate::store::tasks::Unfinished;
use crate::store::{WriteTx, events, plans, runs, tasks};

/// A task that no repair can be planned for: nobody can tell what it concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The task.
    pub task: TaskId,
    /// Its phase.
    pub phase: PhaseName,
    /// Why, for people.
    pub reason: String,
}

/// A repair run, with what it is about.
#[derive(Debug, Clone)]
pub struct Repair {
    /// The run, as planned.
    pub planned: Planned,
    /// Tasks that will be done again in another form: by phase.
    pub tasks: Vec<(PhaseName, usize)>,
    /// The runs that they belong to, oldest first; the last one is the parent.
    pub runs: Vec<RunId>,
    /// Tasks that were meant, too, and stay as they are.
    pub left_out: Vec<LeftOut>,
}

/// What a repair run computes: portfolio → dates.
type Pairs = BTreeMap<PortfolioId, Vec<TradingDate>>;

/// How a repair is planned.
#[derive(Debug, Clone, Copy, Default)]
pub struct Repairing {
    /// Nothing is stored.
    pub dry: bool,
    /// Also what was repaired before.
    pub again: bool,
}

/// Plans a run over what these tasks concern, and remembers of them that it was done. `None` if none of
/// them is dead or cancelled, and not repaired before. A task whose input cannot be read is left out;
/// [`PlanError::Unreadable`] if there is no other. What a forced run should have asked providers is asked again.
pub async fn repair(
    engine: &Engine,
    tasks: &[TaskId],
    order: Order<'_>,
    how: Repairing,
) -> Result<Option<Repair>, PlanError> {
    let mut tx = WriteTx::begin(&engine.pools.control).await?;
    let unfinished = tasks::unfinished_for_ever(&mut tx, tasks, how.again).await?;
    let Meant {
        known: unfinished,
        left_out,
        forced,
    } = readable(engine, unfinished)?;
    if unfinished.is_empty() && !left_out.is_empty() {
        return Err(PlanError::Unreadable(left_out));
    }
    let runs: BTreeSet<(i64, RunId)> = unfinished
        .iter()
        .map(|(task, _)| (task.run_seq, task.run_id))
        .collect();
    let Some(&(_, parent)) = runs.last() else {
        return Ok(None);
    };
    let mut pairs: BTreeMap<PortfolioId, BTreeSet<TradingDate>> = BTreeMap::new();
    let mut asking = BTreeSet::new();
    for (_, run) in &runs {
        let scope = runs::frozen(&mut tx, *run).await?;
        for (task, subjects) in unfinished.iter().filter(|(task, _)| task.run_id == *run) {
            let (portfolios, dates) = concerned(&mut tx, *run, subjects, &scope).await?;
            if forced.contains(&task.id) {
                asking.extend(portfolios.iter().copied());
            }
            for portfolio in portfolios {
                pairs
                    .entry(portfolio)
                    .or_default()
                    .extend(dates.iter().copied());
            }
        }
    }
    // What was deleted meanwhile needs no repair.
    let ids: Vec<PortfolioId> = pairs.keys().copied().collect();
    let active = plans::active(&mut tx.reader(), Some(&ids)).await?;
    let active: BTreeSet<PortfolioId> = active.into_iter().map(|known| known.id).collect();
    let pairs: Pairs = pairs
        .into_iter()
        .filter(|(portfolio, _)| active.contains(portfolio))
        .map(|(portfolio, dates)| (portfolio, dates.into_iter().collect()))
        .collect();
    let (Some(from), Some(to)) = (
        pairs.values().flatten().min().copied(),
        pairs.values().flatten().max().copied(),
    ) else {
        return Ok(None);
    };
    let request = Request {
        trigger: Trigger::Repair,
        portfolios: Selection::Only(pairs.keys().copied().collect()),
        dates: Dates::Range(from.date(), to.date()),
        lane: None,
        force: !asking.is_disjoint(&active),
        principal: order.who.to_owned(),
        idempotency_key: None,
    };
    let basis = Basis::Repair { parent, pairs };
    let planned = plan_within(engine, &mut tx, &request, &basis).await?;
    let mut counts: BTreeMap<PhaseName, usize> = BTreeMap::new();
    for (task, _) in &unfinished {
        *counts.entry(task.phase).or_default() += 1;
    }
    let repair = Repair {
        tasks: counts.into_iter().collect(),
        runs: runs.into_iter().map(|(_, run)| run).collect(),
        planned,
        left_out,
    };
    if how.dry {
        tx.rollback().await?;
        return Ok(Some(repair));
    }
    let ids: Vec<TaskId> = unfinished.iter().map(|(task, _)| task.id).collect();
    tasks::repaired_by(&mut tx, &ids, repair.planned.run).await?;
    let detail = json!({
        "run": repair.planned.run,
        "repairs": repair.runs,
        "tasks": repair.tasks.iter().map(|(phase, n)| (phase.to_string(), *n)).collect::<BTreeMap<_, _>>(),
    });
    let target = repair.planned.run.to_string();
    events::audit(&mut tx, order.who, "retry", &target, order.reason, &detail).await?;
    tx.commit().await?;
    tracing::info!(run_id = %repair.planned.run, tasks = ids.len(), left_out = repair.left_out.len(), "repair planned");
    Ok(Some(repair))
}

/// What should be done again.
#[derive(Default)]
struct Meant {
    /// Tasks with what they are about.
    known: Vec<(Unfinished, Subjects)>,
    /// Those whose input does not say it.
    left_out: Vec<LeftOut>,
    /// Those in which a forced run was to ask providers: that there are older answers is no reason not to.
    forced: BTreeSet<TaskId>,
}

fn readable(engine: &Engine, tasks: Vec<Unfinished>) -> Result<Meant, PlanError> {
    let mut meant = Meant::default();
    for task in tasks {
        let phase = engine.phase(task.phase)?;
        match phase.subjects(&task.input, task.as_of) {
            Ok(subjects) => {
                if task.force && phase.class() == PermitClass::Provider {
                    meant.forced.insert(task.id);
                }
                meant.known.push((task, subjects));
            }
            Err(error) => meant.left_out.push(LeftOut {
                task: task.id,
                phase: task.phase,
                reason: error.to_string(),
            }),
        }
    }
    Ok(meant)
}

/// The portfolios and dates of a run that the subjects of a task of it concern.
async fn concerned(
    tx: &mut WriteTx,
    run: RunId,
    subjects: &Subjects,
    scope: &runs::Frozen,
) -> Result<(Vec<PortfolioId>, Vec<TradingDate>), PlanError> {
    let portfolios = if !subjects.portfolios.is_empty() {
        subjects.portfolios.clone()
    } else if !subjects.symbols.is_empty() {
        runs::concerned_by(tx, run, &subjects.symbols).await?
    } else {
        scope.portfolios.clone()
    };
    let dates = subjects.dates.as_ref().unwrap_or(&scope.dates).clone();
    Ok((portfolios, dates))
}
