//! Phase 4: live marks of positions, from the values of the run's final date. A backfill of older
//! dates leaves newer marks alone.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::sets::{self, Keep};
use super::units::{self, PORTFOLIO_CHUNK, chunk_name, ids, singles};
use super::{Cx, Done, Phase, Result, Scope, Subjects, TaskRef, Unit};
use crate::domain::{LotValue, PhaseName, PortfolioId, TaskEpoch, TradingDate};
use crate::store::portfolio_results::{self, ValueRow};
use crate::store::{ReadTx, WriteTx, result_sets};

/// The phase.
pub struct PositionUpdates;

/// Portfolios to mark.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Input {
    pub(super) portfolios: Vec<PortfolioId>,
}

/// Chunks of the portfolios that have work and lack results of a kind, at the final date.
pub(super) async fn final_units(
    db: &mut ReadTx<'_>,
    kind: PhaseName,
    run: &Scope,
) -> Result<Vec<Unit<Input>>> {
    let lacking = units::lacking(db, kind, run, &[run.final_date]).await?;
    let due: Vec<PortfolioId> = lacking.into_keys().collect();
    let chunks = due.chunks(PORTFOLIO_CHUNK);
    Ok(chunks
        .map(|chunk| Unit {
            unit: chunk_name("portfolio", ids(chunk)),
            as_of: run.final_date,
            input: Input {
                portfolios: chunk.to_vec(),
            },
        })
        .collect())
}

/// One unit for each portfolio of a chunk that died.
pub(super) fn single_finals(input: &Input, as_of: TradingDate) -> Vec<Unit<Input>> {
    singles(
        "portfolio",
        &input.portfolios,
        as_of,
        ToString::to_string,
        |portfolios| Input { portfolios },
    )
}

/// Marks of portfolios; a portfolio may have none.
pub struct Marks {
    portfolios: Vec<PortfolioId>,
    as_of: TradingDate,
    rows: Vec<ValueRow>,
}

impl Phase for PositionUpdates {
    const NAME: PhaseName = PhaseName::PositionUpdates;
    const AFTER: &'static [PhaseName] = &[PhaseName::PnlSnapshots];
    const TIMEOUT: Duration = Duration::from_mins(1);
    type Input = Input;
    type Loaded = Marks;
    type Fetched = Marks;
    type Output = Marks;

    async fn plan(&self, db: &mut ReadTx<'_>, run: &Scope) -> Result<Vec<Unit<Input>>> {
        final_units(db, Self::NAME, run).await
    }

    async fn load(&self, db: &mut ReadTx<'_>, task: &TaskRef, input: &Input) -> Result<Marks> {
        let as_of = task.as_of;
        let owners: Vec<String> = ids(&input.portfolios).collect();
        let kind = PhaseName::PositionValues.as_str();
        let used: Vec<(&str, &str)> = owners.iter().map(|owner| (kind, owner.as_str())).collect();
        if let Some(version) = result_sets::stale_version(db, &used, as_of.date()).await? {
            db.rests_on(version);
        }
        let mut rows = Vec::new();
        for &portfolio in &input.portfolios {
            let values = portfolio_results::values(db, portfolio, as_of.date()).await?;
            rows.extend(values.into_iter().map(|valued| ValueRow {
                portfolio,
                as_of,
                position: valued.position,
                value: LotValue {
                    quantity: valued.quantity,
                    price: valued.price,
                    price_date: valued.price_date,
                    quality: valued.quality,
                    market_value: valued.market_value,
                    cost: valued.cost,
                    unrealised: valued.market_value - valued.cost,
                },
            }));
        }
        Ok(Marks {
            portfolios: input.portfolios.clone(),
            as_of,
            rows,
        })
    }

    async fn fetch(&self, _: &Cx, marks: Marks) -> Result<Marks> {
        Ok(marks)
    }

    fn compute(&self, _: &Cx, marks: Marks) -> Result<Marks> {
        Ok(marks)
    }

    async fn commit(&self, tx: &mut WriteTx, done: &[Done<'_, Marks>]) -> Result<Vec<TaskEpoch>> {
        let ours = sets::claim(tx, done, Keep::Live, |marks| {
            let wish = |id: &PortfolioId| {
                (
                    Self::NAME.as_str(),
                    id.to_string(),
                    marks.as_of,
                    String::new(),
                )
            };
            marks.portfolios.iter().map(wish).collect()
        })
        .await?;
        let key = |row: &ValueRow| (row.portfolio.to_string(), row.as_of);
        let rows = ours.rows(done, |marks| &marks.rows, key);
        let of = |one: &Done<'_, Marks>| {
            let (at, as_of) = (one.task.at, one.output.as_of);
            let mine = |id: &&PortfolioId| ours.has(at, *id, as_of);
            one.output.portfolios.iter().filter(mine).copied().collect()
        };
        let portfolios: Vec<PortfolioId> =
            done.iter().flat_map(|one| -> Vec<_> { of(one) }).collect();
        portfolio_results::replace_marks(tx, &portfolios, &rows).await?;
        Ok(ours.superseded)
    }

    fn split(input: &Input, as_of: TradingDate) -> Vec<Unit<Input>> {
        single_finals(input, as_of)
    }

    fn subjects(input: &Input, as_of: TradingDate) -> Subjects {
        Subjects {
            portfolios: input.portfolios.clone(),
            dates: Some(vec![as_of]),
            ..Subjects::default()
        }
    }
}
