//! Phase 2.5: the value of every live position at every date.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::books::{self, Books};
use super::sets::{Ours, Wish};
use super::units::{self, BOOK_DATE_CHUNK, PORTFOLIO_CHUNK, chunk_name, ids, rectangles, singles};
use super::{Cx, Done, Phase, Result, Scope, Subjects, TaskRef, Unit};
use crate::domain::{PhaseName, PortfolioId, TaskEpoch, TradingDate};
use crate::store::portfolio_results::{self, ValueRow};
use crate::store::{ReadTx, WriteTx};

/// The phase.
pub struct PositionValues;

/// Portfolios and dates.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Input {
    pub(super) portfolios: Vec<PortfolioId>,
    pub(super) dates: Vec<TradingDate>,
}

/// Chunks of portfolios that lack results of a kind at the same dates.
pub(super) async fn book_units(
    db: &mut ReadTx<'_>,
    kind: PhaseName,
    run: &Scope,
) -> Result<Vec<Unit<Input>>> {
    let mut lacking = units::lacking(db, kind, run, &run.work_dates()).await?;
    lacking.retain(|portfolio, dates| {
        dates.retain(|date| run.work[portfolio].contains(date));
        !dates.is_empty()
    });
    let mut units = Vec::new();
    for (portfolios, dates) in rectangles(&lacking, PORTFOLIO_CHUNK, BOOK_DATE_CHUNK) {
        let Some(&as_of) = dates.last() else { continue };
        let unit = chunk_name("portfolio", ids(&portfolios));
        units.push(Unit {
            unit,
            as_of,
            input: Input { portfolios, dates },
        });
    }
    Ok(units)
}

/// One unit for each portfolio of a chunk that died.
pub(super) fn single_books(input: &Input, as_of: TradingDate) -> Vec<Unit<Input>> {
    singles(
        "portfolio",
        &input.portfolios,
        as_of,
        ToString::to_string,
        |portfolios| Input {
            portfolios,
            dates: input.dates.clone(),
        },
    )
}

/// Values by set; a set may be empty.
pub struct Output {
    sets: Vec<(PortfolioId, TradingDate)>,
    rows: Vec<ValueRow>,
}

impl Phase for PositionValues {
    const NAME: PhaseName = PhaseName::PositionValues;
    // Profiles tell the dividend yields that options are priced with.
    const AFTER: &'static [PhaseName] = &[PhaseName::MarketData, PhaseName::CompanyProfiles];
    const TIMEOUT: Duration = Duration::from_mins(2);
    type Input = Input;
    type Loaded = Books;
    type Fetched = Books;
    type Output = Output;

    async fn plan(&self, db: &mut ReadTx<'_>, run: &Scope) -> Result<Vec<Unit<Input>>> {
        book_units(db, Self::NAME, run).await
    }

    async fn load(&self, db: &mut ReadTx<'_>, task: &TaskRef, input: &Input) -> Result<Books> {
        books::load(db, task.calendar, &input.portfolios, &input.dates).await
    }

    async fn fetch(&self, _: &Cx, books: Books) -> Result<Books> {
        Ok(books)
    }

    fn compute(&self, cx: &Cx, books: Books) -> Result<Output> {
        let mut output = Output {
            sets: Vec::new(),
            rows: Vec::new(),
        };
        for (portfolio, day) in books.account(cx)? {
            output.sets.push((portfolio, day.date));
            output
                .rows
                .extend(day.positions.into_iter().map(|(position, value)| ValueRow {
                    portfolio,
                    as_of: day.date,
                    position,
                    value,
                }));
        }
        Ok(output)
    }

    fn sets(output: &Output) -> Vec<Wish> {
        let wish = |set: &(PortfolioId, TradingDate)| {
            (Self::NAME.as_str(), set.0.to_string(), set.1, String::new())
        };
        output.sets.iter().map(wish).collect()
    }

    async fn commit(&self, tx: &mut WriteTx, done: &[Done<'_, Output>]) -> Result<Vec<TaskEpoch>> {
        let ours = Ours::of(done, Self::NAME.as_str());
        let key = |set: &(PortfolioId, TradingDate)| (set.0.to_string(), set.1);
        let sets = ours.rows(done, |output| &output.sets, key);
        let sets: Vec<_> = sets.into_iter().copied().collect();
        let key = |row: &ValueRow| (row.portfolio.to_string(), row.as_of);
        let rows = ours.rows(done, |output| &output.rows, key);
        let rows: Vec<ValueRow> = rows.into_iter().cloned().collect();
        portfolio_results::replace_values(tx, &sets, &rows).await?;
        Ok(ours.superseded)
    }

    fn split(input: &Input, as_of: TradingDate) -> Vec<Unit<Input>> {
        single_books(input, as_of)
    }

    fn subjects(input: &Input, _as_of: TradingDate) -> Subjects {
        Subjects {
            portfolios: input.portfolios.clone(),
            dates: Some(input.dates.clone()),
            ..Subjects::default()
        }
    }
}
