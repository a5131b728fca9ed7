//! Tasks as operators look for them: one filter for those who look and for those who retry.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::{Attempt, ReadTx, Result, word};
use crate::domain::{PhaseName, PortfolioId, RunId, Symbol, TaskId, TaskState, WorkerId};

/// Groups of errors that are read at most: the largest ones.
const GROUPS: i64 = 50;

/// Which tasks: all conditions that are given must hold; without any, every task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this run.
    pub run: Option<RunId>,
    /// Of this phase.
    pub phase: Option<PhaseName>,
    /// In this state.
    pub state: Option<TaskState>,
    /// About this symbol: the task's input names it.
    pub symbol: Option<Symbol>,
    /// About this portfolio: the task's input names it.
    pub portfolio: Option<PortfolioId>,
    /// Whose last error has this fingerprint or class, or has this text in its message.
    pub error: Option<String>,
    /// About one of these portfolios: for those who see no others.
    pub only: Option<Vec<Uuid>>,
}

/// The ids of the tasks that a filter means, ascending.
pub async fn matching(db: &mut ReadTx<'_>, filter: &Filter) -> Result<Vec<TaskId>> {
    let ids = sqlx::query_scalar!(
        r#"select id as "id!" from filtered_tasks($1, $2, $3, $4, $5, $6, $7) order by id"#,
        filter.run.map(|run| run.0),
        filter.phase.map(PhaseName::as_str),
        filter.state.map(TaskState::as_str),
        filter.symbol.as_ref().map(Symbol::as_str),
        filter.portfolio.map(|portfolio| portfolio.0),
        filter.error,
        filter.only.as_deref()
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("looking for tasks")?;
    Ok(ids.into_iter().map(TaskId).collect())
}

/// Whether a filter means a task that no run was planned for to do it again.
pub async fn any_unrepaired(db: &mut ReadTx<'_>, filter: &Filter) -> Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from filtered_tasks($1, $2, $3, $4, $5, $6, $7)
                          where repair_run is null) as "it!""#,
        filter.run.map(|run| run.0),
        filter.phase.map(PhaseName::as_str),
        filter.state.map(TaskState::as_str),
        filter.symbol.as_ref().map(Symbol::as_str),
        filter.portfolio.map(|portfolio| portfolio.0),
        filter.error,
        filter.only.as_deref()
    )
    .fetch_one(db.connection().await?)
    .await
    .attempt("looking for tasks to repair")
}

/// A task as it stands in lists.
#[derive(Debug, Clone)]
pub struct TaskRow {
    /// The task.
    pub id: TaskId,
    /// Its run.
    pub run: RunId,
    /// The label of its run.
    pub label: String,
    /// Its phase.
    pub phase: PhaseName,
    /// Its unit.
    pub unit: String,
    /// The date of its results, or the last of them.
    pub as_of: NaiveDate,
    /// Its state.
    pub state: TaskState,
    /// Its fencing number.
    pub epoch: i64,
    /// Who has it in hand, or had it last.
    pub worker: Option<WorkerId>,
    /// Own failures.
    pub attempts: i16,
    /// Lost workers.
    pub crashes: i16,
    /// When it may be claimed.
    pub ready_at: DateTime<Utc>,
    /// Since when it is parked by a rate limit.
    pub parked_since: Option<DateTime<Utc>>,
    /// When the last attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// When the attempt in hand must end.
    pub deadline_at: Option<DateTime<Utc>>,
    /// When it became final.
    pub finished_at: Option<DateTime<Utc>>,
    /// Version of its input: workers of older versions leave it alone.
    pub input_version: i16,
    /// How it ended.
    pub outcome: Option<String>,
    /// Its last error.
    pub error: Option<LastError>,
    /// The run that was planned to do it again.
    pub repair_run: Option<RunId>,
}

impl TaskRow {
    /// Whether it is about several portfolios.
    pub fn is_shared(&self) -> bool {
        self.unit.starts_with("portfolios:")
    }

    /// Leaves out what may be about a portfolio that somebody does not see: of a unit of several, the words of its error.
    pub fn reduce(&mut self) {
        if self.is_shared()
            && let Some(error) = &mut self.error
        {
            error.message.clone_from(&error.class);
        }
    }
}

/// The last error of a task.
#[derive(Debug, Clone)]
pub struct LastError {
    /// Its class.
    pub class: String,
    /// Its message.
    pub message: String,
    /// What it has in common with equal mistakes.
    pub fingerprint: String,
}

/// A row of the lists below.
struct Row {
    id: i64,
    run_id: Uuid,
    label: String,
    phase: String,
    unit: String,
    as_of: NaiveDate,
    state: String,
    epoch: i64,
    worker_id: Option<Uuid>,
    attempts: i16,
    crashes: i16,
    ready_at: DateTime<Utc>,
    parked_since: Option<DateTime<Utc>>,
    started_at: Option<DateTime<Utc>>,
    deadline_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    input_version: i16,
    outcome: Option<String>,
    error_class: Option<String>,
    error: Option<String>,
    fingerprint: Option<String>,
    repair_run: Option<Uuid>,
}

