//! The moves between closes that follow each other, and how large moves usually are.

use super::{Closes, YEAR};

/// From one close to the next one there is, across holes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Move {
    /// Session of the close before.
    pub from: usize,
    /// Session of the close after.
    pub to: usize,
    /// The close before.
    pub before: f64,
    /// The close after.
    pub after: f64,
    /// Product of the split ratios on record in between, 1 without.
    pub split: f64,
    /// `ln(after / before)`: what the closes alone say.
    pub price: f64,
    /// `ln` of the total return with splits and dividends on record.
    pub total: f64,
}

/// Moves of a series, oldest first, as logarithms `ln(s·P_t + cash) − ln P_before`. Closes that are not positive are left out like holes (NaN).
pub fn moves(series: Closes<'_>) -> Vec<Move> {
    let mut moves = Vec::new();
    let mut held: Option<(usize, f64)> = None; // session and close
    let (mut shares, mut cash) = (1.0, 0.0);
    for (at, &close) in series.closes.iter().enumerate() {
        shares *= series.splits[at];
        cash += shares * series.dividends[at];
        if close.is_nan() || close <= 0.0 {
            continue;
        }
        if let Some((from, before)) = held {
            moves.push(Move {
                from,
                to: at,
                before,
                after: close,
                split: shares,
                price: libm::log(close / before),
                total: libm::log((shares * close + cash) / before),
            });
        }
        held = Some((at, close));
        (shares, cash) = (1.0, 0.0);
    }
    moves
}

/// Moves on each side that tell how large moves are around a session.
const NEIGHBOURS: usize = 10;
/// A normal variable's median absolute value over its standard deviation.
const MEDIAN_OF_NORMAL: f64 = 0.674_489_750_196_081_7;

/// Robust size of a move: the larger of the median absolute move of its year and of the ten moves on each side, as a
/// standard deviation. The moves `skip` are left out of the neighbours. In a crash large moves are usual, and no finding.
pub(super) struct Scale {
    sizes: Vec<f64>,
    /// Of each year, the newest first. The oldest one is as long as the others, where there are so many moves.
    years: Vec<f64>,
}

impl Scale {
    pub(super) fn new(moves: &[Move]) -> Self {
        let sizes: Vec<f64> = moves.iter().map(|one| one.total.abs()).collect();
        let year = |newer: usize| {
            let from = (sizes.len() - newer).saturating_sub(YEAR);
            deviation(sizes.iter().skip(from).take(YEAR).copied().collect())
        };
        let years = (0..sizes.len()).step_by(YEAR).map(year).collect();
        Self { sizes, years }
    }

    /// The usual size in the year of a move.
    pub(super) fn of_year(&self, at: usize) -> f64 {
        self.years[(self.sizes.len() - 1 - at) / YEAR]
    }

    pub(super) fn around(&self, skip: std::ops::RangeInclusive<usize>) -> f64 {
        let from = skip.start().saturating_sub(NEIGHBOURS);
        let to = (skip.end() + NEIGHBOURS + 1).min(self.sizes.len());
        let near = (from..to).filter(|at| !skip.contains(at));
        let near = deviation(near.map(|at| self.sizes[at]).collect());
        self.of_year(*skip.end()).max(near)
    }
}

fn deviation(mut sizes: Vec<f64>) -> f64 {
    if sizes.is_empty() {
        return 0.0;
    }
    sizes.sort_by(f64::total_cmp);
    let middle = sizes.len() / 2;
    let median = if sizes.len() % 2 == 1 {
        sizes[middle]
    } else {
        0.5 * (sizes[middle - 1] + sizes[middle])
    };
    median / MEDIAN_OF_NORMAL
}
