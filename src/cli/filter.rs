//! The filter of tasks as people type it: the same for those who look and for those who retry.

use clap::Args;

use super::{Error, find};
use crate::domain::{PhaseName, Symbol};
use crate::store::ReadTx;
use crate::store::tasks_report::Filter;

/// Which tasks; all conditions that are given must hold.
#[derive(Debug, Clone, Default, Args)]
pub struct FilterArgs {
    /// Only of this run, by id or label.
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// Only of this phase, by name or number: symbol-factors or 1.5.
    #[arg(long, value_name = "PHASE", value_parser = PhaseName::named)]
    pub phase: Option<PhaseName>,
    /// Only about this symbol.
    #[arg(long, value_name = "SYMBOL")]
    pub symbol: Option<Symbol>,
    /// Only about this portfolio, by id or name.
    #[arg(long, value_name = "PORTFOLIO")]
    pub portfolio: Option<String>,
    /// Only with this last error: its fingerprint, its class, or a part of its message.
    #[arg(long, value_name = "TEXT")]
    pub error: Option<String>,
}

impl FilterArgs {
    /// Looks up what is named.
    pub async fn filter(&self, db: &mut ReadTx<'_>) -> Result<Filter, Error> {
        let run = match &self.run {
            Some(text) => Some(find::run(db, text).await?),
            None => None,
        };
        let portfolio = match &self.portfolio {
            Some(text) => Some(find::portfolio(db, text).await?),
            None => None,
        };
        Ok(Filter {
            run,
            phase: self.phase,
            state: None,
            symbol: self.symbol.clone(),
            portfolio,
            error: self.error.clone(),
            only: None,
        })
    }
}
