//! Weighted least squares with an intercept, on a design that many regressions share.
//!
//! Weights sum to 1 over the rows used. Columns are centred by their weighted means once; a fit then costs one pass over the rows.
//! The intercept is never penalised. A column that depends on earlier ones (or is constant) gets coefficient 0 and is marked.
//!
//! **Source.** Hoerl and Kennard 1970 (the penalty), Hastie, Tibshirani and Friedman 2009, section 3.4.1 (effective degrees of freedom), Goodnight 1979
//! (dependent columns by sweeping), Belsley, Kuh and Welsch 1980 (variance inflation).
//!
//! **NaN.** No missing values: regressors, regressands and weights that are NaN or infinite are [`Error::Invalid`]. Coefficients are in units of y per unit of
//! the column.

use super::{
    Error, lanes,
    linalg::{Matrix, Swept, dot},
    weights,
};

/// A pivot below this share of its diagonal is collinearity, not data: a variance inflation above 1e10.
const COLLINEAR: f64 = 1e-10;

/// Sums of squares below this share of their reference are rounding: a perfect fit has error exactly 0.
const ROUNDING: f64 = 1e-20;

/// Rows, weights and centred columns of a regression.
#[derive(Debug, Clone, PartialEq)]
pub struct Design {
    pub(super) sessions: Vec<usize>,
    pub(super) weights: Vec<f64>,
    n_eff: f64,
    pub(super) columns: usize,
    pub(super) means: Vec<f64>,
    /// Columns less their means, one after the other.
    centred: Vec<f64>,
    gram: Matrix,
    pub(super) swept: Swept,
}

