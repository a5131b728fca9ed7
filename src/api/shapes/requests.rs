//! What callers send. The names of these fields are the ones that the server takes: it reads them here, so that the document and
//! the server cannot differ. Everything but a list of rows may stand in the query instead. Rows are not those of answers (`book`): an answer has
//! every key, and a caller leaves out what he has nothing for.

use chrono::NaiveDate;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Money;

/// Which run, over what.
#[derive(Debug, Deserialize, ToSchema)]
pub struct StartRun {
    /// Only these; without it, all that the token sees.
    pub portfolio_id: Option<Vec<Uuid>>,
    /// The session; without dates, the newest whose closes are final.
    pub calculation_date: Option<NaiveDate>,
    /// First session of a range.
    pub start_date: Option<NaiveDate>,
    /// Last session of a range.
    pub end_date: Option<NaiveDate>,
    /// Compute also what is current.
    pub force: Option<bool>,
    /// Who waits for it.
    pub lane: Option<LaneWord>,
    /// Only say what would be planned.
    pub dry_run: Option<bool>,
}

/// A lane.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LaneWord {
    /// Somebody waits.
    Interactive,
    /// Of the night.
    Nightly,
    /// Of the past.
    Backfill,
}

/// Why a run is cancelled.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CancelRun {
    /// For the audit table, 1 to 1000 characters.
    pub reason: Option<String>,
}

/// What is held back, or goes on.
#[derive(Debug, Deserialize, ToSchema)]
pub struct HoldOrder {
    /// What it is; needed, here or in the query.
    pub kind: Option<HoldKind>,
    /// Which; needed, here or in the query.
    pub name: Option<String>,
    /// For the audit table, 1 to 1000 characters.
    pub reason: Option<String>,
}

/// What can be held back.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HoldKind {
    /// All phases of the runs of a lane.
    Lane,
    /// A phase of all runs.
    Phase,
}

/// Which tasks are done again: all conditions that are given must hold.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RetryOrder {
    /// Of this run; an owner names one.
    pub run_id: Option<Uuid>,
    /// Of this phase.
    pub phase: Option<String>,
    /// About this symbol.
    pub symbol: Option<String>,
    /// About this portfolio.
    pub portfolio_id: Option<Uuid>,
    /// With this fingerprint, class or text.
    pub error: Option<String>,
    /// Every one; needed where nothing else is said.
    pub all: Option<bool>,
    /// Cancelled tasks instead of dead ones.
    pub cancelled: Option<bool>,
    /// Also what a repair run was planned for already.
    pub again: Option<bool>,
    /// Only say what would be planned.
    pub dry_run: Option<bool>,
    /// For the audit table, 1 to 1000 characters.
    pub reason: Option<String>,
}

/// The terms of a new portfolio, and what becomes of it.
#[derive(Debug, Deserialize, ToSchema)]
pub struct BookTerms {
    /// Its name; with the owner it is the identity, unless an id is given. Needed, here or in the query.
    pub name: Option<String>,
    /// Equity before the first booking. Needed, here or in the query.
    pub opening_equity: Option<Money>,
    /// First day of the book. Needed, here or in the query.
    pub inception: Option<NaiveDate>,
    /// Whose it is.
    pub owner: Option<String>,
    /// USD if nothing is said.
    pub currency: Option<String>,
    /// Its id; without it, made of owner and name.
    pub portfolio_id: Option<Uuid>,
    /// It has no lots, it is cash alone: the file is its header, or `positions` an empty list.
    pub empty: Option<bool>,
    /// Only say what would happen.
    pub dry_run: Option<bool>,
    /// Plan all its dates.
    pub run: Option<bool>,
}

/// A new portfolio with its lots.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewBook {
    /// What it is.
    #[serde(flatten)]
    pub terms: BookTerms,
    /// One for each lot.
    pub positions: Vec<LotRow>,
}

/// A new portfolio with its file.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewBookForm {
    /// What it is.
    #[serde(flatten)]
    pub terms: BookTerms,
    /// CSV, one row for each lot.
    #[schema(value_type = String, format = Binary)]
    pub file: Vec<u8>,
}

/// What becomes of a changed book.
#[derive(Debug, Deserialize, ToSchema)]
pub struct BookOptions {
    /// It has no lots from now on, it is cash alone: the file is its header, or `positions` an empty list.
    pub empty: Option<bool>,
    /// Only say what would change.
    pub dry_run: Option<bool>,
    /// Plan all its dates.
    pub run: Option<bool>,
}

