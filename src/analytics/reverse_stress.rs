//! Reverse stress: the most plausible move of the factors that loses a given amount.
//!
//! Among all moves s of the proxies with `P&L(s) = −L` the one with the smallest Mahalanobis distance `√(s'Σ⁻¹s)`. A linear book with
//! sensitivities c loses L most plausibly at `s* = −L·Σc/(c'Σc)`, at the distance `L/√(c'Σc)`. A book that is not linear (options, or
//! liability that ends at −100 %) is solved by the iteration of Hasofer, Lind, Rackwitz and Fiessler (1978) from both sides of the linear answer: each step
//! takes the closed form of the tangent; what it finds is a local optimum, and the nearer one is returned.
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
/// `loss`, and 0 must give 0). [`Error::Invalid`] for a loss that is not positive, [`Error::NotPositiveDefinite`], and what `pnl` returns.
pub fn most_plausible(
    covariance: &Matrix,
    loss: f64,
    pnl: impl Fn(&[f64]) -> Result<f64, Error>,
) -> Result<Reverse, Error> {
    covariance.require_square()?;
    if !(super::is_number(loss) && loss > 0.0) {
        return Err(Error::Invalid { what: "loss" });
    }
    let search = Search {
        root: covariance.cholesky()?.lower().clone(),
        loss,
        pnl,
    };
    let k = covariance.rows();
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
    pnl: F,
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

    /// Iterates tangents from `start`, then goes along the ray to where the loss is exact.
    fn from(&self, start: &[f64]) -> Result<Option<Vec<f64>>, Error> {
        let mut u = match self.on_ray(start)? {
            Some(u) => u,
            None => start.to_vec(),
        };
        let (mut pace, mut before) = (1.0, f64::INFINITY);
        for _ in 0..STEPS {
            let slope = self.slope(&u)?;
            let steep = dot(&slope, &slope);
            if steep <= 0.0 {
                break;
            }
            let miss = self.profit(&u)? + self.loss;
            let scale = (dot(&slope, &u) - miss) / steep;
            let step: Vec<f64> = slope.iter().zip(&u).map(|(s, u)| scale * s - u).collect();
            let change = dot(&step, &step).sqrt();
            // Circling around a kink or a bend: smaller steps end it.
            if change >= before {
                pace *= 0.5;
            }
            before = change;
            let next: Vec<f64> = u.iter().zip(&step).map(|(u, s)| u + pace * s).collect();
            let far = dot(&next, &next).sqrt();
            if far.is_nan() || far > REACH {
                break;
            }
            u = next;
            if change <= 1e-10 {
                break;
            }
        }
        self.on_ray(&u)
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
        let found = found(most_plausible(&sigma, 0.2, |s| Ok(pnl(s))).unwrap());
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
        let found = found(most_plausible(&covariance(), 0.25, |s| Ok(pnl(s))).unwrap());
        assert_most_plausible(0.25, &found, pnl);
    }

    #[test]
    fn what_cannot_be_lost_is_out_of_reach() {
        // A protected position loses a tenth at most.
        let floored = most_plausible(&covariance(), 0.2, |s| Ok(s[0].max(-0.1))).unwrap();
        assert_eq!(floored, Reverse::OutOfReach);
        let none = most_plausible(&covariance(), 0.2, |_| Ok(0.0)).unwrap();
        assert_eq!(none, Reverse::NoExposure);
        // A short straddle has no slope at rest, and loses on both sides.
        let straddle = |s: &[f64]| -(s[0] * s[0]);
        let found = found(most_plausible(&covariance(), 0.09, |s| Ok(straddle(s))).unwrap());
        assert!((found.proxies[0].abs() - 0.3).abs() < 1e-6);
        assert_most_plausible(0.09, &found, straddle);
        assert!(most_plausible(&covariance(), 0.0, |s| Ok(s[0])).is_err());
        assert!(most_plausible(&covariance(), 0.1, |_| Ok(f64::NAN)).is_err());
    }
}