impl Design {
    /// A design of `sessions.len()` rows. `sessions` are the positions of the rows in their window (ascending, for the lags of Newey–West), `rows`
    /// the regressors row by row, without the intercept, all finite; `weights` are positive and get normalised to sum 1.
    ///
    /// [`Error::Insufficient`] without rows, [`Error::Shape`] when rows or weights have another length, [`Error::Invalid`] for a regressor that is
    /// NaN or infinite, sessions that do not ascend or a weight that is not positive.
    pub fn new(
        sessions: Vec<usize>,
        rows: &[f64],
        columns: usize,
        weights: &[f64],
    ) -> Result<Self, Error> {
        let n = sessions.len();
        if n == 0 {
            return Err(Error::Insufficient { have: 0, need: 1 });
        }
        for (what, have, need) in [
            ("rows", rows.len(), n * columns),
            ("weights", weights.len(), n),
        ] {
            if have != need {
                return Err(Error::Shape { what, have, need });
            }
        }
        if rows.iter().any(|value| !super::is_number(*value)) {
            return Err(Error::Invalid { what: "regressor" });
        }
        if sessions.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(Error::Invalid {
                what: "order of sessions",
            });
        }
        if weights
            .iter()
            .any(|weight| !(weight.is_finite() && *weight > 0.0))
        {
            return Err(Error::Invalid { what: "weight" });
        }
        let total: f64 = weights.iter().sum();
        let weights: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
        let n_eff = weights::n_eff(&weights).ok_or(Error::Invalid { what: "weight" })?;
        let mut centred = vec![0.0; n * columns];
        for (t, row) in chunks(rows, columns).take(n).enumerate() {
            for (k, value) in row.iter().enumerate() {
                centred[k * n + t] = *value;
            }
        }
        let mut means = Vec::with_capacity(columns);
        let mut gram = Matrix::zeros(columns, columns);
        let mut weighted = vec![0.0; n];
        for k in 0..columns {
            let (earlier, own) = centred.split_at_mut(k * n);
            let own = &mut own[..n];
            let mean = lanes::dot(&weights, own);
            for value in own.iter_mut() {
                *value -= mean;
            }
            means.push(mean);
            lanes::products(&mut weighted, &weights, own);
            let square = lanes::dot(&weighted, own);
            // A constant column: what is left after centring is rounding.
            if square <= ROUNDING * (square + mean * mean) {
                own.fill(0.0);
                continue;
            }
            gram.set(k, k, square);
            for (j, other) in chunks(earlier, n).take(k).enumerate() {
                let product = lanes::dot(&weighted, other);
                gram.set(k, j, product);
                gram.set(j, k, product);
            }
        }
        let swept = gram.sweep_inverse(COLLINEAR)?;
        Ok(Self {
            sessions,
            weights,
            n_eff,
            columns,
            means,
            centred,
            gram,
            swept,
        })
    }

    /// Number of rows.
    pub fn n(&self) -> usize {
        self.sessions.len()
    }

    /// Number of regressors without the intercept.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Effective number of rows (Kish), `1/Σw²`, between 1 and their number.
    pub fn n_eff(&self) -> f64 {
        self.n_eff
    }

    /// The weights in row order, sum 1.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Weighted covariance of the columns (`Σ w·(x − x̄)(x − x̄)'`), the Gram matrix of every fit: a row and a column per column, in
    /// their units squared.
    pub fn gram(&self) -> &Matrix {
        &self.gram
    }

    /// Weighted second moments `Σ w·z·z'` of intercept and columns, `z = (1, x)`, means not removed; the intercept comes first.
    pub fn moments(&self) -> Matrix {
        let mut moments = Matrix::zeros(self.columns + 1, self.columns + 1);
        moments.set(0, 0, 1.0);
        for (i, mean) in self.means.iter().enumerate() {
            moments.set(0, i + 1, *mean);
            moments.set(i + 1, 0, *mean);
            for (j, other) in self.means.iter().enumerate() {
                moments.set(i + 1, j + 1, self.gram.at(i, j) + mean * other);
            }
        }
        moments
    }

    /// Per column: `true` when it is constant or a linear combination of earlier columns and has coefficient 0 without a penalty.
    pub fn collinear(&self) -> Vec<bool> {
        self.swept.kept.iter().map(|kept| !kept).collect()
    }

    /// Variance inflation factor per column, `1/(1 − R²)` of the column on the others; `None` for a [`collinear`](Self::collinear) one.
    pub fn variance_inflation(&self) -> Vec<Option<f64>> {
        (0..self.columns)
            .map(|k| self.swept.kept[k].then(|| self.gram.at(k, k) * self.swept.inverse.at(k, k)))
            .collect()
    }

    /// Minimises `Σ w·(y − α − x'γ)² + Σ penalty_k·γ_k²`; `penalty` is empty for none, else one non-negative number per column, in units of
    /// y squared per unit of γ squared.
    ///
    /// [`Error::Shape`] when `y` or `penalty` has another length, [`Error::Invalid`] for a NaN or infinite entry or a negative penalty.
    pub fn fit(&self, y: &[f64], penalty: &[f64]) -> Result<Fit, Error> {
        self.fit_target(&self.target(y)?, penalty)
    }

    /// What all fits of one `y` on this design share.
    pub(super) fn target(&self, y: &[f64]) -> Result<Target, Error> {
        if y.len() != self.n() {
            return Err(Error::Shape {
                what: "regressand",
                have: y.len(),
                need: self.n(),
            });
        }
        if y.iter().any(|value| !super::is_number(*value)) {
            return Err(Error::Invalid { what: "regressand" });
        }
        let mean = lanes::dot(&self.weights, y);
        let centred: Vec<f64> = y.iter().map(|value| value - mean).collect();
        let mut weighted = vec![0.0; y.len()];
        lanes::products(&mut weighted, &self.weights, &centred);
        let total = lanes::dot(&weighted, &centred);
        if total <= ROUNDING * (total + mean * mean) {
            return Ok(Target {
                mean,
                centred,
                total: 0.0,
                moments: vec![0.0; self.columns],
            });
        }
        let moments = (0..self.columns)
            .map(|k| lanes::dot(&weighted, self.column(k)))
            .collect();
        Ok(Target {
            mean,
            centred,
            total,
            moments,
        })
    }

    /// See [`fit`](Self::fit).
    pub(super) fn fit_target(&self, target: &Target, penalty: &[f64]) -> Result<Fit, Error> {
        if penalty
            .iter()
            .any(|value| !(value.is_finite() && *value >= 0.0))
        {
            return Err(Error::Invalid { what: "penalty" });
        }
        let (inverse, freedom) = if penalty.iter().all(|value| *value <= 0.0) {
            (
                None,
                1.0 + self.swept.kept.iter().filter(|kept| **kept).count() as f64,
            )
        } else {
            let (inverse, trace) = self.penalised_inverse(penalty)?;
            (Some(inverse), 1.0 + trace)
        };
        let coefficients = inverse
            .as_ref()
            .unwrap_or(&self.swept.inverse)
            .multiply_vector(&target.moments)?;
        let mut residuals = target.centred.clone();
        for (k, coefficient) in coefficients.iter().enumerate() {
            lanes::add_scaled(&mut residuals, -coefficient, self.column(k));
        }
        let mut error = self.weighted_square(&residuals);
        if target.total <= 0.0 || error <= ROUNDING * target.total {
            error = 0.0;
            residuals.fill(0.0);
        }
        let alpha = target.mean - dot(&self.means, &coefficients);
        Ok(Fit {
            alpha,
            coefficients,
            residuals,
            error,
            total: target.total,
            freedom,
            inverse,
        })
    }

    /// A column less its mean.
    pub(super) fn column(&self, k: usize) -> &[f64] {
        &self.centred[k * self.n()..(k + 1) * self.n()]
    }

    /// `Σ w·e²`.
    fn weighted_square(&self, e: &[f64]) -> f64 {
        let mut weighted = vec![0.0; e.len()];
        lanes::products(&mut weighted, &self.weights, e);
        lanes::dot(&weighted, e)
    }

    /// `(G + P)⁻¹` and `tr((G + P)⁻¹·G)`.
    fn penalised_inverse(&self, penalty: &[f64]) -> Result<(Matrix, f64), Error> {
        if penalty.len() != self.columns {
            return Err(Error::Shape {
                what: "penalty",
                have: penalty.len(),
                need: self.columns,
            });
        }
        let mut penalised = self.gram.clone();
        for (k, value) in penalty.iter().enumerate() {
            penalised.add(k, k, *value);
        }
        let inverse = penalised.sweep_inverse(COLLINEAR)?.inverse;
        let trace = (0..self.columns)
            .map(|i| dot(inverse.row(i), self.gram.row(i)))
            .sum();
        Ok((inverse, trace))
    }
}

