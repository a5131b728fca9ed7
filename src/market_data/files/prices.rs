//! `prices/`: closes from wide and tidy files, joined into one series per instrument.
//!
//! A close that is zero or negative is read like any other: it is no price, and the answer says so, but one bad
//! tick stops nobody else's night. Files may overlap as long as they agree. Two different closes of one instrument and date are
//! reported with both places: which one is right is for the operator to say.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::report::Report;
use super::table::{Others, Row, Table};
use super::{instrument, values, wide};
use crate::domain::Symbol;
use crate::market_data::{Bar, Basis};

/// The series of all price files read so far.
pub(super) struct Prices {
    basis: Basis,
    files: Vec<String>,
    series: BTreeMap<Symbol, BTreeMap<NaiveDate, (Bar, Place)>>,
}

/// Where a close was read, to name it beside another that contradicts.
#[derive(Clone, Copy)]
struct Place {
    file: usize,
    line: u64,
}

const TIDY_REQUIRED: [&str; 3] = ["symbol", "date", "close"];
const TIDY_OPTIONAL: [&str; 5] = ["open", "high", "low", "volume", "adjusted_close"];

impl Prices {
    pub(super) fn new(basis: Basis) -> Self {
        Self {
            basis,
            files: Vec::new(),
            series: BTreeMap::new(),
        }
    }

    /// Adds a file, wide or tidy: a tidy one has a column `symbol`.
    pub(super) fn add(&mut self, file: &str, text: &str, report: &mut Report) {
        self.files.push(file.to_owned());
        let Some(mut table) = Table::open(file, text, report) else {
            return;
        };
        if table.has_column("symbol") {
            self.add_tidy(&mut table, report);
        } else {
            self.add_wide(&mut table, report);
        }
    }

    /// Bars by instrument and rising date. An instrument without any close is there too.
    pub(super) fn finish(self) -> BTreeMap<Symbol, Vec<Bar>> {
        let bars = |series: BTreeMap<_, (Bar, Place)>| series.into_values().map(|(bar, _)| bar);
        self.series
            .into_iter()
            .map(|(symbol, series)| (symbol, bars(series).collect()))
            .collect()
    }

    fn add_wide(&mut self, table: &mut Table<'_>, report: &mut Report) {
        let Some(symbols) = wide::series(table, report) else {
            return;
        };
        for symbol in &symbols {
            self.series.entry(symbol.clone()).or_default();
        }
        let file = table.file();
        wide::each_cell(table, report, |cell, report| {
            let symbol = &symbols[cell.series];
            match values::number(&format!("close of {symbol}"), cell.text) {
                Ok(close) => self.insert(symbol, bar(cell.date, close), cell.line, report),
                Err(problem) => report.add(file, cell.line, problem),
            }
        });
    }

    fn add_tidy(&mut self, table: &mut Table<'_>, report: &mut Report) {
        let columns = table.columns(TIDY_REQUIRED, TIDY_OPTIONAL, Others::Ignored, report);
        let Some((required, optional)) = columns else {
            return;
        };
        let file = table.file();
        while let Some(row) = table.next_row(report) {
            match tidy_bar(&row, required, optional, self.basis) {
                Ok((symbol, Some(bar))) => self.insert(&symbol, bar, row.line, report),
                Ok((symbol, None)) => {
                    self.series.entry(symbol).or_default();
                }
                Err(problem) => report.add(file, row.line, problem),
            }
        }
    }

    fn insert(&mut self, symbol: &Symbol, bar: Bar, line: u64, report: &mut Report) {
        let place = Place {
            file: self.files.len() - 1,
            line,
        };
        let series = match self.series.get_mut(symbol) {
            Some(series) => series,
            None => self.series.entry(symbol.clone()).or_default(),
        };
        match series.entry(bar.date) {
            Entry::Vacant(vacant) => {
                vacant.insert((bar, place));
            }
            Entry::Occupied(mut occupied) => {
                let (known, there) = occupied.get_mut();
                if known.close == bar.close {
                    known.open = known.open.or(bar.open);
                    known.high = known.high.or(bar.high);
                    known.low = known.low.or(bar.low);
                    known.volume = known.volume.or(bar.volume);
                } else {
                    let problem = format!(
                        "{symbol} closes at {} on {}, but at {} in {} line {}",
                        bar.close, bar.date, known.close, self.files[there.file], there.line
                    );
                    report.add(&self.files[place.file], line, problem);
                }
            }
        }
    }
}

fn bar(date: NaiveDate, close: Decimal) -> Bar {
    Bar {
        date,
        close,
        open: None,
        high: None,
        low: None,
        volume: None,
    }
}

/// The bar of a tidy row, if the row has a close on this basis.
fn tidy_bar(
    row: &Row<'_>,
    [symbol, date, close]: [usize; 3],
    [open, high, low, volume, adjusted]: [Option<usize>; 5],
    basis: Basis,
) -> Result<(Symbol, Option<Bar>), String> {
    let symbol = instrument(&values::symbol(row.cell(symbol).unwrap_or_default())?);
    let date = values::date(row.cell(date).unwrap_or_default())?;
    let number = |name: &str, column: usize| {
        let text = row.cell(column);
        text.map(|text| values::number(name, text)).transpose()
    };
    let close = number("close", close)?;
    let close = match (basis, adjusted) {
        // An adjusted close stands alone: prices as traded beside it would be on another scale. Where
        // it is empty there is no close, for a raw one in between would be a false return.
        (Basis::TotalReturn, Some(column)) => number("adjusted_close", column)?,
        _ => close,
    };
    let price = |name: &str, column: Option<usize>| {
        let text = column.and_then(|column| row.cell(column));
        // Beside a close that is no price the rest of the row is none either.
        let text = text.filter(|_| close.is_none_or(|close| close > Decimal::ZERO));
        text.map(|text| values::positive(name, text)).transpose()
    };
    let volume = volume.and_then(|column| row.cell(column));
    let (open, high, low) = (
        price("open", open)?,
        price("high", high)?,
        price("low", low)?,
    );
    let volume = volume
        .map(|text| values::not_negative("volume", text))
        .transpose()?;
    let stands_alone = basis == Basis::TotalReturn && adjusted.is_some();
    let bar = close.map(|close| Bar {
        date,
        close,
        open: open.filter(|_| !stands_alone),
        high: high.filter(|_| !stands_alone),
        low: low.filter(|_| !stands_alone),
        volume,
    });
    Ok((symbol, bar))
}
