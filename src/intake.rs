//! Files of portfolios become rows in one transaction, or nothing changes and every error is named: the same
//! whether the command line or the API sends the file.

mod benchmark;
mod flows;
mod marks;
mod portfolio;
mod receipt;
mod universe;

use crate::domain::{CalendarError, PortfolioId};
use crate::import::Rejected;
use crate::store;

pub use benchmark::{BenchmarkOrder, BenchmarkReceipt, benchmark};
pub use flows::{FlowsOrder, FlowsReceipt, flows};
pub use marks::{MarksOrder, MarksReceipt, marks};
pub use portfolio::{BookOrder, Target, Terms, currency, equity, portfolio};
pub use receipt::{LotLine, PortfolioReceipt, Status};
pub use universe::{Activity, activity};

/// The owner where none is named.
pub const DEFAULT_OWNER: &str = "default";

/// Who imports, and why: for the audit table.
#[derive(Debug, Clone)]
pub struct Who {
    /// Who.
    pub who: String,
    /// Why.
    pub reason: String,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A term of the portfolio is wrong.
    #[error("{message}")]
    Misuse {
        /// Which.
        field: &'static str,
        /// What is wrong, with the input.
        message: String,
        /// What to do instead.
        remedy: &'static str,
    },
    /// It contradicts the portfolio that there is.
    #[error("{message}")]
    Conflict {
        /// What it contradicts.
        message: String,
        /// What to do instead.
        remedy: &'static str,
    },
    /// The portfolio is there, with another book; it is changed by an update only.
    #[error("portfolio {name:?} exists already with another book: {changes}")]
    OtherBook {
        /// Its name.
        name: String,
        /// What an update would change.
        changes: String,
    },
    /// There is no such portfolio (any more).
    #[error("no portfolio {0}")]
    Gone(PortfolioId),
    /// The file has errors: all of them.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// A date beyond the calendar.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// Postgres.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    fn misuse(field: &'static str, message: impl Into<String>, remedy: &'static str) -> Self {
        Self::Misuse {
            field,
            message: message.into(),
            remedy,
        }
    }

    fn conflict(message: impl Into<String>, remedy: &'static str) -> Self {
        Self::Conflict {
            message: message.into(),
            remedy,
        }
    }
}

fn gone(id: PortfolioId) -> Error {
    Error::Gone(id)
}

fn file_name(path: &std::path::Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}
