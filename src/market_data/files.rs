//! The files provider: a folder of CSV files that an operator may replace at any time.
//!
//! ```text
//! provider.toml            basis = "raw" or "total_return"; questions_per_second, if there is a limit
//! prices/*.csv, *.csv.gz   wide (date, one column per symbol) or tidy (symbol, date, close, …)
//! corporate_actions.csv    symbol, ex_date, split_ratio, cash_dividend
//! yields.csv               wide: date, one column per series; fractions per year
//! profiles.csv             symbol, name, sector, industry, …
//! fundamentals.csv         symbol, kind, period_end, item, value
//! ```
//!
//! Only `provider.toml` and `prices/` must be there. The folder is parsed once and kept; before
//! each answer the sizes and times of its files are compared, and it is parsed again when one
//! changed. An answer comes from one state of the folder, never from a mixture of two.

mod actions;
mod folder;
mod fundamentals;
mod prices;
mod profiles;
mod report;
mod table;
mod values;
mod wide;
mod yields;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use tokio::sync::Mutex;

use super::{Bar, Basis, Error, Fundamentals, PriceAnswer, PriceRequest, Profile};
use crate::domain::Symbol;
use folder::{Folder, Settings};

/// A folder of CSV files, parsed once and again when a file changes.
#[derive(Debug)]
pub struct Files {
    path: PathBuf,
    settings: Settings,
    // Held while parsing, so that concurrent questions parse once.
    parsed: Mutex<Option<Arc<Folder>>>,
}

impl Files {
    /// Checks that `path` is a folder of market data; its files are parsed at the first question.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self {
            path: path.to_owned(),
            settings: folder::check(path)?,
            parsed: Mutex::new(None),
        })
    }

    pub(super) fn basis(&self) -> Basis {
        self.settings.basis
    }

    pub(super) fn questions_per_second(&self) -> Option<f64> {
        self.settings.questions_per_second
    }

    pub(super) async fn prices(
        &self,
        requests: &[PriceRequest],
    ) -> Result<Vec<PriceAnswer>, Error> {
        let folder = self.current().await?;
        Ok(requests
            .iter()
            .map(|request| answer(&folder, self.settings.basis, request))
            .collect())
    }

    pub(super) async fn profiles(&self, symbols: &[Symbol]) -> Result<Vec<Option<Profile>>, Error> {
        let folder = self.current().await?;
        let profile = |symbol: &Symbol| {
            let known = folder.profiles.get(&instrument(symbol))?;
            Some(Profile {
                symbol: symbol.clone(),
                ..known.clone()
            })
        };
        Ok(symbols.iter().map(profile).collect())
    }

    pub(super) async fn fundamentals(
        &self,
        symbols: &[Symbol],
    ) -> Result<Vec<Option<Fundamentals>>, Error> {
        let folder = self.current().await?;
        let fundamentals = |symbol: &Symbol| {
            let known = folder.fundamentals.get(&instrument(symbol))?;
            Some(Fundamentals {
                symbol: symbol.clone(),
                ..known.clone()
            })
        };
        Ok(symbols.iter().map(fundamentals).collect())
    }

    pub(super) async fn has_series(&self, symbol: &Symbol) -> Result<bool, Error> {
        Ok(self
            .current()
            .await?
            .prices
            .contains_key(&instrument(symbol)))
    }

    /// Reads everything once, so that whoever starts a worker hears of what is wrong before the night does.
    pub(super) async fn check(&self) -> Result<(), Error> {
        self.current().await.map(drop)
    }

    /// The folder as it is now.
    async fn current(&self) -> Result<Arc<Folder>, Error> {
        let mut parsed = self.parsed.lock().await;
        let (path, basis, known) = (self.path.clone(), self.settings.basis, parsed.clone());
        let task = tokio::task::spawn_blocking(move || folder::refresh(&path, basis, known));
        let folder = match task.await {
            Ok(folder) => folder?,
            Err(join) if join.is_panic() => std::panic::resume_unwind(join.into_panic()),
            // The runtime shuts down.
            Err(join) => {
                let source = io::Error::other(join);
                return Err(Error::Io {
                    path: self.path.clone(),
                    source,
                });
            }
        };
        *parsed = Some(Arc::clone(&folder));
        Ok(folder)
    }
}

/// One name for both spellings of a share class, so that `BRK.B` finds the column `BRK-B`.
fn instrument(symbol: &Symbol) -> Symbol {
    symbol
        .alias()
        .map_or_else(|| symbol.clone(), |alias| alias.min(symbol.clone()))
}

fn answer(folder: &Folder, basis: Basis, request: &PriceRequest) -> PriceAnswer {
    let key = instrument(&request.symbol);
    let ranges = merged(&request.ranges);
    let mut answer = PriceAnswer {
        symbol: request.symbol.clone(),
        bars: Vec::new(),
        refused: Vec::new(),
        actions: Vec::new(),
        yields: Vec::new(),
        known: false,
        first: None,
        last: None,
    };
    if request.yields {
        if let Some(series) = folder.yields.get(&key) {
            answer.known = true;
            answer.first = series.first().map(|(date, _)| *date);
            answer.last = series.last().map(|(date, _)| *date);
            answer.yields = within(series, |(date, _)| *date, &ranges);
        }
    } else if let Some(series) = folder.prices.get(&key) {
        answer.known = true;
        answer.first = series.first().map(|bar| bar.date);
        answer.last = series.last().map(|bar| bar.date);
        let asked = within(series, |bar| bar.date, &ranges);
        let (bars, refused): (Vec<Bar>, Vec<Bar>) =
            asked.into_iter().partition(|bar| bar.close > Decimal::ZERO);
        answer.bars = bars;
        answer.refused = refused.iter().map(|bar| (bar.date, bar.close)).collect();
        if let (Basis::Raw, Some(actions)) = (basis, folder.actions.get(&key)) {
            answer.actions = within(actions, |action| action.ex_date, &ranges);
        }
    }
    answer
}

/// The ranges in rising order without overlap; a range that ends before it starts is empty.
fn merged(ranges: &[(NaiveDate, NaiveDate)]) -> Vec<(NaiveDate, NaiveDate)> {
    let mut sorted: Vec<_> = ranges
        .iter()
        .copied()
        .filter(|(from, to)| from <= to)
        .collect();
    sorted.sort_unstable();
    let mut merged: Vec<(NaiveDate, NaiveDate)> = Vec::with_capacity(sorted.len());
    for (from, to) in sorted {
        match merged.last_mut() {
            Some((_, end)) if from <= *end => *end = to.max(*end),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// The elements of a series, sorted by date, that fall into one of the merged ranges.
fn within<T: Copy>(
    series: &[T],
    date: impl Fn(&T) -> NaiveDate,
    ranges: &[(NaiveDate, NaiveDate)],
) -> Vec<T> {
    let mut found = Vec::new();
    for (from, to) in ranges {
        let start = series.partition_point(|element| date(element) < *from);
        let end = series.partition_point(|element| date(element) <= *to);
        found.extend_from_slice(&series[start..end]);
    }
    found
}
