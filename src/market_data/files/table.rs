//! A CSV text as header and rows, each with the number of its line.
//!
//! Lines starting with `#` and rows of empty cells are passed over. Rows with too few or too
//! many cells are reported here, so that readers of a table index without care.

use std::collections::BTreeMap;

use csv::{ReaderBuilder, StringRecord};

use super::report::Report;

/// A CSV text that is being read.
pub(super) struct Table<'t> {
    file: &'t str,
    text: &'t str,
    reader: csv::Reader<&'t [u8]>,
    record: StringRecord,
    header: Vec<String>,
    // Place of the record that was read last.
    byte: usize,
    line: u64,
}

/// One row of a table, with as many cells as the header.
pub(super) struct Row<'r> {
    pub(super) line: u64,
    record: &'r StringRecord,
}

/// What to do with columns that nobody asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    /// Exports of vendors have many.
    Ignored,
    /// A misspelt name must not lose a column in silence.
    Refused,
}

impl Row<'_> {
    /// The text of a cell without surrounding white space; nothing if it is empty.
    pub(super) fn cell(&self, column: usize) -> Option<&str> {
        self.record
            .get(column)
            .map(str::trim)
            .filter(|text| !text.is_empty())
    }
}

impl<'t> Table<'t> {
    /// Reads the header. Without one there is no table, which is reported.
    pub(super) fn open(file: &'t str, text: &'t str, report: &mut Report) -> Option<Self> {
        // Excel puts a byte order mark in front.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .comment(Some(b'#'))
            .from_reader(text.as_bytes());
        let mut table = Self {
            file,
            text,
            reader,
            record: StringRecord::new(),
            header: Vec::new(),
            byte: 0,
            line: 1,
        };
        if !table.read(report) {
            report.add(file, 1, "no header; the first line names the columns");
            return None;
        }
        table.header = table
            .record
            .iter()
            .map(|name| name.trim().to_owned())
            .collect();
        Some(table)
    }

    /// Path inside the folder.
    pub(super) fn file(&self) -> &'t str {
        self.file
    }

    /// Column names as written.
    pub(super) fn header(&self) -> &[String] {
        &self.header
    }

    /// Line of the record that was read last.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Whether there is a column of this name, in any case.
    pub(super) fn has_column(&self, name: &str) -> bool {
        self.header.iter().any(|column| canonical(column) == name)
    }

    /// Positions of the named columns. Missing, doubled and refused ones are reported.
    pub(super) fn columns<const R: usize, const O: usize>(
        &self,
        required: [&str; R],
        optional: [&str; O],
        others: Others,
        report: &mut Report,
    ) -> Option<([usize; R], [Option<usize>; O])> {
        let mut sound = true;
        let mut problem = |text: String| {
            report.add(self.file, self.line, text);
            sound = false;
        };
        let mut positions = BTreeMap::new();
        for (position, name) in self.header.iter().enumerate() {
            let wanted = canonical(name);
            let asked = required.contains(&wanted.as_str()) || optional.contains(&wanted.as_str());
            if !asked && others == Others::Refused {
                let known = [&required[..], &optional[..]].concat().join(", ");
                problem(format!(
                    "unknown column \"{name}\"; the columns are {known}"
                ));
            } else if asked && positions.insert(wanted, position).is_some() {
                problem(format!("column \"{name}\" is there twice"));
            }
        }
        for name in required
            .iter()
            .filter(|name| !positions.contains_key(**name))
        {
            problem(format!("column {name} is missing"));
        }
        let position = |name: &str| positions.get(name).copied();
        sound.then(|| {
            (
                required.map(|name| position(name).unwrap_or(0)),
                optional.map(position),
            )
        })
    }

    /// The next row that has as many cells as the header.
    pub(super) fn next_row(&mut self, report: &mut Report) -> Option<Row<'_>> {
        while self.read(report) {
            let (cells, columns) = (self.record.len(), self.header.len());
            if cells == columns {
                return Some(Row {
                    line: self.line,
                    record: &self.record,
                });
            }
            let problem = format!("{cells} cells, but the header names {columns} columns");
            report.add(self.file, self.line, problem);
        }
        None
    }

    /// Reads the next record that is not empty; false at the end.
    fn read(&mut self, report: &mut Report) -> bool {
        loop {
            let start = self.reader.position().byte();
            match self.reader.read_record(&mut self.record) {
                Ok(true) => {}
                Ok(false) => return false,
                Err(error) => {
                    report.add(self.file, self.line, error.to_string());
                    return false;
                }
            }
            self.advance(usize::try_from(start).unwrap_or(usize::MAX));
            if self.record.iter().any(|cell| !cell.trim().is_empty()) {
                return true;
            }
        }
    }

    /// Moves the place to the record whose reading began at `start`: the reader's own position
    /// lies before the comments and blank lines that it passes over.
    fn advance(&mut self, start: usize) {
        let text = self.text.as_bytes();
        let mut byte = start.min(text.len());
        while let Some(first) = text.get(byte) {
            byte += match first {
                b'\r' | b'\n' => 1,
                b'#' => text[byte..]
                    .iter()
                    .position(|b| *b == b'\n')
                    .unwrap_or(text.len() - byte),
                _ => break,
            };
        }
        self.line += line_after(&text[self.byte..byte]) - 1;
        self.byte = byte;
    }
}

/// Number of the line that follows these bytes, the first one being 1.
pub(super) fn line_after(bytes: &[u8]) -> u64 {
    bytes.split(|byte| *byte == b'\n').count() as u64
}

/// Column names compare without case; `Adj Close` is `adjusted_close`, `Ticker` is `symbol`.
fn canonical(name: &str) -> String {
    let name = name.to_ascii_lowercase().replace([' ', '-'], "_");
    match name.as_str() {
        "ticker" => "symbol".to_owned(),
        "adj_close" => "adjusted_close".to_owned(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(u64, String)> {
        let mut report = Report::default();
        let mut table = Table::open("t.csv", text, &mut report).unwrap();
        let mut found = Vec::new();
        while let Some(row) = table.next_row(&mut report) {
            found.push((row.line, row.cell(0).unwrap().to_owned()));
        }
        report.into_result("t".as_ref()).unwrap();
        found
    }

    #[test]
    fn lines_are_counted_with_comments_blanks_and_quoted_breaks() {
        let text = "# first\na,b\n# c\n\n1,2\n\"x\ny\",2\n,\n3,4\n#\n5,6";
        let expected = [(5, "1"), (6, "x\ny"), (9, "3"), (11, "5")];
        let expected = expected
            .map(|(line, cell)| (line, cell.to_owned()))
            .to_vec();
        assert_eq!(lines(text), expected);
        let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
        let numbers =
            |found: Vec<(u64, String)>| found.into_iter().map(|f| f.0).collect::<Vec<_>>();
        assert_eq!(numbers(lines(&windows)), numbers(expected));
    }

    #[test]
    fn names_of_columns_have_spellings() {
        assert_eq!(canonical("Adj Close"), "adjusted_close");
        assert_eq!(canonical("adj_close"), "adjusted_close");
        assert_eq!(canonical("TICKER"), "symbol");
        assert_eq!(canonical("ex-dividend"), "ex_dividend");
    }
}
