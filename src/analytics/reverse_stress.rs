//! Reverse stress: the most plausible move of the factors that loses a given amount.
//!
//! Among all moves s of the proxies with `P&L(s) = −L` the one with the smallest Mahalanobis distance `√(s'Σ⁻¹s)`. A linear book with
//! sensitivities c loses L most plausibly at `s* = −L·Σc/(c'Σc)`, at the distance `L/√(c'Σc)`. A book that is not linear (options, or
//! liability that ends at −100 %) is solved by the iteration of Hasofer, Lind, Rackwitz and Fiessler (1978) from both sides of the linear answer: each step
//! takes the closed form of the tangent. Where an instrument loses all there is a kink, and the optimum may lie on it, where no tangent
//! is the book's: tangents that circle around one are taken within it. What it finds is a local optimum, and the nearest one is returned.
//!
//! A book with options may lose the amount in a narrow band only, before its gains take over, and tangents do not see it. It is looked at
//! along rays all around first: at distances that are finer near rest, with the peaks between them, up to the first that loses enough.
//! The nearest point and the highest peaks are then improved within the ball of the nearest.
//!
//! **Work.** Without options about a thousand profits for each start and each kink that tangents circle around. With options a ray takes 61
//! profits at most, and a search of 22 where one of its peaks could be high enough; the number of rays is such that they reprice about
//! 400,000 instruments, and a climb takes 30·(2k + 55) profits at most, five times.
//!
//! **Source.** Hasofer and Lind 1974, Rackwitz and Fiessler 1978 (the nearest point of a surface); the measure of plausibility is that of [`super::stress`].
//!
//! **NaN.** No missing values: a loss, a profit or a covariance that is no number is an [`Error`].

use super::{
    Error,
    linalg::{Matrix, dot},
    special,
};

/// What the book holds of one underlying, as far as a search must know it.
#[derive(Debug, Clone, PartialEq)]
pub struct Instrument {
    /// Its slopes on the proxies, in factor order: where their product with a move is −1 it has lost everything, and the profit has a kink.
    pub slopes: Vec<f64>,
    /// Whether options on it are held. Without any the book is linear between its kinks.
    pub options: bool,
}

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
/// Distance of the first look along a ray, in annual standard deviations.
const NEAR: f64 = 0.02;
/// Part of a distance by which the next look is further, and [`NEAR`] at least.
const GRADE: f64 = 0.12;
/// So many looks reach [`REACH`].
const LOOKS: usize = 61;
/// Instruments with options that are repriced along rays, about.
const REPRICED: usize = 400_000;
/// Directions in a plane of two underlyings.
const FAN: u32 = 48;
/// Underlyings with options that have rays and planes of their own: those that lose most alone.
const LEADERS: usize = 8;
/// Peaks that are climbed.
const PEAKS: usize = 4;
/// Steps of a climb, and halvings of each.
const CLIMB: usize = 30;
const HALVINGS: usize = 14;
/// Bisections of a climb; an answer is found with [`EXACT`].
const COARSE: usize = 40;
/// Bisections to where the loss is exact.
const EXACT: usize = 60;

