//! Sector weights of a benchmark: one row per date and sector, with the columns `as_of`, sector and weight (a fraction). A file may have
//! several dates; the weights of each add up to 1.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::can_be_addressed;
use super::cells::{Cells, Date};
use super::issues::{Issues, Rejected, quoted};
use super::table::{self, Column, required};
use crate::domain::money;

const COLUMNS: &[Column] = &[required("as_of"), required("sector"), required("weight")];
const AS_OF: usize = 0;
const SECTOR: usize = 1;
const WEIGHT: usize = 2;

const FUTURE: &str = "ERR_BENCH_004";
const NO_SECTOR: &str = "ERR_BENCH_005";
const BAD_SECTOR: &str = "ERR_BENCH_006";
const TWICE: &str = "ERR_BENCH_007";
const NO_WEIGHT: &str = "ERR_BENCH_008";
const NO_NUMBER: &str = "ERR_BENCH_009";
const OUT_OF_RANGE: &str = "ERR_BENCH_010";
const DECIMALS: &str = "ERR_BENCH_011";
const SUM: &str = "ERR_BENCH_012";

const DATES: Date = Date {
    column: AS_OF,
    missing: "ERR_BENCH_001",
    format: "ERR_BENCH_002",
    horizon: "ERR_BENCH_003",
};
/// More than an index provider tells.
const MAX_DECIMALS: u32 = 12;
/// By how much the weights of a date may miss 1: what rounding leaves.
const TOLERANCE: Decimal = Decimal::from_parts(1, 0, 0, false, 6);
/// Most characters of a sector, and of a benchmark's name.
const MAX_NAME: usize = 64;

/// Weights by date, then by sector: fractions that add up to 1.
pub type Weights = BTreeMap<NaiveDate, BTreeMap<String, Decimal>>;

/// The name of a benchmark: it stands before a colon where a metric is named, and in addresses.
pub fn name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if is_name(name) && can_be_addressed(name) {
        return Ok(name.to_owned());
    }
    Err(format!(
        "{} is no name of a benchmark: give 1 to {MAX_NAME} characters without : / ? # %",
        quoted(text)
    ))
}

fn is_name(text: &str) -> bool {
    let length = text.chars().count();
    (1..=MAX_NAME).contains(&length) && !text.contains(char::is_control)
}

/// The weights of a file, or every error of it. No date is after `today`, the business date.
pub fn parse(bytes: &[u8], today: NaiveDate) -> Result<Weights, Rejected> {
    let mut issues = Issues::default();
    let rows = table::read(bytes, COLUMNS, &mut issues);
    let mut weights = Weights::new();
    let mut lines: BTreeMap<(NaiveDate, &str), u64> = BTreeMap::new();
    let mut first_rows = BTreeMap::new();
    // What the weights of a date add up to is known where every row could be read.
    let (mut partial, mut undated) = (BTreeSet::new(), false);
    for row in &rows {
        let mut cells = Cells::new(row, COLUMNS, None, &mut issues);
        let date = cells.date(DATES);
        if let Some(date) = date.filter(|date| *date > today) {
            let message = format!("{date} is after today, {today}");
            cells.error(AS_OF, FUTURE, message, "import the weights when they hold");
        }
        let (is_sector, weight) = (sector(&mut cells), weight(&mut cells));
        let Some(date) = date else {
            undated = true;
            continue;
        };
        first_rows.entry(date).or_insert(row);
        let sector = row.get(SECTOR).filter(|_| is_sector);
        let (Some(sector), Some(weight)) = (sector, weight) else {
            partial.insert(date);
            continue;
        };
        if let Some(line) = lines.insert((date, sector), row.line) {
            let message = format!("{} of {date} is on line {line} too", quoted(sector));
            cells.error(SECTOR, TWICE, message, "keep one of the two");
            partial.insert(date);
        }
        let of_date = weights.entry(date).or_default();
        of_date.insert(sector.to_owned(), weight);
    }
    for (date, row) in first_rows {
        let of_date = weights.get(&date).into_iter().flatten();
        let sum: Decimal = of_date.map(|(_, weight)| weight).sum();
        if !undated && !partial.contains(&date) && (sum - Decimal::ONE).abs() > TOLERANCE {
            let sum = sum.normalize();
            let message = format!("the weights of {date} add up to {sum}, not to 1");
            let remedy = "give every sector of the date, as fractions";
            Cells::new(row, COLUMNS, None, &mut issues).error(WEIGHT, SUM, message, remedy);
        }
    }
    issues.or(weights)
}

/// Whether the row names a sector.
fn sector(cells: &mut Cells<'_>) -> bool {
    let (code, message, remedy) = match cells.text(SECTOR) {
        Some(text) if is_name(text) => return true,
        Some(text) => (
            BAD_SECTOR,
            format!("{} is no name of a sector", quoted(text)),
            "use at most 64 printable characters",
        ),
        None => (
            NO_SECTOR,
            "no sector".to_owned(),
            "name it as results do, Cash and ETF too",
        ),
    };
    cells.error(SECTOR, code, message, remedy);
    false
}