fn chunks(rows: &[f64], columns: usize) -> impl Iterator<Item = &[f64]> {
    // Without columns there is still one (empty) row per session.
    let empty = if columns == 0 { usize::MAX } else { 0 };
    rows.chunks_exact(columns.max(1))
        .chain(std::iter::repeat_n(&[][..], empty))
}

/// A regressand on a design.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Target {
    mean: f64,
    centred: Vec<f64>,
    /// `Σ w·(y − ȳ)²`; 0 for a constant up to rounding.
    total: f64,
    /// `Σ w·(y − ȳ)·x`, one per column.
    moments: Vec<f64>,
}

/// Coefficients and residuals of one fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// Intercept, in the unit of y.
    pub alpha: f64,
    /// One per column; 0 for a column left out as collinear.
    pub coefficients: Vec<f64>,
    /// `y − α − x'γ`, one per row; all exactly 0 when the fit is perfect up to rounding.
    pub residuals: Vec<f64>,
    /// `Σ w·e²`; exactly 0 when the fit is perfect up to rounding.
    pub error: f64,
    /// `Σ w·(y − ȳ)²`; exactly 0 when y is constant up to rounding.
    pub total: f64,
    /// Effective degrees of freedom `1 + tr((G + P)⁻¹·G)`, the intercept included.
    pub freedom: f64,
    /// `(G + P)⁻¹` of a penalised fit; `None` stands for that of the design.
    pub(super) inverse: Option<Matrix>,
}

