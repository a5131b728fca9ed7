//! What was planned, or would be.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A run that was planned, or was there already.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RunReceipt {
    /// Its id.
    pub batch_run_id: Uuid,
    /// The same id.
    pub run_id: Uuid,
    /// For people.
    pub label: String,
    /// The same key, or an equal request that still goes on, has this run already.
    pub existing: bool,
    /// Its sessions.
    pub dates: Vec<NaiveDate>,
    /// How many portfolios.
    pub portfolios: u64,
    /// How many symbols, those of factors included.
    pub symbols: u64,
    /// Phase → tasks; of a run that was there already all that it has.
    pub tasks: BTreeMap<String, u64>,
}

/// What a run would do; nothing was stored.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RunPreview {
    /// For people.
    pub label: String,
    /// A run that goes on and does all this already.
    pub existing_run_id: Option<Uuid>,
    /// Its sessions.
    pub dates: Vec<NaiveDate>,
    /// How many portfolios.
    pub portfolios: u64,
    /// How many symbols, those of factors included.
    pub symbols: u64,
    /// Phase → tasks.
    pub tasks: BTreeMap<String, u64>,
    /// What providers would be asked, by phase.
    pub provider: Vec<ProviderCalls>,
    /// Results of portfolios, each for one session, in the scope and since inception.
    pub portfolio_dates: u64,
    /// Those that are current and stay as they are.
    pub reused: u64,
    /// Symbols held, or underlyings, of which no close is stored.
    pub without_closes: Vec<String>,
    /// Those of them that a provider will be asked for, and may not have; for the others one was asked before. Empty where a run goes on
    /// that does all this already.
    pub closes_asked_for: Vec<String>,
}

/// What providers are asked in a phase.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ProviderCalls {
    /// Which.
    pub phase: String,
    /// Questions.
    pub calls: u64,
    /// Symbols asked for.
    pub symbols: u64,
}

/// A task of which nobody can tell what it concerns.
#[derive(Debug, Deserialize, ToSchema)]
pub struct LeftOut {
    /// Which.
    pub task_id: i64,
    /// Its phase.
    pub phase: String,
    /// Why.
    pub reason: String,
}

/// A repair run that was planned.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RepairReceipt {
    /// The run.
    #[serde(flatten)]
    pub run: RunReceipt,
    /// Phase → tasks, dead or cancelled, that are done again in another form.
    pub repaired: BTreeMap<String, u64>,
    /// The runs that they belong to, oldest first.
    pub repairs: Vec<Uuid>,
    /// Tasks that were meant, too, and stay as they are.
    pub left_out: Vec<LeftOut>,
    /// False.
    pub dry_run: bool,
}

/// What a repair run would be; nothing was stored.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RepairPreview {
    /// Null: there is no run.
    pub run_id: Option<Uuid>,
    /// For people.
    pub label: String,
    /// An equal run goes on already.
    pub existing: bool,
    /// Its sessions.
    pub dates: Vec<NaiveDate>,
    /// How many portfolios.
    pub portfolios: u64,
    /// How many symbols, those of factors included.
    pub symbols: u64,
    /// Phase → tasks.
    pub tasks: BTreeMap<String, u64>,
    /// Phase → tasks, dead or cancelled, that would be done again in another form.
    pub repaired: BTreeMap<String, u64>,
    /// The runs that they belong to, oldest first.
    pub repairs: Vec<Uuid>,
    /// Tasks that were meant, too, and stay as they are.
    pub left_out: Vec<LeftOut>,
    /// True.
    pub dry_run: bool,
}
