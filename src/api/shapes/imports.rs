//! Receipts of imports.

use chrono::NaiveDate;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Flow, Mark, Money, RunReceipt};

/// What an import of a book did, or would do.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ImportReceipt {
    /// `created`, `updated`, `unchanged` or `dry_run`.
    pub status: String,
    /// Whether nothing was stored because nothing should be.
    pub dry_run: bool,
    /// The portfolio.
    pub portfolio_id: Uuid,
    /// Its name.
    pub name: String,
    /// Who owns it.
    pub owner: String,
    /// Of all its money.
    pub currency: String,
    /// Money that it began with.
    pub opening_equity: Money,
    /// Its first day.
    pub inception: NaiveDate,
    /// The file's name.
    pub file: String,
    /// The earliest day whose numbers change.
    pub from_date: Option<NaiveDate>,
    /// Lots that came.
    pub added: Vec<ImportedLot>,
    /// Lots that got an exit, or another one.
    pub closed: Vec<ImportedLot>,
    /// Lots whose exit was taken away, with that exit.
    pub reopened: Vec<ImportedLot>,
    /// Lots that went.
    pub removed: Vec<ImportedLot>,
    /// How many lots are as they were.
    pub unchanged: u64,
    /// Symbols of open lots, or their underlyings, that no provider is asked for: an import does not change that, the
    /// command line does.
    pub inactive_symbols: Vec<String>,
    /// The run that was planned over all its dates; null where none was asked for.
    pub run: Option<RunReceipt>,
    /// Why no run was planned although one was asked for: the book is stored all the same.
    pub run_reason: Option<String>,
}

/// A lot of a receipt.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ImportedLot {
    /// Which.
    pub position_id: Uuid,
    /// Of what.
    pub symbol: String,
    /// Negative of a short.
    pub quantity: Money,
    /// Of one unit.
    pub entry_price: Money,
    /// Its first day.
    pub entry_date: NaiveDate,
    /// Its last day, where it was closed.
    pub exit_date: Option<NaiveDate>,
    /// Of one unit.
    pub exit_price: Option<Money>,
}

/// What an import of cash flows did, or would do.
#[derive(Debug, Deserialize, ToSchema)]
pub struct FlowsReceipt {
    /// `updated`, `unchanged` or `dry_run`.
    pub status: String,
    /// Whose.
    pub portfolio_id: Uuid,
    /// Rows of the file.
    pub rows: u64,
    /// The earliest day whose numbers change.
    pub from_date: Option<NaiveDate>,
    /// Flows that came.
    pub added: Vec<Flow>,
    /// Flows that went.
    pub removed: Vec<Flow>,
}

/// What an import of marks did, or would do.
#[derive(Debug, Deserialize, ToSchema)]
pub struct MarksReceipt {
    /// `updated`, `unchanged` or `dry_run`.
    pub status: String,
    /// Whose.
    pub portfolio_id: Uuid,
    /// Rows of the file.
    pub rows: u64,
    /// The earliest day whose numbers change.
    pub from_date: Option<NaiveDate>,
    /// Marks that came.
    pub added: Vec<Mark>,
    /// Marks that have another price now.
    pub corrected: Vec<CorrectedMark>,
    /// Marks that went.
    pub removed: Vec<Mark>,
}

/// A mark that has another price now.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CorrectedMark {
    /// The mark.
    #[serde(flatten)]
    pub mark: Mark,
    /// Its price before.
    pub before: Money,
}

/// A portfolio that was taken away; what is stored of it stays, and is shown to nobody.
#[derive(Debug, Deserialize, ToSchema)]
pub struct DeleteReceipt {
    /// Which.
    pub portfolio_id: Uuid,
    /// True.
    pub deleted: bool,
}
