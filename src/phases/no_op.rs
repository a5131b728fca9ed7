//! A phase that does nothing, the way every phase does it: reads in a snapshot, asks nobody, computes
//! for as long as it is told, commits one header of results. For `sigmabatch bench`, which measures the
//! engine around it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Cx, Done, Phase, Result, Scope, Subjects, TaskRef, Unit, Wish};
use crate::domain::{PhaseName, PortfolioId, TaskEpoch, TradingDate};
use crate::store::{ReadTx, WriteTx};

/// Of the result sets; no reader knows it.
pub const KIND: &str = "no-op";
/// Between two looks at the deadline while it is busy.
const STEP: Duration = Duration::from_millis(10);

/// Does nothing.
pub struct NoOp {
    /// How long a task pretends to compute.
    pub busy: Duration,
}

/// One portfolio, of whom nothing is computed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Input {
    portfolio: PortfolioId,
}

/// Whose results these are, and of which date.
pub struct Nothing {
    portfolio: PortfolioId,
    as_of: TradingDate,
}

impl Phase for NoOp {
    const NAME: PhaseName = PhaseName::PortfolioAnalytics;
    const AFTER: &'static [PhaseName] = &[];
    const TIMEOUT: Duration = Duration::from_mins(10);
    type Input = Input;
    type Loaded = Nothing;
    type Fetched = Nothing;
    type Output = Nothing;

    async fn plan(&self, _: &mut ReadTx<'_>, run: &Scope) -> Result<Vec<Unit<Input>>> {
        let days = run
            .work
            .iter()
            .flat_map(|(portfolio, dates)| dates.iter().map(move |date| (*portfolio, *date)));
        let units = days.map(|(portfolio, as_of)| Unit {
            unit: format!("portfolio:{portfolio}"),
            as_of,
            input: Input { portfolio },
        });
        Ok(units.collect())
    }

    async fn load(&self, db: &mut ReadTx<'_>, task: &TaskRef, input: &Input) -> Result<Nothing> {
        db.data_version().await?;
        Ok(Nothing {
            portfolio: input.portfolio,
            as_of: task.as_of,
        })
    }

    async fn fetch(&self, _: &Cx, nothing: Nothing) -> Result<Nothing> {
        Ok(nothing)
    }

    fn compute(&self, cx: &Cx, nothing: Nothing) -> Result<Nothing> {
        let mut left = self.busy;
        while !left.is_zero() {
            cx.check()?;
            std::thread::sleep(STEP.min(left));
            left = left.saturating_sub(STEP);
        }
        Ok(nothing)
    }

    fn subjects(input: &Input, as_of: TradingDate) -> Subjects {
        Subjects {
            portfolios: vec![input.portfolio],
            dates: Some(vec![as_of]),
            ..Subjects::default()
        }
    }

    const WRITES: bool = false;

    fn sets(nothing: &Nothing) -> Vec<Wish> {
        let owner = nothing.portfolio.to_string();
        vec![(KIND, owner, nothing.as_of, String::new())]
    }

    async fn commit(&self, _: &mut WriteTx, _: &[Done<'_, Nothing>]) -> Result<Vec<TaskEpoch>> {
        Ok(Vec::new())
    }
}
