//! Collects every malformed line of a folder, so that an operator corrects all of them at once.

use std::path::Path;

use crate::market_data::{Error, MalformedLine};

/// Most lines that are kept: more do not help a person, and a wrong file has thousands.
const MAX_LINES: usize = 50;

/// The malformed lines found so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    lines: Vec<MalformedLine>,
    more: usize,
}

impl Report {
    pub(super) fn add(&mut self, file: &str, line: u64, problem: impl Into<String>) {
        if self.lines.len() < MAX_LINES {
            self.lines.push(MalformedLine {
                file: file.to_owned(),
                line,
                problem: problem.into(),
            });
        } else {
            self.more += 1;
        }
    }

    /// An error if there is any malformed line.
    pub(super) fn into_result(mut self, folder: &Path) -> Result<(), Error> {
        if self.lines.is_empty() {
            return Ok(());
        }
        self.lines.sort();
        Err(Error::Malformed {
            folder: folder.to_owned(),
            lines: self.lines,
            more: self.more,
        })
    }
}
