//! Tasks as operators look for them: one filter for those who look and for those who retry.

use super::{Attempt, ReadTx, Result};
use crate::domain::{PhaseName, PortfolioId, RunId, Symbol, TaskId, TaskState};

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
}

/// The ids of the tasks that a filter means, ascending.
pub async fn matching(db: &mut ReadTx<'_>, filter: &Filter) -> Result<Vec<TaskId>> {
    let ids = sqlx::query_scalar!(
        r#"select id as "id!" from filtered_tasks($1, $2, $3, $4, $5, $6) order by id"#,
        filter.run.map(|run| run.0),
        filter.phase.map(PhaseName::as_str),
        filter.state.map(TaskState::as_str),
        filter.symbol.as_ref().map(Symbol::as_str),
        filter.portfolio.map(|portfolio| portfolio.0),
        filter.error
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("looking for tasks")?;
    Ok(ids.into_iter().map(TaskId).collect())
}
