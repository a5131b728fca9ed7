//! Reverse stress: the most plausible move of the factors that loses a given amount.
//!
//! Among all moves s of the proxies with `P&L(s) = −L` the one with the smallest Mahalanobis distance `√(s'Σ⁻¹s)`. A linear book with
//! sensitivities c loses L most plausibly at `s* = −L·Σc/(c'Σc)`, at the distance `L/√(c'Σc)`. A book that is not linear (options, or
//! liability that ends at −100 %) is solved by the iteration of Hasofer, Lind, Rackwitz and Fiessler (1978) from both sides of the linear answer: each step
//! takes the closed form of the tangent. Where an instrument loses all there is a kink, and the optimum may lie on it, where no tangent
//! is the book's: tangents that circle around one are taken within it. What it finds is a local optimum, and the nearest one is returned.
//!
//! **Source.** Hasofer and Lind 1974, Rackwitz and Fiessler 1978 (the nearest point of a surface); the measure of plausibility is that of [`super::stress`].
//!
//! **NaN.** No missing values: a loss, a profit or a covariance that is no number is an [`Error`].

use super::{
    Error,
    linalg::{Matrix, dot},
    special,
};

/// A move of the proxies and how far out it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Total returns of the proxies, in factor order.
    pub proxies: Vec<f64>,
    /// Mahalanobis distance, in annual standard deviations.
    pub distance: f64,
    /// `P(χ²_1 > d²)`: the loss of the book is the one shock, as for a scenario with a single row.
    pub tail: f64,
}

/// What the search ended with.
#[derive(Debug, Clone, PartialEq)]
pub enum Reverse {
    /// The move.
    Found(Found),
    /// The book does not move with any factor.
    NoExposure,
    /// No move was found that loses so much: an option buyer cannot lose more than was paid.
    OutOfReach,
}

/// Steps of the iteration; a smooth book needs about five.
const STEPS: usize = 60;
/// Largest distance that is looked at, in annual standard deviations.
const REACH: f64 = 60.0;
/// Move in standard deviations by which slopes are measured.
const STEP: f64 = 1e-4;

/// The most plausible proxy move that loses `loss > 0`.
///
/// `covariance` is the annual covariance Σ of the proxies' total returns; `pnl` gives the book's profit under a move of the proxies (its unit is that of
/// `loss`, and 0 must give 0). `floors` has a row of proxy slopes for each instrument: where a row times the move is −1 it has lost everything, and
/// `pnl` has a kink there. [`Error::Invalid`] for a loss that is not positive, [`Error::Shape`] for a row of another length,
/// [`Error::NotPositiveDefinite`], and what `pnl` returns.
pub fn most_plausible(
    covariance: &Matrix,
    loss: f64,
    floors: &[Vec<f64>],
    pnl: impl Fn(&[f64]) -> Result<f64, Error>,
) -> Result<Reverse, Error> {
    covariance.require_square()?;
    if !(super::is_number(loss) && loss > 0.0) {
        return Err(Error::Invalid { what: "loss" });
    }
    let k = covariance.rows();
    let root = covariance.cholesky()?.lower().clone();
    let mut rows = Vec::with_capacity(floors.len());
    for row in floors {
        if row.len() != k {
            return Err(Error::Shape {
                what: "slopes of an instrument",
                have: row.len(),
                need: k,
            });
        }
        rows.push(
            (0..k)
                .map(|j| (0..k).map(|i| root.at(i, j) * row[i]).sum())
                .collect(),
        );
    }
    let search = Search {
        root,
        loss,
        floors: rows,
        pnl,
    };
    let start = vec![0.0; k];
    let slope = search.slope(&start)?;
    let steep = dot(&slope, &slope);
    let mut best: Option<Vec<f64>> = None;
    let mut keep = |found: Option<Vec<f64>>| {
        if let Some(found) = found {
            let nearer = |old: &Vec<f64>| dot(&found, &found) < dot(old, old);
            if best.as_ref().is_none_or(nearer) {
                best = Some(found);
            }
        }
    };
    let negligible = 1e-12 * loss;
    if steep.sqrt() > negligible {
        let linear: Vec<f64> = slope.iter().map(|s| -loss * s / steep).collect();
        if search.is_straight(&linear)? {
            // Slopes are differences: what rounding took is given back along the ray.
            let scale = -loss / search.profit(&linear)?;
            keep(Some(linear.iter().map(|u| u * scale).collect()));
        } else {
            keep(search.from(&linear)?);
            // The other side: a hedged book may lose on both.
            let other: Vec<f64> = linear.iter().map(|s| -s).collect();
            keep(search.from(&other)?);
        }
    } else {
        // At rest nothing moves it; a straddle still loses, or a cliff lies further out.
        for axis in 0..k {
            for sign in [-1.0, 1.0] {
                let mut far = vec![0.0; k];
                far[axis] = sign;
                keep(search.from(&far)?);
            }
        }
    }
    let Some(found) = best else {
        return Ok(if steep.sqrt() > negligible || search.moves(k)? {
            Reverse::OutOfReach
        } else {
            Reverse::NoExposure
        });
    };
    let square = dot(&found, &found);
    let tail = special::chi_square_tail(square, 1).ok_or(Error::Invalid { what: "distance" })?;
    Ok(Reverse::Found(Found {
        proxies: search.root.multiply_vector(&found)?,
        distance: square.sqrt(),
        tail,
    }))
}

