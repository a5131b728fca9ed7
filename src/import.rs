//! Files of the user become values of the domain, or every error of the file at once.
//!
//! Bytes in, values out: no input or output, no clock, no database. A file is taken whole or not
//! at all; each error names line, column, code and what to do. Nothing is guessed: a class is a
//! column, an unknown column or key is an error, because a misspelt one would silently lose data.

pub mod benchmark_csv;
pub mod changes;
pub mod factors_toml;
pub mod flows_csv;
pub mod lines;
pub mod marks_csv;
pub mod portfolio_csv;
pub mod scenarios_toml;

mod cells;
mod document;
mod issues;
mod table;

pub use issues::{Issue, MAX_ISSUES, Rejected};

use rust_decimal::Decimal;

use crate::domain::{FactorSet, ScenarioSet};

/// Largest file that is looked at, in bytes.
pub const MAX_BYTES: usize = 10 * 1024 * 1024;
/// First sum of amounts that is too large, of the equity, of the cost of a book, of its proceeds and
/// of its flows: below it in each of them a ledger stays exact, and above it a unit was mistaken.
pub const MAX_TOTAL: Decimal = Decimal::from_parts(1_316_134_912, 2_328, 0, false, 0); // 10^13
/// Most rows of a CSV file, blank ones not counted.
pub const MAX_ROWS: usize = 100_000;

/// What no name has that stands before a colon where a metric is named, and in addresses.
const NOT_IN_NAMES: [char; 5] = [':', '/', '?', '#', '%'];

/// Whether a name can stand in a metric and in an address. How long it may be is its own matter.
fn can_be_addressed(name: &str) -> bool {
    !name.contains(NOT_IN_NAMES) && !name.contains(char::is_control)
}

const FACTORS: &str = include_str!("import/defaults/factors.toml");
const SCENARIOS: &str = include_str!("import/defaults/scenarios.toml");

/// The definitions of a new installation: eight factors and 22 scenarios, three of them inactive.
#[expect(
    clippy::missing_panics_doc,
    reason = "the files are part of the program and tested"
)]
pub fn defaults() -> (FactorSet, ScenarioSet) {
    let factors = factors_toml::parse(FACTORS).expect("the built-in factors are right");
    let scenarios = scenarios_toml::parse(SCENARIOS, &factors);
    (
        factors,
        scenarios.expect("the built-in scenarios are right"),
    )
}