/// The most plausible proxy move that loses `loss > 0`.
///
/// `covariance` is the annual covariance Σ of the proxies' total returns; `pnl` gives the book's profit under a move of the proxies (its unit is that of
/// `loss`, and 0 must give 0). `instruments` are those of the book: they say where it has kinks, and whether it bends between them.
/// [`Error::Invalid`] for a loss that is not positive, [`Error::Shape`] for slopes of another length, [`Error::NotPositiveDefinite`], and what
/// `pnl` returns.
pub fn most_plausible(
    covariance: &Matrix,
    loss: f64,
    instruments: &[Instrument],
    pnl: impl Fn(&[f64]) -> Result<f64, Error>,
) -> Result<Reverse, Error> {
    covariance.require_square()?;
    if !(super::is_number(loss) && loss > 0.0) {
        return Err(Error::Invalid { what: "loss" });
    }
    let k = covariance.rows();
    let root = covariance.cholesky()?.lower().clone();
    let mut rows: Vec<Vec<f64>> = Vec::with_capacity(instruments.len());
    let mut options = Vec::new();
    for (at, instrument) in instruments.iter().enumerate() {
        let row = &instrument.slopes;
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
        if instrument.options {
            options.push(at);
        }
    }
    let search = Search {
        root,
        loss,
        floors: rows,
        options,
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
        if search.options.is_empty() && search.is_straight(&linear)? {
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
    if !search.options.is_empty() {
        let eigen = covariance.symmetric_eigen()?.vectors;
        let directions = search.directions(&slope, &eigen)?;
        best = search.around(&directions, best)?;
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
    /// Which of them have options.
    options: Vec<usize>,
    pnl: F,
}

/// What is seen along a ray.
struct Ray {
    /// Distance at which the amount is lost first.
    first: Option<f64>,
    /// Where the loss was largest before, and how large.
    peak: (f64, f64),
}

fn scaled(vector: &[f64], by: f64) -> Vec<f64> {
    vector.iter().map(|value| value * by).collect()
}

fn length(vector: &[f64]) -> f64 {
    dot(vector, vector).sqrt()
}

/// The vector with length 1, if it has one.
fn unit(vector: &[f64]) -> Option<Vec<f64>> {
    let length = length(vector);
    (length > 0.0).then(|| scaled(vector, 1.0 / length))
}

/// Directions all around in the plane of two vectors; none where they are one.
fn fan(first: &[f64], second: &[f64]) -> Vec<Vec<f64>> {
    let part = dot(first, second);
    let across: Vec<f64> = second
        .iter()
        .zip(first)
        .map(|(s, f)| s - part * f)
        .collect();
    let Some(across) = unit(&across).filter(|_| length(&across) > 1e-6) else {
        return Vec::new();
    };
    (0..FAN)
        .map(|step| {
            let angle = 2.0 * core::f64::consts::PI * f64::from(step) / f64::from(FAN);
            let (cos, sin) = (libm::cos(angle), libm::sin(angle));
            first
                .iter()
                .zip(&across)
                .map(|(f, a)| cos * f + sin * a)
                .collect()
        })
        .collect()
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
        let Some(along) = unit(u) else {
            return Ok(None);
        };
        let first = if self.options.is_empty() {
            self.first_piece(&along)?
        } else {
            self.look(&along, REACH)?.first
        };
        Ok(first.map(|distance| scaled(&along, distance)))
    }

    fn loss_at(&self, along: &[f64], distance: f64) -> Result<f64, Error> {
        Ok(-self.profit(&scaled(along, distance))?)
    }

    /// Where a ray of a book without options first loses the amount: it is linear from kink to kink.
    fn first_piece(&self, along: &[f64]) -> Result<Option<f64>, Error> {
        let mut ends: Vec<f64> = self
            .floors
            .iter()
            .map(|row| -1.0 / dot(row, along))
            .filter(|end| *end > 0.0 && *end < REACH)
            .collect();
        ends.sort_by(f64::total_cmp);
        ends.push(REACH);
        let mut low = 0.0;
        for end in ends {
            if self.loss_at(along, end)? >= self.loss {
                return Ok(Some(self.narrow(along, low, end, EXACT)?));
            }
            low = end;
        }
        Ok(None)
    }

    /// Looks along a ray up to `limit`, and at the peaks between the looks that could be high enough.
    fn look(&self, along: &[f64], limit: f64) -> Result<Ray, Error> {
        let mut ray = Ray {
            first: None,
            peak: (0.0, 0.0),
        };
        let (mut before, mut last) = ((0.0, 0.0), (0.0, 0.0));
        let mut distance = NEAR.min(limit);
        loop {
            let here = (distance, self.loss_at(along, distance)?);
            if here.1 >= self.loss {
                ray.first = Some(self.narrow(along, last.0, here.0, EXACT)?);
                return Ok(ray);
            }
            let mut seen = here;
            if last.1 > before.1 && last.1 >= here.1 {
                seen = last;
                // A concave peak is no higher than its sides go on.
                let apart = (here.0 - last.0) / (last.0 - before.0);
                let (up, down) = ((last.1 - before.1) * apart, (last.1 - here.1) / apart);
                if last.1 + up.max(down) >= self.loss {
                    seen = self.peak(along, (before.0, here.0), last)?;
                }
            }
            if seen.1 > ray.peak.1 {
                ray.peak = seen;
            }
            if seen.1 >= self.loss {
                ray.first = Some(self.narrow(along, before.0, seen.0, EXACT)?);
                return Ok(ray);
            }
            if distance >= limit {
                return Ok(ray);
            }
            (before, last) = (last, here);
            distance = (distance + NEAR.max(GRADE * distance)).min(limit);
        }
    }

    /// The peak of a ray between two distances, from one between them that loses more: golden sections, until enough is lost.
    fn peak(
        &self,
        along: &[f64],
        (mut low, mut high): (f64, f64),
        mut top: (f64, f64),
    ) -> Result<(f64, f64), Error> {
        const SECTIONS: usize = 22;
        const GOLDEN: f64 = 0.381_966_011_250_105;
        for _ in 0..SECTIONS {
            if top.1 >= self.loss {
                break;
            }
            let further = high - top.0 > top.0 - low;
            let side = if further { high } else { low };
            let at = top.0 + GOLDEN * (side - top.0);
            let seen = (at, self.loss_at(along, at)?);
            // The side that is worse is the new end.
            let end = if seen.1 > top.1 {
                core::mem::replace(&mut top, seen).0
            } else {
                at
            };
            if end > top.0 {
                high = end;
            } else {
                low = end;
            }
        }
        Ok(top)
    }

    /// Where the amount is lost between a distance that does not and one that does lose it: the end that does.
    fn narrow(
        &self,
        along: &[f64],
        mut low: f64,
        mut high: f64,
        bisections: usize,
    ) -> Result<f64, Error> {
        for _ in 0..bisections {
            let middle = 0.5 * (low + high);
            if self.loss_at(along, middle)? >= self.loss {
                high = middle;
            } else {
                low = middle;
            }
        }
        Ok(high)
    }

    /// Where a book with options is looked at: both ways of its slope at rest, of the axes and eigenvectors of the factors and of few
    /// factors' diagonals, and of the underlyings that lose most alone; then all around in the planes of two of these and of the slope.
    fn directions(&self, slope: &[f64], eigen: &Matrix) -> Result<Vec<Vec<f64>>, Error> {
        let k = slope.len();
        let mut lines: Vec<Vec<f64>> = unit(slope).into_iter().collect();
        for axis in 0..k {
            let mut alone = vec![0.0; k];
            alone[axis] = 1.0;
            lines.push(alone);
            let turned: Vec<f64> = (0..k)
                .map(|j| (0..k).map(|i| self.root.at(i, j) * eigen.at(i, axis)).sum())
                .collect();
            lines.extend(unit(&turned));
        }
        if (2..=4).contains(&k) {
            // The opposite of each pattern is the other way of its line.
            let patterns = 1_u32 << (k - 1);
            for pattern in 0..patterns {
                let diagonal: Vec<f64> = (0..k)
                    .map(|axis| {
                        if (pattern >> axis) & 1 == 1 {
                            -1.0
                        } else {
                            1.0
                        }
                    })
                    .collect();
                lines.extend(unit(&diagonal));
            }
        }
        let mut ranked = Vec::with_capacity(self.options.len());
        for floor in &self.options {
            let Some(along) = unit(&self.floors[*floor]) else {
                continue;
            };
            let mut most = f64::NEG_INFINITY;
            for distance in [-3.0, -1.0, -0.3, 0.3, 1.0, 3.0] {
                most = most.max(self.loss_at(&along, distance)?);
            }
            ranked.push((most, along));
        }
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        ranked.truncate(LEADERS);
        let leaders: Vec<Vec<f64>> = ranked.into_iter().map(|(_, along)| along).collect();
        lines.extend(leaders.iter().cloned());
        let mut directions = Vec::with_capacity(2 * lines.len());
        for line in lines {
            directions.push(scaled(&line, -1.0));
            directions.push(line);
        }
        // Underlyings without options cost little, and there are many of them.
        let weight = 1 + self.options.len() + self.floors.len() / 8;
        let allowed = REPRICED / (LOOKS * weight);
        let spans: Vec<Vec<f64>> = leaders.into_iter().chain(unit(slope)).collect();
        for (later, second) in spans.iter().enumerate() {
            for first in &spans[..later] {
                let plane = fan(first, second);
                if directions.len() + plane.len() <= allowed {
                    directions.extend(plane);
                }
            }
        }
        Ok(directions)
    }

    /// The nearest point that is found in these directions, of unit length, or improved from there; `best` if it is nearer.
    fn around(
        &self,
        directions: &[Vec<f64>],
        mut best: Option<Vec<f64>>,
    ) -> Result<Option<Vec<f64>>, Error> {
        let mut radius = best.as_deref().map_or(REACH, length);
        let mut peaks: Vec<(f64, Vec<f64>)> = Vec::new();
        for along in directions {
            // Further than the nearest there is nothing to be found.
            let ray = self.look(along, radius)?;
            match ray.first {
                Some(first) if first < radius => {
                    radius = first;
                    best = Some(scaled(along, first));
                }
                _ if ray.peak.0 > 0.0 => peaks.push((ray.peak.1, scaled(along, ray.peak.0))),
                _ => {}
            }
        }
        peaks.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut starts: Vec<Vec<f64>> = Vec::new();
        for (_, peak) in peaks {
            let apart =
                |other: &Vec<f64>| dot(other, &peak) <= 0.95 * length(other) * length(&peak);
            if starts.len() < PEAKS && length(&peak) <= radius && starts.iter().all(apart) {
                starts.push(peak);
            }
        }
        // The nearest goes first: the ball is small for the others.
        for start in best.clone().into_iter().chain(starts) {
            let radius = best.as_deref().map_or(REACH, length);
            if let Some(nearer) = self.climb(&start, radius)? {
                best = Some(nearer);
            }
        }
        let Some(nearest) = best else {
            return Ok(None);
        };
        // Tangents make it exact, and kinks are theirs.
        let mut exact = nearest.clone();
        for found in self
            .on_ray(&nearest)?
            .into_iter()
            .chain(self.from(&nearest)?)
        {
            if length(&found) < length(&exact) {
                exact = found;
            }
        }
        Ok(Some(exact))
    }

    /// Goes up the loss within a ball, that shrinks to the ray's first loss whenever enough is lost: the last such point.
    fn climb(&self, start: &[f64], mut radius: f64) -> Result<Option<Vec<f64>>, Error> {
        let mut found = None;
        let mut u = scaled(start, (radius / length(start)).min(1.0));
        let mut value = -self.profit(&u)?;
        let mut stride = 0.1 * length(&u);
        for _ in 0..CLIMB {
            let mut up = scaled(&self.slope(&u)?, -1.0);
            let square = dot(&u, &u);
            let outward = dot(&up, &u) / square;
            // At the edge of the ball only along it.
            if outward > 0.0 && square.sqrt() >= radius * (1.0 - 1e-9) {
                for (part, at) in up.iter_mut().zip(&u) {
                    *part -= outward * at;
                }
            }
            let Some(up) = unit(&up) else {
                break;
            };
            let mut better = None;
            for _ in 0..HALVINGS {
                let next: Vec<f64> = u.iter().zip(&up).map(|(u, up)| u + stride * up).collect();
                let next = scaled(&next, (radius / length(&next)).min(1.0));
                let there = -self.profit(&next)?;
                if there > value {
                    better = Some((next, there));
                    break;
                }
                stride *= 0.5;
            }
            let Some((next, there)) = better else {
                break;
            };
            (u, value) = (next, there);
            stride *= 2.0;
            if value >= self.loss {
                let Some(along) = unit(&u) else {
                    break;
                };
                radius = self.narrow(&along, 0.0, length(&u), COARSE)?;
                u = scaled(&along, radius);
                value = -self.profit(&u)?;
                found = Some(u.clone());
            }
        }
        Ok(found)
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

    /// Instruments with these slopes, the first of them with options.
    fn held(slopes: &[Vec<f64>], with_options: usize) -> Vec<Instrument> {
        let one = |(at, slopes): (usize, &Vec<f64>)| Instrument {
            slopes: slopes.clone(),
            options: at < with_options,
        };
        slopes.iter().enumerate().map(one).collect()
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
        let found =
            found(most_plausible(&covariance(), 0.25, &held(&floors, 1), |s| Ok(pnl(s))).unwrap());
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
        let found =
            found(most_plausible(&covariance(), 0.52, &held(&floors, 0), |s| Ok(pnl(s))).unwrap());
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
        let found =
            most_plausible(&covariance(), 0.25, &held(&rows, 0), |s| Ok(hedged(s))).unwrap();
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
        let found =
            most_plausible(&covariance(), 0.2, &held(&rows, 1), |s| Ok(covered(s))).unwrap();
        let Reverse::Found(found) = found else {
            panic!("{found:?}");
        };
        assert_most_plausible(0.2, &found, covered);
        // Both have lost everything, and that is all there is.
        let all = |s: &[f64]| {
            let [a, b] = raw(s);
            0.55 * a.max(-1.0) + 0.45 * b.max(-1.0)
        };
        let found =
            most_plausible(&covariance(), 0.999, &held(&floors, 0), |s| Ok(all(s))).unwrap();
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
        let found = found(most_plausible(&sigma, 0.2, &held(&rows, 1), |s| Ok(pnl(s))).unwrap());
        // By a grid over both moves.
        assert!((found.distance - 10.520).abs() < 1e-3, "{found:?}");
        assert!((found.proxies[0] + 1.0).abs() < 1e-9, "{found:?}");
        assert!((found.proxies[1] + 0.395).abs() < 1e-3, "{found:?}");
    }

    fn two_factors(correlation: f64) -> Matrix {
        let (first, second) = (0.18, 0.15);
        let across = correlation * first * second;
        Matrix::new(2, 2, vec![first * first, across, across, second * second]).unwrap()
    }

    /// Profit of a thousand calls on the first factor and a thousand puts on the second, for 77 days more.
    fn strangle(s: &[f64]) -> f64 {
        let value = |right, spot: f64, strike| {
            let terms = Terms {
                right,
                spot,
                strike,
                years: 77.0 / 365.0,
                rate: 0.01,
                dividend_yield: 0.0,
            };
            terms.value(0.2).unwrap().price
        };
        let gain = |right, spot: f64, strike, by: f64| {
            value(right, spot * (1.0 + by.max(-1.0)), strike) - value(right, spot, strike)
        };
        1_000.0 * (gain(Right::Call, 27.019, 29.0, s[0]) + gain(Right::Put, 58.5, 60.0, s[1]))
    }

    /// The nearest loss of the strangle on rays all around up to three standard deviations, a quarter of a degree apart.
    fn nearest_on_a_grid(sigma: &Matrix, loss: f64) -> f64 {
        let root = sigma.cholesky().unwrap().lower().clone();
        let mut nearest = 3.0;
        for step in 0..1440 {
            let angle = f64::from(step) * core::f64::consts::PI / 720.0;
            let lost = |distance: f64| {
                let u = [distance * libm::cos(angle), distance * libm::sin(angle)];
                strangle(&root.multiply_vector(&u).unwrap()) <= -loss
            };
            let first = (1..=300)
                .map(|k| f64::from(k) * 0.01)
                .take_while(|distance| *distance < nearest + 0.01)
                .find(|distance| lost(*distance));
            let Some(mut high) = first else {
                continue;
            };
            let mut low = high - 0.01;
            for _ in 0..40 {
                let middle = 0.5 * (low + high);
                if lost(middle) {
                    high = middle;
                } else {
                    low = middle;
                }
            }
            nearest = high.min(nearest);
        }
        assert!(nearest < 3.0, "the grid finds none");
        nearest
    }

    /// Calls and puts that are paid for lose in a band between the gains of either: looks half a standard deviation apart miss it.
    #[test]
    fn a_strangle_loses_in_a_narrow_band() {
        let held = held(&[vec![1.0, 0.0], vec![0.0, 1.0]], 2);
        let both = [
            (0.97, 900.0),
            (0.97, 1_150.0),
            (0.9, 1_100.0),
            (0.9, 1_600.0),
        ];
        for (correlation, loss) in both {
            let sigma = two_factors(correlation);
            let found = found(most_plausible(&sigma, loss, &held, |s| Ok(strangle(s))).unwrap());
            assert!((strangle(&found.proxies) + loss).abs() <= 1e-6 * loss);
            assert!((distance(&sigma, &found.proxies) - found.distance).abs() < 1e-9);
            let grid = nearest_on_a_grid(&sigma, loss);
            assert!((found.distance - grid).abs() < 1e-3, "{found:?}, {grid}");
        }
        // What was paid is 3,262: 338 for the calls and 2,924 for the puts.
        let sigma = two_factors(0.97);
        let all = most_plausible(&sigma, 3_300.0, &held, |s| Ok(strangle(s))).unwrap();
        assert_eq!(all, Reverse::OutOfReach);
    }

    #[test]
    fn the_first_loss_of_a_ray_is_taken() {
        // A tenth is lost at a move of 0.06, nothing around it, and more and more from 0.3 on.
        let pnl = |s: &[f64]| {
            let peak = 5.0 * (0.02 - (s[0] - 0.06).abs()).max(0.0);
            -peak - 0.5 * (s[0] - 0.3).max(0.0)
        };
        let held = held(&[vec![1.0, 0.0, 0.0]], 1);
        let near = found(most_plausible(&covariance(), 0.095, &held, |s| Ok(pnl(s))).unwrap());
        assert!((near.distance - 0.295).abs() < 1e-6, "{near:?}");
        assert!((near.proxies[0] - 0.059).abs() < 1e-6, "{near:?}");
        let far = found(most_plausible(&covariance(), 0.105, &held, |s| Ok(pnl(s))).unwrap());
        assert!((far.distance - 2.55).abs() < 1e-6, "{far:?}");
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
