//! One-off regressions: least squares with an intercept, ridge on standardised columns, shrinkage of a beta.

use super::{Error, design::Design, linalg::Matrix, special, standard_errors::StandardErrors};

/// Which standard errors a regression reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errors {
    /// Residual variance times the inverse Gram matrix.
    Classical,
    /// Newey–West with Bartlett weights over this many lags, no small-sample correction. Rows are consecutive sessions.
    NeweyWest(usize),
}

/// Result of [`least_squares`].
#[derive(Debug, Clone, PartialEq)]
pub struct Regression {
    /// Intercept, in the unit of y.
    pub alpha: f64,
    /// One per column; 0 for a column left out as collinear.
    pub coefficients: Vec<f64>,
    /// Standard errors.
    pub errors: StandardErrors,
    /// Coefficient over standard error; `None` when the error is 0.
    pub t: Vec<Option<f64>>,
    /// Two-sided p-value of t with n − k − 1 degrees of freedom.
    pub p: Vec<Option<f64>>,
    /// Weighted R²; `None` for a constant y.
    pub r_squared: Option<f64>,
    /// `1 − (1 − R²)·(n − 1)/(n − k − 1)`.
    pub adjusted_r_squared: Option<f64>,
    /// Residuals in row order.
    pub residuals: Vec<f64>,
    /// Rows.
    pub n: usize,
}

/// Ordinary (no `weights`) or weighted least squares of `y` on `columns` with an intercept.
///
/// Every entry must be finite: rows with a missing value are the caller's to leave out. Weights are positive, their scale is
/// irrelevant. [`Error::Insufficient`] unless n exceeds the number of parameters.
pub fn least_squares(
    columns: &[&[f64]],
    y: &[f64],
    weights: Option<&[f64]>,
    errors: Errors,
) -> Result<Regression, Error> {
    let n = y.len();
    let need = columns.len() + 2;
    if n < need {
        return Err(Error::Insufficient { have: n, need });
    }
    let rows = interleave(columns, n)?;
    let equal = vec![1.0; n];
    let design = Design::new(
        (0..n).collect(),
        &rows,
        columns.len(),
        weights.unwrap_or(&equal),
    )?;
    let fit = design.fit(y, &[])?;
    let errors = match errors {
        Errors::Classical => design
            .classical_errors(&fit)
            .ok_or(Error::Insufficient { have: n, need })?,
        Errors::NeweyWest(lags) => design.newey_west_errors(&fit, lags)?,
    };
    let left = (n + 1 - need) as f64;
    let t: Vec<Option<f64>> = (fit.coefficients.iter().zip(&errors.coefficients))
        .map(|(coefficient, error)| (*error > 0.0).then(|| coefficient / error))
        .collect();
    let p = t
        .iter()
        .map(|t| t.and_then(|t| special::student_t_p(t, left)))
        .collect();
    let r_squared = fit.r_squared();
    let adjusted_r_squared =
        r_squared.map(|r_squared| 1.0 - (1.0 - r_squared) * (n - 1) as f64 / left);
    Ok(Regression {
        alpha: fit.alpha,
        coefficients: fit.coefficients,
        errors,
        t,
        p,
        r_squared,
        adjusted_r_squared,
        residuals: fit.residuals,
        n,
    })
}

/// Variance inflation factor of each column, `1/(1 − R²)` on the others; `None` for a constant column or one that depends on earlier ones.
pub fn variance_inflation(
    columns: &[&[f64]],
    weights: Option<&[f64]>,
) -> Result<Vec<Option<f64>>, Error> {
    let n = columns.first().map_or(0, |column| column.len());
    let rows = interleave(columns, n)?;
    let equal = vec![1.0; n];
    Ok(Design::new(
        (0..n).collect(),
        &rows,
        columns.len(),
        weights.unwrap_or(&equal),
    )?
    .variance_inflation())
}

/// Result of [`ridge`].
#[derive(Debug, Clone, PartialEq)]
pub struct Ridge {
    /// Intercept.
    pub alpha: f64,
    /// Coefficients in the units of the columns.
    pub coefficients: Vec<f64>,
    /// In-sample R²; `None` for a constant y.
    pub r_squared: Option<f64>,
}

