//! Values of the ledger, and what is there of a date.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

use super::Money;

/// Whose, of which date, resting on what; and the values of the ledger.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Overview {
    /// The portfolio.
    pub portfolio_id: uuid::Uuid,
    /// Its name.
    pub name: String,
    /// Who owns it.
    pub owner: String,
    /// Of all money.
    pub currency: String,
    /// The session.
    pub as_of: NaiveDate,
    /// The run whose results are shown.
    pub run_id: uuid::Uuid,
    /// `raw` or `total_return`: of the closes.
    pub provider_basis: String,
    /// Version of the kernels.
    pub model_version: String,
    /// Names the conventions.
    pub convention_id: String,
    /// Versions and hashes of factors and scenarios.
    pub definitions: String,
    /// When it was committed.
    pub computed_at: DateTime<Utc>,
    /// Net asset value: cash + long + short.
    pub nav: Money,
    /// May be negative.
    pub cash: Money,
    /// At least zero.
    pub long_value: Money,
    /// At most zero.
    pub short_value: Money,
    /// Contributions less withdrawals of the day.
    pub external_flows: Money,
    /// Gains of what was sold.
    pub realised: Money,
    /// Change of gains of what is held.
    pub unrealised_change: Money,
    /// Dividends, interest, fees.
    pub income: Money,
    /// Realised, change of unrealised and income.
    pub pnl_day: Money,
    /// Since inception.
    pub pnl_total: Money,
    /// A fraction of the net asset value of the session before.
    pub return_day: Option<f64>,
    /// Why there is no return.
    pub return_day_reason: Option<String>,
    /// A flow above a tenth of the value makes the return doubtful.
    pub large_flow: bool,
    /// Modelled gross over gross, a fraction.
    pub coverage: Option<f64>,
    /// Why there is no coverage.
    pub coverage_reason: Option<String>,
}

/// What is there of a date, and why the rest is not.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Completeness {
    /// Every entry is done, not applicable or short of data.
    pub strict: bool,
    /// Modelled gross over gross, a fraction.
    pub coverage: Option<f64>,
    /// Why there is no coverage.
    pub coverage_reason: Option<String>,
    /// `snapshot`, `marks`, `betas`, `factors`, … → how it ended.
    pub entries: BTreeMap<String, CompletenessEntry>,
    /// Symbol → why it is left out of market numbers; flow → why it is not booked; the close that an expiry lacks → what it was
    /// settled at.
    pub missing: BTreeMap<String, String>,
    /// How much was found in the series behind the numbers.
    pub findings: Option<i64>,
    /// Why nothing is known of that.
    pub findings_reason: Option<String>,
}

/// An entry of the completeness vector.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CompletenessEntry {
    /// `done`, `not_applicable`, `insufficient_data`, `timed_out` or `failed`.
    pub outcome: String,
    /// Why it is not done.
    pub reason: Option<String>,
}
