//! The shipped data as columns on one calendar.

use std::{collections::BTreeMap, fs, io::Read};

use sigmabatch::analytics::returns;

pub(crate) const CLOSES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/data/market/prices/us_20_stocks_index_factors_2012_2022.csv.gz"
);
pub(crate) const YIELDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/market/yields.csv");

pub(crate) const STOCKS: [&str; 20] = [
    "AAPL", "AMD", "BAC", "BBY", "CVX", "GE", "HD", "JNJ", "JPM", "KO", "LLY", "MRK", "MSFT",
    "PEP", "PFE", "PG", "RRC", "UNH", "WMT", "XOM",
];

/// Columns by name on one calendar, NaN where empty.
pub(crate) struct Table {
    pub(crate) dates: Vec<String>,
    pub(crate) columns: BTreeMap<String, Vec<f64>>,
}

impl Table {
    pub(crate) fn read(path: &str) -> Self {
        let bytes = fs::read(path).unwrap();
        let mut text = String::new();
        if bytes.starts_with(&[0x1f, 0x8b]) {
            flate2::read::GzDecoder::new(&bytes[..])
                .read_to_string(&mut text)
                .unwrap();
        } else {
            text = String::from_utf8(bytes).unwrap();
        }
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let names: Vec<&str> = lines.next().unwrap().split(',').collect();
        let mut table = Self {
            dates: Vec::new(),
            columns: BTreeMap::new(),
        };
        for line in lines {
            let mut cells = line.split(',');
            table.dates.push(cells.next().unwrap().to_owned());
            for (name, cell) in names[1..].iter().zip(cells) {
                let value = if cell.is_empty() {
                    f64::NAN
                } else {
                    cell.parse().unwrap()
                };
                table
                    .columns
                    .entry((*name).to_owned())
                    .or_default()
                    .push(value);
            }
        }
        table
    }

    pub(crate) fn at(&self, date: &str) -> usize {
        self.dates.iter().position(|have| have == date).unwrap()
    }

    pub(crate) fn returns(&self, name: &str) -> Vec<f64> {
        let closes = &self.columns[name];
        returns::total_returns(closes, &vec![1.0; closes.len()], &vec![0.0; closes.len()]).unwrap()
    }

    /// Returns of the 20 stocks in equal weights, made equal again at every close.
    pub(crate) fn equal_weight(&self) -> Vec<f64> {
        let stocks: Vec<Vec<f64>> = STOCKS.iter().map(|name| self.returns(name)).collect();
        (0..self.dates.len())
            .map(|t| stocks.iter().map(|stock| stock[t]).sum::<f64>() / 20.0)
            .collect()
    }
}