impl Fit {
    /// Share of the variance that is explained, `1 − Σw·e²/Σw·(y − ȳ)²`; `None` for a constant y.
    pub fn r_squared(&self) -> Option<f64> {
        (self.total > 0.0).then(|| 1.0 - self.error / self.total)
    }

    /// Residual variance `Σ w·e²·n_eff/(n_eff − edf)` per session, in units of y squared; `None` when `n_eff ≤ edf`, or for an `n_eff` that is
    /// NaN or infinite.
    pub fn residual_variance(&self, n_eff: f64) -> Option<f64> {
        (n_eff.is_finite() && n_eff > self.freedom)
            .then(|| self.error * n_eff / (n_eff - self.freedom))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_column_and_a_copy_get_coefficient_zero() {
        let x = [1.0, 4.0, 2.0, 8.0, 5.0];
        let rows: Vec<f64> = x
            .iter()
            .flat_map(|&value| [value, 0.1, 2.0 * value])
            .collect();
        let design = Design::new((0..5).collect(), &rows, 3, &[1.0; 5]).unwrap();
        assert_eq!(design.collinear(), [false, true, true]);
        let y: Vec<f64> = x.iter().map(|value| 3.0 + 0.5 * value).collect();
        let fit = design.fit(&y, &[]).unwrap();
        assert!((fit.coefficients[0] - 0.5).abs() < 1e-14 && (fit.alpha - 3.0).abs() < 1e-14);
        assert_eq!(fit.coefficients[1..], [0.0, 0.0]);
        assert_eq!((fit.error, fit.r_squared()), (0.0, Some(1.0)));
        assert_eq!(
            design.newey_west_errors(&fit, 2).unwrap().coefficients,
            [0.0; 3]
        );
    }

    #[test]
    fn a_constant_regressand_has_no_r_squared() {
        let design = Design::new(vec![0, 1, 2], &[1.0, 2.0, 4.0], 1, &[1.0, 2.0, 3.0]).unwrap();
        let fit = design.fit(&[0.1, 0.1, 0.1], &[]).unwrap();
        assert_eq!(
            (fit.coefficients[0], fit.error, fit.r_squared()),
            (0.0, 0.0, None)
        );
        assert!((fit.alpha - 0.1).abs() < 1e-16);
    }

    #[test]
    fn no_columns_is_a_mean() {
        let design = Design::new(vec![0, 1], &[], 0, &[1.0, 3.0]).unwrap();
        let fit = design.fit(&[1.0, 2.0], &[]).unwrap();
        assert!((fit.alpha - 1.75).abs() < 1e-15 && (fit.error - 0.1875).abs() < 1e-15);
    }

    #[test]
    fn wrong_inputs_are_errors() {
        assert!(Design::new(vec![], &[], 1, &[]).is_err());
        assert!(Design::new(vec![0], &[1.0, 2.0], 1, &[1.0]).is_err());
        assert!(Design::new(vec![0], &[f64::NAN], 1, &[1.0]).is_err());
        assert!(Design::new(vec![0], &[1.0], 1, &[0.0]).is_err());
        assert!(Design::new(vec![1, 1], &[1.0, 2.0], 1, &[1.0, 1.0]).is_err());
        let design = Design::new(vec![0, 1], &[1.0, 2.0], 1, &[1.0, 1.0]).unwrap();
        let other = Design::new(vec![0], &[], 0, &[1.0]).unwrap();
        assert!(
            design
                .newey_west_errors(&other.fit(&[1.0], &[]).unwrap(), 1)
                .is_err()
        );
        assert!(design.fit(&[1.0], &[]).is_err());
        assert!(design.fit(&[1.0, f64::NAN], &[]).is_err());
        assert!(design.fit(&[1.0, 2.0], &[1.0, 1.0]).is_err());
        assert!(design.fit(&[1.0, 2.0], &[f64::INFINITY]).is_err());
    }
}
