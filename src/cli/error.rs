//! Errors as a person reads them: what is wrong with which input, why, and what to do.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::output::exit;
use super::text::{left, right, table};
use crate::domain::CalendarError;
use crate::engine::PlanError;
use crate::import::Rejected;
use crate::{config, embedded, queue, store};

/// Why a command did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command is wrong: a name that nothing has, options that exclude each other.
    #[error("{message}")]
    Misuse {
        /// What is wrong, with the input.
        message: String,
        /// What to do instead.
        remedy: String,
    },
    /// The command is right, but what it asks for is not there.
    #[error("{message}")]
    NotThere {
        /// What is not there, and why.
        message: String,
        /// How to get it.
        remedy: String,
    },
    /// A file of the user has errors: all of them.
    #[error("{}: {rejected}; nothing was changed", file.display())]
    Rejected {
        /// The file.
        file: PathBuf,
        /// Its errors.
        rejected: Rejected,
    },
    /// A file of the user cannot be read.
    #[error("cannot read {}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The answer of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// Postgres does not answer.
    #[error("postgres at {url} does not answer")]
    Away {
        /// Where, without the password.
        url: String,
    },
    /// A run could not be planned.
    #[error(transparent)]
    Engine(#[from] PlanError),
    /// A program of ours cannot be started.
    #[error("cannot start {program}")]
    Start {
        /// Which.
        program: &'static str,
        /// The answer of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// The API could not be served.
    #[error("serving")]
    Serve(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A setting.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// Postgres.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Redis.
    #[error(transparent)]
    Queue(#[from] queue::Error),
    /// The private services.
    #[error(transparent)]
    Embedded(#[from] embedded::Error),
    /// A date outside the calendar.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
}

impl Error {
    /// A wrong command.
    pub fn misuse(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Misuse {
            message: message.into(),
            remedy: remedy.into(),
        }
    }

    /// Something that is not there.
    pub fn not_there(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::NotThere {
            message: message.into(),
            remedy: remedy.into(),
        }
    }

    /// 2 for a wrong command, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Misuse { .. } | Self::Config(_) | Self::Calendar(_) => exit::MISUSE,
            _ => exit::FAILED,
        }
    }

    /// What went wrong, with its causes in one line.
    pub fn message(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let more = error.to_string();
            // Many libraries repeat their cause in their own text.
            if !text.contains(&more) {
                let _ = write!(text, ": {more}");
            }
            cause = error.source();
        }
        text
    }

    /// What to do about it, where we know.
    pub fn remedy(&self) -> Option<String> {
        let text = match self {
            Self::Misuse { remedy, .. } | Self::NotThere { remedy, .. } => remedy,
            Self::Rejected { .. } => "correct the file and import it again",
            Self::Away { .. } => "is it running? DATABASE_URL says where it is",
            Self::Store(error) if error.is_no_database() => {
                "the server is there, but has no such database: create it (createdb -h HOST -U USER NAME), then \
                 sigmabatch migrate"
            }
            Self::Store(store::Error::Database {
                attempt: "connecting",
                ..
            }) => "is Postgres running, and is DATABASE_URL right?",
            Self::Start { .. } => "build all programs: cargo build --release --workspace",
            Self::Queue(_) => "is Redis running, and is REDIS_URL right?",
            _ => return None,
        };
        Some(text.to_owned())
    }

    /// The text for standard error, or with `json` the document for standard output.
    pub fn render(&self, json: bool) -> String {
        if json {
            return format!("{:#}\n", self.document());
        }
        let mut page = String::new();
        if let Self::Rejected { rejected, .. } = self {
            page.push_str(&issues(rejected));
        }
        let _ = writeln!(page, "error: {}", self.message());
        if let Some(remedy) = self.remedy() {
            let _ = writeln!(page, "       {remedy}");
        }
        page
    }

    fn document(&self) -> Value {
        let mut error = json!({ "message": self.message(), "remedy": self.remedy() });
        if let Self::Rejected { file, rejected } = self {
            error["file"] = json!(file.display().to_string());
            error["issues"] = json!(rejected.errors);
            error["more"] = json!(rejected.more);
        }
        json!({ "error": error })
    }
}

/// The findings of a file as a table.
fn issues(rejected: &Rejected) -> String {
    let columns = [
        right("line"),
        left("column"),
        left("symbol"),
        left("code"),
        left("problem"),
        left("what to do"),
    ];
    let rows = rejected.errors.iter().map(|issue| {
        vec![
            issue.line.to_string(),
            issue.column.clone(),
            issue.symbol.clone().unwrap_or_default(),
            issue.code.to_owned(),
            issue.message.clone(),
            issue.remedy.clone(),
        ]
    });
    let mut page = table(&columns, rows);
    if rejected.more > 0 {
        let _ = writeln!(page, "… and {} more", rejected.more);
    }
    page.push('\n');
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::Issue;

    fn rejected() -> Error {
        let issue = Issue {
            line: 7,
            column: "Quantity".into(),
            code: "ERR_POS_004",
            symbol: Some("AAPL".into()),
            message: "quantity is zero".into(),
            remedy: "remove the row".into(),
        };
        Error::Rejected {
            file: "book.csv".into(),
            rejected: Rejected {
                errors: vec![issue],
                more: 2,
            },
        }
    }

    #[test]
    fn every_finding_of_a_file_is_a_row_of_a_table() {
        let text = rejected().render(false);
        assert!(
            text.contains("   7  Quantity  AAPL    ERR_POS_004  quantity is zero"),
            "{text}"
        );
        assert!(text.contains("… and 2 more"), "{text}");
        assert!(text.contains("book.csv: file rejected with 3 errors; nothing was changed"));
        let document: Value = serde_json::from_str(&rejected().render(true)).unwrap();
        assert_eq!(document["error"]["issues"][0]["code"], "ERR_POS_004");
        assert_eq!(document["error"]["more"], 2);
    }

    #[test]
    fn an_error_names_the_input_and_the_remedy() {
        let error = Error::misuse("no portfolio \"bok\"", "`sigmabatch status` lists them");
        assert_eq!(error.exit_code(), exit::MISUSE);
        let text = error.render(false);
        assert_eq!(
            text,
            "error: no portfolio \"bok\"\n       `sigmabatch status` lists them\n"
        );
        assert_eq!(rejected().exit_code(), exit::FAILED);
    }
}
