//! How a number is made.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Money, RangeQuality};

/// How a stored number is made, or why it is not there.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Explained {
    /// Whose.
    pub portfolio_id: uuid::Uuid,
    /// As it was asked for.
    pub metric: String,
    /// Whether the number is there.
    pub available: bool,
    /// Why not, as a code.
    pub reason: Option<String>,
    /// The same in words, where there is more to say.
    pub reason_text: Option<String>,
    /// The session that the number is of.
    pub as_of: Option<NaiveDate>,
    /// The session that was asked for; without one, that of the number.
    pub calculation_date: Option<NaiveDate>,
    /// The run whose result it is.
    pub run_id: Option<uuid::Uuid>,
    /// How good the date is.
    pub quality: Option<RangeQuality>,
    /// Modelled gross over gross, a fraction.
    pub coverage: Option<f64>,
    /// Names the conventions.
    pub convention_id: Option<String>,
    /// Version of the kernels.
    pub model_version: Option<String>,
    /// `raw` or `total_return`: of the closes.
    pub provider_basis: Option<String>,
    /// Versions and hashes of factors and scenarios.
    pub definitions: Option<String>,
    /// When it was committed.
    pub computed_at: Option<DateTime<Utc>>,
    /// How it is made.
    pub data: Option<Explanation>,
    /// The command that makes it again and compares.
    pub recompute: String,
}

/// What is stored of a number.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Explanation {
    /// The number.
    pub value: Number,
    /// How it is made.
    pub formula: String,
    /// Tables that its inputs are stored in.
    pub source: String,
    /// Its unit.
    pub unit: String,
    /// What it looks back over.
    pub window: String,
    /// Observations behind an estimate, the fewest where it rests on several fits, as `n` of its section; of what is only
    /// added up, its parts.
    pub n: Option<u64>,
    /// What goes in.
    pub inputs: Vec<Named>,
    /// What comes between.
    pub steps: Vec<Named>,
}

/// Decimal text where it is money, a number where it is a statistic.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Number {
    /// Exact.
    Money(Money),
    /// Binary.
    Statistic(f64),
}

/// A value with its name.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// A number, a text, or a table.
    pub value: serde_json::Value,
}