/// The search in coordinates in which every proxy move is `root·u` and the distance is |u|.
struct Search<F> {
    root: Matrix,
    loss: f64,
    /// Of each instrument its slopes in u: where their product is −1, it has lost everything.
    floors: Vec<Vec<f64>>,
    pnl: F,
}

/// An affine space in which some instruments have lost everything, and no more.
#[derive(Default)]
struct Within {
    /// The floors.
    floors: Vec<usize>,
    /// Orthonormal, of their span.
    basis: Vec<Vec<f64>>,
    /// The point of the space that is nearest to rest.
    nearest: Vec<f64>,
}

impl Within {
    /// What of a vector is along the space.
    fn along(&self, vector: &[f64]) -> Vec<f64> {
        let mut along = vector.to_vec();
        for normal in &self.basis {
            let part = dot(normal, &along);
            for (value, n) in along.iter_mut().zip(normal) {
                *value -= part * n;
            }
        }
        along
    }

    /// The space in which one more floor is touched, if there is one.
    fn and(&self, floor: usize, row: &[f64]) -> Option<Self> {
        let normal = self.along(row);
        let length = dot(&normal, &normal).sqrt();
        if length <= 1e-9 * dot(row, row).sqrt() {
            return None;
        }
        // From the nearest point on, straight to where the row is −1.
        let further = (-1.0 - dot(row, &self.nearest)) / (length * length);
        let moved = self.nearest.iter().zip(&normal);
        let mut floors = self.floors.clone();
        floors.push(floor);
        let mut basis = self.basis.clone();
        basis.push(normal.iter().map(|value| value / length).collect());
        Some(Self {
            floors,
            basis,
            nearest: moved.map(|(n, value)| n + further * value).collect(),
        })
    }
}

/// Where tangents ended.
struct Ended {
    u: Vec<f64>,
    /// They stand still.
    settled: bool,
    /// Else the floor that they circle around.
    kink: Option<usize>,
}

impl<F: Fn(&[f64]) -> Result<f64, Error>> Search<F> {
    fn profit(&self, u: &[f64]) -> Result<f64, Error> {
        let profit = (self.pnl)(&self.root.multiply_vector(u)?)?;
        if super::is_number(profit) {
            Ok(profit)
        } else {
            Err(Error::Invalid {
                what: "profit under a move",
            })
        }
    }