/// Textbook ridge: columns standardised (ddof 0), `‖y_c − Zβ‖² + penalty·‖β‖²`, coefficients transformed back. Not the joint factor
/// model, which penalises raw coefficients ([`super::factors`]).
pub fn ridge(columns: &[&[f64]], y: &[f64], penalty: f64) -> Result<Ridge, Error> {
    let n = y.len();
    if n == 0 {
        return Err(Error::Insufficient { have: 0, need: 1 });
    }
    let mut rows = Matrix::new(n, columns.len(), interleave(columns, n)?)?;
    let mut scales = Vec::with_capacity(columns.len());
    for (j, column) in columns.iter().enumerate() {
        let mean = column.iter().sum::<f64>() / n as f64;
        let scale = (column
            .iter()
            .map(|value| (value - mean) * (value - mean))
            .sum::<f64>()
            / n as f64)
            .sqrt();
        // A constant column stays constant and gets coefficient 0 from the design.
        let scale = if scale > 0.0 { scale } else { 1.0 };
        for (i, value) in column.iter().enumerate() {
            rows.set(i, j, value / scale);
        }
        scales.push(scale);
    }
    let design = Design::new((0..n).collect(), rows.data(), columns.len(), &vec![1.0; n])?;
    // The design averages over rows, the objective sums over them.
    let fit = design.fit(y, &vec![penalty / n as f64; columns.len()])?;
    Ok(Ridge {
        alpha: fit.alpha,
        r_squared: fit.r_squared(),
        coefficients: fit
            .coefficients
            .iter()
            .zip(&scales)
            .map(|(coefficient, scale)| coefficient / scale)
            .collect(),
    })
}

/// Blume's adjustment `0.67·β + 0.33`.
pub fn blume(beta: f64) -> f64 {
    0.67 * beta + 0.33
}

/// Vasicek's adjustment: the mean of β and the prior, each weighted by the inverse of its variance.
///
/// A standard error of 0 gives β itself, an infinite one the prior mean. `prior_deviation` is positive.
pub fn vasicek(beta: f64, standard_error: f64, prior_mean: f64, prior_deviation: f64) -> f64 {
    let (own, prior) = (
        standard_error * standard_error,
        prior_deviation * prior_deviation,
    );
    if own <= 0.0 {
        beta
    } else if own.is_infinite() {
        prior_mean
    } else {
        (beta / own + prior_mean / prior) / (1.0 / own + 1.0 / prior)
    }
}

/// A raw beta beyond ±5 is suspicious data, not a reason to clip.
pub const EXTREME_BETA: f64 = 5.0;

/// Whether `|β| > 5`: shown as a flag, the number stays.
pub fn is_extreme(beta: f64) -> bool {
    beta.abs() > EXTREME_BETA
}

/// Columns to rows.
fn interleave(columns: &[&[f64]], n: usize) -> Result<Vec<f64>, Error> {
    for column in columns {
        if column.len() != n {
            return Err(Error::Shape {
                what: "column",
                have: column.len(),
                need: n,
            });
        }
    }
    Ok((0..n)
        .flat_map(|row| columns.iter().map(move |column| column[row]))
        .collect())
}

#[cfg(test)]
#[expect(clippy::unreadable_literal, reason = "golden numbers as printed")]
mod tests {
    use super::*;

    const X: [f64; 10] = [
        0.010, -0.008, 0.004, 0.012, -0.015, 0.006, -0.002, 0.009, -0.011, 0.003,
    ];
    const Y: [f64; 10] = [
        0.014, -0.011, 0.003, 0.019, -0.020, 0.010, -0.001, 0.010, -0.017, 0.006,
    ];
    const X2: [f64; 10] = [
        0.012, -0.006, 0.003, 0.015, -0.014, 0.004, -0.003, 0.010, -0.013, 0.005,
    ];

    fn close(have: f64, want: f64, tolerance: f64) {
        assert!((have - want).abs() <= tolerance, "have {have}, want {want}");
    }

    #[test]
    fn g1_ordinary_least_squares() {
        let fit = least_squares(&[&X], &Y, None, Errors::Classical).unwrap();
        close(fit.alpha, 0.0001764113, 1e-10);
        close(fit.coefficients[0], 1.4044858871, 1e-10);
        close(fit.errors.coefficients[0], 0.0694929049, 1e-10);
        close(fit.t[0].unwrap(), 20.2104932648, 1e-10);
        close(fit.p[0].unwrap(), 3.752084056e-08, 1e-17);
        close(fit.r_squared.unwrap(), 0.9807906583, 1e-10);
        close(fit.adjusted_r_squared.unwrap(), 0.9783894906, 1e-10);
    }

    #[test]
    fn g1_newey_west() {
        let fit = least_squares(&[&X], &Y, None, Errors::NeweyWest(2)).unwrap();
        close(fit.errors.coefficients[0], 0.0301689165, 1e-10);
        close(fit.errors.alpha, 0.0004529071, 1e-10);
    }

