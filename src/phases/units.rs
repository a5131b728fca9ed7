//! Cutting work into units: the same scope gives the same units with the same names.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use super::{MODEL_VERSION, Result, Scope, Unit};
use crate::domain::{PhaseName, PortfolioId, TradingDate};
use crate::store::{ReadTx, plans};

/// Symbols of one task that asks a provider.
pub(super) const PROVIDER_CHUNK: usize = 50;
/// Symbols of one task that computes.
pub(super) const SYMBOL_CHUNK: usize = 20;
/// Dates of one task that computes per symbol: about a month.
pub(super) const DATE_CHUNK: usize = 21;
/// Portfolios of one task.
pub(super) const PORTFOLIO_CHUNK: usize = 20;
/// Dates of one task that keeps books: about a quarter.
pub(super) const BOOK_DATE_CHUNK: usize = 63;

/// Of the portfolios that have work, those that lack results of a kind at some of the dates. What one
/// phase finished before a run was cut short is not done again because a later phase was not.
pub(super) async fn lacking(
    db: &mut ReadTx<'_>,
    kind: PhaseName,
    run: &Scope,
    dates: &[TradingDate],
) -> Result<BTreeMap<PortfolioId, Vec<TradingDate>>> {
    let owners: Vec<String> = run.work.keys().map(ToString::to_string).collect();
    let kind = kind.as_str();
    let mut sets =
        plans::without_current(db, kind, &owners, dates, MODEL_VERSION, run.recompute).await?;
    // Whatever the answers of this run are about, the books of the run rest on it.
    if let Some(from) = run.awaited.values().min() {
        for owner in &owners {
            reopen(&mut sets, owner, dates, *from);
        }
    }
    let of = |&portfolio: &PortfolioId| Some((portfolio, sets.remove(&portfolio.to_string())?));
    Ok(run.work.keys().filter_map(of).collect())
}

/// Adds the dates from a day on to what an owner lacks.
pub(super) fn reopen(
    lacking: &mut BTreeMap<String, Vec<TradingDate>>,
    owner: &str,
    dates: &[TradingDate],
    from: NaiveDate,
) {
    let later = dates.iter().copied().filter(|date| date.date() >= from);
    let own = lacking.entry(owner.to_owned()).or_default();
    own.extend(later);
    own.sort_unstable();
    own.dedup();
    if own.is_empty() {
        lacking.remove(owner);
    }
}

/// The name of a chunk: `symbols:20:` and a digest of its sorted content, which does not depend on
/// what else is in the run; a single one goes by its own name, `symbol:AAPL`. Chunks of the same
/// content that end on different dates are told apart by the date of the task.
pub(super) fn chunk_name<T: AsRef<str>>(
    what: &str,
    content: impl IntoIterator<Item = T>,
) -> String {
    let mut content = content.into_iter();
    let Some(first) = content.next() else {
        return what.to_owned();
    };
    let Some(second) = content.next() else {
        return format!("{what}:{}", first.as_ref());
    };
    let mut digest = Sha256::new();
    let mut count = 0_usize;
    for item in [first, second].into_iter().chain(content) {
        digest.update(item.as_ref().as_bytes());
        digest.update(b"\n");
        count += 1;
    }
    let hex = format!("{:x}", digest.finalize());
    format!("{what}s:{count}:{}", &hex[..12])
}

/// Groups owners that need the same dates, then cuts both into chunks: (owners, dates).
pub(super) fn rectangles<T: Clone + Ord>(
    work: &BTreeMap<T, Vec<TradingDate>>,
    owners: usize,
    dates: usize,
) -> Vec<(Vec<T>, Vec<TradingDate>)> {
    let mut groups: BTreeMap<&[TradingDate], Vec<T>> = BTreeMap::new();
    for (owner, needed) in work {
        groups.entry(needed).or_default().push(owner.clone());
    }
    let mut cut = Vec::new();
    for (needed, members) in groups {
        for some in members.chunks(owners) {
            for days in needed.chunks(dates) {
                cut.push((some.to_vec(), days.to_vec()));
            }
        }
    }
    cut
}

/// One unit per element of a chunk that died.
pub(super) fn singles<T: Clone, I>(
    what: &str,
    elements: &[T],
    as_of: TradingDate,
    name: impl Fn(&T) -> String,
    input: impl Fn(Vec<T>) -> I,
) -> Vec<Unit<I>> {
    elements
        .iter()
        .map(|element| Unit {
            unit: chunk_name(what, [name(element)]),
            as_of,
            input: input(vec![element.clone()]),
        })
        .collect()
}

/// Ids as text, for names of chunks.
pub(super) fn ids(portfolios: &[PortfolioId]) -> impl Iterator<Item = String> {
    portfolios.iter().map(ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(day: u32) -> TradingDate {
        TradingDate::trusted(NaiveDate::from_ymd_opt(2016, 3, day).unwrap())
    }

    #[test]
    fn owners_with_the_same_dates_share_a_rectangle() {
        let work = BTreeMap::from([
            ("a", vec![date(1), date(2), date(3)]),
            ("b", vec![date(3)]),
            ("c", vec![date(1), date(2), date(3)]),
        ]);
        let cut = rectangles(&work, 10, 2);
        assert_eq!(
            cut,
            vec![
                (vec!["a", "c"], vec![date(1), date(2)]),
                (vec!["a", "c"], vec![date(3)]),
                (vec!["b"], vec![date(3)]),
            ]
        );
    }

    #[test]
    fn a_chunk_is_named_by_its_content() {
        let two = chunk_name("symbol", ["A", "B"]);
        assert!(two.starts_with("symbols:2:"), "{two}");
        assert_eq!(two, chunk_name("symbol", ["A", "B"]));
        assert_ne!(two, chunk_name("symbol", ["A", "C"]));
        assert_eq!(chunk_name("symbol", ["AB"]), "symbol:AB");
        assert_eq!(chunk_name::<&str>("covariance", []), "covariance");
    }
}