    /// Central differences of the profit.
    fn slope(&self, u: &[f64]) -> Result<Vec<f64>, Error> {
        let mut at = u.to_vec();
        let mut slope = Vec::with_capacity(u.len());
        for k in 0..u.len() {
            at[k] = u[k] + STEP;
            let up = self.profit(&at)?;
            at[k] = u[k] - STEP;
            let down = self.profit(&at)?;
            at[k] = u[k];
            slope.push((up - down) / (2.0 * STEP));
        }
        Ok(slope)
    }

    /// Whether the tangent is the book: `u` loses the amount, half of it half as much, its opposite gains it.
    fn is_straight(&self, u: &[f64]) -> Result<bool, Error> {
        let half: Vec<f64> = u.iter().map(|value| 0.5 * value).collect();
        let other: Vec<f64> = u.iter().map(|value| -value).collect();
        let whole = self.profit(u)?;
        let near = |have: f64, want: f64| (have - want).abs() <= 1e-9 * self.loss;
        Ok(near(whole, -self.loss)
            && near(self.profit(&half)?, 0.5 * whole)
            && near(self.profit(&other)?, -whole))
    }

    /// Whether any factor moves the book at all.
    fn moves(&self, k: usize) -> Result<bool, Error> {
        let mut u = vec![0.0; k];
        for axis in 0..k {
            for far in [-1.0, 1.0] {
                u[axis] = far;
                if self.profit(&u)?.abs() > 1e-12 * self.loss {
                    return Ok(true);
                }
            }
            u[axis] = 0.0;
        }
        Ok(false)
    }

    /// Iterates tangents from `start`, and within kinks that they circle around; then goes along the ray to where the loss is exact. The
    /// nearest of what is found.
    fn from(&self, start: &[f64]) -> Result<Option<Vec<f64>>, Error> {
        let mut within = Within {
            nearest: vec![0.0; start.len()],
            ..Within::default()
        };
        let mut u = match self.on_ray(start)? {
            Some(u) => u,
            None => start.to_vec(),
        };
        let mut best: Option<Vec<f64>> = None;
        loop {
            let ended = self.tangents(&u, &within)?;
            // On a kink the loss may be the largest of its ray: there, and nowhere near, it is reached.
            let reached =
                ended.settled && (self.profit(&ended.u)? + self.loss).abs() <= 1e-9 * self.loss;
            let at = reached.then(|| ended.u.clone());
            for found in self.on_ray(&ended.u)?.into_iter().chain(at) {
                let nearer = |best: &Vec<f64>| dot(&found, &found) < dot(best, best);
                if best.as_ref().is_none_or(nearer) {
                    best = Some(found);
                }
            }
            if ended.settled {
                return Ok(best);
            }
            let next = ended
                .kink
                .and_then(|kink| within.and(kink, &self.floors[kink]));
            let Some(next) = next else {
                return Ok(best);
            };
            // From where the space is nearest to rest: far out everything may be lost already, and nothing has a slope.
            u.clone_from(&next.nearest);
            within = next;
        }
    }

    fn tangents(&self, start: &[f64], within: &Within) -> Result<Ended, Error> {
        let mut u = start.to_vec();
        let (mut pace, mut before) = (1.0, f64::INFINITY);
        // Who begins beyond a floor does not see the slope before it.
        let mut kink = self.crossed(&within.nearest, &u, within);
        for _ in 0..STEPS {
            let slope = within.along(&self.slope(&u)?);
            let steep = dot(&slope, &slope);
            if steep <= 0.0 {
                break;
            }
            let miss = self.profit(&u)? + self.loss;
            let beside: Vec<f64> = u.iter().zip(&within.nearest).map(|(u, n)| u - n).collect();
            let scale = (dot(&slope, &beside) - miss) / steep;
            let step: Vec<f64> = slope
                .iter()
                .zip(&beside)
                .map(|(s, b)| scale * s - b)
                .collect();
            let change = dot(&step, &step).sqrt();
            // Circling around a kink or a bend: smaller steps end it.
            if change >= before {
                pace *= 0.5;
            }
            before = change;
            let next: Vec<f64> = u.iter().zip(&step).map(|(u, s)| u + pace * s).collect();
            let far = dot(&next, &next).sqrt();
            if far.is_nan() {
                break;
            }
            kink = self.crossed(&u, &next, within).or(kink);
            if far > REACH {
                break;
            }
            u = next;
            if change <= 1e-10 {
                return Ok(Ended {
                    u,
                    settled: true,
                    kink: None,
                });
            }
        }
        Ok(Ended {
            u,
            settled: false,
            kink,
        })
    }