fn weight(cells: &mut Cells<'_>) -> Option<Decimal> {
    let Some(text) = cells.text(WEIGHT) else {
        let remedy = "give a fraction such as 0.125";
        cells.error(WEIGHT, NO_WEIGHT, "no weight".into(), remedy);
        return None;
    };
    let shown = quoted(text);
    let (code, message, remedy) = match money::parse(text) {
        Err(error) => (
            NO_NUMBER,
            format!("weight {shown} is {error}"),
            "write digits with at most one point, no exponent, no percent sign",
        ),
        Ok(value) if value < Decimal::ZERO || value > Decimal::ONE => (
            OUT_OF_RANGE,
            format!("weight {shown} is not between 0 and 1"),
            "give a fraction: 0.125 for 12.5 %",
        ),
        Ok(value) if money::decimals(value) > MAX_DECIMALS => (
            DECIMALS,
            format!("weight {shown} has more than {MAX_DECIMALS} decimals"),
            "round it to twelve decimals",
        ),
        Ok(value) => return Some(value.abs().normalize()),
    };
    cells.error(WEIGHT, code, message, remedy);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    type Found = Vec<(u64, String, &'static str)>;

    fn read(text: &str) -> Result<Weights, Found> {
        let seen = |rejected: Rejected| {
            let errors = rejected.errors.into_iter();
            errors.map(|e| (e.line, e.column, e.code)).collect()
        };
        parse(text.as_bytes(), "2016-12-30".parse().unwrap()).map_err(seen)
    }

    #[test]
    fn weights_are_read_by_date() {
        let text = "sector,weight,as_of\n Energy ,0.250,2016-06-30\n\"Cash, and such\",0.75,2016-06-30\n\
                    Energy,0.3333333,2016-09-30\nUtilities,0.6666662,2016-09-30\nCash,0,2016-09-30\n";
        let weights = read(text).unwrap();
        let mut shown = Vec::new();
        for (date, own) in &weights {
            shown.extend(
                own.iter()
                    .map(|(sector, weight)| format!("{date} {sector} {weight}")),
            );
        }
        let expected = [
            "2016-06-30 Cash, and such 0.75",
            "2016-06-30 Energy 0.25",
            "2016-09-30 Cash 0",
            "2016-09-30 Energy 0.3333333",
            "2016-09-30 Utilities 0.6666662",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn every_fault_of_a_weight_has_its_line_column_and_code() {
        let text = "as_of,sector,weight\n,Energy,1\n30.6.2016,Energy,1\n2051-01-31,Energy,1\n2017-01-03,Energy,1\n\
                    2016-06-30,,1\n2016-06-30,A\u{7}B,1\n2016-06-30,Energy,0.5\n2016-06-30,Energy,0.5\n\
                    2016-06-30,Cash,\n2016-06-30,Cash,12%\n2016-06-30,Cash,-0.1\n2016-06-30,Cash,1.1\n\
                    2016-06-30,Cash,0.0000000000001\n";
        let found = read(text).unwrap_err();
        let found: Vec<_> = found
            .iter()
            .map(|(line, column, code)| (*line, column.as_str(), *code))
            .collect();
        let expected = [
            (2, "as_of", DATES.missing),
            (3, "as_of", DATES.format),
            (4, "as_of", DATES.horizon),
            (5, "as_of", FUTURE),
            (6, "sector", NO_SECTOR),
            (7, "sector", BAD_SECTOR),
            (9, "sector", TWICE),
            (10, "weight", NO_WEIGHT),
            (11, "weight", NO_NUMBER),
            (12, "weight", OUT_OF_RANGE),
            (13, "weight", OUT_OF_RANGE),
            (14, "weight", DECIMALS),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_does_not_add_up_is_named_by_the_first_row_of_its_date() {
        let text = "as_of,sector,weight\n2016-06-30,Energy,0.5\n2016-09-30,Energy,0.5\n2016-06-30,Cash,0.500001\n\
                    2016-09-30,Cash,0.5000011\n2016-12-30,Energy,0.2\n";
        let sum = |line| (line, "weight".to_owned(), SUM);
        assert_eq!(read(text).unwrap_err(), [sum(3), sum(6)]);
        // Only what could be read as a whole is added up.
        let text = "as_of,sector,weight\n2016-06-30,Energy,0.5\n2016-06-30,Cash,much\n";
        assert_eq!(read(text).unwrap_err(), [(3, "weight".into(), NO_NUMBER)]);
    }

    #[test]
    fn a_column_that_is_not_known_is_refused() {
        let found = read("as_of,sector,weight,note\n2016-06-30,Energy,1,\n").unwrap_err();
        assert_eq!(found, [(1, "note".to_owned(), "ERR_CSV_005")]);
    }

    #[test]
    fn a_name_can_stand_in_a_metric_and_in_an_address() {
        assert_eq!(name(" S&P 500 ").unwrap(), "S&P 500");
        for wrong in ["", "  ", "a:b", "a/b", "a\nb", &"x".repeat(65)] {
            assert!(name(wrong).is_err(), "{wrong:?}");
        }
    }
}
