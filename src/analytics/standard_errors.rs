//! Standard errors of a fit on a [`Design`].
//!
//! Robust errors (HC3, Newey–West) are sandwiches in the same units: with `Σw = 1` the coefficients are `(G + P)⁻¹·Σ w·x·y`, so their covariance is
//! `(G + P)⁻¹·S·(G + P)⁻¹` with `S` the covariance of the sum of the scores `w·x·e`; no factor n anywhere.
//!
//! **Source.** White 1980, `MacKinnon` and White 1985 (HC3), Newey and West 1987; tested against statsmodels.
//!
//! **NaN.** There is none: a [`Fit`] has finite numbers.

use std::ops::Range;

use super::{
    Error, at_least_zero,
    design::{Design, Fit},
    lanes,
    linalg::{Matrix, dot},
};

/// A row whose leverage is nearer to 1 than this determines a coefficient alone.
const LEVERAGE_ROUNDING: f64 = 1e-12;

/// Standard errors, in the units of the parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct StandardErrors {
    /// Of the intercept.
    pub alpha: f64,
    /// Of the coefficients, in column order; 0 for a column left out as collinear.
    pub coefficients: Vec<f64>,
}

impl Design {
    /// Classical standard errors of intercept and coefficients: residual variance `Σ w·e²/(n − k − 1)` times the inverse Gram matrix. With all
    /// weights equal this is ordinary least squares. `None` when no degree of freedom is left. In the units of the parameters, like those
    /// below.
    pub fn classical_errors(&self, fit: &Fit) -> Option<StandardErrors> {
        let left = self
            .n()
            .checked_sub(1 + self.swept.kept.iter().filter(|kept| **kept).count())
            .filter(|left| *left > 0)?;
        let variance = fit.error / left as f64;
        let inverse = &self.swept.inverse;
        let leverage = inverse.quadratic(&self.means).ok()?;
        Some(StandardErrors {
            alpha: at_least_zero(variance * (1.0 + leverage)).sqrt(),
            coefficients: (0..self.columns)
                .map(|k| at_least_zero(variance * inverse.at(k, k)).sqrt())
                .collect(),
        })
    }

    /// White's standard errors in the variant HC3: the sandwich of `w²·x·x'·(e/(1 − h))²` over the rows, `h` the leverage of the row in this
    /// (weighted, perhaps penalised) fit. statsmodels `cov_type="HC3"`, with weights that of WLS.
    ///
    /// [`Error::Shape`] for a fit of another design, [`Error::Invalid`] when a row has leverage 1: it determines a coefficient alone, and its
    /// error cannot be seen.
    pub fn hc3_errors(&self, fit: &Fit) -> Result<StandardErrors, Error> {
        self.require_own(fit)?;
        let k = self.columns;
        let inverse = self.inverse_of(fit);
        let mut scores = vec![0.0; k + 1];
        let mut covariance = Matrix::zeros(k + 1, k + 1);
        for (t, weight) in self.weights.iter().enumerate() {
            for (column, slot) in scores[1..].iter_mut().enumerate() {
                *slot = self.column(column)[t];
            }
            let left = 1.0 - weight * (1.0 + inverse.quadratic(&scores[1..])?);
            if left <= LEVERAGE_ROUNDING {
                return Err(Error::Invalid {
                    what: "leverage of a row (1)",
                });
            }
            scores[0] = 1.0;
            let scaled = weight * fit.residuals[t] / left;
            for slot in &mut scores {
                *slot *= scaled;
            }
            for (i, a) in scores.iter().enumerate() {
                for (j, b) in scores.iter().enumerate() {
                    covariance.add(i, j, a * b);
                }
            }
        }
        Ok(self.sandwich(inverse, &covariance))
    }