    /// The floor that is met first on the way between two points, of those that are not touched already.
    fn crossed(&self, from: &[f64], to: &[f64], within: &Within) -> Option<usize> {
        let mut first: Option<(usize, f64)> = None;
        for (floor, row) in self.floors.iter().enumerate() {
            let (a, b) = (dot(row, from) + 1.0, dot(row, to) + 1.0);
            if (a < 0.0) == (b < 0.0) || within.floors.contains(&floor) {
                continue;
            }
            let part = a / (a - b);
            if first.is_none_or(|(_, least)| part < least) {
                first = Some((floor, part));
            }
        }
        first.map(|(floor, _)| floor)
    }

    /// The nearest point of the ray through `u` that loses exactly the amount.
    fn on_ray(&self, u: &[f64]) -> Result<Option<Vec<f64>>, Error> {
        const PIECES: u32 = 120;
        let length = dot(u, u).sqrt();
        if length <= 0.0 {
            return Ok(None);
        }
        let point = |distance: f64| -> Vec<f64> {
            u.iter().map(|value| value * (distance / length)).collect()
        };
        let lost = |distance: f64| -> Result<bool, Error> {
            Ok(self.profit(&point(distance))? <= -self.loss)
        };
        let mut high = None;
        for piece in 1..=PIECES {
            let distance = REACH * f64::from(piece) / f64::from(PIECES);
            if lost(distance)? {
                high = Some((distance - REACH / f64::from(PIECES), distance));
                break;
            }
        }
        let Some((mut low, mut high)) = high else {
            return Ok(None);
        };
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if lost(middle)? {
                high = middle;
            } else {
                low = middle;
            }
        }
        Ok(Some(point(high)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::noise;
    use super::super::options::{Right, Terms};
    use super::*;

    fn covariance() -> Matrix {
        Matrix::new(
            3,
            3,
            vec![0.04, 0.018, 0.006, 0.018, 0.0625, 0.004, 0.006, 0.004, 0.01],
        )
        .unwrap()
    }

    fn found(reverse: Reverse) -> Found {
        match reverse {
            Reverse::Found(found) => found,
            other => panic!("{other:?}"),
        }
    }

    fn distance(covariance: &Matrix, s: &[f64]) -> f64 {
        let solved = covariance.cholesky().unwrap().solve(s).unwrap();
        dot(s, &solved).sqrt()
    }

    /// No move near or far that loses as much is more plausible.
    fn assert_most_plausible(loss: f64, found: &Found, pnl: impl Fn(&[f64]) -> f64) {
        let sigma = covariance();
        let exact = pnl(&found.proxies);
        assert!((exact + loss).abs() <= 1e-9 * loss, "loses {exact}");
        assert!((distance(&sigma, &found.proxies) - found.distance).abs() < 1e-9);
        let mut tried = 0;
        for seed in 0..400 {
            let direction = noise(seed, 3, 0.4);
            // Where this ray, or one near the answer, first loses as much.
            for near in [0.0, 0.9, 0.99] {
                let ray: Vec<f64> = direction
                    .iter()
                    .zip(&found.proxies)
                    .map(|(d, s)| near * s + (1.0 - near) * d)
                    .collect();
                let at = |t: f64| -> Vec<f64> { ray.iter().map(|x| x * t).collect() };
                let Some(first) = (1..4000)
                    .map(|k| f64::from(k) * 0.005)
                    .find(|t| pnl(&at(*t)) <= -loss)
                else {
                    continue;
                };
                tried += 1;
                let (mut low, mut high) = (first - 0.005, first);
                for _ in 0..60 {
                    let middle = 0.5 * (low + high);
                    if pnl(&at(middle)) <= -loss {
                        high = middle;
                    } else {
                        low = middle;
                    }
                }
                let other = distance(&sigma, &at(high));
                assert!(other >= found.distance * (1.0 - 1e-9), "{other} is nearer");
            }
        }
        assert!(tried > 300, "{tried}");
    }

    #[test]
    fn a_linear_book_has_the_closed_form() {
        let c = [0.8, -0.3, 0.5];
        let pnl = |s: &[f64]| dot(&c, s);
        let sigma = covariance();
        let found = found(most_plausible(&sigma, 0.2, &[], |s| Ok(pnl(s))).unwrap());
        let spread = sigma.multiply_vector(&c).unwrap();
        let variance = dot(&c, &spread);
        for (have, want) in found.proxies.iter().zip(&spread) {
            assert!((have + 0.2 * want / variance).abs() < 1e-10, "{have}");
        }
        assert!((found.distance - 0.2 / variance.sqrt()).abs() < 1e-10);
        let normal = 2.0 * special::normal_cdf(-found.distance).unwrap();
        assert!((found.tail - normal).abs() < 1e-12);
        assert_most_plausible(0.2, &found, pnl);
    }

    #[test]
    fn a_book_with_options_loses_exactly_as_much() {
        let put = |spot: f64| {
            let terms = Terms {
                right: Right::Put,
                spot: spot.max(0.0),
                strike: 95.0,
                years: 0.4,
                rate: 0.04,
                dividend_yield: 0.0,
            };
            terms.value(0.3).unwrap().price
        };
        // Short puts on the first factor, stock on the second.
        let pnl = |s: &[f64]| {
            let move_of = |raw: f64| raw.max(-1.0);
            -0.02 * (put(100.0 * (1.0 + move_of(s[0]))) - put(100.0))
                + 0.4 * move_of(1.1 * s[1] + 0.2 * s[2])
        };
        let floors = [vec![1.0, 0.0, 0.0], vec![0.0, 1.1, 0.2]];
        let found = found(most_plausible(&covariance(), 0.25, &floors, |s| Ok(pnl(s))).unwrap());
        assert_most_plausible(0.25, &found, pnl);
    }

    /// More is to be lost than the stock is worth: it goes to nothing, and only then the short position is moved.
    #[test]
    fn the_answer_may_lie_where_an_instrument_has_lost_everything() {
        let floors = [vec![1.0, 0.0, 0.0], vec![0.2, 1.0, 0.1]];
        let raw = |s: &[f64]| [dot(&floors[0], s), dot(&floors[1], s)];
        let pnl = |s: &[f64]| {
            let [long, short] = raw(s);
            0.5 * long.max(-1.0) - 0.05 * short.max(-1.0)
        };
        let found = found(most_plausible(&covariance(), 0.52, &floors, |s| Ok(pnl(s))).unwrap());
        let [long, short] = raw(&found.proxies);
        assert!((long + 1.0).abs() < 1e-9, "{long}");
        assert!((short - 0.4).abs() < 1e-9, "{short}");
        assert_most_plausible(0.52, &found, pnl);
        // A short position that falls along takes back what the stock loses: the ray of the linear answer never loses enough.
        let hedged = |s: &[f64]| {
            let [long, short] = [s[0], 0.8 * s[0] + s[1]];
            0.3 * long.max(-1.0) - 0.17 * short.max(-1.0)
        };
        let rows = [vec![1.0, 0.0, 0.0], vec![0.8, 1.0, 0.0]];
        let found = most_plausible(&covariance(), 0.25, &rows, |s| Ok(hedged(s))).unwrap();
        let Reverse::Found(found) = found else {
            panic!("{found:?}");
        };
        assert_most_plausible(0.25, &found, hedged);
        // Covered calls beside a short position: at rest a rally hurts, far out a fall does.
        let call = |spot: f64| {
            let terms = Terms {
                right: Right::Call,
                spot: spot.max(0.0),
                strike: 97.0,
                years: 0.46,
                rate: 0.04,
                dividend_yield: 0.0,
            };
            terms.value(0.25).unwrap().price
        };
        let rows = [vec![1.2, 0.0, 0.1], vec![0.9, 0.2, 0.0]];
        let covered = |s: &[f64]| {
            let long = dot(&rows[0], s).max(-1.0);
            let short = dot(&rows[1], s).max(-1.0);
            0.28 * long - 0.0028 * (call(100.0 * (1.0 + long)) - call(100.0)) - 0.17 * short
        };
        let found = most_plausible(&covariance(), 0.2, &rows, |s| Ok(covered(s))).unwrap();
        let Reverse::Found(found) = found else {
            panic!("{found:?}");
        };
        assert_most_plausible(0.2, &found, covered);
        // Both have lost everything, and that is all there is.
        let all = |s: &[f64]| {
            let [a, b] = raw(s);
            0.55 * a.max(-1.0) + 0.45 * b.max(-1.0)
        };
        let found = most_plausible(&covariance(), 0.999, &floors, |s| Ok(all(s))).unwrap();
        let Reverse::Found(found) = found else {
            panic!("{found:?}");
        };
        assert_most_plausible(0.999, &found, all);
    }

    /// A book that was looked at by hand (1,000 AAPL with ten calls written on them, 200 XOM short, 2016-12-30): a rally of 153 % loses a
    /// fifth as well, but a fall of AAPL to nothing is nearer.
    #[test]
    fn a_fall_to_nothing_may_be_nearer_than_a_rally() {
        let sigma = Matrix::new(
            2,
            2,
            vec![0.013_754_011, 0.010_956_235, 0.010_956_235, 0.012_983_221],
        )
        .unwrap();
        let call = |spot: f64| {
            let terms = Terms {
                right: Right::Call,
                spot,
                strike: 28.0,
                years: 168.0 / 365.0,
                rate: 0.04,
                dividend_yield: 0.0,
            };
            terms.value(0.155_871).unwrap().price
        };
        let pnl = |s: &[f64]| {
            let (long, short) = (s[0].max(-1.0), s[1].max(-1.0));
            let calls = call(27.019 * (1.0 + long)) - call(27.019);
            (27_019.0 * long - 1_000.0 * calls - 13_154.8 * short) / 104_488.808
        };
        let rows = [vec![1.0, 0.0], vec![0.0, 1.0]];
        let found = found(most_plausible(&sigma, 0.2, &rows, |s| Ok(pnl(s))).unwrap());
        // By a grid over both moves.
        assert!((found.distance - 10.520).abs() < 1e-3, "{found:?}");
        assert!((found.proxies[0] + 1.0).abs() < 1e-9, "{found:?}");
        assert!((found.proxies[1] + 0.395).abs() < 1e-3, "{found:?}");
    }

    #[test]
    fn what_cannot_be_lost_is_out_of_reach() {
        // A protected position loses a tenth at most.
        let floored = most_plausible(&covariance(), 0.2, &[], |s| Ok(s[0].max(-0.1))).unwrap();
        assert_eq!(floored, Reverse::OutOfReach);
        let none = most_plausible(&covariance(), 0.2, &[], |_| Ok(0.0)).unwrap();
        assert_eq!(none, Reverse::NoExposure);
        // A short straddle has no slope at rest, and loses on both sides.
        let straddle = |s: &[f64]| -(s[0] * s[0]);
        let found = found(most_plausible(&covariance(), 0.09, &[], |s| Ok(straddle(s))).unwrap());
        assert!((found.proxies[0].abs() - 0.3).abs() < 1e-6);
        assert_most_plausible(0.09, &found, straddle);
        assert!(most_plausible(&covariance(), 0.0, &[], |s| Ok(s[0])).is_err());
        assert!(most_plausible(&covariance(), 0.1, &[], |_| Ok(f64::NAN)).is_err());
    }
}
