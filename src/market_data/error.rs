//! Why a provider gives no answer, told so that somebody can act on it.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a provider gives no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text names no provider.
    #[error("\"{spec}\" names no market data; write files:DIR, such as files:data/market")]
    Spec {
        /// The text as given.
        spec: String,
    },
    /// The folder is not one of market data, or no longer what it was.
    #[error("market data folder {}: {problem}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// Lines that cannot be read: all of them, up to a limit.
    #[error("{}", describe(folder, lines, *more))]
    Malformed {
        /// The folder.
        folder: PathBuf,
        /// By file and line.
        lines: Vec<MalformedLine>,
        /// How many more there are beyond the limit.
        more: usize,
    },
    /// The file system did not answer.
    #[error("cannot read {}", path.display())]
    Io {
        /// What was read.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// The provider wants fewer questions.
    #[error("{provider} limits our rate")]
    RateLimited {
        /// Which.
        provider: &'static str,
        /// When it may be asked again.
        after: Duration,
    },
}

impl Error {
    /// Whether the same question may succeed later without anybody doing anything.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::RateLimited { .. })
    }
}

/// A line of a file that cannot be read, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MalformedLine {
    /// Path inside the folder.
    pub file: String,
    /// Counted from 1, comments and blank lines included.
    pub line: u64,
    /// What is wrong with which cell.
    pub problem: String,
}

impl fmt::Display for MalformedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} line {}: {}", self.file, self.line, self.problem)
    }
}

fn describe(folder: &std::path::Path, lines: &[MalformedLine], more: usize) -> String {
    use fmt::Write;

    let count = lines.len() + more;
    let plural = if count == 1 { "" } else { "s" };
    let mut text = format!(
        "market data folder {}: {count} malformed line{plural}",
        folder.display()
    );
    for line in lines {
        // Writing into a String cannot fail.
        let _ = write!(text, "\n  {line}");
    }
    if more > 0 {
        let _ = write!(text, "\n  and {more} more");
    }
    text
}