    /// Newey–West standard errors of intercept and coefficients: Bartlett weights `1 − l/(lags + 1)`, lags counted in sessions (a session
    /// without a row scores 0), scores `w·x·e`, no small-sample correction.
    ///
    /// The sum is taken as that of `c·c'/(lags + 1)` over all windows of `lags + 1` consecutive sessions, `c` the sum of the scores in the
    /// window: the same number, and never negative. [`Error::Shape`] for a fit of another design, [`Error::Invalid`] unless there are more
    /// rows than lags.
    pub fn newey_west_errors(&self, fit: &Fit, lags: usize) -> Result<StandardErrors, Error> {
        self.require_own(fit)?;
        if lags >= self.n() {
            return Err(Error::Invalid {
                what: "number of lags",
            });
        }
        // Zeros before, after and where there is no row. Rows further apart than a window do not meet, however far.
        let mut runs: Vec<(usize, Range<usize>)> = Vec::new();
        let (mut place, mut before) = (lags, self.sessions[0]);
        for (row, &session) in self.sessions.iter().enumerate() {
            place += (session - before).min(lags + 1);
            match runs.last_mut() {
                Some((_, rows)) if session == before + 1 => rows.end = row + 1,
                _ => runs.push((place, row..row + 1)),
            }
            before = session;
        }
        let windows = place + 1;
        let size = self.columns + 1; // slot 0 is the intercept
        let mut scaled = vec![0.0; self.n()];
        lanes::products(&mut scaled, &self.weights, &fit.residuals);
        let mut scores = vec![0.0; windows + lags];
        let mut sums = vec![0.0; size * windows];
        for (slot, sums) in sums.chunks_exact_mut(windows).enumerate() {
            for (place, rows) in &runs {
                let scores = &mut scores[*place..*place + rows.len()];
                let scaled = &scaled[rows.clone()];
                if slot == 0 {
                    scores.copy_from_slice(scaled);
                } else {
                    lanes::products(scores, scaled, &self.column(slot - 1)[rows.clone()]);
                }
            }
            lanes::window_sums(sums, &scores, lags + 1);
        }
        let mut covariance = Matrix::zeros(size, size);
        let of = |slot: usize| &sums[slot * windows..(slot + 1) * windows];
        for i in 0..size {
            let mut set = |j: usize, sum: f64| {
                covariance.set(i, j, sum / (lags as f64 + 1.0));
                covariance.set(j, i, sum / (lags as f64 + 1.0));
            };
            // Two at a time; an odd one out is the last.
            for j in (0..=i).step_by(2) {
                if j < i {
                    let (one, next) = lanes::dot_both(of(i), of(j), of(j + 1));
                    set(j, one);
                    set(j + 1, next);
                } else {
                    set(j, lanes::dot(of(i), of(j)));
                }
            }
        }
        Ok(self.sandwich(self.inverse_of(fit), &covariance))
    }

    /// Errors from the covariance of the scores; score 0 is that of the intercept.
    fn sandwich(&self, inverse: &Matrix, covariance: &Matrix) -> StandardErrors {
        let k = self.columns;
        // Rows of the linear map from scores to parameters; with centred columns the intercept is score 0 minus x̄'·(coefficients).
        let variance = |map: &[f64]| {
            let mut sum = 0.0;
            for (i, left) in map.iter().enumerate() {
                sum += left * dot(covariance.row(i), map);
            }
            at_least_zero(sum).sqrt()
        };
        let mut map = vec![0.0; k + 1];
        let mut coefficients = Vec::with_capacity(k);
        for row in 0..k {
            map[1..].copy_from_slice(inverse.row(row));
            coefficients.push(variance(&map));
        }
        map[0] = 1.0;
        for (j, slot) in map[1..].iter_mut().enumerate() {
            *slot = -dot(&self.means, inverse.row(j));
        }
        StandardErrors {
            alpha: variance(&map),
            coefficients,
        }
    }

    fn inverse_of<'a>(&'a self, fit: &'a Fit) -> &'a Matrix {
        fit.inverse.as_ref().unwrap_or(&self.swept.inverse)
    }

    fn require_own(&self, fit: &Fit) -> Result<(), Error> {
        for (what, have, need) in [
            ("residuals", fit.residuals.len(), self.n()),
            ("coefficients", fit.coefficients.len(), self.columns),
        ] {
            if have != need {
                return Err(Error::Shape { what, have, need });
            }
        }
        Ok(())
    }
}
