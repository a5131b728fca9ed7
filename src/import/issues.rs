//! What is wrong with a file: one issue per finding, collected to the end of the file.

use std::fmt;

use serde::Serialize;

/// Most issues that are listed; the others are counted.
pub const MAX_ISSUES: usize = 1_000;
/// Most characters of the file that a message repeats.
const MAX_QUOTED: usize = 60;

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// Line of the file, from 1, where the row or key begins; 0 for the file as a whole.
    pub line: u64,
    /// The column's header, or the key; empty if the whole row is meant.
    pub column: String,
    /// What kind of finding: stable, `ERR_POS_004`.
    pub code: &'static str,
    /// The row's symbol, where it has one.
    pub symbol: Option<String>,
    /// What is wrong, with the text that is.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

/// A file that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// The findings in the order of the file, at most [`MAX_ISSUES`].
    pub errors: Vec<Issue>,
    /// How many more there are.
    pub more: u64,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.errors.len() as u64 + self.more;
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "file rejected with {count} error{plural}")
    }
}

impl std::error::Error for Rejected {}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            code,
            message,
            remedy,
            ..
        } = self;
        let at = if column.is_empty() {
            String::new()
        } else {
            format!(", {column}")
        };
        write!(f, "line {line}{at}: {message} ({code}); {remedy}")
    }
}

/// Findings while a file is read.
#[derive(Debug, Default)]
pub(super) struct Issues {
    errors: Vec<Issue>,
    more: u64,
    /// Columns the file does not have: said once, not again for every row.
    absent: Vec<&'static str>,
}

impl Issues {
    /// Notes a finding.
    pub(super) fn push(&mut self, issue: Issue) {
        if self.absent.contains(&issue.column.as_str()) {
            return;
        }
        if self.errors.len() < MAX_ISSUES {
            self.errors.push(issue);
        } else {
            self.more += 1;
        }
    }

    /// Notes a finding about the file as a whole.
    pub(super) fn file(&mut self, line: u64, code: &'static str, message: String, remedy: &str) {
        let (column, remedy) = (String::new(), remedy.to_owned());
        self.push(Issue {
            line,
            column,
            code,
            symbol: None,
            message,
            remedy,
        });
    }

    /// Notes that the file lacks a column that every row needs.
    pub(super) fn absent(&mut self, column: &'static str, issue: Issue) {
        self.push(issue);
        self.absent.push(column);
    }

    /// Whether nothing was found so far.
    pub(super) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// The value, if nothing was found; the findings otherwise.
    pub(super) fn or<T>(mut self, value: T) -> Result<T, Rejected> {
        if self.errors.is_empty() {
            return Ok(value);
        }
        self.errors.sort_by_key(|issue| issue.line);
        Err(Rejected {
            errors: self.errors,
            more: self.more,
        })
    }
}

/// A text of the file as a message repeats it: in quotes, cut when long.
pub(super) fn quoted(text: &str) -> String {
    let mut cut: String = text.chars().take(MAX_QUOTED).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    format!("\"{}\"", cut.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_findings_is_cut_and_the_rest_counted() {
        let mut issues = Issues::default();
        for line in 0..1_203 {
            issues.file(1_203 - line, "ERR", "wrong".into(), "mend it");
        }
        let rejected = issues.or(()).unwrap_err();
        assert_eq!((rejected.errors.len(), rejected.more), (MAX_ISSUES, 203));
        assert!(rejected.errors.is_sorted_by_key(|issue| issue.line));
        assert_eq!(rejected.to_string(), "file rejected with 1203 errors");
        assert_eq!(
            rejected.errors[0].to_string(),
            "line 204: wrong (ERR); mend it"
        );
        assert_eq!(Issues::default().or(5), Ok(5));
    }

    #[test]
    fn quoted_texts_are_short_and_visible() {
        assert_eq!(quoted("A\tB"), "\"A\\tB\"");
        assert!(quoted(&"ä".repeat(500)).chars().count() < 70);
    }
}
