//! Portfolios, their values over time, their flows and marks.

use chrono::NaiveDate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Money, RangeQuality};

/// A page of portfolios, by name.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Portfolios {
    /// The page.
    pub portfolios: Vec<Portfolio>,
    /// Ask for the next page with it; null on the last.
    pub next: Option<uuid::Uuid>,
}

/// A portfolio of a list.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Portfolio {
    /// Which.
    pub portfolio_id: uuid::Uuid,
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
    /// The newest published session.
    pub newest_published: Option<NaiveDate>,
    /// The run of it.
    pub run_id: Option<uuid::Uuid>,
    /// Why there is none: `nothing_published`, or `stale` where an input of all that was computed changed.
    pub reason: Option<String>,
}

/// The terms of a portfolio.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Terms {
    /// Which.
    pub portfolio_id: uuid::Uuid,
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
}

/// A page of the book's values over time.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Snapshots {
    /// Whose.
    pub portfolio_id: uuid::Uuid,
    /// `snapshots`.
    pub section: String,
    /// Whether the page has a session.
    pub available: bool,
    /// Why not: `nothing_published`, `stale` where inputs of every date have changed, `not_strict` where none is
    /// complete, or `no_snapshot_in_range` where a range or a cursor leaves none.
    pub reason: Option<String>,
    /// The last session of the page.
    pub as_of: Option<NaiveDate>,
    /// The last session that was asked for; without one, that of the page.
    pub calculation_date: Option<NaiveDate>,
    /// The run of the last session.
    pub run_id: Option<uuid::Uuid>,
    /// How good the last session is.
    pub quality: Option<RangeQuality>,
    /// Of the last session.
    pub coverage: Option<f64>,
    /// Oldest first.
    pub data: Vec<Snapshot>,
    /// Ask for the next page with it; null on the last.
    pub next: Option<NaiveDate>,
}

/// The book at a session.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Snapshot {
    /// The session.
    pub as_of: NaiveDate,
    /// Its run.
    pub run_id: uuid::Uuid,
    /// Nothing of it failed.
    pub strict: bool,
    /// Modelled gross over gross, a fraction.
    pub coverage: Option<f64>,
    /// Net asset value.
    pub nav: Money,
    /// May be negative.
    pub cash: Money,
    /// At least zero.
    pub long_value: Money,
    /// At most zero.
    pub short_value: Money,
    /// Contributions less withdrawals of the day.
    pub external_flows: Money,
    /// Profit of the day.
    pub pnl_day: Money,
    /// Since inception.
    pub pnl_total: Money,
    /// A fraction of the net asset value of the session before.
    pub return_day: Option<f64>,
    /// Why there is no return.
    pub return_day_reason: Option<String>,
}

/// The lots of a portfolio, as they were imported.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Lots {
    /// Whose.
    pub portfolio_id: uuid::Uuid,
    /// By symbol and entry.
    pub positions: Vec<BookLot>,
}

/// A lot of a book.
#[derive(Debug, Deserialize, ToSchema)]
pub struct BookLot {
    /// Which.
    pub position_id: uuid::Uuid,
    /// What was traded; of an option, the contract.
    pub symbol: String,
    /// LONG, SHORT, LC, SC, LP or SP.
    #[serde(rename = "type")]
    pub kind: String,
    /// PUBLIC, OPTIONS or PRIVATE.
    pub class: String,
    /// A finer label of the class.
    pub subtype: Option<String>,
    /// Shares or contracts at entry, before later splits; negative of a short.
    pub quantity: Money,
    /// Day of the entry.
    pub entry_date: NaiveDate,
    /// Per share, positive.
    pub entry_price: Money,
    /// Day of the exit; null of a lot that is held.
    pub exit_date: Option<NaiveDate>,
    /// Per share, zero for a worthless end.
    pub exit_price: Option<Money>,
    /// Of an option.
    pub underlying: Option<String>,
    /// Of an option, per share.
    pub strike: Option<Money>,
    /// Last day of an option.
    pub expiry: Option<NaiveDate>,
    /// CALL or PUT, of an option.
    pub right: Option<String>,
}

/// Cash flows of a portfolio.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Flows {
    /// Whose.
    pub portfolio_id: uuid::Uuid,
    /// Oldest first.
    pub flows: Vec<Flow>,
}

/// A cash flow.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Flow {
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

/// Manual marks of a portfolio's private assets.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Marks {
    /// Whose.
    pub portfolio_id: uuid::Uuid,
    /// By symbol and date.
    pub marks: Vec<Mark>,
}

/// A mark.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Mark {
    /// Of what.
    pub symbol: String,
    /// From this session on.
    pub date: NaiveDate,
    /// Of one unit.
    pub price: Money,
}
