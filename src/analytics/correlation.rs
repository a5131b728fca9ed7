//! Pairwise correlations with their sampling error. Published as measured, never repaired.
//!
//! **Source.** Pearson 1896 (the coefficient), Fisher 1921 (the interval by z), Student 1908 (the distribution of the test), Choueifaty and
//! Coignard 2008 (effective positions: their ratio squared, at equal volatilities).
//!
//! **NaN.** NaN is a hole of a series, and a pair is measured where both have a value; infinite values are [`Error::Invalid`]. What is unknown is
//! `None`. All numbers are free of units.

use super::{Error, MINIMUM_OBSERVATIONS, lanes, linalg::Matrix, special};

/// 97.5 % point of the normal distribution.
const NORMAL_975: f64 = 1.959_963_984_540_054;

/// Correlation of one pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// Pearson correlation, in [−1, 1].
    pub rho: f64,
    /// Sessions on which both series have a value.
    pub n: usize,
    /// Lower end of the Fisher-z 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Pair {
    /// Two-sided p-value of "no correlation", in [0, 1]: `t = ρ·√((n − 2)/(1 − ρ²))`, Student t with n − 2 degrees of freedom. `None` when
    /// there are none, or for a NaN ρ.
    pub fn p_value(&self) -> Option<f64> {
        let left = self.n.checked_sub(2).filter(|left| *left > 0)? as f64;
        let rest = 1.0 - self.rho * self.rho;
        if rest <= 0.0 {
            return Some(0.0);
        }
        special::student_t_p(self.rho * (left / rest).sqrt(), left)
    }
}

/// Correlation `Σ(a − ā)(b − b̄)/√(Σ(a − ā)²·Σ(b − b̄)²)` of two series (same window, NaN = missing) over the sessions where both have a
/// value; its interval is `tanh(atanh ρ ± 1.96/√(n − 3))`.
///
/// `None` with fewer than `minimum` (at least 4) such sessions, or when one series does not move on them: unknown, never 0. [`Error::Shape`]
/// when the lengths differ, [`Error::Invalid`] for an infinite value.
pub fn pearson(a: &[f64], b: &[f64], minimum: usize) -> Result<Option<Pair>, Error> {
    check(&[a, b])?;
    let mut scratch = Scratch::new(a.len());
    Ok(Prepared::of(a)
        .with(&Prepared::of(b), minimum, &mut scratch)
        .0)
}

/// Correlations of all pairs, pairwise complete.
#[derive(Debug, Clone, PartialEq)]
pub struct Correlations {
    /// Number of series.
    pub size: usize,
    /// Upper triangle without the diagonal, row by row: (0,1), (0,2), …, (1,2), …
    pub pairs: Vec<Option<Pair>>,
    /// Common sessions of every pair in the same order, of unknown ones too.
    pub common: Vec<usize>,
}

/// Correlations of every pair of `series` with at least 60 common sessions, each as by [`pearson`]; the order of the series is the order of
/// the triangle.
///
/// [`Error::Shape`] unless all have one length, [`Error::Invalid`] for an infinite value.
pub fn correlations(series: &[&[f64]]) -> Result<Correlations, Error> {
    check(series)?;
    let prepared: Vec<Prepared<'_>> = series.iter().map(|one| Prepared::of(one)).collect();
    let size = series.len() * series.len().saturating_sub(1) / 2;
    let (mut pairs, mut common) = (Vec::with_capacity(size), Vec::with_capacity(size));
    let mut scratch = Scratch::new(series.first().map_or(0, |first| first.len()));
    for (i, a) in prepared.iter().enumerate() {
        for b in &prepared[i + 1..] {
            let (pair, n) = a.with(b, MINIMUM_OBSERVATIONS, &mut scratch);
            pairs.push(pair);
            common.push(n);
        }
    }
    Ok(Correlations {
        size: series.len(),
        pairs,
        common,
    })
}

impl Correlations {
    /// The pair of series `i` and `j` in any order; `None` when it is unknown or `i = j` or out of range.
    pub fn pair(&self, i: usize, j: usize) -> Option<Pair> {
        let (low, high) = (i.min(j), i.max(j));
        if low == high || high >= self.size {
            return None;
        }
        // Rows before `low` hold size−1, size−2, … pairs.
        let at = low * (2 * self.size - low - 1) / 2 + (high - low - 1);
        self.pairs.get(at).copied().flatten()
    }

