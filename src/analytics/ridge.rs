//! Textbook ridge on standardised columns. Not the joint factor model, which penalises raw coefficients ([`super::joint_fit`]).
//!
//! **Source.** Hoerl and Kennard 1970.
//!
//! **NaN.** No missing values: NaN and infinite entries are [`Error::Invalid`].

use super::{Error, design::Design, linalg::Matrix, regression};

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

/// Textbook ridge: columns standardised (ddof 0), `‖y_c − Zβ‖² + penalty·‖β‖²`, coefficients transformed back.
///
/// Every entry is finite ([`Error::Invalid`]), columns are as long as `y` ([`Error::Shape`]), which has rows ([`Error::Insufficient`]), `penalty` is
/// not negative and free of units. A constant column gets coefficient 0.
pub fn ridge(columns: &[&[f64]], y: &[f64], penalty: f64) -> Result<Ridge, Error> {
    let n = y.len();
    if n == 0 {
        return Err(Error::Insufficient { have: 0, need: 1 });
    }
    let mut rows = Matrix::new(n, columns.len(), regression::interleave(columns, n)?)?;
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

#[cfg(test)]
#[expect(clippy::unreadable_literal, reason = "golden numbers as printed")]
mod tests {
    use super::super::fixtures::{X, X2, Y};
    use super::*;

    fn close(have: f64, want: f64, tolerance: f64) {
        assert!((have - want).abs() <= tolerance, "have {have}, want {want}");
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
        let scale = |values: &[f64]| {
            let mean = values.iter().sum::<f64>() / 10.0;
            let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
            (squares / 10.0).sqrt()
        };
        close(scale(&X), 0.008908423, 1e-9);
        close(scale(&X2), 0.0095503927, 1e-10);
        let pair = super::super::correlation::pearson(&X, &X2, 10);
        close(pair.unwrap().unwrap().rho, 0.9844974855, 1e-10);
        // Printed as 32.5047850, made from the rounded correlation; all digits give 32.5047852.
        close(
            regression::variance_inflation(&[&X, &X2], None).unwrap()[0].unwrap(),
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
        assert!(ridge(&[], &[], 1.0).is_err());
        assert!(ridge(&[&X], &Y[..9], 1.0).is_err());
        assert!(ridge(&[&X], &Y, -1.0).is_err());
    }
}
