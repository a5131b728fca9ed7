//! Phase 3: the exact ledger. Every date is computed from inputs alone, so that no order of dates
//! or runs can change a cent.

use std::collections::BTreeMap;
use std::time::Duration;

use super::books::{self, Books};
use super::position_values::{Input, book_units, single_books};
use super::sets::{Ours, Wish};
use super::{Cx, Done, Phase, Result, Scope, Subjects, TaskRef, Unit};
use crate::domain::{
    LedgerDay, PhaseName, TaskEpoch, TradingDate, UnbookedDividend, UnpricedExpiry,
};
use crate::store::portfolio_results::{self, SnapshotRow};
use crate::store::{ReadTx, WriteTx};

/// The phase.
pub struct PnlSnapshots;

impl Phase for PnlSnapshots {
    const NAME: PhaseName = PhaseName::PnlSnapshots;
    const AFTER: &'static [PhaseName] = &[PhaseName::PositionValues];
    const TIMEOUT: Duration = Duration::from_mins(2);
    type Input = Input;
    type Loaded = Books;
    type Fetched = Books;
    type Output = Vec<SnapshotRow>;

    async fn plan(&self, db: &mut ReadTx<'_>, run: &Scope) -> Result<Vec<Unit<Input>>> {
        book_units(db, Self::NAME, run).await
    }

    async fn load(&self, db: &mut ReadTx<'_>, task: &TaskRef, input: &Input) -> Result<Books> {
        books::load(db, task.calendar, &input.portfolios, &input.dates).await
    }

    async fn fetch(&self, _: &Cx, books: Books) -> Result<Books> {
        Ok(books)
    }

    fn compute(&self, cx: &Cx, books: Books) -> Result<Vec<SnapshotRow>> {
        let days = books.totals(cx)?.into_iter();
        Ok(days
            .map(|(portfolio, day)| SnapshotRow {
                portfolio,
                as_of: day.date,
                nav: day.nav,
                cash: day.cash,
                long_value: day.long_value,
                short_value: day.short_value,
                external_flows: day.external_flows,
                realised: day.realised,
                unrealised_change: day.unrealised_change,
                income: day.income,
                pnl_day: day.pnl_day,
                pnl_total: day.pnl_total,
                return_day: day.return_day,
                large_flow: day.large_flow,
                doubts: doubts(&day),
            })
            .collect())
    }

    fn sets(rows: &Vec<SnapshotRow>) -> Vec<Wish> {
        let kind = Self::NAME.as_str();
        let wish = |row: &SnapshotRow| (kind, row.portfolio.to_string(), row.as_of, String::new());
        rows.iter().map(wish).collect()
    }

    async fn commit(
        &self,
        tx: &mut WriteTx,
        done: &[Done<'_, Vec<SnapshotRow>>],
    ) -> Result<Vec<TaskEpoch>> {
        let ours = Ours::of(done, Self::NAME.as_str());
        let key = |row: &SnapshotRow| (row.portfolio.to_string(), row.as_of);
        let rows = ours.rows(done, Vec::as_slice, key);
        let rows: Vec<SnapshotRow> = rows.into_iter().cloned().collect();
        portfolio_results::replace_snapshots(tx, &rows).await?;
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

/// What is not booked, or booked without its close, and why.
fn doubts(day: &LedgerDay) -> BTreeMap<String, String> {
    let flows = day.unbooked.iter().map(unbooked);
    flows.chain(day.unpriced.iter().map(unpriced)).collect()
}

/// The close that an expiry lacks, and what stood in for it.
fn unpriced(expiry: &UnpricedExpiry) -> (String, String) {
    let UnpricedExpiry {
        session,
        contract,
        underlying,
        close,
    } = expiry;
    let why = close.map_or_else(
        || format!("settled at cost: {underlying} had no close"),
        |close| format!("settled at the close of {close}, the newest of {underlying} then"),
    );
    (format!("settlement close of {contract} on {session}"), why)
}

/// A flow that is not booked, and why.
fn unbooked(flow: &UnbookedDividend) -> (String, String) {
    let UnbookedDividend {
        date,
        symbol,
        amount,
        ex_date,
    } = flow;
    (
        format!(
            "dividend flow of {} for {symbol} on {date}",
            amount.normalize()
        ),
        format!(
            "not booked: the dividends of {symbol} come from its corporate actions, since {ex_date}"
        ),
    )
}