    /// Series to keep so that no pair among them is unknown: while there is an unknown pair, the series with most unknown pairs goes, the
    /// later one on a tie. Ascending.
    pub fn complete(&self) -> Vec<usize> {
        let mut kept: Vec<usize> = (0..self.size).collect();
        loop {
            let unknown = |i: usize| {
                kept.iter()
                    .filter(|&&j| j != i && self.pair(i, j).is_none())
                    .count()
            };
            // `max_by_key` takes the last of equals.
            match kept
                .iter()
                .enumerate()
                .map(|(at, &i)| (at, unknown(i)))
                .max_by_key(|(_, count)| *count)
            {
                Some((at, count)) if count > 0 => {
                    kept.remove(at);
                }
                _ => return kept,
            }
        }
    }

    /// Correlation matrix of the series `kept`, in that order; `None` when a pair is unknown.
    pub fn matrix(&self, kept: &[usize]) -> Option<Matrix> {
        let mut matrix = Matrix::identity(kept.len());
        for (a, &i) in kept.iter().enumerate() {
            for (b, &j) in kept.iter().enumerate().skip(a + 1) {
                let rho = self.pair(i, j)?.rho;
                matrix.set(a, b, rho);
                matrix.set(b, a, rho);
            }
        }
        Some(matrix)
    }
}

/// Weighted mean correlation of pairs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanCorrelation {
    /// `Σ |w_i·w_j|·ρ_ij / Σ |w_i·w_j|`.
    pub signed: f64,
    /// The same with |ρ|.
    pub absolute: f64,
}

/// Mean correlation over the known pairs, each weighted with the product of the absolute weights; `None` without such a pair, or where a
/// weight is NaN or infinite. One weight per series, in their order.
pub fn mean_correlation(correlations: &Correlations, weights: &[f64]) -> Option<MeanCorrelation> {
    let (mut signed, mut absolute, mut total) = (0.0, 0.0, 0.0);
    for (i, a) in weights.iter().enumerate() {
        for (j, b) in weights.iter().enumerate().skip(i + 1) {
            if let Some(pair) = correlations.pair(i, j) {
                let weight = (a * b).abs();
                signed += weight * pair.rho;
                absolute += weight * pair.rho.abs();
                total += weight;
            }
        }
    }
    (total > 0.0 && total.is_finite()).then(|| MeanCorrelation {
        signed: signed / total,
        absolute: absolute / total,
    })
}

/// Effective number of independent positions `(Σ|w|)²/(w'Rw)` of weights under a correlation matrix, R with one row per weight; `None` when it
/// is undefined: other sizes, no weight, NaN or infinite ones, or a matrix that gives no positive variance.
pub fn effective_positions(weights: &[f64], correlation: &Matrix) -> Option<f64> {
    let gross: f64 = weights.iter().map(|weight| weight.abs()).sum();
    let spread = correlation.quadratic(weights).ok()?;
    let effective = gross * gross / spread;
    (spread > 0.0 && effective.is_finite()).then_some(effective)
}

/// A series made ready for many pairs.
struct Prepared<'a> {
    raw: &'a [f64],
    /// Less the mean over the series' own sessions; 0 on a hole.
    centred: Vec<f64>,
    /// 1 where there is a value, 0 on a hole; empty without holes.
    there: Vec<f64>,
    /// Values.
    n: usize,
    squares: f64,
    /// Square root of `squares`; 0 for a series that does not move (up to rounding).
    length: f64,
}

/// What is left of a sum of squares after centring on the common sessions, as a share, must exceed this, or the pair is summed anew.
const CANCELLED: f64 = 1e-6;

impl<'a> Prepared<'a> {
    fn of(raw: &'a [f64]) -> Self {
        let there: Vec<f64> = raw
            .iter()
            .map(|value| if value.is_nan() { 0.0 } else { 1.0 })
            .collect();
        let mut centred: Vec<f64> = raw
            .iter()
            .map(|value| if value.is_nan() { 0.0 } else { *value })
            .collect();
        let n = raw.iter().filter(|value| !value.is_nan()).count();
        let mean = lanes::sum(&centred) / n as f64;
        let own = lanes::dot(&centred, &centred);
        for (value, there) in centred.iter_mut().zip(&there) {
            *value = (*value - mean) * there;
        }
        let squares = lanes::dot(&centred, &centred);
        Self {
            raw,
            there: if n == raw.len() { Vec::new() } else { there },
            n,
            squares,
            length: if squares > STILL * own {
                squares.sqrt()
            } else {
                0.0
            },
            centred,
        }
    }