fn task(row: Row) -> Result<TaskRow> {
    let error = row.error.map(|message| LastError {
        class: row.error_class.unwrap_or_default(),
        message,
        fingerprint: row.fingerprint.unwrap_or_default(),
    });
    Ok(TaskRow {
        id: TaskId(row.id),
        run: RunId(row.run_id),
        label: row.label,
        phase: word("task", &row.phase)?,
        unit: row.unit,
        as_of: row.as_of,
        state: word("task", &row.state)?,
        epoch: row.epoch,
        worker: row.worker_id.map(WorkerId),
        attempts: row.attempts,
        crashes: row.crashes,
        ready_at: row.ready_at,
        parked_since: row.parked_since,
        started_at: row.started_at,
        deadline_at: row.deadline_at,
        finished_at: row.finished_at,
        input_version: row.input_version,
        outcome: row.outcome,
        error,
        repair_run: row.repair_run.map(RunId),
    })
}

/// Tasks that a filter means, newest first; `after` is the last one of the page before.
pub async fn list(
    db: &mut ReadTx<'_>,
    filter: &Filter,
    after: Option<TaskId>,
    limit: i64,
) -> Result<Vec<TaskRow>> {
    sqlx::query_as!(
        Row,
        r#"select t.id as "id!", t.run_id as "run_id!", r.label, t.phase as "phase!", t.unit as "unit!",
                  t.as_of as "as_of!", t.state as "state!", t.epoch as "epoch!", t.worker_id, t.attempts as "attempts!",
                  t.crashes as "crashes!", t.ready_at as "ready_at!", t.parked_since, t.started_at, t.deadline_at,
                  t.finished_at, t.input_version as "input_version!", t.outcome, t.error_class, t.error, t.fingerprint,
                  t.repair_run
           from filtered_tasks($1, $2, $3, $4, $5, $6, $7) t join run r on r.id = t.run_id
           where ($8::bigint is null or t.id < $8)
             -- The primary key is gone through backwards: from the end of the run, not of the table.
             and ($1::uuid is null
                  or t.id between (select min(p.first_task) from run_phase p
                                   where p.run_id = $1 and ($2::text is null or p.phase = $2))
                              and (select max(p.last_task) from run_phase p
                                   where p.run_id = $1 and ($2::text is null or p.phase = $2)))
           order by t.id desc limit $9"#,
        filter.run.map(|run| run.0),
        filter.phase.map(PhaseName::as_str),
        filter.state.map(TaskState::as_str),
        filter.symbol.as_ref().map(Symbol::as_str),
        filter.portfolio.map(|portfolio| portfolio.0),
        filter.error,
        filter.only.as_deref(),
        after.map(|task| task.0),
        limit
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("listing tasks")?
    .into_iter()
    .map(|row| {
        let mut task = task(row)?;
        if filter.only.is_some() {
            task.reduce();
        }
        Ok(task)
    })
    .collect()
}

/// Tasks by their ids, ascending.
pub async fn named(db: &mut ReadTx<'_>, ids: &[TaskId]) -> Result<Vec<TaskRow>> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    sqlx::query_as!(
        Row,
        "select t.id, t.run_id, r.label, t.phase, t.unit, t.as_of, t.state, t.epoch, t.worker_id, t.attempts, t.crashes,
                t.ready_at, t.parked_since, t.started_at, t.deadline_at, t.finished_at, t.input_version, t.outcome,
                t.error_class, t.error, t.fingerprint, t.repair_run
         from task t join run r on r.id = t.run_id
         where t.id = any($1) order by t.id",
        &ids
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading tasks")?
    .into_iter()
    .map(task)
    .collect()
}

/// Those of some tasks that are in workers' hands still, newest first; with `only`, those about these portfolios.
pub async fn in_hand(
    db: &mut ReadTx<'_>,
    ids: &[TaskId],
    only: Option<&[Uuid]>,
    limit: i64,
) -> Result<Vec<TaskRow>> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    sqlx::query_as!(
        Row,
        "select t.id, t.run_id, r.label, t.phase, t.unit, t.as_of, t.state, t.epoch, t.worker_id, t.attempts, t.crashes,
                t.ready_at, t.parked_since, t.started_at, t.deadline_at, t.finished_at, t.input_version, t.outcome,
                t.error_class, t.error, t.fingerprint, t.repair_run
         from task t join run r on r.id = t.run_id
         where t.id = any($1) and t.state = 'running' and ($2::uuid[] is null or is_about(t.unit, t.input, $2))
         order by t.id desc limit $3",
        &ids,
        only,
        limit
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading the tasks in workers' hands")?
    .into_iter()
    .map(|row| {
        let mut task = task(row)?;
        if only.is_some() {
            task.reduce();
        }
        Ok(task)
    })
    .collect()
}

/// Equal mistakes of a phase.
#[derive(Debug, Clone)]
pub struct ErrorGroup {
    /// What they have in common.
    pub fingerprint: String,
    /// The phase.
    pub phase: PhaseName,
    /// The class.
    pub class: String,
    /// The message of the newest of them.
    pub sample: String,
    /// The newest of them.
    pub task: TaskId,
    /// Tasks whose last error it is and that are not done; elements of a split one in its place.
    pub count: i64,
    /// Dead ones among them.
    pub dead: i64,
    /// Dead ones that a repair run was planned for.
    pub repaired: i64,
    /// Those that are tried again.
    pub retrying: i64,
    /// When one of them died last.
    pub died_at: Option<DateTime<Utc>>,
}

/// The errors of the tasks that a filter means, dead ones first; what succeeded later is forgotten, and so is a chunk that was split: its
/// elements tell theirs.
pub async fn errors(db: &mut ReadTx<'_>, filter: &Filter) -> Result<Vec<ErrorGroup>> {
    sqlx::query!(
        r#"with grouped as (
               select phase, coalesce(error_class, '') as class, coalesce(fingerprint, '') as fingerprint,
                      max(id) as newest, count(*) as tasks, count(*) filter (where state = 'dead') as dead,
                      count(*) filter (where state = 'dead' and repair_run is not null) as repaired,
                      count(*) filter (where state in ('ready', 'running')) as retrying,
                      max(finished_at) filter (where state = 'dead') as died_at
               from filtered_tasks($1, $2, $3, $4, $5, $6, $7)
               where error_class is not null and state not in ('done', 'split')
               group by 1, 2, 3
           )
           select g.phase as "phase!", g.class as "class!", g.fingerprint as "fingerprint!", g.newest as "newest!",
                  g.tasks as "tasks!", g.dead as "dead!", g.repaired as "repaired!", g.retrying as "retrying!",
                  g.died_at,
                  case when $7 is null or t.unit not like 'portfolios:%' then t.error else g.class end as "sample!"
           from grouped g join task t on t.id = g.newest
           order by g.dead desc, g.tasks desc, g.newest desc limit $8"#,
        filter.run.map(|run| run.0),
        filter.phase.map(PhaseName::as_str),
        filter.state.map(TaskState::as_str),
        filter.symbol.as_ref().map(Symbol::as_str),
        filter.portfolio.map(|portfolio| portfolio.0),
        filter.error,
        filter.only.as_deref(),
        GROUPS
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("grouping errors")?
    .into_iter()
    .map(|row| {
        Ok(ErrorGroup {
            fingerprint: row.fingerprint,
            phase: word("task", &row.phase)?,
            class: row.class,
            sample: row.sample,
            task: TaskId(row.newest),
            count: row.tasks,
            dead: row.dead,
            repaired: row.repaired,
            retrying: row.retrying,
            died_at: row.died_at,
        })
    })
    .collect()
}

/// Whether a task is about one of these portfolios.
pub async fn is_about(db: &mut ReadTx<'_>, id: TaskId, portfolios: &[Uuid]) -> Result<bool> {
    let about = sqlx::query_scalar!(
        r#"select is_about(unit, input, $2) as "it!" from task where id = $1"#,
        id.0,
        portfolios
    )
    .fetch_optional(db.connection().await?)
    .await
    .attempt("looking what a task is about")?;
    Ok(about.unwrap_or(false))
}

/// What a task works on; `None` where there is no such task.
pub async fn input(db: &mut ReadTx<'_>, id: TaskId) -> Result<Option<serde_json::Value>> {
    sqlx::query_scalar!("select input from task where id = $1", id.0)
        .fetch_optional(db.connection().await?)
        .await
        .attempt("reading the input of a task")
}

/// One time that a task left `running`.
#[derive(Debug, Clone)]
pub struct AttemptRow {
    /// The fencing number.
    pub epoch: i64,
    /// Whose attempt it was.
    pub worker: Option<WorkerId>,
    /// How it ended.
    pub outcome: String,
    /// Class and message, where it did not commit.
    pub error: Option<(String, String)>,
    /// When it was claimed.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// Milliseconds of its parts: load, fetch, compute, commit.
    pub parts_ms: [Option<f32>; 4],
}

/// The attempts at a task, first to last.
pub async fn attempts(db: &mut ReadTx<'_>, task: TaskId) -> Result<Vec<AttemptRow>> {
    let rows = sqlx::query!(
        "select epoch, worker_id, outcome, error_class, error, started_at, finished_at,
                load_ms, fetch_ms, compute_ms, commit_ms
         from attempt where task_id = $1 order by epoch",
        task.0
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading the attempts at a task")?;
    let rows = rows.into_iter().map(|row| AttemptRow {
        epoch: row.epoch,
        worker: row.worker_id.map(WorkerId),
        outcome: row.outcome,
        error: row
            .error_class
            .map(|class| (class, row.error.unwrap_or_default())),
        started_at: row.started_at,
        finished_at: row.finished_at,
        parts_ms: [row.load_ms, row.fetch_ms, row.compute_ms, row.commit_ms],
    });
    Ok(rows.collect())
}
