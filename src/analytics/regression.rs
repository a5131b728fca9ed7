//! One-off regressions: ordinary or weighted least squares with an intercept, and everything a table of results has.
//!
//! **Source.** Belsley, Kuh and Welsch 1980 (condition numbers, variance inflation), `MacKinnon` and White 1985 (HC3), Newey and West 1987, Durbin and Watson 1950.
//!
//! **NaN.** No missing values: rows with one are the caller's to leave out, and NaN or infinite entries are [`Error::Invalid`].

use super::{
    Error,
    design::Design,
    inference::{self, Inference, StudentT},
    linalg::Matrix,
    standard_errors::StandardErrors,
};

/// Which standard errors a regression reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errors {
    /// Residual variance times the inverse Gram matrix.
    Classical,
    /// White's heteroskedasticity-consistent errors, variant HC3.
    Hc3,
    /// Newey–West with Bartlett weights over this many lags, no small-sample correction. Rows are consecutive sessions.
    NeweyWest(usize),
}

/// Condition numbers of a design with its intercept: largest over smallest singular value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Condition {
    /// Of the columns in their units (statsmodels `condition_number`); with returns beside an intercept of 1 it says little.
    pub raw: f64,
    /// Of the columns scaled to equal length, free of units (Belsley): above 30 is trouble.
    pub scaled: f64,
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
    /// t, p and 95 % interval of the intercept, n − k − 1 degrees of freedom (k without the columns left out).
    pub alpha_inference: Inference,
    /// The same of the coefficients; nothing for a column left out as collinear.
    pub inference: Vec<Inference>,
    /// Weighted R²; `None` for a constant y.
    pub r_squared: Option<f64>,
    /// `1 − (1 − R²)·(n − 1)/(n − k − 1)`.
    pub adjusted_r_squared: Option<f64>,
    /// Durbin–Watson of the residuals; `None` for a perfect fit.
    pub durbin_watson: Option<f64>,
    /// How near the columns (and the intercept) are to depending on each other; `None` when they do.
    pub condition: Option<Condition>,
    /// Residuals in row order.
    pub residuals: Vec<f64>,
    /// Rows.
    pub n: usize,
}

/// Ordinary (no `weights`) or weighted least squares of `y` on `columns` with an intercept.
///
/// Every entry must be finite: rows with a missing value are the caller's to leave out. Weights are positive, their scale is
/// irrelevant. [`Error::Insufficient`] unless n exceeds the number of parameters, [`Error::Shape`] unless columns and weights are as long as
/// `y`, [`Error::Invalid`] for an entry that is NaN or infinite, a weight that is not positive, or lags and leverages as in
/// [`Design::newey_west_errors`] and [`Design::hc3_errors`].
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
        Errors::Hc3 => design.hc3_errors(&fit)?,
        Errors::NeweyWest(lags) => design.newey_west_errors(&fit, lags)?,
    };
    let left = n as f64 - free_parameters(&design);
    let student = StudentT::new(left).ok_or(Error::Insufficient { have: n, need })?;
    let inference = (design.collinear().iter())
        .zip(fit.coefficients.iter().zip(&errors.coefficients))
        .map(|(collinear, (coefficient, error))| {
            if *collinear {
                Inference::default()
            } else {
                student.of(*coefficient, *error)
            }
        })
        .collect();
    let r_squared = fit.r_squared();
    Ok(Regression {
        alpha_inference: student.of(fit.alpha, errors.alpha),
        inference,
        adjusted_r_squared: r_squared
            .map(|r_squared| 1.0 - (1.0 - r_squared) * (n - 1) as f64 / left),
        r_squared,
        durbin_watson: inference::durbin_watson(&fit.residuals),
        condition: condition(&design)?,
        alpha: fit.alpha,
        coefficients: fit.coefficients,
        errors,
        residuals: fit.residuals,
        n,
    })
}

/// Intercept and columns that are not left out.
fn free_parameters(design: &Design) -> f64 {
    1.0 + design
        .collinear()
        .iter()
        .filter(|left_out| !**left_out)
        .count() as f64
}

/// Both numbers of a design.
fn condition(design: &Design) -> Result<Option<Condition>, Error> {
    let raw = condition_of(design, &design.moments())?;
    let scaled = scaled_condition(design)?;
    Ok(raw
        .zip(scaled)
        .map(|(raw, scaled)| Condition { raw, scaled }))
}

