//! Imports: a file becomes rows in one transaction, or nothing changes and every error is named.
//!
//! What is imported is told by its effect: a file that changes nothing says so. The version of the
//! inputs is taken last, so that its lock is short.

mod benchmark;
mod definitions;
mod lines;
mod portfolio;
mod receipt;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;

pub use benchmark::{BenchmarkArgs, BenchmarkReceipt, benchmark};
pub use definitions::{DefinitionsArgs, FactorsArgs, factors, scenarios, seed_defaults};
pub use lines::{flows, marks};
pub use portfolio::{DEFAULT_OWNER, PortfolioArgs, portfolio};
pub use receipt::{
    DefinitionsReceipt, Line, LineChanges, LinesReceipt, LotLine, PortfolioReceipt, Status,
};

use super::Error;
use crate::import::lines::Extent;
use crate::import::{MAX_BYTES, Rejected};
use crate::intake;

/// `import flows` and `import marks`.
#[derive(Debug, Args)]
pub struct LinesArgs {
    /// The CSV file.
    pub file: PathBuf,
    /// The portfolio, by id or by its name if only one has it.
    #[arg(long = "id", value_name = "PORTFOLIO")]
    pub portfolio: String,
    /// The file has all lines of the portfolio: what is not in it is removed.
    #[arg(long)]
    pub update: bool,
    /// Only show what an update would change.
    #[arg(long, requires = "update")]
    pub dry_run: bool,
}

impl LinesArgs {
    fn extent(&self) -> Extent {
        if self.update {
            Extent::Whole
        } else {
            Extent::Addition
        }
    }
}

/// Reads a file; one that is too large for any parser is read just far enough to say so.
fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let unreadable = |source| Error::Read {
        file: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let limit = MAX_BYTES as u64 + 1;
    let file = File::open(path).map_err(unreadable)?;
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

/// Reads a text file.
fn read_text(path: &Path) -> Result<String, Error> {
    String::from_utf8(read(path)?).map_err(|error| {
        let source = std::io::Error::new(std::io::ErrorKind::InvalidData, error);
        Error::Read {
            file: path.to_owned(),
            source,
        }
    })
}

/// What an import says, to the one who typed the command.
fn told(error: intake::Error, file: &Path) -> Error {
    match error {
        intake::Error::Misuse {
            message, remedy, ..
        }
        | intake::Error::Conflict { message, remedy } => Error::misuse(message, remedy),
        intake::Error::OtherBook { .. } => Error::misuse(
            error.to_string(),
            "--update changes the book to what the file says; --update --dry-run shows the difference",
        ),
        intake::Error::Gone(id) => {
            Error::misuse(format!("no portfolio {id}"), "it was deleted just now")
        }
        intake::Error::Rejected(found) => rejected(file)(found),
        intake::Error::Calendar(error) => error.into(),
        intake::Error::Store(error) => error.into(),
    }
}

fn rejected(path: &Path) -> impl FnOnce(Rejected) -> Error {
    let file = path.to_owned();
    move |rejected| Error::Rejected { file, rejected }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}
