//! CSV as users write it: rows with their line in the file, columns by exact header name.
//!
//! A reader of its own because every error needs its line, and because a quote that is never
//! closed must be an error, not a last field as long as the file. Takes a byte order mark, both
//! line ends, quoted fields, blank rows, lines that begin with `#`, rows shorter than the header.

mod scanner;

use super::issues::{Issue, Issues, quoted};
use super::{MAX_BYTES, MAX_ROWS};

const TOO_LARGE: &str = "ERR_CSV_001";
const EMPTY: &str = "ERR_CSV_003";
const MISSING_COLUMN: &str = "ERR_CSV_004";
const UNKNOWN_COLUMN: &str = "ERR_CSV_005";
const MALFORMED: &str = "ERR_CSV_006"; // a quote never closed, or text after a closed one
const ENCODING: &str = "ERR_CSV_007";
const DUPLICATE_COLUMN: &str = "ERR_CSV_008";
const TOO_MANY_ROWS: &str = "ERR_CSV_009";
const LONG_ROW: &str = "ERR_CSV_010";
pub(super) const NO_ROWS: &str = "ERR_CSV_011";

/// A column that a file may have.
pub(super) struct Column {
    /// Its header.
    pub(super) name: &'static str,
    /// Whether every file must have it.
    pub(super) required: bool,
}

/// A column that every file must have.
pub(super) const fn required(name: &'static str) -> Column {
    Column {
        name,
        required: true,
    }
}

/// A column that a file may leave out.
pub(super) const fn optional(name: &'static str) -> Column {
    Column {
        name,
        required: false,
    }
}

/// One row: its fields in the order of the columns asked for, without surrounding white space.
pub(super) struct Row {
    pub(super) line: u64,
    fields: Vec<String>,
}

impl Row {
    /// The field of a column, or nothing if it is empty or the row or file does not have it.
    pub(super) fn get(&self, column: usize) -> Option<&str> {
        self.fields
            .get(column)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }
}

/// The rows of a file, at least one. What is wrong with the file as a table goes to `issues`; the
/// rows that could be read are returned all the same, so that one reading finds everything.
pub(super) fn read(bytes: &[u8], columns: &[Column], issues: &mut Issues) -> Vec<Row> {
    let rows = read_any(bytes, columns, issues);
    if rows.is_empty() && issues.is_empty() {
        issues.file(
            0,
            NO_ROWS,
            "the file has no rows".into(),
            "add one row per entry",
        );
    }
    rows
}

/// [`read`] where a header without rows is a list of nothing.
pub(super) fn read_any(bytes: &[u8], columns: &[Column], issues: &mut Issues) -> Vec<Row> {
    if bytes.len() > MAX_BYTES {
        let message = format!("the file has {} bytes, more than {MAX_BYTES}", bytes.len());
        issues.file(0, TOO_LARGE, message, "split it into several files");
        return Vec::new();
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = before.split(|byte| *byte == b'\n').count() as u64;
            let message = format!("byte {} of the file is not UTF-8", error.valid_up_to() + 1);
            issues.file(line, ENCODING, message, "save the file as CSV in UTF-8");
            return Vec::new();
        }
    };
    let mut records = scanner::records(text, issues).into_iter();
    // What could not be read may have been header and rows.
    let readable = issues.is_empty();
    let Some(header) = records.next() else {
        if readable {
            let message = "the file has no header".to_owned();
            issues.file(0, EMPTY, message, "begin it with the column names");
        }
        return Vec::new();
    };
    let places = places(&header, columns, issues);
    if records.len() > MAX_ROWS {
        let message = format!("the file has more than {MAX_ROWS} rows");
        issues.file(0, TOO_MANY_ROWS, message, "split it into several files");
        return Vec::new();
    }
    let width = header.fields.len();
    let row = |mut record: Row| {
        if let Some(extra) = record
            .fields
            .iter()
            .skip(width)
            .find(|field| !field.is_empty())
        {
            let message = format!("more fields than the header has columns: {}", quoted(extra));
            issues.file(
                record.line,
                LONG_ROW,
                message,
                "put a field with commas into quotes",
            );
        }
        let mut take = |place: &Option<usize>| {
            place
                .and_then(|place| record.fields.get_mut(place))
                .map(std::mem::take)
        };
        let fields = places
            .iter()
            .map(|place| take(place).unwrap_or_default())
            .collect();
        Row {
            line: record.line,
            fields,
        }
    };
    records.map(row).collect()
}

