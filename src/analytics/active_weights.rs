//! Active weights: how much more, or less, of each sector a book holds than a benchmark does.
//!
//! **Formula.** `active = net weight − benchmark weight`, for every sector of either side; a side that does not have a sector weighs 0 there.
//! So they add up to Σ net − Σ benchmark: to 0 where both add up to 1.
//!
//! **Source.** Grinold and Kahn 2000, Active Portfolio Management, holdings less the benchmark's (design/analytics.md, Concentration and
//! sectors).
//!
//! **NaN.** Arithmetic: a weight that is NaN makes the active weight of its sector NaN and no other one.

use std::collections::BTreeMap;

/// A sector on both sides. All three are fractions: 0.05 is 5 % of net asset value, or of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ActiveWeight<'a> {
    /// The sector.
    pub sector: &'a str,
    /// Of the book, shorts negative.
    pub net: f64,
    /// Of the benchmark.
    pub benchmark: f64,
    /// Net less benchmark: negative where the book holds less.
    pub active: f64,
}

/// Active weights of the sectors of either side, by name. Weights are fractions; a sector that is named twice on a side weighs the sum there.
/// The order in which sectors are given changes no bit unless one is named more than twice. NaN for NaN.
pub fn active_weights<'a>(
    net: &[(&'a str, f64)],
    benchmark: &[(&'a str, f64)],
) -> Vec<ActiveWeight<'a>> {
    let mut sides: BTreeMap<&'a str, [f64; 2]> = BTreeMap::new();
    for (side, weights) in [net, benchmark].into_iter().enumerate() {
        for (sector, weight) in weights {
            sides.entry(sector).or_default()[side] += weight;
        }
    }
    let row = |(sector, [net, benchmark]): (&'a str, [f64; 2])| ActiveWeight {
        sector,
        net,
        benchmark,
        active: net - benchmark,
    };
    sides.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOK: [(&str, f64); 4] = [
        ("Technology", 0.75),
        ("Energy", -0.25),
        ("ETF", 0.25),
        ("Cash", 0.25),
    ];
    const BENCHMARK: [(&str, f64); 3] =
        [("Energy", 0.125), ("Technology", 0.5), ("Utilities", 0.375)];

    fn sum(rows: &[ActiveWeight<'_>]) -> f64 {
        rows.iter().map(|row| row.active).sum()
    }

    #[test]
    fn a_sector_of_one_side_alone_weighs_nothing_on_the_other() {
        let rows = active_weights(&BOOK, &BENCHMARK);
        let rows: Vec<_> = rows
            .iter()
            .map(|row| (row.sector, row.net, row.benchmark, row.active))
            .collect();
        let expected = [
            ("Cash", 0.25, 0.0, 0.25),
            ("ETF", 0.25, 0.0, 0.25),
            ("Energy", -0.25, 0.125, -0.375),
            ("Technology", 0.75, 0.5, 0.25),
            ("Utilities", 0.0, 0.375, -0.375),
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn active_weights_add_up_to_what_the_sides_differ_by() {
        assert!(sum(&active_weights(&BOOK, &BENCHMARK)).abs() < 1e-12);
        // A book of thirds against a benchmark of tenths.
        let thirds = ["A", "B", "C"].map(|sector| (sector, 1.0 / 3.0));
        let tenths = ["B", "C", "D", "E", "F", "G", "H", "I", "J", "K"].map(|sector| (sector, 0.1));
        assert!(sum(&active_weights(&thirds, &tenths)).abs() < 1e-12);
        assert!((sum(&active_weights(&BOOK, &[])) - 1.0).abs() < 1e-12);
        assert!((sum(&active_weights(&[], &BENCHMARK)) + 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_order_changes_nothing_and_names_twice_are_added() {
        let (mut book, mut benchmark) = (BOOK, BENCHMARK);
        book.reverse();
        benchmark.rotate_left(1);
        assert_eq!(
            active_weights(&book, &benchmark),
            active_weights(&BOOK, &BENCHMARK)
        );
        let twice = active_weights(&[("A", 0.25), ("A", 0.5)], &[("A", 1.0)]);
        assert_eq!((twice.len(), twice[0].active), (1, -0.25));
        assert_eq!(active_weights(&[], &[]), []);
    }

    #[test]
    fn nan_stays_where_it_is() {
        let rows = active_weights(&[("A", f64::NAN), ("B", 0.75)], &[("B", 0.5)]);
        assert!(rows[0].active.is_nan());
        assert_eq!((rows[1].sector, rows[1].active), ("B", 0.25));
    }
}