    #[test]
    fn g1_exponential_weights() {
        let weights: Vec<f64> = (0..10).map(|t| libm::pow(0.9, f64::from(9 - t))).collect();
        let fit = least_squares(&[&X], &Y, Some(&weights), Errors::Classical).unwrap();
        close(fit.alpha, 0.0001828002, 1e-10);
        close(fit.coefficients[0], 1.4100741631, 1e-10);
    }

    #[test]
    fn g1_properties_of_the_slope() {
        let base = least_squares(&[&X], &Y, None, Errors::Classical).unwrap();
        let line: Vec<f64> = X.iter().map(|x| 0.002 + 1.7 * x).collect();
        let exact = least_squares(&[&X], &line, None, Errors::Classical).unwrap();
        close(exact.coefficients[0], 1.7, 1e-13);
        assert_eq!((exact.r_squared, exact.t[0]), (Some(1.0), None));
        let scaled: Vec<f64> = Y.iter().map(|y| 3.0 * y + 0.01).collect();
        let moved = least_squares(&[&X], &scaled, None, Errors::Classical).unwrap();
        close(moved.coefficients[0], 3.0 * base.coefficients[0], 1e-12);
        close(moved.alpha, 3.0 * base.alpha + 0.01, 1e-12);
    }

    #[test]
    fn g2_shrinkage_of_beta() {
        let fit = least_squares(&[&X], &Y, None, Errors::Classical).unwrap();
        let (beta, error) = (fit.coefficients[0], fit.errors.coefficients[0]);
        close(blume(beta), 1.2710055444, 1e-10);
        close(vasicek(beta, error, 1.0, 0.3), 1.3838870868, 1e-10);
        close(vasicek(beta, 0.0, 1.0, 0.3), beta, 0.0);
        close(vasicek(beta, 1e9, 1.0, 0.3), 1.0, 1e-12);
        close(vasicek(beta, f64::INFINITY, 1.0, 0.3), 1.0, 0.0);
        assert!(is_extreme(7.3) && !is_extreme(-5.0));
    }

    #[test]
    fn g3_ridge() {
        for (penalty, first, second, r_squared) in [
            (0.0, 1.0771527878, 0.3101379509, 0.9824816633),
            (1.0, 0.7209814041, 0.5792885309, 0.9786235066),
            (10.0, 0.4743437094, 0.4318549002, 0.8703475441),
        ] {
            let fit = ridge(&[&X, &X2], &Y, penalty).unwrap();
            close(fit.coefficients[0], first, 1e-10);
            close(fit.coefficients[1], second, 1e-10);
            close(fit.r_squared.unwrap(), r_squared, 1e-10);
        }
        // Printed as 32.5047850, made from the rounded correlation; all digits give 32.5047852.
        close(
            variance_inflation(&[&X, &X2], None).unwrap()[0].unwrap(),
            32.5047850,
            1e-6,
        );
        let all: Vec<Ridge> = [0.0, 0.1, 1.0, 10.0, 1e9]
            .iter()
            .map(|p| ridge(&[&X, &X2], &Y, *p).unwrap())
            .collect();
        assert!(
            all.windows(2)
                .all(|pair| pair[0].r_squared >= pair[1].r_squared)
        );
        assert!(
            all[4]
                .coefficients
                .iter()
                .all(|coefficient| coefficient.abs() < 1e-7)
        );
        // Orthonormal design: each coefficient shrinks by n/(n + penalty).
        let (a, b, y) = (
            [1.0, 1.0, -1.0, -1.0],
            [1.0, -1.0, 1.0, -1.0],
            [3.0, 1.0, 2.0, -5.0],
        );
        let (plain, shrunk) = (
            ridge(&[&a, &b], &y, 0.0).unwrap(),
            ridge(&[&a, &b], &y, 2.0).unwrap(),
        );
        for (free, held) in plain.coefficients.iter().zip(&shrunk.coefficients) {
            close(*held, free * 4.0 / 6.0, 1e-14);
        }
    }

    #[test]
    fn wrong_inputs_are_errors() {
        assert!(least_squares(&[&X], &Y[..9], None, Errors::Classical).is_err());
        assert!(least_squares(&[&[1.0, 2.0]], &[1.0, 2.0], None, Errors::Classical).is_err());
        assert!(least_squares(&[&X], &[f64::NAN; 10], None, Errors::Classical).is_err());
        assert!(ridge(&[], &[], 1.0).is_err());
        assert!(ridge(&[&X], &Y, -1.0).is_err());
    }
}