/// Largest over smallest singular value of the columns of a design and its intercept, scaled to equal length (Belsley): at least 1, free of
/// units, above 30 is trouble. `None` where a column depends on the others, or is constant at 0.
pub(super) fn scaled_condition(design: &Design) -> Result<Option<f64>, Error> {
    let moments = design.moments();
    let size = moments.rows();
    let mut scaled = moments.clone();
    for i in 0..size {
        for j in 0..size {
            let length = (moments.at(i, i) * moments.at(j, j)).sqrt();
            if length <= 0.0 {
                return Ok(None);
            }
            scaled.set(i, j, moments.at(i, j) / length);
        }
    }
    condition_of(design, &scaled)
}

/// From the eigenvalues of the moment matrix of intercept and columns.
fn condition_of(design: &Design, moments: &Matrix) -> Result<Option<f64>, Error> {
    if design.collinear().contains(&true) {
        return Ok(None);
    }
    let values = moments.symmetric_eigen()?.values;
    Ok(values
        .first()
        .zip(values.last())
        .map(|(smallest, largest)| (largest / smallest).sqrt())
        .filter(|ratio| ratio.is_finite()))
}

/// Variance inflation factor of each column, `1/(1 − R²)` on the others; `None` for a constant column or one that depends on earlier ones.
///
/// `weights` are positive; without them all rows count alike. [`Error::Insufficient`] without rows, [`Error::Shape`] unless all have one
/// length, [`Error::Invalid`] for an entry that is NaN or infinite or a weight that is not positive.
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

/// Columns to rows.
pub(super) fn interleave(columns: &[&[f64]], n: usize) -> Result<Vec<f64>, Error> {
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
    use super::super::fixtures::{X, Y};
    use super::*;

    fn close(have: f64, want: f64, tolerance: f64) {
        assert!((have - want).abs() <= tolerance, "have {have}, want {want}");
    }

    #[test]
    fn g1_ordinary_least_squares() {
        let fit = least_squares(&[&X], &Y, None, Errors::Classical).unwrap();
        close(fit.alpha, 0.0001764113, 1e-10);
        close(fit.coefficients[0], 1.4044858871, 1e-10);
        close(fit.errors.coefficients[0], 0.0694929049, 1e-10);
        close(fit.inference[0].t.unwrap(), 20.2104932648, 1e-10);
        close(fit.inference[0].p.unwrap(), 3.752084056e-08, 1e-17);
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
        assert_eq!((exact.r_squared, exact.inference[0].t), (Some(1.0), None));
        let scaled: Vec<f64> = Y.iter().map(|y| 3.0 * y + 0.01).collect();
        let moved = least_squares(&[&X], &scaled, None, Errors::Classical).unwrap();
        close(moved.coefficients[0], 3.0 * base.coefficients[0], 1e-12);
        close(moved.alpha, 3.0 * base.alpha + 0.01, 1e-12);
    }

    #[test]
    fn a_copied_column_has_no_inference_and_the_design_no_condition_number() {
        let fit = least_squares(&[&X, &X], &Y, None, Errors::Hc3).unwrap();
        let alone = least_squares(&[&X], &Y, None, Errors::Hc3).unwrap();
        assert_eq!(fit.inference[1], Inference::default());
        assert_eq!(
            (fit.condition, fit.inference[0]),
            (None, alone.inference[0])
        );
        assert_eq!(fit.adjusted_r_squared, alone.adjusted_r_squared);
        // An intercept beside returns: badly scaled, not badly conditioned.
        let condition = alone.condition.unwrap();
        assert!(condition.raw > 100.0 && condition.scaled < 1.2);
    }

    #[test]
    fn a_row_that_determines_a_coefficient_alone_has_no_hc3_error() {
        let mut only_here = [0.0; 10];
        only_here[4] = 1.0;
        assert!(matches!(
            least_squares(&[&X, &only_here], &Y, None, Errors::Hc3),
            Err(Error::Invalid { .. })
        ));
        assert!(least_squares(&[&X, &only_here], &Y, None, Errors::Classical).is_ok());
    }

    #[test]
    fn wrong_inputs_are_errors() {
        assert!(least_squares(&[&X], &Y[..9], None, Errors::Classical).is_err());
        assert!(least_squares(&[&[1.0, 2.0]], &[1.0, 2.0], None, Errors::Classical).is_err());
        assert!(least_squares(&[&X], &[f64::NAN; 10], None, Errors::Classical).is_err());
    }
}