/// Where each of `columns` is in the header.
fn places(header: &Row, columns: &[Column], issues: &mut Issues) -> Vec<Option<usize>> {
    let line = header.line;
    let issue = |name: &str, code, message, remedy: &str| {
        let (column, remedy) = (name.to_owned(), remedy.to_owned());
        Issue {
            line,
            column,
            code,
            symbol: None,
            message,
            remedy,
        }
    };
    let width = header
        .fields
        .iter()
        .rposition(|name| !name.is_empty())
        .map_or(0, |last| last + 1);
    for (index, name) in header.fields.iter().take(width).enumerate() {
        if !columns.iter().any(|column| column.name == name) {
            let known: Vec<_> = columns.iter().map(|column| column.name).collect();
            let remedy = format!("remove or rename it; the columns are: {}", known.join(", "));
            let message = format!("unknown column {}", quoted(name));
            issues.push(issue(name, UNKNOWN_COLUMN, message, &remedy));
        } else if header
            .fields
            .iter()
            .take(index)
            .any(|earlier| earlier == name)
        {
            let message = format!("column {} is there twice", quoted(name));
            issues.push(issue(name, DUPLICATE_COLUMN, message, "keep one of them"));
        }
    }
    let place = |column: &Column| {
        let place = header.fields.iter().position(|name| name == column.name);
        if place.is_none() && column.required {
            let message = format!("missing column \"{}\"", column.name);
            let remedy = "add it to the header, spelled exactly so";
            issues.absent(
                column.name,
                issue(column.name, MISSING_COLUMN, message, remedy),
            );
        }
        place
    };
    columns.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[required("A"), required("B"), optional("C")];

    type Rows = Vec<(u64, String)>;
    type Findings = Vec<(u64, &'static str, String)>;

    fn read_text(text: &str) -> (Rows, Findings) {
        let mut issues = Issues::default();
        let rows = read(text.as_bytes(), COLUMNS, &mut issues);
        let show = |row: &Row| {
            let field = |index| row.get(index).unwrap_or("-").to_owned();
            (row.line, [field(0), field(1), field(2)].join("|"))
        };
        let errors = issues
            .or(())
            .err()
            .map(|rejected| rejected.errors)
            .unwrap_or_default();
        let errors = errors
            .into_iter()
            .map(|e| (e.line, e.code, e.column))
            .collect();
        (rows.iter().map(show).collect(), errors)
    }

    #[test]
    fn every_spelling_of_a_table_is_the_same_table() {
        let row = |line, text: &str| (line, text.to_owned());
        let (rows, errors) =
            read_text("\u{feff}# made by hand\r\n\r\n C ,A,B\r\n3,1,2\r\n ,, \r\n");
        assert_eq!((rows, errors), (vec![row(4, "1|2|3")], vec![]));
        let (rows, errors) =
            read_text("A,B,C,,\n\"a \"\"1\"\"\",\"x\ny\"\n#no\n  \"q\" ,2,,,\n1\n");
        let expected = vec![row(2, "a \"1\"|x\ny|-"), row(5, "q|2|-"), row(6, "1|-|-")];
        assert_eq!((rows, errors), (expected, vec![]));
        assert_eq!(read_text("A,B\r1,2\r").0, [row(2, "1|2|-")]);
    }

    #[test]
    fn every_fault_of_a_table_has_its_code() {
        let errors = |text: &str| read_text(text).1;
        let error = |line, code, column: &str| (line, code, column.to_owned());
        assert_eq!(errors(""), [error(0, EMPTY, "")]);
        assert_eq!(errors("# only a comment\n\n"), [error(0, EMPTY, "")]);
        assert_eq!(errors("A,B,C"), [error(0, NO_ROWS, "")]);
        assert_eq!(errors("A,C\n1,2"), [error(1, MISSING_COLUMN, "B")]);
        let misspelt = [error(1, UNKNOWN_COLUMN, "b"), error(1, MISSING_COLUMN, "B")];
        assert_eq!(errors("A,b\n1,2"), misspelt);
        assert_eq!(errors("A,B,A\n1,2,3"), [error(1, DUPLICATE_COLUMN, "A")]);
        assert_eq!(errors("A,,B\n1,2,3"), [error(1, UNKNOWN_COLUMN, "")]);
        assert_eq!(
            errors("A,B\n1,2,3\n1,2,\n1,2,,4"),
            [error(2, LONG_ROW, ""), error(4, LONG_ROW, ""),]
        );
        assert_eq!(errors("A,B\n1,\"2\n3,4\n")[0], error(2, MALFORMED, ""));
        assert_eq!(errors("A,B\n1,\"2\"3\n3,4\n"), [error(2, MALFORMED, "")]);
        assert_eq!(errors("A,B\n1,\"2\"3\n3,\"4\"5\n").len(), 2);
        let many = format!("A,B\n{}", "1,2\n".repeat(MAX_ROWS + 1));
        assert_eq!(errors(&many), [error(0, TOO_MANY_ROWS, "")]);
        let large = "A".repeat(MAX_BYTES + 1);
        assert_eq!(errors(&large), [error(0, TOO_LARGE, "")]);
        let mut issues = Issues::default();
        assert!(read(b"A,B\n1,2\n1,\xff\n", COLUMNS, &mut issues).is_empty());
        let rejected = issues.or(()).unwrap_err();
        assert_eq!(
            (rejected.errors[0].line, rejected.errors[0].code),
            (3, ENCODING)
        );
    }
}
