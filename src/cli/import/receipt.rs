//! What an import did, for people and as JSON.

mod lines;

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::output::Output;
use crate::cli::text::{count, date, indented, left, money, plain, right, table};
use crate::domain::{Portfolio, Symbol};

pub use lines::{Line, LineChanges, LinesReceipt};

/// Most lots or lines that a page lists of each kind; JSON has all.
const LISTED: usize = 20;

pub use crate::intake::{LotLine, PortfolioReceipt, Status};

impl PortfolioReceipt {
    /// The page or the document.
    pub fn output(&self, json: bool) -> Output {
        Output::either(json, || self.document(), || self.page())
    }

    /// The page.
    pub fn page(&self) -> String {
        let Portfolio {
            id,
            name,
            owner,
            currency,
            opening_equity,
            inception,
        } = &self.portfolio;
        let file = self.file.display();
        let mut page = match self.status {
            Status::Created => {
                let symbols: std::collections::BTreeSet<_> =
                    self.added.iter().map(|lot| &lot.symbol).collect();
                let lots = if self.added.is_empty() {
                    "none: the book is cash alone".to_owned()
                } else {
                    let lots = count(self.added.len(), "lot");
                    format!("{lots} in {}", count(symbols.len(), "symbol"))
                };
                return format!(
                    "imported portfolio {name:?} of owner {owner:?}\n  id         {id}\n  lots       {lots}\n  \
                     equity     {} {currency} before {inception}\n{}",
                    money(*opening_equity),
                    self.warning(),
                );
            }
            Status::Unchanged => {
                return format!(
                    "{file} is the book of portfolio {name:?} already ({id}): nothing was changed\n{}",
                    self.warning()
                );
            }
            Status::Updated => format!("updated portfolio {name:?} ({id}): {}\n", self.counts()),
            Status::DryRun => {
                format!(
                    "{file} would change portfolio {name:?} ({id}): {}\n",
                    self.counts()
                )
            }
        };
        let rows = self.kinds().into_iter().flat_map(|(kind, lots)| {
            lots.iter().take(LISTED).map(move |lot| {
                vec![
                    kind.to_owned(),
                    lot.symbol.to_string(),
                    plain(lot.quantity, 0),
                    plain(lot.entry_price, 2),
                    lot.entry_date.to_string(),
                    date(lot.exit.map(|exit| exit.date)),
                ]
            })
        });
        let columns = [
            left(""),
            left("symbol"),
            right("quantity"),
            right("entry"),
            left("from"),
            left("to"),
        ];
        page.push_str(&indented(&table(&columns, rows)));
        let hidden: usize = self
            .kinds()
            .iter()
            .map(|(_, lots)| lots.len().saturating_sub(LISTED))
            .sum();
        if hidden > 0 {
            let _ = writeln!(page, "  … and {hidden} more; --json has all");
        }
        let _ = writeln!(page, "  {} unchanged", count(self.unchanged, "lot"));
        if let Some(from) = self.from_date {
            let verb = if self.status == Status::DryRun {
                "would be"
            } else {
                "are"
            };
            let _ = writeln!(
                page,
                "  results from {from} on {verb} out of date: run them again"
            );
        }
        page.push_str(&self.warning());
        page
    }

    /// What an import leaves as it is, and nobody may overlook: one line for each symbol.
    fn warning(&self) -> String {
        let line = |symbol: &Symbol| {
            format!(
                "  {symbol} is inactive, no provider is asked for it: `sigmabatch universe activate {symbol}` changes that\n"
            )
        };
        self.inactive.iter().map(line).collect()
    }
}

/// What `import factors` or `import scenarios` did with one of the sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionsReceipt {
    /// What became of it.
    pub status: Status,
    /// `factors` or `scenarios`.
    pub kind: &'static str,
    /// The file.
    pub file: PathBuf,
    /// As its author calls it.
    pub version: String,
    /// Of its content.
    pub hash: String,
    /// How many definitions.
    pub count: usize,
}

impl DefinitionsReceipt {
    /// The page or the document of all sets of a command.
    pub fn output(receipts: &[Self], json: bool) -> Output {
        let documents = || receipts.iter().map(Self::document).collect::<Vec<_>>();
        Output::either(
            json,
            || json!({ "definitions": documents() }),
            || receipts.iter().map(Self::page).collect(),
        )
    }

    fn document(&self) -> Value {
        json!({
            "status": self.status.as_str(),
            "kind": self.kind,
            "file": self.file.display().to_string(),
            "version": self.version,
            "hash": self.hash,
            "count": self.count,
        })
    }

    fn page(&self) -> String {
        let Self { kind, version, .. } = self;
        let set = format!(
            "{} of version {version:?}",
            count(self.count, kind.trim_end_matches('s'))
        );
        let file = self.file.display();
        match self.status {
            Status::Unchanged => {
                format!("{file} is in force already ({set}): nothing was changed\n")
            }
            _ => format!(
                "installed {set} from {file}\n  all results that rest on {kind} are out of date: run them again\n"
            ),
        }
    }
}
