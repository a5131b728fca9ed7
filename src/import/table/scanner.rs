//! The text of a CSV file as records of fields.

use super::{MALFORMED, Row};
use crate::import::MAX_ROWS;
use crate::import::issues::Issues;

/// The records of a text that are neither blank nor comments: the header and, of more rows than
/// a file may have, one too many.
pub(super) fn records(text: &str, issues: &mut Issues) -> Vec<Row> {
    let mut scanner = Scanner {
        rest: text,
        line: 1,
    };
    let mut records = Vec::new();
    while !scanner.rest.is_empty() && records.len() <= MAX_ROWS + 1 {
        if scanner.rest.starts_with('#') {
            scanner.skip_line();
            continue;
        }
        let line = scanner.line;
        match scanner.record() {
            Ok(fields) if fields.iter().all(String::is_empty) => {}
            Ok(fields) => records.push(Row { line, fields }),
            Err((message, remedy)) => {
                issues.file(line, MALFORMED, message.to_owned(), remedy);
                scanner.skip_line();
            }
        }
    }
    records
}

/// What is wrong, and what to do.
type Malformed = (&'static str, &'static str);

/// Reads fields from the front of a text.
struct Scanner<'a> {
    rest: &'a str,
    line: u64,
}

impl Scanner<'_> {
    fn record(&mut self) -> Result<Vec<String>, Malformed> {
        let mut fields = Vec::new();
        loop {
            fields.push(self.field()?);
            if let Some(rest) = self.rest.strip_prefix(',') {
                self.rest = rest;
            } else {
                self.end_line();
                return Ok(fields);
            }
        }
    }

    /// One field, up to the comma or line end after it.
    fn field(&mut self) -> Result<String, Malformed> {
        let trimmed = self.rest.trim_start_matches([' ', '\t']);
        let Some(inside) = trimmed.strip_prefix('"') else {
            let end = self.rest.find([',', '\n', '\r']).unwrap_or(self.rest.len());
            let (field, rest) = self.rest.split_at(end);
            self.rest = rest;
            return Ok(field.trim().to_owned());
        };
        let mut rest = inside;
        let mut field = String::new();
        loop {
            let Some((part, after)) = rest.split_once('"') else {
                return Err((
                    "a quote is never closed",
                    "close it, or double it inside a field",
                ));
            };
            field.push_str(part);
            rest = after;
            match rest.strip_prefix('"') {
                Some(after) => {
                    field.push('"');
                    rest = after;
                }
                None => break,
            }
        }
        self.line += field.matches('\n').count() as u64;
        self.rest = rest.trim_start_matches([' ', '\t']);
        if !self.rest.is_empty() && !self.rest.starts_with([',', '\n', '\r']) {
            return Err((
                "text after a closing quote",
                "double a quote inside a quoted field",
            ));
        }
        Ok(field.trim().to_owned())
    }

    fn skip_line(&mut self) {
        let end = self.rest.find(['\n', '\r']).unwrap_or(self.rest.len());
        self.rest = self.rest.get(end..).unwrap_or_default();
        self.end_line();
    }

    fn end_line(&mut self) {
        for end in ["\r\n", "\n", "\r"] {
            if let Some(rest) = self.rest.strip_prefix(end) {
                self.rest = rest;
                self.line += 1;
                return;
            }
        }
    }
}