    /// The pair, and the number of its common sessions.
    fn with(&self, other: &Self, minimum: usize, scratch: &mut Scratch) -> (Option<Pair>, usize) {
        let minimum = minimum.max(4);
        let product = lanes::dot(&self.centred, &other.centred);
        if self.there.is_empty() && other.there.is_empty() {
            let moves = self.length > 0.0 && other.length > 0.0;
            let pair = (moves && self.n >= minimum)
                .then(|| scratch.pair(product / (self.length * other.length), self.n));
            return (pair.flatten(), self.n);
        }
        // Sums over the common sessions: a hole of one blanks the other.
        let both = match (self.there.as_slice(), other.there.as_slice()) {
            ([], there) | (there, []) => there,
            (a, b) => {
                lanes::products(&mut scratch.both, a, b);
                &scratch.both
            }
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a sum of ones"
        )]
        let n = lanes::sum(both) as usize;
        if n < minimum {
            return (None, n);
        }
        let (own, own_squares) = self.on(other);
        let (others, other_squares) = other.on(self);
        let count = n as f64;
        let left = own_squares - own * own / count;
        let right = other_squares - others * others / count;
        if left <= CANCELLED * own_squares || right <= CANCELLED * other_squares {
            return (scratch.anew(self.raw, other.raw), n);
        }
        let rho = (product - own * others / count) / (left.sqrt() * right.sqrt());
        (scratch.pair(rho, n), n)
    }

    /// Sum and sum of squares on the sessions of another series.
    fn on(&self, other: &Self) -> (f64, f64) {
        if other.there.is_empty() {
            return (lanes::sum(&self.centred), self.squares);
        }
        (
            lanes::dot(&self.centred, &other.there),
            lanes::dot_of_three(&self.centred, &self.centred, &other.there),
        )
    }
}

/// A sum of squares below this share of that before centring is rounding.
const STILL: f64 = 1e-20;

/// Room and numbers that pairs share.
struct Scratch {
    /// Sessions that two series with holes share.
    both: Vec<f64>,
    /// Half the width of the interval in Fisher's z as `tanh(1.96/√(n − 3))`, by n.
    widths: Vec<f64>,
}

impl Scratch {
    fn new(sessions: usize) -> Self {
        let width = |n: usize| {
            let freedom = n.saturating_sub(3).max(1) as f64;
            libm::tanh(NORMAL_975 / freedom.sqrt())
        };
        Self {
            both: vec![0.0; sessions],
            widths: (0..=sessions).map(width).collect(),
        }
    }

    /// A correlation with its interval `tanh(atanh(ρ) ± w)`, by the addition theorem.
    fn pair(&self, rho: f64, n: usize) -> Option<Pair> {
        let rho = rho.clamp(-1.0, 1.0);
        let width = self.widths.get(n)?;
        rho.is_finite().then(|| Pair {
            rho,
            n,
            low: (rho - width) / (1.0 - rho * width),
            high: (rho + width) / (1.0 + rho * width),
        })
    }

    /// In two passes over the common sessions, for a pair of which one hardly moves there.
    fn anew(&self, a: &[f64], b: &[f64]) -> Option<Pair> {
        let (x, y): (Vec<f64>, Vec<f64>) = a
            .iter()
            .zip(b)
            .filter(|(a, b)| !(a.is_nan() || b.is_nan()))
            .unzip();
        let (x, y) = (Prepared::of(&x), Prepared::of(&y));
        let moves = x.length > 0.0 && y.length > 0.0;
        let rho = lanes::dot(&x.centred, &y.centred) / (x.length * y.length);
        moves.then(|| self.pair(rho, x.n)).flatten()
    }
}

