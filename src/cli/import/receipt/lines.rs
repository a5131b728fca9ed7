//! What an import of flows or marks did.

use std::fmt::Write as _;
use std::path::PathBuf;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{LISTED, Status};
use crate::cli::output::Output;
use crate::cli::text::{count, indented, left, plain, right, table};
use crate::domain::{CashFlow, PortfolioId};
use crate::import::lines::{FlowChange, MarkChange};
use crate::import::marks_csv::Mark;

/// A flow or a mark that an import changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A cash flow.
    Flow(CashFlow),
    /// A mark, and the price that it had before.
    Mark(Mark, Option<Decimal>),
}

impl Line {
    fn json(&self) -> Value {
        let text = |value: &Decimal| value.normalize().to_string();
        match self {
            Self::Flow(flow) => json!({
                "date": flow.date,
                "type": flow.kind.as_str(),
                "amount": text(&flow.amount),
                "symbol": flow.symbol,
            }),
            Self::Mark(mark, before) => json!({
                "symbol": mark.symbol,
                "date": mark.date,
                "price": text(&mark.price),
                "before": before.as_ref().map(text),
            }),
        }
    }

    fn row(&self, change: &str) -> Vec<String> {
        let (date, what, symbol, value) = match self {
            Self::Flow(flow) => {
                let symbol = flow.symbol.as_ref().map(ToString::to_string);
                (
                    flow.date,
                    flow.kind.to_string(),
                    symbol,
                    plain(flow.amount, 2),
                )
            }
            Self::Mark(mark, before) => {
                let before = before.map(|price| format!("{} → ", plain(price, 2)));
                let price = before.unwrap_or_default() + &plain(mark.price, 2);
                (
                    mark.date,
                    String::new(),
                    Some(mark.symbol.to_string()),
                    price,
                )
            }
        };
        vec![
            change.to_owned(),
            date.to_string(),
            what,
            symbol.unwrap_or_default(),
            value,
        ]
    }
}

/// The lines that an import changes, by what happens to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineChanges {
    /// Lines that come.
    pub added: Vec<Line>,
    /// Marks that get another price.
    pub corrected: Vec<Line>,
    /// Lines that go.
    pub removed: Vec<Line>,
    /// The earliest day whose numbers change.
    pub from_date: Option<NaiveDate>,
}

impl From<FlowChange> for LineChanges {
    fn from(change: FlowChange) -> Self {
        let from_date = change.from_date();
        let lines = |flows: Vec<CashFlow>| flows.into_iter().map(Line::Flow).collect();
        Self {
            added: lines(change.added),
            corrected: Vec::new(),
            removed: lines(change.removed),
            from_date,
        }
    }
}

impl From<MarkChange> for LineChanges {
    fn from(change: MarkChange) -> Self {
        let from_date = change.from_date();
        let lines = |marks: Vec<Mark>| {
            marks
                .into_iter()
                .map(|mark| Line::Mark(mark, None))
                .collect()
        };
        let corrected = change.corrected.into_iter();
        Self {
            added: lines(change.added),
            corrected: corrected
                .map(|(mark, before)| Line::Mark(mark, Some(before)))
                .collect(),
            removed: lines(change.removed),
            from_date,
        }
    }
}

/// What `import flows` or `import marks` did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinesReceipt {
    /// What became of it.
    pub status: Status,
    /// `flows` or `marks`.
    pub kind: &'static str,
    /// The file.
    pub file: PathBuf,
    /// Whose.
    pub portfolio: PortfolioId,
    /// Its name.
    pub name: String,
    /// Rows of the file.
    pub rows: usize,
    /// Whether the file was taken for the whole list.
    pub whole: bool,
    /// What changed, or would change.
    pub changes: LineChanges,
}

impl LinesReceipt {
    /// How many lines changed.
    pub fn changed(&self) -> usize {
        self.kinds().iter().map(|(_, lines)| lines.len()).sum()
    }

    fn kinds(&self) -> [(&'static str, &[Line]); 3] {
        let LineChanges {
            added,
            corrected,
            removed,
            ..
        } = &self.changes;
        [
            ("added", added),
            ("corrected", corrected),
            ("removed", removed),
        ]
    }

    /// `2 flows added, 1 flow removed`.
    pub fn counts(&self) -> String {
        let kinds = self
            .kinds()
            .into_iter()
            .filter(|(_, lines)| !lines.is_empty());
        let counts =
            kinds.map(|(kind, lines)| format!("{} {kind}", count(lines.len(), self.noun())));
        counts.collect::<Vec<_>>().join(", ")
    }

    fn noun(&self) -> &'static str {
        self.kind.trim_end_matches('s')
    }

    /// The page or the document.
    pub fn output(&self, json: bool) -> Output {
        Output::either(json, || self.document(), || self.page())
    }

    /// The document.
    pub fn document(&self) -> Value {
        let lines = |lines: &[Line]| lines.iter().map(Line::json).collect::<Vec<_>>();
        json!({
            "status": self.status.as_str(),
            "kind": self.kind,
            "portfolio_id": self.portfolio,
            "name": self.name,
            "file": self.file.display().to_string(),
            "rows": self.rows,
            "changed": self.changed(),
            "from_date": self.changes.from_date,
            "added": lines(&self.changes.added),
            "corrected": lines(&self.changes.corrected),
            "removed": lines(&self.changes.removed),
        })
    }

    /// The page.
    pub fn page(&self) -> String {
        let Self {
            kind, name, rows, ..
        } = self;
        let file = self.file.display();
        let mut page = match self.status {
            Status::Unchanged if self.whole => {
                return format!("{file} has the {kind} of {name:?} already: nothing was changed\n");
            }
            Status::Unchanged => {
                let there = match rows {
                    1 => format!("its {} is", self.noun()),
                    rows => format!("all {rows} {kind} are"),
                };
                return format!(
                    "{file} was imported before: {there} in portfolio {name:?}, nothing was changed\n"
                );
            }
            Status::DryRun => {
                format!(
                    "{file} would change the {kind} of {name:?}: {}\n",
                    self.counts()
                )
            }
            Status::Created | Status::Updated => {
                format!("changed the {kind} of {name:?}: {}\n", self.counts())
            }
        };
        let rows = self.kinds().into_iter().flat_map(|(change, lines)| {
            let listed = lines.iter().take(LISTED);
            listed.map(move |line| line.row(change))
        });
        let columns = [
            left(""),
            left("date"),
            left(""),
            left("symbol"),
            right(self.value()),
        ];
        page.push_str(&indented(&table(&columns, rows)));
        let hidden = |(_, lines): &(_, &[Line])| lines.len().saturating_sub(LISTED);
        let hidden: usize = self.kinds().iter().map(hidden).sum();
        if hidden > 0 {
            let _ = writeln!(page, "  … and {hidden} more; --json has all");
        }
        if let Some(from) = self.changes.from_date {
            let verb = match self.status {
                Status::DryRun => "would be",
                _ => "are",
            };
            let _ = writeln!(
                page,
                "  results from {from} on {verb} out of date: run them again"
            );
        }
        page
    }

    fn value(&self) -> &'static str {
        match self.kind {
            "marks" => "price",
            _ => "amount",
        }
    }
}
