//! The shipped data, read from the binary itself.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::OnceLock;

use chrono::NaiveDate;

use super::Error;
use super::pipeline::Pipeline;
use crate::analytics::returns;

const CLOSES: &[u8] =
    include_bytes!("../../data/market/prices/us_20_stocks_index_factors_2012_2022.csv.gz");
const ETFS: &[u8] = include_bytes!("../../data/market/prices/synthetic_etfs.csv.gz");
const YIELDS: &[u8] = include_bytes!("../../data/market/yields.csv");
const RAW: &[u8] = include_bytes!("../../data/market-raw/prices/wiki_4_stocks_2014.csv");
const ACTIONS: &[u8] = include_bytes!("../../data/market-raw/corporate_actions.csv");

/// The twenty stocks of the shipped prices.
pub const STOCKS: [&str; 20] = [
    "AAPL", "AMD", "BAC", "BBY", "CVX", "GE", "HD", "JNJ", "JPM", "KO", "LLY", "MRK", "MSFT",
    "PEP", "PFE", "PG", "RRC", "UNH", "WMT", "XOM",
];

/// Columns by name on their dates, NaN where a cell is empty.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Ascending.
    pub dates: Vec<NaiveDate>,
    /// One value per date.
    pub columns: BTreeMap<String, Vec<f64>>,
}

impl Table {
    /// A wide file: `date`, then one column per series.
    fn wide(bytes: &[u8]) -> Result<Self, Error> {
        let text = text(bytes)?;
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let header = lines.next().ok_or_else(|| Error::missing("a header"))?;
        let names: Vec<&str> = header.split(',').skip(1).collect();
        let mut table = Self::default();
        for line in lines {
            let mut cells = line.split(',');
            let date = cells.next().unwrap_or_default();
            table.dates.push(date.parse().map_err(Error::other)?);
            for name in &names {
                let column = table.columns.entry((*name).to_owned()).or_default();
                column.push(number(cells.next().unwrap_or_default())?);
            }
        }
        Ok(table)
    }

    /// A column.
    pub fn column(&self, name: &str) -> Result<&[f64], Error> {
        let column = self.columns.get(name).map(Vec::as_slice);
        column.ok_or_else(|| Error::missing(name))
    }

    /// Where a date stands.
    pub fn at(&self, date: &str) -> Result<usize, Error> {
        let date: NaiveDate = date.parse().map_err(Error::other)?;
        self.dates
            .binary_search(&date)
            .map_err(|_| Error::missing(&date.to_string()))
    }

    /// Returns of a column of adjusted closes.
    pub fn returns(&self, name: &str) -> Result<Vec<f64>, Error> {
        let closes = self.column(name)?;
        let n = closes.len();
        Ok(returns::total_returns(
            closes,
            &vec![1.0; n],
            &vec![0.0; n],
        )?)
    }
}

/// A stock of the raw data: closes as traded, what was paid and split, and the adjusted close of the same source.
#[derive(Debug, Clone, Default)]
pub struct Raw {
    /// Ascending.
    pub dates: Vec<NaiveDate>,
    /// As traded.
    pub closes: Vec<f64>,
    /// Adjusted for splits and dividends by the source.
    pub adjusted: Vec<f64>,
    /// New shares per old share, 1 without a split.
    pub splits: Vec<f64>,
    /// Cash per share after the split of the day, 0 without.
    pub dividends: Vec<f64>,
}

/// Everything that is shipped and that goldens look at.
pub struct Shipped {
    /// Adjusted closes of twenty stocks, the index and five factor ETFs, 2012 to 2022.
    pub closes: Table,
    /// Synthetic closes of ten ETFs.
    pub etfs: Table,
    /// The ten-year yield.
    pub yields: Table,
    /// Closes of 2014 as traded, by symbol.
    pub raw: BTreeMap<String, Raw>,
    /// The book of the pipeline, made once.
    pub(super) pipeline: OnceLock<Pipeline>,
}

impl Shipped {
    /// Reads what is in the binary.
    pub fn read() -> Result<Self, Error> {
        Ok(Self {
            closes: Table::wide(CLOSES)?,
            etfs: Table::wide(ETFS)?,
            yields: Table::wide(YIELDS)?,
            raw: raw()?,
            pipeline: OnceLock::new(),
        })
    }

    /// The yield on the dates of the closes, NaN where there is none.
    pub fn yields_aligned(&self) -> Result<Vec<f64>, Error> {
        let column = self.yields.column("UST10Y")?;
        let of = |date| {
            let at = self.yields.dates.binary_search(date).ok();
            at.map_or(f64::NAN, |at| column[at])
        };
        Ok(self.closes.dates.iter().map(of).collect())
    }

    /// A stock of the raw data.
    pub fn raw(&self, symbol: &str) -> Result<&Raw, Error> {
        self.raw.get(symbol).ok_or_else(|| Error::missing(symbol))
    }
}

fn text(bytes: &[u8]) -> Result<String, Error> {
    let mut text = String::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut decoder = flate2::read::GzDecoder::new(bytes);
        decoder.read_to_string(&mut text).map_err(Error::other)?;
    } else {
        std::str::from_utf8(bytes)
            .map_err(Error::other)?
            .clone_into(&mut text);
    }
    Ok(text)
}

/// A cell; NaN where it is empty.
fn number(cell: &str) -> Result<f64, Error> {
    if cell.is_empty() {
        return Ok(f64::NAN);
    }
    cell.parse().map_err(Error::other)
}

fn raw() -> Result<BTreeMap<String, Raw>, Error> {
    let mut all: BTreeMap<String, Raw> = BTreeMap::new();
    for line in text(RAW)?.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let [symbol, date, .., close, _volume, adjusted] = cells[..] else {
            return Err(Error::Other(format!("{line:?} is no row of raw prices")));
        };
        let one = all.entry(symbol.to_owned()).or_default();
        one.dates.push(date.parse().map_err(Error::other)?);
        one.closes.push(number(close)?);
        one.adjusted.push(number(adjusted)?);
        one.splits.push(1.0);
        one.dividends.push(0.0);
    }
    for line in text(ACTIONS)?.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let [symbol, date, split, dividend] = cells[..] else {
            return Err(Error::Other(format!("{line:?} is no corporate action")));
        };
        let date: NaiveDate = date.parse().map_err(Error::other)?;
        let one = all.get_mut(symbol).ok_or_else(|| Error::missing(symbol))?;
        let at = one.dates.binary_search(&date);
        let at = at.map_err(|_| Error::missing(&date.to_string()))?;
        if !split.is_empty() {
            one.splits[at] = number(split)?;
        }
        if !dividend.is_empty() {
            one.dividends[at] = number(dividend)?;
        }
    }
    Ok(all)
}
