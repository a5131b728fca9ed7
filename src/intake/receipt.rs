//! What an import of a portfolio did, or would do.

use std::collections::BTreeSet;
use std::path::PathBuf;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::domain::{Exit, Lot, Portfolio, PositionId, Symbol};

/// What became of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// A new portfolio.
    Created,
    /// Something changed.
    Updated,
    /// Everything was there already.
    Unchanged,
    /// Something would change.
    DryRun,
}

impl Status {
    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::DryRun => "dry_run",
        }
    }
}

/// A lot, as a receipt names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LotLine {
    /// Its id.
    pub id: PositionId,
    /// Its symbol.
    pub symbol: Symbol,
    /// Signed.
    pub quantity: Decimal,
    /// Per share.
    pub entry_price: Decimal,
    /// When it was opened.
    pub entry_date: NaiveDate,
    /// How it ended.
    pub exit: Option<Exit>,
}

impl LotLine {
    /// The line of a lot.
    pub fn of(lot: &Lot) -> Self {
        Self {
            id: lot.id,
            symbol: lot.symbol.clone(),
            quantity: lot.quantity,
            entry_price: lot.entry_price,
            entry_date: lot.entry_date,
            exit: lot.exit,
        }
    }

    /// The document.
    pub fn json(&self) -> Value {
        json!({
            "position_id": self.id,
            "symbol": self.symbol,
            "quantity": self.quantity.normalize().to_string(),
            "entry_price": self.entry_price.normalize().to_string(),
            "entry_date": self.entry_date,
            "exit_date": self.exit.map(|exit| exit.date),
            "exit_price": self.exit.map(|exit| exit.price.normalize().to_string()),
        })
    }
}

/// What `import portfolio` did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortfolioReceipt {
    /// What became of it.
    pub status: Status,
    /// The file.
    pub file: PathBuf,
    /// The portfolio.
    pub portfolio: Portfolio,
    /// Lots that came.
    pub added: Vec<LotLine>,
    /// Lots that got an exit, or another one.
    pub closed: Vec<LotLine>,
    /// Lots whose exit was taken away, with that exit.
    pub reopened: Vec<LotLine>,
    /// Lots that went.
    pub removed: Vec<LotLine>,
    /// Lots that are as they were.
    pub unchanged: usize,
    /// The earliest day whose numbers change.
    pub from_date: Option<NaiveDate>,
    /// Symbols of open lots, or their underlyings, that no provider is asked for. An import does not change that.
    pub inactive: BTreeSet<Symbol>,
}

impl PortfolioReceipt {
    /// `2 lots added, 1 lot closed`.
    pub fn counts(&self) -> String {
        let kinds = self
            .kinds()
            .into_iter()
            .filter(|(_, lots)| !lots.is_empty());
        let counts: Vec<String> = kinds
            .map(|(kind, lots)| format!("{} {kind}", plural(lots.len())))
            .collect();
        if counts.is_empty() && self.is_new_and_empty() {
            "no lots: cash alone".to_owned()
        } else if counts.is_empty() {
            "no difference".to_owned()
        } else {
            counts.join(", ")
        }
    }

    /// Whether the portfolio is new and has no lots: of any other one that is told of, some lots are there or change.
    fn is_new_and_empty(&self) -> bool {
        let told = matches!(self.status, Status::Created | Status::DryRun);
        told && self.unchanged == 0 && self.kinds().iter().all(|(_, lots)| lots.is_empty())
    }

    /// The lots by what happens to them.
    pub fn kinds(&self) -> [(&'static str, &[LotLine]); 4] {
        [
            ("added", &self.added),
            ("closed", &self.closed),
            ("reopened", &self.reopened),
            ("removed", &self.removed),
        ]
    }

    /// The document.
    pub fn document(&self) -> Value {
        let lines = |lots: &[LotLine]| lots.iter().map(LotLine::json).collect::<Vec<_>>();
        json!({
            "status": self.status.as_str(),
            "portfolio_id": self.portfolio.id,
            "name": self.portfolio.name,
            "owner": self.portfolio.owner,
            "currency": self.portfolio.currency,
            "opening_equity": self.portfolio.opening_equity.normalize().to_string(),
            "inception": self.portfolio.inception,
            "file": self.file.display().to_string(),
            "from_date": self.from_date,
            "added": lines(&self.added),
            "closed": lines(&self.closed),
            "reopened": lines(&self.reopened),
            "removed": lines(&self.removed),
            "unchanged": self.unchanged,
            "inactive_symbols": self.inactive,
        })
    }
}

fn plural(lots: usize) -> String {
    if lots == 1 {
        "1 lot".to_owned()
    } else {
        format!("{lots} lots")
    }
}