/// The lots that a book has from now on.
#[derive(Debug, Deserialize, ToSchema)]
pub struct BookChange {
    /// What becomes of it.
    #[serde(flatten)]
    pub options: BookOptions,
    /// All of them, one for each lot.
    pub positions: Vec<LotRow>,
}

/// The file that a book has from now on.
#[derive(Debug, Deserialize, ToSchema)]
pub struct BookChangeForm {
    /// What becomes of it.
    #[serde(flatten)]
    pub options: BookOptions,
    /// CSV, one row for each lot.
    #[schema(value_type = String, format = Binary)]
    pub file: Vec<u8>,
}

/// How a list is meant.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ListOptions {
    /// The list has all rows: others go.
    pub whole: Option<bool>,
    /// Only say what would change.
    pub dry_run: Option<bool>,
}

/// Cash flows.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewFlows {
    /// How the list is meant.
    #[serde(flatten)]
    pub options: ListOptions,
    /// One for each flow.
    pub flows: Vec<FlowRow>,
}

/// Manual marks.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewMarks {
    /// How the list is meant.
    #[serde(flatten)]
    pub options: ListOptions,
    /// One for each mark.
    pub marks: Vec<MarkRow>,
}

/// A file with a list.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ListForm {
    /// How the list is meant.
    #[serde(flatten)]
    pub options: ListOptions,
    /// CSV, one row for each of the list.
    #[schema(value_type = String, format = Binary)]
    pub file: Vec<u8>,
}

/// A lot, as a row of a file has it; numbers of JSON are taken too, as they are written.
#[derive(Debug, Deserialize, ToSchema)]
pub struct LotRow {
    /// What was traded; of an option the contract, or nothing.
    pub symbol: Option<String>,
    /// Shares or contracts, negative of a short.
    pub quantity: Money,
    /// Positive.
    pub entry_price_per_share: Money,
    /// Its first day.
    pub entry_date: NaiveDate,
    /// PUBLIC, OPTIONS or PRIVATE.
    pub investment_class: String,
    /// A finer label of the class.
    pub investment_subtype: Option<String>,
    /// Of an option.
    pub underlying_symbol: Option<String>,
    /// Of an option.
    pub strike_price: Option<Money>,
    /// Last day of an option.
    pub expiration_date: Option<NaiveDate>,
    /// CALL or PUT, of an option.
    pub option_type: Option<String>,
    /// Its last day, where it was closed.
    pub exit_date: Option<NaiveDate>,
    /// Zero for a worthless end; needed where there is an exit.
    pub exit_price_per_share: Option<Money>,
}

/// A cash flow, as a row of a file has it.
#[derive(Debug, Deserialize, ToSchema)]
pub struct FlowRow {
    /// Its session.
    pub date: NaiveDate,
    /// `contribution`, `withdrawal`, `dividend`, `interest` or `fee`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Positive.
    pub amount: Money,
    /// Of a dividend.
    pub symbol: Option<String>,
}

/// A mark, as a row of a file has it.
#[derive(Debug, Deserialize, ToSchema)]
pub struct MarkRow {
    /// The private asset.
    pub symbol: String,
    /// From this session on.
    pub date: NaiveDate,
    /// Of one unit, at least zero.
    pub price: Money,
}

#[cfg(test)]
mod tests {
    use super::super::keys;
    use super::*;
    use crate::domain::Lane;
    use crate::import::{flows_csv, marks_csv, portfolio_csv};

    #[test]
    fn rows_have_the_columns_of_files_and_lanes_their_words() {
        let key = |column: &str| column.to_ascii_lowercase().replace(' ', "_");
        let named = |columns: Vec<&str>| {
            let mut names: Vec<String> = columns.into_iter().map(key).collect();
            names.sort();
            names
        };
        assert_eq!(keys::<LotRow>(), named(portfolio_csv::columns().collect()));
        assert_eq!(keys::<FlowRow>(), named(flows_csv::columns().collect()));
        assert_eq!(keys::<MarkRow>(), named(marks_csv::columns().collect()));
        for lane in Lane::ALL {
            let word = serde_json::json!(lane.as_str());
            assert!(serde_json::from_value::<LaneWord>(word).is_ok(), "{lane}");
        }
    }
}