fn check(series: &[&[f64]]) -> Result<(), Error> {
    let length = series.first().map_or(0, |first| first.len());
    for one in series {
        if one.len() != length {
            return Err(Error::Shape {
                what: "series",
                have: one.len(),
                need: length,
            });
        }
        if one.iter().any(|value| super::is_beyond(*value)) {
            return Err(Error::Invalid {
                what: "series value",
            });
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unreadable_literal, reason = "golden numbers as printed")]
mod tests {
    use super::super::fixtures::noise;
    use super::*;

    fn of(rhos: &[f64], size: usize) -> Correlations {
        let common = vec![252; rhos.len()];
        let pairs = rhos
            .iter()
            .map(|&rho| {
                Some(Pair {
                    rho,
                    n: 252,
                    low: rho,
                    high: rho,
                })
            })
            .collect();
        Correlations {
            size,
            pairs,
            common,
        }
    }

    #[test]
    fn g15_correlation_and_its_interval() {
        let x = [
            0.010, -0.008, 0.004, 0.012, -0.015, 0.006, -0.002, 0.009, -0.011, 0.003,
        ];
        let y = [
            0.014, -0.011, 0.003, 0.019, -0.020, 0.010, -0.001, 0.010, -0.017, 0.006,
        ];
        let pair = pearson(&x, &y, 0).unwrap().unwrap();
        assert!((pair.rho - 0.9903487559).abs() < 1e-10);
        assert!((pair.low - 0.9582204663).abs() < 1e-10);
        assert!((pair.high - 0.9977983014).abs() < 1e-10);
        assert!((pair.p_value().unwrap() - 3.752084056e-08).abs() < 1e-17);
        assert_eq!(pearson(&x, &y, 60).unwrap(), None);
    }

    #[test]
    fn g15_weighted_mean_of_pairs() {
        let mean = mean_correlation(&of(&[0.8, -0.4, 0.1], 3), &[0.5, 0.3, 0.2]).unwrap();
        assert!((mean.absolute - 0.5354838710).abs() < 1e-10);
        assert!((mean.signed - 0.2774193548).abs() < 1e-10);
        assert_eq!(mean_correlation(&of(&[], 0), &[]), None);
    }

    #[test]
    fn g16_effective_positions_of_equicorrelated_names() {
        let three = of(&[0.5; 3], 3).matrix(&[0, 1, 2]).unwrap();
        assert!((effective_positions(&[1.0 / 3.0; 3], &three).unwrap() - 1.5).abs() < 1e-14);
        let ten = of(&[0.3; 45], 10)
            .matrix(&(0..10).collect::<Vec<_>>())
            .unwrap();
        assert!((effective_positions(&[0.1; 10], &ten).unwrap() - 2.7027027).abs() < 1e-7);
        assert_eq!(effective_positions(&[0.0; 10], &ten), None);
    }

    #[test]
    fn pairs_are_complete_pair_by_pair_and_a_hole_elsewhere_changes_no_bit() {
        let (a, b, mut c) = (
            noise(1, 252, 0.01),
            noise(2, 252, 0.01),
            noise(3, 252, 0.01),
        );
        c[..200].fill(f64::NAN);
        let all = correlations(&[&a, &b, &c]).unwrap();
        assert_eq!(all.pair(0, 1), correlations(&[&a, &b]).unwrap().pair(0, 1));
        assert_eq!(all.pair(0, 1), pearson(&a, &b, 60).unwrap());
        assert_eq!(
            (
                all.pair(0, 2),
                all.pair(2, 1),
                all.pair(1, 1),
                all.pair(0, 9)
            ),
            (None, None, None, None)
        );
        // How many sessions they share is known of unknown pairs too.
        assert_eq!(all.common, [252, 52, 52]);
        assert_eq!(all.complete(), [0, 1]);
        assert!(all.matrix(&[0, 2]).is_none());
        assert_eq!(all.pair(1, 0), all.pair(0, 1));
        let holed = pearson(
            &a,
            &{
                let mut b = b.clone();
                b[3] = f64::NAN;
                b
            },
            60,
        )
        .unwrap()
        .unwrap();
        assert_eq!(holed.n, 251);
    }

    #[test]
    fn holes_give_the_correlation_of_the_common_sessions() {
        let (mut a, mut b) = (noise(1, 252, 0.01), noise(2, 252, 0.01));
        for (t, value) in a.iter_mut().enumerate() {
            *value += 0.5 * b[t] + 0.02;
        }
        for t in [0, 17, 100] {
            a[t] = f64::NAN;
        }
        for t in [17, 200, 251] {
            b[t] = f64::NAN;
        }
        let (x, y): (Vec<f64>, Vec<f64>) = a
            .iter()
            .zip(&b)
            .filter(|(a, b)| !(a.is_nan() || b.is_nan()))
            .unzip();
        let (holed, whole) = (pearson(&a, &b, 60), pearson(&x, &y, 60));
        let (holed, whole) = (holed.unwrap().unwrap(), whole.unwrap().unwrap());
        assert_eq!((holed.n, whole.n), (247, 247));
        assert!((holed.rho - whole.rho).abs() < 1e-14);
        // One that stands still where the other is there is unknown, whatever it does elsewhere.
        let mut still = vec![0.003; 252];
        still[100] = 0.4;
        assert_eq!(pearson(&a, &still, 60).unwrap(), None);
        still[101] = 0.003 + 1e-9;
        assert!(pearson(&a, &still, 60).unwrap().is_some());
    }

    #[test]
    fn a_series_that_does_not_move_has_no_correlation() {
        let a = noise(1, 252, 0.01);
        assert_eq!(pearson(&a, &[0.01; 252], 60).unwrap(), None);
        let same = pearson(&a, &a, 60).unwrap().unwrap();
        assert!((same.rho - 1.0).abs() < 1e-15 && same.low <= 1.0 && same.high <= 1.0);
        assert!(pearson(&a, &a[1..], 60).is_err());
        assert!(pearson(&[f64::INFINITY], &[1.0], 60).is_err());
        assert_eq!(correlations(&[]).unwrap().pairs.len(), 0);
    }
}
